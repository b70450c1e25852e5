/*
 * OpenBSD: own uid, empty root, pledge(2) and unveil(2). Each promise has its
 * reason on its line.
 */
#include <sys/resource.h>
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/sandbox.h"

#define EMPTY "/var/empty"

static const char session_promises[] =
    "stdio "		/* octets in and out, poll, memory */
    "recvfd";		/* the relay's channel comes from the monitor */

static const char relay_promises[] =
    "stdio "		/* octets in and out, poll, memory */
    "recvfd "		/* the session's channel comes from the monitor */
    "inet unix";	/* to the next server, by TCP or a Unix socket */

static const char maildir_promises[] =
    "stdio recvfd inet unix "
    "rpath wpath cpath";	/* new files, and their renaming */

static const char probe_promises[] =
    "stdio recvfd inet unix "
    "dns rpath";	/* names of next servers */

static const char nursery_promises[] =
    "stdio "		/* the channel */
    "inet unix "	/* accept */
    "sendfd recvfd "	/* newborns' channels to the monitor, and back */
    "proc "		/* fork, kill */
    "id "		/* the children take their own uid */
    "rpath wpath cpath dns";	/* what a relay needs before its own fence */

static const char imapfetch_promises[] =
    "stdio "		/* octets in and out, poll, memory */
    "recvfd sendfd "	/* the relay's channel comes with each URL */
    "inet";		/* to the IMAP server */

void
sandbox_begin(void)
{
	/* no core file; others' processes cannot be traced here anyway */
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("setrlimit: %s", strerror(errno));
}

void
sandbox_prepare(bool dirs, bool locals)
{
	(void)dirs, (void)locals;
}

static void
change_root(const char *root)
{
	if (geteuid() != 0)
		return;
	if (chroot(root == NULL ? EMPTY : root) == -1 || chdir("/") == -1)
		fatal("chroot: %s", strerror(errno));
}

static void
drop(uid_t uid, gid_t gid)
{
	if (geteuid() == 0 && (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1))
		fatal("setresuid: %s", strerror(errno));
}

static void
promise(const char *promises)
{
	if (pledge(promises, NULL) == -1)
		fatal("pledge: %s", strerror(errno));
}

void
sandbox_session(uid_t uid, gid_t gid)
{
	change_root(NULL);
	drop(uid, gid);
	promise(session_promises);
}

void
sandbox_relay(uid_t uid, gid_t gid, const struct sandbox_reach *reach)
{
	change_root(reach->root);
	drop(uid, gid);
	/* Maildirs are reached by descriptor; nothing else has a name here */
	promise(reach->n_dirs > 0 ? maildir_promises : relay_promises);
}

void
sandbox_probe(uid_t uid, gid_t gid)
{
	drop(uid, gid);
	if (unveil("/etc", "r") == -1 || unveil(NULL, NULL) == -1)
		fatal("unveil: %s", strerror(errno));
	promise(probe_promises);
}

void
sandbox_nursery(void)
{
	promise(nursery_promises);
}

void
sandbox_imapfetch(const struct sandbox_reach *reach)
{
	(void)reach;	/* pledge knows no ports */
	promise(imapfetch_promises);
}

void
sandbox_certificate(uid_t uid, gid_t gid)
{
	change_root(NULL);
	drop(uid, gid);
	promise("stdio");
}

void
sandbox_helper(pid_t pid)
{
	(void)pid;	/* another process's limits cannot be set */
}

void
sandbox_describe(char *buf, size_t size)
{
	snprintf(buf, size, "pledge, unveil%s",
	    geteuid() == 0 ? ", own uid, empty root" : "");
}
