/*
 * sink: an SMTP server that takes every message, sums it up and forgets it
 *
 *	sink [key=value ...]
 *
 *	port=0		on 127.0.0.1; printed as "port=N" once it listens
 *	pipelining=yes chunking=yes 8bitmime=yes
 *			whether EHLO offers them
 *	size=0		the limit that EHLO tells
 *	delay=0		milliseconds before each reply to a message
 *	lie=no		lose: says 250 and does not count the message; alter: an
 *			octet of the body is not what came; refuse: 451
 *	every=10	of that many messages lie about one
 *
 * One process, one loop. The command XSTAT tells what was counted since the
 * start: messages, octets of their bodies, the sum of the sums (content.h),
 * and when the last reply to a message went out, ns of CLOCK_MONOTONIC.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "bench/content.h"

#define BUFFER	262144
#define LINE_MAX_OCTETS 1024
#define CLIENTS	8192

enum phase { COMMAND, DATA, CHUNK };

struct client {
	int fd;
	enum phase phase;
	char line[LINE_MAX_OCTETS];	/* a command, or the start of a line */
	size_t line_len;
	uint64_t chunk_left;
	bool chunk_last;
	bool line_start;	/* DATA: the next octet begins a line */
	char before;		/* DATA: the octet before this buffer */
	bool in_body;
	unsigned matched;	/* of the CRLF CRLF that ends the header */
	struct sum sum;
	uint64_t due;		/* the delayed reply's time; 0: none */
	char out[8192];
	size_t out_len;
};

static struct options {
	bool pipelining, chunking, eightbit;
	unsigned port, delay, every;
	unsigned long long size;
	enum { HONEST, LOSE, ALTER, REFUSE } lie;
} options = { true, true, true, 0, 0, 10, 0, HONEST };

static struct {
	uint64_t seen, messages, octets, sum, replied;
} total;
static struct client *clients[CLIENTS];		/* by descriptor */
static unsigned delayed;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
flush(struct client *c)
{
	struct pollfd p = { c->fd, POLLOUT, 0 };
	size_t done = 0;
	ssize_t n;

	while (done < c->out_len) {
		n = write(c->fd, c->out + done, c->out_len - done);
		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			poll(&p, 1, 1000);
		else
			break;
	}
	c->out_len = 0;
}

static void
reply(struct client *c, const char *text)
{
	size_t len = strlen(text);

	if (c->out_len + len > sizeof(c->out))
		flush(c);
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
}

static void
final_reply(struct client *c, bool refuse)
{
	reply(c, refuse ? "451 4.3.0 not this one\r\n" :
	    "250 2.0.0 taken\r\n");
	if (options.delay > 0) {
		c->due = now_ns() + options.delay * (uint64_t)1000000;
		delayed++;
	} else {
		total.replied = now_ns();
		flush(c);
	}
}

static void
message_end(struct client *c)
{
	bool lie = options.lie != HONEST &&
	    ++total.seen % options.every == 0;

	if (!lie || options.lie == ALTER) {
		if (lie)
			c->sum.hash ^= 1;
		total.messages++;
		total.octets += c->sum.octets;
		total.sum += sum_end(&c->sum);
	}
	c->phase = COMMAND;
	final_reply(c, lie && options.lie == REFUSE);
}

/* A piece of the message, without stuffing and end. */
static void
message_add(struct client *c, const char *p, size_t len)
{
	static const char end[] = "\r\n\r\n";

	for (; !c->in_body && len > 0; p++, len--) {
		if (*p == end[c->matched])
			c->matched++;
		else
			c->matched = *p == '\r';
		c->in_body = c->matched == 4;
	}
	if (len > 0)
		sum_add(&c->sum, (const unsigned char *)p, len);
}

static void
message_begin(struct client *c, enum phase phase)
{
	c->phase = phase;
	c->in_body = false;
	c->matched = 2;		/* an empty header ends at once */
	c->line_len = 0;
	c->line_start = true;
	c->before = '\n';
	memset(&c->sum, 0, sizeof(c->sum));
}

/*
 * What begins a line and may be the end: held back in c->line until it is
 * known. How many octets were taken.
 */
static size_t
dot_line(struct client *c, const char *p, size_t len)
{
	static const char end[] = ".\r\n";
	size_t i;

	for (i = 0; i < len && c->line_len < 3; i++) {
		if (p[i] != end[c->line_len])
			break;
		c->line[c->line_len++] = p[i];
	}
	if (c->line_len == 3) {
		c->line_len = 0;
		message_end(c);
	} else if (i < len || c->line_len == 0) {
		/* not the end: the dot, if there was one, was stuffing */
		if (c->line_len > 1)
			message_add(c, c->line + 1, c->line_len - 1);
		c->line_len = 0;
		c->line_start = false;
	}
	return i;
}

static size_t
take_data(struct client *c, const char *p, size_t len)
{
	const char *at, *end = p + len;

	if (c->line_start)
		return dot_line(c, p, len);
	/* whole lines in one go, up to one that begins with a dot */
	for (at = p; at < end; at++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (at == NULL)
			break;
		if ((at > p ? at[-1] : c->before) == '\r' &&
		    (at + 1 == end || at[1] == '.')) {
			c->line_start = true;
			len = (size_t)(at + 1 - p);
			break;
		}
	}
	message_add(c, p, len);
	c->before = p[len - 1];
	return len;
}

static size_t
take_chunk(struct client *c, const char *p, size_t len)
{
	if (len > c->chunk_left)
		len = c->chunk_left;
	message_add(c, p, len);
	c->chunk_left -= len;
	if (c->chunk_left == 0) {
		if (c->chunk_last)
			message_end(c);
		else {
			c->phase = COMMAND;
			reply(c, "250 2.0.0 chunk\r\n");
		}
		c->line_len = 0;
	}
	return len;
}

static void
ehlo(struct client *c)
{
	char line[64];

	if (options.pipelining)
		reply(c, "250-PIPELINING\r\n");
	if (options.chunking)
		reply(c, "250-CHUNKING\r\n");
	if (options.eightbit)
		reply(c, "250-8BITMIME\r\n");
	snprintf(line, sizeof(line), "250-SIZE %llu\r\n", options.size);
	reply(c, line);
	reply(c, "250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n");
}

static void
bdat(struct client *c, const char *arguments)
{
	bool goes_on = c->in_body || c->matched != 2 || c->sum.octets > 0;
	uint64_t len = strtoull(arguments, NULL, 10);

	if (!goes_on)
		message_begin(c, CHUNK);
	c->phase = CHUNK;
	c->chunk_left = len;
	c->chunk_last = strcasestr(arguments, "LAST") != NULL;
	if (len == 0)
		take_chunk(c, "", 0);
}

static void
xstat(struct client *c)
{
	char line[160];

	snprintf(line, sizeof(line),
	    "250 messages=%llu octets=%llu sum=%llu replied=%llu\r\n",
	    (unsigned long long)total.messages,
	    (unsigned long long)total.octets, (unsigned long long)total.sum,
	    (unsigned long long)total.replied);
	reply(c, line);
}

/* False: the client has said QUIT. */
static bool
command(struct client *c, const char *line)
{
	if (strncasecmp(line, "DATA", 4) == 0) {
		message_begin(c, DATA);
		reply(c, "354 go on\r\n");
	} else if (strncasecmp(line, "BDAT ", 5) == 0)
		bdat(c, line + 5);
	else if (strncasecmp(line, "MAIL", 4) == 0) {
		message_begin(c, COMMAND);
		reply(c, "250 2.1.0 ok\r\n");
	} else if (strncasecmp(line, "EHLO", 4) == 0) {
		reply(c, "250-sink.example.org\r\n");
		ehlo(c);
	} else if (strncasecmp(line, "XSTAT", 5) == 0)
		xstat(c);
	else if (strncasecmp(line, "QUIT", 4) == 0) {
		reply(c, "221 2.0.0 bye\r\n");
		return false;
	} else if (strncasecmp(line, "STARTTLS", 8) == 0 ||
	    strncasecmp(line, "XCLIENT", 7) == 0 ||
	    strncasecmp(line, "XFORWARD", 8) == 0)
		reply(c, "502 5.5.1 not here\r\n");
	else
		reply(c, "250 2.0.0 ok\r\n");
	return true;
}

static size_t
take_line(struct client *c, const char *p, size_t len, bool *quit)
{
	const char *nl = memchr(p, '\n', len);
	size_t n = nl == NULL ? len : (size_t)(nl + 1 - p);

	if (c->line_len + n >= sizeof(c->line)) {
		reply(c, "500 5.5.6 too long\r\n");
		*quit = true;
		return n;
	}
	memcpy(c->line + c->line_len, p, n);
	c->line_len += n;
	if (nl != NULL) {
		c->line[c->line_len] = '\0';
		c->line_len = 0;
		*quit = !command(c, c->line);
	}
	return n;
}

static void
drop(struct client *c)
{
	if (c->due != 0)
		delayed--;
	clients[c->fd] = NULL;
	close(c->fd);
	free(c);
}

static void
serve(struct client *c)
{
	static char buffer[BUFFER];
	bool quit = false;
	size_t at, len;
	ssize_t n;

	n = read(c->fd, buffer, sizeof(buffer));
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			drop(c);
		return;
	}
	len = (size_t)n;
	for (at = 0; at < len && !quit;) {
		if (c->phase == DATA)
			at += take_data(c, buffer + at, len - at);
		else if (c->phase == CHUNK)
			at += take_chunk(c, buffer + at, len - at);
		else
			at += take_line(c, buffer + at, len - at, &quit);
	}
	if (c->due == 0)
		flush(c);
	if (quit)
		drop(c);
}

static void
accept_client(int listener, int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct client *c;
	int fd, on = 1;

	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (fd >= CLIENTS || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->matched = 2;
	clients[fd] = c;
	event.data.fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	reply(c, "220 sink.example.org ESMTP\r\n");
	flush(c);
}

/* Sends the delayed replies that are due; ms to the next, -1 if none. */
static int
send_delayed(void)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	unsigned i;

	if (delayed == 0)
		return -1;
	for (i = 0; i < CLIENTS; i++) {
		if (clients[i] == NULL || clients[i]->due == 0)
			continue;
		if (clients[i]->due <= now) {
			clients[i]->due = 0;
			delayed--;
			total.replied = now_ns();
			flush(clients[i]);
		} else if (clients[i]->due < next)
			next = clients[i]->due;
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000) + 1;
}

static bool
truth(const char *value)
{
	return strcmp(value, "yes") == 0;
}

static void
set(const char *word)
{
	const char *value = strchr(word, '=');
	size_t len;

	if (value == NULL)
		errx(64, "%s: key=value is wanted", word);
	len = (size_t)(value++ - word);
#define IS(name) (len == strlen(name) && memcmp(word, name, len) == 0)
	if (IS("port"))
		options.port = (unsigned)atoi(value);
	else if (IS("pipelining"))
		options.pipelining = truth(value);
	else if (IS("chunking"))
		options.chunking = truth(value);
	else if (IS("8bitmime"))
		options.eightbit = truth(value);
	else if (IS("size"))
		options.size = strtoull(value, NULL, 10);
	else if (IS("delay"))
		options.delay = (unsigned)atoi(value);
	else if (IS("every") && atoi(value) > 0)
		options.every = (unsigned)atoi(value);
	else if (IS("lie"))
		options.lie = strcmp(value, "lose") == 0 ? LOSE :
		    strcmp(value, "alter") == 0 ? ALTER :
		    strcmp(value, "refuse") == 0 ? REFUSE : HONEST;
	else
		errx(64, "%s: no such option", word);
#undef IS
}

static int
listen_there(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd, on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)options.port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, 4096) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "port %u", options.port);
	printf("port=%d\n", ntohs(sin.sin_port));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[256];
	int epoll, listener, i, n;

	for (i = 1; i < argc; i++)
		set(argv[i]);
	signal(SIGPIPE, SIG_IGN);
	listener = listen_there();
	if ((epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll");
	events[0] = (struct epoll_event){ .events = EPOLLIN,
	    .data.fd = listener };
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
	for (;;) {
		n = epoll_wait(epoll, events, 256, send_delayed());
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_client(listener, epoll);
			else if (clients[events[i].data.fd] != NULL)
				serve(clients[events[i].data.fd]);
		}
	}
}
