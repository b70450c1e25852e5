/*
 * Certificates that are known by their digest instead of by who signed them.
 */
#ifndef BASE_PIN_H
#define BASE_PIN_H

#include <stdbool.h>
#include <stddef.h>

struct tls;

struct pin {
	unsigned char digest[32];	/* SHA-256 */
};

/* "sha256:" and 64 hexadecimal digits, colons between them do not matter. */
bool pin_parse(const char *, struct pin *);

/*
 * True if one of them is the digest of the other side's certificate or of its
 * public key (SubjectPublicKeyInfo), each in DER. After the handshake.
 */
bool pin_matches(struct tls *, const struct pin *, size_t n);

#endif
