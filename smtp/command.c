/*
 * The verbs: a row each, with a check that alters nothing and a do. A check
 * may run twice: a command that is answered here waits until the relay has
 * answered all before it, so that replies keep their order.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "smtp/param.h"
#include "smtp/path.h"
#include "smtp/smtp.h"

#define BEFORE_LOGIN	1u	/* RFC 4954 4: allowed without authentication */
#define NO_ARGUMENT	2u
#define FORWARDED	4u	/* may be pending together with others */
#define OBSOLETE	8u

struct command {
	const struct row *row;
	const char *arg;
	size_t n;
	bool more_behind;	/* octets behind the line are already here */
	char note[48];		/* for the %s of the objection */
};

struct row {
	const char *verb;
	unsigned flags;
	const char *form;	/* for R_SYNTAX */
	enum reply (*check)(const struct smtp *, struct command *);
	void (*act)(struct smtp *, const struct command *);
};

static void
note(struct command *c, const char *text)
{
	snprintf(c->note, sizeof(c->note), "%s", text);
}

static enum reply
bad_syntax(struct command *c)
{
	note(c, c->row->form);
	return R_SYNTAX;
}

/* EHLO and HELO */

static enum reply
check_helo(const struct smtp *s, struct command *c)
{
	(void)s;
	return c->n < sizeof(s->helo) && helo_is_valid(c->arg, c->n) ?
	    R_NONE : bad_syntax(c);
}

static void
act_hello(struct smtp *s, const struct command *c)
{
	smtp_reset(s);
	s->ehlo = true;
	memcpy(s->helo, c->arg, c->n);
	s->helo[c->n] = '\0';
}

static void
act_helo(struct smtp *s, const struct command *c)
{
	act_hello(s, c);
	s->esmtp = false;
	smtp_put(s, "250 ", 4);
	smtp_put(s, s->set->hostname, strlen(s->set->hostname));
	smtp_put(s, "\r\n", 2);
}

static bool
auth_is_offered(const struct smtp *s)
{
	return !s->authenticated &&
	    (s->tls || s->set->tls != TLS_POLICY_REQUIRED);
}

/* Our limit, or that of the next server where it is lower. */
static uint64_t
size_limit(const struct smtp *s)
{
	uint64_t relay = s->set->relay.size;

	return relay > 0 && relay < s->set->max_size ? relay :
	    s->set->max_size;
}

/* With BURL there must be 8BITMIME (RFC 4468 4), which is the relay's. */
static bool
burl_is_offered(const struct smtp *s)
{
	return s->set->burl[0] != '\0' &&
	    (s->set->relay.capabilities & CAP_8BITMIME);
}

/* Lines of a multi-line reply: all but the last have a hyphen. */
struct lines {
	char text[1280];
	size_t len, last;
};

static void add(struct lines *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct lines *lines, const char *fmt, ...)
{
	size_t room = sizeof(lines->text) - lines->len;
	va_list ap;
	int n;

	lines->last = lines->len;
	va_start(ap, fmt);
	n = vsnprintf(lines->text + lines->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		abort();	/* every part is bounded */
	lines->len += (size_t)n;
}

static void
act_ehlo(struct smtp *s, const struct command *c)
{
	uint32_t relay = s->set->relay.capabilities;
	struct lines lines = { .len = 0 };

	act_hello(s, c);
	s->esmtp = true;
	add(&lines, "250-%s\r\n", s->set->hostname);
	add(&lines, "250-PIPELINING\r\n");
	add(&lines, "250-SIZE %llu\r\n", (unsigned long long)size_limit(s));
	if (relay & CAP_8BITMIME)
		add(&lines, "250-8BITMIME\r\n");
	if (relay & CAP_DSN)
		add(&lines, "250-DSN\r\n");
	add(&lines, "250-CHUNKING\r\n");
	if (burl_is_offered(s))
		add(&lines, "250-BURL%s\r\n", s->authenticated ?
		    s->set->burl : "");
	add(&lines, "250-ENHANCEDSTATUSCODES\r\n");
	if (s->set->has_certificate && !s->tls)
		add(&lines, "250-STARTTLS\r\n");
	if (auth_is_offered(s))
		add(&lines, "250-AUTH PLAIN LOGIN\r\n");
	lines.text[lines.last + 3] = ' ';
	smtp_put(s, lines.text, lines.len);
}

/* STARTTLS, RFC 3207 */

static enum reply
check_starttls(const struct smtp *s, struct command *c)
{
	if (s->tls)
		return R_STARTTLS_ACTIVE;
	if (!s->set->has_certificate)
		return R_STARTTLS_OFF;
	/* whoever put it there, it must not be taken for protected input */
	if (c->more_behind)
		return R_STARTTLS_PIPELINED;
	return R_NONE;
}

static void
act_starttls(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_reset(s);
	smtp_reply(s, R_STARTTLS_GO, NULL);
	s->wait = WAIT_TLS;
}

/* AUTH, RFC 4954 */

static bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

static size_t
word_length(const char *p, size_t n)
{
	const char *space = memchr(p, ' ', n);

	return space == NULL ? n : (size_t)(space - p);
}

static enum reply
check_auth(const struct smtp *s, struct command *c)
{
	size_t mechanism = word_length(c->arg, c->n);

	if (!s->ehlo)
		return R_NEED_EHLO;
	if (s->authenticated)
		return R_AUTH_TWICE;
	if (smtp_in_transaction(s))
		return R_AUTH_IN_TRANSACTION;
	if (!auth_is_offered(s))
		return R_AUTH_NEEDS_TLS;
	if (mechanism == 0 || mechanism + 1 == c->n)
		return bad_syntax(c);
	if (mechanism < c->n && memchr(c->arg + mechanism + 1, ' ',
	    c->n - mechanism - 1) != NULL)
		return bad_syntax(c);
	if (!is_word(c->arg, mechanism, "PLAIN") &&
	    !is_word(c->arg, mechanism, "LOGIN"))
		return R_AUTH_MECHANISM;
	return R_NONE;
}

static void
act_auth(struct smtp *s, const struct command *c)
{
	smtp_auth_begin(s, c->arg, c->n);
}

/* MAIL and RCPT */

/* Behind "FROM:" or "TO:"; spaces there are common and harmless. */
static bool
take_prefix(const char *prefix, const char **p, size_t *n)
{
	size_t len = strlen(prefix);

	if (*n < len || strncasecmp(*p, prefix, len) != 0)
		return false;
	*p += len;
	*n -= len;
	while (*n > 0 && **p == ' ')
		(*p)++, (*n)--;
	return true;
}

static enum reply
param_reply(struct command *c, enum param_status status,
    const struct param_error *error)
{
	note(c, error->name);
	switch (status) {
	case PARAM_OK:
		return R_NONE;
	case PARAM_UNKNOWN:
		return R_PARAM_UNKNOWN;
	case PARAM_VALUE:
		return R_PARAM_VALUE;
	case PARAM_TWICE:
		return R_PARAM_TWICE;
	default:
		return bad_syntax(c);
	}
}

/* What the next server has not offered, we have not either. */
static enum reply
unoffered(struct command *c, const char *keyword)
{
	note(c, keyword);
	return R_PARAM_UNKNOWN;
}

static enum reply
check_mail_params(const struct smtp *s, struct command *c, const char *p,
    size_t n)
{
	uint32_t relay = s->set->relay.capabilities;
	struct param_error error;
	struct mail_params params;
	enum reply r;

	r = param_reply(c, mail_params_parse(p, n, &params, &error), &error);
	if (r != R_NONE)
		return r;
	if (params.body == BODY_BINARYMIME)
		return unoffered(c, "BODY=BINARYMIME");
	if (params.body == BODY_8BITMIME && !(relay & CAP_8BITMIME))
		return unoffered(c, "BODY=8BITMIME");
	if ((params.has_ret || params.has_envid) && !(relay & CAP_DSN))
		return unoffered(c, params.has_ret ? "RET" : "ENVID");
	if (params.has_size && params.size > size_limit(s)) {
		snprintf(c->note, sizeof(c->note), "%llu",
		    (unsigned long long)size_limit(s));
		return R_TOO_BIG;
	}
	return R_NONE;
}

static enum reply
check_mail(const struct smtp *s, struct command *c)
{
	const char *p = c->arg;
	size_t n = c->n, used;
	struct path path;

	if (!s->ehlo)
		return R_NEED_EHLO;
	if (s->t.mail || s->t.mail_pending > 0)
		return R_MAIL_GIVEN;
	if (!take_prefix("FROM:", &p, &n))
		return bad_syntax(c);
	used = path_parse(p, n, &path);
	if (used == 0)
		return R_BAD_SENDER;
	if (path.local_len > 0 && (path.has_domain ? !path_is_qualified(&path) :
	    !s->set->has_domain))
		return R_UNQUALIFIED_SENDER;
	return check_mail_params(s, c, p + used, n - used);
}

static void
act_mail(struct smtp *s, const struct command *c)
{
	s->t.mail_pending++;
	smtp_relay(s, RELAY_MAIL, c->arg, c->n);
}

static enum reply
check_recipient(const struct smtp *s, const struct path *path)
{
	if (path->local_len == 0)
		return R_BAD_RECIPIENT;
	if (path->has_domain)
		return path_is_qualified(path) ? R_NONE :
		    R_UNQUALIFIED_RECIPIENT;
	/* postmaster alone is always good, RFC 5321 4.5.1 */
	if (s->set->has_domain || is_word(path->address, path->local_len,
	    "postmaster"))
		return R_NONE;
	return R_UNQUALIFIED_RECIPIENT;
}

static enum reply
check_rcpt(const struct smtp *s, struct command *c)
{
	const char *p = c->arg;
	size_t n = c->n, used;
	struct param_error error;
	struct rcpt_params params;
	struct path path;
	enum reply r;

	if (!s->t.mail && s->t.mail_pending == 0)
		return R_NEED_MAIL;
	if (s->t.chunked)
		return R_RCPT_AFTER_CHUNK;
	if (!take_prefix("TO:", &p, &n))
		return bad_syntax(c);
	used = path_parse(p, n, &path);
	if (used == 0)
		return R_BAD_RECIPIENT;
	r = check_recipient(s, &path);
	if (r != R_NONE)
		return r;
	r = param_reply(c, rcpt_params_parse(p + used, n - used, &params,
	    &error), &error);
	if (r != R_NONE)
		return r;
	if ((params.has_notify || params.has_orcpt) &&
	    !(s->set->relay.capabilities & CAP_DSN))
		return unoffered(c, params.has_notify ? "NOTIFY" : "ORCPT");
	if (s->t.rcpt + s->t.rcpt_pending >= s->set->max_recipients)
		return R_TOO_MANY_RECIPIENTS;
	return R_NONE;
}

static void
act_rcpt(struct smtp *s, const struct command *c)
{
	s->t.rcpt_pending++;
	s->t.rcpt_tried++;
	smtp_relay(s, RELAY_RCPT, c->arg, c->n);
}

/* DATA and BDAT */

/* What every command but a few needs first. */
static enum reply
check_login(const struct smtp *s)
{
	if (s->authenticated)
		return R_NONE;
	return s->set->tls == TLS_POLICY_REQUIRED && !s->tls ? R_NEED_TLS :
	    R_NEED_AUTH;
}

static enum reply
check_body(const struct smtp *s)
{
	if (!s->t.mail)
		return R_NEED_MAIL;
	if (s->t.error != R_NONE || s->t.early_code != 0)
		return R_CHUNK_FAILED;
	if (s->t.rcpt_tried == 0)
		return R_NEED_RCPT;
	if (s->t.rcpt == 0)
		return R_NO_VALID_RECIPIENTS;
	return R_NONE;
}

static enum reply
check_data(const struct smtp *s, struct command *c)
{
	(void)c;
	if (s->t.chunked)
		return R_DATA_AFTER_CHUNK;
	return check_body(s);
}

static void
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

static enum reply
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
static void
act_bdat(struct smtp *s, const struct command *c)
{
	enum reply r = check_login(s);

	if (r == R_NONE)
		r = check_body(s);
	parse_bdat(c->arg, c->n, &s->chunk_size, &s->chunk_last);
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

static enum reply
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

static void
act_burl(struct smtp *s, const struct command *c)
{
	size_t url = word_length(c->arg, c->n);
	enum reply r = count_chunk(s);

	s->chunk_last = url < c->n;
	s->chunk_fetched = true;
	s->chunk_error = R_NONE;
	s->t.chunked = true;
	if (r != R_NONE) {
		smtp_fetch_done(s, r, 0);
		return;
	}
	s->wait = WAIT_FETCH;
	s->ops->fetch(s->arg, c->arg, url, s->set->max_size - s->t.octets);
}

/* The small ones */

/* The relay aborts what it has begun; its word comes as the reply. */
static void
act_rset(struct smtp *s, const struct command *c)
{
	bool transaction = smtp_in_transaction(s);

	(void)c;
	smtp_forget(s);
	if (transaction)
		smtp_relay(s, RELAY_RSET, NULL, 0);
	else
		smtp_reply(s, R_DONE, NULL);
}

static void
act_noop(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_reply(s, R_DONE, NULL);
}

static enum reply
check_vrfy(const struct smtp *s, struct command *c)
{
	(void)s;
	return c->n > 0 ? R_NONE : bad_syntax(c);
}

static void
act_vrfy(struct smtp *s, const struct command *c)
{
	smtp_relay(s, RELAY_VRFY, c->arg, c->n);
}

static void
act_help(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_reply(s, R_HELP, NULL);
}

static void
act_quit(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_close(s, R_QUIT);
}

static const struct row rows[] = {
	{ "EHLO", BEFORE_LOGIN, "EHLO domain", check_helo, act_ehlo },
	{ "HELO", BEFORE_LOGIN, "HELO domain", check_helo, act_helo },
	{ "STARTTLS", BEFORE_LOGIN | NO_ARGUMENT, "STARTTLS", check_starttls,
	    act_starttls },
	{ "AUTH", BEFORE_LOGIN, "AUTH mechanism [initial-response]",
	    check_auth, act_auth },
	{ "MAIL", FORWARDED, "MAIL FROM:<address> [parameters]", check_mail,
	    act_mail },
	{ "RCPT", FORWARDED, "RCPT TO:<address> [parameters]", check_rcpt,
	    act_rcpt },
	{ "DATA", NO_ARGUMENT, "DATA", check_data, act_data },
	/* its octets are swallowed before login too, lest they be commands */
	{ "BDAT", BEFORE_LOGIN, "BDAT octets [LAST]", check_bdat, act_bdat },
	{ "BURL", 0, "BURL URL [LAST]", check_burl, act_burl },
	{ "RSET", BEFORE_LOGIN | NO_ARGUMENT, "RSET", NULL, act_rset },
	{ "NOOP", BEFORE_LOGIN, "NOOP", NULL, act_noop },
	{ "VRFY", FORWARDED, "VRFY string", check_vrfy, act_vrfy },
	{ "HELP", BEFORE_LOGIN, "HELP", NULL, act_help },
	{ "QUIT", BEFORE_LOGIN | NO_ARGUMENT, "QUIT", NULL, act_quit },
	/* known, and not for submission (RFC 6409 7) or not at all */
	{ "EXPN", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "TURN", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "ATRN", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "ETRN", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "SEND", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "SOML", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
	{ "SAML", BEFORE_LOGIN | OBSOLETE, "", NULL, NULL },
};

static const struct row *
find_row(const char *verb, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is_word(verb, n, rows[i].verb))
			return &rows[i];
	return NULL;
}

static enum reply
check_octets(const char *line, size_t n)
{
	size_t i;

	if (memchr(line, '\r', n) != NULL)
		return R_BARE_CR_LF;
	for (i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			return R_BAD_OCTET;
	return R_NONE;
}

static enum reply
check_command(const struct smtp *s, struct command *c)
{
	unsigned flags;

	if (c->row == NULL)
		return R_UNKNOWN_COMMAND;
	flags = c->row->flags;
	if (flags & OBSOLETE)
		return R_NOT_IMPLEMENTED;
	if (!(flags & BEFORE_LOGIN) && check_login(s) != R_NONE)
		return check_login(s);
	if ((flags & NO_ARGUMENT) && c->n > 0)
		return bad_syntax(c);
	return c->row->check == NULL ? R_NONE : c->row->check(s, c);
}

bool
smtp_command_line(struct smtp *s, const char *line, size_t n,
    bool more_behind)
{
	struct command c = { .more_behind = more_behind };
	size_t verb = word_length(line, n);
	enum reply r = check_octets(line, n);

	if (r == R_NONE) {
		c.row = find_row(line, verb);
		c.arg = line + (verb < n ? verb + 1 : verb);
		c.n = verb < n ? n - verb - 1 : 0;
		while (c.n > 0 && c.arg[c.n - 1] == ' ')
			c.n--;
		r = check_command(s, &c);
	}
	if (s->pending_count > 0 && (r != R_NONE ||
	    !(c.row->flags & FORWARDED) || s->pending_count == PENDING_MAX)) {
		s->wait = WAIT_ANSWERS;
		return false;
	}
	if (r != R_NONE)
		smtp_objection(s, r, c.note);
	else
		c.row->act(s, &c);
	return true;
}
