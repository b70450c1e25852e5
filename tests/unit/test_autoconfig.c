/*
 * doctor/autoconfig.c: what the texts hold for a set-up, that they are cut
 * nowhere, and that no value breaks out of its element. That they are what
 * their schemas want is looked at by tests/e2e/doctor.t.
 */
#include "doctor/autoconfig.h"
#include "tests/unit/unit.h"

#define AUTO 0
#define MOBILE 1

static const struct set_up usual = {
	.domain = "example.org",
	.imap = { "imap.example.org", 993, true },
	.submission = { { "mail.example.org", 465, true },
	    { "mail.example.org", 587, false } }
};
static const struct set_up address = {
	.domain = "example.org", .login_is_address = true,
	.imap = { "imap.example.org", 143, false },
	.submission = { { "mail.example.org", 2587, false } }
};
static const struct set_up odd = {
	.domain = "a<b>&\"c\n", .imap = { "<i>", 993, true },
	.submission = { { "&lt;", 465, true } }
};
static const struct set_up no_imap = {
	.domain = "example.org",
	.submission = { { "mail.example.org", 465, true } }
};
static const struct set_up none = {
	.domain = "example.org", .imap = { "imap.example.org", 993, true }
};

static const struct row {
	const struct set_up *set;
	int kind;
	const char *has, *hasnt;
} rows[] = {
{ &usual, AUTO, "<emailProvider id=\"example.org\">", NULL },
{ &usual, AUTO, "    <domain>example.org</domain>\n", NULL },
{ &usual, AUTO, "    <incomingServer type=\"imap\">\n"
  "      <hostname>imap.example.org</hostname>\n      <port>993</port>\n"
  "      <socketType>SSL</socketType>\n", "%EMAILADDRESS%" },
{ &usual, AUTO, "<port>465</port>\n      <socketType>SSL</socketType>\n"
  "      <authentication>password-cleartext</authentication>\n"
  "      <username>%EMAILLOCALPART%</username>\n    </outgoingServer>\n"
  "    <outgoingServer type=\"smtp\">\n"
  "      <hostname>mail.example.org</hostname>\n      <port>587</port>\n"
  "      <socketType>STARTTLS</socketType>", NULL },
{ &address, AUTO, "<port>2587</port>\n      <socketType>STARTTLS</socketType>"
  "\n      <authentication>password-cleartext</authentication>\n"
  "      <username>%EMAILADDRESS%</username>", "SSL" },
{ &odd, AUTO, "id=\"a&lt;b&gt;&amp;&quot;c?\"", "<b>" },
{ &odd, AUTO, "<hostname>&amp;lt;</hostname>", "<i>" },
{ &no_imap, AUTO, "<outgoingServer", "incomingServer" },
{ &usual, MOBILE, "<string>com.apple.mail.managed</string>", NULL },
{ &usual, MOBILE, "<key>OutgoingMailServerPortNumber</key>\n"
  "      <integer>465</integer>", "587" },
{ &usual, MOBILE, "<key>IncomingMailServerHostName</key>\n"
  "      <string>imap.example.org</string>", NULL },
{ &usual, MOBILE, "<string>EmailAuthPassword</string>", "<false/>" },
{ &address, MOBILE, "<integer>2587</integer>", NULL },
{ &odd, MOBILE, "<string>a&lt;b&gt;&amp;&quot;c?</string>", "<b>" },
};

static size_t
write_kind(const struct set_up *set, int kind, char *buf, size_t size)
{
	return kind == AUTO ? autoconfig_write(set, buf, size) :
	    mobileconfig_write(set, buf, size);
}

/* The n-th PayloadUUID of a text. */
static const char *
uuid(const char *text, int n)
{
	while (n-- > 0)
		text = strstr(text, "PayloadUUID") + 1;
	return strstr(text, "<string>") + 8;
}

static void
uuids(void)
{
	char a[8192], b[8192];

	table("autoconfig: UUIDs");
	mobileconfig_write(&usual, a, sizeof(a));
	mobileconfig_write(&usual, b, sizeof(b));
	ok(strcmp(a, b) == 0, LIT(""), "the same each time");
	ok(strncmp(uuid(a, 1), uuid(a, 2), 36) != 0, a, 36, "two of them");
	ok(uuid(a, 1)[14] == '8' && strchr("89AB", uuid(a, 1)[19]) != NULL &&
	    uuid(a, 1)[36] == '<', uuid(a, 1), 36, "form of RFC 9562");
	mobileconfig_write(&odd, b, sizeof(b));
	ok(strncmp(uuid(a, 1), uuid(b, 1), 36) != 0, b, 36, "by server");
}

int
main(void)
{
	char buf[8192], *small;
	size_t i, n, size;
	int kind;

	table("autoconfig");
	for (i = 0; i < COUNT(rows); i++) {
		n = write_kind(rows[i].set, rows[i].kind, buf, sizeof(buf));
		ok(n == strlen(buf) && n > 0, rows[i].has,
		    strlen(rows[i].has), "length %zu", n);
		ok(strstr(buf, rows[i].has) != NULL, rows[i].has,
		    strlen(rows[i].has), "is not in %s", buf);
		ok(rows[i].hasnt == NULL || strstr(buf, rows[i].hasnt) ==
		    NULL, rows[i].has, strlen(rows[i].has), "%s is there",
		    rows[i].hasnt);
	}
	ok(mobileconfig_write(&no_imap, buf, sizeof(buf)) == 0, LIT(""),
	    "a profile without IMAP");
	for (kind = AUTO; kind <= MOBILE; kind++) {
		ok(write_kind(&none, kind, buf, sizeof(buf)) == 0, LIT(""),
		    "no server");
		n = write_kind(&usual, kind, buf, sizeof(buf));
		for (size = 0; size <= n; size++) {
			small = copy_of(buf, size);
			ok(write_kind(&usual, kind, small, size) == 0 &&
			    (size == 0 || *small == '\0'), LIT(""),
			    "fits into %zu", size);
			free(small);
		}
	}
	uuids();
	return tables_done();
}
