#include <sys/socket.h>

#include <netinet/in.h>

#include <arpa/inet.h>

#include <string.h>
#include <strings.h>

#include "imap/server.h"

static const struct scheme {
	const char *prefix;
	enum imap_security security;
	uint16_t port;
} schemes[] = {
	{ "imaps://", IMAP_TLS, 993 },
	{ "imap+starttls://", IMAP_STARTTLS, 143 },
	{ "imap://", IMAP_CLEAR, 143 },
};

static const struct scheme *
find_scheme(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(text, schemes[i].prefix,
		    strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return NULL;
}

/* Copies the host; where it ends, or NULL. */
static const char *
take_host(const char *p, char *host, size_t size)
{
	unsigned char address[16];
	bool bracket = *p == '[';
	const char *plain = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len;

	p += bracket;
	len = strspn(p, bracket ? "0123456789abcdefABCDEF:." : plain);
	if (len == 0 || len >= size)
		return NULL;
	memcpy(host, p, len);
	host[len] = '\0';
	p += len;
	if (!bracket)
		return p;
	if (*p != ']' || inet_pton(AF_INET6, host, address) != 1)
		return NULL;
	return p + 1;
}

/* 1..65535 without leading zero; where it ends, or NULL. */
static const char *
take_port(const char *p, uint16_t *port)
{
	unsigned value = 0;

	if (*p == '0')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++)
		if ((value = value * 10 + (unsigned)(*p - '0')) > 65535)
			return NULL;
	*port = (uint16_t)value;
	return value == 0 ? NULL : p;
}

bool
imap_host_is_loopback(const char *host)
{
	static const struct in6_addr one = IN6ADDR_LOOPBACK_INIT;
	struct in_addr v4;
	struct in6_addr v6;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 &&
	    memcmp(&v6, &one, sizeof(one)) == 0;
}

int
imap_server_parse(const char *text, struct imap_server *server,
    const char **why)
{
	const struct scheme *scheme = find_scheme(text);
	const char *p;

	memset(server, 0, sizeof(*server));
	*why = "want imaps://host[:port], imap+starttls://host[:port] or "
	    "imap://host[:port]";
	if (scheme == NULL)
		return -1;
	server->security = scheme->security;
	server->port = scheme->port;
	p = take_host(text + strlen(scheme->prefix), server->host,
	    sizeof(server->host));
	if (p != NULL && *p == ':')
		p = take_port(p + 1, &server->port);
	if (p != NULL && *p == '/')
		p++;
	if (p == NULL || *p != '\0')
		return -1;
	*why = "imap:// is without TLS and only for loopback hosts; use "
	    "imaps:// or imap+starttls://";
	if (server->security == IMAP_CLEAR &&
	    !imap_host_is_loopback(server->host))
		return -1;
	*why = NULL;
	return 0;
}

bool
imap_server_is_named(const struct imap_server *server,
    const struct imap_url *url)
{
	if (strcasecmp(server->host, url->host) != 0)
		return false;
	return url->port == server->port ||
	    (server->security == IMAP_TLS && url->port == IMAP_PORT);
}
