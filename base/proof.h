/*
 * What the CertificateVerify messages of TLS 1.3 sign (RFC 8446 4.4.3),
 * computed from a transcript. The session tells it with its request for the
 * server's signature, the monitor checks and keeps it, checkcertificate
 * compares.
 */
#ifndef BASE_PROOF_H
#define BASE_PROOF_H

#include "base/transcript.h"

/* 64 spaces, 33 octets of context and a NUL, the hash */
#define PROOF_CONTENT_MAX (64 + 34 + TRANSCRIPT_HASH_MAX)

enum proof_side {
	PROOF_SERVER,
	PROOF_CLIENT
};

/* The transcript hash of its first n octets, t->hash long; false: cannot. */
bool proof_hash(const struct transcript *, size_t n,
    unsigned char hash[TRANSCRIPT_HASH_MAX]);

/* Returns the length of what is signed. len is 32 or 48. */
size_t proof_content(enum proof_side, const unsigned char *hash, size_t len,
    unsigned char content[PROOF_CONTENT_MAX]);

#endif
