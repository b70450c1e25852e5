#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "base/stream.h"

/* Four TLS records and a bit. */
#define RAW_SIZE (68 * 1024)

static ssize_t
fail(struct stream *st, const char *why)
{
	snprintf(st->error, sizeof(st->error), "%s", why);
	return STREAM_ERROR;
}

int
stream_start(struct stream *st, int fd)
{
	int on = 1, flags = fcntl(fd, F_GETFL);

	memset(st, 0, sizeof(*st));
	st->fd = fd;
	st->read_want = POLLIN;
	st->write_want = POLLOUT;
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return (int)fail(st, strerror(errno));
	/* fails on a Unix socket, where there is no delay */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

/* The library sets errno to 0. */
bool
stream_was_starved(void)
{
	unsigned long error;
	bool starved = false;

	while ((error = ERR_get_error()) != 0)
		starved |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
	return starved;
}

/* Its words need memory, too: without them there was none. */
static ssize_t
fail_tls(struct stream *st, struct tls *tls)
{
	const char *why = tls_error(tls);

	return fail(st, stream_was_starved() || why == NULL ? STREAM_NO_MEMORY :
	    why);
}

const char *
stream_why(const struct stream *st, const char *usual)
{
	return strcmp(st->error, STREAM_NO_MEMORY) == 0 ? st->error : usual;
}

/* The callbacks of libtls */

static ssize_t
raw_read(struct tls *tls, void *buf, size_t n, void *arg)
{
	struct stream *st = arg;
	ssize_t got;

	(void)tls;
	if (st->raw_pos == st->raw_len) {
		if (st->raw_dry) {
			st->raw_dry = false;
			return TLS_WANT_POLLIN;
		}
		got = read(st->fd, st->raw, RAW_SIZE);
		if (got == -1)
			return errno == EAGAIN || errno == EINTR ?
			    TLS_WANT_POLLIN : -1;
		if (got == 0)
			return 0;
		st->raw_pos = 0;
		st->raw_len = (size_t)got;
		st->raw_dry = got < RAW_SIZE;
	}
	if (n > st->raw_len - st->raw_pos)
		n = st->raw_len - st->raw_pos;
	memcpy(buf, st->raw + st->raw_pos, n);
	st->raw_pos += n;
	st->raw_taken += n;
	return (ssize_t)n;
}

static ssize_t
raw_write(struct tls *tls, const void *buf, size_t n, void *arg)
{
	struct stream *st = arg;
	ssize_t put = write(st->fd, buf, n);

	(void)tls;
	if (put == -1)
		return errno == EAGAIN || errno == EINTR ?
		    TLS_WANT_POLLOUT : -1;
	return put;
}

static int
make_raw(struct stream *st)
{
	st->raw = malloc(RAW_SIZE);
	return st->raw == NULL ? (int)fail(st, STREAM_NO_MEMORY) : 0;
}

int
stream_accept_tls(struct stream *st, struct tls *server)
{
	if (make_raw(st) == -1)
		return -1;
	if (tls_accept_cbs(server, &st->tls, raw_read, raw_write, st) == -1)
		return (int)fail_tls(st, server);
	return 0;
}

void
stream_put_back(struct stream *st, const void *p, size_t n)
{
	memcpy(st->raw, p, n);
	st->raw_pos = 0;
	st->raw_len = n;
}

int
stream_connect_tls(struct stream *st, struct tls *client, const char *name)
{
	st->tls = client;
	if (make_raw(st) == -1)
		return -1;
	if (tls_connect_cbs(client, raw_read, raw_write, st, name) == -1)
		return (int)fail_tls(st, client);
	return 0;
}

/* Turns what libtls returned into ours; *want gets what to poll for. */
static ssize_t
outcome(struct stream *st, ssize_t n, short *want)
{
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		*want = n == TLS_WANT_POLLIN ? POLLIN : POLLOUT;
		return STREAM_AGAIN;
	}
	return n == -1 ? fail_tls(st, st->tls) : n;
}

/*
 * The library wants to poll after a record without data, such as a session
 * ticket, though the next record may be in our buffer already.
 */
static bool
has_more_raw(const struct stream *st, ssize_t n, uint64_t before)
{
	return n == TLS_WANT_POLLIN && st->raw_pos < st->raw_len &&
	    st->raw_taken != before;
}

int
stream_handshake(struct stream *st)
{
	uint64_t before;
	ssize_t n;

	do {
		before = st->raw_taken;
		n = tls_handshake(st->tls);
	} while (has_more_raw(st, n, before));
	n = outcome(st, n, &st->read_want);

	if (n == 0) {
		st->handshaken = true;
		st->read_want = POLLIN;
	}
	return (int)n;
}

static ssize_t
plain_outcome(struct stream *st, ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return STREAM_AGAIN;
	return fail(st, strerror(errno));
}

ssize_t
stream_read(struct stream *st, void *buf, size_t n)
{
	uint64_t before;
	ssize_t got;

	if (st->tls == NULL)
		return plain_outcome(st, read(st->fd, buf, n));
	st->read_want = POLLIN;
	do {
		before = st->raw_taken;
		got = tls_read(st->tls, buf, n);
	} while (has_more_raw(st, got, before));
	return outcome(st, got, &st->read_want);
}

ssize_t
stream_write(struct stream *st, const void *buf, size_t n)
{
	ssize_t put;

	if (st->tls == NULL)
		return plain_outcome(st, write(st->fd, buf, n));
	st->write_want = POLLOUT;
	put = tls_write(st->tls, buf, n);
	/* what fails behind the other side's close_notify is told as 0, for
	   ever: who writes until all is written would never be done */
	if (put == 0)
		return fail(st, "connection lost");
	return outcome(st, put, &st->write_want);
}

void
stream_close(struct stream *st)
{
	if (st->fd == -1)
		return;
	if (st->tls != NULL) {
		if (st->handshaken)
			tls_close(st->tls);
		tls_free(st->tls);
	}
	free(st->raw);
	close(st->fd);
	memset(st, 0, sizeof(*st));
	st->fd = -1;
}

const char *
stream_tls_version(const struct stream *st)
{
	return st->handshaken ? tls_conn_version(st->tls) : "";
}

const char *
stream_tls_cipher(const struct stream *st)
{
	return st->handshaken ? tls_conn_cipher(st->tls) : "";
}
