/*
 * The session: speaks TLS and SMTP with one client, and holds nothing but
 * its octets. It may read, write, poll and receive a descriptor. What it may
 * not do itself it asks the monitor for: the handshake's signature, the
 * verdict on a login, a relay process. Neither believes what it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/stream.h"
#include "sandbox/sandbox.h"
#include "smtpsubmitd.h"
#include "smtp/smtp.h"

/* Room for the longest line and a good piece of a message. */
#define INPUT_SIZE	(64 * 1024)
#define OUTPUT_HIGH	(64 * 1024)	/* no new commands above it */
#define HANDSHAKE_LIMIT	30000		/* ms */
#define SIGN_LIMIT	10000		/* ms for the monitor's signature */
#define RELAY_GRACE	15000		/* ms the relay has to time out itself */

static struct {
	struct service *service;
	struct birth who;
	struct smtp_settings settings;
	struct smtp smtp;
	struct stream client;
	bool client_eof, readable;	/* more may be there without polling */
	bool handshaking;
	int monitor;
	int relay;			/* -1: none */
	bool relay_asked, relay_full;
	int64_t relay_deadline;		/* for its next answer, 0: none due */
	int fetch;			/* -1: no imapfetch */
	int64_t fetch_deadline;		/* for its answer, 0: none due */
	size_t url_len;			/* of the URL it is to fetch */
	char url[COMMAND_LINE_MAX];
	uint64_t fetch_limit;
	int64_t idle_deadline, begun;
	size_t in_len, out_sent;
	char *in;
	unsigned char batch[IPC_PAYLOAD_MAX];	/* commands for the relay */
	struct pack commands;
	struct frame frame;
	unsigned messages;
	const char *end;		/* why it ended, for the log */
} session;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
log_begin(struct log_line *line, const char *event)
{
	log_start(line, session.who.id, event);
	log_str(line, "client", session.who.client);
}

_Noreturn static void
finish(void)
{
	struct log_line line;

	if (smtp_in_transaction(&session.smtp)) {
		log_begin(&line, "aborted");
		log_str(&line, "reason", session.end);
		log_end(&line);
	}
	log_begin(&line, "close");
	log_str(&line, "reason", session.end);
	log_num(&line, "messages", session.messages);
	log_num(&line, "ms", now_ms() - session.begun);
	log_end(&line);
	stream_close(&session.client);
	_exit(0);
}

_Noreturn static void
finish_because(const char *why)
{
	if (session.end == NULL)
		session.end = why;
	finish();
}

/* The signature of the handshake; called from within the TLS library. */
static size_t
sign(unsigned key, enum sign_kind kind, int padding, const unsigned char *in,
    size_t n, unsigned char *out, size_t size)
{
	unsigned char buf[SIGN_INPUT_MAX + 16];
	const unsigned char *signature;
	struct unpack unpack;
	struct pack pack;
	size_t len;

	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, key);
	pack_u8(&pack, kind);
	pack_u8(&pack, (unsigned)padding);
	pack_bytes(&pack, in, n);
	if (pack.bad || ipc_send(session.monitor, S_SIGN, 0, buf, pack.len,
	    -1) == -1 || ipc_recv_wait(session.monitor, &session.frame,
	    SIGN_LIMIT) != 1 || session.frame.type != S_SIGN)
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
lose_relay(enum reply r)
{
	if (session.relay != -1)
		close(session.relay);
	session.relay = -1;
	session.relay_asked = session.relay_full = false;
	session.relay_deadline = 0;
	session.commands.len = 0;
	smtp_relay_gone(&session.smtp, r);
}

static void
expect_answer(void)
{
	session.relay_deadline = now_ms() +
	    session.service->conf.relay_timeout + RELAY_GRACE;
}

/* Sends the commands gathered so far, if the relay is there. */
static void
flush_commands(void)
{
	if (session.commands.len == 0 || session.relay == -1)
		return;
	if (ipc_send_wait(session.relay, E_COMMANDS, 0, session.batch,
	    session.commands.len, -1, CHANNEL_WAIT) == -1) {
		lose_relay(R_RELAY_LOST);
		return;
	}
	session.commands.len = 0;
	expect_answer();
}

static void
relay_command(void *arg, enum relay_verb verb, const char *p, size_t n)
{
	(void)arg;
	if (session.commands.size - session.commands.len < n + 8)
		flush_commands();
	pack_u8(&session.commands, verb);
	pack_bytes(&session.commands, p, n);
	if (session.relay != -1 || session.relay_asked)
		return;
	if (ipc_send(session.monitor, S_RELAY, 0, NULL, 0, -1) == -1)
		finish_because("the monitor is gone");
	session.relay_asked = true;
	expect_answer();
}

/* What the relay needs for the Received field; it checks the form. */
static void
greet_relay(int fd)
{
	unsigned char buf[1024];
	struct pack pack;

	session.relay = fd;
	session.relay_asked = false;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, session.smtp.esmtp);
	pack_string(&pack, session.smtp.helo);
	pack_string(&pack, stream_tls_version(&session.client));
	pack_string(&pack, stream_tls_cipher(&session.client));
	if (ipc_send(fd, E_HELLO, 0, buf, pack.len, -1) == -1)
		lose_relay(R_RELAY_LOST);
	else
		flush_commands();
}

static bool
relay_body(void *arg, const char *p, size_t n, bool last)
{
	(void)arg;
	if (session.relay == -1)
		return true;	/* the machine has been told */
	flush_commands();
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
	lose_relay(R_RELAY_LOST);
	return true;
}

static void
take_answer(struct frame *frame)
{
	struct unpack unpack;
	const unsigned char *text;
	bool final = session.smtp.wait == WAIT_FINAL;
	unsigned code;
	size_t n;

	unpack_start(&unpack, frame->data, frame->len);
	code = unpack_u16(&unpack);
	text = unpack_bytes(&unpack, &n);
	if (frame->type != E_ANSWER || !unpack_done(&unpack) || code < 200 ||
	    code > 599) {
		lose_relay(R_RELAY_GARBAGE);
		return;
	}
	if (frame->flags == FRAME_MESSAGE) {
		session.messages += final && code / 100 == 2;
		smtp_message_answer(&session.smtp, (int)code,
		    (const char *)text, n);
	} else {
		smtp_answer(&session.smtp, (int)code, (const char *)text, n);
	}
	if (session.smtp.pending_count > 0)
		expect_answer();
	else
		session.relay_deadline = 0;
}

static void
hear_relay(void)
{
	int n;

	while (session.relay != -1 &&
	    (n = ipc_recv(session.relay, &session.frame)) != -1) {
		if (n == 0)
			lose_relay(R_RELAY_LOST);
		else if (session.frame.fd != -1)
			finish_because("the relay sends a descriptor");
		else
			take_answer(&session.frame);
	}
	if (session.relay != -1 && errno != EAGAIN)
		lose_relay(R_RELAY_GARBAGE);
}

/* imapfetch: puts a URL's content into the relay's channel */

static void
lose_fetch(enum reply r)
{
	if (session.fetch != -1)
		close(session.fetch);
	session.fetch = -1;
	if (session.fetch_deadline == 0)
		return;
	session.fetch_deadline = 0;
	smtp_fetch_done(&session.smtp, r, 0);
}

static void
send_url(void)
{
	unsigned char buf[COMMAND_LINE_MAX + 16];
	struct pack pack;

	if (session.relay == -1) {
		lose_fetch(R_RELAY_LOST);
		return;
	}
	pack_start(&pack, buf, sizeof(buf));
	pack_u64(&pack, session.fetch_limit);
	pack_bytes(&pack, session.url, session.url_len);
	explicit_bzero(session.url, session.url_len);
	/* the relay hears whose octets come next */
	if (ipc_send_wait(session.relay, E_BODY, FRAME_FETCHED, NULL, 0, -1,
	    CHANNEL_WAIT) == -1)
		lose_relay(R_RELAY_LOST);
	if (session.relay == -1 || ipc_send(session.fetch, F_URL, 0, buf,
	    pack.len, session.relay) == -1)
		lose_fetch(R_BURL_IMAP_DOWN);
	explicit_bzero(buf, sizeof(buf));
}

static void
fetch(void *arg, const char *url, size_t n, uint64_t limit)
{
	(void)arg;
	memcpy(session.url, url, n);
	session.url_len = n;
	session.fetch_limit = limit;
	session.fetch_deadline = now_ms() +
	    session.service->conf.imap_timeout + RELAY_GRACE;
	if (session.fetch != -1)
		send_url();
	else if (ipc_send(session.monitor, S_FETCH, 0, NULL, 0, -1) == -1)
		finish_because("the monitor is gone");
}

static void
take_fetch(int fd)
{
	if (fd == -1 || session.fetch != -1 || session.fetch_deadline == 0) {
		if (fd != -1)
			close(fd);
		lose_fetch(R_BURL_IMAP_DOWN);
		return;
	}
	session.fetch = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	send_url();
}

static void
hear_fetch(void)
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
		lose_fetch(R_BURL_IMAP_DOWN);
		return;
	}
	session.fetch_deadline = 0;
	smtp_fetch_done(&session.smtp, replies[verdict], octets);
}

/* The monitor */

static void
ask_auth(void *arg, const struct plain *plain)
{
	unsigned char buf[2 * USER_SIZE + 8];
	struct pack pack;

	(void)arg;
	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, plain->login, plain->login_len);
	pack_bytes(&pack, plain->password, plain->password_len);
	if (ipc_send(session.monitor, S_AUTH, 0, buf, pack.len, -1) == -1)
		session.end = "the monitor is gone";
	explicit_bzero(buf, sizeof(buf));
}

static void
take_verdict(struct frame *frame)
{
	static const enum reply replies[] = {
		[AUTH_YES] = R_AUTH_OK,
		[AUTH_NO] = R_AUTH_FAILED,
		[AUTH_LATER] = R_AUTH_TEMPORARY,
		[AUTH_NO_MORE] = R_TOO_MANY_LOGINS
	};

	if (frame->len != 1 || frame->data[0] > AUTH_NO_MORE)
		finish_because("the monitor sends nonsense");
	smtp_auth_done(&session.smtp, replies[frame->data[0]]);
	if (frame->data[0] == AUTH_NO_MORE)
		session.end = "too many failed logins";
}

static void
hear_monitor(void)
{
	struct frame *frame = &session.frame;
	int n = ipc_recv(session.monitor, frame);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n != 1)
		finish_because("the service has ended");
	if (frame->type == S_AUTH && frame->fd == -1)
		take_verdict(frame);
	else if (frame->type == S_RELAY && frame->fd != -1 &&
	    session.relay_asked)
		greet_relay(frame->fd);
	else if (frame->type == S_RELAY && frame->fd != -1)
		close(frame->fd);	/* too late, it was given up */
	else if (frame->type == S_FETCH)
		take_fetch(frame->fd);
	else
		finish_because("the monitor sends nonsense");
}

/* The client */

static void
touch(void)
{
	session.idle_deadline = now_ms() + session.service->conf.idle_timeout;
}

static void
log_tls(void)
{
	struct log_line line;

	log_begin(&line, "tls");
	log_str(&line, "version", stream_tls_version(&session.client));
	log_str(&line, "cipher", stream_tls_cipher(&session.client));
	log_end(&line);
}

static void
begin_handshake(void)
{
	if (stream_accept_tls(&session.client, session.service->tls) == -1)
		finish_because(session.client.error);
	session.handshaking = true;
	session.idle_deadline = now_ms() + (session.service->conf.idle_timeout
	    < HANDSHAKE_LIMIT ? session.service->conf.idle_timeout :
	    HANDSHAKE_LIMIT);
}

static void
go_on_handshake(void)
{
	struct log_line line;
	bool at_once = session.who.tls;
	int n = stream_handshake(&session.client);

	if (n == STREAM_AGAIN)
		return;
	if (n == STREAM_ERROR) {
		log_begin(&line, "tls-failed");
		log_str(&line, "reason", session.client.error);
		log_end(&line);
		finish_because("tls handshake failed");
	}
	session.handshaking = false;
	session.readable = true;
	log_tls();
	touch();
	smtp_tls_done(&session.smtp);
	if (at_once)
		smtp_greet(&session.smtp);
}

/* Fills the input buffer; false if nothing new came. */
static bool
read_client(void)
{
	ssize_t n;

	if (session.in == NULL && (session.in = malloc(INPUT_SIZE)) == NULL)
		finish_because("out of memory");
	if (session.in_len == INPUT_SIZE)
		return false;
	n = stream_read(&session.client, session.in + session.in_len,
	    INPUT_SIZE - session.in_len);
	if (n > 0) {
		session.in_len += (size_t)n;
		touch();
		return true;
	}
	session.readable = false;
	if (n == STREAM_EOF)
		session.client_eof = true;
	/* not while an outcome is near: it shall be known and logged */
	if (n == STREAM_ERROR && session.smtp.wait != WAIT_FINAL)
		finish_because("client gone");
	if (n == STREAM_ERROR)
		session.client_eof = true;
	return false;
}

static void
feed(void)
{
	size_t used;

	used = smtp_input(&session.smtp, session.in, session.in_len);
	if (used > 0 && used < session.in_len)
		memmove(session.in, session.in + used, session.in_len - used);
	session.in_len -= used;
	flush_commands();
}

/* True if replies are still to be sent. */
static bool
write_client(void)
{
	struct smtp *s = &session.smtp;
	ssize_t n;

	while (session.out_sent < s->out_len) {
		n = stream_write(&session.client, s->out + session.out_sent,
		    s->out_len - session.out_sent);
		if (n == STREAM_AGAIN)
			return true;
		if (n < 0)
			finish_because("client gone");
		session.out_sent += (size_t)n;
	}
	session.out_sent = s->out_len = 0;
	return false;
}

static const char *
why_closed(enum reply last_word)
{
	static char text[REPLY_LINE_MAX];

	if (last_word == R_QUIT)
		return "quit";
	reply_text(text, sizeof(text), last_word, NULL);
	return text;
}

/*
 * Everything that can be done without waiting: read, understand, answer.
 * Returns true if output waits for the client.
 */
static bool
work(void)
{
	struct smtp *s = &session.smtp;
	bool more;

	do {
		feed();
		more = s->wait == WAIT_NOTHING && session.readable &&
		    s->out_len - session.out_sent < OUTPUT_HIGH &&
		    read_client();
	} while (more);
	if (write_client())
		return true;
	if (s->wait == WAIT_CLOSE)
		finish_because(why_closed(s->last_word));
	if (s->wait == WAIT_TLS && !session.handshaking) {
		explicit_bzero(session.in, session.in_len);
		session.in_len = 0;
		begin_handshake();
	}
	return false;
}

/* Deadlines and the loop */

static int
ms_left(void)
{
	int64_t until = session.idle_deadline, left;

	if (session.relay_deadline != 0 && session.relay_deadline < until)
		until = session.relay_deadline;
	if (session.fetch_deadline != 0 && session.fetch_deadline < until)
		until = session.fetch_deadline;
	left = until - now_ms();
	return left < 0 ? 0 : (int)left;
}

/* While others work for the client it may well be silent. */
static bool
others_work(void)
{
	enum smtp_wait wait = session.smtp.wait;

	return wait == WAIT_ANSWERS || wait == WAIT_FINAL ||
	    wait == WAIT_BODY || wait == WAIT_AUTH || wait == WAIT_FETCH;
}

static void
check_deadlines(void)
{
	int64_t now = now_ms();

	if (session.relay_deadline != 0 && now >= session.relay_deadline)
		lose_relay(R_RELAY_TIMEOUT);
	if (session.fetch_deadline != 0 && now >= session.fetch_deadline)
		lose_fetch(R_BURL_IMAP_DOWN);
	if (others_work()) {
		touch();
		return;
	}
	if (now < session.idle_deadline)
		return;
	if (!session.handshaking && session.smtp.wait == WAIT_NOTHING) {
		smtp_close(&session.smtp, R_IDLE);
		session.end = "idle";
		write_client();
	}
	finish_because(session.handshaking ? "tls handshake took too long" :
	    "client does not read");
}

/*
 * Whether the client's octets are wanted now. Also while others work for
 * it: that is how we see that it has gone; what it sends stays in the buffer.
 */
static short
client_events(bool output)
{
	short events = 0;

	if (session.handshaking)
		return session.client.read_want;
	if (session.in_len < INPUT_SIZE && !session.client_eof)
		events |= session.client.read_want;
	if (output)
		events |= session.client.write_want;
	return events;
}

static void
wait_and_hear(bool output)
{
	struct pollfd fds[4];
	int timeout = session.readable && session.in_len < INPUT_SIZE &&
	    session.smtp.wait == WAIT_NOTHING && !output ? 0 : ms_left();

	/* a descriptor of which nothing is wanted could still cry POLLHUP */
	fds[0] = (struct pollfd){ -1, client_events(output), 0 };
	if (fds[0].events != 0)
		fds[0].fd = session.client.fd;
	fds[1] = (struct pollfd){ session.monitor, POLLIN, 0 };
	fds[2] = (struct pollfd){ session.relay, (short)(POLLIN |
	    (session.relay_full ? POLLOUT : 0)), 0 };
	fds[3] = (struct pollfd){ session.fetch, POLLIN, 0 };
	if (poll(fds, 4, timeout) == -1 && errno != EINTR)
		finish_because("poll failed");
	if (fds[1].revents)
		hear_monitor();
	if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
		hear_relay();
	if (fds[3].revents)
		hear_fetch();
	if ((fds[2].revents & POLLOUT) && session.relay_full) {
		session.relay_full = false;
		session.relay_deadline = 0;
		smtp_body_ready(&session.smtp);
	}
	if (fds[0].revents) {
		session.readable = true;
		if (session.handshaking)
			go_on_handshake();
		else if (session.smtp.wait != WAIT_NOTHING)
			read_client();
	}
	check_deadlines();
}

/*
 * RFC 4468 4: `imap` where URLAUTH URLs can be resolved, `imap://host` where
 * a user's own plain URLs can.
 */
static void
settle_burl(const struct config *conf, char *burl, size_t size)
{
	const struct imap_server *server;
	char word[300];
	bool urlauth = false;
	size_t i;

	for (i = 0; i < conf->n_imaps; i++)
		urlauth |= conf->imaps[i].login != IMAP_PASSTHROUGH;
	if (urlauth)
		strlcpy(burl, " imap", size);
	for (i = 0; i < conf->n_imaps; i++) {
		server = &conf->imaps[i].server;
		if (conf->imaps[i].login == IMAP_LOGIN)
			continue;
		snprintf(word, sizeof(word), strchr(server->host, ':') ?
		    " imap://[%s]:%u" : " imap://%s:%u", server->host,
		    server->port);
		/* 143 is what a URL means that names no port */
		if (server->port == 143 || (server->port == 993 &&
		    server->security == IMAP_TLS))
			*strrchr(word, ':') = '\0';
		if (strstr(burl, word) == NULL)
			strlcat(burl, word, size);
	}
}

static void
settle(void)
{
	const struct config *conf = &session.service->conf;
	struct smtp_settings *set = &session.settings;

	strlcpy(set->hostname, conf->hostname, sizeof(set->hostname));
	set->has_domain = conf->domain[0] != '\0';
	set->has_certificate = conf->n_certificates > 0;
	set->tls = conf->tls;
	set->max_size = conf->max_size;
	set->max_recipients = conf->max_recipients;
	set->relay = session.service->relay;
	settle_burl(conf, set->burl, sizeof(set->burl));
}

void
session_main(struct service *service, const struct birth *who, int client,
    int monitor)
{
	static const struct smtp_ops ops = { relay_command, relay_body,
	    fetch, ask_auth };
	struct log_line line;

	sandbox_begin();
	session.service = service;
	session.who = *who;
	session.monitor = monitor;
	session.relay = session.fetch = -1;
	session.begun = now_ms();
	pack_start(&session.commands, session.batch, sizeof(session.batch));
	stream_start(&session.client, client);
	tls_set_signer(sign);
	settle();
	sandbox_session(service->conf.uid, service->conf.gid);
	log_begin(&line, "connect");
	log_end(&line);
	smtp_start(&session.smtp, &session.settings, &ops, NULL, who->tls);
	touch();
	if (who->tls)
		begin_handshake();
	else
		smtp_greet(&session.smtp);
	for (;;) {
		bool output = session.handshaking ? false : work();

		/* what it had sent before is done, as far as it goes */
		if (session.client_eof && session.smtp.wait == WAIT_NOTHING)
			finish_because("client gone");
		wait_and_hear(output);
	}
}
