/*
 * How we log in at the next server: AUTH (RFC 4954) by password, by an OAuth
 * token, or by our certificate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mta/io.h"
#include "smtp/oauth.h"

/* The text of a refusal may repeat what it refuses: its codes only are kept. */
static enum mta_status
login_result(struct mta *mta, enum mta_status status)
{
	struct answer *answer = &mta->answer;
	int n = (int)answer_enhanced(answer);
	char why[48];

	if (status != MTA_OK)
		return status;
	mta->authenticated = answer->code == 235;
	if (mta->authenticated)
		return MTA_OK;
	snprintf(why, sizeof(why), "refuses AUTH: %d%s%.*s", answer->code,
	    n > 0 ? " " : "", n, answer->text);
	explicit_bzero(answer->text, sizeof(answer->text));
	answer->len = 0;
	return mta_fail(mta, MTA_LOGIN, why);
}

/* Text that may be long goes out at once and leaves no trace. */
static enum mta_status
ask_secretly(struct mta *mta, const char *command, const char *text)
{
	enum mta_status status;

	mta->confided = true;
	mta_put_lines(mta, command, strlen(command));
	mta_put_lines(mta, text, strlen(text));
	mta_put_lines(mta, "\r\n", 2);
	status = mta_ask(mta);
	explicit_bzero(mta->out.p, mta->out.size);
	return status;
}

static enum mta_status
auth_plain(struct mta *mta)
{
	char text[1024 / 3 * 4 + 8];
	unsigned char msg[1024];
	size_t n = 1, user = strlen(mta->set->user);
	size_t password = strlen(mta->set->password);
	enum mta_status status;

	if (user + password > sizeof(msg) - 2)
		return mta_fail(mta, MTA_NO_LOGIN, "the password is too long");
	msg[0] = '\0';
	memcpy(msg + n, mta->set->user, user + 1);
	n += user + 1;
	memcpy(msg + n, mta->set->password, password);
	n += password;
	base64_encode(msg, n, text);
	explicit_bzero(msg, sizeof(msg));
	status = ask_secretly(mta, "AUTH PLAIN ", text);
	explicit_bzero(text, sizeof(text));
	return login_result(mta, status);
}

static enum mta_status
auth_login(struct mta *mta)
{
	const char *words[2] = { mta->set->user, mta->set->password };
	char text[1024];
	enum mta_status status;
	size_t i;

	if (strlen(words[0]) > 700 || strlen(words[1]) > 700)
		return mta_fail(mta, MTA_NO_LOGIN, "the password is too long");
	mta_put(mta, "AUTH LOGIN");
	status = mta_ask(mta);
	for (i = 0; i < 2 && status == MTA_OK && mta->answer.code == 334;
	    i++) {
		base64_encode((const unsigned char *)words[i],
		    strlen(words[i]), text);
		status = ask_secretly(mta, "", text);
	}
	explicit_bzero(text, sizeof(text));
	return login_result(mta, status);
}

/*
 * OAUTHBEARER (RFC 7628 3.1) or its forerunner XOAUTH2. A refusal comes as a
 * challenge with the reason, which wants an answer before the final reply.
 */
static enum mta_status
auth_token(struct mta *mta, bool bearer)
{
	const char *user = mta->set->user, *token = mta->set->password;
	size_t size = 3 * strlen(user) + strlen(token) + 64;
	char *msg = malloc(size), *text = malloc(size / 3 * 4 + 8);
	char *saslname = malloc(3 * strlen(user) + 1);
	enum mta_status status;
	int n;

	if (msg == NULL || text == NULL || saslname == NULL)
		fatal("relay: out of memory");
	oauth_saslname(user, saslname);
	n = snprintf(msg, size, bearer ? "n,a=%s,\1auth=Bearer %s\1\1" :
	    "user=%s\1auth=Bearer %s\1\1", bearer ? saslname : user, token);
	free(saslname);
	base64_encode((unsigned char *)msg, (size_t)n, text);
	status = ask_secretly(mta, bearer ? "AUTH OAUTHBEARER " :
	    "AUTH XOAUTH2 ", text);
	freezero(msg, size);
	freezero(text, size / 3 * 4 + 8);
	if (status == MTA_OK && mta->answer.code == 334) {
		mta_put(mta, "%s", bearer ? "AQ==" : "");
		status = mta_ask(mta);
	}
	return login_result(mta, status);
}

/* Whom our certificate names. */
static enum mta_status
auth_external(struct mta *mta)
{
	mta_put(mta, "AUTH EXTERNAL =");
	return login_result(mta, mta_ask(mta));
}

static enum mta_status
auth_by_token(struct mta *mta)
{
	if (mta->ehlo.capabilities & CAP_AUTH_OAUTHBEARER)
		return auth_token(mta, true);
	if (mta->ehlo.capabilities & CAP_AUTH_XOAUTH2)
		return auth_token(mta, false);
	return mta_fail(mta, MTA_NO_LOGIN, "AUTH OAUTHBEARER and XOAUTH2 are "
	    "not offered");
}

/* A password goes out only where nobody else can read it. */
enum mta_status
mta_authenticate(struct mta *mta)
{
	if (mta->set->user[0] == '\0')
		return mta->set->has_certificate && mta->stream.tls != NULL &&
		    (mta->ehlo.capabilities & CAP_AUTH_EXTERNAL) ?
		    auth_external(mta) : MTA_OK;
	if (!mta->verified && !route_is_loopback(mta->route))
		return mta_fail(mta, MTA_NO_LOGIN, "no credentials without "
		    "verified TLS");
	if (mta->set->token)
		return auth_by_token(mta);
	if (mta->ehlo.capabilities & CAP_AUTH_PLAIN)
		return auth_plain(mta);
	if (mta->ehlo.capabilities & CAP_AUTH_LOGIN)
		return auth_login(mta);
	return mta_fail(mta, MTA_NO_LOGIN, "AUTH PLAIN and LOGIN are not "
	    "offered");
}
