/*
 * What the monitor counts over connections: failed logins of a source, and
 * recipients of a user. It is a memory file that a generation hands on to the
 * next, or a file in the state directory where there is one; the living
 * monitors share it.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>

/*
 * The descriptor, to be handed on; alone: this process serves one connection
 * only, and then -1 says that the counts cannot be kept.
 */
int ledger_make(bool alone);
void ledger_open(int fd);	/* ours from here on, but never closed */
/* Nothing would be lost if no monitor lived. */
bool ledger_may_go(void);

/*
 * ms that a login from this address has to wait before it is tried, at most
 * `most`; -1: too many wait already. A place in the row is taken by asking.
 */
long ledger_login_wait(const char *address, unsigned most);
void ledger_login_failed(const char *address);

struct allowance {
	unsigned granted;
	unsigned again;		/* seconds until there are more */
	bool first_refusal;	/* of this period */
};

/* Takes up to `want` of the `limit` recipients in `period` seconds. */
struct allowance ledger_take(const char *user, unsigned want, unsigned limit,
    unsigned period);

#endif
