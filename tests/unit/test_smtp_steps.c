/*
 * smtp/smtp.c: dialogues where it matters when others answer. A step a
 * string, its first letter tells what it is:
 *
 *	C line		the client sends a line	    c octets	... these
 *	S reply		the next reply is this line, or begins so with "..."
 *	= nothing	no reply and no call is left
 *	> call		the next call is this	    < code text	its answer
 *	M code text	the answer to the message   G		the relay is gone
 *	T		it had not answered in time
 *	F octets	a URL was fetched	    f		it was not
 *	W, w		the proxy's client is welcome, has too many connections
 *	Y, N, L		login right, wrong, later   X		no more tries
 *	0, 1		the relay takes no body, takes it again
 *	t		the TLS handshake is done   I		idle for too long
 *	B		the client sends 4097 octets of a line
 *	? word		what it waits for, as in waits below
 */
#include "smtp/smtp.h"
#include "tests/unit/unit.h"

#define MAIL	"C MAIL FROM:<a@b.c>", "> MAIL FROM:<a@b.c>", "< 250 2.1.0 Ok", \
	"S 250 2.1.0 Ok"
#define RCPT	"C RCPT TO:<d@e.f>", "> RCPT TO:<d@e.f>", "< 250 2.1.5 Ok", \
	"S 250 2.1.5 Ok"
#define DATA	"C DATA", "S 354..."
#define LATER	"S 451 4.4.2 The next server closed the connection, try again " \
	"later"
#define LIMITS3	"S 250-LIMITS RCPTMAX=3"
#define TIMEOUT	"S 451 4.4.2 The next server did not answer in time, try " \
	"again later"

#define IN	1u	/* logged in */
#define TLS	2u
#define OPTIONAL 4u	/* TLS is */
#define OFF	8u	/* no TLS at all */
#define BURL	16u
#define SMALL	32u	/* the next server's SIZE is 10 */
#define PROXY	64u	/* the client is a trusted proxy */
#define XCLIENT	"XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME DESTADDR DESTPORT"
#define GREETING "S 220 mx.example.org ESMTP smtpsubmitd"
#define ALL	128u	/* ... and it offers all there is */
#define CERT	256u	/* the client has shown a certificate */

static const struct row {
	const char *name;
	unsigned flags;
	const char *step[48];
} rows[] = {
/* the order of replies, whatever answers are late */
{ "replies of our own wait", IN, { "C MAIL FROM:<a@b.c>",
  "> MAIL FROM:<a@b.c>", "C RCPT TO:<bad", "=", "? answers", "C NOOP", "=",
  "C RCPT TO:<d@e.f>", "=", "< 250 2.1.0 Ok", "S 250 2.1.0 Ok", "S 501 5.1.3...",
  "S 250 2.0.0 OK", "> RCPT TO:<d@e.f>", "=", "< 550 5.1.1 x",
  "S 550 5.1.1 x", "=" } },
{ "pending commands in one go", IN, { "C MAIL FROM:<a@b.c>",
  "C RCPT TO:<d@e.f>", "C VRFY x", "> MAIL FROM:<a@b.c>",
  "> RCPT TO:<d@e.f>", "> VRFY x", "=", "< 250 2.1.0 Ok", "S 250 2.1.0 Ok",
  "< 550-5.1.1 a\n5.1.1 b", "S 550-550-5.1.1 a", "S 550 5.1.1 b",
  "< 252 2.0.0 x", "S 252 2.0.0 x", "=" } },
{ "DATA waits for MAIL and RCPT", IN, { "C MAIL FROM:<a@b.c>",
  "C RCPT TO:<d@e.f>", "C DATA", "c x\r\n", "> MAIL FROM:<a@b.c>",
  "> RCPT TO:<d@e.f>", "=", "? answers", "< 250 2.1.0 Ok", "S 250 2.1.0 Ok",
  "=", "< 550 5.1.1 No", "S 550 5.1.1 No", "S 554 5.5.1...",
  "S 500 5.5.1...", "=" } },
{ "an answer nobody waits for", IN, { "< 250 2.1.0 Ok", "M 250 2.0.0 Ok",
  "=", MAIL, "< 250 2.1.5 unasked", "=", "C DATA", "S 503 5.5.1 Send RCPT...",
  "=" } },
/* a message, and who is waited for */
{ "final reply", IN, { MAIL, RCPT, DATA, "c x\r\n.\r\n", "> {x\r\n}", "> END",
  "? final", "C NOOP", "=", "M 250-2.0.0 a\n2.0.0 b", "S 250-250-2.0.0 a",
  "S 250 2.0.0 b", "S 250 2.0.0 OK", "=", "? nothing" } },
{ "an acceptance before the end is none", IN, { MAIL, RCPT, DATA, "c x",
  "> {x}", "M 250 2.0.0 Ok", "=", "c \r\n.\r\n", "> {\r\n}", "> END", "=",
  "? final", "M 554 5.7.1 No", "S 554 5.7.1 No", "=" } },
{ "a 354 before the end is none", IN, { MAIL, RCPT, DATA, "c x", "> {x}",
  "M 354 go", "=", "c \r\n.\r\n", "> {\r\n}", "> END", "M 250 2.0.0 Ok",
  "S 250 2.0.0 Ok", "=" } },
{ "refused early", IN, { MAIL, RCPT, DATA, "c x\r\n", "> {x\r\n}",
  "M 554 5.7.1 No", "=", "c y\r\n.\r\n", "> END", "S 554 5.7.1 No", "=",
  "M 250 2.0.0 Ok", "=", "C RCPT TO:<d@e.f>", "S 503 5.5.1...", MAIL, "=" } },
{ "refused early twice", IN, { MAIL, RCPT, DATA, "c x\r\n", "> {x\r\n}",
  "M 452 4.3.1 first", "M 554 5.7.1 second", "c .\r\n", "> END",
  "S 452 4.3.1 first", "=" } },
{ "refused early in a chunk", IN, { MAIL, RCPT, "C BDAT 4", "c ab", "> {ab}",
  "M 452 4.3.1 Full", "=", "c cd", "S 452 4.3.1 Full", "C BDAT 2 LAST",
  "c NO", "S 503 5.5.1 An earlier...", "C RSET", "> RSET", "< 250 2.0.0 Ok",
  "S 250 2.0.0 Ok", MAIL, "=" } },
{ "refused early in the last chunk", IN, { MAIL, RCPT, "C BDAT 4 LAST", "c ab",
  "> {ab}", "M 554 5.7.1 No", "=", "c cd", "> END", "S 554 5.7.1 No", "=",
  MAIL, "=" } },
/* nothing has told the client: 503 would make it give up for good */
{ "refused between chunks", IN, { MAIL, RCPT, "C BDAT 2", "c ab", "> {ab}",
  "S 250 2.0.0...", "M 452 4.3.1 Full", "=", "C BDAT 2", "c cd",
  "S 452 4.3.1 Full", "C BDAT 2 LAST", "c ef", "S 503 5.5.1...", "=" } },
{ "refused before the last chunk", IN, { MAIL, RCPT, "C BDAT 2", "c ab",
  "> {ab}", "S 250 2.0.0...", "M 452 4.3.1 Full", "=", "C BDAT 2 LAST",
  "c cd", "> END", "S 452 4.3.1 Full", "=" } },
/* the relay is gone */
{ "gone at MAIL", IN, { "C MAIL FROM:<a@b.c>", "> MAIL FROM:<a@b.c>", "G",
  LATER, "=", MAIL, "=" } },
{ "gone with all pending", IN, { "C MAIL FROM:<a@b.c>", "C RCPT TO:<d@e.f>",
  "C VRFY x", "> MAIL FROM:<a@b.c>", "> RCPT TO:<d@e.f>", "> VRFY x", "T",
  TIMEOUT, TIMEOUT, TIMEOUT, "=", MAIL, "=" } },
{ "gone at RCPT", IN, { MAIL, "C RCPT TO:<d@e.f>", "> RCPT TO:<d@e.f>", "G",
  LATER, "=", "C NOOP", "S 250 2.0.0 OK", "=" } },
{ "gone between RCPT and DATA", IN, { MAIL, RCPT, "G", "=", "C DATA",
  "S 4...", "=", MAIL, RCPT, DATA, "c .\r\n", "> END", "M 250 2.0.0 Ok",
  "S 250 2.0.0 Ok", "=" } },
{ "gone in DATA", IN, { MAIL, RCPT, DATA, "c x\r\n", "> {x\r\n}", "G", "=",
  "c y\r\n.\r\n", LATER, "=", MAIL, RCPT, DATA, "=" } },
{ "gone in DATA, not in time", IN, { MAIL, RCPT, DATA, "T", "c x\r\n.\r\n",
  TIMEOUT, "=" } },
{ "gone while it takes no body", IN, { MAIL, RCPT, DATA, "0", "c x\r\n",
  "? body", "G", "? nothing", "c .\r\n", LATER, "=" } },
{ "gone while it takes no end", IN, { MAIL, RCPT, DATA, "c x\r\n",
  "> {x\r\n}", "0", "c .\r\n", "? body", "G", LATER, "=" } },
{ "gone while it takes no chunk", IN, { MAIL, RCPT, "0", "C BDAT 2 LAST",
  "c ab", "? body", "G", LATER, "=" } },
{ "gone after the end", IN, { MAIL, RCPT, DATA, "c .\r\n", "> END", "G",
  "S 451 4.4.2 The next server has the message but gave no answer, it may "
  "have been accepted", "=", MAIL, "=" } },
{ "gone in a chunk", IN, { MAIL, RCPT, "C BDAT 4", "c ab", "> {ab}", "G", "=",
  "c cd", LATER, "C BDAT 0 LAST", "S 503 5.5.1...", "=" } },
{ "gone in the last chunk", IN, { MAIL, RCPT, "C BDAT 4 LAST", "c ab",
  "> {ab}", "G", "=", "c cd", LATER, "=", MAIL, "=" } },
{ "gone between chunks", IN, { MAIL, RCPT, "C BDAT 2", "c ab", "> {ab}",
  "S 250 2.0.0...", "G", "=", "C BDAT 2 LAST", "c cd", LATER, "=" } },
{ "gone between chunks, then more", IN, { MAIL, RCPT, "C BDAT 2", "c ab",
  "> {ab}", "S 250 2.0.0...", "G", "=", "C BDAT 2", "c cd", LATER,
  "C BDAT 2 LAST", "c ef", "S 503 5.5.1...", "=" } },
{ "gone while a long line is skipped", IN, { "B", "G", "C ", "S 500 5.5.2...",
  MAIL, RCPT, DATA, "=" } },
{ "gone at RSET", IN, { MAIL, "C RSET", "> RSET", "G", "S 250 2.0.0...", "=",
  MAIL, "=" } },
{ "gone at RSET of our own", IN, { MAIL, "C EHLO x", "> RESET", "S*", "G",
  "=", MAIL, "=" } },
{ "gone before anything", IN, { "G", "=", "C NOOP", "S 250 2.0.0 OK", "=" } },
/* refused early, and then gone too: nothing goes to the next one */
{ "refused between chunks, then gone", IN, { MAIL, RCPT, "C BDAT 2", "c ab",
  "> {ab}", "S 250 2.0.0...", "M 452 4.3.1 Full", "G", "C VRFY x", "> VRFY x",
  "< 252 2.0.0 x", "S 252 2.0.0 x", "C BDAT 0 LAST", "S 452 4.3.1 Full",
  "=" } },
{ "an answer nobody waits for, then gone", IN, { MAIL, "M 452 4.3.1 Full",
  "G", "C RCPT TO:<d e>", "S 4...", "=", "C DATA", "S 4...", "=" } },
/* a relay that takes no body now */
{ "no body now", IN, { MAIL, RCPT, DATA, "0", "c x\r\n.\r\n", "? body",
  "C NOOP", "=", "1", "> {x\r\n}", "> END", "=", "M 250 2.0.0 Ok",
  "S 250 2.0.0 Ok", "S 250 2.0.0 OK", "=" } },
{ "no chunk now", IN, { MAIL, RCPT, "0", "C BDAT 2", "c abNOOP\r\n", "? body",
  "=", "1", "> {ab}", "S 250 2.0.0 2 octets...", "S 250 2.0.0 OK", "=" } },
{ "no end now", IN, { MAIL, RCPT, "C BDAT 2", "c ab", "> {ab}",
  "S 250 2.0.0...", "0", "C BDAT 0 LAST", "? body", "=", "1", "> END", "=" } },
/* a transaction is left behind */
{ "RSET amid a refused one", IN, { MAIL, RCPT, "C BDAT 2", "c ab", "> {ab}",
  "S 250 2.0.0...", "C RSET", "> RSET", "M 554 5.7.1 of the old one",
  "< 250 2.0.0 Ok", "S 250 2.0.0 Ok", MAIL, RCPT, "C BDAT 0 LAST", "> END",
  "M 250 2.0.0 Ok", "S 250 2.0.0 Ok", "=" } },
{ "recipients of a refused MAIL", IN, { "C MAIL FROM:<a@b.c>",
  "C RCPT TO:<d@e.f>", "> MAIL FROM:<a@b.c>", "> RCPT TO:<d@e.f>",
  "< 550 5.7.1 No", "< 503 5.5.1 No", "S 550 5.7.1 No", "S 503 5.5.1 No",
  MAIL, "C DATA", "S 503 5.5.1 Send RCPT...", "=" } },
{ "recipients counted anew", IN, { "C MAIL FROM:<a@b.c>", "C RCPT TO:<d@e.f>",
  "> MAIL FROM:<a@b.c>", "> RCPT TO:<d@e.f>", "< 550 5.7.1 No",
  "< 250 2.1.5 nonsense", "S 550 5.7.1 No", "S 250 2.1.5 nonsense", MAIL,
  "C DATA", "S 503 5.5.1 Send RCPT...", "=" } },
{ "EHLO waits for its RSET", IN, { MAIL, "C EHLO x", "> RESET", "S*",
  "C NOOP", "=", "? answers", "< 250 2.0.0 silent", "S 250 2.0.0 OK", "=" } },
/* STARTTLS and login */
{ "STARTTLS", 0, { "C EHLO x", "S*", "C MAIL FROM:<a@b.c>", "S 530 5.7.0...",
  "C STARTTLS", "S 220 2.0.0...", "? tls", "C NOOP", "=", "t",
  "S 250 2.0.0 OK", "C AUTH PLAIN", "S 503 5.5.1...", "C EHLO x", "S*",
  "C STARTTLS", "S 503 5.5.1 TLS is...", "=" } },
{ "octets behind STARTTLS", 0, { "c STARTTLS\r\nNOOP\r\n", "S 503 5.5.1...",
  "S 250 2.0.0 OK", "? nothing", "=" } },
{ "half a line behind STARTTLS", 0, { "c STARTTLS\r\nN", "S 503 5.5.1...",
  "? nothing", "=" } },
{ "STARTTLS with an argument", 0, { "C STARTTLS x", "S 501 5.5.4...", "=" } },
/* RFC 3207 4.2: nothing learnt before the handshake may count */
{ "STARTTLS after login", OPTIONAL, { "C EHLO x", "S*",
  "C AUTH PLAIN AGFsaWNlAHNlY3JldA==", "> AUTH alice secret", "Y",
  "S 235 2.7.0...", "C STARTTLS", "S 503 5.5.1...", "? nothing", MAIL,
  "C STARTTLS", "S 503 5.5.1...", RCPT, "=" } },
{ "no TLS here", OFF, { "C EHLO x", "S*", "C STARTTLS", "S 502 5.5.1...",
  "C AUTH PLAIN AGFsaWNlAHNlY3JldA==", "> AUTH alice secret", "Y",
  "S 235 2.7.0...", "=" } },
{ "login later", TLS, { "C EHLO x", "S*", "C AUTH PLAIN AGFsaWNlAHNlY3JldA==",
  "> AUTH alice secret", "? auth", "C NOOP", "=", "L", "S 454 4.7.0...",
  "S 250 2.0.0 OK", "C MAIL FROM:<a@b.c>", "S 530 5.7.0 Auth...", "=" } },
{ "no more tries", TLS, { "C EHLO x", "S*",
  "C AUTH PLAIN AGFsaWNlAHdyb25n", "> AUTH alice wrong", "C NOOP", "X",
  "S 421 4.7.0...", "? close", "C NOOP", "=" } },
/* tokens: the failure has two steps, RFC 7628 3.2.2 */
#define OB	"C AUTH OAUTHBEARER bixhPWFsLAFhdXRoPUJlYXJlciB0AQE=", "> AUTH al t"
#define XO	"C AUTH XOAUTH2 dXNlcj1hbAFhdXRoPUJlYXJlciB0AQE=", "> AUTH al t"
#define INVALID	"S 334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciJ9"
#define INVALIDX "S 334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiIifQ=="
#define FAILED	"S 535 5.7.8 Authentication failed"
{ "token right", TLS, { "C EHLO x", "S*", OB, "Y", "S 235 2.7.0...",
  "C AUTH XOAUTH2", "S 503 5.5.1...", MAIL, "=" } },
{ "token later", TLS, { "C EHLO x", "S*", XO, "L", "S 454 4.7.0...", OB, "L",
  "S 454 4.7.0...", "C NOOP", "S 250 2.0.0 OK", "=" } },
{ "token wrong", TLS, { "C EHLO x", "S*", OB, "N", INVALID, "? nothing",
  "C AQ==", FAILED, XO, "N", INVALIDX, "C ", FAILED, "C NOOP",
  "S 250 2.0.0 OK", OB, "Y", "S 235 2.7.0...", "=" } },
{ "token wrong, the rest pipelined", TLS, { "C EHLO x", "S*",
  "C AUTH OAUTHBEARER bixhPWFsLAFhdXRoPUJlYXJlciB0AQE=", "C AQ==", "C NOOP", "> AUTH al t",
  "=", "N", INVALID, FAILED, "S 250 2.0.0 OK", "=" } },
{ "token wrong, then what is no answer", TLS, { "C EHLO x", "S*", OB, "N",
  INVALID, "C *", FAILED, OB, "N", INVALID, "C MAIL FROM:<a@b.c>", FAILED, XO,
  "N", INVALIDX, "C AQ==", FAILED, XO, "N", INVALIDX, "C bixhPWFsLAFhdXRoPUJlYXJlciB0AQE=",
  FAILED, "C NOOP", "S 250 2.0.0 OK", "=" } },
{ "token wrong, no more tries", TLS, { "C EHLO x", "S*", OB, "X",
  "S 421 4.7.0...", "? close", "=" } },
{ "token in a second line", TLS, { "C EHLO x", "S*", "C AUTH OAUTHBEARER",
  "S 334 ", "C bixhPWFsLAFhdXRoPUJlYXJlciB0AQE=", "> AUTH al t", "Y", "S 235 2.7.0...", "=" } },
#define NO_TOKEN "C AUTH OAUTHBEARER biwsAWF1dGg9AQE=", INVALID
#define NONE	NO_TOKEN, "C *", FAILED
{ "no token, the exchange goes on and is counted", TLS, { "C EHLO x", "S*",
  NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NO_TOKEN, "C AQ==",
  "S 421 4.7.0...", "? close", "=" } },
{ "token with channel binding", TLS, { "C EHLO x", "S*",
  "C AUTH OAUTHBEARER eSwsAWF1dGg9QmVhcmVyIHQBAQ==", "S 535 5.7.8 Channel...", "=" } },
{ "token malformed", TLS, { "C EHLO x", "S*", "C AUTH XOAUTH2 AQ==",
  "S 501 5.5.2...", "C AUTH OAUTHBEARER AQ==", "S 501 5.5.2...",
  "C AUTH OAUTHBEARER =", "S 501 5.5.2...", "C AUTH XOAUTH2", "S 334 ",
  "C *", "S 501 5.7.0...", "C AUTH XOAUTH", "S 504 5.5.4...",
  "C AUTH OAUTHBEARERS", "S 504 5.5.4...", "=" } },
{ "token before TLS", 0, { "C EHLO x", "S*", "C AUTH XOAUTH2 AQ==",
  "S 538 5.7.11...", "=" } },
{ "a token has no password for BURL", TLS | BURL, { "C EHLO x", "S*", OB,
  "Y", "S 235 2.7.0...", MAIL, RCPT, "C BURL imap://h/x LAST",
  "S 502 5.5.1...", "=" } },
{ "AUTH in a transaction", TLS | IN, { "C AUTH PLAIN", "S 503 5.5.1 Alr...",
  MAIL, "C AUTH PLAIN", "S 503 5.5.1...", "=" } },
/* XCLIENT */
{ "XCLIENT by a stranger", 0, { "C XCLIENT ADDR=192.0.2.1", "S 550 5.7.0...",
  "C XCLIENT", "S 550 5.7.0...", "=", "? nothing" } },
{ "XCLIENT", PROXY | TLS, { "C EHLO proxy.example", "S 250-mx.example.org", "S*",
  "C XCLIENT ADDR=192.0.2.1 PORT=25 NAME=[UNAVAILABLE]", "> CLIENT 192.0.2.1",
  "? client", "C NOOP", "=", "W", GREETING, "S 250 2.0.0 OK",
  "C AUTH PLAIN AGFsaWNlAHNlY3JldA==", "S 503 5.5.1 Send EHLO...",
  "C EHLO client.example", "S*", "C AUTH PLAIN AGFsaWNlAHNlY3JldA==",
  "> AUTH alice secret", "Y", "S 235 2.7.0...",
  "C XCLIENT ADDR=192.0.2.1", "S 503 5.5.1 XCLIENT...", "=" } },
{ "XCLIENT by one with too many connections", PROXY, {
  "C XCLIENT ADDR=IPV6:2001:DB8::1", "> CLIENT 2001:db8::1", "w",
  "S 421 4.7.0...", "? close", "=" } },
{ "XCLIENT without address", PROXY, { "C XCLIENT HELO=a.example", GREETING,
  "? nothing", "C XCLIENT ADDR=[UNAVAILABLE] NAME=x", GREETING,
  "C xclient addr=[tempunavail]", GREETING, "=" } },
{ "XCLIENT by the last of too many", PROXY | OFF, {
  "C XCLIENT ADDR=192.0.2.1", "S 503 5.5.1 XCLIENT...", "? nothing",
  "C XCLIENT ADDR=192.0.2.1 HELO=a=b", "S 501 5.5.4...",
  "C XCLIENT HELO=a.example", GREETING, "=" } },
{ "XCLIENT, bad ones", PROXY, { "C XCLIENT", "S 501 5.5.4 Syntax...",
  "C XCLIENT ADDR=", "S 501 5.5.4 Bad value...ADDR",
  "C XCLIENT ADDR=192.0.2.1 LOGIN=alice", "S 501 5.5.4 XCLIENT LOGIN...",
  "C XCLIENT COLOUR=blue", "S 501 5.5.4...COLOUR not recognized",
  "C XCLIENT ADDR=192.0.2.1 ADDR=192.0.2.1", "S 501 5.5.4...ADDR given twice",
  "C XCLIENT LOGIN=[UNAVAILABLE]", GREETING, "=" } },
{ "EHLO to a proxy", PROXY | TLS, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 100", "S 250-8BITMIME", "S 250-DSN",
  "S 250-CHUNKING", LIMITS3, "S 250-ENHANCEDSTATUSCODES", "S 250-AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2",
  "S 250 " XCLIENT, "=" } },
{ "EHLO to a proxy after login", PROXY | TLS | IN, { "C EHLO x",
  "S 250-mx.example.org", "S 250-PIPELINING", "S 250-SIZE 100",
  "S 250-8BITMIME", "S 250-DSN", "S 250-CHUNKING", LIMITS3,
  "S 250 ENHANCEDSTATUSCODES", "=" } },
{ "MAIL before EHLO", TLS | IN, { "C HELO x", "S 250 mx...", MAIL, "=" } },
{ "a space behind the colon", IN, { "C MAIL FROM:  <a@b.c>",
  "> MAIL FROM:  <a@b.c>", "< 250 2.1.0 Ok", "S 250 2.1.0 Ok", "=" } },
{ "a parameter twice", IN, { "C MAIL FROM:<a@b.c> SIZE=1 SIZE=1",
  "S 501 5.5.4...SIZE given twice", "=" } },
{ "a chunk beyond 63 bits", IN, { MAIL, RCPT, "C BDAT 9223372036854775808",
  "S 552 5.3.4...", "? close", "=" } },
{ "the largest chunk", IN, { MAIL, RCPT, "C BDAT 9223372036854775807",
  "=", "c x", "> {x}", "=" } },
{ "a chunk before login", TLS, { "C EHLO x", "S*", "C BDAT 2", "c ab",
  "S 530 5.7.0...", "C BDAT 65536", "=", "? nothing" } },
{ "a large chunk before login", TLS, { "C EHLO x", "S*", "C BDAT 65537",
  "S 530 5.7.0...", "? close", "=" } },
/* EXTERNAL, for those with a certificate */
{ "EXTERNAL", TLS | CERT, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 100", "S 250-8BITMIME", "S 250-DSN",
  "S 250-CHUNKING", LIMITS3, "S 250-ENHANCEDSTATUSCODES",
  "S 250 AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2 EXTERNAL",
  "C AUTH EXTERNAL =", "> EXTERNAL ",
  "? auth", "C MAIL FROM:<a@b.c>", "=", "Y", "S 235 2.7.0...",
  "> MAIL FROM:<a@b.c>", "=" } },
{ "EXTERNAL in two steps", TLS | CERT, { "C EHLO x", "S*",
  "C auth external", "S 334 ", "C Ym9i", "> EXTERNAL bob", "N",
  "S 535 5.7.8...", "C AUTH EXTERNAL", "S 334 ", "C ", "> EXTERNAL ", "L",
  "S 454 4.7.0...", "C AUTH EXTERNAL YWxpY2U=", "> EXTERNAL alice", "Y",
  "S 235 2.7.0...", "C AUTH EXTERNAL =", "S 503 5.5.1 Alr...", "=" } },
{ "EXTERNAL, malformed", TLS | CERT, { "C EHLO x", "S*",
  "C AUTH EXTERNAL AA==", "S 501 5.5.2 Cred...", "C AUTH EXTERNAL YQ",
  "S 501 5.5.2...", "C AUTH EXTERNAL", "S 334 ", "C *", "S 501 5.7.0...",
  "C AUTH EXTERNAL = =", "S 501 5.5.4...", "C AUTH EXTERNALX =",
  "S 504 5.5.4...", "=" } },
{ "EXTERNAL without a certificate", TLS, { "C EHLO x", "S*",
  "C AUTH EXTERNAL =", "S 504 5.5.4...", "C MAIL FROM:<a@b.c>",
  "S 530 5.7.0 Auth...", "=" } },
{ "EXTERNAL before EHLO", TLS | CERT, { "C AUTH EXTERNAL =",
  "S 503 5.5.1...", "C MAIL FROM:<a@b.c>", "S 530 5.7.0 Auth...", "=" } },
{ "EXTERNAL at MAIL", TLS | CERT, { "C EHLO x", "S*", "C MAIL FROM:<a@b.c>",
  "C RCPT TO:<d@e.f>", "> EXTERNAL ", "? auth", "=", "Y",
  "> MAIL FROM:<a@b.c>", "> RCPT TO:<d@e.f>", "=", "< 250 2.1.0 Ok",
  "S 250 2.1.0 Ok", "< 250 2.1.5 Ok", "S 250 2.1.5 Ok", "C AUTH EXTERNAL =",
  "S 503 5.5.1 Alr...", "=" } },
{ "EXTERNAL at MAIL, its syntax", TLS | CERT, { "C EHLO x", "S*",
  "C MAIL FROM:<a", "> EXTERNAL ", "Y", "S 501 5.1.7...", MAIL, "=" } },
{ "EXTERNAL at MAIL, refused", TLS | CERT, { "C EHLO x", "S*",
  "C MAIL FROM:<a@b.c>", "C RCPT TO:<d@e.f>", "> EXTERNAL ", "N",
  "S 530 5.7.0 Auth...", "S 530 5.7.0 Auth...", "C MAIL FROM:<a@b.c>",
  "S 530 5.7.0 Auth...", "C AUTH PLAIN AGFsaWNlAHNlY3JldA==",
  "> AUTH alice secret", "Y", "S 235 2.7.0...", MAIL, "=" } },
{ "EXTERNAL at MAIL, later", TLS | CERT, { "C EHLO x", "S*",
  "C MAIL FROM:<a@b.c>", "C RCPT TO:<d@e.f>", "> EXTERNAL ", "L",
  "S 454 4.7.0...", "S 530 5.7.0 Auth...", "C MAIL FROM:<a@b.c>",
  "> EXTERNAL ", "Y", "> MAIL FROM:<a@b.c>", "=" } },
{ "EXTERNAL at MAIL, no more tries", TLS | CERT, { "C EHLO x", "S*",
  "C MAIL FROM:<a@b.c>", "C NOOP", "> EXTERNAL ", "X", "S 421 4.7.0...",
  "? close", "=" } },
{ "no EXTERNAL by a proxy's certificate", TLS | CERT | PROXY, { "C EHLO x",
  "S*", "C XCLIENT ADDR=192.0.2.1", "> CLIENT 192.0.2.1", "W", GREETING,
  "C EHLO x", "S*", "C AUTH EXTERNAL =", "S 504 5.5.4...",
  "C MAIL FROM:<a@b.c>", "S 530 5.7.0 Auth...", "=" } },
{ "no EXTERNAL at other commands", TLS | CERT, { "C EHLO x", "S*",
  "C RCPT TO:<d@e.f>", "S 530 5.7.0 Auth...", "C VRFY x",
  "S 530 5.7.0 Auth...", "C DATA", "S 530 5.7.0 Auth...", "=" } },
/* what EHLO offers */
{ "EHLO in the clear", 0, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 100", "S 250-8BITMIME", "S 250-DSN",
  "S 250-CHUNKING", LIMITS3, "S 250-ENHANCEDSTATUSCODES", "S 250 STARTTLS", "=" } },
{ "EHLO under TLS", TLS, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 100", "S 250-8BITMIME", "S 250-DSN",
  "S 250-CHUNKING", LIMITS3, "S 250-ENHANCEDSTATUSCODES", "S 250 AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2",
  "=" } },
{ "EHLO after login", TLS | IN | SMALL, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 10", "S 250-CHUNKING", LIMITS3,
  "S 250 ENHANCEDSTATUSCODES", "C MAIL FROM:<a@b.c> BODY=8BITMIME",
  "S 555 5.5.4...", "C MAIL FROM:<a@b.c> RET=FULL", "S 555 5.5.4...",
  "C MAIL FROM:<a@b.c> SIZE=11", "S 552 5.3.4... 10 octets", MAIL,
  "C RCPT TO:<d@e.f> NOTIFY=NEVER", "S 555 5.5.4...", "=" } },
{ "EHLO with BURL", TLS | BURL, { "C EHLO x", "S 250-mx.example.org",
  "S 250-PIPELINING", "S 250-SIZE 100", "S 250-8BITMIME", "S 250-DSN",
  "S 250-CHUNKING", LIMITS3, "S 250-BURL", "S 250-ENHANCEDSTATUSCODES",
  "S 250 AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2", "=" } },
{ "EHLO with BURL after login", TLS | BURL | IN, { "C EHLO x",
  "S 250-mx.example.org", "S 250-PIPELINING", "S 250-SIZE 100",
  "S 250-8BITMIME", "S 250-DSN", "S 250-CHUNKING", LIMITS3, "S 250-BURL imap",
  "S 250 ENHANCEDSTATUSCODES", "=" } },
{ "EHLO with all there is", TLS | IN | ALL, { "C EHLO x",
  "S 250-mx.example.org", "S 250-PIPELINING", "S 250-SIZE 100",
  "S 250-8BITMIME", "S 250-SMTPUTF8", "S 250-DSN", "S 250-BINARYMIME",
  "S 250-DELIVERBY 60", "S 250-FUTURERELEASE 86400 2026-11-23T00:00:00Z",
  "S 250-MT-PRIORITY MIXER", "S 250-NO-SOLICITING a:b,c", "S 250-REQUIRETLS",
  "S 250-CHUNKING", "S 250-LIMITS RCPTMAX=2 RCPTDOMAINMAX=1",
  "S 250 ENHANCEDSTATUSCODES", "=" } },
{ "EHLO without TLS: no REQUIRETLS", OPTIONAL | IN | ALL, {
  "C MAIL FROM:<a@b.c> REQUIRETLS", "S 555 5.5.4...", "=" } },
{ "values at their limits", TLS | IN | ALL, {
  "C MAIL FROM:<a@b.c> BY=59;R", "S 555 5.5.4...",
  "C MAIL FROM:<a@b.c> HOLDFOR=86401", "S 501 5.5.4... 86400 seconds",
  "C MAIL FROM:<a@b.c> HOLDUNTIL=2026-11-22T00:00:00Z", "S 501 5.5.4...",
  "C MAIL FROM:<a@b.c> HOLDUNTIL=2026-11-23T00:00:01Z", "S 501 5.5.4...",
  "C MAIL FROM:<a@b.c> HOLDUNTIL=2026-11-23T00:00:00Z BY=60;R",
  "> MAIL FROM:<a@b.c> HOLDUNTIL=2026-11-23T00:00:00Z BY=60;R",
  "< 250 2.1.0 Ok", "S 250 2.1.0 Ok", "=" } },
{ "recipients, the next server takes two", TLS | IN | ALL, { MAIL, RCPT, RCPT,
  "C RCPT TO:<d@e.f>", "S 452 4.5.3...", "=" } },
{ "binary content by DATA", TLS | IN | ALL, {
  "C MAIL FROM:<a@b.c> BODY=BINARYMIME",
  "> MAIL FROM:<a@b.c> BODY=BINARYMIME", "< 250 2.1.0 Ok", "S 250 2.1.0 Ok",
  RCPT, "C DATA", "S 503 5.5.1...", "C BDAT 0 LAST", "> END", "M 250 2.0.0 x",
  "S 250 2.0.0 x", MAIL, RCPT, DATA, "=" } },
{ "UTF-8 without SMTPUTF8", TLS | IN | ALL, {
  "C MAIL FROM:<j\303\266@b.c>", "S 553 5.6.7...", MAIL,
  "C RCPT TO:<j\303\266@b.c>", "S 553 5.6.7...",
  "C RCPT TO:<a@b.c> ORCPT=utf-8;j\303\266@b.c", "S 553 5.6.7...",
  "C VRFY j\303\266", "S 553 5.6.7...", "C NOOP \303\266",
  "S 500 5.5.2...", "C RCPT TO:<j\303@b.c>", "S 500 5.5.2...", "=" } },
{ "UTF-8 with SMTPUTF8", TLS | IN | ALL, {
  "C MAIL FROM:<j\303\266@b.c> SMTPUTF8",
  "> MAIL FROM:<j\303\266@b.c> SMTPUTF8", "< 250 2.1.0 Ok",
  "S 250 2.1.0 Ok", "C RCPT TO:<j\303\266@b.c>", "> RCPT TO:<j\303\266@b.c>",
  "< 250 2.1.0 Ok", "S 250 2.1.0 Ok", "C VRFY j\303\266 SMTPUTF8",
  "> VRFY j\303\266 SMTPUTF8", "< 252 2.1.0 Ok", "S 252 2.1.0 Ok",
  "C RSET", "> RSET", "< 250 2.0.0 Ok", "S 250 2.0.0 Ok", MAIL,
  "C RCPT TO:<j\303\266@b.c>", "S 553 5.6.7...", "=" } },
/* BURL */
{ "BURL", IN | BURL, { MAIL, RCPT, "C BURL imap://h LAST",
  "> URL imap://h 100", "? fetch", "C NOOP", "=", "F 7", "> END", "=",
  "M 250 2.0.0 Ok", "S 250 2.0.0 Ok", "S 250 2.0.0 OK", "=" } },
{ "BURL amid chunks", IN | BURL, { MAIL, RCPT, "C BDAT 2", "c ab", "> {ab}",
  "S 250 2.0.0...", "C burl imap://h", "> URL imap://h 98", "F 90",
  "S 250 2.5.0 90...", "C BDAT 2 last", "c cd", "> {cd}", "> END", "=" } },
{ "BURL and then too much", IN | BURL, { MAIL, RCPT, "C BURL imap://h",
  "> URL imap://h 100", "F 99", "S 250 2.5.0 99...", "C BDAT 2 LAST", "c cd",
  "> RESET", "< 250 2.0.0 silent", "S 552 5.3.4...", "=" } },
{ "BURL that fails", IN | BURL, { MAIL, RCPT, "C BURL imap://h LAST",
  "> URL imap://h 100", "f", "> RESET", "=", "< 250 2.0.0 silent",
  "S 554 5.6.6...", "=", MAIL, "=" } },
{ "BURL that fails, not the last", IN | BURL, { MAIL, RCPT,
  "C BURL imap://h", "> URL imap://h 100", "f", "> RESET", "=",
  "< 250 2.0.0 silent", "S 554 5.6.6...", "C BURL imap://h LAST",
  "S 503 5.5.1...", "=" } },
{ "BURL out of order", IN | BURL, { "C BURL imap://h LAST", "S 503 5.5.1...",
  MAIL, "C BURL imap://h LAST", "S 503 5.5.1...", RCPT, "C BURL",
  "S 501 5.5.4...", "C BURL imap://h FIRST", "S 501 5.5.4...",
  "C BURL imap://h LAST x", "S 501 5.5.4...", "=" } },
{ "BURL when the relay is gone", IN | BURL, { MAIL, RCPT,
  "C BURL imap://h LAST", "> URL imap://h 100", "G", "=", "F 7", LATER,
  "=" } },
{ "BURL not offered", IN, { MAIL, RCPT, "C BURL imap://h LAST",
  "S 502 5.5.1...", "=" } },
/* the end */
{ "idle", IN, { MAIL, "I", "S 421 4.4.2...", "? close", "I", "=", "C NOOP",
  "=" } },
{ "gone after QUIT", IN, { MAIL, "C QUIT", "S 221 2.0.0 Bye", "? close", "G",
  "=" } },
};

static struct run {
	struct smtp s;
	char in[20000];
	size_t n;
	char calls[64][200];
	unsigned called, seen;	/* calls made, and looked at */
	char *out;		/* replies not looked at */
	size_t out_len;
	bool full;
} run;

static const char *const waits[] = {
	[WAIT_NOTHING] = "nothing", [WAIT_ANSWERS] = "answers",
	[WAIT_FINAL] = "final", [WAIT_BODY] = "body", [WAIT_FETCH] = "fetch",
	[WAIT_AUTH] = "auth", [WAIT_CLIENT] = "client", [WAIT_TLS] = "tls",
	[WAIT_CLOSE] = "close"
};

__attribute__((format(printf, 1, 2)))
static void
call(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run.calls[run.called++], sizeof(run.calls[0]), fmt, ap);
	va_end(ap);
}

static void
relay(void *arg, enum relay_verb verb, const char *p, size_t n)
{
	static const char *const names[] = { "MAIL ", "RCPT ", "VRFY ",
		"RSET", "RESET" };

	(void)arg;
	call("%s%.*s", names[verb], (int)n, p == NULL ? "" : p);
}

static bool
body(void *arg, const char *p, size_t n, bool last)
{
	(void)arg;
	if (run.full)
		return false;
	if (n > 0)
		call("{%.*s}", (int)n, p);
	if (last)
		call("END");
	return true;
}

static void
fetch(void *arg, const char *url, size_t n, uint64_t limit)
{
	(void)arg;
	call("URL %.*s %llu", (int)n, url, (unsigned long long)limit);
}

static void
auth(void *arg, const struct plain *plain)
{
	(void)arg;
	call("AUTH %.*s %.*s", (int)plain->login_len, plain->login,
	    (int)plain->password_len, plain->password);
}

static void
client(void *arg, const char *address)
{
	(void)arg;
	call("CLIENT %s", address);
}

static void
certificate(void *arg, const char *authzid, size_t n)
{
	(void)arg;
	call("EXTERNAL %.*s", (int)n, authzid == NULL ? "" : authzid);
}

static void
feed(void)
{
	size_t used = smtp_input(&run.s, run.in, run.n);

	memmove(run.in, run.in + used, run.n - used);
	run.n -= used;
}

static void
add(const char *p, size_t n)
{
	memcpy(run.in + run.n, p, n);
	run.n += n;
}

/* The next reply line is this; "*" takes all there are. */
static bool
see_reply(const char *want)
{
	char *crlf = memmem(run.s.out, run.s.out_len, "\r\n", 2), line[600];
	const char *dots = strstr(want, "...");
	size_t n, begin, rest;

	if (crlf == NULL)
		return false;
	n = (size_t)(crlf - run.s.out);
	snprintf(line, sizeof(line), "%.*s", (int)n, run.s.out);
	if (strcmp(want, "*") == 0) {
		run.s.out_len = 0;
		return true;
	}
	memmove(run.s.out, crlf + 2, run.s.out_len - n - 2);
	run.s.out_len -= n + 2;
	/* "550-550-5.1.1" stands for a first line of several */
	if (strlen(want) > 8 && want[3] == '-' && strncmp(want, want + 4, 4) ==
	    0)
		want += 4;
	if (dots == NULL)
		return strcmp(line, want) == 0;
	begin = (size_t)(dots - want);
	rest = strlen(dots + 3);
	return n >= begin + rest && strncmp(line, want, begin) == 0 &&
	    strcmp(line + n - rest, dots + 3) == 0;
}

static bool
see_call(const char *want)
{
	if (run.seen == run.called)
		return false;
	return strcmp(run.calls[run.seen++], want) == 0;
}

static bool
answer(const char *text, bool message)
{
	int code = atoi(text);

	if (message)
		smtp_message_answer(&run.s, code, text + 4, strlen(text + 4));
	else
		smtp_answer(&run.s, code, text + 4, strlen(text + 4));
	return true;
}

/* An expectation, or an act of others; true if it was met. */
static bool
other_step(const char *step)
{
	const char *arg = step[1] == '\0' ? "" : step + (step[1] == ' ' ? 2 :
	    1);

	switch (step[0]) {
	case 'S':
		return see_reply(arg);
	case '=':
		return run.s.out_len == 0 && run.seen == run.called;
	case '>':
		return see_call(arg);
	case '?':
		return strcmp(waits[run.s.wait], arg) == 0;
	case '<':
		return answer(arg, false);
	case 'M':
		return answer(arg, true);
	case 'G':
		smtp_relay_gone(&run.s, R_RELAY_LOST);
		run.full = false;
		return true;
	case 'T':
		smtp_relay_gone(&run.s, R_RELAY_TIMEOUT);
		return true;
	case 'F':
		smtp_fetch_done(&run.s, R_NONE, strtoull(arg, NULL, 10));
		return true;
	case 'f':
		smtp_fetch_done(&run.s, R_BURL_GONE, 0);
		return true;
	case '0':
		return run.full = true;
	case '1':
		run.full = false;
		smtp_body_ready(&run.s);
		return true;
	case 'W':
	case 'w':
		smtp_client_done(&run.s, step[0] == 'W');
		return true;
	case 't':
		smtp_tls_done(&run.s, false);
		return true;
	case 'I':
		smtp_close(&run.s, R_IDLE);
		return true;
	default:
		return false;
	}
}

static bool
one_step(const char *step)
{
	static const char letters[] = "YNLX";
	static const enum reply verdicts[] = { R_AUTH_OK, R_AUTH_FAILED,
		R_AUTH_TEMPORARY, R_TOO_MANY_LOGINS };
	const char *letter = strchr(letters, step[0]);

	if (step[0] == 'C' || step[0] == 'c') {
		add(step + 2, strlen(step + 2));
		add("\r\n", step[0] == 'C' ? 2 : 0);
	} else if (step[0] == 'B') {
		memset(run.in + run.n, 'x', COMMAND_LINE_MAX + 1);
		run.n += COMMAND_LINE_MAX + 1;
	} else if (letter != NULL) {
		smtp_auth_done(&run.s, verdicts[letter - letters]);
	} else if (!other_step(step)) {
		return false;
	}
	feed();
	return true;
}

static bool
room(void *arg, size_t n)
{
	(void)arg, (void)n;
	return true;
}

static int64_t
now(void *arg)
{
	(void)arg;
	return 1795305600;	/* 2026-11-22T00:00:00Z */
}

static void
begin(unsigned flags)
{
	static const struct smtp_ops ops = { .room = room, .relay = relay, .body = body,
		.fetch = fetch, .auth = auth, .client = client, .now = now,
		.certificate = certificate };
	static struct smtp_settings set;

	memset(&run, 0, sizeof(run));
	set = (struct smtp_settings){ .hostname = "mx.example.org",
		.passwords = true, .tokens = true,
		.has_certificate = !(flags & OFF),
		.xclient = (flags & PROXY) != 0, .namings = !(flags & OFF),
		.tls = flags & OPTIONAL ? TLS_POLICY_OPTIONAL : flags & OFF ?
		TLS_POLICY_OFF : TLS_POLICY_REQUIRED,
		.max_size = 100, .max_recipients = 3,
		.relay = { .capabilities = CAP_8BITMIME | CAP_DSN } };
	if (flags & SMALL)
		set.relay = (struct ehlo){ .size = 10 };
	if (flags & ALL)
		set.relay = (struct ehlo){ .capabilities = CAP_FOR_CLIENTS,
			.by_min = 60, .hold_max = 86400,
			.limits = { 1, 2, 1 }, .profile = "MIXER",
			.solicit = "a:b,c" };
	if (flags & BURL)
		strcpy(set.burl, " imap");
	smtp_start(&run.s, &set, &ops, NULL, (flags & TLS) != 0);
	run.s.ehlo = run.s.authenticated = (flags & IN) != 0;
	run.s.certificate = (flags & CERT) != 0;
}

static void
try_row(const struct row *row)
{
	size_t i;
	bool good = true;

	begin(row->flags);
	for (i = 0; i < COUNT(row->step) && row->step[i] != NULL && good; i++)
		good = ok(one_step(row->step[i]), row->name,
		    strlen(row->name), "step %zu: %s; waits for %s, output "
		    "%.*s, call %s", i + 1, row->step[i], waits[run.s.wait],
		    (int)strcspn(run.s.out_len == 0 ? "" : run.s.out, "\r"),
		    run.s.out_len == 0 ? "" : run.s.out,
		    run.calls[run.seen]);
	smtp_free(&run.s);
}

/* So many small chunks that each costs more than it brings */
static void
many_chunks(void)
{
	unsigned n;

	begin(IN);
	one_step("C MAIL FROM:<a@b.c>");
	one_step("< 250 2.1.0 Ok");
	one_step("C RCPT TO:<d@e.f>");
	one_step("< 250 2.1.5 Ok");
	run.s.out_len = 0;
	for (n = 1; n <= 1000; n++) {
		one_step("C BDAT 0");
		ok(see_reply("250 2.0.0 0 octets received"), "chunk", 5,
		    "%u", n);
	}
	one_step("c BDAT 2 LAST\r\nabNOOP\r\n");
	ok(see_reply("554 5.5.0 Too many chunks in one message") &&
	    see_reply("250 2.0.0 OK"), "chunk", 5, "%u", n);
	smtp_free(&run.s);
}

static void
try_transaction(void)
{
	begin(IN);
	ok(!smtp_in_transaction(&run.s), "start", 5, "in a transaction");
	one_step("C MAIL FROM:<a@b.c>");
	ok(smtp_in_transaction(&run.s), "MAIL sent", 9, "in none");
	one_step("< 250 2.1.0 Ok");
	ok(smtp_in_transaction(&run.s), "MAIL", 4, "in none");
	one_step("C RSET");
	ok(!smtp_in_transaction(&run.s), "RSET", 4, "in one");
	smtp_free(&run.s);
	begin(IN);
	one_step("C MAIL FROM:<a@b.c>");
	one_step("< 550 5.7.1 No");
	ok(!smtp_in_transaction(&run.s), "refused", 7, "in one");
	run.s.out_len = 0;
	smtp_greet(&run.s);
	ok(see_reply("220 mx.example.org ESMTP smtpsubmitd"), "greeting", 8,
	    " ");
	smtp_free(&run.s);
}

int
main(void)
{
	size_t i;

	table("smtp: dialogues by steps");
	for (i = 0; i < COUNT(rows); i++)
		try_row(&rows[i]);
	table("smtp: many chunks");
	many_chunks();
	table("smtp: transaction");
	try_transaction();
	return tables_done();
}
