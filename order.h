/*
 * What the monitor tells a relay process, and what that reports back; packed
 * and unpacked in one file, so that the two cannot drift apart.
 */
#ifndef ORDER_H
#define ORDER_H

#include <sys/socket.h>

#include "smtpsubmitd.h"

#define ADDRESSES_MAX	4	/* of one relay that are tried */
#define LOGIN_SIZE	256	/* the relay's user and password */

struct addresses {
	unsigned n;
	struct sockaddr_storage ss[ADDRESSES_MAX];
	socklen_t len[ADDRESSES_MAX];
};

struct order {
	char user[USER_SIZE];
	char senders[SENDERS_SIZE];	/* "" : the login itself, "*": any */
	char id[SESSION_ID_SIZE];
	char client[CLIENT_SIZE];
	char relay_user[LOGIN_SIZE], relay_password[LOGIN_SIZE];
	struct addresses addresses[ROUTES_MAX];
};

struct report {
	struct ehlo ehlo;
	struct addresses addresses[ROUTES_MAX];
};

size_t order_pack(const struct order *, void *buf, size_t size);
bool order_unpack(struct order *, const void *buf, size_t len);
size_t report_pack(const struct report *, void *buf, size_t size);
bool report_unpack(struct report *, const void *buf, size_t len);

#endif
