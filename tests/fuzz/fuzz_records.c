/*
 * doctor/records.c: whatever a name server says, what is read of it is
 * bounded and printable.
 */
#include "doctor/records.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum record_type types[] = { RECORD_MX, RECORD_TXT,
	    RECORD_SRV };
	struct record records[3];
	size_t i;
	int k, n;

	for (i = 0; i < 3; i++) {
		char *copy = exact(data, size, false);

		n = records_read((unsigned char *)copy, size, types[i],
		    records, 3);
		free(copy);
		MUST(n >= -1 && n <= 3);
		for (k = 0; k < n; k++) {
			size_t name = strlen(records[k].name);
			size_t text = strlen(records[k].text);

			MUST(name < sizeof(records[k].name) &&
			    text < sizeof(records[k].text));
			MUST(is_printable(records[k].name, name));
			MUST(is_printable(records[k].text, text));
			MUST(records[k].port <= 65535);
		}
	}
	return 0;
}
