#include <openssl/evp.h>
#include <string.h>

#include "base/pss.h"

static const EVP_MD *
digest(unsigned i)
{
	return i == 0 ? EVP_sha256() : i == 1 ? EVP_sha384() : EVP_sha512();
}

/*
 * RFC 8017 9.1.2 as far as it goes without the message; bits are those of
 * the first octet that may be set. The salt is in db, NULL: it is not PSS.
 */
static const unsigned char *
find_salt(const EVP_MD *md, const unsigned char *em, size_t n, int bits,
    unsigned char db[PSS_MAX])
{
	size_t len = (size_t)EVP_MD_size(md), i;

	if (n < 2 * len + 2 || em[n - 1] != 0xbc ||
	    (em[0] & ~(0xff >> (8 - bits))) != 0 || PKCS1_MGF1(db,
	    (long)(n - len - 1), em + n - len - 1, (long)len, md) != 0)
		return NULL;
	for (i = 0; i < n - len - 1; i++)
		db[i] ^= em[i];
	db[0] &= (unsigned char)(0xff >> (8 - bits));
	for (i = 0; i < n - 2 * len - 2; i++)
		if (db[i] != 0)
			return NULL;
	return db[i] == 1 ? db + i + 1 : NULL;
}

/* Octets of em that are the encoding, and the bits of the first one. */
static bool
find_encoding(const RSA *rsa, const unsigned char **em, size_t *n, int *bits)
{
	*bits = (RSA_bits(rsa) - 1) % 8;
	if (*n != (size_t)RSA_size(rsa) || *n > PSS_MAX ||
	    (*bits == 0 && **em != 0))
		return false;
	if (*bits == 0) {
		(*em)++;
		(*n)--;
		*bits = 8;
	}
	return true;
}

bool
pss_is_padded(const RSA *rsa, const unsigned char *em, size_t n)
{
	unsigned char db[PSS_MAX];
	unsigned i;
	int bits;

	if (!find_encoding(rsa, &em, &n, &bits))
		return false;
	for (i = 0; i < 3; i++)
		if (find_salt(digest(i), em, n, bits, db) != NULL)
			return true;
	return false;
}

/* RFC 8017 9.1.2, the last steps: H is of this digest and this salt. */
static bool
is_of(const EVP_MD *md, const unsigned char *h, const unsigned char *digested,
    const unsigned char *salt)
{
	unsigned char m[8 + 2 * EVP_MAX_MD_SIZE] = { 0 };
	unsigned char want[EVP_MAX_MD_SIZE];
	size_t len = (size_t)EVP_MD_size(md);

	memcpy(m + 8, digested, len);
	memcpy(m + 8 + len, salt, len);
	return EVP_Digest(m, 8 + 2 * len, want, NULL, md, NULL) == 1 &&
	    memcmp(h, want, len) == 0;
}

bool
pss_pad_anew(RSA *rsa, const unsigned char *em, size_t n,
    const unsigned char *content, size_t content_len,
    unsigned char out[PSS_MAX])
{
	unsigned char db[PSS_MAX], digested[EVP_MAX_MD_SIZE];
	const unsigned char *salt;
	unsigned i;
	int bits;

	if (!find_encoding(rsa, &em, &n, &bits))
		return false;
	for (i = 0; i < 3; i++) {
		salt = find_salt(digest(i), em, n, bits, db);
		if (salt == NULL)
			continue;
		return EVP_Digest(content, content_len, digested, NULL,
		    digest(i), NULL) == 1 && is_of(digest(i), em + n - 1 -
		    EVP_MD_size(digest(i)), digested, salt) &&
		    RSA_padding_add_PKCS1_PSS_mgf1(rsa, out, digested,
		    digest(i), digest(i), -1) == 1;
	}
	return false;
}

bool
pkcs1_is_digest_info(const unsigned char *in, size_t n)
{
	unsigned char want[] = { 0x30, 0, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86,
	    0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0, 0x05, 0x00, 0x04, 0 };
	size_t len = n - sizeof(want);

	if (n != 19 + 32 && n != 19 + 48 && n != 19 + 64)
		return false;
	want[1] = (unsigned char)(17 + len);
	want[14] = (unsigned char)(len / 16 - 1);
	want[18] = (unsigned char)len;
	return memcmp(in, want, sizeof(want)) == 0;
}
