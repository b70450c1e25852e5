/*
 * Every reply this server makes itself: code, enhanced code (RFC 3463,
 * RFC 5248) and text, in one table. Replies of the relay are not here, they
 * reach the client as the relay gave them.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stddef.h>

/* The longest reply line, CRLF included (RFC 5321 4.5.3.1.5). */
#define REPLY_LINE_MAX 512

enum reply {
	/* 2xx, 3xx */
	R_STARTTLS_GO,
	R_QUIT,
	R_AUTH_OK,
	R_DONE,
	R_CHUNK,	/* %s: octets */
	R_BURL_CHUNK,	/* %s: octets */
	R_CANNOT_VRFY,
	R_HELP,
	R_DATA_GO,
	/* the connection ends */
	R_TOO_MANY_CONNECTIONS,
	R_TOO_MANY_ERRORS,
	R_TOO_MANY_LOGINS,
	R_IDLE,
	R_GOING_DOWN,
	/* commands */
	R_UNKNOWN_COMMAND,
	R_NOT_IMPLEMENTED,
	R_LINE_TOO_LONG,
	R_BARE_CR_LF,
	R_BAD_OCTET,
	R_SYNTAX,	/* %s: the right form */
	R_NEED_EHLO,
	R_NEED_TLS,
	R_NEED_AUTH,
	R_NEED_MAIL,
	R_NEED_RCPT,
	R_MAIL_GIVEN,
	R_STARTTLS_OFF,
	R_STARTTLS_ACTIVE,
	R_STARTTLS_PIPELINED,
	R_STARTTLS_LATE,
	/* XCLIENT */
	R_XCLIENT_NO_TRUST,
	R_XCLIENT_LATE,
	R_XCLIENT_OFTEN,
	R_XCLIENT_SYNTAX,
	R_XCLIENT_NAME,	/* %s: the attribute */
	R_XCLIENT_VALUE, /* %s: the attribute */
	R_XCLIENT_TWICE, /* %s: the attribute */
	R_XCLIENT_LOGIN,
	/* AUTH */
	R_AUTH_TWICE,
	R_AUTH_NEEDS_TLS,
	R_AUTH_MECHANISM,
	R_AUTH_CANCELLED,
	R_AUTH_BASE64,
	R_AUTH_FORMAT,
	R_AUTH_LINE_TOO_LONG,
	R_AUTH_AUTHZID,
	R_AUTH_BINDING,
	R_AUTH_FAILED,
	R_AUTH_BUSY, R_AUTH_TEMPORARY,
	/* MAIL and RCPT */
	R_BAD_SENDER,
	R_BAD_RECIPIENT,
	R_UNQUALIFIED_SENDER,
	R_UNQUALIFIED_RECIPIENT,
	R_PARAM_UNKNOWN, /* %s: the parameter */
	R_PARAM_VALUE,	/* %s: the parameter */
	R_PARAM_TWICE,	/* %s: the parameter */
	R_PARAM_NOW,	/* %s: the parameter */
	R_NEED_SMTPUTF8,
	R_NO_SMTPUTF8,
	R_NO_REQUIRETLS,
	R_HOLD_TOO_LONG, /* %s: the most seconds */
	R_BY_TOO_SOON,	/* %s: the least seconds */
	R_BY_EXPIRED,
	R_TOO_MANY_RECIPIENTS,
	R_ONE_RECIPIENT, R_USER_LIMIT,
	R_SENDER_NOT_ALLOWED, /* %s: the address */
	R_TOO_BIG,	/* %s: the limit in octets */
	/* the message */
	R_NO_VALID_RECIPIENTS,
	R_DATA_AFTER_CHUNK,
	R_DATA_BINARY,
	R_RCPT_AFTER_CHUNK,
	R_CHUNK_FAILED,
	R_TOO_MANY_CHUNKS,
	R_CHUNK_TOO_BIG,
	R_NUL,
	R_HEADER_TOO_BIG, /* %s: the limit in octets */
	R_FIELD_TWICE,	/* %s: its name */
	R_FIELD_MALFORMED, /* %s: its name */
	R_FIELD_UNQUALIFIED, /* %s: its name */
	R_NO_FROM_FIELD,
	R_NO_SENDER_FIELD,
	R_LOOP,
	R_EIGHT_BIT,
	R_BINARY,
	R_BINARY_HEADER,
	/* BURL */
	R_BURL_SYNTAX,
	R_BURL_NO_TRUST,
	R_BURL_REFUSED,
	R_BURL_GONE,
	R_BURL_IMAP_DOWN,
	/* the relay */
	R_RELAY_DOWN,
	R_RELAY_LOST,
	R_RELAY_TIMEOUT,
	R_RELAY_GARBAGE,
	R_RELAY_UNKNOWN,
	R_RELAY_LOGIN,
	R_LOCAL_DISK,
	R_COUNT,
	R_NONE = R_COUNT	/* no reply: no objection */
};

/* The three-digit code. */
int reply_code(enum reply);

/*
 * Writes the reply as one line with CRLF; arg stands for the %s of the text,
 * its octets beyond printable US-ASCII are shown as '?'. Returns the length,
 * always below REPLY_LINE_MAX; size must be REPLY_LINE_MAX at least.
 */
size_t reply_format(char *buf, size_t size, enum reply, const char *arg);

/* "2.0.0 text" without code and CRLF, into buf of REPLY_LINE_MAX. */
size_t reply_text(char *buf, size_t size, enum reply, const char *arg);

#endif
