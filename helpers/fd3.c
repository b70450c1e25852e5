/*
 * The part of our checkpassword programs that is the same: from the caller's
 * message on descriptor 3 to the program that is run when the password was
 * right. No stdio: one of these starts per login.
 */
#include <sys/resource.h>
#include <sys/uio.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/fd3.h"
#include "helpers/reply.h"

#define MESSAGE_FD 3

/*
 * No account file can hold a colon or a line end in a name, and what passes
 * here ends in the logs of PAM modules: control characters stop here.
 */
int
login_possible(const char *login)
{
	const unsigned char *p = (const unsigned char *)login;

	if (*p == '\0')
		return 0;
	for (; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f || *p == ':')
			return 0;
	return 1;
}

/* Where the string at s ends, its NUL left behind; NULL without a NUL. */
static char *
skip_string(char *s, const char *end)
{
	char *nul = memchr(s, '\0', (size_t)(end - s));

	return nul == NULL ? NULL : nul + 1;
}

static enum checkpassword
split(struct fd3 *m, size_t len)
{
	const char *end = m->buf + len;
	char *password, *timestamp;

	if (len > FD3_MAX)
		return CP_MISUSED;
	if ((password = skip_string(m->buf, end)) == NULL ||
	    (timestamp = skip_string(password, end)) == NULL ||
	    skip_string(timestamp, end) == NULL)
		return CP_MISUSED;
	m->login = m->buf;
	m->password = password;
	/* An empty password is a login without one: LDAP would say yes. */
	return *password == '\0' ? CP_WRONG : CP_RIGHT;
}

enum checkpassword
fd3_parse(struct fd3 *m, size_t len)
{
	enum checkpassword status = split(m, len);

	return status == CP_RIGHT && !login_possible(m->login) ? CP_WRONG :
	    status;
}

enum checkpassword
fd3_parse_token(struct fd3 *m, size_t len)
{
	enum checkpassword status = split(m, len);

	return status == CP_RIGHT && *m->login != '\0' &&
	    !login_possible(m->login) ? CP_WRONG : status;
}

/* Reads to the end or until buf is full; -1 and errno when it cannot. */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static enum checkpassword
get(struct fd3 *m, const char *program,
    enum checkpassword (*parse)(struct fd3 *, size_t))
{
	enum checkpassword status;
	ssize_t len;

	len = read_all(MESSAGE_FD, m->buf, sizeof(m->buf));
	if (len == -1) {
		complain(program, "descriptor 3", strerror(errno));
		return CP_TEMPORARY;
	}
	(void)close(MESSAGE_FD);
	status = parse(m, (size_t)len);
	if (status == CP_MISUSED)
		complain(program, "descriptor 3",
		    "not login, password and timestamp, each with a NUL, "
		    "in at most 12288 octets");
	if (status != CP_RIGHT)
		explicit_bzero(m->buf, sizeof(m->buf));
	return status;
}

enum checkpassword
fd3_get(struct fd3 *m, const char *program)
{
	return get(m, program, fd3_parse);
}

enum checkpassword
fd3_get_token(struct fd3 *m, const char *program)
{
	return get(m, program, fd3_parse_token);
}

void
protect_memory(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
	/* An execve() sets it back, so every program must ask for itself. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static struct iovec
part(const char *s)
{
	union {
		const char *from;
		void *to;
	} u = { .from = s };

	return (struct iovec){ .iov_base = u.to, .iov_len = strlen(s) };
}

/* In one call, so that lines of helpers running at once do not mix. */
void
complain(const char *program, const char *what, const char *why)
{
	const struct iovec iov[] = {
		part(program),
		part(": "),
		part(what == NULL ? "" : what),
		part(what == NULL ? "" : ": "),
		part(why),
		part("\n"),
	};
	ssize_t n = writev(STDERR_FILENO, iov, sizeof(iov) / sizeof(iov[0]));

	(void)n; /* nobody is left to tell */
}

/* Whether next is auth-reply and nothing else, in the directory of self. */
static int
is_our_reply(const char *self, char *const next[])
{
	const char *slash = strrchr(self, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash + 1 - self);

	return n > 0 && strncmp(self, next[0], n) == 0 &&
	    strcmp(next[0] + n, "auth-reply") == 0 && next[1] == NULL;
}

enum checkpassword
run_next(const char *program, const char *self, const char *user,
    char *const next[])
{
	if (setenv("USER", user, 1) == -1) {
		complain(program, "USER", strerror(errno));
		return CP_TEMPORARY;
	}
	if (is_our_reply(self, next))
		return (enum checkpassword)auth_reply();
	(void)execvp(next[0], next);
	complain(program, next[0], strerror(errno));
	return CP_TEMPORARY;
}
