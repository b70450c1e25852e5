#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "mta/route.h"

static const struct scheme {
	const char *name;
	enum route_kind kind;
	enum route_tls tls;
	uint16_t port;	/* 0: must be given */
} schemes[] = {
	{ "smtp://", ROUTE_SMTP, ROUTE_TLS_OFFERED, 25 },
	{ "smtp+starttls://", ROUTE_SMTP, ROUTE_TLS_STARTTLS, 587 },
	{ "smtps://", ROUTE_SMTP, ROUTE_TLS_IMPLICIT, 465 },
	{ "lmtp://", ROUTE_LMTP, ROUTE_TLS_NONE, 24 },
	{ "maildir://", ROUTE_MAILDIR, ROUTE_TLS_NONE, 0 },
};

static bool
is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || strchr(".-_:", c) != NULL;
}

/* host[:port] or [IPv6][:port], and nothing behind but one slash */
static const char *
parse_authority(const char *p, struct route *route)
{
	bool bracket = *p == '[';
	const char *end = strpbrk(p, bracket ? "]/" : ":/");
	char port[8];
	uint64_t value;
	size_t i, n;

	p += bracket;
	n = end == NULL ? strlen(p) : (size_t)(end - p);
	if (n == 0 || n >= sizeof(route->host))
		return "a host name is expected";
	for (i = 0; i < n; i++)
		if (p[i] == '\0' || !is_host_octet(p[i]))
			return "the host name is malformed";
	memcpy(route->host, p, n);
	route->host[n] = '\0';
	p += n;
	if (bracket && *p++ != ']')
		return "a bracket is not closed";
	if (*p == ':') {
		n = strcspn(++p, "/");
		if (n == 0 || n >= sizeof(port))
			return "the port must be 1 to 65535";
		memcpy(port, p, n);
		port[n] = '\0';
		if (!conf_number(port, 65535, &value) || value == 0)
			return "the port must be 1 to 65535";
		route->port = (uint16_t)value;
		p += n;
	}
	p += *p == '/';
	return *p == '\0' ? NULL : "nothing may follow host and port";
}

static const char *
parse_path(const char *p, struct route *route)
{
	if (strlen(p) >= sizeof(route->path))
		return "the path is too long (107 octets at most)";
	memcpy(route->path, p, strlen(p) + 1);
	return NULL;
}

const char *
route_parse(const char *url, struct route *route)
{
	const struct scheme *scheme = NULL;
	const char *rest;
	size_t i;

	memset(route, 0, sizeof(*route));
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(url, schemes[i].name,
		    strlen(schemes[i].name)) == 0)
			scheme = &schemes[i];
	if (scheme == NULL)
		return "must be smtp://host[:25], smtp+starttls://host[:587], "
		    "smtps://host[:465], lmtp://host:port, lmtp:///path or "
		    "maildir:///path";
	if (strlen(url) >= sizeof(route->url))
		return "the URL is too long";
	memcpy(route->url, url, strlen(url) + 1);
	route->kind = scheme->kind;
	route->tls = scheme->tls;
	route->port = scheme->port;
	rest = url + strlen(scheme->name);
	if (*rest == '/' && scheme->kind != ROUTE_SMTP)
		return parse_path(rest, route);
	if (scheme->kind == ROUTE_MAILDIR)
		return "an absolute path is expected: maildir:///path";
	return parse_authority(rest, route);
}

const char *
route_parse_list(const char *urls, struct route *routes, size_t max,
    size_t *n)
{
	char url[sizeof(routes->url)];
	const char *why;
	size_t len;

	for (*n = 0; *(urls += strspn(urls, " ")) != '\0'; (*n)++) {
		len = strcspn(urls, " ");
		if (len >= sizeof(url))
			return "the URL is too long";
		if (*n == max)
			return "too many relays";
		memcpy(url, urls, len);
		url[len] = '\0';
		why = route_parse(url, &routes[*n]);
		if (why != NULL)
			return why;
		if (routes[*n].path[0] != '\0')
			return "a path means nothing here";
		urls += len;
	}
	return *n == 0 ? "a relay is expected" : NULL;
}

bool
route_is_numeric(const struct route *route)
{
	unsigned char addr[16];

	return route->path[0] != '\0' ||
	    strcasecmp(route->host, "localhost") == 0 ||
	    inet_pton(AF_INET, route->host, addr) == 1 ||
	    inet_pton(AF_INET6, route->host, addr) == 1;
}

bool
route_is_loopback(const struct route *route)
{
	struct in_addr in;

	return route->path[0] != '\0' ||
	    strcasecmp(route->host, "localhost") == 0 ||
	    strcmp(route->host, "::1") == 0 ||
	    (inet_pton(AF_INET, route->host, &in) == 1 &&
	    (ntohl(in.s_addr) >> 24) == 127);
}
