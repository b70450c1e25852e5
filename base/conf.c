#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include "base/conf.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One word from *p into *out, both moved on; NULL or what is wrong. */
static const char *
take_word(const char **p, const char *end, char **out)
{
	bool quoted = **p == '"';

	*p += quoted;
	while (*p < end && (quoted ? **p != '"' : !is_blank(**p))) {
		if (!quoted && **p == '"')
			return "a quote in the middle of a word";
		if (quoted && **p == '\\' && *p + 1 < end)
			(*p)++;
		*(*out)++ = *(*p)++;
	}
	if (quoted && *p == end)
		return "a quote is not closed";
	*p += quoted;
	if (quoted && *p < end && !is_blank(**p))
		return "a quote is followed by something";
	*(*out)++ = '\0';
	return NULL;
}

const char *
conf_split(const char *p, size_t n, struct conf_line *line)
{
	const char *end = p + n, *why;
	char *out = line->text;

	line->n = 0;
	if (n >= sizeof(line->text) / 2)
		return "the line is too long";
	if (memchr(p, '\0', n) != NULL)
		return "the line holds a NUL octet";
	for (;;) {
		while (p < end && is_blank(*p))
			p++;
		if (p == end || *p == '#')
			break;
		if (line->n == CONF_WORDS_MAX)
			return "the line has too many words";
		line->word[line->n++] = out;
		why = take_word(&p, end, &out);
		if (why != NULL)
			return why;
	}
	line->word[line->n] = NULL;
	return NULL;
}

/* Digits at the start; returns what follows them, NULL if there are none. */
static const char *
take_number(const char *s, uint64_t max, uint64_t *value)
{
	const char *p = s;
	uint64_t digit;

	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		digit = (uint64_t)(*p - '0');
		if (digit > max || *value > (max - digit) / 10)
			return NULL;
		*value = *value * 10 + digit;
	}
	return p == s ? NULL : p;
}

bool
conf_number(const char *s, uint64_t max, uint64_t *value)
{
	const char *rest = take_number(s, max, value);

	return rest != NULL && *rest == '\0';
}

bool
conf_size(const char *s, uint64_t *octets)
{
	static const char units[] = "KMG";
	const char *rest = take_number(s, INT64_MAX, octets);
	const char *unit;
	unsigned shift;

	if (rest == NULL)
		return false;
	if (*rest == '\0')
		return true;
	unit = strchr(units, *rest);
	if (unit == NULL || rest[1] != '\0')
		return false;
	shift = 10 * (unsigned)(unit - units + 1);
	if (*octets > (uint64_t)INT64_MAX >> shift)
		return false;
	*octets <<= shift;
	return true;
}

bool
conf_duration(const char *s, unsigned *ms)
{
	static const struct {
		const char *unit;
		unsigned ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 }
	};
	uint64_t value;
	const char *rest = take_number(s, 1000000, &value);
	size_t i;

	for (i = 0; rest != NULL && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(rest, units[i].unit) == 0) {
			*ms = (unsigned)(value * units[i].ms);
			return value * units[i].ms <= INT32_MAX;
		}
	return false;
}

bool
conf_yes_no(const char *s, bool *value)
{
	*value = strcmp(s, "yes") == 0;
	return *value || strcmp(s, "no") == 0;
}

bool
conf_address(const char *s, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	const char *colon = strrchr(s, ':');
	char host[64];
	uint64_t port;
	size_t n;

	if (colon == NULL || !conf_number(colon + 1, 65535, &port) ||
	    port == 0)
		return false;
	n = (size_t)(colon - s);
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	} else if (memchr(s, ':', n) != NULL) {
		return false;	/* which colon is the port's? */
	}
	if (n == 0 || n >= sizeof(host))
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		*len = sizeof(*in);
		return true;
	}
	if (strcmp(host, "*") == 0)
		strcpy(host, "::");
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	*len = sizeof(*in6);
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}
