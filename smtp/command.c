/*
 * The table of verbs: a row each, with a check that alters nothing and a do.
 * The longer ones are in greeting.c, envelope.c and content.c. A check may
 * run twice: a command that is answered here waits until the relay has
 * answered all before it, so that replies keep their order.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "smtp/verbs.h"

#define BEFORE_LOGIN	1u	/* RFC 4954 4: allowed without authentication */
#define NO_ARGUMENT	2u
#define FORWARDED	4u	/* may be pending together with others */
#define ALONE		8u	/* ... but not behind others */
#define OBSOLETE	16u
#define UTF8		32u	/* RFC 6531 3.3 and 3.7.4 */

void
note(struct command *c, const char *text)
{
	snprintf(c->note, sizeof(c->note), "%s", text == NULL ? "" : text);
}

enum reply
bad_syntax(struct command *c)
{
	note(c, c->row->form);
	return R_SYNTAX;
}

size_t
word_length(const char *p, size_t n)
{
	const char *space = memchr(p, ' ', n);

	return space == NULL ? n : (size_t)(space - p);
}

bool
is_ascii(const char *p, size_t n)
{
	for (; n > 0; p++, n--)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

static bool
is_for_now(enum reply r)
{
	return r != R_NONE && reply_code(r) / 100 == 4;
}

/* What every command but a few needs first. */
enum reply
check_login(const struct smtp *s)
{
	if (s->authenticated)
		return R_NONE;
	/* the certificate could not be checked: not the client's fault */
	if (is_for_now(s->implicit_reply))
		return s->implicit_reply;
	return s->set->tls == TLS_POLICY_REQUIRED && !s->tls ? R_NEED_TLS :
	    R_NEED_AUTH;
}

/* The small ones */

/* The relay aborts what it has begun; its word comes as the reply. */
static void
act_rset(struct smtp *s, const struct command *c)
{
	bool transaction = smtp_in_transaction(s) && !s->t.gone;

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

/* RFC 6531 3.7.4.2: a word behind the string, where it is offered */
static enum reply
check_vrfy(const struct smtp *s, struct command *c)
{
	bool word = c->n > 9 && is_word(c->arg + c->n - 9, 9, " SMTPUTF8");

	(void)s;
	if (!word && !is_ascii(c->arg, c->n))
		return R_NEED_SMTPUTF8;
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
	{ "XCLIENT", BEFORE_LOGIN, "", check_xclient, act_xclient },
	{ "MAIL", FORWARDED | ALONE | UTF8, "MAIL FROM:<address> [parameters]",
	    check_mail, act_mail },
	{ "RCPT", FORWARDED | UTF8, "RCPT TO:<address> [parameters]",
	    check_rcpt, act_rcpt },
	{ "DATA", NO_ARGUMENT, "DATA", check_data, act_data },
	/* its octets are swallowed before login too, lest they be commands */
	{ "BDAT", BEFORE_LOGIN, "BDAT octets [LAST]", check_bdat, act_bdat },
	{ "BURL", 0, "BURL URL [LAST]", check_burl, act_burl },
	{ "RSET", BEFORE_LOGIN | NO_ARGUMENT, "RSET", NULL, act_rset },
	{ "NOOP", BEFORE_LOGIN, "NOOP", NULL, act_noop },
	{ "VRFY", FORWARDED | UTF8, "VRFY string", check_vrfy,
	    act_vrfy },
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

/* US-ASCII, or UTF-8 where there may be an address. */
static enum reply
check_octets(const struct smtp *s, const struct row *row, const char *line,
    size_t n)
{
	if (memchr(line, '\r', n) != NULL)
		return R_BARE_CR_LF;
	if (is_ascii(line, n) || (row != NULL && (row->flags & UTF8) &&
	    (smtp_offered(s) & CAP_SMTPUTF8) && utf8_is_clean(line, n)))
		return R_NONE;
	return R_BAD_OCTET;
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

/* A MAIL for which the certificate that was shown is yet to be tried. */
static bool
wants_login(const struct smtp *s, const struct command *c)
{
	return c->row != NULL && c->row->act == act_mail && s->certificate &&
	    !s->authenticated && s->ehlo && s->implicit_reply == R_NONE;
}

bool
smtp_command_line(struct smtp *s, const char *line, size_t n,
    bool more_behind)
{
	size_t verb = word_length(line, n);
	struct command c = { .more_behind = more_behind,
	    .row = find_row(line, verb) };
	enum reply r = check_octets(s, c.row, line, n);

	if (r == R_NONE) {
		c.arg = line + (verb < n ? verb + 1 : verb);
		c.n = verb < n ? n - verb - 1 : 0;
		while (c.n > 0 && c.arg[c.n - 1] == ' ')
			c.n--;
		r = check_command(s, &c);
	}
	if (r != R_NONE && wants_login(s, &c)) {
		smtp_auth_implicit(s);
		return false;
	}
	if (s->pending_count > 0 && (r != R_NONE ||
	    (c.row->flags & (FORWARDED | ALONE)) != FORWARDED ||
	    s->pending_count == PENDING_MAX || !s->ops->room(s->arg, n))) {
		s->wait = WAIT_ANSWERS;
		return false;
	}
	if (is_for_now(s->implicit_reply))
		s->implicit_reply = R_NONE;	/* the next MAIL tries again */
	if (r != R_NONE)
		smtp_objection(s, r, c.note);
	else
		c.row->act(s, &c);
	return true;
}
