/*
 * How it works: the default RSA and EC methods are replaced while
 * tls_configure() makes the server's key objects from the certificates, and
 * put back after it. The objects keep the methods they were made with; each
 * private operation then ends in ask_rsa() or ask_ec(). LibreSSL and
 * libretls on OpenSSL both allow it. tls_config_use_fake_private_key() is
 * exported by both and declared by neither.
 */
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <tls.h>

#include "base/clientcert.h"
#include "base/contexts.h"
#include "base/tlskeys.h"

/* Forward secrecy and AEAD only; TLS 1.3 is not affected by it. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

void tls_config_use_fake_private_key(struct tls_config *);

static tls_signer signer;

void
tls_set_signer(tls_signer fn)
{
	signer = fn;
}

static void *
complain(char *error, size_t size, const char *what, const char *why)
{
	snprintf(error, size, "%s: %s", what, why == NULL ? "?" : why);
	return NULL;
}

/* Asking for signatures */

static int
ask_rsa(int n, const unsigned char *in, unsigned char *out, RSA *rsa,
    int padding)
{
	const BIGNUM *modulus, *ours;
	EVP_PKEY *key;
	unsigned i;

	RSA_get0_key(rsa, &modulus, NULL, NULL);
	for (i = 0; (key = tls_keys_public(i)) != NULL; i++) {
		if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
			continue;
		RSA_get0_key(EVP_PKEY_get0_RSA(key), &ours, NULL, NULL);
		if (BN_cmp(modulus, ours) == 0 && n > 0)
			return (int)signer(i, SIGN_RSA, padding, in,
			    (size_t)n, out, (size_t)RSA_size(rsa));
	}
	return -1;
}

/* Key transport would be a decryption; it has no place here. */
static int
refuse_rsa(int n, const unsigned char *in, unsigned char *out, RSA *rsa,
    int padding)
{
	(void)n, (void)in, (void)out, (void)rsa, (void)padding;
	return -1;
}

static int
ask_ec(int type, const unsigned char *digest, int n, unsigned char *sig,
    unsigned int *siglen, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	const EC_POINT *ours;
	EVP_PKEY *pkey;
	unsigned i;
	size_t len;

	(void)type, (void)kinv, (void)r;
	for (i = 0; (pkey = tls_keys_public(i)) != NULL; i++) {
		if (EVP_PKEY_base_id(pkey) != EVP_PKEY_EC)
			continue;
		ours = EC_KEY_get0_public_key(EVP_PKEY_get0_EC_KEY(pkey));
		if (EC_POINT_cmp(EC_KEY_get0_group(key), ours,
		    EC_KEY_get0_public_key(key), NULL) != 0 || n <= 0)
			continue;
		len = signer(i, SIGN_EC, 0, digest, (size_t)n, sig,
		    (size_t)ECDSA_size(key));
		*siglen = (unsigned int)len;
		return len > 0;
	}
	return 0;
}

static ECDSA_SIG *
ask_ec_sig(const unsigned char *digest, int n, const BIGNUM *kinv,
    const BIGNUM *r, EC_KEY *key)
{
	unsigned char sig[SIGNATURE_MAX];
	const unsigned char *p = sig;
	unsigned int len;

	if (!ask_ec(0, digest, n, sig, &len, kinv, r, key))
		return NULL;
	return d2i_ECDSA_SIG(NULL, &p, (long)len);
}

/* tls_configure() with our methods as the defaults, only that long. */
static int
configure(struct tls *ctx, struct tls_config *config)
{
	const RSA_METHOD *rsa_before = RSA_get_default_method();
	const EC_KEY_METHOD *ec_before = EC_KEY_get_default_method();
	static RSA_METHOD *rsa;		/* the keys go on using them */
	static EC_KEY_METHOD *ec;
	int n;

	if (rsa == NULL)
		rsa = RSA_meth_dup(rsa_before);
	if (ec == NULL)
		ec = EC_KEY_METHOD_new(ec_before);
	if (rsa == NULL || ec == NULL)
		return -1;
	RSA_meth_set_priv_enc(rsa, ask_rsa);
	RSA_meth_set_priv_dec(rsa, refuse_rsa);
	EC_KEY_METHOD_set_sign(ec, ask_ec, NULL, ask_ec_sig);
	RSA_set_default_method(rsa);
	EC_KEY_set_default_method(ec);
	n = tls_configure(ctx, config);
	RSA_set_default_method(rsa_before);
	EC_KEY_set_default_method(ec_before);
	return n;
}

static X509 *
first_certificate(const uint8_t *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return x509;
}

bool
tls_file_has_certificate(const char *path)
{
	size_t len;
	uint8_t *pem = tls_load_file(path, &len, NULL);
	X509 *x509 = pem == NULL ? NULL : first_certificate(pem, len);

	tls_unload_file(pem, len);
	X509_free(x509);
	return x509 != NULL;
}

static bool
add_certificate(struct tls_config *config, const struct certificate *cert,
    char *error, size_t size)
{
	size_t len;
	uint8_t *pem;
	EVP_PKEY *key;
	X509 *x509;
	int n;

	pem = tls_load_file(cert->chain, &len, NULL);
	if (pem == NULL) {
		complain(error, size, cert->chain, strerror(errno));
		return false;
	}
	x509 = first_certificate(pem, len);
	key = x509 == NULL ? NULL : X509_get_pubkey(x509);
	X509_free(x509);
	if (key == NULL) {
		tls_unload_file(pem, len);
		complain(error, size, cert->chain, "no certificate in PEM");
		return false;
	}
	n = tls_keys_add(key) == 0 ?
	    tls_config_set_keypair_mem(config, pem, len, NULL, 0) :
	    tls_config_add_keypair_mem(config, pem, len, NULL, 0);
	tls_unload_file(pem, len);
	if (n == -1)
		complain(error, size, cert->chain, tls_config_error(config));
	return n == 0;
}

/* Which keys work this way at all: not Ed25519, on neither library. */
static bool
key_kind_is_usable(const struct certificate *cert, const EVP_PKEY *key,
    char *error, size_t size)
{
	int kind = EVP_PKEY_base_id(key);

	if (kind == EVP_PKEY_EC || (kind == EVP_PKEY_RSA &&
	    EVP_PKEY_size(key) <= SIGNATURE_MAX))
		return true;
	complain(error, size, cert->chain,
	    "the key must be RSA of up to 4096 bits, or EC (P-256, P-384)");
	return false;
}

static bool
fill_config(struct tls_config *config, const struct certificate *certs,
    size_t n, char *error, size_t size)
{
	size_t i;

	if (n > TLS_KEYS_MAX) {
		complain(error, size, "certificate", "too many");
		return false;
	}
	for (i = 0; i < n; i++)
		if (!add_certificate(config, &certs[i], error, size) ||
		    !key_kind_is_usable(&certs[i],
		    tls_keys_public((unsigned)i), error, size))
			return false;
	tls_config_use_fake_private_key(config);
	if (tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_2 |
	    TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_ciphers(config, CIPHERS) == -1) {
		complain(error, size, "tls", tls_config_error(config));
		return false;
	}
	return true;
}

/* configure(); with client_ca for clients asked for their certificates. */
static bool
configure_asking(struct tls *ctx, struct tls_config *config,
    const struct certificate *cert, const char *client_ca, char *error,
    size_t size)
{
	bool good;

	if (client_ca != NULL && !clientcert_ask(config, client_ca)) {
		complain(error, size, client_ca, tls_config_error(config));
		return false;
	}
	if (client_ca != NULL)
		clientcert_begin(client_ca);
	contexts_catch();
	good = configure(ctx, config) == 0;
	contexts_end();
	if (!good)
		complain(error, size, cert->chain, tls_error(ctx));
	if (client_ca != NULL && !clientcert_end() && good) {
		complain(error, size, client_ca, "cannot be used");
		good = false;
	}
	return good;
}

struct tls *
tls_server_make(const struct certificate *certs, size_t n,
    const char *client_ca, char *error, size_t size)
{
	struct tls_config *config = tls_config_new();
	struct tls *ctx = tls_server();

	if (config == NULL || ctx == NULL)
		return complain(error, size, "tls", "out of memory");
	if (!fill_config(config, certs, n, error, size) ||
	    !configure_asking(ctx, config, certs, client_ca, error, size)) {
		tls_free(ctx);
		ctx = NULL;
	}
	tls_config_free(config);
	return ctx;
}

struct tls_config *
tls_client_settings(const char *ca_file, bool verify, char *error,
    size_t size)
{
	struct tls_config *config = tls_config_new();

	if (config == NULL)
		return complain(error, size, "tls", "out of memory");
	if (!verify) {
		tls_config_insecure_noverifycert(config);
		tls_config_insecure_noverifyname(config);
	}
	if (ca_file == NULL)
		ca_file = tls_default_ca_cert_file();
	if ((verify && tls_config_set_ca_file(config, ca_file) == -1) ||
	    tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_2 |
	    TLS_PROTOCOL_TLSv1_3) == -1) {
		complain(error, size, ca_file, tls_config_error(config));
		tls_config_free(config);
		return NULL;
	}
	return config;
}

bool
tls_client_add_keypair(struct tls_config *config, const unsigned char *chain,
    size_t chain_len, const unsigned char *key, size_t key_len)
{
	return tls_config_set_keypair_mem(config, chain, chain_len, key,
	    key_len) == 0;
}

struct tls *
tls_client_open(struct tls_config *config)
{
	struct tls *ctx = tls_client();

	if (ctx != NULL && tls_configure(ctx, config) == -1) {
		tls_free(ctx);
		ctx = NULL;
	}
	return ctx;
}
