/*
 * What the server's responses mean for the one command that is under way.
 * Pure: takes the events of imap/response.h, tells what to do with each.
 */
#ifndef IMAP_ANSWER_H
#define IMAP_ANSWER_H

#include "imap/response.h"

/* What a server may send besides the answer, for one command. */
#define IMAP_UNTAGGED_MAX 1000
#define IMAP_SKIPPED_MAX (1024 * 1024)

enum imap_question {
	ASK_CAPABILITY,	/* whatever comes before its tagged line is ignored */
	ASK_URLFETCH,
	ASK_GENURLAUTH,
	ASK_EXAMINE,
	ASK_FETCH	/* UID FETCH n (BODY.PEEK[...]) */
};

enum imap_step {
	STEP_GO,	/* nothing to do, next event */
	STEP_SIZE,	/* the content follows, `size` octets of it */
	STEP_OCTETS,	/* the event's octets are content */
	STEP_TEXT,	/* `content`, `size` octets: all of the content */
	STEP_DONE,	/* the tagged line, see `condition` and `code` */
	STEP_BYE,	/* the server says good-bye, see `code` */
	STEP_BAD	/* nonsense, see `why` */
};

enum imap_condition {
	IMAP_OK,
	IMAP_NO,
	IMAP_REJECTED	/* BAD */
};

struct imap_answer {
	/* the question */
	enum imap_question ask;
	const char *tag;
	const char *url;	/* URLFETCH, GENURLAUTH: what must come back */
	size_t url_len;
	uint32_t uid;		/* FETCH */
	bool partial;
	uint32_t offset;

	/* the answer */
	bool has_urlauth;	/* CAPABILITY */
	uint32_t uidvalidity;	/* EXAMINE; 0 if not told */
	bool found;		/* the URL's or message's response came */
	bool nil;		/* it holds NIL */
	bool equal;		/* GENURLAUTH: it is the URL */
	char *content;
	uint64_t size;
	enum imap_condition condition;
	char code[32];		/* of [CODE ...], "" if none */
	const char *why;	/* STEP_BAD: a constant text */

	/* where we are in a response */
	enum {
		SKIP,		/* of no interest */
		URL_VALUE,	/* a literal that holds the URL */
		CONTENT_VALUE,	/* the literal that is the content */
		IN_END,		/* nothing may follow */
		IN_CONTENT,	/* the content follows the URL */
		IN_ITEMS	/* amid the list of a FETCH response */
	} place;
	bool body_seen, uid_seen, uid_wrong;
	unsigned char differs;
	size_t compared, skipped;
	unsigned untagged;
};

/* Sets the answer to empty; the question is filled in by the caller. */
void imap_answer_start(struct imap_answer *, enum imap_question,
    const char *tag);

enum imap_step imap_answer_take(struct imap_answer *, struct imap_event *);

#endif
