/*
 * Where a message goes: the URLs of the `relay` line. Pure.
 */
#ifndef MTA_ROUTE_H
#define MTA_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum route_kind {
	ROUTE_SMTP,
	ROUTE_LMTP,
	ROUTE_MAILDIR
};

enum route_tls {
	ROUTE_TLS_NONE,
	ROUTE_TLS_OFFERED,	/* STARTTLS if offered, not checked */
	ROUTE_TLS_STARTTLS,	/* STARTTLS or nothing, checked */
	ROUTE_TLS_IMPLICIT	/* checked */
};

struct route {
	enum route_kind kind;
	enum route_tls tls;
	char host[256];		/* without brackets; "" if path is used */
	uint16_t port;
	char path[108];		/* Unix socket, or the Maildir */
	char url[300];		/* as configured, for the log */
};

/* NULL, or what is wrong with the URL. */
const char *route_parse(const char *url, struct route *);

/*
 * Several URLs parted by spaces, of servers that are reached by TCP. NULL, or
 * what is wrong.
 */
const char *route_parse_list(const char *urls, struct route *, size_t max,
    size_t *n);

/* A numeric address or localhost: the name service is not needed. */
bool route_is_numeric(const struct route *);
/* ... and it is this machine: a password may go there in the clear. */
bool route_is_loopback(const struct route *);

#endif
