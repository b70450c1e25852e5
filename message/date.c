/*
 *	date-time	= [ day-name "," ] day month year time	RFC 5322 3.3
 *	day		= 1*2DIGIT
 *	year		= 4DIGIT / 2*3DIGIT			4.3, obs-year
 *	time		= 2DIGIT ":" 2DIGIT [ ":" 2DIGIT ] zone
 *	zone		= ( "+" / "-" ) 4DIGIT
 *			/ 1*5ALPHA				4.3, obs-zone
 *
 * CFWS may stand between any two of these (4.3); where 3.3 wants some and
 * there is none it is not missed. Names in any case. A zone of letters that
 * nobody knows is read as -0000 (4.3), so it is no error.
 */
#include <string.h>
#include <strings.h>

#include "message/cfws.h"
#include "message/date.h"

struct scan {
	const char *p, *end;
	bool bad;
};

static void
gap(struct scan *s)
{
	const char *behind = cfws_skip(s->p, s->end);

	if (behind == NULL)
		s->bad = true;
	else
		s->p = behind;
}

static bool
take(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* All digits that stand there; *count gets how many, 5 for more than 4. */
static int
number(struct scan *s, int *count)
{
	int value = 0;

	for (*count = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9';
	    s->p++) {
		if (*count < 5)
			++*count;
		if (*count < 5)
			value = value * 10 + (*s->p - '0');
	}
	return value;
}

/* Two digits, up to most */
static void
pair(struct scan *s, int most)
{
	int count, value = number(s, &count);

	if (count != 2 || value > most)
		s->bad = true;
}

/* The place of a name of three letters in names, from 1; 0 if none. */
static int
name(struct scan *s, const char *names)
{
	const char *start = s->p;
	int i;

	while (s->p < s->end && is_alpha(*s->p))
		s->p++;
	if (s->p - start != 3)
		return 0;
	for (i = 0; names[3 * i] != '\0'; i++)
		if (strncasecmp(names + 3 * i, start, 3) == 0)
			return i + 1;
	return 0;
}

static int
year(struct scan *s)
{
	int count, value = number(s, &count);

	if (count == 2)
		return value + (value < 50 ? 2000 : 1900);
	if (count == 3)
		return value + 1900;
	if (count != 4 || value < 1900)
		s->bad = true;
	return value;
}

static int
days_in(int in_year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	bool leap = (in_year % 4 == 0 && in_year % 100 != 0) ||
	    in_year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static void
day_month_year(struct scan *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int count, day = number(s, &count), month, in_year;

	gap(s);
	month = name(s, months);
	gap(s);
	in_year = year(s);
	if (count < 1 || count > 2 || month == 0 || day < 1 ||
	    day > days_in(in_year, month))
		s->bad = true;
}

static void
time_of_day(struct scan *s)
{
	pair(s, 23);
	gap(s);
	if (!take(s, ':'))
		s->bad = true;
	gap(s);
	pair(s, 59);
	gap(s);
	if (!take(s, ':'))
		return;
	gap(s);
	pair(s, 60);	/* a leap second */
	gap(s);
}

static void
zone(struct scan *s)
{
	const char *start = s->p;
	int count, value;

	if (take(s, '+') || take(s, '-')) {
		value = number(s, &count);
		if (count != 4 || value % 100 > 59)
			s->bad = true;
		return;
	}
	while (s->p < s->end && is_alpha(*s->p))
		s->p++;
	if (s->p == start || s->p - start > 5)
		s->bad = true;
}

bool
date_is_valid(const char *value, size_t n)
{
	struct scan s = { .p = value, .end = value + n };

	gap(&s);
	if (s.p < s.end && is_alpha(*s.p)) {
		if (name(&s, "SunMonTueWedThuFriSat") == 0)
			return false;
		gap(&s);
		if (!take(&s, ','))
			return false;
		gap(&s);
	}
	day_month_year(&s);
	gap(&s);
	time_of_day(&s);
	zone(&s);
	gap(&s);
	return !s.bad && s.p == s.end;
}
