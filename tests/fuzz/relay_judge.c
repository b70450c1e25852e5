/*
 * Which reply is to which command, in fuzz_relay.c. The server is asked one
 * thing after another, by the connection itself, by each command, message and
 * chunk; and so the replies it gives are counted. What the session is told
 * must be the reply of the same number, made fit for it, or one of ours.
 */
#include "mta/answer.h"
#include "tests/fuzz/relay_world.h"

/* The reply of that number on this connection, in what it has said. */
static bool
find_reply(unsigned number, size_t said, struct answer *answer)
{
	enum answer_status got;
	size_t pos = 0, len;
	char *lf;

	for (;; number--) {
		answer_start(answer);
		do {
			lf = memchr(w.say + pos, '\n', said - pos);
			if (lf == NULL)
				return false;
			len = (size_t)(lf - w.say) - pos;
			if (len >= ANSWER_LINE_MAX)
				return false;
			len -= len > 0 && lf[-1] == '\r';
			got = answer_line(answer, w.say + pos, len);
			pos = (size_t)(lf + 1 - w.say);
		} while (got == ANSWER_MORE);
		if (got != ANSWER_DONE || number == 0)
			return got == ANSWER_DONE;
	}
}

/* What the session is to be told then; false: that is no reply to it. */
static bool
find_told(enum asked_kind kind, unsigned number, int *code, char *text,
    size_t *n)
{
	static struct answer answer;
	enum reply ours = R_NONE;

	if (!find_reply(number, w.say_len, &answer) || answer.code / 100 == 3)
		return false;
	if (answer.code == 530)
		ours = R_RELAY_LOGIN;
	else if (kind == ASKED_VRFY && answer.code / 100 == 5 &&
	    answer.code < 503)
		ours = R_CANNOT_VRFY;
	if (ours == R_NONE) {
		*n = answer_for_client(&answer, code, text,
		    ANSWER_MAX * 2 - 64);
	} else {
		*code = reply_code(ours);
		*n = reply_text(text, ANSWER_MAX * 2, ours, NULL);
	}
	return true;
}

static bool
is_reply(enum reply r, int code, const char *p, size_t n)
{
	char text[REPLY_LINE_MAX];
	size_t len = reply_text(text, sizeof(text), r, "?"), begin;
	const char *mark = memchr(text, '?', len);

	if (reply_code(r) != code)
		return false;
	if (mark == NULL)
		return len == n && memcmp(p, text, n) == 0;
	begin = (size_t)(mark - text);
	len -= begin + 1;
	return n >= begin + len && memcmp(p, text, begin) == 0 &&
	    memcmp(p + n - len, mark + 1, len) == 0;
}

/* No acceptance: that is never ours to say. */
static bool
is_refusal_of_ours(int code, const char *p, size_t n)
{
	enum reply r;

	for (r = 0; r < R_COUNT; r++)
		if (reply_code(r) >= 400 && is_reply(r, code, p, n))
			return true;
	return false;
}

void
judge_begin(void)
{
	while (w.first_asked < w.last_asked)
		free(w.asked[w.first_asked++].text);
}

void
judge_asked(enum asked_kind kind)
{
	struct asked *a = &w.asked[w.last_asked];
	static struct answer answer;

	if (kind == ASKED_MESSAGE)
		w.message_asked = w.n_asked;
	if (kind < ASKED_MESSAGE) {
		MUST(w.last_asked < ASKED_MAX);
		w.last_asked++;
		memset(a, 0, sizeof(*a));
		a->kind = kind;
		a->number = w.n_asked;
		/* 421 may come any time */
		a->too_early = find_reply(w.n_asked, w.say_pos, &answer) &&
		    answer.code != 421;
	}
	w.n_asked++;
}

void
judge_connected(void)
{
	w.n_asked = 0;
}

/* What it has said is forgotten with the connection. */
void
judge_closed(void)
{
	static char text[ANSWER_MAX * 2];
	struct asked *a;
	unsigned i;

	for (i = w.first_asked; i < w.last_asked; i++) {
		a = &w.asked[i];
		if (a->closed)
			continue;
		a->closed = true;
		if (find_told(a->kind, a->number, &a->code, text, &a->n))
			a->text = exact(text, a->n, false);
	}
}

static bool
is_reply_to(const struct asked *a, int code, const char *p, size_t n)
{
	static char text[ANSWER_MAX * 2];
	const char *reply = a->text;
	int reply_code = a->code;
	size_t len = a->n;

	if (a->too_early)
		return false;
	if (!a->closed) {
		reply = text;
		if (!find_told(a->kind, a->number, &reply_code, text, &len))
			return false;
	}
	return reply != NULL && reply_code == code && len == n &&
	    memcmp(reply, p, n) == 0;
}

/*
 * A transaction begun again, at another server for a referral's sake, or on
 * a new connection, where MAIL has had the same reply as on the one before.
 */
static bool
is_said_again(const struct asked *a)
{
	return a->kind == ASKED_MAIL &&
	    (w.scene2 & REFERRALS || w.told_of_closed);
}

void
judge_told(enum relay_verb verb, int code, const char *p, size_t n)
{
	static const enum asked_kind kinds[] = {
		[RELAY_MAIL] = ASKED_MAIL, [RELAY_RCPT] = ASKED_RCPT,
		[RELAY_VRFY] = ASKED_VRFY
	};
	struct asked *a;
	unsigned i;

	if (verb > RELAY_VRFY) {
		MUST(is_reply(R_DONE, code, p, n));
		return;
	}
	for (i = w.first_asked; i < w.last_asked; i++) {
		a = &w.asked[i];
		if (a->kind == kinds[verb] && is_reply_to(a, code, p, n)) {
			if (verb == RELAY_MAIL)
				w.told_of_closed = a->closed;
			while (w.first_asked <= i)
				free(w.asked[w.first_asked++].text);
			return;
		}
		if (!a->closed && (verb == RELAY_MAIL || !is_said_again(a)))
			break;
	}
	MUST(is_refusal_of_ours(code, p, n) || (verb == RELAY_VRFY &&
	    is_reply(R_CANNOT_VRFY, code, p, n)));
}

/* One that comes early may be to any chunk of it, or to nothing yet. */
void
judge_told_message(int code, const char *p, size_t n)
{
	struct asked a = { .kind = ASKED_MESSAGE };

	if (code < 400) {
		MUST(w.message_asked >= w.message_from);
		a.number = w.message_asked;
		MUST(is_reply_to(&a, code, p, n));
		return;
	}
	for (a.number = w.message_from; a.number <= w.n_asked; a.number++)
		if (is_reply_to(&a, code, p, n))
			return;
	MUST(is_refusal_of_ours(code, p, n));
}

void
judge_all_told(void)
{
	for (; w.first_asked < w.last_asked; w.first_asked++) {
		MUST(w.asked[w.first_asked].closed ||
		    is_said_again(&w.asked[w.first_asked]));
		free(w.asked[w.first_asked].text);
	}
}
