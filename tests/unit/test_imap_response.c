/*
 * imap/response.c, imap/span.c and imap/answer.c: what octets of a server
 * mean for a command. Each row is fed whole, octet by octet, and cut in two
 * at every place; the outcome must be the same. It is printed as:
 *
 *	size=N	a literal of that size is the content
 *	"..."	content
 *	OK NO BAD BYE, with [CODE]	how it ended
 *	bad: ...	nonsense
 *	...	not at an end yet
 */
#include "imap/answer.h"
#include "tests/unit/unit.h"

#define URL "imap://h/a/;UID=1"
#define Q "\"" URL "\""

struct row {
	enum imap_question ask;
	const char *in;
	const char *out;
	size_t len;	/* 0: strlen */
};

static const struct row rows[] = {
/* lines and literals */
{ ASK_URLFETCH, "* URLFETCH " URL " {3}\r\nabc\r\nT OK x\r\n",
  "size=3 \"abc\" OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {3+}\r\nabc\r\nT OK x\r\n",
  "size=3 \"abc\" OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " ~{3}\r\na\0b\r\nT OK\r\n",
  "size=3 \"a\\x00b\" OK", 11 + 19 + 1 + 4 + 2 + 3 + 2 + 6 },
{ ASK_URLFETCH, "* urlfetch {17}\r\n" URL " {0}\r\n\r\nt OK x\r\nT ok\r\n",
  "size=0 bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "* urlfetch {17}\r\n" URL " {0}\r\n\r\nT ok\r\n",
  "size=0 OK", 0 },
{ ASK_URLFETCH, "* URLFETCH {17}\r\n" URL " NIL\r\nT OK\r\n", "NIL OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " nil\r\nT OK\r\n", "NIL OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"\"\r\nT OK\r\n", "\"\" OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"a\\\"b\\\\\"\r\nT OK\r\n",
  "\"a\"b\\\" OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {9}\r\nT OK a\r\n*\r\nT NO\r\n",
  "size=9 \"T OK a\\x0d\\x0a*\" NO", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {3}\r\nab", "size=3 \"ab\" ...", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {9223372036854775807}\r\nab",
  "size=9223372036854775807 \"ab\" ...", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {9223372036854775808}\r\nab",
  "bad: literal size out of range", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {18446744073709551619}\r\nab",
  "bad: literal size out of range", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {4294967299}\r\nab",
  "size=4294967299 \"ab\" ...", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {007}\r\nabcdefg\r\nT OK\r\n",
  "size=7 \"abcdefg\" OK", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {-5}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {+}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {0x5}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " 5}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {1.5}\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {5} \r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q "\r\n",
  "bad: no content where it should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q "{3}\r\n",
  "bad: no content where it should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"abc\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"abc\\\r\n",
  "bad: content is no string and not NIL", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"abc\"x\r\n",
  "bad: more in a response than there should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " \"abc\" {3}\r\n",
  "bad: more in a response than there should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " NIL NIL\r\n",
  "bad: more in a response than there should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {3}\r\nabc x\r\n",
  "size=3 \"abc\" bad: more in a response than there should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {3}\r\nabc {3}\r\n",
  "size=3 \"abc\" bad: more in a response than there should be", 0 },
{ ASK_URLFETCH, "* URLFETCH " Q " {1}\r\na\r\n* URLFETCH " Q " {1}\r\nb\r\n",
  "size=1 \"a\" bad: a second answer", 0 },
{ ASK_URLFETCH, "* URLFETCH\r\n", "bad: no URL where it should be", 0 },
{ ASK_URLFETCH, "* URLFETCH \r\n", "bad: no URL where it should be", 0 },
{ ASK_URLFETCH, "* URLFETCH \"x\r\n", "bad: no URL where it should be", 0 },
{ ASK_URLFETCH, "* URLFETCH \"" URL "x\" NIL\r\n",
  "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH imap://h/a/;UID= NIL\r\n",
  "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH IMAP://h/a/;UID=1 NIL\r\n",
  "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH {18}\r\n", "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH {17}\r\nimap://h/a/;UID=2 NIL\r\n",
  "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH {3}\r\nabc NIL\r\n",
  "bad: answer for another URL", 0 },
{ ASK_URLFETCH, "* URLFETCH {0}\r\n NIL\r\n",
  "bad: answer for another URL", 0 },
/* line ends and odd octets */
{ ASK_URLFETCH, "T OK\n", "bad: line does not end in CRLF", 0 },
{ ASK_URLFETCH, "\n", "bad: line does not end in CRLF", 0 },
{ ASK_URLFETCH, "T OK\rx\r\n", "bad: CR or NUL inside a line", 0 },
{ ASK_URLFETCH, "T OK\r\r\n", "bad: CR or NUL inside a line", 0 },
{ ASK_URLFETCH, "T O\0K\r\n", "bad: CR or NUL inside a line", 8 },
{ ASK_URLFETCH, "T OK", "...", 0 },
{ ASK_URLFETCH, "T OK\r", "...", 0 },
{ ASK_URLFETCH, "", "...", 0 },
/* tagged lines, conditions, codes */
{ ASK_URLFETCH, "T NO [UNAVAILABLE] see " URL "\r\n", "NO [UNAVAILABLE]", 0 },
{ ASK_URLFETCH, "T BAD [CLIENTBUG x y] z\r\n", "BAD [CLIENTBUG]", 0 },
{ ASK_URLFETCH, "T NO [evil code]\r\n", "NO", 0 },
{ ASK_URLFETCH, "T NO [A\"B]\r\n", "NO [A]", 0 },
{ ASK_URLFETCH,
  "T NO [AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD]\r\n",
  "NO [AAAAAAAAAABBBBBBBBBBCCCCCCCCCCD]", 0 },
{ ASK_URLFETCH, "T NO x {5}\r\n", "NO", 0 },
{ ASK_URLFETCH, "T OK\r\n", "OK", 0 },
{ ASK_URLFETCH, "T PREAUTH\r\n",
  "bad: tagged line without OK, NO or BAD", 0 },
{ ASK_URLFETCH, "T\r\n", "bad: tagged line without OK, NO or BAD", 0 },
{ ASK_URLFETCH, "TT OK\r\n", "bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "A003 OK\r\n",
  "bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "+ go\r\n", "bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "+ {5}\r\n", "bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "\r\n", "bad: line that answers no command of ours", 0 },
{ ASK_URLFETCH, "* BYE [UNAVAILABLE] x\r\n", "BYE [UNAVAILABLE]", 0 },
{ ASK_URLFETCH, "* BYE\r\n", "BYE", 0 },
/* of no interest */
{ ASK_URLFETCH, "* 3 EXISTS\r\n* NO x {9}\r\n*\r\n* X {2}\r\n\r\n y\r\nT OK\r\n",
  "OK", 0 },
{ ASK_URLFETCH, "* X {2}\r\nab {3+}\r\nT O K\r\nT NO\r\n", "NO", 0 },
{ ASK_URLFETCH, "* X {2000000}\r\n",
  "bad: too much besides the answer", 0 },
{ ASK_URLFETCH, "* 1 FETCH (UID 1 BODY[] {2}\r\nab)\r\nT OK\r\n", "OK", 0 },
{ ASK_URLFETCH, "* GENURLAUTH " Q "\r\nT OK\r\n", "OK", 0 },
/* CAPABILITY */
{ ASK_CAPABILITY, "half a line\r\nA003 OK\r\n* CAPABILITY A URLAUTH B\r\nT OK\r\n",
  "urlauth OK", 0 },
{ ASK_CAPABILITY, "* CAPABILITY urlauth\r\nT OK\r\n", "urlauth OK", 0 },
{ ASK_CAPABILITY, "* CAPABILITY URLAUTH=BINARY XURLAUTH\r\nT OK\r\n", "OK",
  0 },
{ ASK_CAPABILITY, "+ x\r\n\r\n* CAPABILITY {3}\r\nabc\r\nT BAD\r\n", "BAD",
  0 },
/* GENURLAUTH */
{ ASK_GENURLAUTH, "* GENURLAUTH " Q "\r\nT OK\r\n", "equal OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH " URL "\r\nT OK\r\n", "equal OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH {17}\r\n" URL "\r\nT OK\r\n", "equal OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH {16}\r\nimap://h/a/;UID=\r\nT OK\r\n",
  "differs OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH {0}\r\n\r\nT OK\r\n", "differs OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH \"" URL "1\"\r\nT OK\r\n", "differs OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH \"\"\r\nT OK\r\n", "differs OK", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH " Q " " Q "\r\nT OK\r\n",
  "bad: more in a response than there should be", 0 },
{ ASK_GENURLAUTH, "* GENURLAUTH " Q "\r\n* GENURLAUTH " Q "\r\n",
  "bad: a second answer", 0 },
{ ASK_GENURLAUTH, "T BAD expired\r\n", "BAD", 0 },
/* EXAMINE */
{ ASK_EXAMINE, "* 3 EXISTS\r\n* OK [UIDVALIDITY 77] x\r\nT OK [READ-ONLY]\r\n",
  "uidvalidity=77 OK [READ-ONLY]", 0 },
{ ASK_EXAMINE, "* OK [UIDVALIDITY 4294967296]\r\nT OK\r\n", "OK", 0 },
{ ASK_EXAMINE, "* OK [UIDVALIDITY]\r\n* OK [X]\r\n* OK\r\nT NO\r\n", "NO", 0 },
/* UID FETCH 1 BODY.PEEK[]<6.10> */
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[]<6> {2}\r\nab)\r\nT OK\r\n",
  "size=2 \"ab\" OK", 0 },
{ ASK_FETCH, "* 5 FETCH (BODY[]<6> {2}\r\nab UID 1)\r\nT OK\r\n",
  "size=2 \"ab\" OK", 0 },
{ ASK_FETCH, "* 5 fetch (FLAGS (\\Seen $x (y)) uid 1 body[]<6> \"ab\" M (5))"
  "\r\nT OK\r\n", "\"ab\" OK", 0 },
{ ASK_FETCH, "* 5 FETCH (X \"a)\\\" (\" UID 1 BODY[1.HEADER.FIELDS (A B)]<6> "
  "NIL)\r\nT OK\r\n", "NIL OK", 0 },
{ ASK_FETCH, "* 5 FETCH (FLAGS ())\r\n* 6 FETCH (UID 9 FLAGS (a))\r\n"
  "T OK\r\n", "OK", 0 },
{ ASK_FETCH, "* 5 FETCH ()\r\nT OK\r\n", "OK", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 2 BODY[]<6> {2}\r\nab)\r\n",
  "bad: another message", 0 },
{ ASK_FETCH, "* 5 FETCH (BODY[]<6> {2}\r\nab UID 2)\r\n",
  "size=2 \"ab\" bad: another message", 0 },
{ ASK_FETCH, "* 5 FETCH (BODY[]<6> {2}\r\nab)\r\n",
  "size=2 \"ab\" bad: another message", 0 },
{ ASK_FETCH, "* 5 FETCH (BODY[]<6> \"ab\")\r\n", "bad: another message", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[] {2}\r\nab)\r\n",
  "bad: another part of the message", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[]<7> {2}\r\nab)\r\n",
  "bad: another part of the message", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[]<6> {2}\r\nab\r\n",
  "size=2 \"ab\" bad: FETCH response not understood", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[]<6> {2}\r\nab) x\r\n",
  "size=2 \"ab\" bad: more in a response than there should be", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 X {2}\r\nab)\r\n",
  "bad: FETCH response not understood", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 X (((\r\n",
  "bad: FETCH response not understood", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[ {2}\r\n",
  "bad: another part of the message", 0 },
{ ASK_FETCH, "* 5 FETCH (UID 1 BODY[]<6> {1}\r\na BODY[]<6> {1}\r\nb)\r\n",
  "size=1 \"a\" bad: a second answer", 0 },
{ ASK_FETCH, "* 5 FETCH UID 1\r\n", "bad: FETCH response not understood", 0 },
{ ASK_FETCH, "* 5 FETCH\r\n", "bad: FETCH response not understood", 0 },
};

struct outcome {
	char text[1024];
	size_t len;
	bool in_content, over;
};

static void
say(struct outcome *o, const char *text)
{
	if (o->in_content)
		o->text[o->len++] = '"';
	o->in_content = false;
	o->len += (size_t)snprintf(o->text + o->len, sizeof(o->text) - o->len,
	    "%s%s", o->len == 0 ? "" : " ", text);
}

static void
show(struct outcome *o, const void *content, size_t n)
{
	const unsigned char *p = content;

	if (!o->in_content)
		o->len += (size_t)snprintf(o->text + o->len, 3, "%s\"",
		    o->len == 0 ? "" : " ");
	o->in_content = true;
	for (; n > 0; n--, p++)
		o->len += (size_t)snprintf(o->text + o->len,
		    sizeof(o->text) - o->len,
		    *p < ' ' || *p > '~' ? "\\x%02x" : "%c", *p);
}

static void
end(struct outcome *o, const struct imap_answer *a, const char *how)
{
	char text[64];

	if (a->has_urlauth)
		say(o, "urlauth");
	if (a->nil)
		say(o, "NIL");
	if (a->ask == ASK_GENURLAUTH && a->found)
		say(o, a->equal ? "equal" : "differs");
	if (a->uidvalidity != 0) {
		snprintf(text, sizeof(text), "uidvalidity=%u", a->uidvalidity);
		say(o, text);
	}
	snprintf(text, sizeof(text), a->code[0] == '\0' ? "%s" : "%s [%s]",
	    how, a->code);
	say(o, text);
	o->over = true;
}

static void
step(struct outcome *o, struct imap_answer *a, struct imap_event *event)
{
	static const char *const conditions[] = { "OK", "NO", "BAD" };
	char text[128];

	switch (imap_answer_take(a, event)) {
	case STEP_GO:
		break;
	case STEP_SIZE:
		snprintf(text, sizeof(text), "size=%llu",
		    (unsigned long long)a->size);
		say(o, text);
		break;
	case STEP_OCTETS:
		if (event->octets_len > 0)
			show(o, event->octets, event->octets_len);
		break;
	case STEP_TEXT:
		show(o, a->content, (size_t)a->size);
		break;
	case STEP_DONE:
		end(o, a, conditions[a->condition]);
		break;
	case STEP_BYE:
		end(o, a, "BYE");
		break;
	case STEP_BAD:
		snprintf(text, sizeof(text), "bad: %s", a->why);
		say(o, text);
		o->over = true;
		break;
	}
}

static void
feed(struct outcome *o, struct imap_reader *r, struct imap_answer *a,
    const char *p, size_t len)
{
	char *copy = copy_of(p, len);
	const unsigned char *in = (unsigned char *)copy;
	struct imap_event event;

	while (!o->over && imap_read(r, &in, &len, &event) != IMAP_MORE)
		step(o, a, &event);
	free(copy);
}

/* Fed in pieces: up to cut, then rest_step octets at a time. */
static void
try_row(const struct row *row, size_t cut, size_t rest_step)
{
	static struct imap_reader reader;
	size_t len = row->len != 0 ? row->len : strlen(row->in), n;
	struct outcome o = { .len = 0 };
	struct imap_answer a;

	imap_reader_start(&reader);
	imap_answer_start(&a, row->ask, "T");
	a.url = URL;
	a.url_len = strlen(URL);
	a.uid = 1;
	a.partial = true;
	a.offset = 6;
	feed(&o, &reader, &a, row->in, cut);
	for (; cut < len; cut += n) {
		n = rest_step < len - cut ? rest_step : len - cut;
		feed(&o, &reader, &a, row->in + cut, n);
	}
	if (!o.over)
		say(&o, "...");
	ok_octets(row->in, len, o.text, strlen(o.text), row->out,
	    strlen(row->out));
}

/* The longest line that is taken, and one octet more. */
static void
try_long_line(size_t len, bool good)
{
	static struct imap_reader reader;
	unsigned char *line = malloc(len);
	const unsigned char *in = line;
	struct imap_event event;
	size_t left = len;

	memset(line, 'x', len);
	memcpy(line + len - 2, "\r\n", 2);
	imap_reader_start(&reader);
	imap_read(&reader, &in, &left, &event);
	ok((event.type == IMAP_LINE && event.text_len == len - 2) == good,
	    "long", 4, "line of %zu octets", len);
	free(line);
}

/* Literals do not start the count of a response's text anew. */
static void
try_many_parts(void)
{
	static struct imap_reader reader;
	const unsigned char *in;
	struct imap_event event;
	size_t left, n;

	imap_reader_start(&reader);
	event.type = IMAP_MORE;
	for (n = 0; n < IMAP_LINE_MAX && event.type != IMAP_BAD; n++) {
		in = (const unsigned char *)"x {0}\r\n";
		left = 7;
		while (imap_read(&reader, &in, &left, &event) != IMAP_MORE &&
		    event.type != IMAP_BAD)
			;
	}
	ok(event.type == IMAP_BAD, "x {0}", 5, "parts without end");
}

/* A server that never comes to the point. */
static void
try_untagged(void)
{
	const struct row row = { ASK_URLFETCH, "* x\r\n", "...", 0 };
	static struct imap_reader reader;
	struct outcome o = { .len = 0 };
	struct imap_answer a;
	int n;

	imap_reader_start(&reader);
	imap_answer_start(&a, ASK_URLFETCH, "T");
	for (n = 0; n < IMAP_UNTAGGED_MAX; n++)
		feed(&o, &reader, &a, row.in, strlen(row.in));
	ok(!o.over, row.in, strlen(row.in), "fewer untagged lines than may be");
	feed(&o, &reader, &a, row.in, strlen(row.in));
	ok(o.over, row.in, strlen(row.in), "untagged lines without end");
}

int
main(void)
{
	size_t i, cut, len;

	table("imap response");
	for (i = 0; i < COUNT(rows); i++) {
		len = rows[i].len != 0 ? rows[i].len : strlen(rows[i].in);
		try_row(&rows[i], 0, 1);
		for (cut = 0; cut <= len; cut++)
			try_row(&rows[i], cut, len);
	}
	table("imap response limits");
	try_long_line(IMAP_LINE_MAX, true);
	try_long_line(IMAP_LINE_MAX + 1, false);
	try_many_parts();
	try_untagged();
	return tables_done();
}
