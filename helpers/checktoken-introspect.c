/*
 * checktoken-introspect [options] URL FILE prog ...: asks the introspection
 * endpoint of an authorization server (RFC 7662) about the token on
 * descriptor 3, and runs prog when it is a login. It reads the network, so
 * it gives up root, once it has the credentials of FILE, before it connects.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/secret.h"
#include "helpers/fd3.h"
#include "helpers/stand.h"
#include "helpers/introspection.h"

#define PROGRAM	   "checktoken-introspect"
#define TIME_LIMIT 10000L /* ms, for all of it */
#define ANSWER_MAX ((size_t)64 * 1024)
#define NAME_MAX_LEN 1024 /* of the client's id and secret */

static struct {
	struct introspection want;
	const char *ca, *user, *url;
	char id[NAME_MAX_LEN], secret[NAME_MAX_LEN];
	char answer[ANSWER_MAX];
	size_t len;
} ask = { .want = { .claim = "username" }, .user = "nobody" };

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	(void)size; /* it is 1 */
	(void)arg;
	if (n > ANSWER_MAX - ask.len)
		return 0; /* CURLE_WRITE_ERROR */
	memcpy(ask.answer + ask.len, data, n);
	ask.len += n;
	return n;
}

/* "name=value" in the form of a POST, appended; false without memory. */
static int
add_field(CURL *curl, char **form, const char *name, const char *value)
{
	char *code = curl_easy_escape(curl, value, 0), *longer;
	size_t n = *form == NULL ? 0 : strlen(*form), size;

	if (code == NULL)
		return 0;
	size = n + strlen(name) + strlen(code) + 3;
	longer = malloc(size);
	if (longer != NULL)
		snprintf(longer, size, "%s%s%s=%s", n > 0 ? *form : "",
		    n > 0 ? "&" : "", name, code);
	explicit_bzero(code, strlen(code));
	curl_free(code);
	if (*form != NULL) {
		explicit_bzero(*form, n);
		free(*form);
	}
	*form = longer;
	return longer != NULL;
}

/* RFC 6749 2.3.1: id and secret are encoded like a form, then by Basic. */
static int
set_credentials(CURL *curl)
{
	char *id = curl_easy_escape(curl, ask.id, 0);
	char *secret = curl_easy_escape(curl, ask.secret, 0);
	int good = id != NULL && secret != NULL &&
	    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_USERNAME, id) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_PASSWORD, secret) == 0;

	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	explicit_bzero(ask.secret, sizeof(ask.secret));
	curl_free(secret);
	curl_free(id);
	return good;
}

static int
set_options(CURL *curl, const char *form)
{
	return curl_easy_setopt(curl, CURLOPT_URL, ask.url) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == 0 &&
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") == 0 &&
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIME_LIMIT) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_SSLVERSION,
		(long)CURL_SSLVERSION_TLSv1_2) == 0 &&
	    (ask.ca == NULL ||
		curl_easy_setopt(curl, CURLOPT_CAINFO, ask.ca) == 0) &&
	    curl_easy_setopt(curl, CURLOPT_USERAGENT, PROGRAM) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == 0 &&
	    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form) == 0;
}

/* NULL when the answer is there, or why not. */
static const char *
perform(CURL *curl)
{
	static char why[CURL_ERROR_SIZE + 64];
	static char error[CURL_ERROR_SIZE];
	long status = 0;
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	code = curl_easy_perform(curl);
	if (code == CURLE_WRITE_ERROR)
		return "the answer is over 64 KB";
	if (code != CURLE_OK)
		return error[0] != '\0' ? error : curl_easy_strerror(code);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return NULL;
	snprintf(why, sizeof(why), "answers with status %ld%s", status,
	    status == 401 || status == 403 ? ", it may not know our id and "
	    "secret" : status / 100 == 3 ? ", redirects are not followed" : "");
	return why;
}

static const char *
introspect(char *token)
{
	struct curl_slist *accept = NULL;
	const char *why = "out of memory";
	CURL *curl = curl_easy_init();
	char *form = NULL;

	if (curl != NULL)
		accept = curl_slist_append(NULL, "Accept: application/json");
	if (accept != NULL && add_field(curl, &form, "token", token) &&
	    add_field(curl, &form, "token_type_hint", "access_token") &&
	    set_options(curl, form) && set_credentials(curl) &&
	    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, accept) == 0)
		why = perform(curl);
	explicit_bzero(token, strlen(token));
	if (form != NULL)
		explicit_bzero(form, strlen(form));
	free(form);
	curl_slist_free_all(accept);
	curl_easy_cleanup(curl);
	return why;
}

static int
is_loopback(const char *host)
{
	unsigned a, b, c, d;
	char rest;

	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (strspn(host, "0123456789.") == strlen(host) &&
		sscanf(host, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 &&
		a == 127);
}

/* NULL, or why the token must not go there. */
static const char *
check_url(const char *text)
{
	const char *why = "not a URL with https";
	char *scheme = NULL, *host = NULL, *user = NULL;
	CURLU *url = curl_url();

	if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == 0 &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == 0 &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == 0) {
		if (curl_url_get(url, CURLUPART_USER, &user, 0) == 0)
			why = "id and secret belong into the file";
		else if (strcmp(scheme, "https") == 0)
			why = NULL;
		else if (strcmp(scheme, "http") == 0)
			why = is_loopback(host) ? NULL :
			    "https is needed but for loopback hosts";
	}
	curl_free(user);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(url);
	return why;
}

/* From root to the user of -u; NULL, or why not. */
static const char *
give_up_root(void)
{
	struct passwd *pw;

	if (geteuid() != 0)
		return NULL;
	if ((pw = getpwnam(ask.user)) == NULL)
		return "there is no such user";
	if (pw->pw_uid == 0)
		return "must not be root";
	if (setgroups(1, &pw->pw_gid) == -1 || setgid(pw->pw_gid) == -1 ||
	    setuid(pw->pw_uid) == -1)
		return strerror(errno);
	protect_memory(); /* the change has set it back */
	return NULL;
}

/* Returns the index behind the options, or -1 for a wrong command line. */
static int
options(int argc, char *argv[])
{
	int c;

	opterr = 0;
	/* "+": what follows the program's name is the program's own. */
	while ((c = getopt(argc, argv, "+a:C:c:s:u:")) != -1)
		if (c == 'a')
			ask.want.audience = optarg;
		else if (c == 'C')
			ask.ca = optarg;
		else if (c == 'c')
			ask.want.claim = optarg;
		else if (c == 's')
			ask.want.scope = optarg;
		else if (c == 'u')
			ask.user = optarg;
		else
			return -1;
	return argc - optind >= 3 ? optind : -1;
}

/* What can go wrong before the token is read; CP_RIGHT if nothing does. */
static enum checkpassword
prepare(const char *file)
{
	static char error[512];
	const char *why;

	if ((why = check_url(ask.url)) != NULL) {
		complain(PROGRAM, ask.url, why);
		return CP_MISUSED;
	}
	if (!secret_read_login(file, ask.id, ask.secret, sizeof(ask.id),
	    error, sizeof(error))) {
		complain(PROGRAM, NULL, error);
		return CP_TEMPORARY;
	}
	if ((why = give_up_root()) != NULL) {
		complain(PROGRAM, ask.user, why);
		return CP_TEMPORARY;
	}
	return CP_RIGHT;
}

static enum checkpassword
check(struct fd3 *message, char *user)
{
	enum checkpassword status;
	const char *why;

	if ((why = introspect(message->password)) != NULL) {
		complain(PROGRAM, ask.url, why);
		return CP_TEMPORARY;
	}
	ask.want.login = message->login;
	ask.want.now = time(NULL);
	status = introspection_judge(ask.answer, ask.len, &ask.want, user,
	    &why);
	if (why != NULL)
		complain(PROGRAM, ask.url, why);
	return status;
}

int
main(int argc, char *argv[])
{
	static struct fd3 message;
	static char user[INTROSPECTION_USER_MAX + 1];
	enum checkpassword status;
	int i;

	protect_memory();
	if ((i = options(argc, argv)) == -1) {
		complain("usage", NULL, PROGRAM " [-a audience] [-C ca-file] "
		    "[-c claim] [-s scope] [-u user] url credentials-file "
		    "program [argument ...]");
		return CP_MISUSED;
	}
	stand_by();
	ask.url = argv[i];
	if ((status = prepare(argv[i + 1])) != CP_RIGHT ||
	    (status = fd3_get_token(&message, PROGRAM)) != CP_RIGHT)
		return status;
	(void)signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return CP_TEMPORARY;
	status = check(&message, user);
	curl_global_cleanup();
	(void)signal(SIGPIPE, SIG_DFL);
	return (int)(status == CP_RIGHT ? run_next(PROGRAM, argv[0], user,
	    argv + i + 2) : status);
}
