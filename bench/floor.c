/*
 * floor: what a submission server cannot be cheaper than, if it has a process
 * for each connection and TLS by libtls. It checks nothing and logs nothing:
 * forks, shakes hands, answers by rote, and copies what it is given to a
 * connection of its own to the next server; the reply to the message is that
 * one's. Certificate and key are read before the first fork.
 *
 *	floor relay=PORT certificate=FILE key=FILE [port=N] [tlsport=N]
 *
 * prints "port=N tlsport=N" once it listens on 127.0.0.1. The clients it
 * can serve are those of load.c: the end of DATA is looked for at the end of
 * what was read, and within it only where a record of TLS was not full.
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
#include <strings.h>
#include <tls.h>
#include <unistd.h>

#define RECORD	16384
#define END	"\r\n.\r\n"

static uint16_t relay_port;
static struct tls *server, *tls;	/* tls: NULL in the clear */
static int fd, relay = -1;
static char in[RECORD], group[4096], out[4096];
static size_t in_from, in_len, group_len, out_len;
static unsigned waiting;	/* replies of the relay that nobody wants */
static bool starttls;

/* No server may wait for ever. */
static void
wait_for(int s)
{
	struct pollfd p = { s, POLLIN, 0 };

	if (poll(&p, 1, 300000) != 1)
		_exit(1);
}

static void
write_all(const char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = tls == NULL ? write(fd, p, len) : tls_write(tls, p, len);
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT)
			n = 0;
		else if (n <= 0)
			_exit(0);
	}
}

static void
say(const char *text)
{
	size_t len = strlen(text);

	if (out_len + len > sizeof(out)) {
		write_all(out, out_len);
		out_len = 0;
	}
	memcpy(out + out_len, text, len);
	out_len += len;
}

static void
flush(void)
{
	if (out_len > 0)
		write_all(out, out_len);
	out_len = 0;
}

static void
to_relay(const char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = write(relay, p, len)) <= 0)
			_exit(1);
}

/* Passes `n` replies of the relay by; the last one stays in line. */
static void
relay_replies(unsigned n, char *line, size_t size)
{
	static char have[4096];
	static size_t len;
	size_t one;
	ssize_t got;
	char *nl;

	while (n > 0) {
		nl = memchr(have, '\n', len);
		if (nl == NULL) {
			wait_for(relay);
			got = read(relay, have + len, sizeof(have) - len);
			if (got <= 0)
				_exit(1);
			len += (size_t)got;
			continue;
		}
		one = (size_t)(nl + 1 - have);
		if (have[3] != '-')
			n--;
		snprintf(line, size, "%.*s", (int)one, have);
		len -= one;
		memmove(have, have + one, len);
	}
}

static void
open_relay(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char line[512];
	int on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(relay_port);
	relay = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(relay, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(relay, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "relay");
	relay_replies(1, line, sizeof(line));
	to_relay("EHLO floor.example.org\r\n", 24);
	relay_replies(1, line, sizeof(line));
}

/* Reads more behind what is there. */
static void
more(void)
{
	static bool pending;	/* libtls may hold the rest of a record */
	size_t room;
	ssize_t n;

	if (in_from == in_len)
		in_from = in_len = 0;
	if (in_from > 0 && in_len == sizeof(in)) {
		memmove(in, in + in_from, in_len - in_from);
		in_len -= in_from;
		in_from = 0;
	}
	room = sizeof(in) - in_len;
	if (!pending)
		wait_for(fd);
	do {
		n = tls == NULL ? read(fd, in + in_len, room) :
		    tls_read(tls, in + in_len, room);
	} while (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT);
	if (n <= 0)
		_exit(0);
	pending = tls != NULL && (size_t)n == room;
	in_len += (size_t)n;
}

/* What has been gathered for the relay goes out as one piece. */
static void
send_group(void)
{
	if (group_len > 0)
		to_relay(group, group_len);
	group_len = 0;
}

static void
to_group(const char *p, size_t len)
{
	if (group_len + len > sizeof(group))
		send_group();
	if (len > sizeof(group)) {
		to_relay(p, len);
		return;
	}
	memcpy(group + group_len, p, len);
	group_len += len;
}

static void
final_reply(void)
{
	char line[512];

	send_group();
	relay_replies(waiting + 1, line, sizeof(line));
	waiting = 0;
	say(line);
}

/* The octets up to the end of the message, or all; *end tells. */
static size_t
find_end(char tail[5], bool full, bool *end)
{
	const char *p = in + in_from, *found = NULL;
	size_t len = in_len - in_from;

	/* the end may have begun in what was copied before */
	if (len < 5) {
		memmove(tail, tail + len, 5 - len);
		memcpy(tail + 5 - len, p, len);
	} else
		memcpy(tail, p + len - 5, 5);
	*end = memcmp(tail, END, 5) == 0;
	if (!*end && !full && (found = memmem(p, len, END, 5)) != NULL) {
		*end = true;
		len = (size_t)(found + 5 - p);
	}
	return len;
}

static void
copy_data(void)
{
	char tail[5] = "\0\0\0\r\n", line[512];
	bool end = false, full = false;
	size_t n;

	send_group();
	relay_replies(waiting, line, sizeof(line));
	waiting = 0;
	while (!end) {
		if (in_from == in_len) {
			more();
			full = in_len == RECORD;
		}
		n = find_end(tail, full, &end);
		to_relay(in + in_from, n);
		in_from += n;
	}
	final_reply();
}

static void
copy_chunk(const char *arguments)
{
	uint64_t left = strtoull(arguments, NULL, 10);
	bool last = strcasestr(arguments, "LAST") != NULL;
	size_t n;

	while (left > 0) {
		if (in_from == in_len)
			more();
		n = in_len - in_from < left ? in_len - in_from : (size_t)left;
		to_group(in + in_from, n);
		in_from += n;
		left -= n;
	}
	if (last)
		final_reply();
	else {
		waiting++;
		say("250 2.0.0 chunk\r\n");
	}
}

static void
envelope(const char *line, size_t len)
{
	if (relay == -1)
		open_relay();
	to_group(line, len);
	if (strncasecmp(line, "BDAT", 4) == 0) {
		copy_chunk(line + 4);
		return;
	}
	waiting++;
	if (strncasecmp(line, "DATA", 4) == 0) {
		say("354 go on\r\n");
		flush();
		copy_data();
	} else
		say("250 2.1.0 ok\r\n");
}

static void
shake_hands(void)
{
	int n;

	if (tls_accept_socket(server, &tls, fd) == -1)
		_exit(1);
	do {
		n = tls_handshake(tls);
	} while (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT);
	if (n == -1)
		_exit(1);
}

static void
command(const char *line, size_t len)
{
	if (strncasecmp(line, "MAIL", 4) == 0 ||
	    strncasecmp(line, "RCPT", 4) == 0 ||
	    strncasecmp(line, "DATA", 4) == 0 ||
	    strncasecmp(line, "BDAT", 4) == 0)
		envelope(line, len);
	else if (strncasecmp(line, "EHLO", 4) == 0)
		say("250-floor.example.org\r\n250-PIPELINING\r\n"
		    "250-CHUNKING\r\n250-8BITMIME\r\n250-STARTTLS\r\n"
		    "250 AUTH PLAIN\r\n");
	else if (strncasecmp(line, "STARTTLS", 8) == 0) {
		say("220 2.0.0 go on\r\n");
		flush();
		shake_hands();
	} else if (strncasecmp(line, "AUTH", 4) == 0)
		say("235 2.7.0 as you say\r\n");
	else if (strncasecmp(line, "QUIT", 4) == 0) {
		say("221 2.0.0 bye\r\n");
		flush();
		if (tls != NULL)
			tls_close(tls);
		_exit(0);
	} else
		say("250 2.0.0 ok\r\n");
}

_Noreturn static void
serve(void)
{
	char line[2048];
	const char *nl;
	size_t n;
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!starttls)
		shake_hands();
	say("220 floor.example.org ESMTP\r\n");
	for (;;) {
		nl = memchr(in + in_from, '\n', in_len - in_from);
		if (nl == NULL) {
			flush();
			more();
			continue;
		}
		n = (size_t)(nl + 1 - (in + in_from));
		if (n >= sizeof(line))
			_exit(1);
		memcpy(line, in + in_from, n);
		line[n] = '\0';
		in_from += n;
		command(line, n);
	}
}

static int
listen_there(const char *name, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int s, on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(s, 4096) == -1 ||
	    getsockname(s, (struct sockaddr *)&sin, &len) == -1)
		err(1, "port %u", port);
	printf("%s=%d%s", name, ntohs(sin.sin_port),
	    name[0] == 'p' ? " " : "\n");
	fflush(stdout);
	return s;
}

static void
configure(const char *certificate, const char *key)
{
	struct tls_config *config = tls_config_new();

	server = tls_server();
	if (config == NULL || server == NULL ||
	    tls_config_set_keypair_file(config, certificate, key) == -1)
		errx(1, "%s", config == NULL ? "memory" :
		    tls_config_error(config));
	if (tls_configure(server, config) == -1)
		errx(1, "%s", tls_error(server));
	tls_config_free(config);
}

int
main(int argc, char **argv)
{
	const char *certificate = NULL, *key = NULL;
	struct pollfd p[2];
	uint16_t port = 0, tlsport = 0;
	int i;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "relay=", 6) == 0)
			relay_port = (uint16_t)atoi(argv[i] + 6);
		else if (strncmp(argv[i], "certificate=", 12) == 0)
			certificate = argv[i] + 12;
		else if (strncmp(argv[i], "key=", 4) == 0)
			key = argv[i] + 4;
		else if (strncmp(argv[i], "port=", 5) == 0)
			port = (uint16_t)atoi(argv[i] + 5);
		else if (strncmp(argv[i], "tlsport=", 8) == 0)
			tlsport = (uint16_t)atoi(argv[i] + 8);
		else
			errx(64, "%s: no such option", argv[i]);
	}
	if (relay_port == 0 || certificate == NULL || key == NULL)
		errx(64, "relay=, certificate= and key= are wanted");
	signal(SIGCHLD, SIG_IGN);
	configure(certificate, key);
	p[0].fd = listen_there("port", port);
	p[1].fd = listen_there("tlsport", tlsport);
	p[0].events = p[1].events = POLLIN;
	for (;;) {
		poll(p, 2, -1);
		for (i = 0; i < 2; i++) {
			if (!(p[i].revents & POLLIN))
				continue;
			fd = accept(p[i].fd, NULL, NULL);
			starttls = i == 0;
			if (fd == -1)
				continue;
			if (fork() == 0) {
				close(p[0].fd);
				close(p[1].fd);
				signal(SIGCHLD, SIG_DFL);
				serve();
			}
			close(fd);
		}
	}
}
