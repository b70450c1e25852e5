/* The nursery's table of the processes it has given birth to. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "smtpsubmitd.h"

struct child {
	pid_t pid;
	enum role role;
	bool condemned;		/* we have killed it */
};

/*
 * Forks a role: 0 in the child, -1 with errno. A session counts in the
 * census for its client, until it is removed.
 */
pid_t children_birth(enum role, const char *client);

/* Until the next birth or removal; NULL: not one of ours. */
struct child *children_find(pid_t);

/* It has ended; false: not one of ours. */
bool children_remove(pid_t, struct child *was);

size_t children_count(void);

#endif
