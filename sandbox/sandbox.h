/*
 * The fence of each process, by its role. A fence that cannot be put up ends
 * the process.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <sys/types.h>

/* First thing in every process: no core file, no look into its memory. */
void sandbox_begin(void);

/*
 * Makes the empty directory that roles are put into; called as root before
 * they are born.
 */
void sandbox_prepare(void);

/* Closes all descriptors but 0 to 2 and the n given. */
void sandbox_close_others(const int *keep, size_t n);

void sandbox_session(uid_t, gid_t);
/* root: the only directory it may see, NULL for the empty one. */
void sandbox_relay(uid_t, gid_t, const char *root);
/* A relay process that looks for the next server by name: sees files. */
void sandbox_probe(uid_t, gid_t);

#endif
