/*
 * The addresses of a field (RFC 5322 3.4, with the obsolete forms of 4.4
 * that real clients write). Pure.
 */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "smtp/path.h"

enum address_status {
	ADDRESS_ONE,	/* an address was filled */
	ADDRESS_END,
	ADDRESS_BAD	/* not an address list */
};

/*
 * Start with p and end around the field's value. With recipients it is as in
 * To and Cc: groups and source routes are read; else both are bad, for a
 * From must not say one thing to us and another to an older reader.
 */
struct address_list {
	const char *p, *end;
	bool recipients;
	bool in_group;
};

struct mailbox {
	/*
	 * Comments, folding and needless quotes removed, so that it can be
	 * compared.
	 */
	char address[ADDRESS_MAX + 1];
	const char *local_end;	/* in the field: where a domain can be put */
	bool has_domain;
};

enum address_status mailbox_next(struct address_list *, struct mailbox *);

/* A domain with a dot in it, or a literal (RFC 6409 4.2) */
bool address_is_qualified(const struct mailbox *);

/* The same as mailbox_next() for From and Sender, the address alone. */
enum address_status address_next(const char **p, const char *end,
    char address[ADDRESS_MAX + 1]);

#endif
