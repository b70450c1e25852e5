/*
 * The message on its way to the next server: by BDAT (RFC 3030) if it offers
 * CHUNKING, which needs no 354 and no dots, else by DATA.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/content.h"
#include "mta/io.h"

/* What is gathered before it goes out: a small message goes as one piece. */
#define PIECE (32 * 1024)

static bool
by_chunks(const struct mta *mta)
{
	return (mta->ehlo.capabilities & CAP_CHUNKING) != 0;
}

/* The answer to the oldest chunk; MTA_EARLY if it is a refusal. */
static enum mta_status
take_answer(struct mta *mta)
{
	enum mta_status status = mta_answer(mta);

	if (status != MTA_OK)
		return status;
	if (mta->chunks == 0 || mta->answer.code / 100 != 2) {
		if (mta->answer.code / 100 < 4)
			mta_fail_unasked(mta);
		return MTA_EARLY;
	}
	mta->chunks--;
	return MTA_OK;
}

static enum mta_status
drain(struct mta *mta, unsigned most)
{
	enum mta_status status = MTA_OK;

	while (status == MTA_OK && mta->chunks > most)
		status = take_answer(mta);
	return status;
}

/*
 * Answers that are there already. With TLS a mere ticket makes the socket
 * readable, so it is read before an answer is waited for.
 */
static enum mta_status
look_for_answer(struct mta *mta)
{
	struct pollfd pfd = { .fd = mta->stream.fd, .events = POLLIN };
	enum mta_status status;
	ssize_t n;

	for (;;) {
		/* with TLS poll does not see all, see base/stream.h */
		if (mta->in_len == 0 && mta->stream.tls == NULL &&
		    poll(&pfd, 1, 0) != 1)
			return MTA_OK;
		if (mta->in_len == 0) {
			n = stream_read(&mta->stream, mta->in,
			    sizeof(mta->in));
			if (n == STREAM_AGAIN)
				return MTA_OK;
			if (n <= 0)
				return mta_fail(mta, MTA_LOST, n ==
				    STREAM_EOF ? "connection closed" :
				    mta->stream.error);
			mta->in_len = (size_t)n;
		}
		status = take_answer(mta);
		if (status != MTA_OK)
			return status;
	}
}

/* A server that hangs up in the middle may have said why. */
static enum mta_status
write_or_hear(struct mta *mta, const char *p, size_t n)
{
	enum mta_status status = mta_write(mta, p, n);

	if (status == MTA_LOST && look_for_answer(mta) == MTA_EARLY)
		return MTA_EARLY;
	return status;
}

enum mta_status
mta_body_begin(struct mta *mta)
{
	enum mta_status status;

	mta->line_start = true;
	mta->chunks = 0;
	mta->finished = false;
	mta->piece.len = 0;
	if (by_chunks(mta)) {
		/* an answer unasked for would be taken for the message's */
		mta->answer.code = 250;
		return look_for_answer(mta) == MTA_OK ? MTA_OK :
		    mta_fail_unasked(mta);
	}
	mta_put(mta, "DATA");
	status = mta_flush(mta);
	if (status == MTA_OK)
		status = mta_answer(mta);
	if (status == MTA_OK && mta->answer.code / 100 == 2)
		status = mta_fail(mta, MTA_GARBAGE, "it takes DATA for done");
	/* it may still say 354: then QUIT would be content */
	mta->in_data = status != MTA_OK || mta->answer.code == 354;
	return status;
}

static enum mta_status
send_chunk(struct mta *mta, bool last)
{
	struct mta_buffer *piece = &mta->piece;
	char line[48];
	enum mta_status status;
	int n = snprintf(line, sizeof(line), "BDAT %zu%s\r\n", piece->len,
	    last ? " LAST" : "");

	status = mta_make_room(mta, piece, (size_t)n);
	if (status != MTA_OK)
		return status;
	/* one write for a small message: command and content together */
	mta_append(piece, line, (size_t)n);
	memmove(piece->p + n, piece->p, piece->len - (size_t)n);
	memcpy(piece->p, line, (size_t)n);
	status = write_or_hear(mta, piece->p, piece->len);
	piece->len = 0;
	mta->chunks++;
	mta->finished = last && status == MTA_OK;
	if (status != MTA_OK || last)
		return status;
	if (!(mta->ehlo.capabilities & CAP_PIPELINING))
		return drain(mta, 0);
	return look_for_answer(mta);
}

/* The last piece and the dot go out in one. */
static enum mta_status
send_text(struct mta *mta, bool last)
{
	static const char dot[] = ".\r\n";
	struct mta_buffer *piece = &mta->piece;
	char *stuffed = malloc(piece->len * 2 + 1 + sizeof(dot));
	enum mta_status status;
	size_t n;

	if (stuffed == NULL)
		return mta_fail(mta, MTA_LOST, STREAM_NO_MEMORY);
	n = content_dot_stuff(&mta->line_start, piece->p, piece->len,
	    stuffed);
	piece->len = 0;
	if (last) {
		memcpy(stuffed + n, dot, sizeof(dot) - 1);
		n += sizeof(dot) - 1;
	}
	status = write_or_hear(mta, stuffed, n);
	free(stuffed);
	return status == MTA_OK && !last ? look_for_answer(mta) : status;
}

enum mta_status
mta_body(struct mta *mta, const char *p, size_t n)
{
	enum mta_status status = mta_make_room(mta, &mta->piece, n);

	mta->confided = true;
	if (status != MTA_OK)
		return status;
	mta_append(&mta->piece, p, n);
	if (mta->piece.len < PIECE)
		return MTA_OK;
	return by_chunks(mta) ? send_chunk(mta, false) :
	    send_text(mta, false);
}

static enum mta_status
end_text(struct mta *mta)
{
	/* what it says before the dot is no answer to the message */
	enum mta_status status = look_for_answer(mta);

	if (status == MTA_OK)
		status = send_text(mta, true);
	mta->finished = status == MTA_OK;
	mta->in_data = !mta->finished;
	return status == MTA_OK ? mta_answer(mta) : status;
}

/*
 * All other chunks are answered before the last one goes out: an answer too
 * many, unless it is a refusal, would be taken for the message's.
 */
static enum mta_status
end_chunks(struct mta *mta)
{
	enum mta_status status = drain(mta, 0);

	if (status == MTA_OK)
		status = look_for_answer(mta);
	if (status == MTA_EARLY && mta->answer.code / 100 < 4)
		status = mta_fail_unasked(mta);
	if (status == MTA_OK)
		status = send_chunk(mta, true);
	if (status == MTA_OK)
		status = mta_answer(mta);
	mta->chunks = 0;
	return status;
}

/* All of the end has one deadline: the client has one, too. */
enum mta_status
mta_body_end(struct mta *mta)
{
	enum mta_status status;

	mta->last_deadline = clock_ms() + mta->set->timeout;
	status = by_chunks(mta) ? end_chunks(mta) : end_text(mta);
	mta->last_deadline = 0;
	return status;
}
