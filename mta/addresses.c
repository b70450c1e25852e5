#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "mta/addresses.h"

int
addresses_find(struct addresses *found, const char *host, unsigned port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV }, *all, *ai;
	char service[8];
	int error;

	memset(found, 0, sizeof(*found));
	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host, service, &hints, &all);
	if (error != 0)
		return error;
	for (ai = all; ai != NULL && found->n < ADDRESSES_MAX;
	    ai = ai->ai_next) {
		memcpy(&found->ss[found->n], ai->ai_addr, ai->ai_addrlen);
		found->len[found->n++] = ai->ai_addrlen;
	}
	freeaddrinfo(all);
	return 0;
}
