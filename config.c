/*
 * Reading smtpsubmitd.conf(5): each line by its row in words.c, then what
 * only shows when all lines are read. All errors are shown, not only the
 * first.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/secret.h"
#include "words.h"

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
	va_list ap;

	fprintf(stderr, "%s:%u: ", reading->path, reading->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
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
	else if (line.n - 1 < config_words[i].min || line.n - 1 > config_words[i].max)
		complain(reading, config_words[i].min == config_words[i].max ?
		    "%s: takes %zu argument(s), not %zu" :
		    "%s: takes at least %zu argument(s), not %zu",
		    line.word[0], config_words[i].min, line.n - 1);
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
	c->max_auth_helpers = 4;
	c->max_size = 50 << 20;
	c->max_header = 256 << 10;
	c->max_recipients = 1000;
	c->max_connections = 500;
	c->max_per_source = 20;
	c->idle_timeout = 5 * 60 * 1000;
	c->relay_timeout = 100 * 1000;
	c->imap_timeout = 60 * 1000;
	c->received_client = true;
	c->log = LOG_TO_SYSLOG;
	c->libexec = config_copy(LIBEXECDIR);
	strlcpy(c->user, DEFAULT_USER, sizeof(c->user));
}

static void
default_hostname(struct config *c)
{
	if (c->hostname[0] == '\0' &&
	    gethostname(c->hostname, sizeof(c->hostname) - 1) == -1)
		strlcpy(c->hostname, "localhost", sizeof(c->hostname));
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

/* checkpassword programs run what follows them when the password is right. */
static void
append_auth_reply(struct reading *reading, struct config *c)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/auth-reply", c->libexec);
	if (access(path, X_OK) == -1)
		complain(reading, "libexec: %s: %s", path, strerror(errno));
	c->auth[c->n_auth] = config_copy(path);
}

/* What only shows when all lines are read; told of the last line. */
static void
check_whole(struct reading *reading, struct config *c)
{
	size_t i;

	default_hostname(c);
	find_user(reading, c);
	if (c->n_routes == 0 && !reading->errors)
		complain(reading, "relay: is missing, one is needed");
	if (c->auth == NULL && !reading->errors)
		complain(reading, "auth: is missing, one is needed");
	if (c->auth != NULL)
		append_auth_reply(reading, c);
	if (c->n_certificates == 0 && c->tls == TLS_POLICY_REQUIRED &&
	    !reading->errors)
		complain(reading, "certificate: is missing; without one "
		    "`tls off` must be said");
	if (c->tls == TLS_POLICY_OFF)
		c->n_certificates = 0;
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
	free(text);
	fclose(f);
	check_whole(&reading, c);
	return reading.errors;
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
