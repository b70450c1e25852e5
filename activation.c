/*
 * Where the sockets come from: systemd (sd_listen_fds(3), spoken without its
 * library), inetd and Accept=yes with StandardInput=socket, an earlier
 * generation of this program, or the `listen` lines. The same code behind
 * all of them.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "smtpsubmitd.h"

#define FIRST_FD 3

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool
is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int on = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	    on != 0;
}

/* RFC 8314 7.3: port 465 means TLS at once */
static bool
is_port_465(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return false;
	if (ss.ss_family == AF_INET)
		port = ((struct sockaddr_in *)&ss)->sin_port;
	else if (ss.ss_family == AF_INET6)
		port = ((struct sockaddr_in6 *)&ss)->sin6_port;
	return ntohs(port) == 465;
}

static void
take(struct socket_set *set, int fd, const char *name, bool tls)
{
	tls = tls || strcmp(name, "submissions") == 0 || is_port_465(fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!is_listening(fd)) {
		set->connected = fd;
		set->connected_tls = tls;
	} else if (set->n < SOCKETS_MAX) {
		set->listening[set->n] = fd;
		set->tls[set->n++] = tls;
	}
}

/* LISTEN_PID names this process, or an earlier generation vouches for it. */
static bool
is_for_us(void)
{
	const char *pid = getenv("LISTEN_PID");
	uint64_t value;

	if (generation_is_successor())
		return true;
	return pid != NULL && conf_number(pid, INT32_MAX, &value) &&
	    (pid_t)value == getpid();
}

static void
take_listen_fds(struct socket_set *set, bool tls)
{
	const char *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	char name[64];
	uint64_t n, i;
	size_t len;

	if (count == NULL || !is_for_us() ||
	    !conf_number(count, SOCKETS_MAX, &n))
		return;
	for (i = 0; i < n; i++) {
		len = names == NULL ? 0 : strcspn(names, ":");
		snprintf(name, sizeof(name), "%.*s", (int)len,
		    names == NULL ? "" : names);
		if (names != NULL)
			names += len + (names[len] == ':');
		if (is_socket(FIRST_FD + (int)i))
			take(set, FIRST_FD + (int)i, name, tls);
	}
	set->from_system = n > 0 && !generation_sockets_are_own();
}

/*
 * inetd gives the client as 0, 1 and 2. The session gets a descriptor of its
 * own, and what we print must never reach the client.
 */
static void
take_stdin(struct socket_set *set, bool tls)
{
	int fd, null;

	if (!is_socket(STDIN_FILENO))
		return;
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd == -1 || null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		_exit(111);
	if (is_socket(STDERR_FILENO) && dup2(null, STDERR_FILENO) == -1)
		_exit(111);
	close(null);
	take(set, fd, "", tls);
	set->from_system = true;
}

void
activation_find(struct socket_set *set, bool tls)
{
	memset(set, 0, sizeof(*set));
	set->connected = -1;
	take_listen_fds(set, tls);
	if (!set->from_system && set->n == 0)
		take_stdin(set, tls);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

static int
open_listening(const struct listen_line *line)
{
	int off = 0, on = 1;
	int fd = socket(line->address.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (line->address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&line->address,
	    line->len) == -1 || listen(fd, SOMAXCONN) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A socket that we have already, from an earlier generation. */
static bool
is_there(const struct socket_set *set, const struct listen_line *line)
{
	struct sockaddr_storage ss;
	socklen_t len;
	size_t i;

	for (i = 0; i < set->n; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		if (getsockname(set->listening[i], (struct sockaddr *)&ss,
		    &len) == 0 && len == line->len &&
		    memcmp(&ss, &line->address, len) == 0)
			return true;
	}
	return false;
}

bool
activation_listen(struct socket_set *set, const struct config *conf)
{
	size_t i;
	int fd;

	for (i = 0; i < conf->n_listens && set->n < SOCKETS_MAX; i++) {
		if (is_there(set, &conf->listens[i]))
			continue;
		fd = open_listening(&conf->listens[i]);
		if (fd == -1) {
			warn("listen %s", conf->listens[i].text);
			return false;
		}
		set->listening[set->n] = fd;
		set->tls[set->n++] = conf->listens[i].tls;
	}
	if (set->n == 0 && set->connected == -1)
		warnx("no socket to serve: no listen line, and none was "
		    "passed by systemd or inetd");
	return set->n > 0 || set->connected != -1;
}
