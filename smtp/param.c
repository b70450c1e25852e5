/*
 *	Mail-parameters	= esmtp-param *( SP esmtp-param )	RFC 5321 4.1.2
 *	esmtp-param	= esmtp-keyword [ "=" esmtp-value ]
 *	esmtp-keyword	= ( ALPHA / DIGIT ) *( ALPHA / DIGIT / "-" )
 *	esmtp-value	= 1*( %d33-60 / %d62-126 / UTF8-non-ascii )
 *								RFC 6531 3.3
 *
 * A row of the table per keyword: how its value is read, and where to.
 */
#include <ctype.h>
#include <string.h>

#include "smtp/ehlo.h"
#include "smtp/param.h"
#include "smtp/values.h"

#define NO_VALUE	1u
#define UTF8_VALUE	2u

struct row {
	const char *keyword;
	/* false if the value is not of its grammar */
	bool (*read)(const char *v, size_t n, void *params);
	unsigned flags;
};

static const struct row mail_rows[] = {
	{ "SIZE", value_size, 0 },
	{ "BODY", value_body, 0 },
	{ "RET", value_ret, 0 },
	{ "ENVID", value_envid, 0 },
	{ "AUTH", value_auth, 0 },
	{ "SMTPUTF8", value_smtputf8, NO_VALUE },
	{ "BY", value_by, 0 },
	{ "HOLDFOR", value_hold_for, 0 },
	{ "HOLDUNTIL", value_hold_until, 0 },
	{ "MT-PRIORITY", value_priority, 0 },
	{ "SOLICIT", value_solicit, 0 },
	{ "REQUIRETLS", value_requiretls, NO_VALUE },
	{ NULL, NULL, 0 }
};

static const struct row rcpt_rows[] = {
	{ "NOTIFY", value_notify, 0 },
	{ "ORCPT", value_orcpt, UTF8_VALUE },
	{ NULL, NULL, 0 }
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

static bool
value_is_printable(const char *p, size_t n, unsigned flags)
{
	for (; n > 0; p++, n--)
		if ((*p < '!' || *p > '~') && !((flags & UTF8_VALUE) &&
		    (unsigned char)*p > '~'))
			return false;
	return true;
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
	for (i = 0; rows[i].keyword != NULL; i++)
		if (is_word(p, key, rows[i].keyword))
			break;
	if (!value_is_printable(p + key, n - key, rows[i].flags))
		return PARAM_VALUE;
	if (rows[i].keyword == NULL)
		return PARAM_UNKNOWN;
	if (*seen & (1u << i))
		return PARAM_TWICE;
	*seen |= 1u << i;
	if (rows[i].flags & NO_VALUE)
		return rows[i].read(NULL, n - key, params) ? PARAM_OK :
		    PARAM_VALUE;
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
	enum param_status status;

	memset(params, 0, sizeof(*params));
	status = read_all(mail_rows, p, n, params, error);
	/* one of them at most, RFC 4865 4 */
	if (status == PARAM_OK && params->has_hold_for &&
	    params->has_hold_until) {
		strcpy(error->name, "HOLDFOR or HOLDUNTIL");
		return PARAM_TWICE;
	}
	return status;
}

enum param_status
rcpt_params_parse(const char *p, size_t n, struct rcpt_params *params,
    struct param_error *error)
{
	memset(params, 0, sizeof(*params));
	return read_all(rcpt_rows, p, n, params, error);
}

struct need {
	bool given;
	uint32_t capability;
	const char *name;
};

static const char *
first_unmet(const struct need *needs, size_t n, uint32_t capabilities)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (needs[i].given && !(capabilities & needs[i].capability))
			return needs[i].name;
	return NULL;
}

const char *
mail_params_unoffered(const struct mail_params *params,
    uint32_t capabilities)
{
	const struct need needs[] = {
		{ params->body == BODY_BINARYMIME, CAP_BINARYMIME,
		    "BODY=BINARYMIME" },
		{ params->body == BODY_8BITMIME, CAP_8BITMIME,
		    "BODY=8BITMIME" },
		{ params->has_ret, CAP_DSN, "RET" },
		{ params->has_envid, CAP_DSN, "ENVID" },
		{ params->smtputf8, CAP_SMTPUTF8, "SMTPUTF8" },
		{ params->has_by, CAP_DELIVERBY, "BY" },
		{ params->has_hold_for, CAP_FUTURERELEASE, "HOLDFOR" },
		{ params->has_hold_until, CAP_FUTURERELEASE, "HOLDUNTIL" },
		{ params->has_priority, CAP_MT_PRIORITY, "MT-PRIORITY" },
		{ params->has_solicit, CAP_NO_SOLICITING, "SOLICIT" },
		{ params->requiretls, CAP_REQUIRETLS, "REQUIRETLS" },
	};

	return first_unmet(needs, sizeof(needs) / sizeof(needs[0]),
	    capabilities);
}

const char *
rcpt_params_unoffered(const struct rcpt_params *params,
    uint32_t capabilities)
{
	const struct need needs[] = {
		{ params->has_notify, CAP_DSN, "NOTIFY" },
		{ params->has_orcpt, CAP_DSN, "ORCPT" },
	};

	return first_unmet(needs, sizeof(needs) / sizeof(needs[0]),
	    capabilities);
}
