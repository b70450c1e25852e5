/*
 * message/complete.c on headers made canonical as the relay does it: what
 * goes out is a header again, with every field that stays in its place;
 * nothing private is left; what was good is good; completed again it does
 * not change.
 */
#include "message/address.h"
#include "message/complete.h"
#include "message/content.h"
#include "tests/fuzz/fuzz.h"

#define DOMAIN	"example.org"

struct text {
	char *p;
	size_t len, size;
};

static void
sink(void *arg, const char *p, size_t n)
{
	struct text *text = arg;

	MUST(n > 0);
	if (text->len + n > text->size) {
		text->size = 2 * (text->len + n);
		text->p = realloc(text->p, text->size);
		MUST(text->p != NULL);
	}
	memcpy(text->p + text->len, p, n);
	text->len += n;
}

static void
check_field(const struct field *f)
{
	static const char *const gone[] = { "Bcc", "Resent-Bcc",
	    "Return-Path" };
	struct address_list list = { .p = f->value,
	    .end = f->value + f->value_len, .recipients = true };
	enum address_status status;
	struct mailbox mailbox;
	bool bare = false;
	size_t i;

	for (i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		MUST(!field_is(f, gone[i]));
	if (!complete_has_addresses(f))
		return;
	while ((status = mailbox_next(&list, &mailbox)) == ADDRESS_ONE)
		bare = bare || !mailbox.has_domain;
	MUST(!bare || status == ADDRESS_BAD);
}

/* Each field that went out is one that came in, in the same order. */
static void
check_order(const char *in, size_t len, const struct text *out)
{
	size_t pos = 0, at = 0;
	struct field was, is;

	while (header_next(out->p, out->len, &pos, &is)) {
		check_field(&is);
		do
			MUST(header_next(in, len, &at, &was));
		while (was.name_len != is.name_len || memcmp(was.start,
		    is.start, is.name_len) != 0 || is.len < was.len ||
		    (!complete_has_addresses(&is) && (is.len != was.len ||
		    memcmp(was.start, is.start, is.len) != 0)));
	}
}

static void
check_canonical(const struct text *out)
{
	struct header header = { 0 };
	struct content content;

	content_start(&content);
	MUST(content_is_clean(&content, out->p, out->len));
	MUST(!content.held_cr && content.line_start);
	header_scan(&header, out->p, out->len, true);
	MUST(header.len == out->len);
}

static void
check_again(const struct text *once)
{
	char *in = exact(once->p, once->len, false);
	struct text again = { 0 };

	complete_rest(in, once->len, DOMAIN, sink, &again);
	MUST(again.len == once->len);
	MUST(again.len == 0 || memcmp(again.p, in, again.len) == 0);
	free(again.p);
	free(in);
}

/* The whole header that goes on needs nothing more, and is as good. */
static void
check_whole(const char *in, size_t len, const struct text *rest)
{
	struct author author = { .user = "alice", .domain = DOMAIN,
		.senders = "", .from = "alice@example.org" };
	struct trace trace = { .hostname = "mx.example.org", .id = "abc" };
	struct text whole = { 0 };
	char own[COMPLETE_OWN_MAX];
	struct check check;
	size_t n;

	if (check_header(in, len, &author, &check) != CHECK_OK)
		return;
	n = complete_own(in, len, &check, &trace, 1693440000, own);
	MUST(n < COMPLETE_OWN_MAX);
	if (n > 0)
		sink(&whole, own, n);
	if (rest->len > 0)
		sink(&whole, rest->p, rest->len);
	MUST(check_header(whole.p, whole.len, &author, &check) == CHECK_OK);
	MUST(check.from[0] == '\0' && check.sender[0] == '\0');
	MUST(complete_own(whole.p, whole.len, &check, &trace, 0, own) == 0);
	check_canonical(&whole);
	check_again(&whole);
	free(whole.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = exact(data, size, false), *text = malloc(2 * size + 4);
	struct header header = { 0 };
	struct text out = { 0 };
	struct content content;
	size_t n;

	content_start(&content);
	n = content_mend(&content, in, size, text);
	n += content_finish(&content, text + n);
	free(in);
	header_scan(&header, text, n, true);
	in = exact(text, header.len, false);
	free(text);
	if (!content.nul) {
		complete_rest(in, header.len, DOMAIN, sink, &out);
		MUST(out.len <= header.len * (sizeof("@" DOMAIN) + 3));
		if (out.len > 0)
			check_canonical(&out);
		check_order(in, header.len, &out);
		check_again(&out);
		check_whole(in, header.len, &out);
	}
	free(out.p);
	free(in);
	return 0;
}
