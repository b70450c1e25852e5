/*
 * The words of smtpsubmitd.conf(5), a row each. A handler reads the words of
 * one line into the configuration and returns NULL, or what is wrong and what
 * is allowed. All lines are read, so that all errors are shown at once.
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
#include "config.h"
#include "smtp/path.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec/smtpsubmitd"
#endif
#define DEFAULT_USER "_smtpsubmitd"

typedef const char *(*handler)(struct config *, const struct conf_line *);

struct word {
	const char *keyword;
	size_t min, max;	/* arguments */
	bool repeatable;
	handler read;
};

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

static char *
copy(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		fatal("out of memory");
	return p;
}

/* A file named in the configuration must be there and be readable. */
static const char *
file_word(const char *name, char **slot)
{
	static char why[512];
	char path[4096];

	secret_path(name, path, sizeof(path));
	*slot = copy(path);
	if (access(path, R_OK) == 0)
		return NULL;
	snprintf(why, sizeof(why), "%.300s: %s", path, strerror(errno));
	return why;
}

static const char *
name_word(const char *name, char *slot, size_t size)
{
	if (strlen(name) >= size || !helo_is_valid(name, strlen(name)))
		return "a domain name is expected, like mail.example.org";
	memcpy(slot, name, strlen(name) + 1);
	return NULL;
}

static const char *
read_hostname(struct config *c, const struct conf_line *l)
{
	return name_word(l->word[1], c->hostname, sizeof(c->hostname));
}

static const char *
read_domain(struct config *c, const struct conf_line *l)
{
	return name_word(l->word[1], c->domain, sizeof(c->domain));
}

static const char *
read_listen(struct config *c, const struct conf_line *l)
{
	struct listen_line *listen = &c->listens[c->n_listens];

	if (c->n_listens == LISTENS_MAX)
		return "too many listen lines";
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
read_certificate(struct config *c, const struct conf_line *l)
{
	struct certificate *cert = &c->certificates[c->n_certificates];
	const char *why;

	if (c->n_certificates == TLS_KEYS_MAX)
		return "too many certificates";
	why = file_word(l->word[1], &cert->chain);
	if (why == NULL)
		why = file_word(l->word[2], &cert->key);
	if (why == NULL)
		c->n_certificates++;
	return why;
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
read_auth(struct config *c, const struct conf_line *l)
{
	static char why[512];
	size_t i;

	if (l->word[1][0] != '/')
		return "the absolute path of a checkpassword program is "
		    "expected";
	if (access(l->word[1], X_OK) == -1) {
		snprintf(why, sizeof(why), "%.300s: %s", l->word[1],
		    strerror(errno));
		return why;
	}
	c->n_auth = l->n - 1;
	/* room for auth-reply and the NULL behind it */
	c->auth = calloc(c->n_auth + 2, sizeof(*c->auth));
	if (c->auth == NULL)
		fatal("out of memory");
	for (i = 0; i < c->n_auth; i++)
		c->auth[i] = copy(l->word[i + 1]);
	return NULL;
}

static const char *
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

static const char *
read_relay_credentials(struct config *c, const struct conf_line *l)
{
	return file_word(l->word[1], &c->relay_credentials);
}

static const char *
read_relay_ca(struct config *c, const struct conf_line *l)
{
	return file_word(l->word[1], &c->relay_ca);
}

/* `login address ...` a line */
static const char *
read_senders_file(struct config *c, const char *path)
{
	static char why[600];
	struct conf_line line;
	struct sender_line *s;
	const char *wrong;
	char text[CONF_LINE_MAX];
	unsigned number = 0;
	size_t i;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		snprintf(why, sizeof(why), "%.300s: %s", path,
		    strerror(errno));
		return why;
	}
	while (fgets(text, sizeof(text), f) != NULL) {
		number++;
		wrong = conf_split(text, strcspn(text, "\n"), &line);
		if (wrong == NULL && line.n == 1)
			wrong = "a login and its addresses are expected";
		if (wrong != NULL) {
			snprintf(why, sizeof(why), "%.300s:%u: %s", path,
			    number, wrong);
			fclose(f);
			return why;
		}
		if (line.n == 0)
			continue;
		s = reallocarray(c->senders, c->n_senders + 1, sizeof(*s));
		if (s == NULL)
			fatal("out of memory");
		c->senders = s;
		s += c->n_senders++;
		s->login = copy(line.word[0]);
		text[0] = '\0';
		for (i = 1; i < line.n; i++) {
			strlcat(text, line.word[i], sizeof(text));
			strlcat(text, " ", sizeof(text));
		}
		s->addresses = copy(text);
	}
	fclose(f);
	return NULL;
}

static const char *
read_senders(struct config *c, const struct conf_line *l)
{
	c->senders_any = strcmp(l->word[1], "any") == 0;
	return c->senders_any ? NULL : read_senders_file(c, l->word[1]);
}

static const char *
number_word(const char *s, uint64_t min, unsigned *slot)
{
	uint64_t value;

	if (!conf_number(s, 1000000, &value) || value < min)
		return min == 0 ? "a number from 0 to 1000000 is expected" :
		    "a number from 1 to 1000000 is expected";
	*slot = (unsigned)value;
	return NULL;
}

static const char *
duration_word(const char *s, unsigned min, unsigned max, unsigned *slot)
{
	static char why[80];

	if (conf_duration(s, slot) && *slot >= min && *slot <= max)
		return NULL;
	snprintf(why, sizeof(why), "a time from %us to %us is expected, like "
	    "30s or 2m", min / 1000, max / 1000);
	return why;
}

static const char *
size_word(const char *s, uint64_t min, uint64_t max, uint64_t *slot)
{
	static char why[96];

	if (conf_size(s, slot) && *slot >= min && *slot <= max)
		return NULL;
	snprintf(why, sizeof(why), "a size from %llu to %llu octets is "
	    "expected, like 50M", (unsigned long long)min,
	    (unsigned long long)max);
	return why;
}

static const char *
read_auth_tries(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1, &c->auth_tries);
}

static const char *
read_auth_delay(struct config *c, const struct conf_line *l)
{
	return duration_word(l->word[1], 0, 60000, &c->auth_delay);
}

static const char *
read_max_size(struct config *c, const struct conf_line *l)
{
	return size_word(l->word[1], 1, (uint64_t)1 << 40, &c->max_size);
}

static const char *
read_max_header(struct config *c, const struct conf_line *l)
{
	return size_word(l->word[1], 1024, 64 << 20, &c->max_header);
}

static const char *
read_max_recipients(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1, &c->max_recipients);
}

static const char *
read_max_connections(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1, &c->max_connections);
}

static const char *
read_max_per_source(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1, &c->max_per_source);
}

static const char *
read_max_auth_helpers(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1, &c->max_auth_helpers);
}

static const char *
read_idle_timeout(struct config *c, const struct conf_line *l)
{
	return duration_word(l->word[1], 1000, 24 * 3600 * 1000,
	    &c->idle_timeout);
}

/* RFC 6409 5.3: the client should have its answer within two minutes */
static const char *
read_relay_timeout(struct config *c, const struct conf_line *l)
{
	return duration_word(l->word[1], 1000, 115 * 1000, &c->relay_timeout);
}

static const char *
read_imap_timeout(struct config *c, const struct conf_line *l)
{
	return duration_word(l->word[1], 1000, 115 * 1000, &c->imap_timeout);
}

/* URL login file | URL proxy file | URL passthrough, then maybe ca=file */
static const char *
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
	imap->url = copy(l->word[1]);
	imap->login = (enum imap_login)i;
	if (imap->login != IMAP_PASSTHROUGH) {
		if (l->n == 3)
			return "a file with `user password` is expected";
		why = file_word(l->word[next++], &imap->credentials);
		if (why != NULL)
			return why;
	}
	if (next < l->n && strncmp(l->word[next], "ca=", 3) == 0) {
		why = file_word(l->word[next++] + 3, &imap->ca);
		if (why != NULL)
			return why;
	}
	c->n_imaps++;
	return next == l->n ? NULL : "only ca=file may follow";
}

static const char *
read_received_client(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->received_client) ? NULL :
	    "yes or no is expected";
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
	c->libexec = copy(l->word[1]);
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

static const struct word words[] = {
	{ "hostname", 1, 1, false, read_hostname },
	{ "domain", 1, 1, false, read_domain },
	{ "listen", 1, 2, true, read_listen },
	{ "certificate", 2, 2, true, read_certificate },
	{ "tls", 1, 1, false, read_tls },
	{ "auth", 1, CONF_WORDS_MAX, false, read_auth },
	{ "auth-tries", 1, 1, false, read_auth_tries },
	{ "auth-delay", 1, 1, false, read_auth_delay },
	{ "relay", 1, CONF_WORDS_MAX, false, read_relay },
	{ "relay-credentials", 1, 1, false, read_relay_credentials },
	{ "relay-ca", 1, 1, false, read_relay_ca },
	{ "imap", 2, 4, true, read_imap },
	{ "senders", 1, 1, false, read_senders },
	{ "max-size", 1, 1, false, read_max_size },
	{ "max-header", 1, 1, false, read_max_header },
	{ "max-recipients", 1, 1, false, read_max_recipients },
	{ "max-connections", 1, 1, false, read_max_connections },
	{ "max-connections-per-source", 1, 1, false, read_max_per_source },
	{ "max-auth-helpers", 1, 1, false, read_max_auth_helpers },
	{ "idle-timeout", 1, 1, false, read_idle_timeout },
	{ "relay-timeout", 1, 1, false, read_relay_timeout },
	{ "imap-timeout", 1, 1, false, read_imap_timeout },
	{ "received-client", 1, 1, false, read_received_client },
	{ "user", 1, 2, false, read_user },
	{ "libexec", 1, 1, false, read_libexec },
	{ "log", 1, 1, false, read_log },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

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
	for (i = 0; i < N_WORDS; i++)
		if (strcmp(line.word[0], words[i].keyword) == 0)
			break;
	if (i == N_WORDS)
		complain(reading, "unknown word \"%s\", see "
		    "smtpsubmitd.conf(5)", line.word[0]);
	else if (!words[i].repeatable && (reading->seen >> i & 1))
		complain(reading, "%s: given twice, once is allowed",
		    line.word[0]);
	else if (line.n - 1 < words[i].min || line.n - 1 > words[i].max)
		complain(reading, words[i].min == words[i].max ?
		    "%s: takes %zu argument(s), not %zu" :
		    "%s: takes at least %zu argument(s), not %zu",
		    line.word[0], words[i].min, line.n - 1);
	else if ((why = words[i].read(reading->conf, &line)) != NULL)
		complain(reading, "%s: %s", line.word[0], why);
	if (i < N_WORDS)
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
	c->libexec = copy(LIBEXECDIR);
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
	c->auth[c->n_auth] = copy(path);
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
