/*
 * What a process tries that should do nothing but its duty: one act a
 * system call or two, by name. Each succeeds where there is no fence.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "puppet.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* At the same place in all processes of a generation. */
static char canary[] = "a word in the memory of every process";

/* Files; below an open directory if the number is not 0 */

static long
open_file(long n, const char *path)
{
	char octet;
	long fd = syscall(SYS_openat, n > 0 ? n : AT_FDCWD, path, O_RDONLY);

	return fd == -1 ? -1 : read((int)fd, &octet, 1);
}

static long
create_file(long n, const char *path)
{
	return syscall(SYS_openat, n > 0 ? n : AT_FDCWD, path,
	    O_WRONLY | O_CREAT, 0600);
}

static long
rename_file(long n, const char *path)
{
	char to[4096];

	(void)n;
	snprintf(to, sizeof(to), "%s.new", path);
	return syscall(SYS_renameat, AT_FDCWD, path, AT_FDCWD, to);
}

static long
remove_file(long n, const char *path)
{
	(void)n;
	return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static long
see_file(long n, const char *path)
{
	(void)n;
	return syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
}

/* The way the kernel of another architecture, or x32, would take it. */
static long
open_x32(long n, const char *path)
{
	(void)n;
	return syscall(0x40000000 | SYS_openat, AT_FDCWD, path, O_RDONLY);
}

/* Sockets */

static struct sockaddr_in
loopback(long port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port) };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return in;
}

static long
reach(int type, int protocol, long port)
{
	struct sockaddr_in in = loopback(port);
	int fd = socket(AF_INET, type, protocol);

	return fd == -1 ? -1 : connect(fd, (struct sockaddr *)&in,
	    sizeof(in)) == -1 ? -1 : write(fd, "attack\n", 7);
}

static long
tcp(long port, const char *text)
{
	(void)text;
	return reach(SOCK_STREAM, 0, port);
}

static long
udp(long port, const char *text)
{
	(void)text;
	return reach(SOCK_DGRAM, 0, port);
}

/* TCP too, but no TCP socket to those who count TCP sockets */
static long
mptcp(long port, const char *text)
{
	(void)text;
	return reach(SOCK_STREAM, IPPROTO_MPTCP, port);
}

/* Connects without connect(2). */
static long
fast_open(long port, const char *text)
{
	struct sockaddr_in in = loopback(port);
	char data[] = "attack\n";
	struct iovec iov = { data, 7 };
	struct msghdr msg = { .msg_name = &in, .msg_namelen = sizeof(in),
	    .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)text;
	return fd == -1 ? -1 : sendmsg(fd, &msg, MSG_FASTOPEN | MSG_NOSIGNAL);
}

static long
raw_socket(long n, const char *text)
{
	(void)n, (void)text;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static long
netlink(long n, const char *text)
{
	(void)n, (void)text;
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
unix_socket(long n, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)n;
	if (fd == -1 || path[0] == '\0')
		return fd;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	return connect(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path)));
}

/* The descriptor it has leads elsewhere. */
static long
turn_client(long port, const char *text)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in in = loopback(port);
	int fd = puppet_channels['c'];

	(void)text;
	return connect(fd, &none, sizeof(none)) == -1 ? -1 :
	    connect(fd, (struct sockaddr *)&in, sizeof(in));
}

static long
serve(long n, const char *text)
{
	struct sockaddr_in in = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)n, (void)text;
	return fd == -1 ? -1 : bind(fd, (struct sockaddr *)&in,
	    sizeof(in)) == -1 ? -1 : listen(fd, 1);
}

static long
upper_layer(long n, const char *text)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), seconds = 9;

	(void)n, (void)text;
	return fd == -1 ? -1 : setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE,
	    &seconds, sizeof(seconds));
}

/* Processes */

/* Only in the doubles without lists of system calls. */
extern const int puppet_has_no_list __attribute__((weak));

static long
execute(long n, const char *text)
{
	char command[64];

	(void)n, (void)text;
	snprintf(command, sizeof(command), "echo done 0 >&%d",
	    puppet_channels['c'] == -1 ? 2 : puppet_channels['c']);
	/* behind the fence this is the forbidden call already */
	if (&puppet_has_no_list != NULL)
		fcntl(puppet_channels['c'], F_SETFD, 0);
	return syscall(SYS_execve, "/bin/sh", (char *[]){ (char[]){ "sh" },
	    (char[]){ "-c" }, command, NULL }, NULL);
}

static long
fork_process(long n, const char *text)
{
	long pid = syscall(SYS_fork);

	(void)n, (void)text;
	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : waitpid((pid_t)pid, NULL, 0) > 0;
}

static int
thread_main(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 0);
	return 0;
}

static long
thread(long n, const char *text)
{
	static char stack[16384] __attribute__((aligned(16)));

	(void)n, (void)text;
	return clone(thread_main, stack + sizeof(stack), CLONE_VM | CLONE_FS |
	    CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
}

static long
trace(long pid, const char *text)
{
	(void)text;
	return syscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0);
}

static long
signal_process(long pid, const char *text)
{
	(void)text;
	return syscall(SYS_kill, pid, SIGWINCH);
}

static long
read_mem(long pid, const char *text)
{
	char path[64], word[sizeof(canary)] = "";
	long fd;

	(void)text;
	snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	if (fd == -1 || pread((int)fd, word, sizeof(word),
	    (off_t)(uintptr_t)canary) == -1)
		return -1;
	return strcmp(word, canary) == 0;
}

static long
read_vm(long pid, const char *text)
{
	char word[sizeof(canary)] = "";
	struct iovec here = { word, sizeof(word) };
	struct iovec there = { canary, sizeof(canary) };

	(void)text;
	if (process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0) == -1)
		return -1;
	return strcmp(word, canary) == 0;
}

/* Itself */

static long
map_exec(long n, const char *text)
{
	(void)n, (void)text;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long
protect_exec(long n, const char *text)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0);

	(void)n, (void)text;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long
ioctl_bytes(long n, const char *text)
{
	int bytes;

	(void)n, (void)text;
	return ioctl(puppet_channels['m'], FIONREAD, &bytes);
}

static long
ioctl_type(long n, const char *text)
{
	char c = 'x';

	(void)n, (void)text;
	return ioctl(0, TIOCSTI, &c);
}

static long
dumpable(long n, const char *text)
{
	(void)n, (void)text;
	return prctl(PR_SET_DUMPABLE, 1);
}

static long
become_root(long n, const char *text)
{
	(void)n, (void)text;
	return syscall(SYS_setuid, 0);
}

static long
change_root(long n, const char *text)
{
	(void)n, (void)text;
	return syscall(SYS_chroot, "/");
}

static long
mount_dir(long n, const char *dir)
{
	(void)n;
	if (mount("none", dir, "tmpfs", 0, NULL) == -1)
		return -1;
	return umount2(dir, MNT_DETACH);
}

static long
new_namespace(long n, const char *text)
{
	(void)n, (void)text;
	return syscall(SYS_unshare, CLONE_NEWUTS);
}

static long
raise_limit(long n, const char *text)
{
	struct rlimit rl = { 64, 64 };

	(void)n, (void)text;
	return (long)syscall(SYS_setrlimit, RLIMIT_NPROC, &rl);
}

static long
memory_file(long n, const char *text)
{
	(void)n, (void)text;
	return syscall(SYS_memfd_create, "x", 0);
}

static long
handle_signal(long n, const char *text)
{
	(void)n, (void)text;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? -1 : 0;
}

static const struct {
	const char *name;
	long (*run)(long, const char *);
} acts[] = {
	{ "open", open_file }, { "create", create_file },
	{ "rename", rename_file }, { "remove", remove_file },
	{ "see", see_file }, { "x32", open_x32 },
	{ "tcp", tcp }, { "udp", udp }, { "mptcp", mptcp },
	{ "fastopen", fast_open }, { "raw", raw_socket },
	{ "netlink", netlink }, { "unix", unix_socket },
	{ "turn", turn_client }, { "serve", serve },
	{ "sockopt", upper_layer },
	{ "exec", execute }, { "fork", fork_process }, { "thread", thread },
	{ "ptrace", trace }, { "kill", signal_process },
	{ "mem", read_mem }, { "vm", read_vm },
	{ "mmap", map_exec }, { "mprotect", protect_exec },
	{ "ioctl", ioctl_bytes }, { "tiocsti", ioctl_type },
	{ "dumpable", dumpable }, { "setuid", become_root },
	{ "chroot", change_root }, { "mount", mount_dir },
	{ "unshare", new_namespace }, { "setrlimit", raise_limit },
	{ "memfd", memory_file }, { "sigaction", handle_signal },
};

long
act(const char *name, long number, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, name) == 0)
			return acts[i].run(number, text == NULL ? "" : text);
	errno = ENOSYS;
	return -1;
}
