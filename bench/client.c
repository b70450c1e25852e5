/*
 * One connection's dialogue. It writes as far ahead as it may: commands in
 * groups if PIPELINING is offered (RFC 2920), the next message's envelope
 * together with the end of this one if options.ahead allows it.
 */
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/load.h"

static const struct {
	const char *name;
	int code;
} replies[] = {
	[GREETING] = { "greeting", 220 },
	[EHLO] = { "EHLO", 250 },
	[TLS_READY] = { "STARTTLS", 220 },
	[AUTH] = { "AUTH", 235 },
	[MAIL] = { "MAIL", 250 },
	[RCPT] = { "RCPT", 250 },
	[READY] = { "DATA", 354 },
	[CHUNK] = { "BDAT", 250 },
	[FINAL] = { "message", 250 },
	[QUIT] = { "QUIT", 221 },
};

static void
await(struct client *c, enum awaited what)
{
	struct wait *w = &c->queue[(c->queue_first + c->queued) % QUEUE];

	w->what = what;
	w->since = 0;
	c->queued++;
}

__attribute__((format(printf, 2, 3)))
static void
put(struct client *c, const char *fmt, ...)
{
	size_t left = sizeof(c->out) - c->out_len;
	va_list ap;

	va_start(ap, fmt);
	c->out_len += (size_t)vsnprintf(c->out + c->out_len, left, fmt, ap);
	va_end(ap);
}

static size_t
room(const struct client *c)
{
	return sizeof(c->out) - c->out_len;
}

/* A command may go out now. */
static bool
may(const struct client *c)
{
	return room(c) >= TEXT && c->queued < QUEUE - 8 &&
	    (c->queued == 0 || c->pipelining);
}

/* Between two messages, all replies read; true while it does. */
static bool
pauses(struct client *c)
{
	if (options.think <= 0 || c->thought)
		return false;
	if (c->begun > c->ended)
		return true;
	if (c->pause_until == 0)
		c->pause_until = now() + options.think * 2 * drand48();
	if (now() < c->pause_until)
		return true;
	c->pause_until = 0;
	c->thought = true;
	return false;
}

static bool
send_mail(struct client *c)
{
	unsigned long n = c->number * options.messages + c->begun;
	bool leaves = options.leaving && c->begun > 0;

	if (options.stop != AT_MESSAGE && pauses(c) && !options.leaving)
		return false;
	if (c->begun == options.messages || leaves) {
		c->stage = SEND_QUIT;
		return options.stop != AT_MESSAGE;
	}
	if (!may(c) || c->begun - c->ended > options.ahead)
		return false;
	c->thought = false;
	if (options.ahead == 0)
		c->mail_at = now();
	c->begun++;
	c->way = message_way(n);
	if (c->way == BY_BDAT && !c->chunking)
		c->way = BY_DATA;
	content_make(&c->content, options.run, n, message_size(n),
	    c->way == BY_DATA);
	c->offset = 0;
	put(c, "MAIL FROM:<%s>\r\n", options.from);
	await(c, MAIL);
	c->stage = SEND_RCPT;
	return true;
}

/* As much of the message as there is room for, `end` octets of it at most. */
static bool
copy_content(struct client *c, size_t end)
{
	size_t n, max;

	while (c->offset < end && room(c) > TEXT) {
		max = room(c) - TEXT;
		if (max > end - c->offset)
			max = end - c->offset;
		n = content_copy(&c->content, c->offset, c->out + c->out_len,
		    max);
		c->out_len += n;
		c->offset += n;
	}
	return c->offset == end;
}

static bool
send_body(struct client *c)
{
	if (!copy_content(c, c->content.size) || room(c) < TEXT)
		return false;
	put(c, ".\r\n");
	await(c, FINAL);
	c->stage = SEND_MAIL;
	return true;
}

static bool
send_bdat(struct client *c)
{
	size_t left = c->content.size - c->offset;

	if (!may(c))
		return false;
	c->chunk_left = left > options.chunk ? options.chunk : left;
	put(c, "BDAT %zu%s\r\n", c->chunk_left,
	    c->chunk_left == left ? " LAST" : "");
	c->stage = SEND_CHUNK;
	return true;
}

static bool
send_chunk(struct client *c)
{
	size_t before = c->offset;
	bool whole;

	whole = copy_content(c, c->offset + c->chunk_left);
	c->chunk_left -= c->offset - before;
	if (!whole)
		return false;
	if (c->offset < c->content.size) {
		await(c, CHUNK);
		c->stage = SEND_BDAT;
	} else {
		await(c, FINAL);
		c->stage = SEND_MAIL;
	}
	return true;
}

static bool
send_command(struct client *c)
{
	if (c->stage == SEND_QUIT && options.ahead == 0 && c->queued > 0)
		return false;
	if (!may(c))
		return false;
	switch (c->stage) {
	case SEND_RCPT:
		put(c, "RCPT TO:<%s>\r\n", options.to);
		await(c, RCPT);
		c->stage = c->way == BY_DATA ? SEND_DATA :
		    c->way == BY_BDAT ? SEND_BDAT : SEND_BURL;
		break;
	case SEND_DATA:
		put(c, "DATA\r\n");
		await(c, READY);
		c->stage = IDLE;
		break;
	case SEND_BURL:
		put(c, "BURL %s LAST\r\n", options.url);
		await(c, FINAL);
		c->stage = SEND_MAIL;
		break;
	default:
		put(c, "QUIT\r\n");
		await(c, QUIT);
		c->stage = SENT_ALL;
	}
	return true;
}

/* Writes the next piece into out; false if there is none for now. */
static bool
produce(struct client *c)
{
	switch (c->stage) {
	case IDLE:
	case SENT_ALL:
		return false;
	case SEND_MAIL:
		return send_mail(c);
	case SEND_BODY:
		return send_body(c);
	case SEND_BDAT:
		return send_bdat(c);
	case SEND_CHUNK:
		return send_chunk(c);
	default:
		return send_command(c);
	}
}

static void
mark_sent(struct client *c)
{
	struct wait *w;
	unsigned i;

	for (i = c->queued; i-- > 0;) {
		w = &c->queue[(c->queue_first + i) % QUEUE];
		if (w->since != 0)
			break;
		w->since = now();
	}
}

/* False if the client is no more. */
static bool
send_all(struct client *c)
{
	ssize_t n;

	c->want_write = false;
	for (;;) {
		while (produce(c))
			;
		if (c->out_len == 0)
			return true;
		if (options.drip > 0 && c->begun > 0) {
			if (now() < c->next_drip)
				return true;
			c->next_drip = now() + options.drip;
		}
		n = wire_write(c);
		if (n == -2)
			return true;
		if (n <= 0) {
			session_failed(c, "write: %s", wire_error());
			return false;
		}
		if (c->out_len == 0)
			mark_sent(c);
	}
}

static void
say_ehlo(struct client *c)
{
	put(c, "EHLO client.example.org\r\n");
	await(c, EHLO);
	c->pipelining = c->chunking = false;
}

static void
say_auth(struct client *c)
{
	unsigned char plain[256], coded[400];
	size_t user = strlen(options.user), password = strlen(options.password);

	memset(plain, 0, sizeof(plain));
	if (user + password + 2 > sizeof(plain)) {
		session_failed(c, "login too long");
		return;
	}
	memcpy(plain + 1, options.user, user);
	memcpy(plain + user + 2, options.password, password);
	EVP_EncodeBlock(coded, plain, (int)(user + password + 2));
	put(c, "AUTH PLAIN %s\r\n", coded);
	await(c, AUTH);
}

static void
stop_here(struct client *c)
{
	c->stage = SEND_QUIT;
	if (options.hold) {
		if (options.drip > 0)
			c->stage = SEND_MAIL;
		else
			c->stage = IDLE;
		session_held(c);
	}
}

void
client_go_on(struct client *c)
{
	c->held = false;
	if (options.stop == AT_CONNECT || options.drip > 0) {
		session_done(c);
		return;
	}
	c->stage = SEND_QUIT;
	send_all(c);
}

static void
greeted(struct client *c)
{
	timed(T_GREETING, now() - c->start);
	if (options.stop == AT_GREETING)
		stop_here(c);
	else
		say_ehlo(c);
}

static void
ehlo_answered(struct client *c)
{
	if (options.tls == STARTTLS && c->ssl == NULL) {
		put(c, "STARTTLS\r\n");
		await(c, TLS_READY);
	} else if (options.by == BY_BDAT && !c->chunking)
		session_failed(c, "CHUNKING is not offered");
	else if (options.user[0] != '\0')
		say_auth(c);
	else
		c->stage = SEND_MAIL;
}

static void
finished(struct client *c, double since)
{
	timed(T_FINAL, now() - since);
	if (options.ahead == 0)
		timed(T_MESSAGE, now() - c->mail_at);
	c->ended++;
	message_done(c);
	if (options.stop == AT_MESSAGE && c->ended == options.messages)
		stop_here(c);
}

/* One whole reply; false if the client is no more. */
static bool
take_reply(struct client *c, int code, const char *line)
{
	struct wait w = c->queue[c->queue_first];

	if (c->queued == 0 || code != replies[w.what].code) {
		session_failed(c, "%s: %s", c->queued == 0 ? "unasked" :
		    replies[w.what].name, line);
		return false;
	}
	c->queue_first = (c->queue_first + 1) % QUEUE;
	c->queued--;
	switch (w.what) {
	case GREETING:
		greeted(c);
		break;
	case EHLO:
		ehlo_answered(c);
		break;
	case TLS_READY:
		wire_start_tls(c);
		break;
	case AUTH:
		timed(T_AUTH, now() - w.since);
		c->stage = SEND_MAIL;
		if (options.stop == AT_LOGIN)
			stop_here(c);
		break;
	case MAIL:
		timed(T_MAIL, now() - w.since);
		break;
	case READY:
		c->stage = SEND_BODY;
		break;
	case FINAL:
		finished(c, w.since);
		break;
	case QUIT:
		timed(T_SESSION, now() - c->start);
		session_done(c);
		break;
	default:
		break;
	}
	return c->fd != -1;
}

static void
keyword(struct client *c, const char *word)
{
	if (strcasecmp(word, "PIPELINING") == 0)
		c->pipelining = options.pipelining;
	else if (strcasecmp(word, "CHUNKING") == 0)
		c->chunking = true;
}

/* All whole lines there are; false if the client is no more. */
static bool
take_lines(struct client *c)
{
	char *line = c->in, *nl;
	int code;

	while ((nl = memchr(line, '\n',
	    (size_t)(c->in + c->in_len - line))) != NULL) {
		*nl = '\0';
		if (nl > line && nl[-1] == '\r')
			nl[-1] = '\0';
		if (sscanf(line, "%3d", &code) != 1 || strlen(line) < 3) {
			session_failed(c, "no reply: %s", line);
			return false;
		}
		if (c->queued > 0 && c->queue[c->queue_first].what == EHLO &&
		    line[3] != '\0')
			keyword(c, line + 4);
		if (line[3] != '-' && !take_reply(c, code, line))
			return false;
		line = nl + 1;
	}
	c->in_len -= (size_t)(line - c->in);
	memmove(c->in, line, c->in_len);
	if (c->in_len == sizeof(c->in)) {
		session_failed(c, "a reply line is too long");
		return false;
	}
	return true;
}

void
client_begin(struct client *c)
{
	c->stage = IDLE;
	c->turns = 1;		/* of connect */
	if (options.stop == AT_CONNECT) {
		stop_here(c);
		return;
	}
	await(c, GREETING);
	if (options.tls == IMPLICIT)
		wire_start_tls(c);
	else
		c->sent = true;	/* TCP's last ACK, which lets it greet */
}

/* False: no more for now, or the client is no more. */
static bool
receive(struct client *c)
{
	ssize_t n = wire_read(c);

	if (n > 0 && options.stop == AT_CONNECT) {
		c->in_len = 0;	/* it may talk as it likes */
		return true;
	}
	if (n > 0)
		return take_lines(c);
	if (n != -2)
		session_failed(c, "%s", n == 0 ? "closed by the server" :
		    wire_error());
	return false;
}

void
client_ready(struct client *c)
{
	int n;

	c->want_write = false;
	do {
		if (c->handshaking) {
			if ((n = wire_handshake(c)) == -1)
				session_failed(c, "TLS: %s", wire_error());
			if (n != 0)
				return;
			if (options.tls == STARTTLS)
				say_ehlo(c);
		}
		if (!send_all(c))
			return;
	} while (receive(c));
}
