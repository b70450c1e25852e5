/*
 * base/conf.c: the form of a configuration line, and its values.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/conf.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in;
	size_t len;
	const char *words;	/* each in brackets; NULL: refused */
} lines[] = {
{ LIT(""), "" },
{ LIT(" \t\r"), "" },
{ LIT("# comment"), "" },
{ LIT("  # comment"), "" },
{ LIT("a"), "[a]" },
{ LIT("a b"), "[a][b]" },
{ LIT("  a\t b \t"), "[a][b]" },
{ LIT("a b\r"), "[a][b]" },
{ LIT("a b # comment \"open"), "[a][b]" },
{ LIT("a b#c"), "[a][b#c]" },
{ LIT("a \"#\" b"), "[a][#][b]" },
{ LIT("a \"b c\""), "[a][b c]" },
{ LIT("a \"\""), "[a][]" },
{ LIT("\"a\" \"b\""), "[a][b]" },
{ LIT("a \"b\\\"c\""), "[a][b\"c]" },
{ LIT("a \"b\\\\\""), "[a][b\\]" },
{ LIT("a \"\\b\""), "[a][b]" },
{ LIT("a b\\c"), "[a][b\\c]" },
{ LIT("a b\\"), "[a][b\\]" },
{ LIT("a \303\266 \377"), "[a][\303\266][\377]" },
{ LIT("a \""), NULL },
{ LIT("a \"b"), NULL },
{ LIT("a \"b\\"), NULL },
{ LIT("a \"b\\\""), NULL },
{ LIT("a b\"c"), NULL },
{ LIT("a b\""), NULL },
{ LIT("a \"b\"c"), NULL },
{ LIT("a \"b\"\"c\""), NULL },
{ LIT("a \"b\"#"), NULL },
{ LIT("a\0b"), NULL },
{ LIT("# a\0b"), NULL },
};

static void
try_lines(void)
{
	static struct conf_line line;
	char got[200];
	const char *why;
	size_t i, k, n;

	for (i = 0; i < COUNT(lines); i++) {
		char *in = copy_of(lines[i].in, lines[i].len);

		why = conf_split(in, lines[i].len, &line);
		free(in);
		if (!ok((why == NULL) == (lines[i].words != NULL),
		    lines[i].in, lines[i].len, "%s", why == NULL ?
		    "accepted" : why) || why != NULL)
			continue;
		for (k = n = 0, got[0] = '\0'; k < line.n; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n,
			    "[%s]", line.word[k]);
		ok_string(lines[i].in, got, lines[i].words);
		ok(line.word[line.n] == NULL, lines[i].in, lines[i].len,
		    "no NULL behind the words");
	}
}

static void
try_limits(void)
{
	static struct conf_line line;
	static char in[CONF_LINE_MAX + 100];
	size_t n;

	for (n = 1; n < 100; n++) {
		size_t i;

		for (i = 0; i < n; i++)
			memcpy(in + 2 * i, "a ", 2);
		ok((conf_split(in, 2 * n, &line) == NULL) ==
		    (n <= CONF_WORDS_MAX), in, 2 * n, "%zu words", n);
	}
	memset(in, 'x', sizeof(in));
	for (n = 2000; n < sizeof(in); n++) {
		const char *why = conf_split(in, n, &line);

		ok(why != NULL || (line.n == 1 && strlen(line.word[0]) == n),
		    in, n, "accepted and cut");
	}
}

static const struct {
	const char *in;
	uint64_t max;
	bool good;
	uint64_t value;
} numbers[] = {
{ "0", 0, true, 0 },
{ "5", 5, true, 5 },
{ "6", 5, false, 0 },
{ "9", 5, false, 0 },
{ "1", 0, false, 0 },
{ "9", 8, false, 0 },
{ "10", 5, false, 0 },
{ "007", 7, true, 7 },
{ "65535", 65535, true, 65535 },
{ "65536", 65535, false, 0 },
{ "655350", 65535, false, 0 },
{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
{ "18446744073709551616", UINT64_MAX, false, 0 },
{ "18446744073709551620", UINT64_MAX, false, 0 },
{ "99999999999999999999999", UINT64_MAX, false, 0 },
{ "18446744073709551617", 65535, false, 0 },
{ "", 5, false, 0 },
{ " 1", 5, false, 0 },
{ "1 ", 5, false, 0 },
{ "-1", 5, false, 0 },
{ "+1", 5, false, 0 },
{ "0x1", 5, false, 0 },
{ "1.0", 5, false, 0 },
{ "1a", 5, false, 0 },
};

static const struct {
	const char *in;
	bool good;
	uint64_t value;
} sizes[] = {
{ "0", true, 0 },
{ "1", true, 1 },
{ "1K", true, 1024 },
{ "50M", true, 50 << 20 },
{ "2G", true, (uint64_t)2 << 30 },
{ "8589934591G", true, (uint64_t)8589934591 << 30 },
{ "9000000000", true, 9000000000 },
{ "100000000000", true, 100000000000 },
{ "8589934592G", false, 0 },
{ "18446744073709551616", false, 0 },
{ "17179869184G", false, 0 },
{ "1k", false, 0 },
{ "1KB", false, 0 },
{ "1 K", false, 0 },
{ "1T", false, 0 },
{ "K", false, 0 },
{ "", false, 0 },
{ "-1K", false, 0 },
{ "1.5M", false, 0 },
};

static const struct {
	const char *in;
	bool good;
	unsigned ms;
} durations[] = {
{ "0", true, 0 },
{ "1", true, 1000 },
{ "30s", true, 30000 },
{ "500ms", true, 500 },
{ "5m", true, 300000 },
{ "2h", true, 7200000 },
{ "596h", true, 2145600000 },
{ "597h", false, 0 },
{ "1000000h", false, 0 },
{ "1193047h", false, 0 },
{ "5 m", false, 0 },
{ "5M", false, 0 },
{ "5d", false, 0 },
{ "5min", false, 0 },
{ "s", false, 0 },
{ "", false, 0 },
{ "-5s", false, 0 },
};

static void
try_values(void)
{
	uint64_t value;
	unsigned ms;
	size_t i;
	bool got, yes;

	for (i = 0; i < COUNT(numbers); i++) {
		got = conf_number(numbers[i].in, numbers[i].max, &value);
		ok(got == numbers[i].good && (!got || value ==
		    numbers[i].value), numbers[i].in, strlen(numbers[i].in),
		    "%d, %llu with maximum %llu", got,
		    (unsigned long long)value,
		    (unsigned long long)numbers[i].max);
	}
	for (i = 0; i < COUNT(sizes); i++) {
		got = conf_size(sizes[i].in, &value);
		ok(got == sizes[i].good && (!got || value == sizes[i].value),
		    sizes[i].in, strlen(sizes[i].in), "%d, %llu", got,
		    (unsigned long long)value);
	}
	for (i = 0; i < COUNT(durations); i++) {
		got = conf_duration(durations[i].in, &ms);
		ok(got == durations[i].good && (!got || ms ==
		    durations[i].ms), durations[i].in,
		    strlen(durations[i].in), "%d, %u", got, ms);
	}
	ok(conf_yes_no("yes", &yes) && yes, "yes", 3, " ");
	ok(conf_yes_no("no", &yes) && !yes, "no", 2, " ");
	ok(!conf_yes_no("", &yes) && !conf_yes_no("Yes", &yes) &&
	    !conf_yes_no("true", &yes) && !conf_yes_no("yes ", &yes) &&
	    !conf_yes_no("1", &yes), "neither", 7, "accepted");
}

static const struct {
	const char *in, *host;	/* NULL: refused */
	unsigned port;
} addresses[] = {
{ "127.0.0.1:25", "127.0.0.1", 25 },
{ "0.0.0.0:587", "0.0.0.0", 587 },
{ "[::1]:25", "::1", 25 },
{ "[2001:db8::1]:65535", "2001:db8::1", 65535 },
{ "[::ffff:192.0.2.1]:25", "::ffff:192.0.2.1", 25 },
{ "*:465", "::", 465 },
{ "127.0.0.1", NULL, 0 },
{ "127.0.0.1:", NULL, 0 },
{ "127.0.0.1:x", NULL, 0 },
{ "127.0.0.1:65536", NULL, 0 },
{ "127.0.0.1:-1", NULL, 0 },
{ "127.0.0.1: 25", NULL, 0 },
{ ":25", NULL, 0 },
{ "25", NULL, 0 },
{ "", NULL, 0 },
{ "localhost:25", NULL, 0 },
{ "127.0.0.256:25", NULL, 0 },
{ "127.1:25", NULL, 0 },
{ "[::1]", NULL, 0 },
{ "[::1:25", NULL, 0 },
{ "::1]:25", NULL, 0 },
{ "[]:25", NULL, 0 },
{ "[x]:25", NULL, 0 },
{ "[::1]x:25", NULL, 0 },
{ "[fe80::1%eth0]:25", NULL, 0 },
{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
  NULL, 0 },
};

static void
try_addresses(void)
{
	struct sockaddr_storage ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	char host[64];
	socklen_t len;
	size_t i;
	bool got, four;

	for (i = 0; i < COUNT(addresses); i++) {
		const char *s = addresses[i].in;

		got = conf_address(s, &ss, &len);
		if (!ok(got == (addresses[i].host != NULL), s, strlen(s),
		    "%d", got) || !got)
			continue;
		four = ss.ss_family == AF_INET;
		inet_ntop(ss.ss_family, four ? (void *)&in->sin_addr :
		    (void *)&in6->sin6_addr, host, sizeof(host));
		ok_string(s, host, addresses[i].host);
		ok(ntohs(four ? in->sin_port : in6->sin6_port) ==
		    addresses[i].port, s, strlen(s), "port");
		ok(len == (four ? sizeof(*in) : sizeof(*in6)), s, strlen(s),
		    "length %u", len);
	}
}

int
main(void)
{
	table("conf: lines");
	try_lines();
	try_limits();
	table("conf: values");
	try_values();
	table("conf: addresses");
	try_addresses();
	return tables_done();
}
