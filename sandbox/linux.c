/*
 * Linux: own uid, empty root, rlimits, Landlock (landlock.c) and a list of
 * system calls (seccomp.c); nothing gained by exec, not dumpable.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/linux.h"
#include "sandbox/sandbox.h"

#define EMPTY "/run/smtpsubmitd/empty"
#define MEMORY_MAX (1024UL * 1024 * 1024)	/* of a helper */

static bool empty_is_ready, reaches_files;

void
sandbox_begin(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		fatal("prctl: %s", strerror(errno));
}

static void
make_empty(void)
{
	struct stat st;

	if ((mkdir("/run/smtpsubmitd", 0755) == -1 && errno != EEXIST) ||
	    (mkdir(EMPTY, 0555) == -1 && errno != EEXIST))
		fatal("mkdir " EMPTY ": %s", strerror(errno));
	if (lstat(EMPTY, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		fatal(EMPTY ": must be a directory that only root can write");
	/* umask has taken the bits that let others in */
	if (chmod("/run/smtpsubmitd", 0755) == -1 || chmod(EMPTY, 0555) == -1)
		fatal("chmod " EMPTY ": %s", strerror(errno));
	empty_is_ready = true;
}

void
sandbox_prepare(bool dirs, bool locals)
{
	if (geteuid() == 0)
		make_empty();
	reaches_files = dirs || locals;
	seccomp_make_filters(dirs, locals);
}

static void
change_root(const char *root)
{
	if (!empty_is_ready)
		return;
	if (chroot(root == NULL ? EMPTY : root) == -1 || chdir("/") == -1)
		fatal("chroot: %s", strerror(errno));
}

static void
drop(uid_t uid, gid_t gid)
{
	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1))
		fatal("setresuid: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs: %s", strerror(errno));
	sandbox_begin();
}

static void
limit(int what, rlim_t most)
{
	struct rlimit rl = { most, most };

	if (setrlimit(what, &rl) == -1)
		fatal("setrlimit: %s", strerror(errno));
}

/* No file may grow, unless the log is one. */
static void
limit_files(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == -1 || !S_ISREG(st.st_mode))
		limit(RLIMIT_FSIZE, 0);
}

void
sandbox_session(uid_t uid, gid_t gid)
{
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 32);
	limit_files();
	change_root(NULL);
	drop(uid, gid);
	landlock_session();
	seccomp_session();
}

void
sandbox_relay(uid_t uid, gid_t gid, const struct sandbox_reach *reach)
{
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 32);
	if (reach->n_dirs == 0)
		limit_files();
	change_root(reach->root);
	drop(uid, gid);
	landlock_reach(reach);
	seccomp_relay();
}

void
sandbox_probe(uid_t uid, gid_t gid)
{
	limit(RLIMIT_CORE, 0);
	limit_files();
	drop(uid, gid);
	landlock_probe();
	seccomp_no_exec("probe");
}

/*
 * Of root's powers the nursery needs those by which its children lose theirs,
 * and the one to end them. Directories are opened in the children's name.
 */
static void
keep_few_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 } };
	uint32_t keep = 1u << CAP_SETUID | 1u << CAP_SETGID |
	    1u << CAP_SYS_CHROOT | 1u << CAP_KILL;
	int cap;

	if (geteuid() != 0)
		return;
	if (reaches_files)
		keep |= 1u << CAP_DAC_READ_SEARCH;
	for (cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if ((cap > 31 || !(keep >> cap & 1)) &&
		    prctl(PR_CAPBSET_READ, cap) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap) == -1)
			fatal("capability %d: %s", cap, strerror(errno));
	data[0].effective = data[0].permitted = keep;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    syscall(SYS_capset, &head, data) == -1)
		fatal("capset: %s", strerror(errno));
}

void
sandbox_nursery(void)
{
	limit(RLIMIT_CORE, 0);
	keep_few_capabilities();
	seccomp_no_exec("nursery");
}

void
sandbox_imapfetch(const struct sandbox_reach *reach)
{
	seccomp_make_imapfetch();
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 64);
	limit_files();
	landlock_reach(reach);
	seccomp_imapfetch();
}

void
sandbox_certificate(uid_t uid, gid_t gid)
{
	seccomp_make_certificate();
	if (geteuid() == 0)
		make_empty();
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, 10);
	limit_files();
	change_root(NULL);
	drop(uid, gid);
	landlock_session();
	seccomp_certificate();
}

void
sandbox_helper(pid_t pid)
{
	struct rlimit none = { 0, 0 }, memory = { MEMORY_MAX, MEMORY_MAX };

	prlimit(pid, RLIMIT_CORE, &none, NULL);
	prlimit(pid, RLIMIT_AS, &memory, NULL);
}

void
sandbox_describe(char *buf, size_t size)
{
	int abi = landlock_abi();

	snprintf(buf, size, "seccomp yes, landlock %s%s%s%s",
	    abi >= 1 ? "files" : "no", abi >= 4 ? ", tcp" : "",
	    abi >= 6 ? ", scope" : "",
	    geteuid() == 0 ? ", own uid, empty root" : "");
}
