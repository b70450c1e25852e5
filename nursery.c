/*
 * The nursery: accepts connections and gives birth to the processes that
 * touch the network. It was born before any secret was read and so nothing
 * in it or its children can be one. It may accept, fork, reap; it holds the
 * listening sockets and a configured TLS context without a key. It talks to
 * the monitor only.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stopped.h"
#include "base/warmup.h"
#include "sandbox/sandbox.h"
#include "children.h"
#include "nursery.h"
#include "order.h"

/* Connections taken in a row before the monitor is heard again. */
#define ACCEPT_BURST 16
/* ms in which deaths are gathered: to be woken for each one is dear. */
#define REAP_EVERY 20
/* ms in which nothing is accepted after there was no descriptor for it. */
#define BREATH 100

struct nursery_state nursery;

static volatile sig_atomic_t child_changed;

static void
note_child(int sig)
{
	(void)sig;
	child_changed = 1;
}

static void hear_monitor(void);

/*
 * The monitor may be waiting for us to take a frame: so while its channel is
 * full what it says is heard.
 */
void
nursery_tell(uint16_t type, const struct pack *pack, int fd)
{
	struct pollfd pfd = { .fd = nursery.monitor,
	    .events = POLLIN | POLLOUT };

	while (ipc_send(nursery.monitor, type, 0, pack->buf, pack->len,
	    fd) == -1) {
		if (errno != EAGAIN && errno != ENOBUFS)
			_exit(0);	/* no service without a monitor */
		if (poll(&pfd, 1, CHANNEL_WAIT) == 1 &&
		    (pfd.revents & (POLLIN | POLLHUP)))
			hear_monitor();
	}
}

static void
bury(pid_t pid, int status)
{
	unsigned char buf[32];
	struct pack pack;
	struct child child;

	if (!children_remove(pid, &child))
		return;
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)pid);
	pack_u32(&pack, (uint32_t)status);
	pack_u8(&pack, child.role);
	pack_u8(&pack, child.condemned);
	nursery_tell(N_DIED, &pack, -1);
}

void
nursery_reap(void)
{
	int status;
	pid_t pid;

	child_changed = 0;
	nursery.reaped = 0;
	while ((pid = waitpid(-1, &status, WNOHANG | STOPPED_TOO)) > 0) {
		if (stopped_note(pid, status))
			continue;
		bury(pid, status);
		nursery.reaped = clock_ms();
	}
}

static void
end_stopped(void)
{
	struct child *child;
	pid_t pid;

	while ((pid = stopped_kill()) != 0) {
		child = children_find(pid);
		if (child != NULL)
			child->condemned = true;
	}
}

/* Connections */

/* Each tenth of a second would be too often. */
static void
tell_once(const char *why)
{
	if (!nursery.told_so)
		log_event(NULL, "out-of-descriptors", "connections wait: %s; "
		    "raise LimitNOFILE or lower max-connections", why);
	nursery.told_so = true;
}

static void
accept_some(size_t i)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, burst;

	for (burst = 0; burst < ACCEPT_BURST; burst++) {
		memset(&ss, 0, sizeof(ss));
		len = sizeof(ss);
		/* getpeername(2) would not know of one that has gone again */
		fd = accept4(nursery.sockets.listening[i],
		    (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);
		if (fd == -1) {
			/* no descriptor or memory now: it would tell us so
			   again and again */
			nursery.out_of_breath = errno == EMFILE ||
			    errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM;
			if (nursery.out_of_breath)
				tell_once(strerror(errno));
			return;
		}
		nursery.told_so = false;
		welcome(fd, &ss, nursery.sockets.tls[i]);
	}
}

/* The monitor's words */

static void
begin_serving(struct frame *frame)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct unpack unpack;

	unpack_start(&unpack, frame->data, frame->len);
	ehlo_unpack(&unpack, &nursery.service->relay);
	if (!unpack_done(&unpack))
		memset(&nursery.service->relay, 0,
		    sizeof(nursery.service->relay));
	nursery.serving = !nursery.stopping;
	if (nursery.sockets.connected == -1)
		return;
	getpeername(nursery.sockets.connected, (struct sockaddr *)&ss, &len);
	welcome(nursery.sockets.connected, &ss, nursery.sockets.connected_tls);
	nursery.sockets.connected = -1;
	nursery.stopping = true;
	nursery.serving = false;
}

static void
stop_serving(void)
{
	size_t i;

	for (i = 0; i < nursery.sockets.n; i++)
		close(nursery.sockets.listening[i]);
	nursery.sockets.n = 0;
	nursery.stopping = true;
	nursery.serving = false;
}

/* The monitor gets the channel's other end, and the pid, to be able to kill. */
static void
tell_relay(uint32_t ticket, pid_t pid, int channel)
{
	unsigned char buf[16];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, ticket);
	pack_u32(&pack, (uint32_t)pid);
	nursery_tell(N_RELAY, &pack, channel);
}

static void
bear_relay(struct frame *frame)
{
	struct unpack unpack;
	uint32_t ticket;
	enum role role;
	int pair[2], keep[2];
	pid_t pid;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	role = unpack_u8(&unpack) == ROLE_PROBE ? ROLE_PROBE : ROLE_RELAY;
	if (ipc_pair(pair) == -1) {
		log_event(NULL, "relay-failed", "%s", strerror(errno));
		tell_relay(ticket, 0, -1);
		return;
	}
	pid = children_birth(role, "");
	if (pid == -1)
		log_event(NULL, "relay-failed", "fork: %s", strerror(errno));
	if (pid == 0) {
		keep[0] = pair[1];
		keep[1] = log_descriptor();
		sandbox_close_others(keep, 2);
		relay_main(nursery.service, role, pair[1]);
	}
	close(pair[1]);
	tell_relay(ticket, pid == -1 ? 0 : pid, pid == -1 ? -1 : pair[0]);
	close(pair[0]);
}

static void
kill_child(struct frame *frame)
{
	struct unpack unpack;
	struct child *child;

	unpack_start(&unpack, frame->data, frame->len);
	child = children_find((pid_t)unpack_u32(&unpack));
	if (child == NULL)
		return;
	child->condemned = true;
	kill(child->pid, SIGKILL);
}

/* A session speaks for a client behind a proxy: may that one come? */
static void
count_client(struct frame *frame)
{
	char address[CLIENT_SIZE];
	unsigned char buf[16];
	struct unpack unpack;
	struct pack pack;
	struct child *child;
	size_t all, same;
	pid_t pid;

	nursery_reap();		/* whoever has gone counts no more */
	unpack_start(&unpack, frame->data, frame->len);
	pid = (pid_t)unpack_u32(&unpack);
	unpack_string(&unpack, address, sizeof(address));
	child = children_find(pid);
	if (child == NULL || child->role != ROLE_SESSION)
		return;		/* gone meanwhile */
	census_remove(pid);
	census_count(address, &all, &same);
	census_add(pid, address);
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)pid);
	pack_u8(&pack, !is_too_many(address, same));
	nursery_tell(N_CLIENT, &pack, -1);
}

static void
obey(struct frame *frame)
{
	if (frame->type == M_SERVE)
		begin_serving(frame);
	else if (frame->type == M_STOP)
		stop_serving();
	else if (frame->type == M_FORK_RELAY)
		bear_relay(frame);
	else if (frame->type == M_CLIENT)
		count_client(frame);
	else if (frame->type == M_KILL)
		kill_child(frame);
}

/* All it has said so far. */
static void
hear_monitor(void)
{
	struct frame *frame = malloc(sizeof(*frame));
	int n = -1;

	if (frame == NULL)
		fatal("nursery: out of memory");
	while ((n = ipc_recv(nursery.monitor, frame)) == 1)
		obey(frame);
	if (n == 0 || errno != EAGAIN)
		_exit(0);	/* no service without a monitor */
	free(frame);
}

/* For what it waits: deaths wake it but for a moment after one. */
static int
wait_for_something(struct pollfd *fds, nfds_t n)
{
	int ms = stopped_wait();
	struct timespec wait;
	sigset_t blocked;

	sigemptyset(&blocked);
	if (nursery.out_of_breath) {
		ms = BREATH;
	} else if (nursery.reaped != 0) {
		ms = REAP_EVERY;
		sigaddset(&blocked, SIGCHLD);
	}
	nursery.out_of_breath = false;
	wait.tv_sec = ms / 1000;
	wait.tv_nsec = ms % 1000 * 1000000L;
	return ppoll(fds, n, ms == -1 ? NULL : &wait, &blocked);
}

_Noreturn static void
nursery_loop(void)
{
	struct pollfd fds[1 + SOCKETS_MAX];
	size_t i, n;

	for (;;) {
		end_stopped();
		if (child_changed || (nursery.reaped != 0 &&
		    clock_ms() - nursery.reaped >= REAP_EVERY))
			nursery_reap();
		if (nursery.stopping && children_count() == 0)
			_exit(0);
		fds[0] = (struct pollfd){ .fd = nursery.monitor,
		    .events = POLLIN };
		n = nursery.serving && !nursery.out_of_breath ?
		    nursery.sockets.n : 0;
		for (i = 0; i < n; i++)
			fds[i + 1] = (struct pollfd){
			    .fd = nursery.sockets.listening[i],
			    .events = POLLIN };
		if (wait_for_something(fds, n + 1) <= 0)
			continue;
		for (i = 0; i < n; i++)
			if (fds[i + 1].revents)
				accept_some(i);
		if (fds[0].revents)
			hear_monitor();
	}
}

static void
nursery_signals(void)
{
	struct sigaction sa = { .sa_handler = note_child };
	sigset_t child;

	signal(SIGTERM, SIG_IGN);	/* the monitor decides when to stop */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);	/* but in ppoll */
	sigaction(SIGCHLD, &sa, NULL);
}

void
nursery_start(struct nursery *who, struct service *service,
    const struct socket_set *sockets)
{
	int pair[2];
	size_t i;

	if (ipc_pair(pair) == -1)
		fatal("socketpair: %s", strerror(errno));
	for (i = 0; i < sockets->n; i++)
		fcntl(sockets->listening[i], F_SETFL,
		    fcntl(sockets->listening[i], F_GETFL) | O_NONBLOCK);
	who->pid = fork();
	if (who->pid == -1)
		fatal("fork: %s", strerror(errno));
	if (who->pid > 0) {
		close(pair[1]);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		who->channel = pair[0];
		return;
	}
	sandbox_begin();
	close(pair[0]);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	nursery.service = service;
	nursery.sockets = *sockets;
	nursery.monitor = pair[1];
	census_open(service->census);
	if (service->ledger != -1)
		close(service->ledger);
	nursery_signals();
	if (service->tls != NULL)
		tls_warm_up(service->tls, service->opportunistic);
	heap_close_up();
	sandbox_nursery();
	nursery_loop();
}
