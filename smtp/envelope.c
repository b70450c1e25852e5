/*
 * MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3): checked here, decided by the
 * relay.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "smtp/param.h"
#include "smtp/path.h"
#include "smtp/verbs.h"

/* Behind "FROM:" or "TO:"; spaces there are common and harmless. */
static bool
take_prefix(const char *prefix, const char **p, size_t *n)
{
	size_t len = strlen(prefix);

	if (*n < len || strncasecmp(*p, prefix, len) != 0)
		return false;
	*p += len;
	*n -= len;
	while (*n > 0 && **p == ' ')
		(*p)++, (*n)--;
	return true;
}

static enum reply
param_reply(struct command *c, enum param_status status,
    const struct param_error *error)
{
	note(c, error->name);
	switch (status) {
	case PARAM_OK:
		return R_NONE;
	case PARAM_UNKNOWN:
		return R_PARAM_UNKNOWN;
	case PARAM_VALUE:
		return R_PARAM_VALUE;
	case PARAM_TWICE:
		return R_PARAM_TWICE;
	default:
		return bad_syntax(c);
	}
}

/* What the next server has not offered, we have not either. */
static enum reply
unoffered(struct command *c, const char *keyword)
{
	note(c, keyword);
	return keyword == NULL ? R_NONE : R_PARAM_UNKNOWN;
}

static enum reply
beyond_limit(struct command *c, enum reply r, uint64_t limit)
{
	snprintf(c->note, sizeof(c->note), "%llu",
	    (unsigned long long)limit);
	return r;
}

/* What the next server is known to refuse is refused here, in clear words. */
static enum reply
check_limits(const struct smtp *s, struct command *c,
    const struct mail_params *params)
{
	const struct ehlo *relay = &s->set->relay;
	int64_t hold = params->hold_for;

	if (params->has_size && params->size > smtp_size_limit(s))
		return beyond_limit(c, R_TOO_BIG, smtp_size_limit(s));
	if (params->has_hold_until)
		hold = params->hold_until_time - s->ops->now(s->arg);
	if ((params->has_hold_for || params->has_hold_until) &&
	    (hold <= 0 || hold > relay->hold_max))
		return beyond_limit(c, R_HOLD_TOO_LONG, relay->hold_max);
	if (params->by_return && params->by < (int64_t)relay->by_min)
		return beyond_limit(c, R_BY_TOO_SOON, relay->by_min);
	return R_NONE;
}

static enum reply
check_mail_params(const struct smtp *s, struct command *c, const char *p,
    size_t n)
{
	struct param_error error;
	struct mail_params params;
	enum reply r;

	r = param_reply(c, mail_params_parse(p, n, &params, &error), &error);
	if (r == R_NONE)
		r = unoffered(c, mail_params_unoffered(&params,
		    smtp_offered(s)));
	if (r != R_NONE)
		return r;
	c->utf8 = params.smtputf8;
	c->binary = params.body == BODY_BINARYMIME;
	return check_limits(s, c, &params);
}

enum reply
check_mail(const struct smtp *s, struct command *c)
{
	const char *p = c->arg;
	size_t n = c->n, used;
	struct path path;
	enum reply r;

	if (!s->ehlo)
		return R_NEED_EHLO;
	if (smtp_in_transaction(s) && !s->t.gone)
		return R_MAIL_GIVEN;
	if (!take_prefix("FROM:", &p, &n))
		return bad_syntax(c);
	used = path_parse(p, n, &path);
	if (used == 0)
		return R_BAD_SENDER;
	if (path.local_len > 0 && (path.has_domain ? !path_is_qualified(&path) :
	    !s->set->has_domain))
		return R_UNQUALIFIED_SENDER;
	r = check_mail_params(s, c, p + used, n - used);
	return r == R_NONE && path.utf8 && !c->utf8 ? R_NEED_SMTPUTF8 : r;
}

void
act_mail(struct smtp *s, const struct command *c)
{
	smtp_forget(s);	/* what a refused MAIL may have left */
	s->t.mail_pending++;
	s->t.utf8 = c->utf8;
	s->t.binary = c->binary;
	smtp_relay(s, RELAY_MAIL, c->arg, c->n);
}

static enum reply
check_recipient(const struct smtp *s, const struct path *path)
{
	if (path->local_len == 0)
		return R_BAD_RECIPIENT;
	if (path->has_domain)
		return path_is_qualified(path) ? R_NONE :
		    R_UNQUALIFIED_RECIPIENT;
	/* postmaster alone is always good, RFC 5321 4.5.1 */
	if (s->set->has_domain || is_word(path->address, path->local_len,
	    "postmaster"))
		return R_NONE;
	return R_UNQUALIFIED_RECIPIENT;
}

enum reply
check_rcpt(const struct smtp *s, struct command *c)
{
	const char *p = c->arg;
	size_t n = c->n, used;
	struct param_error error;
	struct rcpt_params params;
	struct path path;
	enum reply r;

	if (!s->t.mail && s->t.mail_pending == 0)
		return R_NEED_MAIL;
	if (s->t.chunked)
		return R_RCPT_AFTER_CHUNK;
	if (s->t.gone)
		return s->t.error;
	if (!take_prefix("TO:", &p, &n))
		return bad_syntax(c);
	used = path_parse(p, n, &path);
	if (used == 0)
		return R_BAD_RECIPIENT;
	r = check_recipient(s, &path);
	if (r != R_NONE)
		return r;
	r = param_reply(c, rcpt_params_parse(p + used, n - used, &params,
	    &error), &error);
	if (r != R_NONE)
		return r;
	r = unoffered(c, rcpt_params_unoffered(&params, smtp_offered(s)));
	if (r != R_NONE)
		return r;
	if ((path.utf8 || params.utf8) && !s->t.utf8)
		return R_NEED_SMTPUTF8;
	if (s->t.rcpt + s->t.rcpt_pending >= smtp_recipient_limit(s))
		return smtp_recipient_limit(s) == 1 ? R_ONE_RECIPIENT :
		    R_TOO_MANY_RECIPIENTS;
	return R_NONE;
}

void
act_rcpt(struct smtp *s, const struct command *c)
{
	s->t.rcpt_pending++;
	s->t.rcpt_tried++;
	smtp_relay(s, RELAY_RCPT, c->arg, c->n);
}
