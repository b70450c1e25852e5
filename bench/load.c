/*
 * load: clients for a submission server, and what their sessions took
 *
 *	load key=value ...
 *	load print size=N	the message that by=burl names, to stdout
 *
 *	port=N		of the server on 127.0.0.1
 *	tls=implicit	or starttls, no
 *	user= password=	for AUTH PLAIN; an empty user: no AUTH
 *	from= to=	of the envelope
 *	n=1 c=1		sessions in all, at a time
 *	messages=1	of each session
 *	size=5000	octets of a message, nearly; of several, parted by
 *			commas, each message has one
 *	by=data		or bdat (chunk=1048576 octets each), burl (url=...),
 *			mixed: some by DATA, some by BDAT
 *	pipelining=yes	no: never, even if it is offered
 *	ahead=0		messages sent ahead of the last one's reply; with 1 and
 *			more QUIT does not wait either
 *	stop=end	connect, greeting, login, message: that far, then QUIT
 *	hold=no		yes: all that have stopped stay; prints "ready ..." and
 *			goes on after a line, or the end, of stdin
 *	drip=0		seconds between octets after the login; with stop=login
 *			hold=yes ready once all have begun, hangs up after
 *	think=0		seconds, on average, before each message and QUIT
 *	source=IP	the clients' address, the first of sources=1
 *	ramp=0		seconds within which the first c sessions begin
 *	seconds=0	more than 0: begins sessions for so long in place of n,
 *			then each ends after its message, at least one
 *	tell=no		yes: a line on stderr for each session that failed, with
 *			the time of CLOCK_MONOTONIC
 *	sink=0		the sink's port: compares what was sent with what came
 *	patience=30	seconds until all must have come there
 *	timeout=120	seconds, being held not counted
 *
 * Prints one line of key=value: times in ms, octets as on the wire (TLS and
 * all), turns: the mean of how often a client wrote and had to wait, TCP's
 * connect being one. sum: of what was told 250 (content.h); doubts: octets
 * and sum of each message that had begun and has no reply. after_mta is the
 * last session's final reply after the sink's own. Exit 1 if a session failed
 * or the sink got something else.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"

static struct client **clients;		/* that have not ended */
static unsigned long begun, active, held, done, failed;
static unsigned long alive;		/* of the clients */
static unsigned long long wire_in, wire_out, turns;
static double paused;
static char first_error[512];
static int epoll;

/* Sessions */

/* What message n of the run is like. */

static size_t
scatter(unsigned long n)
{
	return (size_t)((uint32_t)n * 2654435761u >> 8);
}

size_t
message_size(unsigned long n)
{
	return options.sizes[scatter(n) % options.n_sizes];
}

enum way
message_way(unsigned long n)
{
	if (options.by != BY_MIXED)
		return options.by;
	return scatter(n) >> 12 & 1 ? BY_BDAT : BY_DATA;
}

void
session_held(struct client *c)
{
	c->held = true;
	active--;
	held++;
}

static void
end(struct client *c)
{
	wire_in += c->seen_in;
	wire_out += c->seen_out;
	turns += c->turns;
	if (c->held)
		held--;
	else
		active--;
	wire_close(c);
}

void
session_done(struct client *c)
{
	if (c->fd == -1)
		return;
	end(c);
	done++;
}

void
session_failed(struct client *c, const char *fmt, ...)
{
	char error[sizeof(first_error)];
	va_list ap;

	if (c->fd == -1)
		return;
	va_start(ap, fmt);
	vsnprintf(error, sizeof(error), fmt, ap);
	va_end(ap);
	if (failed++ == 0)
		memcpy(first_error, error, sizeof(error));
	if (options.tell)
		fprintf(stderr, "failed at=%.3f after=%.3f messages=%lu "
		    "error=\"%s\"\n", now(), now() - c->start, c->ended,
		    error);
	messages_doubtful(c);
	end(c);
}

static void
watch(struct client *c, int operation)
{
	struct epoll_event event = { .events = EPOLLIN };

	c->registered_write = c->connecting || c->want_write;
	if (c->registered_write)
		event.events |= EPOLLOUT;
	event.data.ptr = c;
	epoll_ctl(epoll, operation, c->fd, &event);
}

static void
dial(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct client *c;
	int on = 1;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		err(1, "memory");
	c->number = (unsigned)begun++;
	clients[alive++] = c;
	active++;
	c->start = now();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	sin.sin_addr.s_addr = htonl(options.source +
	    (uint32_t)(c->number % options.sources));
	if (bind(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "source");
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(options.port);
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
	    errno != EINPROGRESS) {
		session_failed(c, "connect: %s", strerror(errno));
		return;
	}
	c->connecting = true;
	watch(c, EPOLL_CTL_ADD);
}

static void
serve(struct client *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (c->fd == -1)
		return;
	if (c->connecting) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0) {
			session_failed(c, "connect: %s", strerror(error));
			return;
		}
		c->connecting = false;
		client_begin(c);
	}
	client_ready(c);
	if (c->fd != -1 && c->want_write != c->registered_write)
		watch(c, EPOLL_CTL_MOD);
}

/* All are held: says so and waits for the word; they may die meanwhile. */
static void
say_ready(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	printf("ready held=%lu failed=%lu%s%s%s\n", held, failed,
	    failed > 0 ? " error=\"" : "", first_error,
	    failed > 0 ? "\"" : "");
	fflush(stdout);
	paused = now();
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == -1)
		errx(64, "hold=yes wants a pipe as stdin");
}

static void
release(void)
{
	unsigned long i;

	paused = now() - paused;
	epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	for (i = 0; i < alive; i++) {
		if (clients[i]->fd == -1 || !clients[i]->held)
			continue;
		held--;
		active++;
		client_go_on(clients[i]);
		if (clients[i]->fd != -1)
			client_ready(clients[i]);
	}
}

/* Those that have something to say by now. */
static void
wake(void)
{
	double at = now();
	unsigned long i;

	for (i = 0; i < alive; i++) {
		if (clients[i]->fd == -1 || clients[i]->connecting)
			continue;
		if (clients[i]->pause_until != 0 ?
		    at >= clients[i]->pause_until :
		    options.drip > 0 && clients[i]->begun > 0 &&
		    at >= clients[i]->next_drip)
			serve(clients[i]);
	}
}

/* No event can be about them any more. */
static void
forget_ended(void)
{
	unsigned long i;

	for (i = alive; i-- > 0;)
		if (clients[i]->fd == -1) {
			free(clients[i]);
			clients[i] = clients[--alive];
		}
}

static int
patience(void)
{
	if (options.drip <= 0)
		return options.think > 0 || options.ramp > 0 ? 10 : 1000;
	return options.drip < 0.02 ? 1 : 20;
}

static bool
is_ramping(double start)
{
	return options.ramp > 0 && begun < options.c && (double)begun >
	    (now() - start) / options.ramp * (double)options.c;
}

static bool
more_to_begin(void)
{
	if (options.seconds > 0)
		return !options.leaving;
	return begun < options.n;
}

static void
run(double start)
{
	struct epoll_event events[256];
	bool ready = false, waits = false;
	int i, n;

	while (more_to_begin() || active > 0 || held > 0 || waits) {
		options.leaving = options.seconds > 0 &&
		    now() - start > options.seconds;
		while (alive < options.n && active < options.c &&
		    more_to_begin() && !is_ramping(start))
			dial();
		if (options.hold && !ready && held + failed == options.n) {
			say_ready();
			ready = waits = true;
		}
		n = epoll_wait(epoll, events, 256, patience());
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr);
			else if (waits) {
				waits = false;
				release();
			}
		}
		if (options.drip > 0 || options.think > 0)
			wake();
		forget_ended();
		if (!waits && now() - start - paused > options.timeout)
			break;
	}
	for (i = 0; (unsigned long)i < alive; i++)
		session_failed(clients[i], "too late");
}

static int
results(double wall)
{
	bool valid;

	printf("sessions=%lu failed=%lu wall=%.6f", done, failed, wall);
	if (done > 0)
		printf(" sent=%llu received=%llu turns=%.2f", wire_out, wire_in,
		    (double)turns / (double)done);
	valid = tally_print();
	if (failed > 0)
		printf(" error=\"%s\"", first_error);
	printf("\n");
	return failed == 0 && valid ? 0 : 1;
}

static int
print_message(void)
{
	struct content content;
	char piece[16384];
	size_t offset = 0, n;

	content_make(&content, 0, 0, options.sizes[0], false);
	while ((n = content_copy(&content, offset, piece,
	    sizeof(piece))) > 0) {
		fwrite(piece, 1, n, stdout);
		offset += n;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	double start;
	bool print = argc > 1 && strcmp(argv[1], "print") == 0;
	int i;

	for (i = print ? 2 : 1; i < argc; i++)
		options_set(argv[i]);
	if (print)
		return print_message();
	if (options.port == 0 || options.c == 0 || options.messages == 0)
		errx(64, "port=, c= and messages= want more than 0");
	options.run = (uint64_t)time(NULL) << 22 | (uint64_t)getpid();
	signal(SIGPIPE, SIG_IGN);
	srand48((long)options.run);
	if (options.tls != IN_CLEAR)
		wire_prepare();
	if (options.seconds > 0)
		options.n = options.c;
	tally_begin();
	clients = calloc(options.n, sizeof(*clients));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || epoll == -1)
		err(1, "start");
	start = now();
	run(start);
	return results(now() - start - paused);
}
