/*
 * The relay: takes envelope and message from one session and hands them to
 * the next server while they arrive. It may connect to the configured relays
 * only; it holds the relay's credential and the user's name as the monitor
 * has told it, and checks again all that the session says. What goes on is
 * decided here.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message/policy.h"
#include "relay.h"
#include "sandbox/sandbox.h"
#include "smtp/param.h"
#include "smtp/path.h"

#define OPEN_TIMEOUT	20000	/* ms for a step of a new connection */

struct relay relay;

int64_t
relay_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

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

void
relay_answer(uint16_t to, int code, const char *text, size_t n)
{
	unsigned char buf[ANSWER_MAX * 2];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u16(&pack, (unsigned)code);
	pack_bytes(&pack, text, n);
	if (pack.bad || ipc_send_wait(relay.session, E_ANSWER, to, buf,
	    pack.len, -1, CHANNEL_WAIT) == -1)
		_exit(0);	/* nobody is there to hear it */
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

enum reply
relay_trouble(enum mta_status status)
{
	switch (status) {
	case MTA_LOST:
		return R_RELAY_LOST;
	case MTA_TIMEOUT:
		return R_RELAY_TIMEOUT;
	case MTA_GARBAGE:
		return R_RELAY_GARBAGE;
	case MTA_LOGIN:
		return R_RELAY_LOGIN;
	default:
		return R_RELAY_DOWN;
	}
}

static void
log_relay_failure(const struct route *route, const char *why)
{
	struct log_line line;

	log_start(&line, relay.order.id, "relay-failed");
	log_str(&line, "relay", route->url);
	log_str(&line, "reason", why);
	log_end(&line);
}

/* Finding the next server */

static unsigned
numeric_addresses(const struct route *route, struct addresses *found)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&found->ss[0];
	struct sockaddr_in6 *in6;
	bool localhost = strcasecmp(route->host, "localhost") == 0;
	unsigned n = 0;

	memset(found, 0, sizeof(*found));
	if (inet_pton(AF_INET, localhost ? "127.0.0.1" : route->host,
	    &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(route->port);
		found->len[n++] = sizeof(*in);
	}
	in6 = (struct sockaddr_in6 *)&found->ss[n];
	if (inet_pton(AF_INET6, localhost ? "::1" : route->host,
	    &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(route->port);
		found->len[n++] = sizeof(*in6);
	}
	found->n = n;
	return n;
}

/* When the root has been changed the socket's directory is the root. */
static void
unix_address(const struct route *route, struct addresses *found)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&found->ss[0];
	const char *name = strrchr(route->path, '/');

	memset(found, 0, sizeof(*found));
	sun->sun_family = AF_UNIX;
	strlcpy(sun->sun_path, access(route->path, F_OK) == 0 ? route->path :
	    name, sizeof(sun->sun_path));
	found->len[0] = sizeof(*sun);
	found->n = 1;
}

static void
resolve(const struct route *route, struct addresses *found)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV }, *all, *ai;
	char port[8];
	int error;

	memset(found, 0, sizeof(*found));
	snprintf(port, sizeof(port), "%u", route->port);
	error = getaddrinfo(route->host, port, &hints, &all);
	if (error != 0) {
		log_relay_failure(route, gai_strerror(error));
		return;
	}
	for (ai = all; ai != NULL && found->n < ADDRESSES_MAX;
	    ai = ai->ai_next) {
		memcpy(&found->ss[found->n], ai->ai_addr, ai->ai_addrlen);
		found->len[found->n++] = ai->ai_addrlen;
	}
	freeaddrinfo(all);
}

static const struct addresses *
addresses_of(size_t i, struct addresses *space)
{
	const struct route *route = &relay.service->conf.routes[i];

	if (route->path[0] != '\0')
		unix_address(route, space);
	else if (numeric_addresses(route, space) == 0)
		return &relay.order.addresses[i];
	return space;
}

static bool
open_maildir(size_t i)
{
	struct maildir *maildir = &relay.maildirs[i];

	if (maildir->dir == -1)
		return false;
	relay.maildir = maildir;
	relay.mta.ehlo.capabilities = CAP_8BITMIME;
	relay.mta.ehlo.size = 0;
	return true;
}

static enum mta_status
open_route(size_t i)
{
	const struct route *route = &relay.service->conf.routes[i];
	const struct addresses *found;
	struct addresses space;
	enum mta_status status;

	if (route->kind == ROUTE_MAILDIR) {
		status = open_maildir(i) ? MTA_OK : MTA_DOWN;
		if (status != MTA_OK)
			log_relay_failure(route, "the directory cannot be "
			    "opened");
	} else {
		found = addresses_of(i, &space);
		relay.set.timeout = relay.service->conf.relay_timeout <
		    OPEN_TIMEOUT ? relay.service->conf.relay_timeout :
		    OPEN_TIMEOUT;
		status = mta_open(&relay.mta, route, found->ss, found->len,
		    found->n, &relay.set);
		relay.set.timeout = relay.service->conf.relay_timeout;
		if (status != MTA_OK)
			log_relay_failure(route, relay.mta.why);
	}
	if (status == MTA_OK)
		relay.route = route;
	return status;
}

static void
report(const struct addresses *addresses)
{
	static unsigned char buf[IPC_PAYLOAD_MAX];
	static struct report r;
	size_t n;

	r.ehlo = relay.mta.ehlo;
	if (addresses != NULL)
		memcpy(r.addresses, addresses, sizeof(r.addresses));
	/* how it takes our login is not what clients are told */
	r.ehlo.capabilities &= ~(uint32_t)(CAP_AUTH | CAP_AUTH_PLAIN |
	    CAP_AUTH_LOGIN | CAP_STARTTLS);
	if (addresses == NULL && memcmp(&r.ehlo, &relay.service->relay,
	    sizeof(r.ehlo)) == 0)
		return;
	n = report_pack(&r, buf, sizeof(buf));
	ipc_send(relay.monitor, O_CAPABILITIES, 0, buf, n, -1);
	relay.service->relay = r.ehlo;
}

/* The relays in order, until one answers. */
static enum mta_status
open_any(void)
{
	enum mta_status status = MTA_DOWN;
	size_t i;

	for (i = 0; i < relay.service->conf.n_routes; i++) {
		status = open_route(i);
		if (status == MTA_OK)
			return status;
	}
	return status;
}

void
relay_hang_up(void)
{
	if (relay.route != NULL && relay.maildir == NULL)
		mta_close(&relay.mta);
	relay.route = NULL;
	relay.maildir = NULL;
}

void
relay_forget(void)
{
	relay.mail = relay.lost = false;
	relay.rcpts = 0;
}

/* Envelope commands: checked again, written anew, never passed through. */

struct pending {
	enum relay_verb verb;
	bool local;
	enum reply reply;	/* if local */
	char arg[ADDRESS_MAX + 1];	/* of the reply; the recipient */
};

#define BATCH_MAX PENDING_MAX

static struct pending batch[BATCH_MAX];
static size_t batch_len;

static struct pending *
add_pending(enum relay_verb verb)
{
	struct pending *p = &batch[batch_len];

	if (batch_len == BATCH_MAX)
		relay_violation("too many commands at once");
	batch_len++;
	p->verb = verb;
	p->local = false;
	p->arg[0] = '\0';
	return p;
}

static void
answer_locally(struct pending *p, enum reply r, const char *arg)
{
	p->local = true;
	p->reply = r;
	strlcpy(p->arg, arg == NULL ? "" : arg, sizeof(p->arg));
}

/* The path behind "FROM:" or "TO:"; returns what follows it. */
static const char *
reread_path(const char *prefix, const char *p, size_t *n, struct path *path)
{
	size_t len = strlen(prefix), used;

	if (*n < len || strncasecmp(p, prefix, len) != 0)
		relay_violation("malformed command");
	p += len;
	*n -= len;
	while (*n > 0 && *p == ' ')
		p++, (*n)--;
	used = path_parse(p, *n, path);
	if (used == 0 ||
	    !path_complete(path, relay.service->conf.domain))
		relay_violation("malformed address");
	*n -= used;
	return p + used;
}

static bool
offers(enum capability capability)
{
	return (relay.mta.ehlo.capabilities & capability) != 0;
}

static void
put_mail(const struct path *path, const struct mail_params *params)
{
	static const char *const bodies[] = { "7BIT", "8BITMIME",
	    "BINARYMIME" };
	char size[40] = "", body[20] = "", ret[12] = "", envid[120] = "";

	/* the trace field comes on top of what the client has counted */
	if (params->has_size && offers(CAP_SIZE))
		snprintf(size, sizeof(size), " SIZE=%llu",
		    (unsigned long long)params->size + 512);
	if (params->has_body && offers(CAP_8BITMIME))
		snprintf(body, sizeof(body), " BODY=%s", bodies[params->body]);
	if (params->has_ret && offers(CAP_DSN))
		snprintf(ret, sizeof(ret), " RET=%s",
		    params->ret_full ? "FULL" : "HDRS");
	if (params->has_envid && offers(CAP_DSN))
		snprintf(envid, sizeof(envid), " ENVID=%s", params->envid);
	mta_put(&relay.mta, "MAIL FROM:<%s>%s%s%s%s", path->address, size,
	    body, ret, envid);
}

/* A connection that the other side has given up is renewed unseen. */
static enum mta_status
ensure_open(void)
{
	enum mta_status status;

	if (relay.route != NULL && relay.maildir == NULL &&
	    mta_is_stale(&relay.mta))
		relay_hang_up();
	if (relay.route != NULL)
		return MTA_OK;
	status = open_any();
	if (status == MTA_OK)
		report(NULL);
	return status;
}

static void
mail(const char *arg, size_t n)
{
	struct pending *p = add_pending(RELAY_MAIL);
	struct mail_params params;
	struct param_error error;
	enum mta_status status;
	struct path path;

	arg = reread_path("FROM:", arg, &n, &path);
	if (mail_params_parse(arg, n, &params, &error) != PARAM_OK ||
	    relay.mail || relay.state != TRANSFER_NONE)
		relay_violation("MAIL out of order or malformed");
	relay_forget();
	relay.begun = relay_now_ms();
	strlcpy(relay.from, path.address, sizeof(relay.from));
	if (!policy_allows(relay.order.user, relay.service->conf.domain,
	    relay.order.senders, path.address)) {
		answer_locally(p, R_SENDER_NOT_ALLOWED, path.address);
		return;
	}
	status = ensure_open();
	if (status != MTA_OK) {
		answer_locally(p, relay_trouble(status), NULL);
		return;
	}
	if (params.body != BODY_7BIT && !offers(CAP_8BITMIME)) {
		answer_locally(p, R_EIGHT_BIT, NULL);
		return;
	}
	relay.mail = true;
	if (relay.maildir != NULL)
		answer_locally(p, R_DONE, NULL);
	else
		put_mail(&path, &params);
}

static void
put_rcpt(const struct path *path, const struct rcpt_params *params)
{
	char notify[48] = "", orcpt[520] = "";

	if (params->has_notify && offers(CAP_DSN))
		snprintf(notify, sizeof(notify), " NOTIFY=%s",
		    params->notify);
	if (params->has_orcpt && offers(CAP_DSN))
		snprintf(orcpt, sizeof(orcpt), " ORCPT=%s", params->orcpt);
	mta_put(&relay.mta, "RCPT TO:<%s>%s%s", path->address, notify, orcpt);
}

static void
rcpt(const char *arg, size_t n)
{
	struct pending *p = add_pending(RELAY_RCPT);
	struct rcpt_params params;
	struct param_error error;
	struct path path;

	arg = reread_path("TO:", arg, &n, &path);
	if (rcpt_params_parse(arg, n, &params, &error) != PARAM_OK ||
	    relay.state != TRANSFER_NONE)
		relay_violation("RCPT out of order or malformed");
	if (relay.lost)
		answer_locally(p, R_RELAY_LOST, NULL);
	else if (!relay.mail)
		answer_locally(p, R_NEED_MAIL, NULL);
	else if (relay.rcpts >= relay.service->conf.max_recipients)
		answer_locally(p, R_TOO_MANY_RECIPIENTS, NULL);
	else if (relay.route->kind == ROUTE_LMTP && relay.rcpts > 0)
		answer_locally(p, R_ONE_RECIPIENT, NULL);
	else if (relay.maildir != NULL) {
		relay.rcpts++;
		answer_locally(p, R_DONE, NULL);
	} else {
		strlcpy(p->arg, path.address, sizeof(p->arg));
		relay.rcpts++;
		put_rcpt(&path, &params);
	}
}

/* Only an open connection is asked; one that cannot tell says so. */
static void
vrfy(const char *arg, size_t n)
{
	struct pending *p = add_pending(RELAY_VRFY);
	size_t i;

	for (i = 0; i < n; i++)
		if (arg[i] < ' ' || arg[i] > '~')
			relay_violation("malformed VRFY");
	/* amid a message the connection is not free for it */
	if (n > 512 || relay.state != TRANSFER_NONE ||
	    ensure_open() != MTA_OK || relay.maildir != NULL)
		answer_locally(p, R_CANNOT_VRFY, NULL);
	else
		mta_put(&relay.mta, "VRFY %.*s", (int)n, arg);
}

/* What is under way is given up; an answer to RSET itself tells nothing. */
static void
rset(enum relay_verb verb)
{
	struct pending *p = add_pending(verb);
	bool begun = relay.state == TRANSFER_BODY;

	answer_locally(p, R_DONE, NULL);
	transfer_abort();
	if (relay.mail && relay.maildir == NULL && relay.route != NULL &&
	    !begun) {
		mta_put(&relay.mta, "RSET");
		if (mta_flush(&relay.mta) != MTA_OK ||
		    mta_answer(&relay.mta) != MTA_OK ||
		    relay.mta.answer.code / 100 != 2)
			relay_hang_up();
	}
	relay_forget();
}

/* The answers of the next server, in order */

static void
lose(enum mta_status status)
{
	struct log_line line;

	log_start(&line, relay.order.id, "relay-failed");
	log_str(&line, "relay", relay.route->url);
	log_str(&line, "reason", relay.mta.why);
	log_end(&line);
	relay.lost = status != MTA_OK;
	relay.mail = false;
	relay_hang_up();
}

static void
log_refusal(const struct pending *p)
{
	struct log_line line;
	const char *text = relay.mta.answer.text;
	char reply[ANSWER_MAX + 8];

	snprintf(reply, sizeof(reply), "%d %.*s", relay.mta.answer.code,
	    (int)strcspn(text, "\n"), text);
	log_start(&line, relay.order.id, "refused");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	if (p->verb == RELAY_RCPT)
		log_str(&line, "rcpt", p->arg);
	log_str(&line, "relay", relay.route->url);
	log_str(&line, "reply", reply);
	log_end(&line);
}

static void
take_remote_answer(const struct pending *p)
{
	bool good = relay.mta.answer.code / 100 == 2;

	if (p->verb == RELAY_MAIL)
		relay.mail = good;
	if (p->verb == RELAY_RCPT && !good)
		relay.rcpts--;
	if (p->verb == RELAY_VRFY && !good &&
	    relay.mta.answer.code / 100 == 5 && relay.mta.answer.code < 503) {
		relay_reply(FRAME_COMMAND, R_CANNOT_VRFY, NULL);
		return;
	}
	if (!good)
		log_refusal(p);
	relay_pass_answer(FRAME_COMMAND);
}

static void
log_local_refusal(const struct pending *p)
{
	struct log_line line;
	char text[REPLY_LINE_MAX];

	if (reply_code(p->reply) / 100 < 4)
		return;
	reply_text(text, sizeof(text), p->reply, p->arg);
	log_start(&line, relay.order.id, "refused");
	log_str(&line, "client", relay.order.client);
	log_str(&line, "user", relay.order.user);
	log_str(&line, "from", relay.from);
	log_str(&line, "reply", text);
	log_end(&line);
}

static void
answer_one(const struct pending *p, enum mta_status *status)
{
	if (p->local) {
		log_local_refusal(p);
		relay_reply(FRAME_COMMAND, p->reply, p->arg);
		return;
	}
	if (*status == MTA_OK) {
		*status = mta_answer(&relay.mta);
		if (*status == MTA_OK && relay.mta.answer.code / 100 == 3)
			*status = MTA_GARBAGE;
		if (*status != MTA_OK)
			lose(*status);
	}
	if (*status == MTA_OK)
		take_remote_answer(p);
	else
		relay_reply(FRAME_COMMAND, relay_trouble(*status), NULL);
}

static void
answer_batch(void)
{
	enum mta_status status = MTA_OK;
	size_t i;

	if (relay.route != NULL && relay.maildir == NULL) {
		status = mta_flush(&relay.mta);
		if (status != MTA_OK)
			lose(status);
	}
	for (i = 0; i < batch_len; i++)
		answer_one(&batch[i], &status);
	batch_len = 0;
}

static void
one_command(enum relay_verb verb, const char *arg, size_t n)
{
	switch (verb) {
	case RELAY_MAIL:
		mail(arg, n);
		break;
	case RELAY_RCPT:
		rcpt(arg, n);
		break;
	case RELAY_VRFY:
		vrfy(arg, n);
		break;
	case RELAY_RSET:
	case RELAY_RSET_SILENT:
		answer_batch();
		rset(verb);
		break;
	default:
		relay_violation("unknown command");
	}
}

static void
commands(const struct frame *frame)
{
	struct unpack unpack;
	const unsigned char *arg;
	unsigned verb;
	size_t n;

	unpack_start(&unpack, frame->data, frame->len);
	while (unpack.left > 0) {
		verb = unpack_u8(&unpack);
		arg = unpack_bytes(&unpack, &n);
		if (unpack.bad)
			relay_violation("malformed commands");
		one_command((enum relay_verb)verb, (const char *)arg, n);
		if (relay.mta.open && !offers(CAP_PIPELINING))
			answer_batch();
	}
	answer_batch();
}

/* The session's introduction */

static void
hello(const struct frame *frame)
{
	struct unpack unpack;

	if (relay.helo[0] != '\0')
		relay_violation("a second hello");
	unpack_start(&unpack, frame->data, frame->len);
	unpack_u8(&unpack);
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
		commands(frame);
	else if (frame->type == E_BODY && frame->flags == FRAME_FETCHED)
		relay.fetched = true;
	else if (frame->type == E_BODY)
		transfer_body((const char *)frame->data, frame->len,
		    frame->flags & FRAME_LAST);
	else
		relay_violation("unknown frame");
}

_Noreturn static void
finish(void)
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
	int n;

	for (;;) {
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			fatal("relay: poll: %s", strerror(errno));
		if (fds[1].revents)
			finish();	/* the monitor has no more to say */
		if (!fds[0].revents)
			continue;
		n = ipc_recv(relay.session, &frame);
		if (n == 0)
			finish();
		if (n == -1 && errno != EAGAIN)
			relay_violation("malformed frame");
		if (n == 1)
			one_frame(&frame);
	}
}

/* Birth */

static void
take_order(void)
{
	static struct frame frame;

	if (ipc_recv_wait(relay.monitor, &frame, CHANNEL_WAIT) != 1 ||
	    frame.type != O_ORDER ||
	    !order_unpack(&relay.order, frame.data, frame.len))
		_exit(111);
	explicit_bzero(frame.data, frame.len);
	if (ipc_recv_wait(relay.monitor, &frame, CHANNEL_WAIT) != 1 ||
	    frame.type != O_CHANNEL || frame.fd == -1)
		_exit(111);
	relay.session = frame.fd;
	relay.set.user = relay.order.relay_user;
	relay.set.password = relay.order.relay_password;
}

_Noreturn static void
probe(void)
{
	static struct addresses found[ROUTES_MAX];
	const struct config *conf = &relay.service->conf;
	size_t i;

	for (i = 0; i < conf->n_routes; i++)
		if (!route_is_numeric(&conf->routes[i]))
			resolve(&conf->routes[i], &found[i]);
	memcpy(relay.order.addresses, found, sizeof(found));
	if (open_any() != MTA_OK)
		memset(&relay.mta.ehlo, 0, sizeof(relay.mta.ehlo));
	report(found);
	finish();
}

/* Directories must be opened, and a socket's be chosen, before the jail. */
static const char *
open_places(void)
{
	static char dir[sizeof(relay.service->conf.routes[0].path)];
	const struct route *routes = relay.service->conf.routes;
	const char *root = NULL;
	size_t i;

	for (i = 0; i < relay.service->conf.n_routes; i++) {
		relay.maildirs[i].dir = -1;
		if (routes[i].kind == ROUTE_MAILDIR)
			maildir_open(&relay.maildirs[i], routes[i].path);
		else if (routes[i].path[0] != '\0') {
			strlcpy(dir, routes[i].path, sizeof(dir));
			root = dirname(dir);
		}
	}
	return root;
}

void
relay_main(struct service *service, enum role role, int monitor)
{
	const struct config *conf = &service->conf;
	const char *root;

	sandbox_begin();
	relay.service = service;
	relay.monitor = monitor;
	relay.mta.stream.fd = -1;
	relay.set.hostname = conf->hostname;
	relay.set.user = relay.set.password = "";
	relay.set.verified = service->verified;
	relay.set.opportunistic = service->opportunistic;
	relay.set.timeout = conf->relay_timeout;
	root = open_places();
	if (role == ROLE_PROBE) {
		sandbox_probe(conf->uid, conf->gid);
		probe();
	}
	sandbox_relay(conf->uid, conf->gid, root);
	take_order();
	serve();
}
