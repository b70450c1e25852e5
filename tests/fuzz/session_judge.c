/*
 * What was told and taken in fuzz_session.c, against what the client sent: a
 * reader of SMTP that knows the replies.
 */
#include <strings.h>

#include "tests/fuzz/session_world.h"

struct judge {
	const uint8_t *p, *end;		/* the client's octets */
	const char *out, *out_end;
	bool in_auth, logged_in;
	char *content;			/* of the message so far */
	size_t len, taken;
	unsigned next;			/* message that the relay took */
};

/* The next reply's code, all its lines checked; 0: none is left. */
static int
next_reply(struct judge *j)
{
	const char *p = j->out, *crlf;
	int code = 0;

	while (p < j->out_end) {
		crlf = memmem(p, (size_t)(j->out_end - p), "\r\n", 2);
		MUST(crlf != NULL && crlf - p >= 4 && crlf - p <= 510);
		MUST(is_printable(p, (size_t)(crlf - p)));
		MUST(code == 0 || code == atoi(p));
		code = atoi(p);
		MUST(code >= 200 && code < 600);
		MUST(code < 400 || (p[4] == p[0] && p[5] == '.'));
		MUST(p[3] == ' ' || p[3] == '-');
		j->out = crlf + 2;
		if (p[3] == ' ')
			return code;
		p = j->out;
	}
	MUST(code == 0);
	return 0;
}

static void
add_content(struct judge *j, const void *p, size_t n)
{
	MUST(j->len + n <= OUT_MAX);
	memcpy(j->content + j->len, p, n);
	j->len += n;
}

/* One the client was told of is the next the relay took; equal, or skipped. */
static void
was_accepted(struct judge *j)
{
	size_t begin, end;

	for (;;) {
		MUST(j->next < w.messages);
		begin = j->next == 0 ? 0 : w.ends[j->next - 1];
		end = w.ends[j->next++];
		if (end - begin == j->len && memcmp(w.body + begin,
		    j->content, j->len) == 0)
			break;
		MUST(w.scene2 & HOSTILE);
	}
	j->len = 0;
}

/* RFC 5321 4.5.2; false: its end has not come. */
static bool
read_data(struct judge *j)
{
	const uint8_t *p = j->p, *crlf;

	for (;; p = crlf + 2) {
		crlf = memmem(p, (size_t)(j->end - p), "\r\n", 2);
		if (crlf == NULL)
			return false;
		if (p[0] == '.' && ++p == crlf) {
			j->p = crlf + 2;
			return true;
		}
		add_content(j, p, (size_t)(crlf + 2 - p));
	}
}

static bool
is_verb(const char *line, size_t n, const char *verb)
{
	size_t len = strlen(verb);

	return n >= len && strncasecmp(line, verb, len) == 0 &&
	    (n == len || line[len] == ' ');
}

/* The octets that follow; -1: the line is not BDAT. */
static int64_t
chunk_of(const char *line, size_t n, bool *last)
{
	int64_t size = 0;
	size_t i;

	while (n > 0 && line[n - 1] == ' ')
		n--;
	if (n < 6 || !is_verb(line, n, "BDAT") ||
	    line[5] < '0' || line[5] > '9')
		return -1;
	for (i = 5; i < n && line[i] >= '0' && line[i] <= '9'; i++)
		if (size < INT32_MAX)
			size = size * 10 + line[i] - '0';
	*last = i < n;
	if (*last && (n != i + 5 || strncasecmp(line + i, " LAST", 5) != 0))
		return -1;
	return size;
}

static void
judge_login_state(const struct judge *j, const char *line, size_t n, int code)
{
	static const char *const verbs[] = { "MAIL", "RCPT", "DATA", "BDAT",
	    "BURL", "VRFY" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		MUST(j->logged_in || w.scene & CERTIFICATE || code >= 400 ||
		    !is_verb(line, n, verbs[i]));
}

static void
judge_burl(struct judge *j, const char *line, size_t n, int code)
{
	const char *space = n < 6 ? NULL : memchr(line + 5, ' ', n - 5);
	size_t url = space == NULL ? n - 5 : (size_t)(space - line - 5);
	char content[64];

	if (code != 250)
		return;
	add_content(j, content, content_of((const unsigned char *)line + 5,
	    url, content));
	if (space != NULL && memmem(space, (size_t)(line + n - space), " ",
	    1) != NULL && strncasecmp(space, " LAST", 5) == 0)
		was_accepted(j);
}

/* One line of the client's, and its reply; false: the end. */
static bool
judge_line(struct judge *j, const char *line, size_t n)
{
	const uint8_t *chunk;
	int64_t size = -1;
	bool last = false, auth = j->in_auth;
	int code;

	if (!auth)
		size = chunk_of(line, n, &last);
	chunk = j->p;
	if (size > j->end - j->p)
		return false;
	j->p += size > 0 ? size : 0;
	code = next_reply(j);
	j->in_auth = code == 334;
	j->logged_in |= code == 235;
	if (code == 0 || auth)
		return code != 0;
	judge_login_state(j, line, n, code);
	if (is_verb(line, n, "DATA") && code == 354) {
		j->len = 0;
		if (!read_data(j))
			return false;
		code = next_reply(j);
		if (code / 100 == 2)
			was_accepted(j);
		return code != 0;
	}
	if (size >= 0 && code == 250) {
		add_content(j, chunk, (size_t)size);
		if (last)
			was_accepted(j);
	} else if (is_verb(line, n, "BURL")) {
		judge_burl(j, line, n, code);
	} else if (is_verb(line, n, "MAIL") && code == 250) {
		j->len = 0;
	}
	return true;
}

/* A line is a command whole or none: whatever it is, it has one reply. */
void
judge(void)
{
	static char content[OUT_MAX];
	struct judge j = { .p = w.in, .end = w.in + w.size, .out = w.out,
	    .out_end = w.out + w.out_len, .content = content };
	struct proxy_header header;
	const char *line, *lf;
	int code;

	if (w.scene & PROXY && proxy_parse(j.p, w.size < PROXY_MAX ? w.size :
	    PROXY_MAX, &header) == PROXY_OK)
		j.p += header.used;
	else if (w.scene & PROXY)
		MUST(w.out_len == 0);
	code = next_reply(&j);
	while (code == 220) {
		line = (const char *)j.p;
		lf = memchr(line, '\n', (size_t)(j.end - j.p));
		if (lf == NULL)
			break;
		j.p += lf + 1 - line;
		if (!judge_line(&j, line, lf > line && lf[-1] == '\r' ?
		    (size_t)(lf - 1 - line) : 0))
			break;
	}
	code = next_reply(&j);		/* a last word */
	MUST(code == 0 || code >= 400);
	MUST(next_reply(&j) == 0);
	MUST(w.scene2 & HOSTILE || j.next == w.messages);
}
