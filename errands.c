/*
 * What the session asks of others: the monitor's signature and verdict, the
 * relay for commands and messages, imapfetch for the content of URLs. Each
 * answer is checked and given to the SMTP machine; who does not answer in
 * time, or sends nonsense, is given up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clientcert.h"
#include "order.h"
#include "session.h"
#include "smtp/oauth.h"

#define SIGN_LIMIT	10000	/* ms for the monitor's signature */
#define GRACE		15000	/* ms others have to time out themselves */
#define FETCH_LIMIT	900000	/* ms for the content of one URL */

/* The signature of the handshake; called from within the TLS library. */
size_t
errand_sign(unsigned key, enum sign_kind kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size)
{
	unsigned char hash[TRANSCRIPT_HASH_MAX];
	unsigned char buf[SIGN_INPUT_MAX + sizeof(hash) + 16];
	const unsigned char *signature;
	struct unpack unpack;
	struct pack pack;
	size_t len;

	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, key);
	pack_u8(&pack, kind);
	pack_u8(&pack, (unsigned)padding);
	pack_bytes(&pack, in, n);
	pack_bytes(&pack, hash, clientcert_offer(hash));
	if (pack.bad || ipc_send(session.monitor, S_SIGN, 0, buf, pack.len,
	    -1) == -1)
		return 0;
	do {
		if (ipc_recv_wait(session.monitor, &session.frame,
		    SIGN_LIMIT) != 1)
			return 0;
		session.leaving |= session.frame.type == S_LEAVE;
	} while (session.frame.type == S_LEAVE);
	if (session.frame.type != S_SIGN)
		return 0;
	unpack_start(&unpack, session.frame.data, session.frame.len);
	signature = unpack_bytes(&unpack, &len);
	if (!unpack_done(&unpack) || len > size)
		return 0;
	memcpy(out, signature, len);
	return len;
}

/* The relay */

static void
start_batch(void)
{
	pack_start(&session.commands, session.batch, sizeof(session.batch));
}

void
errand_lose_relay(enum reply r)
{
	if (session.relay != -1)
		close(session.relay);
	session.relay = -1;
	session.relay_asked = session.relay_full = false;
	session.relay_deadline = 0;
	start_batch();
	smtp_relay_gone(&session.smtp, r);
}

static void
expect_answer(void)
{
	session.relay_deadline = clock_ms() +
	    session.service->conf.relay_timeout + GRACE;
}

/* What the relay needs for the Received field; it checks the form. */
static bool
introduce_client(void)
{
	unsigned char buf[1024];
	struct pack pack;

	if (strcmp(session.told_helo, session.smtp.helo) == 0)
		return true;
	strlcpy(session.told_helo, session.smtp.helo,
	    sizeof(session.told_helo));
	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, session.smtp.helo);
	pack_string(&pack, stream_tls_version(&session.client));
	pack_string(&pack, stream_tls_cipher(&session.client));
	return ipc_send_wait(session.relay, E_HELLO, 0, buf, pack.len, -1,
	    CHANNEL_WAIT) == 0;
}

/* Sends the commands gathered so far, if the relay is there. */
void
errand_flush_commands(void)
{
	if (session.commands.len == 0 || session.relay == -1)
		return;
	if (!introduce_client() || ipc_send_wait(session.relay, E_COMMANDS,
	    0, session.batch, session.commands.len, -1, CHANNEL_WAIT) == -1) {
		errand_lose_relay(R_RELAY_LOST);
		return;
	}
	start_batch();
	expect_answer();
}

static bool
relay_room(void *arg, size_t n)
{
	(void)arg;
	return session.commands.size - session.commands.len >= n + 8;
}

static void
relay_command(void *arg, enum relay_verb verb, const char *p, size_t n)
{
	(void)arg;
	pack_u8(&session.commands, verb);
	pack_bytes(&session.commands, p, n);
	if (session.commands.bad)
		session_finish("commands without room");
	if (session.relay != -1 || session.relay_asked)
		return;
	if (ipc_send(session.monitor, S_RELAY, 0, NULL, 0, -1) == -1)
		session_finish("the monitor is gone");
	session.relay_asked = true;
	expect_answer();
}

static void
take_relay(int fd)
{
	if (!session.relay_asked) {	/* too late, it was given up */
		if (fd != -1)
			close(fd);
		return;
	}
	session.relay_asked = false;
	if (fd == -1) {
		errand_lose_relay(R_RELAY_DOWN);
		return;
	}
	session.relay = fd;
	session.told_helo[0] = '\0';
	fcntl(fd, F_SETFL, O_NONBLOCK);
	errand_flush_commands();
}

static bool
relay_body(void *arg, const char *p, size_t n, bool last)
{
	(void)arg;
	if (session.relay == -1)
		return true;	/* the machine has been told */
	errand_flush_commands();
	if (ipc_send(session.relay, E_BODY, last ? FRAME_LAST : 0, p, n,
	    -1) == 0) {
		if (last)
			expect_answer();
		return true;
	}
	if (errno == EAGAIN || errno == ENOBUFS) {
		session.relay_full = true;
		expect_answer();
		return false;
	}
	errand_lose_relay(R_RELAY_LOST);
	return true;
}

/* False: what the relay says makes no sense. */
static bool
take_answer(struct unpack *unpack, bool to_message)
{
	const unsigned char *text;
	bool final = session.smtp.wait == WAIT_FINAL;
	unsigned code;
	size_t n;

	code = unpack_u16(unpack);
	text = unpack_bytes(unpack, &n);
	if (unpack->bad || code < 200 || code > 599)
		return false;
	if (!to_message) {
		smtp_answer(&session.smtp, (int)code, (const char *)text, n);
		return true;
	}
	session.messages += final && code / 100 == 2;
	smtp_message_answer(&session.smtp, (int)code, (const char *)text, n);
	return unpack_done(unpack);
}

static void
take_answers(const struct frame *frame)
{
	struct unpack unpack;
	bool good = frame->type == E_ANSWER;

	unpack_start(&unpack, frame->data, frame->len);
	do
		good = good && take_answer(&unpack,
		    frame->flags == FRAME_MESSAGE);
	while (good && !unpack_done(&unpack));
	if (!good)
		errand_lose_relay(R_RELAY_GARBAGE);
	else if (session.smtp.pending_count > 0)
		expect_answer();
	else
		session.relay_deadline = 0;
}

void
errand_hear_relay(void)
{
	int n = ipc_recv(session.relay, &session.frame);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1 && session.frame.fd != -1)
		session_finish("the relay sends a descriptor");
	if (n == 1)
		take_answers(&session.frame);
	else
		errand_lose_relay(n == 0 ? R_RELAY_LOST : R_RELAY_GARBAGE);
}

/* imapfetch: puts a URL's content into the relay's channel */

void
errand_lose_fetch(enum reply r)
{
	if (session.fetch != -1)
		close(session.fetch);
	session.fetch = -1;
	if (session.fetch_deadline == 0)
		return;
	session.fetch_deadline = 0;
	/* it may still write into the relay's channel: that must go, too */
	errand_lose_relay(r);
	smtp_fetch_done(&session.smtp, r, 0);
}

static void
send_url(void)
{
	unsigned char buf[COMMAND_LINE_MAX + 16];
	struct pack pack;

	if (session.relay == -1) {
		errand_lose_fetch(R_RELAY_LOST);
		return;
	}
	pack_start(&pack, buf, sizeof(buf));
	pack_u64(&pack, session.fetch_limit);
	pack_bytes(&pack, session.url, session.url_len);
	explicit_bzero(session.url, session.url_len);
	/* the relay hears whose octets come next */
	if (ipc_send_wait(session.relay, E_BODY, FRAME_FETCHED, NULL, 0, -1,
	    CHANNEL_WAIT) == -1)
		errand_lose_relay(R_RELAY_LOST);
	if (session.relay == -1 || ipc_send(session.fetch, F_URL, 0, buf,
	    pack.len, session.relay) == -1)
		errand_lose_fetch(R_BURL_IMAP_DOWN);
	explicit_bzero(buf, sizeof(buf));
}

static void
fetch(void *arg, const char *url, size_t n, uint64_t limit)
{
	(void)arg;
	memcpy(session.url, url, n);
	session.url_len = n;
	session.fetch_limit = limit;
	/* imapfetch has time limits of its own, which a slow relay extends */
	session.fetch_deadline = clock_ms() + FETCH_LIMIT;
	if (session.fetch != -1)
		send_url();
	else if (ipc_send(session.monitor, S_FETCH, 0, NULL, 0, -1) == -1)
		session_finish("the monitor is gone");
}

static void
take_fetch(int fd)
{
	if (fd == -1 || session.fetch != -1 || session.fetch_deadline == 0) {
		if (fd != -1)
			close(fd);
		errand_lose_fetch(R_BURL_IMAP_DOWN);
		return;
	}
	session.fetch = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	send_url();
}

void
errand_hear_fetch(void)
{
	static const enum reply replies[] = {
		[FETCH_OK] = R_NONE,
		[FETCH_SYNTAX] = R_BURL_SYNTAX,
		[FETCH_NO_TRUST] = R_BURL_NO_TRUST,
		[FETCH_REFUSED] = R_BURL_REFUSED,
		[FETCH_GONE] = R_BURL_GONE,
		[FETCH_TOO_BIG] = R_TOO_BIG,
		[FETCH_DOWN] = R_BURL_IMAP_DOWN,
		[FETCH_RELAY] = R_RELAY_LOST
	};
	struct frame *frame = &session.frame;
	struct unpack unpack;
	unsigned verdict;
	uint64_t octets;
	int n = ipc_recv(session.fetch, frame);

	if (n == -1 && errno == EAGAIN)
		return;
	unpack_start(&unpack, frame->data, n == 1 ? frame->len : 0);
	verdict = unpack_u8(&unpack);
	octets = unpack_u64(&unpack);
	if (n != 1 || frame->type != F_DONE || frame->fd != -1 ||
	    !unpack_done(&unpack) || verdict > FETCH_RELAY ||
	    session.fetch_deadline == 0) {
		errand_lose_fetch(R_BURL_IMAP_DOWN);
		return;
	}
	session.fetch_deadline = 0;
	smtp_fetch_done(&session.smtp, replies[verdict], octets);
}

/* The monitor */

static void
ask_auth(void *arg, const struct plain *plain)
{
	unsigned char buf[USER_SIZE + OAUTH_TOKEN_MAX + 8];
	struct pack pack;
	bool asked;

	(void)arg;
	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, plain->mechanism);
	pack_bytes(&pack, plain->login, plain->login_len);
	pack_bytes(&pack, plain->password, plain->password_len);
	asked = ipc_send(session.monitor, S_AUTH, 0, buf, pack.len, -1) == 0;
	explicit_bzero(buf, pack.len);
	if (!asked)
		session_finish("the monitor is gone");
}

static void
ask_certificate(void *arg, const char *authzid, size_t n)
{
	static const struct clientcert none;
	const struct clientcert *shown = clientcert_shown();
	unsigned char *buf;
	struct pack pack;
	size_t size;

	(void)arg;
	if (shown == NULL)
		shown = &none;
	size = n + shown->transcript_len + shown->verify_len + 8;
	buf = malloc(size);
	if (buf == NULL)
		session_finish("out of memory");
	pack_start(&pack, buf, size);
	pack_bytes(&pack, authzid, n);
	pack_bytes(&pack, shown->transcript, shown->transcript_len);
	pack_bytes(&pack, shown->verify, shown->verify_len);
	if (ipc_send(session.monitor, S_CERTIFICATE, 0, buf, pack.len,
	    -1) == -1)
		session_finish("the monitor is gone");
	free(buf);
}

static void
take_verdict(struct frame *frame)
{
	static const enum reply replies[] = {
		[AUTH_YES] = R_AUTH_OK,
		[AUTH_NO] = R_AUTH_FAILED,
		[AUTH_LATER] = R_AUTH_TEMPORARY,
		[AUTH_NO_MORE] = R_TOO_MANY_LOGINS,
		[AUTH_BUSY] = R_AUTH_BUSY
	};
	struct unpack unpack;
	uint64_t max_size;
	unsigned verdict;

	unpack_start(&unpack, frame->data, frame->len);
	verdict = unpack_u8(&unpack);
	if (verdict == AUTH_YES) {
		max_size = unpack_u64(&unpack);
		if (max_size != 0)
			session.settings.max_size = max_size;
		ehlo_unpack(&unpack, &session.settings.relay);
	}
	if (!unpack_done(&unpack) || verdict > AUTH_BUSY)
		session_finish("the monitor sends nonsense");
	smtp_auth_done(&session.smtp, replies[verdict]);
	if (session.smtp.authenticated)
		clientcert_forget();
	if (verdict == AUTH_NO_MORE)
		session.end = "too many failed logins";
}

/* While the outcome of a message is near it is waited for. */
static void
lose_monitor(void)
{
	if (session.smtp.wait != WAIT_FINAL)
		session_last_word(R_GOING_DOWN, "the service has ended");
	close(session.monitor);
	session.monitor = -1;
	session.leaving = true;
}

/* Others wait for our place. Who has logged in meanwhile keeps it. */
static void
make_room(void)
{
	if (!session.smtp.authenticated)
		session_last_word(R_TOO_MANY_CONNECTIONS,
		    "too many connections, and not logged in");
}

void
errand_hear_monitor(void)
{
	struct frame *frame = &session.frame;
	int n = ipc_recv(session.monitor, frame);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n != 1) {
		lose_monitor();
		return;
	}
	if ((frame->type == S_AUTH || frame->type == S_CERTIFICATE) &&
	    frame->fd == -1)
		take_verdict(frame);
	else if (frame->type == S_CLIENT)
		arrival_hear_monitor(frame);
	else if (frame->type == S_RELAY)
		take_relay(frame->fd);
	else if (frame->type == S_FETCH)
		take_fetch(frame->fd);
	else if (frame->type == S_LEAVE && frame->fd == -1)
		session.leaving = true;
	else if (frame->type == S_ROOM && frame->fd == -1)
		make_room();
	else
		session_finish("the monitor sends nonsense");
}

static int64_t
now(void *arg)
{
	(void)arg;
	return time(NULL);
}

const struct smtp_ops errands = { relay_room, relay_command, relay_body,
    fetch, ask_auth, arrival_client, now, ask_certificate,
    session_exhausted };
