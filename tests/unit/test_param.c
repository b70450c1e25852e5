/*
 * smtp/param.c, smtp/values.c: the parameters of MAIL and RCPT. RFC 5321
 * 4.1.2; the RFC of each is on top of smtp/values.c.
 */
#include "smtp/param.h"
#include "tests/unit/unit.h"

#define TEN	"abcdefghij"
#define FIFTY	TEN TEN TEN TEN TEN
#define HUNDRED	FIFTY FIFTY
#define UPPER	"ABCDEFGHIJ"
#define L500	HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

#define ALL_WELL { 0 }

static const struct {
	const char *in;
	size_t len;
	enum param_status status;
	const char *name;	/* the parameter at fault */
	struct mail_params want;
} mails[] = {
{ LIT(""), PARAM_OK, "", ALL_WELL },
{ LIT(" "), PARAM_OK, "", ALL_WELL },
{ LIT("   "), PARAM_OK, "", ALL_WELL },
{ LIT(" SIZE=0"), PARAM_OK, "", { .has_size = true } },
{ LIT(" SIZE=1"), PARAM_OK, "", { .has_size = true, .size = 1 } },
{ LIT(" size=0012"), PARAM_OK, "", { .has_size = true, .size = 12 } },
{ LIT(" SIZE=9223372036854775807"), PARAM_OK, "",
  { .has_size = true, .size = INT64_MAX } },
{ LIT(" SIZE=00000000000000000012"), PARAM_OK, "",
  { .has_size = true, .size = 12 } },
{ LIT(" BODY=7BIT"), PARAM_OK, "", { .has_body = true } },
{ LIT(" Body=7bit"), PARAM_OK, "", { .has_body = true } },
{ LIT(" BODY=8BITMIME"), PARAM_OK, "",
  { .has_body = true, .body = BODY_8BITMIME } },
{ LIT(" BODY=BINARYMIME"), PARAM_OK, "",
  { .has_body = true, .body = BODY_BINARYMIME } },
{ LIT(" RET=FULL"), PARAM_OK, "", { .has_ret = true, .ret_full = true } },
{ LIT(" RET=hdrs"), PARAM_OK, "", { .has_ret = true } },
{ LIT(" ENVID=a"), PARAM_OK, "", { .has_envid = true, .envid = "a" } },
{ LIT(" ENVID=a+2Bb+3D+20"), PARAM_OK, "",
  { .has_envid = true, .envid = "a+2Bb+3D+20" } },
{ LIT(" ENVID=!~"), PARAM_OK, "", { .has_envid = true, .envid = "!~" } },
{ LIT(" ENVID=" HUNDRED), PARAM_OK, "",
  { .has_envid = true, .envid = HUNDRED } },
{ LIT(" AUTH=<>"), PARAM_OK, "", { .has_auth = true, .auth = "<>" } },
{ LIT(" AUTH=a+2Bb@c.d"), PARAM_OK, "",
  { .has_auth = true, .auth = "a+2Bb@c.d" } },
{ LIT(" AUTH=e+3Dmc2@example.com"), PARAM_OK, "",
  { .has_auth = true, .auth = "e+3Dmc2@example.com" } },
{ LIT(" AUTH=a+C3+B6b@c.d"), PARAM_OK, "",
  { .has_auth = true, .auth = "a+C3+B6b@c.d" } },
{ LIT(" AUTH=alice"), PARAM_OK, "", { .has_auth = true, .auth = "alice" } },
{ LIT(" AUTH=+22a+20b+22@c.d"), PARAM_OK, "",
  { .has_auth = true, .auth = "+22a+20b+22@c.d" } },
{ LIT(" SMTPUTF8"), PARAM_OK, "", { .smtputf8 = true } },
{ LIT(" smtputf8 REQUIRETLS"), PARAM_OK, "",
  { .smtputf8 = true, .requiretls = true } },
{ LIT(" BY=120;R"), PARAM_OK, "",
  { .has_by = true, .by = 120, .by_return = true } },
{ LIT(" BY=+999999999;rt"), PARAM_OK, "",
  { .has_by = true, .by = 999999999, .by_return = true, .by_trace = true } },
{ LIT(" BY=-5;N"), PARAM_OK, "", { .has_by = true, .by = -5 } },
{ LIT(" BY=0;nT"), PARAM_OK, "", { .has_by = true, .by_trace = true } },
{ LIT(" HOLDFOR=1"), PARAM_OK, "", { .has_hold_for = true, .hold_for = 1 } },
{ LIT(" HOLDFOR=999999999"), PARAM_OK, "",
  { .has_hold_for = true, .hold_for = 999999999 } },
{ LIT(" HOLDUNTIL=1970-01-02T00:00:00Z"), PARAM_OK, "",
  { .has_hold_until = true, .hold_until_time = 86400,
    .hold_until = "1970-01-02T00:00:00Z" } },
{ LIT(" HOLDUNTIL=1970-01-01T01:00:00+01:00"), PARAM_OK, "",
  { .has_hold_until = true, .hold_until = "1970-01-01T01:00:00+01:00" } },
{ LIT(" MT-PRIORITY=-9"), PARAM_OK, "",
  { .has_priority = true, .priority = -9 } },
{ LIT(" MT-PRIORITY=0"), PARAM_OK, "", { .has_priority = true } },
{ LIT(" mt-priority=9"), PARAM_OK, "",
  { .has_priority = true, .priority = 9 } },
{ LIT(" SOLICIT=org.example:ADV:ADLT"), PARAM_OK, "",
  { .has_solicit = true, .solicit = "org.example:ADV:ADLT" } },
{ LIT(" SOLICIT=a,b-c_d,e9"), PARAM_OK, "",
  { .has_solicit = true, .solicit = "a,b-c_d,e9" } },
{ LIT(" SOLICIT=" L500 L500), PARAM_OK, "",
  { .has_solicit = true, .solicit = L500 L500 } },
{ LIT(" SIZE=5 BODY=8BITMIME RET=HDRS ENVID=x AUTH=<> "), PARAM_OK, "",
  { .has_size = true, .size = 5, .has_body = true, .body = BODY_8BITMIME,
    .has_ret = true, .has_envid = true, .envid = "x", .has_auth = true,
    .auth = "<>" } },
{ LIT("  SIZE=5   RET=FULL"), PARAM_OK, "",
  { .has_size = true, .size = 5, .has_ret = true, .ret_full = true } },
/* values */
{ LIT(" SIZE"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=x"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=-1"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=+1"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=1K"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=1,5"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=0x1"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=1=2"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=000000000000000000012"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=1\t"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" SIZE=1\0"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" size=\303"), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" BODY"), PARAM_VALUE, "BODY", ALL_WELL },
{ LIT(" BODY=8BIT"), PARAM_VALUE, "BODY", ALL_WELL },
{ LIT(" BODY=7BITS"), PARAM_VALUE, "BODY", ALL_WELL },
{ LIT(" RET"), PARAM_VALUE, "RET", ALL_WELL },
{ LIT(" RET=ALL"), PARAM_VALUE, "RET", ALL_WELL },
{ LIT(" RET=FULLY"), PARAM_VALUE, "RET", ALL_WELL },
{ LIT(" ENVID"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=" HUNDRED "k"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a=b"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=+"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=+2"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=+2b"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=+G0"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a+0Ab"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a+0Db"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a+00b"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a+1F"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a+7F"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a\177"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=a\r\nb"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" ENVID=j\303\266rg"), PARAM_VALUE, "ENVID", ALL_WELL },
{ LIT(" AUTH"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a=b"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=" L500 "k"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=" L500), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a@b@c"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a+20b@c.d"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a@b>"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=+3C+3E"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=<a@b.c>"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a+FFb@c.d"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a+C3@c.d"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" AUTH=a\303\266@c.d"), PARAM_VALUE, "AUTH", ALL_WELL },
{ LIT(" SMTPUTF8="), PARAM_VALUE, "SMTPUTF8", ALL_WELL },
{ LIT(" SMTPUTF8=x"), PARAM_VALUE, "SMTPUTF8", ALL_WELL },
{ LIT(" SMTPUTF8 SMTPUTF8"), PARAM_TWICE, "SMTPUTF8", ALL_WELL },
{ LIT(" REQUIRETLS=yes"), PARAM_VALUE, "REQUIRETLS", ALL_WELL },
{ LIT(" REQUIRETLS requiretls"), PARAM_TWICE, "REQUIRETLS", ALL_WELL },
{ LIT(" BY"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=;R"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=+;R"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=;"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120;"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120;X"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120;RR"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120;T"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=120;RTT"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=1000000000;R"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=--1;N"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=1.5;N"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=0;R"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=-1;R"), PARAM_VALUE, "BY", ALL_WELL },
{ LIT(" BY=1;N BY=1;N"), PARAM_TWICE, "BY", ALL_WELL },
{ LIT(" HOLDFOR"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDFOR=0"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDFOR=-1"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDFOR=+1"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDFOR=1000000000"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDFOR=1h"), PARAM_VALUE, "HOLDFOR", ALL_WELL },
{ LIT(" HOLDUNTIL=3600"), PARAM_VALUE, "HOLDUNTIL", ALL_WELL },
{ LIT(" HOLDUNTIL=2026-11-22"), PARAM_VALUE, "HOLDUNTIL", ALL_WELL },
{ LIT(" HOLDUNTIL=2026-11-22T12:00:00"), PARAM_VALUE, "HOLDUNTIL", ALL_WELL },
{ LIT(" HOLDUNTIL=2026-02-29T12:00:00Z"), PARAM_VALUE, "HOLDUNTIL",
  ALL_WELL },
{ LIT(" HOLDUNTIL=2026-11-22T12:00:00.0000000000000000000000Z"), PARAM_VALUE,
  "HOLDUNTIL", ALL_WELL },
{ LIT(" HOLDFOR=5 HOLDUNTIL=2026-11-22T12:00:00Z"), PARAM_TWICE,
  "HOLDFOR or HOLDUNTIL", ALL_WELL },
{ LIT(" HOLDFOR=5 HOLDFOR=5"), PARAM_TWICE, "HOLDFOR", ALL_WELL },
{ LIT(" MT-PRIORITY"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" MT-PRIORITY=10"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" MT-PRIORITY=-0"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" MT-PRIORITY=+1"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" MT-PRIORITY=-"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" MT-PRIORITY=x"), PARAM_VALUE, "MT-PRIORITY", ALL_WELL },
{ LIT(" SOLICIT"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=,"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=a,"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=,a"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=9a"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=a,.b"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=a;b"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=a=b"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" SOLICIT=" L500 L500 "k"), PARAM_VALUE, "SOLICIT", ALL_WELL },
{ LIT(" AUTH=a+0D+0A"), PARAM_VALUE, "AUTH", ALL_WELL },
/* twice */
{ LIT(" SIZE=1 SIZE=1"), PARAM_TWICE, "SIZE", ALL_WELL },
{ LIT(" BODY=7BIT body=7BIT"), PARAM_TWICE, "BODY", ALL_WELL },
{ LIT(" RET=FULL ENVID=x RET=FULL"), PARAM_TWICE, "RET", ALL_WELL },
{ LIT(" ENVID=a ENVID=b"), PARAM_TWICE, "ENVID", ALL_WELL },
{ LIT(" AUTH=<> AUTH=<>"), PARAM_TWICE, "AUTH", ALL_WELL },
/* unknown, or known elsewhere */
{ LIT(" SMTPUTF9"), PARAM_UNKNOWN, "SMTPUTF9", ALL_WELL },
{ LIT(" X"), PARAM_UNKNOWN, "X", ALL_WELL },
{ LIT(" 4=5"), PARAM_UNKNOWN, "4", ALL_WELL },
{ LIT(" SIZ=1"), PARAM_UNKNOWN, "SIZ", ALL_WELL },
{ LIT(" SIZES=1"), PARAM_UNKNOWN, "SIZES", ALL_WELL },
{ LIT(" NOTIFY=NEVER"), PARAM_UNKNOWN, "NOTIFY", ALL_WELL },
{ LIT(" A-B=c=d"), PARAM_UNKNOWN, "A-B", ALL_WELL },
{ LIT(" " HUNDRED "=1"), PARAM_UNKNOWN, UPPER UPPER UPPER "A", ALL_WELL },
{ LIT(" " TEN TEN TEN "a=1"), PARAM_UNKNOWN, UPPER UPPER UPPER "A", ALL_WELL },
{ LIT(" " TEN TEN TEN "ab=1"), PARAM_UNKNOWN, UPPER UPPER UPPER "A", ALL_WELL },
/* no parameter at all */
{ LIT("SIZE=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT("\tSIZE=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" SIZE="), PARAM_VALUE, "SIZE", ALL_WELL },
{ LIT(" =1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" ="), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" -A=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" A_B=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" SI\0ZE=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" SIZE:1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" <a@b.c>"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" \303=1"), PARAM_SYNTAX, "", ALL_WELL },
{ LIT(" SIZE\t=1"), PARAM_SYNTAX, "", ALL_WELL },
};

static bool
same_mail(const struct mail_params *a, const struct mail_params *b)
{
	return a->has_size == b->has_size && a->size == b->size &&
	    a->has_body == b->has_body && a->body == b->body &&
	    a->has_ret == b->has_ret && a->ret_full == b->ret_full &&
	    a->has_envid == b->has_envid && strcmp(a->envid, b->envid) == 0 &&
	    a->has_auth == b->has_auth && strcmp(a->auth, b->auth) == 0 &&
	    a->smtputf8 == b->smtputf8 && a->requiretls == b->requiretls &&
	    a->has_by == b->has_by && a->by == b->by &&
	    a->by_return == b->by_return && a->by_trace == b->by_trace &&
	    a->has_hold_for == b->has_hold_for &&
	    a->hold_for == b->hold_for &&
	    a->has_hold_until == b->has_hold_until &&
	    a->hold_until_time == b->hold_until_time &&
	    strcmp(a->hold_until, b->hold_until) == 0 &&
	    a->has_priority == b->has_priority &&
	    a->priority == b->priority &&
	    a->has_solicit == b->has_solicit &&
	    strcmp(a->solicit, b->solicit) == 0;
}

static void
try_mail(size_t i)
{
	char *in = copy_of(mails[i].in, mails[i].len);
	size_t n = mails[i].len;
	struct mail_params params;
	struct param_error error;
	enum param_status status;

	status = mail_params_parse(in, n, &params, &error);
	if (ok(status == mails[i].status, in, n, "status %d", status)) {
		if (status == PARAM_OK)
			ok(same_mail(&params, &mails[i].want), in, n,
			    "the values differ");
		else if (status != PARAM_SYNTAX)
			ok_string(mails[i].in, error.name, mails[i].name);
	}
	free(in);
}

static const struct {
	const char *in;
	size_t len;
	enum param_status status;
	const char *notify, *orcpt;	/* NULL: none */
} rcpts[] = {
{ LIT(""), PARAM_OK, NULL, NULL },
{ LIT(" NOTIFY=NEVER"), PARAM_OK, "NEVER", NULL },
{ LIT(" NOTIFY=SUCCESS"), PARAM_OK, "SUCCESS", NULL },
{ LIT(" NOTIFY=SUCCESS,FAILURE,DELAY"), PARAM_OK, "SUCCESS,FAILURE,DELAY",
  NULL },
{ LIT(" NOTIFY=DELAY,SUCCESS"), PARAM_OK, "DELAY,SUCCESS", NULL },
{ LIT(" ORCPT=rfc822;a@b.c"), PARAM_OK, NULL, "rfc822;a@b.c" },
{ LIT(" ORCPT=rfc822;a+2Bb@c.d"), PARAM_OK, NULL, "rfc822;a+2Bb@c.d" },
{ LIT(" ORCPT=x-y;;"), PARAM_OK, NULL, "x-y;;" },
{ LIT(" NOTIFY=NEVER ORCPT=rfc822;a@b.c"), PARAM_OK, "NEVER",
  "rfc822;a@b.c" },
/* 500 characters, RFC 3461 4.2 */
{ LIT(" ORCPT=rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED FIFTY TEN TEN TEN TEN
  "abc"), PARAM_OK, NULL,
  "rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED FIFTY TEN TEN TEN TEN "abc" },
{ LIT(" ORCPT=rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED FIFTY TEN TEN TEN TEN
  "abcd"), PARAM_VALUE, NULL, NULL },
/* RFC 6533 3 */
{ LIT(" ORCPT=utf-8;a@b.c"), PARAM_OK, NULL, "utf-8;a@b.c" },
{ LIT(" ORCPT=UTF-8;j\\x{F6}rg@b.c"), PARAM_OK, NULL,
  "UTF-8;j\\x{F6}rg@b.c" },
{ LIT(" ORCPT=utf-8;\\x{2B}\\x{5C}\\x{10FFFD}@b.c"), PARAM_OK, NULL,
  "utf-8;\\x{2B}\\x{5C}\\x{10FFFD}@b.c" },
{ LIT(" ORCPT=utf-8;j\303\266rg@b.c"), PARAM_OK, NULL,
  "utf-8;j\303\266rg@b.c" },
{ LIT(" ORCPT=utf-8;"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;a+2Bb@c.d"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;a=b"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{F}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{f6}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{F6"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{0F6}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{0A}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{0D}\\x{0A}DATA"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{7F}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{85}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{D800}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{110000}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\x{1000000}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\\u{F6}"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\300\257@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\355\240\200@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\302\205@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=utf-8;\303"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=\303\266"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=,"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS,"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=,SUCCESS"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS,,DELAY"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS,SUCCESS"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=NEVER,SUCCESS"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS,NEVER"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS;DELAY"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=ALWAYS"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=SUCCESS,FAILURE,DELAY,SUCCESS,FAILURE,DELAY"), PARAM_VALUE,
  NULL, NULL },
{ LIT(" ORCPT"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822;"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=;a@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=;"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc 822;a@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc+38;a@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822;a+0D+0ADATA"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822;a+zz"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822;a=b"), PARAM_VALUE, NULL, NULL },
{ LIT(" ORCPT=rfc822;\303\266@b.c"), PARAM_VALUE, NULL, NULL },
{ LIT(" NOTIFY=NEVER NOTIFY=NEVER"), PARAM_TWICE, NULL, NULL },
{ LIT(" ORCPT=a;b ORCPT=a;b"), PARAM_TWICE, NULL, NULL },
{ LIT(" SIZE=1"), PARAM_UNKNOWN, NULL, NULL },
{ LIT(" NOTIFY="), PARAM_VALUE, NULL, NULL },
{ LIT("NOTIFY=NEVER"), PARAM_SYNTAX, NULL, NULL },
};

static void
try_rcpt(size_t i)
{
	char *in = copy_of(rcpts[i].in, rcpts[i].len);
	size_t n = rcpts[i].len;
	struct rcpt_params params;
	struct param_error error;
	enum param_status status;

	status = rcpt_params_parse(in, n, &params, &error);
	if (ok(status == rcpts[i].status, in, n, "status %d", status) &&
	    status == PARAM_OK) {
		ok(params.has_notify == (rcpts[i].notify != NULL) &&
		    (!params.has_notify ||
		    strcmp(params.notify, rcpts[i].notify) == 0), in, n,
		    "NOTIFY %s", params.notify);
		ok(params.has_orcpt == (rcpts[i].orcpt != NULL) &&
		    (!params.has_orcpt ||
		    strcmp(params.orcpt, rcpts[i].orcpt) == 0), in, n,
		    "ORCPT %s", params.orcpt);
	}
	free(in);
}

/* What does not fit 64 bits is too big for any limit, not small. */
static void
try_huge_sizes(void)
{
	static const char *const sizes[] = {
		" SIZE=9223372036854775808", " SIZE=18446744073709551605",
		" SIZE=18446744073709551615", " SIZE=18446744073709551616",
		" SIZE=18446744073709551620", " SIZE=36893488147419103232",
		" SIZE=99999999999999999999"
	};
	struct mail_params params;
	struct param_error error;
	size_t i;

	for (i = 0; i < COUNT(sizes); i++)
		ok(mail_params_parse(sizes[i], strlen(sizes[i]), &params,
		    &error) == PARAM_OK && params.size > INT64_MAX, sizes[i],
		    strlen(sizes[i]), "size %llu",
		    (unsigned long long)params.size);
}

/* Every octet alone, and behind a plus (RFC 3461 4) */
static void
try_xtext_octets(void)
{
	char in[3];
	unsigned c;
	bool want;

	for (c = 0; c < 256; c++) {
		in[0] = (char)c;
		want = c >= 33 && c <= 126 && c != '+' && c != '=';
		ok(xtext_is_valid(in, 1) == want, in, 1, "as xtext");
		snprintf(in, sizeof(in), "+%X", c >> 4);
		in[2] = "0123456789ABCDEF"[c & 15];
		if (c < 128)	/* beyond it: decided where it is used */
			ok(xtext_is_valid(in, 3) == (c >= 32 && c < 127), in,
			    3, "as hexchar");
		in[2] = "0123456789abcdef"[c & 15];
		if ((c & 15) > 9)
			ok(!xtext_is_valid(in, 3), in, 3, "lower case");
	}
}

/* There and back (RFC 3461 4) */
static void
try_xtext_encode(void)
{
	static const struct {
		const char *in, *out;
	} texts[] = {
		{ "", "" }, { "a", "a" }, { "a@b.c", "a@b.c" },
		{ "+", "+2B" }, { "a=b+c", "a+3Db+2Bc" }, { " ", "+20" },
		{ "!~", "!~" }, { "\177", "+7F" }, { "\r\n", "+0D+0A" },
		{ "j\303\266", "j+C3+B6" }, { "\377", "+FF" },
	};
	char buf[32], back[32];
	size_t i, n, size;

	for (i = 0; i < COUNT(texts); i++) {
		const char *in = texts[i].in;

		n = strlen(texts[i].out);
		ok(xtext_encode(in, buf, sizeof(buf)), in, strlen(in),
		    "no room");
		ok_string(in, buf, texts[i].out);
		for (size = 0; size <= n; size++) {
			char *small = malloc(size + (size == 0));

			ok(!xtext_encode(in, small, size), in, strlen(in),
			    "in %zu octets", size);
			free(small);
		}
		/* controls are not let back in */
		if (xtext_is_valid(buf, n)) {
			ok(xtext_decode(buf, n, back, strlen(in) + 1), buf,
			    n, "no way back");
			ok_string(buf, back, in);
			ok(!xtext_decode(buf, n, back, strlen(in)) ||
			    *in == '\0', buf, n, "no room is needed");
		}
	}
}

int
main(void)
{
	size_t i;

	table("param: MAIL");
	for (i = 0; i < COUNT(mails); i++)
		try_mail(i);
	table("param: RCPT");
	for (i = 0; i < COUNT(rcpts); i++)
		try_rcpt(i);
	table("param: SIZE beyond 63 bits");
	try_huge_sizes();
	table("param: xtext");
	try_xtext_octets();
	table("param: xtext encoded");
	try_xtext_encode();
	return tables_done();
}
