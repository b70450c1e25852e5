/*
 * Children that somebody has stopped (SIGSTOP, a debugger that died). Whoever
 * stopped one may let it go on, for a while; then it is to be killed, for it
 * holds a client's place and nobody would ever hear of it. The table is the
 * process's own, as its children are.
 */
#ifndef STOPPED_H
#define STOPPED_H

#include <sys/types.h>

#include <stdbool.h>

#define STOPPED_LIMIT	30000	/* ms */
/* for waitpid(2), so that it tells of them */
#define STOPPED_TOO	(WUNTRACED | WCONTINUED)

/*
 * Takes what waitpid(2) has said. True: the child lives, it was stopped or
 * goes on; false: it has ended.
 */
bool stopped_note(pid_t, int status);

/* ms until stopped_kill() has one; -1: none is stopped. */
int stopped_wait(void);

/* Kills and logs one that has been stopped for too long; 0: there is none. */
pid_t stopped_kill(void);

#endif
