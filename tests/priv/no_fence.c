/*
 * The fence left out altogether, the drop of the uid too: the control that
 * each act of the attacks would succeed but for the fence.
 */
#include <string.h>

#include "sandbox/sandbox.h"

extern const int puppet_has_no_list;
const int puppet_has_no_list = 1;

int attack_setresuid(uid_t, uid_t, uid_t);

/* imapfetch takes its uid by itself */
int
attack_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	(void)real, (void)effective, (void)saved;
	return 0;
}

void
sandbox_begin(void)
{
}

void
sandbox_prepare(bool dirs, bool locals)
{
	(void)dirs, (void)locals;
}

void
sandbox_session(uid_t uid, gid_t gid)
{
	(void)uid, (void)gid;
}

void
sandbox_relay(uid_t uid, gid_t gid, const struct sandbox_reach *reach)
{
	(void)uid, (void)gid, (void)reach;
}

void
sandbox_probe(uid_t uid, gid_t gid)
{
	(void)uid, (void)gid;
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
	(void)uid, (void)gid;
}

void
sandbox_helper(pid_t pid)
{
	(void)pid;
}

void
sandbox_describe(char *buf, size_t size)
{
	strlcpy(buf, "none: the control of a test", size);
}
