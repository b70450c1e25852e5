/*
 * message/address.c: the addresses of a field (RFC 5322 3.4, 4.4).
 */
#include "message/address.h"
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
/* UTF-8, RFC 6532 3.2 */
{ LIT("j\303\266rg@b.c"), "[j\303\266rg@b.c]" },
{ LIT("\"j\303\266rg\"@b.c"), "[j\303\266rg@b.c]" },
{ LIT("\"j\303\266 rg\"@b.c"), "[\"j\303\266 rg\"@b.c]" },
{ LIT("a@b\303\274cher.d"), "[a@b\303\274cher.d]" },
{ LIT("J <\360\237\230\200@b.c>"), "[\360\237\230\200@b.c]" },
{ LIT("j\303@b.c"), "!" },
{ LIT("j\303\303\266rg@b.c"), "!" },
{ LIT("j\266rg@b.c"), "!" },
{ LIT("\"j\303\"@b.c"), "!" },
{ LIT("a\300\200@b.c"), "!" },
{ LIT("a\300\257@b.c"), "!" },
{ LIT("al\301\251ce@b.c"), "!" },
{ LIT("a\340\201\201@b.c"), "!" },
{ LIT("a\355\240\200@b.c"), "!" },
{ LIT("a\364\220\200\200@b.c"), "!" },
{ LIT("a\377@b.c"), "!" },
{ LIT("a\302\205@b.c"), "!" },
{ LIT("\"a\302\205\"@b.c"), "!" },
{ LIT("a@[\303\266]"), "!" },
{ LIT("J\377rg <a@b.c>"), "[a@b.c]" },
/* an encoded word is no address and decodes to none */
{ LIT("=?utf-8?q?j=C3=B6rg?=@b.c"), "[=?utf-8?q?j=C3=B6rg?=@b.c]" },
{ LIT("\"=?utf-8?q?j?=\".\303\266@b.c"), "[=?utf-8?q?j?=.\303\266@b.c]" },
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

/* As in To: groups and routes; ~ behind an address without a domain */
static const struct {
	const char *in;
	size_t len;
	const char *out;
	const char *completed;	/* by @x.y where a domain is missing */
} recipients[] = {
{ LIT(""), "", "" },
{ LIT("a@b.c"), "[a@b.c]", "a@b.c" },
{ LIT("a"), "[a~]", "a@x.y" },
{ LIT(" a "), "[a~]", " a@x.y " },
{ LIT("a (x) , b"), "[a~][b~]", "a@x.y (x) , b@x.y" },
{ LIT("(x)a(y)"), "[a~]", "(x)a@x.y(y)" },
{ LIT("a . b"), "[a.b~]", "a . b@x.y" },
{ LIT("\"a b\""), "[\"a b\"~]", "\"a b\"@x.y" },
{ LIT("\"alice\""), "[alice~]", "\"alice\"@x.y" },
{ LIT("\"a@b\""), "[\"a@b\"~]", "\"a@b\"@x.y" },
{ LIT("A <a>"), "[a~]", "A <a@x.y>" },
{ LIT("A < a >"), "[a~]", "A < a@x.y >" },
{ LIT("a@b (x), c"), "[a@b][c~]", "a@b (x), c@x.y" },
{ LIT("A\r\n <a>,\r\n\tB\r\n <b>"), "[a~][b~]",
  "A\r\n <a@x.y>,\r\n\tB\r\n <b@x.y>" },
/* groups */
{ LIT("g:;"), "", "g:;" },
{ LIT("undisclosed-recipients: ;"), "", "undisclosed-recipients: ;" },
{ LIT("\"a, b\" c : ; (x)"), "", "\"a, b\" c : ; (x)" },
{ LIT("g: a, B <b>;"), "[a~][b~]", "g: a@x.y, B <b@x.y>;" },
{ LIT("g:,a,,b,;"), "[a~][b~]", "g:,a@x.y,,b@x.y,;" },
{ LIT("a, g: b@c.d; , e"), "[a~][b@c.d][e~]",
  "a@x.y, g: b@c.d; , e@x.y" },
{ LIT("g: a; ,h: b;"), "[a~][b~]", "g: a@x.y; ,h: b@x.y;" },
{ LIT("g: a; h: b;"), "[a~]!", NULL },
{ LIT("g: a; b"), "[a~]!", NULL },
{ LIT("g: a"), "[a~]!", NULL },
{ LIT("g:"), "!", NULL },
{ LIT("g: h: a;;"), "!", NULL },
{ LIT(":;"), "!", NULL },
{ LIT("(x):;"), "!", NULL },
{ LIT(";"), "!", NULL },
{ LIT("a;"), "!", NULL },
{ LIT("g: a;;"), "[a~]!", NULL },
/* routes, 4.4 */
{ LIT("<@a.b:c@d.e>"), "[c@d.e]", "<@a.b:c@d.e>" },
{ LIT("X <@a.b,@c.d:e>"), "[e~]", "X <@a.b,@c.d:e@x.y>" },
{ LIT("< @a.b , , @[1.2] (x) : e@f.g>"), "[e@f.g]",
  "< @a.b , , @[1.2] (x) : e@f.g>" },
{ LIT("@a.b:c@d.e"), "!", NULL },
{ LIT("<@a.b c@d.e>"), "!", NULL },
{ LIT("<@:c@d.e>"), "!", NULL },
{ LIT("<@a.b:>"), "!", NULL },
{ LIT("<:c@d.e>"), "!", NULL },
{ LIT("<@a.b"), "!", NULL },
/* what is no list is none here either */
{ LIT("Alice Smith"), "!", NULL },
{ LIT("a b, c"), "!", NULL },
{ LIT("a, \"b"), "[a~]!", NULL },
{ LIT("<>"), "!", NULL },
};

static void
try_recipients(size_t i)
{
	char *in = copy_of(recipients[i].in, recipients[i].len);
	char got[1000] = "", completed[1000] = "", *done = in;
	struct address_list list = { .p = in, .end = in + recipients[i].len,
		.recipients = true };
	enum address_status status;
	struct mailbox mailbox;
	size_t n = 0, len = 0;

	while ((status = mailbox_next(&list, &mailbox)) == ADDRESS_ONE) {
		n += (size_t)snprintf(got + n, sizeof(got) - n, "[%s%s]",
		    mailbox.address, mailbox.has_domain ? "" : "~");
		if (mailbox.has_domain)
			continue;
		len += (size_t)snprintf(completed + len, sizeof(completed) -
		    len, "%.*s@x.y", (int)(mailbox.local_end - done), done);
		done = in + (mailbox.local_end - in);
	}
	if (status == ADDRESS_BAD)
		strcpy(got + n, "!");
	ok_octets(in, recipients[i].len, got, strlen(got),
	    recipients[i].out, strlen(recipients[i].out));
	snprintf(completed + len, sizeof(completed) - len, "%.*s",
	    (int)(in + recipients[i].len - done), done);
	if (recipients[i].completed != NULL)
		ok_octets(in, recipients[i].len, completed,
		    strlen(completed), recipients[i].completed,
		    strlen(recipients[i].completed));
	free(in);
}

static const struct {
	const char *in;
	bool qualified;
} domains[] = {
	{ "a@b.c", true }, { "a@[127.0.0.1]", true }, { "a@[IPv6:::1]", true },
	{ "a@b", false }, { "a", false }, { "a.b", false }, { "a.b@c", false },
	{ "\"a@b.c\"", false }, { "\"a@b.c\"@d", false }, { "a @ b . c", true },
};

static void
try_domain(size_t i)
{
	size_t n = strlen(domains[i].in);
	char *in = copy_of(domains[i].in, n);
	struct address_list list = { .p = in, .end = in + n };
	struct mailbox mailbox;

	ok(mailbox_next(&list, &mailbox) == ADDRESS_ONE &&
	    address_is_qualified(&mailbox) == domains[i].qualified, in, n,
	    "wanted %d", domains[i].qualified);
	free(in);
}

int
main(void)
{
	size_t i;

	table("address");
	for (i = 0; i < COUNT(lists); i++)
		try_list(i);
	table("address: recipients");
	for (i = 0; i < COUNT(recipients); i++)
		try_recipients(i);
	for (i = 0; i < COUNT(domains); i++)
		try_domain(i);
	return tables_done();
}
