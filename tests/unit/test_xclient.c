/*
 * smtp/xclient.c: attributes of XCLIENT (Postfix's XCLIENT_README); and
 * xtext_decode() of smtp/param.c.
 */
#include "smtp/param.h"
#include "smtp/xclient.h"
#include "tests/unit/unit.h"

#define TEN	"abcdefghij"
#define L50	TEN TEN TEN TEN TEN
#define L255	L50 L50 L50 L50 L50 "abcde"

static const struct {
	const char *in;
	enum xclient_status status;
	const char *address, *helo, *name;
} rows[] = {
{ "ADDR=192.0.2.7", XCLIENT_OK, "192.0.2.7", "", "" },
{ "addr=192.0.2.7 helo=a.example", XCLIENT_OK, "192.0.2.7", "a.example", "" },
{ "ADDR=IPV6:2001:DB8::7", XCLIENT_OK, "2001:db8::7", "", "" },
{ "ADDR=ipv6:::1", XCLIENT_OK, "::1", "", "" },
{ "ADDR=IPV6:::ffff:192.0.2.7", XCLIENT_OK, "192.0.2.7", "", "" },
{ "HELO=[192.0.2.7]", XCLIENT_OK, "", "[192.0.2.7]", "" },
{ "HELO=a+2Db.example", XCLIENT_OK, "", "a-b.example", "" },
{ "ADDR=[UNAVAILABLE]", XCLIENT_OK, "", "", "" },
{ "ADDR=[tempunavail] HELO=[Unavailable]", XCLIENT_OK, "", "", "" },
{ "NAME=spike.example ADDR=192.0.2.7 PORT=1 PROTO=ESMTP HELO=x "
  "REVERSE_NAME=y DESTADDR=127.0.0.1 DESTPORT=587 LOGIN=[UNAVAILABLE]",
  XCLIENT_OK, "192.0.2.7", "x", "" },
{ "PROTO=smtp", XCLIENT_OK, "", "", "" },
{ "NAME=" L255, XCLIENT_OK, "", "", "" },
{ "PORT=[UNAVAILABLE]", XCLIENT_OK, "", "", "" },

{ "", XCLIENT_SYNTAX, "", "", "" },
{ " ", XCLIENT_SYNTAX, "", "", "" },
{ "ADDR", XCLIENT_SYNTAX, "", "", "ADDR" },
{ "=192.0.2.7", XCLIENT_SYNTAX, "", "", "" },
{ "ADDR=192.0.2.7 ", XCLIENT_SYNTAX, "", "", "" },
{ "ADDR=192.0.2.7  HELO=x", XCLIENT_SYNTAX, "", "", "" },
{ " ADDR=192.0.2.7", XCLIENT_SYNTAX, "", "", "" },
{ "ADDR= 192.0.2.7", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=192.0.2.256", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=192.0.2.7=", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=2001:db8::7", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=IPV6:192.0.2.7", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=IPV6:", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=IPV4:192.0.2.7", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=[192.0.2.7]", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=local", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=IPV6:fe80::1%lo", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=192.0.2.7+0D+0A", XCLIENT_VALUE, "", "", "ADDR" },
{ "ADDR=[UNAVAILABLE", XCLIENT_VALUE, "", "", "ADDR" },
{ "HELO=a+20b", XCLIENT_VALUE, "", "", "HELO" },
{ "HELO=a+0Ab", XCLIENT_VALUE, "", "", "HELO" },
{ "HELO=a+2", XCLIENT_VALUE, "", "", "HELO" },
{ "HELO=(x)", XCLIENT_VALUE, "", "", "HELO" },
{ "HELO=" L255 "x", XCLIENT_VALUE, "", "", "HELO" },
{ "NAME=" L255 "x", XCLIENT_VALUE, "", "", "NAME" },
{ "PORT=x", XCLIENT_VALUE, "", "", "PORT" },
{ "PORT=123456", XCLIENT_VALUE, "", "", "PORT" },
{ "PROTO=LMTP", XCLIENT_VALUE, "", "", "PROTO" },
{ "DESTADDR=x", XCLIENT_VALUE, "", "", "DESTADDR" },
{ "LOGIN=alice", XCLIENT_LOGIN, "", "", "LOGIN" },
{ "LOGIN=", XCLIENT_VALUE, "", "", "LOGIN" },
{ "LOGIN=alice ADDR=192.0.2.7", XCLIENT_LOGIN, "", "", "LOGIN" },
{ "ADDR=192.0.2.7 ADDR=192.0.2.8", XCLIENT_TWICE, "", "", "ADDR" },
{ "HELO=x helo=x", XCLIENT_TWICE, "", "", "HELO" },
{ "SESSION=1", XCLIENT_UNKNOWN, "", "", "SESSION" },
{ "ADDRESS=192.0.2.7", XCLIENT_UNKNOWN, "", "", "ADDRESS" },
{ "ADD=192.0.2.7", XCLIENT_UNKNOWN, "", "", "ADD" },
{ L50 "=x", XCLIENT_UNKNOWN, "", "", "ABCDEFGHIJABCDEFGHIJABC" },
};

static void
try_row(size_t i)
{
	const char *in = rows[i].in;
	char *copy = copy_of(in, strlen(in));
	struct xclient x;
	enum xclient_status status = xclient_parse(copy, strlen(in), &x);

	free(copy);
	if (!ok(status == rows[i].status, in, strlen(in), "status %d", status))
		return;
	ok_string(in, x.name, rows[i].name);
	if (status != XCLIENT_OK)
		return;
	ok_string(in, x.address, rows[i].address);
	ok_string(in, x.helo, rows[i].helo);
}

static void
try_decode(void)
{
	char text[8];

	ok(xtext_decode("a+2Bb", 5, text, 4) && strcmp(text, "a+b") == 0,
	    "a+2Bb", 5, "%s", text);
	ok(!xtext_decode("a+2Bb", 5, text, 3), "a+2Bb", 5, "no room");
	ok(!xtext_decode("a+2b", 4, text, 8), "a+2b", 4, "lower case");
	ok(xtext_decode("", 0, text, 1) && text[0] == '\0', "", 0, "nothing");
}

int
main(void)
{
	size_t i;

	table("xclient: attributes");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	table("xtext: decoded");
	try_decode();
	return tables_done();
}
