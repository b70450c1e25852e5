/*
 * The senders file: `login address ...` a line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/words.h"
#include "smtp/path.h"

/* An address, @domain, or * */
static bool
is_sender(const char *word)
{
	char text[ADDRESS_MAX + 3];
	struct path path;
	int n;

	if (strcmp(word, "*") == 0)
		return true;
	n = snprintf(text, sizeof(text), "<%s%s>", word[0] == '@' ? "x" : "",
	    word);
	return n > 0 && (size_t)n < sizeof(text) &&
	    path_parse(text, (size_t)n, &path) == (size_t)n &&
	    path.has_domain;
}

/* NULL, or what is wrong with the line of the senders file. */
static const char *
add_sender(struct config *c, const struct conf_line *line)
{
	struct sender_line *s;
	char text[CONF_LINE_MAX] = "";
	size_t i;

	if (line->n == 0)
		return NULL;
	if (line->n == 1)
		return "a login and its addresses are expected";
	for (i = 1; i < line->n; i++) {
		if (!is_sender(line->word[i]))
			return "an address, @domain or * is expected";
		strlcat(text, line->word[i], sizeof(text));
		strlcat(text, " ", sizeof(text));
	}
	s = reallocarray(c->senders, c->n_senders + 1, sizeof(*s));
	if (s == NULL)
		fatal("out of memory");
	c->senders = s;
	s += c->n_senders++;
	s->login = config_copy(line->word[0]);
	s->addresses = config_copy(text);
	return NULL;
}

/* `login address ...` a line */
static const char *
read_senders_file(struct config *c, const char *path)
{
	static char why[600];
	struct conf_line line;
	const char *wrong = NULL;
	char *text = NULL;
	unsigned number = 0;
	size_t size = 0;
	ssize_t n;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		snprintf(why, sizeof(why), "%.300s: %s", path,
		    strerror(errno));
		return why;
	}
	while (wrong == NULL && (n = getline(&text, &size, f)) != -1) {
		number++;
		n -= n > 0 && text[n - 1] == '\n';
		wrong = conf_split(text, (size_t)n, &line);
		if (wrong == NULL)
			wrong = add_sender(c, &line);
	}
	if (wrong == NULL && ferror(f)) {
		number++;
		wrong = strerror(errno);
	}
	free(text);
	fclose(f);
	if (wrong == NULL)
		return NULL;
	snprintf(why, sizeof(why), "%.300s:%u: %s", path, number, wrong);
	return why;
}

const char *
read_senders(struct config *c, const struct conf_line *l)
{
	char *path;
	const char *why;

	c->senders_any = strcmp(l->word[1], "any") == 0;
	if (c->senders_any)
		return NULL;
	why = word_file(l->word[1], &path);
	if (why == NULL)
		why = read_senders_file(c, path);
	free(path);
	return why;
}
