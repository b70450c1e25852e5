/*
 * What comes in: command lines, AUTH responses, and the content of messages,
 * which goes on to the relay as it comes.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "smtp/smtp.h"

/* Content handed on in one piece; a frame holds 64 K. */
#define PIECE_MAX (64 * 1024)

static bool
count_octets(struct smtp *s, size_t n)
{
	s->t.octets += n;
	if (s->t.octets <= smtp_size_limit(s))
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

	s->t.told = true;
	if (s->t.early_code != 0) {
		smtp_put_answer(s, s->t.early_code, s->t.early_text,
		    strlen(s->t.early_text));
		return;
	}
	snprintf(limit, sizeof(limit), "%llu",
	    (unsigned long long)smtp_size_limit(s));
	smtp_reply(s, s->t.error, limit);
}

/*
 * The message has ended. The relay hears of it, if it was not told with the
 * last octets, also when it has refused already, for it waits for the end;
 * not when it was told to reset.
 */
static bool
end_message(struct smtp *s, bool told)
{
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return false;
	}
	if (s->t.error == R_NONE && !told && !pass_body(s, NULL, 0, true))
		return false;
	s->mode = MODE_COMMAND;
	if (!smtp_body_is_lost(s)) {
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
	bool last = false;

	if (s->data == DATA_END) {
		end_message(s, false);
		return 0;
	}
	used = data_read(&s->data, in, n, out, sizeof(out), &len);
	if (!smtp_body_is_lost(s) && len > 0 && count_octets(s, len)) {
		last = s->data == DATA_END && s->pending_count == 0;
		if (!pass_body(s, out, len, last)) {
			s->t.octets -= len;
			s->data = before;
			return 0;
		}
	}
	if (s->data == DATA_END)
		end_message(s, last);
	return used;
}

/* All octets of a chunk are here: its reply, or the message's. */
static void
end_chunk(struct smtp *s, bool told)
{
	char octets[24];

	if (s->chunk_error != R_NONE) {
		s->mode = MODE_COMMAND;
		smtp_objection(s, s->chunk_error, NULL);
		return;
	}
	if (s->chunk_last) {
		end_message(s, told);
		return;
	}
	if (s->pending_count > 0) {
		s->wait = WAIT_ANSWERS;
		return;
	}
	s->mode = MODE_COMMAND;
	if (smtp_body_is_lost(s)) {
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

	bool last = false;

	if (len > s->chunk_left)
		len = (size_t)s->chunk_left;
	if (s->chunk_error == R_NONE && !smtp_body_is_lost(s) && len > 0 &&
	    count_octets(s, len)) {
		last = s->chunk_last && len == s->chunk_left &&
		    s->pending_count == 0;
		if (!pass_body(s, in, len, last)) {
			s->t.octets -= len;
			return 0;
		}
	}
	s->chunk_left -= len;
	if (s->chunk_left == 0)
		end_chunk(s, last);
	return len;
}

/* Lines */

static size_t
line_limit(const struct smtp *s, const char *in, size_t n)
{
	if (s->mode == MODE_AUTH ||
	    (n >= 5 && strncasecmp(in, "AUTH ", 5) == 0))
		return AUTH_LINE_MAX;
	return COMMAND_LINE_MAX;
}

/* The rest of a line that was too long; the objection comes at its end. */
static size_t
skip_line(struct smtp *s, char *in, size_t n)
{
	char *lf = memchr(in, '\n', n);

	explicit_bzero(in, lf == NULL ? n : (size_t)(lf - in));
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
	if (len < 2 || lf[-1] != '\r') {
		if (!bare_line(s))
			return 0;
	} else if (s->mode == MODE_AUTH) {
		smtp_auth_line(s, in, len - 2);
	} else if (!smtp_command_line(s, in, len - 2, len < n)) {
		return 0;
	}
	explicit_bzero(in, len);	/* a password may stand anywhere */
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

	while (s->wait == WAIT_NOTHING && s->out_len < SMTP_OUT_HIGH &&
	    (used < n || end_is_due(s))) {
		before = s->mode;
		step = one_step(s, in + used, n - used);
		used += step;
		if (step == 0 && s->mode == before)
			break;	/* a line not yet whole */
	}
	return used;
}
