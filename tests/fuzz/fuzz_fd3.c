/*
 * helpers/fd3.c: login and password lie in the message, one behind the
 * other, and are fit to be a login and a password.
 */
#include "helpers/fd3.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fd3 m;
	const char *end;

	if (size > sizeof(m.buf))
		size = sizeof(m.buf);
	memset(m.buf, 'x', sizeof(m.buf));
	memcpy(m.buf, data, size);
	if (fd3_parse(&m, size) != CP_RIGHT) {
		/* by a token nobody need be named, else it is the same */
		MUST(fd3_parse_token(&m, size) != CP_RIGHT ||
		    m.login[0] == '\0');
		return 0;
	}
	MUST(fd3_parse_token(&m, size) == CP_RIGHT);
	MUST(size <= FD3_MAX);
	end = m.buf + size;
	MUST(m.login == m.buf && m.login[0] != '\0');
	MUST(strpbrk(m.login, ":\n\r\t\033\177") == NULL);
	MUST(m.password == m.login + strlen(m.login) + 1);
	MUST(m.password[0] != '\0');
	MUST(m.password + strlen(m.password) + 1 < end);
	MUST(memchr(m.password + strlen(m.password) + 1, '\0', (size_t)(end -
	    m.password) - strlen(m.password) - 1) != NULL);
	return 0;
}
