#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "message/address.h"
#include "message/check.h"
#include "message/complete.h"
#include "message/header.h"
#include "message/policy.h"

static enum check_status
at_most_once(const char *header, size_t len, char *what)
{
	static const char *const names[] = { "From", "Sender", "Date",
	    "Message-ID", "Subject", "To", "Cc", "Reply-To" };
	const char *value;
	size_t i, pos, n;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pos = 0;
		if (!header_find(header, len, names[i], &pos, &value, &n) ||
		    !header_find(header, len, names[i], &pos, &value, &n))
			continue;
		snprintf(what, ADDRESS_MAX + 1, "%s", names[i]);
		return CHECK_TWICE;
	}
	return CHECK_OK;
}

/* The address with the domain it will be given */
static void
whole_address(const struct mailbox *mailbox, const char *domain,
    char buf[WHOLE_ADDRESS_SIZE])
{
	bool bare = !mailbox->has_domain && domain[0] != '\0';

	snprintf(buf, WHOLE_ADDRESS_SIZE, "%s%s%s", mailbox->address,
	    bare ? "@" : "", bare ? domain : "");
}

static bool
is_allowed(const struct author *author, const struct mailbox *mailbox)
{
	char whole[WHOLE_ADDRESS_SIZE];

	whole_address(mailbox, author->domain, whole);
	return policy_allows(author->user, author->domain, author->senders,
	    whole);
}

static bool
has_utf8(const char *address)
{
	while (*address != '\0')
		if ((unsigned char)*address++ > '~')
			return true;
	return false;
}

/* Each address of a field that names authors; *count gets their number. */
static enum check_status
check_authors(const char *header, size_t len, const char *name,
    const struct author *author, unsigned *count, char *what)
{
	struct address_list list = { 0 };
	enum address_status status;
	struct mailbox mailbox;
	size_t pos = 0, n;

	*count = 0;
	if (!header_find(header, len, name, &pos, &list.p, &n))
		return CHECK_OK;
	list.end = list.p + n;
	while ((status = mailbox_next(&list, &mailbox)) == ADDRESS_ONE) {
		++*count;
		if (!author->utf8 && has_utf8(mailbox.address))
			break;
		if (!is_allowed(author, &mailbox)) {
			memcpy(what, mailbox.address,
			    strlen(mailbox.address) + 1);
			return CHECK_NOT_ALLOWED;
		}
	}
	if (status == ADDRESS_END && *count > 0)
		return CHECK_OK;
	memcpy(what, name, strlen(name) + 1);
	return CHECK_MALFORMED;
}

/* One address, or none if the field may be missing */
static enum check_status
check_sender(const char *header, size_t len, const char *name,
    const struct author *author, unsigned *count, char *what)
{
	enum check_status status = check_authors(header, len, name, author,
	    count, what);

	if (status != CHECK_OK || *count <= 1)
		return status;
	memcpy(what, name, strlen(name) + 1);
	return CHECK_MALFORMED;
}

/*
 * The length of the header up to the end of its first block of resent fields
 * (RFC 5322 3.6.6): those behind it are from others, who resent it before.
 * A trace field parts them, or a second Resent-From: other fields may be taken
 * out on the way, as Resent-Bcc is, which begins no block therefore.
 */
static size_t
first_resent_block(const char *header, size_t len)
{
	bool begun = false, from = false, resent, resent_from;
	size_t pos = 0, before = 0;
	struct field f;

	while (header_next(header, len, &pos, &f)) {
		resent = f.name_len > 7 &&
		    strncasecmp(f.start, "Resent-", 7) == 0 &&
		    !field_is(&f, "Resent-Bcc");
		resent_from = field_is(&f, "Resent-From");
		if (begun && (field_is(&f, "Received") ||
		    (resent_from && from)))
			return before;
		begun = begun || resent;
		from = from || resent_from;
		before = pos;
	}
	return len;
}

/* Whoever resends a message is as much its author as who wrote it. */
static enum check_status
check_resent(const char *header, size_t len, const struct author *author,
    char *what)
{
	enum check_status status;
	unsigned count;

	status = check_authors(header, len, "Resent-From", author, &count,
	    what);
	if (status == CHECK_OK)
		status = check_sender(header, first_resent_block(header, len),
		    "Resent-Sender", author, &count, what);
	return status;
}

static bool
will_be_qualified(const struct field *f, const char *domain)
{
	struct address_list list = { .p = f->value,
	    .end = f->value + f->value_len, .recipients = true };
	enum address_status status;
	struct mailbox mailbox;
	bool good = true;

	while ((status = mailbox_next(&list, &mailbox)) == ADDRESS_ONE)
		good = good && (mailbox.has_domain ?
		    address_is_qualified(&mailbox) : domain[0] != '\0');
	return good || status == ADDRESS_BAD;	/* what is it, then? */
}

static enum check_status
check_domains(const char *header, size_t len, const char *domain, char *what)
{
	struct field f;
	size_t pos = 0;

	while (header_next(header, len, &pos, &f)) {
		if (!complete_has_addresses(&f) ||
		    will_be_qualified(&f, domain))
			continue;
		snprintf(what, ADDRESS_MAX + 1, "%.*s", (int)f.name_len,
		    f.start);
		return CHECK_UNQUALIFIED;
	}
	return CHECK_OK;
}

/* `senders any`, or *: then no address says who the user is. */
static bool
may_be_anybody(const char *senders)
{
	size_t n;

	for (; *senders != '\0'; senders += n + (senders[n] != '\0')) {
		n = strcspn(senders, " ,");
		if (n == 1 && *senders == '*')
			return true;
	}
	return false;
}

/*
 * Who of several authors has sent it (RFC 5322 3.6.2): the envelope's sender
 * if he is one of them, else the first, for all of them are the user.
 */
static enum check_status
choose_sender(const char *header, size_t len, const struct author *author,
    char sender[WHOLE_ADDRESS_SIZE])
{
	char own[ADDRESS_MAX + 1] = "", whole[WHOLE_ADDRESS_SIZE];
	const char *p = author->from;
	struct address_list list = { 0 };
	struct mailbox mailbox;
	size_t pos = 0, n = 0;

	if (address_next(&p, p + strlen(p), own) != ADDRESS_ONE)
		own[0] = '\0';
	header_find(header, len, "From", &pos, &list.p, &n);
	list.end = list.p + n;
	while (mailbox_next(&list, &mailbox) == ADDRESS_ONE) {
		whole_address(&mailbox, author->domain, whole);
		if (sender[0] == '\0' || strcasecmp(whole, own) == 0)
			memcpy(sender, whole, strlen(whole) + 1);
		if (strcasecmp(whole, own) == 0)
			return CHECK_OK;
	}
	if (!may_be_anybody(author->senders))
		return CHECK_OK;
	sender[0] = '\0';
	return CHECK_NO_SENDER;
}

enum check_status
check_header(const char *header, size_t len, const struct author *author,
    struct check *check)
{
	enum check_status status;
	unsigned authors = 0, senders = 0;

	memset(check, 0, sizeof(*check));
	status = at_most_once(header, len, check->what);
	if (status == CHECK_OK)
		status = check_authors(header, len, "From", author, &authors,
		    check->what);
	if (status == CHECK_OK)
		status = check_sender(header, len, "Sender", author, &senders,
		    check->what);
	if (status == CHECK_OK)
		status = check_resent(header, len, author, check->what);
	if (status == CHECK_OK)
		status = check_domains(header, len, author->domain,
		    check->what);
	if (status != CHECK_OK)
		return status;
	if (authors == 0 && author->from[0] == '\0')
		return CHECK_NO_FROM;
	if (authors == 0)
		snprintf(check->from, sizeof(check->from), "%s", author->from);
	if (authors > 1 && senders == 0)
		return choose_sender(header, len, author, check->sender);
	return CHECK_OK;
}
