/*
 *	Handshake = HandshakeType uint24 body			RFC 8446 4
 *	transcript = ClientHello [HelloRetryRequest ClientHello]
 *	    ServerHello EncryptedExtensions CertificateRequest
 *	    Certificate CertificateVerify Finished Certificate
 *	ServerHello = version(2) random(32) id<0..32> suite(2) ...   4.1.3
 *	CertificateVerify = scheme(2) signature<0..2^16-1>	4.4.3
 *	Certificate = context<0..2^8-1> entry<0..2^24-1>	4.4.2
 *	entry = cert_data<1..2^24-1> extensions<0..2^16-1>
 */
#include <string.h>

#include "base/transcript.h"

/* What is left of the octets; turns bad when they are cut short. */
struct octets {
	const unsigned char *p;
	size_t left;
	bool bad;
};

static const unsigned char *
take(struct octets *o, size_t n)
{
	const unsigned char *p = o->p;

	if (o->bad || o->left < n) {
		o->bad = true;
		return NULL;
	}
	o->p += n;
	o->left -= n;
	return p;
}

static size_t
take_number(struct octets *o, unsigned octets)
{
	const unsigned char *p = take(o, octets);
	size_t value = 0;

	while (p != NULL && octets-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* A vector with its length before it, as octets of their own. */
static struct octets
take_vector(struct octets *o, unsigned length_octets)
{
	struct octets v = { .left = take_number(o, length_octets) };

	v.p = take(o, v.left);
	v.bad = o->bad;
	return v;
}

/* A message of this type, without its header; bad if it is another. */
static struct octets
take_message(struct octets *o, enum handshake_type type)
{
	if (take_number(o, 1) != (size_t)type)
		o->bad = true;
	return take_vector(o, 3);
}

/* SHA-256 of "HelloRetryRequest" in place of the random, RFC 8446 4.1.3 */
static bool
is_retry(const unsigned char *random)
{
	static const unsigned char mark[] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
		0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
		0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
		0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
	};

	return random != NULL && memcmp(random, mark, sizeof(mark)) == 0;
}

/* Sets the hash by the suite (RFC 8446 B.4); tells whether it is a retry. */
static bool
read_server_hello(struct octets *o, struct transcript *t)
{
	struct octets hello = take_message(o, HANDSHAKE_SERVER_HELLO);
	const unsigned char *random;
	size_t suite;

	take(&hello, 2);
	random = take(&hello, 32);
	take_vector(&hello, 1);
	suite = take_number(&hello, 2);
	o->bad |= hello.bad || suite < 0x1301 || suite > 0x1305;
	t->hash = suite == 0x1302 ? 48 : 32;
	return is_retry(random);
}

static void
read_offer(struct octets *o, struct transcript *t)
{
	const unsigned char *begin = o->p;

	memset(t, 0, sizeof(*t));
	t->p = o->p;
	t->n = o->left;
	take_message(o, HANDSHAKE_CLIENT_HELLO);
	t->retried = (size_t)(o->p - begin);
	if (read_server_hello(o, t)) {
		take_message(o, HANDSHAKE_CLIENT_HELLO);
		o->bad |= read_server_hello(o, t);
	} else {
		t->retried = 0;
	}
	take_message(o, HANDSHAKE_EXTENSIONS);
	take_message(o, HANDSHAKE_REQUEST);
	take_message(o, HANDSHAKE_CERTIFICATE);
	t->offered = (size_t)(o->p - begin);
}

static void
read_verify(struct octets *o, struct handshake_signature *signature)
{
	struct octets verify = take_message(o, HANDSHAKE_VERIFY), octets;

	signature->scheme = (unsigned)take_number(&verify, 2);
	octets = take_vector(&verify, 2);
	signature->p = octets.p;
	signature->n = octets.left;
	o->bad |= verify.bad || verify.left > 0 || octets.left == 0;
}

static void
read_certificates(struct octets *o, struct transcript *t)
{
	struct octets message = take_message(o, HANDSHAKE_CERTIFICATE);
	struct octets context = take_vector(&message, 1);
	struct octets list = take_vector(&message, 3);

	o->bad |= message.bad || message.left > 0 || context.left > 0 ||
	    list.left == 0;
	t->certificates = list.p;
	t->certificates_len = list.left;
	while (!o->bad && list.left > 0) {
		o->bad |= take_vector(&list, 3).left == 0;
		take_vector(&list, 2);
		o->bad |= list.bad;
	}
}

bool
transcript_parse_offer(const unsigned char *p, size_t n,
    struct transcript *t)
{
	struct octets o = { p, n, n > TRANSCRIPT_MAX };

	read_offer(&o, t);
	return !o.bad && o.left == 0;
}

bool
transcript_parse(const unsigned char *p, size_t n, struct transcript *t)
{
	struct octets o = { p, n, n > TRANSCRIPT_MAX };

	read_offer(&o, t);
	read_verify(&o, &t->server);
	take_message(&o, HANDSHAKE_FINISHED);
	read_certificates(&o, t);
	return !o.bad && o.left == 0;
}

bool
transcript_parse_verify(const unsigned char *p, size_t n,
    struct handshake_signature *signature)
{
	struct octets o = { p, n, n > TRANSCRIPT_MAX };

	read_verify(&o, signature);
	return !o.bad && o.left == 0;
}

const unsigned char *
transcript_certificate(const unsigned char **p, size_t *left, size_t *len)
{
	struct octets o = { *p, *left, *left == 0 }, der;

	der = take_vector(&o, 3);
	take_vector(&o, 2);
	if (o.bad)
		return NULL;
	*p = o.p;
	*left = o.left;
	*len = der.left;
	return der.p;
}
