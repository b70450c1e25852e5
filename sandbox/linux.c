/*
 * Linux: own uid, empty root, nothing gained by exec, not dumpable.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/sandbox.h"

#define EMPTY "/run/smtpsubmitd/empty"

static int empty_is_ready;

void
sandbox_begin(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		fatal("prctl: %s", strerror(errno));
}

void
sandbox_prepare(void)
{
	struct stat st;

	if (geteuid() != 0)
		return;
	if ((mkdir("/run/smtpsubmitd", 0755) == -1 && errno != EEXIST) ||
	    (mkdir(EMPTY, 0555) == -1 && errno != EEXIST))
		fatal("mkdir " EMPTY ": %s", strerror(errno));
	if (lstat(EMPTY, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		fatal(EMPTY ": must be a directory that only root can write");
	empty_is_ready = 1;
}

void
sandbox_close_others(const int *keep, size_t n)
{
	unsigned first = 3;
	size_t i;
	int lowest;

	for (;;) {
		lowest = -1;
		for (i = 0; i < n; i++)
			if (keep[i] >= (int)first &&
			    (lowest == -1 || keep[i] < lowest))
				lowest = keep[i];
		if (lowest == -1)
			break;
		if ((unsigned)lowest > first)
			close_range(first, (unsigned)lowest - 1, 0);
		first = (unsigned)lowest + 1;
	}
	close_range(first, ~0U, 0);
}

static void
change_root(const char *root)
{
	if (!empty_is_ready)
		return;
	if (chroot(root) == -1 || chdir("/") == -1)
		fatal("chroot %s: %s", root, strerror(errno));
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
	limit_files();
	limit(RLIMIT_CORE, 0);
	change_root(EMPTY);
	drop(uid, gid);
}

void
sandbox_relay(uid_t uid, gid_t gid, const char *root)
{
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_CORE, 0);
	change_root(root == NULL ? EMPTY : root);
	drop(uid, gid);
}

void
sandbox_probe(uid_t uid, gid_t gid)
{
	limit(RLIMIT_CORE, 0);
	limit_files();
	drop(uid, gid);
}
