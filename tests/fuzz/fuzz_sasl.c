/*
 * smtp/sasl.c: what decodes has this one encoding; what is encoded decodes
 * to itself; a login and password that PLAIN gives are fit for a helper.
 */
#include "smtp/sasl.h"
#include "tests/fuzz/fuzz.h"

static void
check_plain(const unsigned char *msg, size_t n)
{
	const char *end = (const char *)msg + n;
	struct plain plain;

	if (plain_parse(msg, n, &plain) != PLAIN_OK)
		return;
	MUST(plain.login_len > 0 && plain.login_len <= SASL_FIELD_MAX);
	MUST(plain.password_len > 0 && plain.password_len <= SASL_FIELD_MAX);
	MUST(memchr(plain.login, '\0', plain.login_len) == NULL);
	MUST(memchr(plain.password, '\0', plain.password_len) == NULL);
	MUST(plain.login + plain.login_len + 1 == plain.password);
	MUST(plain.password + plain.password_len == end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = exact(data, size, false), *code;
	unsigned char *out;
	ssize_t n;

	code = malloc((size + 2) / 3 * 4 + 1);
	out = malloc(size / 4 * 3 + 1);
	n = base64_decode(in, size, out);
	if (n >= 0) {
		check_plain(out, (size_t)n);
		MUST(base64_encode(out, (size_t)n, code) == size);
		MUST(memcmp(code, in, size) == 0);
	}
	free(out);
	n = (ssize_t)base64_encode((unsigned char *)in, size, code);
	MUST((size_t)n == (size + 2) / 3 * 4 && code[n] == '\0');
	out = malloc((size_t)n / 4 * 3 + 1);
	MUST(base64_decode(code, (size_t)n, out) == (ssize_t)size);
	MUST(size == 0 || memcmp(out, in, size) == 0);
	check_plain((unsigned char *)in, size);
	free(out);
	free(code);
	free(in);
	return 0;
}
