/*
 * The end of DATA: CRLF "." CRLF and nothing else (RFC 5321 4.1.1.4, 2.3.8),
 * and the removal of the dots that were put before lines (4.5.2). Bare CR and
 * LF pass as they are, the relay mends them; they never end a message. Pure.
 */
#ifndef SMTP_BODY_H
#define SMTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

/* How much of CRLF "." CRLF the octets so far have matched. */
enum data_state {
	DATA_TEXT,
	DATA_CR,
	DATA_CRLF,	/* at the start of a line: where a message begins */
	DATA_DOT,	/* the dot is held back */
	DATA_DOT_CR,	/* dot and CR are held back */
	DATA_END
};

/*
 * Takes octets from in until they are used up, out is full or the end has
 * come; out gets the content. At most two octets more than were taken now
 * can come out, those held back. Returns the octets taken.
 */
size_t data_read(enum data_state *, const char *in, size_t n, char *out,
    size_t size, size_t *out_len);

#endif
