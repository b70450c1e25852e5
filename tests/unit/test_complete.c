/*
 * message/complete.c: the header that goes on (RFC 6409 4.2, 8.1 to 8.3).
 */
#include "message/complete.h"
#include "tests/unit/unit.h"

struct text {
	char *p;
	size_t len;
};

static void
sink(void *arg, const char *p, size_t n)
{
	struct text *text = arg;

	text->p = realloc(text->p, text->len + n + 1);
	if (text->p == NULL)
		abort();
	memcpy(text->p + text->len, p, n);
	text->len += n;
	text->p[text->len] = '\0';
}

#define DATE	"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
#define ID	"Message-ID: <a@b.c>\r\n"

/* out NULL: goes on as it is */
static const struct {
	const char *in, *out;
} rows[] = {
{ "", NULL },
{ "From: a@b.c\r\n" DATE ID "Subject: x\r\n", NULL },
/* nobody else's business */
{ "Bcc: x@y.z\r\n", "" },
{ "Bcc:\r\n", "" },
{ "A: b\r\nBcc: x@y.z,\r\n a@b.c\r\n\t, d\r\nC: d\r\n", "A: b\r\nC: d\r\n" },
{ "bcc : x\r\nBCC:y\r\nBcc\t \t:\r\n\tz\r\nA: b\r\nbCc: g: x;\r\n",
  "A: b\r\n" },
{ "Resent-Bcc: x@y.z\r\nresent-bcc :\r\n x\r\nResent-To: a@b.c\r\n",
  "Resent-To: a@b.c\r\n" },
{ "Return-Path: <a@b.c>\r\nReceived: x\r\nreturn-path :<>\r\n",
  "Received: x\r\n" },
{ "X-Bcc: a\r\nBcc-X: b\r\nBc: c\r\nA: b\r\n Bcc: c\r\n", NULL },
{ "Received: x\r\nReceived: y\r\n z\r\nDKIM-Signature: v=1;\r\n\tb=x\r\n"
  "X: =?utf-8?q?a?=\r\n \r\n\tb  \r\nY:\r\nZ : \303\266\r\n", NULL },
/* Date and Message-ID that are of no use */
{ DATE "Date : now\r\n", DATE },
{ "Date:\r\n", "" },
{ "Date: yesterday,\r\n at noon\r\nA: b\r\n", "A: b\r\n" },
{ "Date: 21 Nov 97 09:55 EST\r\n", NULL },
{ "Resent-Date: yesterday\r\n", NULL },
{ "Message-ID: <a@b>\r\n", NULL },
{ "Message-ID: <a>\r\n", NULL },
{ "Message-Id:<a@b@c>\r\n", NULL },
{ "Message-ID:\r\n <a@b>\r\n", NULL },
{ "Message-ID: <a@b> (mine)\r\n", NULL },
{ "Message-ID: <\"a b<>\\\"\"@c>\r\n", NULL },
{ "Message-ID: <a..b@[1.2],;>\r\n", NULL },
{ "Message-ID: <\303\266@b>\r\n", NULL },
{ "Message-ID:\r\n", "" },
{ "Message-ID: \r\n \r\n", "" },
{ "Message-ID: a@b\r\n", "" },
{ "Message-ID: <>\r\n", "" },
{ "Message-ID: <a@b\r\n", "" },
{ "Message-ID: <a b@c>\r\n", "" },
{ "Message-ID: <a@\r\n b>\r\n", "" },
{ "Message-ID: < a@b >\r\n", "" },
{ "Message-ID: <<a@b>>\r\n", "" },
{ "Message-ID: <a@b>>\r\n", "" },
{ "Message-ID: <a@b> <c@d>\r\n", "" },
{ "Message-ID: <\"a@b>\r\n", "" },
{ "Message-ID: <a\001@b>\r\n", "" },
{ "Message-ID: (x <a@b>\r\n", "" },
{ "In-Reply-To: a\r\nReferences: b\r\nResent-Message-ID: c\r\n", NULL },
/* domains */
{ "From: a\r\n", "From: a@x.y\r\n" },
{ "From: \"A, B\" <a> (c)\r\nSender: a\r\n",
  "From: \"A, B\" <a@x.y> (c)\r\nSender: a@x.y\r\n" },
{ "To: a, B <b>,\r\n C\r\n <c@d.e>,\r\n\td\r\n",
  "To: a@x.y, B <b@x.y>,\r\n C\r\n <c@d.e>,\r\n\td@x.y\r\n" },
{ "cc : g: a, <b>; , <@r.s:c>\r\n",
  "cc : g: a@x.y, <b@x.y>; , <@r.s:c@x.y>\r\n" },
{ "Reply-To: a\r\nResent-From: b\r\nResent-Sender: c\r\nResent-To: d\r\n"
  "Resent-Cc: e\r\nResent-Reply-To: f\r\n",
  "Reply-To: a@x.y\r\nResent-From: b@x.y\r\nResent-Sender: c@x.y\r\n"
  "Resent-To: d@x.y\r\nResent-Cc: e@x.y\r\nResent-Reply-To: f@x.y\r\n" },
{ "To: postmaster\r\n", "To: postmaster@x.y\r\n" },
{ "To: undisclosed-recipients:;\r\nCc: (none)\r\nReply-To:\r\n", NULL },
/* what cannot be read stays as it is, all of the field */
{ "To: a, b c, d\r\nCc: a, <\r\nReply-To: a; b\r\n", NULL },
/* fields that only look like it */
{ "X-To: a\r\nErrors-To: b\r\nTo-X: c\r\nA: b\r\n To: c\r\n", NULL },
};

static void
try_row(const char *header, const char *domain, const char *want)
{
	size_t n = strlen(header);
	char *in = copy_of(header, n), *once;
	struct text out = { 0 }, again = { 0 };

	complete_rest(in, n, domain, sink, &out);
	ok_octets(header, n, out.p, out.len, want, strlen(want));
	once = copy_of(out.p, out.len);
	complete_rest(once, out.len, domain, sink, &again);
	ok_octets(header, n, again.p, again.len, out.p, out.len);
	free(in);
	free(once);
	free(out.p);
	free(again.p);
}

static size_t
longest_line(const char *p, size_t n)
{
	size_t i, start = 0, most = 0, blanks = 0;

	for (i = 0; i < n; i++) {
		if (p[i] == ' ' || p[i] == '\t')
			blanks++;
		if (p[i] != '\n')
			continue;
		/* a line of blanks only ends the header for some (3.2.2) */
		if (i - start == blanks + 1)
			return SIZE_MAX;
		most = i - 1 - start > most ? i - 1 - start : most;
		start = i + 1;
		blanks = 0;
	}
	return most;
}

/* Lists on one line, as long as may be, that domains would make too long */
static void
try_long_lines(void)
{
	static const char *const seps[] = { ",", ", ", " (x) , ", ",\r\n " };
	char header[1100], domain[256], *p;
	struct text out, again;
	size_t i, n;

	for (i = 0; i < 4 * 300; i++) {
		memset(&out, 0, sizeof(out));
		memset(&again, 0, sizeof(again));
		n = 1 + i / 4 % 200;
		memset(domain, 'd', n);
		strcpy(domain + n, ".x");
		strcpy(header, "To: ");
		for (p = header + 4; p < header + 980;)
			p += sprintf(p, "%.*s%s", 1 + (int)draw(9),
			    "abcdefghij", seps[i % 4]);
		strcpy(p, "z\r\n");
		complete_rest(header, strlen(header), domain, sink, &out);
		n = longest_line(out.p, out.len);
		ok(n <= 998, header, 40, "line of %zu octets",
		    n);
		ok(n != SIZE_MAX, header, 40, "a line of blanks");
		complete_rest(out.p, out.len, domain, sink, &again);
		ok_octets(header, 40, again.p, again.len, out.p, out.len);
		free(out.p);
		free(again.p);
	}
}

static void
try_blank_tail(void)
{
	char header[1300] = "To: ";
	struct text out = { 0 };

	memset(header + 4, 'a', 300);
	strcpy(header + 304, ", ");
	memset(header + 306, '(', 1);
	memset(header + 307, 'c', 680);
	strcpy(header + 987, ") b  \t \r\n");
	complete_rest(header, strlen(header), "example.org", sink, &out);
	ok(out.p != NULL && strstr(out.p, "b@example.org  \t \r\n") != NULL &&
	    longest_line(out.p, out.len) != SIZE_MAX, header, 40,
	    "a line of blanks");
	free(out.p);
}

#define MADE_DATE	"Date: Thu, 31 Aug 2023 00:00:00 +0000\r\n"
#define MADE_ID		"Message-ID: <1693440000.abc.7@mx.example.org>\r\n"

static const struct {
	const char *header;
	struct check check;
	const char *own;
} owns[] = {
{ "", { .from = "a@b.c" }, "From: a@b.c\r\n" MADE_DATE MADE_ID },
{ "From: a, b\r\n", { .sender = "a@b.c" },
  "Sender: a@b.c\r\n" MADE_DATE MADE_ID },
{ DATE ID, { .sender = "" }, "" },
{ "date:1 Jan 99 00:00 GMT\r\n", { .sender = "" }, MADE_ID },
{ "Date: x\r\n" ID, { .sender = "" }, MADE_DATE },
{ DATE "Message-ID: x\r\n", { .sender = "" }, MADE_ID },
{ "X: y\r\n Date: 1 Jan 99 00:00 GMT\r\n" ID, { .sender = "" }, MADE_DATE },
{ "Resent-Date: 1 Jan 99 00:00 GMT\r\n" ID, { .sender = "" }, MADE_DATE },
};

static void
try_own(size_t i)
{
	struct trace trace = { .hostname = "mx.example.org", .id = "abc",
		.message = 7 };
	char buf[COMPLETE_OWN_MAX];
	size_t n = strlen(owns[i].header);
	char *in = copy_of(owns[i].header, n);
	size_t len = complete_own(in, n, &owns[i].check, &trace, 1693440000,
	    buf);

	ok_octets(in, n, buf, len, owns[i].own, strlen(owns[i].own));
	free(in);
}

/* Everything as long as it can be */
static void
try_longest(void)
{
	char name[256], id[64], buf[COMPLETE_OWN_MAX];
	struct trace trace = { .hostname = name, .id = id,
		.message = UINT32_MAX };
	struct check check;
	size_t n;

	memset(name, 'n', 255);
	name[255] = '\0';
	memset(id, 'i', 63);
	id[63] = '\0';
	memset(&check, 'c', sizeof(check));
	check.from[sizeof(check.from) - 1] = '\0';
	check.sender[sizeof(check.sender) - 1] = '\0';
	n = complete_own("", 0, &check, &trace, 253402300799, buf);
	ok(n < COMPLETE_OWN_MAX && n == strlen(buf) && n > sizeof(check.from) +
	    sizeof(check.sender) + 255 + 63, buf, n, "%zu octets", n);
}

int
main(void)
{
	size_t i;

	table("complete: the client's fields");
	for (i = 0; i < COUNT(rows); i++)
		try_row(rows[i].in, "x.y", rows[i].out == NULL ? rows[i].in :
		    rows[i].out);
	try_row("From: a, b\r\nBcc: c\r\n", "", "From: a, b\r\n");
	table("complete: long lines");
	try_long_lines();
	try_blank_tail();
	table("complete: our own fields");
	for (i = 0; i < COUNT(owns); i++)
		try_own(i);
	try_longest();
	return tables_done();
}
