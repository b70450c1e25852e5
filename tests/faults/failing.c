/*
 * Preloaded into the daemon by tests/e2e/faults.t: the n-th call of a function
 * in one process fails as the test says, by a file that both have mapped:
 *
 *	who nth error	for each of the names below, set by the test
 *	0 0 forks	how many children were forked so far
 *
 * who is a pid, or -n for the n-th child that was forked, or IMAPFETCH. The
 * count goes down with each call; at nought the call fails, once. error is an
 * errno, or SHORT: one octet is read or written. MEMORY is gone for good: from
 * the n-th call on no malloc(3), calloc(3), realloc(3) or mmap(2) succeeds. EAT:
 * the n-th of these takes all that malloc(3) has left; the test has set a limit.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAPFETCH	(-1000000)
#define SHORT		(-1)

enum name { FORK, SPAWN, SOCKETPAIR, PIPE, ACCEPT, SENDMSG, RECVMSG, MMAP,
    MALLOC, CALLOC, REALLOC, WRITE, READ, OPEN, OPENAT, FSYNC, RENAMEAT,
    POLL, SOCKET, CONNECT, SEND, RECV, WRITEV, FCNTL, MEMORY, EAT, FORKS };

static volatile struct { int who, nth, error; } *row;
static pid_t self;
static int born;

#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAILING");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p;

	self = getpid();
	if (strcmp(program_invocation_short_name, "imapfetch") == 0)
		born = IMAPFETCH;
	if (fd == -1)
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	row = p == MAP_FAILED ? NULL : p;
	close(fd);
}

static int
is_due(enum name name)
{
	if (row == NULL || row[name].nth <= 0 || row[name].who == 0 ||
	    (row[name].who != self && row[name].who != born))
		return 0;
	return --row[name].nth == 0;
}

static int
fails(enum name name)
{
	if (!is_due(name))
		return 0;
	errno = row[name].error;
	return 1;
}

/* dlsym(3) may want memory itself, so glibc's own names are taken. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t),
    *__libc_realloc(void *, size_t);

static int
no_memory(enum name name)
{
	size_t n;

	if (is_due(EAT))
		for (n = 1 << 20; n > 0; n /= 2)
			while (__libc_malloc(n) != NULL)
				;
	if (row != NULL && row[MEMORY].nth > 0 && row[MEMORY].who != 0 &&
	    (row[MEMORY].who == self || row[MEMORY].who == born)) {
		if (row[MEMORY].nth == 1) {
			errno = ENOMEM;
			return 1;
		}
		row[MEMORY].nth--;
	}
	return fails(name);
}

/* The same of what may be done in part; then *n is 1. */
static int
fails_or_short(enum name name, size_t *n)
{
	if (!is_due(name))
		return 0;
	if (row[name].error == SHORT) {
		*n = *n > 0;
		return 0;
	}
	errno = row[name].error;
	return 1;
}

pid_t
fork(void)
{
	int number = row == NULL ? 0 : ++row[FORKS].error;
	pid_t pid = fails(FORK) ? -1 : REAL(fork)();

	if (pid == 0) {
		self = getpid();
		born = -number;
	}
	return pid;
}

int
posix_spawn(pid_t *restrict pid, const char *restrict path,
    const posix_spawn_file_actions_t *restrict actions,
    const posix_spawnattr_t *restrict attr, char *const argv[restrict],
    char *const env[restrict])
{
	return fails(SPAWN) ? errno : REAL(posix_spawn)(pid, path, actions,
	    attr, argv, env);
}

int
socketpair(int domain, int type, int protocol, int pair[2])
{
	return fails(SOCKETPAIR) ? -1 : REAL(socketpair)(domain, type,
	    protocol, pair);
}

int
pipe2(int pair[2], int flags)
{
	return fails(PIPE) ? -1 : REAL(pipe2)(pair, flags);
}

int
accept4(int fd, struct sockaddr *restrict sa, socklen_t *restrict len,
    int flags)
{
	return fails(ACCEPT) ? -1 : REAL(accept4)(fd, sa, len, flags);
}

int
socket(int domain, int type, int protocol)
{
	return fails(SOCKET) ? -1 : REAL(socket)(domain, type, protocol);
}

int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails(CONNECT) ? -1 : REAL(connect)(fd, sa, len);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return fails(SENDMSG) ? -1 : REAL(sendmsg)(fd, msg, flags);
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fails(RECVMSG) ? -1 : REAL(recvmsg)(fd, msg, flags);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	return fails_or_short(SEND, &n) ? -1 : REAL(send)(fd, p, n, flags);
}

ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	return fails_or_short(RECV, &n) ? -1 : REAL(recv)(fd, p, n, flags);
}

void *
mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	return no_memory(MMAP) ? MAP_FAILED : REAL(mmap)(p, n, prot, flags, fd,
	    at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	/* one octet: libevent tells itself of a signal, which cannot fail */
	return n > 1 && fails_or_short(WRITE, &n) ? -1 : REAL(write)(fd, p,
	    n);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	return fails(WRITEV) ? -1 : REAL(writev)(fd, iov, n);
}

ssize_t
read(int fd, void *p, size_t n)
{
	return fails_or_short(READ, &n) ? -1 : REAL(read)(fd, p, n);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return fails(OPEN) ? -1 : REAL(open)(path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return fails(OPENAT) ? -1 : REAL(openat)(dir, path, flags, mode);
}

/* Those that can fail, and what an LSM or a filter may forbid. */
int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);	/* an int comes the same way */
	va_end(ap);
	return fails(FCNTL) ? -1 : REAL(fcntl)(fd, command, arg);
}

/* What _FILE_OFFSET_BITS makes of it. */
int fcntl64(int, int, ...) __attribute__((alias("fcntl")));

int
fsync(int fd)
{
	return fails(FSYNC) ? -1 : REAL(fsync)(fd);
}

int
renameat(int from, const char *a, int to, const char *b)
{
	return fails(RENAMEAT) ? -1 : REAL(renameat)(from, a, to, b);
}

int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	return fails(POLL) ? -1 : REAL(poll)(fds, n, ms);
}

/* What _FORTIFY_SOURCE makes of them. */
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);

ssize_t
__read_chk(int fd, void *p, size_t n, size_t room)
{
	return n > room ? (abort(), -1) : read(fd, p, n);
}

ssize_t
__recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
	return n > room ? (abort(), -1) : recv(fd, p, n, flags);
}

int
__poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t room)
{
	return n * sizeof(*fds) > room ? (abort(), -1) : poll(fds, n, ms);
}

void *
malloc(size_t n)
{
	return no_memory(MALLOC) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return no_memory(CALLOC) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return no_memory(REALLOC) ? NULL : __libc_realloc(p, n);
}
