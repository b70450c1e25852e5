/*
 * What may go on to the next server as a message's octets: every line ends
 * in CRLF, no CR or LF stands alone (RFC 5321 2.3.8), no NUL. This is the
 * only place that decides it, for content of whatever origin; content that
 * MAIL has declared binary does not come here, but for its header. Pure.
 */
#ifndef MESSAGE_CONTENT_H
#define MESSAGE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

struct content {
	bool held_cr;	/* the last octet so far was a CR, not yet put out */
	bool line_start;	/* what was put out ends in CRLF, or is none */
	bool nul;	/* seen so far */
	bool eight_bit;
};

void content_start(struct content *);

/*
 * True if the block can go on as it is: canonical up to its last octet, the
 * state unchanged but for what it records. False: call content_mend.
 */
bool content_is_clean(struct content *, const char *in, size_t n);

/*
 * Writes the block with each bare CR and LF made a CRLF. out needs
 * 2 * n + 2 octets. Returns the length.
 */
size_t content_mend(struct content *, const char *in, size_t n, char *out);

/* The rest at the end, so that the last line ends too: 0 or 2 octets. */
size_t content_finish(struct content *, char out[2]);

/*
 * Doubles the dots at line starts (RFC 5321 4.5.2); at_start tells whether
 * in begins a line and is kept up to date. in is clean; out needs 2 * n.
 */
size_t content_dot_stuff(bool *at_start, const char *in, size_t n, char *out);

#endif
