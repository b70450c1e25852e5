/* Between the files of the Linux fence only. */
#ifndef SANDBOX_LINUX_H
#define SANDBOX_LINUX_H

#include <stdbool.h>

#include "sandbox/sandbox.h"

/* landlock.c */
int landlock_abi(void);		/* 0: this kernel has none */
void landlock_session(void);	/* nothing at all */
void landlock_reach(const struct sandbox_reach *);
void landlock_probe(void);	/* may read */

/* seccomp.c */
void seccomp_make_filters(bool dirs, bool locals);
void seccomp_session(void);
void seccomp_relay(void);
void seccomp_make_imapfetch(void);	/* needs a file for a moment */
void seccomp_imapfetch(void);
void seccomp_make_certificate(void);	/* the same */
void seccomp_certificate(void);
void seccomp_no_exec(const char *name);

#endif
