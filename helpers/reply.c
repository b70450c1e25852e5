#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/reply.h"

#define REPLY_FD  4
#define REPLY_MAX 4096 /* PIPE_BUF: one write arrives whole or not at all */
#define TEMPORARY 111

static const char *const names[] = { "USER", "SENDERS", "MAXSIZE",
	"RELAY", "RELAY_CREDENTIALS", "RELAY_AUTH" };

/* Appends n octets at buf[len]; returns the new length, 0 if full. */
static size_t
append(char *buf, size_t len, const char *s, size_t n)
{
	if (n > REPLY_MAX - len)
		return 0;
	memcpy(buf + len, s, n);
	return len + n;
}

/* Appends "NAME=value NUL"; returns the new length, 0 if full. */
static size_t
append_variable(char *buf, size_t len, const char *name, const char *value)
{
	if ((len = append(buf, len, name, strlen(name))) == 0 ||
	    (len = append(buf, len, "=", 1)) == 0)
		return 0;
	return append(buf, len, value, strlen(value) + 1);
}

static int
fail(const char *why)
{
	ssize_t n = write(STDERR_FILENO, why, strlen(why));

	(void)n;
	return TEMPORARY;
}

int
auth_reply(void)
{
	char buf[REPLY_MAX];
	size_t i, len = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value == NULL)
			continue;
		len = append_variable(buf, len, names[i], value);
		if (len == 0)
			return fail("auth-reply: what it has to say is over "
				    "4096 octets\n");
	}
	if (write(REPLY_FD, buf, len) != (ssize_t)len)
		return fail("auth-reply: cannot write to descriptor 4\n");
	return 0;
}
