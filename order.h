/*
 * What the monitor tells a relay process, and what that reports back; packed
 * and unpacked in one file, so that the two cannot drift apart.
 */
#ifndef ORDER_H
#define ORDER_H

#include "mta/addresses.h"
#include "smtpsubmitd.h"

#define LOGIN_SIZE	256	/* the relay's user and password */
#define TOKEN_SIZE	8192	/* ... a token in its place */

struct order {
	char user[USER_SIZE];
	char senders[SENDERS_SIZE];	/* "" : the login itself, "*": any */
	char id[SESSION_ID_SIZE];
	char client[CLIENT_SIZE];
	uint64_t max_size;		/* of a message, 0: as configured */
	char relays[RELAYS_SIZE];	/* URLs, "" : the configured ones */
	uint32_t last;			/* bits of those to be tried last */
	bool relay_token;	/* the password is a token */
	char relay_user[LOGIN_SIZE], relay_password[TOKEN_SIZE];
	struct addresses addresses[ROUTES_MAX];
};

struct report {
	struct ehlo ehlo;
	uint32_t failed;		/* bits of those tried in vain */
	struct addresses addresses[ROUTES_MAX];
};

void ehlo_pack(struct pack *, const struct ehlo *);
/* The unpacker turns bad if it is not as an EHLO answer could make it. */
void ehlo_unpack(struct unpack *, struct ehlo *);
size_t order_pack(const struct order *, void *buf, size_t size);
bool order_unpack(struct order *, const void *buf, size_t len);
size_t report_pack(const struct report *, void *buf, size_t size);
bool report_unpack(struct report *, const void *buf, size_t len);

#endif
