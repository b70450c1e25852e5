#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "base/clientcert.h"
#include "base/contexts.h"
#include "base/proof.h"

#define FIRST_SIZE	4096
#define VERIFY_MAX	4096	/* a CertificateVerify, RSA of 16384 bits */

/* The making side */

static STACK_OF(X509_NAME) *names;	/* of the anchors */

bool
clientcert_ask(struct tls_config *config, const char *ca_file)
{
	tls_config_verify_client_optional(config);
	return tls_config_set_ca_file(config, ca_file) == 0;
}

/* The library finds its digests once; better here than in each child. */
static void
warm_digests(void)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	EVP_Digest("", 0, hash, NULL, EVP_sha256(), NULL);
	EVP_Digest("", 0, hash, NULL, EVP_sha384(), NULL);
}

void
clientcert_begin(const char *ca_file)
{
	warm_digests();
	names = SSL_load_client_CA_file(ca_file);
}

/* The connection's side: one a process */

static struct {
	unsigned char *messages;	/* NULL: not recording */
	size_t len, size;
	size_t transcript_len;		/* 0: the client's Certificate is
					   still to come */
	bool over, too_long;
	int error;			/* X509_V_* */
	struct clientcert shown;
} record;

void
clientcert_forget(void)
{
	free(record.messages);
	record.messages = NULL;
	record.len = record.size = 0;
	record.over = true;
	memset(&record.shown, 0, sizeof(record.shown));
}

void
clientcert_start_anew(void)
{
	clientcert_forget();
	memset(&record, 0, sizeof(record));
}

static void
keep(const unsigned char *p, size_t n)
{
	unsigned char *messages;
	size_t size = record.size == 0 ? FIRST_SIZE : record.size;

	/* its CertificateVerify comes on top */
	if (n > TRANSCRIPT_MAX || record.len + n > TRANSCRIPT_MAX +
	    VERIFY_MAX) {
		clientcert_forget();
		record.too_long = true;
		return;
	}
	while (size < record.len + n)
		size *= 2;
	if (size != record.size) {
		messages = realloc(record.messages, size);
		if (messages == NULL) {
			clientcert_forget();
			return;
		}
		record.messages = messages;
		record.size = size;
	}
	memcpy(record.messages + record.len, p, n);
	record.len += n;
}

static void
finish(const unsigned char *p, size_t n)
{
	keep(p, n);
	if (record.over)
		return;
	record.over = true;
	record.shown.transcript = record.messages;
	record.shown.transcript_len = record.transcript_len;
	record.shown.verify = record.messages + record.transcript_len;
	record.shown.verify_len = n;
	record.too_long = record.transcript_len > TRANSCRIPT_MAX;
	if (record.error != X509_V_OK || record.too_long)
		clientcert_forget();
}

/* From the client, behind the server's Finished. */
static void
take_reply(int type, const unsigned char *p, size_t n)
{
	if (type == HANDSHAKE_CERTIFICATE && record.transcript_len == 0) {
		keep(p, n);
		record.transcript_len = record.len;
	} else if (type == HANDSHAKE_VERIFY && record.transcript_len > 0) {
		finish(p, n);
	} else {
		clientcert_forget();	/* Finished: there was none */
	}
}

/* Each message with its header, in the order of the transcript. */
static void
on_message(int sent, int version, int content, const void *data, size_t n,
    SSL *ssl, void *arg)
{
	const unsigned char *p = data;

	(void)version, (void)arg;
	if (content != SSL3_RT_HANDSHAKE || record.over || n < 4)
		return;
	if (sent && p[0] == HANDSHAKE_SERVER_HELLO &&
	    SSL_version(ssl) != TLS1_3_VERSION) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		clientcert_forget();
	} else if (sent || p[0] == HANDSHAKE_CLIENT_HELLO) {
		keep(p, n);
	} else {
		take_reply(p[0], p, n);
	}
}

/* The handshake goes on: who has another certificate may have a password. */
static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	(void)arg;
	if (X509_verify_cert(ctx) != 1)
		record.error = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static bool
ask_in(SSL_CTX *context)
{
	STACK_OF(X509_NAME) *copy = SSL_dup_CA_list(names);

	if (copy == NULL)
		return false;
	SSL_CTX_set_client_CA_list(context, copy);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(context, verify, NULL);
	/* each certificate of the file is an anchor, also a leaf */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context),
	    X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_msg_callback(context, on_message);
	return true;
}

bool
clientcert_end(void)
{
	bool good = names != NULL && contexts_get(0) != NULL;
	size_t i;

	for (i = 0; good && contexts_get(i) != NULL; i++)
		good = ask_in(contexts_get(i));
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	names = NULL;
	return good;
}

size_t
clientcert_offer(unsigned char hash[TRANSCRIPT_HASH_MAX])
{
	struct transcript t;

	if (record.messages == NULL || record.over ||
	    !transcript_parse_offer(record.messages, record.len, &t) ||
	    !proof_hash(&t, record.len, hash))
		return 0;
	return t.hash;
}

const struct clientcert *
clientcert_shown(void)
{
	return record.shown.verify == NULL ? NULL : &record.shown;
}

const char *
clientcert_trouble(void)
{
	if (record.too_long)
		return "too long for a login by it";
	return record.error == X509_V_OK ? NULL :
	    X509_verify_cert_error_string(record.error);
}
