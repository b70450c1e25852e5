/*
 * Helpers that stay. To start a program for each login is the dearest part of
 * a session; so a program that can may stay after its first login and fork
 * for each further one. Each login still has a process of its own, which
 * alone gets its descriptors; the one that stays never reads a password.
 *
 * Who starts a helper offers it a channel (base/ipc.h) on the descriptor that
 * HELPER_CHANNEL in its environment names: to programs of ours only, and not
 * through another that becomes one of them. One that knows nothing of this
 * does its work and ends. One that stays says HELPER_STAYS, reports each
 * login's end, the first one's too, and ends when the channel closes.
 */
#ifndef HELPERS_STAND_H
#define HELPERS_STAND_H

#define HELPER_CHANNEL "CHECKPASSWORD_CHANNEL"

enum helper_word {
	HELPER_STAYS = 1,	/* from the helper; before all else */
	HELPER_LOGIN,		/* u32 ticket, string TCPREMOTEIP; with the
				   descriptor for both 3 and 4 */
	HELPER_KILL,		/* u32 ticket: it takes too long */
	HELPER_ENDED		/* from the helper; u32 ticket, u32 status as
				   of waitpid(2); the first has ticket 0 */
};

/*
 * To be called first. Comes back in a process that has a login on 3 and 4
 * and nothing else to do.
 */
void stand_by(void);

#endif
