/*
 * The words of smtpsubmitd.conf(5), a row each. A handler reads the words of
 * one line into the configuration and returns NULL, or what is wrong and what
 * is allowed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "smtp/path.h"
#include "words.h"

char *
config_copy(const char *s)
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
	*slot = config_copy(path);
	if (access(path, R_OK) == 0)
		return NULL;
	snprintf(why, sizeof(why), "%.300s: %s", path, strerror(errno));
	return why;
}

/* A file of trust anchors. */
static const char *
ca_word(const char *name, char **slot)
{
	static char why[512];
	const char *wrong = file_word(name, slot);

	if (wrong != NULL || tls_file_has_certificate(*slot))
		return wrong;
	snprintf(why, sizeof(why), "%.300s: no certificate in PEM", *slot);
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
	c->n_auth = l->n - 1;
	/* room for auth-reply and the NULL behind it */
	c->auth = calloc(c->n_auth + 2, sizeof(*c->auth));
	if (c->auth == NULL)
		fatal("out of memory");
	for (i = 0; i < c->n_auth; i++)
		c->auth[i] = config_copy(l->word[i + 1]);
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
	return ca_word(l->word[1], &c->relay_ca);
}

/* An address, @domain, or * */
static bool
is_sender(const char *word)
{
	char text[ADDRESS_MAX + 3];
	struct path path;
	int n;

	if (strcmp(word, "*") == 0)
		return true;
	if (word[0] == '@')
		return helo_is_valid(word + 1, strlen(word + 1));
	n = snprintf(text, sizeof(text), "<%s>", word);
	return n > 0 && (size_t)n < sizeof(text) &&
	    path_parse(text, (size_t)n, &path) == (size_t)n &&
	    path.has_domain;
}

/* NULL, or what is wrong with the line of the senders file. */
static const char *
add_sender(struct config *c, const struct conf_line *line)
{
	struct sender_line *s;
	char text[CONF_LINE_MAX] = "";
	size_t i;

	if (line->n == 0)
		return NULL;
	if (line->n == 1)
		return "a login and its addresses are expected";
	for (i = 1; i < line->n; i++) {
		if (!is_sender(line->word[i]))
			return "an address, @domain or * is expected";
		strlcat(text, line->word[i], sizeof(text));
		strlcat(text, " ", sizeof(text));
	}
	s = reallocarray(c->senders, c->n_senders + 1, sizeof(*s));
	if (s == NULL)
		fatal("out of memory");
	c->senders = s;
	s += c->n_senders++;
	s->login = config_copy(line->word[0]);
	s->addresses = config_copy(text);
	return NULL;
}

/* `login address ...` a line */
static const char *
read_senders_file(struct config *c, const char *path)
{
	static char why[600];
	struct conf_line line;
	const char *wrong = NULL;
	char *text = NULL;
	unsigned number = 0;
	size_t size = 0;
	ssize_t n;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		snprintf(why, sizeof(why), "%.300s: %s", path,
		    strerror(errno));
		return why;
	}
	while (wrong == NULL && (n = getline(&text, &size, f)) != -1) {
		number++;
		n -= n > 0 && text[n - 1] == '\n';
		wrong = conf_split(text, (size_t)n, &line);
		if (wrong == NULL)
			wrong = add_sender(c, &line);
	}
	free(text);
	fclose(f);
	if (wrong == NULL)
		return NULL;
	snprintf(why, sizeof(why), "%.300s:%u: %s", path, number, wrong);
	return why;
}

static const char *
read_senders(struct config *c, const struct conf_line *l)
{
	char *path;
	const char *why;

	c->senders_any = strcmp(l->word[1], "any") == 0;
	if (c->senders_any)
		return NULL;
	why = file_word(l->word[1], &path);
	if (why == NULL)
		why = read_senders_file(c, path);
	free(path);
	return why;
}

static const char *
number_word(const char *s, uint64_t max, unsigned *slot)
{
	static char why[64];
	uint64_t value;

	if (conf_number(s, max, &value) && value > 0) {
		*slot = (unsigned)value;
		return NULL;
	}
	snprintf(why, sizeof(why), "a number from 1 to %llu is expected",
	    (unsigned long long)max);
	return why;
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
	return number_word(l->word[1], 100, &c->auth_tries);
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
	return number_word(l->word[1], 1000000, &c->max_recipients);
}

static const char *
read_max_connections(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 8000, &c->max_connections);
}

static const char *
read_max_per_source(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1000000, &c->max_per_source);
}

static const char *
read_max_auth_helpers(struct config *c, const struct conf_line *l)
{
	return number_word(l->word[1], 1000000, &c->max_auth_helpers);
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
	imap->url = config_copy(l->word[1]);
	imap->login = (enum imap_login)i;
	if (imap->login != IMAP_PASSTHROUGH) {
		if (l->n == 3)
			return "a file with `user password` is expected";
		why = file_word(l->word[next++], &imap->credentials);
		if (why != NULL)
			return why;
	}
	if (next < l->n && strncmp(l->word[next], "ca=", 3) == 0) {
		why = ca_word(l->word[next++] + 3, &imap->ca);
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
read_relay_xclient(struct config *c, const struct conf_line *l)
{
	return conf_yes_no(l->word[1], &c->relay_xclient) ? NULL :
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
	{ "certificate", 2, 2, true, read_certificate },
	{ "tls", 1, 1, false, read_tls },
	{ "auth", 1, CONF_WORDS_MAX, false, read_auth },
	{ "auth-tries", 1, 1, false, read_auth_tries },
	{ "auth-delay", 1, 1, false, read_auth_delay },
	{ "relay", 1, CONF_WORDS_MAX, false, read_relay },
	{ "relay-credentials", 1, 1, false, read_relay_credentials },
	{ "relay-ca", 1, 1, false, read_relay_ca },
	{ "relay-xclient", 1, 1, false, read_relay_xclient },
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
const size_t config_n_words =
    sizeof(config_words) / sizeof(config_words[0]);

