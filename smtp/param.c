/*
 *	Mail-parameters	= esmtp-param *( SP esmtp-param )	RFC 5321 4.1.2
 *	esmtp-param	= esmtp-keyword [ "=" esmtp-value ]
 *	esmtp-keyword	= ( ALPHA / DIGIT ) *( ALPHA / DIGIT / "-" )
 *	esmtp-value	= 1*( %d33-60 / %d62-126 )
 *
 * A row of the table per keyword: how its value is read, and where to.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "smtp/param.h"

/* Reads a value; false if it is not of its grammar. */
typedef bool (*read_value)(const char *v, size_t n, void *params);

struct row {
	const char *keyword;
	read_value read;
};

static bool
is_word(const char *v, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(v, word, n) == 0;
}

static bool
is_hex_upper(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

bool
xtext_is_valid(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] < '!' || p[i] > '~' || p[i] == '=')
			return false;
		if (p[i] != '+')
			continue;
		if (n - i < 3 || !is_hex_upper(p[i + 1]) ||
		    !is_hex_upper(p[i + 2]))
			return false;
		/* encoded controls would be live octets after decoding */
		if (p[i + 1] < '2' || (p[i + 1] == '7' && p[i + 2] == 'F'))
			return false;
		i += 2;
	}
	return true;
}

static unsigned
hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

bool
xtext_decode(const char *p, size_t n, char *buf, size_t size)
{
	size_t i, len = 0;

	if (!xtext_is_valid(p, n))
		return false;
	for (i = 0; i < n; i++) {
		if (len + 1 >= size)
			return false;
		if (p[i] != '+') {
			buf[len++] = p[i];
			continue;
		}
		buf[len++] = (char)(hex_value(p[i + 1]) << 4 |
		    hex_value(p[i + 2]));
		i += 2;
	}
	buf[len] = '\0';
	return true;
}

bool
xtext_encode(const char *text, char *buf, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char c;
	size_t len = 0;

	for (; *text != '\0'; text++) {
		if (len + 4 > size)
			return false;
		c = (unsigned char)*text;
		if (c >= '!' && c <= '~' && c != '+' && c != '=') {
			buf[len++] = *text;
			continue;
		}
		buf[len++] = '+';
		buf[len++] = hex[c >> 4];
		buf[len++] = hex[c & 15];
	}
	if (len + 1 > size)
		return false;
	buf[len] = '\0';
	return true;
}

static bool
keep(char *dst, size_t size, const char *v, size_t n)
{
	if (n >= size)
		return false;
	memcpy(dst, v, n);
	dst[n] = '\0';
	return true;
}

/* SIZE=1*20DIGIT; a number beyond 64 bits is too big, not malformed. */
static bool
read_size(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	uint64_t size = 0;
	size_t i;

	if (params->has_size || n == 0 || n > 20)
		return false;
	for (i = 0; i < n; i++) {
		if (v[i] < '0' || v[i] > '9')
			return false;
		if (size > (UINT64_MAX - 9) / 10)
			size = (UINT64_MAX - 9) / 10;
		size = size * 10 + (uint64_t)(v[i] - '0');
	}
	params->size = size;
	params->has_size = true;
	return true;
}

static bool
read_body(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	if (is_word(v, n, "7BIT"))
		params->body = BODY_7BIT;
	else if (is_word(v, n, "8BITMIME"))
		params->body = BODY_8BITMIME;
	else if (is_word(v, n, "BINARYMIME"))
		params->body = BODY_BINARYMIME;
	else
		return false;
	params->has_body = true;
	return true;
}

static bool
read_ret(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	params->has_ret = true;
	params->ret_full = is_word(v, n, "FULL");
	return params->ret_full || is_word(v, n, "HDRS");
}

static bool
read_envid(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	size_t i;

	params->has_envid = true;
	/* printable US-ASCII before it was encoded, RFC 3461 4.4 */
	for (i = 0; i + 1 < n; i++)
		if (v[i] == '+' && v[i + 1] >= '8')
			return false;
	return n > 0 && xtext_is_valid(v, n) &&
	    keep(params->envid, sizeof(params->envid), v, n);
}

static bool
read_auth(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	params->has_auth = true;
	return n > 0 && (is_word(v, n, "<>") || xtext_is_valid(v, n)) &&
	    keep(params->auth, sizeof(params->auth), v, n);
}

/* NOTIFY=NEVER / SUCCESS,FAILURE,DELAY in any order, each once. */
static bool
read_notify(const char *v, size_t n, void *arg)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	struct rcpt_params *params = arg;
	unsigned seen = 0, bit;
	size_t i, len;

	params->has_notify = true;
	if (is_word(v, n, "NEVER"))
		return keep(params->notify, sizeof(params->notify), v, n);
	if (!keep(params->notify, sizeof(params->notify), v, n))
		return false;
	for (;;) {
		for (len = 0; len < n && v[len] != ','; len++)
			;
		for (i = 0; i < 3 && !is_word(v, len, words[i]); i++)
			;
		bit = 1u << i;
		if (i == 3 || (seen & bit))
			return false;
		seen |= bit;
		if (len == n)
			return true;
		v += len + 1;
		n -= len + 1;
	}
}

static bool
read_orcpt(const char *v, size_t n, void *arg)
{
	struct rcpt_params *params = arg;
	const char *semi = memchr(v, ';', n);
	size_t i, type;

	params->has_orcpt = true;
	if (semi == NULL || semi == v)
		return false;
	type = (size_t)(semi - v);
	for (i = 0; i < type; i++)
		if (!isalnum((unsigned char)v[i]) && v[i] != '-')
			return false;
	return type + 1 < n && xtext_is_valid(semi + 1, n - type - 1) &&
	    keep(params->orcpt, sizeof(params->orcpt), v, n);
}

static const struct row mail_rows[] = {
	{ "SIZE", read_size },
	{ "BODY", read_body },
	{ "RET", read_ret },
	{ "ENVID", read_envid },
	{ "AUTH", read_auth },
	{ NULL, NULL }
};

static const struct row rcpt_rows[] = {
	{ "NOTIFY", read_notify },
	{ "ORCPT", read_orcpt },
	{ NULL, NULL }
};

static size_t
keyword_length(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && (isalnum((unsigned char)p[i]) ||
	    (i > 0 && p[i] == '-')); i++)
		;
	return i;
}

static enum param_status
read_one(const struct row *rows, const char *p, size_t n, unsigned *seen,
    void *params, struct param_error *error)
{
	size_t key = keyword_length(p, n), i;

	if (key == 0 || (key < n && p[key] != '='))
		return PARAM_SYNTAX;
	for (i = 0; i < key && i + 1 < sizeof(error->name); i++)
		error->name[i] = (char)toupper((unsigned char)p[i]);
	error->name[i] = '\0';
	for (i = key + 1; i < n; i++)
		if (p[i] < '!' || p[i] > '~')
			return PARAM_VALUE;
	for (i = 0; rows[i].keyword != NULL; i++)
		if (is_word(p, key, rows[i].keyword))
			break;
	if (rows[i].keyword == NULL)
		return PARAM_UNKNOWN;
	if (*seen & (1u << i))
		return PARAM_TWICE;
	*seen |= 1u << i;
	if (key + 1 >= n || !rows[i].read(p + key + 1, n - key - 1, params))
		return PARAM_VALUE;
	return PARAM_OK;
}

static enum param_status
read_all(const struct row *rows, const char *p, size_t n, void *params,
    struct param_error *error)
{
	enum param_status status;
	unsigned seen = 0;
	size_t len;

	error->name[0] = '\0';
	while (n > 0) {
		if (*p != ' ')
			return PARAM_SYNTAX;
		while (n > 0 && *p == ' ')
			p++, n--;
		if (n == 0)
			break;	/* trailing spaces do no harm */
		for (len = 0; len < n && p[len] != ' '; len++)
			;
		status = read_one(rows, p, len, &seen, params, error);
		if (status != PARAM_OK)
			return status;
		p += len;
		n -= len;
	}
	return PARAM_OK;
}

enum param_status
mail_params_parse(const char *p, size_t n, struct mail_params *params,
    struct param_error *error)
{
	memset(params, 0, sizeof(*params));
	return read_all(mail_rows, p, n, params, error);
}

enum param_status
rcpt_params_parse(const char *p, size_t n, struct rcpt_params *params,
    struct param_error *error)
{
	memset(params, 0, sizeof(*params));
	return read_all(rcpt_rows, p, n, params, error);
}
