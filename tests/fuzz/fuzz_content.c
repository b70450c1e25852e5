/*
 * smtp/body.c, message/content.c: from the wire of DATA to the wire of the
 * next server. The octets before a 0xff in the input are cut there, and in
 * one piece, and must give the same; the result is canonical, and stuffed
 * again shows no end of data, and read again is the same.
 */
#include "message/content.h"
#include "smtp/body.h"
#include "tests/fuzz/fuzz.h"

struct result {
	char *out;
	size_t len, taken;
	bool end, nul, high;
};

/* A piece through both; returns the octets taken. */
static size_t
pass(enum data_state *state, struct content *content, const uint8_t *p,
    size_t n, size_t room, struct result *r)
{
	char *in = exact(p, n, false), *text = malloc(room), *block;
	size_t used = 0, got, len;

	while (used < n && *state != DATA_END) {
		got = data_read(state, in + used, n - used, text, room, &len);
		MUST(got > 0 && got <= n - used && len <= room);
		used += got;
		block = exact(text, len, false);
		if (content_is_clean(content, block, len)) {
			memcpy(r->out + r->len, block, len);
		} else {
			char *mended = malloc(2 * len + 2);

			len = content_mend(content, block, len, mended);
			memcpy(r->out + r->len, mended, len);
			free(mended);
		}
		r->len += len;
		free(block);
	}
	free(text);
	free(in);
	return used;
}

static void
run(const uint8_t *data, size_t size, bool cut, size_t room, struct result *r)
{
	enum data_state state = DATA_CRLF;
	struct content content;
	const uint8_t *part;
	size_t n;

	memset(r, 0, sizeof(*r));
	r->out = malloc(2 * size + 8);
	content_start(&content);
	if (!cut)
		r->taken = pass(&state, &content, data, size, room, r);
	while (cut && state != DATA_END &&
	    next_part(&data, &size, 0xff, &part, &n))
		r->taken += pass(&state, &content, part, n, room, r);
	r->end = state == DATA_END;
	r->len += content_finish(&content, r->out + r->len);
	r->nul = content.nul;
	r->high = content.eight_bit;
}

/* What is stuffed and ended gives the same when it is read again. */
static void
check_again(const struct result *r, const char *wire, size_t n)
{
	enum data_state state = DATA_CRLF;
	char *text = malloc(n);
	size_t len;

	MUST(data_read(&state, wire, n, text, n, &len) == n);
	MUST(state == DATA_END && len == r->len);
	MUST(len == 0 || memcmp(text, r->out, len) == 0);
	free(text);
}

static void
check(const struct result *r)
{
	char *out = malloc(2 * r->len + 3);
	bool start = true;
	size_t n, i;

	for (i = 0; i < r->len; i++) {
		MUST(r->out[i] != '\n' || (i > 0 && r->out[i - 1] == '\r'));
		MUST(r->out[i] != '\r' || (i + 1 < r->len &&
		    r->out[i + 1] == '\n'));
	}
	n = content_dot_stuff(&start, r->out, r->len, out);
	MUST(start && n <= 2 * r->len);
	MUST(memmem(out, n, "\r\n.\r\n", 5) == NULL);
	MUST(n < 3 || memcmp(out, ".\r\n", 3) != 0);
	memcpy(out + n, ".\r\n", 3);
	check_again(r, out, n + 3);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *joined = malloc(size + 1);
	struct result whole, cut;
	size_t room, i, n;

	MUST(joined != NULL);
	if (size < 1) {
		free(joined);
		return 0;
	}
	room = 2 + data[0] % 64U;
	for (i = 1, n = 0; i < size; i++)
		if (data[i] != 0xff)
			joined[n++] = data[i];
	run(joined, n, false, 64 * 1024, &whole);
	run(data + 1, size - 1, true, room, &cut);
	MUST(whole.len == cut.len && whole.end == cut.end &&
	    whole.taken == cut.taken && whole.nul == cut.nul &&
	    whole.high == cut.high);
	MUST(whole.len == 0 || memcmp(whole.out, cut.out, cut.len) == 0);
	check(&whole);
	free(whole.out);
	free(cut.out);
	free(joined);
	return 0;
}
