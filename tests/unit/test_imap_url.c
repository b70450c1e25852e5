/*
 * imap/url.c, base/date.c: what is an IMAP URL that names a message, and
 * what is none. Accepted ones are compared in a canonical print of what was
 * understood: owner|host|port|mailbox|uidvalidity|uid|section|partial|
 * expire|access|access user|mechanism|token length|rump length.
 */
#include "imap/text.h"
#include "imap/url.h"
#include "tests/unit/unit.h"

#define TOKEN "0123456789abcdef0123456789ABCDEF"
#define H "imap://mail.example.org"
#define M H "/INBOX/;UID=1"
#define S ";URLAUTH=submit+alice:internal:" TOKEN

struct row {
	const char *url;
	const char *print;	/* NULL: must be refused */
	size_t len;		/* 0: strlen */
};

static const struct row rows[] = {
/* what Dovecot and Cyrus sign, and what clients write */
{ "imap://alice@localhost:22143/INBOX/;uid=1;urlauth=submit+alice:internal:"
  TOKEN, "alice|localhost|22143|INBOX|0|1||-|-|1|alice|internal|32|62", 0 },
{ "imap://alice@h/Sent;UIDVALIDITY=3/;UID=2" S,
  "alice|h|143|Sent|3|2||-|-|1|alice|internal|32|61", 0 },
{ M, "|mail.example.org|143|INBOX|0|1||-|-|0|||0|36", 0 },
{ "IMAP://H/INBOX/;uid=1", "|H|143|INBOX|0|1||-|-|0|||0|21", 0 },
/* owner */
{ "imap://alice@h/a/;UID=1", "alice|h|143|a|0|1||-|-|0|||0|23", 0 },
{ "imap://carol%40example.org@h/a/;UID=1",
  "carol@example.org|h|143|a|0|1||-|-|0|||0|37", 0 },
{ "imap://al%69ce@h/a/;UID=1", "alice|h|143|a|0|1||-|-|0|||0|25", 0 },
{ "imap://a%2Fb@h/a/;UID=1", "a/b|h|143|a|0|1||-|-|0|||0|23", 0 },
{ "imap://j%C3%B6rg@h/a/;UID=1", "j\303\266rg|h|143|a|0|1||-|-|0|||0|27", 0 },
{ "imap://a-._~!$'()*+,&=z@h/a/;UID=1",
  "a-._~!$'()*+,&=z|h|143|a|0|1||-|-|0|||0|34", 0 },
{ "imap://alice;AUTH=*@h/a/;UID=1", "alice|h|143|a|0|1||-|-|0|||0|30", 0 },
{ "imap://alice;auth=PLAIN@h/a/;UID=1",
  "alice|h|143|a|0|1||-|-|0|||0|34", 0 },
{ "imap://;AUTH=*@h/a/;UID=1", "|h|143|a|0|1||-|-|0|||0|25", 0 },
{ "imap://@h/a/;UID=1", NULL, 0 },
{ "imap://alice;@h/a/;UID=1", NULL, 0 },
{ "imap://alice;AUTH=@h/a/;UID=1", NULL, 0 },
{ "imap://alice;AUTH=*x@h/a/;UID=1", NULL, 0 },
{ "imap://alice:pw@h/a/;UID=1", NULL, 0 },
{ "imap://alice@bob@h/a/;UID=1", NULL, 0 },
{ "imap://h@127.0.0.1:1/@h/a/;UID=1",
  "h|127.0.0.1|1|@h/a|0|1||-|-|0|||0|32", 0 },
{ "imap://h%2f@trap/a/;UID=1", "h/|trap|143|a|0|1||-|-|0|||0|25", 0 },
{ "imap://a\\@h/a/;UID=1", NULL, 0 },
{ "imap://a?b@h/a/;UID=1", NULL, 0 },
{ "imap://a#b@h/a/;UID=1", NULL, 0 },
{ "imap://a b@h/a/;UID=1", NULL, 0 },
{ "imap://a%00b@h/a/;UID=1", NULL, 0 },
{ "imap://a%0Ab@h/a/;UID=1", NULL, 0 },
{ "imap://a%0db@h/a/;UID=1", NULL, 0 },
{ "imap://a%7fb@h/a/;UID=1", NULL, 0 },
{ "imap://a%C2%85b@h/a/;UID=1", NULL, 0 },
{ "imap://a%ffb@h/a/;UID=1", NULL, 0 },
{ "imap://a%C0%80b@h/a/;UID=1", NULL, 0 },
{ "imap://a%ED%A0%80b@h/a/;UID=1", NULL, 0 },
{ "imap://a%C3@h/a/;UID=1", NULL, 0 },
{ "imap://a\303\266@h/a/;UID=1", NULL, 0 },
/* scheme */
{ "imaps://h/a/;UID=1", NULL, 0 },
{ "http://h/a/;UID=1", NULL, 0 },
{ "imap:/h/a/;UID=1", NULL, 0 },
{ "imap:h/a/;UID=1", NULL, 0 },
{ "imap;//h/a/;UID=1", NULL, 0 },
{ " imap://h/a/;UID=1", NULL, 0 },
{ "file:///etc/passwd", NULL, 0 },
{ "//h/a/;UID=1", NULL, 0 },
{ "/INBOX/;UID=1", NULL, 0 },
{ "imap", NULL, 0 },
{ "", NULL, 0 },
/* host and port */
{ "imap://h:1/a/;UID=1", "|h|1|a|0|1||-|-|0|||0|19", 0 },
{ "imap://h:65535/a/;UID=1", "|h|65535|a|0|1||-|-|0|||0|23", 0 },
{ "imap://127.0.0.1/a/;UID=1", "|127.0.0.1|143|a|0|1||-|-|0|||0|25", 0 },
{ "imap://[::1]/a/;UID=1", "|::1|143|a|0|1||-|-|0|||0|21", 0 },
{ "imap://[::ffff:127.0.0.1]:99/a/;UID=1",
  "|::ffff:127.0.0.1|99|a|0|1||-|-|0|||0|37", 0 },
{ "imap://2130706433/a/;UID=1", "|2130706433|143|a|0|1||-|-|0|||0|26", 0 },
{ "imap://h./a/;UID=1", "|h.|143|a|0|1||-|-|0|||0|18", 0 },
{ "imap:///a/;UID=1", NULL, 0 },
{ "imap://alice@/a/;UID=1", NULL, 0 },
{ "imap://:143/a/;UID=1", NULL, 0 },
{ "imap://h:/a/;UID=1", NULL, 0 },
{ "imap://h:0/a/;UID=1", NULL, 0 },
{ "imap://h:0143/a/;UID=1", NULL, 0 },
{ "imap://h:65536/a/;UID=1", NULL, 0 },
{ "imap://h:4294967439/a/;UID=1", NULL, 0 },
{ "imap://h:18446744073709551759/a/;UID=1", NULL, 0 },
{ "imap://h:-143/a/;UID=1", NULL, 0 },
{ "imap://h:+143/a/;UID=1", NULL, 0 },
{ "imap://h:143x/a/;UID=1", NULL, 0 },
{ "imap://h:143:143/a/;UID=1", NULL, 0 },
{ "imap://h:%31/a/;UID=1", NULL, 0 },
{ "imap://h%2eexample/a/;UID=1", NULL, 0 },
{ "imap://h%00/a/;UID=1", NULL, 0 },
{ "imap://h\\@trap/a/;UID=1", NULL, 0 },
{ "imap://h\\/a/;UID=1", NULL, 0 },
{ "imap://h,trap/a/;UID=1", NULL, 0 },
{ "imap://h;x/a/;UID=1", NULL, 0 },
{ "imap://h#/a/;UID=1", NULL, 0 },
{ "imap://h?/a/;UID=1", NULL, 0 },
{ "imap://[::1/a/;UID=1", NULL, 0 },
{ "imap://::1/a/;UID=1", NULL, 0 },
{ "imap://[::1%25lo]/a/;UID=1", NULL, 0 },
{ "imap://[]/a/;UID=1", NULL, 0 },
{ "imap://[h]/a/;UID=1", NULL, 0 },
{ "imap://[v1.x]/a/;UID=1", NULL, 0 },
{ "imap://[::1]x/a/;UID=1", NULL, 0 },
/* mailbox */
{ "imap://h/Entw%C3%BCrfe%20x/;UID=1",
  "|h|143|Entw\303\274rfe x|0|1||-|-|0|||0|33", 0 },
{ "imap://h/a/b/c/;UID=1", "|h|143|a/b/c|0|1||-|-|0|||0|21", 0 },
{ "imap://h/a%2Fb%3B/;UID=1", "|h|143|a/b;|0|1||-|-|0|||0|24", 0 },
{ "imap://h/a:@&=/;UID=1", "|h|143|a:@&=|0|1||-|-|0|||0|21", 0 },
{ "imap://h/a%22%5C%25/;UID=1", "|h|143|a\"\\%|0|1||-|-|0|||0|26", 0 },
{ "imap://h//a/;UID=1", "|h|143|/a|0|1||-|-|0|||0|18", 0 },
{ "imap://h/a//;UID=1", "|h|143|a/|0|1||-|-|0|||0|18", 0 },
{ "imap://h", NULL, 0 },
{ "imap://h/", NULL, 0 },
{ "imap://h/;UID=1", NULL, 0 },
{ "imap://h//;UID=1", NULL, 0 },
{ "imap://h;UID=1", NULL, 0 },
{ "imap://h/a", NULL, 0 },
{ "imap://h/a;TYPE=LIST", NULL, 0 },
{ "imap://h/a?SUBJECT%20x", NULL, 0 },
{ "imap://h/a%0d%0aA1%20LOGOUT/;UID=1", NULL, 0 },
{ "imap://h/a\r\nA1 LOGOUT/;UID=1", NULL, 0 },
{ "imap://h/a%/;UID=1", NULL, 0 },
{ "imap://h/a%4/;UID=1", NULL, 0 },
{ "imap://h/a%zz/;UID=1", NULL, 0 },
{ "imap://h/a%00/;UID=1", NULL, 0 },
{ "imap://h/a%e4/;UID=1", NULL, 0 },
{ "imap://h/a%F4%90%80%80/;UID=1", NULL, 0 },
{ "imap://h/a\"b/;UID=1", NULL, 0 },
{ "imap://h/a\\b/;UID=1", NULL, 0 },
{ "imap://h/a{5}/;UID=1", NULL, 0 },
{ "imap://h/a b/;UID=1", NULL, 0 },
{ "imap://h/a<b>/;UID=1", NULL, 0 },
{ "imap://h/a\0b/;UID=1", NULL, 19 },
{ "imap://h\0/a/;UID=1", NULL, 19 },
{ "imap://h/a/;UID=1\0", NULL, 18 },
{ "imap://h/a#b/;UID=1", NULL, 0 },
/* uidvalidity, uid */
{ "imap://h/a;UIDVALIDITY=4294967295/;UID=4294967295",
  "|h|143|a|4294967295|4294967295||-|-|0|||0|49", 0 },
{ "imap://h/a;UID=1", NULL, 0 },
{ "imap://h/a/;UID=", NULL, 0 },
{ "imap://h/a/;UID=0", NULL, 0 },
{ "imap://h/a/;UID=01", NULL, 0 },
{ "imap://h/a/;UID=4294967296", NULL, 0 },
{ "imap://h/a/;UID=99999999999999999999999", NULL, 0 },
{ "imap://h/a/;UID=1:5", NULL, 0 },
{ "imap://h/a/;UID=1,5", NULL, 0 },
{ "imap://h/a/;UID=*", NULL, 0 },
{ "imap://h/a/;UID=1/", NULL, 0 },
{ "imap://h/a/;UID=1#x", NULL, 0 },
{ "imap://h/a/;UID=1?x", NULL, 0 },
{ "imap://h/a/;UID=1;UID=2", NULL, 0 },
{ "imap://h/a;UIDVALIDITY=/;UID=1", NULL, 0 },
{ "imap://h/a;UIDVALIDITY=0/;UID=1", NULL, 0 },
{ "imap://h/a/;UIDVALIDITY=1/;UID=1", NULL, 0 },
/* section */
{ M "/;SECTION=1", "|mail.example.org|143|INBOX|0|1|1|-|-|0|||0|47", 0 },
{ M "/;section=1.2.3.MIME",
  "|mail.example.org|143|INBOX|0|1|1.2.3.MIME|-|-|0|||0|56", 0 },
{ M "/;SECTION=HEADER.FIELDS%20(From%20X-Y)",
  "|mail.example.org|143|INBOX|0|1|HEADER.FIELDS (From X-Y)|-|-|0|||0|74", 0 },
{ M "/;SECTION=2.header.fields.not%20(a)",
  "|mail.example.org|143|INBOX|0|1|2.header.fields.not (a)|-|-|0|||0|71", 0 },
{ M "/;SECTION=TEXT/;PARTIAL=0.1",
  "|mail.example.org|143|INBOX|0|1|TEXT|0.1|-|0|||0|63", 0 },
{ M "/;SECTION=", NULL, 0 },
{ M "/;SECTION=0", NULL, 0 },
{ M "/;SECTION=1.", NULL, 0 },
{ M "/;SECTION=.1", NULL, 0 },
{ M "/;SECTION=1..2", NULL, 0 },
{ M "/;SECTION=MIME", NULL, 0 },
{ M "/;SECTION=1]%20BODY[", NULL, 0 },
{ M "/;SECTION=1%5D%20BODY%5B", NULL, 0 },
{ M "/;SECTION=1%0d%0aA%20LOGOUT", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS%20()", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS%20(a%20)", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS%20(a)%20(b)", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS%20(%22a%22)", NULL, 0 },
{ M "/;SECTION=HEADER.FIELDS%20({3})", NULL, 0 },
{ M "/;SECTION=1/;SECTION=2", NULL, 0 },
{ M "/;SECTION=1/" S, NULL, 0 },
/* partial */
{ M "/;PARTIAL=0", "|mail.example.org|143|INBOX|0|1||0.0|-|0|||0|47", 0 },
{ M "/;PARTIAL=7.4294967295" S,
  "|mail.example.org|143|INBOX|0|1||7.4294967295|-|1|alice|internal|32|79",
  0 },
{ M "/;PARTIAL=", NULL, 0 },
{ M "/;PARTIAL=1.", NULL, 0 },
{ M "/;PARTIAL=1.0", NULL, 0 },
{ M "/;PARTIAL=4294967296.1", NULL, 0 },
{ M "/;PARTIAL=1.4294967296", NULL, 0 },
{ M "/;PARTIAL=-1.1", NULL, 0 },
{ M "/;PARTIAL=1.2.3", NULL, 0 },
{ M ";PARTIAL=1.2", NULL, 0 },
{ M "/;PARTIAL=1/;SECTION=1", NULL, 0 },
/* expire */
{ M ";EXPIRE=1970-01-01T00:00:00Z" S,
  "|mail.example.org|143|INBOX|0|1||-|0|1|alice|internal|32|85", 0 },
{ M ";expire=2026-11-21T23:59:59.5+02:00" S,
  "|mail.example.org|143|INBOX|0|1||-|1795298399|1|alice|internal|32|92", 0 },
{ M ";EXPIRE=1970-01-01T00:00:00Z", NULL, 0 },
{ M ";EXPIRE=" S, NULL, 0 },
{ M ";EXPIRE=2026-11-21" S, NULL, 0 },
{ M ";EXPIRE=2026-02-29T00:00:00Z" S, NULL, 0 },
{ M ";EXPIRE=2026-13-01T00:00:00Z" S, NULL, 0 },
{ M ";EXPIRE=2026-11-21T24:00:00Z" S, NULL, 0 },
{ M ";EXPIRE=2026-11-21T00:00:00" S, NULL, 0 },
{ M ";EXPIRE=2026-11-21T00:00:00Zx" S, NULL, 0 },
{ M ";EXPIRE=99999-11-21T00:00:00Z" S, NULL, 0 },
{ M S ";EXPIRE=1970-01-01T00:00:00Z", NULL, 0 },
/* access and verifier; the policy judges what is well-formed here */
{ M ";URLAUTH=submit+alice",
  "|mail.example.org|143|INBOX|0|1||-|-|1|alice||0|57", 0 },
{ M ";URLAUTH=SUBMIT+al%69ce:INTERNAL:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|1|alice|INTERNAL|32|59", 0 },
{ M ";URLAUTH=submit+alice:INTERNAL",
  "|mail.example.org|143|INBOX|0|1||-|-|1|alice|INTERNAL|0|57", 0 },
{ M ";URLAUTH=submit+alice:INTERNAL:",
  "|mail.example.org|143|INBOX|0|1||-|-|1|alice|INTERNAL|0|57", 0 },
{ M ";URLAUTH=user+alice:internal:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|2|alice|internal|32|55", 0 },
{ M ";URLAUTH=authuser:internal:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|3||internal|32|53", 0 },
{ M ";URLAUTH=anonymous:internal:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|4||internal|32|54", 0 },
{ M ";URLAUTH=stream:internal:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|5||internal|32|51", 0 },
{ M ";URLAUTH=new+alice:x-mech:12",
  "|mail.example.org|143|INBOX|0|1||-|-|6|alice|x-mech|2|54", 0 },
{ M ";URLAUTH=submit+carol%40example.org:internal:" TOKEN,
  "|mail.example.org|143|INBOX|0|1||-|-|1|carol@example.org|internal|32|71",
  0 },
{ M ";URLAUTH=", NULL, 0 },
{ M ";URLAUTH=submit", NULL, 0 },
{ M ";URLAUTH=submit+", NULL, 0 },
{ M ";URLAUTH=submit+:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+alice@x:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+alice/x:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+a%00:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+a%0a:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=authuser+alice:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=anonymous+alice:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=+alice:internal:" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+alice:", NULL, 0 },
{ M ";URLAUTH=submit+alice::" TOKEN, NULL, 0 },
{ M ";URLAUTH=submit+alice:inter nal:" TOKEN, NULL, 0 },
{ M S ":x", NULL, 0 },
{ M S "%0d%0aA1", NULL, 0 },
{ M S "\r\n", NULL, 0 },
{ M S " LAST", NULL, 0 },
{ M S "#x", NULL, 0 },
{ M S S, NULL, 0 },
{ M ";URLAUTH=submit+alice;URLAUTH=submit+bob:internal:" TOKEN, NULL, 0 },
{ H "/INBOX" S, NULL, 0 },
{ H "/" S, NULL, 0 },
};

static void
print(const struct imap_url *url, char *buf, size_t size)
{
	char partial[32] = "-", expire[32] = "-";

	if (url->partial)
		snprintf(partial, sizeof(partial), "%u.%u", url->offset,
		    url->length);
	if (url->expires)
		snprintf(expire, sizeof(expire), "%lld",
		    (long long)url->expire);
	snprintf(buf, size, "%s|%s|%u|%s|%u|%u|%s|%s|%s|%d|%s|%s|%zu|%zu",
	    url->user, url->host, url->port, url->mailbox, url->uidvalidity,
	    url->uid, url->section, partial, expire, url->access,
	    url->access_user, url->mechanism, url->token_len, url->rump_len);
}

static void
try_row(const struct row *row)
{
	size_t len = row->len != 0 ? row->len : strlen(row->url);
	char *copy = copy_of(row->url, len);
	struct imap_url url;
	const char *why;
	char buf[4096];

	if (imap_url_parse(&url, copy, len, &why) == -1)
		ok(row->print == NULL && why != NULL, row->url, len,
		    "refused: %s", why);
	else if (ok(row->print != NULL, row->url, len, "accepted")) {
		print(&url, buf, sizeof(buf));
		ok_string(row->url, buf, row->print);
	}
	free(copy);
}

/* No prefix of a URL may be read beyond its end, or taken for the whole. */
static void
try_prefixes(const char *text)
{
	struct imap_url url;
	const char *why;
	size_t len;
	char *copy;

	for (len = 0; len < strlen(text) - 1; len++) {
		copy = copy_of(text, len);
		ok(imap_url_parse(&url, copy, len, &why) == -1, text, len,
		    "accepted");
		free(copy);
	}
}

static void
try_lengths(void)
{
	static char text[IMAP_URL_MAX + 100];
	struct imap_url url;
	const char *why;
	size_t n;

	for (n = 990; n < 1010; n++) {
		memset(text, 'm', sizeof(text));
		memcpy(text, "imap://h/", 9);
		snprintf(text + 9 + n, sizeof(text) - 9 - n, "/;UID=1");
		/* the slash that is given back takes one place */
		ok((imap_url_parse(&url, text, strlen(text), &why) == 0) ==
		    (n < IMAP_MAILBOX_MAX), text, 9 + n, "mailbox of %zu", n);
	}
	memset(text, '0', sizeof(text));
	memcpy(text, M ";URLAUTH=submit+a:internal:", strlen(M) + 27);
	ok(imap_url_parse(&url, text, IMAP_URL_MAX, &why) == 0, text,
	    IMAP_URL_MAX, "the longest URL");
	ok(imap_url_parse(&url, text, IMAP_URL_MAX + 1, &why) == -1, text,
	    IMAP_URL_MAX + 1, "one octet longer");
}

static void
try_dates(void)
{
	static const struct {
		const char *text;
		int64_t when;	/* -1: refused */
	} dates[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:01z", 1 },
		{ "1969-12-31T23:00:00-01:00", 0 },
		{ "1970-01-01T05:30:00+05:30", 0 },
		{ "2000-02-29T12:00:00Z", 951825600 },
		{ "2038-01-19T03:14:08.999999Z", 2147483648 },
		{ "9999-12-31T23:59:60Z", 253402300800 },
		{ "1900-02-29T12:00:00Z", -1 },
		{ "2026-00-10T00:00:00Z", -1 },
		{ "2026-04-31T00:00:00Z", -1 },
		{ "2026-04-30T00:60:00Z", -1 },
		{ "2026-04-30T00:00:61Z", -1 },
		{ "2026-04-30T00:00:00.Z", -1 },
		{ "2026-04-30T00:00:00+24:00", -1 },
		{ "2026-04-30T00:00:00+0100", -1 },
		{ "2026-04-30 00:00:00Z", -1 },
		{ "0000-01-01T00:00:00Z", -1 },
		{ "", -1 },
	};
	int64_t when;
	size_t i, len;
	char *copy;
	int status;

	for (i = 0; i < COUNT(dates); i++) {
		len = strlen(dates[i].text);
		copy = copy_of(dates[i].text, len);
		when = -1;
		status = date_parse(copy, len, &when);
		ok(when == dates[i].when && (status == -1) == (when == -1),
		    dates[i].text, len, "%lld", (long long)when);
		free(copy);
	}
}

int
main(void)
{
	size_t i;

	table("imap url");
	for (i = 0; i < COUNT(rows); i++)
		try_row(&rows[i]);
	try_prefixes("imap://alice@h/Sent/;UID=1");
	try_lengths();
	table("imap expire");
	try_dates();
	return tables_done();
}
