/*
 * What a helper program has said about a login: by its exit code, and on
 * descriptor 4.
 */
#include <sys/wait.h>

#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "verdict.h"

#define FORGED	3	/* exit code of checkcertificate */

/* KEY=value NUL ..., as auth-reply writes it. */
static const char *
answer_value(const struct helper_said *said, const char *key)
{
	const char *p = said->answer, *end = p + said->len;
	size_t n = strlen(key);

	while (p < end && memchr(p, '\0', (size_t)(end - p)) != NULL) {
		if (strncmp(p, key, n) == 0 && p[n] == '=')
			return p + n + 1;
		p += strlen(p) + 1;
	}
	return NULL;
}

static void
log_trouble(const struct helper_said *said, const char *what, int number)
{
	struct log_line line;

	log_start(&line, said->id, "helper-failed");
	log_str(&line, "program", said->program);
	log_str(&line, "client", said->client);
	log_num(&line, what, number);
	log_end(&line);
}

/* False, with a line in the log: a word that is cut is another one. */
static bool
take_word(const struct helper_said *said, const char *user,
    const char *key, char *buf, size_t size)
{
	const char *value = answer_value(said, key);

	if (value == NULL || strlcpy(buf, value, size) < size)
		return true;
	log_event(said->id, "helper-failed", "%s of %s is too long", key,
	    user);
	return false;
}

/* What else the helper says of the user. */
static bool
take_words(const struct helper_said *said, struct auth_result *result)
{
	const char *size = answer_value(said, "MAXSIZE");
	const char *kind = answer_value(said, "RELAY_AUTH");

	if (size != NULL && (!conf_size(size, &result->max_size) ||
	    result->max_size == 0)) {
		log_event(said->id, "helper-failed", "MAXSIZE of %s is no "
		    "size", result->user);
		return false;
	}
	result->relay_token = kind != NULL && strcmp(kind, "token") == 0;
	if (kind != NULL && !result->relay_token &&
	    strcmp(kind, "password") != 0) {
		log_event(said->id, "helper-failed", "RELAY_AUTH of %s is "
		    "neither password nor token", result->user);
		return false;
	}
	return take_word(said, result->user, "SENDERS", result->senders,
	    sizeof(result->senders)) && take_word(said, result->user,
	    "RELAY", result->relays, sizeof(result->relays)) &&
	    take_word(said, result->user, "RELAY_CREDENTIALS",
	    result->relay_credentials, sizeof(result->relay_credentials));
}

/* What checkcertificate tells beside the verdict, for the log. */
static void
copy_certificate(const struct helper_said *said,
    struct auth_result *result)
{
	const char *reason = answer_value(said, "REASON");
	const char *subject = answer_value(said, "SUBJECT");

	if (reason != NULL)
		strlcpy(result->reason, reason, sizeof(result->reason));
	if (subject != NULL)
		strlcpy(result->subject, subject, sizeof(result->subject));
}

/* checkpassword: 0 right, 1 wrong, 111 and all else could not tell. */
void
helper_verdict(const struct helper_said *said, struct auth_result *result)
{
	int status = said->status;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	const char *value;

	memset(result, 0, sizeof(*result));
	if (said->certificate)
		copy_certificate(said, result);
	if (said->time_limit != 0) {
		log_trouble(said, "timeout", said->time_limit);
	} else if (said->too_much) {
		log_trouble(said, "answer-over", (int)said->len);
	} else if (code == 1 || code == 100) {	/* cvm says 100 */
		result->ran = true;
	} else if (said->certificate && code == FORGED) {
		result->ran = result->forged = true;
	} else if (code != 0) {
		log_trouble(said, code == -1 ? "signal" : "exit",
		    code == -1 ? WTERMSIG(status) : code);
	} else if ((value = answer_value(said, "USER")) == NULL ||
	    strlen(value) == 0 || strlen(value) >= sizeof(result->user)) {
		log_event(said->id, "helper-failed", "%s said yes, but "
		    "told no USER on descriptor 4", said->program);
	} else {
		strlcpy(result->user, value, sizeof(result->user));
		result->ran = result->right = take_words(said, result);
	}
}
