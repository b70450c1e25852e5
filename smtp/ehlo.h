/*
 * EHLO keywords of a server, as bits: read from the next server's answer,
 * remembered, and offered to clients where it is the next server that has to
 * keep the promise. Pure.
 */
#ifndef SMTP_EHLO_H
#define SMTP_EHLO_H

#include <stddef.h>
#include <stdint.h>

enum capability {
	CAP_PIPELINING	= 1u << 0,	/* RFC 2920 */
	CAP_8BITMIME	= 1u << 1,	/* RFC 6152 */
	CAP_CHUNKING	= 1u << 2,	/* RFC 3030 */
	CAP_DSN		= 1u << 3,	/* RFC 3461 */
	CAP_SIZE	= 1u << 4,	/* RFC 1870 */
	CAP_STARTTLS	= 1u << 5,	/* RFC 3207 */
	CAP_AUTH	= 1u << 6,	/* RFC 4954 */
	CAP_AUTH_PLAIN	= 1u << 7,
	CAP_AUTH_LOGIN	= 1u << 8,
	CAP_ENHANCED	= 1u << 9,	/* RFC 2034 */
	CAP_XCLIENT	= 1u << 10,	/* Postfix's, and its attributes: */
	CAP_XCLIENT_ADDR = 1u << 11,
	CAP_XCLIENT_HELO = 1u << 12,
	CAP_XCLIENT_LOGIN = 1u << 13,
	CAP_XCLIENT_PROTO = 1u << 14,
	CAP_AUTH_EXTERNAL = 1u << 28,
	CAP_AUTH_XOAUTH2 = 1u << 29,
	CAP_AUTH_OAUTHBEARER = 1u << 30,
};

struct ehlo {
	uint32_t capabilities;
	uint64_t size;	/* 0: none said */
};

/* Adds what one line of an EHLO answer says, without its code. */
void ehlo_line(struct ehlo *, const char *line, size_t n);

#endif
