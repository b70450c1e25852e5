#include <string.h>

#include "message/content.h"

void
content_start(struct content *content)
{
	memset(content, 0, sizeof(*content));
	content->line_start = true;
}

/*
 * Counts what a compiler can turn into vector code: with as many CRLF pairs
 * as CRs and as LFs no one of them stands alone.
 */
static void
count(const char *in, size_t n, size_t *cr, size_t *lf, size_t *pairs,
    size_t *nul, unsigned *high)
{
	size_t i, block, end;
	unsigned char crs, lfs, both, nuls, bits = 0;

	*cr = *lf = *pairs = *nul = 0;
	for (i = 0; i < n; i = end) {
		block = n - i < 255 ? n - i : 255; /* counters of one octet */
		end = i + block;
		crs = lfs = both = nuls = 0;
		for (; i < end; i++) {
			crs += in[i] == '\r';
			lfs += in[i] == '\n';
			nuls += in[i] == '\0';
			bits |= (unsigned char)in[i];
		}
		for (i = end - block; i + 1 < n && i < end; i++)
			both += (unsigned char)((in[i] == '\r') &
			    (in[i + 1] == '\n'));
		*cr += crs;
		*lf += lfs;
		*pairs += both;
		*nul += nuls;
	}
	*high = bits & 0x80;
}

bool
content_is_clean(struct content *content, const char *in, size_t n)
{
	size_t cr, lf, pairs, nul;
	unsigned high;

	if (n == 0)
		return true;
	if (content->held_cr)
		return false;
	count(in, n, &cr, &lf, &pairs, &nul, &high);
	content->nul |= nul > 0;
	content->eight_bit |= high != 0;
	if (cr != pairs || lf != pairs)
		return false;
	content->line_start = in[n - 1] == '\n';
	return true;
}

size_t
content_mend(struct content *content, const char *in, size_t n, char *out)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		content->nul |= in[i] == '\0';
		content->eight_bit |= ((unsigned char)in[i] & 0x80) != 0;
		if (content->held_cr || in[i] == '\n') {
			/* CR LF, CR alone and LF alone: one line end each */
			out[len++] = '\r';
			out[len++] = '\n';
			content->line_start = true;
			if (content->held_cr && in[i] == '\n') {
				content->held_cr = false;
				continue;
			}
			content->held_cr = false;
			if (in[i] == '\n')
				continue;
		}
		if (in[i] == '\r') {
			content->held_cr = true;
			continue;
		}
		out[len++] = in[i];
		content->line_start = false;
	}
	return len;
}

size_t
content_finish(struct content *content, char out[2])
{
	if (!content->held_cr && content->line_start)
		return 0;
	content->held_cr = false;
	content->line_start = true;
	memcpy(out, "\r\n", 2);
	return 2;
}

size_t
content_dot_stuff(bool *at_start, const char *in, size_t n, char *out)
{
	const char *p = in, *end = in + n, *hit;
	size_t len = 0, part;

	if (n == 0)
		return 0;
	if (*at_start && *p == '.')
		out[len++] = '.';
	while ((hit = memmem(p, (size_t)(end - p), "\n.", 2)) != NULL) {
		part = (size_t)(hit + 1 - p);
		memcpy(out + len, p, part);
		len += part;
		out[len++] = '.';
		p = hit + 1;
	}
	memcpy(out + len, p, (size_t)(end - p));
	len += (size_t)(end - p);
	*at_start = in[n - 1] == '\n';
	return len;
}
