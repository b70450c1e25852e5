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
		/* of a binary message other lines may have two octets */
		if (len == 2 && line[0] == '\r') {
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
header_next(const char *buf, size_t len, size_t *pos, struct field *f)
{
	const char *colon;

	if (*pos >= len)
		return false;
	f->start = buf + *pos;
	*pos = field_end(buf, len, *pos);
	f->len = (size_t)(buf + *pos - f->start);
	f->name_len = field_name(f->start, f->len);
	colon = memchr(f->start, ':', f->len);
	f->value = f->name_len > 0 && colon != NULL ? colon + 1 : f->start;
	f->value_len = f->len - (size_t)(f->value - f->start);
	while (f->value_len > 0 && (f->value[f->value_len - 1] == '\n' ||
	    f->value[f->value_len - 1] == '\r'))
		f->value_len--;
	return true;
}

bool
field_is(const struct field *f, const char *name)
{
	return f->name_len == strlen(name) && f->name_len > 0 &&
	    strncasecmp(f->start, name, f->name_len) == 0;
}

bool
header_find(const char *buf, size_t len, const char *name, size_t *pos,
    const char **value, size_t *value_len)
{
	struct field f;

	while (header_next(buf, len, pos, &f)) {
		if (!field_is(&f, name))
			continue;
		*value = f.value;
		*value_len = f.value_len;
		return true;
	}
	return false;
}
