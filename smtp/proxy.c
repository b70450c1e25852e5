/*
 * Version 1, a line of at most 107 octets:
 *
 *	"PROXY" SP "UNKNOWN" [ SP anything ] CRLF
 *	"PROXY" SP "TCP4" SP ipv4 SP ipv4 SP port SP port CRLF
 *	"PROXY" SP "TCP6" SP ipv6 SP ipv6 SP port SP port CRLF
 *
 * source before destination, one space, numbers without leading zeros.
 *
 * Version 2: the signature; an octet of version (2) and command (LOCAL 0,
 * PROXY 1); one of family and transport; 16 bits of length, in network order
 * as all numbers; then so many octets: source, destination, their ports, and
 * TLVs, of a type, 16 bits of length, and the value.
 *
 * Of the TLVs only CRC32c is looked at, which, if given, must be right.
 */
#include <arpa/inet.h>

#include <stdint.h>
#include <string.h>

#include "base/network.h"
#include "smtp/proxy.h"

#define SIGNATURE	"\r\n\r\n\0\r\nQUIT\n"
#define HEAD		16	/* signature, command, family, length */
#define TLV_CRC32C	0x03

static enum proxy_status
bad(struct proxy_header *h, const char *why)
{
	h->why = why;
	return PROXY_BAD;
}

/* Version 1 */

static bool
is_port(const char *p)
{
	unsigned long port = 0;
	size_t i;

	if (p[0] == '\0' || (p[0] == '0' && p[1] != '\0'))
		return false;
	for (i = 0; p[i] != '\0'; i++) {
		if (p[i] < '0' || p[i] > '9' || i == 5)
			return false;
		port = port * 10 + (unsigned long)(p[i] - '0');
	}
	return port <= 65535;
}

static bool
is_address(int family, const char *p)
{
	unsigned char octets[16];

	return inet_pton(family, p, octets) == 1;
}

/* What stands behind "PROXY ", cut up in place. */
static enum proxy_status
read_words(char *line, struct proxy_header *h)
{
	char *word[5], *space;
	int family;
	size_t n;

	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0)
		return PROXY_OK;
	for (n = 0; n < 4; n++) {
		word[n] = line;
		space = strchr(line, ' ');
		if (space == NULL)
			return bad(h, "the line lacks words");
		*space = '\0';
		line = space + 1;
	}
	word[4] = line;
	if (strcmp(word[0], "TCP4") != 0 && strcmp(word[0], "TCP6") != 0)
		return bad(h, "neither TCP4, TCP6 nor UNKNOWN");
	family = word[0][3] == '4' ? AF_INET : AF_INET6;
	if (!is_address(family, word[1]) || !is_address(family, word[2]))
		return bad(h, "malformed address");
	if (!is_port(word[3]) || !is_port(word[4]))
		return bad(h, "malformed port");
	h->named = true;
	address_normal(word[1], h->client, sizeof(h->client));
	return PROXY_OK;
}

static enum proxy_status
read_line(const char *p, size_t n, struct proxy_header *h)
{
	char line[PROXY_LINE_MAX + 1];
	const char *lf;

	if (n > PROXY_LINE_MAX)
		n = PROXY_LINE_MAX;
	lf = memchr(p, '\n', n);
	if (lf == NULL)
		return n < PROXY_LINE_MAX ? PROXY_MORE :
		    bad(h, "the line is too long");
	h->used = (size_t)(lf + 1 - p);
	if (lf[-1] != '\r' || memchr(p, '\0', h->used) != NULL ||
	    memchr(p, '\r', h->used - 2) != NULL)
		return bad(h, "malformed line");
	memcpy(line, p + 6, h->used - 8);
	line[h->used - 8] = '\0';
	return read_words(line, h);
}

/* Version 2 */

static size_t
number(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* CRC32c (Castagnoli) of the header, its own four octets as zeros. */
static uint32_t
checksum(const unsigned char *p, size_t n, const unsigned char *own)
{
	uint32_t crc = 0xffffffff;
	unsigned bit;
	size_t i;

	for (i = 0; i < n; i++) {
		crc ^= p + i >= own && p + i < own + 4 ? 0 : p[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static enum proxy_status
check_tlvs(const unsigned char *all, size_t at, struct proxy_header *h)
{
	size_t n = h->used, len;
	const unsigned char *p;

	for (; at < n; at += 3 + len) {
		p = all + at;
		if (n - at < 3)
			return bad(h, "a TLV is cut short");
		len = number(p + 1);
		if (n - at - 3 < len)
			return bad(h, "a TLV is longer than the header");
		if (p[0] == TLV_CRC32C && (len != 4 || checksum(all, n,
		    p + 3) != ((uint32_t)number(p + 3) << 16 |
		    number(p + 5))))
			return bad(h, "wrong checksum");
	}
	return PROXY_OK;
}

/* The octets behind the head, whose number fits the family. */
static enum proxy_status
read_addresses(const unsigned char *all, struct proxy_header *h)
{
	static const struct {
		unsigned kind;	/* family and transport */
		int family;
		size_t need;
	} kinds[] = {
		{ 0x00, AF_UNSPEC, 0 }, { 0x11, AF_INET, 12 },
		{ 0x21, AF_INET6, 36 }, { 0x31, AF_UNIX, 216 }
	};
	char text[INET6_ADDRSTRLEN];
	size_t i;

	for (i = 0; i < 4 && kinds[i].kind != all[13]; i++)
		;
	if (i == 4)
		return bad(h, "unknown family or transport");
	if (h->used - HEAD < kinds[i].need)
		return bad(h, "too short for its addresses");
	if (kinds[i].family == AF_INET || kinds[i].family == AF_INET6) {
		inet_ntop(kinds[i].family, all + HEAD, text, sizeof(text));
		address_normal(text, h->client, sizeof(h->client));
		h->named = true;
	}
	return kinds[i].family == AF_UNSPEC ? PROXY_OK :
	    check_tlvs(all, HEAD + kinds[i].need, h);
}

static enum proxy_status
read_binary(const unsigned char *p, size_t n, struct proxy_header *h)
{
	if (n > 12 && p[12] >> 4 != 2)
		return bad(h, "unknown version");
	if (n > 12 && (p[12] & 15) > 1)
		return bad(h, "unknown command");
	if (n < HEAD)
		return PROXY_MORE;
	h->used = HEAD + number(p + 14);
	if (h->used > PROXY_MAX)
		return bad(h, "the header is too long");
	if (n < h->used)
		return PROXY_MORE;
	/* LOCAL: whatever follows is not for us */
	return (p[12] & 15) == 0 ? PROXY_OK : read_addresses(p, h);
}

static bool
begins(const void *p, size_t n, const char *with, size_t len)
{
	return memcmp(p, with, n < len ? n : len) == 0;
}

enum proxy_status
proxy_parse(const void *p, size_t n, struct proxy_header *h)
{
	memset(h, 0, sizeof(*h));
	if (n == 0)
		return PROXY_MORE;
	if (begins(p, n, "PROXY ", 6))
		return n < 6 ? PROXY_MORE : read_line(p, n, h);
	if (begins(p, n, SIGNATURE, 12))
		return n < 12 ? PROXY_MORE : read_binary(p, n, h);
	return bad(h, "no PROXY header");
}
