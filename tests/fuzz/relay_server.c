/*
 * The next server of fuzz_relay.c: takes commands and messages as they must
 * be, says what is in the input, and is the stream's other end.
 */
#include "base/text.h"
#include "tests/fuzz/relay_world.h"

/* Each line ended by CRLF, RFC 5321 2.3.8: CR LF, CR and LF are line ends. */
static size_t
canonical(struct part in, char *out)
{
	size_t i, n = 0;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] != '\r' && in.p[i] != '\n') {
			out[n++] = (char)in.p[i];
			continue;
		}
		out[n++] = '\r';
		out[n++] = '\n';
		i += in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n';
	}
	if (n > 0 && out[n - 1] != '\n') {
		out[n++] = '\r';
		out[n++] = '\n';
	}
	return n;
}

/* What the server has, whole and without the dots. */
static void
check_content(void)
{
	static char text[2 * INPUT_MAX + 2];
	struct part in = w.messages[w.next_message];
	struct header header = { 0 };
	const char *blank;
	size_t n, tail;

	MUST(++w.whole == 1);
	MUST(w.content_len > 10 && memcmp(w.content, "Received: ", 10) == 0);
	n = relay.binary ? in.n : canonical(in, text);
	if (relay.binary)
		memcpy(text, in.p, n);
	header_scan(&header, text, n, true);
	tail = n - header.len;
	MUST(w.content_len > tail && memcmp(w.content + w.content_len - tail,
	    text + header.len, tail) == 0);
	blank = memmem(w.content, w.content_len, "\r\n\r\n", 4);
	if (n == header.len && !header.blank_missing)
		MUST(blank == NULL);
	else
		MUST(blank + 2 == w.content + w.content_len - tail -
		    (header.blank_missing ? 2 : 0));
}

static void
add_content(const char *p, size_t n)
{
	MUST(w.content_len + n < OUT_MAX);
	memcpy(w.content + w.content_len, p, n);
	w.content_len += n;
}

/* The server */

static void
server_speaks(enum asked_kind kind)
{
	const uint8_t *part;
	size_t n;

	judge_asked(kind);
	if (w.closed)
		return;
	w.closed = !next_part(&w.rest, &w.rest_len, 0xff, &part, &n);
	if (w.closed || (n > 0 && part[0] == 2))
		return;
	w.reset = n > 0 && part[0] == 4;
	w.closed = w.reset || (n > 0 && part[0] == 1);
	for (part += w.closed, n -= w.closed; n > 0; n--, part++)
		if (*part != 3)
			w.say[w.say_len++] = (char)*part;
		else if (w.say_len + n + sizeof(w.line) < sizeof(w.say))
			w.say_len += strlcpy(w.say + w.say_len, w.line,
			    sizeof(w.line));
	MUST(w.say_len <= sizeof(w.say));
}

static void
message_ends(void)
{
	check_content();
	w.content_len = 0;
	w.mode = COMMAND;
	w.mail_said = false;
	w.rcpts_said = 0;
	server_speaks(ASKED_MESSAGE);
}

static bool
is_base64(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
		    "xyz0123456789+/=", p[i]) == NULL)
			return false;
	return true;
}

static bool
starts(const char *line, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static void
hear_mail_command(const char *line, size_t n)
{
	char *end;

	if (starts(line, n, "MAIL FROM:<")) {
		MUST(!w.mail_said);
		w.mail_said = true;
		w.rcpts_said = 0;
	} else if (starts(line, n, "RCPT TO:<")) {
		MUST(w.mail_said);
		w.rcpts_said++;
	} else if (n == 4 && starts(line, n, "DATA")) {
		MUST(w.mail_said && w.rcpts_said > 0);
		w.mode = AFTER_DATA;
		w.content_len = 0;
	} else if (starts(line, n, "BDAT ")) {
		MUST(w.mail_said && w.rcpts_said > 0);
		w.chunk_left = strtoul(line + 5, &end, 10);
		w.chunk_last = strncmp(end, " LAST\r", 6) == 0;
		MUST(w.chunk_last || *end == '\r');
		w.mode = CHUNK;
	} else {
		MUST(!"a command we say");
	}
}

/* MAIL may be said again where the server has refused the one before. */
static void
hear_command(const char *line, size_t n)
{
	MUST(n <= 4096 && utf8_is_clean(line, n));
	MUST(memchr(line, '\r', n) == NULL && memchr(line, '\0', n) == NULL);
	snprintf(w.line, sizeof(w.line), "%.*s", (int)n, line);
	if (starts(line, n, "MAIL "))
		w.mail_said = false;
	if (starts(line, n, "EHLO ") || starts(line, n, "HELO ") ||
	    starts(line, n, "LHLO ") || starts(line, n, "XCLIENT ") ||
	    (n == 4 && starts(line, n, "RSET")))
		w.mail_said = false;
	else if (starts(line, n, "AUTH "))
		w.auth_said = true;
	else if (!(n == 4 && starts(line, n, "QUIT")) &&
	    !starts(line, n, "VRFY ") && !starts(line, n, "STARTTLS") &&
	    !(w.auth_said && is_base64(line, n)))
		hear_mail_command(line, n);
	if (w.mode != CHUNK)
		server_speaks(starts(line, n, "MAIL ") ? ASKED_MAIL :
		    starts(line, n, "RCPT ") ? ASKED_RCPT :
		    starts(line, n, "VRFY ") ? ASKED_VRFY : ASKED);
}

/* The octets used, 0: more must come. */
static size_t
hear_content(void)
{
	char *crlf = memmem(w.got, w.got_len, "\r\n", 2);
	size_t dot, n;

	if (crlf == NULL)
		return 0;
	n = (size_t)(crlf + 2 - w.got);
	MUST(memchr(w.got, '\n', n - 1) == NULL);
	MUST(memchr(w.got, '\r', n - 2) == NULL);
	dot = w.got[0] == '.';
	if (dot && n == 3)
		message_ends();
	else
		add_content(w.got + dot, n - dot);
	return n;
}

static size_t
hear_chunk(void)
{
	size_t n = w.got_len < w.chunk_left ? w.got_len : w.chunk_left;

	add_content(w.got, n);
	w.chunk_left -= n;
	if (w.chunk_left > 0)
		return n;
	w.mode = COMMAND;
	if (w.chunk_last)
		message_ends();
	else
		server_speaks(ASKED);
	return n;
}

static size_t
hear_line(void)
{
	char *crlf = memmem(w.got, w.got_len, "\r\n", 2);

	if (crlf == NULL)
		return 0;
	MUST(memchr(w.got, '\n', (size_t)(crlf - w.got)) == NULL);
	hear_command(w.got, (size_t)(crlf - w.got));
	return (size_t)(crlf + 2 - w.got);
}

/* What has come is understood only when somebody waits for the server. */
void
server_works(void)
{
	size_t used;

	while (w.got_len > 0 || (w.mode == CHUNK && w.chunk_left == 0)) {
		if (w.mode == AFTER_DATA)
			w.mode = w.got_len >= 10 && memcmp(w.got,
			    "Received: ", 10) == 0 ? CONTENT : COMMAND;
		if (w.mode == CONTENT)
			used = hear_content();
		else if (w.mode == CHUNK)
			used = hear_chunk();
		else
			used = hear_line();
		if (used == 0 && w.mode != CHUNK && w.got_len > 0)
			break;
		w.got_len -= used;
		memmove(w.got, w.got + used, w.got_len);
	}
}

int
role_socket(void)
{
	MUST(!w.open);
	return w.rest_len == 0 ? -1 : SERVER;
}

int
role_connect(int fd)
{
	MUST(fd == SERVER && !w.open);
	w.open = true;
	w.closed = w.reset = false;
	w.say_pos = w.say_len = w.got_len = w.content_len = 0;
	w.mode = COMMAND;
	w.mail_said = w.auth_said = false;
	note(&w.said, "CONNECT", 7);
	judge_connected();
	server_speaks(ASKED);
	return 0;
}

ssize_t
stream_read(struct stream *st, void *buf, size_t n)
{
	size_t have;

	MUST(st->fd == SERVER && w.open && n > 0);
	server_works();
	have = w.say_len - w.say_pos;
	if (have == 0)
		return w.closed ? STREAM_EOF : STREAM_AGAIN;
	n = have < n ? have : n;
	if (w.drip)
		n = 1 + random_below(n < 4 ? 1 : 4);
	memcpy(buf, w.say + w.say_pos, n);
	w.say_pos += n;
	return (ssize_t)n;
}

ssize_t
stream_write(struct stream *st, const void *buf, size_t n)
{
	char *copy;

	MUST(st->fd == SERVER && w.open && n > 0);
	if (w.reset) {
		strcpy(st->error, "Broken pipe");
		return STREAM_ERROR;
	}
	/* QUIT is not waited for */
	if (w.drip && n != 6 && random_below(3) == 0)
		return STREAM_AGAIN;
	copy = exact(buf, n, false);
	MUST(w.got_len + n < OUT_MAX);
	memcpy(w.got + w.got_len, copy, n);
	w.got_len += n;
	note(&w.said, copy, n);
	free(copy);
	return (ssize_t)n;
}

void
stream_close(struct stream *st)
{
	if (st->fd == SERVER) {
		MUST(w.open);
		server_works();
		judge_closed();
		w.open = false;
	}
	memset(st, 0, sizeof(*st));
	st->fd = -1;
}
