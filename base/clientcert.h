/*
 * Asking TLS clients for a certificate (never requiring one), and keeping
 * what proves that one was shown: the handshake messages and the client's
 * CertificateVerify, for others to check. Under TLS 1.3 only; a client of
 * TLS 1.2 is not asked. libtls hides the OpenSSL objects; the messages are
 * found by the message callback of its contexts (base/contexts.h), which
 * LibreSSL has, too.
 */
#ifndef BASE_CLIENTCERT_H
#define BASE_CLIENTCERT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/transcript.h"

struct tls_config;

/*
 * In the process that makes the server's context: what the configuration
 * needs, then around tls_configure(). False: the file or memory.
 */
bool clientcert_ask(struct tls_config *, const char *ca_file);
void clientcert_begin(const char *ca_file);
bool clientcert_end(void);

/* What a client has shown. */
struct clientcert {
	const unsigned char *transcript;
	size_t transcript_len;
	const unsigned char *verify;	/* its CertificateVerify */
	size_t verify_len;
};

/*
 * In the process of one connection, while the server signs: the length of
 * the hash it signs, 0 if no certificate can be proved in this handshake.
 */
size_t clientcert_offer(unsigned char hash[TRANSCRIPT_HASH_MAX]);
/* After the handshake; NULL if none was shown, or none the CA has signed. */
const struct clientcert *clientcert_shown(void);
/* What is wrong with the one that was shown; NULL: nothing, or none. */
const char *clientcert_trouble(void);
void clientcert_forget(void);
/* The connection was none: this process may have another. */
void clientcert_start_anew(void);

#endif
