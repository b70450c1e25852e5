/*
 * message/date.c: the Date field (RFC 5322 3.3, 4.3).
 */
#include "message/date.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in;
	size_t n;
	bool valid;
} rows[] = {
{ LIT("Sat, 21 Nov 2026 12:00:00 +0000"), true },
{ LIT(" Sat, 21 Nov 2026 12:00:00 +0000 "), true },
{ LIT("21 Nov 2026 12:00:00 +0000"), true },
{ LIT("1 Jan 1900 00:00 -0000"), true },
{ LIT("Sat, 21 Nov 2026 12:00:00 +0000 (UTC)"), true },
{ LIT("Sat, 21 Nov 2026 12:00:00 +0000\r\n (UTC (x) \\))"), true },
{ LIT("Sat,\r\n 21 Nov 2026\r\n\t12:00:00 -1130"), true },
{ LIT("sat, 21 NOV 2026 23:59:60 +9959"), true },
{ LIT("Sat, 01 Nov 2026 12:00:00 +0000"), true },	/* a Sunday */
{ LIT("29 Feb 2024 1:00:00 +0000"), false },
{ LIT("29 Feb 2024 01:00:00 +0000"), true },
{ LIT("29 Feb 2000 01:00:00 +0000"), true },
/* 4.3 */
{ LIT("Sat, 21 Nov 26 12:00:00 +0000"), true },
{ LIT("Sat, 21 Nov 70 12:00 GMT"), true },
{ LIT("Sat, 21 Nov 126 12:00 GMT"), true },
{ LIT("21 Nov 97 09:55:06 Z"), true },
{ LIT("21 Nov 97 09:55:06 a"), true },
{ LIT("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600"), true },
{ LIT("Fri (x) , (y) 21 (z) Nov (a) 1997 (b) 09 : 55 (c) EST"), true },
{ LIT("21 Nov 1997 09:55:06 PDT"), true },
{ LIT("21 Nov 1997 09:55:06 CEST"), true },
{ LIT("21 Nov 1997 09:55:06 UT"), true },
{ LIT("21Nov1997 09:55:06+0100"), true },
{ LIT("21 Nov 1997 09:55:06 (EST) EST"), true },
{ LIT("29 Feb 00 01:00 UT"), true },
/* none */
{ LIT(""), false },
{ LIT(" "), false },
{ LIT("(now)"), false },
{ LIT("now"), false },
{ LIT("Sat"), false },
{ LIT("Sat,"), false },
{ LIT("Sat, 21 Nov 2026"), false },
{ LIT("Sat, 21 Nov 2026 12:00:00"), false },
{ LIT("Sat 21 Nov 2026 12:00:00 +0000"), false },
{ LIT("Saturday, 21 Nov 2026 12:00:00 +0000"), false },
{ LIT("Abc, 21 Nov 2026 12:00:00 +0000"), false },
{ LIT("Sat Nov 21 12:00:00 2026"), false },
{ LIT("2026-11-21T12:00:00Z"), false },
{ LIT("1795262400"), false },
{ LIT("21-Nov-2026 12:00:00 +0000"), false },
{ LIT("21 November 2026 12:00:00 +0000"), false },
{ LIT("21 Nov 2026 12.00.00 +0000"), false },
{ LIT("21 11 2026 12:00:00 +0000"), false },
{ LIT("00 Nov 2026 12:00:00 +0000"), false },
{ LIT("31 Nov 2026 12:00:00 +0000"), false },
{ LIT("29 Feb 2026 12:00:00 +0000"), false },
{ LIT("29 Feb 1900 12:00:00 +0000"), false },
{ LIT("32 Jan 2026 12:00:00 +0000"), false },
{ LIT("021 Nov 2026 12:00:00 +0000"), false },
{ LIT("21 Nov 1899 12:00:00 +0000"), false },
{ LIT("21 Nov 6 12:00:00 +0000"), false },
{ LIT("21 Nov 12026 12:00:00 +0000"), false },
{ LIT("21 Nov 99999999999999999999 12:00:00 +0000"), false },
{ LIT("99999999999999999999 Nov 2026 12:00:00 +0000"), false },
{ LIT("21 Nov 2026 24:00:00 +0000"), false },
{ LIT("21 Nov 2026 12:60:00 +0000"), false },
{ LIT("21 Nov 2026 12:00:61 +0000"), false },
{ LIT("21 Nov 2026 12:0:00 +0000"), false },
{ LIT("21 Nov 2026 12 +0000"), false },
{ LIT("21 Nov 2026 12: +0000"), false },
{ LIT("21 Nov 2026 12:00: +0000"), false },
{ LIT("21 Nov 2026 :12:00 +0000"), false },
{ LIT("21 Nov 2026 12:00:00 +00"), false },
{ LIT("21 Nov 2026 12:00:00 +00:00"), false },
{ LIT("21 Nov 2026 12:00:00 +0060"), false },
{ LIT("21 Nov 2026 12:00:00 +00000"), false },
{ LIT("21 Nov 2026 12:00:00 0000"), false },
{ LIT("21 Nov 2026 12:00:00 +"), false },
{ LIT("21 Nov 2026 12:00:00 GMT+1"), false },
{ LIT("21 Nov 2026 12:00:00 +0000 x"), false },
{ LIT("21 Nov 2026 12:00:00 ABCDEF"), false },
{ LIT("21 Nov 2026 12:00:00 +0000 (x"), false },
{ LIT("21 Nov 2026 12:00:00 (x +0000"), false },
{ LIT("21 Nov 2026 12:00:00 +0000, 22 Nov 2026 12:00:00 +0000"), false },
{ LIT("21 Nov 2026 12:00:00 +0000\0"), false },
{ LIT("21 N\303\266v 2026 12:00:00 +0000"), false },
{ LIT("\"21 Nov 2026 12:00:00 +0000\""), false },
{ LIT("=?utf-8?q?21_Nov_2026_12=3A00=3A00_+0000?="), false },
};

int
main(void)
{
	size_t i, cut;

	table("date");
	for (i = 0; i < COUNT(rows); i++) {
		char *in = copy_of(rows[i].in, rows[i].n);

		ok(date_is_valid(in, rows[i].n) == rows[i].valid, in,
		    rows[i].n, "wanted %d", rows[i].valid);
		free(in);
	}
	/* no beginning of a date is read beyond its end */
	for (cut = 0; cut < rows[0].n; cut++) {
		char *in = copy_of(rows[0].in, cut);

		ok(!date_is_valid(in, cut), in, cut, "valid");
		free(in);
	}
	return tables_done();
}
