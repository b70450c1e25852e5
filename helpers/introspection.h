/*
 * What an authorization server says of a token (RFC 7662 section 2.2), and
 * whether that is a login. Pure.
 */
#ifndef HELPERS_INTROSPECTION_H
#define HELPERS_INTROSPECTION_H

#include <time.h>

#include "helpers/fd3.h"

#define INTROSPECTION_USER_MAX 255 /* octets of a login */

struct introspection {
	const char *claim; /* whose value is the login; dots lead inside */
	const char *scope; /* a word of scope that must be there, or NULL */
	const char *audience; /* one of aud that must be, or NULL */
	const char *login; /* whom the client named, "" for nobody */
	time_t now;
};

/*
 * Judges the len octets of the answer. CP_RIGHT: user is the login. CP_WRONG:
 * the token is good for no login here, or not for that one. CP_TEMPORARY: it
 * is no answer of RFC 7662. why is then what to tell the log, NULL where
 * a token is just not good (any more).
 */
enum checkpassword introspection_judge(const char *answer, size_t len,
    const struct introspection *, char user[INTROSPECTION_USER_MAX + 1],
    const char **why);

#endif
