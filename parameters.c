/*
 * The parameters of MAIL and RCPT as the next server gets them: what the
 * client has asked for, if that server has offered it, written anew; and what
 * is said to the client when it has not, though EHLO did: another server than
 * the one that was looked at may be in use.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "smtp/path.h"
#include "smtp/values.h"

/* A line of parameters; each is bounded by its struct. */
struct line {
	char text[3072];
	size_t len;
};

static void add(struct line *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct line *line, const char *fmt, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->text + line->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		abort();
	line->len += (size_t)n;
}

static bool
offers(enum capability capability)
{
	return (nexthop_offers() & capability) != 0;
}

/* Seconds left of the time in which it is to be delivered, RFC 2852 4. */
static int32_t
by_left(const struct mail_params *params)
{
	int64_t left = params->by - (clock_ms() - relay.begun) / 1000;

	return left < -SECONDS_MAX ? -SECONDS_MAX : (int32_t)left;
}

enum reply
parameters_unmet(const struct mail_params *params, const char **what)
{
	*what = mail_params_unoffered(params, nexthop_offers());
	if (*what == NULL)
		return params->by_return && by_left(params) <= 0 ?
		    R_BY_EXPIRED : R_NONE;
	if (params->body == BODY_BINARYMIME && !offers(CAP_BINARYMIME))
		return R_BINARY;
	if (params->body == BODY_8BITMIME && !offers(CAP_8BITMIME))
		return R_EIGHT_BIT;
	if (params->smtputf8 && !offers(CAP_SMTPUTF8))
		return R_NO_SMTPUTF8;
	if (params->requiretls && !offers(CAP_REQUIRETLS))
		return R_NO_REQUIRETLS;
	return R_PARAM_NOW;
}

/*
 * RFC 4954 5: who it is that has logged in here, if the next server trusts
 * us to say so: by our own login there, or by XCLIENT. What the client has
 * asserted is not believed. A user's own relay is not told.
 */
static void
add_auth(struct line *line)
{
	const char *user = relay.order.user;
	const char *domain = relay.service->conf.domain;
	bool bare = strchr(user, '@') == NULL;
	char path[2 * USER_SIZE + 3], value[501];
	struct path mailbox;
	int n;

	if (!offers(CAP_AUTH) || relay.order.relays[0] != '\0' ||
	    (!relay.mta.authenticated && relay.set.client == NULL))
		return;
	n = snprintf(path, sizeof(path), "<%s%s%s>", user,
	    bare && domain[0] != '\0' ? "@" : "", bare ? domain : "");
	if (path_parse(path, (size_t)n, &mailbox) != (size_t)n ||
	    !mailbox.has_domain || mailbox.utf8 ||
	    !xtext_encode(mailbox.address, value, sizeof(value)))
		strlcpy(value, "<>", sizeof(value));
	add(line, " AUTH=%s", value);
}

static void
add_times(struct line *line, const struct mail_params *params)
{
	if (params->has_by)
		add(line, " BY=%" PRId32 ";%s%s", by_left(params),
		    params->by_return ? "R" : "N",
		    params->by_trace ? "T" : "");
	if (params->has_hold_for)
		add(line, " HOLDFOR=%" PRIu32, params->hold_for);
	if (params->has_hold_until)
		add(line, " HOLDUNTIL=%s", params->hold_until);
	if (params->has_priority)
		add(line, " MT-PRIORITY=%d", params->priority);
}

void
parameters_put_mail(const char *address, const struct mail_params *params)
{
	static const char *const bodies[] = { "7BIT", "8BITMIME",
	    "BINARYMIME" };
	struct line line = { .len = 0 };

	/* the trace field comes on top of what the client has counted */
	if (params->has_size && offers(CAP_SIZE))
		add(&line, " SIZE=%" PRIu64, params->size + 512);
	if (params->has_body && offers(CAP_8BITMIME))
		add(&line, " BODY=%s", bodies[params->body]);
	if (params->smtputf8)
		add(&line, " SMTPUTF8");
	if (params->has_ret)
		add(&line, " RET=%s", params->ret_full ? "FULL" : "HDRS");
	if (params->has_envid)
		add(&line, " ENVID=%s", params->envid);
	add_auth(&line);
	add_times(&line, params);
	if (params->has_solicit)
		add(&line, " SOLICIT=%s", params->solicit);
	if (params->requiretls)
		add(&line, " REQUIRETLS");
	mta_put(&relay.mta, "MAIL FROM:<%s>%s", address, line.text);
}

void
parameters_put_rcpt(const char *address, const struct rcpt_params *params)
{
	struct line line = { .len = 0 };

	if (params->has_notify)
		add(&line, " NOTIFY=%s", params->notify);
	if (params->has_orcpt)
		add(&line, " ORCPT=%s", params->orcpt);
	mta_put(&relay.mta, "RCPT TO:<%s>%s", address, line.text);
}
