/*
 * What a submission's header must be like: the fields that may stand once
 * only (RFC 5322 3.6), who may be its author (RFC 6409 6.1, 6.3), and that
 * addresses have a domain (4.2). Pure.
 */
#ifndef MESSAGE_CHECK_H
#define MESSAGE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "smtp/path.h"

#define LOOP_MAX 50	/* Received fields, as Postfix has it */

/* An address with a domain added, and a NUL */
#define WHOLE_ADDRESS_SIZE (ADDRESS_MAX + 1 + DOMAIN_MAX + 1)

/* Who sends it; user, domain and senders as for policy_allows(). */
struct author {
	const char *user, *domain, *senders;
	const char *from;	/* of the envelope, "" for the null sender */
	bool utf8;	/* addresses may hold UTF-8, RFC 6532 3.2 */
};

enum check_status {
	CHECK_OK,
	CHECK_TWICE,		/* a field that may stand once; its name */
	CHECK_MALFORMED,	/* From, Sender or Resent-; its name */
	CHECK_UNQUALIFIED,	/* an address lacks its domain; the field */
	CHECK_NO_FROM,		/* and no envelope sender to make one of */
	CHECK_NO_SENDER,	/* several authors, and who of them it was? */
	CHECK_NOT_ALLOWED	/* not the user's address; the address */
};

struct check {
	char what[ADDRESS_MAX + 1];	/* if it is not CHECK_OK */
	/* what message/complete.h is to add, or "" */
	char from[ADDRESS_MAX + 1];
	char sender[WHOLE_ADDRESS_SIZE];
};

/* header is len octets of complete fields. */
enum check_status check_header(const char *header, size_t len,
    const struct author *, struct check *);

#endif
