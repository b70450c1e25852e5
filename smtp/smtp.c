/*
 * The machine around the verbs: lines and message content in, replies out in
 * order, answers of the relay put where they belong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "smtp/smtp.h"

/* Content handed on in one piece; a frame holds 64 K. */
#define PIECE_MAX (64 * 1024)

/* Output and state */

void
smtp_put(struct smtp *s, const char *p, size_t n)
{
	size_t size = s->out_size == 0 ? 1024 : s->out_size;

	while (size - s->out_len < n)
		size *= 2;
	if (size != s->out_size) {
		s->out = realloc(s->out, size);
		if (s->out == NULL)
			abort();
		s->out_size = size;
	}
	memcpy(s->out + s->out_len, p, n);
	s->out_len += n;
}

void
smtp_reply(struct smtp *s, enum reply r, const char *arg)
{
	char line[REPLY_LINE_MAX];

	smtp_put(s, line, reply_format(line, sizeof(line), r, arg));
}

void
smtp_close(struct smtp *s, enum reply r)
{
	if (s->wait == WAIT_CLOSE)
		return;
	smtp_reply(s, r, NULL);
	s->last_word = r;
	s->wait = WAIT_CLOSE;
}

/*
 * An address that is wrong is not a bad command: a long list may hold many.
 */
static bool
counts_as_bad(enum reply r)
{
	return reply_code(r) >= 500 && reply_code(r) != 552 &&
	    r != R_BAD_RECIPIENT && r != R_UNQUALIFIED_RECIPIENT &&
	    r != R_NO_VALID_RECIPIENTS;
}

void
smtp_objection(struct smtp *s, enum reply r, const char *arg)
{
	if (counts_as_bad(r) && ++s->bad_commands >= BAD_COMMANDS_MAX)
		smtp_close(s, R_TOO_MANY_ERRORS);
	else
		smtp_reply(s, r, arg);
}

bool
smtp_in_transaction(const struct smtp *s)
{
	return s->t.mail || s->t.mail_pending > 0;
}

void
smtp_forget(struct smtp *s)
{
	free(s->t.early_text);
	memset(&s->t, 0, sizeof(s->t));
	s->t.error = R_NONE;
}

void
smtp_reset(struct smtp *s)
{
	if (smtp_in_transaction(s))
		smtp_relay(s, RELAY_RSET_SILENT, NULL, 0);
	smtp_forget(s);
}

void
smtp_relay(struct smtp *s, enum relay_verb verb, const char *p, size_t n)
{
	s->pending[(s->pending_first + s->pending_count) % PENDING_MAX] = verb;
	s->pending_count++;
	s->ops->relay(s->arg, verb, p, n);
}

/* The body will not be delivered; the client hears why at its end. */
void
smtp_fail_body(struct smtp *s, enum reply r)
{
	if (s->t.error != R_NONE || s->t.early_code != 0)
		return;
	s->t.error = r;
	smtp_relay(s, RELAY_RSET_SILENT, NULL, 0);
}

void
smtp_start(struct smtp *s, const struct smtp_settings *set,
    const struct smtp_ops *ops, void *arg, bool tls)
{
	memset(s, 0, sizeof(*s));
	s->set = set;
	s->ops = ops;
	s->arg = arg;
	s->tls = tls;
	smtp_forget(s);
}

void
smtp_free(struct smtp *s)
{
	free(s->t.early_text);
	free(s->out);
}

void
smtp_greet(struct smtp *s)
{
	smtp_put(s, "220 ", 4);
	smtp_put(s, s->set->hostname, strlen(s->set->hostname));
	smtp_put(s, " ESMTP smtpsubmitd\r\n", 20);
}

/* RFC 3207 4.2: nothing learnt before the handshake is kept. */
void
smtp_tls_done(struct smtp *s)
{
	s->tls = true;
	s->ehlo = s->esmtp = false;
	s->helo[0] = '\0';
	s->wait = WAIT_NOTHING;
}

/* Answers of the relay */

/* Each line of the text with the code, as a multi-line reply. */
static void
put_answer(struct smtp *s, int code, const char *text, size_t n)
{
	const char *lf;
	char prefix[8];
	size_t len;

	do {
		lf = memchr(text, '\n', n);
		len = lf == NULL ? n : (size_t)(lf - text);
		snprintf(prefix, sizeof(prefix), "%03d%c", code,
		    lf == NULL ? ' ' : '-');
		smtp_put(s, prefix, 4);
		smtp_put(s, text, len);
		smtp_put(s, "\r\n", 2);
		if (lf != NULL) {
			text += len + 1;
			n -= len + 1;
		}
	} while (lf != NULL);
}

static void
pending_answer(struct smtp *s, int code, const char *text, size_t n)
{
	enum relay_verb verb = s->pending[s->pending_first];
	bool good = code / 100 == 2;

	s->pending_first = (s->pending_first + 1) % PENDING_MAX;
	s->pending_count--;
	if (verb == RELAY_MAIL) {
		s->t.mail_pending--;
		s->t.mail = good;
	} else if (verb == RELAY_RCPT) {
		s->t.rcpt_pending--;
		s->t.rcpt += good;
	}
	if (verb != RELAY_RSET_SILENT)
		put_answer(s, code, text, n);
	if (s->pending_count == 0 && s->wait == WAIT_ANSWERS)
		s->wait = WAIT_NOTHING;
}

static void
keep_early(struct smtp *s, int code, const char *text, size_t n)
{
	if (s->t.early_code != 0)
		return;
	s->t.early_text = malloc(n + 1);
	if (s->t.early_text == NULL)
		abort();
	memcpy(s->t.early_text, text, n);
	s->t.early_text[n] = '\0';
	s->t.early_code = code;
}

void
smtp_answer(struct smtp *s, int code, const char *text, size_t n)
{
	if (s->pending_count > 0)
		pending_answer(s, code, text, n);
}

void
smtp_message_answer(struct smtp *s, int code, const char *text, size_t n)
{
	if (s->wait == WAIT_FINAL) {
		put_answer(s, code, text, n);
		smtp_forget(s);
		s->wait = WAIT_NOTHING;
		return;
	}
	/* an acceptance before the end is none */
	if (s->t.mail && s->t.error == R_NONE && code / 100 >= 4)
		keep_early(s, code, text, n);
}

void
smtp_relay_gone(struct smtp *s, enum reply r)
{
	char text[REPLY_LINE_MAX];
	size_t n = reply_text(text, sizeof(text), r, NULL);

	while (s->pending_count > 0)
		pending_answer(s, reply_code(r), text, n);
	if (s->wait == WAIT_FINAL) {
		smtp_reply(s, R_RELAY_UNKNOWN, NULL);
		smtp_forget(s);
		s->wait = WAIT_NOTHING;
		return;
	}
	if (s->wait == WAIT_BODY)
		s->wait = WAIT_NOTHING;
	if (s->mode != MODE_COMMAND || s->t.chunked) {
		if (s->t.error == R_NONE && s->t.early_code == 0)
			s->t.error = r;
	} else {
		smtp_forget(s);
	}
}

void
smtp_body_ready(struct smtp *s)
{
	if (s->wait == WAIT_BODY)
		s->wait = WAIT_NOTHING;
}

/* Content */

static bool
body_is_lost(const struct smtp *s)
{
	return s->t.error != R_NONE || s->t.early_code != 0;
}

static bool
count_octets(struct smtp *s, size_t n)
{
	s->t.octets += n;
	if (s->t.octets <= s->set->max_size)
		return true;
	smtp_fail_body(s, R_TOO_BIG);
	return false;
}

/* False if the relay takes nothing now. */
static bool
pass_body(struct smtp *s, const char *p, size_t n, bool last)
{
	if (s->ops->body(s->arg, p, n, last))
		return true;
	s->wait = WAIT_BODY;
	return false;
}

/* The words at the end of a body that failed. */
static void
say_why(struct smtp *s)
{
	char limit[24];

	if (s->t.early_code != 0) {
		put_answer(s, s->t.early_code, s->t.early_text,
		    strlen(s->t.early_text));
		return;
	}
	snprintf(limit, sizeof(limit), "%llu",
	    (unsigned long long)s->set->max_size);
	smtp_reply(s, s->t.error, limit);
}

/*
 * The message has ended. The relay hears of it also when it has refused
 * already, for it waits for the end; not when it was told to reset.
 */
static bool
end_message(struct smtp *s)
{
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return false;
	}
	if (s->t.error == R_NONE && !pass_body(s, NULL, 0, true))
		return false;
	s->mode = MODE_COMMAND;
	if (!body_is_lost(s)) {
		s->wait = WAIT_FINAL;
		return true;
	}
	say_why(s);
	smtp_forget(s);
	return true;
}

static size_t
data_input(struct smtp *s, const char *in, size_t n)
{
	char out[PIECE_MAX];
	enum data_state before = s->data;
	size_t used, len;

	if (s->data == DATA_END) {
		end_message(s);
		return 0;
	}
	used = data_read(&s->data, in, n, out, sizeof(out), &len);
	if (!body_is_lost(s) && len > 0 && count_octets(s, len) &&
	    !pass_body(s, out, len, false)) {
		s->t.octets -= len;
		s->data = before;
		return 0;
	}
	if (s->data == DATA_END)
		end_message(s);
	return used;
}

/* All octets of a chunk are here: its reply, or the message's. */
static void
end_chunk(struct smtp *s)
{
	char octets[24];

	if (s->chunk_error != R_NONE) {
		s->mode = MODE_COMMAND;
		smtp_objection(s, s->chunk_error, NULL);
		return;
	}
	if (s->chunk_last) {
		end_message(s);
		return;
	}
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return;
	}
	s->mode = MODE_COMMAND;
	if (body_is_lost(s)) {
		say_why(s);
		return;
	}
	snprintf(octets, sizeof(octets), "%llu",
	    (unsigned long long)s->chunk_size);
	smtp_reply(s, s->chunk_fetched ? R_BURL_CHUNK : R_CHUNK, octets);
}

/* The content of a URL is a chunk that arrived by another way. */
void
smtp_fetch_done(struct smtp *s, enum reply r, uint64_t octets)
{
	s->wait = WAIT_NOTHING;
	s->mode = MODE_CHUNK;
	s->chunk_left = 0;
	s->chunk_size = octets;
	s->t.octets += octets;
	if (r != R_NONE)
		smtp_fail_body(s, r);
}

static size_t
chunk_input(struct smtp *s, const char *in, size_t n)
{
	size_t len = n < PIECE_MAX ? n : PIECE_MAX;

	if (len > s->chunk_left)
		len = (size_t)s->chunk_left;
	if (s->chunk_error == R_NONE && !body_is_lost(s) && len > 0 &&
	    count_octets(s, len) && !pass_body(s, in, len, false)) {
		s->t.octets -= len;
		return 0;
	}
	s->chunk_left -= len;
	if (s->chunk_left == 0)
		end_chunk(s);
	return len;
}

/* Lines */

static size_t
line_limit(const struct smtp *s, const char *in, size_t n)
{
	if (s->mode == MODE_AUTH || (n >= 5 && strncasecmp(in, "AUTH ", 5) == 0))
		return AUTH_LINE_MAX;
	return COMMAND_LINE_MAX;
}

/* The rest of a line that was too long; the objection comes at its end. */
static size_t
skip_line(struct smtp *s, const char *in, size_t n)
{
	const char *lf = memchr(in, '\n', n);

	if (lf == NULL)
		return n;
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return 0;
	}
	s->mode = MODE_COMMAND;
	smtp_objection(s, s->line_error, NULL);
	return (size_t)(lf + 1 - in);
}

static void
begin_skip(struct smtp *s, size_t limit)
{
	s->line_error = limit == AUTH_LINE_MAX ? R_AUTH_LINE_TOO_LONG :
	    R_LINE_TOO_LONG;
	s->mode = MODE_SKIP_LINE;
}

/* A line that ends in LF alone; false: later. */
static bool
bare_line(struct smtp *s)
{
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return false;
	}
	s->mode = MODE_COMMAND;
	smtp_objection(s, R_BARE_CR_LF, NULL);
	return true;
}

static size_t
line_input(struct smtp *s, char *in, size_t n)
{
	size_t limit = line_limit(s, in, n), len;
	char *lf = memchr(in, '\n', n < limit ? n : limit);

	if (lf == NULL) {
		if (n < limit)
			return 0;
		begin_skip(s, limit);
		explicit_bzero(in, limit);
		return limit;
	}
	len = (size_t)(lf + 1 - in);
	if (len < 2 || lf[-1] != '\r')
		return bare_line(s) ? len : 0;
	if (s->mode == MODE_AUTH)
		smtp_auth_line(s, in, len - 2);
	else if (!smtp_command_line(s, in, len - 2, len < n))
		return 0;
	if (limit == AUTH_LINE_MAX)
		explicit_bzero(in, len);
	return len;
}

static size_t
one_step(struct smtp *s, char *in, size_t n)
{
	switch (s->mode) {
	case MODE_DATA:
		return data_input(s, in, n);
	case MODE_CHUNK:
		return chunk_input(s, in, n);
	case MODE_SKIP_LINE:
		return skip_line(s, in, n);
	default:
		return n == 0 ? 0 : line_input(s, in, n);
	}
}

/* An end that could not be told before, though no octet is left to come. */
static bool
end_is_due(const struct smtp *s)
{
	return (s->mode == MODE_CHUNK && s->chunk_left == 0) ||
	    (s->mode == MODE_DATA && s->data == DATA_END);
}

size_t
smtp_input(struct smtp *s, char *in, size_t n)
{
	enum smtp_mode before;
	size_t used = 0, step;

	while (s->wait == WAIT_NOTHING && (used < n || end_is_due(s))) {
		before = s->mode;
		step = one_step(s, in + used, n - used);
		used += step;
		if (step == 0 && s->mode == before)
			break;	/* a line not yet whole */
	}
	return used;
}
