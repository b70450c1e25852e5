/*
 * message/policy.c: who may send as whom, and message/trace.c: the fields
 * we add (RFC 5321 4.4, RFC 3848, RFC 8314 4.3, RFC 5322 3.3).
 */
#include "message/policy.h"
#include "message/trace.h"
#include "tests/unit/unit.h"

#define D	"example.org"

static const struct {
	const char *user, *domain, *senders, *address;
	bool allowed;
} rows[] = {
/* the null sender is everybody's */
{ "alice", D, "", "", true },
{ "alice", "", "", "", true },
{ "alice", D, "bob@example.org", "", true },
/* the login itself, or with the domain */
{ "alice", D, "", "alice@example.org", true },
{ "alice", D, "", "ALICE@Example.Org", true },
{ "alice", D, "", "alice+x@example.org", true },
{ "alice", D, "", "alice+@example.org", true },
{ "alice", D, "", "alice+a+b@example.org", true },
{ "a@b.c", D, "", "a@b.c", true },
{ "a@b.c", D, "", "a+x@b.c", true },
{ "a@b.c", "", "", "a@b.c", true },
{ "alice", "", "", "alice@example.org", false },
{ "alice", "", "", "alice", false },
{ "alice", D, "", "alice", false },
{ "alice", D, "", "bob@example.org", false },
{ "alice", D, "", "alic@example.org", false },
{ "alice", D, "", "alicee@example.org", false },
{ "alice", D, "", "+alice@example.org", false },
{ "alice", D, "", "x+alice@example.org", false },
{ "alice", D, "", "alice-x@example.org", false },
{ "alice", D, "", "alice@example.net", false },
{ "alice", D, "", "alice@x.example.org", false },
{ "alice", D, "", "alice@example.orgx", false },
{ "alice", D, "", "alice@", false },
{ "alice", D, "", "@example.org", false },
{ "alice", D, "", "alice@example.org@x.y", false },
{ "alice", D, "", "\"alice\"@example.org", false },
{ "alice", D, "", "\"alice@example.org\"@x.y", false },
{ "alice", D, "", "\"alice+x\"@example.org", false },
{ "\"alice", D, "", "\"alice+x\"@example.org", false },
{ "a@b.c", D, "", "a@example.org", false },
{ "a@b.c", D, "", "a@b.c@example.org", false },
/* a login is no pattern */
{ "*", D, "", "bob@example.org", false },
{ "*", "", "", "bob@example.org", false },
{ "@example.org", D, "", "bob@example.org", false },
{ "@x.y", D, "", "bob@x.y", false },
{ "@", D, "", "bob@", false },
{ "", D, "", "bob@example.org", false },
{ "alice", "*", "", "alice@example.org", false },
{ "alice bob@example.org", D, "", "bob@example.org", false },
/* a list of his own takes the place of the login */
{ "alice", D, "info@x.y", "info@x.y", true },
{ "alice", D, "info@x.y", "info+a@x.y", true },
{ "alice", D, "a@b.c info@x.y", "info@x.y", true },
{ "alice", D, "a@b.c  info@x.y ", "info@x.y", true },
{ "alice", D, "@x.y", "anybody@x.y", true },
{ "alice", D, "@x.y", "\"any body\"@X.Y", true },
{ "alice", D, "*", "anybody@x.y", true },
{ "alice", D, "a@b.c *", "anybody@x.y", true },
{ "alice", D, "info@x.y", "alice@example.org", false },
{ "alice", D, "info@x.y", "info@x.yz", false },
{ "alice", D, "info@x.y", "inf@x.y", false },
{ "alice", D, "info@x.y b@c.d", "info@x.y b@c.d", false },
{ "alice", D, "@x.y", "a@z.x.y", false },
{ "alice", D, "@x.y", "a@x.y.z", false },
{ "alice", D, "x.y", "a@x.y", false },
{ "alice", D, "info", "info", false },
{ "alice", D, "*@x.y", "a@x.y", false },
{ "alice", D, "**", "a@x.y", false },
{ "alice", D, " ", "alice@example.org", false },
};

static void
try_rows(void)
{
	char in[300];
	bool got;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		got = policy_allows(rows[i].user, rows[i].domain,
		    rows[i].senders, rows[i].address);
		snprintf(in, sizeof(in), "%s|%s|%s|%s", rows[i].user,
		    rows[i].domain, rows[i].senders, rows[i].address);
		ok(got == rows[i].allowed, in, strlen(in), got ? "allowed" :
		    "refused");
	}
}

/* Names as long as they can be in a login, and longer */
static void
try_lengths(void)
{
	char user[700], address[1400];
	size_t n;
	bool got;

	for (n = 200; n < 690; n++) {
		memset(user, 'u', n);
		user[n] = '\0';
		snprintf(address, sizeof(address), "%s@" D, user);
		got = policy_allows(user, D, "", address);
		ok(got || n > 255, user, n, "refused");
		strcpy(user + n, "@");
		ok(policy_allows(user, user, "", "a@b") == false, user, n,
		    "allowed");
	}
}

static const struct {
	struct trace trace;
	const char *want;
} traces[] = {
{ { .hostname = "mx.example.org", .helo = "c.example", .client = "192.0.2.1",
    .tls_version = "TLSv1.3", .tls_cipher = "TLS_AES_128_GCM_SHA256",
    .id = "abc", .message = 1 },
  "from c.example ([192.0.2.1]) by mx.example.org (smtpsubmitd) with "
  "ESMTPSA" },
{ { .hostname = "mx.example.org", .helo = "[IPv6:::1]",
    .client = "2001:db8::1", .tls_version = "", .tls_cipher = "",
    .id = "abc", .message = 12 },
  "from [IPv6:::1] ([IPv6:2001:db8::1]) by mx.example.org (smtpsubmitd) "
  "with ESMTPA" },
{ { .hostname = "mx.example.org", .helo = "x", .client = "local",
    .tls_version = "", .tls_cipher = "", .id = "abc", .message = 1 },
  "from x ([127.0.0.1]) by mx.example.org (smtpsubmitd) with ESMTPA" },
{ { .hostname = "mx.example.org", .helo = "x", .client = "192.0.2.1",
    .tls_version = "", .tls_cipher = "", .id = "abc", .message = 1,
    .hide_client = true },
  "by mx.example.org (smtpsubmitd) with ESMTPA" },
};

/* A field as RFC 5322 2.2.3 unfolds it */
static void
unfold(const char *field, char *out)
{
	for (; *field != '\0'; field++)
		if (*field == '\t')
			*out++ = ' ';
		else if (*field != '\r' && *field != '\n')
			*out++ = *field;
	*out = '\0';
}

static void
check_lines(const char *buf, size_t n)
{
	size_t i, start = 0, depth = 0;

	ok(n > 2 && n < TRACE_MAX && memcmp(buf + n - 2, "\r\n", 2) == 0 &&
	    strlen(buf) == n, buf, n, "length %zu", n);
	for (i = 0; i < n; i++) {
		depth += buf[i] == '(';
		depth -= buf[i] == ')';
		if (buf[i] != '\n')
			continue;
		ok(i > 0 && buf[i - 1] == '\r' && i - start < 998, buf, n,
		    "line of %zu octets", i - start);
		ok(i + 1 == n || buf[i + 1] == '\t', buf, n, "not folded");
		start = i + 1;
	}
	ok(depth == 0, buf, n, "comments are not balanced");
}

static void
try_trace(size_t i)
{
	char buf[TRACE_MAX], flat[TRACE_MAX], id[64];
	const struct trace *trace = &traces[i].trace;
	const char *semi;
	size_t n;

	/* 86400 * 19600 is a Thursday, 2023-08-31 */
	n = trace_received(trace, 1693440000 + 3661, buf);
	check_lines(buf, n);
	unfold(buf, flat);
	ok(strncmp(flat, "Received: ", 10) == 0 && strncmp(flat + 10,
	    traces[i].want, strlen(traces[i].want)) == 0, flat, strlen(flat),
	    "wanted %s", traces[i].want);
	semi = strrchr(flat, ';');
	ok(semi != NULL && strcmp(semi, "; Thu, 31 Aug 2023 01:01:01 +0000")
	    == 0, flat, strlen(flat), "date");
	snprintf(id, sizeof(id), " id %s.%u", trace->id, trace->message);
	ok(strstr(flat, id) != NULL, flat, strlen(flat), "%s", id);
	ok((strstr(flat, trace->tls_cipher) != NULL &&
	    strstr(flat, trace->tls_version) != NULL) &&
	    (strstr(flat, " tls ") != NULL) == (trace->tls_cipher[0] !=
	    '\0'), flat, strlen(flat), "tls clause");
	ok(!trace->hide_client || strstr(flat, trace->client) == NULL, flat,
	    strlen(flat), "the client is named");
	/*
	 * Opt-info = [Via] [With] [ID] [For] [Additional-Registered-Clauses],
	 * RFC 5321 4.4: the tls clause comes last
	 */
	if (trace->tls_cipher[0] != '\0')
		ok(strstr(flat, " tls ") > strstr(flat, " id "), flat,
		    strlen(flat), "tls clause before id");
}

static void
try_longest(void)
{
	char name[256], cipher[64], client[46], buf[TRACE_MAX];
	struct trace trace = { .hostname = name, .helo = name,
		.client = client, .tls_version = "TLSv1.3XXXXXXXX",
		.tls_cipher = cipher, .id = "0123456789abcdef",
		.message = UINT32_MAX };

	memset(name, 'n', 255);
	name[255] = '\0';
	memset(cipher, 'c', 63);
	cipher[63] = '\0';
	memset(client, ':', 45);
	client[45] = '\0';
	check_lines(buf, trace_received(&trace, 253402300799, buf));
}

static void
try_complete(void)
{
	struct trace trace = { .hostname = "mx.example.org", .id = "abc",
		.message = 7 };
	char buf[TRACE_MAX];
	size_t n;

	n = trace_complete(&trace, 1693440000, true, true, buf);
	ok_octets("both", 4, buf, n, LIT("Date: Thu, 31 Aug 2023 00:00:00 "
	    "+0000\r\nMessage-ID: <1693440000.abc.7@mx.example.org>\r\n"));
	n = trace_complete(&trace, 1693440000, true, false, buf);
	ok_octets("date", 4, buf, n, LIT("Date: Thu, 31 Aug 2023 00:00:00 "
	    "+0000\r\n"));
	n = trace_complete(&trace, 951782400, false, true, buf);
	ok_octets("id", 2, buf, n,
	    LIT("Message-ID: <951782400.abc.7@mx.example.org>\r\n"));
	n = trace_complete(&trace, 0, false, false, buf);
	ok(n == 0, "none", 4, "%zu octets", n);
	n = trace_complete(&trace, 951782400, true, false, buf);
	ok_octets("leap day", 8, buf, n,
	    LIT("Date: Tue, 29 Feb 2000 00:00:00 +0000\r\n"));
}

int
main(void)
{
	size_t i;

	table("policy");
	try_rows();
	try_lengths();
	table("trace: Received");
	for (i = 0; i < COUNT(traces); i++)
		try_trace(i);
	try_longest();
	table("trace: Date and Message-ID");
	try_complete();
	return tables_done();
}
