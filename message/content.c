#include <string.h>

#include "message/content.h"

void
content_start(struct content *content)
{
	memset(content, 0, sizeof(*content));
	content->line_start = true;
}

/*
 * One look at each octet and the one before it, without a branch: a compiler
 * turns that into vector code. A CR before anything but LF stands alone, and
 * so does a LF behind anything but CR.
 */
bool
content_is_clean(struct content *content, const char *in, size_t n)
{
	unsigned char alone = 0, nul, high;
	size_t i;

	if (n == 0)
		return true;
	if (content->held_cr)
		return false;
	nul = in[0] == '\0';
	high = (unsigned char)in[0];
	for (i = 1; i < n; i++) {
		alone |= (in[i - 1] == '\r') ^ (in[i] == '\n');
		nul |= in[i] == '\0';
		high |= (unsigned char)in[i];
	}
	content->nul |= nul != 0;
	content->eight_bit |= (high & 0x80) != 0;
	if (alone || in[0] == '\n' || in[n - 1] == '\r')
		return false;
	content->line_start = in[n - 1] == '\n';
	return true;
}

/*
 * Good text that was cut between CR and LF, at either end, needs no more than
 * the two to be put together. Returns the octets taken, all but a last CR, or
 * 0 if it is not so simple.
 */
static size_t
join_cut(struct content *content, const char *in, size_t n, char *out,
    size_t *len)
{
	bool cut = content->held_cr;
	size_t used = n > 0 && in[n - 1] == '\r' ? n - 1 : n;

	if (used == 0 || (cut && in[0] != '\n'))
		return 0;
	content->held_cr = false;
	if (!content_is_clean(content, in + cut, used - cut)) {
		content->held_cr = cut;
		return 0;
	}
	if (cut)
		out[(*len)++] = '\r';
	memcpy(out + *len, in, used);
	*len += used;
	content->line_start = in[used - 1] == '\n';
	return used;
}

size_t
content_mend(struct content *content, const char *in, size_t n, char *out)
{
	size_t i, len = 0;

	for (i = join_cut(content, in, n, out, &len); i < n; i++) {
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

/*
 * The next dot behind a LF, from p + 1 on. By way of the dots, which are few:
 * memmem(3) goes octet by octet after so short a needle.
 */
static const char *
next_dot(const char *p, const char *end)
{
	while (p < end &&
	    (p = memchr(p + 1, '.', (size_t)(end - p - 1))) != NULL)
		if (p[-1] == '\n')
			return p;
	return NULL;
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
	while ((hit = next_dot(p, end)) != NULL) {
		part = (size_t)(hit - p);
		memcpy(out + len, p, part);
		len += part;
		out[len++] = '.';
		p = hit;
	}
	memcpy(out + len, p, (size_t)(end - p));
	len += (size_t)(end - p);
	*at_start = in[n - 1] == '\n';
	return len;
}
