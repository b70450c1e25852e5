/*
 * Which login a name in a certificate stands for. Pure.
 */
#ifndef HELPERS_CERTLOGIN_H
#define HELPERS_CERTLOGIN_H

#include <stdbool.h>
#include <stddef.h>

#define CERTLOGIN_SIZE 256

/* An rfc822Name: the address is the login, its domain in lower case. */
bool certlogin_email(const char *p, size_t n, char login[CERTLOGIN_SIZE]);

/* A common name: a login of printable US-ASCII without space and colon. */
bool certlogin_name(const char *p, size_t n, char login[CERTLOGIN_SIZE]);

/*
 * Whether authzid is another word for the login: the same, whatever the case
 * of its domain; or its local part, if it is of our domain ("": none).
 */
bool certlogin_is(const char *login, const char *domain, const char *authzid);

#endif
