/*
 * message/date.c: a date stays one with comments around it, and with another
 * word behind it is none.
 */
#include "message/date.h"
#include "tests/fuzz/fuzz.h"

static bool
is_valid(const char *before, const uint8_t *data, size_t size,
    const char *behind)
{
	size_t n = strlen(before), m = strlen(behind);
	char *all = malloc(n + size + m + 1), *value;
	bool valid;

	if (all == NULL)
		abort();
	memcpy(all, before, n);
	if (size > 0)
		memcpy(all + n, data, size);
	memcpy(all + n + size, behind, m);
	value = exact(all, n + size + m, false);
	valid = date_is_valid(value, n + size + m);
	free(all);
	free(value);
	return valid;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool valid = is_valid("", data, size, "");
	size_t i, digits = 0;

	MUST(is_valid("\r\n\t(a (\\) b))", data, size, "") == valid);
	MUST(!is_valid("x ", data, size, ""));
	if (!valid)
		return 0;
	MUST(is_valid("", data, size, " (c)\r\n "));
	MUST(!is_valid("", data, size, " x"));
	MUST(!is_valid("", data, size, " 1"));
	MUST(!is_valid("", data, size, "("));
	for (i = 0; i < size; i++)
		digits += data[i] >= '0' && data[i] <= '9';
	MUST(digits >= 7);	/* 1 Jan 00 00:00 Z */
	return 0;
}
