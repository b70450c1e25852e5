/*
 * message/header.c, message/address.c, message/check.c, on octets made
 * canonical as the relay does it: seen bit by bit and at once the header is
 * the same; what is found lies in it; addresses hold no octet that could
 * deceive a reader.
 */
#include "base/text.h"
#include "message/address.h"
#include "message/check.h"
#include "message/content.h"
#include "message/header.h"
#include "tests/fuzz/fuzz.h"

static void
check_addresses(const char *value, size_t n)
{
	char *field = exact(value, n, false), address[ADDRESS_MAX + 1];
	const char *p = field, *end = field + n, *before = p;

	while (address_next(&p, end, address) == ADDRESS_ONE) {
		MUST(p > before && p <= end);
		before = p;
		MUST(address[0] != '\0');
		MUST(utf8_is_clean(address, strlen(address)));
	}
	free(field);
}

static unsigned
count(const char *header, size_t len, const char *name)
{
	const char *value;
	size_t pos = 0, n;
	unsigned found = 0;

	while (header_find(header, len, name, &pos, &value, &n)) {
		MUST(value > header && value + n <= header + len);
		MUST(pos <= len);
		MUST(n == 0 || value[n - 1] != '\n');
		found++;
		check_addresses(value, n);
	}
	return found;
}

static void
check_whole(const char *text, const struct header *h)
{
	struct author alice = { "alice", "example.org", "", "",
	    h->len % 2 == 1 };
	char *header = exact(text, h->len, false);
	enum check_status status;
	struct check check;
	unsigned from = count(header, h->len, "From");

	MUST(count(header, h->len, "Received") == h->received);
	status = check_header(header, h->len, &alice, &check);
	MUST(from < 2 || status == CHECK_TWICE);
	free(header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = exact(data, size, false), *text = malloc(2 * size + 4);
	struct header once = { 0 }, bits = { 0 };
	struct content content;
	size_t n, i;

	content_start(&content);
	n = content_mend(&content, in, size, text);
	n += content_finish(&content, text + n);
	free(in);
	header_scan(&once, text, n, true);
	for (i = 0; i <= n; i += 1 + i % 7)
		header_scan(&bits, text, i, false);
	header_scan(&bits, text, n, true);
	MUST(once.complete && bits.complete);
	MUST(once.len == bits.len && once.received == bits.received &&
	    once.blank_missing == bits.blank_missing);
	MUST(once.len <= n);
	MUST(once.len == 0 || text[once.len - 1] == '\n');
	MUST(once.blank_missing || memcmp(text + once.len, "\r\n", 2) == 0);
	if (!content.nul)
		check_whole(text, &once);
	free(text);
	return 0;
}
