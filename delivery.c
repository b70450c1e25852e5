/*
 * The message's other end: the next server's transaction or a file in a
 * Maildir, what becomes of it there, and the line of the log that tells so.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"

/* why: what was wrong with the next server, if it was, or NULL. */
static void
log_outcome(const char *event, const char *reply, const char *why)
{
	struct log_line line;

	log_start(&line, relay.order.id, event);
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	log_num(&line, "rcpts", relay.rcpts);
	log_num(&line, "size", (int64_t)relay.octets);
	if (relay.message_id[0] != '\0')
		log_str(&line, "message-id", relay.message_id);
	if (relay.route != NULL)
		log_str(&line, "relay", relay.route->url);
	log_str(&line, "reply", reply);
	if (why != NULL)
		log_str(&line, "reason", why);
	log_num(&line, "ms", clock_ms() - relay.begun);
	log_end(&line);
}

static void
log_local_outcome(const char *event, enum reply r, const char *arg)
{
	char text[REPLY_LINE_MAX];

	snprintf(text, 5, "%d ", reply_code(r));
	reply_text(text + 4, sizeof(text) - 4, r, arg);
	log_outcome(event, text, relay.mta.failed ? relay.mta.why : NULL);
}

static void
log_answer(const char *event)
{
	char text[ANSWER_MAX + 8];

	snprintf(text, sizeof(text), "%d %.*s", relay.mta.answer.code,
	    (int)strcspn(relay.mta.answer.text, "\n"), relay.mta.answer.text);
	log_outcome(event, text, NULL);
}

void
delivery_refuse(enum reply r, const char *arg)
{
	log_local_outcome("refused", r, arg);
	transfer_abort();
	relay_hang_up();	/* its transaction is open */
	relay.state = TRANSFER_REFUSED;
	relay_reply(FRAME_MESSAGE, r, arg);
}

void
delivery_refuse_for_now(void)
{
	relay_log_failure(relay.route, strerror(errno));
	delivery_refuse(R_LOCAL_DISK, NULL);
}

/* The next server has answered, or is no more, in the middle of it. */
static void
refused_early(enum mta_status status)
{
	bool said = status == MTA_EARLY && relay.mta.answer.code / 100 >= 4;
	enum reply r = status == MTA_EARLY ? R_RELAY_GARBAGE :
	    relay_trouble(status);

	if (status == MTA_GONE)
		relay_finish();
	if (said)
		log_answer("refused");
	else
		log_local_outcome("refused", r, NULL);
	relay_hang_up();
	relay.state = TRANSFER_REFUSED;
	if (said)
		relay_pass_answer(FRAME_MESSAGE);
	else
		relay_reply(FRAME_MESSAGE, r, NULL);
}

bool
delivery_begin(void)
{
	enum mta_status status;

	if (relay.maildir != NULL) {
		if (maildir_begin(relay.maildir,
		    relay.service->conf.hostname) == 0)
			return true;
		delivery_refuse_for_now();
		return false;
	}
	status = mta_body_begin(&relay.mta);
	if (status == MTA_OK && relay.mta.answer.code < 400)
		return true;
	if (status != MTA_OK) {
		refused_early(status);
		return false;
	}
	log_answer("refused");
	relay_hang_up();
	relay.state = TRANSFER_REFUSED;
	relay_pass_answer(FRAME_MESSAGE);
	return false;
}

void
delivery_write(const char *p, size_t n)
{
	enum mta_status status;

	if (n == 0)
		return;
	if (relay.maildir != NULL) {
		if (maildir_write(relay.maildir, p, n) == -1)
			delivery_refuse_for_now();
		return;
	}
	status = mta_body(&relay.mta, p, n);
	if (status != MTA_OK)
		refused_early(status);
}

static void
commit_maildir(void)
{
	bool good = maildir_commit(relay.maildir) == 0;
	enum reply r = good ? R_DONE : R_LOCAL_DISK;

	log_local_outcome(good ? "accepted" : "refused", r, NULL);
	relay_reply(FRAME_MESSAGE, r, NULL);
}

/* A session that has given up has told its client so. */
static bool
session_is_gone(void)
{
	struct pollfd pfd = { .fd = relay.session, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

static void
commit_mta(void)
{
	enum mta_status status;

	if (session_is_gone()) {
		log_local_outcome("refused", R_RELAY_TIMEOUT, NULL);
		transfer_abort();
		_exit(0);
	}
	status = mta_body_end(&relay.mta);
	if (status == MTA_OK && relay.mta.answer.code / 100 == 3)
		status = MTA_GARBAGE;
	if (status == MTA_OK || (status == MTA_EARLY &&
	    relay.mta.answer.code / 100 >= 4)) {
		log_answer(relay.mta.answer.code / 100 == 2 ? "accepted" :
		    "refused");
		relay_pass_answer(FRAME_MESSAGE);
		if (status != MTA_OK)
			relay_hang_up();
		return;
	}
	if (relay.mta.finished)
		log_local_outcome("unknown", R_RELAY_UNKNOWN, NULL);
	else
		log_local_outcome("refused", relay_trouble(status), NULL);
	relay_hang_up();
	relay_reply(FRAME_MESSAGE, relay.mta.finished ? R_RELAY_UNKNOWN :
	    relay_trouble(status), NULL);
}

void
delivery_end(void)
{
	if (relay.maildir != NULL)
		commit_maildir();
	else
		commit_mta();
}
