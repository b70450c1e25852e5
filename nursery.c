/*
 * The nursery: accepts connections and gives birth to the processes that
 * touch the network. It was born before any secret was read and so nothing
 * in it or its children can be one. It may accept, fork, reap; it holds the
 * listening sockets and a configured TLS context without a key. It talks to
 * the monitor only.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/warmup.h"
#include "sandbox/sandbox.h"
#include "children.h"
#include "order.h"
#include "smtp/reply.h"

/* Connections taken in a row before the monitor is heard again. */
#define ACCEPT_BURST 16
/* ms in which deaths are gathered: to be woken for each one is dear. */
#define REAP_EVERY 20

static struct {
	struct service *service;
	struct socket_set sockets;
	int monitor;
	bool serving, stopping;
	bool out_of_breath;	/* accepts nothing for a moment */
	int64_t reaped;		/* clock_ms() of the last death seen, or 0 */
} nursery;

static volatile sig_atomic_t child_ended;

static void
note_child(int sig)
{
	(void)sig;
	child_ended = 1;
}

static void
random_id(char id[SESSION_ID_SIZE])
{
	/* no letters that are mistaken for one another */
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char bits[SESSION_ID_SIZE - 1];
	size_t i;

	arc4random_buf(bits, sizeof(bits));
	for (i = 0; i < sizeof(bits); i++)
		id[i] = letters[bits[i] % 32];
	id[i] = '\0';
}

/* A v4 client of a v6 socket is shown as what it is. */
static void
client_text(const struct sockaddr_storage *ss, char *text, size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

	strlcpy(text, "local", size);
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, (socklen_t)size);
	else if (ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text,
		    (socklen_t)size);
	else if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t)size);
}

static void hear_monitor(void);

/*
 * The monitor may be waiting for us to take a frame: so while its channel is
 * full what it says is heard.
 */
static void
tell(uint16_t type, const struct pack *pack, int fd)
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
	tell(N_DIED, &pack, -1);
}

static void
reap(void)
{
	int status;
	pid_t pid;

	child_ended = 0;
	nursery.reaped = 0;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		bury(pid, status);
		nursery.reaped = clock_ms();
	}
}

/* Connections */

/* Over a limit: said in the clear, for a handshake would cost a process. */
static void
turn_away(int fd, bool tls, const char *client, const char *why)
{
	char line[REPLY_LINE_MAX], rest[512];
	struct log_line log;
	size_t n;

	log_start(&log, NULL, "turned-away");
	log_str(&log, "client", client);
	log_str(&log, "reason", why);
	log_end(&log);
	if (!tls) {
		n = reply_format(line, sizeof(line), R_TOO_MANY_CONNECTIONS,
		    NULL);
		if (send(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
			/* unread input would turn our FIN into a RST */
			shutdown(fd, SHUT_WR);
			while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
				;
		}
	}
	close(fd);
}

static void
tell_newborn(pid_t pid, const struct birth *who, int channel)
{
	unsigned char buf[256];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)pid);
	pack_string(&pack, who->id);
	pack_string(&pack, who->client);
	pack_u8(&pack, who->tls);
	tell(N_NEWBORN, &pack, channel);
}

static void
bear_session(int client, const struct birth *who)
{
	int pair[2], keep[3];
	pid_t pid;

	if (ipc_pair(pair) == -1) {
		turn_away(client, who->tls, who->client, strerror(errno));
		return;
	}
	pid = children_birth(ROLE_SESSION, who->client);
	if (pid == 0) {
		keep[0] = client;
		keep[1] = pair[1];
		keep[2] = log_descriptor();
		sandbox_close_others(keep, 3);
		session_main(nursery.service, who, client, pair[1]);
	}
	close(pair[1]);
	if (pid == -1) {
		turn_away(client, who->tls, who->client, strerror(errno));
	} else {
		tell_newborn(pid, who, pair[0]);
		close(client);
	}
	close(pair[0]);
}

/* A proxy's clients are counted by themselves, when it has named them. */
static bool
is_over_limit(const char *client, size_t same)
{
	const struct config *conf = &nursery.service->conf;

	return same >= conf->max_per_source && !config_trusts(conf, client);
}

static void
welcome(int fd, const struct sockaddr_storage *ss, bool tls)
{
	const struct config *conf = &nursery.service->conf;
	struct birth who;
	size_t all, same;

	client_text(ss, who.client, sizeof(who.client));
	random_id(who.id);
	who.tls = tls;
	census_count(who.client, &all, &same);
	if (all >= conf->max_connections || is_over_limit(who.client, same)) {
		reap();
		census_count(who.client, &all, &same);
	}
	if (all >= conf->max_connections)
		turn_away(fd, tls, who.client, "max-connections");
	else if (is_over_limit(who.client, same))
		turn_away(fd, tls, who.client, "max-connections-per-source");
	else
		bear_session(fd, &who);
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
			return;
		}
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
	tell(N_RELAY, &pack, channel);
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
		tell_relay(ticket, 0, -1);
		return;
	}
	pid = children_birth(role, "");
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

	reap();		/* whoever has gone counts no more */
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
	pack_u8(&pack, !is_over_limit(address, same));
	tell(N_CLIENT, &pack, -1);
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
	static const struct timespec breath = { 0, 100 * 1000 * 1000 };
	static const struct timespec gather = { 0, REAP_EVERY * 1000 * 1000 };
	const struct timespec *wait = NULL;
	sigset_t blocked;

	sigemptyset(&blocked);
	if (nursery.out_of_breath) {
		wait = &breath;
	} else if (nursery.reaped != 0) {
		wait = &gather;
		sigaddset(&blocked, SIGCHLD);
	}
	nursery.out_of_breath = false;
	return ppoll(fds, n, wait, &blocked);
}

_Noreturn static void
nursery_loop(void)
{
	struct pollfd fds[1 + SOCKETS_MAX];
	size_t i, n;

	for (;;) {
		if (child_ended || (nursery.reaped != 0 &&
		    clock_ms() - nursery.reaped >= REAP_EVERY))
			reap();
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
