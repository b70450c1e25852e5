/*
 * imap/fetch.c with all that it stands on but libcurl: the dialogue with an
 * IMAP server that says what it likes. The input is parted by 0xff: an octet
 * for the scene and a URL, then what the server says, a part each time it has
 * a command; 01 in it stands for the command's tag, 02 at its beginning for
 * the end of the connection behind it. The URL is fetched twice, as a
 * connection is kept. Each input runs twice, what the server says cut into
 * pieces, and must give the same.
 *
 * Properties: the server gets single lines of the commands we know; what the
 * relay gets is below the limit, the sum that is told, and one run of octets
 * that the server has sent; only FETCH_OK keeps the connection; no word of
 * ours for the log shows the URL's token.
 */
#include <errno.h>

#include "base/text.h"
#include "imap/fetch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define OUT_MAX		(1 << 18)
#define INPUT_MAX	8000

enum { SESSION = 100, MONITOR, RELAY };
enum {	/* the scene */
	PROXY = 1, PASSTHROUGH = 2, SMALL = 4, SILENT = 8, RELAY_GONE = 16
};

static struct world {
	unsigned scene, random;
	bool drip;
	const uint8_t *rest;
	size_t rest_len;
	char tag[IMAP_TAG_MAX];
	char *said;			/* by the server, all of it */
	size_t said_len, taken;
	bool closed;
	char *got;			/* commands, and verdicts */
	size_t got_len;
	char *content;
	size_t content_len, begun;	/* of the fetch under way */
	int64_t ms;
} w;

static struct imap_account account;
static struct imap_connection connection;

static void
note(const char *p, size_t n)
{
	MUST(w.got_len + n < OUT_MAX);
	memcpy(w.got + w.got_len, p, n);
	w.got_len += n;
}

/* imap/connection.h */

int64_t
clock_ms(void)
{
	return w.ms;
}

int
imap_wait_left(const struct imap_wait *wait)
{
	return wait->deadline > w.ms ? (int)(wait->deadline - w.ms) : 0;
}

enum imap_io
imap_wait_for(const struct imap_wait *wait, int fd, short events)
{
	MUST(wait->session == SESSION && wait->monitor == MONITOR);
	MUST(fd == RELAY && events == POLLOUT);
	return IO_OK;
}

enum imap_io
imap_connect(struct imap_connection *c, const struct imap_account *a,
    const char *identity, const struct imap_wait *wait)
{
	(void)wait;
	MUST(c->easy == NULL && a == &account);
	memset(c, 0, sizeof(*c));
	c->account = a;
	strlcpy(c->identity, identity, sizeof(c->identity));
	strcpy(c->prefix, "T");
	imap_reader_start(&c->reader);
	w.closed = false;
	w.taken = w.said_len;
	if (w.rest_len == 0) {
		strcpy(c->error, "refused");
		return w.scene & SILENT ? IO_TIMEOUT : IO_REFUSED;
	}
	c->easy = &w;
	return IO_OK;
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
	strcpy(w.tag, tag);
}

static void
server_speaks(void)
{
	const uint8_t *part;
	size_t n;

	if (w.closed || !next_part(&w.rest, &w.rest_len, 0xff, &part, &n)) {
		w.closed = true;
		return;
	}
	w.closed = n > 0 && part[0] == 2;
	for (part += w.closed, n -= w.closed; n > 0; n--, part++) {
		MUST(w.said_len + IMAP_TAG_MAX < OUT_MAX);
		if (*part == 1)
			w.said_len += strlcpy(w.said + w.said_len, w.tag,
			    IMAP_TAG_MAX);
		else
			w.said[w.said_len++] = (char)*part;
	}
}

/* tag SP command CRLF; strings are quoted, and shown whole. */
static void
check_command(const char *p, size_t n)
{
	static const char *const commands[] = { "CAPABILITY\r\n",
	    "URLFETCH \"", "GENURLAUTH \"", "EXAMINE \"", "UID FETCH " };
	size_t i, tag = strlen(w.tag);

	MUST(n > tag + 3 && memcmp(p, w.tag, tag) == 0 && p[tag] == ' ');
	MUST(p[n - 2] == '\r' && p[n - 1] == '\n');
	MUST(is_printable(p, n - 2));
	p += tag + 1;
	n -= tag + 1;
	for (i = 0; i < 5; i++)
		if (n >= strlen(commands[i]) &&
		    memcmp(p, commands[i], strlen(commands[i])) == 0)
			break;
	MUST(i < 5);
	if (i == 1 || i == 3)
		MUST(p[n - 3] == '"' && n > strlen(commands[i]) + 2);
}

enum imap_io
imap_send(struct imap_connection *c, const char *p, size_t n,
    const struct imap_wait *wait)
{
	(void)wait;
	MUST(c->easy != NULL);
	check_command(p, n);
	note(p, n);
	if (w.closed)
		return IO_LOST;
	server_speaks();
	return IO_OK;
}

enum imap_io
imap_receive(struct imap_connection *c, const struct imap_wait *wait)
{
	size_t n = w.said_len - w.taken;

	(void)wait;
	MUST(c->easy != NULL && c->left == 0);
	if (n == 0)
		return w.closed || !(w.scene & SILENT) ? IO_LOST : IO_TIMEOUT;
	if (n > sizeof(c->in))
		n = sizeof(c->in);
	if (w.drip) {
		w.random = w.random * 1103515245 + 12345;
		if (n > 1 + (w.random >> 16) % 5)
			n = 1 + (w.random >> 16) % 5;
	}
	memcpy(c->in, w.said + w.taken, n);
	w.taken += n;
	c->p = c->in;
	c->left = n;
	return IO_OK;
}

void
imap_close(struct imap_connection *c, bool polite)
{
	(void)polite;
	c->easy = NULL;
}

/* The relay's channel */

int
role_ipc_send(int to, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	MUST(to == RELAY && type == E_BODY && flags == 0 && fd == -1);
	MUST(len > 0 && len <= IPC_PAYLOAD_MAX);
	errno = EPIPE;
	if (w.scene & RELAY_GONE && w.content_len > 10)
		return -1;
	MUST(w.content_len + len < OUT_MAX);
	memcpy(w.content + w.content_len, data, len);
	w.content_len += len;
	return 0;
}

int
role_ipc_recv(int channel, struct frame *frame)
{
	(void)channel, (void)frame;
	abort();
}

int
role_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds, (void)n, (void)timeout;
	abort();
}

void
role_close(int fd)
{
	(void)fd;
	abort();
}

/* A run */

static void
set_account(void)
{
	const char *why;

	memset(&account, 0, sizeof(account));
	MUST(imap_server_parse("imap://127.0.0.1:143", &account.server,
	    &why) == 0);
	account.login = w.scene & PROXY ? IMAP_PROXY :
	    w.scene & PASSTHROUGH ? IMAP_PASSTHROUGH : IMAP_LOGIN;
	strcpy(account.name, w.scene & PASSTHROUGH ? "alice" : "submit");
	strcpy(account.password, "pw-never-seen");
}

/* A literal is as long as was said, {n} or {n+}. */
static bool
was_announced(const char *content, size_t n)
{
	const char *p = w.said, *end = w.said + w.said_len;
	char *stop;

	while ((p = memchr(p, '{', (size_t)(end - p))) != NULL) {
		p++;
		if (strtoul(p, &stop, 10) != n)
			continue;
		stop += *stop == '+';
		if ((size_t)(end - stop) >= n + 3 &&
		    memcmp(stop, "}\r\n", 3) == 0 &&
		    memcmp(stop + 3, content, n) == 0)
			return true;
	}
	return memchr(w.said, '"', w.said_len) != NULL;
}

static void
judge(const struct imap_job *job, enum fetch_verdict verdict,
    const struct imap_url *url)
{
	const char *content = w.content + w.begun;
	size_t n = w.content_len - w.begun;

	MUST(verdict <= FETCH_RELAY && n == job->sent && n <= job->limit);
	/* a quoted string has lost its backslashes */
	MUST(n == 0 || memmem(w.said, w.said_len, content, n) != NULL ||
	    memchr(w.said, '\\', w.said_len) != NULL);
	MUST(n == 0 || verdict != FETCH_OK || was_announced(content, n));
	MUST(is_printable(job->why, strlen(job->why)));
	MUST(url->token_len < 16 || memmem(job->why, strlen(job->why),
	    job->text + url->token, url->token_len) == NULL);
	MUST(verdict == FETCH_OK || !imap_is_connected(&connection));
	MUST(strstr(job->why, "pw-never-seen") == NULL);
	note(job->why, strlen(job->why));
	note("\n", 1);
}

static void
fetch(const char *text, size_t n)
{
	static struct imap_url url;
	struct imap_choice choice = { .account = NULL };
	struct imap_job job = { .relay = RELAY, .user = "alice", .text = text,
	    .text_len = n, .timeout = 1000, .choice = &choice, .url = &url,
	    .limit = w.scene & SMALL ? 20 : 100000,
	    .wait = { SESSION, MONITOR, w.ms + 1000 } };
	const char *why;

	if (imap_url_parse(&url, text, n, &why) == -1 || imap_decide(&url,
	    text, &account, 1, "alice", 1795305600, &choice) != FETCH_OK)
		return;
	w.begun = w.content_len;
	judge(&job, imap_fetch(&job, &connection), &url);
}

static void
run(const uint8_t *data, size_t size, bool drip)
{
	char *said = w.said, *got = w.got, *content = w.content, *text;
	const uint8_t *part;
	size_t n;

	memset(&w, 0, sizeof(w));
	memset(&connection, 0, sizeof(connection));
	w.said = said == NULL ? calloc(1, OUT_MAX + 1) : said;
	w.got = got == NULL ? malloc(OUT_MAX) : got;
	w.content = content == NULL ? malloc(OUT_MAX) : content;
	MUST(w.said != NULL && w.got != NULL && w.content != NULL);
	w.said[OUT_MAX] = '\0';
	w.scene = data[0];
	w.drip = drip;
	w.random = (unsigned)size;
	w.rest = data + 1;
	w.rest_len = size - 1;
	w.ms = 1000000;
	set_account();
	if (!next_part(&w.rest, &w.rest_len, 0xff, &part, &n))
		return;
	text = exact(part, n, false);
	fetch(text, n);
	fetch(text, n);
	free(text);
	if (getenv("SHOW") != NULL)	/* to look at one input */
		printf("--- %s\n%.*s---\n%.*s", drip ? "drip" : "whole",
		    (int)w.got_len, w.got, (int)w.content_len, w.content);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char got[OUT_MAX], content[OUT_MAX];
	size_t got_len, content_len;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	run(data, size, false);
	got_len = w.got_len;
	content_len = w.content_len;
	memcpy(got, w.got, got_len);
	memcpy(content, w.content, content_len);
	run(data, size, true);
	if (w.scene & RELAY_GONE)	/* amid a frame, as it is cut */
		return 0;
	MUST(got_len == w.got_len && memcmp(got, w.got, got_len) == 0);
	MUST(content_len == w.content_len &&
	    memcmp(content, w.content, content_len) == 0);
	return 0;
}
