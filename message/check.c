#include <stdio.h>
#include <string.h>

#include "message/address.h"
#include "message/check.h"
#include "message/header.h"
#include "message/policy.h"

struct author {
	const char *user, *domain, *senders;
};

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

static bool
is_allowed(const struct author *author, const char *address)
{
	char whole[2 * ADDRESS_MAX];
	bool bare = strrchr(address, '@') == NULL;

	snprintf(whole, sizeof(whole), "%s%s%s", address, bare ? "@" : "",
	    bare ? author->domain : "");
	return policy_allows(author->user, author->domain, author->senders,
	    bare && author->domain[0] == '\0' ? address : whole);
}

/* Each address of the field; *count gets their number, 0 without the field. */
static enum check_status
check_field(const char *header, size_t len, const char *name,
    const struct author *author, unsigned *count, char *what)
{
	enum address_status status;
	const char *value, *end;
	size_t pos = 0, n;

	*count = 0;
	if (!header_find(header, len, name, &pos, &value, &n))
		return CHECK_OK;
	end = value + n;
	while ((status = address_next(&value, end, what)) == ADDRESS_ONE) {
		(*count)++;
		if (!is_allowed(author, what))
			return CHECK_NOT_ALLOWED;
	}
	if (status == ADDRESS_END && *count > 0)
		return CHECK_OK;
	snprintf(what, ADDRESS_MAX + 1, "%s", name);
	return CHECK_MALFORMED;
}

enum check_status
check_header(const char *header, size_t len, const char *user,
    const char *domain, const char *senders, char what[ADDRESS_MAX + 1])
{
	struct author author = { user, domain, senders };
	enum check_status status = at_most_once(header, len, what);
	unsigned authors, sender;

	if (status == CHECK_OK)
		status = check_field(header, len, "From", &author, &authors,
		    what);
	if (status == CHECK_OK)
		status = check_field(header, len, "Sender", &author, &sender,
		    what);
	if (status != CHECK_OK)
		return status;
	if (sender > 1) {
		snprintf(what, ADDRESS_MAX + 1, "Sender");
		return CHECK_MALFORMED;
	}
	return authors > 1 && sender == 0 ? CHECK_NO_SENDER : CHECK_OK;
}
