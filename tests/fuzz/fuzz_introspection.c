/*
 * helpers/introspection.c: the first octet tells what is wanted, the rest is
 * the answer. A login comes only of what says "active" and true, and is fit
 * for the log.
 */
#include "helpers/introspection.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const claims[] = { "username", "email",
	    "ext.email" };
	char user[INTROSPECTION_USER_MAX + 1];
	enum checkpassword status;
	const char *why;
	char *answer;

	if (size == 0)
		return 0;
	const struct introspection want = {
		.claim = claims[data[0] % 3],
		.scope = data[0] & 16 ? "mail" : NULL,
		.audience = data[0] & 32 ? "smtp" : NULL,
		.login = data[0] & 64 ? "jo" : "", .now = 1000
	};
	answer = exact(data + 1, size - 1, false);
	memset(user, 'x', sizeof(user));
	status = introspection_judge(answer, size - 1, &want, user, &why);
	if (status == CP_RIGHT) {
		MUST(why == NULL && login_possible(user));
		MUST(memmem(answer, size - 1, "true", 4) != NULL);
		MUST(*want.login == '\0' || strcmp(user, want.login) == 0);
	} else {
		MUST(status == CP_WRONG ||
		    (status == CP_TEMPORARY && why != NULL));
	}
	free(answer);
	return 0;
}
