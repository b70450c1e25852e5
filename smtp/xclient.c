/*
 *	request		= "XCLIENT" 1*( SP attribute )
 *	attribute	= name "=" xtext
 *	name		= "NAME" / "REVERSE_NAME" / "ADDR" / "PORT" / "PROTO" /
 *			  "HELO" / "LOGIN" / "DESTADDR" / "DESTPORT"
 *
 * A value may be [UNAVAILABLE] or [TEMPUNAVAIL]. An IPv6 address has IPV6:
 * before it. A row of the table per attribute.
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/network.h"
#include "smtp/param.h"
#include "smtp/path.h"
#include "smtp/xclient.h"

#define VALUE_MAX 256

static bool
read_address(const char *v, char *slot, size_t size)
{
	unsigned char octets[4];

	if (strncasecmp(v, "IPV6:", 5) == 0)
		return strchr(v + 5, ':') != NULL &&
		    address_normal(v + 5, slot, size);
	return inet_pton(AF_INET, v, octets) == 1 &&
	    address_normal(v, slot, size);
}

static bool
read_addr(const char *v, struct xclient *x)
{
	return read_address(v, x->address, sizeof(x->address));
}

static bool
read_destaddr(const char *v, struct xclient *x)
{
	char ignored[64];

	(void)x;
	return read_address(v, ignored, sizeof(ignored));
}

static bool
read_helo(const char *v, struct xclient *x)
{
	if (!helo_is_valid(v, strlen(v)) || strlen(v) >= sizeof(x->helo))
		return false;
	memcpy(x->helo, v, strlen(v) + 1);
	return true;
}

static bool
read_port(const char *v, struct xclient *x)
{
	size_t n = strlen(v);

	(void)x;
	return n <= 5 && strspn(v, "0123456789") == n;
}

static bool
read_proto(const char *v, struct xclient *x)
{
	(void)x;
	return strcasecmp(v, "SMTP") == 0 || strcasecmp(v, "ESMTP") == 0;
}

/* A name of DNS, which only the proxy has looked up: not used here. */
static bool
read_name(const char *v, struct xclient *x)
{
	(void)v, (void)x;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(const char *value, struct xclient *);
} rows[] = {
	{ "ADDR", read_addr },
	{ "HELO", read_helo },
	{ "PORT", read_port },
	{ "PROTO", read_proto },
	{ "NAME", read_name },
	{ "REVERSE_NAME", read_name },
	{ "DESTADDR", read_destaddr },
	{ "DESTPORT", read_port },
	{ "LOGIN", NULL },
};

static bool
is_unavailable(const char *v)
{
	return strcasecmp(v, "[UNAVAILABLE]") == 0 ||
	    strcasecmp(v, "[TEMPUNAVAIL]") == 0;
}

static enum xclient_status
read_one(const char *p, size_t n, unsigned *seen, struct xclient *x)
{
	const char *equals = memchr(p, '=', n);
	size_t name = equals == NULL ? n : (size_t)(equals - p), i;
	char value[VALUE_MAX];

	for (i = 0; i < name && i + 1 < sizeof(x->name); i++)
		x->name[i] = (char)toupper((unsigned char)p[i]);
	x->name[i] = '\0';
	if (equals == NULL || name == 0)
		return XCLIENT_SYNTAX;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (name == strlen(rows[i].name) &&
		    strncasecmp(p, rows[i].name, name) == 0)
			break;
	if (i == sizeof(rows) / sizeof(rows[0]))
		return XCLIENT_UNKNOWN;
	if (*seen & (1u << i))
		return XCLIENT_TWICE;
	*seen |= 1u << i;
	if (!xtext_decode(equals + 1, n - name - 1, value, sizeof(value)) ||
	    value[0] == '\0')
		return XCLIENT_VALUE;
	if (is_unavailable(value))
		return XCLIENT_OK;
	if (rows[i].read == NULL)
		return XCLIENT_LOGIN;
	return rows[i].read(value, x) ? XCLIENT_OK : XCLIENT_VALUE;
}

enum xclient_status
xclient_parse(const char *p, size_t n, struct xclient *x)
{
	enum xclient_status status;
	unsigned seen = 0;
	const char *space;
	size_t len;

	memset(x, 0, sizeof(*x));
	do {
		space = memchr(p, ' ', n);
		len = space == NULL ? n : (size_t)(space - p);
		status = read_one(p, len, &seen, x);
		if (status != XCLIENT_OK)
			return status;
		if (space == NULL)
			break;
		p += len + 1;
		n -= len + 1;
	} while (true);
	x->name[0] = '\0';
	return XCLIENT_OK;
}
