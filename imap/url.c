/*
 * The grammar (RFC 5092 section 11, with the extensions of RFC 4467 section
 * 9 and RFC 5593), cut down to URLs that name a message:
 *
 *	url      = "imap://" [ owner "@" ] host [ ":" port ]
 *	           "/" mailbox [ ";UIDVALIDITY=" nz ] "/;UID=" nz
 *	           [ "/;SECTION=" section ] [ "/;PARTIAL=" number [ "." nz ] ]
 *	           [ [ ";EXPIRE=" date-time ] ";URLAUTH=" access
 *	             [ ":" mechanism ":" token ] ]
 *	owner    = user [ ";AUTH=" ( "*" / 1*achar ) ] / ";AUTH=" ...
 *	access   = "submit+" user / "user+" user / "authuser" /
 *	           "anonymous" / "stream" / word [ "+" user ]
 *	user     = 1*achar	; no ":" "@" "/" but by %XX
 *	mailbox  = 1*bchar	; ends before ";" or "/;"
 *	section  = 1*bchar	; decoded: a section-spec of RFC 3501
 *	achar    = ALPHA / DIGIT / any of -._~!$'()*+,&= / "%" 2HEXDIG
 *	bchar    = achar / ":" / "@" / "/"
 *
 * Stricter than the RFCs: a host is an address or a plain name without %XX,
 * a port is 1..65535 without leading zeros and never empty, what is decoded
 * is UTF-8 without control characters, and numbers end at 2^32 - 1 (as they
 * do in IMAP). Keywords are taken in any case. The token is only cut out
 * here; the policy wants 32 hex digits (4467 section 9) and says so itself,
 * since "wrong token" is another answer than "not an IMAP URL".
 */
#include <sys/socket.h>

#include <arpa/inet.h>

#include <string.h>
#include <strings.h>

#include "imap/text.h"
#include "imap/url.h"

struct cursor {
	const char *p, *end;
	const char *why;	/* the first fault, or NULL */
};

static void
fault(struct cursor *c, const char *why)
{
	if (c->why == NULL)
		c->why = why;
	c->p = c->end;
}

/* Takes the word if it comes next, in any case. */
static bool
word(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(c->end - c->p) < len || strncasecmp(c->p, text, len) != 0)
		return false;
	c->p += len;
	return true;
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_achar(char c)
{
	return is_alnum(c) || is_one_of(c, "-._~!$'()*+,&=");
}

static bool
is_bchar(char c)
{
	return is_achar(c) || c == ':' || c == '@' || c == '/';
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet, %XX decoded; -1 and a fault if the percent sign is none. */
static int
octet(struct cursor *c)
{
	int high, low;

	if (*c->p != '%')
		return (unsigned char)*c->p++;
	if (c->end - c->p < 3 || (high = hex(c->p[1])) == -1 ||
	    (low = hex(c->p[2])) == -1) {
		fault(c, "bad percent encoding");
		return -1;
	}
	c->p += 3;
	return high << 4 | low;
}

/* 1*achar or 1*bchar, decoded into dst. */
static void
decode(struct cursor *c, bool (*allowed)(char), char *dst, size_t size,
    const char *empty)
{
	size_t len = 0;
	int value;

	while (c->p < c->end && (*c->p == '%' || allowed(*c->p))) {
		if ((value = octet(c)) == -1)
			break;
		if (len + 1 >= size) {
			fault(c, "a part of the URL is too long");
			break;
		}
		dst[len++] = (char)value;
	}
	dst[len] = '\0';
	if (len == 0)
		fault(c, empty);
	else if (!utf8_is_clean(dst, len))
		fault(c, "control character or bad UTF-8");
}

static uint32_t
number(struct cursor *c, uint32_t least)
{
	uint64_t value = 0;
	const char *start = c->p;

	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
		if ((value = value * 10 + (uint64_t)(*c->p - '0')) > UINT32_MAX)
			break;
	if (c->p == start || value > UINT32_MAX || value < least ||
	    (*start == '0' && c->p - start > 1))
		fault(c, "bad number");
	return (uint32_t)value;
}

static void
parse_owner(struct cursor *c, struct imap_url *url)
{
	char ignored[IMAP_NAME_MAX + 1];

	if (c->p < c->end && *c->p != ';')
		decode(c, is_achar, url->user, sizeof(url->user),
		    "empty user");
	else if (c->p == c->end)
		fault(c, "empty user");
	/* how to log in is the configuration's matter, not the URL's */
	if (word(c, ";AUTH=") && !word(c, "*"))
		decode(c, is_achar, ignored, sizeof(ignored),
		    "empty mechanism after ;AUTH=");
	if (c->p != c->end)
		fault(c, "odd character in the user");
}

/* An IPv6 address in brackets, or letters, digits, dots, dashes and
   underscores: IPv4 addresses are names as any other. */
static void
parse_host(struct cursor *c, struct imap_url *url)
{
	bool bracket = word(c, "[");
	unsigned char address[16];
	size_t len = 0;

	while (c->p < c->end && (is_alnum(*c->p) || is_one_of(*c->p, "-._") ||
	    (bracket && *c->p == ':')) && len < IMAP_NAME_MAX)
		url->host[len++] = *c->p++;
	url->host[len] = '\0';
	if (len == 0)
		fault(c, "empty host");
	if (bracket && (!word(c, "]") ||
	    inet_pton(AF_INET6, url->host, address) != 1))
		fault(c, "bad IPv6 address");
}

static void
parse_authority(struct cursor *c, struct imap_url *url)
{
	struct cursor part = { .p = c->p };
	const char *at;

	while (c->p < c->end && *c->p != '/')
		c->p++;
	part.end = c->p;
	at = memchr(part.p, '@', (size_t)(part.end - part.p));
	if (at != NULL) {
		struct cursor owner = { .p = part.p, .end = at };

		parse_owner(&owner, url);
		part.p = at + 1;
		part.why = owner.why;
	}
	parse_host(&part, url);
	url->port = IMAP_PORT;
	if (word(&part, ":")) {
		uint32_t port = number(&part, 1);

		if (port > 65535)
			fault(&part, "bad number");
		url->port = (uint16_t)port;
	}
	if (part.p != part.end)
		fault(&part, "odd character in the host");
	if (part.why != NULL)
		fault(c, part.why);
}

/* The slash of "/;" belongs to what follows, but bchar took it. */
static void
give_back_slash(struct cursor *c, char *text)
{
	size_t len = strlen(text);

	if (c->why == NULL && len > 1 && c->p[-1] == '/') {
		text[len - 1] = '\0';
		c->p--;
	}
}

static bool
is_header_name(char c)
{
	return c > ' ' && c <= '~' && strchr("()<>{}[]%*\"\\:", c) == NULL;
}

/* SP "(" name *( SP name ) ")" */
static bool
is_header_list(const char *s)
{
	if (s[0] != ' ' || s[1] != '(')
		return false;
	s++;
	do {
		s++;
		if (!is_header_name(*s))
			return false;
		while (is_header_name(*s))
			s++;
	} while (*s == ' ');
	return strcmp(s, ")") == 0;
}

/*
 * RFC 3501 section 9, section-spec: numbers with dots, then HEADER, TEXT,
 * HEADER.FIELDS (...), HEADER.FIELDS.NOT (...) or, after a number, MIME.
 * Checked because it goes into our own FETCH command.
 */
static bool
is_section(const char *s)
{
	const char *start = s;

	while (*s >= '1' && *s <= '9') {
		while (*s >= '0' && *s <= '9')
			s++;
		if (*s == '\0')
			return true;
		if (*s++ != '.')
			return false;
	}
	if (strcasecmp(s, "HEADER") == 0 || strcasecmp(s, "TEXT") == 0)
		return true;
	if (strcasecmp(s, "MIME") == 0)
		return s > start;
	if (strncasecmp(s, "HEADER.FIELDS", 13) != 0)
		return false;
	s += 13;
	if (strncasecmp(s, ".NOT", 4) == 0)
		s += 4;
	return is_header_list(s);
}

static void
parse_message(struct cursor *c, struct imap_url *url)
{
	decode(c, is_bchar, url->mailbox, sizeof(url->mailbox),
	    "names no mailbox");
	give_back_slash(c, url->mailbox);
	if (word(c, ";UIDVALIDITY="))
		url->uidvalidity = number(c, 1);
	if (!word(c, "/;UID=")) {
		fault(c, "names no message");
		return;
	}
	url->uid = number(c, 1);
	if (word(c, "/;SECTION=")) {
		decode(c, is_bchar, url->section, sizeof(url->section),
		    "empty section");
		if (c->p < c->end && *c->p == ';')
			give_back_slash(c, url->section);
		if (!is_section(url->section))
			fault(c, "bad section");
	}
	if (word(c, "/;PARTIAL=")) {
		url->partial = true;
		url->offset = number(c, 0);
		if (word(c, "."))
			url->length = number(c, 1);
	}
}

static void
parse_expire(struct cursor *c, struct imap_url *url)
{
	const char *start = c->p;

	while (c->p < c->end && *c->p != ';')
		c->p++;
	if (date_parse(start, (size_t)(c->p - start), &url->expire) == -1)
		fault(c, "bad ;EXPIRE= time");
	url->expires = true;
}

static void
parse_access(struct cursor *c, struct imap_url *url)
{
	static const struct {
		const char *name;
		enum imap_access access;
	} names[] = {
		{ "submit", IMAP_ACCESS_SUBMIT },
		{ "user", IMAP_ACCESS_USER },
		{ "authuser", IMAP_ACCESS_AUTHUSER },
		{ "anonymous", IMAP_ACCESS_ANONYMOUS },
		{ "stream", IMAP_ACCESS_STREAM },
	};
	const char *start = c->p;
	size_t i, len;
	bool named;

	while (c->p < c->end && is_alnum(*c->p))
		c->p++;
	len = (size_t)(c->p - start);
	url->access = IMAP_ACCESS_OTHER;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len &&
		    strncasecmp(start, names[i].name, len) == 0)
			url->access = names[i].access;
	named = word(c, "+");
	if (named)
		decode(c, is_achar, url->access_user,
		    sizeof(url->access_user), "empty user in ;URLAUTH=");
	if (len == 0 || (url->access != IMAP_ACCESS_OTHER &&
	    named != (url->access <= IMAP_ACCESS_USER)))
		fault(c, "bad access in ;URLAUTH=");
}

/* ":" mechanism ":" token, both possibly too short for the policy. */
static void
parse_verifier(struct cursor *c, struct imap_url *url, const char *text)
{
	size_t len = 0;

	while (c->p < c->end && (is_alnum(*c->p) || is_one_of(*c->p, "-.")) &&
	    len + 1 < sizeof(url->mechanism))
		url->mechanism[len++] = *c->p++;
	url->mechanism[len] = '\0';
	if (len == 0)
		fault(c, "bad mechanism in ;URLAUTH=");
	if (c->p < c->end && !word(c, ":"))
		fault(c, "bad mechanism in ;URLAUTH=");
	url->token = (size_t)(c->p - text);
	while (c->p < c->end && is_alnum(*c->p))
		c->p++;
	url->token_len = (size_t)(c->p - text) - url->token;
}

int
imap_url_parse(struct imap_url *url, const char *text, size_t len,
    const char **why)
{
	struct cursor c = { .p = text, .end = text + len };

	memset(url, 0, sizeof(*url));
	url->rump_len = len;
	if (len > IMAP_URL_MAX)
		fault(&c, "URL too long");
	if (!word(&c, "imap://"))
		fault(&c, "not an imap:// URL");
	parse_authority(&c, url);
	if (!word(&c, "/"))
		fault(&c, "names no mailbox");
	parse_message(&c, url);
	if (word(&c, ";EXPIRE="))
		parse_expire(&c, url);
	if (word(&c, ";URLAUTH=")) {
		parse_access(&c, url);
		if (c.why == NULL)
			url->rump_len = (size_t)(c.p - text);
		if (word(&c, ":"))
			parse_verifier(&c, url, text);
	} else if (url->expires)
		fault(&c, ";EXPIRE= without ;URLAUTH=");
	if (c.p != c.end)
		fault(&c, "odd character in the URL");
	*why = c.why;
	return c.why == NULL ? 0 : -1;
}
