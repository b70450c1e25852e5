#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>
#include <tls.h>

#include "base/pin.h"

bool
pin_parse(const char *text, struct pin *pin)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	size_t n = 0;

	if (strncasecmp(text, "sha256:", 7) != 0)
		return false;
	memset(pin, 0, sizeof(*pin));
	for (text += 7; *text != '\0'; text++) {
		if (*text == ':')
			continue;
		digit = strchr(digits, tolower((unsigned char)*text));
		if (digit == NULL || n == 64)
			return false;
		pin->digest[n / 2] = (unsigned char)(pin->digest[n / 2] << 4 |
		    (digit - digits));
		n++;
	}
	return n == 64;
}

static bool
is_pinned(const unsigned char *der, int len, const struct pin *pins, size_t n)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t i;

	if (der == NULL || len <= 0 || EVP_Digest(der, (size_t)len, digest,
	    NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (i = 0; i < n; i++)
		if (memcmp(pins[i].digest, digest, sizeof(pins[i].digest)) ==
		    0)
			return true;
	return false;
}

bool
pin_matches(struct tls *tls, const struct pin *pins, size_t n)
{
	unsigned char *certificate = NULL, *key = NULL;
	const uint8_t *pem;
	size_t pem_len;
	X509 *x509 = NULL;
	BIO *bio;
	int len;
	bool found = false;

	pem = tls_peer_cert_chain_pem(tls, &pem_len);
	bio = pem == NULL ? NULL : BIO_new_mem_buf(pem, (int)pem_len);
	if (bio != NULL)
		x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (x509 != NULL) {
		len = i2d_X509(x509, &certificate);
		found = is_pinned(certificate, len, pins, n);
		len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &key);
		found = found || is_pinned(key, len, pins, n);
	}
	OPENSSL_free(certificate);
	OPENSSL_free(key);
	X509_free(x509);
	BIO_free(bio);
	return found;
}
