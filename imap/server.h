/*
 * The IMAP servers of the configuration: their URLs, and which of them a
 * client's URL names. Pure; the configuration check uses it too.
 */
#ifndef IMAP_SERVER_H
#define IMAP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"
#include "imap/url.h"

enum imap_security {
	IMAP_TLS,	/* imaps:// */
	IMAP_STARTTLS,	/* imap+starttls:// */
	IMAP_CLEAR	/* imap://, loopback only */
};

struct imap_server {
	enum imap_security security;
	char host[IMAP_NAME_MAX + 1];	/* IPv6 without the brackets */
	uint16_t port;
};

/* A server and how we log in there. */
struct imap_account {
	struct imap_server server;
	enum imap_login login;
	char name[IMAP_NAME_MAX + 1];
	char password[1024];
	const char *ca;		/* PEM, or NULL: nothing can be verified */
	size_t ca_len;
	char addresses[512];	/* as CURLOPT_RESOLVE takes them */
	const char *broken;	/* why it cannot be used, or NULL */
};

/*
 *	imaps://host[:993]  imap+starttls://host[:143]  imap://host[:143]
 *
 * and nothing behind it but at most one slash. The last is for loopback
 * hosts only. 0, or -1 and *why, a constant text.
 */
int imap_server_parse(const char *, struct imap_server *, const char **why);

/*
 * Does the URL name this server? The host must be the same but for case,
 * and the port too, where a URL without port means 143. An imaps server may
 * also be named by 143 or no port: clients write the URLs their IMAP server
 * signs, and those say 143 whatever port and TLS is used to get there.
 */
bool imap_server_is_named(const struct imap_server *, const struct imap_url *);

bool imap_host_is_loopback(const char *host);

#endif
