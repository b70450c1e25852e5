/*
 * smtp/proxy.c: headers of the PROXY protocol, each also cut off at every
 * octet, and with more behind it.
 */
#include "smtp/proxy.h"
#include "tests/unit/unit.h"

#define SIG	"\r\n\r\n\0\r\nQUIT\n"
#define V4	"\xc0\0\2\7" "\x7f\0\0\1" "\x04\0" "\2\x4b"
#define TEN6	"\x20\1\x0d\xb8\0\0\0\0\0\0"
#define V6	TEN6 "\0\0\0\0\0\7" TEN6 "\0\0\0\0\0\1" "\x04\0" "\2\x4b"
#define MAPPED	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7" TEN6 "\0\0\0\0\0\1" \
	"\x04\0" "\2\x4b"
#define N16	"0123456789abcdef"
#define N108	N16 N16 N16 N16 N16 N16 "0123456789ab"
#define UNKNOWN	"PROXY UNKNOWN "

static const struct {
	const char *name, *in;
	size_t len;
	const char *client;	/* "": nobody is named, NULL: refused */
} rows[] = {
{ "TCP4", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024 587\r\n"), "192.0.2.7" },
{ "TCP4, ports", LIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n"),
  "255.255.255.255" },
{ "TCP6", LIT("PROXY TCP6 2001:db8::7 2001:DB8::1 1024 587\r\n"),
  "2001:db8::7" },
{ "TCP6, 107 octets", LIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"
  " ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n"),
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
{ "TCP6, IPv4 in it", LIT("PROXY TCP6 ::ffff:192.0.2.7 ::1 1024 587\r\n"),
  "192.0.2.7" },
{ "UNKNOWN", LIT("PROXY UNKNOWN\r\n"), "" },
{ "UNKNOWN and addresses", LIT(UNKNOWN "ffff:f... 192.0.2.7 x y\r\n"), "" },
{ "UNKNOWN, 107 octets", LIT(UNKNOWN N16 N16 N16 N16 N16 "01234567890\r\n"),
  "" },
{ "UNKNOWN, 108 octets", LIT(UNKNOWN N16 N16 N16 N16 N16 "012345678901\r\n"),
  NULL },
{ "a line too long", LIT("PROXY TCP4 " N108), NULL },
{ "TCP5", LIT("PROXY TCP5 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "tcp4", LIT("PROXY tcp4 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "UDP4", LIT("PROXY UDP4 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "UNKNOWNS", LIT("PROXY UNKNOWNS\r\n"), NULL },
{ "lower case", LIT("proxy TCP4 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "bare LF", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024 587\n"), NULL },
{ "bare CR within", LIT("PROXY UNKNOWN \r x\r\n"), NULL },
{ "NUL within", LIT("PROXY UNKNOWN \0x\r\n"), NULL },
{ "NUL in an address", LIT("PROXY TCP4 192.0.2.7\0 127.0.0.1 1 587\r\n"), NULL },
{ "TCP4 with IPv6", LIT("PROXY TCP4 2001:db8::7 2001:db8::1 1024 587\r\n"),
  NULL },
{ "TCP6 with IPv4", LIT("PROXY TCP6 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "another destination", LIT("PROXY TCP4 192.0.2.7 ::1 1024 587\r\n"), NULL },
{ "leading zero", LIT("PROXY TCP4 192.0.2.07 127.0.0.1 1024 587\r\n"), NULL },
{ "256", LIT("PROXY TCP4 192.0.2.256 127.0.0.1 1024 587\r\n"), NULL },
{ "three octets", LIT("PROXY TCP4 192.0.2 127.0.0.1 1024 587\r\n"), NULL },
{ "a zone", LIT("PROXY TCP6 fe80::1%lo ::1 1024 587\r\n"), NULL },
{ "a name", LIT("PROXY TCP4 localhost 127.0.0.1 1024 587\r\n"), NULL },
{ "port 65536", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 65536 587\r\n"), NULL },
{ "port 0587", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024 0587\r\n"), NULL },
{ "port -1", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 -1 587\r\n"), NULL },
{ "port 4294967297", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 4294967297 1\r\n"),
  NULL },
{ "no port", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024\r\n"), NULL },
{ "an empty port", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024 \r\n"), NULL },
{ "more words", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1024 587 x\r\n"), NULL },
{ "two spaces", LIT("PROXY TCP4  192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "a tab", LIT("PROXY TCP4\t192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "a space at the end", LIT("PROXY TCP4 192.0.2.7 127.0.0.1 1 587 \r\n"), NULL },
{ "no words", LIT("PROXY \r\n"), NULL },
{ "PROXY alone", LIT("PROXY\r\n"), NULL },
{ "PROXYTCP4", LIT("PROXYTCP4 192.0.2.7 127.0.0.1 1024 587\r\n"), NULL },
{ "EHLO", LIT("EHLO x\r\n"), NULL },
{ "ClientHello", LIT("\x16\x03\x01\2\0"), NULL },
{ "a NUL", LIT("\0"), NULL },

{ "2, TCP4", LIT(SIG "\x21\x11\0\x0c" V4), "192.0.2.7" },
{ "2, TCP6", LIT(SIG "\x21\x21\0\x24" V6), "2001:db8::7" },
{ "2, IPv4 in IPv6", LIT(SIG "\x21\x21\0\x24" MAPPED), "192.0.2.7" },
{ "2, LOCAL", LIT(SIG "\x20\0\0\0"), "" },
{ "2, LOCAL and octets", LIT(SIG "\x20\x11\0\x0c" V4), "" },
{ "2, LOCAL, unknown family", LIT(SIG "\x20\xff\0\2xx"), "" },
{ "2, UNSPEC", LIT(SIG "\x21\0\0\0"), "" },
{ "2, UNSPEC and octets", LIT(SIG "\x21\0\0\3abc"), "" },
{ "2, a TLV", LIT(SIG "\x21\x11\0\x11" V4 "\x04\0\2ab"), "192.0.2.7" },
{ "2, an empty TLV", LIT(SIG "\x21\x11\0\x0f" V4 "\xe0\0\0"), "192.0.2.7" },
{ "2, two TLVs", LIT(SIG "\x21\x11\0\x13" V4 "\x02\0\1x\x05\0\0"),
  "192.0.2.7" },
{ "2, TLV over the end", LIT(SIG "\x21\x11\0\x11" V4 "\x04\0\3ab"), NULL },
{ "2, TLV of 65535", LIT(SIG "\x21\x11\0\x11" V4 "\x04\xff\xff" "ab"), NULL },
{ "2, half a TLV", LIT(SIG "\x21\x11\0\x0e" V4 "\x04\0"), NULL },
{ "2, one octet of a TLV", LIT(SIG "\x21\x11\0\x0d" V4 "\x04"), NULL },
{ "2, TCP4 of 11 octets", LIT(SIG "\x21\x11\0\x0b" "\xc0\0\2\7" "\x7f\0\0\1"
  "\x04\0" "\2"), NULL },
{ "2, TCP4 of none", LIT(SIG "\x21\x11\0\0"), NULL },
{ "2, TCP6 of 12", LIT(SIG "\x21\x21\0\x0c" V4), NULL },
{ "2, Unix of 12", LIT(SIG "\x21\x31\0\x0c" V4), NULL },
{ "2, UDP4", LIT(SIG "\x21\x12\0\x0c" V4), NULL },
{ "2, UDP6", LIT(SIG "\x21\x22\0\x24" V6), NULL },
{ "2, Unix datagrams", LIT(SIG "\x21\x32\0\0"), NULL },
{ "2, IPv4 of no transport", LIT(SIG "\x21\x10\0\x0c" V4), NULL },
{ "2, family 4", LIT(SIG "\x21\x41\0\x0c" V4), NULL },
{ "2, command 2", LIT(SIG "\x22\x11\0\x0c" V4), NULL },
{ "2, version 1", LIT(SIG "\x11\x11\0\x0c" V4), NULL },
{ "2, version 3", LIT(SIG "\x31\x11\0\x0c" V4), NULL },
{ "2, 4081 octets", LIT(SIG "\x21\x11\x0f\xf1"), NULL },
{ "2, 65535 octets", LIT(SIG "\x20\0\xff\xff"), NULL },
{ "2, another signature", LIT("\r\n\r\n\0\r\nQUIT\r"), NULL },
{ "2, wrong checksum", LIT(SIG "\x21\x11\0\x13" V4 "\x03\0\4\0\0\0\0"), NULL },
{ "2, short checksum", LIT(SIG "\x21\x11\0\x11" V4 "\x03\0\2\0\0"), NULL },
};

static enum proxy_status
parse(const char *p, size_t n, struct proxy_header *h)
{
	char *copy = copy_of(p, n);
	enum proxy_status status = proxy_parse(copy, n, h);

	free(copy);
	return status;
}

/* A good one is neither good nor bad before its last octet. */
static void
try_row(size_t i)
{
	const char *in = rows[i].in, *client = rows[i].client;
	size_t len = rows[i].len, n;
	char longer[400];
	struct proxy_header h;

	for (n = 0; n < len && client != NULL; n++)
		ok(parse(in, n, &h) == PROXY_MORE, rows[i].name,
		    strlen(rows[i].name), "cut at %zu", n);
	memcpy(longer, in, len);
	memset(longer + len, 'E', sizeof(longer) - len);
	for (n = len; n <= len + 2; n++) {
		enum proxy_status status = parse(longer, n, &h);

		if (!ok(status == (client == NULL ? PROXY_BAD : PROXY_OK),
		    rows[i].name, strlen(rows[i].name), "status %d of %zu",
		    status, n))
			return;
		if (client == NULL) {
			ok(h.why != NULL, rows[i].name, 1, "no reason");
			continue;
		}
		ok(h.used == len && h.named == (client[0] != '\0'),
		    rows[i].name, strlen(rows[i].name), "used %zu, named %d",
		    h.used, h.named);
		ok_string(rows[i].name, h.client, client);
	}
}

/* A Unix client has 216 octets of addresses and no address. */
static void
try_unix(void)
{
	char in[16 + 216] = SIG "\x21\x31\0\xd8";
	struct proxy_header h = { 0 };

	ok(parse(in, sizeof(in), &h) == PROXY_OK && !h.named &&
	    h.used == sizeof(in), "Unix", 4, "used %zu", h.used);
	ok(parse(in, sizeof(in) - 1, &h) == PROXY_MORE, "Unix", 4, "cut");
}

/* As much as is allowed */
static void
try_long(void)
{
	static char in[PROXY_MAX] = SIG "\x21\x11\x0f\xf0" V4 "\x04\x0f\xe1";
	struct proxy_header h = { 0 };

	ok(parse(in, sizeof(in), &h) == PROXY_OK && h.used == PROXY_MAX,
	    "4096 octets", 11, "used %zu", h.used);
	ok(parse(in, sizeof(in) - 1, &h) == PROXY_MORE, "4095 octets", 11,
	    "is whole");
}

/*
 * CRC32c, RFC 3720 12.1; then each octet changed. The TLV's type changed makes
 * it another TLV, that nobody looks at.
 */
static void
try_checksum(void)
{
	char in[] = SIG "\x21\x11\0\x13" V4 "\x03\0\4CRC!";
	struct proxy_header h;
	size_t i, n = sizeof(in) - 1;
	uint32_t crc = 0xffffffff;
	unsigned bit;

	memset(in + n - 4, 0, 4);
	for (i = 0; i < n; i++)
		for (crc ^= (unsigned char)in[i], bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1) * 0x82f63b78;
	crc = ~crc;
	for (i = 0; i < 4; i++)
		in[n - 4 + i] = (char)(crc >> (24 - 8 * i));
	ok(parse(in, n, &h) == PROXY_OK, "checksum", 8, "%s", h.why);
	for (i = 16; i < n; i++) {
		in[i] ^= 0x10;
		ok(parse(in, n, &h) == PROXY_BAD || i == 28, "checksum", 8,
		    "octet %zu changed, and taken", i);
		in[i] ^= 0x10;
	}
}

int
main(void)
{
	size_t i;

	table("proxy: headers");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	table("proxy: Unix, long ones, checksums");
	try_unix();
	try_long();
	try_checksum();
	return tables_done();
}
