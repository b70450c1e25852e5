/* What -n asks of name servers, within LOOKUP_WAIT. */
#ifndef DOCTOR_LOOKUP_H
#define DOCTOR_LOOKUP_H

#include "mta/addresses.h"

#define LOOKUP_WAIT	15	/* seconds; two name servers may be dead */
#define LOOKUP_ANSWER_MAX 65536	/* octets */

enum lookup {
	LOOKUP_FOUND,
	LOOKUP_NO_NAME,		/* NXDOMAIN */
	LOOKUP_NO_DATA,		/* the name has no record of that type */
	LOOKUP_FAILED		/* no answer, or SERVFAIL */
};

/* The answer as it came into buf, which takes LOOKUP_ANSWER_MAX octets. */
enum lookup lookup_records(const char *name, int type, unsigned char *buf,
    size_t *n);

/* As addresses_find(); EAI_AGAIN also if it took too long. */
int lookup_addresses(struct addresses *, const char *host, unsigned port);

#endif
