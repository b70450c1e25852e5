#include <openssl/evp.h>
#include <string.h>

#include "base/proof.h"

static bool
add_message_hash(EVP_MD_CTX *ctx, const EVP_MD *md,
    const struct transcript *t)
{
	unsigned char head[4] = { HANDSHAKE_HASH, 0, 0, 0 };
	unsigned char hash[TRANSCRIPT_HASH_MAX];

	head[3] = (unsigned char)t->hash;
	return EVP_Digest(t->p, t->retried, hash, NULL, md, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, head, sizeof(head)) == 1 &&
	    EVP_DigestUpdate(ctx, hash, t->hash) == 1;
}

/* A first ClientHello that was retried counts by its hash, RFC 8446 4.4.1. */
bool
proof_hash(const struct transcript *t, size_t n,
    unsigned char hash[TRANSCRIPT_HASH_MAX])
{
	const EVP_MD *md = t->hash == 48 ? EVP_sha384() : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && n >= t->retried &&
	    EVP_DigestInit_ex(ctx, md, NULL) == 1;

	if (good && t->retried > 0)
		good = add_message_hash(ctx, md, t);
	good = good && EVP_DigestUpdate(ctx, t->p + t->retried,
	    n - t->retried) == 1 && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

size_t
proof_content(enum proof_side side, const unsigned char *hash, size_t len,
    unsigned char content[PROOF_CONTENT_MAX])
{
	static const char server[] = "TLS 1.3, server CertificateVerify";
	static const char client[] = "TLS 1.3, client CertificateVerify";

	memset(content, ' ', 64);
	memcpy(content + 64, side == PROOF_SERVER ? server : client,
	    sizeof(server));
	memcpy(content + 64 + sizeof(server), hash, len);
	return 64 + sizeof(server) + len;
}
