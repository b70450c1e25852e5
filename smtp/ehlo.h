/*
 * EHLO keywords of a server, as bits: read from the next server's answer,
 * remembered, and offered to clients where it is the next server that has to
 * keep the promise. Pure.
 */
#ifndef SMTP_EHLO_H
#define SMTP_EHLO_H

#include <stdbool.h>
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
	CAP_SMTPUTF8	= 1u << 15,	/* RFC 6531 */
	CAP_BINARYMIME	= 1u << 16,	/* RFC 3030 */
	CAP_DELIVERBY	= 1u << 17,	/* RFC 2852 */
	CAP_FUTURERELEASE = 1u << 18,	/* RFC 4865 */
	CAP_MT_PRIORITY	= 1u << 19,	/* RFC 6710 */
	CAP_REQUIRETLS	= 1u << 20,	/* RFC 8689 */
	CAP_NO_SOLICITING = 1u << 21,	/* RFC 3865 */
	CAP_LIMITS	= 1u << 22,	/* RFC 9422 */
	CAP_AUTH_EXTERNAL = 1u << 28,
	CAP_AUTH_XOAUTH2 = 1u << 29,
	CAP_AUTH_OAUTHBEARER = 1u << 30,
};

/* What clients may be told of; how it takes our login is not for them. */
#define CAP_FOR_CLIENTS	(CAP_PIPELINING | CAP_8BITMIME | CAP_CHUNKING | \
	CAP_DSN | CAP_SIZE | CAP_ENHANCED | CAP_SMTPUTF8 | CAP_BINARYMIME | \
	CAP_DELIVERBY | CAP_FUTURERELEASE | CAP_MT_PRIORITY | \
	CAP_REQUIRETLS | CAP_NO_SOLICITING | CAP_LIMITS)

enum limit {
	LIMIT_MAIL,		/* MAILMAX: transactions of a connection */
	LIMIT_RCPT,		/* RCPTMAX: recipients of a message */
	LIMIT_DOMAIN,		/* RCPTDOMAINMAX */
	LIMITS
};

#define LIMIT_MAX	999999	/* six digits, RFC 9422 3 */
#define PROFILE_SIZE	40
#define SOLICIT_SIZE	256	/* a line of ours has 512 octets */

/* Without holes: it is compared by memcmp. */
struct ehlo {
	uint64_t size;		/* 0: none said, as with all of these */
	uint32_t capabilities;
	uint32_t by_min;	/* DELIVERBY: seconds */
	uint32_t hold_max;	/* FUTURERELEASE: seconds */
	uint32_t limits[LIMITS];
	char profile[PROFILE_SIZE];	/* of MT-PRIORITY */
	char solicit[SOLICIT_SIZE];	/* keywords of NO-SOLICITING */
};

/* Adds what one line of an EHLO answer says, without its code. */
void ehlo_line(struct ehlo *, const char *line, size_t n);

/* As another process tells it: nothing in it that ehlo_line() lets not in. */
bool ehlo_is_valid(const struct ehlo *);

#endif
