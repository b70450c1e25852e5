/*
 * Parameters of MAIL and RCPT (RFC 5321 4.1.2): SIZE (RFC 1870), BODY
 * (RFC 6152, 3030), RET ENVID NOTIFY ORCPT (RFC 3461), AUTH (RFC 4954).
 * Pure. Values are kept as they came, ready to be sent on.
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
	bool has_size, has_body, has_ret, has_envid, has_auth;
	uint64_t size;
	enum body_type body;
	bool ret_full;		/* else HDRS */
	char envid[101];	/* xtext, RFC 3461 4.4 */
	char auth[501];		/* xtext or "<>", RFC 4954 5 */
};

struct rcpt_params {
	bool has_notify, has_orcpt;
	char notify[32];	/* canonical: NEVER or a list */
	char orcpt[501];	/* type;xtext */
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

/* xtext, RFC 3461 4: no controls, +XX upper-case hexadecimal pairs. */
bool xtext_is_valid(const char *p, size_t n);
/* Decodes it into a string; false if it is no xtext or does not fit. */
bool xtext_decode(const char *p, size_t n, char *buf, size_t size);
/* Encodes a text; false if the result does not fit. */
bool xtext_encode(const char *text, char *buf, size_t size);

#endif
