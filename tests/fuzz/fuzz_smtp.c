/*
 * The whole machine of smtp/: the client's octets are below 0x80 (1e and 1f
 * stand for those of an e with an accent), the others are what the relay, the monitor and time do (see event()). The first octet
 * sets the scene. Each input runs twice: its octets one by one, and as many
 * at once as come between two events. Properties: replies are lines without
 * control octets; none overtakes the answer to an earlier command; nothing
 * is passed on without login, TLS where it is required, MAIL and RCPT; a
 * message is accepted only by the relay's word after its end; both runs give
 * the same replies and calls.
 */
#include "base/network.h"
#include "base/text.h"
#include "smtp/oauth.h"
#include "smtp/smtp.h"
#include "tests/fuzz/fuzz.h"

#define LOG_MAX 400000

static struct world {
	struct smtp s;
	struct smtp_settings set;
	bool bit_by_bit, stalls, stalled, hostile;
	bool has_mail;		/* the relay, and so many recipients */
	unsigned rcpts;
	char *in;		/* sent by the client, not taken */
	size_t have, visible;
	struct {
		enum relay_verb verb;
		unsigned id;	/* 0: the client hears nothing of it */
	} asked[PENDING_MAX];
	unsigned n_asked, id;
	unsigned last_seen;	/* id of the last answer in the output */
	unsigned accepted, seen_accepted;
	char body[LOG_MAX], log[LOG_MAX], out[LOG_MAX];
	size_t body_len, log_len, out_len;
} w;

static void
note(const char *p, size_t n)
{
	MUST(w.log_len + n + 1 < LOG_MAX);
	memcpy(w.log + w.log_len, p, n);
	w.log_len += n;
	w.log[w.log_len++] = '\n';
}

static bool
may_be_utf8(enum relay_verb verb, const char *p, size_t n)
{
	return utf8_is_clean(p, n) && (verb == RELAY_VRFY ? n > 9 &&
	    strncasecmp(p + n - 9, " SMTPUTF8", 9) == 0 : w.s.t.utf8);
}

static void
relay(void *arg, enum relay_verb verb, const char *p, size_t n)
{
	(void)arg;
	MUST(w.s.authenticated && w.n_asked < PENDING_MAX);
	MUST(verb > RELAY_VRFY || (n > 0 && (is_printable(p, n) ||
	    may_be_utf8(verb, p, n))));
	w.asked[w.n_asked].verb = verb;
	w.asked[w.n_asked++].id = verb == RELAY_RSET_SILENT ? 0 : ++w.id;
	note(&"MRVTS"[verb], 1);
	note(p == NULL ? "" : p, n);
	if (verb >= RELAY_RSET) {
		w.body_len = 0;
		w.has_mail = false;
	}
}

static bool
body(void *arg, const char *p, size_t n, bool last)
{
	(void)arg;
	MUST(w.s.authenticated && w.has_mail && w.rcpts > 0);
	MUST(w.s.t.error == R_NONE && w.s.pending_count == 0);
	MUST(n > 0 || last);
	if (w.stalled)
		return false;
	MUST(w.body_len + n < LOG_MAX);
	memcpy(w.body + w.body_len, n > 0 ? p : "", n);
	w.body_len += n;
	MUST(w.body_len <= w.set.max_size);
	if (last) {
		note(w.body, w.body_len);
		note("END", 3);
		w.body_len = 0;
		w.has_mail = false;
	}
	return true;
}

static void
fetch(void *arg, const char *url, size_t n, uint64_t limit)
{
	(void)arg;
	MUST(w.s.authenticated && w.has_mail && w.rcpts > 0);
	MUST(w.s.t.error == R_NONE && limit <= w.set.max_size);
	MUST(n > 0 && is_printable(url, n));
	note(url, n);
}

static void
auth(void *arg, const struct plain *plain)
{
	(void)arg;
	MUST(!w.s.authenticated && !smtp_in_transaction(&w.s));
	MUST(w.s.tls || w.set.tls != TLS_POLICY_REQUIRED);
	MUST(plain->mechanism == SASL_OAUTHBEARER ? plain->login_len <=
	    SASL_FIELD_MAX : sasl_field_is_valid((const unsigned char *)
	    plain->login, plain->login_len));
	MUST(plain->mechanism >= SASL_OAUTHBEARER ?
	    oauth_token_is_valid(plain->password, plain->password_len) :
	    sasl_field_is_valid((const unsigned char *)plain->password,
	    plain->password_len));
	MUST(plain->mechanism >= SASL_OAUTHBEARER ? w.set.tokens :
	    w.set.passwords);
	note(plain->login, plain->login_len);
}

static void
client(void *arg, const char *address)
{
	char normal[64];

	(void)arg;
	MUST(w.set.xclient && w.set.namings > 0);
	MUST(!w.s.authenticated && w.n_asked == 0);
	w.set.namings--;
	MUST(address_normal(address, normal, sizeof(normal)) &&
	    strcmp(address, normal) == 0);
	note(address, strlen(address));
}

static void
certificate(void *arg, const char *authzid, size_t n)
{
	(void)arg;
	MUST(!w.s.authenticated && !smtp_in_transaction(&w.s));
	MUST(w.s.tls && w.s.certificate && w.s.ehlo);
	MUST(n == 0 || sasl_field_is_valid((const unsigned char *)authzid, n));
	note("EXTERNAL", 8);
}

static void
check_line(const char *p, size_t n)
{
	const char *id = memmem(p, n, " r=", 3);
	unsigned k;

	MUST(n >= 4 && n <= 510 && is_printable(p, n));
	MUST(p[0] >= '2' && p[0] <= '5' && (p[3] == ' ' || p[3] == '-'));
	if (id != NULL) {
		k = (unsigned)strtoul(id + 3, NULL, 10);
		MUST(k > w.last_seen);
		w.last_seen = k;
	}
	w.seen_accepted += memmem(p, n, "accepted", 8) != NULL &&
	    p[0] == '2' && p[1] == '5';
}

static void
take_output(void)
{
	char *p = w.s.out, *end = p == NULL ? p : p + w.s.out_len, *crlf;

	for (; p < end; p = crlf + 2) {
		crlf = memmem(p, (size_t)(end - p), "\r\n", 2);
		MUST(crlf != NULL);
		check_line(p, (size_t)(crlf - p));
	}
	MUST(w.out_len + w.s.out_len < LOG_MAX);
	if (w.s.out_len > 0)
		memcpy(w.out + w.out_len, w.s.out, w.s.out_len);
	w.out_len += w.s.out_len;
	w.s.out_len = 0;
	MUST(w.seen_accepted == w.accepted);
}

static bool
answers_are_due(void)
{
	unsigned i;

	for (i = 0; i < w.n_asked; i++)
		if (w.asked[i].id != 0)
			return true;
	return false;
}

static size_t
input_once(size_t n)
{
	char *copy = exact(w.in, n, false);
	bool due = answers_are_due();
	size_t used = smtp_input(&w.s, copy, n);

	MUST(used <= n);
	/* a reply now would overtake an answer */
	MUST(!due || !w.bit_by_bit || w.s.out_len == 0);
	take_output();
	memmove(w.in, w.in + used, w.have - used);
	w.have -= used;
	free(copy);
	return used;
}

static void
feed(void)
{
	if (!w.bit_by_bit)
		w.visible = w.have;
	for (;;) {
		w.visible -= input_once(w.visible);
		if (w.s.wait != WAIT_NOTHING || w.visible == w.have)
			break;
		w.visible++;
	}
}

static void
answer(bool good)
{
	enum relay_verb verb = w.asked[0].verb;
	char text[40];
	int n;

	if (w.n_asked == 0)
		return;
	good = good && (verb != RELAY_RCPT || w.has_mail);
	n = snprintf(text, sizeof(text), "%s r=%u", good ? "2.1.5" : "5.7.1",
	    w.asked[0].id);
	memmove(w.asked, w.asked + 1, --w.n_asked * sizeof(w.asked[0]));
	MUST(w.s.pending_count == w.n_asked + 1);
	if (verb == RELAY_MAIL) {
		w.has_mail = good;
		w.rcpts = 0;
	}
	w.rcpts += verb == RELAY_RCPT && good;
	smtp_answer(&w.s, good ? 250 : 550, text, (size_t)n);
}

static void
message_answer(int code, const char *text)
{
	if (!w.hostile && w.s.wait != WAIT_FINAL && w.body_len == 0)
		return;
	w.accepted += code == 250 && w.s.wait == WAIT_FINAL;
	smtp_message_answer(&w.s, code, text, strlen(text));
}

static void
gone(enum reply r)
{
	w.n_asked = 0;
	w.stalled = w.has_mail = false;
	w.body_len = 0;
	smtp_relay_gone(&w.s, r);
	MUST(w.s.pending_count == 0);
}

static void
login(enum reply r)
{
	if (w.s.wait == WAIT_AUTH)
		smtp_auth_done(&w.s, r);
}

static void
fetched(enum reply r, uint64_t octets)
{
	if (w.s.wait == WAIT_FETCH)
		smtp_fetch_done(&w.s, r, octets);
}

static void
event(uint8_t c)
{
	switch (c & 0x0f) {
	case 0: answer(true); break;
	case 1: answer(false); break;
	case 2: message_answer(250, "2.6.0 accepted"); break;
	case 3: message_answer(452, "4.3.1 full"); break;
	case 4: gone(R_RELAY_LOST); break;
	case 5: w.stalled = false; smtp_body_ready(&w.s); break;
	case 6: w.stalled = w.stalls; break;
	case 7: login(R_AUTH_OK); break;
	case 8: login(R_AUTH_FAILED); break;
	case 9: login(c & 0x10 ? R_AUTH_TEMPORARY : R_TOO_MANY_LOGINS); break;
	case 10:
		if (w.s.wait != WAIT_TLS)
			break;
		w.have = w.visible = 0;
		smtp_tls_done(&w.s, c & 0x10);
		break;
	case 11: fetched(R_NONE, 20); break;
	case 12: fetched(R_BURL_GONE, 0); break;
	case 13:
		if (w.s.wait == WAIT_NOTHING && c & 0x10 &&
		    w.s.pending_count == 0)
			smtp_close(&w.s, R_IDLE);
		break;
	case 15:
		if (w.s.wait == WAIT_CLIENT)
			smtp_client_done(&w.s, !(c & 0x10));
		break;
	case 14: w.in[w.have++] = (char)0xe9; break;
	default: break;
	}
	take_output();
	feed();
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
begin(uint8_t flags, bool bit_by_bit)
{
	static const struct smtp_ops ops = { .room = room, .relay = relay, .body = body,
		.fetch = fetch, .auth = auth, .client = client, .now = now,
		.certificate = certificate };

	w.bit_by_bit = bit_by_bit;
	w.stalled = w.has_mail = false;
	w.hostile = flags & 64;
	w.have = w.visible = w.body_len = w.log_len = w.out_len = 0;
	w.n_asked = w.id = w.last_seen = w.accepted = w.seen_accepted = 0;
	w.stalls = flags & 1;
	w.set = (struct smtp_settings){ .hostname = "mx.example.org",
		.passwords = !(flags & 128), .tokens = !(flags & 64),
		.has_domain = flags & 2, .xclient = flags & 2, .namings = 2, .has_certificate = flags & 4,
		.tls = flags & 8 ? TLS_POLICY_OPTIONAL : TLS_POLICY_REQUIRED,
		.max_size = flags & 1 ? 1000000 : 40, .max_recipients = 3,
		.relay = { .capabilities = CAP_FOR_CLIENTS, .by_min = 60,
		.hold_max = 86400 } };
	if (flags & 16)
		strcpy(w.set.burl, " imap");
	smtp_start(&w.s, &w.set, &ops, NULL, !(flags & 4));
	w.s.authenticated = w.s.ehlo = flags & 32;
	w.s.certificate = flags & 16 && !(flags & 4);
}

static void
run(const uint8_t *data, size_t size, bool bit_by_bit)
{
	size_t i;

	begin(data[0], bit_by_bit);
	w.in = malloc(size + 1);
	for (i = 1; i < size; i++) {
		if (data[i] >= 0x80) {
			event(data[i]);
			continue;
		}
		w.in[w.have++] = data[i] == 0x1e ? (char)0xc3 :
		    data[i] == 0x1f ? (char)0xa9 : (char)data[i];
		if (bit_by_bit || i + 1 == size || data[i + 1] >= 0x80)
			feed();
	}
	smtp_free(&w.s);
	free(w.in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char log[LOG_MAX], out[LOG_MAX];
	size_t log_len, out_len;

	if (size < 2 || size > 4096)
		return 0;
	run(data, size, true);
	log_len = w.log_len;
	out_len = w.out_len;
	memcpy(log, w.log, log_len);
	memcpy(out, w.out, out_len);
	run(data, size, false);
	/* what stands behind STARTTLS is refused or dropped, as it comes */
	if (data[0] & 4)
		return 0;
	MUST(out_len == w.out_len && memcmp(out, w.out, out_len) == 0);
	MUST(log_len == w.log_len && memcmp(log, w.log, log_len) == 0);
	return 0;
}
