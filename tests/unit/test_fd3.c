/*
 * helpers/fd3.c: the message on descriptor 3 of a checkpassword program,
 * login NUL password NUL timestamp NUL.
 */
#include "helpers/fd3.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in;
	size_t len;
	enum checkpassword status;
	const char *login, *password;
} rows[] = {
{ LIT("alice\0secret\0Y123\0"), CP_RIGHT, "alice", "secret" },
{ LIT("alice\0secret\0\0"), CP_RIGHT, "alice", "secret" },
{ LIT("alice\0secret\0Y123\0more\0"), CP_RIGHT, "alice", "secret" },
{ LIT("alice\0secret\0Y123\0more"), CP_RIGHT, "alice", "secret" },
{ LIT("a b\0 \0t\0"), CP_RIGHT, "a b", " " },
{ LIT("a@b.c\0:\n\033\0t\0"), CP_RIGHT, "a@b.c", ":\n\033" },
{ LIT("j\303\266rg\0\377\0t\0"), CP_RIGHT, "j\303\266rg", "\377" },
{ LIT("-rf\0%s\0t\0"), CP_RIGHT, "-rf", "%s" },
{ LIT("../x\0$(y)\0t\0"), CP_RIGHT, "../x", "$(y)" },
/* no account can have it */
{ LIT("\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("alice\0\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("\0\0\0"), CP_WRONG, NULL, NULL },
{ LIT("ali:ce\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT(":\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("alice\n\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("alice\r\n\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("\nalice\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("al\tice\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("al\033ice\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("al\177ice\0secret\0t\0"), CP_WRONG, NULL, NULL },
{ LIT("\001\0secret\0t\0"), CP_WRONG, NULL, NULL },
/* not the message */
{ LIT(""), CP_MISUSED, NULL, NULL },
{ LIT("\0"), CP_MISUSED, NULL, NULL },
{ LIT("\0\0"), CP_MISUSED, NULL, NULL },
{ LIT("alice"), CP_MISUSED, NULL, NULL },
{ LIT("alice\0"), CP_MISUSED, NULL, NULL },
{ LIT("alice\0secret"), CP_MISUSED, NULL, NULL },
{ LIT("alice\0secret\0"), CP_MISUSED, NULL, NULL },
{ LIT("alice\0secret\0Y123"), CP_MISUSED, NULL, NULL },
{ LIT("alice secret Y123\0"), CP_MISUSED, NULL, NULL },
};

static struct fd3 message;

static void
try_row(size_t i)
{
	const char *in = rows[i].in;
	size_t n = rows[i].len;
	enum checkpassword status;

	/* octets behind the message must not count */
	memset(message.buf, '\0', sizeof(message.buf));
	memcpy(message.buf, in, n);
	status = fd3_parse(&message, n);
	if (!ok(status == rows[i].status, in, n, "status %d", status) ||
	    status != CP_RIGHT)
		return;
	ok_string(in, message.login, rows[i].login);
	ok_string(in, message.password, rows[i].password);
}

/* By a token nobody need be named; all else is as with a password. */
static void
try_token(size_t i)
{
	const char *in = rows[i].in;
	size_t n = rows[i].len;
	enum checkpassword status, want = rows[i].status;

	memset(message.buf, '\0', sizeof(message.buf));
	memcpy(message.buf, in, n);
	status = fd3_parse_token(&message, n);
	if (want == CP_WRONG && n > 2 && in[0] == '\0' && in[1] != '\0')
		want = CP_RIGHT;
	if (ok(status == want, in, n, "status %d", status) &&
	    status == CP_RIGHT)
		ok_string(in, message.login, in);
}

/* A message that is just as long as it may be */
static void
try_lengths(void)
{
	size_t n;
	enum checkpassword status;

	for (n = FD3_MAX - 2; n <= FD3_MAX + 1; n++) {
		memset(message.buf, 'x', sizeof(message.buf));
		message.buf[5] = message.buf[n - 2] = message.buf[n - 1] =
		    '\0';
		status = fd3_parse(&message, n);
		ok(status == (n <= FD3_MAX ? CP_RIGHT : CP_MISUSED), "long",
		    4, "%zu octets: %d", n, status);
		if (status == CP_RIGHT)
			ok(strlen(message.password) == n - 8, "long", 4,
			    "password of %zu", strlen(message.password));
	}
}

int
main(void)
{
	size_t i;

	table("fd3");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	try_lengths();
	table("fd3: with a token");
	for (i = 0; i < COUNT(rows); i++)
		try_token(i);
	return tables_done();
}
