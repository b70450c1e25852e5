/*
 * smtp/body.c: the end of DATA and nothing else (RFC 5321 4.1.1.4, 2.3.8),
 * dots taken off (4.5.2), in whatever pieces the octets come and with
 * whatever room there is for them. And back: what content_dot_stuff makes,
 * data_read undoes.
 */
#include "message/content.h"
#include "smtp/body.h"
#include "tests/unit/unit.h"

static const struct {
	const char *in;
	size_t len;
	const char *out;	/* NULL: the end has not come */
	size_t out_len;
	size_t behind;		/* octets behind the end */
} rows[] = {
{ LIT(".\r\n"), LIT(""), 0 },
{ LIT("a\r\n.\r\n"), LIT("a\r\n"), 0 },
{ LIT("\r\n.\r\n"), LIT("\r\n"), 0 },
{ LIT("a\r\n\r\nb\r\n.\r\nQUIT\r\n"), LIT("a\r\n\r\nb\r\n"), 6 },
{ LIT(".\r\n.\r\n"), LIT(""), 3 },
/* dots */
{ LIT("..\r\n.\r\n"), LIT(".\r\n"), 0 },
{ LIT("...\r\n.\r\n"), LIT("..\r\n"), 0 },
{ LIT(".a\r\n.\r\n"), LIT("a\r\n"), 0 },
{ LIT("a.\r\n.\r\n"), LIT("a.\r\n"), 0 },
{ LIT("a\r\n..b\r\n..c\r\n.\r\n"), LIT("a\r\n.b\r\n.c\r\n"), 0 },
{ LIT(". \r\n.\r\n"), LIT(" \r\n"), 0 },
/* what is no end of data: SMTP smuggling */
{ LIT("a\n.\nb\r\n.\r\n"), LIT("a\n.\nb\r\n"), 0 },
{ LIT("a\n.\r\nb\r\n.\r\n"), LIT("a\n.\r\nb\r\n"), 0 },
{ LIT("a\r\n.\nb\r\n.\r\n"), LIT("a\r\n\nb\r\n"), 0 },
{ LIT("a\r\n.\rb\r\n.\r\n"), LIT("a\r\n\rb\r\n"), 0 },
{ LIT("a\r\n.\r\r\n.\r\n"), LIT("a\r\n\r\r\n"), 0 },
{ LIT("a\r\n.\r.\r\n.\r\n"), LIT("a\r\n\r.\r\n"), 0 },
{ LIT("a\r.\rb\r\n.\r\n"), LIT("a\r.\rb\r\n"), 0 },
{ LIT("a\r.\r\nb\r\n.\r\n"), LIT("a\r.\r\nb\r\n"), 0 },
{ LIT("a\r\r\n.\r\n"), LIT("a\r\r\n"), 0 },
{ LIT("a\r\n\n.\r\nb\r\n.\r\n"), LIT("a\r\n\n.\r\nb\r\n"), 0 },
{ LIT("a\r\n\r.\r\nb\r\n.\r\n"), LIT("a\r\n\r.\r\nb\r\n"), 0 },
{ LIT("a\r\n\0.\r\nb\r\n.\r\n"), LIT("a\r\n\0.\r\nb\r\n"), 0 },
{ LIT("a\r\n.\0\r\nb\r\n.\r\n"), LIT("a\r\n\0\r\nb\r\n"), 0 },
{ LIT("a\r\n.\r\0\nb\r\n.\r\n"), LIT("a\r\n\r\0\nb\r\n"), 0 },
{ LIT("a\r\n .\r\nb\r\n.\r\n"), LIT("a\r\n .\r\nb\r\n"), 0 },
{ LIT("a\302\205.\302\205b\r\n.\r\n"), LIT("a\302\205.\302\205b\r\n"), 0 },
{ LIT("a\r\n.\r\n.\r\n"), LIT("a\r\n"), 3 },
/* not there yet */
{ LIT(""), NULL, 0, 0 },
{ LIT("."), NULL, 0, 0 },
{ LIT(".\r"), NULL, 0, 0 },
{ LIT("a\r\n.\r"), NULL, 0, 0 },
{ LIT("a\n.\n"), NULL, 0, 0 },
{ LIT("a\r\n..\r\n"), NULL, 0, 0 },
};

/*
 * Reads in pieces of `step` octets, the first of `first`, into room of
 * `room`; returns the octets taken.
 */
static size_t
read_in_pieces(const char *in, size_t n, size_t first, size_t step,
    size_t room, char *out, size_t *out_len, bool *end)
{
	enum data_state state = DATA_CRLF;
	size_t used = 0, piece = first, got, len, left;
	char *copy, *buf = malloc(room);

	*out_len = 0;
	while (used < n && state != DATA_END) {
		left = piece < n - used ? piece : n - used;
		copy = copy_of(in + used, left);
		got = data_read(&state, copy, left, buf, room, &len);
		memcpy(out + *out_len, buf, len);
		*out_len += len;
		used += got;
		free(copy);
		piece = got == left ? step : left - got;
		if (got == 0 && left > 0)
			break;
	}
	free(buf);
	*end = state == DATA_END;
	return used;
}

static void
try_row(size_t i, size_t first, size_t step, size_t room)
{
	const char *in = rows[i].in;
	size_t n = rows[i].len, used, len;
	char out[256];
	bool end;

	if (first == 0)
		return;
	used = read_in_pieces(in, n, first, step, room, out, &len, &end);
	if (!ok(end == (rows[i].out != NULL), in, n, end ? "ended" :
	    "did not end") || !end)
		return;
	ok(used == n - rows[i].behind, in, n, "%zu octets taken", used);
	ok_octets(in, n, out, len, rows[i].out, rows[i].out_len);
}

/* Random text of the octets that matter */
static size_t
random_text(char *p, size_t max)
{
	static const char octets[] = "\r\n.\r\n.\r\na\0";
	size_t n = draw((unsigned)max + 1), i;

	for (i = 0; i < n; i++)
		p[i] = octets[draw(sizeof(octets) - 1)];
	return n;
}

static size_t
stuff_in_pieces(const char *in, size_t n, char *out)
{
	bool at_start = true;
	size_t i, piece, len = 0;
	char *from, *to;

	for (i = 0; i < n; i += piece) {
		piece = 1 + draw((unsigned)(n - i));
		from = copy_of(in + i, piece);
		to = malloc(2 * piece);
		piece = piece > 0 ? piece : 1;
		{
			size_t got = content_dot_stuff(&at_start, from, piece,
			    to);

			memcpy(out + len, to, got);
			len += got;
		}
		free(to);
		free(from);
	}
	return len;
}

static void
round_trip(void)
{
	char text[200], clean[420], stuffed[900], back[900];
	struct content content;
	size_t n = random_text(text, sizeof(text)), len, got, used;
	bool end;

	content_start(&content);
	len = content_mend(&content, text, n, clean);
	len += content_finish(&content, clean + len);
	got = stuff_in_pieces(clean, len, stuffed);
	memcpy(stuffed + got, ".\r\n", 3);
	ok(memmem(stuffed, got, "\r\n.\r\n", 5) == NULL &&
	    (got < 3 || memcmp(stuffed, ".\r\n", 3) != 0), text, n,
	    "the end of data stands in stuffed text");
	used = read_in_pieces(stuffed, got + 3, 1 + draw(20), 1 + draw(20),
	    2 + draw(20), back, &got, &end);
	ok(end, text, n, "no end seen after %zu", used);
	ok_octets(text, n, back, got, clean, len);
}

static void
stuff_table(void)
{
	static const struct {
		const char *in, *out;
		bool start, start_after;
	} stuffs[] = {
	{ "", "", true, true },
	{ "", "", false, false },
	{ ".", "..", true, false },
	{ ".", ".", false, false },
	{ "a\r\n", "a\r\n", true, true },
	{ ".\r\n", "..\r\n", true, true },
	{ ".\r\n", ".\r\n", false, true },
	{ ".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n", true, true },
	{ "a.\r\n..b\r\n", "a.\r\n...b\r\n", true, true },
	{ "\n.\n.", "\n..\n..", false, false },
	};
	char out[64];
	size_t i, n;
	bool start;

	for (i = 0; i < COUNT(stuffs); i++) {
		start = stuffs[i].start;
		n = content_dot_stuff(&start, stuffs[i].in,
		    strlen(stuffs[i].in), out);
		ok_octets(stuffs[i].in, strlen(stuffs[i].in), out, n,
		    stuffs[i].out, strlen(stuffs[i].out));
		ok(start == stuffs[i].start_after, stuffs[i].in,
		    strlen(stuffs[i].in), "at_start %d", start);
	}
}

int
main(void)
{
	size_t i, cut, room;

	table("body: end of data");
	for (i = 0; i < COUNT(rows); i++)
		for (room = 2; room < 12; room++) {
			for (cut = 1; cut <= rows[i].len; cut++)
				try_row(i, cut, rows[i].len, room);
			try_row(i, 1, 1, room);
			try_row(i, 2, 2, room);
		}
	table("body: dots doubled");
	stuff_table();
	table("body: doubled and undone, random text and cuts");
	for (i = 0; i < 3000; i++)
		round_trip();
	return tables_done();
}
