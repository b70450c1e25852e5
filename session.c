/*
 * The session: speaks TLS and SMTP with one client, and holds nothing but
 * its octets. It may read, write, poll and receive a descriptor. What it may
 * not do itself it asks the monitor for: the handshake's signature, the
 * verdict on a login, a relay process. Neither believes what it says.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clientcert.h"
#include "sandbox/sandbox.h"
#include "session.h"

#define HANDSHAKE_LIMIT	30000	/* ms */
#define GONE		"client gone"
#define LEAVE_LIMIT	10000	/* ms of silence when the service stops */

struct session session;

static void
log_begin(struct log_line *line, const char *event)
{
	log_start(line, session.who.id, event);
	log_str(line, "client", session.who.client);
}

/* Whether its coming and going is: not that of a proxy's health checks. */
static bool
is_noted(void)
{
	return !session.quiet || log_verbose();
}

static void
log_close(void)
{
	struct log_line line;

	log_begin(&line, "close");
	log_str(&line, "reason", session.end);
	log_num(&line, "messages", session.messages);
	log_num(&line, "ms", clock_ms() - session.begun);
	log_end(&line);
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
	if (is_noted() || session.messages > 0)
		log_close();
	stream_close(&session.client);
	_exit(0);
}

void
session_finish(const char *why)
{
	if (session.end == NULL)
		session.end = why;
	finish();
}

/* The client */

/* A stranger has that long for the whole of it, until he logs in. */
static void
touch(void)
{
	session.last_heard = clock_ms();
	session.idle_deadline = session.service->conf.idle_timeout +
	    (session.smtp.authenticated ? session.last_heard :
	    session.stranger_since);
}

static void
log_tls(void)
{
	struct log_line line;

	log_begin(&line, "tls");
	log_str(&line, "version", stream_tls_version(&session.client));
	log_str(&line, "cipher", stream_tls_cipher(&session.client));
	if (clientcert_trouble() != NULL)
		log_str(&line, "client-certificate", clientcert_trouble());
	log_end(&line);
}

static void
begin_handshake(void)
{
	unsigned limit = session.service->conf.idle_timeout;

	if (stream_accept_tls(&session.client, session.service->tls) == -1)
		session_finish(session.client.error);
	session.handshaking = true;
	if (limit > HANDSHAKE_LIMIT)
		limit = HANDSHAKE_LIMIT;
	session.idle_deadline = clock_ms() + limit;
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
		/* a proxy's health check begins none */
		if (is_noted() || session.client.raw_taken > 0) {
			log_begin(&line, "tls-failed");
			log_str(&line, "reason", session.client.error);
			log_end(&line);
		}
		session_finish("tls handshake failed");
	}
	session.handshaking = false;
	session.readable = true;
	if (is_noted())
		log_tls();
	touch();
	smtp_tls_done(&session.smtp, clientcert_shown() != NULL);
	if (at_once)
		smtp_greet(&session.smtp);
}

/* Whether more goes into the buffer now: each piece of content costs frames. */
static bool
wants_more(void)
{
	const struct smtp *s = &session.smtp;

	return (s->mode == MODE_DATA || s->mode == MODE_CHUNK) &&
	    session.in_len < INPUT_SIZE;
}

/* Fills the input buffer; false if nothing new came. */
static bool
read_client(void)
{
	size_t before = session.in_len;
	ssize_t n;

	if (session.in == NULL && (session.in = malloc(INPUT_SIZE)) == NULL)
		session_finish("out of memory");
	if (session.in_len == INPUT_SIZE)
		return false;
	do {
		n = stream_read(&session.client, session.in + session.in_len,
		    INPUT_SIZE - session.in_len);
		if (n > 0)
			session.in_len += (size_t)n;
	} while (n > 0 && wants_more());
	if (session.in_len > before)
		touch();
	if (n == STREAM_AGAIN)
		session.readable = false;
	/* an end is told anew when what came before it is done */
	if (session.in_len > before)
		return true;
	session.readable = false;
	if (n == STREAM_EOF)
		session.client_eof = true;
	/* not while an outcome is near: it shall be known and logged */
	if (n == STREAM_ERROR && session.smtp.wait != WAIT_FINAL)
		session_finish(stream_why(&session.client, GONE));
	if (n == STREAM_ERROR)
		session.client_eof = true;
	return false;
}

/* -v: what the client is told. Prompts for a login are no secret. */
static void
log_replies(const char *p, size_t n)
{
	struct log_line line;
	const char *crlf;

	while ((crlf = memmem(p, n, "\r\n", 2)) != NULL) {
		log_begin(&line, "reply");
		log_bytes(&line, "text", p, (size_t)(crlf - p));
		log_end(&line);
		n -= (size_t)(crlf + 2 - p);
		p = crlf + 2;
	}
}

static void
feed(void)
{
	size_t used, left, before = session.smtp.out_len;

	used = smtp_input(&session.smtp, session.in, session.in_len);
	if (log_verbose() && session.smtp.out_len > before)
		log_replies(session.smtp.out + before,
		    session.smtp.out_len - before);
	if (used > 0 && used < session.in_len) {
		left = session.in_len - used;
		memmove(session.in, session.in + used, left);
		/* what has moved may be the beginning of a password */
		explicit_bzero(session.in + left, used);
	}
	session.in_len -= used;
	errand_flush_commands();
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
		if (n == STREAM_AGAIN) {
			s->out_len -= session.out_sent;
			memmove(s->out, s->out + session.out_sent, s->out_len);
			session.out_sent = 0;
			return true;
		}
		if (n < 0)
			session_finish(stream_why(&session.client, GONE));
		session.out_sent += (size_t)n;
	}
	session.out_sent = s->out_len = 0;
	return false;
}

void
session_exhausted(void *arg)
{
	(void)arg;
	if (!session.handshaking)
		write_client();
	session_finish(session.end = "out of memory");
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
	bool stopped;

	do {
		do
			feed();
		while (s->wait == WAIT_NOTHING && session.readable &&
		    s->out_len < SMTP_OUT_HIGH && read_client());
		stopped = s->out_len >= SMTP_OUT_HIGH;
		if (write_client())
			return true;
	} while (stopped);
	if (s->wait == WAIT_CLOSE)
		session_finish(why_closed(s->last_word));
	if (s->wait == WAIT_TLS && !session.handshaking) {
		explicit_bzero(session.in, session.in_len);
		session.in_len = 0;
		begin_handshake();
	}
	return false;
}

/*
 * Best effort: the client may not be there to read it. Where TLS comes at once
 * nothing is said before it.
 */
void
session_last_word(enum reply r, const char *why)
{
	bool early = session.arrival != ARRIVAL_DONE && session.who.tls;

	session.end = why;
	if (!session.handshaking && !early) {
		smtp_close(&session.smtp, r);
		write_client();
	}
	session_finish(why);
}

/* Deadlines and the loop */

/* When the service stops, who does nothing goes soon. */
static int64_t
idle_deadline(void)
{
	int64_t soon = session.last_heard + LEAVE_LIMIT;

	if (!session.leaving || smtp_in_transaction(&session.smtp) ||
	    soon > session.idle_deadline)
		return session.idle_deadline;
	return soon;
}

static int
ms_left(void)
{
	int64_t until = idle_deadline(), left;

	if (session.relay_deadline != 0 && session.relay_deadline < until)
		until = session.relay_deadline;
	if (session.fetch_deadline != 0 && session.fetch_deadline < until)
		until = session.fetch_deadline;
	left = until - clock_ms();
	return left < 0 ? 0 : (int)left;
}

/* While others work for the client it may well be silent. */
static bool
others_work(void)
{
	enum smtp_wait wait = session.smtp.wait;

	return wait == WAIT_ANSWERS || wait == WAIT_FINAL ||
	    wait == WAIT_BODY || wait == WAIT_AUTH || wait == WAIT_FETCH ||
	    wait == WAIT_CLIENT;
}

static void
check_deadlines(void)
{
	int64_t now = clock_ms();

	if (session.relay_deadline != 0 && now >= session.relay_deadline)
		errand_lose_relay(R_RELAY_TIMEOUT);
	if (session.fetch_deadline != 0 && now >= session.fetch_deadline)
		errand_lose_fetch(R_BURL_IMAP_DOWN);
	if (others_work()) {
		session.stranger_since = now;
		touch();
		return;
	}
	if (now < idle_deadline())
		return;
	if (session.arrival != ARRIVAL_DONE)
		arrival_late();
	if (!session.handshaking && session.smtp.wait == WAIT_NOTHING)
		session_last_word(session.leaving ? R_GOING_DOWN : R_IDLE,
		    session.leaving ? "the service stops" : "idle");
	session_finish(session.handshaking ? "tls handshake took too long" :
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

	if (session.arrival == ARRIVAL_HEADER)
		return POLLIN;
	if (session.arrival == ARRIVAL_ASKED)
		return 0;
	if (session.handshaking)
		return session.client.read_want;
	if (session.in_len < INPUT_SIZE && !session.client_eof &&
	    session.smtp.out_len < SMTP_OUT_HIGH)
		events |= session.client.read_want;
	if (output)
		events |= session.client.write_want;
	return events;
}

static void
wait_and_hear(bool output)
{
	struct pollfd fds[4];
	int timeout = session.readable && !session.handshaking &&
	    session.arrival == ARRIVAL_DONE &&
	    session.in_len < INPUT_SIZE &&
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
		session_finish("poll failed");
	if (fds[1].revents)
		errand_hear_monitor();
	/* what was just heard may have cost us the next */
	if (session.relay != -1 &&
	    (fds[2].revents & (POLLIN | POLLHUP | POLLERR)))
		errand_hear_relay();
	if (session.fetch != -1 && fds[3].revents)
		errand_hear_fetch();
	if ((fds[2].revents & POLLOUT) && session.relay_full) {
		session.relay_full = false;
		session.relay_deadline = 0;
		smtp_body_ready(&session.smtp);
	}
	if (fds[0].revents) {
		session.readable = true;
		if (session.arrival == ARRIVAL_HEADER)
			arrival_hear_client();
		else if (session.handshaking)
			go_on_handshake();
		else if (session.smtp.wait != WAIT_NOTHING)
			read_client();
	}
	check_deadlines();
}

void
session_welcome(void)
{
	struct log_line line;

	if (is_noted()) {
		log_begin(&line, "connect");
		if (session.proxy[0] != '\0')
			log_str(&line, "proxy", session.proxy);
		log_end(&line);
	}
	touch();
	if (!session.who.tls) {
		smtp_greet(&session.smtp);
		return;
	}
	begin_handshake();
	if (session.in_len == 0)
		return;
	/* its first octets came with the PROXY header */
	stream_put_back(&session.client, session.in, session.in_len);
	session.in_len = 0;
	go_on_handshake();
}

void
session_main(struct service *service, const struct birth *who, int client,
    int monitor)
{
	sandbox_begin();
	session.service = service;
	session.who = *who;
	session.monitor = monitor;
	session.relay = session.fetch = -1;
	session.begun = session.stranger_since = clock_ms();
	pack_start(&session.commands, session.batch, sizeof(session.batch));
	if (stream_start(&session.client, client) == -1)
		session_finish(session.client.error);
	tls_set_signer(errand_sign);
	session_settle();
	sandbox_session(service->conf.uid, service->conf.gid);
	smtp_start(&session.smtp, &session.settings, &errands, NULL, who->tls);
	touch();
	arrival_begin();
	for (;;) {
		bool output = session.handshaking ||
		    session.arrival != ARRIVAL_DONE ? false : work();

		/* what it had sent before is done, as far as it goes, and
		   answered: it may have closed its own direction only */
		if (session.client_eof && !output &&
		    session.smtp.wait == WAIT_NOTHING)
			session_finish(GONE);
		wait_and_hear(output);
	}
}
