/*
 * Parameters of MAIL and RCPT (RFC 5321 4.1.2); which, and their grammar,
 * is on top of smtp/values.c. Pure. Texts are kept as they came, ready to be
 * sent on.
 */
#ifndef SMTP_PARAM_H
#define SMTP_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_status {
	PARAM_OK,
	PARAM_UNKNOWN,
	PARAM_VALUE,
	PARAM_TWICE,
	PARAM_SYNTAX	/* not even keyword[=value] */
};

enum body_type {
	BODY_7BIT,	/* also if none was said */
	BODY_8BITMIME,
	BODY_BINARYMIME
};

struct mail_params {
	bool has_size, has_body, has_ret, has_envid, has_auth, has_by;
	bool has_hold_for, has_hold_until, has_priority, has_solicit;
	bool smtputf8, requiretls;
	uint64_t size;
	enum body_type body;
	bool ret_full;		/* else HDRS */
	char envid[101];	/* xtext, RFC 3461 4.4 */
	char auth[501];		/* xtext or "<>", RFC 4954 5 */
	int32_t by;		/* seconds, RFC 2852 4 */
	bool by_return;		/* R: give up then; else N: tell */
	bool by_trace;
	uint32_t hold_for;	/* seconds */
	int64_t hold_until_time;	/* seconds since 1970 */
	char hold_until[41];	/* the same as it came */
	int priority;		/* -9 to 9 */
	char solicit[1001];
};

struct rcpt_params {
	bool has_notify, has_orcpt;
	char notify[32];	/* canonical: NEVER or a list */
	char orcpt[501];	/* type;xtext, or the UTF-8 form */
	bool utf8;		/* ORCPT holds more than US-ASCII */
};

/* The parameter at fault, for the reply. */
struct param_error {
	char name[32];
};

/* p is what follows the path: empty or starting with a space. */
enum param_status mail_params_parse(const char *p, size_t n,
    struct mail_params *, struct param_error *);
enum param_status rcpt_params_parse(const char *p, size_t n,
    struct rcpt_params *, struct param_error *);

/*
 * The first of them that needs an extension which is not among these
 * capabilities, as it is named in replies; NULL if there is none.
 */
const char *mail_params_unoffered(const struct mail_params *, uint32_t);
const char *rcpt_params_unoffered(const struct rcpt_params *, uint32_t);

/* xtext, RFC 3461 4: no controls, +XX upper-case hexadecimal pairs. */
bool xtext_is_valid(const char *p, size_t n);
/* Decodes it into a string; false if it is no xtext or does not fit. */
bool xtext_decode(const char *p, size_t n, char *buf, size_t size);
/* Encodes a text; false if the result does not fit. */
bool xtext_encode(const char *text, char *buf, size_t size);

#endif
