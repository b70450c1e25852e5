/*
 * Connecting, commands out and replies in. How a session begins is in
 * mta/hello.c, the message itself in mta/body.c.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "mta/client.h"
#include "mta/io.h"

enum mta_status
mta_fail(struct mta *mta, enum mta_status status, const char *why)
{
	mta->failed = true;
	strlcpy(mta->why, why, sizeof(mta->why));
	return status;
}

enum mta_status
mta_fail_unasked(struct mta *mta)
{
	return mta_fail(mta, MTA_GARBAGE, "it answers what nobody has asked");
}

/* Waiting */

/* How much of what is written a step must take: a TLS record's worth. */
#define STEP_OCTETS (16 * 1024)

static void
bring_forward(int64_t *deadline, int64_t other)
{
	if (other != 0 && other < *deadline)
		*deadline = other;
}

int64_t
mta_step_end(const struct mta *mta)
{
	return clock_ms() + mta->set->timeout;
}

/* What becomes of a message that is sent whole is to be known and logged. */
static int
watched(const struct mta *mta)
{
	bool sent = mta->last_deadline != 0 && mta->finished;

	return sent ? -1 : mta->set->watch;
}

enum mta_status
mta_wait(struct mta *mta, short events, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = mta->stream.fd, .events = events },
		/* of nothing but its end */
		{ .fd = watched(mta), .events = 0 }
	};
	int64_t left;
	int n;

	bring_forward(&deadline, mta->last_deadline);
	bring_forward(&deadline, mta->set->deadline);
	do {
		left = deadline - clock_ms();
		n = poll(fds, 2, left < 0 ? 0 : (int)left);
	} while (n == -1 && errno == EINTR);
	if ((n > 0 && fds[1].revents) || (mta->set->deadline != 0 &&
	    clock_ms() >= mta->set->deadline))
		return mta_fail(mta, MTA_GONE, "took longer than "
		    "anybody waited");
	if (n > 0 && left >= 0)		/* or a flood would never end */
		return MTA_OK;
	return mta_fail(mta, MTA_TIMEOUT, "no answer in time");
}

/* A server that takes an octet now and then would never be done. */
enum mta_status
mta_write(struct mta *mta, const char *p, size_t n)
{
	int64_t deadline = mta_step_end(mta);
	enum mta_status status;
	size_t taken = 0;	/* since the step began */
	ssize_t put;

	while (n > 0) {
		put = stream_write(&mta->stream, p, n);
		if (put == STREAM_AGAIN) {
			status = mta_wait(mta, mta->stream.write_want,
			    deadline);
			if (status != MTA_OK)
				return status;
			continue;
		}
		if (put < 0)
			return mta_fail(mta, MTA_LOST, mta->stream.error);
		p += put;
		n -= (size_t)put;
		taken += (size_t)put;
		if (taken >= STEP_OCTETS) {
			deadline = mta_step_end(mta);
			taken = 0;
		}
	}
	return MTA_OK;
}

/* Commands out */

enum mta_status
mta_make_room(struct mta *mta, struct mta_buffer *buffer, size_t n)
{
	size_t size = buffer->size == 0 ? 4096 : buffer->size;
	char *more;

	while (size - buffer->len < n)
		size *= 2;
	if (size == buffer->size)
		return MTA_OK;
	more = realloc(buffer->p, size);
	if (more == NULL)
		return mta_fail(mta, MTA_LOST, STREAM_NO_MEMORY);
	buffer->p = more;
	buffer->size = size;
	return MTA_OK;
}

void
mta_append(struct mta_buffer *buffer, const char *p, size_t n)
{
	memcpy(buffer->p + buffer->len, p, n);
	buffer->len += n;
}

void
mta_put(struct mta *mta, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		abort();	/* every part of a line is bounded */
	memcpy(line + n, "\r\n", 2);
	mta_put_lines(mta, line, (size_t)n + 2);
	explicit_bzero(line, sizeof(line));
}

void
mta_put_lines(struct mta *mta, const char *lines, size_t n)
{
	if (mta_make_room(mta, &mta->out, n) != MTA_OK)
		fatal("relay: out of memory");
	mta_append(&mta->out, lines, n);
}

/*
 * All that was said before has been answered: an answer that is there now
 * would be taken for the next command's, and so on. But 421 may come any time.
 */
enum mta_status
mta_flush(struct mta *mta)
{
	enum mta_status status = MTA_OK;

	if (mta->out.len > 0 && mta->in_len > 0 &&
	    (mta->in_len < 3 || memcmp(mta->in, "421", 3) != 0))
		status = mta_fail_unasked(mta);
	if (status == MTA_OK)
		status = mta_write(mta, mta->out.p, mta->out.len);
	mta->out.len = 0;
	return status;
}

/* Replies in */

/* One deadline for the whole reply, or a drip would never end. */
static enum mta_status
fill(struct mta *mta, int64_t deadline)
{
	enum mta_status status;
	ssize_t n;

	/* hardly ever there yet; what TLS holds poll cannot see */
	if (mta->stream.tls == NULL) {
		status = mta_wait(mta, POLLIN, deadline);
		if (status != MTA_OK)
			return status;
	}
	for (;;) {
		n = stream_read(&mta->stream, mta->in + mta->in_len,
		    sizeof(mta->in) - mta->in_len);
		if (n > 0) {
			mta->in_len += (size_t)n;
			return MTA_OK;
		}
		if (n != STREAM_AGAIN)
			return mta_fail(mta, MTA_LOST, n == STREAM_EOF ?
			    "connection closed" : mta->stream.error);
		status = mta_wait(mta, mta->stream.read_want, deadline);
		if (status != MTA_OK)
			return status;
	}
}

/*
 * How it begins tells what it is instead: HTTP, SSH ... But it may repeat what
 * it was told, and no log may have a password or a message.
 */
static enum mta_status
garbage(struct mta *mta, size_t len)
{
	static const char what[] = "its answer is no SMTP reply";
	char shown[TEXT_SHOWN], why[sizeof(what) + TEXT_SHOWN + 4];

	if (mta->confided)
		return mta_fail(mta, MTA_GARBAGE, what);
	snprintf(why, sizeof(why), "%s: '%s'", what,
	    text_show(shown, mta->in, len));
	return mta_fail(mta, MTA_GARBAGE, why);
}

enum mta_status
mta_answer(struct mta *mta)
{
	int64_t deadline = mta_step_end(mta);
	enum answer_status got = ANSWER_MORE;
	enum mta_status status;
	size_t len, used;
	char *lf;

	answer_start(&mta->answer);
	while (got == ANSWER_MORE) {
		lf = memchr(mta->in, '\n', mta->in_len);
		len = lf == NULL ? mta->in_len : (size_t)(lf - mta->in);
		if (len >= ANSWER_LINE_MAX)	/* however it is cut */
			return garbage(mta, len);
		if (lf == NULL) {
			status = fill(mta, deadline);
			if (status != MTA_OK)
				return status;
			continue;
		}
		used = len + 1;
		if (len > 0 && mta->in[len - 1] == '\r')
			len--;
		got = answer_line(&mta->answer, mta->in, len);
		if (got == ANSWER_BAD)
			return garbage(mta, len);
		mta->in_len -= used;
		memmove(mta->in, mta->in + used, mta->in_len);
	}
	return MTA_OK;
}

enum mta_status
mta_ask(struct mta *mta)
{
	enum mta_status status = mta_flush(mta);

	return status == MTA_OK ? mta_answer(mta) : status;
}

/*
 * Where nobody listens at a port that the kernel gives to clients, too, it may
 * give just that one, and TCP connects the socket to itself (RFC 9293 3.5,
 * figure 7): nothing would come, and nobody could listen there meanwhile.
 */
static bool
is_itself(int fd, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} own;
	socklen_t len = sizeof(own);

	memset(&own, 0, sizeof(own));
	if (getsockname(fd, &own.sa, &len) == -1 ||
	    own.sa.sa_family != ss->ss_family)
		return false;
	if (ss->ss_family == AF_INET)
		return own.in.sin_port == in->sin_port &&
		    own.in.sin_addr.s_addr == in->sin_addr.s_addr;
	return ss->ss_family == AF_INET6 &&
	    own.in6.sin6_port == in6->sin6_port && memcmp(&own.in6.sin6_addr,
	    &in6->sin6_addr, sizeof(in6->sin6_addr)) == 0;
}

static enum mta_status
connect_to(struct mta *mta, const struct sockaddr_storage *ss, socklen_t len)
{
	int fd = socket(ss->ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	socklen_t error_len = sizeof(int);
	int error = 0;
	enum mta_status status;

	if (fd == -1)
		return mta_fail(mta, MTA_DOWN, strerror(errno));
	if (stream_start(&mta->stream, fd) == -1)
		return mta_fail(mta, MTA_DOWN, mta->stream.error);
	if (connect(fd, (const struct sockaddr *)ss, len) == -1) {
		if (errno != EINPROGRESS)
			return mta_fail(mta, MTA_DOWN, strerror(errno));
		status = mta_wait(mta, POLLOUT, mta_step_end(mta));
		if (status != MTA_OK)
			return status;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	}
	if (error == 0 && is_itself(fd, ss))
		error = ECONNREFUSED;
	return error == 0 ? MTA_OK : mta_fail(mta, MTA_DOWN, strerror(error));
}

static void
drop(struct mta *mta)
{
	stream_close(&mta->stream);
	mta->open = mta->verified = mta->authenticated = false;
	mta->in_data = mta->failed = mta->confided = false;
	mta->in_len = mta->out.len = mta->piece.len = 0;
	mta->chunks = 0;
}

static enum mta_status
try_address(struct mta *mta, const struct sockaddr_storage *ss,
    socklen_t len)
{
	enum mta_status status = connect_to(mta, ss, len);

	if (status == MTA_OK)
		status = mta_introduce(mta, true);
	if (status == MTA_TLS && mta->route->tls == ROUTE_TLS_OFFERED) {
		/* TLS that would not be verified is no reason to fail */
		drop(mta);
		status = connect_to(mta, ss, len);
		if (status == MTA_OK)
			status = mta_introduce(mta, false);
	}
	if (status != MTA_OK)
		drop(mta);
	return status;
}

/* "address: reason; " for each that failed */
static void
add_reason(const struct mta *mta, const struct sockaddr_storage *ss,
    socklen_t len, char *all, size_t size)
{
	char address[64];

	if (ss->ss_family == AF_UNIX || getnameinfo(
	    (const struct sockaddr *)ss, len, address, sizeof(address), NULL,
	    0, NI_NUMERICHOST) != 0)
		strlcpy(address, "socket", sizeof(address));
	if (all[0] != '\0')
		strlcat(all, "; ", size);
	strlcat(all, address, size);
	strlcat(all, ": ", size);
	strlcat(all, mta->why, size);
}

enum mta_status
mta_open(struct mta *mta, const struct route *route,
    const struct sockaddr_storage *ss, const socklen_t *len, size_t n,
    const struct mta_settings *set)
{
	enum mta_status status, worst = MTA_DOWN;
	char reasons[sizeof(mta->why)] = "";
	size_t i;

	free(mta->out.p);
	free(mta->piece.p);
	memset(mta, 0, sizeof(*mta));
	mta->stream.fd = -1;
	mta->route = route;
	mta->set = set;
	for (i = 0; i < n; i++) {
		status = try_address(mta, &ss[i], len[i]);
		if (status == MTA_OK) {
			mta->open = true;
			return MTA_OK;
		}
		if (status == MTA_GONE)
			return status;
		if (worst == MTA_DOWN)
			worst = status;
		add_reason(mta, &ss[i], len[i], reasons, sizeof(reasons));
	}
	return mta_fail(mta, worst, n == 0 ? "its name has no address" :
	    reasons);
}

void
mta_close(struct mta *mta)
{
	if (mta->open && !mta->failed && !mta->in_data && mta->chunks == 0)
		stream_write(&mta->stream, "QUIT\r\n", 6);
	drop(mta);
	free(mta->out.p);
	free(mta->piece.p);
	memset(&mta->out, 0, sizeof(mta->out));
	memset(&mta->piece, 0, sizeof(mta->piece));
}

bool
mta_is_stale(struct mta *mta)
{
	struct pollfd pfd = { .fd = mta->stream.fd, .events = POLLIN };
	ssize_t n;

	if (mta->out.len > 0)
		return false;	/* in use */
	if (!mta->open || mta->in_len > 0)
		return true;
	/* with TLS poll does not see all that is there, see base/stream.h */
	if (mta->stream.tls == NULL && poll(&pfd, 1, 0) == 0)
		return false;
	/* TLS may have a ticket to say; any reply now means goodbye */
	n = stream_read(&mta->stream, mta->in, sizeof(mta->in));
	return n != STREAM_AGAIN;
}
