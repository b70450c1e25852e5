/*
 * White space, folding and comments, which may stand between the tokens of
 * a structured field (RFC 5322 3.2.2). Pure.
 */
#ifndef MESSAGE_CFWS_H
#define MESSAGE_CFWS_H

/* Behind them, p itself if there are none; NULL if a comment is not closed. */
const char *cfws_skip(const char *p, const char *end);

#endif
