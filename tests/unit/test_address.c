/*
 * message/address.c: the addresses of From and Sender (RFC 5322 3.4, 4.4),
 * and message/check.c: what a submission's header must be like.
 */
#include "message/address.h"
#include "message/check.h"
#include "tests/unit/unit.h"

#define TEN	"0123456789"
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define L320	HUNDRED HUNDRED HUNDRED TEN TEN

static const struct {
	const char *in;
	size_t len;
	const char *out;	/* each in brackets; ! for what is no list */
} lists[] = {
{ LIT(""), "" },
{ LIT(" "), "" },
{ LIT(","), "" },
{ LIT(" (nobody) , (at all)"), "" },
{ LIT("a@b.c"), "[a@b.c]" },
{ LIT(" a@b.c "), "[a@b.c]" },
{ LIT("alice"), "[alice]" },
{ LIT("<alice>"), "[alice]" },
{ LIT("<a@b.c>"), "[a@b.c]" },
{ LIT("Alice <a@b.c>"), "[a@b.c]" },
{ LIT("Alice B. Smith <a@b.c>"), "[a@b.c]" },
{ LIT("\"Smith, Alice\" <a@b.c>"), "[a@b.c]" },
{ LIT("\"a@x.y\" <a@b.c>"), "[a@b.c]" },
{ LIT("\"<a@x.y>\" <a@b.c>"), "[a@b.c]" },
{ LIT("\"a \\\" <a@x.y>, \" <a@b.c>"), "[a@b.c]" },
{ LIT("J\303\266rg <a@b.c>"), "[a@b.c]" },
{ LIT("\"J\303\266rg\" <a@b.c>"), "[a@b.c]" },
{ LIT("=?utf-8?q?J=C3=B6rg?= <a@b.c>"), "[a@b.c]" },
{ LIT("a@b.c (Alice)"), "[a@b.c]" },
{ LIT("(Alice) a@b.c"), "[a@b.c]" },
{ LIT("a (x) @ (y) b.c"), "[a@b.c]" },
{ LIT("a . b @ c . d"), "[a.b@c.d]" },
{ LIT("a(x(y)z\\))@b.c"), "[a@b.c]" },
{ LIT("(<a@x.y>) a@b.c"), "[a@b.c]" },
{ LIT("(, a@x.y,) a@b.c"), "[a@b.c]" },
{ LIT("a\r\n @b.c"), "[a@b.c]" },
{ LIT("Alice\r\n\t<a@b.c>\r\n "), "[a@b.c]" },
{ LIT("< a@b.c >"), "[a@b.c]" },
{ LIT("<(x)a@b.c(y)>(z)"), "[a@b.c]" },
{ LIT("a@[192.0.2.1]"), "[a@[192.0.2.1]]" },
{ LIT("<a@[IPv6:::1]>"), "[a@[IPv6:::1]]" },
/* needless quotes go, needed ones stay */
{ LIT("\"alice\"@b.c"), "[alice@b.c]" },
{ LIT("\"a\\lice\"@b.c"), "[alice@b.c]" },
{ LIT("\"al\r\n ice\"@b.c"), "[\"al ice\"@b.c]" },
{ LIT("\"a.b\"@c.d"), "[a.b@c.d]" },
{ LIT("\"a\".\"b\"@c.d"), "[a.b@c.d]" },
{ LIT("\"a b\"@c.d"), "[\"a b\"@c.d]" },
{ LIT("\"a@b\"@c.d"), "[\"a@b\"@c.d]" },
{ LIT("\"a\\\"b\"@c.d"), "[\"a\\\"b\"@c.d]" },
{ LIT("\"a\\\\\"@c.d"), "[\"a\\\\\"@c.d]" },
{ LIT("\"\"@c.d"), "[\"\"@c.d]" },
{ LIT("\".a\"@c.d"), "[\".a\"@c.d]" },
{ LIT("\"a.\"@c.d"), "[\"a.\"@c.d]" },
{ LIT("\"a..b\"@c.d"), "[\"a..b\"@c.d]" },
{ LIT("\".\"@c.d"), "[\".\"@c.d]" },
/* lists */
{ LIT("a@b.c, d@e.f"), "[a@b.c][d@e.f]" },
{ LIT("a@b.c,,\r\n , d@e.f,"), "[a@b.c][d@e.f]" },
{ LIT("A <a@b.c>, \"D, E\" <d@e.f>"), "[a@b.c][d@e.f]" },
{ LIT("a@b.c, <"), "[a@b.c]!" },
/* longest */
{ LIT(L320), "[" L320 "]" },
{ LIT(L320 "x"), "!" },
/* no address list */
{ LIT("<>"), "!" },
{ LIT("Alice <>"), "!" },
{ LIT("Alice"  " Smith"), "!" },
{ LIT("a@b.c d@e.f"), "!" },
{ LIT("a@b.c <d@e.f>"), "!" },
{ LIT("<a@b.c> <d@e.f>"), "!" },
{ LIT("<a@b.c> d@e.f"), "!" },
{ LIT("<a@b.c>>"), "!" },
{ LIT("<<a@b.c>>"), "!" },
{ LIT("<a@b.c"), "!" },
{ LIT("a@b.c>"), "!" },
{ LIT("<a@b.c,d@e.f>"), "!" },
{ LIT("<@r.s:a@b.c>"), "!" },
{ LIT("team: a@b.c, d@e.f;"), "!" },
{ LIT("undisclosed:;"), "!" },
{ LIT("a@b.c;"), "!" },
{ LIT("a@b@c.d"), "!" },
{ LIT("@b.c"), "!" },
{ LIT("a@"), "!" },
{ LIT("a@b..c"), "!" },
{ LIT("a@.b"), "!" },
{ LIT("a@b."), "!" },
{ LIT(".a@b.c"), "!" },
{ LIT("a..b@c.d"), "!" },
{ LIT("a@\"b\".c"), "!" },
{ LIT("a@[1.2"), "!" },
{ LIT("a@[1 .2]"), "!" },
{ LIT("a@[1\\]2]"), "!" },
{ LIT("a@[1]b"), "!" },
{ LIT("\"a@b.c"), "!" },
{ LIT("\"a\\\"@b.c"), "!" },
{ LIT("(a@b.c"), "!" },
{ LIT("a@b.c ("), "!" },
{ LIT("a@b.c (\\)"), "!" },
{ LIT("a@b.c )"), "!" },
{ LIT("a\\b@c.d"), "!" },
{ LIT("a\0@b.c"), "!" },
{ LIT("a@b.c\0"), "!" },
{ LIT("\"a\0\"@b.c"), "!" },
{ LIT("a\177@b.c"), "!" },
{ LIT("\"a\177\"@b.c"), "!" },
{ LIT("\"a\tb\"@b.c"), "!" },
{ LIT("j\303\266rg@b.c"), "!" },
{ LIT("\"j\303\266rg\"@b.c"), "!" },
{ LIT("a@b\303\274cher.d"), "!" },
};

static void
try_list(size_t i)
{
	char *in = copy_of(lists[i].in, lists[i].len);
	const char *p = in, *end = in + lists[i].len;
	char address[ADDRESS_MAX + 1], got[1000] = "";
	enum address_status status;
	size_t n = 0;

	while ((status = address_next(&p, end, address)) == ADDRESS_ONE)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "[%s]",
		    address);
	if (status == ADDRESS_BAD)
		strcpy(got + n, "!");
	ok_octets(in, lists[i].len, got, strlen(got), lists[i].out,
	    strlen(lists[i].out));
	free(in);
}

#define USER	"alice", "example.org", ""
#define OWN	"From: alice@example.org\r\n"

static const struct {
	const char *header, *user, *domain, *senders;
	enum check_status status;
	const char *what;
} checks[] = {
{ "", USER, CHECK_OK, "" },
{ "Subject: x\r\n", USER, CHECK_OK, "" },
{ OWN, USER, CHECK_OK, "" },
{ "From: Alice <Alice+detail@EXAMPLE.org>\r\n", USER, CHECK_OK, "" },
{ "From: alice\r\n", USER, CHECK_OK, "" },
{ "From: \"alice\"@example.org\r\n", USER, CHECK_OK, "" },
{ "From: alice@example.org, alice+2@example.org\r\nSender: alice\r\n", USER,
  CHECK_OK, "" },
{ OWN "Sender: alice@example.org\r\n", USER, CHECK_OK, "" },
{ "From: x@y.z\r\n", "alice", "", "*", CHECK_OK, "" },
{ "From: x@y.z\r\n", "alice", "example.org", "a@b.c x@y.z", CHECK_OK, "" },
{ "Received: a\r\nReceived: b\r\nComments: c\r\nComments: d\r\n" OWN, USER,
  CHECK_OK, "" },
{ "Resent-From: x@y.z\r\nX-From: x@y.z\r\n" OWN, USER, CHECK_OK, "" },
{ "Subject: a\r\n From: x@y.z\r\n" OWN, USER, CHECK_OK, "" },
/* another's */
{ "From: bob@example.org\r\n", USER, CHECK_NOT_ALLOWED, "bob@example.org" },
{ "from : bob@example.org\r\n", USER, CHECK_NOT_ALLOWED, "bob@example.org" },
{ "From: alice@example.net\r\n", USER, CHECK_NOT_ALLOWED,
  "alice@example.net" },
{ "From: bob\r\n", USER, CHECK_NOT_ALLOWED, "bob" },
{ "From: alice\r\n", "alice", "", "", CHECK_NOT_ALLOWED, "alice" },
{ "From: alice@example.org, bob@example.org\r\n", USER, CHECK_NOT_ALLOWED,
  "bob@example.org" },
{ "From: \"alice@example.org\" <bob@example.org>\r\n", USER,
  CHECK_NOT_ALLOWED, "bob@example.org" },
{ "From: \"alice@example.org\"@example.net\r\n", USER, CHECK_NOT_ALLOWED,
  "\"alice@example.org\"@example.net" },
{ "From: \"alice@example.org\"\r\n", USER, CHECK_NOT_ALLOWED,
  "\"alice@example.org\"" },
{ "From:\r\n bob@example.org\r\n", USER, CHECK_NOT_ALLOWED,
  "bob@example.org" },
{ OWN "Sender: bob@example.org\r\n", USER, CHECK_NOT_ALLOWED,
  "bob@example.org" },
{ "Sender: bob@example.org\r\n", USER, CHECK_NOT_ALLOWED,
  "bob@example.org" },
/* twice */
{ OWN OWN, USER, CHECK_TWICE, "From" },
{ OWN "FROM :bob@example.org\r\n", USER, CHECK_TWICE, "From" },
{ "Date: a\r\nDate: b\r\n" OWN, USER, CHECK_TWICE, "Date" },
{ "Message-Id: a\r\nMESSAGE-ID: b\r\n" OWN, USER, CHECK_TWICE,
  "Message-ID" },
{ "Sender: alice\r\nSender: alice\r\n" OWN, USER, CHECK_TWICE, "Sender" },
/* malformed */
{ "From:\r\n", USER, CHECK_MALFORMED, "From" },
{ "From: ,\r\n", USER, CHECK_MALFORMED, "From" },
{ "From: <>\r\n", USER, CHECK_MALFORMED, "From" },
{ "From: alice@example.org <bob@example.org>\r\n", USER, CHECK_MALFORMED,
  "From" },
{ "From: alice@example.org, bob@\r\n", USER, CHECK_MALFORMED, "From" },
{ OWN "Sender: \r\n", USER, CHECK_MALFORMED, "Sender" },
{ OWN "Sender: alice, alice\r\n", USER, CHECK_MALFORMED, "Sender" },
{ "From: alice, alice+2\r\n", USER, CHECK_NO_SENDER, NULL },
};

static void
try_check(size_t i)
{
	size_t n = strlen(checks[i].header);
	char *in = copy_of(checks[i].header, n), what[ADDRESS_MAX + 1] = "";
	enum check_status status;

	status = check_header(in, n, checks[i].user, checks[i].domain,
	    checks[i].senders, what);
	if (ok(status == checks[i].status, in, n, "status %d %s", status,
	    what) && status != CHECK_OK && checks[i].what != NULL)
		ok_string(checks[i].header, what, checks[i].what);
	free(in);
}

int
main(void)
{
	size_t i;

	table("address");
	for (i = 0; i < COUNT(lists); i++)
		try_list(i);
	table("check");
	for (i = 0; i < COUNT(checks); i++)
		try_check(i);
	return tables_done();
}
