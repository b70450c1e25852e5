/*
 * base/transcript.c: which handshake messages of TLS 1.3 a client signs, in
 * which order (RFC 8446 2 and 4.4.1), and what is found in them.
 */
#include "base/transcript.h"
#include "tests/unit/unit.h"

#define RANDOM "0123456789abcdef0123456789abcdef"
#define RETRY "\317\041\255\164\345\232\141\021\276\035\214\002\036\145\270" \
	"\221\302\242\021\026\172\273\214\136\007\236\011\342\310\250\063\234"

/* ClientHello and the like, of which only the length matters */
#define HELLO	"\1\0\0\4abcd"
#define SERVER(suite) "\2\0\0\x2a\3\3" RANDOM "\2id\x13" suite "\0\0\0"
#define RETRIED	"\2\0\0\x28\3\3" RETRY "\0\x13\2\0\0\0"
#define ENCRYPTED "\10\0\0\2\0\0"
#define REQUEST	"\15\0\0\3\0\0\0"
#define CHAIN	"\13\0\0\11\0\0\0\5\0\0\0\0\0"
#define VERIFY	"\17\0\0\7\4\3\0\3sig"
#define FINISHED "\24\0\0\2ok"
#define ONE	"\13\0\0\14\0\0\0\10\0\0\3der\0\0"
#define TWO	"\13\0\0\24\0\0\0\20\0\0\3der\0\0\0\0\1x\0\2ab"
#define UPTO(suite) HELLO SERVER(suite) ENCRYPTED REQUEST CHAIN

static const struct {
	const char *p;
	size_t len;
	bool whole;		/* else only what the server signs */
	size_t retried, hash;
	const char *certificates;	/* parted by spaces */
} good[] = {
{ LIT(UPTO("\1")), false, 0, 32, "" },
{ LIT(UPTO("\2")), false, 0, 48, "" },
{ LIT(UPTO("\3")), false, 0, 32, "" },
{ LIT(UPTO("\5")), false, 0, 32, "" },
{ LIT(HELLO RETRIED UPTO("\2")), false, 8, 48, "" },
{ LIT(UPTO("\1") VERIFY FINISHED ONE), true, 0, 32, "der" },
{ LIT(UPTO("\2") VERIFY FINISHED TWO), true, 0, 48, "der x" },
{ LIT(HELLO RETRIED UPTO("\1") VERIFY FINISHED ONE), true, 8, 32, "der" },
/* extensions of any kind are not our matter */
{ LIT(HELLO SERVER("\1") "\10\0\0\3xyz" REQUEST CHAIN), false, 0, 32, "" },
{ LIT("\1\0\0\0" SERVER("\1") ENCRYPTED REQUEST CHAIN), false, 0, 32, "" },
};

static const struct {
	const char *p;
	size_t len;
} bad[] = {
{ LIT("") }, { LIT("\1") }, { LIT("\1\0\0") }, { LIT(HELLO) },
{ LIT(HELLO SERVER("\1")) },
{ LIT(UPTO("\1") VERIFY FINISHED) },
/* nothing may be missing */
{ LIT(SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY FINISHED ONE) },
{ LIT(HELLO ENCRYPTED REQUEST CHAIN VERIFY FINISHED ONE) },
{ LIT(HELLO SERVER("\1") REQUEST CHAIN VERIFY FINISHED ONE) },
{ LIT(HELLO SERVER("\1") ENCRYPTED CHAIN VERIFY FINISHED ONE) },
{ LIT(HELLO SERVER("\1") ENCRYPTED REQUEST VERIFY FINISHED ONE) },
{ LIT(UPTO("\1") FINISHED ONE) }, { LIT(UPTO("\1") VERIFY ONE) },
/* a resumption, RFC 8446 2.2, has neither certificate nor signature */
{ LIT(HELLO SERVER("\1") ENCRYPTED FINISHED) },
/* nothing twice, nothing in another place, nothing behind */
{ LIT(HELLO HELLO SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY FINISHED ONE) },
{ LIT(UPTO("\1") VERIFY VERIFY FINISHED ONE) },
{ LIT(UPTO("\1") FINISHED VERIFY ONE) },
{ LIT(UPTO("\1") VERIFY FINISHED ONE ONE) },
{ LIT(UPTO("\1") VERIFY FINISHED ONE VERIFY) },
{ LIT(UPTO("\1") VERIFY FINISHED ONE "\0") },
{ LIT("\376\0\0\4abcd" SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY FINISHED
    ONE) },
/* one retry, and a second ClientHello behind it */
{ LIT(HELLO RETRIED HELLO RETRIED HELLO SERVER("\1") ENCRYPTED REQUEST CHAIN
    VERIFY FINISHED ONE) },
{ LIT(HELLO RETRIED SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY FINISHED
    ONE) },
{ LIT(HELLO RETRIED ENCRYPTED REQUEST CHAIN VERIFY FINISHED ONE) },
/* suites that are none of TLS 1.3 */
{ LIT(UPTO("\0") VERIFY FINISHED ONE) },
{ LIT(UPTO("\6") VERIFY FINISHED ONE) },
{ LIT(HELLO "\2\0\0\x28\3\3" RANDOM "\0\xc0\x2f\0\0\0" ENCRYPTED REQUEST CHAIN
    VERIFY FINISHED ONE) },
/* a ServerHello cut short; a session id longer than what is left */
{ LIT(HELLO "\2\0\0\x22\3\3" RANDOM ENCRYPTED REQUEST CHAIN VERIFY FINISHED
    ONE) },
{ LIT(HELLO "\2\0\0\x28\3\3" RANDOM "\40\x13\1\0\0\0" ENCRYPTED REQUEST CHAIN
    VERIFY FINISHED ONE) },
/* lengths that lie */
{ LIT("\1\377\377\377abcd" SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY
    FINISHED ONE) },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\15\0\0\0\10\0\0\3der\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\14\0\0\0\11\0\0\3der\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\14\0\0\0\7\0\0\3der\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\14\0\0\0\10\0\0\4der\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\14\0\0\0\10\0\0\3der\0\1") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\14\0\0\0\10\377\377\377der\0\0") },
/* no certificate, an empty one, a context where there is none */
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\4\0\0\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\11\0\0\0\5\0\0\0\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\15\1c\0\0\10\0\0\3der\0\0") },
{ LIT(UPTO("\1") VERIFY FINISHED "\13\0\0\0") },
/* the server's signature: empty, cut short, something behind */
{ LIT(UPTO("\1") "\17\0\0\4\4\3\0\0" FINISHED ONE) },
{ LIT(UPTO("\1") "\17\0\0\7\4\3\0\4sig" FINISHED ONE) },
{ LIT(UPTO("\1") "\17\0\0\10\4\3\0\3sigx" FINISHED ONE) },
{ LIT(UPTO("\1") "\17\0\0\1\4" FINISHED ONE) },
};

static const struct {
	const char *p;
	size_t len;
	unsigned scheme;	/* 0: refused */
	const char *signature;
} verifies[] = {
{ LIT(VERIFY), 0x0403, "sig" },
{ LIT("\17\0\0\5\10\7\0\1x"), 0x0807, "x" },
{ LIT(""), 0, "" }, { LIT("\17"), 0, "" }, { LIT(VERIFY "\0"), 0, "" },
{ LIT(VERIFY VERIFY), 0, "" }, { LIT(FINISHED), 0, "" },
{ LIT("\17\0\0\4\4\3\0\0"), 0, "" }, { LIT("\17\0\0\0"), 0, "" },
{ LIT("\17\0\0\7\4\3\377\377sig"), 0, "" },
{ LIT("\17\0\0\6\4\3\0\3sig"), 0, "" },
};

static void
list_certificates(const struct transcript *t, char *out)
{
	const unsigned char *p = t->certificates, *der;
	size_t left = t->certificates_len, len;

	*out = '\0';
	while ((der = transcript_certificate(&p, &left, &len)) != NULL) {
		if (*out != '\0')
			strcat(out, " ");
		strncat(out, (const char *)der, len);
	}
}

static void
try_good(size_t i)
{
	char *p = copy_of(good[i].p, good[i].len), text[64];
	const unsigned char *octets = (const unsigned char *)p;
	size_t n = good[i].len;
	struct transcript t;

	ok(transcript_parse_offer(octets, n, &t) == !good[i].whole, p, n,
	    "as what the server signs");
	if (!ok(!good[i].whole || transcript_parse(octets, n, &t), p, n,
	    "as what the client signs"))
		return;
	ok(t.retried == good[i].retried, p, n, "retried %zu", t.retried);
	ok(t.hash == good[i].hash, p, n, "hash %zu", t.hash);
	if (!good[i].whole) {
		ok(t.offered == n, p, n, "offered %zu", t.offered);
	} else {
		list_certificates(&t, text);
		ok_octets(p, n, text, strlen(text), good[i].certificates,
		    strlen(good[i].certificates));
		ok_octets(p, n, (const char *)t.server.p, t.server.n, "sig",
		    3);
		ok(p[t.offered] == HANDSHAKE_VERIFY, p, n, "offered %zu",
		    t.offered);
	}
	free(p);
}

/* Each octet of it cut off at the end makes it none. */
static void
try_cut(const char *whole, size_t len)
{
	struct transcript t;
	char *p;
	size_t n;

	for (n = 0; n < len; n++) {
		p = copy_of(whole, n);
		ok(!transcript_parse((unsigned char *)p, n, &t), p, n,
		    "taken");
		free(p);
	}
}

static void
try_verify(size_t i)
{
	size_t n = verifies[i].len;
	char *p = copy_of(verifies[i].p, n);
	struct handshake_signature s;
	bool taken = transcript_parse_verify((unsigned char *)p, n, &s);

	ok(taken == (verifies[i].scheme != 0), p, n, "taken %d", taken);
	if (taken) {
		ok(s.scheme == verifies[i].scheme, p, n, "scheme %x",
		    s.scheme);
		ok_octets(p, n, (const char *)s.p, s.n,
		    verifies[i].signature, strlen(verifies[i].signature));
	}
	free(p);
}

/* A ClientHello of any length, but the whole has its limit. */
static void
try_long(void)
{
	static const char rest[] = SERVER("\1") ENCRYPTED REQUEST CHAIN VERIFY
	    FINISHED ONE;
	size_t hello = TRANSCRIPT_MAX - (sizeof(rest) - 1), more;
	struct transcript t;
	char *p;

	for (more = 0; more < 2; more++) {
		p = calloc(1, hello + more + sizeof(rest));
		p[0] = HANDSHAKE_CLIENT_HELLO;
		p[2] = (char)((hello + more - 4) >> 8);
		p[3] = (char)((hello + more - 4) & 255);
		memcpy(p + hello + more, rest, sizeof(rest) - 1);
		ok(transcript_parse((unsigned char *)p, hello + more +
		    sizeof(rest) - 1, &t) == (more == 0), "long", 4,
		    "%zu octets", hello + more + sizeof(rest) - 1);
		free(p);
	}
}

int
main(void)
{
	static const char whole[] = HELLO RETRIED UPTO("\2") VERIFY FINISHED
	    TWO;
	struct transcript t;
	size_t i;
	char *p;

	table("transcript");
	for (i = 0; i < COUNT(good); i++)
		try_good(i);
	table("transcript, refused");
	for (i = 0; i < COUNT(bad); i++) {
		p = copy_of(bad[i].p, bad[i].len);
		ok(!transcript_parse((unsigned char *)p, bad[i].len, &t), p,
		    bad[i].len, "taken");
		ok(!transcript_parse_offer((unsigned char *)p, bad[i].len,
		    &t), p, bad[i].len, "taken as an offer");
		free(p);
	}
	try_cut(whole, sizeof(whole) - 1);
	try_long();
	table("transcript, CertificateVerify");
	for (i = 0; i < COUNT(verifies); i++)
		try_verify(i);
	return tables_done();
}
