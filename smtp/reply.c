/*
 * The replies as data. The texts say what the client's user or postmaster
 * can do about it; tests/smtp has a dialogue for each.
 */
#include <stdio.h>
#include <string.h>

#include "smtp/reply.h"

struct row {
	int code;
	const char *enhanced; /* empty where RFC 2034 wants none */
	const char *text;     /* at most one %s */
};

static const struct row table[R_COUNT] = {
[R_STARTTLS_GO]		= { 220, "2.0.0", "Ready to start TLS" },
[R_QUIT]		= { 221, "2.0.0", "Bye" },
[R_AUTH_OK]		= { 235, "2.7.0", "Authentication succeeded" },
[R_DONE]			= { 250, "2.0.0", "OK" },
[R_CHUNK]		= { 250, "2.0.0", "%s octets received" },
[R_BURL_CHUNK]		= { 250, "2.5.0", "%s octets fetched, waiting for more" },
[R_CANNOT_VRFY]		= { 252, "2.0.0", "Cannot verify; send the message and see" },
[R_HELP]		= { 214, "2.0.0", "Mail submission (RFC 6409): EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT" },
[R_DATA_GO]		= { 354, "", "End the message with <CR><LF>.<CR><LF>" },

[R_TOO_MANY_CONNECTIONS] = { 421, "4.7.0", "Too many connections, try again later" },
[R_TOO_MANY_ERRORS]	= { 421, "4.7.0", "Too many bad commands, closing" },
[R_TOO_MANY_LOGINS]	= { 421, "4.7.0", "Too many failed logins, closing" },
[R_IDLE]		= { 421, "4.4.2", "Nothing heard for too long, closing" },
[R_GOING_DOWN]		= { 421, "4.3.2", "Service is going down, closing" },

[R_UNKNOWN_COMMAND]	= { 500, "5.5.1", "Command not recognized" },
[R_NOT_IMPLEMENTED]	= { 502, "5.5.1", "Command not implemented" },
[R_LINE_TOO_LONG]	= { 500, "5.5.2", "Command line too long" },
[R_BARE_CR_LF]		= { 500, "5.5.2", "Command lines end with CR LF, neither may stand alone" },
[R_BAD_OCTET]		= { 500, "5.5.2", "Command holds an octet that is not allowed" },
[R_SYNTAX]		= { 501, "5.5.4", "Syntax: %s" },
[R_NEED_EHLO]		= { 503, "5.5.1", "Send EHLO first" },
[R_NEED_TLS]		= { 530, "5.7.0", "Send STARTTLS first" },
[R_NEED_AUTH]		= { 530, "5.7.0", "Authentication required" },
[R_NEED_MAIL]		= { 503, "5.5.1", "Send MAIL first" },
[R_NEED_RCPT]		= { 503, "5.5.1", "Send RCPT first" },
[R_MAIL_GIVEN]		= { 503, "5.5.1", "MAIL was already given, send RSET to start anew" },
[R_STARTTLS_OFF]	= { 502, "5.5.1", "STARTTLS is not offered here" },
[R_STARTTLS_ACTIVE]	= { 503, "5.5.1", "TLS is already active" },
[R_STARTTLS_LATE]	= { 503, "5.5.1", "STARTTLS must come before AUTH" },
[R_STARTTLS_PIPELINED]	= { 503, "5.5.1", "Nothing may follow STARTTLS before the handshake" },

[R_XCLIENT_NO_TRUST]	= { 550, "5.7.0", "Insufficient authorization, only a trusted-proxy may say XCLIENT" },
[R_XCLIENT_LATE]	= { 503, "5.5.1", "XCLIENT must come before AUTH" },
[R_XCLIENT_OFTEN]	= { 503, "5.5.1", "XCLIENT ADDR after too many of them" },
[R_XCLIENT_SYNTAX]	= { 501, "5.5.4", "Syntax: XCLIENT attribute=value ..." },
[R_XCLIENT_NAME]	= { 501, "5.5.4", "XCLIENT attribute %s not recognized" },
[R_XCLIENT_VALUE]	= { 501, "5.5.4", "Bad value of XCLIENT attribute %s" },
[R_XCLIENT_TWICE]	= { 501, "5.5.4", "XCLIENT attribute %s given twice" },
[R_XCLIENT_LOGIN]	= { 501, "5.5.4", "XCLIENT LOGIN is not believed here, the proxy must send AUTH" },

[R_AUTH_TWICE]		= { 503, "5.5.1", "Already authenticated" },
[R_AUTH_NEEDS_TLS]	= { 538, "5.7.11", "Encryption required, send STARTTLS first" },
[R_AUTH_MECHANISM]	= { 504, "5.5.4", "Authentication mechanism not supported" },
[R_AUTH_CANCELLED]	= { 501, "5.7.0", "Authentication cancelled" },
[R_AUTH_BASE64]		= { 501, "5.5.2", "Cannot decode base64" },
[R_AUTH_FORMAT]		= { 501, "5.5.2", "Credentials are malformed" },
[R_AUTH_LINE_TOO_LONG]	= { 500, "5.5.6", "Authentication exchange line too long" },
[R_AUTH_AUTHZID]	= { 535, "5.7.8", "Authorization identity must be empty or the login itself" },
[R_AUTH_BINDING]		= { 535, "5.7.8", "Channel binding is not supported, a token must come without" },
[R_AUTH_FAILED]		= { 535, "5.7.8", "Authentication failed" },
[R_AUTH_BUSY]		= { 454, "4.7.0", "Too many failed logins from your address, try again later" },
[R_AUTH_TEMPORARY]	= { 454, "4.7.0", "Temporary authentication failure, try again later" },

[R_BAD_SENDER]		= { 501, "5.1.7", "Bad sender address syntax" },
[R_BAD_RECIPIENT]	= { 501, "5.1.3", "Bad recipient address syntax" },
[R_UNQUALIFIED_SENDER]	= { 501, "5.1.7", "Sender address needs a fully qualified domain" },
[R_UNQUALIFIED_RECIPIENT] = { 501, "5.1.3", "Recipient address needs a fully qualified domain" },
[R_PARAM_UNKNOWN]	= { 555, "5.5.4", "Parameter %s not recognized" },
[R_PARAM_VALUE]		= { 501, "5.5.4", "Bad value of parameter %s" },
[R_PARAM_TWICE]		= { 501, "5.5.4", "Parameter %s given twice" },
[R_PARAM_NOW]		= { 455, "4.3.3", "The next server in use now does not know parameter %s, try again later" },
[R_NEED_SMTPUTF8]	= { 553, "5.6.7", "An address beyond US-ASCII needs MAIL with SMTPUTF8" },
[R_NO_SMTPUTF8]		= { 550, "5.6.7", "The next server does not take SMTPUTF8" },
[R_NO_REQUIRETLS]	= { 550, "5.7.30", "REQUIRETLS support required, the next server has none" },
[R_HOLD_TOO_LONG]	= { 501, "5.5.4", "A message can be held until a time in the next %s seconds" },
[R_BY_TOO_SOON]		= { 555, "5.5.4", "Delivery within less than %s seconds cannot be promised" },
[R_BY_EXPIRED]		= { 554, "5.4.7", "Delivery time expired" },
[R_TOO_MANY_RECIPIENTS]	= { 452, "4.5.3", "Too many recipients" },
[R_USER_LIMIT]		= { 450, "4.7.1", "You have sent to as many recipients as allowed, try again in %s minutes" },
[R_ONE_RECIPIENT]	= { 452, "4.5.3", "One recipient a transaction, send the others afterwards" },
[R_SENDER_NOT_ALLOWED]	= { 550, "5.7.1", "This login may not send as %s" },
[R_TOO_BIG]		= { 552, "5.3.4", "Message too big, the limit is %s octets" },

[R_NO_VALID_RECIPIENTS]	= { 554, "5.5.1", "No valid recipients" },
[R_DATA_AFTER_CHUNK]	= { 503, "5.5.1", "DATA cannot follow a chunk in one transaction" },
[R_DATA_BINARY]		= { 503, "5.5.1", "After BODY=BINARYMIME the message comes by BDAT, not DATA" },
[R_RCPT_AFTER_CHUNK]	= { 503, "5.5.1", "RCPT cannot follow a chunk in one transaction" },
[R_CHUNK_FAILED]	= { 503, "5.5.1", "An earlier chunk failed, send RSET" },
[R_TOO_MANY_CHUNKS]	= { 554, "5.5.0", "Too many chunks in one message" },
[R_CHUNK_TOO_BIG]	= { 552, "5.3.4", "Chunk size out of range" },
[R_NUL]			= { 554, "5.6.0", "Message holds a NUL octet" },
[R_HEADER_TOO_BIG]	= { 552, "5.3.4", "Message header too big, the limit is %s octets" },
[R_FIELD_TWICE]		= { 554, "5.6.0", "Message has the field %s twice" },
[R_FIELD_MALFORMED]	= { 554, "5.6.0", "Field %s of the message is malformed" },
[R_FIELD_UNQUALIFIED]	= { 554, "5.6.0", "Field %s of the message has an address without a full domain" },
[R_NO_FROM_FIELD]	= { 554, "5.6.0", "Message needs a From field" },
[R_NO_SENDER_FIELD]	= { 554, "5.6.0", "Message with several From addresses needs a Sender field" },
[R_LOOP]		= { 554, "5.4.6", "Message has passed too many servers, it seems to loop" },
[R_EIGHT_BIT]		= { 554, "5.6.3", "The next server does not take 8-bit content" },
[R_BINARY]		= { 554, "5.6.3", "The next server does not take binary content" },
[R_BINARY_HEADER]	= { 554, "5.6.0", "Lines of a header end with CR LF, of a binary message, too" },

[R_BURL_SYNTAX]		= { 501, "5.5.4", "That is no IMAP URL of a message" },
[R_BURL_NO_TRUST]	= { 554, "5.7.14", "No trust relationship with that IMAP server" },
[R_BURL_REFUSED]	= { 554, "5.7.0", "URL authorization failed" },
[R_BURL_GONE]		= { 554, "5.6.6", "The URL names nothing that can be fetched" },
[R_BURL_IMAP_DOWN]	= { 451, "4.4.1", "IMAP server unavailable, try again later" },

[R_RELAY_DOWN]		= { 451, "4.4.1", "The next server cannot be reached, try again later" },
[R_RELAY_LOST]		= { 451, "4.4.2", "The next server closed the connection, try again later" },
[R_RELAY_TIMEOUT]	= { 451, "4.4.2", "The next server did not answer in time, try again later" },
[R_RELAY_GARBAGE]	= { 451, "4.5.0", "The next server answered with nonsense, try again later" },
[R_RELAY_UNKNOWN]	= { 451, "4.4.2", "The next server has the message but gave no answer, it may have been accepted" },
[R_RELAY_LOGIN]		= { 451, "4.7.0", "The next server refused our login, try again later" },
[R_LOCAL_DISK]		= { 452, "4.3.1", "Cannot store the message, try again later" },
};

int
reply_code(enum reply r)
{
	return table[r].code;
}

/* Appends at most size - 1 octets of src, unprintable ones as '?'. */
static size_t
append(char *buf, size_t size, size_t len, const char *src, size_t n)
{
	for (; n > 0 && len + 1 < size; n--, src++)
		buf[len++] = *src >= ' ' && *src <= '~' ? *src : '?';
	buf[len] = '\0';
	return len;
}

size_t
reply_text(char *buf, size_t size, enum reply r, const char *arg)
{
	const struct row *row = &table[r];
	const char *hole = strstr(row->text, "%s");
	size_t len = 0;

	if (row->enhanced[0] != '\0') {
		len = append(buf, size, len, row->enhanced,
		    strlen(row->enhanced));
		len = append(buf, size, len, " ", 1);
	}
	if (hole == NULL)
		return append(buf, size, len, row->text, strlen(row->text));
	len = append(buf, size, len, row->text, (size_t)(hole - row->text));
	if (arg != NULL)
		len = append(buf, size, len, arg, strlen(arg));
	return append(buf, size, len, hole + 2, strlen(hole + 2));
}

size_t
reply_format(char *buf, size_t size, enum reply r, const char *arg)
{
	char text[REPLY_LINE_MAX - 8];
	int n;

	reply_text(text, sizeof(text), r, arg);
	n = snprintf(buf, size, "%03d %s\r\n", table[r].code, text);
	return n < 0 ? 0 : (size_t)n;
}
