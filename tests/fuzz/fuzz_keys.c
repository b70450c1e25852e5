/*
 * base/tlskeys.c, by keys of its own: what is signed is what a handshake has
 * signed, and nothing else. The input's first octet says which key and what
 * it is asked by, the second with which digest; the rest is what is to be
 * signed, or, if a good padding is asked for, what is done to it: a place and
 * what it is changed by, again and again.
 *
 * Properties: a padding of RFC 8017 9.1 is signed as it is, and if nothing but
 * its salt was changed; with a transcript's hash only that of just this
 * transcript is. Whatever is signed without padding of ours is such a
 * signature as OpenSSL itself verifies.
 */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include "base/proof.h"
#include "base/tlskeys.h"
#include "tests/fuzz/fuzz.h"

enum { RSA_KEY, EC_KEY_P256, KEYS };
enum { RAW = 1, HASHED = 2, TRANSCRIPT = 4, OTHER_PADDING = 8 };

static EVP_PKEY *keys[KEYS];
static const unsigned char transcript[48] = "what both have said";

static void
write_key(struct certificate *cert, EVP_PKEY *key)
{
	static char names[KEYS][32];
	static size_t n;
	FILE *f;
	int fd;

	strcpy(names[n], "/tmp/fuzz_keys.XXXXXX");
	fd = mkstemp(names[n]);
	f = fd == -1 ? NULL : fdopen(fd, "w");
	MUST(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
	    NULL) == 1 && fclose(f) == 0);
	memset(cert, 0, sizeof(*cert));
	cert->key = names[n++];
}

static void
make_keys(void)
{
	struct certificate certs[KEYS];
	char error[512];
	unsigned i;

	keys[RSA_KEY] = EVP_RSA_gen(2048);
	keys[EC_KEY_P256] = EVP_EC_gen("P-256");
	for (i = 0; i < KEYS; i++) {
		MUST(keys[i] != NULL && tls_keys_add(keys[i]) == i);
		write_key(&certs[i], keys[i]);
	}
	MUST(tls_keys_load(certs, KEYS, error, sizeof(error)));
	for (i = 0; i < KEYS; i++)
		unlink(certs[i].key);
}

static const EVP_MD *
digest(unsigned i)
{
	return i % 3 == 0 ? EVP_sha256() : i % 3 == 1 ? EVP_sha384() :
	    EVP_sha512();
}

static bool
is_verified(unsigned key, const EVP_MD *md, const unsigned char *digested,
    size_t n, int padding, const unsigned char *signature, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(keys[key], NULL);
	bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1;

	if (good && md != NULL)
		good = EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
	if (good && padding != 0)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1;
	good = good && EVP_PKEY_verify(ctx, signature, len, digested, n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* Changes it; 0: not at all, 1: its salt only, 2: more than that. */
static int
change(unsigned char *em, size_t n, size_t salt, const uint8_t *p,
    size_t size)
{
	unsigned char was[SIGNATURE_MAX];
	size_t at, end = n - salt - 1;
	int much = 0;

	memcpy(was, em, n);
	for (; size >= 2; p += 2, size -= 2)
		em[p[0] % n] ^= p[1];
	for (at = 0; at < n; at++)
		if (em[at] != was[at] && much < 2)
			much = at >= end - salt && at < end ? 1 : 2;
	return much;
}

static void
try_padding(unsigned how, const EVP_MD *md, const uint8_t *p, size_t size)
{
	unsigned char content[PROOF_CONTENT_MAX], digested[EVP_MAX_MD_SIZE];
	unsigned char em[SIGNATURE_MAX], out[SIGNATURE_MAX];
	RSA *rsa = EVP_PKEY_get1_RSA(keys[RSA_KEY]);
	size_t n = (size_t)RSA_size(rsa), len, hash = how & HASHED ? 48 : 32;
	size_t digest_len = (size_t)EVP_MD_size(md);
	int much;

	len = proof_content(PROOF_SERVER, transcript, hash, content);
	MUST(EVP_Digest(content, len, digested, NULL, md, NULL) == 1 &&
	    RSA_padding_add_PKCS1_PSS_mgf1(rsa, em, digested, md, md,
	    -1) == 1);
	RSA_free(rsa);
	much = change(em, n, digest_len, p, size);
	len = how & TRANSCRIPT ? tls_keys_sign_hash(RSA_KEY, SIGN_RSA,
	    RSA_NO_PADDING, em, n, transcript, hash, out) :
	    tls_keys_sign(RSA_KEY, SIGN_RSA, RSA_NO_PADDING, em, n, out,
	    sizeof(out));
	MUST((len == n) == (how & TRANSCRIPT ? much == 0 : much < 2));
	if (much == 0)
		MUST(is_verified(RSA_KEY, md, digested, digest_len,
		    RSA_PKCS1_PSS_PADDING, out, len));
}

/* The digest in a DigestInfo, or NULL. */
static const EVP_MD *
digest_of(size_t n)
{
	return n == 19 + 32 ? EVP_sha256() : n == 19 + 48 ? EVP_sha384() :
	    n == 19 + 64 ? EVP_sha512() : NULL;
}

static void
try_raw(unsigned how, unsigned key, const uint8_t *p, size_t size)
{
	enum sign_kind kind = how & HASHED ? SIGN_EC : SIGN_RSA;
	int padding = how & OTHER_PADDING ? RSA_PKCS1_PADDING :
	    kind == SIGN_EC ? 0 : RSA_NO_PADDING;
	unsigned char out[SIGNATURE_MAX];
	size_t len;

	if (how & TRANSCRIPT) {
		MUST(tls_keys_sign_hash(key, kind, padding, p, size,
		    transcript, 32, out) == 0);
		return;
	}
	len = tls_keys_sign(key, kind, padding, p, size, out, sizeof(out));
	if (len == 0)
		return;
	MUST(len <= sizeof(out) && key < KEYS);
	if (key == EC_KEY_P256)
		MUST(kind == SIGN_EC && is_verified(key, NULL, p, size, 0,
		    out, len));
	else
		MUST(padding == RSA_PKCS1_PADDING && is_verified(key,
		    digest_of(size), p + 19, size - 19, padding, out, len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (keys[0] == NULL)
		make_keys();
	if (size < 2)
		return 0;
	if (data[0] & RAW)
		try_raw(data[0], data[1] % (KEYS + 1), data + 2, size - 2);
	else
		try_padding(data[0], digest(data[1]), data + 2, size - 2);
	return 0;
}
