/*
 * smtp/path.c: paths, domains, address literals (RFC 5321 4.1.2, 4.1.3,
 * limits of 4.5.3.1), EHLO arguments.
 */
#include "smtp/path.h"
#include "tests/unit/unit.h"

#define TEN	"0123456789"
#define SIXTY	TEN TEN TEN TEN TEN TEN
#define L63	SIXTY "abc"
#define L64	SIXTY "abcd"
/* 63 + 1 + 63 + 1 + 63 + 1 + 61 + 2 = 255 */
#define D255	L63 "." L63 "." L63 "." SIXTY "a.b"

static const struct {
	const char *in;
	size_t len;
	const char *address;	/* NULL: refused */
	size_t local;
	size_t behind;		/* octets not taken */
} paths[] = {
{ LIT("<>"), "", 0, 0 },
{ LIT("<> SIZE=1"), "", 0, 7 },
{ LIT("<a@b>"), "a@b", 1, 0 },
{ LIT("<a@b.c>x"), "a@b.c", 1, 1 },
{ LIT("<alice>"), "alice", 5, 0 },
{ LIT("<Alice@Example.ORG>"), "Alice@Example.ORG", 5, 0 },
{ LIT("<a.b.c@d.e>"), "a.b.c@d.e", 5, 0 },
{ LIT("<!#$%&'*+-/=?^_`{|}~@d.e>"), "!#$%&'*+-/=?^_`{|}~@d.e", 19, 0 },
{ LIT("<-@d.e>"), "-@d.e", 1, 0 },
{ LIT("<a@1.2.3.4>"), "a@1.2.3.4", 1, 0 },
{ LIT("<a@b-c.d--e.f>"), "a@b-c.d--e.f", 1, 0 },
{ LIT("<a@xn--bcher-kva.example>"), "a@xn--bcher-kva.example", 1, 0 },
{ LIT("<a@b_c.d>"), "a@b_c.d", 1, 0 },
{ LIT("<\"\"@d.e>"), "\"\"@d.e", 2, 0 },
{ LIT("<\"a b\"@d.e>"), "\"a b\"@d.e", 5, 0 },
{ LIT("<\"a@b>c\"@d.e>"), "\"a@b>c\"@d.e", 7, 0 },
{ LIT("<\"a\\\"b\"@d.e>"), "\"a\\\"b\"@d.e", 6, 0 },
{ LIT("<\"\\\\\"@d.e>"), "\"\\\\\"@d.e", 4, 0 },
{ LIT("<\"a\\ b\"@d.e>"), "\"a\\ b\"@d.e", 6, 0 },
{ LIT("<\"alice\">"), "\"alice\"", 7, 0 },
/* the route is skipped, RFC 5321 appendix C */
{ LIT("<@r.s:a@b.c>"), "a@b.c", 1, 0 },
{ LIT("<@r.s,@t.u:a@b.c>"), "a@b.c", 1, 0 },
{ LIT("<@r.s:alice>"), "alice", 5, 0 },
/* literals */
{ LIT("<a@[192.0.2.1]>"), "a@[192.0.2.1]", 1, 0 },
{ LIT("<a@[255.255.255.255]>"), "a@[255.255.255.255]", 1, 0 },
{ LIT("<a@[IPv6:2001:db8::1]>"), "a@[IPv6:2001:db8::1]", 1, 0 },
{ LIT("<a@[ipv6:::1]>"), "a@[ipv6:::1]", 1, 0 },
{ LIT("<a@[IPv6:::ffff:192.0.2.1]>"), "a@[IPv6:::ffff:192.0.2.1]", 1, 0 },
{ LIT("<a@[IPv6:1:2:3:4:5:6:7:8]>"), "a@[IPv6:1:2:3:4:5:6:7:8]", 1, 0 },
/* limits */
{ LIT("<" L64 "@d.e>"), L64 "@d.e", 64, 0 },
{ LIT("<" L64 "e@d.e>"), NULL, 0, 0 },
{ LIT("<\"" SIXTY "ab\"@d.e>"), "\"" SIXTY "ab\"@d.e", 64, 0 },
{ LIT("<\"" SIXTY "abc\"@d.e>"), NULL, 0, 0 },
{ LIT("<" L64 ">"), L64, 64, 0 },
{ LIT("<" L64 "e>"), NULL, 0, 0 },
{ LIT("<a@" L63 ".b>"), "a@" L63 ".b", 1, 0 },
{ LIT("<a@" L64 ".b>"), NULL, 0, 0 },
{ LIT("<a@" D255 ">"), "a@" D255, 1, 0 },
{ LIT("<a@" D255 "c>"), NULL, 0, 0 },
{ LIT("<" L64 "@" D255 ">"), L64 "@" D255, 64, 0 },
/* no path */
{ LIT(""), NULL, 0, 0 },
{ LIT("<"), NULL, 0, 0 },
{ LIT(">"), NULL, 0, 0 },
{ LIT("a@b.c"), NULL, 0, 0 },
{ LIT(" <a@b.c>"), NULL, 0, 0 },
{ LIT("<a@b.c"), NULL, 0, 0 },
{ LIT("< a@b.c>"), NULL, 0, 0 },
{ LIT("<a@b.c >"), NULL, 0, 0 },
{ LIT("<a b@c.d>"), NULL, 0, 0 },
{ LIT("< >"), NULL, 0, 0 },
{ LIT("<<a@b.c>>"), NULL, 0, 0 },
{ LIT("<@b.c>"), NULL, 0, 0 },
{ LIT("<a@>"), NULL, 0, 0 },
{ LIT("<a@@b.c>"), NULL, 0, 0 },
{ LIT("<a@b@c.d>"), NULL, 0, 0 },
{ LIT("<.a@b.c>"), NULL, 0, 0 },
{ LIT("<a.@b.c>"), NULL, 0, 0 },
{ LIT("<a..b@c.d>"), NULL, 0, 0 },
{ LIT("<a@.b>"), NULL, 0, 0 },
{ LIT("<a@b..c>"), NULL, 0, 0 },
{ LIT("<a@b.c.>"), NULL, 0, 0 },
{ LIT("<a@.>"), NULL, 0, 0 },
{ LIT("<a@-b.c>"), NULL, 0, 0 },
{ LIT("<a@b-.c>"), NULL, 0, 0 },
{ LIT("<a@b.-c>"), NULL, 0, 0 },
{ LIT("<a@b.c->"), NULL, 0, 0 },
{ LIT("<a@b!c>"), NULL, 0, 0 },
{ LIT("<a(comment)@b.c>"), NULL, 0, 0 },
{ LIT("<a,b@c.d>"), NULL, 0, 0 },
{ LIT("<a;b@c.d>"), NULL, 0, 0 },
{ LIT("<a:b@c.d>"), NULL, 0, 0 },
{ LIT("<a\\b@c.d>"), NULL, 0, 0 },
{ LIT("<a\"b\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\"b@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\".b@c.d>"), NULL, 0, 0 },
{ LIT("<\"a@b.c>"), NULL, 0, 0 },
{ LIT("<\"a\\\"@b.c>"), NULL, 0, 0 },
{ LIT("<\"a\\"), NULL, 0, 0 },
{ LIT("<\""), NULL, 0, 0 },
{ LIT("<\">"), NULL, 0, 0 },
{ LIT("<@r.s a@b.c>"), NULL, 0, 0 },
{ LIT("<@r.s:>"), NULL, 0, 0 },
{ LIT("<@r.s:@t.u:a@b.c>"), NULL, 0, 0 },
{ LIT("<@r.s,:a@b.c>"), NULL, 0, 0 },
{ LIT("<@r.s,t.u:a@b.c>"), NULL, 0, 0 },
{ LIT("<@:a@b.c>"), NULL, 0, 0 },
{ LIT("<@r.s"), NULL, 0, 0 },
{ LIT("<@r.s:"), NULL, 0, 0 },
{ LIT("<@r.s,"), NULL, 0, 0 },
{ LIT("<@"), NULL, 0, 0 },
/* literals that are none */
{ LIT("<a@[]>"), NULL, 0, 0 },
{ LIT("<a@[>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1>"), NULL, 0, 0 },
{ LIT("<a@192.0.2.1]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1]x>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1].b>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1>]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2 .1]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.256]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1.5]>"), NULL, 0, 0 },
{ LIT("<a@[IPv6:]>"), NULL, 0, 0 },
{ LIT("<a@[IPv6:2001:db8:::1]>"), NULL, 0, 0 },
{ LIT("<a@[IPv6:1:2:3:4:5:6:7:8:9]>"), NULL, 0, 0 },
{ LIT("<a@[IPv6:12345::]>"), NULL, 0, 0 },
{ LIT("<a@[IPv6:g::]>"), NULL, 0, 0 },
{ LIT("<a@[[192.0.2.1]]>"), NULL, 0, 0 },
{ LIT("<a@[192.0.2.1\0]>"), NULL, 0, 0 },
/* octets */
{ LIT("<a\0b@c.d>"), NULL, 0, 0 },
{ LIT("<a@b\0.c>"), NULL, 0, 0 },
{ LIT("<\"a\0b\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\\\0b\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\rb\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\nb\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\r\nb\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\\\nb\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\tb\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\177b\"@c.d>"), NULL, 0, 0 },
{ LIT("<\"a\\\177b\"@c.d>"), NULL, 0, 0 },
{ LIT("<a\tb@c.d>"), NULL, 0, 0 },
{ LIT("<a\r\n@c.d>"), NULL, 0, 0 },
{ LIT("<a@c.d\r\n>"), NULL, 0, 0 },
{ LIT("<a@c.\177d>"), NULL, 0, 0 },
/* RFC 6531 3.3 */
{ LIT("<j\303\266rg@c.d>"), "j\303\266rg@c.d", 5, 0 },
{ LIT("<\"j\303\266 rg\"@c.d>"), "\"j\303\266 rg\"@c.d", 8, 0 },
{ LIT("<\303\266.\303\266@c.d>"), "\303\266.\303\266@c.d", 5, 0 },
{ LIT("<a@b\303\274cher.d>"), "a@b\303\274cher.d", 1, 0 },
{ LIT("<\360\237\230\200@\346\227\245.\346\234\254>"),
  "\360\237\230\200@\346\227\245.\346\234\254", 4, 0 },
{ LIT("<@r\303\266.s:a@b.c>"), "a@b.c", 1, 0 },
{ LIT("<a@" L63 "\303\266.d>"), "a@" L63 "\303\266.d", 1, 0 },
{ LIT("<" SIXTY "ab\303\266@d.e>"), SIXTY "ab\303\266@d.e", 64, 0 },
{ LIT("<" SIXTY "abc\303\266@d.e>"), NULL, 0, 0 },
{ LIT("<a@" D255 "\303\266>"), NULL, 0, 0 },
{ LIT("<a@-\303\266.d>"), NULL, 0, 0 },
{ LIT("<a@\303\266-.d>"), NULL, 0, 0 },
{ LIT("<a@[\303\266]>"), NULL, 0, 0 },
{ LIT("<j\303@c.d>"), NULL, 0, 0 },
{ LIT("<j\266rg@c.d>"), NULL, 0, 0 },
{ LIT("<j\300\257rg@c.d>"), NULL, 0, 0 },
{ LIT("<j\340\200\257rg@c.d>"), NULL, 0, 0 },
{ LIT("<j\355\240\200rg@c.d>"), NULL, 0, 0 },
{ LIT("<j\364\220\200\200@c.d>"), NULL, 0, 0 },
{ LIT("<j\302\205@c.d>"), NULL, 0, 0 },
{ LIT("<\"j\302\205\"@c.d>"), NULL, 0, 0 },
{ LIT("<a@c\302\200.d>"), NULL, 0, 0 },
{ LIT("<a\377@c.d>"), NULL, 0, 0 },
{ LIT("<a@c.d\200>"), NULL, 0, 0 },
};

static void
try_path(size_t i)
{
	char *in = copy_of(paths[i].in, paths[i].len);
	size_t n = paths[i].len, used;
	struct path path;

	used = path_parse(in, n, &path);
	if (paths[i].address == NULL) {
		ok(used == 0, in, n, "taken as <%s>", path.address);
		free(in);
		return;
	}
	if (ok(used == n - paths[i].behind, in, n, "%zu octets taken", used)) {
		ok_octets(in, n, path.address, strlen(path.address),
		    paths[i].address, strlen(paths[i].address));
		ok(path.local_len == paths[i].local, in, n, "local part %zu",
		    path.local_len);
		ok(path.utf8 == (strpbrk(path.address, "\303\346\360") !=
		    NULL), in, n, "utf8 %d", path.utf8);
		ok(path.has_domain == (path.address[path.local_len] == '@'),
		    in, n, "has_domain %d", path.has_domain);
	}
	free(in);
}

/* No beginning of a path is one, and none is read beyond its end. */
static void
try_prefixes(const char *path, size_t n)
{
	struct path got;
	size_t i;

	for (i = 0; i < n; i++) {
		char *in = copy_of(path, i);

		ok(path_parse(in, i, &got) == 0, in, i, "taken");
		free(in);
	}
}

static const struct {
	const char *in, *domain, *want;	/* want NULL: too long */
} completed[] = {
{ "<alice>", "example.org", "alice@example.org" },
{ "<alice@d.e>", "example.org", "alice@d.e" },
{ "<>", "example.org", "" },
{ "<\"a b\">", "d.e", "\"a b\"@d.e" },
{ "<" L64 ">", D255, L64 "@" D255 },
{ "<a>", D255 "c", NULL },
};

static const struct {
	const char *in;
	bool qualified;
} qualified[] = {
{ "<a@b.c>", true },
{ "<a@[192.0.2.1]>", true },
{ "<\"a.b\"@c.d>", true },
{ "<a@localhost>", false },
{ "<a.b@localhost>", false },
{ "<\"a@b.c\"@d>", false },
{ "<alice>", false },
{ "<a.b>", false },
{ "<\"a@b.c\">", false },
{ "<>", false },
};

static void
try_domains(void)
{
	struct path path;
	size_t i;
	bool done;

	table("path: completed");
	for (i = 0; i < COUNT(completed); i++) {
		path_parse(completed[i].in, strlen(completed[i].in), &path);
		done = path_complete(&path, completed[i].domain);
		if (ok(done == (completed[i].want != NULL), completed[i].in,
		    strlen(completed[i].in), "%d", done) && done)
			ok_string(completed[i].in, path.address,
			    completed[i].want);
	}
	table("path: qualified");
	for (i = 0; i < COUNT(qualified); i++) {
		path_parse(qualified[i].in, strlen(qualified[i].in), &path);
		done = path_is_qualified(&path);
		ok(done == qualified[i].qualified, qualified[i].in,
		    strlen(qualified[i].in), "%d", done);
	}
}

static const struct {
	const char *in;
	size_t len;
	bool valid;
} helos[] = {
{ LIT("example.org"), true },
{ LIT("example.org."), true },
{ LIT("localhost"), true },
{ LIT("my_laptop"), true },
{ LIT("1.2.3.4"), true },
{ LIT("[192.0.2.1]"), true },
{ LIT("[IPv6:2001:db8::1]"), true },
{ LIT("a"), true },
{ LIT(D255), true },
{ LIT(D255 "c"), false },
{ LIT(L63 ".x"), true },
{ LIT(L64 ".x"), false },
{ LIT(""), false },
{ LIT("."), false },
{ LIT("a.."), false },
{ LIT(".a"), false },
{ LIT("a b"), false },
{ LIT("a "), false },
{ LIT(" a"), false },
{ LIT("a)"), false },
{ LIT("(a)"), false },
{ LIT("a;b"), false },
{ LIT("a\"b"), false },
{ LIT("a\\b"), false },
{ LIT("a@b"), false },
{ LIT("-a"), false },
{ LIT("a-"), false },
{ LIT("[192.0.2.1"), false },
{ LIT("192.0.2.1]"), false },
{ LIT("[]"), false },
{ LIT("[a b]"), false },
{ LIT("[(a)]"), false },
{ LIT("[192.0.2.1]x"), false },
{ LIT("a\0b"), false },
{ LIT("[1\0]"), false },
{ LIT("a\r\n"), false },
{ LIT("a\tb"), false },
{ LIT("a\177"), false },
{ LIT("b\303\274cher.example"), false },
};

int
main(void)
{
	size_t i;

	table("path");
	for (i = 0; i < COUNT(paths); i++)
		try_path(i);
	table("path: cut short");
	try_prefixes(LIT("<@r.s,@t.u:\"a\\\"b\"@[IPv6:2001:db8::1]>"));
	try_prefixes(LIT("<" L64 "@" D255 ">"));
	try_domains();
	table("path: EHLO");
	for (i = 0; i < COUNT(helos); i++) {
		char *in = copy_of(helos[i].in, helos[i].len);

		ok(helo_is_valid(in, helos[i].len) == helos[i].valid, in,
		    helos[i].len, helos[i].valid ? "refused" : "accepted");
		free(in);
	}
	return tables_done();
}
