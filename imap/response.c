/*
 * A response is text parts and literals in turn, and ends with a text part:
 *
 *	response = *( text "{" size "}" CRLF literal ) text CRLF
 *
 * The size may be followed by "+" and preceded by "~". Status responses (OK,
 * NO, BAD, BYE, PREAUTH, tagged or not, and "+") end in human text, which
 * may look like an announcement but never is one: they are always one line.
 * A line ends in CRLF; a CR, LF or NUL elsewhere is a fault, as is a size
 * beyond 2^63-1. Whether a size is wanted is the caller's question; it has
 * the answer before the first octet of it is taken.
 */
#include <string.h>
#include <strings.h>

#include "imap/response.h"

void
imap_reader_start(struct imap_reader *r)
{
	r->state = IN_TEXT;
	r->first = true;
	r->len = 0;
	r->used = 0;
	r->left = 0;
}

static enum imap_event_type
bad(struct imap_reader *r, struct imap_event *event, const char *why)
{
	r->state = IN_FAULT;
	event->type = IMAP_BAD;
	event->why = why;
	return IMAP_BAD;
}

/* Takes octets up to LF or the end; true if the LF was there. */
static bool
gather(struct imap_reader *r, const unsigned char **in, size_t *left,
    bool *too_long)
{
	const unsigned char *lf = memchr(*in, '\n', *left);
	size_t n = lf == NULL ? *left : (size_t)(lf - *in) + 1;

	*too_long = n > IMAP_LINE_MAX - r->used - r->len;
	if (*too_long)
		return false;
	memcpy(r->text + r->len, *in, n);
	r->len += n;
	*in += n;
	*left -= n;
	return lf != NULL;
}

static bool
is_status_word(const char *p)
{
	static const char *const words[] = {
		"OK", "NO", "BAD", "BYE", "PREAUTH"
	};
	size_t i, len = strcspn(p, " ");

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len &&
		    strncasecmp(p, words[i], len) == 0)
			return true;
	return false;
}

static bool
is_status(const char *text)
{
	const char *space = strchr(text, ' ');

	return text[0] == '+' || (space != NULL && is_status_word(space + 1));
}

enum announcement {
	NONE,
	FOUND,
	TOO_BIG
};

/* A literal announced at the end of the text is cut off there. */
static enum announcement
announced(char *text, size_t *len, uint64_t *size)
{
	char *p = text + *len, *end;
	uint64_t n = 0;

	if (*len < 3 || *--p != '}')
		return NONE;
	if (p[-1] == '+')
		p--;
	end = p;
	while (p > text && p[-1] >= '0' && p[-1] <= '9')
		p--;
	if (p == end || p == text || p[-1] != '{')
		return NONE;
	*len = (size_t)(p - 1 - text);
	for (; p < end; p++) {
		if (n > (INT64_MAX - (uint64_t)(*p - '0')) / 10)
			return TOO_BIG;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (*len > 0 && text[*len - 1] == '~')
		(*len)--;
	text[*len] = '\0';
	*size = n;
	return FOUND;
}

static enum imap_event_type
end_text(struct imap_reader *r, struct imap_event *event)
{
	size_t len = r->len - 2;
	enum announcement found = NONE;

	if (r->len < 2 || r->text[len] != '\r')
		return bad(r, event, "line does not end in CRLF");
	r->text[len] = '\0';
	if (memchr(r->text, '\r', len) != NULL || strlen(r->text) != len)
		return bad(r, event, "CR or NUL inside a line");
	r->used += r->len;
	r->len = 0;
	if (!r->first || !is_status(r->text))
		found = announced(r->text, &len, &event->size);
	if (found == TOO_BIG)
		return bad(r, event, "literal size out of range");
	event->type = found == FOUND ? IMAP_LITERAL : IMAP_LINE;
	event->first = r->first;
	event->text = r->text;
	event->text_len = len;
	r->state = found == FOUND ? IN_LITERAL : IN_TEXT;
	r->left = event->size;
	r->first = found != FOUND;
	if (r->first)
		r->used = 0;
	return event->type;
}

static enum imap_event_type
take_literal(struct imap_reader *r, const unsigned char **in, size_t *left,
    struct imap_event *event)
{
	size_t n = *left < r->left ? *left : (size_t)r->left;

	if (n == 0 && r->left > 0)
		return IMAP_MORE;
	event->type = IMAP_OCTETS;
	event->octets = *in;
	event->octets_len = n;
	*in += n;
	*left -= n;
	r->left -= n;
	event->last = r->left == 0;
	if (event->last)
		r->state = IN_TEXT;
	return IMAP_OCTETS;
}

enum imap_event_type
imap_read(struct imap_reader *r, const unsigned char **in, size_t *left,
    struct imap_event *event)
{
	bool too_long;

	memset(event, 0, sizeof(*event));
	if (r->state == IN_FAULT)
		return bad(r, event, "after a fault");
	if (r->state == IN_LITERAL)
		return take_literal(r, in, left, event);
	if (*left == 0)
		return IMAP_MORE;
	if (gather(r, in, left, &too_long))
		return end_text(r, event);
	return too_long ? bad(r, event, "line too long") : IMAP_MORE;
}
