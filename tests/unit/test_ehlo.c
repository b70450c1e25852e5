/*
 * smtp/ehlo.c: a line of an EHLO answer (RFC 5321 4.1.1.1), and smtp/reply.c:
 * our own replies, each checked for its form (RFC 5321 4.2, RFC 2034 4,
 * RFC 3463 2).
 */
#include "smtp/ehlo.h"
#include "smtp/reply.h"
#include "tests/unit/unit.h"

#define PLAIN	(CAP_AUTH | CAP_AUTH_PLAIN)
#define LOGIN	(CAP_AUTH | CAP_AUTH_LOGIN)

static const struct {
	const char *line;
	size_t len;
	uint32_t bits;
	uint64_t size;
} lines[] = {
{ LIT("PIPELINING"), CAP_PIPELINING, 0 },
{ LIT("pipelining"), CAP_PIPELINING, 0 },
{ LIT("8BITMIME"), CAP_8BITMIME, 0 },
{ LIT("8bitmime "), CAP_8BITMIME, 0 },
{ LIT("CHUNKING"), CAP_CHUNKING, 0 },
{ LIT("DSN"), CAP_DSN, 0 },
{ LIT("STARTTLS"), CAP_STARTTLS, 0 },
{ LIT("ENHANCEDSTATUSCODES"), CAP_ENHANCED, 0 },
{ LIT("SIZE"), CAP_SIZE, 0 },
{ LIT("SIZE 0"), CAP_SIZE, 0 },
{ LIT("SIZE 1"), CAP_SIZE, 1 },
{ LIT("size 10240000"), CAP_SIZE, 10240000 },
{ LIT("SIZE 9223372036854775807"), CAP_SIZE, INT64_MAX },
{ LIT("SIZE x"), CAP_SIZE, 0 },
{ LIT("SIZE -1"), CAP_SIZE, 0 },
{ LIT("SIZE 5x"), CAP_SIZE, 0 },
{ LIT("AUTH"), CAP_AUTH, 0 },
{ LIT("AUTH PLAIN"), PLAIN, 0 },
{ LIT("auth login plain"), PLAIN | LOGIN, 0 },
{ LIT("AUTH CRAM-MD5 LOGIN XPLAIN"), LOGIN, 0 },
{ LIT("AUTH  PLAIN  LOGIN "), PLAIN | LOGIN, 0 },
{ LIT("AUTH PLAINER"), CAP_AUTH, 0 },
{ LIT("SMTPUTF8"), CAP_SMTPUTF8, 0 },
{ LIT("binarymime"), CAP_BINARYMIME, 0 },
{ LIT("REQUIRETLS"), CAP_REQUIRETLS, 0 },
{ LIT("SMTPUTF8X"), 0, 0 },
{ LIT(""), 0, 0 },
{ LIT(" "), 0, 0 },
{ LIT("DS"), 0, 0 },
{ LIT("DSNX"), 0, 0 },
{ LIT("X-DSN"), 0, 0 },
{ LIT("PLAIN"), 0, 0 },
{ LIT("LOGIN AUTH"), 0, 0 },
{ LIT("mail.example.org SIZE 5"), 0, 0 },
{ LIT("SIZE\0 5"), 0, 0 },
{ LIT("\303\204UTH PLAIN"), 0, 0 },
};

static void
try_lines(void)
{
	struct ehlo ehlo;
	uint32_t all = 0;
	size_t i;

	for (i = 0; i < COUNT(lines); i++) {
		char *in = copy_of(lines[i].line, lines[i].len);

		memset(&ehlo, 0, sizeof(ehlo));
		ehlo_line(&ehlo, in, lines[i].len);
		ok(ehlo.capabilities == lines[i].bits && ehlo.size ==
		    lines[i].size, in, lines[i].len, "bits %x, size %llu",
		    ehlo.capabilities, (unsigned long long)ehlo.size);
		free(in);
	}
	memset(&ehlo, 0, sizeof(ehlo));
	for (i = 0; i < COUNT(lines); i++) {
		ehlo_line(&ehlo, lines[i].line, lines[i].len);
		all |= lines[i].bits;
	}
	ok(ehlo.capabilities == all, "all", 3, "bits %x", ehlo.capabilities);
}

static const struct {
	const char *line;
	struct ehlo want;
} told[] = {
{ "DELIVERBY", { .capabilities = CAP_DELIVERBY } },
{ "DELIVERBY 3600", { .capabilities = CAP_DELIVERBY, .by_min = 3600 } },
{ "DELIVERBY 240,x-more", { .capabilities = CAP_DELIVERBY, .by_min = 240 } },
{ "DELIVERBY ,x", { .capabilities = CAP_DELIVERBY } },
{ "DELIVERBY soon", { .capabilities = CAP_DELIVERBY } },
{ "DELIVERBY -5", { .capabilities = CAP_DELIVERBY } },
{ "DELIVERBY 1000000000", { .capabilities = CAP_DELIVERBY } },
{ "DELIVERBY 5 7", { .capabilities = CAP_DELIVERBY, .by_min = 5 } },
{ "FUTURERELEASE 86400 2026-12-01T00:00:00Z",
  { .capabilities = CAP_FUTURERELEASE, .hold_max = 86400 } },
{ "FUTURERELEASE 999999999 x",
  { .capabilities = CAP_FUTURERELEASE, .hold_max = 999999999 } },
{ "FUTURERELEASE", { 0 } },
{ "FUTURERELEASE 0 2026-12-01T00:00:00Z", { 0 } },
{ "FUTURERELEASE soon", { 0 } },
{ "FUTURERELEASE 1000000000", { 0 } },
{ "MT-PRIORITY", { .capabilities = CAP_MT_PRIORITY } },
{ "MT-PRIORITY MIXER", { .capabilities = CAP_MT_PRIORITY,
  .profile = "MIXER" } },
{ "MT-PRIORITY STANAG4406 x", { .capabilities = CAP_MT_PRIORITY,
  .profile = "STANAG4406" } },
{ "MT-PRIORITY a(b", { .capabilities = CAP_MT_PRIORITY } },
{ "MT-PRIORITY \303\266", { .capabilities = CAP_MT_PRIORITY } },
{ "MT-PRIORITY abcdefghijabcdefghijabcdefghijabcdefghi",
  { .capabilities = CAP_MT_PRIORITY,
    .profile = "abcdefghijabcdefghijabcdefghijabcdefghi" } },
{ "MT-PRIORITY abcdefghijabcdefghijabcdefghijabcdefghij",
  { .capabilities = CAP_MT_PRIORITY } },
{ "NO-SOLICITING", { .capabilities = CAP_NO_SOLICITING } },
{ "NO-SOLICITING org.example:ADV:ADLT,x",
  { .capabilities = CAP_NO_SOLICITING,
    .solicit = "org.example:ADV:ADLT,x" } },
{ "NO-SOLICITING ,", { .capabilities = CAP_NO_SOLICITING } },
{ "NO-SOLICITING a=b", { .capabilities = CAP_NO_SOLICITING } },
{ "LIMITS", { .capabilities = CAP_LIMITS } },
{ "LIMITS RCPTMAX=100", { .capabilities = CAP_LIMITS,
  .limits = { 0, 100, 0 } } },
{ "LIMITS mailmax=5 RCPTDOMAINMAX=1 RCPTMAX=999999 X=1",
  { .capabilities = CAP_LIMITS, .limits = { 5, 999999, 1 } } },
{ "LIMITS RCPTMAX", { .capabilities = CAP_LIMITS } },
{ "LIMITS RCPTMAX=", { .capabilities = CAP_LIMITS } },
{ "LIMITS RCPTMAX=-1", { .capabilities = CAP_LIMITS } },
{ "LIMITS RCPTMAX=1000000", { .capabilities = CAP_LIMITS } },
{ "LIMITS RCPTMAX=10x", { .capabilities = CAP_LIMITS } },
{ "LIMITS =5 RCPTMA=5 RCPTMAXX=5", { .capabilities = CAP_LIMITS } },
};

static void
try_told(void)
{
	struct ehlo ehlo;
	size_t i;

	for (i = 0; i < COUNT(told); i++) {
		size_t n = strlen(told[i].line);
		char *in = copy_of(told[i].line, n);

		memset(&ehlo, 0, sizeof(ehlo));
		ehlo_line(&ehlo, in, n);
		ok(memcmp(&ehlo, &told[i].want, sizeof(ehlo)) == 0 &&
		    ehlo_is_valid(&ehlo), in, n, "bits %x, by %u, hold %u, "
		    "limits %u %u %u, profile %s, solicit %s",
		    ehlo.capabilities, ehlo.by_min, ehlo.hold_max,
		    ehlo.limits[0], ehlo.limits[1], ehlo.limits[2],
		    ehlo.profile, ehlo.solicit);
		free(in);
	}
}

/* Whole keywords, as many as a line of ours has room for */
static void
try_many_keywords(void)
{
	char line[1100] = "NO-SOLICITING a";
	struct ehlo ehlo = { 0 };
	size_t n;

	while (strlen(line) < 1000)
		strcat(line, ",abcd.efgh");
	ehlo_line(&ehlo, line, strlen(line));
	n = strlen(ehlo.solicit);
	ok(n > 200 && n < SOLICIT_SIZE && strcmp(ehlo.solicit + n - 10,
	    ",abcd.efgh") == 0, line, strlen(line), "%s", ehlo.solicit);
	memset(&ehlo, 0, sizeof(ehlo));
	memset(line + 14, 'a', 900);
	ehlo_line(&ehlo, line, strlen(line));
	ok(ehlo.solicit[0] == '\0', line, strlen(line), "%s", ehlo.solicit);
}

/* What another process tells must be as an answer could make it. */
static void
try_invalid(void)
{
	static const struct ehlo bad[] = {
		{ .profile = "a b" }, { .profile = "a\r\n250 x" },
		{ .solicit = "a," }, { .solicit = "a\r\n250 x" },
		{ .by_min = 1000000000 }, { .hold_max = 1000000000 },
		{ .limits = { 0, 1000000, 0 } },
	};
	struct ehlo full = { 0 };
	size_t i;

	for (i = 0; i < COUNT(bad); i++)
		ok(!ehlo_is_valid(&bad[i]), "ehlo", 4, "row %zu is valid", i);
	memset(full.profile, 'a', sizeof(full.profile));
	ok(!ehlo_is_valid(&full), "ehlo", 4, "no end of the profile");
	memset(&full, 0, sizeof(full));
	memset(full.solicit, 'a', sizeof(full.solicit));
	ok(!ehlo_is_valid(&full), "ehlo", 4, "no end of the keywords");
}

/* A size beyond 64 bits is no limit, or a huge one: never a small one. */
static void
try_sizes(void)
{
	static const char *const sizes[] = { "SIZE 18446744073709551615",
		"SIZE 18446744073709551616", "SIZE 18446744073709551617",
		"SIZE 99999999999999999999999999999999" };
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		struct ehlo ehlo = { 0 };

		ehlo_line(&ehlo, sizes[i], strlen(sizes[i]));
		ok(ehlo.size == 0 || ehlo.size > INT64_MAX, sizes[i],
		    strlen(sizes[i]), "size %llu",
		    (unsigned long long)ehlo.size);
	}
}

static bool
is_enhanced(const char *p, int class)
{
	int dots = 0;

	if (p[0] != '0' + class || p[1] != '.')
		return false;
	for (; *p != ' ' && *p != '\0'; p++) {
		if (*p == '.' && (p[1] < '0' || p[1] > '9'))
			return false;
		dots += *p == '.';
		if (*p != '.' && (*p < '0' || *p > '9'))
			return false;
	}
	return dots == 2 && *p == ' ';
}

static void
check_reply(enum reply r, const char *arg)
{
	char line[REPLY_LINE_MAX], text[REPLY_LINE_MAX];
	size_t n = reply_format(line, sizeof(line), r, arg), i, len;
	int code = reply_code(r);
	bool clean = true;

	if (!ok(n > 6 && n < REPLY_LINE_MAX && strlen(line) == n &&
	    memcmp(line + n - 2, "\r\n", 2) == 0, line, n, "reply %d, %zu",
	    r, n))
		return;
	ok(atoi(line) == code && line[3] == ' ' && code != 521, line, n,
	    "code %d", code);
	for (i = 0; i < n - 2; i++)
		clean = clean && line[i] >= ' ' && line[i] <= '~';
	ok(clean, line, n, "an octet beyond printable US-ASCII");
	/* RFC 2034 4: all of 2, 4 and 5 but the greeting and EHLO's */
	ok(code / 100 == 3 || is_enhanced(line + 4, code / 100), line, n,
	    "enhanced code");
	len = reply_text(text, sizeof(text), r, arg);
	/* both are cut, each at its own buffer's end */
	ok(len == strlen(text) && len >= n - 6 && memcmp(text, line + 4,
	    n - 6) == 0, line, n, "reply_text differs");
}

static void
try_replies(void)
{
	static const char hostile[] = "\r\n250 2.0.0 OK\t\033[31m\177\303\266"
	    "%s%n";
	char longest[2000];
	enum reply r;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (r = 0; r < R_COUNT; r++) {
		check_reply(r, "");
		check_reply(r, NULL);
		check_reply(r, "argument");
		check_reply(r, hostile);
		check_reply(r, longest);
	}
}

static void
try_some_replies(void)
{
	static const struct {
		enum reply r;
		const char *arg, *line;
	} some[] = {
	{ R_DONE, NULL, "250 2.0.0 OK\r\n" },
	{ R_DATA_GO, NULL,
	  "354 End the message with <CR><LF>.<CR><LF>\r\n" },
	{ R_CHUNK, "12", "250 2.0.0 12 octets received\r\n" },
	{ R_TOO_BIG, "1000",
	  "552 5.3.4 Message too big, the limit is 1000 octets\r\n" },
	{ R_PARAM_UNKNOWN, "A\r\nB",
	  "555 5.5.4 Parameter A??B not recognized\r\n" },
	};
	/* what the RFCs fix: 4954 4 and 6, 3207 4, 1870 6, 3030 2, 4468 3 */
	static const struct {
		enum reply r;
		const char *begin;
	} codes[] = {
	{ R_STARTTLS_GO, "220 " }, { R_QUIT, "221 " },
	{ R_AUTH_OK, "235 2.7.0 " }, { R_CANNOT_VRFY, "252 " },
	{ R_HELP, "214 " }, { R_UNKNOWN_COMMAND, "500 " },
	{ R_NOT_IMPLEMENTED, "502 " }, { R_SYNTAX, "501 " },
	{ R_NEED_AUTH, "530 5.7.0 " }, { R_NEED_TLS, "530 5.7.0 " },
	{ R_NEED_MAIL, "503 5.5.1 " }, { R_NEED_RCPT, "503 5.5.1 " },
	{ R_AUTH_TWICE, "503 5.5.1 " }, { R_AUTH_CANCELLED, "501 " },
	{ R_AUTH_BASE64, "501 5.5.2 " }, { R_AUTH_MECHANISM, "504 5.5.4 " },
	{ R_AUTH_LINE_TOO_LONG, "500 5.5.6 " },
	{ R_AUTH_FAILED, "535 5.7.8 " }, { R_AUTH_TEMPORARY, "454 4.7.0 " },
	{ R_AUTH_NEEDS_TLS, "538 5.7.11 " }, { R_PARAM_UNKNOWN, "555 " },
	{ R_PARAM_VALUE, "501 " }, { R_BAD_SENDER, "501 5.1.7 " },
	{ R_BAD_RECIPIENT, "501 5.1.3 " }, { R_TOO_BIG, "552 5.3.4 " },
	{ R_TOO_MANY_RECIPIENTS, "452 4.5.3 " },
	{ R_NO_VALID_RECIPIENTS, "554 5.5.1 " },
	{ R_BURL_NO_TRUST, "554 5.7.14 " }, { R_BURL_GONE, "554 5.6.6 " },
	{ R_NEED_SMTPUTF8, "553 5.6.7 " }, { R_NO_SMTPUTF8, "550 5.6.7 " },
	{ R_NO_REQUIRETLS, "550 5.7.30 " }, { R_DATA_BINARY, "503 5.5.1 " },
	{ R_PARAM_NOW, "455 4." }, { R_HOLD_TOO_LONG, "501 5.5.4 " },
	{ R_BY_TOO_SOON, "55" }, { R_BINARY, "554 5.6.3 " },
	{ R_IDLE, "421 4.4.2 " }, { R_GOING_DOWN, "421 4.3.2 " },
	};
	char line[REPLY_LINE_MAX];
	size_t i;

	for (i = 0; i < COUNT(some); i++) {
		reply_format(line, sizeof(line), some[i].r, some[i].arg);
		ok_string(some[i].line, line, some[i].line);
	}
	for (i = 0; i < COUNT(codes); i++) {
		reply_format(line, sizeof(line), codes[i].r, "");
		ok(strncmp(line, codes[i].begin, strlen(codes[i].begin)) ==
		    0, line, strlen(line), "wanted %s", codes[i].begin);
	}
}

int
main(void)
{
	table("ehlo");
	try_lines();
	try_sizes();
	table("ehlo: parameters");
	try_told();
	try_many_keywords();
	try_invalid();
	table("reply");
	try_replies();
	try_some_replies();
	return tables_done();
}
