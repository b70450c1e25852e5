/*
 * message/content.c against the plainest thing that could be right: text,
 * blocks and cuts by chance, many CR, LF and NUL among them.
 */
#include "message/content.h"
#include "tests/unit/unit.h"

#define TEXT_MAX 3000

/* CRLF, CR alone and LF alone are a line end each; so is the text's. */
static size_t
reference(const char *in, size_t n, char *out)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (in[i] != '\r' && in[i] != '\n') {
			out[len++] = in[i];
			continue;
		}
		if (in[i] == '\r' && i + 1 < n && in[i + 1] == '\n')
			i++;
		out[len++] = '\r';
		out[len++] = '\n';
	}
	if (len > 0 && out[len - 1] != '\n') {
		out[len++] = '\r';
		out[len++] = '\n';
	}
	return len;
}

static bool
is_canonical(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n'))
			return false;
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			return false;
	}
	return true;
}

/* As the relay does it: clean blocks as they are, the others mended. */
static size_t
pass(struct content *content, const char *in, size_t n, char *out)
{
	char *copy = copy_of(in, n), *mended = malloc(2 * n + 2);
	size_t len = n;

	if (content_is_clean(content, copy, n)) {
		memcpy(out, copy, n);
	} else {
		len = content_mend(content, copy, n, mended);
		memcpy(out, mended, len);
	}
	free(mended);
	free(copy);
	return len;
}

static size_t
pass_all(struct content *content, const char *in, size_t n, size_t first,
    unsigned most, char *out)
{
	size_t i, len = 0, piece = first;

	content_start(content);
	for (i = 0; i < n; i += piece, piece = draw(most) + (most < 3)) {
		if (piece > n - i)
			piece = n - i;
		len += pass(content, in + i, piece, out + len);
	}
	return len + content_finish(content, out + len);
}

static void
compare(const char *in, size_t n, size_t first, unsigned most)
{
	static char out[2 * TEXT_MAX + 4], want[2 * TEXT_MAX + 4];
	struct content content;
	size_t len, want_len, i;
	bool nul = false, high = false;

	len = pass_all(&content, in, n, first, most, out);
	want_len = reference(in, n, want);
	ok_octets(in, n, out, len, want, want_len);
	ok(is_canonical(out, len), in, n, "a CR or LF stands alone");
	for (i = 0; i < n; i++) {
		nul |= in[i] == '\0';
		high |= (in[i] & 0x80) != 0;
	}
	ok(content.nul == nul && content.eight_bit == high, in, n,
	    "nul %d, eight_bit %d", content.nul, content.eight_bit);
	ok(!content.held_cr && content.line_start, in, n, "left unfinished");
}

static const struct {
	const char *in;
	size_t len;
	const char *out;
	size_t out_len;
} rows[] = {
{ LIT(""), LIT("") },
{ LIT("a"), LIT("a\r\n") },
{ LIT("a\r\n"), LIT("a\r\n") },
{ LIT("\r\n"), LIT("\r\n") },
{ LIT("\r"), LIT("\r\n") },
{ LIT("\n"), LIT("\r\n") },
{ LIT("\n\r"), LIT("\r\n\r\n") },
{ LIT("\r\r\n"), LIT("\r\n\r\n") },
{ LIT("\r\n\n"), LIT("\r\n\r\n") },
{ LIT("\r\n\r"), LIT("\r\n\r\n") },
{ LIT("a\rb\nc\r\nd"), LIT("a\r\nb\r\nc\r\nd\r\n") },
{ LIT("a\n.\nb"), LIT("a\r\n.\r\nb\r\n") },
{ LIT("a\r.\rb"), LIT("a\r\n.\r\nb\r\n") },
{ LIT("\0\r\0\n\0"), LIT("\0\r\n\0\r\n\0\r\n") },
};

static void
try_rows(void)
{
	char out[64];
	size_t i, cut, len;
	struct content content;

	for (i = 0; i < COUNT(rows); i++)
		for (cut = 0; cut <= rows[i].len; cut++) {
			content_start(&content);
			len = pass(&content, rows[i].in, cut, out);
			len += pass(&content, rows[i].in + cut,
			    rows[i].len - cut, out + len);
			len += content_finish(&content, out + len);
			ok_octets(rows[i].in, rows[i].len, out, len,
			    rows[i].out, rows[i].out_len);
		}
}

/* The answer of content_is_clean alone */
static void
try_clean(void)
{
	static const struct {
		const char *in;
		size_t len;
		bool clean;
	} blocks[] = {
	{ LIT("a\r\nb"), true },
	{ LIT("\r\n\r\n"), true },
	{ LIT("a\r"), false },
	{ LIT("a\r\n\r"), false },
	{ LIT("\na"), false },
	{ LIT("\n"), false },
	{ LIT("\r"), false },
	{ LIT("\n\r"), false },
	{ LIT("\r\r\n\n"), false },
	{ LIT("a\rb\n"), false },
	{ LIT("a\0b"), true },
	};
	char block[1024];
	struct content content;
	size_t i, n;

	for (i = 0; i < COUNT(blocks); i++) {
		content_start(&content);
		ok(content_is_clean(&content, blocks[i].in, blocks[i].len) ==
		    blocks[i].clean, blocks[i].in, blocks[i].len,
		    blocks[i].clean ? "not clean" : "clean");
	}
	/* a pair over each boundary of the inner loops, and one octet amiss */
	for (n = 2; n < 600; n++) {
		memset(block, 'x', n);
		memcpy(block + n - 2, "\r\n", 2);
		content_start(&content);
		ok(content_is_clean(&content, block, n), block, n,
		    "not clean, CRLF at %zu", n - 2);
		block[n - 1] = 'x';
		ok(!content_is_clean(&content, block, n), block, n,
		    "clean, CR at %zu", n - 2);
		block[n - 2] = '\n';
		ok(!content_is_clean(&content, block, n), block, n,
		    "clean, LF at %zu", n - 2);
	}
	/* as many CR and LF as an inner counter could wrap at */
	for (n = 2; n <= 1024; n += 2) {
		for (i = 0; i < n; i += 2)
			memcpy(block + i, "\r\n", 2);
		content_start(&content);
		ok(content_is_clean(&content, block, n), block, n, "pairs");
		memcpy(block + draw((unsigned)n / 2) * 2, "\n\r", 2);
		ok(!content_is_clean(&content, block, n), block, n, "turned");
	}
	memset(block, '\n', 512);
	content_start(&content);
	ok(!content_is_clean(&content, block, 256) && !content_is_clean(
	    &content, block, 512), block, 512, "256 and 512 LF");
	memset(block, '\0', 512);
	content_start(&content);
	content_is_clean(&content, block, 256);
	ok(content.nul, block, 256, "256 NUL not seen");
}

static void
try_random(void)
{
	static const char some[] = "\r\n\r\n\r\nabc.\0\377";
	static char text[TEXT_MAX];
	size_t i, k, n;
	bool sparse;

	for (k = 0; k < 4000; k++) {
		n = draw(k % 20 == 0 ? TEXT_MAX : 40);
		sparse = k % 3 == 0;
		for (i = 0; i < n; i++)
			text[i] = sparse && draw(20) != 0 ? 'x' :
			    some[draw(sizeof(some) - 1)];
		compare(text, n, draw((unsigned)n + 1), 1 + draw(40));
	}
}

int
main(void)
{
	table("content");
	try_rows();
	table("content: clean blocks");
	try_clean();
	table("content: random text and cuts");
	try_random();
	return tables_done();
}
