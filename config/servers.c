/*
 * The words that name other programs and servers: certificates, the helper,
 * relays and IMAP servers.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/words.h"

const char *
read_certificate(struct config *c, const struct conf_line *l)
{
	struct certificate *cert = &c->certificates[c->n_certificates];
	const char *why;

	if (c->n_certificates == TLS_KEYS_MAX)
		return "too many certificates";
	why = word_file(l->word[1], &cert->chain);
	if (why == NULL)
		why = word_file(l->word[2], &cert->key);
	if (why == NULL)
		c->n_certificates++;
	return why;
}

const char *
read_client_ca(struct config *c, const struct conf_line *l)
{
	return word_ca(l->word[1], &c->client_ca);
}

static const char *
read_helper(struct helper *helper, const struct conf_line *l)
{
	static char why[512];
	struct stat st;
	size_t i;

	if (l->word[1][0] != '/')
		return "the absolute path of a checkpassword program is "
		    "expected";
	if (stat(l->word[1], &st) == -1 || access(l->word[1], X_OK) == -1) {
		snprintf(why, sizeof(why), "%.300s: %s", l->word[1],
		    strerror(errno));
		return why;
	}
	if (!S_ISREG(st.st_mode))
		return "a checkpassword program is expected, no directory";
	helper->n = l->n - 1;
	/* room for auth-reply and the NULL behind it */
	helper->argv = calloc(helper->n + 2, sizeof(*helper->argv));
	if (helper->argv == NULL)
		fatal("out of memory");
	for (i = 0; i < helper->n; i++)
		helper->argv[i] = config_copy(l->word[i + 1]);
	return NULL;
}

const char *
read_auth(struct config *c, const struct conf_line *l)
{
	return read_helper(&c->auth, l);
}

const char *
read_auth_token(struct config *c, const struct conf_line *l)
{
	return read_helper(&c->auth_token, l);
}

const char *
read_relay(struct config *c, const struct conf_line *l)
{
	static char text[512];
	const char *why;
	size_t i;

	if (l->n - 1 > ROUTES_MAX)
		return "too many relays";
	for (i = 1; i < l->n; i++) {
		why = route_parse(l->word[i], &c->routes[i - 1]);
		if (why == NULL)
			continue;
		snprintf(text, sizeof(text), "%.200s: %s", l->word[i], why);
		return text;
	}
	c->n_routes = l->n - 1;
	return NULL;
}

const char *
read_relay_credentials(struct config *c, const struct conf_line *l)
{
	return word_file(l->word[1], &c->relay_credentials);
}

const char *
read_relay_ca(struct config *c, const struct conf_line *l)
{
	return word_ca(l->word[1], &c->relay_ca);
}

const char *
read_relay_referrals(struct config *c, const struct conf_line *l)
{
	struct route route;
	char url[sizeof(route.url)];
	size_t i;

	for (i = 1; i < l->n; i++) {
		if (i > ROUTES_MAX)
			return "too many hosts";
		snprintf(url, sizeof(url), "smtp://%.250s", l->word[i]);
		if (route_parse(url, &route) != NULL)
			return "host or host:port is expected";
		c->referrals[i - 1] = config_copy(l->word[i]);
	}
	c->n_referrals = l->n - 1;
	return NULL;
}

const char *
read_relay_pin(struct config *c, const struct conf_line *l)
{
	size_t i;

	for (i = 1; i < l->n; i++) {
		if (i > PINS_MAX)
			return "too many digests";
		if (!pin_parse(l->word[i], &c->relay_pins[i - 1]))
			return "sha256: and 64 hexadecimal digits are "
			    "expected";
	}
	c->n_relay_pins = l->n - 1;
	return NULL;
}

const char *
read_relay_certificate(struct config *c, const struct conf_line *l)
{
	const char *why = word_file(l->word[1], &c->relay_certificate.chain);

	if (why == NULL)
		why = word_file(l->word[2], &c->relay_certificate.key);
	return why;
}

/* URL login file | URL proxy file | URL passthrough, then maybe ca=file */
const char *
read_imap(struct config *c, const struct conf_line *l)
{
	static const char *const logins[] = { "login", "proxy",
	    "passthrough" };
	struct imap_line *imap = &c->imaps[c->n_imaps];
	const char *why;
	size_t i = 0, next = 3;

	if (c->n_imaps == IMAPS_MAX)
		return "too many IMAP servers";
	if (imap_server_parse(l->word[1], &imap->server, &why) == -1)
		return why;
	while (i < 3 && strcmp(l->word[2], logins[i]) != 0)
		i++;
	if (i == 3)
		return "login, proxy or passthrough is expected behind the URL";
	imap->url = config_copy(l->word[1]);
	imap->login = (enum imap_login)i;
	if (imap->login != IMAP_PASSTHROUGH) {
		if (l->n == 3)
			return "a file with `user password` is expected";
		why = word_file(l->word[next++], &imap->credentials);
		if (why != NULL)
			return why;
	}
	if (next < l->n && strncmp(l->word[next], "ca=", 3) == 0) {
		why = word_ca(l->word[next++] + 3, &imap->ca);
		if (why != NULL)
			return why;
	}
	c->n_imaps++;
	return next == l->n ? NULL : "only ca=file may follow";
}
