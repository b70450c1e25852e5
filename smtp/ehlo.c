/*
 *	ehlo-line	= ehlo-keyword *( SP ehlo-param )	RFC 5321 4.1.1.1
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "smtp/ehlo.h"

static const struct {
	const char *keyword;
	uint32_t bit;
} keywords[] = {
	{ "PIPELINING", CAP_PIPELINING },
	{ "8BITMIME", CAP_8BITMIME },
	{ "CHUNKING", CAP_CHUNKING },
	{ "DSN", CAP_DSN },
	{ "SIZE", CAP_SIZE },
	{ "STARTTLS", CAP_STARTTLS },
	{ "AUTH", CAP_AUTH },
	{ "ENHANCEDSTATUSCODES", CAP_ENHANCED },
	{ "XCLIENT", CAP_XCLIENT },
};

/* Parameters that matter, of the keyword they belong to. */
static const struct {
	uint32_t keyword;
	const char *word;
	uint32_t bit;
} parameters[] = {
	{ CAP_AUTH, "PLAIN", CAP_AUTH_PLAIN },
	{ CAP_AUTH, "LOGIN", CAP_AUTH_LOGIN },
	{ CAP_AUTH, "EXTERNAL", CAP_AUTH_EXTERNAL },
	{ CAP_AUTH, "XOAUTH2", CAP_AUTH_XOAUTH2 },
	{ CAP_AUTH, "OAUTHBEARER", CAP_AUTH_OAUTHBEARER },
	{ CAP_XCLIENT, "ADDR", CAP_XCLIENT_ADDR },
	{ CAP_XCLIENT, "HELO", CAP_XCLIENT_HELO },
	{ CAP_XCLIENT, "LOGIN", CAP_XCLIENT_LOGIN },
	{ CAP_XCLIENT, "PROTO", CAP_XCLIENT_PROTO },
};

static size_t
take_word(const char **p, size_t *n, const char **word)
{
	size_t len;

	while (*n > 0 && **p == ' ')
		(*p)++, (*n)--;
	*word = *p;
	for (len = 0; len < *n && (*p)[len] != ' '; len++)
		;
	*p += len;
	*n -= len;
	return len;
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

static uint64_t
read_size(const char *p, size_t n)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9' || size > UINT64_MAX / 10 - 1)
			return 0;
		size = size * 10 + (uint64_t)(p[i] - '0');
	}
	return size;
}

void
ehlo_line(struct ehlo *ehlo, const char *line, size_t n)
{
	const char *word;
	size_t i, len = take_word(&line, &n, &word);
	uint32_t bit = 0;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (is_word(word, len, keywords[i].keyword))
			bit = keywords[i].bit;
	ehlo->capabilities |= bit;
	while ((len = take_word(&line, &n, &word)) > 0) {
		if (bit == CAP_SIZE)
			ehlo->size = read_size(word, len);
		for (i = 0; i < sizeof(parameters) / sizeof(parameters[0]);
		    i++)
			if (parameters[i].keyword == bit &&
			    is_word(word, len, parameters[i].word))
				ehlo->capabilities |= parameters[i].bit;
	}
}
