/*
 * Lists of system calls. What is on a role's list is allowed, some families
 * that libraries try in vain get EPERM, all else ends the process after one
 * line in the log that names role and call. The filters are made before the
 * roles are born and put up by prctl(2), which works under systemd's own
 * filters too.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/linux.h"

#define CONDITIONS_MAX 3

/* One allowed call; with arguments that must match under a mask. */
struct call {
	int nr;
	struct {
		unsigned arg;	/* 1 to 6, 0: no condition */
		uint64_t mask, value;
	} when[CONDITIONS_MAX];
};

#define ANY(name)	{ SCMP_SYS(name), { { 0, 0, 0 } } }
#define IS(name, n, v)	{ SCMP_SYS(name), { { n, ~0ULL, v } } }
#define IS_BOTH(name, n, v, m, w) \
	{ SCMP_SYS(name), { { n, ~0ULL, v }, { m, ~0ULL, w } } }
#define NO_BITS(name, n, bits) { SCMP_SYS(name), { { n, bits, 0 } } }
/* TCP by itself: MPTCP and UDP would not be Landlock's matter */
#define TCP_SOCKET(family) \
	{ SCMP_SYS(socket), { { 1, ~0ULL, family }, { 2, 15, SOCK_STREAM }, \
	    { 3, ~(uint64_t)IPPROTO_TCP, 0 } } }
#define END		{ -1, { { 0, 0, 0 } } }

/* What every role needs that serves a channel. */
static const struct call common[] = {
	ANY(read), ANY(write),		/* client, next server, the log */
	ANY(recvmsg),			/* frames */
	NO_BITS(sendmsg, 3, MSG_FASTOPEN),	/* that would connect */
	ANY(poll),			/* waiting for any of them */
	ANY(ppoll),			/* ... where there is no poll */
	ANY(close),
	IS(fcntl, 2, F_SETFL),		/* a received channel: non-blocking */
	ANY(brk), ANY(munmap), ANY(mremap), ANY(madvise),	/* malloc */
	NO_BITS(mmap, 3, PROT_EXEC),
	NO_BITS(mprotect, 3, PROT_EXEC),	/* musl's malloc */
	ANY(getrandom), ANY(getpid),	/* the TLS library, at each handshake */
	ANY(clock_gettime), ANY(gettimeofday), ANY(time),	/* no vdso */
	ANY(futex),			/* locks of libc */
	ANY(rt_sigreturn), ANY(restart_syscall),
	IS(sendto, 5, 0),		/* syslog, on its connected socket */
	ANY(exit), ANY(exit_group),
	END
};

/* A relay's way to the next server. */
static const struct call connecting[] = {
	TCP_SOCKET(AF_INET), TCP_SOCKET(AF_INET6),
	ANY(connect),
	IS(fcntl, 2, F_GETFL),		/* making it non-blocking */
	IS(getsockopt, 3, SO_ERROR),	/* how the connect has ended */
	ANY(getsockname),		/* ... and not at itself */
	IS_BOTH(setsockopt, 2, IPPROTO_TCP, 3, TCP_NODELAY),
	END
};

/* A relay's way to a server on this machine. */
static const struct call local[] = {
	IS(socket, 1, AF_UNIX),
	ANY(access), ANY(faccessat),	/* where the socket is */
	END
};

/* A relay's way into a Maildir; where to is Landlock's matter. */
static const struct call writing[] = {
	ANY(openat), ANY(fsync), ANY(renameat), ANY(renameat2),
	ANY(unlinkat), ANY(mkdirat), ANY(mkdir), ANY(rename), ANY(unlink),
	END
};

/* What libcurl does beyond that, once names are resolved. */
static const struct call fetching[] = {
	ANY(recvfrom),
	ANY(getpeername),
	ANY(getsockopt), ANY(setsockopt),
	/* how it wakes itself, by its version */
	ANY(socketpair), ANY(pipe), ANY(pipe2), ANY(eventfd2),
	ANY(fcntl),
	ANY(rt_sigaction), ANY(rt_sigprocmask),	/* it guards against SIGPIPE */
	ANY(clock_nanosleep), ANY(gettid), ANY(sysinfo), ANY(uname),
	END
};

/* Libraries try these and live without. */
static const int in_vain[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(lseek),
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(ioctl),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
};

/* What no process that has read the network ever does. */
static const int never[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(perf_event_open),
	SCMP_SYS(bpf), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(mount),
	SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(move_mount),
	SCMP_SYS(fsopen), SCMP_SYS(open_tree), SCMP_SYS(setns),
	SCMP_SYS(unshare), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(swapon), SCMP_SYS(reboot), SCMP_SYS(acct),
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(mknodat),
	SCMP_SYS(mknod), SCMP_SYS(open_by_handle_at), SCMP_SYS(quotactl),
};

static struct sock_fprog session_filter, relay_filter, imapfetch_filter,
    certificate_filter, no_exec_filter;
static const char *role = "process";

static void
check(int error)
{
	if (error < 0)
		fatal("seccomp: %s", strerror(-error));
}

static void
allow(scmp_filter_ctx ctx, const struct call *calls)
{
	struct scmp_arg_cmp cmp[CONDITIONS_MAX];
	unsigned n;

	for (; calls->nr != -1; calls++) {
		for (n = 0; n < CONDITIONS_MAX && calls->when[n].arg > 0; n++)
			cmp[n] = SCMP_CMP64(calls->when[n].arg - 1,
			    SCMP_CMP_MASKED_EQ, calls->when[n].mask,
			    calls->when[n].value);
		check(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls->nr,
		    n, cmp));
	}
}

static bool
is_allowed(const struct call *const *lists, int nr)
{
	const struct call *call;

	for (; *lists != NULL; lists++)
		for (call = *lists; call->nr != -1; call++)
			if (call->nr == nr)
				return true;
	return false;
}

/* The program as the kernel takes it. */
static struct sock_fprog
export(scmp_filter_ctx ctx)
{
	struct sock_fprog program = { 0 };
	struct stat st;
	int fd = memfd_create("filter", MFD_CLOEXEC);

	if (fd == -1)
		fatal("memfd_create: %s", strerror(errno));
	check(seccomp_export_bpf(ctx, fd));
	seccomp_release(ctx);
	if (fstat(fd, &st) == -1)
		fatal("seccomp: %s", strerror(errno));
	program.filter = malloc((size_t)st.st_size);
	program.len = (unsigned short)((size_t)st.st_size /
	    sizeof(*program.filter));
	if (program.filter == NULL ||
	    pread(fd, program.filter, (size_t)st.st_size, 0) != st.st_size)
		fatal("seccomp: cannot read the filter back");
	close(fd);
	return program;
}

/* syslog(3) tries to connect anew when its daemon has gone. */
static bool
connects_locally(const struct call *const *lists)
{
	for (; *lists != NULL; lists++)
		if (*lists == local)
			return true;
	return false;
}

static struct sock_fprog
make_list(const struct call *const *lists)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	size_t i;

	if (ctx == NULL)
		fatal("seccomp: out of memory");
	/* a tree: the kernel runs it for every call there is, at each birth */
	check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	for (i = 0; lists[i] != NULL; i++)
		allow(ctx, lists[i]);
	for (i = 0; i < sizeof(in_vain) / sizeof(in_vain[0]); i++)
		if (!is_allowed(lists, in_vain[i]))
			check(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
			    in_vain[i], 0));
	if (is_allowed(lists, SCMP_SYS(socket)) && !connects_locally(lists))
		check(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)));
	return export(ctx);
}

static struct sock_fprog
make_no_exec(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	size_t i;

	if (ctx == NULL)
		fatal("seccomp: out of memory");
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		check(seccomp_rule_add(ctx, SCMP_ACT_TRAP, never[i], 0));
	return export(ctx);
}

void
seccomp_make_filters(bool dirs, bool locals)
{
	const struct call *const session[] = { common, NULL };
	const struct call *relay[5] = { common, connecting };
	size_t n = 2;

	if (locals)
		relay[n++] = local;
	if (dirs)
		relay[n++] = writing;
	session_filter = make_list(session);
	relay_filter = make_list(relay);
	no_exec_filter = make_no_exec();
}

/*
 * A forbidden call was tried. On a role's list there is none of the calls
 * behind the log line, so the kernel ends the process at the first of them;
 * either way it dies by this signal, and the nursery sees it.
 */
static void
on_forbidden(int sig, siginfo_t *info, void *context)
{
	struct log_line line;
	sigset_t none;
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
	    info->si_syscall);

	(void)context;
	log_start(&line, NULL, "violation");
	log_str(&line, "role", role);
	log_num(&line, "pid", getpid());
	log_str(&line, "reason", "forbidden system call");
	log_str(&line, "call", name == NULL ? "unknown" : name);
	log_num(&line, "number", info->si_syscall);
	log_end(&line);
	signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	kill(getpid(), sig);
	_exit(111);
}

static void
install(const struct sock_fprog *program, const char *name)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	role = name;
	sa.sa_sigaction = on_forbidden;
	sigaction(SIGSYS, &sa, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == -1)
		fatal("seccomp: %s", strerror(errno));
}

void
seccomp_session(void)
{
	install(&session_filter, "session");
}

void
seccomp_relay(void)
{
	install(&relay_filter, "relay");
}

void
seccomp_make_imapfetch(void)
{
	const struct call *const lists[] = { common, connecting, fetching,
	    NULL };

	imapfetch_filter = make_list(lists);
}

void
seccomp_imapfetch(void)
{
	install(&imapfetch_filter, "imapfetch");
}

/* Less than a session: no channel, no descriptor but those it has. */
static const struct call computing[] = {
	ANY(read), ANY(write), ANY(writev), ANY(close),
	ANY(brk), ANY(munmap), ANY(mremap), ANY(madvise),	/* malloc */
	NO_BITS(mmap, 3, PROT_EXEC),
	NO_BITS(mprotect, 3, PROT_EXEC),
	ANY(getrandom), ANY(getpid),
	ANY(clock_gettime), ANY(gettimeofday), ANY(time),	/* no vdso */
	ANY(futex),			/* locks of libc */
	ANY(rt_sigreturn), ANY(restart_syscall),
	ANY(exit), ANY(exit_group),
	END
};

void
seccomp_make_certificate(void)
{
	const struct call *const lists[] = { computing, NULL };

	certificate_filter = make_list(lists);
}

void
seccomp_certificate(void)
{
	install(&certificate_filter, "checkcertificate");
}

void
seccomp_no_exec(const char *name)
{
	struct sock_fprog program = no_exec_filter.len > 0 ? no_exec_filter :
	    make_no_exec();

	install(&program, name);
}
