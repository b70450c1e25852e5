/*
 * mta/route.c: the URLs of the `relay` line.
 */
#include "mta/route.h"
#include "tests/unit/unit.h"

#define TEN	"0123456789"
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define L255	HUNDRED HUNDRED TEN TEN TEN TEN TEN "abcde"

static const struct {
	const char *url;
	enum route_kind kind;
	enum route_tls tls;
	const char *host;	/* NULL: refused */
	uint16_t port;
	const char *path;
	bool numeric, loopback;
} rows[] = {
{ "smtp://mx.example.org", ROUTE_SMTP, ROUTE_TLS_OFFERED, "mx.example.org",
  25, "", false, false },
{ "SMTP://mx.example.org/", ROUTE_SMTP, ROUTE_TLS_OFFERED, "mx.example.org",
  25, "", false, false },
{ "smtp://mx.example.org:2525", ROUTE_SMTP, ROUTE_TLS_OFFERED,
  "mx.example.org", 2525, "", false, false },
{ "smtp://mx.example.org:2525/", ROUTE_SMTP, ROUTE_TLS_OFFERED,
  "mx.example.org", 2525, "", false, false },
{ "smtp+starttls://h", ROUTE_SMTP, ROUTE_TLS_STARTTLS, "h", 587, "", false,
  false },
{ "smtps://h", ROUTE_SMTP, ROUTE_TLS_IMPLICIT, "h", 465, "", false, false },
{ "smtps://h:1", ROUTE_SMTP, ROUTE_TLS_IMPLICIT, "h", 1, "", false, false },
{ "smtps://h:65535", ROUTE_SMTP, ROUTE_TLS_IMPLICIT, "h", 65535, "", false,
  false },
{ "smtp://192.0.2.1", ROUTE_SMTP, ROUTE_TLS_OFFERED, "192.0.2.1", 25, "",
  true, false },
{ "smtp://127.0.0.1:25", ROUTE_SMTP, ROUTE_TLS_OFFERED, "127.0.0.1", 25, "",
  true, true },
{ "smtp://127.255.1.2", ROUTE_SMTP, ROUTE_TLS_OFFERED, "127.255.1.2", 25,
  "", true, true },
{ "smtp://128.0.0.1", ROUTE_SMTP, ROUTE_TLS_OFFERED, "128.0.0.1", 25, "",
  true, false },
{ "smtp://[2001:db8::1]", ROUTE_SMTP, ROUTE_TLS_OFFERED, "2001:db8::1", 25,
  "", true, false },
{ "smtp://[::1]:2525/", ROUTE_SMTP, ROUTE_TLS_OFFERED, "::1", 2525, "", true,
  true },
{ "smtp://localhost", ROUTE_SMTP, ROUTE_TLS_OFFERED, "localhost", 25, "",
  true, true },
{ "smtp://LocalHost:24", ROUTE_SMTP, ROUTE_TLS_OFFERED, "LocalHost", 24, "",
  true, true },
{ "smtp://localhost.example.org", ROUTE_SMTP, ROUTE_TLS_OFFERED,
  "localhost.example.org", 25, "", false, false },
{ "smtp://127.0.0.1.example.org", ROUTE_SMTP, ROUTE_TLS_OFFERED,
  "127.0.0.1.example.org", 25, "", false, false },
{ "smtp://127.1", ROUTE_SMTP, ROUTE_TLS_OFFERED, "127.1", 25, "", false,
  false },
{ "lmtp://h:24", ROUTE_LMTP, ROUTE_TLS_NONE, "h", 24, "", false, false },
{ "lmtp:///run/lmtp.sock", ROUTE_LMTP, ROUTE_TLS_NONE, "", 24,
  "/run/lmtp.sock", true, true },
{ "maildir:///var/mail/sent", ROUTE_MAILDIR, ROUTE_TLS_NONE, "", 0,
  "/var/mail/sent", true, true },
{ "maildir:///a b", ROUTE_MAILDIR, ROUTE_TLS_NONE, "", 0, "/a b", true,
  true },
{ "smtp://" L255, ROUTE_SMTP, ROUTE_TLS_OFFERED, L255, 25, "", false,
  false },
{ "lmtp:///" HUNDRED "abcdef", ROUTE_LMTP, ROUTE_TLS_NONE, "", 24,
  "/" HUNDRED "abcdef", true, true },
{ "lmtp:///" HUNDRED "abcdefg", 0, 0, NULL, 0, "", false, false },
{ "smtp://" L255 "f", 0, 0, NULL, 0, "", false, false },
{ "smtp://" L255 HUNDRED, 0, 0, NULL, 0, "", false, false },
{ "", 0, 0, NULL, 0, "", false, false },
{ "smtp", 0, 0, NULL, 0, "", false, false },
{ "smtp:", 0, 0, NULL, 0, "", false, false },
{ "smtp:/h", 0, 0, NULL, 0, "", false, false },
{ "smtp://", 0, 0, NULL, 0, "", false, false },
{ "smtp:///", 0, 0, NULL, 0, "", false, false },
{ "smtp:///path", 0, 0, NULL, 0, "", false, false },
{ "http://h", 0, 0, NULL, 0, "", false, false },
{ " smtp://h", 0, 0, NULL, 0, "", false, false },
{ "h", 0, 0, NULL, 0, "", false, false },
{ "h:25", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:0", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:65536", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:4294967321", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:-1", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:+1", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:25x", 0, 0, NULL, 0, "", false, false },
{ "smtp://h: 25", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:25:26", 0, 0, NULL, 0, "", false, false },
{ "smtp://h/x", 0, 0, NULL, 0, "", false, false },
{ "smtp://h//", 0, 0, NULL, 0, "", false, false },
{ "smtp://h:25/x", 0, 0, NULL, 0, "", false, false },
{ "smtp://:25", 0, 0, NULL, 0, "", false, false },
{ "smtp://user@h", 0, 0, NULL, 0, "", false, false },
{ "smtp://h?x", 0, 0, NULL, 0, "", false, false },
{ "smtp://h#x", 0, 0, NULL, 0, "", false, false },
{ "smtp://a b", 0, 0, NULL, 0, "", false, false },
{ "smtp://h%2f", 0, 0, NULL, 0, "", false, false },
{ "smtp://b\303\274cher.example", 0, 0, NULL, 0, "", false, false },
{ "smtp://a\nb", 0, 0, NULL, 0, "", false, false },
{ "smtp://[::1", 0, 0, NULL, 0, "", false, false },
{ "smtp://[::1:25", 0, 0, NULL, 0, "", false, false },
{ "smtp://[]", 0, 0, NULL, 0, "", false, false },
{ "smtp://[]:25", 0, 0, NULL, 0, "", false, false },
{ "smtp://[::1]x", 0, 0, NULL, 0, "", false, false },
{ "smtp://[::1]]", 0, 0, NULL, 0, "", false, false },
{ "smtp://[[::1]]", 0, 0, NULL, 0, "", false, false },
{ "smtp://::1]", 0, 0, NULL, 0, "", false, false },
{ "lmtp://", 0, 0, NULL, 0, "", false, false },
{ "maildir://", 0, 0, NULL, 0, "", false, false },
{ "maildir://h/x", 0, 0, NULL, 0, "", false, false },
{ "maildir:/x", 0, 0, NULL, 0, "", false, false },
{ "maildir://relative", 0, 0, NULL, 0, "", false, false },
};

static void
compare(size_t i, const struct route *route)
{
	const char *url = rows[i].url;
	size_t n = strlen(url);

	ok(route->kind == rows[i].kind && route->tls == rows[i].tls, url, n,
	    "kind %d, tls %d", route->kind, route->tls);
	ok(route->port == rows[i].port, url, n, "port %u", route->port);
	ok_string(url, route->host, rows[i].host);
	ok_string(url, route->path, rows[i].path);
	ok_string(url, route->url, url);
	ok(route_is_numeric(route) == rows[i].numeric, url, n, "numeric");
	ok(route_is_loopback(route) == rows[i].loopback, url, n, "loopback");
}

#define U	"smtp://h "
#define FOUR	U U U U

static const struct {
	const char *urls;
	size_t n;		/* 0: refused */
	const char *last;	/* host of the last */
} lists[] = {
{ "smtp://a", 1, "a" },
{ " smtp://a ", 1, "a" },
{ "smtp://a  smtps://b:1", 2, "b" },
{ FOUR "smtp://z", 5, "z" },
{ FOUR U U U "smtp://z", 8, "z" },
{ "smtp://" L255, 1, L255 },
{ FOUR FOUR "smtp://z", 0, NULL },
{ "", 0, NULL },
{ "   ", 0, NULL },
{ "smtp://a,smtp://b", 0, NULL },
{ "smtp://a\tsmtp://b", 0, NULL },
{ "smtp://a h", 0, NULL },
{ "h smtp://a", 0, NULL },
{ "lmtp:///run/x", 0, NULL },
{ "smtp://a maildir:///x", 0, NULL },
{ "smtp://" L255 HUNDRED, 0, NULL },
};

static void
try_lists(void)
{
	struct route routes[8];
	const char *why;
	size_t i, n;

	for (i = 0; i < COUNT(lists); i++) {
		char *urls = copy_of(lists[i].urls,
		    strlen(lists[i].urls) + 1);

		why = route_parse_list(urls, routes, COUNT(routes), &n);
		if (ok((why == NULL) == (lists[i].n > 0), urls, strlen(urls),
		    "%s", why == NULL ? "accepted" : why) && why == NULL &&
		    ok(n == lists[i].n, urls, strlen(urls), "%zu routes", n))
			ok_string(urls, routes[n - 1].host, lists[i].last);
		free(urls);
	}
}

int
main(void)
{
	struct route route;
	const char *why;
	size_t i;

	table("route");
	for (i = 0; i < COUNT(rows); i++) {
		char *url = copy_of(rows[i].url, strlen(rows[i].url) + 1);

		why = route_parse(url, &route);
		if (ok((why == NULL) == (rows[i].host != NULL), url,
		    strlen(url), "%s", why == NULL ? "accepted" : why) &&
		    why == NULL)
			compare(i, &route);
		free(url);
	}
	table("route: lists");
	try_lists();
	return tables_done();
}
