/*
 * May this user fetch this URL, from which server, and how? Decided before
 * any connection is made. Pure.
 */
#ifndef IMAP_POLICY_H
#define IMAP_POLICY_H

#include "imap/server.h"

enum imap_method {
	IMAP_BY_URLFETCH,	/* as the submit user: URLFETCH */
	IMAP_BY_OWNER,		/* as the owner: GENURLAUTH, compare, fetch */
	IMAP_BY_USER		/* as the user: fetch, no URLAUTH in it */
};

struct imap_choice {
	const struct imap_account *account;
	enum imap_method method;
	const char *identity;	/* whom we act as; part of account or URL */
	const char *why;	/* not FETCH_OK: a constant text */
};

/*
 * FETCH_OK and the choice, or FETCH_SYNTAX, FETCH_NO_TRUST, FETCH_REFUSED.
 * text is what url was parsed from, user the authenticated one, now in
 * seconds since 1970.
 */
enum fetch_verdict imap_decide(const struct imap_url *url, const char *text,
    const struct imap_account *, size_t n, const char *user, int64_t now,
    struct imap_choice *);

#endif
