/*
 * The fence of each process, by its role. A fence that cannot be put up ends
 * the process; what this kernel does not know at all (Landlock before 6.7
 * knows no TCP, before 6.12 no scope) is told by sandbox_describe().
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_PORTS_MAX 16
#define SANDBOX_DIRS_MAX 8

/* What a process with a way out may reach. */
struct sandbox_reach {
	uint16_t ports[SANDBOX_PORTS_MAX];	/* TCP, to connect to */
	size_t n_ports;
	int dirs[SANDBOX_DIRS_MAX];		/* open; to write messages in */
	size_t n_dirs;
	const char *root;	/* its root directory, NULL: the empty one */
};

/* First thing in every process: no core file, no look into its memory. */
void sandbox_begin(void);

/*
 * Before the roles are born: makes the empty directory, as root, and the
 * filters, so that putting one up costs little. dirs tells whether a relay
 * writes into directories, locals whether it connects to Unix sockets.
 */
void sandbox_prepare(bool dirs, bool locals);

/* Closes all descriptors but 0 to 2 and the n given. */
void sandbox_close_others(const int *keep, size_t n);

/* A session: its channels and its client, no file, no socket, no process. */
void sandbox_session(uid_t, gid_t);
/* A relay: connects to the given ports, writes into the given directories. */
void sandbox_relay(uid_t, gid_t, const struct sandbox_reach *);
/* A relay process that looks for the next server by name: reads files. */
void sandbox_probe(uid_t, gid_t);
/* The nursery: forks, and never executes anything. */
void sandbox_nursery(void);
/* imapfetch, when all names are resolved and it has dropped its uid. */
void sandbox_imapfetch(const struct sandbox_reach *);
/*
 * checkcertificate, when its file is read: it reads descriptor 3, computes
 * and answers.
 */
void sandbox_certificate(uid_t, gid_t);
/* Limits on a helper program that has just been started. */
void sandbox_helper(pid_t);

/* One line for `-n` and the log: what holds here. */
void sandbox_describe(char *buf, size_t size);

#endif
