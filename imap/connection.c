/*
 * CURLOPT_CONNECT_ONLY: after the transfer is "done", libcurl has logged in
 * and leaves the connection to curl_easy_send and _recv. What it does not
 * see to, and this file does:
 *
 * - A greeting of PREAUTH makes it skip STARTTLS and login and report
 *   success. The header callback sees the greeting; all but OK is refused.
 * - USE_SSL must be ALL, or a server without STARTTLS gets the password.
 * - AUTH=PLAIN is pinned: the fallback to another mechanism would forget the
 *   authorisation identity and log a proxy in as itself. RFC 4468 section
 *   3.3 demands PLAIN of both sides.
 * - Octets behind the login's OK in the same segment are swallowed, so the
 *   first command must be one whose answer may begin anywhere (CAPABILITY,
 *   sent by imap/fetch.c).
 * - With TLS, decrypted octets may wait inside: receive before poll.
 *
 * The multi interface is used for one connection only because it lets us
 * watch our channels while libcurl waits.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "imap/connection.h"

int
imap_wait_left(const struct imap_wait *wait)
{
	int64_t left = wait->deadline - clock_ms();

	return left <= 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

enum imap_io
imap_wait_for(const struct imap_wait *wait, int fd, short events)
{
	struct pollfd pfd[3] = {
		{ .fd = wait->session },
		{ .fd = wait->monitor },
		{ .fd = fd, .events = events }
	};
	int n;

	do
		n = poll(pfd, 3, imap_wait_left(wait));
	while (n == -1 && errno == EINTR);
	/* no event was asked for: anything there is a hang-up */
	if (pfd[0].revents != 0 || pfd[1].revents != 0)
		return IO_GONE;
	/* what is readable may never become an octet: records without data, or
	   a library without memory */
	return n > 0 && imap_wait_left(wait) > 0 ? IO_OK : IO_TIMEOUT;
}

/* Has the time come, or a channel closed? */
static enum imap_io
wait_now(const struct imap_wait *wait)
{
	struct imap_wait now = *wait;
	enum imap_io io;

	now.deadline = 0;
	io = imap_wait_for(&now, -1, 0);
	return io == IO_TIMEOUT && imap_wait_left(wait) > 0 ? IO_OK : io;
}

static bool
starts(const char *p, size_t len, const char *word)
{
	return len >= strlen(word) && strncasecmp(p, word, strlen(word)) == 0;
}

/* Each line libcurl reads until we are logged in; 0 makes it give up. */
static size_t
see_line(char *p, size_t size, size_t n, void *arg)
{
	struct imap_connection *c = arg;
	size_t len = size * n;
	char shown[TEXT_SHOWN];

	if (!c->greeted && !starts(p, len, "* OK")) {
		while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r'))
			len--;
		snprintf(c->odd, sizeof(c->odd), "the server does not greet "
		    "with OK: '%s'", text_show(shown, p, len));
		return 0;
	}
	c->greeted = true;
	if (memmem(p, len, "[UNAVAILABLE]", 13) != NULL)
		c->unavailable = true;
	return len;
}

static size_t
drop_octets(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

static void
set_url(struct imap_connection *c)
{
	const struct imap_server *server = &c->account->server;
	bool v6 = strchr(server->host, ':') != NULL;
	char url[IMAP_NAME_MAX + 32];

	/* never a part of the client's URL */
	snprintf(url, sizeof(url), "%s://%s%s%s:%u/",
	    server->security == IMAP_TLS ? "imaps" : "imap",
	    v6 ? "[" : "", server->host, v6 ? "]" : "", server->port);
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	if (c->account->addresses[0] != '\0') {
		c->resolve = curl_slist_append(NULL, c->account->addresses);
		curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->resolve);
	}
}

static void
set_tls(struct imap_connection *c)
{
	struct curl_blob ca = {
		.data = (void *)(uintptr_t)c->account->ca,
		.len = c->account->ca_len,
		.flags = CURL_BLOB_NOCOPY
	};

	if (c->account->server.security == IMAP_CLEAR)
		return;
	curl_easy_setopt(c->easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	curl_easy_setopt(c->easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c->easy, CURLOPT_CAINFO_BLOB, &ca);
}

static void
set_login(struct imap_connection *c)
{
	curl_easy_setopt(c->easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN");
	curl_easy_setopt(c->easy, CURLOPT_USERNAME, c->account->name);
	curl_easy_setopt(c->easy, CURLOPT_PASSWORD, c->account->password);
	if (c->account->login == IMAP_PROXY)
		curl_easy_setopt(c->easy, CURLOPT_SASL_AUTHZID, c->identity);
}

static bool
set_up(struct imap_connection *c, const struct imap_wait *wait)
{
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (c->multi == NULL || c->easy == NULL)
		return false;
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "imap,imaps");
	curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(c->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)imap_wait_left(wait) + 1000);	/* ours strikes first */
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, see_line);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, drop_octets);
	set_url(c);
	set_tls(c);
	set_login(c);
	return curl_multi_add_handle(c->multi, c->easy) == CURLM_OK;
}

/* TCP has connected the socket to itself, see mta/client.c. */
static bool
is_itself(const struct imap_connection *c)
{
	char *own = NULL, *other = NULL;
	long own_port = 0, other_port = 0;

	curl_easy_getinfo(c->easy, CURLINFO_LOCAL_IP, &own);
	curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &other);
	curl_easy_getinfo(c->easy, CURLINFO_LOCAL_PORT, &own_port);
	curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_PORT, &other_port);
	return own != NULL && other != NULL && own_port != 0 &&
	    own_port == other_port && strcmp(own, other) == 0;
}

/* Runs libcurl until it is through; its verdict in *code. */
static enum imap_io
perform(struct imap_connection *c, const struct imap_wait *wait,
    CURLcode *code)
{
	struct curl_waitfd extra[2] = {
		{ .fd = wait->session }, { .fd = wait->monitor }
	};
	enum imap_io io;
	CURLMsg *msg;
	int running, ignored;

	for (;;) {
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			return IO_LOST;
		msg = curl_multi_info_read(c->multi, &ignored);
		if (msg != NULL) {
			*code = msg->data.result;
			return IO_OK;
		}
		if (!c->greeted && is_itself(c)) {
			snprintf(c->odd, sizeof(c->odd), "Connection refused");
			*code = CURLE_COULDNT_CONNECT;
			return IO_OK;
		}
		if (curl_multi_poll(c->multi, extra, 2, imap_wait_left(wait),
		    NULL) != CURLM_OK)
			return IO_LOST;
		io = wait_now(wait);
		if (io != IO_OK)
			return io;
	}
}

static enum imap_io
failed(struct imap_connection *c, enum imap_io io, const char *why)
{
	if (why != NULL)
		snprintf(c->error, sizeof(c->error), "%s", why);
	imap_close(c, false);
	return io;
}

enum imap_io
imap_connect(struct imap_connection *c, const struct imap_account *account,
    const char *identity, const struct imap_wait *wait)
{
	CURLcode code = CURLE_OK;
	enum imap_io io;

	memset(c, 0, sizeof(*c));
	c->account = account;
	snprintf(c->identity, sizeof(c->identity), "%s", identity);
	snprintf(c->prefix, sizeof(c->prefix), "s%08x.", arc4random());
	imap_reader_start(&c->reader);
	if (account->broken != NULL)
		return failed(c, IO_LOST, account->broken);
	if (!set_up(c, wait))
		return failed(c, IO_LOST, "no memory for libcurl");
	io = perform(c, wait, &code);
	if (io != IO_OK)
		return failed(c, io, io == IO_TIMEOUT ?
		    "no connection and login in time" : NULL);
	if (code == CURLE_OK && c->greeted)
		return IO_OK;
	if (c->odd[0] != '\0')
		return failed(c, IO_LOST, c->odd);
	if (code == CURLE_OK || code == CURLE_WRITE_ERROR)
		return failed(c, IO_LOST, "the server does not greet with OK");
	return failed(c, code == CURLE_LOGIN_DENIED && !c->unavailable ?
	    IO_REFUSED : IO_LOST,
	    c->error[0] == '\0' ? curl_easy_strerror(code) : NULL);
}

bool
imap_is_connected(const struct imap_connection *c)
{
	return c->easy != NULL;
}

void
imap_next_tag(struct imap_connection *c, char tag[IMAP_TAG_MAX])
{
	snprintf(tag, IMAP_TAG_MAX, "%s%u", c->prefix, ++c->commands);
}

static enum imap_io
wait_socket(struct imap_connection *c, const struct imap_wait *wait,
    short events)
{
	curl_socket_t fd;

	if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) !=
	    CURLE_OK || fd == CURL_SOCKET_BAD)
		return IO_LOST;
	return imap_wait_for(wait, fd, events);
}

enum imap_io
imap_send(struct imap_connection *c, const char *p, size_t len,
    const struct imap_wait *wait)
{
	enum imap_io io;
	CURLcode code;
	size_t n;

	while (len > 0) {
		code = curl_easy_send(c->easy, p, len, &n);
		if (code == CURLE_OK) {
			p += n;
			len -= n;
		} else if (code != CURLE_AGAIN)
			return IO_LOST;
		else if ((io = wait_socket(c, wait, POLLOUT)) != IO_OK)
			return io;
	}
	return IO_OK;
}

enum imap_io
imap_receive(struct imap_connection *c, const struct imap_wait *wait)
{
	enum imap_io io;
	CURLcode code;
	size_t n;

	c->p = c->in;
	c->left = 0;
	/* a server that never pauses would not be seen by poll */
	if (imap_wait_left(wait) == 0)
		return IO_TIMEOUT;
	while (c->left < sizeof(c->in)) {
		code = curl_easy_recv(c->easy, c->in + c->left,
		    sizeof(c->in) - c->left, &n);
		if (code == CURLE_OK && n > 0) {
			c->left += n;
			continue;
		}
		if (c->left > 0)
			break;	/* what came first; the end shows again */
		if (code != CURLE_AGAIN)
			return IO_LOST;
		if ((io = wait_socket(c, wait, POLLIN)) != IO_OK)
			return io;
	}
	return IO_OK;
}

void
imap_close(struct imap_connection *c, bool polite)
{
	char tag[IMAP_TAG_MAX], line[IMAP_TAG_MAX + 16];
	size_t n;

	if (c->easy != NULL && polite) {
		imap_next_tag(c, tag);
		snprintf(line, sizeof(line), "%s LOGOUT\r\n", tag);
		curl_easy_send(c->easy, line, strlen(line), &n);
	}
	if (c->multi != NULL && c->easy != NULL)
		curl_multi_remove_handle(c->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	curl_slist_free_all(c->resolve);
	c->easy = NULL;
	c->multi = NULL;
	c->resolve = NULL;
	/* URLs with their tokens have gone through here */
	explicit_bzero(c->in, sizeof(c->in));
	explicit_bzero(c->reader.text, sizeof(c->reader.text));
}
