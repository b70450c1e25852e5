#include <sys/wait.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stopped.h"

static struct stopped {
	pid_t pid;
	int64_t due;	/* clock_ms() */
} *stopped;
static size_t count;

static void
forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (stopped[i].pid == pid)
			stopped[i--] = stopped[--count];
}

bool
stopped_note(pid_t pid, int status)
{
	struct stopped *more;

	if (count > 0)
		forget(pid);
	if (!WIFSTOPPED(status))
		return WIFCONTINUED(status);
	more = reallocarray(stopped, count + 1, sizeof(*more));
	if (more == NULL)
		return true;	/* then it may stay */
	stopped = more;
	stopped[count].pid = pid;
	stopped[count++].due = clock_ms() + STOPPED_LIMIT;
	return true;
}

static struct stopped *
next_due(void)
{
	struct stopped *next = stopped;
	size_t i;

	for (i = 1; i < count; i++)
		if (stopped[i].due < next->due)
			next = &stopped[i];
	return count == 0 ? NULL : next;
}

int
stopped_wait(void)
{
	const struct stopped *next = next_due();
	int64_t left;

	if (next == NULL)
		return -1;
	left = next->due - clock_ms();
	return left < 0 ? 0 : (int)left;
}

pid_t
stopped_kill(void)
{
	const struct stopped *next = next_due();
	pid_t pid;

	if (next == NULL || next->due > clock_ms())
		return 0;
	pid = next->pid;
	forget(pid);
	log_event(NULL, "stopped", "pid %ld was stopped and did not go on, it "
	    "is killed", (long)pid);
	kill(pid, SIGKILL);
	return pid;
}
