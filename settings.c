/*
 * What configuration and next server mean to the SMTP machine: what it offers
 * its client, and the limits.
 */
#include <stdio.h>
#include <string.h>

#include "session.h"

/*
 * RFC 4468 4: `imap` where URLAUTH URLs can be resolved, `imap://host` where
 * a user's own plain URLs can; some want the password of the login for it.
 */
static void
settle_burl(const struct config *conf, bool password, char *burl, size_t size)
{
	const struct imap_server *server;
	char word[300];
	bool urlauth = false;
	size_t i;

	for (i = 0; i < conf->n_imaps; i++)
		urlauth |= conf->imaps[i].login != IMAP_PASSTHROUGH;
	if (urlauth)
		strlcpy(burl, " imap", size);
	for (i = 0; i < conf->n_imaps; i++) {
		server = &conf->imaps[i].server;
		if (conf->imaps[i].login == IMAP_LOGIN ||
		    (conf->imaps[i].login == IMAP_PASSTHROUGH && !password))
			continue;
		snprintf(word, sizeof(word), strchr(server->host, ':') ?
		    " imap://[%s]:%u" : " imap://%s:%u", server->host,
		    server->port);
		/* 143 is what a URL means that names no port */
		if (server->port == 143 || (server->port == 993 &&
		    server->security == IMAP_TLS))
			*strrchr(word, ':') = '\0';
		/* a reply line has 512 octets, RFC 5321 4.5.3.1.5 */
		if (strstr(burl, word) == NULL &&
		    strlen(burl) + strlen(word) < size)
			strlcat(burl, word, size);
	}
}

void
session_settle(void)
{
	const struct config *conf = &session.service->conf;
	struct smtp_settings *set = &session.settings;

	strlcpy(set->hostname, conf->hostname, sizeof(set->hostname));
	set->has_domain = conf->domain[0] != '\0';
	set->has_certificate = conf->n_certificates > 0;
	set->tls = conf->tls;
	set->passwords = conf->auth.n > 0;
	set->tokens = conf->auth_token.n > 0;
	set->max_size = conf->max_size;
	set->max_recipients = conf->max_recipients;
	set->relay = session.service->relay;
	settle_burl(conf, true, set->burl, sizeof(set->burl));
	settle_burl(conf, false, set->burl_token, sizeof(set->burl_token));
}
