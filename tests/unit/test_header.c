/*
 * message/header.c: where the header ends and what is in it (RFC 5322 2.1,
 * 2.2, 3.6, 4.5.8 for blanks before the colon).
 */
#include "message/header.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in;
	size_t n;
	bool final, complete;
	size_t len;
	bool blank_missing;
	unsigned received;
} rows[] = {
{ LIT("A: b\r\n\r\ntext\r\n"), false, true, 6, false, 0 },
{ LIT("A: b\r\n\r\n"), false, true, 6, false, 0 },
{ LIT("A: b\r\n"), false, false, 0, false, 0 },
{ LIT("A: b\r\n"), true, true, 6, true, 0 },
{ LIT("A: b\r\nC:"), false, false, 0, false, 0 },
{ LIT("A: b\r\n\r"), false, false, 0, false, 0 },
{ LIT("\r\ntext\r\n"), false, true, 0, false, 0 },
{ LIT(""), false, false, 0, false, 0 },
{ LIT(""), true, true, 0, true, 0 },
{ LIT("A:\r\n\r\n"), false, true, 4, false, 0 },
{ LIT("A: b\r\n c\r\n\td\r\nE: f\r\n\r\n"), false, true, 20, false, 0 },
{ LIT("A: b\r\n \r\nE: f\r\n\r\n"), false, true, 15, false, 0 },
{ LIT("A : b\r\nB\t \t: c\r\n\r\n"), false, true, 16, false, 0 },
{ LIT("!#$%&'*+-/=?^_`{|}~;,.()<>@[]\\\": b\r\n\r\n"), false, true, 36,
  false, 0 },
{ LIT("A::b\r\n\r\n"), false, true, 6, false, 0 },
/* a line that is no field */
{ LIT("text\r\n"), false, true, 0, true, 0 },
{ LIT("A: b\r\ntext\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\n: c\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\nA b: c\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\nFrom x Mon Jan 1 00:00:00\r\n"), false, true, 6, true, 0 },
{ LIT("From x Mon Jan 1 00:00:00\r\nA: b\r\n\r\n"), false, true, 0, true,
  0 },
{ LIT(" folded\r\nA: b\r\n\r\n"), false, true, 0, true, 0 },
{ LIT("\tA: b\r\n\r\n"), false, true, 0, true, 0 },
{ LIT("A: b\r\nC\303\266: d\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\nC\177: d\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\nC\0: d\r\n\r\n"), false, true, 6, true, 0 },
{ LIT("A: b\r\n.\r\n\r\n"), false, true, 6, true, 0 },
/* two octets, and not CR LF: of binary messages only */
{ LIT("x\nFrom: b\r\n\r\n"), false, true, 0, true, 0 },
{ LIT("A: b\r\n\0\nC: d\r\n\r\n"), false, true, 6, true, 0 },
/* Received */
{ LIT("Received: x\r\n\r\n"), false, true, 13, false, 1 },
{ LIT("received:x\r\nRECEIVED : y\r\n\r\n"), false, true, 26, false, 2 },
{ LIT("Receive: x\r\nReceived-SPF: y\r\nX-Received: z\r\n\r\n"), false,
  true, 44, false, 0 },
{ LIT("A: b\r\n Received: c\r\n\r\nReceived: d\r\n"), false, true, 20,
  false, 0 },
};

static void
compare(size_t i, const struct header *h, size_t step)
{
	const char *in = rows[i].in;
	size_t n = rows[i].n;

	if (!ok(h->complete == rows[i].complete, in, n, "complete %d, by %zu",
	    h->complete, step) || !h->complete)
		return;
	ok(h->len == rows[i].len, in, n, "%zu octets, by %zu", h->len, step);
	ok(h->blank_missing == rows[i].blank_missing, in, n,
	    "blank_missing %d", h->blank_missing);
	ok(h->received == rows[i].received, in, n, "%u Received",
	    h->received);
}

/* More and more of it, as a relay sees it come */
static void
try_row(size_t i, size_t step)
{
	struct header header = { 0 };
	size_t have = 0, n = rows[i].n;
	char *in;

	do {
		have = have + step < n ? have + step : n;
		in = copy_of(rows[i].in, have);
		header_scan(&header, in, have, rows[i].final && have == n);
		free(in);
	} while (have < n);
	compare(i, &header, step);
}

#define H "From: a\r\nfrom : b\r\n c\r\nX: d\r\n From: e\r\nFROM:\r\n" \
    "From-X: f\r\nXFrom: g\r\nFrom:  h \r\n"

static const struct {
	const char *name;
	const char *values;	/* each in brackets, one behind the other */
} finds[] = {
{ "From", "[ a][ b\r\n c][][  h ]" },
{ "FROM", "[ a][ b\r\n c][][  h ]" },
{ "X", "[ d\r\n From: e]" },
{ "From-X", "[ f]" },
{ "Fro", "" },
{ "From:", "" },
{ "To", "" },
};

static void
try_find(size_t i)
{
	char *in = copy_of(LIT(H)), got[200] = "";
	size_t pos = 0, n, len = 0;
	const char *value;

	while (header_find(in, sizeof(H) - 1, finds[i].name, &pos, &value,
	    &n))
		len += (size_t)snprintf(got + len, sizeof(got) - len,
		    "[%.*s]", (int)n, value);
	ok_string(finds[i].name, got, finds[i].values);
	free(in);
}

/* At the very end: no line end, no value, nothing */
static void
try_ends(void)
{
	static const char *const ends[] = { "", "A", "A:", "A: ", "A: b",
		"A: b\r", "A: b\r\n", "A: b\r\n ", "A :", "\r\n", "\n", ":",
		" ", " A: b" };
	const char *value;
	size_t i, pos, n;

	for (i = 0; i < COUNT(ends); i++) {
		char *in = copy_of(ends[i], strlen(ends[i]));
		bool found;

		pos = 0;
		found = header_find(in, strlen(ends[i]), "A", &pos, &value,
		    &n);
		ok(found == (ends[i][0] == 'A' && strchr(ends[i], ':') !=
		    NULL), ends[i], strlen(ends[i]), "found %d", found);
		if (found)
			ok(value >= in && value + n <= in + strlen(ends[i]),
			    ends[i], strlen(ends[i]), "value outside");
		free(in);
	}
}

int
main(void)
{
	size_t i, step;

	table("header: its end");
	for (i = 0; i < COUNT(rows); i++) {
		for (step = 1; step < 12; step++)
			try_row(i, step);
		try_row(i, rows[i].n + 1);
	}
	table("header: fields found");
	for (i = 0; i < COUNT(finds); i++)
		try_find(i);
	try_ends();
	return tables_done();
}
