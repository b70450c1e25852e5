/*
 * For the tables of tests/unit: counts the cases of a table, keeps what is
 * to be said about those that failed, and prints one line a table.
 *
 *	table("path");
 *	ok(used == row->used, row->in, row->len, "used %zu", used);
 *	...
 *	return tables_done();
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
/* A literal that may hold NULs, and its length */
#define LIT(s)		(s), sizeof(s) - 1

static struct {
	const char *name;
	unsigned cases, failed, tables_failed;
	FILE *words;
	char *text;
	size_t len;
} unit;

static inline void
table_end(void)
{
	if (unit.name == NULL)
		return;
	fclose(unit.words);
	if (unit.failed == 0) {
		printf("ok - unit/%s (%u cases)\n", unit.name, unit.cases);
	} else {
		printf("not ok - unit/%s (%u of %u cases failed)\n%s",
		    unit.name, unit.failed, unit.cases, unit.text);
		unit.tables_failed++;
	}
	free(unit.text);
	unit.name = NULL;
}

static inline void
table(const char *name)
{
	table_end();
	unit.name = name;
	unit.cases = unit.failed = 0;
	unit.text = NULL;
	unit.words = open_memstream(&unit.text, &unit.len);
	if (unit.words == NULL)
		abort();
}

static inline int
tables_done(void)
{
	table_end();
	return unit.tables_failed > 0;
}

/* Octets as they can be written in C */
static inline void
say_octets(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < 200; i++)
		if (p[i] == '\r' || p[i] == '\n')
			fprintf(unit.words, "\\%c", p[i] == '\r' ? 'r' : 'n');
		else if (p[i] < ' ' || p[i] > '~')
			fprintf(unit.words, "\\%03o", (unsigned char)p[i]);
		else
			fputc(p[i], unit.words);
	if (i < n)
		fprintf(unit.words, "... (%zu octets)", n);
}

/* One case: what went in, and what is wrong if it is not good. */
__attribute__((format(printf, 4, 5)))
static inline bool
ok(bool good, const char *in, size_t n, const char *fmt, ...)
{
	va_list ap;

	unit.cases++;
	if (good)
		return true;
	if (++unit.failed > 20)
		return false;
	fputs("# ", unit.words);
	say_octets(in, n);
	fputs("\n#    ", unit.words);
	va_start(ap, fmt);
	vfprintf(unit.words, fmt, ap);
	va_end(ap);
	fputc('\n', unit.words);
	return false;
}

/* The case must give these octets. */
static inline bool
ok_octets(const char *in, size_t in_len, const char *got, size_t got_len,
    const char *want, size_t want_len)
{
	bool good = got_len == want_len &&
	    (got_len == 0 || memcmp(got, want, got_len) == 0);

	if (ok(good, in, in_len, "wanted, got:") || unit.failed > 20)
		return good;
	fputs("#      ", unit.words);
	say_octets(want, want_len);
	fputs("\n#      ", unit.words);
	say_octets(got, got_len);
	fputc('\n', unit.words);
	return false;
}

static inline bool
ok_string(const char *in, const char *got, const char *want)
{
	return ok_octets(in, strlen(in), got, strlen(got), want,
	    strlen(want));
}

/* An exact copy on the heap, so that a sanitizer sees each octet too far. */
static inline char *
copy_of(const char *p, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* The same numbers in each run, so that a failure comes again. */
static inline unsigned
draw(unsigned below)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % below;
}

#endif
