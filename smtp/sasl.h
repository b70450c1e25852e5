/*
 * What AUTH needs of SASL: strict base64 (RFC 4648 section 4) and the one
 * message of PLAIN (RFC 4616). Pure.
 */
#ifndef SMTP_SASL_H
#define SMTP_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SASL_FIELD_MAX 255	/* octets of a login or password, RFC 4616 */

/*
 * Decodes in one go: whole quadruples, padding only at the end, no other
 * octet, unused bits zero. Returns the length or -1; out needs n / 4 * 3.
 */
ssize_t base64_decode(const char *in, size_t n, unsigned char *out);

/* Returns the length; out needs (n + 2) / 3 * 4 + 1, is terminated. */
size_t base64_encode(const unsigned char *in, size_t n, char *out);

enum plain_status {
	PLAIN_OK,
	PLAIN_FORMAT,	/* not authzid NUL authcid NUL password */
	PLAIN_AUTHZID	/* asks to act as somebody else */
};

/* The mechanisms of AUTH; the last two log in by a token. */
enum sasl_mechanism {
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_OAUTHBEARER,
	SASL_XOAUTH2,
	SASL_EXTERNAL,		/* by a certificate, not in S_AUTH */
	SASL_MECHANISMS
};

struct plain {
	enum sasl_mechanism mechanism;	/* set by its user */
	const char *login, *password;	/* point into the message */
	size_t login_len, password_len;
};

enum plain_status plain_parse(const unsigned char *msg, size_t n,
    struct plain *);

/* A login or password as the helpers may see it: 1 to 255 octets, no NUL. */
bool sasl_field_is_valid(const unsigned char *p, size_t n);

#endif
