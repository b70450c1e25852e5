/*
 * Modified UTF-7 (RFC 3501 5.1.3): printable US-ASCII
 * stands for itself, "&" is "&-", all else goes as UTF-16BE in base64 with
 * "," for "/" and no padding, between "&" and "-".
 */
#include <string.h>

#include "imap/text.h"

static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

struct out {
	char *p, *end;
	bool full;
	uint32_t bits;	/* not yet written, in the low `count` bits */
	int count;
};

static void
put(struct out *out, char c)
{
	if (out->p == out->end)
		out->full = true;
	else
		*out->p++ = c;
}

static void
put_unit(struct out *out, uint32_t unit)
{
	out->bits = out->bits << 16 | unit;
	out->count += 16;
	while (out->count >= 6) {
		out->count -= 6;
		put(out, base64[out->bits >> out->count & 0x3f]);
	}
}

static void
end_base64(struct out *out)
{
	if (out->count > 0)
		put(out, base64[out->bits << (6 - out->count) & 0x3f]);
	out->bits = 0;
	out->count = 0;
	put(out, '-');
}

static void
put_wide(struct out *out, int32_t c)
{
	if (c < 0x10000) {
		put_unit(out, (uint32_t)c);
		return;
	}
	c -= 0x10000;
	put_unit(out, 0xd800 | (uint32_t)c >> 10);
	put_unit(out, 0xdc00 | ((uint32_t)c & 0x3ff));
}

bool
utf7_from_utf8(char *dst, size_t size, const char *src)
{
	const unsigned char *p = (const unsigned char *)src;
	const unsigned char *end = p + strlen(src);
	struct out out = { .p = dst, .end = dst + size - 1 };
	bool shifted = false;
	int32_t c;

	while (p < end && !out.full) {
		if ((c = utf8_next(&p, end)) == -1)
			return false;
		if (c < ' ' || c > '~') {
			if (!shifted)
				put(&out, '&');
			shifted = true;
			put_wide(&out, c);
			continue;
		}
		if (shifted)
			end_base64(&out);
		shifted = false;
		put(&out, (char)c);
		if (c == '&')
			put(&out, '-');
	}
	if (shifted)
		end_base64(&out);
	*out.p = '\0';
	return !out.full;
}

bool
imap_quote(char *dst, size_t size, const char *src)
{
	struct out out = { .p = dst, .end = dst + size - 1 };

	put(&out, '"');
	for (; *src != '\0'; src++) {
		if (*src < ' ' || *src > '~')
			return false;
		if (*src == '"' || *src == '\\')
			put(&out, '\\');
		put(&out, *src);
	}
	put(&out, '"');
	*out.p = '\0';
	return !out.full;
}
