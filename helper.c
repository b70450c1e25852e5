#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/spawn.h"
#include "helpers/stand.h"
#include "sandbox/sandbox.h"
#include "helper.h"
#include "standing.h"

#define LARGE		(128 * 1024)
#define CHANNEL_FD	5
#define STRING(x)	STRING_(x)
#define STRING_(x)	#x

/* Those in a process of their own, the first of one that may stay too. */
static LIST_HEAD(, helper_run) alone;

static int
start_process(struct helper_run *run, const struct helper_what *what,
    const int fds[3])
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char proto[] = "PROTO=TCP", service[] = "SERVICE=submission";
	static char channel[] = HELPER_CHANNEL "=" STRING(CHANNEL_FD);
	char remote[80];
	char *env[] = { path, proto, service, remote,
	    fds[2] == -1 ? NULL : channel, NULL };
	struct spawn s = {
		.argv = what->argv, .env = env,
		.own_group = true, .own_stdio = true,
		.n_fds = fds[2] == -1 ? 2 : 3,
		.from = { fds[0], fds[1], fds[2] }, .to = { 3, 4, CHANNEL_FD }
	};
	int error;

	snprintf(remote, sizeof(remote), "TCPREMOTEIP=%s", what->client);
	error = spawn(&s, &run->pid);
	if (error == 0)
		sandbox_helper(run->pid);
	return error;
}

/* What is to be read by another: more than a pipe is sure to hold. */
static int
make_large(int ask[2])
{
	int size = LARGE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ask) == -1)
		return -1;
	setsockopt(ask[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(ask[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static int
make_pipes(int ask[2], int answer[2], bool large)
{
	int error;

	if ((large ? make_large(ask) : pipe2(ask, O_CLOEXEC)) == -1)
		return errno;
	if (pipe2(answer, O_CLOEXEC) == 0)
		return 0;
	error = errno;
	close(ask[0]);
	close(ask[1]);
	return error;
}

/* Pipes, since there are programs that open /dev/fd/3. */
static int
start_alone(struct helper_run *run, const struct helper_what *what,
    int channel)
{
	int ask[2], answer[2], error;

	error = make_pipes(ask, answer, what->large);
	if (error != 0)
		return error;
	error = start_process(run, what,
	    (const int[]){ ask[0], answer[1], channel });
	close(ask[0]);
	close(answer[1]);
	if (error != 0) {
		close(ask[1]);
		close(answer[0]);
		return error;
	}
	run->ask = ask[1];
	run->answer = answer[0];
	LIST_INSERT_HEAD(&alone, run, entry);
	return 0;
}

/* The first of one that may stay. */
static int
start_first(struct helper_run *run, const struct helper_what *what,
    struct standing *s)
{
	int pair[2], error;

	if (ipc_pair(pair) == -1)
		return errno;
	error = start_alone(run, what, pair[1]);
	close(pair[1]);
	if (error == 0)
		standing_watch(s, run, pair[0]);
	else
		close(pair[0]);
	return error;
}

static int
start(struct helper_run *run, const struct helper_what *what)
{
	struct standing *s = what->may_stay ? standing_find(what->argv) : NULL;

	if (s != NULL && standing_is_there(s))
		return standing_login(s, run, what->client);
	if (s != NULL && standing_may_be_asked(s))
		return start_first(run, what, s);
	return start_alone(run, what, -1);
}

/*
 * A pipe that is smaller than usual, for want of memory, must not hold us:
 * the helper then gets less than all and cannot tell.
 */
static void
tell(struct helper_run *run, const struct helper_what *what)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)what->iov,
	    .msg_iovlen = (size_t)what->n_iov };
	size_t all = 0;
	ssize_t n;
	int i;

	for (i = 0; i < what->n_iov; i++)
		all += what->iov[i].iov_len;
	if (what->large || run->ask == run->answer) {
		n = sendmsg(run->ask, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		fcntl(run->ask, F_SETFL, O_NONBLOCK);
		n = writev(run->ask, what->iov, what->n_iov);
	}
	if (n != (ssize_t)all)
		log_event(what->id, "helper-failed", "cannot write to "
		    "descriptor 3 of %s: %s", what->argv[0],
		    n == -1 ? strerror(errno) : "no room");
	if (run->ask == run->answer)
		shutdown(run->ask, SHUT_WR);
	else
		close(run->ask);
	run->ask = -1;
}

int
helper_start(struct helper_run *run, const struct helper_what *what)
{
	int error;

	run->by = NULL;
	run->pid = 0;
	run->kills = 0;
	error = start(run, what);
	if (error != 0)
		return error;
	fcntl(run->answer, F_SETFL, O_NONBLOCK);
	tell(run, what);
	return 0;
}

void
helper_kill(struct helper_run *run)
{
	if (run->by != NULL)
		standing_kill(run);
	else
		kill(-run->pid, SIGKILL);	/* its whole group */
}

bool
helper_child_ended(pid_t pid, int status)
{
	bool stayed = standing_child_ended(pid);
	struct helper_run *run;

	LIST_FOREACH(run, &alone, entry)
		if (run->pid == pid)
			break;
	if (run == NULL)
		return stayed;
	LIST_REMOVE(run, entry);
	run->ended(run->arg, status);
	return true;
}
