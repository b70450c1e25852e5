/*
 * base/ipc.c, order.c: what is accepted packs to the same octets.
 */
#include "order.h"
#include "tests/fuzz/fuzz.h"

static void
check_calls(const uint8_t *data, size_t size)
{
	struct unpack unpack;
	unsigned char raw[64], *copy;
	const unsigned char *p;
	char s[20];
	size_t i, n;

	if (size > sizeof(raw))
		size = sizeof(raw);
	copy = (unsigned char *)exact(data, size, false);
	unpack_start(&unpack, copy, size);
	for (i = 0; i < size; i++)
		switch (copy[i] % 6) {
		case 0:
			unpack_u8(&unpack);
			break;
		case 1:
			unpack_u16(&unpack);
			break;
		case 2:
			unpack_u32(&unpack);
			break;
		case 3:
			unpack_u64(&unpack);
			break;
		case 4:
			p = unpack_bytes(&unpack, &n);
			MUST(p == NULL ? unpack.bad && n == 0 : p >= copy &&
			    p + n <= copy + size);
			break;
		default:
			unpack_string(&unpack, s, 1 + i % sizeof(s));
			MUST(strlen(s) < sizeof(s));
		}
	MUST(unpack.bad || unpack.p + unpack.left == copy + size);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct order order;
	static struct report report;
	static unsigned char out[IPC_PAYLOAD_MAX];
	char *p = exact(data, size, false);

	if (order_unpack(&order, p, size)) {
		MUST(order_pack(&order, out, sizeof(out)) == size);
		MUST(memcmp(out, p, size) == 0);
	}
	if (report_unpack(&report, p, size)) {
		MUST(report_pack(&report, out, sizeof(out)) == size);
		MUST(memcmp(out, p, size) == 0);
	}
	free(p);
	check_calls(data, size);
	return 0;
}
