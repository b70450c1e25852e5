/*
 * The answers to the relay's commands, in order: the next server's, and ours
 * between them. A connection that turns out to be no more is renewed here,
 * and a referral to another server of the cluster followed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mta/referral.h"
#include "pending.h"
#include "relay.h"

#define BATCH_MAX	PENDING_MAX
#define HOPS_MAX	3	/* referrals followed in one transaction */

static struct pending batch[BATCH_MAX];
static size_t batch_len;
static char *said;		/* the batch's commands to the next server */
static size_t said_len, said_size;
static bool renewable;		/* it may be said again */
static char mail_line[4096];	/* of the transaction */
static size_t mail_len;
static unsigned hops;		/* in the transaction */

struct pending *
pending_add(enum relay_verb verb)
{
	struct pending *p = &batch[batch_len];

	if (batch_len == BATCH_MAX)
		relay_violation("too many commands at once");
	batch_len++;
	p->verb = verb;
	p->local = false;
	p->line = relay.mta.out.len;
	p->arg[0] = '\0';
	return p;
}

void
pending_answer(struct pending *p, enum reply r, const char *arg)
{
	p->local = true;
	p->reply = r;
	strlcpy(p->arg, arg == NULL ? "" : arg, sizeof(p->arg));
}

static const char *
route_name(void)
{
	return relay.route == NULL ? "" : relay.route->url;
}

static void
lose(void)
{
	relay_log_failure(relay.route, relay.mta.why);
	relay.lost = true;
	relay.mail = false;
	relay_hang_up();
}

static void
log_refusal(const struct pending *p)
{
	struct log_line line;
	const char *text = relay.mta.answer.text;
	char reply[ANSWER_MAX + 8];

	snprintf(reply, sizeof(reply), "%d %.*s", relay.mta.answer.code,
	    (int)strcspn(text, "\n"), text);
	log_start(&line, relay.order.id, "refused");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	if (p->verb == RELAY_RCPT)
		log_str(&line, "rcpt", p->arg);
	log_str(&line, "relay", route_name());
	log_str(&line, "reply", reply);
	log_end(&line);
}

static void
log_referral(const struct pending *p, const struct route *route)
{
	struct log_line line;

	log_start(&line, relay.order.id, "referral");
	log_str(&line, "user", relay.order.user);
	log_str(&line, "rcpt", p->arg);
	log_str(&line, "relay", route_name());
	log_str(&line, "to", route->url);
	log_end(&line);
}

/* The beginning of a transaction; its end is told by transfer.c. */
static void
log_mail(void)
{
	struct log_line line;

	log_start(&line, relay.order.id, "mail");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	log_str(&line, "relay", route_name());
	log_end(&line);
}

static void
take_remote_answer(const struct pending *p)
{
	bool good = relay.mta.answer.code / 100 == 2;

	if (p->verb == RELAY_MAIL) {
		relay.mail = good;
		relay.used = true;
	}
	if (p->verb == RELAY_MAIL && good)
		log_mail();
	if (p->verb == RELAY_RCPT && good)
		relay.accepted++;
	if (p->verb == RELAY_RCPT && !good)
		relay.rcpts--;
	if (p->verb == RELAY_VRFY && !good &&
	    relay.mta.answer.code / 100 == 5 && relay.mta.answer.code < 503) {
		relay_reply(FRAME_COMMAND, R_CANNOT_VRFY, NULL);
		return;
	}
	if (!good)
		log_refusal(p);
	relay_pass_answer(FRAME_COMMAND);
}

static void
log_local_refusal(const struct pending *p)
{
	struct log_line line;
	char text[REPLY_LINE_MAX];

	/* the monitor has told of the user's limit, once */
	if (reply_code(p->reply) / 100 < 4 || p->reply == R_USER_LIMIT)
		return;
	snprintf(text, 5, "%d ", reply_code(p->reply));
	reply_text(text + 4, sizeof(text) - 4, p->reply, p->arg);
	log_start(&line, relay.order.id, "refused");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	log_str(&line, "reply", text);
	log_end(&line);
}

static bool
said_goodbye(enum mta_status status)
{
	return status == MTA_LOST ||
	    (status == MTA_OK && relay.mta.answer.code == 421);
}

/*
 * A server may end a session between two messages, by 421 or without a word,
 * and MAIL finds out. Nothing is lost then: what was sent is said again on a
 * new connection, if that is just like the one before.
 */
static enum mta_status
renew(void)
{
	struct ehlo ehlo = relay.mta.ehlo;
	const struct route *route = relay.route;
	enum mta_status status;

	renewable = false;
	relay_hang_up();
	status = nexthop_ensure();
	if (status == MTA_OK && (relay.route != route ||
	    memcmp(&ehlo, &relay.mta.ehlo, sizeof(ehlo)) != 0))
		return MTA_LOST;
	if (status != MTA_OK)
		return status;
	mta_put_lines(&relay.mta, said, said_len);
	return mta_flush(&relay.mta);
}

/* Keeps what is about to be said, should it have to be said again. */
static void
keep_batch(void)
{
	size_t i, end;
	char *more;

	said_len = relay.mta.out.len;
	if (said_len > said_size) {
		more = realloc(said, said_len);
		if (more == NULL)
			fatal("relay: out of memory");
		said = more;
		said_size = said_len;
	}
	if (said_len > 0)
		memcpy(said, relay.mta.out.p, said_len);
	for (i = 0; i < batch_len; i++) {
		end = i + 1 < batch_len ? batch[i + 1].line : said_len;
		batch[i].line_len = end - batch[i].line;
		if (batch[i].verb != RELAY_MAIL || batch[i].local)
			continue;
		hops = 0;
		mail_len = batch[i].line_len < sizeof(mail_line) ?
		    batch[i].line_len : 0;
		memcpy(mail_line, said + batch[i].line, mail_len);
	}
	renewable = relay.used && batch_len > 0 &&
	    batch[0].verb == RELAY_MAIL && !batch[0].local;
}

static bool
may_be_followed(const struct pending *p, struct referral *referral)
{
	return p->verb == RELAY_RCPT && relay.mta.answer.code / 100 != 2 &&
	    relay.accepted == 0 && hops < HOPS_MAX && mail_len > 0 &&
	    referral_find(relay.mta.answer.text, referral);
}

/* The transaction so far, and what of the batch has had no answer. */
static enum mta_status
begin_there(const struct pending *p)
{
	enum mta_status status;

	mta_put_lines(&relay.mta, mail_line, mail_len);
	mta_put_lines(&relay.mta, said + p->line, said_len - p->line);
	status = mta_flush(&relay.mta);
	if (status == MTA_OK)
		status = mta_answer(&relay.mta);
	if (status == MTA_OK && relay.mta.answer.code / 100 != 2)
		return MTA_DOWN;
	return status == MTA_OK ? mta_answer(&relay.mta) : status;
}

/*
 * The server names another of its cluster for this recipient. While no other
 * was accepted the transaction is MAIL alone, and is begun again over there;
 * if that cannot be done the reply stands, and the transaction is lost.
 */
static bool
follow_referral(const struct pending *p)
{
	static struct answer refusal;
	struct ehlo ehlo = relay.mta.ehlo;
	uint32_t offered = nexthop_offers();	/* REQUIRETLS, too */
	struct referral referral;
	const struct route *route;

	if (!may_be_followed(p, &referral) ||
	    (route = nexthop_of_referral(&referral)) == NULL)
		return false;
	hops++;
	refusal = relay.mta.answer;
	log_referral(p, route);
	relay_hang_up();
	relay.referred = true;
	if (nexthop_open(route) == MTA_OK && memcmp(&ehlo, &relay.mta.ehlo,
	    sizeof(ehlo)) == 0 && nexthop_offers() == offered &&
	    begin_there(p) == MTA_OK)
		return true;
	relay_hang_up();
	relay.mta.answer = refusal;
	relay.mail = false;
	relay.lost = true;
	return false;
}

static void
answer_one(const struct pending *p, enum mta_status *status)
{
	if (p->local) {
		if (p->verb == RELAY_MAIL && p->reply == R_DONE)
			log_mail();
		log_local_refusal(p);
		relay_reply(FRAME_COMMAND, p->reply, p->arg);
		return;
	}
	if (*status == MTA_OK) {
		if (relay.mta.in_len == 0)
			relay_send_answers();	/* the next may take long */
		*status = mta_answer(&relay.mta);
		if (renewable && said_goodbye(*status) &&
		    (*status = renew()) == MTA_OK)
			*status = mta_answer(&relay.mta);
		renewable = false;
		if (*status == MTA_OK && relay.mta.answer.code / 100 == 3)
			*status = MTA_GARBAGE;
		if (*status != MTA_OK)
			lose();
	}
	if (*status != MTA_OK) {
		relay_reply(FRAME_COMMAND, relay_trouble(*status), NULL);
		return;
	}
	while (follow_referral(p))
		;
	take_remote_answer(p);
	if (relay.lost)
		*status = MTA_LOST;
}

static enum mta_status
say_batch(void)
{
	enum mta_status status;

	keep_batch();
	status = mta_flush(&relay.mta);
	return renewable && status == MTA_LOST ? renew() : status;
}

void
pending_answer_all(void)
{
	enum mta_status status = MTA_OK;
	size_t i;

	if (relay.route != NULL && relay.maildir == NULL) {
		status = say_batch();
		if (status != MTA_OK)
			lose();
	}
	for (i = 0; i < batch_len; i++)
		answer_one(&batch[i], &status);
	batch_len = 0;
}
