/*
 * Between envelope.c and pending.c only: the commands of a batch that wait
 * for the next server's answers, or have one of ours.
 */
#ifndef PENDING_H
#define PENDING_H

#include "smtp/path.h"
#include "smtp/smtp.h"

struct pending {
	enum relay_verb verb;
	bool local;
	enum reply reply;	/* if local */
	char arg[ADDRESS_MAX + 1];	/* of the reply; the recipient */
	size_t line, line_len;	/* where it stands in what was said */
};

/* To be filled; what is put to the next server now belongs to it. */
struct pending *pending_add(enum relay_verb);
/* The answer is ours. */
void pending_answer(struct pending *, enum reply, const char *arg);
/* Sends what was put, and the answers to the session, in order. */
void pending_answer_all(void);

#endif
