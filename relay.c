/*
 * The relay: takes envelope and message from one session and hands them to
 * the next server while they arrive. It may connect to the configured relays
 * only; it holds the relay's credential and the user's name as the monitor
 * has told it, and checks again all that the session says. What goes on is
 * decided here.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relay.h"
#include "smtp/path.h"

struct relay relay;

void
relay_violation(const char *what)
{
	struct log_line line;

	log_start(&line, relay.order.id, "violation");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "reason", what);
	log_end(&line);
	_exit(111);
}

/* Answers to the session */

static unsigned char answers[ANSWER_MAX * 4];
static size_t answers_len;

static void
send_answers(uint16_t to)
{
	if (answers_len > 0 && ipc_send_wait(relay.session, E_ANSWER, to,
	    answers, answers_len, -1, CHANNEL_WAIT) == -1)
		_exit(0);	/* nobody is there to hear it */
	answers_len = 0;
}

void
relay_send_answers(void)
{
	send_answers(FRAME_COMMAND);
}

void
relay_answer(uint16_t to, int code, const char *text, size_t n)
{
	struct pack pack;

	if (to == FRAME_MESSAGE || answers_len + n + 4 > sizeof(answers))
		relay_send_answers();
	pack_start(&pack, answers + answers_len,
	    sizeof(answers) - answers_len);
	pack_u16(&pack, (unsigned)code);
	pack_bytes(&pack, text, n);
	if (pack.bad)
		_exit(0);
	answers_len += pack.len;
	if (to == FRAME_MESSAGE)
		send_answers(to);
}

void
relay_reply(uint16_t to, enum reply r, const char *arg)
{
	char text[REPLY_LINE_MAX];

	relay_answer(to, reply_code(r), text,
	    reply_text(text, sizeof(text), r, arg));
}

/* A demand to log in is about us, not about the client. */
void
relay_pass_answer(uint16_t to)
{
	char text[ANSWER_MAX * 2 - 64];
	size_t n;
	int code;

	if (relay.mta.answer.code == 530) {
		log_event(relay.order.id, "relay-failed", "it wants a login: "
		    "%s", relay.mta.answer.text);
		relay_reply(to, R_RELAY_LOGIN, NULL);
		return;
	}
	n = answer_for_client(&relay.mta.answer, &code, text, sizeof(text));
	relay_answer(to, code, text, n);
}

void
relay_forget(void)
{
	relay.mail = relay.lost = false;
	relay.rcpts = relay.accepted = 0;
}

/* The session's introduction */

static void
hello(const struct frame *frame)
{
	struct unpack unpack;

	envelope_reset();	/* the RSET of a second EHLO comes behind it */
	unpack_start(&unpack, frame->data, frame->len);
	unpack_string(&unpack, relay.helo, sizeof(relay.helo));
	unpack_string(&unpack, relay.tls_version, sizeof(relay.tls_version));
	unpack_string(&unpack, relay.tls_cipher, sizeof(relay.tls_cipher));
	if (!unpack_done(&unpack) ||
	    !helo_is_valid(relay.helo, strlen(relay.helo)) ||
	    strspn(relay.tls_version, "TLSv.0123456789") !=
	    strlen(relay.tls_version) ||
	    strspn(relay.tls_cipher, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
	    != strlen(relay.tls_cipher))
		relay_violation("malformed hello");
}

static void
one_frame(const struct frame *frame)
{
	if (frame->fd != -1)
		relay_violation("a descriptor where none belongs");
	if (frame->type == E_HELLO)
		hello(frame);
	else if (relay.helo[0] == '\0')
		relay_violation("no hello");
	else if (frame->type == E_COMMANDS)
		envelope_commands(frame);
	else if (frame->type == E_BODY && frame->flags == FRAME_FETCHED)
		relay.fetched = true;
	else if (frame->type == E_BODY)
		transfer_body((const char *)frame->data, frame->len,
		    frame->flags & FRAME_LAST);
	else
		relay_violation("unknown frame");
}

void
relay_finish(void)
{
	transfer_abort();
	relay_hang_up();
	_exit(0);
}

_Noreturn static void
serve(void)
{
	static struct frame frame;
	struct pollfd fds[2] = {
		{ .fd = relay.session, .events = POLLIN },
		{ .fd = relay.monitor, .events = POLLIN }
	};
	int n = -1;

	for (;;) {
		/* amid a message the next frame is likely to be there */
		if ((n == -1 || relay.state == TRANSFER_NONE) &&
		    poll(fds, 2, -1) == -1 && errno != EINTR)
			fatal("relay: poll: %s", strerror(errno));
		if (fds[1].revents)
			relay_finish();	/* the monitor has no more to say */
		n = ipc_recv(relay.session, &frame);
		if (n == 0)
			relay_finish();
		if (n == -1 && errno != EAGAIN)
			relay_violation("malformed frame");
		if (n == 1)
			one_frame(&frame);
		relay_send_answers();
	}
}

/* Birth */

static void
settle_routes(const char *urls)
{
	const struct config *conf = &relay.service->conf;

	if (urls[0] == '\0') {
		memcpy(relay.routes, conf->routes, sizeof(conf->routes));
		relay.n_routes = conf->n_routes;
		relay.n_referrals = conf->n_referrals;
		relay.set.pins = conf->relay_pins;
		relay.set.n_pins = conf->n_relay_pins;
		if (relay.set.n_pins > 0)
			relay.set.verified = relay.set.opportunistic;
	} else if (route_parse_list(urls, relay.routes, ROUTES_MAX,
	    &relay.n_routes) != NULL) {
		_exit(111);	/* the monitor has checked them */
	}
}

/* For the configured relays only; the monitor has seen that they fit. */
static void
take_keypair(struct frame *frame)
{
	const unsigned char *chain, *key;
	struct unpack unpack;
	size_t chain_len, key_len;

	unpack_start(&unpack, frame->data, frame->len);
	chain = unpack_bytes(&unpack, &chain_len);
	key = unpack_bytes(&unpack, &key_len);
	if (!unpack_done(&unpack))
		_exit(111);
	relay.set.has_certificate = tls_client_add_keypair(
	    relay.set.opportunistic, chain, chain_len, key, key_len) &&
	    (relay.set.verified == NULL || tls_client_add_keypair(
	    relay.set.verified, chain, chain_len, key, key_len));
	explicit_bzero(frame->data, frame->len);
}

/* The order or what is to be probed; a key pair may come before. */
static bool
hear_monitor(struct frame *frame)
{
	if (ipc_recv_wait(relay.monitor, frame, CHANNEL_WAIT) != 1)
		return false;
	if (frame->type != O_KEYPAIR)
		return true;
	take_keypair(frame);
	return ipc_recv_wait(relay.monitor, frame, CHANNEL_WAIT) == 1;
}

static void
take_order(void)
{
	static struct frame frame;

	if (!hear_monitor(&frame) || frame.type != O_ORDER ||
	    !order_unpack(&relay.order, frame.data, frame.len))
		_exit(111);
	explicit_bzero(frame.data, frame.len);
	if (ipc_recv_wait(relay.monitor, &frame, CHANNEL_WAIT) != 1 ||
	    frame.type != O_CHANNEL || frame.fd == -1)
		_exit(111);
	relay.session = relay.set.watch = frame.fd;
	if (relay.order.max_size == 0)
		relay.order.max_size = relay.service->conf.max_size;
	if (relay.service->conf.relay_xclient &&
	    relay.order.relays[0] == '\0') {
		relay.set.client = relay.order.client;
		relay.set.helo = relay.helo;
		relay.set.login = relay.order.user;
	}
	relay.set.token = relay.order.relay_token;
	relay.set.user = relay.order.relay_user;
	relay.set.password = relay.order.relay_password;
	settle_routes(relay.order.relays);
}

static void
take_probe(void)
{
	static struct frame frame;
	static char urls[RELAYS_SIZE];
	struct unpack unpack;

	if (!hear_monitor(&frame) || frame.type != O_PROBE)
		_exit(111);
	unpack_start(&unpack, frame.data, frame.len);
	unpack_string(&unpack, urls, sizeof(urls));
	if (!unpack_done(&unpack))
		_exit(111);
	settle_routes(urls);
}

void
relay_main(struct service *service, enum role role, int monitor)
{
	const struct config *conf = &service->conf;
	struct sandbox_reach reach;

	sandbox_begin();
	relay.service = service;
	relay.monitor = monitor;
	relay.mta.stream.fd = -1;
	relay.set.hostname = conf->hostname;
	relay.set.user = relay.set.password = "";
	relay.set.verified = service->verified;
	relay.set.opportunistic = service->opportunistic;
	relay.set.timeout = conf->relay_timeout;
	relay.set.watch = monitor;
	if (role == ROLE_PROBE)
		take_probe();
	else
		take_order();	/* says where to, so before the fence */
	nexthop_open_places(&reach);
	if (role == ROLE_PROBE) {
		sandbox_probe(conf->uid, conf->gid);
		nexthop_probe();
		_exit(0);
	}
	sandbox_relay(conf->uid, conf->gid, &reach);
	serve();
}
