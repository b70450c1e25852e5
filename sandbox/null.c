/*
 * No fence at all: linked into sanitizer builds only, whose runtimes need
 * calls that no role may make.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/sandbox.h"

void
sandbox_begin(void)
{
}

void
sandbox_prepare(bool dirs, bool locals)
{
	(void)dirs, (void)locals;
}

static void
drop(uid_t uid, gid_t gid)
{
	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1))
		fatal("setresuid: %s", strerror(errno));
}

void
sandbox_session(uid_t uid, gid_t gid)
{
	drop(uid, gid);
}

void
sandbox_relay(uid_t uid, gid_t gid, const struct sandbox_reach *reach)
{
	(void)reach;
	drop(uid, gid);
}

void
sandbox_probe(uid_t uid, gid_t gid)
{
	drop(uid, gid);
}

void
sandbox_nursery(void)
{
}

void
sandbox_imapfetch(const struct sandbox_reach *reach)
{
	(void)reach;
}

void
sandbox_certificate(uid_t uid, gid_t gid)
{
	drop(uid, gid);
}

void
sandbox_helper(pid_t pid)
{
	(void)pid;
}

void
sandbox_describe(char *buf, size_t size)
{
	strlcpy(buf, "none: a build for sanitizers", size);
}
