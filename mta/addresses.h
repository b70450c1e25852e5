/*
 * Where a server is. What was found is handed from process to process, for
 * most of them may not look up names.
 */
#ifndef MTA_ADDRESSES_H
#define MTA_ADDRESSES_H

#include <sys/socket.h>

#define ADDRESSES_MAX	4	/* of one relay that are tried */

struct addresses {
	unsigned n;
	struct sockaddr_storage ss[ADDRESSES_MAX];
	socklen_t len[ADDRESSES_MAX];
};

/* The first of them. 0, or an EAI_ code. The name servers may take long. */
int addresses_find(struct addresses *, const char *host, unsigned port);

#endif
