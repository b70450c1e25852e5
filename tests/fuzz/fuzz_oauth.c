/*
 * smtp/oauth.c: what is taken has a name and a token that are fit for
 * a helper and the log, and written anew it is taken for the same.
 */
#include "smtp/oauth.h"
#include "tests/fuzz/fuzz.h"

#define MSG_MAX	(3 * SASL_FIELD_MAX + OAUTH_TOKEN_MAX + 64)

static void
check(const struct oauth *oauth, const char *msg, size_t n)
{
	size_t i;

	MUST(oauth->login_len <= SASL_FIELD_MAX);
	MUST(strlen(oauth->login) == oauth->login_len);
	for (i = 0; i < oauth->login_len; i++)
		MUST((unsigned char)oauth->login[i] >= ' ');
	MUST(oauth->token >= msg &&
	    oauth->token + oauth->token_len + 2 <= msg + n);
	MUST(oauth_token_is_valid(oauth->token, oauth->token_len));
	MUST(is_printable(oauth->token, oauth->token_len));
}

/* In the one form that curl and others send. */
static size_t
write_bearer(char *p, const struct oauth *oauth)
{
	char *begin = p;
	const char *c;

	p = stpcpy(p, oauth->login_len > 0 ? "n,a=" : "n,");
	for (c = oauth->login; *c != '\0'; c++)
		if (*c == ',' || *c == '=')
			p = stpcpy(p, *c == ',' ? "=2C" : "=3D");
		else
			*p++ = *c;
	p = stpcpy(p, ",\1host=h\1port=587\1auth=Bearer ");
	memcpy(p, oauth->token, oauth->token_len);
	p = stpcpy(p + oauth->token_len, "\1\1");
	return (size_t)(p - begin);
}

static bool
same(const struct oauth *a, const struct oauth *b)
{
	return strcmp(a->login, b->login) == 0 &&
	    a->token_len == b->token_len &&
	    memcmp(a->token, b->token, a->token_len) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char msg[MSG_MAX];
	char *in = exact(data, size, false);
	struct oauth oauth, again;
	size_t n;

	if (oauthbearer_parse((unsigned char *)in, size, &oauth) == OAUTH_OK) {
		check(&oauth, in, size);
		n = write_bearer(msg, &oauth);
		MUST(oauthbearer_parse((unsigned char *)msg, n, &again) ==
		    OAUTH_OK && same(&oauth, &again));
	}
	if (xoauth2_parse((unsigned char *)in, size, &oauth) == OAUTH_OK) {
		check(&oauth, in, size);
		MUST(oauth.login_len > 0);
		n = write_bearer(msg, &oauth);
		MUST(oauthbearer_parse((unsigned char *)msg, n, &again) ==
		    OAUTH_OK && same(&oauth, &again));
	}
	free(in);
	return 0;
}
