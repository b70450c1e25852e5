/*
 * Tokens of one text part of an IMAP response. A span is what is left of
 * the text; the functions take from its front.
 */
#ifndef IMAP_SPAN_H
#define IMAP_SPAN_H

#include "imap/response.h"

struct span {
	char *p, *end;
};

enum span_value {
	VALUE_NONE,	/* not well-formed */
	VALUE_ATOM,
	VALUE_QUOTED,
	VALUE_LITERAL	/* it follows this text */
};

/* The whole span is this word, in any case. */
bool span_is(struct span, const char *word);

/* Takes c if it comes next. */
bool span_take(struct span *, char c);

/* Takes what stands before any of the stops, possibly nothing. */
struct span span_until(struct span *, const char *stops);

/* Takes the rest of a quoted string behind its opening quote; unescaped in
   place. */
bool span_quoted(struct span *, struct span *out);

/* Takes an atom (up to a stop), a quoted string, or the literal the text
   ends with. */
enum span_value span_value(struct span *, const struct imap_event *,
    const char *stops, struct span *out);

/* Digits only, 1..2^32-1; 0 if it is something else. */
uint32_t span_number(struct span);

#endif
