/*
 *	ehlo-line	= ehlo-keyword *( SP ehlo-param )	RFC 5321 4.1.1.1
 *
 *	SIZE		[ 1*20DIGIT ]				RFC 1870 3
 *	DELIVERBY	[ 1*9DIGIT *( "," token ) ]		RFC 2852 2
 *	FUTURERELEASE	1*9DIGIT SP date-time			RFC 4865 4
 *	MT-PRIORITY	[ profile ]				RFC 6710 3
 *	NO-SOLICITING	[ keyword *( "," keyword ) ]		RFC 3865 2.2
 *	LIMITS		*( name "=" 1*6DIGIT )			RFC 9422 3
 */
#include <string.h>
#include <strings.h>

#include "smtp/ehlo.h"
#include "smtp/values.h"

static const struct {
	const char *keyword;
	uint32_t bit;
} keywords[] = {
	{ "PIPELINING", CAP_PIPELINING },
	{ "8BITMIME", CAP_8BITMIME },
	{ "CHUNKING", CAP_CHUNKING },
	{ "DSN", CAP_DSN },
	{ "SIZE", CAP_SIZE },
	{ "STARTTLS", CAP_STARTTLS },
	{ "AUTH", CAP_AUTH },
	{ "ENHANCEDSTATUSCODES", CAP_ENHANCED },
	{ "XCLIENT", CAP_XCLIENT },
	{ "SMTPUTF8", CAP_SMTPUTF8 },
	{ "BINARYMIME", CAP_BINARYMIME },
	{ "DELIVERBY", CAP_DELIVERBY },
	{ "FUTURERELEASE", CAP_FUTURERELEASE },
	{ "MT-PRIORITY", CAP_MT_PRIORITY },
	{ "REQUIRETLS", CAP_REQUIRETLS },
	{ "NO-SOLICITING", CAP_NO_SOLICITING },
	{ "LIMITS", CAP_LIMITS },
};

/* Parameters that matter, of the keyword they belong to. */
static const struct {
	uint32_t keyword;
	const char *word;
	uint32_t bit;
} parameters[] = {
	{ CAP_AUTH, "PLAIN", CAP_AUTH_PLAIN },
	{ CAP_AUTH, "LOGIN", CAP_AUTH_LOGIN },
	{ CAP_AUTH, "EXTERNAL", CAP_AUTH_EXTERNAL },
	{ CAP_AUTH, "XOAUTH2", CAP_AUTH_XOAUTH2 },
	{ CAP_AUTH, "OAUTHBEARER", CAP_AUTH_OAUTHBEARER },
	{ CAP_XCLIENT, "ADDR", CAP_XCLIENT_ADDR },
	{ CAP_XCLIENT, "HELO", CAP_XCLIENT_HELO },
	{ CAP_XCLIENT, "LOGIN", CAP_XCLIENT_LOGIN },
	{ CAP_XCLIENT, "PROTO", CAP_XCLIENT_PROTO },
};

static size_t
take_word(const char **p, size_t *n, const char **word)
{
	size_t len;

	while (*n > 0 && **p == ' ')
		(*p)++, (*n)--;
	*word = *p;
	for (len = 0; len < *n && (*p)[len] != ' '; len++)
		;
	*p += len;
	*n -= len;
	return len;
}

static uint64_t
number(const char *p, size_t n)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9' || size > UINT64_MAX / 10 - 1)
			return 0;
		size = size * 10 + (uint64_t)(p[i] - '0');
	}
	return size;
}

/* Up to nine digits and nothing behind them, 0 if it is not that. */
static uint32_t
seconds(const char *p, size_t n)
{
	return n > 9 ? 0 : (uint32_t)number(p, n);
}

/* A min-by-time may be followed by tokens of later standards. */
static void
learn_deliverby(struct ehlo *ehlo, const char *p, size_t n)
{
	const char *comma = memchr(p, ',', n);

	ehlo->by_min = seconds(p, comma == NULL ? n :
	    (size_t)(comma - p));
}

static void
learn_profile(struct ehlo *ehlo, const char *p, size_t n)
{
	if (n >= sizeof(ehlo->profile) || !profile_is_valid(p, n))
		return;
	memset(ehlo->profile, 0, sizeof(ehlo->profile));
	memcpy(ehlo->profile, p, n);
}

/* As many whole keywords as there is room for. */
static void
learn_solicit(struct ehlo *ehlo, const char *p, size_t n)
{
	while (n >= sizeof(ehlo->solicit))
		do
			n--;
		while (n > 0 && p[n] != ',');
	if (!solicit_is_valid(p, n))
		return;
	memset(ehlo->solicit, 0, sizeof(ehlo->solicit));
	memcpy(ehlo->solicit, p, n);
}

static void
learn_limit(struct ehlo *ehlo, const char *p, size_t n)
{
	static const char *const names[LIMITS] = { "MAILMAX", "RCPTMAX",
		"RCPTDOMAINMAX" };
	const char *equals = memchr(p, '=', n);
	size_t i, name = equals == NULL ? n : (size_t)(equals - p);
	uint32_t value;

	for (i = 0; i < LIMITS && equals != NULL; i++) {
		if (!is_word(p, name, names[i]))
			continue;
		value = seconds(equals + 1, n - name - 1);
		if (value <= LIMIT_MAX)
			ehlo->limits[i] = value;
	}
}

/* first: the others of some keywords are for later standards */
static void
learn_parameter(struct ehlo *ehlo, uint32_t bit, const char *p, size_t n,
    bool first)
{
	size_t i;

	if (bit == CAP_SIZE)
		ehlo->size = number(p, n);
	else if (bit == CAP_DELIVERBY && first)
		learn_deliverby(ehlo, p, n);
	else if (bit == CAP_FUTURERELEASE && first)
		ehlo->hold_max = seconds(p, n);
	else if (bit == CAP_MT_PRIORITY && first)
		learn_profile(ehlo, p, n);
	else if (bit == CAP_NO_SOLICITING && first)
		learn_solicit(ehlo, p, n);
	else if (bit == CAP_LIMITS)
		learn_limit(ehlo, p, n);
	for (i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		if (parameters[i].keyword == bit &&
		    is_word(p, n, parameters[i].word))
			ehlo->capabilities |= parameters[i].bit;
}

void
ehlo_line(struct ehlo *ehlo, const char *line, size_t n)
{
	const char *word;
	size_t i, len = take_word(&line, &n, &word);
	bool first = true;
	uint32_t bit = 0;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (is_word(word, len, keywords[i].keyword))
			bit = keywords[i].bit;
	ehlo->capabilities |= bit;
	for (; (len = take_word(&line, &n, &word)) > 0; first = false)
		learn_parameter(ehlo, bit, word, len, first);
	/* one that holds nothing is no promise */
	if (bit == CAP_FUTURERELEASE && ehlo->hold_max == 0)
		ehlo->capabilities &= ~(uint32_t)CAP_FUTURERELEASE;
}

bool
ehlo_is_valid(const struct ehlo *ehlo)
{
	size_t profile = strnlen(ehlo->profile, sizeof(ehlo->profile));
	size_t solicit = strnlen(ehlo->solicit, sizeof(ehlo->solicit)), i;

	for (i = 0; i < LIMITS; i++)
		if (ehlo->limits[i] > LIMIT_MAX)
			return false;
	return ehlo->by_min <= SECONDS_MAX && ehlo->hold_max <= SECONDS_MAX &&
	    profile < sizeof(ehlo->profile) &&
	    solicit < sizeof(ehlo->solicit) &&
	    (profile == 0 || profile_is_valid(ehlo->profile, profile)) &&
	    (solicit == 0 || solicit_is_valid(ehlo->solicit, solicit));
}
