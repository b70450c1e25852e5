/*
 * smtp/smtp.c: whole dialogues with a fake relay, in any cutting of the
 * client's octets: in one piece, cut in two at every place, and one by one;
 * with a relay that answers at once, or only when it is waited for; with one
 * that takes no body at every other try. Replies and calls must be the same
 * each time. Replies are shown as code and enhanced code, calls as
 * [MAIL arg] [RCPT arg] {octets of the body} [END] [AUTH name password].
 */
#include "smtp/smtp.h"
#include "tests/unit/unit.h"

#define M	"MAIL FROM:<a@example.org>\r\n"
#define R	"RCPT TO:<b@example.org>\r\n"
#define BAD_R	"RCPT TO:<nobody@example.org>\r\n"	/* the relay: 550 */
#define CM	"[MAIL FROM:<a@example.org>]"
#define CR	"[RCPT TO:<b@example.org>]"
#define CBAD	"[RCPT TO:<nobody@example.org>]"
#define OK2	"250 2.1.0,250 2.1.5,"

#define IN	1u	/* is logged in, EHLO was said */
#define CLEAR	2u	/* no TLS yet, and it is required */
#define LOOSE	4u	/* how much of a lost body went on is not told */
#define TIMING	8u	/* what is passed on depends on when answers come */

/* {\0alice\0secret}, and what a login may look like besides */
#define PLAIN	"AGFsaWNlAHNlY3JldA=="
#define WRONG	"AGFsaWNlAHdyb25n"
#define ALICE	"YWxpY2U="
#define SECRET	"c2VjcmV0"
#define CLOGIN	"[AUTH alice secret]"
#define HI	"EHLO c.example\r\n"
#define HELLO	"250-,250-,250-,250-,250-,250-,250-,250-,250 ," /* before login */

static const struct row {
	const char *name;
	unsigned flags;
	const char *in;
	size_t len;
	const char *out, *calls;
} rows[] = {
/* messages */
{ "data", IN, LIT(M R "DATA\r\nx\r\n.\r\nQUIT\r\n"),
  OK2 "354,250 2.6.0,221 2.0.0", CM CR "{x\r\n}[END]" },
{ "empty data", IN, LIT(M R "DATA\r\n.\r\nNOOP\r\n"),
  OK2 "354,250 2.6.0,250 2.0.0", CM CR "[END]" },
{ "dots", IN, LIT(M R "DATA\r\n..\r\n.a\r\n...\r\n.\r\n"),
  OK2 "354,250 2.6.0", CM CR "{.\r\na\r\n..\r\n}[END]" },
{ "no end of data", IN, LIT(M R "DATA\r\na\n.\nb\n.\r\nc\r\n.\nd\r.\re\r\n.\re"
  "\r\n.\r\r\nf\r\n\0.\r\ng\r\n.\0\r\nh\r\n .\r\nRSET\r\n.\r\n"),
  OK2 "354,250 2.6.0", CM CR "{a\n.\nb\n.\r\nc\r\n\nd\r.\re\r\n\re\r\n\r\r\n"
  "f\r\n\0.\r\ng\r\n\0\r\nh\r\n .\r\nRSET\r\n}[END]" },
{ "two messages", IN, LIT(M R "DATA\r\nx\r\n.\r\n" M R "DATA\r\ny\r\n.\r\n"
  "QUIT\r\n"), OK2 "354,250 2.6.0," OK2 "354,250 2.6.0,221 2.0.0",
  CM CR "{x\r\n}[END]" CM CR "{y\r\n}[END]" },
{ "one recipient of two", IN, LIT(M BAD_R R "DATA\r\nx\r\n.\r\n"),
  "250 2.1.0,550 5.1.1,250 2.1.5,354,250 2.6.0",
  CM CBAD CR "{x\r\n}[END]" },
{ "message refused", IN, LIT(M R "DATA\r\nspam\r\n.\r\n" M),
  OK2 "354,554 5.7.1,250 2.1.0", CM CR "{spam\r\n}[END]" CM },
/* chunks */
{ "chunks", IN, LIT(M R "BDAT 3\r\nabcBDAT 4 LAST\r\nd\r\nfQUIT\r\n"),
  OK2 "250 2.0.0,250 2.6.0,221 2.0.0", CM CR "{abcd\r\nf}[END]" },
{ "chunk of a dot line", IN, LIT(M R "BDAT 8 LAST\r\na\r\n.\r\nbb"),
  OK2 "250 2.6.0", CM CR "{a\r\n.\r\nbb}[END]" },
{ "chunks of nothing", IN, LIT(M R "BDAT 0\r\nBDAT 0\r\nBDAT 0 LAST\r\n"
  "NOOP\r\n"), OK2 "250 2.0.0,250 2.0.0,250 2.6.0,250 2.0.0", CM CR "[END]" },
{ "last of nothing", IN, LIT(M R "BDAT 1\r\nxbdat 00 last\r\n"),
  OK2 "250 2.0.0,250 2.6.0", CM CR "{x}[END]" },
{ "chunk with NUL", IN, LIT(M R "BDAT 3 LAST\r\n\0\r\n"),
  OK2 "250 2.6.0", CM CR "{\0\r\n}[END]" },
{ "chunk before MAIL", IN, LIT("BDAT 6\r\nQUIT\r\nNOOP\r\n"),
  "503 5.5.1,250 2.0.0", "" },
{ "last chunk before MAIL", IN, LIT("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
  "503 5.5.1,250 2.0.0", "" },
{ "chunk before RCPT", IN, LIT(M "BDAT 6 LAST\r\nQUIT\r\n" R "BDAT 1 LAST"
  "\r\nx"), "250 2.1.0,503 5.5.1,250 2.1.5,250 2.6.0", CM CR "{x}[END]" },
{ "chunk without a valid recipient", IN, LIT(M BAD_R "BDAT 6 LAST\r\nQUIT\r\n"
  "NOOP\r\n"), "250 2.1.0,550 5.1.1,554 5.5.1,250 2.0.0", CM CBAD },
{ "chunk before login", 0, LIT(HI "BDAT 6\r\nQUIT\r\nNOOP\r\n"),
  HELLO "530 5.7.0,250 2.0.0", "" },
{ "chunk sizes", IN, LIT("BDAT\r\nBDAT x\r\nBDAT -1\r\nBDAT +4\r\nBDAT 0x4\r\n"
  "BDAT 4 FIRST\r\nBDAT 4 LAST x\r\nBDAT 4.0\r\nBDAT LAST\r\n"),
  "501 5.5.4,501 5.5.4,501 5.5.4,501 5.5.4,501 5.5.4,501 5.5.4,501 5.5.4,"
  "501 5.5.4,501 5.5.4", "" },
{ "chunk of 2^63", IN, LIT(M R "BDAT 9223372036854775808\r\nNOOP\r\n"),
  OK2 "552 5.3.4", CM CR },
{ "chunk of 2^64", IN, LIT(M R "BDAT 18446744073709551616\r\nNOOP\r\n"),
  OK2 "552 5.3.4", CM CR },
{ "chunk of 2^64 and 4", IN, LIT(M R "BDAT 18446744073709551620 LAST\r\nabcd"
  "NOOP\r\n"), OK2 "552 5.3.4", CM CR },
{ "chunk of 30 digits", IN, LIT(M R "BDAT 100000000000000000000000000000\r\n"
  "NOOP\r\n"), OK2 "552 5.3.4", CM CR },
{ "chunk of 2^63 less 1", IN | LOOSE, LIT(M R "BDAT 9223372036854775807\r\n"
  "x\r\nQUIT\r\n"), OK2, CM CR },
{ "chunk of 2^32 and 2", IN | LOOSE, LIT(M R "BDAT 4294967298 LAST\r\nxx"
  "QUIT\r\n"), OK2, CM CR },
{ "chunk then others", IN, LIT(M R "BDAT 1\r\nx" M R "DATA\r\nBDAT 1 LAST\r\n"
  "y"), OK2 "250 2.0.0,503 5.5.1,503 5.5.1,503 5.5.1,250 2.6.0",
  CM CR "{xy}[END]" },
{ "chunk then RSET", IN | LOOSE, LIT(M R "BDAT 1\r\nxRSET\r\n" M R "BDAT 1 "
  "LAST\r\nx"), OK2 "250 2.0.0,250 2.0.0," OK2 "250 2.6.0",
  CM CR "[RSET]" CM CR "{x}[END]" },
/* the limit is 100 octets */
{ "100 octets of data", IN, LIT(M R "DATA\r\n"
  "0123456789012345678901234567890123456789012345678\r\n"
  ".01234567890123456789012345678901234567890123456\r\n.\r\n"),
  OK2 "354,250 2.6.0", CM CR
  "{0123456789012345678901234567890123456789012345678\r\n"
  "01234567890123456789012345678901234567890123456\r\n}[END]" },
{ "101 octets of data", IN | LOOSE, LIT(M R "DATA\r\n"
  "01234567890123456789012345678901234567890123456789\r\n"
  "01234567890123456789012345678901234567890123456\r\n.\r\n" M),
  OK2 "354,552 5.3.4,250 2.1.0", CM CR "[RESET]" CM },
{ "101 octets in a chunk", IN | LOOSE, LIT(M R "BDAT 101\r\n"
  "01234567890123456789012345678901234567890123456789"
  "01234567890123456789012345678901234567890123456789x"
  "BDAT 1 LAST\r\nxBDAT 0\r\nRSET\r\n" M), OK2
  "552 5.3.4,503 5.5.1,503 5.5.1,250 2.0.0,250 2.1.0",
  CM CR "[RESET][RSET]" CM },
{ "101 octets in two chunks", IN | LOOSE, LIT(M R "BDAT 50\r\n"
  "01234567890123456789012345678901234567890123456789BDAT 51 LAST\r\n"
  "01234567890123456789012345678901234567890123456789x" M), OK2
  "250 2.0.0,552 5.3.4,250 2.1.0", CM CR "[RESET]" CM },
{ "SIZE", IN, LIT("MAIL FROM:<a@b.c> SIZE=101\r\nMAIL FROM:<a@b.c> SIZE="
  "18446744073709551616\r\nMAIL FROM:<a@b.c> SIZE=100\r\n"),
  "552 5.3.4,552 5.3.4,250 2.1.0", "[MAIL FROM:<a@b.c> SIZE=100]" },
/* the envelope */
{ "order of replies", IN, LIT(M R "RCPT TO:<bad\r\n" BAD_R "NOOP\r\nRCPT TO:"
  "<b>\r\nVRFY x\r\nRSET\r\nFOO\r\n"), OK2 "501 5.1.3,550 5.1.1,250 2.0.0,"
  "501 5.1.3,252 2.0.0,250 2.0.0,500 5.5.1", CM CR CBAD "[VRFY x][RSET]" },
{ "MAIL refused", IN | TIMING, LIT("MAIL FROM:<nobody@b.c>\r\n" R "DATA\r\n" M R
  "DATA\r\nx\r\n.\r\n"), "550 5.1.1,503 5.5.1,503 5.5.1," OK2
  "354,250 2.6.0", "[MAIL FROM:<nobody@b.c>]" CR CM CR "{x\r\n}[END]" },
{ "DATA without RCPT", IN, LIT(M "DATA\r\n" BAD_R "DATA\r\n"),
  "250 2.1.0,503 5.5.1,550 5.1.1,554 5.5.1", CM CBAD },
{ "out of order", IN, LIT(R "DATA\r\nRSET\r\n" M M "DATA x\r\nRSET x\r\n"
  "QUIT x\r\n"), "503 5.5.1,503 5.5.1,250 2.0.0,250 2.1.0,503 5.5.1,501 5.5.4,"
  "501 5.5.4,501 5.5.4", CM },
{ "recipients", IN, LIT(M R R BAD_R R R BAD_R "DATA\r\nx\r\n.\r\n"),
  OK2 "250 2.1.5,550 5.1.1,250 2.1.5,452 4.5.3,452 4.5.3,354,250 2.6.0",
  CM CR CR CBAD CR "{x\r\n}[END]" },
{ "addresses", IN, LIT("MAIL FROM:a@b.c\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a>"
  "\r\nMAIL <a@b.c>\r\nMAIL\r\nMAIL FROM:\r\nmail from:<>\r\nRCPT TO:<>\r\n"
  "RCPT TO:<a@b>\r\nRCPT TO:<a>\r\nRCPT <a@b.c>\r\nRCPT TO:<Postmaster>\r\n"),
  "501 5.1.7,501 5.1.7,501 5.1.7,501 5.5.4,501 5.5.4,501 5.1.7,250 2.1.0,"
  "501 5.1.3,501 5.1.3,501 5.1.3,501 5.5.4,250 2.1.5",
  "[MAIL from:<>][RCPT TO:<Postmaster>]" },
{ "parameters", IN, LIT("MAIL FROM:<a@b.c> SMTPUTF8\r\nMAIL FROM:<a@b.c>SIZE="
  "1\r\nMAIL FROM:<a@b.c> BODY=BINARYMIME\r\nMAIL FROM:<a@b.c> RET=FULL "
  "ENVID=x+0Ay\r\nMAIL FROM:<a@b.c> RET=HDRS ENVID=x BODY=8BITMIME AUTH=<>\r\n"
  "RCPT TO:<a@b.c> NOTIFY=NEVER,DELAY\r\nRCPT TO:<a@b.c> SIZE=1\r\n"
  "RCPT TO:<a@b.c> NOTIFY=NEVER ORCPT=rfc822;a@b.c\r\n"),
  "555 5.5.4,501 5.5.4,555 5.5.4,501 5.5.4,250 2.1.0,501 5.5.4,555 5.5.4,"
  "250 2.1.5", "[MAIL FROM:<a@b.c> RET=HDRS ENVID=x BODY=8BITMIME AUTH=<>]"
  "[RCPT TO:<a@b.c> NOTIFY=NEVER ORCPT=rfc822;a@b.c]" },
{ "EHLO resets", IN, LIT(M R HI "DATA\r\nHELO x\r\nNOOP\r\n"),
  OK2 "250-,250-,250-,250-,250-,250-,250-,250 ,503 5.5.1,250 ,250 2.0.0",
  CM CR "[RESET]" },
/* lines */
{ "bad commands", IN, LIT("A\r\nB\r\nC\r\nNOOP\r\nD\r\nE\r\nF\r\n\r\n x\r\n"
  "NOOP\r\nG\r\nH\r\nNOOP\r\n"), "500 5.5.1,500 5.5.1,500 5.5.1,250 2.0.0,"
  "500 5.5.1,500 5.5.1,500 5.5.1,500 5.5.1,500 5.5.1,250 2.0.0,500 5.5.1,"
  "421 4.7.0", "" },
{ "verbs", IN, LIT("nOoP any thing\r\nHELP\r\nhelp me\r\nVRFY\r\nEXPN x\r\n"
  "ETRN x\r\nTURN\r\nSEND FROM:<a@b.c>\r\nNOOPX\r\nNOO\r\n"),
  "250 2.0.0,214 2.0.0,214 2.0.0,501 5.5.4,502 5.5.1,502 5.5.1,502 5.5.1,"
  "502 5.5.1,500 5.5.1,500 5.5.1", "" },
{ "bare ends", IN, LIT("NOOP\nNOOP\r\nNO\rOP\r\n\nNOOP\r\r\n" M R "\nNOOP\r\n"),
  "500 5.5.2,250 2.0.0,500 5.5.2,500 5.5.2,500 5.5.2," OK2
  "500 5.5.2,250 2.0.0", CM CR },
{ "bad octets", IN, LIT("NO\0OP\r\nNOOP\t\r\n\303\204\r\nNOOP \177\r\n"
  "\033[A\r\n" M "RCPT TO:<\303\266@b.c>\r\nNOOP\r\n"), "500 5.5.2,500 5.5.2,"
  "500 5.5.2,500 5.5.2,500 5.5.2,250 2.1.0,500 5.5.2,250 2.0.0", CM },
{ "blanks behind", IN, LIT("NOOP  \r\nRSET \r\nMAIL FROM:<a@b.c>  \r\nQUIT "
  "\r\nNOOP\r\n"), "250 2.0.0,250 2.0.0,250 2.1.0,221 2.0.0",
  "[MAIL FROM:<a@b.c>]" },
{ "nothing behind QUIT", IN, LIT("QUIT\r\n" M R "DATA\r\n"), "221 2.0.0",
  "" },
{ "more pending than fits", IN, LIT("VRFY x\r\nVRFY x\r\nVRFY x\r\nVRFY x\r\n"
  "VRFY x\r\nNOOP\r\nVRFY x\r\n"), "252 2.0.0,252 2.0.0,252 2.0.0,252 2.0.0,"
  "252 2.0.0,250 2.0.0,252 2.0.0",
  "[VRFY x][VRFY x][VRFY x][VRFY x][VRFY x][VRFY x]" },
/* login */
{ "plain", 0, LIT(HI "AUTH PLAIN " PLAIN "\r\n" M "AUTH PLAIN " PLAIN "\r\n"),
  HELLO "235 2.7.0,250 2.1.0,503 5.5.1", CLOGIN CM },
{ "plain in two steps", 0, LIT(HI "auth plain\r\n" PLAIN "\r\nNOOP\r\n"),
  HELLO "334,235 2.7.0,250 2.0.0", CLOGIN },
{ "login", 0, LIT(HI "AUTH LOGIN\r\n" ALICE "\r\n" SECRET "\r\nNOOP\r\n"),
  HELLO "334,334,235 2.7.0,250 2.0.0", CLOGIN },
{ "login with name", 0, LIT(HI "AUTH LOGIN " ALICE "\r\n" SECRET "\r\n"),
  HELLO "334,235 2.7.0", CLOGIN },
{ "wrong, then right", 0, LIT(HI "AUTH PLAIN " WRONG "\r\n" M "AUTH PLAIN "
  PLAIN "\r\n" M), HELLO "535 5.7.8,530 5.7.0,235 2.7.0,250 2.1.0",
  "[AUTH alice wrong]" CLOGIN CM },
{ "cancelled", 0, LIT(HI "AUTH PLAIN\r\n*\r\nAUTH LOGIN\r\n" ALICE "\r\n*\r\n"
  "NOOP\r\n"), HELLO "334,501 5.7.0,334,334,501 5.7.0,250 2.0.0", "" },
{ "empty responses", 0, LIT(HI "AUTH PLAIN =\r\nAUTH PLAIN\r\n\r\nAUTH LOGIN ="
  "\r\nAUTH LOGIN " ALICE "\r\n\r\nAUTH PLAIN\r\n=\r\nNOOP\r\n"), HELLO
  "501 5.5.2,334,501 5.5.2,501 5.5.2,334,501 5.5.2,334,501 5.5.2,250 2.0.0",
  "" },
{ "no base64", 0, LIT(HI "AUTH PLAIN AGFsaWNlAHNlY3JldA\r\nAUTH PLAIN\r\nQUIT"
  "\r\nAUTH PLAIN\r\n" PLAIN " \r\nAUTH PLAIN\r\n*" PLAIN "\r\nAUTH PLAIN\r\n"
  "NOOP x\r\nNOOP\r\n"), HELLO "501 5.5.2,334,501 5.5.2,334,501 5.5.2,334,"
  "501 5.5.2,334,501 5.5.2,250 2.0.0", "" },
{ "another's name", 0, LIT(HI "AUTH PLAIN cm9vdABhbGljZQBzZWNyZXQ=\r\nAUTH "
  "PLAIN YWxpY2UAYWxpY2UAc2VjcmV0\r\n"), HELLO "535 5.7.8,235 2.7.0",
  CLOGIN },
{ "not as it should be", 0, LIT("AUTH PLAIN " PLAIN "\r\n" HI "AUTH\r\n"
  "AUTH PLAIN " PLAIN " x\r\nAUTH PLAIN \r\nAUTH XPLAIN\r\nAUTH PLAINX\r\n"
  "AUTH CRAM-MD5\r\nNOOP\r\n"), "503 5.5.1," HELLO "501 5.5.4,501 5.5.4,334,"
  "501 5.5.2,504 5.5.4,504 5.5.4,250 2.0.0", "" },
{ "NUL in the login", 0, LIT(HI "AUTH LOGIN\r\nYQBi\r\nAUTH LOGIN YWI=\r\nYQBi"
  "\r\nNOOP\r\n"), HELLO "334,501 5.5.2,334,501 5.5.2,250 2.0.0", "" },
{ "bare LF in the exchange", 0, LIT(HI "AUTH PLAIN\r\n" PLAIN "\nAUTH LOGIN "
  ALICE "\n" SECRET "\r\nNOOP\r\n"), HELLO "334,500 5.5.2,500 5.5.2,500 5.5.1,"
  "250 2.0.0", "" },
{ "not in the clear", CLEAR, LIT(HI "AUTH PLAIN " PLAIN "\r\nAUTH LOGIN\r\n" M
  "VRFY x\r\nRSET\r\n"), HELLO "538 5.7.11,"
  "538 5.7.11,530 5.7.0,530 5.7.0,250 2.0.0", "" },
{ "not before login", 0, LIT(HI M R "DATA\r\nVRFY x\r\nRSET\r\nHELP\r\nBURL x "
  "LAST\r\nQUIT\r\n"), HELLO "530 5.7.0,530 5.7.0,530 5.7.0,530 5.7.0,"
  "250 2.0.0,214 2.0.0,530 5.7.0,221 2.0.0", "" },
{ "EHLO arguments", 0, LIT("EHLO\r\nEHLO a b\r\nEHLO (x)\r\nHELO\r\nHELO x\r\n"
  "MAIL FROM:<a@b.c>\r\n"), "501 5.5.4,501 5.5.4,501 5.5.4,501 5.5.4,250 ,"
  "530 5.7.0", "" },
};

/* One run of a dialogue */

struct ask {
	enum relay_verb verb;
	bool refuse;
};

static struct run {
	struct smtp s;
	const char *in;		/* what the client will have sent */
	size_t len, sent, used;
	bool eager, stalling, stall;
	bool loose;
	struct ask asked[PENDING_MAX];
	unsigned n_asked;
	bool mail, spam, right;
	char calls[20000], out[20000];
	size_t n_calls, body, n_out;
	const char *wrong;	/* that a secret stayed, that a line is bad */
} run;

static void
end_body(void)
{
	if (run.body > 0)
		run.calls[run.n_calls++] = '}';
	run.body = 0;
}

static void
call(const char *name, const char *p, size_t n)
{
	end_body();
	run.n_calls += (size_t)snprintf(run.calls + run.n_calls,
	    sizeof(run.calls) - run.n_calls, "[%s%.*s]", name, (int)n, p);
}

static void
relay(void *arg, enum relay_verb verb, const char *p, size_t n)
{
	static const char *const names[] = { "MAIL ", "RCPT ", "VRFY ",
		"RSET", "RESET" };
	struct ask *ask = &run.asked[run.n_asked++];

	(void)arg;
	if (run.loose && verb >= RELAY_RSET && run.body > 0) {
		run.n_calls -= run.body;
		run.body = 0;
	}
	ask->verb = verb;
	ask->refuse = n > 6 && memmem(p, n, "nobody", 6) != NULL;
	call(names[verb], p == NULL ? "" : p, n);
}

static bool
body(void *arg, const char *p, size_t n, bool last)
{
	(void)arg;
	if (run.stalling && (run.stall = !run.stall))
		return false;
	if (n > 0 && run.body == 0) {
		run.calls[run.n_calls++] = '{';
		run.body = 1;
	}
	memcpy(run.calls + run.n_calls, p == NULL ? "" : p, n);
	run.n_calls += n;
	run.body += n;
	run.spam |= n > 0 && memmem(run.calls, run.n_calls, "spam", 4) !=
	    NULL;
	if (last)
		call("END", "", 0);
	return true;
}

static void
auth(void *arg, const struct plain *plain)
{
	char text[100];

	(void)arg;
	snprintf(text, sizeof(text), "%.*s %.*s", (int)plain->login_len,
	    plain->login, (int)plain->password_len, plain->password);
	run.right = strcmp(text, "alice secret") == 0;
	call("AUTH ", text, strlen(text));
}

static void
answer_oldest(void)
{
	struct ask ask = run.asked[0];
	const char *text = "2.0.0 fine";
	int code = 250;

	memmove(run.asked, run.asked + 1, sizeof(ask) * --run.n_asked);
	if (ask.verb == RELAY_VRFY) {
		code = 252;
	} else if (ask.verb == RELAY_RCPT && !run.mail) {
		code = 503;
		text = "5.5.1 no MAIL";
	} else if (ask.refuse) {
		code = 550;
		text = "5.1.1 who";
	} else if (ask.verb == RELAY_MAIL || ask.verb == RELAY_RCPT) {
		text = ask.verb == RELAY_MAIL ? "2.1.0 fine" : "2.1.5 fine";
	}
	run.mail = ask.verb == RELAY_MAIL ? code == 250 :
	    ask.verb == RELAY_RCPT ? run.mail : false;
	smtp_answer(&run.s, code, text, strlen(text));
}

/* What others would do for the machine now; false: nothing. */
static bool
respond(bool all)
{
	switch (run.s.wait) {
	case WAIT_FINAL:
		smtp_message_answer(&run.s, run.spam ? 554 : 250, run.spam ?
		    "5.7.1 no" : "2.6.0 queued", run.spam ? 8 : 12);
		run.mail = run.spam = false;
		return true;
	case WAIT_BODY:
		smtp_body_ready(&run.s);
		return true;
	case WAIT_AUTH:
		smtp_auth_done(&run.s, run.right ? R_AUTH_OK : R_AUTH_FAILED);
		return true;
	default:
		if (run.n_asked == 0 || (run.s.wait != WAIT_ANSWERS && !all))
			return false;
		answer_oldest();
		return true;
	}
}

/* Replies so far, as code and enhanced code */
static void
take_output(void)
{
	const char *p = run.s.out_len > 0 ? run.s.out : "", *crlf;
	const char *end = p + run.s.out_len;
	size_t n;

	for (; p < end; p = crlf + 2) {
		crlf = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (crlf == NULL || crlf - p < 4) {
			run.wrong = "a reply is no line";
			return;
		}
		for (n = 4; p + n < crlf && ((p[n] >= '0' && p[n] <= '9') ||
		    p[n] == '.'); n++)
			;
		if (p[n] != ' ' || n < 9)
			n = p[0] == '3' ? 3 : 4;
		if (run.n_out > 0)
			run.out[run.n_out++] = ',';
		memcpy(run.out + run.n_out, p, n);
		run.n_out += n;
	}
	run.s.out_len = 0;
}

/* No octet of a secret may stay in what the machine has taken. */
static void
look_for_secrets(const char *in, size_t used)
{
	static const char *const secrets[] = { PLAIN, SECRET };
	size_t i;

	for (i = 0; i < COUNT(secrets); i++)
		if (memmem(in, used, secrets[i], strlen(secrets[i])) != NULL)
			run.wrong = "a password is left in the buffer";
}

static void
feed(size_t n)
{
	size_t used, have;
	char *copy;

	run.sent += n;
	for (;;) {
		have = run.sent - run.used;
		copy = copy_of(run.in + run.used, have);
		used = smtp_input(&run.s, copy, have);
		look_for_secrets(copy, used);
		free(copy);
		run.used += used;
		take_output();
		if (used == 0 && !respond(run.eager))
			break;
		while (run.eager && respond(true))
			;
		take_output();
	}
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
begin(const struct row *row, bool eager, bool stalling)
{
	static const struct smtp_ops ops = { .room = room, .relay = relay, .body = body,
		.auth = auth, .now = now };
	static struct smtp_settings set;

	set = (struct smtp_settings){ .hostname = "mx.example.org",
		.passwords = true, .tokens = true,
		.has_certificate = true, .tls = TLS_POLICY_REQUIRED,
		.max_size = 100, .max_recipients = 3,
		.relay = { .capabilities = CAP_8BITMIME | CAP_DSN } };
	free(run.s.out);
	memset(&run, 0, sizeof(run));
	run.eager = eager;
	run.stalling = stalling;
	run.loose = (row->flags & LOOSE) != 0;
	run.in = row->in;
	run.len = row->len;
	smtp_start(&run.s, &set, &ops, NULL, !(row->flags & CLEAR));
	run.s.ehlo = run.s.authenticated = (row->flags & IN) != 0;
}

static void
end(const struct row *row, const char *how, size_t cut)
{
	size_t len = strlen(row->out), n = strlen(row->calls);
	char name[200];

	while (respond(true))
		feed(0);
	take_output();
	if (run.loose && run.body > 0) {
		run.n_calls -= run.body;
		run.body = 0;
	}
	end_body();
	run.calls[run.n_calls] = '\0';
	len -= len > 0 && row->out[len - 1] == ',';
	snprintf(name, sizeof(name), "%s (%s, cut at %zu%s%s)", row->name,
	    how, cut, run.eager ? ", eager" : "",
	    run.stalling ? ", stalling" : "");
	ok(run.wrong == NULL, name, strlen(name), "%s", run.wrong);
	ok_octets(name, strlen(name), run.out, run.n_out, row->out, len);
	/* of a body with a NUL only what is before it */
	if (!(row->flags & TIMING))
		ok(strlen(run.calls) == n && memcmp(run.calls, row->calls, n)
		    == 0, name, strlen(name), "calls %s", run.calls);
	smtp_free(&run.s);
	run.s.out = NULL;
	run.s.t.early_text = NULL;
}

static void
one_by_one(const struct row *row, bool eager, bool stalling)
{
	size_t i;

	begin(row, eager, stalling);
	for (i = 0; i < row->len; i++)
		feed(1);
	end(row, "one by one", 0);
}

static void
cut_in_two(const struct row *row, size_t cut, bool eager, bool stalling)
{
	begin(row, eager, stalling);
	feed(cut);
	feed(row->len - cut);
	end(row, "in two", cut);
}

static void
all_ways(const struct row *row)
{
	unsigned way, failed = unit.failed;
	size_t cut;

	for (way = 0; way < 4 && unit.failed == failed; way++) {
		for (cut = 0; cut <= row->len && unit.failed == failed; cut++)
			if (row->len < 1000 || cut < 40 || cut > row->len -
			    40 || cut % 2048 < 8 || cut % 2048 > 2040)
				cut_in_two(row, cut, way & 1, way & 2);
		one_by_one(row, way & 1, way & 2);
	}
}

/* Lines of just so many octets, and what stands behind them */

static struct row
long_line(const char *name, unsigned flags, const char *begin_with, size_t n,
    const char *out, const char *calls)
{
	static char in[40000];
	size_t len = (size_t)snprintf(in, sizeof(in), "%s%s", flags & IN ?
	    M : HI, begin_with), start = strlen(flags & IN ? M : HI);

	memset(in + len, 'A', n);
	memcpy(in + start + n - 2, "\r\nNOOP\r\n", 8);
	return (struct row){ name, flags, in, start + n + 6, out, calls };
}

static void
long_lines(void)
{
	struct row row;

	row = long_line("4096 octets", IN, "NOOP ", COMMAND_LINE_MAX,
	    "250 2.1.0,250 2.0.0,250 2.0.0", CM);
	all_ways(&row);
	row = long_line("4097 octets", IN, "NOOP ", COMMAND_LINE_MAX + 1,
	    "250 2.1.0,500 5.5.2,250 2.0.0", CM);
	all_ways(&row);
	row = long_line("4098 octets", IN, "NOOP ", COMMAND_LINE_MAX + 2,
	    "250 2.1.0,500 5.5.2,250 2.0.0", CM);
	all_ways(&row);
	row = long_line("20000 octets", IN, "NOOP ", 20000,
	    "250 2.1.0,500 5.5.2,250 2.0.0", CM);
	all_ways(&row);
	row = long_line("AUTH of 12288 octets", 0, "AUTH PLAIN ",
	    AUTH_LINE_MAX, HELLO "501 5.5.2,250 2.0.0", "");
	all_ways(&row);
	row = long_line("AUTH of 12289 octets", 0, "auth plain ",
	    AUTH_LINE_MAX + 1, HELLO "500 5.5.6,250 2.0.0", "");
	all_ways(&row);
	row = long_line("AUTHX of 4097 octets", 0, "AUTHX ",
	    COMMAND_LINE_MAX + 1, HELLO "500 5.5.2,250 2.0.0", "");
	all_ways(&row);
	row = long_line("response of 12288 octets", 0, "AUTH PLAIN\r\n",
	    AUTH_LINE_MAX + 12, HELLO "334,501 5.5.2,250 2.0.0", "");
	all_ways(&row);
	row = long_line("response of 12289 octets", 0, "AUTH PLAIN\r\n",
	    AUTH_LINE_MAX + 13, HELLO "334,500 5.5.6,250 2.0.0", "");
	all_ways(&row);
}

/* More commands pending than the machine keeps */
static void
many_pending(void)
{
	static char in[3 * PENDING_MAX * 8], out[3 * PENDING_MAX * 10],
	    calls[3 * PENDING_MAX * 8];
	struct row row = { "many pending", IN, in, 0, out, calls };
	size_t i, n_out = 0, n_calls = 0;

	for (i = 0; i < 3 * PENDING_MAX - 5; i++) {
		memcpy(in + row.len, "VRFY x\r\n", 8);
		row.len += 8;
		n_out += (size_t)snprintf(out + n_out, sizeof(out) - n_out,
		    "252 2.0.0,");
		n_calls += (size_t)snprintf(calls + n_calls, sizeof(calls) -
		    n_calls, "[VRFY x]");
	}
	cut_in_two(&row, 0, false, false);
	cut_in_two(&row, 1001, false, false);
	cut_in_two(&row, 1001, true, false);
	one_by_one(&row, false, false);
	one_by_one(&row, true, false);
}

int
main(void)
{
	size_t i;

	table("smtp: dialogues in any cutting");
	for (i = 0; i < COUNT(rows); i++)
		all_ways(&rows[i]);
	table("smtp: long lines");
	long_lines();
	table("smtp: many commands pending");
	many_pending();
	return tables_done();
}
