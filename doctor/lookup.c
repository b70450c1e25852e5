/*
 * Asking name servers, with a time limit: libc has none of its own for one
 * that takes a connection and is silent then. So a child asks, which an alarm
 * ends.
 */
#include <sys/types.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/nameser.h>

#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "doctor/lookup.h"

struct question {
	const char *name;
	unsigned port;
	int type;
};

/* Ends by itself, whatever its parent made of signals. */
_Noreturn static void
answer(size_t (*ask)(const struct question *, void *, size_t),
    const struct question *question, int fd)
{
	static _Alignas(max_align_t) unsigned char buf[LOOKUP_ANSWER_MAX];
	const unsigned char *p = buf;
	sigset_t none;
	ssize_t put;
	size_t n;

	sigemptyset(&none);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(LOOKUP_WAIT);
	for (n = ask(question, buf, sizeof(buf)); n > 0; n -= (size_t)put) {
		put = write(fd, p, n);
		if (put == -1)
			_exit(1);
		p += put;
	}
	_exit(0);
}

static size_t
hear(int fd, unsigned char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		if (n > 0)
			len += (size_t)n;
	}
	return len;
}

/* The octets that came, 0 if it took too long. */
static size_t
in_time(size_t (*ask)(const struct question *, void *, size_t),
    const struct question *question, void *buf, size_t size)
{
	int fds[2], status;
	size_t n;
	pid_t pid;

	if (pipe(fds) == -1)
		return 0;
	pid = fork();
	if (pid == 0)
		answer(ask, question, fds[1]);
	close(fds[1]);
	n = pid == -1 ? 0 : hear(fds[0], buf, size);
	close(fds[0]);
	if (pid == -1)
		return 0;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? n : 0;
}

/* What the child says begins with how it went, one octet. */

static size_t
ask_records(const struct question *question, void *buf, size_t size)
{
	unsigned char *p = buf;
	int n = res_query(question->name, C_IN, question->type, p + 1,
	    (int)size - 1);

	if (n < 0) {
		p[0] = h_errno == HOST_NOT_FOUND ? LOOKUP_NO_NAME :
		    h_errno == NO_DATA ? LOOKUP_NO_DATA : LOOKUP_FAILED;
		return 1;
	}
	p[0] = LOOKUP_FOUND;
	return (size_t)n < size ? (size_t)n + 1 : size;
}

enum lookup
lookup_records(const char *name, int type, unsigned char *buf, size_t *n)
{
	static unsigned char said[LOOKUP_ANSWER_MAX];
	struct question question = { .name = name, .type = type };
	size_t len = in_time(ask_records, &question, said, sizeof(said));

	*n = 0;
	if (len == 0)
		return LOOKUP_FAILED;
	*n = len - 1;
	memcpy(buf, said + 1, *n);
	return said[0];
}

struct addresses_said {
	int error;
	struct addresses found;
};

static size_t
ask_addresses(const struct question *question, void *buf, size_t size)
{
	struct addresses_said *said = buf;

	if (size < sizeof(*said))
		return 0;
	said->error = addresses_find(&said->found, question->name,
	    question->port);
	return sizeof(*said);
}

int
lookup_addresses(struct addresses *found, const char *host, unsigned port)
{
	struct question question = { .name = host, .port = port };
	struct addresses_said said;

	if (in_time(ask_addresses, &question, &said, sizeof(said)) !=
	    sizeof(said))
		return EAI_AGAIN;
	*found = said.found;
	return said.error;
}
