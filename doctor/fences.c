/*
 * What holds the processes in here, and what is missing costs.
 */
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "sandbox/sandbox.h"

static void
check_root(struct doctor *d)
{
	const struct passwd *pw;

	if (geteuid() == 0) {
		doctor_say(d, GRADE_OK, "user", "sessions and relays become "
		    "%s (uid %u), in an empty root directory", d->conf->user,
		    (unsigned)d->conf->uid);
		return;
	}
	pw = getpwuid(geteuid());
	doctor_say(d, GRADE_WARN, "user", "not root: all processes would "
	    "share the uid %u (%s)", (unsigned)geteuid(), pw == NULL ?
	    "without a name" : pw->pw_name);
	doctor_remedy("Good under systemd with a user of its own; else start "
	    "the daemon as root, and -n too to see what it will see.");
}

#ifdef __linux__
/* Which Landlock this is: 0 for none. */
static int
landlock_version(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return abi < 0 ? 0 : (int)abi;
}

static bool
has_maildir(const struct config *conf)
{
	size_t i;

	for (i = 0; i < conf->n_routes; i++)
		if (conf->routes[i].kind == ROUTE_MAILDIR)
			return true;
	return false;
}

/* What the version lacks, as sandbox/landlock.c uses it; NULL: nothing. */
static const char *
landlock_lacks(const struct config *conf, int abi)
{
	if (abi == 0)
		return "a seized process is kept from files by its uid, its "
		    "root directory and its list of system calls only";
	if (abi == 1 && has_maildir(conf))
		return "a relay that writes into a Maildir is without it";
	if (abi < 4)
		return "a seized relay or imapfetch may connect to any TCP "
		    "port";
	if (abi < 6)
		return "a seized process may send signals to others of its "
		    "uid";
	return NULL;
}

static void
check_landlock(struct doctor *d)
{
	int abi = landlock_version();
	const char *lacks = landlock_lacks(d->conf, abi);

	if (lacks == NULL)
		return;
	doctor_say(d, GRADE_WARN, "fences", "Landlock (version %d): %s", abi,
	    lacks);
	if (abi == 0)
		doctor_remedy("Linux 5.13 has it; boot with lsm=landlock,... "
		    "if it is built in but off.");
	else
		doctor_remedy("TCP ports need Linux 6.7, signals 6.12; until "
		    "then let the firewall bound what `user` connects to.");
}

static bool
has_seccomp(struct doctor *d)
{
	/* SECCOMP_GET_ACTION_AVAIL, SECCOMP_RET_KILL_PROCESS */
	uint32_t kill_process = 0x80000000;

	if (syscall(SYS_seccomp, 2, 0, &kill_process) == 0)
		return true;
	doctor_say(d, GRADE_FAIL, "fences", "seccomp: the kernel refuses it, "
	    "no process would start");
	doctor_remedy("Under systemd add `SystemCallFilter=seccomp`; else "
	    "the kernel needs CONFIG_SECCOMP_FILTER.");
	return false;
}

/* Our processes are not dumpable, so this is about the moment of exec. */
static void
check_ptrace(struct doctor *d)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = -1;

	if (f != NULL) {
		if (fscanf(f, "%d", &scope) != 1)
			scope = -1;
		fclose(f);
	}
	if (scope > 0)
		doctor_say(d, GRADE_OK, "fences", "ptrace_scope %d, and no "
		    "process is dumpable", scope);
	else
		doctor_say(d, GRADE_OK, "fences", "no process is dumpable "
		    "(ptrace_scope is %s)", scope == 0 ? "0" : "not there");
}

static void
check_kernel(struct doctor *d)
{
	char text[256];

	if (has_seccomp(d)) {
		sandbox_describe(text, sizeof(text));
		doctor_say(d, GRADE_OK, "fences", "%s", text);
	}
	check_landlock(d);
	check_ptrace(d);
}
#else
static void
check_kernel(struct doctor *d)
{
	char text[256];

	sandbox_describe(text, sizeof(text));
	doctor_say(d, GRADE_OK, "fences", "%s", text);
}
#endif

void
check_fences(struct doctor *d)
{
	check_root(d);
	check_kernel(d);
}
