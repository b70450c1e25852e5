/*
 *	SIZE		1*20DIGIT			RFC 1870 3
 *	BODY		"7BIT" / "8BITMIME" /		RFC 6152
 *			"BINARYMIME"			RFC 3030 3
 *	RET		"FULL" / "HDRS"			RFC 3461 4.3
 *	ENVID		xtext				RFC 3461 4.4
 *	AUTH		"<>" / xtext of a mailbox	RFC 4954 5
 *	BY		[ "+" / "-" ] 1*9DIGIT ";" ( "N" / "R" ) [ "T" ]
 *							RFC 2852 4
 *	HOLDFOR		positive, 1*9DIGIT		RFC 4865 4
 *	HOLDUNTIL	date-time of RFC 3339		RFC 4865, erratum 2040
 *	MT-PRIORITY	"0" / [ "-" ] %x31-39		RFC 6710 3
 *	SOLICIT		keyword *( "," keyword )	RFC 3865 2.2
 *	SMTPUTF8	no value			RFC 6531 3.4
 *	REQUIRETLS	no value			RFC 8689 2
 *	NOTIFY		"NEVER" / list of the others	RFC 3461 4.1
 *	ORCPT		type ";" xtext			RFC 3461 4.2
 *			/ "utf-8;" 1*( QUCHAR / "\x{" hexpoint "}" )
 *							RFC 6533 3
 *	xtext		1*( xchar / "+" 2HEXDIG )	RFC 3461 4
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "smtp/param.h"
#include "smtp/path.h"
#include "smtp/values.h"

bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
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

static bool
keep(char *dst, size_t size, const char *v, size_t n)
{
	if (n >= size)
		return false;
	memcpy(dst, v, n);
	dst[n] = '\0';
	return true;
}

/* 1*9DIGIT; -1 if it is not that. */
static int32_t
seconds(const char *v, size_t n)
{
	int32_t value = 0;
	size_t i;

	if (n == 0 || n > 9)
		return -1;
	for (i = 0; i < n; i++) {
		if (v[i] < '0' || v[i] > '9')
			return -1;
		value = value * 10 + (v[i] - '0');
	}
	return value;
}

/* SIZE=1*20DIGIT; a number beyond 64 bits is too big, not malformed. */
bool
value_size(const char *v, size_t n, void *arg)
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

bool
value_body(const char *v, size_t n, void *arg)
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

bool
value_ret(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	params->has_ret = true;
	params->ret_full = is_word(v, n, "FULL");
	return params->ret_full || is_word(v, n, "HDRS");
}

bool
value_envid(const char *v, size_t n, void *arg)
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

/* The mailbox is looked at only: what goes on is what we know, not this. */
bool
value_auth(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	char path[sizeof(params->auth) + 2] = "<";
	struct path mailbox;
	size_t len;

	params->has_auth = true;
	if (n == 0 || !keep(params->auth, sizeof(params->auth), v, n))
		return false;
	if (is_word(v, n, "<>"))
		return true;
	if (!xtext_decode(v, n, path + 1, sizeof(path) - 2))
		return false;
	len = strlen(path);
	path[len++] = '>';
	return path_parse(path, len, &mailbox) == len &&
	    mailbox.local_len > 0;
}

/* To be returned at a time that has passed already: no sense, RFC 2852 4 */
bool
value_by(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	const char *semi = memchr(v, ';', n);
	bool negative = n > 0 && v[0] == '-';
	size_t sign = negative || (n > 0 && v[0] == '+');
	int32_t value;

	params->has_by = true;
	if (semi == NULL || (size_t)(semi - v) < sign)
		return false;
	value = seconds(v + sign, (size_t)(semi - v) - sign);
	n -= (size_t)(semi + 1 - v);
	v = semi + 1;
	if (value == -1 || n == 0 || n > 2 || (n == 2 && v[1] != 'T' &&
	    v[1] != 't') || strchr("NnRr", v[0]) == NULL)
		return false;
	params->by = negative ? -value : value;
	params->by_return = v[0] == 'R' || v[0] == 'r';
	params->by_trace = n == 2;
	return params->by > 0 || !params->by_return;
}

bool
value_hold_for(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	int32_t value = seconds(v, n);

	params->has_hold_for = true;
	params->hold_for = value > 0 ? (uint32_t)value : 0;
	return value > 0;
}

bool
value_hold_until(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	params->has_hold_until = true;
	return date_parse(v, n, &params->hold_until_time) == 0 &&
	    keep(params->hold_until, sizeof(params->hold_until), v, n);
}

bool
value_priority(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;
	size_t sign = n > 0 && v[0] == '-';

	params->has_priority = true;
	if (n != sign + 1 || v[sign] < '0' + (int)sign || v[sign] > '9')
		return false;
	params->priority = sign ? '0' - v[1] : v[0] - '0';
	return true;
}

/* keyword = ALPHA *( ALPHA / DIGIT / "." / "-" / "_" / ":" ) */
bool
solicit_is_valid(const char *p, size_t n)
{
	size_t i, start = 0;

	for (i = 0; i <= n; i++) {
		if (i == start && (i == n || !isalpha((unsigned char)p[i])))
			return false;
		if (i < n && p[i] == ',')
			start = i + 1;
		else if (i < n && (p[i] == '\0' || (!isalnum(
		    (unsigned char)p[i]) && strchr(".-_:", p[i]) == NULL)))
			return false;
	}
	return n <= SOLICIT_MAX;
}

bool
profile_is_valid(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && p[i] != '-' &&
		    p[i] != '.' && p[i] != '_')
			return false;
	return n > 0;
}

bool
value_solicit(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	params->has_solicit = true;
	return solicit_is_valid(v, n) &&
	    keep(params->solicit, sizeof(params->solicit), v, n);
}

bool
value_smtputf8(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	(void)v;
	params->smtputf8 = true;
	return n == 0;
}

bool
value_requiretls(const char *v, size_t n, void *arg)
{
	struct mail_params *params = arg;

	(void)v;
	params->requiretls = true;
	return n == 0;
}

/* NOTIFY=NEVER / SUCCESS,FAILURE,DELAY in any order, each once. */
bool
value_notify(const char *v, size_t n, void *arg)
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

/*
 * "\x{" hexpoint "}" at the start; returns its length, 0 if it is none. What
 * would be a control character is none, as in xtext.
 */
static size_t
embedded_length(const char *p, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";
	uint32_t value = 0;
	size_t i;

	if (n < 6 || memcmp(p, "\\x{", 3) != 0)
		return 0;
	for (i = 3; i < n && is_hex_upper(p[i]) && i < 9; i++)
		value = value << 4 | (uint32_t)(strchr(hex, p[i]) - hex);
	if (i < 5 || i == n || p[i] != '}' || (i > 5 && p[3] == '0') ||
	    value < 0x20 || (value >= 0x7f && value < 0xa0) ||
	    (value >= 0xd800 && value < 0xe000) || value > 0x10ffff)
		return 0;
	return i + 1;
}

/* utf-8-enc-addr, RFC 6533 3; *raw tells of octets beyond US-ASCII */
static bool
is_utf8_address(const char *p, size_t n, bool *raw)
{
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = p[i] == '\\' ? embedded_length(p + i, n - i) : 1;
		*raw |= (unsigned char)p[i] > '~';
		if (len == 0 || (unsigned char)p[i] <= ' ' || p[i] == '+' ||
		    p[i] == '=')
			return false;
	}
	return n > 0 && utf8_is_clean(p, n);
}

bool
value_orcpt(const char *v, size_t n, void *arg)
{
	struct rcpt_params *params = arg;
	const char *semi = memchr(v, ';', n);
	size_t i, type;
	bool good;

	params->has_orcpt = true;
	if (semi == NULL || semi == v)
		return false;
	type = (size_t)(semi - v);
	for (i = 0; i < type; i++)
		if (!isalnum((unsigned char)v[i]) && v[i] != '-')
			return false;
	good = is_word(v, type, "utf-8") ? is_utf8_address(semi + 1,
	    n - type - 1, &params->utf8) : type + 1 < n &&
	    xtext_is_valid(semi + 1, n - type - 1);
	return good && keep(params->orcpt, sizeof(params->orcpt), v, n);
}
