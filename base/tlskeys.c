#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/proof.h"
#include "base/pss.h"
#include "base/secret.h"
#include "base/tlskeys.h"

static EVP_PKEY *public_keys[TLS_KEYS_MAX];
static size_t n_keys;
static struct secret der[TLS_KEYS_MAX];	/* the private halves */

unsigned
tls_keys_add(EVP_PKEY *key)
{
	public_keys[n_keys] = key;
	return (unsigned)n_keys++;
}

EVP_PKEY *
tls_keys_public(unsigned key)
{
	return key < n_keys ? public_keys[key] : NULL;
}

/* Nobody is there to type it. */
static int
no_pass_phrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

/* The key as DER in locked memory; the library's own copy is freed. */
static bool
load_key(const struct certificate *cert, size_t i, char *error, size_t size)
{
	struct secret pem;
	unsigned char *p;
	EVP_PKEY *key;
	BIO *bio;
	int len;

	if (!secret_read_file(&pem, cert->key, error, size))
		return false;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	BIO_free(bio);
	secret_wipe(&pem);
	if (key == NULL) {
		snprintf(error, size, "%s: no private key in PEM, or an "
		    "encrypted one", cert->key);
		return false;
	}
	if (EVP_PKEY_cmp(key, public_keys[i]) != 1) {
		EVP_PKEY_free(key);
		snprintf(error, size, "%s: is not the certificate's key",
		    cert->key);
		return false;
	}
	len = i2d_PrivateKey(key, NULL);
	if (len > 0 && secret_alloc(&der[i], (size_t)len)) {
		p = der[i].data;
		i2d_PrivateKey(key, &p);
	}
	EVP_PKEY_free(key);
	return der[i].data != NULL;
}

bool
tls_keys_load(const struct certificate *certs, size_t n, char *error,
    size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!load_key(&certs[i], i, error, size))
			return false;
	return true;
}

/* RSA-PSS arrives padded, PKCS #1 as a DigestInfo (RFC 8017 9.2). */
static size_t
sign_rsa(unsigned key, int padding, const unsigned char *in, size_t n,
    unsigned char *out, size_t size)
{
	const unsigned char *p = der[key].data;
	RSA *rsa = d2i_RSAPrivateKey(NULL, &p, (long)der[key].len);
	size_t modulus;
	int len = 0;

	if (rsa == NULL)
		return 0;
	modulus = (size_t)RSA_size(rsa);
	if (modulus <= size &&
	    /* no other number is raised to the private power */
	    ((padding == RSA_NO_PADDING && pss_is_padded(rsa, in, n)) ||
	    (padding == RSA_PKCS1_PADDING && pkcs1_is_digest_info(in, n))))
		len = RSA_private_encrypt((int)n, in, out, rsa, padding);
	RSA_free(rsa);
	return len > 0 ? (size_t)len : 0;
}

static size_t
sign_ec(unsigned key, const unsigned char *in, size_t n, unsigned char *out,
    size_t size)
{
	const unsigned char *p = der[key].data;
	EC_KEY *ec = d2i_ECPrivateKey(NULL, &p, (long)der[key].len);
	unsigned int len = 0;

	if (ec == NULL)
		return 0;
	/* SHA-224 is rare, and legal in TLS 1.2 */
	if ((n != 28 && n != 32 && n != 48 && n != 64) ||
	    (size_t)ECDSA_size(ec) > size ||
	    !ECDSA_sign(0, in, (int)n, out, &len, ec))
		len = 0;
	EC_KEY_free(ec);
	return len;
}

size_t
tls_keys_sign(unsigned key, enum sign_kind kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size)
{
	int have;

	if (key >= n_keys || der[key].data == NULL)
		return 0;
	have = EVP_PKEY_base_id(public_keys[key]);
	if (kind == SIGN_RSA && have == EVP_PKEY_RSA)
		return sign_rsa(key, padding, in, n, out, size);
	if (kind == SIGN_EC && have == EVP_PKEY_EC && padding == 0)
		return sign_ec(key, in, n, out, size);
	return 0;
}

/*
 * As sign_rsa(), for this content only and with a salt of our own: what the
 * session has padded it could have padded the same before.
 */
static size_t
sign_rsa_anew(unsigned key, const unsigned char *in, size_t n,
    const unsigned char *content, size_t content_len, unsigned char *out)
{
	const unsigned char *p = der[key].data;
	RSA *rsa = d2i_RSAPrivateKey(NULL, &p, (long)der[key].len);
	unsigned char em[PSS_MAX];
	int len = 0;

	if (rsa == NULL)
		return 0;
	if (n <= SIGNATURE_MAX && pss_pad_anew(rsa, in, n, content,
	    content_len, em))
		len = RSA_private_encrypt((int)n, em, out, rsa,
		    RSA_NO_PADDING);
	RSA_free(rsa);
	return len > 0 ? (size_t)len : 0;
}

/* ECDSA is never the same twice: each signature has its own nonce. */
static size_t
sign_ec_anew(unsigned key, const unsigned char *in, size_t n,
    const unsigned char *content, size_t content_len, unsigned char *out)
{
	const EVP_MD *md = n == 32 ? EVP_sha256() : n == 48 ? EVP_sha384() :
	    EVP_sha512();
	unsigned char want[EVP_MAX_MD_SIZE];

	if (n != (size_t)EVP_MD_size(md) || EVP_Digest(content, content_len,
	    want, NULL, md, NULL) != 1 || memcmp(in, want, n) != 0)
		return 0;
	return sign_ec(key, in, n, out, SIGNATURE_MAX);
}

size_t
tls_keys_sign_hash(unsigned key, enum sign_kind kind, int padding,
    const unsigned char *in, size_t n, const unsigned char *hash,
    size_t hash_len, unsigned char out[SIGNATURE_MAX])
{
	unsigned char content[PROOF_CONTENT_MAX];
	size_t len;
	int have;

	if (key >= n_keys || der[key].data == NULL ||
	    (hash_len != 32 && hash_len != 48))
		return 0;
	len = proof_content(PROOF_SERVER, hash, hash_len, content);
	have = EVP_PKEY_base_id(public_keys[key]);
	if (kind == SIGN_RSA && have == EVP_PKEY_RSA &&
	    padding == RSA_NO_PADDING)
		return sign_rsa_anew(key, in, n, content, len, out);
	if (kind == SIGN_EC && have == EVP_PKEY_EC && padding == 0)
		return sign_ec_anew(key, in, n, content, len, out);
	return 0;
}

void
tls_keys_wipe(void)
{
	size_t i;

	for (i = 0; i < n_keys; i++)
		secret_wipe(&der[i]);
}

void
tls_keys_forget(void)
{
	tls_keys_wipe();
	while (n_keys > 0)
		EVP_PKEY_free(public_keys[--n_keys]);
}

bool
tls_keypair_is_good(const unsigned char *chain, size_t chain_len,
    const unsigned char *key, size_t key_len)
{
	BIO *chain_bio = BIO_new_mem_buf(chain, (int)chain_len);
	BIO *key_bio = BIO_new_mem_buf(key, (int)key_len);
	X509 *x509 = NULL;
	EVP_PKEY *pkey = NULL;
	bool good;

	if (chain_bio != NULL && key_bio != NULL) {
		x509 = PEM_read_bio_X509(chain_bio, NULL, NULL, NULL);
		pkey = PEM_read_bio_PrivateKey(key_bio, NULL, no_pass_phrase,
		    NULL);
	}
	good = x509 != NULL && pkey != NULL &&
	    X509_check_private_key(x509, pkey) == 1;
	EVP_PKEY_free(pkey);
	X509_free(x509);
	BIO_free(key_bio);
	BIO_free(chain_bio);
	return good;
}
