/*
 * smtp/proxy.c: a PROXY header. Properties: the outcome does not depend on
 * what stands behind it; before the last octet of a good one it is neither
 * good nor bad, and a bad one does not become good; a client that is named
 * has an address in its one form. And smtp/xclient.c: the same of its address.
 */
#include "base/network.h"
#include "smtp/proxy.h"
#include "smtp/xclient.h"
#include "tests/fuzz/fuzz.h"

static void
check_address(const char *address)
{
	char normal[64];

	MUST(address_normal(address, normal, sizeof(normal)));
	MUST(strcmp(address, normal) == 0);
}

static enum proxy_status
parse(const uint8_t *data, size_t n, struct proxy_header *h)
{
	char *copy = exact(data, n, false);
	enum proxy_status status = proxy_parse(copy, n, h);

	MUST((status == PROXY_BAD) == (h->why != NULL));
	free(copy);
	return status;
}

static void
try_xclient(const uint8_t *data, size_t n)
{
	char *copy = exact(data, n, false);
	struct xclient x;

	if (xclient_parse(copy, n, &x) == XCLIENT_OK) {
		MUST(n > 0 && is_printable(x.helo, strlen(x.helo)));
		if (x.address[0] != '\0')
			check_address(x.address);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	enum proxy_status status = parse(data, size, &whole), s;
	size_t n, end = status == PROXY_OK ? whole.used : size;

	try_xclient(data, size);
	if (status == PROXY_OK) {
		MUST(whole.used <= size && whole.used <= PROXY_MAX);
		MUST(whole.named == (whole.client[0] != '\0'));
		if (whole.named)
			check_address(whole.client);
	}
	if (end > 300)
		end = 300;
	for (n = 0; n < end && n < whole.used; n++)
		MUST(status != PROXY_OK || parse(data, n, &part) == PROXY_MORE);
	for (n = 0; n < end && status == PROXY_BAD; n++) {
		s = parse(data, n, &part);
		MUST(s != PROXY_OK);
		if (s == PROXY_BAD)
			break;
	}
	if (status == PROXY_OK) {
		MUST(parse(data, whole.used, &part) == PROXY_OK);
		MUST(memcmp(&whole, &part, sizeof(part)) == 0);
	}
	return 0;
}
