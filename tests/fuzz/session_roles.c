/*
 * The roles behind fuzz_session.c: what they say depends on words in what
 * they are asked, and what they are asked must be well-formed and in order.
 */
#include <errno.h>

#include "base/text.h"
#include "order.h"
#include "tests/fuzz/session_world.h"

static bool
has_word(const void *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

/* Frames to the session */

struct channel *
channel(int fd)
{
	MUST(fd >= MONITOR && fd <= FETCH);
	return &w.channels[fd - MONITOR];
}

void
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
	MUST(c->queue[i].data != NULL);
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

void
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

size_t
content_of(const unsigned char *url, size_t n, char content[64])
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
