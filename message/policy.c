#include <string.h>
#include <strings.h>

#include "message/policy.h"

/* One address of the list against one of a message; case does not matter. */
static bool
matches(const char *own, size_t n, const char *address)
{
	const char *own_at = memrchr(own, '@', n);
	const char *at = strrchr(address, '@');
	size_t own_local, local;
	const char *plus;

	if (n == 1 && *own == '*')
		return true;
	if (own_at == NULL || at == NULL)
		return false;
	own_local = (size_t)(own_at - own);
	if (strlen(at) != n - own_local ||
	    strncasecmp(at, own_at, n - own_local) != 0)
		return false;
	if (own_local == 0)
		return true;	/* @domain */
	plus = memchr(address, '+', (size_t)(at - address));
	local = (size_t)(at - address);
	if (local == own_local && strncasecmp(own, address, local) == 0)
		return true;
	/* a quoted local part has no detail */
	local = plus == NULL ? 0 : (size_t)(plus - address);
	return address[0] != '"' && local == own_local &&
	    strncasecmp(own, address, local) == 0;
}

static bool
login_matches(const char *user, const char *domain, const char *address)
{
	char own[600];
	size_t n = strlen(user);

	/* "@example.org" as a name must not stand for a whole domain */
	if (n == 0 || n > 300 || user[0] == '@' || strlen(domain) > 256)
		return false;
	memcpy(own, user, n + 1);
	if (strchr(user, '@') == NULL) {
		if (domain[0] == '\0')
			return false;
		own[n++] = '@';
		memcpy(own + n, domain, strlen(domain) + 1);
	}
	return matches(own, strlen(own), address);
}

bool
policy_allows(const char *user, const char *domain, const char *senders,
    const char *address)
{
	size_t n;

	if (address[0] == '\0')
		return true;
	if (senders[0] == '\0')
		return login_matches(user, domain, address);
	while (*senders != '\0') {
		n = strcspn(senders, " ,");
		if (n > 0 && matches(senders, n, address))
			return true;
		senders += n + (senders[n] != '\0');
	}
	return false;
}
