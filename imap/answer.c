/*
 * The responses that matter (RFC 3501 sections 7 and 9, RFC 4467 section 9):
 *
 *	* CAPABILITY word ...
 *	* URLFETCH astring nstring
 *	* GENURLAUTH astring
 *	* OK [UIDVALIDITY n] text
 *	* n FETCH (item value item value ...)	; UID n, BODY[...]<n> nstring
 *	* BYE text
 *	tag OK / NO / BAD [code] text
 *
 * An astring is an atom, quoted, or a literal; an nstring is quoted, a
 * literal, or NIL. All other untagged responses are skipped, but counted:
 * a server that never comes to the point is cut off. Nothing but the code
 * atom of a human text is kept, since these texts quote the URL's token.
 */
#include <string.h>
#include <strings.h>

#include "imap/answer.h"
#include "imap/span.h"

void
imap_answer_start(struct imap_answer *a, enum imap_question ask,
    const char *tag)
{
	memset(a, 0, sizeof(*a));
	a->ask = ask;
	a->tag = tag;
}

static enum imap_step
bad(struct imap_answer *a, const char *why)
{
	a->why = why;
	return STEP_BAD;
}

/* "[CODE" of a status text; only what is safe in a log is kept. */
static void
keep_code(struct imap_answer *a, struct span s)
{
	size_t len = 0;

	a->code[0] = '\0';
	if (!span_take(&s, '['))
		return;
	while (s.p < s.end && len + 1 < sizeof(a->code) &&
	    ((*s.p >= 'A' && *s.p <= 'Z') || (*s.p >= '0' && *s.p <= '9') ||
	    *s.p == '-'))
		a->code[len++] = *s.p++;
	a->code[len] = '\0';
}

/* Adds octets to the comparison with the URL, in time that does not tell
   where they differ. */
static void
compare(struct imap_answer *a, const void *octets, size_t len)
{
	const unsigned char *p = octets;
	size_t i;

	for (i = 0; i < len; i++, a->compared++) {
		if (a->compared >= a->url_len)
			a->differs = 1;
		else
			a->differs |= p[i] ^
			    (unsigned char)a->url[a->compared];
	}
}

static enum imap_step
compared(struct imap_answer *a)
{
	a->equal = !a->differs && a->compared == a->url_len;
	if (a->ask == ASK_URLFETCH && !a->equal)
		return bad(a, "answer for another URL");
	return STEP_GO;
}

/* SP nstring. */
static enum imap_step
take_content(struct imap_answer *a, struct span *s,
    const struct imap_event *event)
{
	struct span text;

	a->place = IN_END;
	if (!span_take(s, ' '))
		return bad(a, "no content where it should be");
	switch (span_value(s, event, " )", &text)) {
	case VALUE_LITERAL:
		a->place = CONTENT_VALUE;
		a->size = event->size;
		return STEP_SIZE;
	case VALUE_QUOTED:
		a->content = text.p;
		a->size = (uint64_t)(text.end - text.p);
		return STEP_TEXT;
	case VALUE_ATOM:
		if (span_is(text, "NIL")) {
			a->nil = true;
			return STEP_GO;
		}
		break;
	case VALUE_NONE:
		break;
	}
	return bad(a, "content is no string and not NIL");
}

/* The response must end with this text. */
static enum imap_step
expect_end(struct imap_answer *a, struct span s,
    const struct imap_event *event, enum imap_step step)
{
	if (s.p != s.end || event->type != IMAP_LINE)
		return bad(a, "more in a response than there should be");
	return step;
}

static enum imap_step
content_and_end(struct imap_answer *a, struct span s,
    const struct imap_event *event)
{
	enum imap_step step = take_content(a, &s, event);

	if (step == STEP_BAD || step == STEP_SIZE)
		return step;
	return expect_end(a, s, event, step);
}

/* URLFETCH and GENURLAUTH: SP astring, and for the first the content. */
static enum imap_step
url_response(struct imap_answer *a, struct span s,
    const struct imap_event *event)
{
	struct span url;
	enum span_value value;

	if (a->found)
		return bad(a, "a second answer");
	a->found = true;
	if (!span_take(&s, ' '))
		return bad(a, "no URL where it should be");
	value = span_value(&s, event, " ", &url);
	if (value == VALUE_NONE)
		return bad(a, "no URL where it should be");
	if (value == VALUE_LITERAL) {
		a->place = URL_VALUE;
		return event->size > a->url_len ?
		    bad(a, "answer for another URL") : STEP_GO;
	}
	compare(a, url.p, (size_t)(url.end - url.p));
	if (compared(a) == STEP_BAD)
		return STEP_BAD;
	if (a->ask == ASK_URLFETCH)
		return content_and_end(a, s, event);
	return expect_end(a, s, event, STEP_GO);
}

/* The value of a FETCH item of no interest: atom, quoted, or a list. */
static bool
skip_value(struct span *s)
{
	struct span ignored;
	int depth = 0;

	do {
		if (span_take(s, '"')) {
			if (!span_quoted(s, &ignored))
				return false;
		} else if (span_take(s, '('))
			depth++;
		else if (depth > 0 && span_take(s, ')'))
			depth--;
		else if (depth == 0 || !span_take(s, ' ')) {
			ignored = span_until(s, " ()\"");
			if (ignored.p == ignored.end)
				return false;
		}
	} while (depth > 0);
	return true;
}

/* "BODY[...]", with "<offset>" if and only if a part was asked for. */
static bool
is_body(struct imap_answer *a, struct span *s)
{
	struct span offset;

	span_until(s, "]");
	if (!span_take(s, ']'))
		return false;
	if (!span_take(s, '<'))
		return !a->partial;
	offset = span_until(s, ">");
	if (!span_take(s, '>') || !a->partial)
		return false;
	return a->offset == span_number(offset);
}

static enum imap_step
body_item(struct imap_answer *a, struct span *s,
    const struct imap_event *event)
{
	if (a->found)
		return bad(a, "a second answer");
	if (a->uid_wrong)
		return bad(a, "another message");
	if (!is_body(a, s))
		return bad(a, "another part of the message");
	a->found = true;
	a->body_seen = true;
	return take_content(a, s, event);
}

static enum imap_step
uid_item(struct imap_answer *a, struct span *s)
{
	span_take(s, ' ');
	a->uid_seen = span_number(span_until(s, " )")) == a->uid;
	a->uid_wrong = !a->uid_seen;
	return STEP_GO;
}

/* Behind the last item: was it the message we asked for? */
static enum imap_step
end_items(struct imap_answer *a, struct span s,
    const struct imap_event *event, enum imap_step step)
{
	if (a->body_seen && !a->uid_seen)
		return bad(a, "another message");
	return expect_end(a, s, event, step);
}

static enum imap_step
items(struct imap_answer *a, struct span s, const struct imap_event *event)
{
	enum imap_step step, content = STEP_GO;
	struct span name;

	for (;;) {
		while (span_take(&s, ' '))
			;
		if (span_take(&s, ')'))
			return end_items(a, s, event, content);
		name = span_until(&s, " [)");
		step = STEP_GO;
		if (span_is(name, "BODY") && span_take(&s, '['))
			step = content = body_item(a, &s, event);
		else if (span_is(name, "UID"))
			step = uid_item(a, &s);
		else if (name.p == name.end || !span_take(&s, ' ') ||
		    !skip_value(&s))
			return bad(a, "FETCH response not understood");
		if (step == STEP_BAD || step == STEP_SIZE)
			return step;
	}
}

static enum imap_step
fetch_response(struct imap_answer *a, struct span s,
    const struct imap_event *event)
{
	a->body_seen = false;
	a->uid_seen = false;
	a->uid_wrong = false;
	a->place = IN_ITEMS;
	if (!span_take(&s, ' ') || !span_take(&s, '('))
		return bad(a, "FETCH response not understood");
	return items(a, s, event);
}

static void
capability_response(struct imap_answer *a, struct span s)
{
	while (span_take(&s, ' '))
		if (span_is(span_until(&s, " "), "URLAUTH"))
			a->has_urlauth = true;
}

/* * OK [UIDVALIDITY n] */
static void
ok_response(struct imap_answer *a, struct span s)
{
	if (!span_take(&s, ' ') || !span_take(&s, '['))
		return;
	if (span_is(span_until(&s, " ]"), "UIDVALIDITY") && span_take(&s, ' '))
		a->uidvalidity = span_number(span_until(&s, "]"));
}

/* Of no interest, and neither are its literals, up to a limit. */
static enum imap_step
skip(struct imap_answer *a, const struct imap_event *event)
{
	a->place = SKIP;
	a->skipped += event->text_len;
	if (event->type == IMAP_LITERAL) {
		if (event->size > IMAP_SKIPPED_MAX)
			return bad(a, "too much besides the answer");
		a->skipped += (size_t)event->size;
	}
	if (a->skipped > IMAP_SKIPPED_MAX)
		return bad(a, "too much besides the answer");
	return STEP_GO;
}

static enum imap_step
untagged(struct imap_answer *a, struct span s, const struct imap_event *event)
{
	struct span word = span_until(&s, " "), rest = s;

	if (++a->untagged > IMAP_UNTAGGED_MAX)
		return bad(a, "too much besides the answer");
	if (span_is(word, "BYE")) {
		span_take(&s, ' ');
		keep_code(a, s);
		return STEP_BYE;
	}
	if (span_is(word, "URLFETCH") && a->ask == ASK_URLFETCH)
		return url_response(a, s, event);
	if (span_is(word, "GENURLAUTH") && a->ask == ASK_GENURLAUTH)
		return url_response(a, s, event);
	if (a->ask == ASK_FETCH && span_number(word) > 0 &&
	    span_take(&rest, ' ') &&
	    span_is(span_until(&rest, " "), "FETCH"))
		return fetch_response(a, rest, event);
	if (span_is(word, "CAPABILITY") && a->ask == ASK_CAPABILITY)
		capability_response(a, s);
	if (span_is(word, "OK") && a->ask == ASK_EXAMINE)
		ok_response(a, s);
	return skip(a, event);
}

static enum imap_step
tagged(struct imap_answer *a, struct span s)
{
	struct span word = span_until(&s, " ");

	if (span_is(word, "OK"))
		a->condition = IMAP_OK;
	else if (span_is(word, "NO"))
		a->condition = IMAP_NO;
	else if (span_is(word, "BAD"))
		a->condition = IMAP_REJECTED;
	else
		return bad(a, "tagged line without OK, NO or BAD");
	span_take(&s, ' ');
	keep_code(a, s);
	return STEP_DONE;
}

static enum imap_step
begin(struct imap_answer *a, struct span s, const struct imap_event *event)
{
	struct span word = span_until(&s, " ");

	span_take(&s, ' ');
	if (span_is(word, "*"))
		return untagged(a, s, event);
	if ((size_t)(word.end - word.p) == strlen(a->tag) &&
	    memcmp(word.p, a->tag, strlen(a->tag)) == 0)
		return tagged(a, s);
	if (a->ask != ASK_CAPABILITY)
		return bad(a, "line that answers no command of ours");
	if (++a->untagged > IMAP_UNTAGGED_MAX)
		return bad(a, "too much besides the answer");
	return skip(a, event);
}

/* The text behind a literal. */
static enum imap_step
go_on(struct imap_answer *a, struct span s, const struct imap_event *event)
{
	switch (a->place) {
	case IN_CONTENT:
		return content_and_end(a, s, event);
	case IN_ITEMS:
		return items(a, s, event);
	case IN_END:
		return expect_end(a, s, event, STEP_GO);
	default:
		return skip(a, event);
	}
}

static enum imap_step
octets(struct imap_answer *a, const struct imap_event *event)
{
	if (a->place == CONTENT_VALUE) {
		if (event->last)
			a->place = a->ask == ASK_FETCH ? IN_ITEMS : IN_END;
		return STEP_OCTETS;
	}
	if (a->place != URL_VALUE)
		return STEP_GO;
	compare(a, event->octets, event->octets_len);
	if (!event->last)
		return STEP_GO;
	a->place = a->ask == ASK_URLFETCH ? IN_CONTENT : IN_END;
	return compared(a);
}

enum imap_step
imap_answer_take(struct imap_answer *a, struct imap_event *event)
{
	struct span s;

	switch (event->type) {
	case IMAP_LINE:
	case IMAP_LITERAL:
		s.p = event->text;
		s.end = event->text + event->text_len;
		return event->first ? begin(a, s, event) : go_on(a, s, event);
	case IMAP_OCTETS:
		return octets(a, event);
	case IMAP_BAD:
		return bad(a, event->why);
	case IMAP_MORE:
		break;
	}
	return STEP_GO;
}
