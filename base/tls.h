/*
 * TLS with the private key in another process (RFC 8446, RFC 5246 with
 * forward secrecy). The process that speaks TLS holds certificates only; the
 * one signature of its handshake is asked for through tls_signer. The process
 * that holds the keys checks each request before it signs (base/tlskeys.h).
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct tls;
struct tls_config;

#define TLS_KEYS_MAX	16
#define SIGN_INPUT_MAX	512	/* RSA 4096 */
#define SIGNATURE_MAX	512

struct certificate {
	char *chain;	/* PEM files */
	char *key;
};

enum sign_kind {
	SIGN_RSA,	/* input of the modulus' size, or PKCS #1 DigestInfo */
	SIGN_EC		/* a digest */
};

/*
 * The server's configuration and context from the certificates alone, the
 * first is for clients without SNI. Clients are asked for certificates of
 * client_ca, a file of trust anchors or NULL. NULL with a text in error.
 */
struct tls *tls_server_make(const struct certificate *, size_t n,
    const char *client_ca, char *error, size_t error_size);

/*
 * Asks for one signature: key is the index of the certificate. Returns its
 * length, 0 for none. Set once in each process that speaks TLS.
 */
typedef size_t (*tls_signer)(unsigned key, enum sign_kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size);
void tls_set_signer(tls_signer);

/* For checks of a configuration. */
bool tls_file_has_certificate(const char *path);

/*
 * A client's configuration, read once so that a jailed process can use it;
 * verify false takes any certificate (opportunistic TLS). ca NULL: the
 * system's. NULL with a text in error.
 */
struct tls_config *tls_client_settings(const char *ca_file, bool verify,
    char *error, size_t error_size);
/* Shows this certificate to servers that ask for one; PEM. */
bool tls_client_add_keypair(struct tls_config *, const unsigned char *chain,
    size_t chain_len, const unsigned char *key, size_t key_len);
/* A context for one connection, or NULL. */
struct tls *tls_client_open(struct tls_config *);

#endif
