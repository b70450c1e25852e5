/*
 * EHLO and HELO (RFC 5321 4.1.1.1), STARTTLS (RFC 3207), and whether AUTH
 * may begin (RFC 4954 4). XCLIENT, which begins all anew for another client
 * (Postfix's XCLIENT_README).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smtp/path.h"
#include "smtp/verbs.h"
#include "smtp/xclient.h"

enum reply
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
	if (s->helo_told)
		return;
	memcpy(s->helo, c->arg, c->n);
	s->helo[c->n] = '\0';
}

void
act_helo(struct smtp *s, const struct command *c)
{
	act_hello(s, c);
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

/* No password, as with a token: none for IMAP servers that want it. */
static const char *
burl_argument(const struct smtp *s)
{
	return s->authenticated && s->mechanism >= SASL_OAUTHBEARER ?
	    s->set->burl_token : s->set->burl;
}

/*
 * What the relay has offered, but for that which needs another thing too:
 * RFC 6531 3.1, RFC 3030 3, RFC 8689 2.
 */
uint32_t
smtp_offered(const struct smtp *s)
{
	uint32_t offered = s->set->relay.capabilities;

	if (!(offered & CAP_8BITMIME))
		offered &= ~(uint32_t)(CAP_SMTPUTF8 | CAP_BINARYMIME);
	if (!(offered & CAP_CHUNKING))
		offered &= ~(uint32_t)CAP_BINARYMIME;
	if (!s->tls)
		offered &= ~(uint32_t)CAP_REQUIRETLS;
	return offered;
}

/* With BURL there must be 8BITMIME (RFC 4468 4), which is the relay's. */
bool
burl_is_offered(const struct smtp *s)
{
	return burl_argument(s)[0] != '\0' &&
	    (s->set->relay.capabilities & CAP_8BITMIME);
}

/* Lines of a multi-line reply: all but the last have a hyphen. */
struct lines {
	char text[2560];
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

	if (strncmp(fmt, "250-", 4) == 0)
		lines->last = lines->len;
	va_start(ap, fmt);
	n = vsnprintf(lines->text + lines->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		abort();	/* every part is bounded */
	lines->len += (size_t)n;
}

static void
add_if(struct lines *lines, bool offered, const char *keyword)
{
	if (offered)
		add(lines, "250-%s\r\n", keyword);
}

/* Its end is counted from now: what the relay said was true then only. */
static void
add_futurerelease(struct lines *lines, const struct smtp *s)
{
	uint32_t most = s->set->relay.hold_max;
	time_t until = (time_t)(s->ops->now(s->arg) + most);
	struct tm tm;

	gmtime_r(&until, &tm);
	add(lines, "250-FUTURERELEASE %lu %04d-%02d-%02dT%02d:%02d:%02dZ\r\n",
	    (unsigned long)most, tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
add_limits(struct lines *lines, const struct smtp *s)
{
	unsigned rcpt = smtp_recipient_limit(s);
	uint32_t domains = s->set->relay.limits[LIMIT_DOMAIN];

	add(lines, "250-LIMITS RCPTMAX=%u", rcpt < LIMIT_MAX ? rcpt :
	    LIMIT_MAX);
	if (domains > 0)
		add(lines, " RCPTDOMAINMAX=%lu", (unsigned long)domains);
	add(lines, "\r\n");
}

/* What the relay has to keep, with its parameters. */
static void
add_offered(struct lines *lines, const struct smtp *s)
{
	const struct ehlo *relay = &s->set->relay;
	uint32_t offered = smtp_offered(s);

	add_if(lines, offered & CAP_8BITMIME, "8BITMIME");
	add_if(lines, offered & CAP_SMTPUTF8, "SMTPUTF8");
	add_if(lines, offered & CAP_DSN, "DSN");
	add_if(lines, offered & CAP_BINARYMIME, "BINARYMIME");
	if ((offered & CAP_DELIVERBY) && relay->by_min > 0)
		add(lines, "250-DELIVERBY %lu\r\n",
		    (unsigned long)relay->by_min);
	else
		add_if(lines, offered & CAP_DELIVERBY, "DELIVERBY");
	if (offered & CAP_FUTURERELEASE)
		add_futurerelease(lines, s);
	if (offered & CAP_MT_PRIORITY)
		add(lines, "250-MT-PRIORITY%s%s\r\n", relay->profile[0] ==
		    '\0' ? "" : " ", relay->profile);
	if (offered & CAP_NO_SOLICITING)
		add(lines, "250-NO-SOLICITING%s%s\r\n", relay->solicit[0] ==
		    '\0' ? "" : " ", relay->solicit);
	add_if(lines, offered & CAP_REQUIRETLS, "REQUIRETLS");
}

void
act_ehlo(struct smtp *s, const struct command *c)
{
	struct lines lines = { .len = 0 };

	act_hello(s, c);
	add(&lines, "250-%s\r\n", s->set->hostname);
	add(&lines, "250-PIPELINING\r\n");
	add(&lines, "250-SIZE %llu\r\n",
	    (unsigned long long)smtp_size_limit(s));
	add_offered(&lines, s);
	add(&lines, "250-CHUNKING\r\n");
	add_limits(&lines, s);
	if (burl_is_offered(s))
		add(&lines, "250-BURL%s\r\n", s->authenticated ?
		    burl_argument(s) : "");
	add(&lines, "250-ENHANCEDSTATUSCODES\r\n");
	if (s->set->has_certificate && !s->tls && !s->authenticated)
		add(&lines, "250-STARTTLS\r\n");
	if (auth_is_offered(s))
		add(&lines, "250-AUTH%s%s%s\r\n",
		    s->set->passwords ? " PLAIN LOGIN" : "",
		    s->set->tokens ? " OAUTHBEARER XOAUTH2" : "",
		    s->certificate ? " EXTERNAL" : "");
	if (s->set->xclient && !s->authenticated)
		add(&lines, "250-XCLIENT " XCLIENT_OFFER "\r\n");
	lines.text[lines.last + 3] = ' ';
	smtp_put(s, lines.text, lines.len);
}

/* STARTTLS, RFC 3207 */

enum reply
check_starttls(const struct smtp *s, struct command *c)
{
	if (s->tls)
		return R_STARTTLS_ACTIVE;
	if (!s->set->has_certificate)
		return R_STARTTLS_OFF;
	/* RFC 3207 4.2 would have the login forgotten; nobody wants that */
	if (s->authenticated)
		return R_STARTTLS_LATE;
	/* whoever put it there, it must not be taken for protected input */
	if (c->more_behind)
		return R_STARTTLS_PIPELINED;
	return R_NONE;
}

void
act_starttls(struct smtp *s, const struct command *c)
{
	(void)c;
	smtp_reset(s);
	smtp_reply(s, R_STARTTLS_GO, NULL);
	s->wait = WAIT_TLS;
}

enum reply
check_auth(const struct smtp *s, struct command *c)
{
	size_t mechanism = word_length(c->arg, c->n);

	if (!s->ehlo)
		return R_NEED_EHLO;
	if (s->authenticated)	/* and so none in a transaction */
		return R_AUTH_TWICE;
	if (!auth_is_offered(s))
		return R_AUTH_NEEDS_TLS;
	if (mechanism == 0 || mechanism + 1 == c->n)
		return bad_syntax(c);
	if (mechanism < c->n && memchr(c->arg + mechanism + 1, ' ',
	    c->n - mechanism - 1) != NULL)
		return bad_syntax(c);
	return smtp_mechanism(s, c->arg, mechanism) == SASL_MECHANISMS ?
	    R_AUTH_MECHANISM : R_NONE;
}

void
act_auth(struct smtp *s, const struct command *c)
{
	smtp_auth_begin(s, c->arg, c->n);
}

/* XCLIENT */

enum reply
check_xclient(const struct smtp *s, struct command *c)
{
	static const enum reply replies[] = {
		[XCLIENT_OK] = R_NONE,
		[XCLIENT_SYNTAX] = R_XCLIENT_SYNTAX,
		[XCLIENT_UNKNOWN] = R_XCLIENT_NAME,
		[XCLIENT_VALUE] = R_XCLIENT_VALUE,
		[XCLIENT_TWICE] = R_XCLIENT_TWICE,
		[XCLIENT_LOGIN] = R_XCLIENT_LOGIN
	};
	struct xclient xclient;
	enum reply r;

	if (!s->set->xclient)
		return R_XCLIENT_NO_TRUST;
	if (s->authenticated)	/* and so never in a transaction */
		return R_XCLIENT_LATE;
	r = replies[xclient_parse(c->arg, c->n, &xclient)];
	if (r == R_NONE && xclient.address[0] != '\0' && s->set->namings == 0)
		return R_XCLIENT_OFTEN;
	note(c, xclient.name);
	return r;
}

/* To the state of the greeting; TLS stays, and what was told (README). */
static void
begin_anew(struct smtp *s)
{
	s->ehlo = false;
	if (!s->helo_told)
		s->helo[0] = '\0';
	smtp_greet(s);
}

void
act_xclient(struct smtp *s, const struct command *c)
{
	struct xclient xclient;

	xclient_parse(c->arg, c->n, &xclient);
	s->certificate = false;	/* it was the proxy's */
	if (xclient.helo[0] != '\0') {
		memcpy(s->helo, xclient.helo, sizeof(s->helo));
		s->helo_told = true;
	}
	if (xclient.address[0] == '\0') {
		begin_anew(s);
		return;
	}
	s->wait = WAIT_CLIENT;
	s->ops->client(s->arg, xclient.address);
}

void
smtp_client_done(struct smtp *s, bool welcome)
{
	s->wait = WAIT_NOTHING;
	if (welcome)
		begin_anew(s);
	else
		smtp_close(s, R_TOO_MANY_CONNECTIONS);
}
