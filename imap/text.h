/*
 * Small text helpers of the IMAP side, all pure: the mailbox names of the
 * wire (modified UTF-7) and quoted strings.
 */
#ifndef IMAP_TEXT_H
#define IMAP_TEXT_H

#include "base/text.h"

/*
 * A mailbox name in UTF-8 as IMAP4rev1 wants it (RFC 3501 section 5.1.3).
 * False if it is not UTF-8 or dst is too small; dst is terminated.
 */
bool utf7_from_utf8(char *dst, size_t size, const char *src);

/* src as a quoted string, quotes included; false if it holds an octet that
   a quoted string cannot, or dst is too small. */
bool imap_quote(char *dst, size_t size, const char *src);

#endif
