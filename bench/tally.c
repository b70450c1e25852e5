/*
 * What the load counts: times, messages, and whether what was sent is what
 * has come to the sink.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"

#define DOUBTS	64

struct tally {
	unsigned long long messages, octets, sum, replied;
};

static struct {
	double *at;
	size_t n, room;
} timings[T_COUNT];
static struct tally sent, before;
static struct tally doubts[DOUBTS];	/* began, and no reply came */
static unsigned n_doubts;
static double last_final;

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

/* The body of message n of the run. */
static struct tally
weigh(unsigned long n)
{
	struct content content;
	struct tally t = { .messages = 1 };
	uint64_t octets;

	if (options.by == BY_BURL)
		content_make(&content, 0, 0, options.sizes[0], false);
	else
		content_make(&content, options.run, n, message_size(n), false);
	t.sum = content_sum(&content, &octets);
	t.octets = octets;
	return t;
}

void
message_done(const struct client *c)
{
	struct tally t = weigh(c->number * options.messages + c->ended - 1);

	sent.sum += t.sum;
	sent.octets += t.octets;
	sent.messages++;
}

void
messages_doubtful(const struct client *c)
{
	unsigned long i;

	for (i = c->ended; i < c->begun && n_doubts < DOUBTS; i++)
		doubts[n_doubts++] = weigh(c->number * options.messages + i);
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
arrived(struct tally *after)
{
	struct timespec nap = { 0, 5000000 };
	double end = now() + options.patience;

	for (;;) {
		*after = ask_sink();
		if (after->messages - before.messages >= sent.messages ||
		    now() > end)
			break;
		nanosleep(&nap, NULL);
	}
	return after->messages - before.messages == sent.messages &&
	    after->octets - before.octets == sent.octets &&
	    after->sum - before.sum == sent.sum;
}

void
tally_begin(void)
{
	if (options.sink != 0)
		before = ask_sink();
}

static void
print_doubts(void)
{
	unsigned i;

	for (i = 0; i < n_doubts; i++)
		printf("%s%llu:%llu", i == 0 ? " doubts=" : ",",
		    doubts[i].octets, doubts[i].sum);
}

bool
tally_print(void)
{
	static const char *const names[T_COUNT] = { "greeting", "auth", "mail",
		"final", "message", "session" };
	struct tally after;
	bool valid = true;
	int i;

	printf(" messages=%llu octets=%llu sum=%llu", sent.messages,
	    sent.octets, sent.sum);
	for (i = 0; i < T_COUNT; i++)
		print_timing(names[i], (enum timing)i);
	if (options.sink != 0) {
		valid = arrived(&after);
		printf(" arrived=%llu valid=%s",
		    after.messages - before.messages, valid ? "yes" : "no");
		if (sent.messages > 0)
			printf(" after_mta=%.3f", (last_final -
			    (double)after.replied / 1e9) * 1e3);
	}
	print_doubts();
	return valid;
}
