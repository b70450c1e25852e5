/*
 * Addresses and networks, as text of IPv4 or IPv6 without a port. IPv4 within
 * IPv6 (::ffff:192.0.2.1) is the IPv4 address. Pure.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

struct network {
	int family;
	unsigned char octets[16];
	unsigned length;	/* bits that count */
};

/* 192.0.2.1, 10.0.0.0/8, 2001:db8::/32; NULL, or what is wrong with it. */
const char *network_parse(const char *, struct network *);

/* Text that is no address is in no network. */
bool network_has(const struct network *, const char *address);

/* The one form that an address has here; false if it is none or no room. */
bool address_normal(const char *in, char *out, size_t size);

#endif
