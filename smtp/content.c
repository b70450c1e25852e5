/*
 * The ways a message can come: DATA (RFC 5321 4.1.1.4), BDAT (RFC 3030) and
 * BURL (RFC 4468).
 */
#include "smtp/verbs.h"

#define BEFORE_LOGIN	65536	/* octets of a chunk */

static enum reply
check_body(const struct smtp *s)
{
	if (!s->t.mail)
		return R_NEED_MAIL;
	if (s->t.gone && !s->t.chunked)
		return s->t.error;
	if (s->t.told)
		return R_CHUNK_FAILED;
	if (s->t.rcpt_tried == 0)
		return R_NEED_RCPT;
	if (s->t.rcpt == 0)
		return R_NO_VALID_RECIPIENTS;
	return R_NONE;
}

enum reply
check_data(const struct smtp *s, struct command *c)
{
	(void)c;
	if (s->t.chunked)
		return R_DATA_AFTER_CHUNK;
	if (s->t.binary)
		return R_DATA_BINARY;	/* RFC 3030 3 */
	return check_body(s);
}

void
act_data(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_reply(s, R_DATA_GO, NULL);
	s->mode = MODE_DATA;
	s->data = DATA_CRLF;
}

/* BDAT SP chunk-size [ SP "LAST" ], RFC 3030 2; false if it is not that. */
static bool
parse_bdat(const char *p, size_t n, uint64_t *size, bool *last)
{
	size_t digits = word_length(p, n), i;

	*size = 0;
	if (digits == 0)
		return false;
	for (i = 0; i < digits; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		if (*size <= (UINT64_MAX - 9) / 10)
			*size = *size * 10 + (uint64_t)(p[i] - '0');
		else
			*size = UINT64_MAX;
	}
	*last = digits < n;
	return !*last || is_word(p + digits + 1, n - digits - 1, "LAST");
}

enum reply
check_bdat(const struct smtp *s, struct command *c)
{
	uint64_t size;
	bool last;

	(void)s;
	return parse_bdat(c->arg, c->n, &size, &last) ? R_NONE : bad_syntax(c);
}

static enum reply
count_chunk(struct smtp *s)
{
	return ++s->t.chunks > 1000 + s->set->max_size / 4096 ?
	    R_TOO_MANY_CHUNKS : R_NONE;
}

/* The chunk's octets are swallowed whatever we think of it. */
void
act_bdat(struct smtp *s, const struct command *c)
{
	enum reply r = check_login(s);

	if (r == R_NONE)
		r = check_body(s);
	parse_bdat(c->arg, c->n, &s->chunk_size, &s->chunk_last);
	/* swallowing is a courtesy; before login it has an end */
	if (r != R_NONE && !s->authenticated && s->chunk_size > BEFORE_LOGIN) {
		smtp_close(s, r);
		return;
	}
	if (s->chunk_size > INT64_MAX) {
		smtp_close(s, R_CHUNK_TOO_BIG);
		return;
	}
	s->chunk_left = s->chunk_size;
	s->mode = MODE_CHUNK;
	if (r == R_NONE)
		r = count_chunk(s);
	s->chunk_fetched = false;
	s->chunk_error = r;
	s->t.chunked |= r == R_NONE;
}

/* BURL SP absolute-URI [ SP "LAST" ], RFC 4468 3.2 */

enum reply
check_burl(const struct smtp *s, struct command *c)
{
	size_t url = word_length(c->arg, c->n);

	if (!burl_is_offered(s))
		return R_NOT_IMPLEMENTED;
	if (url == 0 || (url < c->n && !is_word(c->arg + url + 1,
	    c->n - url - 1, "LAST")))
		return bad_syntax(c);
	return check_body(s);	/* else the URL is not even looked at */
}

void
act_burl(struct smtp *s, const struct command *c)
{
	size_t url = word_length(c->arg, c->n);
	enum reply r = count_chunk(s);

	s->chunk_last = url < c->n;
	s->chunk_fetched = true;
	s->chunk_error = R_NONE;
	s->t.chunked = true;
	if (r != R_NONE || smtp_body_is_lost(s)) {
		smtp_fetch_done(s, r, 0);
		return;
	}
	s->wait = WAIT_FETCH;
	s->ops->fetch(s->arg, c->arg, url, smtp_size_limit(s) - s->t.octets);
}
