/*
 * The kinds of value that several words of smtpsubmitd.conf(5) take.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "config/words.h"
#include "smtp/path.h"

char *
config_copy(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		fatal("out of memory");
	return p;
}

/* A file named in the configuration must be there and be readable. */
const char *
word_file(const char *name, char **slot)
{
	static char why[512];
	char path[4096];

	secret_path(name, path, sizeof(path));
	*slot = config_copy(path);
	if (access(path, R_OK) == 0)
		return NULL;
	snprintf(why, sizeof(why), "%.300s: %s", path, strerror(errno));
	return why;
}

/* A file of trust anchors. */
const char *
word_ca(const char *name, char **slot)
{
	static char why[512];
	const char *wrong = word_file(name, slot);

	if (wrong != NULL || tls_file_has_certificate(*slot))
		return wrong;
	snprintf(why, sizeof(why), "%.300s: no certificate in PEM", *slot);
	return why;
}

const char *
word_name(const char *name, char *slot, size_t size)
{
	if (strlen(name) >= size || !helo_is_valid(name, strlen(name)))
		return "a domain name is expected, like mail.example.org";
	memcpy(slot, name, strlen(name) + 1);
	return NULL;
}

const char *
word_number(const char *s, uint64_t max, unsigned *slot)
{
	static char why[64];
	uint64_t value;

	if (conf_number(s, max, &value) && value > 0) {
		*slot = (unsigned)value;
		return NULL;
	}
	snprintf(why, sizeof(why), "a number from 1 to %llu is expected",
	    (unsigned long long)max);
	return why;
}

const char *
word_duration(const char *s, unsigned min, unsigned max, unsigned *slot)
{
	static char why[80];

	if (conf_duration(s, slot) && *slot >= min && *slot <= max)
		return NULL;
	snprintf(why, sizeof(why), "a time from %us to %us is expected, like "
	    "30s or 2m", min / 1000, max / 1000);
	return why;
}

const char *
word_size(const char *s, uint64_t min, uint64_t max, uint64_t *slot)
{
	static char why[96];

	if (conf_size(s, slot) && *slot >= min && *slot <= max)
		return NULL;
	snprintf(why, sizeof(why), "a size from %llu to %llu octets is "
	    "expected, like 50M", (unsigned long long)min,
	    (unsigned long long)max);
	return why;
}
