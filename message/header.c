/*
 *	field		= field-name ":" unstructured CRLF RFC 5322 2.2, 3.6.8
 *	field-name	= 1*ftext	ftext = %d33-57 / %d59-126
 *	obs: white space between name and colon			4.5.8
 *	folding		: a line that begins with WSP goes on the one before
 */
#include <string.h>
#include <strings.h>

#include "message/header.h"

/* The length of the field name if the line is a field's first, else 0. */
static size_t
field_name(const char *line, size_t n)
{
	size_t i, name;

	for (i = 0; i < n && line[i] > ' ' && line[i] < 127 &&
	    line[i] != ':'; i++)
		;
	name = i;
	while (i < n && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return i < n && line[i] == ':' ? name : 0;
}

static bool
is_folded(const char *line, size_t n)
{
	return n > 0 && (line[0] == ' ' || line[0] == '\t');
}

static void
end_here(struct header *header, bool blank_missing)
{
	header->len = header->scanned;
	header->complete = true;
	header->blank_missing = blank_missing;
}

void
header_scan(struct header *header, const char *buf, size_t n, bool final)
{
	const char *line, *lf;
	size_t len, name;

	while (!header->complete && header->scanned < n) {
		line = buf + header->scanned;
		lf = memchr(line, '\n', n - header->scanned);
		if (lf == NULL)
			break;
		len = (size_t)(lf + 1 - line);
		name = field_name(line, len);
		if (len == 2) {
			end_here(header, false);
			return;
		}
		if (name == 0 && !(is_folded(line, len) &&
		    header->scanned > 0)) {
			end_here(header, true);
			return;
		}
		if (name == 8 && strncasecmp(line, "Received", 8) == 0)
			header->received++;
		header->scanned += len;
	}
	if (final && !header->complete)
		end_here(header, true);
}

/* The end of the field that begins at pos: behind its last folded line. */
static size_t
field_end(const char *buf, size_t len, size_t pos)
{
	const char *lf;

	do {
		lf = memchr(buf + pos, '\n', len - pos);
		if (lf == NULL)
			return len;
		pos = (size_t)(lf + 1 - buf);
	} while (pos < len && is_folded(buf + pos, len - pos));
	return pos;
}

bool
header_find(const char *buf, size_t len, const char *name, size_t *pos,
    const char **value, size_t *value_len)
{
	size_t start, end, n, want = strlen(name);
	const char *colon;

	while (*pos < len) {
		start = *pos;
		end = field_end(buf, len, start);
		*pos = end;
		n = field_name(buf + start, end - start);
		if (n != want || strncasecmp(buf + start, name, n) != 0)
			continue;
		colon = memchr(buf + start, ':', end - start);
		*value = colon + 1;
		*value_len = (size_t)(buf + end - *value);
		while (*value_len > 0 && ((*value)[*value_len - 1] == '\n' ||
		    (*value)[*value_len - 1] == '\r'))
			(*value_len)--;
		return true;
	}
	return false;
}
