/*
 * What a submission's header must be like: the fields that may stand once
 * only (RFC 5322 3.6), and who may be its author (RFC 6409 6.1, 8.1). Pure.
 */
#ifndef MESSAGE_CHECK_H
#define MESSAGE_CHECK_H

#include <stddef.h>

#include "smtp/path.h"

#define LOOP_MAX 50	/* Received fields, as Postfix has it */

enum check_status {
	CHECK_OK,
	CHECK_TWICE,		/* a field that may stand once; its name */
	CHECK_MALFORMED,	/* From or Sender; its name */
	CHECK_NO_SENDER,	/* several authors and no Sender */
	CHECK_NOT_ALLOWED	/* not the user's address; the address */
};

/*
 * header is len octets of complete fields. user, domain and senders as for
 * policy_allows(). what is filled when the status is not CHECK_OK.
 */
enum check_status check_header(const char *header, size_t len,
    const char *user, const char *domain, const char *senders,
    char what[ADDRESS_MAX + 1]);

#endif
