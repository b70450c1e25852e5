/*
 * Reading the answer of a name server (RFC 1035 section 4). Pure.
 */
#ifndef DOCTOR_RECORDS_H
#define DOCTOR_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/* RFC 1035 3.2.2, RFC 2782 */
enum record_type {
	RECORD_MX = 15,
	RECORD_TXT = 16,
	RECORD_SRV = 33
};

struct record {
	unsigned priority;	/* SRV; MX: the preference */
	unsigned weight, port;	/* SRV */
	char name[1025];	/* SRV, MX: the target, without the last dot */
	char text[1025];	/* TXT: the strings joined, printable, cut */
};

/*
 * Takes the answer section's records of that type and class IN; others, such
 * as CNAME, are passed over. Returns how many of at most max, or -1 if the
 * message is malformed.
 */
int records_read(const unsigned char *message, size_t n, enum record_type,
    struct record *, size_t max);

#endif
