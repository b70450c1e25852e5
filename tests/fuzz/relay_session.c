/*
 * The session and the monitor of fuzz_relay.c: frames to the relay as the
 * input has them, and a look at those that come back.
 */
#include <errno.h>

#include "tests/fuzz/relay_world.h"

static bool
take_op(uint8_t *op, struct part *arg)
{
	const uint8_t *line;
	size_t n;

	do
		if (!next_part(&w.script, &w.script_len, '\n', &line, &n))
			return false;
	while (n == 0);
	*op = line[0];
	arg->p = line + 1;
	arg->n = n - 1;
	return true;
}

static void
put_default(struct pack *pack, struct part arg, const char *text)
{
	if (arg.n == 0)
		pack_bytes(pack, text, strlen(text));
	else
		pack_bytes(pack, arg.p, arg.n);
}

/* E_COMMANDS: lines M, R, V, S and s, with or without an argument. */
static void
fill_commands(struct pack *pack)
{
	static const char ops[] = "MRVSs";
	static const char *const words[] = { "FROM:<alice@example.org>",
	    "TO:<bob@example.net>", "bob", "", "" };
	const uint8_t *before;
	struct part arg;
	size_t left;
	const char *at;
	uint8_t op;

	for (;;) {
		before = w.script;
		left = w.script_len;
		if (!take_op(&op, &arg))
			return;
		at = memchr(ops, op, 5);
		if (at == NULL || w.n_verbs == PENDING_MAX * 4) {
			w.script = before;
			w.script_len = left;
			return;
		}
		w.verbs[w.n_verbs++] = (unsigned)(at - ops);
		pack_u8(pack, (unsigned)(at - ops));
		put_default(pack, arg, words[at - ops]);
	}
}

static void
fill_hello(struct pack *pack, struct part arg)
{
	put_default(pack, arg, "c.example.org");
	pack_string(pack, w.scene2 & STARTTLS ? "TLSv1.3" : "");
	pack_string(pack, w.scene2 & STARTTLS ? "TLS_AES_128_GCM_SHA256" : "");
	w.hello = true;
	w.mail = false;
	w.rcpts = 0;
}

/* What is refused for an octet or its size is refused sooner or later. */
static bool
may_be_cut(const struct part *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->p[i] == '\0' || m->p[i] >= 0x80)
			return false;
	return w.drip && !(w.scene2 & SMALL);
}

static bool
has_vrfy_amid(void)
{
	return w.script_len > 0 && w.script[0] == 'v' &&
	    w.n_verbs < PENDING_MAX * 4;
}

static void
body_frame(struct frame *frame)
{
	struct part *m = &w.messages[w.next_message];
	size_t n = m->n - w.body_pos;

	if (has_vrfy_amid())
		n = m->n / 2 - w.body_pos;
	if (n > 0 && may_be_cut(m))
		n = 1 + random_below((unsigned)n < 20 ? (unsigned)n : 20);
	frame->type = E_BODY;
	memcpy(frame->data, m->p + w.body_pos, n);
	frame->len = (uint32_t)n;
	w.body_pos += n;
	frame->flags = w.body_pos == m->n ? FRAME_LAST : 0;
	if (frame->flags == 0)
		return;
	w.in_body = false;
	w.ended++;
	w.mail = false;
	w.rcpts = 0;
}

/* v behind D: VRFY in the middle of the message, as between chunks. */
static void
vrfy_amid(struct frame *frame)
{
	struct part arg;
	struct pack pack;
	uint8_t op;

	MUST(take_op(&op, &arg) && op == 'v');
	w.verbs[w.n_verbs++] = RELAY_VRFY;
	pack_start(&pack, frame->data, 16000);
	pack_u8(&pack, RELAY_VRFY);
	put_default(&pack, arg, "bob");
	frame->type = E_COMMANDS;
	frame->len = (uint32_t)pack.len;
}

/*
 * D: a message, if the session may; H: hello; F: what follows is fetched;
 * others are commands, one frame as far as they come one behind the other.
 */
static bool
next_frame(struct frame *frame)
{
	const uint8_t *before = w.script;
	size_t left = w.script_len;
	struct part arg = { NULL, 0 };
	struct pack pack;
	uint8_t op;

	frame->flags = 0;
	frame->fd = -1;
	pack_start(&pack, frame->data, 16000);
	while (!w.in_body) {
		if (!w.hello) {
			op = 'H';
		} else {
			before = w.script;
			left = w.script_len;
			if (!take_op(&op, &arg))
				return false;
		}
		if (op == 'F' && (w.mail || w.scene & ANY_SESSION)) {
			frame->type = E_BODY;
			frame->flags = FRAME_FETCHED;
			frame->len = 0;
			return true;
		}
		if (op == 'H') {
			fill_hello(&pack, arg);
			frame->type = E_HELLO;
			frame->len = (uint32_t)pack.len;
			return true;
		}
		if (strchr("MRVSs", op) != NULL && op != '\0') {
			w.script = before;
			w.script_len = left;
			fill_commands(&pack);
			frame->type = E_COMMANDS;
			frame->len = (uint32_t)pack.len;
			return true;
		}
		if (op != 'D' || w.ended == w.n_messages)
			continue;
		if (!(w.scene & ANY_SESSION) && (!w.mail || w.rcpts == 0))
			continue;
		w.in_body = true;
		w.next_message = w.ended;
		w.body_pos = 0;
		w.whole = 0;
		w.message_from = w.n_asked;
		w.message_asked = 0;
	}
	if (has_vrfy_amid() &&
	    w.body_pos == w.messages[w.next_message].n / 2)
		vrfy_amid(frame);
	else
		body_frame(frame);
	return true;
}

/* One answer of each command and message; the session knows no other. */
static void
take_answer(uint16_t to, int code, const char *p, size_t n)
{
	const char *text = p, *end = p + n, *lf;
	unsigned verb;

	MUST(code >= 200 && code < 600 && code != 421);
	MUST(!shows_password(p, n));
	if (to == FRAME_MESSAGE)
		judge_told_message(code, p, n);
	for (; p <= end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		MUST(lf - p + 6 <= 512 && is_printable(p, (size_t)(lf - p)));
		MUST(code < 400 || (lf - p > 4 && p[0] == '0' + code / 100 &&
		    p[1] == '.'));
	}
	if (to == FRAME_MESSAGE) {
		w.told++;
		MUST(code >= 400 || w.whole == 1);
		return;
	}
	MUST(w.n_answered < w.n_verbs);
	verb = w.verbs[w.n_answered++];
	judge_told((enum relay_verb)verb, code, text, n);
	if (verb == RELAY_MAIL) {
		w.mail = code / 100 == 2;
		w.rcpts = 0;
	} else if (verb == RELAY_RCPT)
		w.rcpts += code / 100 == 2;
	else if (verb >= RELAY_RSET)
		w.mail = false;
}

static void
session_hears(uint16_t type, uint16_t flags, const void *data, size_t len)
{
	struct unpack unpack;
	const unsigned char *text;
	unsigned code;
	size_t n;

	MUST(type == E_ANSWER);
	if (w.open)
		server_works();		/* what it was asked is counted */
	unpack_start(&unpack, data, len);
	do {
		code = unpack_u16(&unpack);
		text = unpack_bytes(&unpack, &n);
		MUST(!unpack.bad);
		note(&w.answers, text, n);
		take_answer(flags, (int)code, (const char *)text, n);
	} while (!unpack_done(&unpack));
}

/* The monitor */

static void
tell_order(struct frame *frame)
{
	static struct order order;

	memset(&order, 0, sizeof(order));
	strcpy(order.user, "alice@example.org");
	strcpy(order.id, "abcdefghijklmnop");
	strcpy(order.client, "192.0.2.1");
	if (w.scene & (LOGIN | TOKEN)) {
		strcpy(order.relay_user, "us");
		strcpy(order.relay_password, PASSWORD);
		order.relay_token = w.scene & TOKEN;
	}
	order.last = w.scene & TWO_ROUTES ? w.random & 1 : 0;
	frame->type = O_ORDER;
	frame->len = (uint32_t)order_pack(&order, frame->data, 64000);
}

static bool
monitor_says(struct frame *frame)
{
	struct pack pack;

	frame->flags = 0;
	frame->fd = -1;
	pack_start(&pack, frame->data, 100);
	if (w.orders++ == 0 && w.scene & PROBE) {
		pack_string(&pack, "");
		frame->type = O_PROBE;
		frame->len = (uint32_t)pack.len;
	} else if (w.orders == 1) {
		tell_order(frame);
	} else if (w.orders == 2) {
		frame->type = O_CHANNEL;
		frame->len = 0;
		frame->fd = SESSION;
	} else {
		MUST(w.wanted > 0);
		pack_u32(&pack, w.wanted > 2 ? 2 : w.wanted % 2);
		pack_u32(&pack, 61);
		frame->type = O_ALLOWANCE;
		frame->len = (uint32_t)pack.len;
		w.wanted = 0;
	}
	return true;
}

static void
monitor_hears(uint16_t type, const void *data, size_t len)
{
	static struct report report;
	struct unpack unpack;

	if (type == O_CAPABILITIES) {
		MUST(report_unpack(&report, data, len));
		MUST(ehlo_is_valid(&report.ehlo));
		return;
	}
	MUST(type == O_ALLOWANCE && w.scene2 & LIMITED && w.wanted == 0);
	unpack_start(&unpack, data, len);
	w.wanted = unpack_u32(&unpack);
	MUST(unpack_done(&unpack) && w.wanted > 0);
}

int
role_ipc_send(int to, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	char *copy = exact(data, len, false);

	MUST((to == SESSION || to == MONITOR) && fd == -1);
	if (to == SESSION)
		session_hears(type, flags, copy, len);
	else
		monitor_hears(type, copy, len);
	free(copy);
	return 0;
}

int
role_ipc_recv(int from, struct frame *frame)
{
	if (from == MONITOR)
		return monitor_says(frame);
	MUST(from == SESSION);
	MUST(w.n_answered == w.n_verbs || w.scene & ANY_SESSION);
	MUST(w.in_body ? w.told <= w.ended + 1 : w.told == w.ended);
	if (w.n_answered == w.n_verbs) {
		judge_all_told();
		w.n_answered = w.n_verbs = 0;
	}
	if (w.in_body && w.drip && random_below(4) == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (!next_frame(frame)) {
		w.gone = true;
		return 0;
	}
	if (w.scene & HANGS_UP && w.script_len == 0)
		w.gone = true;
	return 1;
}
