/*
 * The dialogue with the IMAP server for one URL: what was decided is asked
 * for, and the content goes into the relay's channel as it comes.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/connection.h"
#include "imap/policy.h"

struct imap_job {
	/* the order */
	const struct imap_choice *choice;
	const struct imap_url *url;
	const char *text;	/* the URL itself, text_len octets */
	size_t text_len;
	const char *user;	/* the authenticated one */
	uint64_t limit;
	int relay;		/* takes E_BODY frames */
	int timeout;		/* ms the relay may take for one frame */
	struct imap_wait wait;

	/* the outcome besides the verdict */
	uint64_t sent;		/* octets put into the relay's channel */
	bool gone;		/* our own channels have closed: end */
	bool lost;		/* the connection died under us */
	char why[320];		/* our words, no text of the server's */
};

/*
 * Uses the connection if it leads to the right server as the right user,
 * else a new one takes its place. It stays open only after FETCH_OK.
 */
enum fetch_verdict imap_fetch(struct imap_job *, struct imap_connection *);

#endif
