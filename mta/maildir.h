/*
 * Delivery into a Maildir: written in tmp, synced, renamed into new, so that
 * a message is there whole or not at all, also after a crash.
 */
#ifndef MTA_MAILDIR_H
#define MTA_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>

struct maildir {
	int dir;		/* of the Maildir, -1: not open */
	int file;		/* being written, -1: none */
	unsigned count;
	char name[160];
	char *buf;		/* with LF line ends, not yet written */
	size_t len;
};

/*
 * Opens the directory, which may then be out of sight; 0 or -1 with errno.
 * cur, new and tmp are made by the first message if they are missing.
 */
int maildir_open(struct maildir *, const char *path);
int maildir_begin(struct maildir *, const char *hostname);
int maildir_write(struct maildir *, const char *, size_t);
/* 0: it is delivered and on the disk. */
int maildir_commit(struct maildir *);
void maildir_abort(struct maildir *);

#endif
