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
 *	size=5000	octets of a message, nearly
 *	by=data		or bdat (chunk=1048576 octets each), burl (url=...)
 *	pipelining=yes	no: never, even if it is offered
 *	ahead=0		messages sent ahead of the last one's reply; with 1 and
 *			more QUIT does not wait either
 *	stop=end	connect, greeting, login, message: that far, then QUIT
 *	hold=no		yes: all that have stopped stay; prints "ready ..." and
 *			goes on after a line, or the end, of stdin
 *	drip=0		seconds between octets after the login; with stop=login
 *			hold=yes ready once all have begun, hangs up after
 *	sink=0		the sink's port: compares what was sent with what came
 *	patience=30	seconds until all must have come there
 *	timeout=120	seconds, being held not counted
 *
 * Prints one line of key=value: times in ms, octets as on the wire (TLS and
 * all), turns: the mean of how often a client wrote and had to wait, TCP's
 * connect being one. after_mta is the last session's final reply after the
 * sink's own. Exit 1 if a session failed or the sink got something else.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"

struct options options = {
	.user = "alice", .password = "alicepw", .from = "alice@example.org",
	.to = "bob@example.org", .url = "", .n = 1, .c = 1, .messages = 1,
	.size = 5000, .chunk = 1048576, .tls = IMPLICIT, .stop = AT_END,
	.pipelining = true, .timeout = 120, .patience = 30,
};

struct tally {
	unsigned long long messages, octets, sum, replied;
};

static struct {
	double *at;
	size_t n, room;
} timings[T_COUNT];

static struct client **clients;		/* all that were begun */
static unsigned long begun, active, held, done, failed;
static struct tally sent;
static unsigned long long wire_in, wire_out, turns;
static double last_final, paused;
static char first_error[512];
static int epoll;

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Results */

void
timed(enum timing what, double seconds)
{
	if (timings[what].n == timings[what].room) {
		timings[what].room = timings[what].room * 2 + 1024;
		timings[what].at = realloc(timings[what].at,
		    timings[what].room * sizeof(double));
		if (timings[what].at == NULL)
			err(1, "memory");
	}
	timings[what].at[timings[what].n++] = seconds;
	if (what == T_FINAL)
		last_final = now();
}

void
message_done(const struct client *c)
{
	struct content content;
	uint64_t octets;

	if (options.by == BY_BURL)
		content_make(&content, 0, 0, options.size, false);
	else
		content_make(&content, options.run,
		    c->number * options.messages + c->ended - 1, options.size,
		    false);
	sent.sum += content_sum(&content, &octets);
	sent.octets += octets;
	sent.messages++;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
print_timing(const char *name, enum timing what)
{
	size_t n = timings[what].n;
	double *at = timings[what].at;

	if (n == 0)
		return;
	qsort(at, n, sizeof(*at), by_size);
	printf(" %s_p50=%.3f %s_p99=%.3f %s_max=%.3f", name,
	    at[(n - 1) / 2] * 1e3, name, at[(n - 1) * 99 / 100] * 1e3, name,
	    at[n - 1] * 1e3);
}

static struct tally
ask_sink(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct tally t = { 0 };
	char line[256];
	FILE *f;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(options.sink);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    (f = fdopen(fd, "r+")) == NULL)
		err(1, "sink, port %u", options.sink);
	if (write(fd, "XSTAT\r\nQUIT\r\n", 13) != 13 ||
	    fgets(line, sizeof(line), f) == NULL ||
	    fgets(line, sizeof(line), f) == NULL ||
	    sscanf(line, "250 messages=%llu octets=%llu sum=%llu replied=%llu",
	    &t.messages, &t.octets, &t.sum, &t.replied) != 4)
		errx(1, "the sink does not tell");
	fclose(f);
	return t;
}

/* Who has a queue may deliver later. */
static bool
arrived(const struct tally *before, struct tally *after)
{
	struct timespec nap = { 0, 5000000 };
	double deadline = now() + options.patience;

	for (;;) {
		*after = ask_sink();
		if (after->messages - before->messages >= sent.messages ||
		    now() > deadline)
			break;
		nanosleep(&nap, NULL);
	}
	return after->messages - before->messages == sent.messages &&
	    after->octets - before->octets == sent.octets &&
	    after->sum - before->sum == sent.sum;
}

static int
results(double wall, const struct tally *before)
{
	static const char *const names[T_COUNT] = { "greeting", "auth", "mail",
		"final", "message", "session" };
	struct tally after;
	bool valid = true;
	int i;

	printf("sessions=%lu failed=%lu messages=%llu octets=%llu wall=%.6f",
	    done, failed, sent.messages, sent.octets, wall);
	for (i = 0; i < T_COUNT; i++)
		print_timing(names[i], (enum timing)i);
	if (done > 0)
		printf(" sent=%llu received=%llu turns=%.2f", wire_out, wire_in,
		    (double)turns / (double)done);
	if (options.sink != 0) {
		valid = arrived(before, &after);
		printf(" arrived=%llu valid=%s",
		    after.messages - before->messages, valid ? "yes" : "no");
		if (sent.messages > 0)
			printf(" after_mta=%.3f", (last_final -
			    (double)after.replied / 1e9) * 1e3);
	}
	if (failed > 0)
		printf(" error=\"%s\"", first_error);
	printf("\n");
	return failed == 0 && valid ? 0 : 1;
}

/* Sessions */

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
	va_list ap;

	if (c->fd == -1)
		return;
	if (failed++ == 0) {
		va_start(ap, fmt);
		vsnprintf(first_error, sizeof(first_error), fmt, ap);
		va_end(ap);
	}
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
	c->number = (unsigned)begun;
	clients[begun++] = c;
	active++;
	c->start = now();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
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
	for (i = 0; i < begun; i++) {
		if (clients[i]->fd == -1 || !clients[i]->held)
			continue;
		held--;
		active++;
		client_go_on(clients[i]);
		if (clients[i]->fd != -1)
			client_ready(clients[i]);
	}
}

static void
drip(void)
{
	unsigned long i;

	for (i = 0; i < begun; i++)
		if (clients[i]->fd != -1 && !clients[i]->connecting &&
		    clients[i]->begun > 0 && now() >= clients[i]->next_drip)
			serve(clients[i]);
}

static void
run(double start)
{
	struct epoll_event events[256];
	bool ready = false, waits = false;
	int i, n;

	while (done + failed < options.n || waits) {
		while (active < options.c && begun < options.n)
			dial();
		if (options.hold && !ready && held + failed == options.n) {
			say_ready();
			ready = waits = true;
		}
		n = epoll_wait(epoll, events, 256, options.drip <= 0 ? 1000 :
		    options.drip < 0.02 ? 1 : 20);
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr);
			else if (waits) {
				waits = false;
				release();
			}
		}
		if (options.drip > 0)
			drip();
		if (!waits && now() - start - paused > options.timeout)
			break;
	}
	for (i = 0; (unsigned long)i < begun; i++)
		session_failed(clients[i], "too late");
}

/* Options */

static int
one_of(const char *value, const char *const names[])
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strcmp(value, names[i]) == 0)
			return i;
	errx(64, "%s: not known here", value);
}

static bool
set_word(const char *key, const char *value)
{
	static const char *const truth[] = { "no", "yes", NULL };
	static const char *const ways[] = { "data", "bdat", "burl", NULL };
	static const char *const tls[] = { "no", "starttls", "implicit", NULL };
	static const char *const stops[] = { "connect", "greeting", "login",
		"message", "end", NULL };

	if (strcmp(key, "user") == 0)
		options.user = value;
	else if (strcmp(key, "password") == 0)
		options.password = value;
	else if (strcmp(key, "from") == 0)
		options.from = value;
	else if (strcmp(key, "to") == 0)
		options.to = value;
	else if (strcmp(key, "url") == 0)
		options.url = value;
	else if (strcmp(key, "by") == 0)
		options.by = (enum way)one_of(value, ways);
	else if (strcmp(key, "tls") == 0)
		options.tls = (enum security)one_of(value, tls);
	else if (strcmp(key, "stop") == 0)
		options.stop = (enum stop)one_of(value, stops);
	else if (strcmp(key, "hold") == 0)
		options.hold = one_of(value, truth) == 1;
	else if (strcmp(key, "pipelining") == 0)
		options.pipelining = one_of(value, truth) == 1;
	else
		return false;
	return true;
}

static bool
set_number(const char *key, double number)
{
	if (number < 0)
		return false;
	if (strcmp(key, "port") == 0)
		options.port = (uint16_t)number;
	else if (strcmp(key, "sink") == 0)
		options.sink = (uint16_t)number;
	else if (strcmp(key, "n") == 0)
		options.n = (unsigned long)number;
	else if (strcmp(key, "c") == 0)
		options.c = (unsigned long)number;
	else if (strcmp(key, "messages") == 0)
		options.messages = (unsigned long)number;
	else if (strcmp(key, "ahead") == 0)
		options.ahead = (unsigned long)number;
	else if (strcmp(key, "size") == 0)
		options.size = (size_t)number;
	else if (strcmp(key, "chunk") == 0 && number > 0)
		options.chunk = (size_t)number;
	else if (strcmp(key, "drip") == 0)
		options.drip = number;
	else if (strcmp(key, "patience") == 0)
		options.patience = number;
	else if (strcmp(key, "timeout") == 0)
		options.timeout = number;
	else
		return false;
	return true;
}

static void
set(char *word)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		errx(64, "%s: key=value is wanted", word);
	*value++ = '\0';
	if (!set_word(word, value) && !set_number(word, atof(value)))
		errx(64, "%s=%s: no such option, or not so", word, value);
}

static int
print_message(void)
{
	struct content content;
	char piece[16384];
	size_t offset = 0, n;

	content_make(&content, 0, 0, options.size, false);
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
	struct tally before = { 0 };
	double start;
	bool print = argc > 1 && strcmp(argv[1], "print") == 0;
	int i;

	for (i = print ? 2 : 1; i < argc; i++)
		set(argv[i]);
	if (print)
		return print_message();
	if (options.port == 0 || options.c == 0 || options.messages == 0)
		errx(64, "port=, c= and messages= want more than 0");
	options.run = (uint64_t)time(NULL) << 22 | (uint64_t)getpid();
	if (options.tls != IN_CLEAR)
		wire_prepare();
	if (options.sink != 0)
		before = ask_sink();
	clients = calloc(options.n, sizeof(*clients));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || epoll == -1)
		err(1, "start");
	start = now();
	run(start);
	return results(now() - start - paused, &before);
}
