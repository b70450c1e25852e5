/*
 * The AUTH exchange: PLAIN (RFC 4616) and LOGIN (which has no RFC; clients
 * send the name with the command, or both when asked). What was secret is
 * wiped here and by smtp_input() in the input buffer.
 */
#include <string.h>
#include <strings.h>

#include "smtp/smtp.h"

static void
challenge(struct smtp *s, const char *text)
{
	s->mode = MODE_AUTH;
	smtp_put(s, "334 ", 4);
	smtp_put(s, text, strlen(text));
	smtp_put(s, "\r\n", 2);
}

static void
hand_over(struct smtp *s, const struct plain *plain)
{
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
	challenge(s, "UGFzc3dvcmQ6");	/* "Password:" */
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
	else if (s->auth_step == AUTH_LOGIN_NAME)
		login_name(s, msg, (size_t)len);
	else
		login_password(s, msg, (size_t)len);
	explicit_bzero(msg, sizeof(msg));
}

void
smtp_auth_begin(struct smtp *s, const char *arg, size_t n)
{
	const char *initial = memchr(arg, ' ', n);
	bool plain = strncasecmp(arg, "PLAIN", 5) == 0;

	s->auth_step = plain ? AUTH_PLAIN_MESSAGE : AUTH_LOGIN_NAME;
	if (initial == NULL) {
		/* "Username:" */
		challenge(s, plain ? "" : "VXNlcm5hbWU6");
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
	if (n == 1 && line[0] == '*') {
		s->mode = MODE_COMMAND;
		smtp_objection(s, R_AUTH_CANCELLED, NULL);
		return;
	}
	response(s, line, n);
}

void
smtp_auth_done(struct smtp *s, enum reply r)
{
	s->wait = WAIT_NOTHING;
	explicit_bzero(s->auth_login, sizeof(s->auth_login));
	if (r == R_AUTH_OK)
		s->authenticated = true;
	if (reply_code(r) == 421)
		smtp_close(s, r);
	else
		smtp_reply(s, r, NULL);
}
