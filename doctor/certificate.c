/*
 * Each certificate line: can the daemon use the pair, does a client that
 * trusts what this system trusts accept it, and how long.
 */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <tls.h>

#include "base/secret.h"
#include "base/tlskeys.h"
#include "doctor/doctor.h"

#define CHAIN_MAX	10
#define DAYS_FEW	21	/* a renewal that failed shows before */
#define DAY		86400

struct chain {
	X509 *cert[CHAIN_MAX];	/* as in the file, the server's first */
	size_t n;
};

static void
read_chain(const char *path, struct chain *chain)
{
	FILE *f = fopen(path, "re");

	chain->n = 0;
	if (f == NULL)
		return;
	while (chain->n < CHAIN_MAX && (chain->cert[chain->n] =
	    PEM_read_X509(f, NULL, NULL, NULL)) != NULL)
		chain->n++;
	fclose(f);
}

/* Nobody is there to type it. */
static int
no_pass_phrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

bool
keypair_fits(const struct secret *chain, const struct secret *key)
{
	BIO *cert_bio = BIO_new_mem_buf(chain->data, (int)chain->len);
	BIO *key_bio = BIO_new_mem_buf(key->data, (int)key->len);
	X509 *cert = PEM_read_bio_X509(cert_bio, NULL, no_pass_phrase, NULL);
	EVP_PKEY *private = PEM_read_bio_PrivateKey(key_bio, NULL,
	    no_pass_phrase, NULL);
	bool fits = cert != NULL && private != NULL &&
	    X509_check_private_key(cert, private) == 1;

	EVP_PKEY_free(private);
	X509_free(cert);
	BIO_free(key_bio);
	BIO_free(cert_bio);
	return fits;
}

static void
free_chain(struct chain *chain)
{
	while (chain->n > 0)
		X509_free(chain->cert[--chain->n]);
}

/* The DNS names, parted by commas; how many there are. */
static size_t
names_of(X509 *cert, char *buf, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name,
	    NULL, NULL);
	const GENERAL_NAME *name;
	size_t n = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		if (n++ > 0)
			strlcat(buf, ", ", size);
		strlcat(buf, (const char *)
		    ASN1_STRING_get0_data(name->d.dNSName), size);
	}
	GENERAL_NAMES_free(names);
	return n;
}

/* Clients look at subjectAltName only (RFC 9525). */
static bool
covers(X509 *cert, const char *hostname)
{
	char names[16];

	return names_of(cert, names, sizeof(names)) > 0 &&
	    X509_check_host(cert, hostname, 0, 0, NULL) == 1;
}

static void
name_of(const X509_NAME *name, char *buf, size_t size)
{
	/* the old interface wants to change what it reads */
	X509_NAME *copy = X509_NAME_dup((X509_NAME *)(uintptr_t)name);

	if (copy == NULL || X509_NAME_get_text_by_NID(copy, NID_commonName,
	    buf, (int)size) < 0)
		strlcpy(buf, "without a name", size);
	X509_NAME_free(copy);
}

/* Seconds since 1970; 0 if it is no time. */
static time_t
time_of(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? timegm(&tm) : 0;
}

static void
check_dates(struct doctor *d, const char *subject, X509 *cert, bool server)
{
	time_t now = time(NULL), from = time_of(X509_get0_notBefore(cert));
	time_t to = time_of(X509_get0_notAfter(cert));
	char name[256], date[32];
	struct tm tm;

	name_of(X509_get_subject_name(cert), name, sizeof(name));
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M", gmtime_r(
	    now < from ? &from : &to, &tm));
	if (now >= from && now < to - DAYS_FEW * DAY) {
		if (server)
			doctor_say(d, GRADE_OK, subject, "valid until %s UTC, "
			    "%ld days", date, (long)((to - now) / DAY));
		return;
	}
	if (now < from)
		doctor_say(d, GRADE_FAIL, subject, "\"%s\" is not valid "
		    "before %s UTC", name, date);
	else if (now >= to)
		doctor_say(d, GRADE_FAIL, subject, "\"%s\" has expired on %s "
		    "UTC", name, date);
	else
		doctor_say(d, GRADE_WARN, subject, "\"%s\" expires on %s UTC, "
		    "in %ld days", name, date, (long)((to - now) / DAY));
	if (now < from)
		doctor_remedy("Is this machine's clock right? It says %s",
		    ctime(&now));
	else
		doctor_remedy("Renew it, then tell the daemon by SIGHUP, from "
		    "the renewal's deploy hook for the next time.");
}

static const char *
kind_of(X509 *cert, bool *weak)
{
	static char text[64];
	EVP_PKEY *key = X509_get_pubkey(cert);
	int kind = key == NULL ? 0 : EVP_PKEY_base_id(key), curve;

	strlcpy(text, "a key of another kind", sizeof(text));
	*weak = false;
	if (kind == EVP_PKEY_RSA) {
		*weak = EVP_PKEY_bits(key) < 2048;
		snprintf(text, sizeof(text), "RSA of %d bits",
		    EVP_PKEY_bits(key));
	} else if (kind == EVP_PKEY_EC) {
		curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(
		    EVP_PKEY_get0_EC_KEY(key)));
		*weak = curve != NID_X9_62_prime256v1 &&
		    curve != NID_secp384r1;
		snprintf(text, sizeof(text), "EC %s", curve ==
		    NID_X9_62_prime256v1 ? "P-256" : curve == NID_secp384r1 ?
		    "P-384" : OBJ_nid2sn(curve));
	}
	EVP_PKEY_free(key);
	return text;
}

/* 0, or the library's error; what follows the server's certificate helps. */
static int
verify(const struct chain *chain)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	int error = X509_V_ERR_OUT_OF_MEM;
	size_t i;

	for (i = 1; others != NULL && i < chain->n; i++)
		sk_X509_push(others, chain->cert[i]);
	if (store != NULL && ctx != NULL && others != NULL &&
	    X509_STORE_set_default_paths(store) == 1 &&
	    X509_STORE_CTX_init(ctx, store, chain->cert[0], others) == 1) {
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
		/* dates are told of apart */
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
		X509_verify_cert(ctx);
		error = X509_STORE_CTX_get_error(ctx);
	}
	sk_X509_free(others);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return error;
}

/* Where its CA says that the issuer's certificate is to be had. */
static bool
issuer_is_published(X509 *cert, char *url, size_t size)
{
	AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(cert, NID_info_access,
	    NULL, NULL);
	const ACCESS_DESCRIPTION *one;
	bool found = false;
	int i;

	for (i = 0; all != NULL && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
		one = sk_ACCESS_DESCRIPTION_value(all, i);
		if (OBJ_obj2nid(one->method) != NID_ad_ca_issuers ||
		    one->location->type != GEN_URI)
			continue;
		strlcpy(url, (const char *)ASN1_STRING_get0_data(
		    one->location->d.uniformResourceIdentifier), size);
		found = true;
	}
	AUTHORITY_INFO_ACCESS_free(all);
	return found;
}

static void
say_incomplete(struct doctor *d, const char *subject,
    const struct chain *chain)
{
	X509 *last = chain->cert[chain->n - 1];
	char issuer[256], url[512];

	name_of(X509_get_issuer_name(last), issuer, sizeof(issuer));
	if (issuer_is_published(last, url, sizeof(url))) {
		doctor_say(d, GRADE_FAIL, subject, "an intermediate "
		    "certificate is missing, \"%s\": most clients will not "
		    "trust it", issuer);
		doctor_remedy("Name the file with the whole chain "
		    "(fullchain.pem), or append the issuer's certificate, to "
		    "be had as %s", url);
		return;
	}
	doctor_say(d, GRADE_WARN, subject, "its issuer \"%s\" is neither in "
	    "the file nor known to this system", issuer);
	doctor_remedy("Append it if it is an intermediate one; if it is your "
	    "own CA's root, clients must be given that root.");
}

static void
check_trust(struct doctor *d, const char *subject, const struct chain *chain)
{
	int error = verify(chain);
	size_t i;

	for (i = 1; i < chain->n; i++)
		if (X509_check_issued(chain->cert[i], chain->cert[i - 1]) !=
		    X509_V_OK) {
			doctor_say(d, GRADE_WARN, subject, "certificate %zu "
			    "of the file did not issue the one before it", i +
			    1);
			doctor_remedy("Order: the server's own, then each "
			    "one's issuer; leave others out.");
			break;
		}
	switch (error) {
	case X509_V_OK:
		doctor_say(d, GRADE_OK, subject, "the chain leads to a root "
		    "that this system trusts");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		say_incomplete(d, subject, chain);
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		doctor_say(d, GRADE_WARN, subject, "the chain is complete, "
		    "but this system does not trust its root");
		doctor_remedy("Clients must be given that root; or take a "
		    "certificate of a public CA.");
		break;
	default:
		doctor_say(d, GRADE_FAIL, subject, "clients will refuse it: "
		    "%s", X509_verify_cert_error_string(error));
		doctor_remedy("Ask its CA for one that is meant for servers.");
	}
}

/* Nobody says "host" of the one that another certificate covers. */
static bool
any_covers(const struct config *conf, const char *hostname)
{
	struct chain chain;
	bool found = false;
	size_t i;

	for (i = 0; i < conf->n_certificates && !found; i++) {
		read_chain(conf->certificates[i].chain, &chain);
		found = chain.n > 0 && covers(chain.cert[0], hostname);
		free_chain(&chain);
	}
	return found;
}

static void
check_names(struct doctor *d, const char *subject, X509 *cert)
{
	const char *hostname = d->conf->hostname;
	char names[1024];
	bool weak;
	const char *kind = kind_of(cert, &weak);

	if (names_of(cert, names, sizeof(names)) == 0)
		strlcpy(names, "no name", sizeof(names));
	if (covers(cert, hostname) || any_covers(d->conf, hostname)) {
		doctor_say(d, GRADE_OK, subject, "%s, for %s", kind, names);
	} else {
		doctor_say(d, GRADE_FAIL, subject, "is for %s, not for %s",
		    names, hostname);
		doctor_remedy("Get one that names %s, or say `hostname` as "
		    "clients are told to connect to.", hostname);
	}
	if (weak) {
		doctor_say(d, GRADE_WARN, subject, "%s: many clients will not "
		    "take it", kind);
		doctor_remedy("RSA of 2048 to 4096 bits, EC P-256 or P-384 "
		    "are good everywhere.");
	}
}

static void
check_certificate(struct doctor *d, const struct certificate *pair)
{
	char subject[512], error[512];
	struct chain chain;
	struct tls *tls;
	size_t i;

	snprintf(subject, sizeof(subject), "certificate %s", pair->chain);
	tls_keys_forget();
	tls = tls_server_make(pair, 1, NULL, error, sizeof(error));
	if (tls == NULL || !tls_keys_load(pair, 1, error, sizeof(error)))
		doctor_unfit(d, subject, error);
	else
		doctor_say(d, GRADE_OK, subject, "matches %s", pair->key);
	tls_free(tls);
	tls_keys_forget();
	read_chain(pair->chain, &chain);
	if (chain.n > 0) {
		check_names(d, subject, chain.cert[0]);
		for (i = 0; i < chain.n; i++)
			check_dates(d, subject, chain.cert[i], i == 0);
		check_trust(d, subject, &chain);
	}
	free_chain(&chain);
}

void
check_certificates(struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->conf->n_certificates; i++)
		check_certificate(d, &d->conf->certificates[i]);
	if (d->conf->tls == TLS_POLICY_REQUIRED)
		return;
	doctor_say(d, GRADE_WARN, "tls", "passwords and mail may come in the "
	    "clear");
	doctor_remedy("Say `tls required`, unless all clients are on this "
	    "machine or something before it does TLS.");
}
