/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): the
 * header that a proxy sends before all else to name the client. Pure.
 */
#ifndef SMTP_PROXY_H
#define SMTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#define PROXY_LINE_MAX	107	/* version 1, CR LF included */
#define PROXY_MAX	4096	/* version 2, all that follows included */
#define PROXY_ADDRESS	64

enum proxy_status {
	PROXY_MORE,	/* good so far, not all is there */
	PROXY_OK,
	PROXY_BAD
};

struct proxy_header {
	size_t used;		/* octets of the header */
	bool named;		/* false: of the proxy itself, or unknown */
	char client[PROXY_ADDRESS]; /* address_normal() of the client */
	const char *why;	/* with PROXY_BAD */
};

/* What stands behind the header is not looked at. */
enum proxy_status proxy_parse(const void *, size_t, struct proxy_header *);

#endif
