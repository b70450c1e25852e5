/*
 * base/transcript.c: what it finds lies in what it was given, in order, and
 * a transcript is not also only the server's part of one.
 */
#include "base/transcript.h"
#include "tests/fuzz/fuzz.h"

static void
look(const uint8_t *data, size_t size, const struct transcript *t)
{
	const unsigned char *p = t->certificates, *der;
	size_t left = t->certificates_len, len, n = 0;

	MUST(t->retried < t->offered && t->offered < size);
	MUST(t->hash == 32 || t->hash == 48);
	MUST(data[t->offered] == HANDSHAKE_VERIFY);
	MUST(t->server.p == data + t->offered + 8 && t->server.n > 0);
	MUST(t->server.p + t->server.n < t->certificates);
	MUST(t->certificates + t->certificates_len == data + size);
	while ((der = transcript_certificate(&p, &left, &len)) != NULL) {
		MUST(der > data && len > 0 && der + len < data + size);
		n++;
	}
	MUST(n > 0 && left == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handshake_signature s;
	struct transcript t;

	if (transcript_parse(data, size, &t)) {
		look(data, size, &t);
		MUST(!transcript_parse_offer(data, size, &t));
	}
	if (transcript_parse_offer(data, size, &t))
		MUST(t.offered == size);
	if (transcript_parse_verify(data, size, &s)) {
		MUST(s.p == data + 8 && s.n == size - 8);
		MUST(data[0] == HANDSHAKE_VERIFY);
	}
	return 0;
}
