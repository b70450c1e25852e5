/*
 * base/pss.c: what a handshake may have signed by an RSA key, of moduli where
 * the padding begins in the first octet, and behind it.
 */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/pss.h"
#include "tests/unit/unit.h"

static const struct {
	int bits;
	unsigned digest;	/* 256, 384, 512, or another */
	int salt;		/* octets, -1: as many as the digest */
	bool good;
} rows[] = {
/* from 2041 to 2048 bits it is 256 octets; at 2041 the first one is 0 */
{ 2041, 256, -1, true }, { 2042, 256, -1, true }, { 2043, 384, -1, true },
{ 2047, 256, -1, true }, { 2048, 256, -1, true }, { 2048, 384, -1, true },
{ 2048, 512, -1, true }, { 2049, 256, -1, true }, { 2049, 512, -1, true },
{ 1024, 256, -1, true }, { 1024, 384, -1, true }, { 4096, 512, -1, true },
{ 4089, 256, -1, true },
{ 2048, 256, 0, false }, { 2048, 256, 31, false }, { 2048, 256, 33, false },
{ 2048, 512, 32, false }, { 2049, 256, 31, false },
{ 2048, 1, -1, false }, { 2048, 224, -1, false },
/* no room for it in our buffers */
{ 4097, 256, -1, false }, { 4104, 512, -1, false }, { 8192, 512, -1, false },
};

static const EVP_MD *
digest(unsigned bits)
{
	return bits == 1 ? EVP_sha1() : bits == 224 ? EVP_sha224() :
	    bits == 256 ? EVP_sha256() : bits == 384 ? EVP_sha384() :
	    EVP_sha512();
}

/* A modulus of that length is all that the padding depends on. */
static RSA *
key(int bits)
{
	RSA *rsa = RSA_new();
	BIGNUM *n = BN_new(), *e = BN_new();

	if (rsa == NULL || n == NULL || e == NULL || !BN_set_bit(n, bits - 1) ||
	    !BN_set_bit(n, 0) || !BN_set_word(e, 65537) ||
	    !RSA_set0_key(rsa, n, e, NULL))
		abort();
	return rsa;
}

/* Any octet altered is no padding, or not that of this content. */
static void
try_altered(RSA *rsa, const char *name, const unsigned char *em, size_t n,
    const char *content)
{
	unsigned char bad[1100], out[PSS_MAX];
	size_t i;

	for (i = 0; i < n; i += i < 4 || i + 80 > n ? 1 : 7) {
		memcpy(bad, em, n);
		bad[i] ^= i % 2 ? 0x40 : 0x80;
		ok(!pss_pad_anew(rsa, bad, n, (const unsigned char *)content,
		    strlen(content), out), name, strlen(name),
		    "taken with octet %zu altered", i);
	}
	ok(!pss_is_padded(rsa, em, n - 1) && !pss_is_padded(rsa, em + 1,
	    n - 1) && !pss_is_padded(rsa, em, 0), name, strlen(name),
	    "taken when cut");
	memcpy(bad, em, n);
	bad[n - 1] = 0xbb;
	ok(!pss_is_padded(rsa, bad, n), name, strlen(name),
	    "taken with another end");
	memset(bad, 0, n);
	ok(!pss_is_padded(rsa, bad, n), name, strlen(name), "nothing");
	bad[n - 1] = 2;
	ok(!pss_is_padded(rsa, bad, n), name, strlen(name), "a number");
}

static void
try_row(size_t i)
{
	static const char content[] = "what is signed";
	const EVP_MD *md = digest(rows[i].digest);
	unsigned char em[1100] = { 0 }, hash[EVP_MAX_MD_SIZE], out[PSS_MAX];
	RSA *rsa = key(rows[i].bits);
	size_t n = (size_t)RSA_size(rsa);
	char name[64];
	bool anew;

	snprintf(name, sizeof(name), "%d bits, SHA-%u, salt %d", rows[i].bits,
	    rows[i].digest, rows[i].salt);
	if (!EVP_Digest(content, strlen(content), hash, NULL, md, NULL) ||
	    RSA_padding_add_PKCS1_PSS_mgf1(rsa, em, hash, md, md,
	    rows[i].salt) != 1)
		abort();
	ok(pss_is_padded(rsa, em, n) == rows[i].good, name, strlen(name),
	    "wanted %d", rows[i].good);
	memset(out, 0xee, sizeof(out));
	anew = pss_pad_anew(rsa, em, n, (const unsigned char *)content,
	    strlen(content), out);
	ok(anew == rows[i].good, name, strlen(name), "padded anew: %d", anew);
	ok(!pss_pad_anew(rsa, em, n, (const unsigned char *)"x", 1, out),
	    name, strlen(name), "of another content");
	if (rows[i].good) {
		ok(pss_pad_anew(rsa, em, n, (const unsigned char *)content,
		    strlen(content), out) && memcmp(out, em, n) != 0 &&
		    RSA_verify_PKCS1_PSS_mgf1(rsa, hash, md, md, out, -1) == 1,
		    name, strlen(name), "OpenSSL does not know it again");
		try_altered(rsa, name, em, n, content);
	}
	RSA_free(rsa);
}

/* DigestInfo of RFC 8017 9.2, note 1 */
static void
try_digest_info(void)
{
	static const unsigned char head[3][19] = {
		{ 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		  0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 },
		{ 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		  0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 },
		{ 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		  0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 },
	};
	unsigned char in[100] = { 0 };
	size_t i, k, n;

	for (i = 0; i < 3; i++) {
		memcpy(in, head[i], 19);
		for (n = 0; n < sizeof(in); n++) {
			char *exact = copy_of((char *)in, n);

			ok(pkcs1_is_digest_info((unsigned char *)exact, n) ==
			    (n == 19U + in[18]), "length", 6, "%zu", n);
			free(exact);
		}
		for (k = 0; k < 19; k++) {
			in[k] ^= 1;
			ok(!pkcs1_is_digest_info(in, 19U + head[i][18]),
			    "altered", 7, "octet %zu", k);
			in[k] ^= 1;
		}
	}
}

int
main(void)
{
	size_t i;

	table("pss");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	table("pss: PKCS #1");
	try_digest_info();
	return tables_done();
}
