/*
 * The AUTH exchange: PLAIN (RFC 4616), LOGIN (which has no RFC; clients send
 * the name with the command, or both when asked), those with a token,
 * OAUTHBEARER (RFC 7628) and XOAUTH2, where the client hears first why it
 * failed and then that it did, and EXTERNAL (RFC 4422 appendix A) for clients
 * with a certificate. What was secret is wiped here and by smtp_input() in
 * the input buffer.
 */
#include <string.h>
#include <strings.h>

#include "smtp/oauth.h"
#include "smtp/smtp.h"

static const struct {
	const char *name;
	enum auth_step step;
	const char *prompt;	/* where the client did not begin */
	const char *failed;	/* RFC 7628 3.2.2: before the failure */
} mechanisms[SASL_MECHANISMS] = {
	[SASL_PLAIN] = { "PLAIN", AUTH_PLAIN_MESSAGE, "", NULL },
	[SASL_LOGIN] = { "LOGIN", AUTH_LOGIN_NAME, "Username:", NULL },
	[SASL_OAUTHBEARER] = { "OAUTHBEARER", AUTH_TOKEN_MESSAGE, "",
	    "{\"status\":\"invalid_token\",\"schemes\":\"bearer\"}" },
	[SASL_XOAUTH2] = { "XOAUTH2", AUTH_TOKEN_MESSAGE, "",
	    "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"\"}" },
	[SASL_EXTERNAL] = { "EXTERNAL", AUTH_EXTERNAL_AUTHZID, "", NULL },
};

static void
challenge(struct smtp *s, const char *text)
{
	char code[128];	/* they all fit */
	size_t n = base64_encode((const unsigned char *)text, strlen(text),
	    code);

	s->mode = MODE_AUTH;
	smtp_put(s, "334 ", 4);
	smtp_put(s, code, n);
	smtp_put(s, "\r\n", 2);
}

static void
hand_over(struct smtp *s, struct plain *plain)
{
	plain->mechanism = s->mechanism;
	s->mode = MODE_COMMAND;
	s->wait = WAIT_AUTH;
	s->ops->auth(s->arg, plain);
}

static void
plain_message(struct smtp *s, const unsigned char *msg, size_t n)
{
	struct plain plain;

	switch (plain_parse(msg, n, &plain)) {
	case PLAIN_OK:
		hand_over(s, &plain);
		return;
	case PLAIN_AUTHZID:
		smtp_objection(s, R_AUTH_AUTHZID, NULL);
		return;
	default:
		smtp_objection(s, R_AUTH_FORMAT, NULL);
	}
}

static void
login_name(struct smtp *s, const unsigned char *name, size_t n)
{
	if (!sasl_field_is_valid(name, n)) {
		smtp_objection(s, R_AUTH_FORMAT, NULL);
		return;
	}
	memcpy(s->auth_login, name, n);
	s->auth_login_len = n;
	s->auth_step = AUTH_LOGIN_PASSWORD;
	challenge(s, "Password:");
}

static void
login_password(struct smtp *s, const unsigned char *password, size_t n)
{
	struct plain plain = {
		.login = s->auth_login, .login_len = s->auth_login_len,
		.password = (const char *)password, .password_len = n
	};

	if (sasl_field_is_valid(password, n))
		hand_over(s, &plain);
	else
		smtp_objection(s, R_AUTH_FORMAT, NULL);
}

static void
token_failed(struct smtp *s)
{
	s->auth_step = AUTH_TOKEN_FAILED;
	challenge(s, mechanisms[s->mechanism].failed);
}

static void
token_message(struct smtp *s, const unsigned char *msg, size_t n)
{
	enum oauth_status status;
	struct oauth oauth;
	struct plain plain;

	status = s->mechanism == SASL_XOAUTH2 ?
	    xoauth2_parse(msg, n, &oauth) : oauthbearer_parse(msg, n, &oauth);
	plain = (struct plain){
		.login = oauth.login, .login_len = oauth.login_len,
		.password = oauth.token, .password_len = oauth.token_len
	};
	if (status == OAUTH_OK) {
		hand_over(s, &plain);
	} else if (status == OAUTH_NO_TOKEN) {
		s->bad_commands++;
		token_failed(s);
	} else {
		smtp_objection(s, status == OAUTH_BINDING ? R_AUTH_BINDING :
		    R_AUTH_FORMAT, NULL);
	}
}

/*
 * Whatever the client says to it, be it the kvsep of RFC 7628 3.2.3, the
 * empty line of XOAUTH2 or a `*`: it has failed.
 */
static void
token_failure_noted(struct smtp *s)
{
	s->mode = MODE_COMMAND;
	if (s->bad_commands >= BAD_COMMANDS_MAX)
		smtp_close(s, R_TOO_MANY_ERRORS);
	else
		smtp_reply(s, R_AUTH_FAILED, NULL);
}

/* extern-resp = *( UTF8-char-no-nul ), RFC 4422 appendix A.2 */
static void
external(struct smtp *s, const unsigned char *authzid, size_t n)
{
	if (n > 0 && !sasl_field_is_valid(authzid, n)) {
		smtp_objection(s, R_AUTH_FORMAT, NULL);
		return;
	}
	s->mode = MODE_COMMAND;
	s->wait = WAIT_AUTH;
	s->ops->certificate(s->arg, (const char *)authzid, n);
}

/* One response of the client, still in base64. */
static void
response(struct smtp *s, const char *p, size_t n)
{
	unsigned char msg[AUTH_LINE_MAX / 4 * 3];
	ssize_t len;

	s->mode = MODE_COMMAND;
	len = base64_decode(p, n, msg);
	if (len == -1)
		smtp_objection(s, R_AUTH_BASE64, NULL);
	else if (s->auth_step == AUTH_PLAIN_MESSAGE)
		plain_message(s, msg, (size_t)len);
	else if (s->auth_step == AUTH_TOKEN_MESSAGE)
		token_message(s, msg, (size_t)len);
	else if (s->auth_step == AUTH_LOGIN_NAME)
		login_name(s, msg, (size_t)len);
	else if (s->auth_step == AUTH_EXTERNAL_AUTHZID)
		external(s, msg, (size_t)len);
	else
		login_password(s, msg, (size_t)len);
	explicit_bzero(msg, sizeof(msg));
}

enum sasl_mechanism
smtp_mechanism(const struct smtp *s, const char *name, size_t n)
{
	enum sasl_mechanism i;

	for (i = 0; i < SASL_MECHANISMS; i++)
		if (n == strlen(mechanisms[i].name) &&
		    strncasecmp(name, mechanisms[i].name, n) == 0 &&
		    (i == SASL_EXTERNAL ? s->certificate :
		    i < SASL_OAUTHBEARER ? s->set->passwords : s->set->tokens))
			return i;
	return SASL_MECHANISMS;
}

/* check_auth() has looked at it. */
void
smtp_auth_begin(struct smtp *s, const char *arg, size_t n)
{
	const char *initial = memchr(arg, ' ', n);

	s->mechanism = smtp_mechanism(s, arg, initial == NULL ? n :
	    (size_t)(initial - arg));
	s->auth_step = mechanisms[s->mechanism].step;
	if (initial == NULL) {
		challenge(s, mechanisms[s->mechanism].prompt);
		return;
	}
	initial++;
	n -= (size_t)(initial - arg);
	if (n == 1 && *initial == '=')
		n = 0;	/* an empty one, RFC 4954 4 */
	response(s, initial, n);
}

void
smtp_auth_line(struct smtp *s, const char *line, size_t n)
{
	if (s->auth_step == AUTH_TOKEN_FAILED) {
		token_failure_noted(s);
		return;
	}
	if (n == 1 && line[0] == '*') {
		s->mode = MODE_COMMAND;
		smtp_objection(s, R_AUTH_CANCELLED, NULL);
		return;
	}
	response(s, line, n);
}

void
smtp_auth_implicit(struct smtp *s)
{
	s->implicit = true;
	s->mechanism = SASL_EXTERNAL;
	s->wait = WAIT_AUTH;
	s->ops->certificate(s->arg, NULL, 0);
}

void
smtp_auth_done(struct smtp *s, enum reply r)
{
	bool implicit = s->implicit;

	s->wait = WAIT_NOTHING;
	s->implicit = false;
	explicit_bzero(s->auth_login, sizeof(s->auth_login));
	if (r == R_AUTH_OK)
		s->authenticated = true;
	if (reply_code(r) == 421)
		smtp_close(s, r);
	else if (implicit)
		s->implicit_reply = r;	/* MAIL is looked at again */
	else if (r == R_AUTH_FAILED && mechanisms[s->mechanism].failed)
		token_failed(s);
	else
		smtp_reply(s, r, NULL);
}
