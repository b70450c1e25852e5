/*
 * The addresses of a From or Sender field (RFC 5322 3.4, with the obsolete
 * forms of 4.4 that real clients write). Pure.
 */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "smtp/path.h"

enum address_status {
	ADDRESS_ONE,	/* address was filled */
	ADDRESS_END,
	ADDRESS_BAD	/* not an address list; groups count as bad here */
};

/*
 * Takes the next address of the list from *p on, up to end: comments, folding
 * and needless quotes removed, so that it can be compared; it has no domain
 * if the field gives none. Start with *p at the field's value.
 */
enum address_status address_next(const char **p, const char *end,
    char address[ADDRESS_MAX + 1]);

#endif
