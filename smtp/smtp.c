/*
 * The machine's state and its replies: in order, with the relay's answers
 * put where they belong. What comes in is in smtp/input.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "smtp/smtp.h"

/* Output and state */

/* What was begun of a line is not sent. */
_Noreturn static void
give_up(struct smtp *s)
{
	while (s->out_len > 0 && s->out[s->out_len - 1] != '\n')
		s->out_len--;
	s->ops->exhausted(s->arg);
	abort();
}

void
smtp_put(struct smtp *s, const char *p, size_t n)
{
	size_t size = s->out_size == 0 ? 1024 : s->out_size;
	char *more;

	while (size - s->out_len < n)
		size *= 2;
	if (size != s->out_size) {
		more = realloc(s->out, size);
		if (more == NULL)
			give_up(s);
		s->out = more;
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
	if (smtp_in_transaction(s) && !s->t.gone)
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

uint64_t
smtp_size_limit(const struct smtp *s)
{
	uint64_t relay = s->set->relay.size;

	return relay > 0 && relay < s->set->max_size ? relay :
	    s->set->max_size;
}

unsigned
smtp_recipient_limit(const struct smtp *s)
{
	uint32_t relay = s->set->relay.limits[LIMIT_RCPT];

	return relay > 0 && relay < s->set->max_recipients ? relay :
	    s->set->max_recipients;
}

bool
smtp_body_is_lost(const struct smtp *s)
{
	return s->t.error != R_NONE || s->t.early_code != 0;
}

/* The body will not be delivered; the client hears why at its end. */
void
smtp_fail_body(struct smtp *s, enum reply r)
{
	if (smtp_body_is_lost(s))
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
	s->implicit_reply = R_NONE;
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
smtp_tls_done(struct smtp *s, bool certificate)
{
	s->tls = true;
	s->certificate = certificate;
	s->ehlo = s->helo_told = false;
	s->helo[0] = '\0';
	s->wait = WAIT_NOTHING;
}

/* Answers of the relay */

/* Each line of the text with the code, as a multi-line reply. */
void
smtp_put_answer(struct smtp *s, int code, const char *text, size_t n)
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
		smtp_put_answer(s, code, text, n);
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
		give_up(s);
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
		smtp_put_answer(s, code, text, n);
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
		if (s->pending[s->pending_first] == RELAY_RSET)
			pending_answer(s, 250, "2.0.0 OK", 8);	/* it is */
		else
			pending_answer(s, reply_code(r), text, n);
	if (s->wait == WAIT_FINAL) {
		smtp_reply(s, R_RELAY_UNKNOWN, NULL);
		smtp_forget(s);
		s->wait = WAIT_NOTHING;
		return;
	}
	if (s->wait == WAIT_BODY)
		s->wait = WAIT_NOTHING;
	if (!smtp_in_transaction(s))
		return;
	s->t.gone = true;
	if (s->t.error == R_NONE)
		s->t.error = r;	/* an early answer is still told first */
}

void
smtp_body_ready(struct smtp *s)
{
	if (s->wait == WAIT_BODY)
		s->wait = WAIT_NOTHING;
}
