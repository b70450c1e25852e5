/*
 * What a handshake may have signed by an RSA key: EMSA-PSS of RFC 8017 9.1
 * with SHA-256, 384 or 512, a salt of the digest's length, and MGF1 of the
 * same. It arrives padded, for that is where libraries hand it over.
 */
#ifndef BASE_PSS_H
#define BASE_PSS_H

#include <openssl/rsa.h>
#include <stdbool.h>
#include <stddef.h>

#define PSS_MAX	512	/* octets of a modulus */

/* The DigestInfo of PKCS #1 (9.2) of these digests: TLS 1.2 has it signed. */
bool pkcs1_is_digest_info(const unsigned char *, size_t n);

bool pss_is_padded(const RSA *, const unsigned char *em, size_t n);

/*
 * If em is the padding of this content, pads it again with a salt of our own
 * into out, RSA_size() octets; else false.
 */
bool pss_pad_anew(RSA *, const unsigned char *em, size_t n,
    const unsigned char *content, size_t content_len,
    unsigned char out[PSS_MAX]);

#endif
