/*
 * smtp/path.c, smtp/param.c: what is accepted holds no octet that could
 * harm a command line or a Received field, and read again is the same;
 * xtext goes both ways.
 */
#include "base/text.h"
#include "smtp/param.h"
#include "smtp/path.h"
#include "smtp/values.h"
#include "tests/fuzz/fuzz.h"

static void
check_path(const struct path *path)
{
	char again[ADDRESS_MAX + 3];
	struct path other;
	int n = snprintf(again, sizeof(again), "<%s>", path->address);

	MUST(strlen(path->address) <= ADDRESS_MAX);
	MUST(utf8_is_clean(path->address, strlen(path->address)));
	MUST(path->utf8 == !is_printable(path->address,
	    strlen(path->address)));
	MUST(path->local_len <= LOCAL_PART_MAX);
	MUST(path_parse(again, (size_t)n, &other) == (size_t)n);
	MUST(memcmp(path, &other, sizeof(other)) == 0);
	MUST(path_complete(&other, "example.org"));
	MUST(other.local_len == 0 || other.has_domain);
	MUST(path->has_domain || other.local_len == 0 ||
	    path_is_qualified(&other));
}

static void
check_params(const char *p, size_t n)
{
	struct mail_params mail;
	struct rcpt_params rcpt;
	struct param_error error;

	if (mail_params_parse(p, n, &mail, &error) == PARAM_OK) {
		MUST(is_printable(p, n));
		MUST(strlen(mail.envid) <= 100 && strlen(mail.auth) <= 500);
		MUST(xtext_is_valid(mail.envid, strlen(mail.envid)));
		MUST(strcmp(mail.auth, "<>") == 0 ||
		    xtext_is_valid(mail.auth, strlen(mail.auth)));
		MUST(mail.by > 0 || !mail.by_return);
		MUST(mail.by <= SECONDS_MAX && mail.by >= -SECONDS_MAX);
		MUST(mail.hold_for <= SECONDS_MAX);
		MUST(!mail.has_hold_for || !mail.has_hold_until);
		MUST(mail.priority >= -9 && mail.priority <= 9);
		MUST(is_printable(mail.hold_until, strlen(mail.hold_until)));
		MUST(!mail.has_solicit || solicit_is_valid(mail.solicit,
		    strlen(mail.solicit)));
	}
	MUST(is_printable(error.name, strlen(error.name)));
	if (rcpt_params_parse(p, n, &rcpt, &error) == PARAM_OK)
		MUST(is_printable(rcpt.notify, strlen(rcpt.notify)) &&
		    utf8_is_clean(rcpt.orcpt, strlen(rcpt.orcpt)) &&
		    rcpt.utf8 == !is_printable(rcpt.orcpt,
		    strlen(rcpt.orcpt)));
	MUST(is_printable(error.name, strlen(error.name)));
}

/* What is encoded is xtext and decodes to itself; and the other way round. */
static void
check_xtext(const char *p, size_t n)
{
	char *text = exact(p, n, true), *code = malloc(3 * n + 1);
	char *again = malloc(3 * n + 1);

	if (is_printable(text, n) && xtext_encode(text, code, 3 * n + 1)) {
		MUST(xtext_is_valid(code, strlen(code)));
		MUST(xtext_decode(code, strlen(code), again, 3 * n + 1));
		MUST(strcmp(again, text) == 0);
	}
	if (xtext_decode(p, n, text, n + 1) &&
	    xtext_encode(text, code, 3 * n + 1)) {
		MUST(xtext_decode(code, strlen(code), again, 3 * n + 1));
		MUST(strcmp(again, text) == 0);
	}
	free(again);
	free(code);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = exact(data, size, false);
	struct path path;
	size_t used;

	used = path_parse(p, size, &path);
	MUST(used <= size);
	if (used > 0)
		check_path(&path);
	check_params(p + used, size - used);
	check_xtext(p, size);
	if (helo_is_valid(p, size))
		MUST(size <= 256 && is_printable(p, size) &&
		    memchr(p, ' ', size) == NULL &&
		    memchr(p, '(', size) == NULL &&
		    memchr(p, ')', size) == NULL);
	free(p);
	return 0;
}
