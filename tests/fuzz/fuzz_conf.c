/*
 * base/conf.c, mta/route.c: the words of a line, quoted and parted again,
 * are the same; values are in their bounds; a route is whole.
 */
#include "base/conf.h"
#include "mta/route.h"
#include "tests/fuzz/fuzz.h"

static void
check_values(const char *word)
{
	struct sockaddr_storage ss;
	socklen_t len = 0;
	uint64_t value;
	unsigned ms;
	bool yes;

	if (conf_number(word, 65535, &value))
		MUST(value <= 65535);
	if (conf_number(word, UINT64_MAX, &value))
		MUST(strspn(word, "0123456789") == strlen(word));
	if (conf_size(word, &value))
		MUST(value <= INT64_MAX);
	if (conf_duration(word, &ms))
		MUST(ms <= INT32_MAX);
	conf_yes_no(word, &yes);
	if (conf_address(word, &ss, &len))
		MUST(len > 0 && len <= sizeof(ss));
}

static void
check_route(const char *word)
{
	struct route route;

	if (route_parse(word, &route) != NULL)
		return;
	MUST((route.host[0] == '\0') != (route.path[0] == '\0'));
	MUST(route.host[0] == '\0' || route.port != 0);
	MUST(route.path[0] == '\0' || route.path[0] == '/');
	MUST(route.kind != ROUTE_SMTP || route.host[0] != '\0');
	MUST(route.kind != ROUTE_MAILDIR || route.path[0] != '\0');
	MUST(strspn(route.host, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") ==
	    strlen(route.host));
	MUST(route.path[0] != '\0' || strchr(word, '[') == NULL ||
	    strchr(word, ']') != NULL);
	MUST(!route_is_loopback(&route) || route_is_numeric(&route));
	MUST(strcmp(route.url, word) == 0);
}

/* The same words, each in quotes */
static void
check_again(const struct conf_line *line)
{
	static struct conf_line again;
	static char text[4 * CONF_LINE_MAX];
	size_t i, len = 0;
	const char *p;

	for (i = 0; i < line->n; i++) {
		text[len++] = ' ';
		text[len++] = '"';
		for (p = line->word[i]; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				text[len++] = '\\';
			text[len++] = *p;
		}
		text[len++] = '"';
	}
	if (len >= CONF_LINE_MAX / 2)
		return;
	MUST(conf_split(text, len, &again) == NULL && again.n == line->n);
	for (i = 0; i < line->n; i++)
		MUST(strcmp(line->word[i], again.word[i]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_line line;
	char *p = exact(data, size, false), *word;
	size_t i;

	if (conf_split(p, size, &line) == NULL) {
		MUST(line.n <= CONF_WORDS_MAX && line.word[line.n] == NULL);
		for (i = 0; i < line.n; i++) {
			word = exact(line.word[i], strlen(line.word[i]),
			    true);
			check_values(word);
			check_route(word);
			free(word);
		}
		check_again(&line);
	}
	free(p);
	return 0;
}
