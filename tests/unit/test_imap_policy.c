/*
 * imap/policy.c, imap/server.c and imap/text.c: which URL which user may
 * fetch from which server and how; the servers' own URLs; mailbox names.
 */
#include "imap/policy.h"
#include "imap/text.h"
#include "tests/unit/unit.h"

#define NOW 1000000000	/* 2001-09-09 */
#define V ":internal:0123456789abcdef0123456789abcdef"
#define A "imap://alice@h/INBOX/;UID=1"

/* What is configured: letters of all[] below. */
static const struct {
	char letter;
	const char *url;
	enum imap_login login;
	const char *name;
} all[] = {
	{ 'l', "imaps://h", IMAP_LOGIN, "submit" },
	{ 'p', "imaps://h", IMAP_PROXY, "master" },
	{ 't', "imaps://h", IMAP_PASSTHROUGH, "alice" },
	{ 'L', "imap+starttls://h:1143", IMAP_LOGIN, "submit" },
	{ 'o', "imaps://other", IMAP_PROXY, "master" },
};

/*
 * alice asks; got is "verdict", or for FETCH_OK the letter of the account,
 * the method (u urlfetch, o as the owner, p plainly) and whom we act as.
 */
static const struct {
	const char *accounts, *url, *got;
} decisions[] = {
/* plain URLs */
{ "p", A, "p p alice" },
{ "t", A, "t p alice" },
{ "ltp", A, "p p alice" },
{ "lt", A, "t p alice" },
{ "p", "imap://h/INBOX/;UID=1", "p p alice" },
{ "p", "imap://al%69ce@h/INBOX/;UID=1", "p p alice" },
{ "p", "imap://H:143/INBOX/;UID=1", "p p alice" },
{ "p", "imap://h:993/INBOX/;UID=1", "p p alice" },
{ "l", A, "no-trust" },
{ "", A, "no-trust" },
{ "o", A, "no-trust" },
{ "p", "imap://bob@h/INBOX/;UID=1", "refused" },
{ "p", "imap://Alice@h/INBOX/;UID=1", "refused" },
{ "p", "imap://alice%40h@h/INBOX/;UID=1", "refused" },
{ "p", "imap://h:144/INBOX/;UID=1", "no-trust" },
{ "p", "imap://h./INBOX/;UID=1", "no-trust" },
{ "p", "imap://x.h/INBOX/;UID=1", "no-trust" },
{ "p", "imap://hh/INBOX/;UID=1", "no-trust" },
{ "p", "imap://h@trap/INBOX/;UID=1", "no-trust" },
{ "p", "imap://[::1]/INBOX/;UID=1", "no-trust" },
/* signed ones */
{ "l", A ";URLAUTH=submit+alice" V, "l u submit" },
{ "ltp", A ";URLAUTH=submit+alice" V, "l u submit" },
{ "tp", A ";URLAUTH=submit+alice" V, "p o alice" },
{ "t", A ";URLAUTH=submit+alice" V, "t o alice" },
{ "l", A ";URLAUTH=submit+al%69ce" V, "l u submit" },
{ "l", A ";URLAUTH=SUBMIT+alice:Internal:ABCDEF0123456789abcdef0123456789",
  "l u submit" },
{ "L", "imap://alice@h:1143/INBOX/;UID=1;URLAUTH=submit+alice" V,
  "L u submit" },
{ "lL", "imap://alice@h:1143/INBOX/;UID=1;URLAUTH=submit+alice" V,
  "L u submit" },
{ "L", A ";URLAUTH=submit+alice" V, "no-trust" },
{ "l", "imap://bob@h/INBOX/;UID=1;URLAUTH=submit+alice" V, "l u submit" },
{ "p", "imap://bob@h/INBOX/;UID=1;URLAUTH=submit+alice" V, "p o bob" },
{ "t", "imap://bob@h/INBOX/;UID=1;URLAUTH=submit+alice" V, "no-trust" },
{ "p", "imap://bob*master@h/INBOX/;UID=1;URLAUTH=submit+alice" V,
  "refused" },
{ "l", "imap://h/INBOX/;UID=1;URLAUTH=submit+alice" V, "syntax" },
{ "o", A ";URLAUTH=submit+alice" V, "no-trust" },
{ "l", A ";URLAUTH=submit+bob" V, "refused" },
{ "l", A ";URLAUTH=submit+ALICE" V, "refused" },
{ "l", A ";URLAUTH=submit+alice%20" V, "refused" },
{ "l", A ";URLAUTH=user+alice" V, "refused" },
{ "l", A ";URLAUTH=authuser" V, "refused" },
{ "l", A ";URLAUTH=anonymous" V, "refused" },
{ "l", A ";URLAUTH=stream" V, "refused" },
{ "l", A ";URLAUTH=submitx+alice" V, "refused" },
{ "l", A ";URLAUTH=submit+alice", "refused" },
{ "l", A ";URLAUTH=submit+alice:internal", "refused" },
{ "l", A ";URLAUTH=submit+alice:internal:", "refused" },
{ "l", A ";URLAUTH=submit+alice:internal:0123456789abcdef0123456789abcde",
  "refused" },
{ "l", A ";URLAUTH=submit+alice:internal:0123456789abcdef0123456789abcdeg",
  "refused" },
{ "l", A ";URLAUTH=submit+alice:external:0123456789abcdef0123456789abcdef",
  "refused" },
{ "l", A ";EXPIRE=2001-09-09T01:46:40Z;URLAUTH=submit+alice" V,
  "l u submit" },
{ "l", A ";EXPIRE=2001-09-09T01:46:39Z;URLAUTH=submit+alice" V, "refused" },
{ "l", A ";EXPIRE=2001-09-09T03:46:39+02:00;URLAUTH=submit+alice" V,
  "refused" },
{ "p", A ";URLAUTH=submit+bob" V, "refused" },
{ "t", A ";URLAUTH=submit+bob" V, "refused" },
};

static size_t
configure(struct imap_account *accounts, const char *letters)
{
	const char *why;
	size_t n, i;

	for (n = 0; letters[n] != '\0'; n++)
		for (i = 0; i < COUNT(all); i++) {
			if (all[i].letter != letters[n])
				continue;
			memset(&accounts[n], 0, sizeof(accounts[n]));
			imap_server_parse(all[i].url, &accounts[n].server,
			    &why);
			accounts[n].login = all[i].login;
			strcpy(accounts[n].name, all[i].name);
		}
	return n;
}

static void
try_decision(const char *letters, const char *text, const char *wanted)
{
	static const char *const names[] = { "ok", "syntax", "no-trust",
		"refused" };
	static const char methods[] = "uop";
	static struct imap_account accounts[8];
	struct imap_choice choice;
	struct imap_url url;
	enum fetch_verdict v;
	const char *why = "";
	char got[64];
	size_t n = configure(accounts, letters);

	if (!ok(imap_url_parse(&url, text, strlen(text), &why) == 0, text,
	    strlen(text), "no URL: %s", why))
		return;
	v = imap_decide(&url, text, accounts, n, "alice", NOW, &choice);
	if (v == FETCH_OK)
		snprintf(got, sizeof(got), "%c %c %s",
		    letters[choice.account - accounts],
		    methods[choice.method], choice.identity);
	else
		snprintf(got, sizeof(got), "%s", names[v]);
	ok_string(text, got, wanted);
	ok((v == FETCH_OK) == (choice.why == NULL), text, strlen(text),
	    "no reason, or one too many");
}

/* The configuration's URLs: security, host, port, or refused. */
static const struct {
	const char *url, *got;
} servers[] = {
{ "imaps://imap.example.org", "0 imap.example.org 993" },
{ "imaps://imap.example.org/", "0 imap.example.org 993" },
{ "IMAPS://h:1993", "0 h 1993" },
{ "imap+starttls://h", "1 h 143" },
{ "imap+starttls://192.0.2.1:65535", "1 192.0.2.1 65535" },
{ "imap://localhost", "2 localhost 143" },
{ "imap://127.1.2.3:99", "2 127.1.2.3 99" },
{ "imap://[::1]:99", "2 ::1 99" },
{ "imaps://[2001:db8::1]", "0 2001:db8::1 993" },
{ "imap://h", NULL },
{ "imap://192.0.2.1", NULL },
{ "imap://[::2]", NULL },
{ "imap://localhost.example.org", NULL },
{ "imap://127.0.0.1.example.org", NULL },
{ "imap+tls://h", NULL },
{ "smtp://h", NULL },
{ "imaps:h", NULL },
{ "imaps://", NULL },
{ "imaps:///", NULL },
{ "imaps://:993", NULL },
{ "imaps://h:", NULL },
{ "imaps://h:0", NULL },
{ "imaps://h:0993", NULL },
{ "imaps://h:65536", NULL },
{ "imaps://h:99999999999", NULL },
{ "imaps://h:12x", NULL },
{ "imaps://user@h", NULL },
{ "imaps://user:pw@h", NULL },
{ "imaps://h/INBOX", NULL },
{ "imaps://h//", NULL },
{ "imaps://h?x", NULL },
{ "imaps://h#x", NULL },
{ "imaps://h h", NULL },
{ "imaps://[h]", NULL },
{ "imaps://[::1", NULL },
{ "imaps://::1", NULL },
{ "h", NULL },
{ "", NULL },
};

static void
try_server(const char *text, const char *wanted)
{
	struct imap_server server;
	const char *why;
	char got[300] = "refused";

	if (imap_server_parse(text, &server, &why) == 0)
		snprintf(got, sizeof(got), "%d %s %u", server.security,
		    server.host, server.port);
	else
		ok(why != NULL, text, strlen(text), "no reason");
	ok_string(text, got, wanted == NULL ? "refused" : wanted);
}

/* Mailboxes on the wire; NULL: not UTF-8. RFC 3501 5.1.3 has the third. */
static const struct {
	const char *utf8, *utf7;
} mailboxes[] = {
{ "INBOX", "INBOX" },
{ "a&b", "a&-b" },
{ "~peter/mail/\345\217\260\345\214\227/\346\227\245\346\234\254\350\252\236",
  "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
{ "Entw\303\274rfe", "Entw&APw-rfe" },
{ "\303\274", "&APw-" },
{ "\303\274\303\266", "&APwA9g-" },
{ "\303\274\303\266\303\244", "&APwA9gDk-" },
{ "\303\274&\303\274", "&APw-&-&APw-" },
{ "\360\237\230\200", "&2D3eAA-" },
{ "\364\217\277\277", "&2,,f,w-" },
{ "", "" },
{ "\303", NULL },
{ "\300\200", NULL },
{ "\355\240\200", NULL },
{ "\364\220\200\200", NULL },
{ "a\377", NULL },
};

static void
try_mailbox(const char *utf8, const char *wanted)
{
	char got[64], small[4];
	bool good = utf7_from_utf8(got, sizeof(got), utf8);

	ok_string(utf8, good ? got : "refused", wanted == NULL ? "refused" :
	    wanted);
	ok(!good || utf7_from_utf8(small, sizeof(small), utf8) ==
	    (strlen(got) < sizeof(small)), utf8, strlen(utf8),
	    "does not see the end of its buffer");
}

static void
try_quote(void)
{
	static const struct {
		const char *in, *out;
	} quotes[] = {
		{ "a\"b\\c d", "\"a\\\"b\\\\c d\"" },
		{ "", "\"\"" },
		{ "0123456789abc", "\"0123456789abc\"" },
		{ "0123456789abcd", NULL },	/* no room */
		{ "a\r\nb", NULL },
		{ "\303\274", NULL },
	};
	char got[16];
	size_t i;

	for (i = 0; i < COUNT(quotes); i++)
		ok_string(quotes[i].in,
		    imap_quote(got, sizeof(got), quotes[i].in) ? got : "no",
		    quotes[i].out == NULL ? "no" : quotes[i].out);
}

int
main(void)
{
	size_t i;

	table("imap policy");
	for (i = 0; i < COUNT(decisions); i++)
		try_decision(decisions[i].accounts, decisions[i].url,
		    decisions[i].got);
	table("imap server");
	for (i = 0; i < COUNT(servers); i++)
		try_server(servers[i].url, servers[i].got);
	table("imap mailbox");
	for (i = 0; i < COUNT(mailboxes); i++)
		try_mailbox(mailboxes[i].utf8, mailboxes[i].utf7);
	try_quote();
	return tables_done();
}
