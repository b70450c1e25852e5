/*
 * The fields are those of RFC 5322 3.6. Where a domain is added a line may
 * outgrow the 998 octets of 2.1.1; it is folded there then.
 */
#include <stdio.h>
#include <string.h>

#include "message/address.h"
#include "message/cfws.h"
#include "message/complete.h"
#include "message/date.h"

#define LINE_MAX_OCTETS 998

struct output {
	complete_sink *sink;
	void *arg;
	const char *domain;
	size_t column;		/* octets of the line so far */
	bool may_fold;		/* white space may stand here */
};

static bool
is_one_of(const struct field *f, const char *const *names)
{
	for (; *names != NULL; names++)
		if (field_is(f, *names))
			return true;
	return false;
}

bool
complete_has_addresses(const struct field *f)
{
	static const char *const names[] = { "From", "Sender", "Reply-To",
	    "To", "Cc", "Resent-From", "Resent-Sender", "Resent-Reply-To",
	    "Resent-To", "Resent-Cc", NULL };

	return is_one_of(f, names);
}

/*
 * "<" octets ">", with CFWS around it (RFC 5322 3.6.4). What stands between
 * is often not quite as it should be, and answers refer to it all the same:
 * it is good if it has no white space and no further angle, but in quotes.
 */
static bool
message_id_is_usable(const struct field *f)
{
	const char *end = f->value + f->value_len;
	const char *p = cfws_skip(f->value, end), *start;
	bool quoted = false;

	if (p == NULL || p == end || *p++ != '<')
		return false;
	for (start = p; p < end && (quoted || *p != '>'); p++) {
		if (quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		if ((unsigned char)*p < ' ' || *p == 127 ||
		    (!quoted && (*p == ' ' || *p == '<')))
			return false;
	}
	return p < end && p > start && cfws_skip(p + 1, end) == end;
}

static bool
is_useless(const struct field *f)
{
	return (field_is(f, "Date") &&
	    !date_is_valid(f->value, f->value_len)) ||
	    (field_is(f, "Message-ID") && !message_id_is_usable(f));
}

static bool
is_private(const struct field *f)
{
	static const char *const names[] = { "Bcc", "Resent-Bcc",
	    "Return-Path", NULL };

	return is_one_of(f, names);
}

static bool
has_usable(const char *header, size_t len, const char *name)
{
	struct field f;
	size_t pos = 0;

	while (header_next(header, len, &pos, &f))
		if (field_is(&f, name) && !is_useless(&f))
			return true;
	return false;
}

size_t
complete_own(const char *header, size_t len, const struct check *check,
    const struct trace *trace, time_t now, char buf[COMPLETE_OWN_MAX])
{
	size_t n = 0;

	if (check->from[0] != '\0')
		n += (size_t)snprintf(buf + n, COMPLETE_OWN_MAX - n,
		    "From: %s\r\n", check->from);
	if (check->sender[0] != '\0')
		n += (size_t)snprintf(buf + n, COMPLETE_OWN_MAX - n,
		    "Sender: %s\r\n", check->sender);
	return n + trace_complete(trace, now, !has_usable(header, len, "Date"),
	    !has_usable(header, len, "Message-ID"), buf + n);
}

static void
put(struct output *out, const char *p, size_t n)
{
	const char *lf = n > 0 ? memrchr(p, '\n', n) : NULL;

	if (n == 0)
		return;
	out->sink(out->arg, p, n);
	out->column = lf == NULL ? out->column + n : (size_t)(p + n - lf - 1);
	out->may_fold = out->may_fold && lf == NULL;
}

/*
 * Octets of a field as they are, up to a place where more octets will be
 * added; the line is folded behind the domain added last if it gets too long,
 * but never so that nothing is left on a line (3.2.2).
 */
static void
put_piece(struct output *out, const char *p, size_t n, size_t more)
{
	const char *cr = n > 0 ? memchr(p, '\r', n) : NULL;
	size_t line = cr == NULL ? n : (size_t)(cr - p), blank;

	for (blank = 0; blank < line && (p[blank] == ' ' ||
	    p[blank] == '\t'); blank++)
		;
	if (out->may_fold && blank < line &&
	    out->column + line + (cr == NULL ? more : 0) > LINE_MAX_OCTETS)
		put(out, "\r\n ", 3);
	put(out, p, n);
}

static bool
lacks_domains(const struct field *f)
{
	struct address_list list = { .p = f->value,
	    .end = f->value + f->value_len, .recipients = true };
	enum address_status status;
	struct mailbox mailbox;
	bool lacks = false;

	while ((status = mailbox_next(&list, &mailbox)) == ADDRESS_ONE)
		lacks = lacks || !mailbox.has_domain;
	return lacks && status == ADDRESS_END;
}

static void
put_with_domains(struct output *out, const struct field *f)
{
	struct address_list list = { .p = f->value,
	    .end = f->value + f->value_len, .recipients = true };
	size_t more = 1 + strlen(out->domain);
	const char *done = f->start;
	struct mailbox mailbox;

	out->column = 0;
	out->may_fold = false;
	while (mailbox_next(&list, &mailbox) == ADDRESS_ONE) {
		if (mailbox.has_domain)
			continue;
		put_piece(out, done, (size_t)(mailbox.local_end - done), more);
		put(out, "@", 1);
		put(out, out->domain, more - 1);
		out->may_fold = true;
		done = mailbox.local_end;
	}
	put_piece(out, done, (size_t)(f->start + f->len - done), 0);
}

void
complete_rest(const char *header, size_t len, const char *domain,
    complete_sink *sink, void *arg)
{
	struct output out = { .sink = sink, .arg = arg, .domain = domain };
	const char *kept = header;
	struct field f;
	size_t pos = 0;

	/* what stays as it is goes out in as few pieces as can be */
	while (header_next(header, len, &pos, &f)) {
		bool drop = is_private(&f) || is_useless(&f);

		if (!drop && (domain[0] == '\0' ||
		    !complete_has_addresses(&f) || !lacks_domains(&f)))
			continue;
		put(&out, kept, (size_t)(f.start - kept));
		if (!drop)
			put_with_domains(&out, &f);
		kept = header + pos;
	}
	if (len > 0)
		put(&out, kept, (size_t)(header + len - kept));
}
