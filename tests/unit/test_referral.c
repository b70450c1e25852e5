/* mta/referral.c */
#include <string.h>

#include "mta/referral.h"
#include "unit.h"

static const struct {
	const char *text, *host;	/* host NULL: refused */
	unsigned port;
} rows[] = {
	{ "5.1.6 [REFERRAL smtp://b.example.net/]", "b.example.net", 0 },
	{ "[REFERRAL smtp://b.example.net/] moved", "b.example.net", 0 },
	{ "[REFERRAL smtp://b.example.net]", "b.example.net", 0 },
	{ "[referral SMTP://B/]", "B", 0 },
	{ "x [REFERRAL smtp://192.0.2.1:2525/] y", "192.0.2.1", 2525 },
	{ "[REFERRAL smtp://[2001:db8::1]:25/]", "2001:db8::1", 25 },
	{ "line\n5.1.6 [REFERRAL smtp://b/]", "b", 0 },
	{ "", NULL, 0 },
	{ "5.1.1 No such user", NULL, 0 },
	{ "[REFERRAL]", NULL, 0 },
	{ "[REFERRAL ]", NULL, 0 },
	{ "[REFERRAL smtp:///]", NULL, 0 },
	{ "[REFERRAL imap://b/]", NULL, 0 },
	{ "[REFERRAL smtps://b/]", NULL, 0 },
	{ "[REFERRAL smtp://b/path]", NULL, 0 },
	{ "[REFERRAL smtp://b/", NULL, 0 },
	{ "[REFERRAL smtp://user@b/]", NULL, 0 },
	{ "[REFERRAL smtp://b:/]", NULL, 0 },
	{ "[REFERRAL smtp://b:0/]", NULL, 0 },
	{ "[REFERRAL smtp://b:65536/]", NULL, 0 },
	{ "[REFERRAL smtp://b:99999999999999999999/]", NULL, 0 },
	{ "[REFERRAL smtp://b:2x/]", NULL, 0 },
	{ "[REFERRAL smtp://[2001:db8::1/]", NULL, 0 },
	{ "[REFERRAL smtp://[]/]", NULL, 0 },
	{ "[REFERRAL smtp://b c/]", NULL, 0 },
	{ "[REFERRAL  smtp://b/]", NULL, 0 },
};

int
main(void)
{
	struct referral referral;
	char text[600] = "[REFERRAL smtp://";
	size_t i;

	table("referral");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = referral_find(rows[i].text, &referral);

		ok(found == (rows[i].host != NULL) && (!found ||
		    (strcmp(referral.host, rows[i].host) == 0 &&
		    referral.port == rows[i].port)), rows[i].text,
		    strlen(rows[i].text), "found %d", found);
	}
	memset(text + 17, 'a', 256);
	strcpy(text + 17 + 256, "/]");
	ok(!referral_find(text, &referral), "256 letters", 11, "found");
	strcpy(text + 17 + 255, "/]");
	ok(referral_find(text, &referral), "255 letters", 11, "not found");
	return tables_done();
}
