/*
 * helpers/introspection.c: answers of an introspection endpoint (RFC 7662
 * section 2.2) at the time 1000, and what they are taken for.
 */
#include "helpers/introspection.h"
#include "tests/unit/unit.h"

#define ON	"{\"active\":true,\"username\":\"jo\""
#define L255	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *answer;
	size_t len;
	enum checkpassword status;
	const char *user;
	const char *claim, *scope, *audience, *login;
} rows[] = {
/* the example of RFC 7662 2.2, its time put to ours */
{ LIT("{\"active\": true, \"client_id\": \"l238j323ds-23ij4\", \"username\": "
  "\"jdoe\", \"scope\": \"read write dolphin\", \"sub\": "
  "\"Z5O3upPC88QrAjx00dis\", \"aud\": \"https://protected.example.net/"
  "resource\", \"iss\": \"https://server.example.com/\", \"exp\": 1400, "
  "\"iat\": 900, \"extension_field\": \"twenty-seven\" }"), CP_RIGHT, "jdoe",
  NULL, "dolphin", "https://protected.example.net/resource", "jdoe" },
{ LIT("{ \"active\": false }"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON "}"), CP_RIGHT, "jo", NULL, NULL, NULL, NULL },
{ LIT(ON "}\r\n"), CP_RIGHT, "jo", NULL, NULL, NULL, NULL },
/* no answer of that kind */
{ LIT(""), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("{"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON "}}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON "} x"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("[" ON "}]"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("true"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("<html>"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("{}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("{\"username\":\"jo\"}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT("{\"active\":\"true\",\"username\":\"jo\"}"), CP_TEMPORARY, NULL, NULL,
  NULL, NULL, NULL },
{ LIT("{\"active\":1,\"username\":\"jo\"}"), CP_TEMPORARY, NULL, NULL, NULL,
  NULL, NULL },
{ LIT("{\"active\":null,\"username\":\"jo\"}"), CP_TEMPORARY, NULL, NULL,
  NULL, NULL, NULL },
{ LIT("{\"Active\":true,\"username\":\"jo\"}"), CP_TEMPORARY, NULL, NULL,
  NULL, NULL, NULL },
{ LIT("{\"active\":false,\"active\":true,\"username\":\"jo\"}"), CP_TEMPORARY,
  NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"username\":\"mia\"}"), CP_TEMPORARY, NULL, NULL, NULL, NULL,
  NULL },
{ LIT(ON ",\"x\":\"\377\"}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
/* time */
{ LIT(ON ",\"exp\":1001}"), CP_RIGHT, "jo", NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":1000}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":999.5}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":1e3}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":0}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":-5}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":1e300}"), CP_RIGHT, "jo", NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":99999999999999999999}"), CP_TEMPORARY, NULL, NULL, NULL,
  NULL, NULL },
{ LIT(ON ",\"exp\":\"1001\"}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"exp\":null}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"nbf\":1000}"), CP_RIGHT, "jo", NULL, NULL, NULL, NULL },
{ LIT(ON ",\"nbf\":1001}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"nbf\":\"x\"}"), CP_TEMPORARY, NULL, NULL, NULL, NULL, NULL },
/* what kind of token */
{ LIT(ON ",\"token_type\":\"Bearer\"}"), CP_RIGHT, "jo", NULL, NULL, NULL,
  NULL },
{ LIT(ON ",\"token_type\":\"bearer\"}"), CP_RIGHT, "jo", NULL, NULL, NULL,
  NULL },
{ LIT(ON ",\"token_type\":\"access_token\"}"), CP_RIGHT, "jo", NULL, NULL,
  NULL, NULL },
{ LIT(ON ",\"token_type\":\"DPoP\"}"), CP_WRONG, NULL, NULL, NULL, NULL,
  NULL },
{ LIT(ON ",\"token_type\":\"refresh_token\"}"), CP_WRONG, NULL, NULL, NULL,
  NULL, NULL },
{ LIT(ON ",\"token_type\":7}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"token_use\":\"access_token\",\"typ\":\"Bearer\"}"), CP_RIGHT,
  "jo", NULL, NULL, NULL, NULL },
{ LIT(ON ",\"token_type\":\"Bearer\",\"token_use\":\"refresh_token\"}"),
  CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"typ\":\"Refresh\"}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"typ\":\"ID\"}"), CP_WRONG, NULL, NULL, NULL, NULL, NULL },
{ LIT(ON ",\"cnf\":{\"jkt\":\"x\"}}"), CP_WRONG, NULL, NULL, NULL, NULL,
  NULL },
/* scope */
{ LIT(ON "}"), CP_WRONG, NULL, NULL, "mail", NULL, NULL },
{ LIT(ON ",\"scope\":\"mail\"}"), CP_RIGHT, "jo", NULL, "mail", NULL, NULL },
{ LIT(ON ",\"scope\":\"openid  mail x\"}"), CP_RIGHT, "jo", NULL, "mail",
  NULL, NULL },
{ LIT(ON ",\"scope\":\"email mail2 xmail MAIL\"}"), CP_WRONG, NULL, NULL,
  "mail", NULL, NULL },
{ LIT(ON ",\"scope\":\"\"}"), CP_WRONG, NULL, NULL, "mail", NULL, NULL },
{ LIT(ON ",\"scope\":[\"openid\",\"mail\"]}"), CP_RIGHT, "jo", NULL, "mail",
  NULL, NULL },
{ LIT(ON ",\"scope\":[\"openid mail\",7]}"), CP_WRONG, NULL, NULL, "mail",
  NULL, NULL },
{ LIT(ON ",\"scope\":{\"mail\":\"mail\"}}"), CP_WRONG, NULL, NULL, "mail",
  NULL, NULL },
{ LIT(ON ",\"scope\":null}"), CP_WRONG, NULL, NULL, "mail", NULL, NULL },
/* audience */
{ LIT(ON "}"), CP_WRONG, NULL, NULL, NULL, "smtp", NULL },
{ LIT(ON ",\"aud\":\"smtp\"}"), CP_RIGHT, "jo", NULL, NULL, "smtp", NULL },
{ LIT(ON ",\"aud\":[\"imap\",\"smtp\"]}"), CP_RIGHT, "jo", NULL, NULL,
  "smtp", NULL },
{ LIT(ON ",\"aud\":\"imap smtp\"}"), CP_WRONG, NULL, NULL, NULL, "smtp",
  NULL },
{ LIT(ON ",\"aud\":\"SMTP\"}"), CP_WRONG, NULL, NULL, NULL, "smtp", NULL },
{ LIT(ON ",\"aud\":[]}"), CP_WRONG, NULL, NULL, NULL, "smtp", NULL },
{ LIT(ON ",\"aud\":7}"), CP_WRONG, NULL, NULL, NULL, "smtp", NULL },
/* whose it is */
{ LIT(ON ",\"sub\":\"42\"}"), CP_RIGHT, "42", "sub", NULL, NULL, NULL },
{ LIT(ON "}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT("{\"active\":true,\"sub\":\"42\"}"), CP_WRONG, NULL, NULL, NULL, NULL,
  NULL },
{ LIT(ON ",\"email\":\"jo@x.org\"}"), CP_RIGHT, "jo@x.org", "email", NULL,
  NULL, NULL },
{ LIT(ON ",\"email\":\"jo@x.org\",\"email_verified\":true}"), CP_RIGHT,
  "jo@x.org", "email", NULL, NULL, NULL },
{ LIT(ON ",\"email\":\"jo@x.org\",\"email_verified\":false}"), CP_WRONG, NULL,
  "email", NULL, NULL, NULL },
{ LIT(ON ",\"ext\":{\"email\":\"jo@x.org\",\"email_verified\":true}}"),
  CP_RIGHT, "jo@x.org", "ext.email", NULL, NULL, NULL },
{ LIT(ON ",\"email_verified\":false,\"ext\":{\"email\":\"jo@x.org\"}}"),
  CP_RIGHT, "jo@x.org", "ext.email", NULL, NULL, NULL },
{ LIT(ON ",\"ext\":{\"email\":\"jo@x.org\",\"email_verified\":false}}"),
  CP_WRONG, NULL, "ext.email", NULL, NULL, NULL },
{ LIT(ON ",\"ext.email\":\"mia\",\"ext\":{\"email\":\"jo@x.org\"}}"),
  CP_RIGHT, "mia", "ext.email", NULL, NULL, NULL },
{ LIT(ON ",\"https://x.org/login\":\"mia\"}"), CP_RIGHT, "mia",
  "https://x.org/login", NULL, NULL, NULL },
{ LIT(ON ",\"a\":{\"b\":{\"c\":\"mia\"}}}"), CP_RIGHT, "mia", "a.b.c", NULL,
  NULL, NULL },
{ LIT(ON ",\"email\":\"jo@x.org\"}"), CP_WRONG, NULL, "ext.email", NULL, NULL,
  NULL },
{ LIT(ON ",\"ext\":\"jo@x.org\"}"), CP_WRONG, NULL, "ext.email", NULL, NULL,
  NULL },
{ LIT(ON ",\"ext\":[{\"email\":\"jo\"}]}"), CP_WRONG, NULL, "ext.email", NULL,
  NULL, NULL },
{ LIT(ON ",\"\":{\"\":\"mia\"}}"), CP_RIGHT, "mia", ".", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"\"}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"j:o\"}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"j\\no\"}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"j\\u0000o\"}"), CP_TEMPORARY, NULL, "sub", NULL, NULL,
  NULL },
{ LIT(ON ",\"sub\":7}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":[\"jo\"]}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":null}"), CP_WRONG, NULL, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"" L255 "\"}"), CP_RIGHT, L255, "sub", NULL, NULL, NULL },
{ LIT(ON ",\"sub\":\"" L255 "b\"}"), CP_WRONG, NULL, "sub", NULL, NULL,
  NULL },
{ LIT(ON "}"), CP_RIGHT, "jo", NULL, NULL, NULL, "jo" },
{ LIT(ON "}"), CP_WRONG, NULL, NULL, NULL, NULL, "Jo" },
{ LIT(ON "}"), CP_WRONG, NULL, NULL, NULL, NULL, "mia" },
{ LIT(ON "}"), CP_WRONG, NULL, NULL, NULL, NULL, "jo@example.org" },
};

int
main(void)
{
	char user[INTROSPECTION_USER_MAX + 1];
	enum checkpassword status;
	const char *why;
	size_t i;

	table("introspection");
	for (i = 0; i < COUNT(rows); i++) {
		const struct introspection want = {
			.claim = rows[i].claim == NULL ? "username" :
			    rows[i].claim,
			.scope = rows[i].scope, .audience = rows[i].audience,
			.login = rows[i].login == NULL ? "" : rows[i].login,
			.now = 1000
		};
		char *answer = copy_of(rows[i].answer, rows[i].len);

		status = introspection_judge(answer, rows[i].len, &want, user,
		    &why);
		ok(status == rows[i].status, answer, rows[i].len,
		    "status %d, %s", status, why == NULL ? "no reason" : why);
		if (status == CP_RIGHT && rows[i].status == CP_RIGHT)
			ok_string(rows[i].answer, user, rows[i].user);
		ok(status != CP_RIGHT || why == NULL, answer, rows[i].len,
		    "right, and yet complains");
		ok(status != CP_TEMPORARY || why != NULL, answer,
		    rows[i].len, "no reason");
		free(answer);
	}
	return tables_done();
}
