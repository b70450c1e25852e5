/*
 * RFC 3339 section 5.6, as EXPIRE of an IMAP URL and HOLDUNTIL have it:
 *
 *	date-time = 4DIGIT "-" 2DIGIT "-" 2DIGIT "T"
 *	            2DIGIT ":" 2DIGIT ":" 2DIGIT [ "." 1*DIGIT ]
 *	            ( "Z" / ( "+" / "-" ) 2DIGIT ":" 2DIGIT )
 *
 * T and Z in either case; the fraction is cut off.
 */
#include "base/text.h"

struct scan {
	const char *p, *end;
	bool bad;
};

static int
digits(struct scan *s, int n, int low, int high)
{
	int value = 0;

	for (; n > 0; n--, s->p++) {
		if (s->p == s->end || *s->p < '0' || *s->p > '9') {
			s->bad = true;
			return low;
		}
		value = value * 10 + (*s->p - '0');
	}
	if (value < low || value > high)
		s->bad = true;
	return value;
}

/* Takes one octet if it is c, or its lower-case form. */
static bool
optional(struct scan *s, char c)
{
	if (s->p == s->end || (*s->p != c &&
	    !(c >= 'A' && *s->p == c - 'A' + 'a')))
		return false;
	s->p++;
	return true;
}

static void
need(struct scan *s, char c)
{
	if (!optional(s, c))
		s->bad = true;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t
days_since_1970(int year, int month, int day)
{
	int64_t before = year - 1, days;
	int m;

	days = before * 365 + before / 4 - before / 100 + before / 400;
	for (m = 1; m < month; m++)
		days += days_in(year, m);
	return days + day - 1 - 719162;
}

static void
skip_fraction(struct scan *s)
{
	if (!optional(s, '.'))
		return;
	digits(s, 1, 0, 9);
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
}

/* The zone in seconds east of Greenwich. */
static int64_t
zone(struct scan *s)
{
	int sign, hours, minutes;

	if (optional(s, 'Z'))
		return 0;
	sign = optional(s, '-') ? -1 : 1;
	if (sign == 1)
		need(s, '+');
	hours = digits(s, 2, 0, 23);
	need(s, ':');
	minutes = digits(s, 2, 0, 59);
	return sign * (hours * 60 + minutes) * 60;
}

int
date_parse(const char *s, size_t len, int64_t *when)
{
	struct scan in = { .p = s, .end = s + len };
	int year, month, day;
	int64_t seconds;

	year = digits(&in, 4, 1, 9999);
	need(&in, '-');
	month = digits(&in, 2, 1, 12);
	need(&in, '-');
	day = digits(&in, 2, 1, in.bad ? 31 : days_in(year, month));
	need(&in, 'T');
	seconds = digits(&in, 2, 0, 23) * 3600;
	need(&in, ':');
	seconds += digits(&in, 2, 0, 59) * 60;
	need(&in, ':');
	seconds += digits(&in, 2, 0, 60);
	skip_fraction(&in);
	seconds -= zone(&in);
	if (in.bad || in.p != in.end)
		return -1;
	*when = days_since_1970(year, month, day) * 86400 + seconds;
	return 0;
}
