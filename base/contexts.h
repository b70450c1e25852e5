/*
 * The OpenSSL contexts that libtls makes and hides: one for each certificate.
 * An ex_data class is told of each new one; LibreSSL has that, too.
 */
#ifndef BASE_CONTEXTS_H
#define BASE_CONTEXTS_H

#include <openssl/ssl.h>

/*
 * Around tls_configure(). Those of an earlier time are forgotten. They give
 * no tickets: each session has a process of its own, there is nothing to
 * resume.
 */
void contexts_catch(void);
void contexts_end(void);

/* The i-th of those that were caught; NULL: there are no more. */
SSL_CTX *contexts_get(size_t i);

#endif
