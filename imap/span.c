#include <string.h>
#include <strings.h>

#include "imap/span.h"

bool
span_is(struct span s, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(s.end - s.p) == len && strncasecmp(s.p, word, len) == 0;
}

bool
span_take(struct span *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

struct span
span_until(struct span *s, const char *stops)
{
	struct span word = { s->p, s->p };

	while (s->p < s->end && strchr(stops, *s->p) == NULL)
		s->p++;
	word.end = s->p;
	return word;
}

bool
span_quoted(struct span *s, struct span *out)
{
	char *dst = s->p;

	out->p = s->p;
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p == '\\' && ++s->p == s->end)
			return false;
		*dst++ = *s->p;
	}
	out->end = dst;
	return span_take(s, '"');
}

enum span_value
span_value(struct span *s, const struct imap_event *event, const char *stops,
    struct span *out)
{
	if (s->p == s->end)
		return event->type == IMAP_LITERAL ? VALUE_LITERAL : VALUE_NONE;
	if (span_take(s, '"'))
		return span_quoted(s, out) ? VALUE_QUOTED : VALUE_NONE;
	*out = span_until(s, stops);
	return out->p < out->end ? VALUE_ATOM : VALUE_NONE;
}

uint32_t
span_number(struct span s)
{
	uint64_t n = 0;

	for (; s.p < s.end; s.p++) {
		if (*s.p < '0' || *s.p > '9')
			return 0;
		if ((n = n * 10 + (uint64_t)(*s.p - '0')) > UINT32_MAX)
			return 0;
	}
	return (uint32_t)n;
}
