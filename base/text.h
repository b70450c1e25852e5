/*
 * UTF-8 (RFC 3629), times as RFC 3339 writes them, and what can be shown of
 * octets that nobody expected. Pure.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Takes one character off *p: its code point, or -1 if the octets are not
 * well-formed UTF-8 (overlong forms, surrogates, beyond U+10FFFF, cut short).
 */
int32_t utf8_next(const unsigned char **p, const unsigned char *end);

/* True if all of it is UTF-8 without control characters (C0, DEL, C1). */
bool utf8_is_clean(const char *s, size_t len);

/*
 * How they begin, for a line of the log: 60 of them, unprintable ones as '?',
 * "..." if there are more. Returns buf.
 */
#define TEXT_SHOWN 64
const char *text_show(char buf[TEXT_SHOWN], const char *octets, size_t len);

/*
 * A whole RFC 3339 date-time, as seconds since 1970; -1 and *when untouched
 * if it is none.
 */
int date_parse(const char *s, size_t len, int64_t *when);

#endif
