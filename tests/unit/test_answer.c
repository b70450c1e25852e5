/*
 * mta/answer.c: replies of the next server (RFC 5321 4.2, 4.2.1), and what
 * of them our client gets (RFC 2034 4, RFC 3463 2).
 */
#include "base/text.h"
#include "mta/answer.h"
#include "tests/unit/unit.h"

#define LINES_MAX 4
#define LONG "123456789 123456789 123456789 123456789 123456789 123456789 "

static const struct {
	const char *line[LINES_MAX];
	size_t len[LINES_MAX];
	enum answer_status status;	/* of the last line, MORE before it */
	int code;
	const char *text;
	int client_code;
	const char *client;
} rows[] = {
{ { "250 2.1.0 Ok" }, { 0 }, ANSWER_DONE, 250, "2.1.0 Ok", 250, "2.1.0 Ok" },
{ { "250 Ok" }, { 0 }, ANSWER_DONE, 250, "Ok", 250, "2.0.0 Ok" },
{ { "250 " }, { 0 }, ANSWER_DONE, 250, "", 250, "2.0.0 " },
{ { "250" }, { 0 }, ANSWER_DONE, 250, "", 250, "2.0.0 " },
{ { "250  x" }, { 0 }, ANSWER_DONE, 250, " x", 250, "2.0.0  x" },
{ { "250 2.0.0" }, { 0 }, ANSWER_DONE, 250, "2.0.0", 250, "2.0.0" },
{ { "200 x" }, { 0 }, ANSWER_DONE, 200, "x", 200, "2.0.0 x" },
{ { "599 5.999.999 x" }, { 0 }, ANSWER_DONE, 599, "5.999.999 x", 599,
  "5.999.999 x" },
{ { "550-5.7.1 No", "550-5.7.1 never", "550 5.7.1 here" }, { 0 },
  ANSWER_DONE, 550, "5.7.1 No\n5.7.1 never\n5.7.1 here", 550,
  "5.7.1 No\n5.7.1 never\n5.7.1 here" },
{ { "550-No", "550-", "550" }, { 0 }, ANSWER_DONE, 550, "No\n\n", 550,
  "5.0.0 No\n5.0.0 \n5.0.0 " },
{ { "550-5.7.1 No", "550 here" }, { 0 }, ANSWER_DONE, 550,
  "5.7.1 No\nhere", 550, "5.7.1 No\n5.0.0 here" },
/* the class must be the code's, the form that of RFC 3463 */
{ { "450 5.7.1 x" }, { 0 }, ANSWER_DONE, 450, "5.7.1 x", 450,
  "4.0.0 5.7.1 x" },
{ { "550 2.0.0 x" }, { 0 }, ANSWER_DONE, 550, "2.0.0 x", 550,
  "5.0.0 2.0.0 x" },
{ { "550 5.7 x" }, { 0 }, ANSWER_DONE, 550, "5.7 x", 550, "5.0.0 5.7 x" },
{ { "550 5.7.1x" }, { 0 }, ANSWER_DONE, 550, "5.7.1x", 550,
  "5.0.0 5.7.1x" },
{ { "550 5.7.1.2 x" }, { 0 }, ANSWER_DONE, 550, "5.7.1.2 x", 550,
  "5.0.0 5.7.1.2 x" },
{ { "550 5..1 x" }, { 0 }, ANSWER_DONE, 550, "5..1 x", 550,
  "5.0.0 5..1 x" },
{ { "550 5.7.1234 x" }, { 0 }, ANSWER_DONE, 550, "5.7.1234 x", 550,
  "5.0.0 5.7.1234 x" },
{ { "550 55.7.1 x" }, { 0 }, ANSWER_DONE, 550, "55.7.1 x", 550,
  "5.0.0 55.7.1 x" },
/* 421 would be about our own connection */
{ { "421 4.3.2 Going down" }, { 0 }, ANSWER_DONE, 421, "4.3.2 Going down",
  451, "4.3.2 Going down" },
{ { "421 Bye" }, { 0 }, ANSWER_DONE, 421, "Bye", 451, "4.0.0 Bye" },
/* 521 is not for submission, RFC 6409 7 */
{ { "521 5.3.2 No" }, { 0 }, ANSWER_DONE, 521, "5.3.2 No", 554, "5.3.2 No" },
/* octets */
{ { "550 a\033[31m\177\303\266\tb" }, { 0 }, ANSWER_DONE, 550,
  "a?[31m????b", 550, "5.0.0 a?[31m????b" },
{ { "550 a\rb" }, { 0 }, ANSWER_DONE, 550, "a?b", 550, "5.0.0 a?b" },
{ { "550 a\0b" }, { 7 }, ANSWER_DONE, 550, "a?b", 550, "5.0.0 a?b" },
{ { "550 a\nb" }, { 0 }, ANSWER_DONE, 550, "a?b", 550, "5.0.0 a?b" },
/* nonsense */
{ { "" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "2" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "25" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "25 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "Ok" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { " 250 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250\tx" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "2500 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250\0" }, { 4 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "2a0 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "+50 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "000 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "100 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "199 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "600 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "999 x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250-x", "550 y" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "550-x", "250 y" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250-x", "" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250-x", "y" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250-x", "250x" }, { 0 }, ANSWER_BAD, 0, NULL, 0, NULL },
{ { "250-x", "250-y" }, { 0 }, ANSWER_MORE, 0, NULL, 0, NULL },
};

static void
try_row(size_t i)
{
	char buf[2 * ANSWER_MAX];
	const char *const *line = rows[i].line;
	enum answer_status status = ANSWER_MORE;
	struct answer answer;
	size_t k, n;
	int code;

	answer_start(&answer);
	for (k = 0; k < LINES_MAX && line[k] != NULL; k++) {
		size_t len = rows[i].len[k] > 0 ? rows[i].len[k] :
		    strlen(line[k]);
		char *in = copy_of(line[k], len);

		ok(status == ANSWER_MORE, in, len, "ended before");
		status = answer_line(&answer, in, len);
		free(in);
	}
	n = strlen(line[0]);
	if (!ok(status == rows[i].status, line[0], n, "status %d", status) ||
	    status != ANSWER_DONE)
		return;
	ok(answer.code == rows[i].code, line[0], n, "code %d", answer.code);
	ok(answer.len == strlen(answer.text), line[0], n, "length %zu",
	    answer.len);
	ok_string(line[0], answer.text, rows[i].text);
	/* the client gets the very text of a first line that has a code */
	n = strcspn(answer.text, "\n");
	k = answer_enhanced(&answer);
	ok((k > 0) == (strncmp(answer.text, rows[i].client, n) == 0 &&
	    memchr(answer.text, '.', n) != NULL), line[0], strlen(line[0]),
	    "enhanced code of %zu", k);
	ok(k == 0 || k == strspn(answer.text, "0123456789."), line[0],
	    strlen(line[0]), "enhanced code of %zu", k);
	n = answer_for_client(&answer, &code, buf, sizeof(buf));
	ok(code == rows[i].client_code, line[0], strlen(line[0]),
	    "client's code %d", code);
	ok_octets(line[0], strlen(line[0]), buf, n, rows[i].client,
	    strlen(rows[i].client));
}

/* The longest line for the client: 512 octets, RFC 5321 4.5.3.1.5 */
static void
try_limits(void)
{
	static char line[ANSWER_LINE_MAX + 8], buf[2 * ANSWER_MAX];
	enum answer_status status;
	struct answer answer;
	size_t i, n, len;
	int code;

	memcpy(line, "550 ", 4);
	memset(line + 4, 'x', sizeof(line) - 4);
	for (n = 4; n <= sizeof(line); n++) {
		answer_start(&answer);
		status = answer_line(&answer, line, n);
		len = answer_for_client(&answer, &code, buf, sizeof(buf));
		ok(status == ANSWER_DONE && answer.len == strlen(answer.text)
		    && 4 + len + 2 <= 512 && (n > 400 || len == n + 2), line,
		    n, "text of %zu octets", len);
	}
	line[3] = '-';
	answer_start(&answer);
	for (i = 0, status = ANSWER_MORE; i < 100000 && status == ANSWER_MORE;
	    i++)
		status = answer_line(&answer, line, 4);
	ok(status == ANSWER_BAD && answer.len <= ANSWER_MAX, "endless", 7,
	    "after %zu lines %zu octets", i, answer.len);
}

static void
check_for_client(const struct answer *answer, size_t size)
{
	char *buf = malloc(size), name[40];
	size_t n, i, start = 0;
	int code;

	snprintf(name, sizeof(name), "%d, room %zu", answer->code, size);
	n = answer_for_client(answer, &code, buf, size);
	ok(n <= size, name, strlen(name), "%zu octets", n);
	for (i = 0; i <= n; i++) {
		if (i < n && buf[i] != '\n')
			continue;
		if (i - start < 6 || strncmp(buf + start, "5.0.0 ", 6) != 0) {
			ok(false, name, strlen(name),
			    "a line without enhanced code at %zu of %zu",
			    start, n);
			break;
		}
		start = i + 1;
	}
	free(buf);
}

/* Whatever the room, what comes is whole lines. */
static void
try_rooms(void)
{
	struct answer answer;
	size_t i;

	for (i = 1; i < 2000; i += 31) {
		size_t k;

		answer_start(&answer);
		for (k = 0; k < i; k++)
			answer_line(&answer, k + 1 < i ? "550-" : "550 x",
			    k + 1 < i ? 4 : 5);
		check_for_client(&answer, 2 * ANSWER_MAX - 64);
	}
	answer_start(&answer);
	for (i = 0; i < ANSWER_MAX - 16; i++)
		answer_line(&answer, "550-", 4);
	answer_line(&answer, "550 x", 5);
	check_for_client(&answer, 2 * ANSWER_MAX - 64);
}

static void
try_show(void)
{
	static const struct {
		const char *in;
		size_t len;
		const char *shown;
	} shows[] = {
	{ LIT(""), "" },
	{ LIT("SSH-2.0-x"), "SSH-2.0-x" },
	{ LIT("J\0\n\r\t\033[2J\177\303\266~ "), "J?????[2J???~ " },
	{ LIT(LONG), LONG },
	{ LIT(LONG "x"), LONG "..." },
	};
	char buf[TEXT_SHOWN];
	size_t i;

	for (i = 0; i < COUNT(shows); i++)
		ok(strcmp(text_show(buf, shows[i].in, shows[i].len),
		    shows[i].shown) == 0, shows[i].in, shows[i].len,
		    "shown as %s", buf);
}

int
main(void)
{
	size_t i;

	table("answer");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	try_limits();
	table("answer: what is none, for the log");
	try_show();
	table("answer: for the client");
	try_rooms();
	return tables_done();
}
