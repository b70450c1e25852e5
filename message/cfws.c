/*
 *	CFWS		= *( FWS / comment )			RFC 5322 3.2.2
 *	comment		= "(" *( FWS / ccontent ) ")"
 *	ccontent	= ctext / "\" octet / comment
 */
#include <stddef.h>

#include "message/cfws.h"

/* Behind a comment, or NULL if it is not closed. */
static const char *
skip_comment(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

const char *
cfws_skip(const char *p, const char *end)
{
	while (p != NULL && p < end) {
		if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
			p++;
		else if (*p == '(')
			p = skip_comment(p, end);
		else
			break;
	}
	return p;
}
