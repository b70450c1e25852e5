/*
 *	Reply-line	= *( Reply-code "-" [ textstring ] CRLF )
 *			  Reply-code [ SP textstring ] CRLF	RFC 5321 4.2
 */
#include <stdio.h>
#include <string.h>

#include "mta/answer.h"

void
answer_start(struct answer *answer)
{
	answer->code = 0;
	answer->len = 0;
	answer->text[0] = '\0';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
code_of(const char *line, size_t n)
{
	int code;

	if (n < 3 || !is_digit(line[0]) || !is_digit(line[1]) ||
	    !is_digit(line[2]))
		return 0;
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	return code >= 200 && code <= 599 ? code : 0;
}

static void
add_text(struct answer *answer, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && answer->len < ANSWER_MAX; i++)
		answer->text[answer->len++] =
		    p[i] >= ' ' && p[i] <= '~' ? p[i] : '?';
	answer->text[answer->len] = '\0';
}

enum answer_status
answer_line(struct answer *answer, const char *line, size_t n)
{
	int code = code_of(line, n);
	bool first = answer->code == 0;
	size_t text;

	if (code == 0 || (!first && code != answer->code) ||
	    (n > 3 && line[3] != ' ' && line[3] != '-'))
		return ANSWER_BAD;
	text = n > 4 ? n - 4 : 0;
	if (text > ANSWER_TEXT_MAX)
		text = ANSWER_TEXT_MAX;
	if (answer->len + text + 1 > ANSWER_MAX)
		return ANSWER_BAD;
	answer->code = code;
	if (!first)
		answer->text[answer->len++] = '\n';
	add_text(answer, line + n - (n > 4 ? n - 4 : 0), text);
	return n > 3 && line[3] == '-' ? ANSWER_MORE : ANSWER_DONE;
}

/* status-code = class "." 1*3digit "." 1*3digit, RFC 3463 2; 0 if not */
static size_t
enhanced_length(const char *p, size_t n, int code)
{
	size_t i = 1, digits;
	int part;

	if (n == 0 || p[0] != '0' + code / 100)
		return 0;
	for (part = 0; part < 2; part++) {
		if (i == n || p[i++] != '.')
			return 0;
		for (digits = 0; i < n && is_digit(p[i]) && digits < 3; i++)
			digits++;
		if (digits == 0)
			return 0;
	}
	return i == n || p[i] == ' ' ? i : 0;
}

size_t
answer_enhanced(const struct answer *answer)
{
	return enhanced_length(answer->text, strcspn(answer->text, "\n"),
	    answer->code);
}

size_t
answer_for_client(const struct answer *answer, int *code, char *buf,
    size_t size)
{
	const char *p = answer->text, *lf;
	size_t len = 0, n;

	*code = answer->code;
	if (*code == 421)
		*code = 451;
	else if (*code == 521)	/* RFC 6409 7 */
		*code = 554;
	for (;; p = lf + 1) {
		lf = strchr(p, '\n');
		n = lf == NULL ? strlen(p) : (size_t)(lf - p);
		if (size - len < n + 16) {
			len -= len > 0;	/* and no empty line for the rest */
			break;
		}
		if (enhanced_length(p, n, answer->code) == 0)
			len += (size_t)snprintf(buf + len, size - len,
			    "%d.0.0 ", answer->code / 100);
		memcpy(buf + len, p, n);
		len += n;
		if (lf == NULL)
			break;
		buf[len++] = '\n';
	}
	return len;
}
