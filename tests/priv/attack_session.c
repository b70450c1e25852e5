/*
 * In place of the session: clients from one address talk to a process that
 * has been seized, all others to the real one. The seized one has put up its
 * fence like any other and then does what its client says.
 */
#include <string.h>
#include <unistd.h>

#include "puppet.h"
#include "sandbox/sandbox.h"
#include "smtpsubmitd.h"

#define ATTACKER "127.0.0.66"

/* session.o, where the name has been changed */
_Noreturn void real_session_main(struct service *, const struct birth *, int,
    int);

static void
write_all(int fd, const char *p, size_t n)
{
	ssize_t put;

	while (n > 0) {
		put = write(fd, p, n);
		if (put <= 0)
			_exit(0);
		p += put;
		n -= (size_t)put;
	}
}

static void
answer(int client, const char *text)
{
	write_all(client, text, strlen(text));
	write_all(client, "\n", 1);
}

void
session_main(struct service *service, const struct birth *who, int client,
    int monitor)
{
	static char in[PUPPET_LINE], text[PUPPET_LINE];
	size_t len = 0;
	ssize_t n;
	char *lf;

	if (strcmp(who->client, ATTACKER) != 0)
		real_session_main(service, who, client, monitor);
	sandbox_begin();
	puppet_start();
	puppet_channels['c'] = client;
	puppet_channels['m'] = monitor;
	sandbox_session(service->conf.uid, service->conf.gid);
	answer(client, "seized");
	while ((n = read(client, in + len, sizeof(in) - len)) > 0) {
		len += (size_t)n;
		while ((lf = memchr(in, '\n', len)) != NULL) {
			*lf++ = '\0';
			puppet_obey(in, text, sizeof(text));
			answer(client, text);
			len -= (size_t)(lf - in);
			memmove(in, lf, len);
		}
	}
	_exit(0);
}
