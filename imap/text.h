/*
 * Small text helpers of the IMAP side, all pure: UTF-8, the mailbox names of
 * the wire (modified UTF-7), quoted strings, and RFC 3339 times.
 */
#ifndef IMAP_TEXT_H
#define IMAP_TEXT_H

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
 * A mailbox name in UTF-8 as IMAP4rev1 wants it (RFC 3501 section 5.1.3).
 * False if it is not UTF-8 or dst is too small; dst is terminated.
 */
bool utf7_from_utf8(char *dst, size_t size, const char *src);

/* src as a quoted string, quotes included; false if it holds an octet that
   a quoted string cannot, or dst is too small. */
bool imap_quote(char *dst, size_t size, const char *src);

/*
 * A whole RFC 3339 date-time, as seconds since 1970; -1 and *when untouched
 * if it is none.
 */
int date_parse(const char *s, size_t len, int64_t *when);

#endif
