/*
 * Paths of MAIL and RCPT, domains and address literals (RFC 5321 4.1.2,
 * 4.1.3; RFC 6531 3.3). Pure: no I/O, no allocation.
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define LOCAL_PART_MAX	64	/* RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX	255	/* 4.5.3.1.2 */
#define ADDRESS_MAX	(LOCAL_PART_MAX + 1 + DOMAIN_MAX)

struct path {
	char address[ADDRESS_MAX + 1];	/* local@domain, local alone, or "" */
	size_t local_len;		/* of the local part, quotes included */
	bool has_domain;
	bool utf8;	/* holds more than US-ASCII: only with SMTPUTF8 */
};

/*
 * Reads a path in angle brackets at the start of the n octets. A source
 * route is skipped (RFC 5321 appendix C). "<>" gives an empty address. Octets
 * beyond US-ASCII are taken if they are UTF-8; whether they may be there is
 * for the caller to see. U-labels are not compared with IDNA's tables.
 * Returns the octets taken, 0 if this is no path.
 */
size_t path_parse(const char *p, size_t n, struct path *);

/*
 * Completes a path without a domain, if there is one to do it with; false if
 * the result is too long.
 */
bool path_complete(struct path *, const char *domain);

/* A domain with a dot in it, or an address literal (RFC 6409 4.2). */
bool path_is_qualified(const struct path *);

/*
 * The argument of EHLO and HELO: a domain or an address literal. Lenient in
 * what real clients send (underscores, single labels), strict in the octets,
 * for it is repeated in the Received field.
 */
bool helo_is_valid(const char *p, size_t n);

#endif
