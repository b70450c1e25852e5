#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/spawn.h"
#include "helpers/stand.h"
#include "sandbox/sandbox.h"
#include "helper.h"

#define KEPT		60	/* seconds */
#define LARGE		(128 * 1024)
#define STANDING_MAX	2	/* auth and auth-token */
#define CHANNEL_FD	5
#define COULD_NOT_TELL	(111 << 8)
#define LOST		(-1)	/* a pid */
#define STRING(x)	STRING_(x)
#define STRING_(x)	#x

struct standing {
	char *const *argv;
	enum { NOT_ASKED, ASKED, STAYS, NEVER } state;
	pid_t pid;
	int channel;
	unsigned runs;
	struct event *readable, *rest;
};

static struct {
	struct event_base *base;
	const char *libexec;
	struct standing standing[STANDING_MAX];
	LIST_HEAD(, helper_run) runs;
	uint32_t ticket;
	bool leaving;
} helpers;

void
helper_init(struct event_base *base, const char *libexec)
{
	helpers.base = base;
	helpers.libexec = libexec;
}

/*
 * Another program might decide anew at each login and then become one of
 * ours: it would do so at the first one only.
 */
static bool
is_ours(const char *program)
{
	size_t n = strlen(helpers.libexec);

	if (strncmp(program, helpers.libexec, n) != 0 || program[n] != '/')
		return false;
	program += n + 1;
	return strcmp(program, "checkpassword-file") == 0 ||
	    strcmp(program, "checkpassword-pam") == 0 ||
	    strcmp(program, "checktoken-introspect") == 0;
}

static void
end_run(struct helper_run *run, int status)
{
	LIST_REMOVE(run, entry);
	if (run->by != NULL)
		run->by->runs--;
	run->ended(run->arg, status);
}

static struct helper_run *
find_run(const struct standing *by, uint32_t ticket)
{
	struct helper_run *run;

	LIST_FOREACH(run, &helpers.runs, entry)
		if (run->by == by && run->ticket == ticket)
			return run;
	return NULL;
}

/* Those that stay */

static void
close_channel(struct standing *s, int state)
{
	event_free(s->readable);
	event_free(s->rest);
	close(s->channel);
	s->state = state;
	s->pid = 0;
}

/* It ends when it sees that; another one is started when it is needed. */
static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct standing *s = arg;

	(void)fd, (void)what;
	if (s->state == STAYS && s->runs == 0)
		close_channel(s, NOT_ASKED);
}

static void
run_ended(struct standing *s, const struct frame *frame)
{
	struct timeval kept = { helpers.leaving ? 0 : KEPT, 0 };
	struct unpack unpack;
	struct helper_run *run;
	uint32_t ticket, status;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	status = unpack_u32(&unpack);
	run = find_run(s, ticket);
	if (!unpack_done(&unpack) || run == NULL)
		return;
	if (s->runs == 1)
		event_add(s->rest, &kept);
	end_run(run, (int)status);
}

/* The first run is now known to be in a process of its own, too. */
static void
helper_stays(struct standing *s)
{
	struct helper_run *run;

	if (s->state != ASKED)
		return;
	s->state = STAYS;
	LIST_FOREACH(run, &helpers.runs, entry)
		if (run->by == NULL && run->pid == s->pid) {
			run->by = s;
			run->pid = 0;
			s->runs++;
		}
}

/* False at the end of the channel. */
static bool
hear(struct standing *s)
{
	static struct frame frame;
	int n;

	while ((n = ipc_recv(s->channel, &frame)) == 1) {
		if (frame.fd != -1)
			close(frame.fd);
		if (frame.type == HELPER_STAYS)
			helper_stays(s);
		else if (frame.type == HELPER_ENDED)
			run_ended(s, &frame);
	}
	return n != 0;
}

/* Its end of the channel tells nothing: its process's end does. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct standing *s = arg;

	(void)fd, (void)what;
	if (!hear(s))
		event_del(s->readable);
}

static void
lose(struct helper_run *run)
{
	run->by = NULL;
	run->pid = LOST;
}

/* Those that it was busy with could not be told. */
static void
end_lost(void)
{
	struct helper_run *run;

	do {
		LIST_FOREACH(run, &helpers.runs, entry)
			if (run->pid == LOST)
				break;
		if (run != NULL)
			end_run(run, COULD_NOT_TELL);
	} while (run != NULL);
}

static void
standing_died(struct standing *s)
{
	struct helper_run *run;

	hear(s);
	if (s->state == ASKED) {
		close_channel(s, NEVER);
		return;
	}
	log_event(NULL, "helper-failed", "%s, which stays for all logins, "
	    "has ended", s->argv[0]);
	close_channel(s, NOT_ASKED);
	LIST_FOREACH(run, &helpers.runs, entry)
		if (run->by == s)
			lose(run);
	end_lost();
}

void
helper_leave(void)
{
	size_t i;

	helpers.leaving = true;
	for (i = 0; i < STANDING_MAX; i++)
		if (helpers.standing[i].state == STAYS &&
		    helpers.standing[i].runs == 0)
			close_channel(&helpers.standing[i], NOT_ASKED);
}

static struct standing *
find_standing(char *const *argv)
{
	size_t i;

	for (i = 0; i < STANDING_MAX; i++) {
		if (helpers.standing[i].argv == NULL)
			helpers.standing[i].argv = argv;
		if (helpers.standing[i].argv == argv)
			return &helpers.standing[i];
	}
	return NULL;
}

/* Starting */

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
	run->ask = ask[1];
	run->answer = answer[0];
	if (error == 0)
		return 0;
	close(ask[1]);
	close(answer[0]);
	return error;
}

/* The first one: it may stay. */
static int
start_standing(struct helper_run *run, const struct helper_what *what,
    struct standing *s)
{
	int pair[2], error;

	if (ipc_pair(pair) == -1)
		return errno;
	error = start_alone(run, what, pair[1]);
	close(pair[1]);
	if (error != 0) {
		close(pair[0]);
		return error;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	run->ticket = 0;
	s->state = ASKED;
	s->pid = run->pid;
	s->channel = pair[0];
	s->runs = 0;
	s->readable = event_new(helpers.base, s->channel,
	    EV_READ | EV_PERSIST, on_readable, s);
	s->rest = evtimer_new(helpers.base, on_rest, s);
	if (s->readable == NULL || s->rest == NULL)
		fatal("helper: out of memory");
	event_add(s->readable, NULL);
	return 0;
}

/* One more login for one that stays. */
static int
start_within(struct helper_run *run, const struct helper_what *what,
    struct standing *s)
{
	unsigned char buf[96];
	struct pack pack;
	int pair[2], error = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, run->ticket);
	pack_string(&pack, what->client);
	if (ipc_send(s->channel, HELPER_LOGIN, 0, buf, pack.len,
	    pair[1]) == -1)
		error = errno;
	close(pair[1]);
	if (error != 0) {
		close(pair[0]);
		return error;
	}
	run->ask = run->answer = pair[0];
	run->by = s;
	s->runs++;
	event_del(s->rest);
	return 0;
}

static int
start(struct helper_run *run, const struct helper_what *what)
{
	struct standing *s = what->may_stay && is_ours(what->argv[0]) ?
	    find_standing(what->argv) : NULL;

	if (s != NULL && s->state == STAYS)
		return start_within(run, what, s);
	if (s != NULL && s->state == NOT_ASKED && !helpers.leaving)
		return start_standing(run, what, s);
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
		log_event(NULL, "helper-failed", "cannot write to descriptor "
		    "3 of %s: %s", what->argv[0],
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
	run->ticket = ++helpers.ticket;	/* the first of one that stays: 0 */
	run->kills = 0;
	error = start(run, what);
	if (error != 0)
		return error;
	fcntl(run->answer, F_SETFL, O_NONBLOCK);
	LIST_INSERT_HEAD(&helpers.runs, run, entry);
	tell(run, what);
	return 0;
}

void
helper_kill(struct helper_run *run)
{
	unsigned char buf[4];
	struct pack pack;

	if (run->by == NULL) {
		kill(-run->pid, SIGKILL);	/* its whole group */
	} else if (run->kills++ == 0) {
		pack_start(&pack, buf, sizeof(buf));
		pack_u32(&pack, run->ticket);
		ipc_send(run->by->channel, HELPER_KILL, 0, buf, pack.len, -1);
	} else {
		kill(run->by->pid, SIGKILL);
	}
}

bool
helper_child_ended(pid_t pid, int status)
{
	struct helper_run *run;
	bool stayed = false;
	size_t i;

	for (i = 0; i < STANDING_MAX; i++)
		if (helpers.standing[i].pid == pid) {
			standing_died(&helpers.standing[i]);
			stayed = true;
		}
	LIST_FOREACH(run, &helpers.runs, entry)
		if (run->by == NULL && run->pid == pid)
			break;
	if (run != NULL)
		end_run(run, status);
	return stayed || run != NULL;
}
