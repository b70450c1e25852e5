/*
 *	rfc822Name = Local-part "@" Domain		RFC 5280 4.2.1.6
 *	login	= 1*255( %x21-39 / %x3B-7E )
 */
#include <string.h>
#include <strings.h>

#include "helpers/certlogin.h"

bool
certlogin_name(const char *p, size_t n, char login[CERTLOGIN_SIZE])
{
	size_t i;

	if (n == 0 || n >= CERTLOGIN_SIZE)
		return false;
	for (i = 0; i < n; i++) {
		if (p[i] <= ' ' || p[i] > '~' || p[i] == ':')
			return false;
		login[i] = p[i];
	}
	login[n] = '\0';
	return true;
}

bool
certlogin_email(const char *p, size_t n, char login[CERTLOGIN_SIZE])
{
	char *at;

	if (!certlogin_name(p, n, login))
		return false;
	at = strchr(login, '@');
	if (at == NULL || at == login || at[1] == '\0' ||
	    strchr(at + 1, '@') != NULL)
		return false;
	for (; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return true;
}

bool
certlogin_is(const char *login, const char *domain, const char *authzid)
{
	const char *at = strchr(login, '@');
	size_t local;

	if (at == NULL)
		return strcmp(login, authzid) == 0;
	local = (size_t)(at - login);
	if (strncmp(login, authzid, local) != 0)
		return false;
	if (authzid[local] == '\0')
		return domain[0] != '\0' && strcasecmp(at + 1, domain) == 0;
	return authzid[local] == '@' && strcasecmp(at, authzid + local) == 0;
}
