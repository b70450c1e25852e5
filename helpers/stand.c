#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ipc.h"
#include "helpers/stand.h"

#define MESSAGE_FD 3
#define REPLY_FD   4
#define AT_ONCE	   64 /* logins; more are refused as too many */
#define TEMPORARY  (111 << 8)

static struct {
	int channel;
	struct login {
		pid_t pid; /* 0: the place is free */
		uint32_t ticket;
	} logins[AT_ONCE];
} stand;

static void
note_child(int sig)
{
	(void)sig; /* it only has to end ppoll(2) */
}

static void
watch_children(void)
{
	struct sigaction sa = { .sa_handler = note_child };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL); /* but in ppoll(2) */
	(void)sigaction(SIGCHLD, &sa, NULL);
}

static void
forget_children(void)
{
	sigset_t none;

	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Nobody to hear it: no more logins either. */
static void
say(enum helper_word word, uint32_t ticket, int status)
{
	unsigned char buf[8];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	if (word == HELPER_ENDED) {
		pack_u32(&pack, ticket);
		pack_u32(&pack, (uint32_t)status);
	}
	if (ipc_send(stand.channel, word, 0, pack.buf, pack.len, -1) == -1)
		_exit(0);
}

static struct login *
find(pid_t pid)
{
	size_t i;

	for (i = 0; i < AT_ONCE; i++)
		if (stand.logins[i].pid == pid)
			return &stand.logins[i];
	return NULL;
}

/* True in the new process, of whose group the caller's kill(2) is. */
static int
is_born(uint32_t ticket)
{
	struct login *login = find(0);
	pid_t pid = login == NULL ? -1 : fork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)close(stand.channel);
		forget_children();
		return 1;
	}
	if (pid == -1) {
		say(HELPER_ENDED, ticket, TEMPORARY);
		return 0;
	}
	login->pid = pid;
	login->ticket = ticket;
	return 0;
}

/*
 * What a login would do first, once for all: the heap's beginning, the
 * linker's look-ups.
 */
static void
warm_up(void)
{
	const char *client = getenv("TCPREMOTEIP");

	(void)setenv("TCPREMOTEIP", client == NULL ? "" : client, 1);
}

static void
bury(void)
{
	struct login *login;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if ((login = find(pid)) != NULL) {
			login->pid = 0;
			say(HELPER_ENDED, login->ticket, status);
		}
}

/* 3 and 4 are free here: they were the first login's. */
static int
place(int fd)
{
	if (fd != MESSAGE_FD &&
	    (dup2(fd, MESSAGE_FD) == -1 || close(fd) == -1))
		return -1;
	return dup2(MESSAGE_FD, REPLY_FD);
}

/* True in the process that is to see to it. */
static int
take_login(struct frame *frame)
{
	char client[64];
	struct unpack unpack;
	uint32_t ticket;
	int born;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	unpack_string(&unpack, client, sizeof(client));
	if (!unpack_done(&unpack) || frame->fd == -1)
		_exit(2);
	born = is_born(ticket);
	if (born && (place(frame->fd) == -1 ||
	    setenv("TCPREMOTEIP", client, 1) == -1))
		_exit(TEMPORARY >> 8);
	if (!born)
		(void)close(frame->fd);
	return born;
}

static void
kill_login(const struct frame *frame)
{
	struct unpack unpack;
	uint32_t ticket;
	size_t i;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	for (i = 0; i < AT_ONCE; i++)
		if (stand.logins[i].pid != 0 &&
		    stand.logins[i].ticket == ticket)
			(void)kill(-stand.logins[i].pid, SIGKILL);
}

/* True in a process that has a login. */
static int
hear(void)
{
	static struct frame frame;
	int n;

	while ((n = ipc_recv(stand.channel, &frame)) == 1)
		if (frame.type == HELPER_KILL)
			kill_login(&frame);
		else if (frame.type != HELPER_LOGIN)
			_exit(2);
		else if (take_login(&frame))
			return 1;
	if (n == 0)
		_exit(0); /* we are not wanted any more */
	return 0;
}

void
stand_by(void)
{
	const char *channel = getenv(HELPER_CHANNEL);
	struct pollfd pfd = { .events = POLLIN };
	sigset_t none;

	if (channel == NULL)
		return;
	pfd.fd = stand.channel = atoi(channel);
	(void)unsetenv(HELPER_CHANNEL);
	sigemptyset(&none);
	watch_children();
	warm_up();
	say(HELPER_STAYS, 0, 0);
	if (is_born(0))
		return;
	(void)close(MESSAGE_FD);
	(void)close(REPLY_FD);
	for (;;) {
		bury();
		if (ppoll(&pfd, 1, NULL, &none) == 1 && hear())
			return;
	}
}
