/*
 * The handshake messages of one TLS 1.3 connection as its transcript hash
 * takes them (RFC 8446 4.4.1), from the ClientHello on. Only what must stand
 * where is looked at, and what the two CertificateVerify messages refer to.
 * Pure.
 */
#ifndef BASE_TRANSCRIPT_H
#define BASE_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define TRANSCRIPT_MAX	(32 * 1024)	/* octets of a whole one */
#define TRANSCRIPT_HASH_MAX 48		/* SHA-384 */

enum handshake_type {
	HANDSHAKE_CLIENT_HELLO = 1,
	HANDSHAKE_SERVER_HELLO = 2,
	HANDSHAKE_EXTENSIONS = 8,
	HANDSHAKE_CERTIFICATE = 11,
	HANDSHAKE_REQUEST = 13,
	HANDSHAKE_VERIFY = 15,
	HANDSHAKE_FINISHED = 20,
	HANDSHAKE_HASH = 254
};

/* A CertificateVerify, RFC 8446 4.4.3; points into the message. */
struct handshake_signature {
	unsigned scheme;
	const unsigned char *p;
	size_t n;
};

struct transcript {
	const unsigned char *p;
	size_t n;
	size_t retried;		/* octets of the first ClientHello if a
				   HelloRetryRequest answered it, else 0 */
	size_t hash;		/* octets of the suite's hash, 32 or 48 */
	size_t offered;		/* octets up to the server's Certificate */
	struct handshake_signature server;
	const unsigned char *certificates;	/* the client's, one at least */
	size_t certificates_len;
};

/*
 * What the server signs: up to its own Certificate, a CertificateRequest
 * among it, and nothing more. Points into p.
 */
bool transcript_parse_offer(const unsigned char *p, size_t n,
    struct transcript *);

/* What the client signs: up to its own Certificate, which is not empty. */
bool transcript_parse(const unsigned char *p, size_t n, struct transcript *);

/* One whole CertificateVerify message. */
bool transcript_parse_verify(const unsigned char *p, size_t n,
    struct handshake_signature *);

/*
 * The next of the client's certificates, in DER; NULL behind the last. p and
 * left begin as certificates and certificates_len.
 */
const unsigned char *transcript_certificate(const unsigned char **p,
    size_t *left, size_t *len);

#endif
