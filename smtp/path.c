/*
 *	Path		= "<" [ A-d-l ":" ] Mailbox ">"		RFC 5321 4.1.2
 *	A-d-l		= At-domain *( "," At-domain )
 *	At-domain	= "@" Domain
 *	Mailbox		= Local-part "@" ( Domain / address-literal )
 *	Local-part	= Dot-string / Quoted-string
 *	Dot-string	= Atom *( "." Atom )
 *	Quoted-string	= DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
 *	Domain		= sub-domain *( "." sub-domain )
 *	address-literal	= "[" ( IPv4 / "IPv6:" IPv6 ) "]"	4.1.3
 *	atext, qtextSMTP, sub-domain =/ UTF8-non-ascii		RFC 6531 3.3
 *
 * Each function takes what it knows from the start of [p, p + n) and returns
 * how many octets that were, 0 for none.
 */
#include <arpa/inet.h>

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "smtp/path.h"

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* Of UTF-8; path_parse() looks whether it is well-formed. */
static bool
is_beyond(char c)
{
	return (unsigned char)c >= 0x80;
}

static bool
is_atext(char c)
{
	return is_alnum(c) || is_beyond(c) || (c != '\0' &&
	    strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static size_t
take_dot_string(const char *p, size_t n)
{
	size_t i = 0, start;

	for (;;) {
		for (start = i; i < n && is_atext(p[i]); i++)
			;
		if (i == start)
			return 0;
		if (i == n || p[i] != '.')
			return i;
		i++;
	}
}

static size_t
take_quoted_string(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || p[0] != '"')
		return 0;
	for (i = 1; i < n; i++) {
		if (p[i] == '"')
			return i + 1;
		if (p[i] == '\\')
			i++;
		if (i == n || (!is_beyond(p[i]) && (p[i] < ' ' || p[i] > '~')))
			return 0;
	}
	return 0;
}

/*
 * Underscores are not in the grammar, but in names that exist. A U-label may
 * have more octets than the 63 of its A-label.
 */
static size_t
take_domain(const char *p, size_t n, bool utf8)
{
	size_t i = 0, start;
	bool beyond;

	for (;;) {
		beyond = false;
		for (start = i; i < n && (is_alnum(p[i]) || p[i] == '-' ||
		    p[i] == '_' || (utf8 && is_beyond(p[i]))); i++)
			beyond |= is_beyond(p[i]);
		if (i == start || p[start] == '-' || p[i - 1] == '-' ||
		    (i - start > 63 && !beyond))
			return 0;
		if (i == n || p[i] != '.')
			return i > DOMAIN_MAX ? 0 : i;
		i++;
	}
}

static bool
is_ip_address(const char *p, size_t n)
{
	unsigned char address[16];
	char text[64];
	bool v6 = n > 5 && strncasecmp(p, "IPv6:", 5) == 0;

	p += v6 ? 5 : 0;
	n -= v6 ? 5 : 0;
	if (n >= sizeof(text) || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

static size_t
take_address_literal(const char *p, size_t n)
{
	const char *close = n > 0 && p[0] == '[' ? memchr(p, ']', n) : NULL;

	if (close == NULL || !is_ip_address(p + 1, (size_t)(close - p - 1)))
		return 0;
	return (size_t)(close + 1 - p);
}

static size_t
take_route(const char *p, size_t n)
{
	size_t i = 0, used;

	if (n == 0 || p[0] != '@')
		return 0;
	while (i < n && p[i] == '@') {
		used = take_domain(p + i + 1, n - i - 1, true);
		i += 1 + used;
		if (used == 0 || i == n)
			return 0;
		if (p[i] == ':')
			return i + 1;
		if (p[i] != ',')
			return 0;
		i++;
	}
	return 0;
}

static size_t
take_mailbox(const char *p, size_t n, struct path *path)
{
	size_t local, domain = 0, i;

	local = n > 0 && p[0] == '"' ? take_quoted_string(p, n) :
	    take_dot_string(p, n);
	if (local == 0 || local > LOCAL_PART_MAX)
		return 0;
	path->local_len = local;
	path->has_domain = local < n && p[local] == '@';
	if (path->has_domain) {
		domain = take_domain(p + local + 1, n - local - 1, true);
		if (domain == 0)
			domain = take_address_literal(p + local + 1,
			    n - local - 1);
		if (domain == 0)
			return 0;
		domain++;
	}
	memcpy(path->address, p, local + domain);
	path->address[local + domain] = '\0';
	for (i = 0; i < local + domain; i++)
		path->utf8 |= is_beyond(p[i]);
	return local + domain;
}

size_t
path_parse(const char *p, size_t n, struct path *path)
{
	size_t i = 1, used;

	memset(path, 0, sizeof(*path));
	if (n < 2 || p[0] != '<')
		return 0;
	if (p[1] == '>')
		return 2;
	i += take_route(p + i, n - i);
	used = take_mailbox(p + i, n - i, path);
	i += used;
	if (used == 0 || i == n || p[i] != '>' || !utf8_is_clean(p, i))
		return 0;
	return i + 1;
}

bool
path_complete(struct path *path, const char *domain)
{
	size_t len = strlen(domain);

	if (path->has_domain || path->local_len == 0 || len == 0)
		return true;
	if (len > DOMAIN_MAX)
		return false;
	path->address[path->local_len] = '@';
	memcpy(path->address + path->local_len + 1, domain, len + 1);
	path->has_domain = true;
	return true;
}

bool
path_is_qualified(const struct path *path)
{
	const char *domain = path->address + path->local_len + 1;

	return path->has_domain &&
	    (domain[0] == '[' || strchr(domain, '.') != NULL);
}

bool
helo_is_valid(const char *p, size_t n)
{
	if (n > 1 && p[n - 1] == '.')	/* a rooted name, as some send it */
		n--;
	return n > 0 && (take_domain(p, n, false) == n ||
	    take_address_literal(p, n) == n);
}
