/*
 * The fence without its lists of system calls: what uid, empty root, limits
 * and Landlock hold back by themselves.
 */
#include "sandbox/linux.h"

extern const int puppet_has_no_list;
const int puppet_has_no_list = 1;

void
seccomp_make_filters(bool dirs, bool locals)
{
	(void)dirs, (void)locals;
}

void
seccomp_session(void)
{
}

void
seccomp_relay(void)
{
}

void
seccomp_make_imapfetch(void)
{
}

void
seccomp_imapfetch(void)
{
}

void
seccomp_no_exec(const char *role)
{
	(void)role;
}

void
seccomp_make_certificate(void)
{
}

void
seccomp_certificate(void)
{
}
