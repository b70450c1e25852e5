/*
 * The whole relay process against a next server that says what it likes. The
 * input is parted by 0xff: four octets that set the scene and what the
 * session does (see next_frame()), the messages, and what the server says: a
 * part each time somebody connects and each time it has a command or a whole
 * message. A part that begins with 01 is its last word, with 04 it takes no
 * octet any more, 02 keeps silent, 03 stands for the last line it has heard.
 * Each input runs twice, with what the server says and the message cut into
 * pieces, and must give the same octets to both sides.
 *
 * Properties: the server gets lines of known commands, without control
 * octets, DATA only behind MAIL and RCPT; a message begins with our own
 * field, shows its end once, has one empty line behind its header, and is,
 * from there, octet for octet the client's with its line ends mended; the
 * session has one answer for each command and message, fit for its client, and
 * it is the server's reply to that very command, or one of ours where the
 * server's says nothing or has none; no reply is left over; the session
 * is told of no acceptance without a whole message that was sent once; what
 * the monitor hears is well-formed; the password is neither logged nor told.
 */
#include "base/pin.h"
#include "tests/fuzz/relay_world.h"

struct world w;
static struct service service;

unsigned
random_below(unsigned n)
{
	w.random = w.random * 1103515245 + 12345;
	return (w.random >> 16) % n;
}

void
note(struct log *log, const void *p, size_t n)
{
	MUST(log->n + n + 1 < OUT_MAX);
	if (n > 0)
		memcpy(log->p + log->n, p, n);
	log->n += n;
	log->p[log->n++] = '\n';
}

bool
shows_password(const void *p, size_t n)
{
	return memmem(p, n, PASSWORD, sizeof(PASSWORD) - 1) != NULL ||
	    memmem(p, n, PASSWORD64, sizeof(PASSWORD64) - 1) != NULL ||
	    memmem(p, n, PLAIN64, sizeof(PLAIN64) - 1) != NULL;
}

/* Who is ready; if nobody is, the time is over. */
int
role_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready = 0;
	nfds_t i;

	MUST(++w.polls < 100 * INPUT_MAX);
	for (i = 0; i < n; i++) {
		fds[i].revents = 0;
		if (fds[i].fd == SERVER) {
			MUST(w.open);
			if (fds[i].events & POLLIN)
				server_works();
			fds[i].revents = fds[i].events & POLLOUT;
			if (w.say_len > w.say_pos || w.closed)
				fds[i].revents |= fds[i].events & POLLIN;
		} else if (fds[i].fd == SESSION) {
			fds[i].revents = w.gone ? POLLHUP : 0;
			fds[i].revents |= fds[i].events & POLLIN;
		} else {
			MUST(fds[i].fd == -1 || fds[i].fd == MONITOR);
		}
		ready += fds[i].revents != 0;
	}
	if (ready == 0 && timeout > 0)
		w.ms += timeout;
	MUST(ready > 0 || timeout >= 0);
	return ready;
}

void
role_close(int fd)
{
	(void)fd;
	MUST(!"closed but by stream_close");
}

int64_t
clock_ms(void)
{
	return w.ms;
}

/* The rest of what the relay is linked with: no TLS, no maildir, no names */

void sandbox_begin(void) { }
void sandbox_probe(uid_t uid, gid_t gid) { (void)uid, (void)gid; }
struct tls *tls_client_open(struct tls_config *c) { (void)c; return NULL; }
void maildir_abort(struct maildir *m) { (void)m; }

void
sandbox_relay(uid_t uid, gid_t gid, const struct sandbox_reach *reach)
{
	(void)uid, (void)gid, (void)reach;
}

int
stream_connect_tls(struct stream *st, struct tls *tls, const char *name)
{
	(void)st, (void)tls, (void)name;
	abort();
}

int
stream_handshake(struct stream *st)
{
	(void)st;
	abort();
}

bool
tls_client_add_keypair(struct tls_config *c, const unsigned char *chain,
    size_t chain_len, const unsigned char *key, size_t key_len)
{
	(void)c, (void)chain, (void)chain_len, (void)key, (void)key_len;
	abort();
}

bool
pin_matches(struct tls *tls, const struct pin *pins, size_t n)
{
	(void)tls, (void)pins, (void)n;
	abort();
}

int
addresses_find(struct addresses *found, const char *host, unsigned port)
{
	(void)found, (void)host, (void)port;
	abort();
}

int
maildir_open(struct maildir *m, const char *path)
{
	(void)m, (void)path;
	return -1;
}

int
maildir_begin(struct maildir *m, const char *hostname)
{
	(void)m, (void)hostname;
	abort();
}

int
maildir_write(struct maildir *m, const char *p, size_t n)
{
	(void)m, (void)p, (void)n;
	abort();
}

int
maildir_commit(struct maildir *m)
{
	(void)m;
	abort();
}

/* A run */

static void
set_service(void)
{
	struct config *conf = &service.conf;
	const char *why;

	memset(&service, 0, sizeof(service));
	strcpy(conf->hostname, "mx.example.org");
	if (!(w.scene2 & NO_DOMAIN))
		strcpy(conf->domain, "example.org");
	why = route_parse(w.scene & LMTP ? "lmtp://127.0.0.1" :
	    w.scene2 & STARTTLS ? "smtp+starttls://127.0.0.1" :
	    "smtp://127.0.0.1", &conf->routes[conf->n_routes++]);
	MUST(why == NULL);
	if (w.scene & TWO_ROUTES)
		why = route_parse("smtp://[::1]:2525",
		    &conf->routes[conf->n_routes++]);
	if (w.scene2 & REFERRALS) {
		why = route_parse("smtp://localhost:26",
		    &conf->routes[conf->n_routes]);
		conf->n_referrals = 1;
	}
	MUST(why == NULL);
	conf->max_size = w.scene2 & SMALL ? 100 : 100000;
	conf->max_header = w.scene2 & SMALL ? 60 : 30000;
	conf->max_recipients = w.scene2 & FEW ? 2 : 100;
	conf->user_limit = w.scene2 & LIMITED ? 10 : 0;
	conf->relay_timeout = 30000;
	conf->received_client = true;
	conf->relay_xclient = w.scene & TELLS;
}

static void
begin(void *arg)
{
	(void)arg;
	log_open(LOG_TO_STDERR, 0);
	relay_main(&service, w.scene & PROBE ? ROLE_PROBE : ROLE_RELAY,
	    MONITOR);
}

static void
cut_input(const uint8_t *data, size_t size)
{
	static const uint8_t usual[] = "M\nR\nD";
	const uint8_t *p;
	size_t i, n;

	data += 4;
	size -= 4;
	w.script = data;
	w.script_len = 0;
	if (next_part(&data, &size, 0xff, &p, &n))
		w.script_len = n;
	if (w.script_len == 0) {
		w.script = usual;
		w.script_len = sizeof(usual) - 1;
	}
	for (i = 0; i < w.script_len && w.n_messages < 8; i++)
		if (w.script[i] == 'D' && (i == 0 || w.script[i - 1] == '\n') &&
		    next_part(&data, &size, 0xff, &p, &n))
			w.messages[w.n_messages++] = (struct part){ p, n };
	w.rest = data;
	w.rest_len = size;
}

/* More than a reply to one command: that is noticed if it comes in time. */
static bool
has_surplus(void)
{
	bool whole = false;
	size_t i, line = 0;

	for (i = 0; i < w.rest_len; i++) {
		if (w.rest[i] == 0xff)
			whole = false;
		else if (whole)
			return true;
		else if (w.rest[i] == '\n')
			whole = i - line < 4 || w.rest[line + 3] != '-';
		else
			continue;
		line = i + 1;
	}
	return false;
}

static bool surplus;

static int
run(const uint8_t *data, size_t size, bool drip)
{
	char *said = w.said.p, *answers = w.answers.p;
	char *got = w.got, *content = w.content;
	int status;

	judge_begin();
	memset(&w, 0, offsetof(struct world, asked));
	w.said.p = said == NULL ? malloc(OUT_MAX) : said;
	w.answers.p = answers == NULL ? malloc(OUT_MAX) : answers;
	w.got = got == NULL ? malloc(OUT_MAX) : got;
	w.content = content == NULL ? malloc(OUT_MAX) : content;
	w.scene = data[0];
	w.scene2 = data[1];
	w.random = data[2] + 256u * data[3];
	w.drip = drip;
	w.ms = 1000000;
	cut_input(data, size);
	surplus = has_surplus();
	set_service();
	status = role_run(begin, NULL);
	if (getenv("SHOW") != NULL)	/* to look at one input */
		printf("--- %s: %d\n%.*s---\n%.*s", drip ? "drip" : "whole",
		    status, (int)w.said.n, w.said.p, (int)w.answers.n,
		    w.answers.p);
	MUST(status == 0 || status == 111);
	MUST(status == 111 || !w.open);
	return status;
}

static void
keep(struct log *to, const struct log *from)
{
	to->n = from->n;
	memcpy(to->p, from->p, from->n);
}

static bool
is_same(const struct log *a, const struct log *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char said[OUT_MAX], answers[OUT_MAX];
	struct log whole_said = { said, 0 }, whole_answers = { answers, 0 };
	int status, again;

	if (size < 6 || size > INPUT_MAX)
		return 0;
	if (shows_password(data, size))	/* it may be said, then */
		return 0;
	role_log_secrets[0] = PASSWORD;
	role_log_secrets[1] = PASSWORD64;
	role_log_secrets[2] = PLAIN64;
	status = run(data, size, false);
	keep(&whole_said, &w.said);
	keep(&whole_answers, &w.answers);
	again = run(data, size, true);
	if (surplus)
		return 0;
	MUST(again == status);
	MUST(is_same(&whole_said, &w.said));
	/* a violation ends it, with answers that were not yet sent */
	MUST(status == 111 || is_same(&whole_answers, &w.answers));
	return 0;
}
