/*
 * The header section of a message (RFC 5322 2.1, 2.2, 3.6): where it ends,
 * and the fields in it. Pure; works on the octets gathered so far, whose
 * lines end in CRLF.
 */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct header {
	size_t scanned;	/* complete lines looked at so far */
	size_t len;	/* of the fields, valid once complete */
	bool complete;
	bool blank_missing;	/* a line that is no field ended it */
	unsigned received;	/* Received fields (RFC 5321 6.3) */
};

/*
 * Looks at the lines that came since the last call; final says that no more
 * will come. Sets complete at the blank line, at a line that is no field, or
 * at the end.
 */
void header_scan(struct header *, const char *buf, size_t n, bool final);

/* A field with all its folded lines, CRLF included */
struct field {
	const char *start;	/* of the name */
	size_t len, name_len;
	const char *value;	/* keeps its folding, without the last CRLF */
	size_t value_len;
};

/* The field at *pos (start with 0), which is moved on; false at the end. */
bool header_next(const char *buf, size_t len, size_t *pos, struct field *);

/* In any case of letters */
bool field_is(const struct field *, const char *name);

/*
 * Finds the next field of that name at or behind *pos (start with 0); the
 * value keeps its folding, without the last CRLF. False if there is none.
 */
bool header_find(const char *buf, size_t len, const char *name, size_t *pos,
    const char **value, size_t *value_len);

#endif
