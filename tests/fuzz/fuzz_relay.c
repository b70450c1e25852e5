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
 * session has one answer for each command and message, fit for its client; it
 * is told of no acceptance without a whole message that was sent once; what
 * the monitor hears is well-formed; the password is neither logged nor told.
 */
#include <errno.h>
#include <strings.h>

#include "base/pin.h"
#include "base/text.h"
#include "relay.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define OUT_MAX		(1 << 18)
#define INPUT_MAX	8000
#define PASSWORD	"pw-never-seen"
#define PASSWORD64	"AHVzAHB3LW5ldmVyLXNlZW4="	/* NUL us NUL it */

enum { SESSION = 100, MONITOR, SERVER };

enum {	/* the scene, first octet */
	LMTP = 1, TWO_ROUTES = 2, LOGIN = 4, TOKEN = 8, TELLS = 16,
	PROBE = 32, ANY_SESSION = 64, HANGS_UP = 128
};
enum {	/* the second */
	SMALL = 1, FEW = 2, LIMITED = 4, STARTTLS = 8, NO_DOMAIN = 16,
	REFERRALS = 32
};

enum mode { COMMAND, AFTER_DATA, CONTENT, CHUNK };

struct part {
	const uint8_t *p;
	size_t n;
};

static struct world {
	unsigned scene, scene2, random;
	bool drip;
	const uint8_t *rest;		/* what the server has yet to say */
	size_t rest_len;
	const uint8_t *script;
	size_t script_len;
	struct part messages[8];
	unsigned n_messages, next_message;
	int64_t ms;
	unsigned polls, orders;

	/* frames to the relay */
	size_t body_pos;
	bool in_body, hello, gone;
	unsigned verbs[PENDING_MAX * 4], n_verbs, n_answered;
	bool mail;
	unsigned rcpts, told, told_good, ended;
	uint32_t wanted;

	/* the server */
	bool open, closed, reset;
	char say[2 * INPUT_MAX];	/* and not yet read */
	size_t say_pos, say_len;
	char *got;			/* not yet understood */
	size_t got_len;
	enum mode mode;
	char line[100];			/* the last one, cut */
	bool mail_said, auth_said;
	unsigned rcpts_said, whole;	/* of this message */
	size_t chunk_left;
	bool chunk_last;
	char *content;			/* of the message being sent */
	size_t content_len;

	struct log {
		char *p;
		size_t n;
	} said, answers;		/* to the server, to the session */
} w;

static struct service service;

static unsigned
random_below(unsigned n)
{
	w.random = w.random * 1103515245 + 12345;
	return (w.random >> 16) % n;
}

static void
note(struct log *log, const void *p, size_t n)
{
	MUST(log->n + n + 1 < OUT_MAX);
	if (n > 0)
		memcpy(log->p + log->n, p, n);
	log->n += n;
	log->p[log->n++] = '\n';
}

static bool
shows_password(const void *p, size_t n)
{
	return memmem(p, n, PASSWORD, sizeof(PASSWORD) - 1) != NULL ||
	    memmem(p, n, PASSWORD64, sizeof(PASSWORD64) - 1) != NULL;
}

/* The message */

/* Each line ended by CRLF, RFC 5321 2.3.8: CR LF, CR and LF are line ends. */
static size_t
canonical(struct part in, char *out)
{
	size_t i, n = 0;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] != '\r' && in.p[i] != '\n') {
			out[n++] = (char)in.p[i];
			continue;
		}
		out[n++] = '\r';
		out[n++] = '\n';
		i += in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n';
	}
	if (n > 0 && out[n - 1] != '\n') {
		out[n++] = '\r';
		out[n++] = '\n';
	}
	return n;
}

/* What the server has, whole and without the dots. */
static void
check_content(void)
{
	static char text[2 * INPUT_MAX + 2];
	struct part in = w.messages[w.next_message];
	struct header header = { 0 };
	const char *blank;
	size_t n, tail;

	MUST(++w.whole == 1);
	MUST(w.content_len > 10 && memcmp(w.content, "Received: ", 10) == 0);
	n = relay.binary ? in.n : canonical(in, text);
	if (relay.binary)
		memcpy(text, in.p, n);
	header_scan(&header, text, n, true);
	tail = n - header.len;
	MUST(w.content_len > tail && memcmp(w.content + w.content_len - tail,
	    text + header.len, tail) == 0);
	blank = memmem(w.content, w.content_len, "\r\n\r\n", 4);
	if (n == header.len && !header.blank_missing)
		MUST(blank == NULL);
	else
		MUST(blank + 2 == w.content + w.content_len - tail -
		    (header.blank_missing ? 2 : 0));
}

static void
add_content(const char *p, size_t n)
{
	MUST(w.content_len + n < OUT_MAX);
	memcpy(w.content + w.content_len, p, n);
	w.content_len += n;
}

/* The server */

static void
server_speaks(void)
{
	const uint8_t *part;
	size_t n;

	if (w.closed)
		return;
	w.closed = !next_part(&w.rest, &w.rest_len, 0xff, &part, &n);
	if (w.closed || (n > 0 && part[0] == 2))
		return;
	w.reset = n > 0 && part[0] == 4;
	w.closed = w.reset || (n > 0 && part[0] == 1);
	for (part += w.closed, n -= w.closed; n > 0; n--, part++)
		if (*part != 3)
			w.say[w.say_len++] = (char)*part;
		else if (w.say_len + n + sizeof(w.line) < sizeof(w.say))
			w.say_len += strlcpy(w.say + w.say_len, w.line,
			    sizeof(w.line));
	MUST(w.say_len <= sizeof(w.say));
}

static void
message_ends(void)
{
	check_content();
	w.content_len = 0;
	w.mode = COMMAND;
	w.mail_said = false;
	w.rcpts_said = 0;
	server_speaks();
}

static bool
is_base64(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
		    "xyz0123456789+/=", p[i]) == NULL)
			return false;
	return true;
}

static bool
starts(const char *line, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static void
hear_mail_command(const char *line, size_t n)
{
	char *end;

	if (starts(line, n, "MAIL FROM:<")) {
		MUST(!w.mail_said);
		w.mail_said = true;
		w.rcpts_said = 0;
	} else if (starts(line, n, "RCPT TO:<")) {
		MUST(w.mail_said);
		w.rcpts_said++;
	} else if (n == 4 && starts(line, n, "DATA")) {
		MUST(w.mail_said && w.rcpts_said > 0);
		w.mode = AFTER_DATA;
		w.content_len = 0;
	} else if (starts(line, n, "BDAT ")) {
		MUST(w.mail_said && w.rcpts_said > 0);
		w.chunk_left = strtoul(line + 5, &end, 10);
		w.chunk_last = strncmp(end, " LAST\r", 6) == 0;
		MUST(w.chunk_last || *end == '\r');
		w.mode = CHUNK;
	} else {
		MUST(!"a command we say");
	}
}

/* MAIL may be said again where the server has refused the one before. */
static void
hear_command(const char *line, size_t n)
{
	MUST(n <= 4096 && utf8_is_clean(line, n));
	MUST(memchr(line, '\r', n) == NULL && memchr(line, '\0', n) == NULL);
	snprintf(w.line, sizeof(w.line), "%.*s", (int)n, line);
	if (starts(line, n, "MAIL "))
		w.mail_said = false;
	if (starts(line, n, "EHLO ") || starts(line, n, "HELO ") ||
	    starts(line, n, "LHLO ") || starts(line, n, "XCLIENT ") ||
	    (n == 4 && starts(line, n, "RSET")))
		w.mail_said = false;
	else if (starts(line, n, "AUTH "))
		w.auth_said = true;
	else if (!(n == 4 && starts(line, n, "QUIT")) &&
	    !starts(line, n, "VRFY ") && !starts(line, n, "STARTTLS") &&
	    !(w.auth_said && is_base64(line, n)))
		hear_mail_command(line, n);
	if (w.mode != CHUNK)
		server_speaks();
}

/* The octets used, 0: more must come. */
static size_t
hear_content(void)
{
	char *crlf = memmem(w.got, w.got_len, "\r\n", 2);
	size_t dot, n;

	if (crlf == NULL)
		return 0;
	n = (size_t)(crlf + 2 - w.got);
	MUST(memchr(w.got, '\n', n - 1) == NULL);
	MUST(memchr(w.got, '\r', n - 2) == NULL);
	dot = w.got[0] == '.';
	if (dot && n == 3)
		message_ends();
	else
		add_content(w.got + dot, n - dot);
	return n;
}

static size_t
hear_chunk(void)
{
	size_t n = w.got_len < w.chunk_left ? w.got_len : w.chunk_left;

	add_content(w.got, n);
	w.chunk_left -= n;
	if (w.chunk_left > 0)
		return n;
	w.mode = COMMAND;
	if (w.chunk_last)
		message_ends();
	else
		server_speaks();
	return n;
}

static size_t
hear_line(void)
{
	char *crlf = memmem(w.got, w.got_len, "\r\n", 2);

	if (crlf == NULL)
		return 0;
	MUST(memchr(w.got, '\n', (size_t)(crlf - w.got)) == NULL);
	hear_command(w.got, (size_t)(crlf - w.got));
	return (size_t)(crlf + 2 - w.got);
}

/* What has come is understood only when somebody waits for the server. */
static void
server_works(void)
{
	size_t used;

	while (w.got_len > 0 || (w.mode == CHUNK && w.chunk_left == 0)) {
		if (w.mode == AFTER_DATA)
			w.mode = w.got_len >= 10 && memcmp(w.got,
			    "Received: ", 10) == 0 ? CONTENT : COMMAND;
		if (w.mode == CONTENT)
			used = hear_content();
		else if (w.mode == CHUNK)
			used = hear_chunk();
		else
			used = hear_line();
		if (used == 0 && w.mode != CHUNK && w.got_len > 0)
			break;
		w.got_len -= used;
		memmove(w.got, w.got + used, w.got_len);
	}
}

int
role_socket(void)
{
	MUST(!w.open);
	return w.rest_len == 0 ? -1 : SERVER;
}

int
role_connect(int fd)
{
	MUST(fd == SERVER && !w.open);
	w.open = true;
	w.closed = w.reset = false;
	w.say_pos = w.say_len = w.got_len = w.content_len = 0;
	w.mode = COMMAND;
	w.mail_said = w.auth_said = false;
	note(&w.said, "CONNECT", 7);
	server_speaks();
	return 0;
}

void
stream_start(struct stream *st, int fd)
{
	memset(st, 0, sizeof(*st));
	st->fd = fd;
	st->read_want = POLLIN;
	st->write_want = POLLOUT;
}

ssize_t
stream_read(struct stream *st, void *buf, size_t n)
{
	size_t have;

	MUST(st->fd == SERVER && w.open && n > 0);
	server_works();
	have = w.say_len - w.say_pos;
	if (have == 0)
		return w.closed ? STREAM_EOF : STREAM_AGAIN;
	n = have < n ? have : n;
	if (w.drip)
		n = 1 + random_below(n < 4 ? 1 : 4);
	memcpy(buf, w.say + w.say_pos, n);
	w.say_pos += n;
	return (ssize_t)n;
}

ssize_t
stream_write(struct stream *st, const void *buf, size_t n)
{
	char *copy;

	MUST(st->fd == SERVER && w.open && n > 0);
	if (w.reset) {
		strcpy(st->error, "Broken pipe");
		return STREAM_ERROR;
	}
	/* QUIT is not waited for */
	if (w.drip && n != 6 && random_below(3) == 0)
		return STREAM_AGAIN;
	copy = exact(buf, n, false);
	MUST(w.got_len + n < OUT_MAX);
	memcpy(w.got + w.got_len, copy, n);
	w.got_len += n;
	note(&w.said, copy, n);
	free(copy);
	return (ssize_t)n;
}

void
stream_close(struct stream *st)
{
	if (st->fd == SERVER) {
		MUST(w.open);
		server_works();
		w.open = false;
	}
	memset(st, 0, sizeof(*st));
	st->fd = -1;
}

/* The session */

static bool
take_op(uint8_t *op, struct part *arg)
{
	const uint8_t *line;
	size_t n;

	do
		if (!next_part(&w.script, &w.script_len, '\n', &line, &n))
			return false;
	while (n == 0);
	*op = line[0];
	arg->p = line + 1;
	arg->n = n - 1;
	return true;
}

static void
put_default(struct pack *pack, struct part arg, const char *text)
{
	if (arg.n == 0)
		pack_bytes(pack, text, strlen(text));
	else
		pack_bytes(pack, arg.p, arg.n);
}

/* E_COMMANDS: lines M, R, V, S and s, with or without an argument. */
static void
fill_commands(struct pack *pack)
{
	static const char ops[] = "MRVSs";
	static const char *const words[] = { "FROM:<alice@example.org>",
	    "TO:<bob@example.net>", "bob", "", "" };
	const uint8_t *before;
	struct part arg;
	size_t left;
	const char *at;
	uint8_t op;

	for (;;) {
		before = w.script;
		left = w.script_len;
		if (!take_op(&op, &arg))
			return;
		at = memchr(ops, op, 5);
		if (at == NULL || w.n_verbs == PENDING_MAX * 4) {
			w.script = before;
			w.script_len = left;
			return;
		}
		w.verbs[w.n_verbs++] = (unsigned)(at - ops);
		pack_u8(pack, (unsigned)(at - ops));
		put_default(pack, arg, words[at - ops]);
	}
}

static void
fill_hello(struct pack *pack, struct part arg)
{
	put_default(pack, arg, "c.example.org");
	pack_string(pack, w.scene2 & STARTTLS ? "TLSv1.3" : "");
	pack_string(pack, w.scene2 & STARTTLS ? "TLS_AES_128_GCM_SHA256" : "");
	w.hello = true;
	w.mail = false;
	w.rcpts = 0;
}

/* What is refused for an octet or its size is refused sooner or later. */
static bool
may_be_cut(const struct part *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->p[i] == '\0' || m->p[i] >= 0x80)
			return false;
	return w.drip && !(w.scene2 & SMALL);
}

static void
body_frame(struct frame *frame)
{
	struct part *m = &w.messages[w.next_message];
	size_t n = m->n - w.body_pos;

	if (n > 0 && may_be_cut(m))
		n = 1 + random_below((unsigned)n < 20 ? (unsigned)n : 20);
	frame->type = E_BODY;
	memcpy(frame->data, m->p + w.body_pos, n);
	frame->len = (uint32_t)n;
	w.body_pos += n;
	frame->flags = w.body_pos == m->n ? FRAME_LAST : 0;
	if (frame->flags == 0)
		return;
	w.in_body = false;
	w.ended++;
	w.mail = false;
	w.rcpts = 0;
}

/*
 * D: a message, if the session may; H: hello; F: what follows is fetched;
 * others are commands, one frame as far as they come one behind the other.
 */
static bool
next_frame(struct frame *frame)
{
	const uint8_t *before = w.script;
	size_t left = w.script_len;
	struct part arg = { NULL, 0 };
	struct pack pack;
	uint8_t op;

	frame->flags = 0;
	frame->fd = -1;
	pack_start(&pack, frame->data, 16000);
	while (!w.in_body) {
		if (!w.hello) {
			op = 'H';
		} else {
			before = w.script;
			left = w.script_len;
			if (!take_op(&op, &arg))
				return false;
		}
		if (op == 'F' && (w.mail || w.scene & ANY_SESSION)) {
			frame->type = E_BODY;
			frame->flags = FRAME_FETCHED;
			frame->len = 0;
			return true;
		}
		if (op == 'H') {
			fill_hello(&pack, arg);
			frame->type = E_HELLO;
			frame->len = (uint32_t)pack.len;
			return true;
		}
		if (strchr("MRVSs", op) != NULL && op != '\0') {
			w.script = before;
			w.script_len = left;
			fill_commands(&pack);
			frame->type = E_COMMANDS;
			frame->len = (uint32_t)pack.len;
			return true;
		}
		if (op != 'D' || w.ended == w.n_messages)
			continue;
		if (!(w.scene & ANY_SESSION) && (!w.mail || w.rcpts == 0))
			continue;
		w.in_body = true;
		w.next_message = w.ended;
		w.body_pos = 0;
		w.whole = 0;
	}
	body_frame(frame);
	return true;
}

/* One answer of each command and message; the session knows no other. */
static void
take_answer(uint16_t to, int code, const char *p, size_t n)
{
	const char *end = p + n, *lf;
	unsigned verb;

	MUST(code >= 200 && code < 600 && code != 421);
	MUST(!shows_password(p, n));
	for (; p <= end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		MUST(lf - p + 6 <= 512 && is_printable(p, (size_t)(lf - p)));
		MUST(code < 400 || (lf - p > 4 && p[0] == '0' + code / 100 &&
		    p[1] == '.'));
	}
	if (to == FRAME_MESSAGE) {
		w.told++;
		MUST(code >= 400 || w.whole == 1);
		return;
	}
	MUST(w.n_answered < w.n_verbs);
	verb = w.verbs[w.n_answered++];
	if (verb == RELAY_MAIL) {
		w.mail = code / 100 == 2;
		w.rcpts = 0;
	} else if (verb == RELAY_RCPT)
		w.rcpts += code / 100 == 2;
	else if (verb >= RELAY_RSET)
		w.mail = false;
}

static void
session_hears(uint16_t type, uint16_t flags, const void *data, size_t len)
{
	struct unpack unpack;
	const unsigned char *text;
	unsigned code;
	size_t n;

	MUST(type == E_ANSWER);
	unpack_start(&unpack, data, len);
	do {
		code = unpack_u16(&unpack);
		text = unpack_bytes(&unpack, &n);
		MUST(!unpack.bad);
		note(&w.answers, text, n);
		take_answer(flags, (int)code, (const char *)text, n);
	} while (!unpack_done(&unpack));
}

/* The monitor */

static void
tell_order(struct frame *frame)
{
	static struct order order;

	memset(&order, 0, sizeof(order));
	strcpy(order.user, "alice@example.org");
	strcpy(order.id, "abcdefghijklmnop");
	strcpy(order.client, "192.0.2.1");
	if (w.scene & (LOGIN | TOKEN)) {
		strcpy(order.relay_user, "us");
		strcpy(order.relay_password, PASSWORD);
		order.relay_token = w.scene & TOKEN;
	}
	order.last = w.scene & TWO_ROUTES ? w.random & 1 : 0;
	frame->type = O_ORDER;
	frame->len = (uint32_t)order_pack(&order, frame->data, 64000);
}

static bool
monitor_says(struct frame *frame)
{
	struct pack pack;

	frame->flags = 0;
	frame->fd = -1;
	pack_start(&pack, frame->data, 100);
	if (w.orders++ == 0 && w.scene & PROBE) {
		pack_string(&pack, "");
		frame->type = O_PROBE;
		frame->len = (uint32_t)pack.len;
	} else if (w.orders == 1) {
		tell_order(frame);
	} else if (w.orders == 2) {
		frame->type = O_CHANNEL;
		frame->len = 0;
		frame->fd = SESSION;
	} else {
		MUST(w.wanted > 0);
		pack_u32(&pack, w.wanted > 2 ? 2 : w.wanted % 2);
		pack_u32(&pack, 61);
		frame->type = O_ALLOWANCE;
		frame->len = (uint32_t)pack.len;
		w.wanted = 0;
	}
	return true;
}

static void
monitor_hears(uint16_t type, const void *data, size_t len)
{
	static struct report report;
	struct unpack unpack;

	if (type == O_CAPABILITIES) {
		MUST(report_unpack(&report, data, len));
		MUST(ehlo_is_valid(&report.ehlo));
		return;
	}
	MUST(type == O_ALLOWANCE && w.scene2 & LIMITED && w.wanted == 0);
	unpack_start(&unpack, data, len);
	w.wanted = unpack_u32(&unpack);
	MUST(unpack_done(&unpack) && w.wanted > 0);
}

int
role_ipc_send(int to, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	char *copy = exact(data, len, false);

	MUST((to == SESSION || to == MONITOR) && fd == -1);
	if (to == SESSION)
		session_hears(type, flags, copy, len);
	else
		monitor_hears(type, copy, len);
	free(copy);
	return 0;
}

int
role_ipc_recv(int from, struct frame *frame)
{
	if (from == MONITOR)
		return monitor_says(frame);
	MUST(from == SESSION);
	MUST(w.n_answered == w.n_verbs || w.scene & ANY_SESSION);
	MUST(w.in_body ? w.told <= w.ended + 1 : w.told == w.ended);
	if (w.n_answered == w.n_verbs)
		w.n_answered = w.n_verbs = 0;
	if (w.in_body && w.drip && random_below(4) == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (!next_frame(frame)) {
		w.gone = true;
		return 0;
	}
	if (w.scene & HANGS_UP && w.script_len == 0)
		w.gone = true;
	return 1;
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

static int
run(const uint8_t *data, size_t size, bool drip)
{
	char *said = w.said.p, *answers = w.answers.p;
	char *got = w.got, *content = w.content;
	int status;

	memset(&w, 0, sizeof(w));
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
	int status;

	if (size < 6 || size > INPUT_MAX)
		return 0;
	if (shows_password(data, size))	/* it may be said, then */
		return 0;
	role_log_secrets[0] = PASSWORD;
	role_log_secrets[1] = PASSWORD64;
	status = run(data, size, false);
	keep(&whole_said, &w.said);
	keep(&whole_answers, &w.answers);
	MUST(run(data, size, true) == status);
	MUST(is_same(&whole_said, &w.said));
	/* a violation ends it, with answers that were not yet sent */
	MUST(status == 111 || is_same(&whole_answers, &w.answers));
	return 0;
}
