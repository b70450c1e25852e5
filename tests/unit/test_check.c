/*
 * message/check.c: what a submission's header must be like, and who may
 * stand in it (RFC 6409 4.2, 6.1, 6.3; RFC 5322 3.6).
 */
#include "message/check.h"
#include "tests/unit/unit.h"

#define OWN	"From: alice@example.org\r\n"
#define BOB	"bob@example.org"
#define TEN	"0123456789"
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* alice of example.org, who has no list, sends as alice@example.org */
static const struct {
	const char *header;
	enum check_status status;
	const char *what;
} rows[] = {
{ OWN, CHECK_OK, "" },
{ "From: Alice <Alice+detail@EXAMPLE.org>\r\n", CHECK_OK, "" },
{ "From: alice\r\n", CHECK_OK, "" },
{ "From: \"alice\"@example.org\r\n", CHECK_OK, "" },
{ "From: alice@example.org, alice+2@example.org\r\nSender: alice\r\n",
  CHECK_OK, "" },
{ OWN "Sender: alice@example.org\r\n", CHECK_OK, "" },
{ "Received: a\r\nReceived: b\r\nComments: c\r\nComments: d\r\n" OWN,
  CHECK_OK, "" },
{ "X-From: x@y.z\r\n" OWN, CHECK_OK, "" },
{ "Subject: a\r\n From: x@y.z\r\n" OWN, CHECK_OK, "" },
/* another's */
{ "From: bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "from : bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From: alice@example.net\r\n", CHECK_NOT_ALLOWED, "alice@example.net" },
{ "From: bob\r\n", CHECK_NOT_ALLOWED, "bob" },
{ "From: alice@example.org, bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From: \"alice@example.org\"\r\n", CHECK_NOT_ALLOWED,
  "\"alice@example.org\"" },
{ "From:\r\n bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ OWN "Sender: bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "Sender: bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
/* twice */
{ OWN OWN, CHECK_TWICE, "From" },
{ OWN "FROM :bob@example.org\r\n", CHECK_TWICE, "From" },
{ "Date: a\r\nDate: b\r\n" OWN, CHECK_TWICE, "Date" },
{ "Message-Id: a\r\nMESSAGE-ID: b\r\n" OWN, CHECK_TWICE, "Message-ID" },
{ "Sender: alice\r\nSender: alice\r\n" OWN, CHECK_TWICE, "Sender" },
{ OWN "To: a\r\nTo: b\r\n", CHECK_TWICE, "To" },
{ OWN "cc: a\r\nCC\t: b\r\n", CHECK_TWICE, "Cc" },
{ OWN "Reply-To: a\r\nReply-To: b\r\n", CHECK_TWICE, "Reply-To" },
{ OWN "Subject: a\r\nSubject:\r\n", CHECK_TWICE, "Subject" },
{ OWN "References: <a>\r\nReferences: <b>\r\nBcc: a\r\nBcc: b\r\n",
  CHECK_OK, "" },
/* malformed */
{ "From:\r\n", CHECK_MALFORMED, "From" },
{ "From: ,\r\n", CHECK_MALFORMED, "From" },
{ "From: <>\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org <bob@example.org>\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org, bob@\r\n", CHECK_MALFORMED, "From" },
{ OWN "Sender: \r\n", CHECK_MALFORMED, "Sender" },
{ OWN "Sender: alice, alice\r\n", CHECK_MALFORMED, "Sender" },
/* addresses without a domain are completed; half a domain is not */
{ OWN "To: bob\r\nCc: carol, dave\r\n", CHECK_OK, "" },
{ OWN "To: bob@sales\r\n", CHECK_UNQUALIFIED, "To" },
{ OWN "cc: a@b.c, bob@localhost\r\n", CHECK_UNQUALIFIED, "cc" },
{ OWN "Reply-To: g: x, bob@sales;\r\n", CHECK_UNQUALIFIED, "Reply-To" },
{ OWN "Resent-To: bob@sales\r\n", CHECK_UNQUALIFIED, "Resent-To" },
{ OWN "Resent-Cc: <@a.b:c@d>\r\n", CHECK_UNQUALIFIED, "Resent-Cc" },
{ OWN "Bcc: bob@sales\r\n", CHECK_OK, "" },	/* is taken out */
{ OWN "To: bob@[192.0.2.1]\r\n", CHECK_OK, "" },
/* what cannot be read in To is left alone */
{ OWN "To: Bob Smith, bob@sales\r\nCc: <>\r\nReply-To:\r\n", CHECK_OK, "" },
{ OWN "To: undisclosed-recipients:;\r\n", CHECK_OK, "" },
{ OWN "To: undisclosed-recipients:\r\n", CHECK_OK, "" },
};

/* What might get past it: who is the author, to us and to another reader? */
static const struct {
	const char *header;
	enum check_status status;
	const char *what;
} attacks[] = {
/* a name is a name, whatever it says; the address counts */
{ "From: \"bob@example.org\" <alice@example.org>\r\n", CHECK_OK, "" },
{ "From: \"Bob <bob@example.org>\" <alice@example.org>\r\n", CHECK_OK, "" },
{ "From: =?utf-8?q?bob=40example=2Eorg?= <alice@example.org>\r\n",
  CHECK_OK, "" },
{ "From: alice@example.org (bob@example.org)\r\n", CHECK_OK, "" },
{ "From: \"alice@example.org\" <bob@example.org>\r\n", CHECK_NOT_ALLOWED,
  BOB },
{ "From: (alice@example.org) bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From: (<alice@example.org>\\) <alice@example.org>) bob@example.org\r\n",
  CHECK_NOT_ALLOWED, BOB },
{ "From: (a (b \\( ) c) bob@example.org (alice@example.org)\r\n",
  CHECK_NOT_ALLOWED, BOB },
{ "From: (a (b) alice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org (\\)\r\n", CHECK_MALFORMED, "From" },
/* names without quotes that look like addresses */
{ "From: bob@example.org <alice@example.org>\r\n", CHECK_MALFORMED, "From" },
{ "From: <bob@example.org> <alice@example.org>\r\n", CHECK_MALFORMED,
  "From" },
{ "From: <alice@example.org> <bob@example.org>\r\n", CHECK_MALFORMED,
  "From" },
{ "From: <alice@example.org> bob@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: bob@example.org alice@example.org\r\n", CHECK_MALFORMED, "From" },
/* angles, commas and semicolons */
{ "From: <alice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org>\r\n", CHECK_MALFORMED, "From" },
{ "From: <<alice@example.org>>\r\n", CHECK_MALFORMED, "From" },
{ "From: <alice@example.org,bob@example.org>\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org,\r\n", CHECK_OK, "" },
{ "From: ,,alice@example.org,\r\n ,\r\n", CHECK_OK, "" },
{ "From: alice@example.org,,bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From: alice@example.org; bob@example.org\r\n", CHECK_MALFORMED, "From" },
/* encoded words and other encodings are no addresses */
{ "From: =?utf-8?q?bob=40example.org?=\r\n", CHECK_NOT_ALLOWED,
  "=?utf-8?q?bob=40example.org?=" },
{ "From: =?utf-8?b?Ym9iQGV4YW1wbGUub3Jn?= alice@example.org\r\n",
  CHECK_MALFORMED, "From" },
{ "From: =?utf-8?q?alice?=@example.org\r\n", CHECK_NOT_ALLOWED,
  "=?utf-8?q?alice?=@example.org" },
{ "From: +AGIAbwBi-@example.org\r\n", CHECK_NOT_ALLOWED,
  "+AGIAbwBi-@example.org" },
{ "From: bob%example.org@example.org\r\n", CHECK_NOT_ALLOWED,
  "bob%example.org@example.org" },
{ "From: example.org!bob\r\n", CHECK_NOT_ALLOWED, "example.org!bob" },
{ "From: alice%40example.org\r\n", CHECK_NOT_ALLOWED, "alice%40example.org" },
{ "From: alice@xn--exmple-cua.org\r\n", CHECK_NOT_ALLOWED,
  "alice@xn--exmple-cua.org" },
{ "From: \320\260lice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@ex\303\244mple.org\r\n", CHECK_MALFORMED, "From" },
{ "From: alice\342\200\213@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: \342\200\256gro.elpmaxe@bob <alice@example.org>\r\n",
  CHECK_MALFORMED, "From" },
{ "From: alice@example.org\240\r\n", CHECK_MALFORMED, "From" },
/* quoted local parts */
{ "From: \"al\\ice\"@example.org\r\n", CHECK_OK, "" },
{ "From: \"alice@example.org\"@evil.example\r\n", CHECK_NOT_ALLOWED,
  "\"alice@example.org\"@evil.example" },
{ "From: \"alice\\\"@example.org\" <bob@example.org>\r\n",
  CHECK_NOT_ALLOWED, BOB },
{ "From: \"alice\\\"\"@example.org\r\n", CHECK_NOT_ALLOWED,
  "\"alice\\\"\"@example.org" },
{ "From: \"alice \"@example.org\r\n", CHECK_NOT_ALLOWED,
  "\"alice \"@example.org" },
{ "From: \"alice+x\"@example.org\r\n", CHECK_OK, "" },	/* quotes unneeded */
{ "From: \"alice+x y\"@example.org\r\n", CHECK_NOT_ALLOWED,
  "\"alice+x y\"@example.org" },
{ "From: \"alice\" \"bob\"@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: \"\"alice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: al\\ice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: \"alice\r\n", CHECK_MALFORMED, "From" },
/* domains */
{ "From: alice@evil.example@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org@evil.example\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org.\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example .org\r\n", CHECK_OK, "" },
{ "From: alice@example.org.evil.example\r\n", CHECK_NOT_ALLOWED,
  "alice@example.org.evil.example" },
{ "From: alice@example.(x)\r\n evil.example\r\n", CHECK_NOT_ALLOWED,
  "alice@example.evil.example" },
{ "From: alice@[127.0.0.1]\r\n", CHECK_NOT_ALLOWED, "alice@[127.0.0.1]" },
{ "From: alice@[example.org]\r\n", CHECK_NOT_ALLOWED, "alice@[example.org]" },
{ "From: @example.org\r\n", CHECK_MALFORMED, "From" },
/* routes and groups say one thing to us and another to an old reader */
{ "From: <@example.org,@x.y:alice@example.org>\r\n", CHECK_MALFORMED,
  "From" },
{ "From: <@alice.example.org:bob@example.org>\r\n", CHECK_MALFORMED, "From" },
{ "From: alice@example.org: bob@example.org;\r\n", CHECK_MALFORMED, "From" },
{ "From: Team: alice@example.org;\r\n", CHECK_MALFORMED, "From" },
{ "From: :;\r\n", CHECK_MALFORMED, "From" },
/* folding */
{ "From: alice\r\n @example.org\r\n", CHECK_OK, "" },
{ "From:\r\n\t\r\n bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From: alice@example.org\r\n , bob@example.org\r\n", CHECK_NOT_ALLOWED,
  BOB },
{ "From: \"Bob\r\n <bob@example.org>\" <alice@example.org>\r\n", CHECK_OK,
  "" },
{ "From: al\r\n ice@example.org\r\n", CHECK_MALFORMED, "From" },
{ "X: y\r\n \r\nFrom: bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "X: y\r\n\t \r\n" OWN "From: bob@example.org\r\n", CHECK_TWICE, "From" },
/* names of fields */
{ OWN "From : bob@example.org\r\n", CHECK_TWICE, "From" },
{ OWN "From\t \t: bob@example.org\r\n", CHECK_TWICE, "From" },
{ OWN "fROM: bob@example.org\r\n", CHECK_TWICE, "From" },
{ "From: bob@example.org\r\n" OWN, CHECK_TWICE, "From" },
{ "FROM:bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "From::bob@example.org\r\n", CHECK_MALFORMED, "From" },
{ "From-: bob@example.org\r\n" OWN, CHECK_OK, "" },
{ "=?utf-8?q?From?=: bob@example.org\r\n" OWN, CHECK_OK, "" },
{ OWN "sender : bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
/* length */
{ "From: " HUNDRED HUNDRED HUNDRED TEN TEN TEN "@example.org\r\n",
  CHECK_MALFORMED, "From" },
{ "From: \"" HUNDRED HUNDRED HUNDRED HUNDRED "\" <alice@example.org>\r\n",
  CHECK_OK, "" },
{ "From: \"" HUNDRED HUNDRED HUNDRED HUNDRED "\"@example.org\r\n",
  CHECK_MALFORMED, "From" },
{ "From: alice@" HUNDRED HUNDRED HUNDRED TEN TEN "\r\n", CHECK_MALFORMED,
  "From" },
/* resent: as From and Sender, in the first block (RFC 5322 3.6.6) */
{ "Resent-From: alice@example.org\r\n" OWN, CHECK_OK, "" },
{ "Resent-From: bob@example.org\r\n" OWN, CHECK_NOT_ALLOWED, BOB },
{ OWN "Resent-From: bob@example.org\r\n", CHECK_NOT_ALLOWED, BOB },
{ "resent-from :\r\n bob@example.org\r\n" OWN, CHECK_NOT_ALLOWED, BOB },
{ "Resent-From: \r\n" OWN, CHECK_MALFORMED, "Resent-From" },
{ "Resent-From: x: alice;\r\n" OWN, CHECK_MALFORMED, "Resent-From" },
{ "Resent-Sender: bob@example.org\r\n" OWN, CHECK_NOT_ALLOWED, BOB },
{ "Resent-Sender: alice, alice\r\n" OWN, CHECK_MALFORMED, "Resent-Sender" },
{ "Resent-To: x@y.z\r\nResent-From: alice\r\nResent-Sender: bob@x.y\r\n" OWN,
  CHECK_NOT_ALLOWED, "bob@x.y" },
{ "Resent-To: x@y.z\r\nX: y\r\nResent-From: bob@x.y\r\n" OWN,
  CHECK_NOT_ALLOWED, "bob@x.y" },
/* what is taken out parts no blocks and is none */
{ "Resent-Bcc: x@y.z\r\nX: y\r\nResent-Sender: bob@example.org\r\n" OWN,
  CHECK_NOT_ALLOWED, BOB },
{ "Resent-Bcc: x@y.z\r\nReceived: x\r\nResent-Sender: bob@example.org\r\n"
  OWN, CHECK_NOT_ALLOWED, BOB },
{ "Resent-From: alice\r\nBcc: x@y.z\r\nResent-Sender: bob@example.org\r\n"
  OWN, CHECK_NOT_ALLOWED, BOB },
{ "Resent-From: alice\r\nReturn-Path: x\r\nResent-Sender: bob@example.org\r\n"
  OWN, CHECK_NOT_ALLOWED, BOB },
{ "Resent-From: alice\r\nReceived: x\r\nResent-From: bob@x.y\r\n"
  "Resent-Sender: carol@x.y\r\n" OWN, CHECK_OK, "" },
{ "Resent-From: alice\r\nResent-To: x@y.z\r\nResent-From: bob@x.y\r\n"
  "Resent-Sender: carol@x.y\r\n" OWN, CHECK_OK, "" },
{ "Resent-From: alice\r\nFrom: bob@example.org\r\n", CHECK_NOT_ALLOWED,
  BOB },
};

static void
try_row(const char *header, enum check_status want, const char *what)
{
	struct author alice = { .user = "alice", .domain = "example.org",
		.senders = "", .from = "alice@example.org" };
	size_t n = strlen(header);
	char *in = copy_of(header, n);
	struct check check;
	enum check_status status = check_header(in, n, &alice, &check);

	if (ok(status == want, in, n, "status %d %s", status, check.what) &&
	    status != CHECK_OK)
		ok_string(header, check.what, what);
	free(in);
}

/* With SMTPUTF8: beyond US-ASCII compared octet by octet */
static const struct {
	const char *header, *user, *senders;
	enum check_status status;
	const char *what;
} utf8_rows[] = {
{ "From: j\303\266rg@example.org\r\n", "j\303\266rg", "", CHECK_OK, "" },
{ "From: \"j\303\266rg\"@EXAMPLE.org\r\n", "j\303\266rg", "", CHECK_OK,
  "" },
{ "From: J\303\266rg <a@b\303\274cher.example>\r\n", "a",
  "@b\303\274cher.example", CHECK_OK, "" },
{ "From: j\303\266rg\r\n", "j\303\266rg", "", CHECK_OK, "" },
{ "From: J\303\226RG@example.org\r\n", "j\303\266rg", "",
  CHECK_NOT_ALLOWED, "J\303\226RG@example.org" },
{ "From: jo\314\210rg@example.org\r\n", "j\303\266rg", "",
  CHECK_NOT_ALLOWED, "jo\314\210rg@example.org" },
{ "From: \320\260lice@example.org\r\n", "alice", "", CHECK_NOT_ALLOWED,
  "\320\260lice@example.org" },
{ "From: alice\342\200\213@example.org\r\n", "alice", "",
  CHECK_NOT_ALLOWED, "alice\342\200\213@example.org" },
{ "From: alice@ex\303\244mple.org\r\n", "alice", "@xn--exmple-cua.org",
  CHECK_NOT_ALLOWED, "alice@ex\303\244mple.org" },
{ "From: alice@xn--exmple-cua.org\r\n", "alice", "@ex\303\244mple.org",
  CHECK_NOT_ALLOWED, "alice@xn--exmple-cua.org" },
{ "From: alice@example\343\200\202org\r\n", "alice", "",
  CHECK_NOT_ALLOWED, "alice@example\343\200\202org" },
{ "From: \342\200\256gro.elpmaxe@bob <alice@example.org>\r\n", "alice", "",
  CHECK_MALFORMED, "From" },
{ "From: alice@example.org, \300\200@example.org\r\n", "alice", "",
  CHECK_MALFORMED, "From" },
{ "From: al\301\251ce@example.org\r\n", "alice", "", CHECK_MALFORMED,
  "From" },
{ "From: alice@example.org\240\r\n", "alice", "", CHECK_MALFORMED, "From" },
{ "From: alice@example.org\302\205\r\n", "alice", "", CHECK_MALFORMED,
  "From" },
{ OWN "Sender: b\303\266b@example.org\r\n", "alice", "", CHECK_NOT_ALLOWED,
  "b\303\266b@example.org" },
{ OWN "Resent-From: b\303\266b@example.org\r\n", "alice", "",
  CHECK_NOT_ALLOWED, "b\303\266b@example.org" },
{ OWN "To: b\303\266b, b\303\266b@b\303\274cher.example\r\n", "alice", "",
  CHECK_OK, "" },
{ OWN "To: b\303\266b@sales\r\n", "alice", "", CHECK_UNQUALIFIED, "To" },
};

static void
try_utf8(size_t i)
{
	struct author author = { .user = utf8_rows[i].user,
		.domain = "example.org", .senders = utf8_rows[i].senders,
		.from = "alice@example.org", .utf8 = true };
	size_t n = strlen(utf8_rows[i].header);
	char *in = copy_of(utf8_rows[i].header, n);
	struct check check;
	enum check_status status = check_header(in, n, &author, &check);

	if (ok(status == utf8_rows[i].status, in, n, "status %d %s", status,
	    check.what) && status != CHECK_OK)
		ok_string(utf8_rows[i].header, check.what, utf8_rows[i].what);
	free(in);
}

#define FULL	"alice", "example.org", ""
#define BARE	"alice", "", "*"
#define LIST	"alice", "example.org", "a@x.y b@x.y c@example.org"
#define ANY	"alice", "example.org", "a@x.y *"
#define TWO	"From: A <a@x.y>, b@x.y\r\n"

/* What is to be added, for whom */
static const struct {
	const char *header, *user, *domain, *senders, *envelope;
	enum check_status status;
	const char *from, *sender;
} adds[] = {
{ "", FULL, "alice@example.org", CHECK_OK, "alice@example.org", "" },
{ "", FULL, "\"a b\"@example.org", CHECK_OK, "\"a b\"@example.org", "" },
{ "", FULL, "", CHECK_NO_FROM, "", "" },
{ "Subject: x\r\n", FULL, "", CHECK_NO_FROM, "", "" },
{ "Sender: alice\r\n", FULL, "alice+x@example.org", CHECK_OK,
  "alice+x@example.org", "" },
{ OWN, FULL, "", CHECK_OK, "", "" },
{ OWN, FULL, "alice+x@example.org", CHECK_OK, "", "" },
/* Sender */
{ TWO, LIST, "b@x.y", CHECK_OK, "", "b@x.y" },
{ TWO, LIST, "B@X.Y", CHECK_OK, "", "b@x.y" },
{ TWO, LIST, "\"b\"@x.y", CHECK_OK, "", "b@x.y" },
{ TWO, LIST, "c@example.org", CHECK_OK, "", "a@x.y" },
{ TWO, LIST, "", CHECK_OK, "", "a@x.y" },
{ TWO "Sender: a@x.y\r\n", LIST, "b@x.y", CHECK_OK, "", "" },
{ "From: b@x.y, c\r\n", LIST, "c@example.org", CHECK_OK, "",
  "c@example.org" },
{ "From: c, b@x.y\r\n", LIST, "", CHECK_OK, "", "c@example.org" },
{ "From: a@x.y, a@x.y\r\n", LIST, "", CHECK_OK, "", "a@x.y" },
{ TWO, ANY, "b@x.y", CHECK_OK, "", "b@x.y" },
{ TWO, ANY, "alice@example.org", CHECK_NO_SENDER, "", "" },
{ TWO, ANY, "", CHECK_NO_SENDER, "", "" },
{ TWO, BARE, "a@x.y", CHECK_OK, "", "a@x.y" },
{ "From: a@x.y, z@x.y\r\n", LIST, "a@x.y", CHECK_NOT_ALLOWED, "", "" },
/* nothing to complete an address with */
{ "From: x@y.z\r\n", BARE, "", CHECK_OK, "", "" },
{ "From: alice\r\n", BARE, "", CHECK_UNQUALIFIED, "", "" },
{ "From: alice@localhost\r\n", BARE, "", CHECK_UNQUALIFIED, "", "" },
{ "From: a@b.c\r\nTo: bob\r\n", BARE, "", CHECK_UNQUALIFIED, "", "" },
{ "From: a@b.c\r\nTo: g: bob;\r\n", BARE, "", CHECK_UNQUALIFIED, "", "" },
{ "From: a@b.c\r\nTo: g:;, b@c.d\r\n", BARE, "", CHECK_OK, "", "" },
{ "From: a@b.c\r\nSender: a\r\n", BARE, "", CHECK_UNQUALIFIED, "", "" },
{ "From: alice\r\n", "alice", "", "", "", CHECK_NOT_ALLOWED, "", "" },
{ "From: alice\r\n", "alice", "", "a@b.c", "", CHECK_NOT_ALLOWED, "", "" },
{ "From: x@y.z\r\n", "alice", "example.org", "a@b.c x@y.z", "", CHECK_OK,
  "", "" },
/* a list may be of one word that only begins with a star */
{ TWO, "alice", "example.org", "*a@x.y a@x.y b@x.y", "", CHECK_OK, "",
  "a@x.y" },
};

static void
try_add(size_t i)
{
	struct author author = { .user = adds[i].user,
		.domain = adds[i].domain, .senders = adds[i].senders,
		.from = adds[i].envelope };
	size_t n = strlen(adds[i].header);
	char *in = copy_of(adds[i].header, n);
	struct check check;
	enum check_status status = check_header(in, n, &author, &check);

	ok(status == adds[i].status, in, n, "status %d %s, of %s", status,
	    check.what, adds[i].envelope);
	if (status == CHECK_OK) {
		ok_string(adds[i].header, check.from, adds[i].from);
		ok_string(adds[i].header, check.sender, adds[i].sender);
	}
	free(in);
}

int
main(void)
{
	size_t i;

	table("check");
	for (i = 0; i < COUNT(rows); i++)
		try_row(rows[i].header, rows[i].status, rows[i].what);
	table("check: attacks");
	for (i = 0; i < COUNT(attacks); i++)
		try_row(attacks[i].header, attacks[i].status,
		    attacks[i].what);
	table("check: UTF-8");
	for (i = 0; i < COUNT(utf8_rows); i++)
		try_utf8(i);
	table("check: what is added");
	for (i = 0; i < COUNT(adds); i++)
		try_add(i);
	return tables_done();
}
