/*
 * message/policy.c: login, domain, list and address, parted by line ends.
 * Whoever has no list sends from his own address only.
 */
#include <strings.h>

#include "message/policy.h"
#include "tests/fuzz/fuzz.h"

/* The address is the login, or login@domain, with or without detail. */
static void
check_own(const char *user, const char *domain, const char *address)
{
	const char *own_at = strrchr(user, '@'), *at = strrchr(address, '@');
	size_t local = own_at == NULL ? strlen(user) :
	    (size_t)(own_at - user);

	MUST(local > 0 && at != NULL);
	MUST(strcasecmp(at + 1, own_at == NULL ? domain : own_at + 1) == 0);
	MUST((size_t)(at - address) >= local);
	MUST(strncasecmp(user, address, local) == 0);
	MUST(address[local] == '@' || address[local] == '+');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *word[4];
	const uint8_t *part;
	size_t i, n;

	if (memchr(data, '\0', size) != NULL)
		return 0;
	for (i = 0; i < 4; i++) {
		if (!next_part(&data, &size, '\n', &part, &n))
			n = 0;
		word[i] = exact(part, n, true);
	}
	if (strchr(word[1], '@') != NULL)	/* the configuration's is a name */
		word[1][0] = '\0';
	MUST(policy_allows(word[0], word[1], word[2], ""));
	MUST(policy_allows(word[0], word[1], "*", word[3]));
	if (word[3][0] != '\0' && policy_allows(word[0], word[1], "",
	    word[3]))
		check_own(word[0], word[1], word[3]);
	/* a list with nothing in it is for nobody */
	if (word[3][0] != '\0')
		MUST(!policy_allows(word[0], word[1], " ", word[3]));
	policy_allows(word[0], word[1], word[2], word[3]);
	for (i = 0; i < 4; i++)
		free(word[i]);
	return 0;
}
