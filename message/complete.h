/*
 * The header that goes on to the next server: what the client's lacks is
 * added (RFC 6409 8.1 to 8.3, 4.2), what is nobody else's business taken
 * out, all other octets stay as they are. Pure; gathers nothing.
 */
#ifndef MESSAGE_COMPLETE_H
#define MESSAGE_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "message/check.h"
#include "message/header.h"
#include "message/trace.h"

#define COMPLETE_OWN_MAX (TRACE_MAX + sizeof(struct check) + 32)

/*
 * Writes those of From, Sender, Date and Message-ID that a header which
 * check_header() has found good lacks, or has so malformed that they are of
 * no use. Returns their length, below COMPLETE_OWN_MAX; each ends in CRLF.
 */
size_t complete_own(const char *header, size_t len, const struct check *,
    const struct trace *, time_t now, char buf[COMPLETE_OWN_MAX]);

/* Takes the next octets of the header. */
typedef void complete_sink(void *arg, const char *p, size_t n);

/*
 * Gives out the client's fields: without Bcc, Resent-Bcc, Return-Path and
 * what complete_own() replaces; addresses without a domain get the one given,
 * unless it is "".
 */
void complete_rest(const char *header, size_t len, const char *domain,
    complete_sink *, void *arg);

/* Is it a field of addresses, which must have domains? */
bool complete_has_addresses(const struct field *);

#endif
