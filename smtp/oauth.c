#include <string.h>
#include <strings.h>

#include "smtp/oauth.h"

#define KVSEP	'\1'

/* What is left of the message. */
struct rest {
	const char *p;
	size_t n;
};

static bool
is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
take(struct rest *rest, const char *literal)
{
	size_t n = strlen(literal);

	if (rest->n < n || memcmp(rest->p, literal, n) != 0)
		return false;
	rest->p += n;
	rest->n -= n;
	return true;
}

/* What stands before the next of these octets, which is skipped. */
static bool
take_until(struct rest *rest, char end, struct rest *part)
{
	const char *at = memchr(rest->p, end, rest->n);

	if (at == NULL)
		return false;
	part->p = rest->p;
	part->n = (size_t)(at - rest->p);
	rest->p += part->n + 1;
	rest->n -= part->n + 1;
	return true;
}

/*	b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 */
bool
oauth_token_is_valid(const char *p, size_t n)
{
	size_t i = 0;

	if (n > OAUTH_TOKEN_MAX)
		return false;
	while (i < n && (is_alpha(p[i]) || is_digit(p[i]) ||
	    (p[i] != '\0' && strchr("-._~+/", p[i]) != NULL)))
		i++;
	if (i == 0)
		return false;
	while (i < n && p[i] == '=')
		i++;
	return i == n;
}

/*	saslname = 1*( saslsafe / "=2C" / "=3D" )	RFC 5801 4 */
size_t
oauth_saslname(const char *name, char *buf)
{
	size_t n = 0;

	for (; *name != '\0'; name++) {
		if (*name != ',' && *name != '=') {
			buf[n++] = *name;
			continue;
		}
		memcpy(buf + n, *name == ',' ? "=2C" : "=3D", 3);
		n += 3;
	}
	buf[n] = '\0';
	return n;
}

/*	credentials = "Bearer" 1*SP b64token		RFC 6750 2.1 */
static enum oauth_status
read_bearer(struct rest value, struct oauth *oauth)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (value.n == 0)
		return OAUTH_NO_TOKEN;
	if (value.n < n || strncasecmp(value.p, scheme, n) != 0)
		return OAUTH_FORMAT;
	while (n < value.n && value.p[n] == ' ')
		n++;
	oauth->token = value.p + n;
	oauth->token_len = value.n - n;
	return oauth_token_is_valid(oauth->token, oauth->token_len) ?
	    OAUTH_OK : OAUTH_FORMAT;
}

/* A name goes to helpers and the log: no control octets, though RFC 5801
 * would let some pass. */
static bool
add_octet(struct oauth *oauth, char c)
{
	if (oauth->login_len == SASL_FIELD_MAX ||
	    (unsigned char)c < ' ' || c == '\177')
		return false;
	oauth->login[oauth->login_len++] = c;
	oauth->login[oauth->login_len] = '\0';
	return true;
}

/*	saslname = 1*( UTF8-char-safe / "=2C" / "=3D" )	RFC 5801 4 */
static bool
read_saslname(struct rest name, struct oauth *oauth)
{
	char c;

	if (name.n == 0)
		return false;
	while (name.n > 0) {
		if (take(&name, "=2C")) {
			c = ',';
		} else if (take(&name, "=3D")) {
			c = '=';
		} else {
			c = *name.p;
			name.p++;
			name.n--;
			if (c == '=')
				return false;
		}
		if (!add_octet(oauth, c))
			return false;
	}
	return true;
}

/*
 *	gs2-header  = [gs2-nonstd-flag ","] gs2-cb-flag "," [gs2-authzid] ","
 *	gs2-cb-flag = ( "p=" cb-name ) / "n" / "y"	RFC 5801 4
 *	gs2-authzid = "a=" saslname
 */
static enum oauth_status
read_gs2_header(struct rest *rest, struct oauth *oauth)
{
	struct rest flag, authzid;

	if (!take_until(rest, ',', &flag) ||
	    !take_until(rest, ',', &authzid))
		return OAUTH_FORMAT;
	/* neither "y": with tokens nothing can be bound to the channel */
	if (flag.n > 0 && (*flag.p == 'y' || *flag.p == 'p'))
		return OAUTH_BINDING;
	if (flag.n != 1 || *flag.p != 'n')
		return OAUTH_FORMAT;
	if (authzid.n > 0 && (!take(&authzid, "a=") ||
	    !read_saslname(authzid, oauth)))
		return OAUTH_FORMAT;
	return OAUTH_OK;
}

/* A decimal number without leading zeros. */
static bool
is_port(struct rest value)
{
	unsigned long port = 0;

	if (value.n == 0 || value.n > 5 || *value.p == '0')
		return false;
	for (; value.n > 0 && is_digit(*value.p); value.p++, value.n--)
		port = port * 10 + (unsigned long)(*value.p - '0');
	return value.n == 0 && port <= 65535;
}

/* A name or an address, maybe in brackets. It tells us nothing. */
static bool
is_host(struct rest value)
{
	if (value.n == 0 || value.n > 255)
		return false;
	for (; value.n > 0; value.p++, value.n--)
		if (*value.p <= ' ' || *value.p > '~')
			return false;
	return true;
}

static bool
is_value(struct rest value)
{
	for (; value.n > 0; value.p++, value.n--)
		if ((*value.p < ' ' || *value.p > '~') &&
		    (*value.p == '\0' || strchr("\t\r\n", *value.p) == NULL))
			return false;
	return true;
}

/*
 *	kvpair = key "=" value kvsep			RFC 7628 3.1
 *	key    = 1*(ALPHA)
 *	value  = *( VCHAR / SP / HTAB / CR / LF )
 *
 * Those we know may stand once; unknown ones are skipped.
 */
static enum oauth_status
read_pair(struct rest pair, struct oauth *oauth, unsigned *seen)
{
	enum { AUTH = 1, HOST = 2, PORT = 4 };
	struct rest key;
	unsigned bit = 0;
	size_t i;

	if (!take_until(&pair, '=', &key) || key.n == 0 || !is_value(pair))
		return OAUTH_FORMAT;
	for (i = 0; i < key.n; i++)
		if (!is_alpha(key.p[i]))
			return OAUTH_FORMAT;
	if (key.n == 4 && memcmp(key.p, "auth", 4) == 0)
		bit = AUTH;
	else if (key.n == 4 && memcmp(key.p, "host", 4) == 0)
		bit = HOST;
	else if (key.n == 4 && memcmp(key.p, "port", 4) == 0)
		bit = PORT;
	if ((*seen & bit) || (bit == HOST && !is_host(pair)) ||
	    (bit == PORT && !is_port(pair)))
		return OAUTH_FORMAT;
	*seen |= bit;
	return bit == AUTH ? read_bearer(pair, oauth) : OAUTH_OK;
}

/*
 *	client-resp = ( gs2-header kvsep *kvpair kvsep ) / kvsep
 *
 * The lone kvsep ends an exchange that has failed, it begins none.
 */
enum oauth_status
oauthbearer_parse(const unsigned char *msg, size_t n, struct oauth *oauth)
{
	struct rest rest = { (const char *)msg, n }, pair;
	enum oauth_status status, one;
	unsigned seen = 0;

	memset(oauth, 0, sizeof(*oauth));
	status = read_gs2_header(&rest, oauth);
	if (status != OAUTH_OK)
		return status;
	if (!take(&rest, "\1"))
		return OAUTH_FORMAT;
	while (rest.n > 1) {
		if (!take_until(&rest, KVSEP, &pair))
			return OAUTH_FORMAT;
		one = read_pair(pair, oauth, &seen);
		if (one == OAUTH_FORMAT)
			return one;
		if (one == OAUTH_NO_TOKEN)
			status = one;
	}
	if (!take(&rest, "\1") || rest.n != 0)
		return OAUTH_FORMAT;
	return oauth->token == NULL ? OAUTH_NO_TOKEN : status;
}

/*	"user=" name kvsep "auth=" credentials kvsep kvsep */
enum oauth_status
xoauth2_parse(const unsigned char *msg, size_t n, struct oauth *oauth)
{
	struct rest rest = { (const char *)msg, n }, name, value;

	memset(oauth, 0, sizeof(*oauth));
	if (!take(&rest, "user=") || !take_until(&rest, KVSEP, &name) ||
	    !take(&rest, "auth=") || !take_until(&rest, KVSEP, &value) ||
	    !take(&rest, "\1") || rest.n != 0 || name.n == 0)
		return OAUTH_FORMAT;
	for (; name.n > 0; name.p++, name.n--)
		if (!add_octet(oauth, *name.p))
			return OAUTH_FORMAT;
	return read_bearer(value, oauth);
}
