/*
 * Running a helper program for one login: login and secret by descriptor 3,
 * its answer by descriptor 4, the verdict by its exit code. Programs of ours
 * stay for more (standing.h); every other one is started each time.
 */
#ifndef HELPER_H
#define HELPER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iovec;
struct standing;

/* status is that of waitpid(2); the run may be freed. */
typedef void (*helper_ended)(void *arg, int status);

struct helper_run {
	LIST_ENTRY(helper_run) entry;
	struct standing *by;	/* NULL: a process of its own ... */
	pid_t pid;		/* ... or the first of one that may stay */
	uint32_t ticket;
	unsigned kills;
	int ask, answer;	/* our ends; the latter does not block */
	helper_ended ended;
	void *arg;
};

/*
 * Starts a run of argv for that client and tells it what is in the iovecs,
 * which must fit a pipe, or 64 KB with large. 0, or an errno: then there is
 * no run. may_stay: there are to be more runs of this very argv.
 */
struct helper_what {
	char *const *argv;
	const char *id, *client;	/* of the session; the id is logged */
	bool may_stay, large;
	const struct iovec *iov;
	int n_iov;
};
int helper_start(struct helper_run *, const struct helper_what *);

/*
 * It takes too long. Told again, if that was of no use, the program that
 * stayed is killed itself.
 */
void helper_kill(struct helper_run *);

/* To be called for each child that ended; false: not one of ours. */
bool helper_child_ended(pid_t, int status);

#endif
