/*
 * Reading smtpsubmitd.conf(5): each line by its row in words.c, then what
 * only shows when all lines are read. All errors are shown, not only the
 * first.
 */
#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "smtp/path.h"
#include "config/words.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec/smtpsubmitd"
#endif
#define DEFAULT_USER "_smtpsubmitd"

struct reading {
	struct config *conf;
	const char *path;
	unsigned line, errors;
	uint64_t seen;		/* bits of the words so far */
};

static void complain(struct reading *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct reading *reading, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_is_syslog())
		log_event(NULL, "config-error", "%s:%u: %s", reading->path,
		    reading->line, text);
	else
		fprintf(stderr, "%s:%u: %s\n", reading->path, reading->line,
		    text);
	reading->errors++;
}

static void
read_line(struct reading *reading, const char *text, size_t n)
{
	struct conf_line line;
	const char *why = conf_split(text, n, &line);
	size_t i;

	if (why != NULL) {
		complain(reading, "%s", why);
		return;
	}
	if (line.n == 0)
		return;
	for (i = 0; i < config_n_words; i++)
		if (strcmp(line.word[0], config_words[i].keyword) == 0)
			break;
	if (i == config_n_words)
		complain(reading, "unknown word \"%s\", see "
		    "smtpsubmitd.conf(5)", line.word[0]);
	else if (!config_words[i].repeatable && (reading->seen >> i & 1))
		complain(reading, "%s: given twice, once is allowed",
		    line.word[0]);
	else if (line.n - 1 < config_words[i].min)
		complain(reading, "%s: takes at least %zu argument(s), not "
		    "%zu", line.word[0], config_words[i].min, line.n - 1);
	else if (line.n - 1 > config_words[i].max)
		complain(reading, "%s: takes at most %zu argument(s), not "
		    "%zu", line.word[0], config_words[i].max, line.n - 1);
	else if ((why = config_words[i].read(reading->conf, &line)) != NULL)
		complain(reading, "%s: %s", line.word[0], why);
	if (i < config_n_words)
		reading->seen |= (uint64_t)1 << i;
}

static void
set_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->auth_tries = 3;
	c->auth_delay = 2000;
	c->auth_penalty = 15000;
	c->max_auth_helpers = 4;
	c->max_size = 50 << 20;
	c->max_header = 256 << 10;
	c->max_recipients = 1000;
	c->max_connections = 500;
	c->max_per_source = 20;
	c->idle_timeout = 5 * 60 * 1000;
	c->idle_exit = 10 * 60 * 1000;
	c->relay_timeout = 100 * 1000;
	c->imap_timeout = 60 * 1000;
	c->received_client = true;
	c->log = LOG_TO_SYSLOG;
	c->libexec = config_copy(LIBEXECDIR);
	strlcpy(c->user, DEFAULT_USER, sizeof(c->user));
}

/* The machine's name, with its domain if the name service knows it. */
static void
default_hostname(struct config *c)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME }, *ai;

	if (c->hostname[0] != '\0')
		return;
	if (gethostname(c->hostname, sizeof(c->hostname) - 1) == -1 ||
	    !helo_is_valid(c->hostname, strlen(c->hostname)))
		strlcpy(c->hostname, "localhost", sizeof(c->hostname));
	if (strchr(c->hostname, '.') != NULL ||
	    getaddrinfo(c->hostname, NULL, &hints, &ai) != 0)
		return;
	if (ai->ai_canonname != NULL && strchr(ai->ai_canonname, '.') &&
	    helo_is_valid(ai->ai_canonname, strlen(ai->ai_canonname)))
		strlcpy(c->hostname, ai->ai_canonname, sizeof(c->hostname));
	freeaddrinfo(ai);
}

static void
find_user(struct reading *reading, struct config *c)
{
	struct passwd *pw = getpwnam(c->user);

	if (geteuid() != 0)
		return;
	if (pw == NULL) {
		complain(reading, "user: there is no user %s, which the roles "
		    "take when started as root", c->user);
		return;
	}
	c->uid = c->fetch_uid = pw->pw_uid;
	c->gid = c->fetch_gid = pw->pw_gid;
	if (c->fetch_user[0] != '\0' &&
	    (pw = getpwnam(c->fetch_user)) != NULL) {
		c->fetch_uid = pw->pw_uid;
		c->fetch_gid = pw->pw_gid;
	}
	if (c->uid == 0 || c->fetch_uid == 0)
		complain(reading, "user: must not be root");
}

/* A program of ours in libexec; the path in buf. */
static void
find_program(struct reading *reading, const struct config *c,
    const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", c->libexec, name);
	if (access(buf, X_OK) == -1)
		complain(reading, "libexec: %s: %s", buf, strerror(errno));
}

/* checkpassword programs run what follows them when the password is right. */
static void
append_auth_reply(struct reading *reading, struct config *c)
{
	char path[4096];

	find_program(reading, c, "auth-reply", path, sizeof(path));
	if (c->auth.argv != NULL)
		c->auth.argv[c->auth.n] = config_copy(path);
	if (c->auth_token.argv != NULL)
		c->auth_token.argv[c->auth_token.n] = config_copy(path);
}

/* A password goes over verified TLS, or stays on this machine. */
static void
check_credentials(struct reading *reading, const struct config *c)
{
	const struct route *route;

	for (route = c->routes; route < c->routes + c->n_routes +
	    c->n_referrals; route++)
		if (!route_is_loopback(route) &&
		    (route->tls == ROUTE_TLS_OFFERED ||
		    route->tls == ROUTE_TLS_NONE))
			complain(reading, "relay-credentials: %s is not "
			    "verified, smtps:// or smtp+starttls:// is "
			    "needed", route->url);
}

/* What is pinned must be looked at, where there is a way to look elsewhere. */
static void
check_pins(struct reading *reading, const struct config *c)
{
	const struct route *route;

	for (route = c->routes; route < c->routes + c->n_routes; route++)
		if (route->kind != ROUTE_MAILDIR &&
		    !route_is_loopback(route) &&
		    route->tls != ROUTE_TLS_STARTTLS &&
		    route->tls != ROUTE_TLS_IMPLICIT)
			complain(reading, "relay-pin: %s is not compared, "
			    "smtps:// or smtp+starttls:// is needed",
			    route->url);
}

/* A relay process sees one directory. */
static void
check_places(struct reading *reading, const struct config *c)
{
	const char *first = NULL, *path;
	size_t i, n = 0;

	for (i = 0; i < c->n_routes; i++) {
		path = c->routes[i].path;
		if (c->routes[i].kind != ROUTE_LMTP || path[0] == '\0')
			continue;
		if (first == NULL) {
			first = path;
			n = (size_t)(strrchr(path, '/') - path) + 1;
		} else if (strncmp(first, path, n) != 0 ||
		    strchr(path + n, '/') != NULL) {
			complain(reading, "relay: the sockets of all "
			    "lmtp:///path must be in one directory");
		}
	}
}

/* A cluster is alike: its other servers are reached as the first relay is. */
static void
settle_referrals(struct reading *reading, struct config *c)
{
	const struct route *first = &c->routes[0];
	struct route route;
	char url[400];
	bool has_port;
	size_t i;

	if (c->n_referrals == 0 || c->n_routes == 0)
		return;
	if (first->kind != ROUTE_SMTP) {
		complain(reading, "relay-referrals: the first relay must be "
		    "reached by SMTP");
		c->n_referrals = 0;
		return;
	}
	if (c->n_routes + c->n_referrals > ROUTES_MAX) {
		complain(reading, "relay-referrals: relays and these are "
		    "more than %d", ROUTES_MAX);
		c->n_referrals = 0;
		return;
	}
	for (i = 0; i < c->n_referrals; i++) {
		snprintf(url, sizeof(url), "smtp://%s", c->referrals[i]);
		has_port = route_parse(url, &route) == NULL &&
		    strrchr(c->referrals[i], ':') > strrchr(c->referrals[i],
		    ']') && strchr(c->referrals[i], ':') != NULL;
		snprintf(url, sizeof(url), "%.*s%s",
		    (int)(strstr(first->url, "//") + 2 - first->url),
		    first->url, c->referrals[i]);
		if (route_parse(url, &route) != NULL)
			continue;
		if (!has_port)
			route.port = first->port;
		c->routes[c->n_routes + i] = route;
	}
}

/* A line that was wrong is not also called missing. */
static bool
was_seen(const struct reading *reading, const char *keyword)
{
	size_t i;

	for (i = 0; i < config_n_words; i++)
		if (strcmp(config_words[i].keyword, keyword) == 0)
			return reading->seen >> i & 1;
	return false;
}

/* What only shows when all lines are read; told of the last line. */
static void
check_whole(struct reading *reading, struct config *c)
{
	char path[4096];
	size_t i;

	default_hostname(c);
	find_user(reading, c);
	if (!was_seen(reading, "relay"))
		complain(reading, "relay: is missing, one is needed");
	if (!was_seen(reading, "auth") && !was_seen(reading, "auth-token"))
		complain(reading, "auth: is missing, one is needed, or "
		    "auth-token");
	if (c->auth.argv != NULL || c->auth_token.argv != NULL)
		append_auth_reply(reading, c);
	if (!was_seen(reading, "certificate") &&
	    c->tls == TLS_POLICY_REQUIRED)
		complain(reading, "certificate: is missing; without one "
		    "`tls off` must be said");
	if (c->tls == TLS_POLICY_OFF)
		c->n_certificates = 0;
	if (c->n_imaps > 0)
		find_program(reading, c, "imapfetch", path, sizeof(path));
	if (c->client_ca != NULL && c->n_certificates == 0)
		complain(reading, "client-ca: needs TLS, so a certificate");
	if (c->client_ca != NULL)
		find_program(reading, c, "checkcertificate", path,
		    sizeof(path));
	check_places(reading, c);
	settle_referrals(reading, c);
	if (c->relay_credentials != NULL)
		check_credentials(reading, c);
	else if (c->relay_token)
		complain(reading, "relay-auth: token needs relay-credentials");
	if (c->n_relay_pins > 0)
		check_pins(reading, c);
	if (c->proxy_protocol && !was_seen(reading, "trusted-proxy"))
		complain(reading, "proxy-protocol: from whom? A trusted-proxy "
		    "line with the addresses of the proxies is needed");
	for (i = 0; i < c->n_listens; i++)
		if (c->listens[i].tls && c->n_certificates == 0)
			complain(reading, "listen: tls needs a certificate");
}

unsigned
config_load(const char *path, struct config *c)
{
	struct reading reading = { .conf = c, .path = path };
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *f = fopen(path, "re");

	set_defaults(c);
	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	while ((n = getline(&text, &size, f)) != -1) {
		reading.line++;
		if (n > 0 && text[n - 1] == '\n')
			n--;
		read_line(&reading, text, (size_t)n);
	}
	if (ferror(f))
		complain(&reading, "%s", strerror(errno));
	free(text);
	fclose(f);
	if (reading.line == 0 && reading.errors > 0)
		return reading.errors;
	check_whole(&reading, c);
	return reading.errors;
}

bool
config_trusts(const struct config *c, const char *address)
{
	size_t i;

	for (i = 0; i < c->n_proxies; i++)
		if (network_has(&c->proxies[i], address))
			return true;
	return false;
}

const char *
config_senders(const struct config *c, const char *login)
{
	size_t i;

	if (c->senders_any)
		return "*";
	for (i = 0; i < c->n_senders; i++)
		if (strcmp(c->senders[i].login, login) == 0)
			return c->senders[i].addresses;
	return "";
}
