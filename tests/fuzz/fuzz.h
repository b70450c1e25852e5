/*
 * For the harnesses: cuts the input at NULs or line ends, and dies aloud.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MUST(truth) do {						\
	if (!(truth)) {							\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,	\
		    __LINE__, #truth);					\
		abort();						\
	}								\
} while (0)

/* A copy that ends where the octets end, NUL-terminated if asked for. */
static inline char *
exact(const void *p, size_t n, bool terminated)
{
	char *copy = malloc(n + terminated + (n + terminated == 0));

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	if (terminated)
		copy[n] = '\0';
	return copy;
}

/* The octets up to the next sep, which is skipped; false at the end. */
static inline bool
next_part(const uint8_t **p, size_t *left, uint8_t sep, const uint8_t **part,
    size_t *n)
{
	const uint8_t *at;

	if (*left == 0)
		return false;
	at = memchr(*p, sep, *left);
	*part = *p;
	*n = at == NULL ? *left : (size_t)(at - *p);
	*p += *n + (at != NULL);
	*left -= *n + (at != NULL);
	return true;
}

static inline bool
is_printable(const char *p, size_t n)
{
	for (; n > 0; n--, p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

#endif
