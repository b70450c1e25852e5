/*
 * The words of smtpsubmitd.conf(5), a row each. A handler reads the words of
 * one line into the configuration and returns NULL, or what is wrong and what
 * is allowed. The longer ones are in senders.c and servers.c.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "config/words.h"

static const char *
read_hostname(struct config *c, const struct conf_line *l)
{
	return word_name(l->word[1], c->hostname, sizeof(c->hostname));
}

static const char *
read_domain(struct config *c, const struct conf_line *l)
{
	const char *why = word_name(l->word[1], c->domain,
	    sizeof(c->domain));

	/* addresses with it would not be fully qualified */
	if (why == NULL && strchr(c->domain, '.') == NULL)
		return "a domain name with a dot is expected, like "
		    "example.org";
	return why;
}

static const char *
read_listen(struct config *c, const struct conf_line *l)
{
	struct listen_line *listen = &c->listens[c->n_listens];

	if (c->n_listens == LISTENS_MAX)
		return "too many listen lines";
	listen->text = config_copy(l->word[1]);
	if (!conf_address(l->word[1], &listen->address, &listen->len))
		return "an address and a port are expected, like "
		    "127.0.0.1:587, [::1]:587 or *:587";
	listen->tls = l->n == 3;
	if (l->n == 3 && strcmp(l->word[2], "tls") != 0)
		return "only the word tls may follow the address";
	c->n_listens++;
	return NULL;
}

static const char *
read_trusted_proxy(struct config *c, const struct conf_line *l)
{
	const char *why;
	size_t i;

	for (i = 1; i < l->n; i++) {
		if (c->n_proxies == PROXIES_MAX)
			return "too many, 64 addresses or networks are allowed";
		why = network_parse(l->word[i], &c->proxies[c->n_proxies]);
		if (why != NULL)
			return why;
		c->n_proxies++;
	}
	return NULL;
}

static const char *
read_proxy_protocol(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->proxy_protocol) ? NULL :
	    "yes or no is expected";
}

static const char *
read_tls(struct config *c, const struct conf_line *l)
{
	static const char *const words[] = { "required", "optional", "off" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcmp(l->word[1], words[i]) == 0) {
			c->tls = (enum tls_policy)i;
			return NULL;
		}
	return "required, optional or off is expected";
}

static const char *
read_auth_tries(struct config *c, const struct conf_line *l)
{
	return word_number(l->word[1], 100, &c->auth_tries);
}

static const char *
read_auth_delay(struct config *c, const struct conf_line *l)
{
	return word_duration(l->word[1], 0, 60000, &c->auth_delay);
}

static const char *
read_auth_penalty(struct config *c, const struct conf_line *l)
{
	return word_duration(l->word[1], 0, 60000, &c->auth_penalty);
}

/* 200/1h */
static const char *
read_user_limit(struct config *c, const struct conf_line *l)
{
	char *slash = strchr(l->word[1], '/');
	unsigned ms;

	if (slash == NULL)
		return "recipients and a time are expected, like 200/1h";
	*slash = '\0';
	if (!conf_duration(slash + 1, &ms) || ms < 1000)
		return "a time of at least 1s is expected behind the slash, "
		    "like 200/1h";
	c->user_limit_period = ms / 1000;
	return word_number(l->word[1], 1000000, &c->user_limit);
}

static const char *
read_max_size(struct config *c, const struct conf_line *l)
{
	return word_size(l->word[1], 1, (uint64_t)1 << 40, &c->max_size);
}

static const char *
read_max_header(struct config *c, const struct conf_line *l)
{
	return word_size(l->word[1], 1024, 64 << 20, &c->max_header);
}

static const char *
read_max_recipients(struct config *c, const struct conf_line *l)
{
	return word_number(l->word[1], 1000000, &c->max_recipients);
}

static const char *
read_max_connections(struct config *c, const struct conf_line *l)
{
	return word_number(l->word[1], 8000, &c->max_connections);
}

static const char *
read_max_per_source(struct config *c, const struct conf_line *l)
{
	return word_number(l->word[1], 1000000, &c->max_per_source);
}

static const char *
read_max_auth_helpers(struct config *c, const struct conf_line *l)
{
	return word_number(l->word[1], 1000000, &c->max_auth_helpers);
}

static const char *
read_idle_timeout(struct config *c, const struct conf_line *l)
{
	return word_duration(l->word[1], 1000, 24 * 3600 * 1000,
	    &c->idle_timeout);
}

static const char *
read_idle_exit(struct config *c, const struct conf_line *l)
{
	if (strcmp(l->word[1], "never") == 0) {
		c->idle_exit = 0;
		return NULL;
	}
	return word_duration(l->word[1], 1000, 24 * 3600 * 1000,
	    &c->idle_exit) == NULL ? NULL : "never, or a time from 1s to 24h "
	    "is expected, like 10m";
}

/* RFC 6409 5.3: the client should have its answer within two minutes */
static const char *
read_relay_timeout(struct config *c, const struct conf_line *l)
{
	return word_duration(l->word[1], 1000, 115 * 1000, &c->relay_timeout);
}

static const char *
read_imap_timeout(struct config *c, const struct conf_line *l)
{
	return word_duration(l->word[1], 1000, 115 * 1000, &c->imap_timeout);
}

static const char *
read_received_client(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->received_client) ? NULL :
	    "yes or no is expected";
}

static const char *
read_relay_xclient(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->relay_xclient) ? NULL :
	    "yes or no is expected";
}

static const char *
read_relay_per_user(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->relay_per_user) ? NULL :
	    "yes or no is expected";
}

static const char *
read_relay_auth(struct config *c, const struct conf_line *l)
{
	c->relay_token = strcmp(l->word[1], "token") == 0;
	return c->relay_token || strcmp(l->word[1], "password") == 0 ? NULL :
	    "password or token is expected";
}

static const char *
read_user(struct config *c, const struct conf_line *l)
{
	if (strlen(l->word[1]) >= sizeof(c->user))
		return "the name is too long";
	strlcpy(c->user, l->word[1], sizeof(c->user));
	if (l->n == 3)
		strlcpy(c->fetch_user, l->word[2], sizeof(c->fetch_user));
	return getpwnam(c->user) == NULL || (l->n == 3 &&
	    getpwnam(c->fetch_user) == NULL) ? "there is no such user" : NULL;
}

static const char *
read_libexec(struct config *c, const struct conf_line *l)
{
	free(c->libexec);
	c->libexec = config_copy(l->word[1]);
	return l->word[1][0] == '/' ? NULL : "an absolute path is expected";
}

static const char *
read_log(struct config *c, const struct conf_line *l)
{
	bool syslog = strcmp(l->word[1], "syslog") == 0;

	c->log = syslog ? LOG_TO_SYSLOG : LOG_TO_STDERR;
	return syslog || strcmp(l->word[1], "stderr") == 0 ? NULL :
	    "stderr or syslog is expected";
}

const struct word config_words[] = {
	{ "hostname", 1, 1, false, read_hostname },
	{ "domain", 1, 1, false, read_domain },
	{ "listen", 1, 2, true, read_listen },
	{ "trusted-proxy", 1, CONF_WORDS_MAX, true, read_trusted_proxy },
	{ "proxy-protocol", 1, 1, false, read_proxy_protocol },
	{ "certificate", 2, 2, true, read_certificate },
	{ "client-ca", 1, 1, false, read_client_ca },
	{ "tls", 1, 1, false, read_tls },
	{ "auth", 1, CONF_WORDS_MAX, false, read_auth },
	{ "auth-token", 1, CONF_WORDS_MAX, false, read_auth_token },
	{ "auth-tries", 1, 1, false, read_auth_tries },
	{ "auth-delay", 1, 1, false, read_auth_delay },
	{ "auth-penalty", 1, 1, false, read_auth_penalty },
	{ "relay", 1, CONF_WORDS_MAX, false, read_relay },
	{ "relay-credentials", 1, 1, false, read_relay_credentials },
	{ "relay-auth", 1, 1, false, read_relay_auth },
	{ "relay-per-user", 1, 1, false, read_relay_per_user },
	{ "relay-ca", 1, 1, false, read_relay_ca },
	{ "relay-referrals", 1, CONF_WORDS_MAX, false, read_relay_referrals },
	{ "relay-pin", 1, CONF_WORDS_MAX, false, read_relay_pin },
	{ "relay-certificate", 2, 2, false, read_relay_certificate },
	{ "relay-xclient", 1, 1, false, read_relay_xclient },
	{ "imap", 2, 4, true, read_imap },
	{ "senders", 1, 1, false, read_senders },
	{ "max-size", 1, 1, false, read_max_size },
	{ "max-header", 1, 1, false, read_max_header },
	{ "max-recipients", 1, 1, false, read_max_recipients },
	{ "user-limit", 1, 1, false, read_user_limit },
	{ "max-connections", 1, 1, false, read_max_connections },
	{ "max-connections-per-source", 1, 1, false, read_max_per_source },
	{ "max-auth-helpers", 1, 1, false, read_max_auth_helpers },
	{ "idle-timeout", 1, 1, false, read_idle_timeout },
	{ "idle-exit", 1, 1, false, read_idle_exit },
	{ "relay-timeout", 1, 1, false, read_relay_timeout },
	{ "imap-timeout", 1, 1, false, read_imap_timeout },
	{ "received-client", 1, 1, false, read_received_client },
	{ "user", 1, 2, false, read_user },
	{ "libexec", 1, 1, false, read_libexec },
	{ "log", 1, 1, false, read_log },
};
const size_t config_n_words =
    sizeof(config_words) / sizeof(config_words[0]);
