#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

#ifdef __linux__
#define STACK_SIZE (64 * 1024)

struct birth_of_sibling {
	const struct spawn *spawn;
	const int *copies;
	int error;
};

/* Runs in our memory while we wait, with descriptors and signals of its own. */
static int
become_sibling(void *arg)
{
	struct birth_of_sibling *birth = arg;
	const struct spawn *s = birth->spawn;
	sigset_t none;
	size_t i;

	/* exec resets handlers, but not what is ignored */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	for (i = 0; i < s->n_fds; i++)
		if (dup2(birth->copies[i], s->to[i]) == -1)
			goto failed;
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(s->argv[0], s->argv, s->env);
failed:
	birth->error = errno;
	_exit(127);
}

/* posix_spawn(3) for a child of our parent. */
static int
spawn_sibling(const struct spawn *s, const int *copies, pid_t *pid)
{
	struct birth_of_sibling birth = { s, copies, 0 };
	sigset_t all, before;
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return errno;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	*pid = clone(become_sibling, stack + STACK_SIZE,
	    CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, &birth);
	if (*pid == -1)
		birth.error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_SIZE);
	return birth.error;
}
#else
static int
spawn_sibling(const struct spawn *s, const int *copies, pid_t *pid)
{
	(void)s, (void)copies, (void)pid;
	return ENOSYS;
}
#endif

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
	if (error == 0 && s->sibling)
		error = spawn_sibling(s, copies, pid);
	else if (error == 0)
		error = posix_spawn(pid, s->argv[0], &actions, &attr, s->argv,
		    s->env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (i = 0; i < s->n_fds; i++)
		if (copies[i] != -1)
			close(copies[i]);
	return error;
}
