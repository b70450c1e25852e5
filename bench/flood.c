/*
 * flood: clients that mean no good to a submission server
 *
 *	flood kind=... key=value ...
 *
 *	kind=leave	connects and leaves
 *	kind=hold	connects and says nothing
 *	kind=handshake	leaves amid TLS's handshake, when the server has signed
 *	kind=guess	wrong passwords, one after another
 *	kind=garbage	octets at random, under TLS if tls=implicit
 *	kind=line	a line without end
 *	kind=auth	AUTH with a line without end
 *	kind=pipeline	logged in, 100,000 commands in one go, then again
 *	kind=unread	commands without end, and no reply is read
 *	kind=slow	an octet a second
 *	kind=chunks	logged in, BDAT of one octet without end
 *	kind=data	logged in, amid DATA, and then nothing
 *	kind=envelopes	logged in, RCPT and RSET without end
 *	kind=renegotiate TLS 1.2, begins the handshake anew, again and again
 *	kind=keyupdate	TLS 1.3, asks for new keys, again and again
 *
 *	port=N		of the server on 127.0.0.1
 *	tls=implicit	no: in the clear
 *	source=IP	the clients' address, the first of sources=1
 *	c=20		connections at a time; who was left comes again
 *	rate=0		new connections a second at most; 0: no limit
 *	seconds=3
 *	user= password= from= to=
 *
 * Prints one line of key=value: connections, those that the server ended,
 * octets of commands and replies, final replies by their first digit.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load.h"

#define COMMANDS	100000
#define PRELUDE		4

enum kind { LEAVE, HOLD, HANDSHAKE, GUESS, GARBAGE, LINE, AUTH_LINE, PIPELINE,
	UNREAD, SLOW, CHUNKS, IN_DATA, ENVELOPES, RENEGOTIATE, KEYUPDATE };

static const struct {
	const char *name;
	/* what is said first: EHLO, AUTH, MAIL and RCPT, DATA */
	unsigned prelude;
	const char *text;	/* then this, for ever */
} kinds[] = {
	[LEAVE] = { "leave", 0, NULL },
	[HOLD] = { "hold", 0, NULL },
	[HANDSHAKE] = { "handshake", 0, NULL },
	[GUESS] = { "guess", 1, NULL },
	[GARBAGE] = { "garbage", 0, NULL },
	[LINE] = { "line", 0, "a line without end " },
	[AUTH_LINE] = { "auth", 1, "QUFB" },
	[PIPELINE] = { "pipeline", 2, "NOOP\r\nRSET\r\nVRFY bob\r\n"
	    "HELP\r\nEHLO again\r\n" },
	[UNREAD] = { "unread", 1, "HELP\r\nEHLO again\r\n" },
	[SLOW] = { "slow", 0, "EHLO slow.example.net\r\n" },
	[CHUNKS] = { "chunks", 3, "BDAT 1\r\nx" },
	[IN_DATA] = { "data", 4, NULL },
	[ENVELOPES] = { "envelopes", 2, "MAIL FROM:<alice@example.org>\r\n"
	    "RCPT TO:<bob@example.org>\r\nRSET\r\n" },
	[RENEGOTIATE] = { "renegotiate", 1, NULL },
	[KEYUPDATE] = { "keyupdate", 1, NULL },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct options options = {
	.user = "alice", .password = "alicepw", .from = "alice@example.org",
	.to = "bob@example.org", .c = 20, .tls = IMPLICIT, .seconds = 3,
	.source = INADDR_LOOPBACK, .sources = 1,
};

static enum kind kind;
static unsigned rate;

/* The wire's part of a client is used; these stand in the rest: */
#define said	begun		/* commands of the prelude */
#define due	queued		/* final replies to come before the next */
#define fill_at	offset		/* of the text */
#define commands ended		/* pieces of it so far */

static struct client *clients;
static unsigned long dialled, closed, refused;
static unsigned long long octets_out, octets_in, replies[6];
static int epoll;

static bool
reads(const struct client *c)
{
	return kind != UNREAD || c->said == 0 || c->due > 0;
}

static void
watch(struct client *c, int operation)
{
	struct epoll_event event = { .data.ptr = c };

	if (reads(c))
		event.events |= EPOLLIN;
	c->registered_write = c->connecting || c->want_write;
	if (c->registered_write)
		event.events |= EPOLLOUT;
	epoll_ctl(epoll, operation, c->fd, &event);
}

static void
leave(struct client *c)
{
	wire_close(c);
}

static void
dial(struct client *c)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int on = 1;

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	sin.sin_addr.s_addr = htonl(options.source +
	    (uint32_t)(dialled++ % options.sources));
	if (bind(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "source");
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(options.port);
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
	    errno != EINPROGRESS) {
		refused++;
		leave(c);
		return;
	}
	c->connecting = true;
	c->due = 1;		/* the greeting */
	c->next_drip = now();
	watch(c, EPOLL_CTL_ADD);
}

/* What is said */

static void
put(struct client *c, const char *text, size_t len)
{
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
}

static void
put_auth(struct client *c)
{
	unsigned char plain[300], coded[500];
	int n;

	n = snprintf((char *)plain, sizeof(plain), "%c%s%c%s", 0,
	    options.user, 0, kind == GUESS ? "wrong" : options.password);
	EVP_EncodeBlock(coded, plain, n);
	c->out_len += (size_t)snprintf(c->out + c->out_len, TEXT,
	    "AUTH PLAIN %s\r\n", coded);
	c->due = 1;
}

/* The next command of the prelude; false if it is over. */
static bool
prelude(struct client *c)
{
	if (c->said >= kinds[kind].prelude)
		return false;
	switch (c->said++) {
	case 0:
		put(c, "EHLO flood.example.net\r\n", 24);
		c->due = 1;
		break;
	case 1:
		put_auth(c);
		break;
	case 2:
		c->out_len += (size_t)snprintf(c->out + c->out_len, TEXT,
		    "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\n", options.from,
		    options.to);
		c->due = 2;
		break;
	default:
		put(c, "DATA\r\n", 6);
		c->due = 1;
	}
	return true;
}

static void
fill_text(struct client *c)
{
	const char *text = kinds[kind].text;
	size_t n, len = strlen(text);

	if (c->commands == 0 && kind == AUTH_LINE)
		put(c, "AUTH PLAIN ", 11);
	while (sizeof(c->out) - c->out_len > len) {
		if (kind == PIPELINE && c->commands >= COMMANDS)
			return;
		n = kind == SLOW ? 1 : len - c->fill_at;
		put(c, text + c->fill_at, n);
		c->fill_at = (c->fill_at + n) % len;
		c->commands += kind == PIPELINE ? 5 : 1;
		if (kind == PIPELINE)
			c->due += 5;	/* before it leaves */
		if (kind == SLOW)
			return;
	}
}

static void
fill_garbage(struct client *c)
{
	while (c->out_len + 4 < sizeof(c->out)) {
		uint32_t some = (uint32_t)mrand48();

		put(c, (const char *)&some, 4);
	}
}

/* TLS's own: the record is sent by what is written next. */
static void
fill_handshakes(struct client *c)
{
	if (kind == KEYUPDATE)
		SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED);
	else if (SSL_renegotiate(c->ssl) == 1)
		SSL_do_handshake(c->ssl);
	put(c, "NOOP\r\n", 6);
	c->due = 1;
}

static void
fill(struct client *c)
{
	if (c->due > 0 && kind != LINE && kind != SLOW && kind != GARBAGE &&
	    !(kind == PIPELINE && c->commands > 0))
		return;
	if (prelude(c))
		return;
	if (kind == SLOW) {
		if (now() < c->next_drip)
			return;
		c->next_drip = now() + 1;
	}
	if (kind == GUESS)
		put_auth(c);
	else if (kind == GARBAGE)
		fill_garbage(c);
	else if (kind == RENEGOTIATE || kind == KEYUPDATE)
		fill_handshakes(c);
	else if (kinds[kind].text != NULL)
		fill_text(c);
}

/* False: the connection has ended. */
static bool
say(struct client *c)
{
	ssize_t n;

	c->want_write = false;
	if (c->out_len == c->out_from)
		fill(c);
	if (c->out_len == c->out_from)
		return kind != PIPELINE || c->commands < COMMANDS || c->due > 0;
	n = wire_write(c);
	if (n > 0) {
		octets_out += (unsigned long long)n;
		/* more may be said at once, but others have their turn */
		c->want_write = c->out_len > 0 || (kinds[kind].text != NULL &&
		    c->due == 0 && kind != SLOW) || kind == LINE ||
		    kind == GARBAGE || (kind == PIPELINE &&
		    c->commands > 0 && c->commands < COMMANDS);
	}
	return n > 0 || n == -2;
}

/* Counts final replies; what is behind the last line end stays. */
static void
count_replies(struct client *c)
{
	char *line = c->in, *nl;

	while ((nl = memchr(line, '\n',
	    (size_t)(c->in + c->in_len - line))) != NULL) {
		if (nl - line >= 4 && line[3] != '-' && *line >= '2' &&
		    *line <= '5') {
			replies[*line - '0']++;
			if (c->due > 0)
				c->due--;
		}
		line = nl + 1;
	}
	c->in_len -= (size_t)(line - c->in);
	memmove(c->in, line, c->in_len);
	if (c->in_len == sizeof(c->in))
		c->in_len = 0;
}

/* False: the connection has ended. */
static bool
hear(struct client *c)
{
	ssize_t n;

	for (;;) {
		n = wire_read(c);
		if (n == -2)
			return true;
		if (n <= 0) {
			closed++;
			return false;
		}
		octets_in += (unsigned long long)n;
		count_replies(c);
	}
}

/* False: the connection has ended. */
static bool
began(struct client *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		refused++;
		return false;
	}
	c->connecting = false;
	if (options.tls == IMPLICIT && kind != HOLD && kind != LEAVE)
		wire_start_tls(c);
	return kind != LEAVE;
}

/* False: the connection has ended. */
static bool
go_on(struct client *c)
{
	int n;

	if (c->connecting && !began(c))
		return false;
	if (c->handshaking) {
		n = wire_handshake(c);
		if (n == -1 || (n == 0 && kind == HANDSHAKE)) {
			closed += n == -1;
			return false;
		}
		/* the second call has the server's answer */
		if (kind == HANDSHAKE && c->seen_in > 0)
			return false;
		if (n != 0)
			return true;
	}
	if (reads(c) && !hear(c))
		return false;
	return kind == HOLD || say(c);
}

static void
serve(struct client *c)
{
	if (c->fd == -1)
		return;
	if (!go_on(c)) {
		leave(c);
		return;
	}
	watch(c, EPOLL_CTL_MOD);
}

static void
run(double end)
{
	struct epoll_event events[256];
	double start = now();
	unsigned long i, allowed;
	int n, j;

	for (i = 0; i < options.c; i++)
		clients[i].fd = -1;
	while (now() < end) {
		allowed = rate == 0 ? dialled + options.c :
		    (unsigned long)((now() - start) * rate) + 1;
		for (i = 0; i < options.c && dialled < allowed; i++)
			if (clients[i].fd == -1)
				dial(&clients[i]);
		n = epoll_wait(epoll, events, 256, kind == SLOW ? 100 : 10);
		for (j = 0; j < n; j++)
			serve(events[j].data.ptr);
		for (i = 0; i < options.c && kind == SLOW; i++)
			if (clients[i].fd != -1 && !clients[i].connecting)
				serve(&clients[i]);
	}
	for (i = 0; i < options.c; i++)
		if (clients[i].fd != -1)
			leave(&clients[i]);
}

static void
set(const char *word)
{
	const char *value = strchr(word, '=');
	size_t len, i;

	if (value == NULL)
		errx(64, "%s: key=value is wanted", word);
	len = (size_t)(value++ - word);
#define IS(name) (len == strlen(name) && memcmp(word, name, len) == 0)
	if (IS("kind")) {
		for (i = 0; i < KINDS && strcmp(kinds[i].name, value) != 0; i++)
			;
		if (i == KINDS)
			errx(64, "%s: no such flood", value);
		kind = (enum kind)i;
	} else if (IS("port"))
		options.port = (uint16_t)atoi(value);
	else if (IS("tls"))
		options.tls = strcmp(value, "no") == 0 ? IN_CLEAR : IMPLICIT;
	else if (IS("source"))
		options.source = ntohl(inet_addr(value));
	else if (IS("sources") && atoi(value) > 0)
		options.sources = (unsigned)atoi(value);
	else if (IS("c") && atoi(value) > 0)
		options.c = (unsigned long)atoi(value);
	else if (IS("rate"))
		rate = (unsigned)atoi(value);
	else if (IS("seconds"))
		options.seconds = atof(value);
	else if (IS("user"))
		options.user = value;
	else if (IS("password"))
		options.password = value;
	else if (IS("from"))
		options.from = value;
	else if (IS("to"))
		options.to = value;
	else
		errx(64, "%s: no such option, or not so", word);
#undef IS
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		set(argv[i]);
	if (options.port == 0)
		errx(64, "port= is wanted");
	options.tls12 = kind == RENEGOTIATE;
	signal(SIGPIPE, SIG_IGN);
	srand48(getpid());
	wire_prepare();
	clients = calloc(options.c, sizeof(*clients));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || epoll == -1)
		err(1, "start");
	run(now() + options.seconds);
	printf("connections=%lu closed=%lu refused=%lu written=%llu read=%llu "
	    "r2=%llu r3=%llu r4=%llu r5=%llu\n", dialled, closed, refused,
	    octets_out, octets_in, replies[2], replies[3], replies[4],
	    replies[5]);
	return 0;
}
