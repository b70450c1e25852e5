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
	return R_PARAM_UNKNOWN;
}

static enum reply
check_mail_params(const struct smtp *s, struct command *c, const char *p,
    size_t n)
{
	uint32_t relay = s->set->relay.capabilities;
	struct param_error error;
	struct mail_params params;
	enum reply r;

	r = param_reply(c, mail_params_parse(p, n, &params, &error), &error);
	if (r != R_NONE)
		return r;
	if (params.body == BODY_BINARYMIME)
		return unoffered(c, "BODY=BINARYMIME");
	if (params.body == BODY_8BITMIME && !(relay & CAP_8BITMIME))
		return unoffered(c, "BODY=8BITMIME");
	if ((params.has_ret || params.has_envid) && !(relay & CAP_DSN))
		return unoffered(c, params.has_ret ? "RET" : "ENVID");
	if (params.has_size && params.size > smtp_size_limit(s)) {
		snprintf(c->note, sizeof(c->note), "%llu",
		    (unsigned long long)smtp_size_limit(s));
		return R_TOO_BIG;
	}
	return R_NONE;
}

enum reply
check_mail(const struct smtp *s, struct command *c)
{
	const char *p = c->arg;
	size_t n = c->n, used;
	struct path path;

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
	return check_mail_params(s, c, p + used, n - used);
}

void
act_mail(struct smtp *s, const struct command *c)
{
	smtp_forget(s);	/* what a refused MAIL may have left */
	s->t.mail_pending++;
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
	if ((params.has_notify || params.has_orcpt) &&
	    !(s->set->relay.capabilities & CAP_DSN))
		return unoffered(c, params.has_notify ? "NOTIFY" : "ORCPT");
	if (s->t.rcpt + s->t.rcpt_pending >= s->set->max_recipients)
		return R_TOO_MANY_RECIPIENTS;
	return R_NONE;
}

void
act_rcpt(struct smtp *s, const struct command *c)
{
	s->t.rcpt_pending++;
	s->t.rcpt_tried++;
	smtp_relay(s, RELAY_RCPT, c->arg, c->n);
}
