#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "base/spawn.h"

#define OUT_OF_THE_WAY 48

static void
default_signals(posix_spawnattr_t *attr, bool own_group)
{
	sigset_t all, none;
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setsigmask(attr, &none);
	if (own_group)
		flags |= POSIX_SPAWN_SETPGROUP;	/* of its own pid */
	posix_spawnattr_setflags(attr, flags);
}

/* Copies first: a source may be the target of another. */
static int
plan_fds(posix_spawn_file_actions_t *actions, const struct spawn *s,
    int *copies)
{
	size_t i;

	if (s->own_stdio) {
		posix_spawn_file_actions_addopen(actions, 0, "/dev/null",
		    O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(actions, 2, 1);
	}
	for (i = 0; i < s->n_fds; i++) {
		copies[i] = fcntl(s->from[i], F_DUPFD_CLOEXEC,
		    OUT_OF_THE_WAY);
		if (copies[i] == -1)
			return errno;
		if (posix_spawn_file_actions_adddup2(actions, copies[i],
		    s->to[i]) != 0)
			return ENOMEM;
	}
	return 0;
}

int
spawn(const struct spawn *s, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int copies[SPAWN_FDS_MAX], error;
	size_t i;

	memset(copies, -1, sizeof(copies));
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	default_signals(&attr, s->own_group);
	error = plan_fds(&actions, s, copies);
	if (error == 0)
		error = posix_spawn(pid, s->argv[0], &actions, &attr, s->argv,
		    s->env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (i = 0; i < s->n_fds; i++)
		if (copies[i] != -1)
			close(copies[i]);
	return error;
}
