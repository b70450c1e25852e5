/*
 * The keys of the server's certificates, by the certificate's index: their
 * public halves wherever TLS is spoken, to tell which one is asked for; the
 * private ones in the process that holds them and signs for the others. No
 * octet is signed that is not what a handshake has signed.
 */
#ifndef BASE_TLSKEYS_H
#define BASE_TLSKEYS_H

#include <openssl/evp.h>

#include "base/tls.h"

/* Takes a public half; its index, below TLS_KEYS_MAX: the caller counts. */
unsigned tls_keys_add(EVP_PKEY *);
/* Not to be freed; NULL: there is none of this index. */
EVP_PKEY *tls_keys_public(unsigned key);

/*
 * The holder's side. Reads the keys of the certificates given to
 * tls_server_make() in this process or its parent; false with a text.
 */
bool tls_keys_load(const struct certificate *, size_t n, char *error,
    size_t error_size);
/* 0 if the request is not one a handshake makes. */
size_t tls_keys_sign(unsigned key, enum sign_kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size);
/*
 * The same for the server's CertificateVerify of TLS 1.3 over a transcript
 * of this hash (RFC 8446 4.4.3) and nothing else; no two are the same.
 */
size_t tls_keys_sign_hash(unsigned key, enum sign_kind, int padding,
    const unsigned char *in, size_t n, const unsigned char *hash,
    size_t hash_len, unsigned char out[SIGNATURE_MAX]);
void tls_keys_wipe(void);

/* For checks of a configuration: as if none had ever been read. */
void tls_keys_forget(void);

/* Whether a client's certificate and its key, in PEM, fit one another. */
bool tls_keypair_is_good(const unsigned char *chain, size_t chain_len,
    const unsigned char *key, size_t key_len);

#endif
