#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "children.h"

static struct {
	struct child *child;
	size_t n, size;
} table;

static struct child *
new_child(void)
{
	struct child *more;

	if (table.n == table.size) {
		table.size = table.size == 0 ? 64 : table.size * 2;
		more = reallocarray(table.child, table.size, sizeof(*more));
		if (more == NULL)
			fatal("nursery: out of memory");
		table.child = more;
	}
	return &table.child[table.n];
}

static void
child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t
children_birth(enum role role, const char *client)
{
	struct child *child = new_child();
	pid_t pid = fork();

	if (pid == 0)
		child_signals();
	if (pid <= 0)
		return pid;
	child->pid = pid;
	child->role = role;
	child->condemned = false;
	table.n++;
	if (role == ROLE_SESSION)
		census_add(pid, client);
	return pid;
}

struct child *
children_find(pid_t pid)
{
	size_t i;

	for (i = 0; i < table.n; i++)
		if (table.child[i].pid == pid)
			return &table.child[i];
	return NULL;
}

bool
children_remove(pid_t pid, struct child *was)
{
	struct child *child = children_find(pid);

	if (child == NULL)
		return false;
	*was = *child;
	*child = table.child[--table.n];
	if (was->role == ROLE_SESSION)
		census_remove(pid);
	return true;
}

size_t
children_count(void)
{
	return table.n;
}
