/*
 * A reply of the next server (RFC 5321 4.2.1), gathered line by line. Pure.
 */
#ifndef MTA_ANSWER_H
#define MTA_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_MAX	8192	/* text of all lines */
#define ANSWER_LINE_MAX	2048	/* tolerated; RFC 5321 says 512 */
#define ANSWER_TEXT_MAX	490	/* of a line is kept; ours have 512 */

struct answer {
	int code;		/* 0: nothing yet */
	size_t len;
	char text[ANSWER_MAX + 1];	/* lines parted by \n, terminated */
};

enum answer_status {
	ANSWER_MORE,		/* a line was taken, another must follow */
	ANSWER_DONE,
	ANSWER_BAD		/* nonsense: the dialogue is lost */
};

void answer_start(struct answer *);

/* One line without its line end. Unprintable octets become '?'. */
enum answer_status answer_line(struct answer *, const char *line, size_t n);

/* Length of the enhanced code that its text begins with (RFC 2034), or 0. */
size_t answer_enhanced(const struct answer *);

/*
 * Makes it fit for our client: an enhanced code on each line where the next
 * server gave none (RFC 2034), and no 421, which would speak of our own
 * connection, nor 521. buf takes ANSWER_MAX + 1 + room; returns the length.
 */
size_t answer_for_client(const struct answer *, int *code, char *buf,
    size_t size);

#endif
