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
#include <errno.h>
#include <strings.h>

#include "base/clientcert.h"
#include "base/text.h"
#include "order.h"
#include "sandbox/sandbox.h"
#include "session.h"
#include "smtp/proxy.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define OUT_MAX		(1 << 20)
#define INPUT_MAX	6000
#define QUEUE_MAX	512
#define MESSAGES_MAX	512

enum { CLIENT = 100, MONITOR, RELAY, FETCH };

enum {	/* the scene, first octet */
	TLS_AT_ONCE = 1, TLS_OPTIONAL = 2, PROXY = 4, XCLIENT = 8, IMAP = 16,
	CERTIFICATE = 32, LOGGED_IN = 64, UNGATED = 128
};
enum {	/* the second */
	SMALL = 1, FEW = 2, PLAIN_RELAY = 4, NO_RELAY = 8, EARLY = 16,
	HOSTILE = 32, LEAVE = 64, VERBOSE = 128
};

struct channel {	/* frames to the session */
	struct { uint16_t type, flags; unsigned len; int fd;
	    unsigned char *data; } queue[QUEUE_MAX];
	unsigned first, n;
	bool open, closed_by_us;
};

static struct world {
	unsigned scene, scene2, seed;
	bool drip;		/* cut into pieces, frames one by one */
	const uint8_t *in;
	size_t size, pos, gate;
	char put_back[PROXY_MAX];
	size_t put_back_len, put_back_pos;
	bool eof, late;
	unsigned random, polls;
	int64_t ms;
	struct channel channels[3];	/* MONITOR.. */
	bool authenticated, tls, helo;
	unsigned failures;
	/* the relay */
	bool has_mail, refused, asked_relay;
	unsigned rcpts;
	/* what came out */
	char *out, *body;
	size_t out_len, body_len, taken_len;
	size_t ends[MESSAGES_MAX];
	unsigned messages;
	bool comparable;
} w;

static struct service service;
static struct clientcert certificate = { (const unsigned char *)"t", 1,
    (const unsigned char *)"v", 1 };

static unsigned
random_below(unsigned n)
{
	w.random = w.random * 1103515245 + 12345;
	return (w.random >> 16) % n;
}

static bool
has_word(const void *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

/* Frames to the session */

static struct channel *
channel(int fd)
{
	MUST(fd >= MONITOR && fd <= FETCH);
	return &w.channels[fd - MONITOR];
}

static void
tell(int from, uint16_t type, uint16_t flags, const void *p, size_t n, int fd)
{
	struct channel *c = channel(from);
	unsigned i = (c->first + c->n) % QUEUE_MAX;

	if (c->closed_by_us)
		return;
	MUST(c->n < QUEUE_MAX);
	c->n++;
	c->queue[i].type = type;
	c->queue[i].flags = flags;
	c->queue[i].len = (unsigned)n;
	c->queue[i].fd = fd;
	c->queue[i].data = malloc(n + 1);
	if (n > 0)
		memcpy(c->queue[i].data, p, n);
}

int
role_ipc_recv(int fd, struct frame *frame)
{
	struct channel *c = channel(fd);

	MUST(c->open);
	if (c->n == 0) {
		errno = EAGAIN;
		return c->closed_by_us ? 0 : -1;
	}
	frame->type = c->queue[c->first].type;
	frame->flags = c->queue[c->first].flags;
	frame->len = c->queue[c->first].len;
	frame->fd = c->queue[c->first].fd;
	memcpy(frame->data, c->queue[c->first].data, frame->len);
	free(c->queue[c->first].data);
	c->first = (c->first + 1) % QUEUE_MAX;
	c->n--;
	if (frame->fd != -1)
		*channel(frame->fd) = (struct channel){ .open = true };
	return 1;
}

static void
drop_frames(struct channel *c)
{
	for (; c->n > 0; c->n--) {
		free(c->queue[c->first].data);
		c->first = (c->first + 1) % QUEUE_MAX;
	}
}

void
role_close(int fd)
{
	struct channel *c = channel(fd);

	MUST(c->open);
	c->open = false;
	drop_frames(c);
	if (fd == RELAY) {
		w.has_mail = w.refused = w.asked_relay = w.helo = false;
		w.body_len = w.taken_len;
	}
}

/* The monitor */

static void
tell_verdict(uint16_t type, enum auth_verdict verdict)
{
	unsigned char buf[1024];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, verdict);
	if (verdict == AUTH_YES) {
		pack_u64(&pack, w.scene2 & SMALL ? 40 : 0);
		ehlo_pack(&pack, &service.relay);
		w.authenticated = true;
	}
	MUST(!pack.bad);
	tell(MONITOR, type, 0, buf, pack.len, -1);
}

static void
judge_login(const unsigned char *data, size_t len)
{
	enum auth_verdict verdict = AUTH_YES;
	const unsigned char *login, *secret;
	struct unpack unpack;
	size_t n, secret_len;

	unpack_start(&unpack, data, len);
	MUST(unpack_u8(&unpack) < SASL_MECHANISMS);
	login = unpack_bytes(&unpack, &n);
	secret = unpack_bytes(&unpack, &secret_len);
	MUST(unpack_done(&unpack) && n < USER_SIZE && secret_len > 0);
	MUST(memchr(login, '\0', n) == NULL &&
	    memchr(secret, '\0', secret_len) == NULL);
	MUST(w.tls || w.scene & TLS_OPTIONAL);
	if (has_word(login, n, "bob"))
		verdict = ++w.failures > 2 ? AUTH_NO_MORE : AUTH_NO;
	else if (has_word(login, n, "carol"))
		verdict = AUTH_LATER;
	else if (has_word(login, n, "dave"))
		verdict = AUTH_BUSY;
	tell_verdict(S_AUTH, verdict);
}

static void
monitor_hears(uint16_t type, const unsigned char *data, size_t len)
{
	char address[CLIENT_SIZE], normal[64];
	struct unpack unpack;
	unsigned char yes;

	unpack_start(&unpack, data, len);
	switch (type) {
	case S_AUTH:
		MUST(!w.authenticated);
		judge_login(data, len);
		break;
	case S_CERTIFICATE:
		MUST(!w.authenticated && w.tls && w.scene & CERTIFICATE);
		tell_verdict(type, AUTH_YES);
		break;
	case S_RELAY:
		MUST(w.authenticated && len == 0 && !w.asked_relay);
		w.asked_relay = !(w.scene2 & NO_RELAY);
		tell(MONITOR, type, 0, NULL, 0, w.scene2 & NO_RELAY ? -1 :
		    RELAY);
		break;
	case S_FETCH:
		MUST(w.authenticated && len == 0);
		tell(MONITOR, type, 0, NULL, 0, FETCH);
		break;
	case S_CLIENT:
		unpack_string(&unpack, address, sizeof(address));
		MUST(unpack_done(&unpack) && !w.authenticated);
		MUST(address_normal(address, normal, sizeof(normal)) &&
		    strcmp(address, normal) == 0);
		yes = address[0] != '9';
		tell(MONITOR, type, 0, &yes, 1, -1);
		break;
	default:
		MUST(!"known to the monitor");
	}
}

/* The relay */

static void
relay_answers(uint16_t to, int code, const char *text)
{
	unsigned char buf[1024];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u16(&pack, (unsigned)code);
	pack_bytes(&pack, text, strlen(text));
	if (w.scene2 & HOSTILE && random_below(16) == 0)
		pack.len -= 1 + random_below(3);
	tell(RELAY, E_ANSWER, to, buf, pack.len, -1);
}

static void
judge_command(unsigned verb, const unsigned char *p, size_t n)
{
	bool good = !has_word(p, n, "x4") && !has_word(p, n, "x5");

	MUST(verb < RELAY_VERBS && memchr(p, '\r', n) == NULL &&
	    memchr(p, '\n', n) == NULL && memchr(p, '\0', n) == NULL);
	MUST(utf8_is_clean((const char *)p, n));
	if (verb >= RELAY_RSET) {
		good = true;
		w.has_mail = w.refused = false;
		w.body_len = w.taken_len;
	} else if (verb == RELAY_MAIL) {
		MUST(!w.has_mail);
		w.has_mail = good;
		w.rcpts = 0;
	} else if (verb == RELAY_RCPT) {
		good = good && w.has_mail;
		w.rcpts += good;
	}
	relay_answers(FRAME_COMMAND, good ? 250 : has_word(p, n, "x4") ? 451 :
	    550, good ? "2.1.0 line one\n2.1.0 two" : has_word(p, n, "x4") ?
	    "4.3.0 later" : "5.1.1 never");
}

static void
take_body(const void *p, size_t n)
{
	MUST(w.body_len + n <= OUT_MAX);
	if (n > 0)
		memcpy(w.body + w.body_len, p, n);
	w.body_len += n;
}

static void
message_ends(void)
{
	const char *text = w.body + w.taken_len;
	size_t n = w.body_len - w.taken_len;

	if (w.refused || has_word(text, n, "x4") || has_word(text, n, "x5")) {
		if (!w.refused)
			relay_answers(FRAME_MESSAGE, 554, "5.6.0 no");
		w.body_len = w.taken_len;
	} else {
		relay_answers(FRAME_MESSAGE, 250, "2.6.0 queued");
		MUST(w.messages < MESSAGES_MAX);
		w.taken_len = w.ends[w.messages++] = w.body_len;
	}
	w.has_mail = w.refused = false;
}

static void
relay_hears(uint16_t type, uint16_t flags, const unsigned char *data,
    size_t len)
{
	const unsigned char *arg;
	struct unpack unpack;
	unsigned verb;
	char name[256];
	size_t n;

	unpack_start(&unpack, data, len);
	if (type == E_HELLO) {
		unpack_string(&unpack, name, sizeof(name));
		unpack_bytes(&unpack, &n);
		unpack_bytes(&unpack, &n);
		MUST(unpack_done(&unpack) && name[0] != '\0');
		w.helo = true;
		w.has_mail = w.refused = false;
		w.body_len = w.taken_len;
		return;
	}
	MUST(w.helo && (type == E_COMMANDS || type == E_BODY));
	while (type == E_COMMANDS && unpack.left > 0) {
		verb = unpack_u8(&unpack);
		arg = unpack_bytes(&unpack, &n);
		MUST(!unpack.bad);
		judge_command(verb, arg, n);
	}
	if (type == E_COMMANDS)
		return;
	MUST(w.has_mail && w.rcpts > 0);
	MUST(flags == 0 || len == 0 || flags == FRAME_LAST);
	take_body(data, len);
	if (w.scene2 & EARLY && !w.refused &&
	    has_word(w.body + w.taken_len, w.body_len - w.taken_len, "xx")) {
		w.refused = true;
		w.comparable = false;	/* so it tells when it came */
		relay_answers(FRAME_MESSAGE, 552, "5.3.4 early");
	}
	if (flags & FRAME_LAST)
		message_ends();
}

/* imapfetch: what a URL names is known to the judge, too */

static size_t
content_of(const unsigned char *url, size_t n, char *content)
{
	return (size_t)snprintf(content, 64, "Fetched: %zu %u\r\n", n,
	    n > 0 ? url[n - 1] : 0);
}

static void
fetch_hears(uint16_t type, const unsigned char *data, size_t len, int fd)
{
	const unsigned char *url;
	unsigned char buf[16];
	char content[64];
	struct unpack unpack;
	struct pack pack;
	uint64_t limit;
	size_t n, size;
	bool good;

	MUST(type == F_URL && fd == RELAY);
	unpack_start(&unpack, data, len);
	limit = unpack_u64(&unpack);
	url = unpack_bytes(&unpack, &n);
	MUST(unpack_done(&unpack) && is_printable((const char *)url, n));
	size = content_of(url, n, content);
	good = !has_word(url, n, "x5") && size <= limit;
	if (good)
		take_body(content, size);
	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, good ? FETCH_OK : size > limit ? FETCH_TOO_BIG :
	    FETCH_GONE);
	pack_u64(&pack, good ? size : 0);
	tell(FETCH, F_DONE, 0, buf, pack.len, -1);
}

int
role_ipc_send(int to, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	char *copy = exact(data, len, false);

	MUST(channel(to)->open && len <= IPC_PAYLOAD_MAX);
	MUST(fd == -1 || to == FETCH);
	errno = EPIPE;
	if (channel(to)->closed_by_us) {
		free(copy);
		return -1;
	}
	if (type == E_BODY && to == RELAY && flags != FRAME_FETCHED &&
	    w.drip && random_below(8) == 0) {
		free(copy);
		errno = EAGAIN;
		return -1;
	}
	if (to == MONITOR)
		monitor_hears(type, (unsigned char *)copy, len);
	else if (to == RELAY)
		relay_hears(type, flags, (unsigned char *)copy, len);
	else
		fetch_hears(type, (unsigned char *)copy, len, fd);
	free(copy);
	if (w.scene2 & HOSTILE && to != MONITOR && random_below(32) == 0)
		channel(to)->closed_by_us = true;
	return 0;
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

void
stream_start(struct stream *st, int fd)
{
	memset(st, 0, sizeof(*st));
	st->fd = fd;
	st->read_want = POLLIN;
	st->write_want = POLLOUT;
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

/* What is told, against what the client sent */

struct judge {
	const uint8_t *p, *end;		/* the client's octets */
	const char *out, *out_end;
	bool in_auth, logged_in;
	char *content;			/* of the message so far */
	size_t len, taken;
	unsigned next;			/* message that the relay took */
};

/* The next reply's code, all its lines checked; 0: none is left. */
static int
next_reply(struct judge *j)
{
	const char *p = j->out, *crlf;
	int code = 0;

	while (p < j->out_end) {
		crlf = memmem(p, (size_t)(j->out_end - p), "\r\n", 2);
		MUST(crlf != NULL && crlf - p >= 4 && crlf - p <= 510);
		MUST(is_printable(p, (size_t)(crlf - p)));
		MUST(code == 0 || code == atoi(p));
		code = atoi(p);
		MUST(code >= 200 && code < 600);
		MUST(code < 400 || (p[4] == p[0] && p[5] == '.'));
		MUST(p[3] == ' ' || p[3] == '-');
		j->out = crlf + 2;
		if (p[3] == ' ')
			return code;
		p = j->out;
	}
	MUST(code == 0);
	return 0;
}

static void
add_content(struct judge *j, const void *p, size_t n)
{
	MUST(j->len + n <= OUT_MAX);
	memcpy(j->content + j->len, p, n);
	j->len += n;
}

/* One the client was told of is the next the relay took; equal, or skipped. */
static void
was_accepted(struct judge *j)
{
	size_t begin, end;

	for (;;) {
		MUST(j->next < w.messages);
		begin = j->next == 0 ? 0 : w.ends[j->next - 1];
		end = w.ends[j->next++];
		if (end - begin == j->len && memcmp(w.body + begin,
		    j->content, j->len) == 0)
			break;
		MUST(w.scene2 & HOSTILE);
	}
	j->len = 0;
}

/* RFC 5321 4.5.2; false: its end has not come. */
static bool
read_data(struct judge *j)
{
	const uint8_t *p = j->p, *crlf;

	for (;; p = crlf + 2) {
		crlf = memmem(p, (size_t)(j->end - p), "\r\n", 2);
		if (crlf == NULL)
			return false;
		if (p[0] == '.' && ++p == crlf) {
			j->p = crlf + 2;
			return true;
		}
		add_content(j, p, (size_t)(crlf + 2 - p));
	}
}

static bool
is_verb(const char *line, size_t n, const char *verb)
{
	size_t len = strlen(verb);

	return n >= len && strncasecmp(line, verb, len) == 0 &&
	    (n == len || line[len] == ' ');
}

/* The octets that follow; -1: the line is not BDAT. */
static int64_t
chunk_of(const char *line, size_t n, bool *last)
{
	int64_t size = 0;
	size_t i;

	while (n > 0 && line[n - 1] == ' ')
		n--;
	if (n < 6 || !is_verb(line, n, "BDAT") ||
	    line[5] < '0' || line[5] > '9')
		return -1;
	for (i = 5; i < n && line[i] >= '0' && line[i] <= '9'; i++)
		if (size < INT32_MAX)
			size = size * 10 + line[i] - '0';
	*last = i < n;
	if (*last && (n != i + 5 || strncasecmp(line + i, " LAST", 5) != 0))
		return -1;
	return size;
}

static void
judge_login_state(const struct judge *j, const char *line, size_t n, int code)
{
	static const char *const verbs[] = { "MAIL", "RCPT", "DATA", "BDAT",
	    "BURL", "VRFY" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		MUST(j->logged_in || w.scene & CERTIFICATE || code >= 400 ||
		    !is_verb(line, n, verbs[i]));
}

static void
judge_burl(struct judge *j, const char *line, size_t n, int code)
{
	const char *space = n < 6 ? NULL : memchr(line + 5, ' ', n - 5);
	size_t url = space == NULL ? n - 5 : (size_t)(space - line - 5);
	char content[64];

	if (code != 250)
		return;
	add_content(j, content, content_of((const unsigned char *)line + 5,
	    url, content));
	if (space != NULL && memmem(space, (size_t)(line + n - space), " ",
	    1) != NULL && strncasecmp(space, " LAST", 5) == 0)
		was_accepted(j);
}

/* One line of the client's, and its reply; false: the end. */
static bool
judge_line(struct judge *j, const char *line, size_t n)
{
	const uint8_t *chunk;
	int64_t size = -1;
	bool last, auth = j->in_auth;
	int code;

	if (!auth)
		size = chunk_of(line, n, &last);
	chunk = j->p;
	if (size > j->end - j->p)
		return false;
	j->p += size > 0 ? size : 0;
	code = next_reply(j);
	j->in_auth = code == 334;
	j->logged_in |= code == 235;
	if (code == 0 || auth)
		return code != 0;
	judge_login_state(j, line, n, code);
	if (is_verb(line, n, "DATA") && code == 354) {
		j->len = 0;
		if (!read_data(j))
			return false;
		code = next_reply(j);
		if (code / 100 == 2)
			was_accepted(j);
		return code != 0;
	}
	if (size >= 0 && code == 250) {
		add_content(j, chunk, (size_t)size);
		if (last)
			was_accepted(j);
	} else if (is_verb(line, n, "BURL")) {
		judge_burl(j, line, n, code);
	} else if (is_verb(line, n, "MAIL") && code == 250) {
		j->len = 0;
	}
	return true;
}

/* A line is a command whole or none: whatever it is, it has one reply. */
static void
judge(void)
{
	static char content[OUT_MAX];
	struct judge j = { .p = w.in, .end = w.in + w.size, .out = w.out,
	    .out_end = w.out + w.out_len, .content = content };
	struct proxy_header header;
	const char *line, *lf;
	int code;

	if (w.scene & PROXY && proxy_parse(j.p, w.size < PROXY_MAX ? w.size :
	    PROXY_MAX, &header) == PROXY_OK)
		j.p += header.used;
	else if (w.scene & PROXY)
		MUST(w.out_len == 0);
	code = next_reply(&j);
	while (code == 220) {
		line = (const char *)j.p;
		lf = memchr(line, '\n', (size_t)(j.end - j.p));
		if (lf == NULL)
			break;
		j.p += lf + 1 - line;
		if (!judge_line(&j, line, lf > line && lf[-1] == '\r' ?
		    (size_t)(lf - 1 - line) : 0))
			break;
	}
	code = next_reply(&j);		/* a last word */
	MUST(code == 0 || code >= 400);
	MUST(next_reply(&j) == 0);
	MUST(w.scene2 & HOSTILE || j.next == w.messages);
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
