/*
 * RFC 3629: one to four octets a character, the shortest form only, no
 * surrogates, nothing beyond U+10FFFF.
 */
#include <string.h>

#include "base/text.h"

/* The smallest code point that needs that many continuation octets. */
static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };

int32_t
utf8_next(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *q = *p;
	int more, i;
	int32_t c;

	if (q == end)
		return -1;
	c = *q++;
	if (c < 0x80) {
		*p = q;
		return c;
	}
	if (c < 0xc2 || c > 0xf4)
		return -1;
	more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	c &= 0x3f >> more;
	for (i = 0; i < more; i++, q++) {
		if (q == end || (*q & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (*q & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*p = q;
	return c;
}

bool
utf8_is_clean(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	int32_t c;

	while (p < end) {
		c = utf8_next(&p, end);
		if (c < ' ' || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

const char *
text_show(char buf[TEXT_SHOWN], const char *octets, size_t len)
{
	static const char more[] = "...";
	size_t n = len, i;

	if (n > TEXT_SHOWN - sizeof(more))
		n = TEXT_SHOWN - sizeof(more);
	for (i = 0; i < n; i++)
		buf[i] = octets[i] >= ' ' && octets[i] <= '~' ? octets[i] :
		    '?';
	memcpy(buf + n, n < len ? more : "", n < len ? sizeof(more) : 1);
	return buf;
}
