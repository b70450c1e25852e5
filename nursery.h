/*
 * What the files of the nursery share: nursery.c has the loop, the deaths and
 * the monitor's words, welcome.c the connections, children.c the table of the
 * processes born.
 */
#ifndef NURSERY_H
#define NURSERY_H

#include <sys/socket.h>

#include "smtpsubmitd.h"

extern struct nursery_state {
	struct service *service;
	struct socket_set sockets;
	int monitor;
	bool serving, stopping;
	bool out_of_breath;	/* accepts nothing for a moment */
	bool told_so;		/* since the last that could be accepted */
	int64_t reaped;		/* clock_ms() of the last death seen, or 0 */
} nursery;

/* To the monitor; without one the nursery ends. */
void nursery_tell(uint16_t type, const struct pack *, int fd);
/* Buries those that have ended, which count no more then. */
void nursery_reap(void);

/* Takes the descriptor; TLS begins at once or when the client asks for it. */
void welcome(int fd, const struct sockaddr_storage *, bool tls);
/*
 * As many connections of that client are more than there may be. A proxy's
 * clients are counted by themselves, when it has named them.
 */
bool is_too_many(const char *client, size_t same);

#endif
