/*
 * A seized process, led by the test: it obeys lines, tries what they say and
 * tells how it went. The same in each role; what differs is the fence.
 *
 *	act NAME [NUMBER [TEXT]]	a system call, see acts.c
 *	send CHANNEL TYPE FLAGS HEX [CHANNEL ...]	a frame, descriptors along
 *	raw CHANNEL HEX			octets that need not be a frame
 *	recv CHANNEL MS			type, flags, length, octets, descriptor
 *	repeat N LINE			the line so many times
 *
 * Channels are letters: m monitor, r relay, f imapfetch, s session, c client;
 * a received descriptor takes the letter r (S_RELAY) or f (S_FETCH).
 */
#ifndef PRIV_PUPPET_H
#define PRIV_PUPPET_H

#include <stddef.h>

#define PUPPET_LINE (256 * 1024)

/* Descriptors by letter, -1: none. */
extern int puppet_channels[128];

void puppet_start(void);
/* One line, which is cut up; the answer is a text without a newline. */
void puppet_obey(char *line, char *answer, size_t size);

/* acts.c: like a system call; -1 and errno, ENOSYS if there is no such act. */
long act(const char *name, long number, const char *text);

#endif
