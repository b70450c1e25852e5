/*
 * The rules (RFC 4468 sections 3.2, 3.3 and 5; RFC 4467 section 3):
 *
 * - The URL must name a configured server, by host and port. It never says
 *   where to connect or whom to log in as; both are the configuration's.
 * - Without ;URLAUTH= it is the user's own mail or nothing: an owner in the
 *   URL must be the authenticated user, octet for octet.
 * - With ;URLAUTH= the access must be submit+X and X the authenticated user.
 *   The IMAP server cannot check that, since it sees the submit user only,
 *   so a URL signed for somebody else would be delivered (facts of Dovecot
 *   and Cyrus). user+, authuser, anonymous and stream are not ours to use.
 * - The owner may be somebody else then: a shared mailbox, signed for X.
 *
 * Where the server's URLFETCH is broken (stock Dovecot 2.3) a `proxy`
 * account takes its place: log in as the owner, have the rump signed again,
 * and compare. `passthrough` can do that for the user's own URLs.
 */
#include <string.h>
#include <strings.h>

#include "imap/policy.h"

/* The first account of that kind which the URL names. */
static const struct imap_account *
find(const struct imap_url *url, const struct imap_account *accounts,
    size_t n, enum imap_login login)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (accounts[i].login == login &&
		    imap_server_is_named(&accounts[i].server, url))
			return &accounts[i];
	return NULL;
}

static bool
is_configured(const struct imap_url *url, const struct imap_account *accounts,
    size_t n)
{
	return find(url, accounts, n, IMAP_LOGIN) != NULL ||
	    find(url, accounts, n, IMAP_PROXY) != NULL ||
	    find(url, accounts, n, IMAP_PASSTHROUGH) != NULL;
}

static bool
is_token(const char *token, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (strchr("0123456789abcdefABCDEF", token[i]) == NULL)
			return false;
	return len >= 32;
}

/* What is wrong with the authorisation, or NULL. */
static const char *
refusal(const struct imap_url *url, const char *text, const char *user,
    int64_t now)
{
	if (url->access != IMAP_ACCESS_SUBMIT)
		return "access is not submit+";
	if (strcmp(url->access_user, user) != 0)
		return "signed for another user";
	if (strcasecmp(url->mechanism, "INTERNAL") != 0)
		return "mechanism is not INTERNAL";
	if (!is_token(text + url->token, url->token_len))
		return "no token of 32 or more hex digits";
	if (url->expires && url->expire < now)
		return "expired";
	return NULL;
}

static enum fetch_verdict
decide_plain(const struct imap_url *url, const struct imap_account *accounts,
    size_t n, const char *user, struct imap_choice *choice)
{
	if (url->user[0] != '\0' && strcmp(url->user, user) != 0) {
		choice->why = "another user's mailbox";
		return FETCH_REFUSED;
	}
	choice->method = IMAP_BY_USER;
	choice->identity = user;
	choice->account = find(url, accounts, n, IMAP_PROXY);
	if (choice->account == NULL)
		choice->account = find(url, accounts, n, IMAP_PASSTHROUGH);
	if (choice->account != NULL)
		return FETCH_OK;
	choice->why = "no proxy or passthrough login for that server";
	return FETCH_NO_TRUST;
}

/*
 * The owner as authorisation identity is the client's text in our login: a
 * name with Dovecot's usual master separator in it is nobody's mailbox.
 */
static bool
may_impersonate(const char *owner)
{
	return strchr(owner, '*') == NULL;
}

static enum fetch_verdict
decide_signed(const struct imap_url *url, const struct imap_account *accounts,
    size_t n, const char *user, struct imap_choice *choice)
{
	choice->account = find(url, accounts, n, IMAP_LOGIN);
	if (choice->account != NULL) {
		choice->method = IMAP_BY_URLFETCH;
		choice->identity = choice->account->name;
		return FETCH_OK;
	}
	choice->method = IMAP_BY_OWNER;
	choice->identity = url->user;
	choice->account = find(url, accounts, n, IMAP_PROXY);
	if (choice->account == NULL && strcmp(url->user, user) == 0)
		choice->account = find(url, accounts, n, IMAP_PASSTHROUGH);
	if (choice->account == NULL) {
		choice->why = "no login or proxy login for that server";
		return FETCH_NO_TRUST;
	}
	if (strcmp(url->user, user) == 0 || may_impersonate(url->user))
		return FETCH_OK;
	choice->why = "odd owner";
	return FETCH_REFUSED;
}

enum fetch_verdict
imap_decide(const struct imap_url *url, const char *text,
    const struct imap_account *accounts, size_t n, const char *user,
    int64_t now, struct imap_choice *choice)
{
	memset(choice, 0, sizeof(*choice));
	if (!is_configured(url, accounts, n)) {
		choice->why = "no such server is configured";
		return FETCH_NO_TRUST;
	}
	if (url->access == IMAP_ACCESS_NONE)
		return decide_plain(url, accounts, n, user, choice);
	if ((choice->why = refusal(url, text, user, now)) != NULL)
		return FETCH_REFUSED;
	if (url->user[0] == '\0') {
		choice->why = "a signed URL must name its owner";
		return FETCH_SYNTAX;
	}
	return decide_signed(url, accounts, n, user, choice);
}
