/*
 * doctor/records.c: answers of a name server. A row's message is a header, by
 * the counts, and the octets below; what is read is printed as
 * `priority weight port name text`, records parted by `|`.
 */
#include "doctor/records.h"
#include "tests/unit/unit.h"

#define NAME	"\7example\3org\0"		/* at offset 12 */
#define ASKED(t) NAME "\0" t "\0\1"
#define OWNER	"\300\14"			/* points to offset 12 */
#define HEAD(t)	OWNER "\0" t "\0\1\0\0\0\74"
#define MX	"\17"
#define TXT	"\20"
#define SRV	"\41"
#define CNAME	"\5"

static const struct row {
	enum record_type type;
	uint8_t questions, answers;
	const char *body;
	size_t len;
	const char *out;	/* NULL: malformed */
} rows[] = {
{ RECORD_MX, 0, 0, LIT(""), "" },
{ RECORD_MX, 1, 0, LIT(ASKED(MX)), "" },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\11\0\12\4mail\300\14"),
  "10 0 0 mail.example.org " },
{ RECORD_MX, 1, 2, LIT(ASKED(MX) HEAD(MX) "\0\11\0\12\4mail\300\14"
  HEAD(MX) "\0\4\1\0\300\14"),
  "10 0 0 mail.example.org |256 0 0 example.org " },
/* RFC 7505: no mail at all */
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\3\0\0\0"), "0 0 0  " },
/* an alias before it, one of another class */
{ RECORD_MX, 1, 2, LIT(ASKED(MX) HEAD(CNAME) "\0\2\300\14" HEAD(MX)
  "\0\4\0\1\300\14"), "1 0 0 example.org " },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) OWNER "\0" MX "\0\3\0\0\0\74\0\4\0\1\300\14"),
  "" },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\4\3abc"), "0 0 0  abc" },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\10\3abc\0\2de"),
  "0 0 0  abcde" },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\4\3a\n\377"),
  "0 0 0  a??" },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\0"), "0 0 0  " },
{ RECORD_SRV, 1, 1, LIT(ASKED(SRV) HEAD(SRV) "\0\10\0\1\0\2\1\321\300\14"),
  "1 2 465 example.org " },
{ RECORD_SRV, 1, 1, LIT(ASKED(SRV) HEAD(SRV) "\0\7\0\0\0\0\0\0\0"),
  "0 0 0  " },
/* what follows the answers does not matter */
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\2\1a" "\377\377"),
  "0 0 0  a" },
/* counts that promise more than there is */
{ RECORD_MX, 1, 0, LIT(""), NULL },
{ RECORD_MX, 2, 0, LIT(ASKED(MX)), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX)), NULL },
{ RECORD_MX, 255, 255, LIT(ASKED(MX)), NULL },
/* cut short: question, owner, fixed part, RDATA */
{ RECORD_MX, 1, 0, LIT(NAME "\0" MX "\0"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) "\300"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) OWNER "\0" MX "\0\1\0\0"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\11\0\12\4mail\300"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(CNAME) "\0\11\0\12"), NULL },
/* RDATA of another length than its content */
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\5\0\12\300\14x"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\3\0\12\300\14"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\1\0"), NULL },
{ RECORD_SRV, 1, 1, LIT(ASKED(SRV) HEAD(SRV) "\0\4\0\1\0\2"), NULL },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\2\3abc"), NULL },
{ RECORD_TXT, 1, 1, LIT(ASKED(TXT) HEAD(TXT) "\0\4\4abc"), NULL },
/* names that point to themselves, beyond the end, or have a bad length */
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\4\0\12\300\53"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\4\0\12\300\377"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\4\0\12\200\0"), NULL },
{ RECORD_MX, 1, 1, LIT(ASKED(MX) HEAD(MX) "\0\4\0\12\77a"), NULL },
};

static void
print(const struct record *r, int n, char *buf, size_t size)
{
	size_t len = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, size - len,
		    "%s%u %u %u %s %s", i == 0 ? "" : "|", r[i].priority,
		    r[i].weight, r[i].port, r[i].name, r[i].text);
}

static void
run(const struct row *row)
{
	char message[512] = { 0, 1, (char)0x81, (char)0x80, 0,
	    (char)row->questions, 0, (char)row->answers }, *copy, got[4096];
	static struct record records[4];
	int n;

	memcpy(message + 12, row->body, row->len);
	copy = copy_of(message, row->len + 12);
	n = records_read((unsigned char *)copy, row->len + 12, row->type,
	    records, COUNT(records));
	free(copy);
	if (row->out == NULL) {
		ok(n == -1, row->body, row->len, "read as %d", n);
		return;
	}
	print(records, n, got, sizeof(got));
	if (ok(n >= 0, row->body, row->len, "called malformed"))
		ok_octets(row->body, row->len, got, strlen(got), row->out,
		    strlen(row->out));
}

int
main(void)
{
	static struct record one[1];
	const struct row *two = &rows[3];
	char message[512] = { 0, 1, 0, 0, 0, 1, 0, 2 };
	char text[2000];
	size_t i;

	table("records");
	for (i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
	for (i = 0; i < 12; i++)
		ok(records_read((unsigned char *)message, i, RECORD_MX, one,
		    1) == -1, message, i, "a header cut short");
	memcpy(message + 12, two->body, two->len);
	ok(records_read((unsigned char *)message, two->len + 12, RECORD_MX,
	    one, 1) == 1, two->body, two->len, "more than there is room for");
	/* five strings of 255 are longer than what is kept */
	memset(text, 'x', sizeof(text));
	memcpy(text, "\0\1\0\0\0\0\0\1\0\0\0\0" "\0\0\20\0\1\0\0\0\0\5\0", 23);
	for (i = 0; i < 5; i++)
		text[23 + i * 256] = (char)255;
	ok(records_read((unsigned char *)text, 23 + 1280, RECORD_TXT, one,
	    1) == 1 && strlen(one->text) == sizeof(one->text) - 1, text, 23,
	    "a long text is cut");
	return tables_done();
}
