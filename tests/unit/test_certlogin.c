/*
 * helpers/certlogin.c: which login a name in a client's certificate is, and
 * what else may be asked for by AUTH EXTERNAL.
 */
#include "helpers/certlogin.h"
#include "tests/unit/unit.h"

static const struct {
	const char *p;
	size_t len;
	const char *email, *name;	/* the login, NULL: none */
} names[] = {
{ LIT("alice"), NULL, "alice" },
{ LIT("alice@example.org"), "alice@example.org", "alice@example.org" },
{ LIT("alice@Example.ORG"), "alice@example.org", "alice@Example.ORG" },
/* the local part is as it is, RFC 5321 2.4 */
{ LIT("Alice@example.org"), "Alice@example.org", "Alice@example.org" },
{ LIT("alice+x@example.org"), "alice+x@example.org", "alice+x@example.org" },
{ LIT("a"), NULL, "a" },
{ LIT(""), NULL, NULL },
{ LIT("@"), NULL, "@" }, { LIT("@example.org"), NULL, "@example.org" },
{ LIT("alice@"), NULL, "alice@" },
{ LIT("alice@a@b"), NULL, "alice@a@b" },
/* what no file of accounts can hold, or what would lie in a log */
{ LIT("alice:x@example.org"), NULL, NULL },
{ LIT("Alice Example"), NULL, NULL },
{ LIT("alice@example.org "), NULL, NULL },
{ LIT("alice\0@example.org"), NULL, NULL },
{ LIT("alice@example.org\0.example.net"), NULL, NULL },
{ LIT("alice\n@example.org"), NULL, NULL },
{ LIT("alice\177@example.org"), NULL, NULL },
{ LIT("al\303\254ce@example.org"), NULL, NULL },
};

static const struct {
	const char *login, *domain, *authzid;
	bool is;
} asked[] = {
{ "alice", "", "alice", true },
{ "alice", "example.org", "alice", true },
{ "alice", "example.org", "alice@example.org", false },
{ "alice", "", "Alice", false },
{ "alice", "", "alic", false }, { "alice", "", "alicea", false },
{ "alice@example.org", "", "alice@example.org", true },
{ "alice@example.org", "", "alice@EXAMPLE.org", true },
{ "alice@example.org", "", "Alice@example.org", false },
{ "alice@example.org", "", "alice", false },
{ "alice@example.org", "example.org", "alice", true },
{ "alice@example.org", "Example.ORG", "alice", true },
{ "alice@example.net", "example.org", "alice", false },
{ "alice@example.net", "example.org", "alice@example.org", false },
{ "alice@example.org", "example.org", "alice@", false },
{ "alice@example.org", "example.org", "alic", false },
{ "alice@example.org", "example.org", "alice@example.or", false },
{ "alice@example.org", "example.org", "alice@example.orgx", false },
{ "alice@example.org", "example.org", "bob", false },
{ "alice@example.org", "example.org", "@example.org", false },
};

static void
try_name(size_t i)
{
	char *p = copy_of(names[i].p, names[i].len), login[CERTLOGIN_SIZE];
	size_t n = names[i].len;
	bool taken;

	taken = certlogin_email(p, n, login);
	ok(taken == (names[i].email != NULL), p, n, "as an address: %d",
	    taken);
	if (taken && names[i].email != NULL)
		ok_octets(p, n, login, strlen(login), names[i].email,
		    strlen(names[i].email));
	taken = certlogin_name(p, n, login);
	ok(taken == (names[i].name != NULL), p, n, "as a name: %d", taken);
	if (taken && names[i].name != NULL)
		ok_octets(p, n, login, strlen(login), names[i].name,
		    strlen(names[i].name));
	free(p);
}

int
main(void)
{
	char text[300], login[CERTLOGIN_SIZE];
	size_t i;

	table("certlogin");
	for (i = 0; i < COUNT(names); i++)
		try_name(i);
	memset(text, 'a', sizeof(text));
	ok(certlogin_name(text, 255, login), text, 255, "255 octets");
	ok(!certlogin_name(text, 256, login), text, 256, "256 octets");
	table("certlogin, authorization identity");
	for (i = 0; i < COUNT(asked); i++)
		ok(certlogin_is(asked[i].login, asked[i].domain,
		    asked[i].authzid) == asked[i].is, asked[i].authzid,
		    strlen(asked[i].authzid), "of %s at %s", asked[i].login,
		    asked[i].domain);
	return tables_done();
}
