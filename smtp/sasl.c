#include <string.h>

#include "smtp/sasl.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
value_of(char c)
{
	const char *p = c == '\0' ? NULL : strchr(alphabet, c);

	return p == NULL ? -1 : (int)(p - alphabet);
}

/* Four octets to one, two or three; 0 if they are not base64. */
static size_t
decode_quad(const char *in, bool last, unsigned char *out)
{
	int a = value_of(in[0]), b = value_of(in[1]);
	int c = value_of(in[2]), d = value_of(in[3]);

	if (a < 0 || b < 0)
		return 0;
	out[0] = (unsigned char)(a << 2 | b >> 4);
	if (in[2] == '=' && in[3] == '=')
		return last && (b & 15) == 0 ? 1 : 0;
	if (c < 0)
		return 0;
	out[1] = (unsigned char)((b & 15) << 4 | c >> 2);
	if (in[3] == '=')
		return last && (c & 3) == 0 ? 2 : 0;
	if (d < 0)
		return 0;
	out[2] = (unsigned char)((c & 3) << 6 | d);
	return 3;
}

ssize_t
base64_decode(const char *in, size_t n, unsigned char *out)
{
	size_t i, got, len = 0;

	if (n % 4 != 0)
		return -1;
	for (i = 0; i < n; i += 4) {
		got = decode_quad(in + i, i + 4 == n, out + len);
		if (got == 0)
			return -1;
		len += got;
	}
	return (ssize_t)len;
}

size_t
base64_encode(const unsigned char *in, size_t n, char *out)
{
	size_t i, len = 0;
	unsigned v;

	for (i = 0; i < n; i += 3) {
		v = (unsigned)in[i] << 16;
		v |= i + 1 < n ? (unsigned)in[i + 1] << 8 : 0;
		v |= i + 2 < n ? in[i + 2] : 0;
		out[len++] = alphabet[v >> 18];
		out[len++] = alphabet[v >> 12 & 63];
		out[len++] = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		out[len++] = i + 2 < n ? alphabet[v & 63] : '=';
	}
	out[len] = '\0';
	return len;
}

bool
sasl_field_is_valid(const unsigned char *p, size_t n)
{
	return n > 0 && n <= SASL_FIELD_MAX && memchr(p, '\0', n) == NULL;
}

/*	message = [authzid] UTF8NUL authcid UTF8NUL passwd	RFC 4616 2 */
enum plain_status
plain_parse(const unsigned char *msg, size_t n, struct plain *plain)
{
	const unsigned char *end = msg + n, *login, *password;

	login = memchr(msg, '\0', n);
	if (login == NULL)
		return PLAIN_FORMAT;
	login++;
	password = memchr(login, '\0', (size_t)(end - login));
	if (password == NULL)
		return PLAIN_FORMAT;
	password++;
	plain->login = (const char *)login;
	plain->login_len = (size_t)(password - 1 - login);
	plain->password = (const char *)password;
	plain->password_len = (size_t)(end - password);
	if (!sasl_field_is_valid(login, plain->login_len) ||
	    !sasl_field_is_valid(password, plain->password_len))
		return PLAIN_FORMAT;
	if (login - 1 != msg && ((size_t)(login - 1 - msg) !=
	    plain->login_len || memcmp(msg, login, plain->login_len) != 0))
		return PLAIN_AUTHZID;
	return PLAIN_OK;
}
