/*
 * The whole session process: session.c, arrival.c, errands.c and the machine
 * of smtp/, in the clear or with a handshake that is only played. The world
 * about it is here: the client, whose octets are the input behind four that
 * set the scene, the monitor, the relay and imapfetch. What these say depends
 * on words in what they are asked only, so each input runs twice, the
 * client's octets and the frames cut differently and coming in another order,
 * and must give the same.
 *
 * Properties: every reply is whole lines, short, printable, with an enhanced
 * code of its class; each line of the client has one reply (judge()); nothing
 * is passed on before login; a message is told accepted if and only if the
 * relay took it, and its octets are what the client sent, dots removed; no
 * frame is malformed; the process does not spin, and ends.
 */
#include <strings.h>

#include "base/clientcert.h"
#include "sandbox/sandbox.h"
#include "tests/fuzz/session_world.h"

struct world w;
struct service service;
static struct clientcert certificate = { (const unsigned char *)"t", 1,
    (const unsigned char *)"v", 1 };

unsigned
random_below(unsigned n)
{
	w.random = w.random * 1103515245 + 12345;
	return (w.random >> 16) % n;
}

/* The client's connection */

/*
 * The client waits behind STARTTLS: what comes with it is dropped or refused,
 * as it is cut.
 */
static void
set_gate(void)
{
	size_t i;

	for (i = w.pos; i + 8 <= w.size && !(w.scene & UNGATED); i++)
		if (strncasecmp((const char *)w.in + i, "STARTTLS", 8) == 0)
			break;
	while (i < w.size && w.in[i++] != '\n')
		;
	w.gate = w.scene & UNGATED || i > w.size ? w.size : i;
}

static size_t
readable(void)
{
	if (w.put_back_pos < w.put_back_len)
		return w.put_back_len - w.put_back_pos;
	return w.gate - w.pos;
}

int
stream_accept_tls(struct stream *st, struct tls *server)
{
	MUST(st->tls == NULL && !w.tls);
	st->tls = server;
	return 0;
}

void
stream_put_back(struct stream *st, const void *p, size_t n)
{
	MUST(st->tls != NULL && n <= sizeof(w.put_back));
	memcpy(w.put_back, p, n);
	w.put_back_len = n;
}

int
stream_handshake(struct stream *st)
{
	if (w.drip && random_below(2) == 0)
		return STREAM_AGAIN;
	MUST(!st->handshaken);
	st->handshaken = w.tls = true;
	return 0;
}

ssize_t
stream_read(struct stream *st, void *buf, size_t n)
{
	size_t have = readable();

	MUST(st->fd == CLIENT && n > 0);
	MUST(st->tls == NULL || st->handshaken);
	if (have == 0)
		return w.eof ? STREAM_EOF : STREAM_AGAIN;
	if (w.drip && random_below(3) == 0)
		return STREAM_AGAIN;
	n = have < n ? have : n;
	if (w.drip)
		n = n < 3 ? 1 : 1 + random_below(w.seed % 2 == 0 ? 2 :
		    (unsigned)n);
	if (w.put_back_pos < w.put_back_len) {
		memcpy(buf, w.put_back + w.put_back_pos, n);
		w.put_back_pos += n;
	} else {
		memcpy(buf, w.in + w.pos, n);
		w.pos += n;
	}
	return (ssize_t)n;
}

ssize_t
stream_write(struct stream *st, const void *buf, size_t n)
{
	MUST(st->fd == CLIENT && (st->tls == NULL || st->handshaken));
	/* a last word is not waited for */
	if (w.drip && w.out_len > 0 && !w.late && random_below(4) == 0)
		return STREAM_AGAIN;
	if (w.drip && n > 1)
		n = 1 + random_below((unsigned)n);
	MUST(w.out_len + n <= OUT_MAX);
	memcpy(w.out + w.out_len, buf, n);
	w.out_len += n;
	return (ssize_t)n;
}

void
stream_close(struct stream *st)
{
	st->fd = -1;
}

const char *
stream_tls_version(const struct stream *st)
{
	return st->handshaken ? "TLSv1.3" : "";
}

const char *
stream_tls_cipher(const struct stream *st)
{
	return st->handshaken ? "TLS_AES_128_GCM_SHA256" : "";
}

/* Time, and who is ready */

int64_t
clock_ms(void)
{
	return w.ms;
}

static int
client_ready(struct pollfd *p)
{
	p->revents = p->events & POLLOUT;
	if (readable() > 0 || w.eof)
		p->revents |= p->events & POLLIN;
	return p->revents != 0;
}

static int
channels_ready(struct pollfd *fds, nfds_t n)
{
	struct channel *c;
	int ready = 0;
	nfds_t i;

	for (i = 1; i < n; i++) {
		if (fds[i].fd == -1)
			continue;
		c = channel(fds[i].fd);
		MUST(c->open);
		fds[i].revents = fds[i].events & POLLOUT;
		if (c->n > 0 || c->closed_by_us)
			fds[i].revents |= POLLIN;
		ready += fds[i].revents != 0;
	}
	return ready;
}

/* All is quiet: the client goes on, waits for ever, or has gone. */
static bool
next_event(int timeout)
{
	if (w.pos == w.gate && w.gate < w.size) {
		set_gate();
		return true;
	}
	/* whoever serves it has answered: it waits for nobody */
	MUST(w.scene2 & HOSTILE || w.late ||
	    ((session.smtp.wait == WAIT_NOTHING ||
	    session.smtp.wait == WAIT_TLS) && session.relay_deadline == 0 &&
	    session.fetch_deadline == 0));
	if (!w.eof && !(w.scene2 & LEAVE)) {
		w.eof = true;
		return true;
	}
	w.late = true;
	w.ms += timeout;
	return false;
}

/* In drips the client comes first, else who serves it. */
int
role_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready = 0;
	nfds_t i;

	MUST(++w.polls < 100 * (w.size + 100));
	for (i = 0; i < n; i++)
		fds[i].revents = 0;
	do {
		if (w.drip && fds[0].fd != -1)
			ready = client_ready(&fds[0]);
		if (ready == 0)
			ready = channels_ready(fds, n);
		if (ready == 0 && !w.drip && fds[0].fd != -1)
			ready = client_ready(&fds[0]);
	} while (ready == 0 && timeout != 0 && next_event(timeout));
	return ready;
}

/* The rest of what the session is linked with */

void sandbox_begin(void) { }
void sandbox_session(uid_t uid, gid_t gid) { (void)uid, (void)gid; }
void tls_set_signer(tls_signer signer) { (void)signer; }
void clientcert_forget(void) { }
const char *clientcert_trouble(void) { return NULL; }

size_t
clientcert_offer(unsigned char hash[TRANSCRIPT_HASH_MAX])
{
	(void)hash;
	return 0;
}

const struct clientcert *
clientcert_shown(void)
{
	return w.tls && w.scene & CERTIFICATE ? &certificate : NULL;
}

bool
config_trusts(const struct config *conf, const char *address)
{
	return conf->n_proxies > 0 && strcmp(address, "192.0.2.1") == 0;
}

/* A run */

static void
set_service(void)
{
	static char *argv[] = { NULL };
	struct config *conf = &service.conf;

	memset(&service, 0, sizeof(service));
	strcpy(conf->hostname, "mx.example.org");
	strcpy(conf->domain, "example.org");
	conf->auth.argv = conf->auth_token.argv = argv;
	conf->auth.n = conf->auth_token.n = 1;
	conf->tls = w.scene & TLS_OPTIONAL ? TLS_POLICY_OPTIONAL :
	    TLS_POLICY_REQUIRED;
	conf->n_certificates = 1;
	conf->max_size = w.scene2 & SMALL ? 60 : 100000;
	conf->max_recipients = w.scene2 & FEW ? 2 : 100;
	conf->idle_timeout = 60000;
	conf->relay_timeout = 20000;
	conf->n_proxies = (w.scene & (PROXY | XCLIENT)) != 0;
	conf->proxy_protocol = w.scene & PROXY;
	if (w.scene & IMAP) {
		conf->n_imaps = 1;
		conf->imaps[0].login = IMAP_LOGIN;
		strcpy(conf->imaps[0].server.host, "127.0.0.1");
	}
	service.tls = (struct tls *)&service;
	if (!(w.scene2 & PLAIN_RELAY))
		service.relay = (struct ehlo){ .capabilities =
		    CAP_FOR_CLIENTS, .by_min = 60, .hold_max = 86400 };
}

static void
begin(void *arg)
{
	struct birth who = { "abcdefghijklmnop", "192.0.2.1",
	    w.scene & TLS_AT_ONCE };

	(void)arg;
	log_open(LOG_TO_STDERR, w.scene2 & VERBOSE ? 1 : 0);
	session_main(&service, &who, CLIENT, MONITOR);
}

static void
run(const uint8_t *data, const uint8_t *in, size_t size, bool drip)
{
	unsigned i;
	char *out = w.out, *body = w.body;

	memset(&w, 0, sizeof(w));
	w.out = out == NULL ? malloc(OUT_MAX) : out;
	w.body = body == NULL ? malloc(OUT_MAX) : body;
	w.scene = data[0];
	w.scene2 = data[1];
	w.random = w.seed = data[2] + 256u * data[3];
	w.drip = drip;
	w.comparable = !(w.scene & UNGATED) && !(w.scene2 & HOSTILE);
	w.in = in;
	w.size = size;
	w.ms = 1000000;
	w.channels[0].open = true;
	if (w.scene2 & LEAVE && w.seed & 1)
		tell(MONITOR, S_LEAVE, 0, NULL, 0, -1);
	set_service();
	set_gate();
	MUST(role_run(begin, NULL) == 0);
	for (i = 0; i < 3; i++)
		drop_frames(&w.channels[i]);
	if (getenv("SHOW") != NULL)	/* to look at one input */
		printf("--- %s\n%.*s", drip ? "drip" : "whole",
		    (int)w.out_len, w.out);
	smtp_free(&session.smtp);
}

/* Where the scene has the client logged in, it begins with that. */
static size_t
whole_input(const uint8_t *data, size_t size, uint8_t *in)
{
	static const char tls[] = "EHLO c\r\nSTARTTLS\r\n";
	static const char login[] = "EHLO c.example.org\r\n"
	    "AUTH PLAIN AGFsaWNlAGFsaWNlcHc=\r\n";
	size_t n = 0;

	if (data[0] & LOGGED_IN && !(data[0] & PROXY)) {
		if (!(data[0] & (TLS_AT_ONCE | TLS_OPTIONAL))) {
			memcpy(in, tls, sizeof(tls) - 1);
			n = sizeof(tls) - 1;
		}
		memcpy(in + n, login, sizeof(login) - 1);
		n += sizeof(login) - 1;
	}
	memcpy(in + n, data + 4, size - 4);
	return n + size - 4;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t in[INPUT_MAX + 256];
	static char out[OUT_MAX], body[OUT_MAX];
	size_t out_len, taken, n;
	unsigned messages;
	bool comparable;

	if (size < 5 || size > INPUT_MAX)
		return 0;
	n = whole_input(data, size, in);
	run(data, in, n, false);
	if (!(w.scene & UNGATED))
		judge();
	out_len = w.out_len;
	taken = w.taken_len;
	messages = w.messages;
	comparable = w.comparable;
	memcpy(out, w.out, out_len);
	memcpy(body, w.body, taken);
	run(data, in, n, true);
	if (!(w.scene & UNGATED))
		judge();
	if (!comparable || !w.comparable)
		return 0;
	MUST(out_len == w.out_len && memcmp(out, w.out, out_len) == 0);
	MUST(messages == w.messages && taken == w.taken_len);
	MUST(memcmp(body, w.body, taken) == 0);
	return 0;
}
