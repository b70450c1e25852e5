/*
 * Generations: a new monitor and nursery are exec'd with the listening
 * sockets, on SIGHUP, after a crash and after GENERATION_SIZE connections,
 * so that address layouts do not live long and a new certificate or
 * configuration is picked up. The old generation accepts until the new one
 * says that it serves, then serves its own sessions to their end.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/spawn.h"
#include "smtpsubmitd.h"

/* "ready,census,ledger,own": more descriptors, and whose the sockets are */
#define READY_VARIABLE "SMTPSUBMITD_GENERATION"
#define FIRST_FD 3

static char **command;	/* how to start the next one */
static int ready_fd = -1, census_fd = -1, ledger_fd = -1, own_sockets;
static bool successor, has_successor;

void
generation_start(char **argv)
{
	const char *fds = getenv(READY_VARIABLE);

	command = argv;
	if (fds == NULL)
		return;
	if (sscanf(fds, "%d,%d,%d,%d", &ready_fd, &census_fd, &ledger_fd,
	    &own_sockets) == 4) {
		fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
		fcntl(census_fd, F_SETFD, FD_CLOEXEC);
		fcntl(ledger_fd, F_SETFD, FD_CLOEXEC);
		successor = true;
	}
	unsetenv(READY_VARIABLE);
}

bool
generation_is_successor(void)
{
	return successor;
}

bool
generation_sockets_are_own(void)
{
	return own_sockets != 0;
}

int
generation_census(void)
{
	return census_fd;
}

int
generation_ledger(void)
{
	return ledger_fd;
}

/* sd_notify(3): a datagram to the socket that systemd names. */
static void
notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (path == NULL || strlen(path) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, strlen(path));
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, len);
	close(fd);
}

void
generation_ready(void)
{
	char text[64];

	if (ready_fd != -1) {
		if (write(ready_fd, "", 1) == -1)
			log_event(NULL, "generation", "cannot report: %s",
			    strerror(errno));
		close(ready_fd);
		ready_fd = -1;
	}
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%ld", (long)getpid());
	notify(text);
}

bool
generation_is_activated(const struct socket_set *set)
{
	return set->from_system && set->n > 0 &&
	    getenv("NOTIFY_SOCKET") != NULL;
}

void
generation_notify_stopping(void)
{
	if (!has_successor)
		notify("STOPPING=1");
}

unsigned
generation_watchdog(void)
{
	const char *us = getenv("WATCHDOG_USEC");
	const char *error = NULL;
	long long n;

	if (us == NULL || getenv("NOTIFY_SOCKET") == NULL)
		return 0;
	/* WATCHDOG_PID is that of the first generation */
	n = strtonum(us, 1, INT64_MAX, &error);
	if (error != NULL || n > 1000LL * INT_MAX)
		return 0;
	/* thrice: what is said before we are the main process is not heard */
	return n < 3000 ? 1 : (unsigned)(n / 3000);
}

void
generation_alive(void)
{
	if (!has_successor)
		notify("WATCHDOG=1");
}

static void
set_environment(const struct socket_set *set)
{
	char text[32 * SOCKETS_MAX] = "", number[48];
	size_t i;

	for (i = 0; i < set->n; i++) {
		strlcat(text, i > 0 ? ":" : "", sizeof(text));
		strlcat(text, set->tls[i] ? "submissions" : "submission",
		    sizeof(text));
	}
	setenv("LISTEN_FDNAMES", text, 1);
	snprintf(number, sizeof(number), "%zu", set->n);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%zu,%zu,%zu,%d", FIRST_FD + set->n,
	    FIRST_FD + set->n + 1, FIRST_FD + set->n + 2, !set->from_system);
	setenv(READY_VARIABLE, number, 1);
}

int
generation_next(const struct socket_set *set, const struct service *service,
    pid_t *pid)
{
	struct spawn s = { .argv = command };
	int pipefd[2], error;
	size_t i;

	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	for (i = 0; i < set->n; i++)
		s.from[i] = set->listening[i];
	s.from[i++] = pipefd[1];
	s.from[i++] = service->census;
	s.from[i++] = service->ledger;
	s.n_fds = i;
	for (i = 0; i < s.n_fds; i++)
		s.to[i] = FIRST_FD + (int)i;
	/* systemd awaits the end of its own children only, and kills others
	   at once; else our successors' successors come to us when their
	   parent ends */
	s.sibling = getenv("NOTIFY_SOCKET") != NULL;
	if (!s.sibling)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	set_environment(set);
	s.env = environ;
	error = spawn(&s, pid);
	close(pipefd[1]);
	if (error == 0)
		return pipefd[0];
	close(pipefd[0]);
	errno = error;
	return -1;
}

bool
generation_took_over(int fd, pid_t pid)
{
	char c, text[64];

	if (read(fd, &c, 1) != 1)
		return false;
	has_successor = true;
	snprintf(text, sizeof(text), "MAINPID=%ld", (long)pid);
	notify(text);
	return true;
}

/*
 * Without systemd the one who started us knows our pid: we stay and pass his
 * signals on. A later generation's pid nobody knows, it need not stay.
 */
bool
generation_must_wait(const struct service *service)
{
	return has_successor && !successor && service->foreground &&
	    getenv("NOTIFY_SOCKET") == NULL;
}

static void
signal_children(int sig)
{
	char path[64];
	int pid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
	    (long)getpid());
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fscanf(f, "%d", &pid) == 1)
		kill((pid_t)pid, sig);
	fclose(f);
}

static void
our_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

void
generation_block_signals(void)
{
	sigset_t set;

	our_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
generation_wait_for_successors(void)
{
	sigset_t set;
	int sig;

	our_signals(&set);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD)
			_exit(0);
		if (sigwait(&set, &sig) == 0 && sig != SIGCHLD)
			signal_children(sig);
	}
}
