/*
 * link: a TCP connection over a long line, on loopback
 *
 *	link to=PORT delay=MS [port=N]
 *
 * passes connections on, each octet after MS milliseconds, in both
 * directions; TCP's own handshake, which the kernel does with this program
 * at once, is made up for: nothing the client sends counts as sent before
 * two delays, and the server sees the connection after three. There is no
 * limit of bandwidth. Prints "port=N" once it listens.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS	256

struct piece {			/* len 0: the end */
	struct piece *next;
	int64_t due;		/* ns */
	size_t len, done;
	char octets[];
};

struct way {			/* one direction */
	int from, to;
	bool ended;		/* from has said all */
	struct piece *first, **last;
};

struct pair {
	struct way up, down;	/* to the server, to the client */
	int64_t opened;		/* when the client is connected */
	bool used;
};

static struct pair pairs[PAIRS];
static int64_t delay;
static uint16_t to_port;

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static void
way_begin(struct way *w, int from, int to)
{
	memset(w, 0, sizeof(*w));
	w->from = from;
	w->to = to;
	w->last = &w->first;
}

static void
no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
accept_pair(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), i;

	for (i = 0; i < PAIRS && pairs[i].used; i++)
		;
	if (fd == -1)
		return;
	if (i == PAIRS) {
		close(fd);
		return;
	}
	no_delay(fd);
	way_begin(&pairs[i].up, fd, -1);
	way_begin(&pairs[i].down, -1, fd);
	pairs[i].opened = now_ns() + 2 * delay;
	pairs[i].used = true;
}

static void
pair_end(struct pair *p)
{
	struct way *ways[2] = { &p->up, &p->down };
	struct piece *piece;
	int i;

	for (i = 0; i < 2; i++)
		while ((piece = ways[i]->first) != NULL) {
			ways[i]->first = piece->next;
			free(piece);
		}
	close(p->up.from);
	if (p->up.to != -1)
		close(p->up.to);
	p->used = false;
}

static void
connect_server(struct pair *p)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(to_port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		warn("port %u", to_port);
		close(fd);
		pair_end(p);
		return;
	}
	no_delay(fd);
	p->up.to = p->down.from = fd;
}

static void
take(struct way *w, int64_t sent)
{
	struct piece *piece;
	char buffer[65536];
	ssize_t n;

	n = recv(w->from, buffer, sizeof(buffer), MSG_DONTWAIT);
	w->ended = n <= 0;
	if (n < 0)
		n = 0;
	if ((piece = malloc(sizeof(*piece) + (size_t)n)) == NULL)
		err(1, "memory");
	piece->next = NULL;
	piece->due = sent + delay;
	piece->len = (size_t)n;
	piece->done = 0;
	memcpy(piece->octets, buffer, (size_t)n);
	*w->last = piece;
	w->last = &piece->next;
}

/* Sends what is due; false if the connection is over. */
static bool
give(struct way *w, int64_t now)
{
	struct piece *piece;
	ssize_t n;

	while (w->to != -1 && (piece = w->first) != NULL &&
	    piece->due <= now) {
		if (piece->len == 0)
			shutdown(w->to, SHUT_WR);
		else {
			n = send(w->to, piece->octets + piece->done,
			    piece->len - piece->done,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
			if (n < 0)
				return true;	/* again, or the end comes */
			piece->done += (size_t)n;
		}
		if (piece->done < piece->len)
			return true;
		if ((w->first = piece->next) == NULL)
			w->last = &w->first;
		free(piece);
	}
	return !(w->ended && w->first == NULL);
}

/* What is due in one pair; ns until the next is. */
static int64_t
advance(struct pair *p, int64_t now)
{
	struct way *ways[2] = { &p->up, &p->down };
	int64_t next = INT64_MAX;
	bool alive = false;
	int i;

	if (p->up.to == -1 && now >= p->opened + delay)
		connect_server(p);
	if (!p->used)
		return next;
	if (p->up.to == -1)
		next = p->opened + delay - now;
	for (i = 0; i < 2; i++) {
		if (give(ways[i], now))
			alive = true;
		if (ways[i]->to != -1 && ways[i]->first != NULL &&
		    ways[i]->first->due - now < next)
			next = ways[i]->first->due - now;
	}
	if (!alive)
		pair_end(p);
	/* what is due and does not go is tried again soon */
	return next < 200000 ? 200000 : next;
}

static void
loop(int listener)
{
	struct pollfd fds[2 * PAIRS + 1];
	struct way *ways[2 * PAIRS + 1];
	int64_t opened[2 * PAIRS + 1], now, next, one;
	struct timespec t;
	nfds_t n, i;

	for (;;) {
		now = now_ns();
		next = 1000000000;
		n = 1;
		fds[0] = (struct pollfd){ listener, POLLIN, 0 };
		for (i = 0; i < PAIRS; i++) {
			if (!pairs[i].used)
				continue;
			one = advance(&pairs[i], now);
			next = one < next ? one : next;
			if (!pairs[i].used)
				continue;
			ways[n] = &pairs[i].up;
			opened[n] = pairs[i].opened;
			fds[n].events = pairs[i].up.ended ? 0 : POLLIN;
			fds[n++].fd = pairs[i].up.ended ? -1 : pairs[i].up.from;
			ways[n] = &pairs[i].down;
			opened[n] = 0;
			fds[n].events = POLLIN;
			fds[n++].fd = pairs[i].down.ended ? -1 :
			    pairs[i].down.from;
		}
		t.tv_sec = next / 1000000000;
		t.tv_nsec = next % 1000000000;
		if (ppoll(fds, n, &t, NULL) <= 0)
			continue;
		if (fds[0].revents != 0)
			accept_pair(listener);
		now = now_ns();
		for (i = 1; i < n; i++)
			if (fds[i].revents != 0)
				take(ways[i],
				    now > opened[i] ? now : opened[i]);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int i, s, on = 1;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "to=", 3) == 0)
			to_port = (uint16_t)atoi(argv[i] + 3);
		else if (strncmp(argv[i], "delay=", 6) == 0)
			delay = (int64_t)(atof(argv[i] + 6) * 1e6);
		else if (strncmp(argv[i], "port=", 5) == 0)
			sin.sin_port = htons((uint16_t)atoi(argv[i] + 5));
		else
			errx(64, "%s: no such option", argv[i]);
	}
	if (to_port == 0 || delay <= 0)
		errx(64, "to= and delay= are wanted");
	signal(SIGPIPE, SIG_IGN);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(s, 512) == -1 ||
	    getsockname(s, (struct sockaddr *)&sin, &len) == -1)
		err(1, "listen");
	printf("port=%d\n", ntohs(sin.sin_port));
	fflush(stdout);
	loop(s);
}
