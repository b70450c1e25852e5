/*
 * checkcertificate [-u uid:gid] [-d domain] file
 *
 * Decides on a login by a client certificate (AUTH EXTERNAL). Whatever a
 * session sends is parsed here and not in the monitor, in a process that
 * holds no secret and may do nothing but answer. Descriptor 3 holds, packed
 * as in base/ipc.h:
 *
 *	bytes	who the client wants to be, "" for whom the certificate names
 *	bytes	the transcript hash that the monitor signed in this handshake
 *	bytes	the signature it made, which is like no other
 *	bytes	the transcript, as the session tells it
 *	bytes	the client's CertificateVerify, as the session tells it
 *
 * The client's signature is over a transcript; the monitor's signature in it
 * makes it one of this connection. Answers on descriptor 4 as auth-reply
 * does, USER, SUBJECT and REASON; exit 0 it may log in, 1 it may not, 3 the
 * session sends what no handshake leaves, 111 cannot tell.
 */
#include <err.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/proof.h"
#include "helpers/certlogin.h"
#include "sandbox/sandbox.h"

#define MESSAGE_FD	3
#define ANSWER_FD	4
#define MESSAGE_MAX	65536
#define CHAIN_MAX	10	/* certificates that a client may send */
#define DEPTH_MAX	6	/* as libtls has it */
#define AUTH_LEVEL	2	/* 112 bits: no RSA of 1024, no SHA-1 */

enum verdict {
	RIGHT = 0,
	WRONG = 1,
	USAGE = 64,
	FORGED = 3,
	TEMPORARY = 111
};

struct claim {
	char authzid[CERTLOGIN_SIZE];
	const unsigned char *hash, *signature, *transcript, *verify;
	size_t hash_len, signature_len, transcript_len, verify_len;
};

static X509_STORE *anchors;
static STACK_OF(X509) *chain;	/* the client's, its own first */
static const char *domain = "";
static const char *reason = "";
static char user[CERTLOGIN_SIZE], subject[256];

static enum verdict
because(enum verdict verdict, const char *why)
{
	reason = why;
	return verdict;
}

/* The trust anchors, and revocation lists if the file has any. */
static void
load_anchors(const char *file)
{
	STACK_OF(X509_INFO) *infos;
	BIO *bio = BIO_new_file(file, "r");
	X509_INFO *info;
	int i, n = 0, crls = 0;

	anchors = X509_STORE_new();
	infos = bio == NULL ? NULL : PEM_X509_INFO_read_bio(bio, NULL, NULL,
	    NULL);
	if (infos == NULL || anchors == NULL)
		errx(TEMPORARY, "%s: %s", file, bio == NULL ?
		    strerror(errno) : "cannot be read");
	for (i = 0; i < sk_X509_INFO_num(infos); i++) {
		info = sk_X509_INFO_value(infos, i);
		if (info->x509 != NULL)
			n += X509_STORE_add_cert(anchors, info->x509);
		if (info->crl != NULL)
			crls += X509_STORE_add_crl(anchors, info->crl);
	}
	if (n == 0)
		errx(TEMPORARY, "%s: no certificate in PEM", file);
	if (crls > 0)
		X509_STORE_set_flags(anchors, X509_V_FLAG_CRL_CHECK);
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	BIO_free(bio);
	ERR_clear_error();
}

static bool
read_claim(struct claim *claim)
{
	static unsigned char buf[MESSAGE_MAX + 1];
	struct unpack unpack;
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(buf) && (n = read(MESSAGE_FD, buf + len,
	    sizeof(buf) - len)) != 0) {
		if (n == -1 && errno != EINTR)
			err(TEMPORARY, "descriptor 3");
		if (n > 0)
			len += (size_t)n;
	}
	close(MESSAGE_FD);
	unpack_start(&unpack, buf, len);
	unpack_string(&unpack, claim->authzid, sizeof(claim->authzid));
	claim->hash = unpack_bytes(&unpack, &claim->hash_len);
	claim->signature = unpack_bytes(&unpack, &claim->signature_len);
	claim->transcript = unpack_bytes(&unpack, &claim->transcript_len);
	claim->verify = unpack_bytes(&unpack, &claim->verify_len);
	return len <= MESSAGE_MAX && unpack_done(&unpack);
}

/* The transcript is of the handshake in which the monitor has signed. */
static bool
is_our_handshake(const struct claim *claim, const struct transcript *t)
{
	unsigned char hash[TRANSCRIPT_HASH_MAX];

	return t->hash == claim->hash_len && claim->signature_len > 0 &&
	    proof_hash(t, t->offered, hash) &&
	    memcmp(hash, claim->hash, t->hash) == 0 &&
	    t->server.n == claim->signature_len &&
	    memcmp(t->server.p, claim->signature, t->server.n) == 0;
}

static bool
read_chain(const struct transcript *t)
{
	const unsigned char *p = t->certificates, *der, *end;
	size_t left = t->certificates_len, len;
	X509 *cert;

	chain = sk_X509_new_null();
	while ((der = transcript_certificate(&p, &left, &len)) != NULL) {
		end = der + len;
		cert = d2i_X509(NULL, &der, (long)len);
		if (cert == NULL || sk_X509_push(chain, cert) == 0 ||
		    der != end || sk_X509_num(chain) > CHAIN_MAX)
			return false;
	}
	return true;
}

/* RFC 5280 6, for a TLS client (RFC 5280 4.2.1.12). */
static enum verdict
check_chain(void)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	bool good;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, anchors,
	    sk_X509_value(chain, 0), chain) != 1 ||
	    X509_STORE_CTX_set_default(ctx, "ssl_client") != 1)
		return because(TEMPORARY, "out of memory");
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	good = X509_verify_cert(ctx) == 1;
	reason = good ? "" : X509_verify_cert_error_string(
	    X509_STORE_CTX_get_error(ctx));
	X509_STORE_CTX_free(ctx);
	return good ? RIGHT : WRONG;
}

/* RFC 8446 4.2.3: what a client may sign with. */
static const struct scheme {
	unsigned scheme;
	int key, curve;
	const EVP_MD *(*md)(void);
} schemes[] = {
	{ 0x0403, EVP_PKEY_EC, NID_X9_62_prime256v1, EVP_sha256 },
	{ 0x0503, EVP_PKEY_EC, NID_secp384r1, EVP_sha384 },
	{ 0x0603, EVP_PKEY_EC, NID_secp521r1, EVP_sha512 },
	{ 0x0804, EVP_PKEY_RSA, 0, EVP_sha256 },
	{ 0x0805, EVP_PKEY_RSA, 0, EVP_sha384 },
	{ 0x0806, EVP_PKEY_RSA, 0, EVP_sha512 },
	{ 0x0807, EVP_PKEY_ED25519, 0, NULL },
#ifdef EVP_PKEY_ED448
	{ 0x0808, EVP_PKEY_ED448, 0, NULL },
#endif
	{ 0x0809, EVP_PKEY_RSA_PSS, 0, EVP_sha256 },
	{ 0x080a, EVP_PKEY_RSA_PSS, 0, EVP_sha384 },
	{ 0x080b, EVP_PKEY_RSA_PSS, 0, EVP_sha512 },
};

static const struct scheme *
find_scheme(unsigned number, const EVP_PKEY *key)
{
	const struct scheme *s;
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		s = &schemes[i];
		if (s->scheme == number && EVP_PKEY_base_id(key) == s->key &&
		    (s->curve == 0 || EC_GROUP_get_curve_name(
		    EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key))) ==
		    s->curve))
			return s;
	}
	return NULL;
}

static bool
set_pss(EVP_PKEY_CTX *pctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) ==
	    1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
	    RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool
verify(const struct scheme *s, EVP_PKEY *key,
    const struct handshake_signature *signature, const unsigned char *content,
    size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool good;

	good = ctx != NULL && EVP_DigestVerifyInit(ctx, &pctx,
	    s->md == NULL ? NULL : s->md(), NULL, key) == 1;
	if (s->key == EVP_PKEY_RSA || s->key == EVP_PKEY_RSA_PSS)
		good = good && set_pss(pctx);
	good = good && EVP_DigestVerify(ctx, signature->p, signature->n,
	    content, n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* The holder of the key has signed the whole transcript. */
static enum verdict
check_signature(const struct claim *claim, const struct transcript *t,
    X509 *leaf)
{
	unsigned char hash[TRANSCRIPT_HASH_MAX], content[PROOF_CONTENT_MAX];
	struct handshake_signature signature;
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	const struct scheme *s;
	size_t n;

	if (!transcript_parse_verify(claim->verify, claim->verify_len,
	    &signature))
		return because(FORGED, "sends no CertificateVerify");
	s = key == NULL ? NULL : find_scheme(signature.scheme, key);
	if (s == NULL)
		return because(WRONG, "signature scheme not supported");
	if (!proof_hash(t, t->n, hash))
		return because(TEMPORARY, "cannot compute");
	n = proof_content(PROOF_CLIENT, hash, t->hash, content);
	return verify(s, key, &signature, content, n) ? RIGHT :
	    because(FORGED, "sends a CertificateVerify that is not the "
	    "certificate's");
}

/* The login that fits what the client asks for, in user; the first if any. */
static bool
choose(const char *login, const char *authzid)
{
	if (authzid[0] == '\0')
		strlcpy(user, login, sizeof(user));
	else if (certlogin_is(login, domain, authzid))
		strlcpy(user, strchr(authzid, '@') == NULL ? authzid : login,
		    sizeof(user));
	return user[0] != '\0';
}

/* True if there are addresses, whether one fits or not. */
static bool
choose_address(X509 *leaf, const char *authzid)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name,
	    NULL, NULL);
	char login[CERTLOGIN_SIZE];
	const GENERAL_NAME *name;
	bool any = false;
	int i;

	for (i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_EMAIL)
			continue;
		any = true;
		if (certlogin_email((const char *)ASN1_STRING_get0_data(
		    name->d.rfc822Name), (size_t)ASN1_STRING_length(
		    name->d.rfc822Name), login) && choose(login, authzid))
			break;
	}
	GENERAL_NAMES_free(names);
	return any;
}

static void
choose_name(X509 *leaf, const char *authzid)
{
	X509_NAME *name = X509_get_subject_name(leaf);
	int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1), n;
	char login[CERTLOGIN_SIZE];
	unsigned char *text;

	if (i < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, i) >= 0)
		return;		/* none, or more than one */
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(name, i)));
	if (n >= 0 && certlogin_name((const char *)text, (size_t)n, login))
		choose(login, authzid);
	if (n >= 0)
		OPENSSL_free(text);
}

static enum verdict
find_login(X509 *leaf, const char *authzid)
{
	if (!choose_address(leaf, authzid))
		choose_name(leaf, authzid);
	if (user[0] != '\0')
		return RIGHT;
	return because(WRONG, authzid[0] == '\0' ?
	    "the certificate names no login" :
	    "the certificate does not name this login");
}

static void
print_subject(X509 *leaf)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	if (bio != NULL && X509_NAME_print_ex(bio,
	    X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) >= 0 &&
	    (n = BIO_read(bio, subject, sizeof(subject) - 1)) > 0)
		subject[n] = '\0';
	BIO_free(bio);
}

static enum verdict
judge(const struct claim *claim)
{
	struct transcript t;
	enum verdict verdict;

	if (!transcript_parse(claim->transcript, claim->transcript_len, &t))
		return because(FORGED, "sends no transcript of a handshake");
	if (!is_our_handshake(claim, &t))
		return because(FORGED, "sends the transcript of another "
		    "handshake");
	if (!read_chain(&t))
		return because(WRONG, "the certificate cannot be read");
	print_subject(sk_X509_value(chain, 0));
	verdict = check_chain();
	if (verdict == RIGHT)
		verdict = check_signature(claim, &t, sk_X509_value(chain, 0));
	if (verdict == RIGHT)
		verdict = find_login(sk_X509_value(chain, 0), claim->authzid);
	return verdict;
}

static void
answer(enum verdict verdict)
{
	char buf[1024];
	int n;

	if (verdict == RIGHT)
		n = snprintf(buf, sizeof(buf), "USER=%s%cSUBJECT=%s", user,
		    '\0', subject);
	else
		n = snprintf(buf, sizeof(buf), "REASON=%s%cSUBJECT=%s",
		    reason, '\0', subject);
	if (write(ANSWER_FD, buf, (size_t)n + 1) != n + 1)
		err(TEMPORARY, "descriptor 4");
}

_Noreturn static void
usage(void)
{
	fprintf(stderr, "usage: checkcertificate [-u uid:gid] [-d domain] "
	    "file\n");
	exit(USAGE);
}

int
main(int argc, char **argv)
{
	unsigned uid = 0, gid = 0;
	struct claim claim;
	enum verdict verdict;
	int c;

	sandbox_begin();
	while ((c = getopt(argc, argv, "d:u:")) != -1) {
		if (c == 'd')
			domain = optarg;
		else if (c != 'u' || sscanf(optarg, "%u:%u", &uid, &gid) != 2)
			usage();
	}
	if (optind + 1 != argc)
		usage();
	load_anchors(argv[optind]);
	sandbox_certificate(uid, gid);
	verdict = read_claim(&claim) ? judge(&claim) :
	    because(FORGED, "sends a malformed certificate login");
	answer(verdict);
	X509_STORE_free(anchors);
	sk_X509_pop_free(chain, X509_free);
	return (int)verdict;
}
