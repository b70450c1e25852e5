/*
 *	referral	= "[REFERRAL" SP "smtp://" host [":" port] ["/"] "]"
 *	host		= domain / "[" IPv6-address "]"
 */
#include <string.h>
#include <strings.h>

#include "mta/referral.h"

#define OPENING "[REFERRAL "
#define SCHEME "smtp://"

static const char *
take_host(const char *p, char host[256])
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	bool literal = *p == '[';
	size_t n;

	p += literal;
	n = strspn(p, literal ? "0123456789abcdefABCDEF:." : name);
	if (n == 0 || n > 255)
		return NULL;
	memcpy(host, p, n);
	host[n] = '\0';
	p += n;
	if (!literal)
		return p;
	return *p == ']' ? p + 1 : NULL;
}

static const char *
take_port(const char *p, unsigned *port)
{
	*port = 0;
	if (*p != ':')
		return p;
	for (p++; *p >= '0' && *p <= '9' && *port < 65536; p++)
		*port = *port * 10 + (unsigned)(*p - '0');
	return p[-1] != ':' && *port > 0 && *port < 65536 ? p : NULL;
}

bool
referral_find(const char *text, struct referral *referral)
{
	const char *p = strcasestr(text, OPENING);

	if (p == NULL)
		return false;
	p += strlen(OPENING);
	if (strncasecmp(p, SCHEME, strlen(SCHEME)) != 0)
		return false;
	p = take_host(p + strlen(SCHEME), referral->host);
	if (p != NULL)
		p = take_port(p, &referral->port);
	if (p == NULL)
		return false;
	p += *p == '/';
	return *p == ']';
}
