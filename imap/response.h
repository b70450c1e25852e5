/*
 * The octets of an IMAP server cut into responses: lines, and literals of
 * exactly the announced size (RFC 3501 sections 2.2 and 4.3; literal8 of
 * RFC 3516). Pure and incremental: feed what came, in any pieces.
 */
#ifndef IMAP_RESPONSE_H
#define IMAP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All text of one response, its literals not counted. */
#define IMAP_LINE_MAX (64 * 1024)

enum imap_event_type {
	IMAP_MORE,	/* all was taken, no event: feed more */
	IMAP_LINE,	/* text, up to the CRLF that ends the response */
	IMAP_LITERAL,	/* text, up to the announcement of a literal */
	IMAP_OCTETS,	/* some octets of the literal */
	IMAP_BAD	/* not IMAP; the reader is of no more use */
};

struct imap_event {
	enum imap_event_type type;
	bool first;		/* the text begins a response */
	char *text;		/* terminated, without {n} and CRLF */
	size_t text_len;
	uint64_t size;		/* IMAP_LITERAL: 0..2^63-1 */
	const unsigned char *octets;	/* IMAP_OCTETS: in his buffer */
	size_t octets_len;
	bool last;		/* IMAP_OCTETS: the literal is complete */
	const char *why;	/* IMAP_BAD: a constant text */
};

struct imap_reader {
	enum {
		IN_TEXT,
		IN_LITERAL,
		IN_FAULT
	} state;
	bool first;
	size_t len;		/* of the text gathered so far */
	size_t used;		/* text of earlier parts of this response */
	uint64_t left;		/* octets of the literal still to come */
	char text[IMAP_LINE_MAX + 1];
};

void imap_reader_start(struct imap_reader *);

/*
 * The next event out of *in, *left octets, which are moved on. An empty
 * literal is one IMAP_OCTETS event without octets. The text is valid until
 * the next call.
 */
enum imap_event_type imap_read(struct imap_reader *,
    const unsigned char **in, size_t *left, struct imap_event *);

#endif
