/*
 * The relay's envelope: MAIL, RCPT, VRFY and RSET as the session has passed
 * them, checked again, judged, and written anew for the next server; never
 * passed through. The answers go back in order.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "message/policy.h"
#include "pending.h"
#include "relay.h"
#include "smtp/param.h"
#include "smtp/path.h"

static unsigned recipients_left;	/* RCPTs behind this in its frame */

/* The path behind "FROM:" or "TO:"; returns what follows it. */
static const char *
reread_path(const char *prefix, const char *p, size_t *n, struct path *path)
{
	size_t len = strlen(prefix), used;

	if (*n < len || strncasecmp(p, prefix, len) != 0)
		relay_violation("malformed command");
	p += len;
	*n -= len;
	while (*n > 0 && *p == ' ')
		p++, (*n)--;
	used = path_parse(p, *n, path);
	if (used == 0 ||
	    !path_complete(path, relay.service->conf.domain))
		relay_violation("malformed address");
	*n -= used;
	return p + used;
}

static void
mail(const char *arg, size_t n)
{
	struct pending *p = pending_add(RELAY_MAIL);
	struct mail_params params;
	struct param_error error;
	enum mta_status status;
	const char *what = NULL;
	struct path path;
	enum reply r;

	arg = reread_path("FROM:", arg, &n, &path);
	if (mail_params_parse(arg, n, &params, &error) != PARAM_OK ||
	    relay.mail || relay.state != TRANSFER_NONE ||
	    (path.utf8 && !params.smtputf8) ||
	    (params.requiretls && relay.tls_version[0] == '\0'))
		relay_violation("MAIL out of order or malformed");
	relay_forget();
	relay.utf8 = params.smtputf8;
	relay.binary = params.body == BODY_BINARYMIME;
	relay.begun = clock_ms();
	strlcpy(relay.from, path.address, sizeof(relay.from));
	if (!policy_allows(relay.order.user, relay.service->conf.domain,
	    relay.order.senders, path.address)) {
		pending_answer(p, R_SENDER_NOT_ALLOWED, path.address);
		return;
	}
	if (relay.referred)
		relay_hang_up();
	relay.referred = false;
	status = nexthop_ensure();
	if (status != MTA_OK) {
		pending_answer(p, relay_trouble(status), NULL);
		return;
	}
	r = parameters_unmet(&params, &what);
	if (r != R_NONE) {
		pending_answer(p, r, what);
		return;
	}
	relay.mail = true;
	relay.transactions++;
	if (relay.maildir != NULL)
		pending_answer(p, R_DONE, NULL);
	else
		parameters_put_mail(path.address, &params);
}

static unsigned
recipient_limit(void)
{
	uint32_t theirs = relay.mta.ehlo.limits[LIMIT_RCPT];
	unsigned ours = relay.service->conf.max_recipients;

	return theirs > 0 && theirs < ours ? theirs : ours;
}

/*
 * One recipient of the user's limit. As many are asked for as are still to
 * come in this batch; the monitor counts them for all his sessions.
 */
static bool
user_may_go_on(void)
{
	static struct frame frame;
	struct unpack unpack;
	unsigned char buf[8];
	struct pack pack;

	if (relay.service->conf.user_limit == 0)
		return true;
	if (relay.allowance == 0) {
		pack_start(&pack, buf, sizeof(buf));
		pack_u32(&pack, recipients_left + 1);
		if (ipc_send(relay.monitor, O_ALLOWANCE, 0, buf, pack.len,
		    -1) == -1 || ipc_recv_wait(relay.monitor, &frame,
		    CHANNEL_WAIT) != 1 || frame.type != O_ALLOWANCE)
			_exit(0);	/* the monitor has gone */
		unpack_start(&unpack, frame.data, frame.len);
		relay.allowance = unpack_u32(&unpack);
		relay.again = unpack_u32(&unpack);
	}
	if (relay.allowance == 0)
		return false;
	relay.allowance--;
	return true;
}

static void
refuse_over_limit(struct pending *p)
{
	char minutes[16];

	snprintf(minutes, sizeof(minutes), "%u", (relay.again + 59) / 60);
	pending_answer(p, R_USER_LIMIT, minutes);
}

static void
rcpt(const char *arg, size_t n)
{
	struct pending *p = pending_add(RELAY_RCPT);
	struct rcpt_params params;
	struct param_error error;
	const char *what;
	struct path path;

	arg = reread_path("TO:", arg, &n, &path);
	if (rcpt_params_parse(arg, n, &params, &error) != PARAM_OK ||
	    relay.state != TRANSFER_NONE)
		relay_violation("RCPT out of order or malformed");
	if (relay.mail && (path.utf8 || params.utf8) && !relay.utf8)
		relay_violation("RCPT without SMTPUTF8");
	what = rcpt_params_unoffered(&params, nexthop_offers());
	if (relay.lost)
		pending_answer(p, R_RELAY_LOST, NULL);
	else if (!relay.mail)
		pending_answer(p, R_NEED_MAIL, NULL);
	else if (what != NULL)
		pending_answer(p, R_PARAM_NOW, what);
	else if (relay.rcpts >= recipient_limit())
		pending_answer(p, R_TOO_MANY_RECIPIENTS, NULL);
	else if (relay.route->kind == ROUTE_LMTP && relay.rcpts > 0)
		pending_answer(p, R_ONE_RECIPIENT, NULL);
	else if (!user_may_go_on())
		refuse_over_limit(p);
	else if (relay.maildir != NULL) {
		relay.rcpts++;
		pending_answer(p, R_DONE, NULL);
	} else {
		strlcpy(p->arg, path.address, sizeof(p->arg));
		relay.rcpts++;
		parameters_put_rcpt(path.address, &params);
	}
}

/* In a transaction a lost connection must not be renewed unseen. */
static void
lose_if_stale(void)
{
	/* amid a message the answers to its chunks come unasked */
	if (!relay.mail || relay.maildir != NULL ||
	    relay.state != TRANSFER_NONE ||
	    (relay.route != NULL && !mta_is_stale(&relay.mta)))
		return;
	relay.mail = false;
	relay.lost = true;
	relay_hang_up();
}

/* Only an open connection is asked; one that cannot tell says so. */
static void
vrfy(const char *arg, size_t n)
{
	struct pending *p = pending_add(RELAY_VRFY);
	bool utf8 = n > 9 && strncasecmp(arg + n - 9, " SMTPUTF8", 9) == 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (!utf8 && (unsigned char)arg[i] > '~')
			relay_violation("malformed VRFY");
	if (!utf8_is_clean(arg, n))
		relay_violation("malformed VRFY");
	lose_if_stale();
	if (n > 512 || relay.state != TRANSFER_NONE || relay.lost ||
	    nexthop_ensure() != MTA_OK || relay.maildir != NULL ||
	    (utf8 && !(nexthop_offers() & CAP_SMTPUTF8)))
		pending_answer(p, R_CANNOT_VRFY, NULL);
	else
		mta_put(&relay.mta, "VRFY %.*s", (int)n, arg);
}

/* An answer to RSET itself tells nothing. */
static bool
say_rset(void)
{
	mta_put(&relay.mta, "RSET");
	return mta_flush(&relay.mta) == MTA_OK &&
	    mta_answer(&relay.mta) == MTA_OK &&
	    relay.mta.answer.code / 100 == 2;
}

/*
 * An answer that is there before RSET would be taken for RSET's, and that for
 * the next command's.
 */
void
envelope_reset(void)
{
	bool begun = relay.state == TRANSFER_BODY;

	transfer_abort();
	if (relay.mail && relay.maildir == NULL && relay.route != NULL &&
	    !begun && (mta_is_stale(&relay.mta) || !say_rset()))
		relay_hang_up();
	relay_forget();
}

static void
one_command(enum relay_verb verb, const char *arg, size_t n)
{
	switch (verb) {
	case RELAY_MAIL:
		pending_answer_all();	/* it may mean another connection */
		mail(arg, n);
		break;
	case RELAY_RCPT:
		rcpt(arg, n);
		break;
	case RELAY_VRFY:
		vrfy(arg, n);
		break;
	case RELAY_RSET:
	case RELAY_RSET_SILENT:
		pending_answer_all();
		pending_answer(pending_add(verb), R_DONE, NULL);
		envelope_reset();
		break;
	default:
		relay_violation("unknown command");
	}
}

static unsigned
count_recipients(const struct frame *frame)
{
	struct unpack unpack;
	unsigned count = 0;
	size_t n;

	unpack_start(&unpack, frame->data, frame->len);
	while (unpack.left > 0) {
		count += unpack_u8(&unpack) == RELAY_RCPT;
		unpack_bytes(&unpack, &n);
		if (unpack.bad)
			relay_violation("malformed commands");
	}
	return count;
}

void
envelope_commands(const struct frame *frame)
{
	struct unpack unpack;
	const unsigned char *arg;
	unsigned verb;
	size_t n;

	recipients_left = count_recipients(frame);
	unpack_start(&unpack, frame->data, frame->len);
	while (unpack.left > 0) {
		verb = unpack_u8(&unpack);
		arg = unpack_bytes(&unpack, &n);
		recipients_left -= verb == RELAY_RCPT;
		one_command((enum relay_verb)verb, (const char *)arg, n);
		if (relay.mta.open && !(nexthop_offers() & CAP_PIPELINING))
			pending_answer_all();
	}
	pending_answer_all();
	relay.allowance = 0;	/* what was left of it is not saved up */
}
