/*
 * The values of MAIL's and RCPT's parameters, each by the grammar of its RFC.
 * Pure. Between smtp/param.c, smtp/ehlo.c and smtp/values.c, but for the
 * first few.
 */
#ifndef SMTP_VALUES_H
#define SMTP_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#define SECONDS_MAX	999999999	/* nine digits, RFC 2852 4, 4865 4 */
#define SOLICIT_MAX	1000		/* RFC 3865 2.2 */

/* The octets are that word, in any case. */
bool is_word(const char *p, size_t n, const char *word);

/* keyword *( "," keyword ), RFC 3865 2.2 */
bool solicit_is_valid(const char *p, size_t n);
/* The name of a profile of priorities, RFC 6710 3 */
bool profile_is_valid(const char *p, size_t n);

/*
 * Into the struct mail_params or rcpt_params of param.h; false if the value
 * is not of its grammar.
 */
bool value_size(const char *, size_t, void *);
bool value_body(const char *, size_t, void *);
bool value_ret(const char *, size_t, void *);
bool value_envid(const char *, size_t, void *);
bool value_auth(const char *, size_t, void *);
bool value_by(const char *, size_t, void *);
bool value_hold_for(const char *, size_t, void *);
bool value_hold_until(const char *, size_t, void *);
bool value_priority(const char *, size_t, void *);
bool value_solicit(const char *, size_t, void *);
bool value_smtputf8(const char *, size_t, void *);
bool value_requiretls(const char *, size_t, void *);
bool value_notify(const char *, size_t, void *);
bool value_orcpt(const char *, size_t, void *);

#endif
