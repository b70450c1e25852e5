/*
 * smtp/sasl.c: base64 as RFC 4648 section 4 has it, vectors of its section
 * 10, and the message of PLAIN (RFC 4616 section 2).
 */
#include "smtp/sasl.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text;
	size_t len;
	const char *code;
} pairs[] = {
{ LIT(""), "" },
{ LIT("f"), "Zg==" },
{ LIT("fo"), "Zm8=" },
{ LIT("foo"), "Zm9v" },
{ LIT("foob"), "Zm9vYg==" },
{ LIT("fooba"), "Zm9vYmE=" },
{ LIT("foobar"), "Zm9vYmFy" },
{ LIT("\0"), "AA==" },
{ LIT("\0\0"), "AAA=" },
{ LIT("\0\0\0"), "AAAA" },
{ LIT("\377\377\377"), "////" },
{ LIT("\373\357\276"), "++++" },
{ LIT("\0alice\0secret"), "AGFsaWNlAHNlY3JldA==" },
};

static const struct {
	const char *code;
	size_t len;
} refused[] = {
{ LIT("Z") }, { LIT("Zg") }, { LIT("Zg=") }, { LIT("Zg===") },
{ LIT("=") }, { LIT("==") }, { LIT("===") }, { LIT("====") },
{ LIT("Z===") }, { LIT("Zg=a") }, { LIT("Z=g=") }, { LIT("=Zg=") },
{ LIT("Zg==Zg==") }, { LIT("Zm8=Zm8=") }, { LIT("Zm9vZg==Zm9v") },
{ LIT("Zm9v=") }, { LIT("Zm9v====") }, { LIT("Zm9vYg=") },
/* unused bits that are not zero, RFC 4648 3.5 */
{ LIT("Zh==") }, { LIT("Zv==") }, { LIT("Zm9=") }, { LIT("Zm+=") },
/* octets that are no base64, RFC 4648 3.3 */
{ LIT("Zm 9") }, { LIT(" Zm9") }, { LIT("Zm9 ") }, { LIT("Zm9\n") },
{ LIT("Zm9v\r\n") }, { LIT("Zm9v\n   ") }, { LIT("\tm9v") },
{ LIT("Zm-v") }, { LIT("Zm_v") }, { LIT("Zm*v") }, { LIT("Zm,v") },
{ LIT("Zm\0v") }, { LIT("\0\0\0\0") }, { LIT("Zg=\0") }, { LIT("Zg\0=") },
{ LIT("Zm9\377") }, { LIT("\303\266AA") }, { LIT("Zm9\177") },
};

static void
try_pair(size_t i)
{
	size_t n = strlen(pairs[i].code), len;
	char *code = copy_of(pairs[i].code, n), back[64];
	unsigned char *text = malloc(n / 4 * 3 + 1);
	ssize_t got = base64_decode(code, n, text);

	if (ok(got >= 0, code, n, "refused"))
		ok_octets(code, n, (char *)text, (size_t)got, pairs[i].text,
		    pairs[i].len);
	len = base64_encode((const unsigned char *)pairs[i].text,
	    pairs[i].len, back);
	ok_octets(pairs[i].text, pairs[i].len, back, len, code, n);
	ok(back[len] == '\0', code, n, "not terminated");
	free(text);
	free(code);
}

/* All octets, all lengths modulo three, buffers that just fit */
static void
round_trips(void)
{
	unsigned char text[100], *back;
	size_t n, i, len;
	ssize_t got;
	char *code;

	for (n = 0; n < sizeof(text); n++) {
		for (i = 0; i < n; i++)
			text[i] = (unsigned char)draw(256);
		code = malloc((n + 2) / 3 * 4 + 1);
		len = base64_encode(text, n, code);
		back = malloc(len / 4 * 3 + (len == 0));
		got = base64_decode(code, len, back);
		ok(got == (ssize_t)n && memcmp(text, back, n) == 0, code, len,
		    "decoded to %zd octets", got);
		free(back);
		free(code);
	}
}

#define TEN	"0123456789"
#define FIFTY	TEN TEN TEN TEN TEN
#define L255	FIFTY FIFTY FIFTY FIFTY FIFTY "abcde"

static const struct {
	const char *msg;
	size_t len;
	enum plain_status status;
	const char *login, *password;
} plains[] = {
{ LIT("\0alice\0secret"), PLAIN_OK, "alice", "secret" },
{ LIT("alice\0alice\0secret"), PLAIN_OK, "alice", "secret" },
{ LIT("\0a\0b"), PLAIN_OK, "a", "b" },
{ LIT("\0a b\0 c "), PLAIN_OK, "a b", " c " },
{ LIT("\0j\303\266rg\0\377\n"), PLAIN_OK, "j\303\266rg", "\377\n" },
{ LIT("\0" L255 "\0" L255), PLAIN_OK, L255, L255 },
{ LIT(L255 "\0" L255 "\0" L255), PLAIN_OK, L255, L255 },
{ LIT("root\0alice\0secret"), PLAIN_AUTHZID, NULL, NULL },
{ LIT("alic\0alice\0secret"), PLAIN_AUTHZID, NULL, NULL },
{ LIT("alicee\0alice\0secret"), PLAIN_AUTHZID, NULL, NULL },
{ LIT("Alice\0alice\0secret"), PLAIN_AUTHZID, NULL, NULL },
{ LIT("\0" L255 "f\0secret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice\0" L255 "f"), PLAIN_FORMAT, NULL, NULL },
{ LIT(""), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0\0"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0\0\0"), PLAIN_FORMAT, NULL, NULL },
{ LIT("alice"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice\0"), PLAIN_FORMAT, NULL, NULL },
{ LIT("alice\0secret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0\0secret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("alice\0\0secret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice\0secret\0"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice\0sec\0ret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("root\0alice\0sec\0ret"), PLAIN_FORMAT, NULL, NULL },
{ LIT("\0alice\0\0"), PLAIN_FORMAT, NULL, NULL },
};

static void
try_plain(size_t i)
{
	char *msg = copy_of(plains[i].msg, plains[i].len);
	size_t n = plains[i].len;
	struct plain plain;
	enum plain_status status;

	status = plain_parse((unsigned char *)msg, n, &plain);
	if (ok(status == plains[i].status, msg, n, "status %d", status) &&
	    status == PLAIN_OK) {
		ok_octets(msg, n, plain.login, plain.login_len,
		    plains[i].login, strlen(plains[i].login));
		ok_octets(msg, n, plain.password, plain.password_len,
		    plains[i].password, strlen(plains[i].password));
	}
	free(msg);
}

int
main(void)
{
	unsigned char out[64];
	size_t i;

	table("sasl: base64");
	for (i = 0; i < COUNT(pairs); i++)
		try_pair(i);
	for (i = 0; i < COUNT(refused); i++) {
		char *code = copy_of(refused[i].code, refused[i].len);

		ok(base64_decode(code, refused[i].len, out) == -1, code,
		    refused[i].len, "accepted");
		free(code);
	}
	round_trips();
	table("sasl: PLAIN");
	for (i = 0; i < COUNT(plains); i++)
		try_plain(i);
	return tables_done();
}
