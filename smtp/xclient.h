/*
 * XCLIENT as Postfix has it (XCLIENT_README): what a trusted proxy tells of
 * the client it speaks for. Pure.
 */
#ifndef SMTP_XCLIENT_H
#define SMTP_XCLIENT_H

#include <stddef.h>

/* What EHLO offers; LOGIN is not among them, for a login needs a password. */
#define XCLIENT_OFFER "NAME ADDR PORT PROTO HELO REVERSE_NAME DESTADDR " \
    "DESTPORT"

struct xclient {
	char address[64];	/* address_normal(), "": not told */
	char helo[256];		/* "": not told */
	char name[24];		/* the attribute at fault */
};

enum xclient_status {
	XCLIENT_OK,
	XCLIENT_SYNTAX,		/* no attribute=value, or one without name */
	XCLIENT_UNKNOWN,
	XCLIENT_VALUE,
	XCLIENT_TWICE,
	XCLIENT_LOGIN		/* claims a login */
};

/* p is what follows the verb and a space. */
enum xclient_status xclient_parse(const char *p, size_t n, struct xclient *);

#endif
