/*
 *	network	= address [ "/" bits ]
 *	bits	= 1*3DIGIT		; 0 to 32 or 128, no leading zero
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "base/network.h"

#define EXPECTED "an address or a network is expected, like 192.0.2.1, " \
    "10.0.0.0/8 or 2001:db8::/32"
#define MAPPED	96	/* bits of ::ffff:0.0.0.0 before the IPv4 address */

/* How many bits it has, 0: that is no address. */
static unsigned
read_address(const char *text, int *family, unsigned char octets[16])
{
	struct in6_addr in6;

	memset(octets, 0, 16);
	*family = AF_INET;
	if (inet_pton(AF_INET, text, octets) == 1)
		return 32;
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		memcpy(octets, &in6.s6_addr[MAPPED / 8], 4);
		return 32;
	}
	*family = AF_INET6;
	memcpy(octets, &in6, 16);
	return 128;
}

static bool
read_bits(const char *p, unsigned most, unsigned *bits)
{
	*bits = 0;
	if (*p == '\0' || (p[0] == '0' && p[1] != '\0') || strlen(p) > 3)
		return false;
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*bits = *bits * 10 + (unsigned)(*p - '0');
	}
	return *bits <= most;
}

static bool
bit(const unsigned char octets[16], unsigned i)
{
	return octets[i / 8] >> (7 - i % 8) & 1;
}

const char *
network_parse(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char address[INET6_ADDRSTRLEN];
	unsigned most, i;

	if (n >= sizeof(address))
		return EXPECTED;
	memcpy(address, text, n);
	address[n] = '\0';
	most = read_address(address, &network->family, network->octets);
	if (most == 0)
		return EXPECTED;
	network->length = most;
	if (slash == NULL)
		return NULL;
	if (most == 32 && strchr(address, ':') != NULL) {
		if (!read_bits(slash + 1, 128, &network->length) ||
		    network->length < MAPPED)
			return "a network of IPv4 is written like 10.0.0.0/8";
		network->length -= MAPPED;
	} else if (!read_bits(slash + 1, most, &network->length)) {
		return most == 32 ? "the bits behind / are 0 to 32" :
		    "the bits behind / are 0 to 128";
	}
	for (i = network->length; i < most; i++)
		if (bit(network->octets, i))
			return "the address has bits beyond those that / "
			    "counts; the first address of the network is "
			    "expected, like 10.0.0.0/8";
	return NULL;
}

bool
network_has(const struct network *network, const char *address)
{
	unsigned char octets[16];
	unsigned i;
	int family;

	if (read_address(address, &family, octets) == 0 ||
	    family != network->family)
		return false;
	for (i = 0; i < network->length; i++)
		if (bit(octets, i) != bit(network->octets, i))
			return false;
	return true;
}

bool
address_normal(const char *in, char *out, size_t size)
{
	unsigned char octets[16];
	int family;

	return read_address(in, &family, octets) > 0 &&
	    inet_ntop(family, octets, out, (socklen_t)size) != NULL;
}
