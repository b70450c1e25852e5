#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "helpers/introspection.h"

static int
has_word(const char *words, const char *word)
{
	size_t n = strlen(word), len;

	for (; *words != '\0'; words += len) {
		words += strspn(words, " ");
		len = strcspn(words, " ");
		if (len == n && memcmp(words, word, n) == 0)
			return 1;
	}
	return 0;
}

static int
has_member(const json_t *list, const char *word)
{
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		if (s != NULL && strcmp(s, word) == 0)
			return 1;
	}
	return 0;
}

/* "scope": words in one string; some servers give a list of them. */
static int
scope_fits(const json_t *answer, const char *scope)
{
	const json_t *value = json_object_get(answer, "scope");

	return scope == NULL || has_member(value, scope) ||
	    (json_is_string(value) &&
		has_word(json_string_value(value), scope));
}

/* "aud": a string, or a list of them (RFC 7519 section 4.1.3). */
static int
audience_fits(const json_t *answer, const char *audience)
{
	const json_t *value = json_object_get(answer, "aud");

	return audience == NULL || has_member(value, audience) ||
	    (json_is_string(value) &&
		strcmp(json_string_value(value), audience) == 0);
}

/* Whether now is between "nbf" and "exp", each as far as it is there. */
static enum checkpassword
check_time(const json_t *answer, time_t now, const char **why)
{
	const json_t *from = json_object_get(answer, "nbf");
	const json_t *until = json_object_get(answer, "exp");

	if ((from != NULL && !json_is_number(from)) ||
	    (until != NULL && !json_is_number(until))) {
		*why = "the answer's exp or nbf is no number";
		return CP_TEMPORARY;
	}
	if ((from != NULL && json_number_value(from) > (double)now) ||
	    (until != NULL && json_number_value(until) <= (double)now))
		return CP_WRONG;
	return CP_RIGHT;
}

/* Whether a member is missing or one of these strings, in any case. */
static int
is_one_of(const json_t *answer, const char *name, const char *a,
    const char *b)
{
	const json_t *value = json_object_get(answer, name);
	const char *s = json_string_value(value);

	return value == NULL ||
	    (s != NULL && (strcasecmp(s, a) == 0 || strcasecmp(s, b) == 0));
}

/*
 * A token that is bound to a key (RFC 9449, RFC 8705) is nobody's who only
 * has the token, and nothing of SASL shows the key. Refresh tokens, which
 * some servers call active too, have "token_use" (Dex, Hydra) or "typ"
 * (Keycloak) to tell them.
 */
static int
is_bearer(const json_t *answer)
{
	return json_object_get(answer, "cnf") == NULL &&
	    is_one_of(answer, "token_type", "bearer", "access_token") &&
	    is_one_of(answer, "token_use", "access_token", "access") &&
	    is_one_of(answer, "typ", "bearer", "at+jwt");
}

/*
 * The member of this name, which may hold dots, or the one that the dots lead
 * to: ext.email. scope is then the object it is in.
 */
static const json_t *
find_claim(const json_t *answer, const char *name, const json_t **scope,
    const char **last)
{
	const json_t *value = json_object_get(answer, name);
	const char *dot;

	*scope = answer;
	*last = name;
	while (value == NULL && (dot = strchr(*last, '.')) != NULL) {
		*scope = json_object_getn(*scope, *last,
		    (size_t)(dot - *last));
		*last = dot + 1;
		value = json_object_get(*scope, *last);
	}
	return value;
}

static enum checkpassword
find_user(const json_t *answer, const struct introspection *want,
    char *user, const char **why)
{
	const json_t *inside;
	const char *name;
	const json_t *value = find_claim(answer, want->claim, &inside, &name);
	const char *s = json_string_value(value);

	if (s == NULL || !login_possible(s) ||
	    json_string_length(value) > INTROSPECTION_USER_MAX) {
		*why = "the token is active, but the claim of the login is "
		       "missing or no login; see -c";
		return CP_WRONG;
	}
	if (strcmp(name, "email") == 0 &&
	    json_is_false(json_object_get(inside, "email_verified"))) {
		*why = "the token's email is not verified";
		return CP_WRONG;
	}
	if (*want->login != '\0' && strcmp(want->login, s) != 0) {
		*why = "the token is not that of the login given";
		return CP_WRONG;
	}
	memcpy(user, s, strlen(s) + 1);
	return CP_RIGHT;
}

static enum checkpassword
judge(const json_t *answer, const struct introspection *want, char *user,
    const char **why)
{
	const json_t *active = json_object_get(answer, "active");
	enum checkpassword status;

	if (!json_is_boolean(active)) {
		*why = "the answer has no \"active\"; is that the "
		       "introspection endpoint?";
		return CP_TEMPORARY;
	}
	if (!json_is_true(active))
		return CP_WRONG;
	if ((status = check_time(answer, want->now, why)) != CP_RIGHT)
		return status;
	if (!is_bearer(answer))
		*why = "the token is bound to a key, or is no access token";
	else if (!scope_fits(answer, want->scope))
		*why = "the token lacks the scope";
	else if (!audience_fits(answer, want->audience))
		*why = "the token is for another audience";
	else
		return find_user(answer, want, user, why);
	return CP_WRONG;
}

enum checkpassword
introspection_judge(const char *answer, size_t len,
    const struct introspection *want, char user[INTROSPECTION_USER_MAX + 1],
    const char **why)
{
	enum checkpassword status;
	json_t *json;

	*why = NULL;
	/* of two "active" each reader might believe another one */
	json = json_loadb(answer, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		*why = "the answer is no JSON object";
		status = CP_TEMPORARY;
	} else {
		status = judge(json, want, user, why);
	}
	json_decref(json);
	return status;
}
