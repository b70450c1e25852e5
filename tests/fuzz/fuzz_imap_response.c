/*
 * imap/response.c, imap/span.c and imap/answer.c. The first octet picks the
 * command that is under way, the second where the rest is cut in two. The
 * trace of steps must not depend on the cut, nor on feeding octet by octet;
 * content never exceeds its announced size, nor anything what is bounded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "imap/answer.h"

#define URL "imap://h/a/;UID=1"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct trace {
	uint64_t hash;		/* of steps and content, in order */
	uint64_t expected, got;	/* octets of the content's literal */
	bool in_content, over;
};

static void
mix(struct trace *t, uint64_t value)
{
	t->hash = (t->hash ^ value) * 0x100000001b3;
}

static void
mix_octets(struct trace *t, const void *octets, size_t n)
{
	const unsigned char *p = octets;

	for (; n > 0; n--)
		mix(t, *p++ + 1000u);
}

static void
check(const struct imap_answer *a)
{
	if (a->untagged > IMAP_UNTAGGED_MAX + 1)
		abort();
	if (strspn(a->code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
	    strlen(a->code))
		abort();
}

static void
step(struct trace *t, struct imap_answer *a, struct imap_event *event)
{
	enum imap_step step = imap_answer_take(a, event);

	check(a);
	if (step == STEP_OCTETS) {
		t->got += event->octets_len;
		if (t->got > t->expected)
			abort();
		mix_octets(t, event->octets, event->octets_len);
		return;
	}
	if (step == STEP_GO)
		return;
	mix(t, step);
	if (step == STEP_SIZE) {
		mix(t, a->size);
		t->expected += a->size;
		if (a->size > INT64_MAX)
			abort();
	} else if (step == STEP_TEXT) {
		mix_octets(t, a->content, (size_t)a->size);
	} else {
		t->over = true;
		mix(t, a->condition);
		mix(t, a->found);
		mix(t, a->nil);
		mix(t, a->equal);
		mix(t, a->has_urlauth);
		mix(t, a->uidvalidity);
		if (step == STEP_BAD && a->why == NULL)
			abort();
	}
}

static void
feed(struct trace *t, struct imap_reader *r, struct imap_answer *a,
    const uint8_t *p, size_t n)
{
	struct imap_event event;

	while (!t->over && imap_read(r, &p, &n, &event) != IMAP_MORE)
		step(t, a, &event);
	if (!t->over && n > 0)
		abort();
}

static uint64_t
run(int ask, const uint8_t *p, size_t size, size_t cut, size_t pieces)
{
	static struct imap_reader reader;
	struct trace t = { .hash = 0xcbf29ce484222325 };
	struct imap_answer a;
	size_t n;

	imap_reader_start(&reader);
	imap_answer_start(&a, (enum imap_question)ask, "T");
	a.url = URL;
	a.url_len = strlen(URL);
	a.uid = 1;
	feed(&t, &reader, &a, p, cut);
	for (; cut < size; cut += n) {
		n = pieces < size - cut ? pieces : size - cut;
		feed(&t, &reader, &a, p + cut, n);
	}
	return t.hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole;
	size_t cut;
	int ask;

	if (size < 2)
		return 0;
	ask = data[0] % (ASK_FETCH + 1);
	cut = data[1];
	data += 2;
	size -= 2;
	whole = run(ask, data, size, size, 1);
	if (run(ask, data, size, cut < size ? cut : size, size) != whole)
		abort();
	if (run(ask, data, size, 0, 1) != whole)
		abort();
	return 0;
}
