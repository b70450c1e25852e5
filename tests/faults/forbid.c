/*
 * forbid WHAT PROGRAM ...: runs it where the kernel refuses a system call for
 * ever, for want of something, by seccomp(2). What is refused is one of the
 * table below.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* With flags: if one of these is set in the fourth argument. */
static const struct row {
	const char *name;
	unsigned call, flags;
	int error;
} rows[] = {
	{ "clone", SYS_clone, 0, EAGAIN },
	{ "clone3", SYS_clone3, 0, EAGAIN },
	{ "mmap-shared", SYS_mmap, MAP_SHARED, ENOMEM },
	{ "mmap-stack", SYS_mmap, MAP_STACK, ENOMEM },
	{ "memfd", SYS_memfd_create, 0, ENFILE },
	{ "socketpair", SYS_socketpair, 0, ENFILE },
	{ "pipe", SYS_pipe2, 0, ENFILE },
};

static void
forbid(const struct row *row)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, row->call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, row->flags, 0,
		    row->flags == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K,
		    SECCOMP_RET_ERRNO | (unsigned)row->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		err(100, "seccomp");
}

int
main(int argc, char **argv)
{
	size_t i, found = 0;

	for (i = 0; argc > 2 && i < sizeof(rows) / sizeof(rows[0]); i++)
		/* "clone": clone3, too */
		if (strncmp(rows[i].name, argv[1],
		    strlen(argv[1])) == 0) {
			forbid(&rows[i]);
			found++;
		}
	if (found == 0)
		errx(100, "usage: forbid WHAT PROGRAM ...");
	execvp(argv[2], argv + 2);
	err(100, "%s", argv[2]);
}
