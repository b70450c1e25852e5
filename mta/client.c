/*
 * Connection, EHLO, STARTTLS, AUTH, commands and replies. The message itself
 * is in mta/body.c.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/tls.h"
#include "mta/client.h"
#include "mta/io.h"
#include "smtp/param.h"
#include "smtp/sasl.h"

static enum mta_status
fail(struct mta *mta, enum mta_status status, const char *why)
{
	strlcpy(mta->why, why, sizeof(mta->why));
	return status;
}

/* Waiting */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum mta_status
wait_until(struct mta *mta, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = mta->stream.fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - now_ms();
		n = poll(&pfd, 1, left < 0 ? 0 : (int)left);
	} while (n == -1 && errno == EINTR);
	if (n == 1)
		return MTA_OK;
	return fail(mta, MTA_TIMEOUT, "no answer in time");
}

enum mta_status
mta_wait(struct mta *mta, short events)
{
	return wait_until(mta, events, now_ms() + mta->set->timeout);
}

enum mta_status
mta_write(struct mta *mta, const char *p, size_t n)
{
	enum mta_status status;
	ssize_t put;

	while (n > 0) {
		put = stream_write(&mta->stream, p, n);
		if (put == STREAM_AGAIN) {
			status = mta_wait(mta, mta->stream.write_want);
			if (status != MTA_OK)
				return status;
			continue;
		}
		if (put < 0)
			return fail(mta, MTA_LOST, mta->stream.error);
		p += put;
		n -= (size_t)put;
	}
	return MTA_OK;
}

/* Commands out */

void
mta_append(struct mta_buffer *buffer, const char *p, size_t n)
{
	size_t size = buffer->size == 0 ? 4096 : buffer->size;

	while (size - buffer->len < n)
		size *= 2;
	if (size != buffer->size) {
		buffer->p = realloc(buffer->p, size);
		if (buffer->p == NULL)
			abort();
		buffer->size = size;
	}
	memcpy(buffer->p + buffer->len, p, n);
	buffer->len += n;
}

void
mta_put(struct mta *mta, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		abort();	/* every part of a line is bounded */
	memcpy(line + n, "\r\n", 2);
	mta_append(&mta->out, line, (size_t)n + 2);
	explicit_bzero(line, sizeof(line));
}

enum mta_status
mta_flush(struct mta *mta)
{
	enum mta_status status = mta_write(mta, mta->out.p, mta->out.len);

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

	for (;;) {
		n = stream_read(&mta->stream, mta->in + mta->in_len,
		    sizeof(mta->in) - mta->in_len);
		if (n > 0) {
			mta->in_len += (size_t)n;
			return MTA_OK;
		}
		if (n != STREAM_AGAIN)
			return fail(mta, MTA_LOST, n == STREAM_EOF ?
			    "connection closed" : mta->stream.error);
		status = wait_until(mta, mta->stream.read_want, deadline);
		if (status != MTA_OK)
			return status;
	}
}

static enum mta_status
garbage(struct mta *mta)
{
	return fail(mta, MTA_GARBAGE, "its answer is no SMTP reply");
}

enum mta_status
mta_answer(struct mta *mta)
{
	int64_t deadline = now_ms() + mta->set->timeout;
	enum answer_status got = ANSWER_MORE;
	enum mta_status status;
	size_t len, used;
	char *lf;

	answer_start(&mta->answer);
	while (got == ANSWER_MORE) {
		lf = memchr(mta->in, '\n', mta->in_len);
		if (lf == NULL && mta->in_len >= ANSWER_LINE_MAX)
			return garbage(mta);
		if (lf == NULL) {
			status = fill(mta, deadline);
			if (status != MTA_OK)
				return status;
			continue;
		}
		used = (size_t)(lf + 1 - mta->in);
		len = used - 1;
		if (len > 0 && mta->in[len - 1] == '\r')
			len--;
		got = answer_line(&mta->answer, mta->in, len);
		mta->in_len -= used;
		memmove(mta->in, mta->in + used, mta->in_len);
	}
	return got == ANSWER_DONE ? MTA_OK : garbage(mta);
}

static enum mta_status
ask(struct mta *mta)
{
	enum mta_status status = mta_flush(mta);

	return status == MTA_OK ? mta_answer(mta) : status;
}

/* The beginning of a connection */

static enum mta_status
say_hello(struct mta *mta)
{
	enum mta_status status;
	const char *p, *lf;

	memset(&mta->ehlo, 0, sizeof(mta->ehlo));
	mta_put(mta, "%s %s", mta->route->kind == ROUTE_LMTP ? "LHLO" :
	    "EHLO", mta->set->hostname);
	status = ask(mta);
	if (status == MTA_OK && mta->answer.code / 100 != 2 &&
	    mta->route->kind == ROUTE_SMTP) {
		mta_put(mta, "HELO %s", mta->set->hostname);
		status = ask(mta);
		return status == MTA_OK && mta->answer.code / 100 != 2 ?
		    fail(mta, MTA_DOWN, mta->answer.text) : status;
	}
	if (status != MTA_OK || mta->answer.code / 100 != 2)
		return status != MTA_OK ? status :
		    fail(mta, MTA_DOWN, mta->answer.text);
	/* the first line greets */
	p = strchr(mta->answer.text, '\n');
	for (; p != NULL; p = lf) {
		p++;
		lf = strchr(p, '\n');
		ehlo_line(&mta->ehlo, p, lf == NULL ? strlen(p) :
		    (size_t)(lf - p));
	}
	return MTA_OK;
}

static enum mta_status
handshake(struct mta *mta, bool verify)
{
	struct tls *tls = tls_client_open(verify ? mta->set->verified :
	    mta->set->opportunistic);
	enum mta_status status;
	int n;

	if (tls == NULL)
		return fail(mta, MTA_TLS, "cannot make a TLS context");
	if (stream_connect_tls(&mta->stream, tls, mta->route->host) == -1)
		return fail(mta, MTA_TLS, mta->stream.error);
	while ((n = stream_handshake(&mta->stream)) == STREAM_AGAIN) {
		status = mta_wait(mta, mta->stream.read_want);
		if (status != MTA_OK)
			return status;
	}
	if (n == STREAM_ERROR)
		return fail(mta, MTA_TLS, mta->stream.error);
	mta->verified = verify;
	return MTA_OK;
}

/*
 * RFC 3207. Octets behind the 220 were not protected: whoever put them
 * there, the connection is not to be trusted.
 */
static enum mta_status
start_tls(struct mta *mta, bool verify)
{
	enum mta_status status;

	mta_put(mta, "STARTTLS");
	status = ask(mta);
	if (status != MTA_OK)
		return status;
	if (mta->answer.code != 220)
		return fail(mta, MTA_TLS, "STARTTLS refused");
	if (mta->in_len > 0)
		return fail(mta, MTA_TLS, "octets injected behind STARTTLS");
	status = handshake(mta, verify);
	return status == MTA_OK ? say_hello(mta) : status;
}

/*
 * XCLIENT, as Postfix has it: the client's address, name and login, each as
 * xtext. The server then begins anew, with a greeting.
 */
static enum mta_status
introduce_client(struct mta *mta)
{
	static const struct {
		enum capability bit;
		const char *name;
	} names[] = {
		{ CAP_XCLIENT_ADDR, " ADDR=" }, { CAP_XCLIENT_HELO, " HELO=" },
		{ CAP_XCLIENT_LOGIN, " LOGIN=" },
		{ CAP_XCLIENT_PROTO, " PROTO=" }
	};
	const char *values[] = { mta->set->client, mta->set->helo,
	    mta->set->login, "ESMTP" };
	char line[1024] = "XCLIENT", value[800];
	enum mta_status status;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (!(mta->ehlo.capabilities & names[i].bit) ||
		    !xtext_encode(values[i], value, sizeof(value)))
			continue;
		strlcat(line, names[i].name, sizeof(line));
		if (i == 0 && strchr(value, ':') != NULL)
			strlcat(line, "IPV6:", sizeof(line));
		strlcat(line, value, sizeof(line));
	}
	mta_put(mta, "%s", line);
	status = ask(mta);
	if (status == MTA_OK && mta->answer.code != 220)
		return fail(mta, MTA_DOWN, mta->answer.text);
	return status == MTA_OK ? say_hello(mta) : status;
}

static enum mta_status
login_result(struct mta *mta, enum mta_status status)
{
	if (status != MTA_OK)
		return status;
	return mta->answer.code == 235 ? MTA_OK :
	    fail(mta, MTA_LOGIN, mta->answer.text);
}

static enum mta_status
auth_plain(struct mta *mta)
{
	char text[1024 / 3 * 4 + 8];
	unsigned char msg[1024];
	size_t n = 1, user = strlen(mta->set->user);
	size_t password = strlen(mta->set->password);
	enum mta_status status;

	msg[0] = '\0';
	memcpy(msg + n, mta->set->user, user + 1);
	n += user + 1;
	memcpy(msg + n, mta->set->password, password);
	n += password;
	base64_encode(msg, n, text);
	mta_put(mta, "AUTH PLAIN %s", text);
	explicit_bzero(msg, sizeof(msg));
	explicit_bzero(text, sizeof(text));
	status = ask(mta);
	explicit_bzero(mta->out.p, mta->out.size);
	return login_result(mta, status);
}

static enum mta_status
auth_login(struct mta *mta)
{
	const char *words[2] = { mta->set->user, mta->set->password };
	char text[1024];
	enum mta_status status;
	size_t i;

	mta_put(mta, "AUTH LOGIN");
	status = ask(mta);
	for (i = 0; i < 2 && status == MTA_OK && mta->answer.code == 334;
	    i++) {
		base64_encode((const unsigned char *)words[i],
		    strlen(words[i]), text);
		mta_put(mta, "%s", text);
		status = ask(mta);
	}
	explicit_bzero(text, sizeof(text));
	explicit_bzero(mta->out.p, mta->out.size);
	return login_result(mta, status);
}

/* A password goes out only where nobody else can read it. */
static enum mta_status
authenticate(struct mta *mta)
{
	if (mta->set->user[0] == '\0')
		return MTA_OK;
	if (!mta->verified && !route_is_loopback(mta->route))
		return fail(mta, MTA_LOGIN, "credentials are not sent without "
		    "verified TLS");
	if (mta->ehlo.capabilities & CAP_AUTH_PLAIN)
		return auth_plain(mta);
	if (mta->ehlo.capabilities & CAP_AUTH_LOGIN)
		return auth_login(mta);
	return fail(mta, MTA_LOGIN, "AUTH PLAIN and LOGIN are not offered");
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
		return fail(mta, MTA_DOWN, strerror(errno));
	stream_start(&mta->stream, fd);
	if (connect(fd, (const struct sockaddr *)ss, len) == 0)
		return MTA_OK;
	if (errno != EINPROGRESS)
		return fail(mta, MTA_DOWN, strerror(errno));
	status = mta_wait(mta, POLLOUT);
	if (status != MTA_OK)
		return status;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	return error == 0 ? MTA_OK : fail(mta, MTA_DOWN, strerror(error));
}

/* Everything up to a session that takes mail; tls false: not even offered. */
static enum mta_status
introduce(struct mta *mta, bool try_tls)
{
	enum route_tls tls = mta->route->tls;
	enum mta_status status = MTA_OK;

	if (tls == ROUTE_TLS_IMPLICIT)
		status = handshake(mta, true);
	if (status == MTA_OK)
		status = mta_answer(mta);
	if (status == MTA_OK && mta->answer.code != 220)
		status = fail(mta, MTA_DOWN, mta->answer.text);
	if (status == MTA_OK)
		status = say_hello(mta);
	if (status != MTA_OK)
		return status;
	if (tls == ROUTE_TLS_STARTTLS &&
	    !(mta->ehlo.capabilities & CAP_STARTTLS))
		return fail(mta, MTA_TLS, "STARTTLS is not offered");
	if (tls == ROUTE_TLS_STARTTLS || (tls == ROUTE_TLS_OFFERED &&
	    try_tls && (mta->ehlo.capabilities & CAP_STARTTLS)))
		status = start_tls(mta, tls == ROUTE_TLS_STARTTLS);
	if (status == MTA_OK && mta->set->client != NULL &&
	    (mta->ehlo.capabilities & CAP_XCLIENT))
		status = introduce_client(mta);
	return status == MTA_OK ? authenticate(mta) : status;
}

static void
drop(struct mta *mta)
{
	stream_close(&mta->stream);
	mta->open = mta->verified = mta->in_data = false;
	mta->in_len = mta->out.len = mta->piece.len = 0;
	mta->chunks = 0;
}

static enum mta_status
try_address(struct mta *mta, const struct sockaddr_storage *ss,
    socklen_t len)
{
	enum mta_status status = connect_to(mta, ss, len);

	if (status == MTA_OK)
		status = introduce(mta, true);
	if (status == MTA_TLS && mta->route->tls == ROUTE_TLS_OFFERED) {
		/* TLS that would not be verified is no reason to fail */
		drop(mta);
		status = connect_to(mta, ss, len);
		if (status == MTA_OK)
			status = introduce(mta, false);
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
		if (worst == MTA_DOWN)
			worst = status;
		add_reason(mta, &ss[i], len[i], reasons, sizeof(reasons));
	}
	return fail(mta, worst, n == 0 ? "its name has no address" :
	    reasons);
}

void
mta_close(struct mta *mta)
{
	if (mta->open && !mta->in_data && mta->chunks == 0)
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
	if (poll(&pfd, 1, 0) == 0)
		return false;
	/* TLS may have a ticket to say; any reply now means goodbye */
	n = stream_read(&mta->stream, mta->in, sizeof(mta->in));
	return n != STREAM_AGAIN;
}
