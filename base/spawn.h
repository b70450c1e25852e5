/*
 * Starting another program, with default signals and the descriptors that
 * are listed. All others of ours are close-on-exec.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#define SPAWN_FDS_MAX 40

struct spawn {
	char *const *argv, *const *env;	/* argv[0] is the path */
	bool own_group;			/* so that it can be killed whole */
	bool own_stdio;			/* 0: /dev/null, 1: where our 2 goes */
	bool sibling;			/* a child of our parent; Linux only */
	size_t n_fds;
	int from[SPAWN_FDS_MAX];	/* become the child's ... */
	int to[SPAWN_FDS_MAX];		/* below SPAWN_FDS_MAX */
};

/*
 * Fills pid and returns 0, or an errno. The descriptors may overlap with
 * their targets.
 */
int spawn(const struct spawn *, pid_t *pid);

#endif
