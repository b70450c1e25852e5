#include <string.h>

#include "smtp/body.h"

/*
 * The first dot behind CRLF. By way of the dots, which are few: memmem(3)
 * goes octet by octet after so short a needle.
 */
static const char *
find_dot(const char *in, size_t n)
{
	const char *p = in, *end = in + n;

	while ((p = memchr(p, '.', (size_t)(end - p))) != NULL) {
		if (p - in >= 2 && p[-2] == '\r' && p[-1] == '\n')
			return p;
		p++;
	}
	return NULL;
}

/*
 * The common case in one go: text up to the next CRLF ".", or up to a tail
 * that could be the beginning of one. Returns the octets copied.
 */
static size_t
copy_text(enum data_state *state, const char *in, size_t n, char *out)
{
	const char *dot = find_dot(in, n);
	size_t len = dot == NULL ? n : (size_t)(dot - in);

	memcpy(out, in, len);
	if (dot != NULL || (len >= 2 && in[len - 2] == '\r' &&
	    in[len - 1] == '\n'))
		*state = DATA_CRLF;
	else if (in[len - 1] == '\r')
		*state = DATA_CR;
	return len;
}

/* One octet in a state other than DATA_TEXT; returns what goes out, 0 to 2. */
static size_t
step(enum data_state *state, char c, char *out)
{
	size_t len = 0;

	switch (*state) {
	case DATA_CRLF:
		if (c == '.') {
			*state = DATA_DOT;
			return 0;
		}
		break;
	case DATA_DOT:
		if (c == '\r') {
			*state = DATA_DOT_CR;
			return 0;
		}
		break;
	case DATA_DOT_CR:
		if (c == '\n') {
			*state = DATA_END;
			return 0;
		}
		out[len++] = '\r';
		break;
	case DATA_CR:
		if (c == '\n') {
			*state = DATA_CRLF;
			out[len++] = c;
			return len;
		}
		break;
	default:
		break;
	}
	*state = c == '\r' ? DATA_CR : DATA_TEXT;
	out[len++] = c;
	return len;
}

size_t
data_read(enum data_state *state, const char *in, size_t n, char *out,
    size_t size, size_t *out_len)
{
	size_t used = 0, len = 0, chunk;

	while (used < n && size - len >= 2 && *state != DATA_END) {
		if (*state != DATA_TEXT) {
			len += step(state, in[used++], out + len);
			continue;
		}
		chunk = n - used < size - len ? n - used : size - len;
		chunk = copy_text(state, in + used, chunk, out + len);
		used += chunk;
		len += chunk;
	}
	*out_len = len;
	return used;
}
