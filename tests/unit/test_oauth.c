/*
 * smtp/oauth.c: the message of OAUTHBEARER (RFC 7628 section 3.1, its GS2
 * header RFC 5801 section 4, its token RFC 6750 section 2.1), and XOAUTH2's.
 */
#include "smtp/oauth.h"
#include "tests/unit/unit.h"

#define TEN	"0123456789"
#define FIFTY	TEN TEN TEN TEN TEN
#define L255	FIFTY FIFTY FIFTY FIFTY FIFTY "abcde"
#define B	"auth=Bearer t\1"

typedef enum oauth_status parser(const unsigned char *, size_t,
    struct oauth *);

struct row {
	const char *msg;
	size_t len;
	enum oauth_status status;
	const char *login, *token;
};

static const struct row bearers[] = {
/* the examples of RFC 7628 section 4 */
{ LIT("n,a=user@example.com,\1host=server.example.com\1port=143\1"
  "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"),
  OAUTH_OK, "user@example.com",
  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
{ LIT("n,a=user@example.com,\1host=server.example.com\1port=587\1"
  "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"),
  OAUTH_OK, "user@example.com",
  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
{ LIT("n,a=user@example.com,\1host=server.example.com\1port=143\1auth=\1\1"),
  OAUTH_NO_TOKEN, NULL, NULL },
{ LIT("\1"), OAUTH_FORMAT, NULL, NULL },
/* the header */
{ LIT("n,,\1" B "\1"), OAUTH_OK, "", "t" },
{ LIT("n,a=j=2Co=3D=3D2C,\1" B "\1"), OAUTH_OK, "j,o==2C", "t" },
{ LIT("n,a=j\303\266rg,\1" B "\1"), OAUTH_OK, "j\303\266rg", "t" },
{ LIT("n,a=" L255 ",\1" B "\1"), OAUTH_OK, L255, "t" },
{ LIT("n,a=" L255 "f,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,jo,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,A=jo,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,u=jo,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=j=o,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo=,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo=2c,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo=3d,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo=41,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo\1,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo\n,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo\177,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=j\0o,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo,a=x,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT(",,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("N,,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("nn,,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("F,n,,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("y,,\1" B "\1"), OAUTH_BINDING, NULL, NULL },
{ LIT("y,a=jo,\1" B "\1"), OAUTH_BINDING, NULL, NULL },
{ LIT("p=tls-exporter,,\1" B "\1"), OAUTH_BINDING, NULL, NULL },
{ LIT("p=tls-unique,a=jo,\1" B "\1"), OAUTH_BINDING, NULL, NULL },
{ LIT("p=tls-exporter"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,," B "\1"), OAUTH_FORMAT, NULL, NULL },
/* the pairs */
{ LIT("n,,\1port=1\1host=[::1]\1" B "\1"), OAUTH_OK, "", "t" },
{ LIT("n,,\1" B "port=65535\1host=h\1\1"), OAUTH_OK, "", "t" },
{ LIT("n,,\1mthd=POST\1path=/\1qs=\1post=a\r\n\tb\1" B "\1"),
  OAUTH_OK, "", "t" },
{ LIT("n,,\1Auth=x\1" B "\1"), OAUTH_OK, "", "t" },
{ LIT("n,,\1" B B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "host=a\1host=a\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=1\1port=1\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "host=\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "host=a b\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "host=" L255 "f\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=0\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=0587\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=65536\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=100000\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=5x\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "port=-1\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "x=\200\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "x=\0\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "x=\33\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "x1=a\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "=a\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "xyz\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "\1x"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1" B "\1\n"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1\1"), OAUTH_NO_TOKEN, NULL, NULL },
{ LIT("n,,\1host=a\1\1"), OAUTH_NO_TOKEN, NULL, NULL },
{ LIT("n,,\1auth=\1host=\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,"), OAUTH_FORMAT, NULL, NULL },
{ LIT(""), OAUTH_FORMAT, NULL, NULL },
/* the token */
{ LIT("n,,\1auth=bearer t\1\1"), OAUTH_OK, "", "t" },
{ LIT("n,,\1auth=BEARER   t==\1\1"), OAUTH_OK, "", "t==" },
{ LIT("n,,\1auth=Bearer aZ09-._~+/=\1\1"), OAUTH_OK, "", "aZ09-._~+/=" },
{ LIT("n,,\1auth=Bearer\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer \1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer\tt\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth= Bearer t\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearert\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Basic YTpi\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=t\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t u\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t \1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer =\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t=t\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t,u\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t&u\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t\r\nX: y\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer t\0\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,,\1auth=Bearer \303\266\1\1"), OAUTH_FORMAT, NULL, NULL },
};

static const struct row xoauth2s[] = {
/* the example of Google's page */
{ LIT("user=someuser@example.com\1auth=Bearer "
  "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"), OAUTH_OK,
  "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg" },
{ LIT("user=a=2C,b\1" B "\1"), OAUTH_OK, "a=2C,b", "t" },
{ LIT("user=" L255 "\1" B "\1"), OAUTH_OK, L255, "t" },
{ LIT("user=" L255 "f\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1auth=\1\1"), OAUTH_NO_TOKEN, NULL, NULL },
{ LIT("user=\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\n\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=j\0o\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("User=jo\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1" B), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1" B "\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1" B "host=x\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT(B "user=jo\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1auth=Basic t\1\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo" B "\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user=jo"), OAUTH_FORMAT, NULL, NULL },
{ LIT("user="), OAUTH_FORMAT, NULL, NULL },
{ LIT("\1"), OAUTH_FORMAT, NULL, NULL },
{ LIT(""), OAUTH_FORMAT, NULL, NULL },
{ LIT("n,a=jo,\1" B "\1"), OAUTH_FORMAT, NULL, NULL },
};

static void
try_row(const struct row *row, parser *parse)
{
	char *msg = copy_of(row->msg, row->len);
	struct oauth oauth;
	enum oauth_status status;

	status = parse((unsigned char *)msg, row->len, &oauth);
	if (ok(status == row->status, msg, row->len, "status %d", status) &&
	    status == OAUTH_OK) {
		ok_octets(msg, row->len, oauth.login, oauth.login_len,
		    row->login, strlen(row->login));
		ok_octets(msg, row->len, oauth.token, oauth.token_len,
		    row->token, strlen(row->token));
	}
	free(msg);
}

/* A token of n octets, in both forms. */
static void
try_length(size_t n, bool good)
{
	static const char *const heads[] = { "n,,\1auth=Bearer ",
	    "user=jo\1auth=Bearer " };
	static parser *const parse[] = { oauthbearer_parse, xoauth2_parse };
	char *msg = malloc(n + 64);
	struct oauth oauth;
	size_t i, len;

	for (i = 0; i < 2; i++) {
		len = strlen(heads[i]);
		memcpy(msg, heads[i], len);
		memset(msg + len, 'x', n);
		memcpy(msg + len + n, "\1\1", 2);
		len += n + 2;
		ok((parse[i]((unsigned char *)msg, len, &oauth) == OAUTH_OK) ==
		    good, msg, len, "a token of %zu", n);
		ok(!good || oauth.token_len == n, msg, len, "length");
	}
	free(msg);
}

/* What we write ourselves, and read again. */
static void
try_saslname(const char *name, const char *want)
{
	char buf[1024], msg[1100];
	struct oauth oauth;
	size_t n = oauth_saslname(name, buf);
	int len;

	ok_octets(name, strlen(name), buf, n, want, strlen(want));
	ok(buf[n] == '\0', name, strlen(name), "ends");
	len = snprintf(msg, sizeof(msg), "n,a=%s,\1" B "\1", buf);
	ok(oauthbearer_parse((unsigned char *)msg, (size_t)len, &oauth) ==
	    OAUTH_OK && strcmp(oauth.login, name) == 0, name, strlen(name),
	    "read again");
}

int
main(void)
{
	size_t i;

	table("oauth: OAUTHBEARER");
	for (i = 0; i < COUNT(bearers); i++)
		try_row(&bearers[i], oauthbearer_parse);
	table("oauth: XOAUTH2");
	for (i = 0; i < COUNT(xoauth2s); i++)
		try_row(&xoauth2s[i], xoauth2_parse);
	table("oauth: length of a token");
	try_length(1, true);
	try_length(8000, true);
	try_length(OAUTH_TOKEN_MAX, true);
	try_length(OAUTH_TOKEN_MAX + 1, false);
	table("oauth: saslname");
	try_saslname("user@example.com", "user@example.com");
	try_saslname("j,o==2C", "j=2Co=3D=3D2C");
	try_saslname(",", "=2C");
	try_saslname("=,=", "=3D=2C=3D");
	try_saslname("j\303\266rg", "j\303\266rg");
	try_saslname(L255, L255);
	return tables_done();
}
