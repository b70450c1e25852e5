/*
 * The one message of the mechanisms that log in by a bearer token:
 * OAUTHBEARER (RFC 7628 section 3.1) and XOAUTH2, its forerunner at Google.
 * Pure.
 */
#ifndef SMTP_OAUTH_H
#define SMTP_OAUTH_H

#include <stddef.h>

#include "smtp/sasl.h"

#define OAUTH_TOKEN_MAX	8192	/* octets; JSON Web Tokens are long */

enum oauth_status {
	OAUTH_OK,
	OAUTH_FORMAT,	/* not by the grammar */
	OAUTH_BINDING,	/* wants channel binding, RFC 5801 section 5 */
	OAUTH_NO_TOKEN	/* asks only what it would need: an empty auth= */
};

struct oauth {
	/* whom the client means to be; OAUTHBEARER may leave it empty */
	char login[SASL_FIELD_MAX + 1];
	size_t login_len;
	const char *token;	/* points into the message */
	size_t token_len;
};

enum oauth_status oauthbearer_parse(const unsigned char *msg, size_t n,
    struct oauth *);
enum oauth_status xoauth2_parse(const unsigned char *msg, size_t n,
    struct oauth *);

/*
 * The name as the saslname of OAUTHBEARER. buf takes three times its length
 * and a NUL; returns the length.
 */
size_t oauth_saslname(const char *name, char *buf);

/* b64token of RFC 6750 section 2.1, 1 to OAUTH_TOKEN_MAX octets. */
bool oauth_token_is_valid(const char *p, size_t n);

#endif
