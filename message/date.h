/*
 * The Date field (RFC 5322 3.3), with the obsolete forms of 4.3 that old
 * clients write. Pure. (An IMAP URL's EXPIRE, imap/text.h, is another
 * grammar.)
 */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is the field's value a date that can be read? The day must be in the
 * month; that the name of the day is the right one is not looked at, for a
 * wrong one does no harm.
 */
bool date_is_valid(const char *value, size_t n);

#endif
