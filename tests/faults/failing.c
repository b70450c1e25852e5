/*
 * Preloaded into the daemon by tests/e2e/faults.t: the n-th call of a function
 * in one process fails as the test says, by a file that both have mapped:
 *
 *	pid nth errno	for each of the names below, set by the test
 *
 * The count goes down with each call; at nought the call fails, once.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum name { FORK, SPAWN, SOCKETPAIR, PIPE, ACCEPT, SENDMSG, RECVMSG, MMAP,
    MALLOC, CALLOC, WRITE, OPEN, NAMES };

static volatile struct { int pid, nth, error; } *row;
static pid_t self;

#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAILING");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p;

	self = getpid();
	if (fd == -1)
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	row = p == MAP_FAILED ? NULL : p;
	close(fd);
}

static int
fails(enum name name)
{
	if (row == NULL || row[name].pid != self || row[name].nth <= 0 ||
	    --row[name].nth > 0)
		return 0;
	errno = row[name].error;
	return 1;
}

pid_t
fork(void)
{
	pid_t pid = fails(FORK) ? -1 : REAL(fork)();

	if (pid == 0)
		self = getpid();
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

void *
mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	return fails(MMAP) ? MAP_FAILED : REAL(mmap)(p, n, prot, flags, fd,
	    at);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	/* one octet: libevent tells itself of a signal, which cannot fail */
	return n > 1 && fails(WRITE) ? -1 : REAL(write)(fd, p, n);
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

/* dlsym(3) may want memory itself, so glibc's own names are taken here. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);

void *
malloc(size_t n)
{
	return fails(MALLOC) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails(CALLOC) ? NULL : __libc_calloc(n, size);
}
