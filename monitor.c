/*
 * The monitor: holds the secrets, reads no octet of the network, never forks
 * without exec. Sessions ask it for the few things they may not do; each
 * request stands in the table below with when and how often it is allowed,
 * and one out of order is the asker's end.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/tlskeys.h"
#include "ledger.h"
#include "monitor.h"
#include "sandbox/sandbox.h"

#define BEFORE_LOGIN	1u
#define AFTER_LOGIN	2u

struct monitor monitor;

/* Talking */

void
monitor_tell_nursery(uint16_t type, const void *data, size_t len, int fd)
{
	if (ipc_send_wait(monitor.nursery.channel, type, 0, data, len, fd,
	    CHANNEL_WAIT) == -1)
		fatal("the nursery does not listen: %s", strerror(errno));
}

void
client_drop(struct client *client)
{
	if (client->auth != NULL)
		auth_cancel(client->auth);
	if (client->delay != NULL)
		event_free(client->delay);
	broker_forget(client);
	fetcher_forget(client);
	event_free(client->readable);
	free(client->signing);
	close(client->channel);
	LIST_REMOVE(client, entry);
	freezero(client, sizeof(*client));
	if (LIST_EMPTY(&monitor.clients))
		lifetime_last_client_went();
}

bool
client_answer(struct client *client, uint16_t type, const void *data,
    size_t len, int fd)
{
	if (ipc_send(client->channel, type, 0, data, len, fd) == 0)
		return true;
	client_drop(client);	/* gone, or does not read what it asked for */
	return false;
}

void
monitor_kill(pid_t pid)
{
	uint32_t number = (uint32_t)pid;

	if (pid > 0)
		monitor_tell_nursery(M_KILL, &number, sizeof(number), -1);
}

void
client_violation(struct client *client, const char *what)
{
	struct log_line line;

	log_start(&line, client->id, "violation");
	log_str(&line, "client", client->address);
	log_str(&line, "user", client->user);
	log_str(&line, "reason", what);
	log_end(&line);
	monitor_kill(client->pid);
	client_drop(client);
}

/* S_SIGN: the handshake's one signature */

/* tls_keys_sign_hash() has seen to the lengths. */
static void
keep_signing(struct client *client, const unsigned char *hash,
    size_t hash_len, const unsigned char *signature, size_t len)
{
	struct signing *signing = calloc(1, sizeof(*signing));

	if (signing == NULL)
		fatal("monitor: out of memory");
	memcpy(signing->hash, hash, hash_len);
	signing->hash_len = hash_len;
	memcpy(signing->signature, signature, len);
	signing->len = len;
	client->signing = signing;
}

static const char *
answer_sign(struct client *client, struct unpack *unpack)
{
	unsigned char out[SIGNATURE_MAX], buf[SIGNATURE_MAX + 8];
	const unsigned char *in, *hash;
	struct pack pack;
	unsigned key, kind, padding;
	size_t n, len, hash_len;

	key = unpack_u8(unpack);
	kind = unpack_u8(unpack);
	padding = unpack_u8(unpack);
	in = unpack_bytes(unpack, &n);
	hash = unpack_bytes(unpack, &hash_len);
	if (!unpack_done(unpack) || kind > SIGN_EC)
		return "malformed signature request";
	if (hash_len == 0)
		len = tls_keys_sign(key, (enum sign_kind)kind, (int)padding,
		    in, n, out, sizeof(out));
	else
		len = tls_keys_sign_hash(key, (enum sign_kind)kind,
		    (int)padding, in, n, hash, hash_len, out);
	if (len == 0 && stream_was_starved())
		fatal("monitor: out of memory");
	if (len == 0)
		return "asks to sign what no handshake signs";
	if (hash_len > 0 && monitor.service->conf.client_ca != NULL)
		keep_signing(client, hash, hash_len, out, len);
	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, out, len);
	client_answer(client, S_SIGN, buf, pack.len, -1);
	return NULL;
}

/* S_FETCH */

static const char *
answer_fetch(struct client *client, struct unpack *unpack)
{
	if (!unpack_done(unpack) || monitor.service->conf.n_imaps == 0)
		return "malformed request for imapfetch";
	fetcher_give(client);
	return NULL;
}

/* S_RELAY */

static const char *
answer_relay(struct client *client, struct unpack *unpack)
{
	if (!unpack_done(unpack))
		return "malformed request for a relay";
	if (client->wants_relay || client->relay_ticket != 0)
		return "asks twice for a relay";
	broker_give_relay(client);
	return NULL;
}

static const struct request {
	enum frame_type type;
	unsigned when;
	unsigned most;	/* times in a connection */
	const char *(*answer)(struct client *, struct unpack *);
} requests[] = {
	{ S_SIGN, BEFORE_LOGIN, 1, answer_sign },
	/* of proxies in a row, each of which must be trusted */
	{ S_CLIENT, BEFORE_LOGIN, NAMINGS_MAX, origin_request },
	{ S_AUTH, BEFORE_LOGIN, 100, login_request },
	{ S_CERTIFICATE, BEFORE_LOGIN, 100, login_certificate },
	/* a new one only after the death of the one before */
	{ S_RELAY, AFTER_LOGIN, 10, answer_relay },
	{ S_FETCH, AFTER_LOGIN, 20, answer_fetch },
};

/* NULL, or why the session must die. */
static const char *
handle_request(struct client *client, struct frame *frame)
{
	const struct request *request = NULL;
	struct unpack unpack;
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].type == frame->type)
			request = &requests[i];
	if (request == NULL || frame->fd != -1)
		return "unknown request";
	i = (size_t)(request - requests);
	if (client->origin == ORIGIN_ASKED ||
	    client->origin == ORIGIN_REFUSED)
		return "request before its client is welcome";
	if (!(request->when & (client->authenticated ? AFTER_LOGIN :
	    BEFORE_LOGIN)))
		return "request at the wrong time";
	if (++client->asked[i] > request->most)
		return "request too often";
	unpack_start(&unpack, frame->data, frame->len);
	return request->answer(client, &unpack);
}

static void
on_client(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	const char *violation;
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 0) {
		client_drop(client);
		return;
	}
	violation = n == 1 ? handle_request(client, &monitor.frame) :
	    "malformed frame";
	explicit_bzero(monitor.frame.data, monitor.frame.len);
	if (monitor.frame.fd != -1)
		close(monitor.frame.fd);
	if (violation != NULL)
		client_violation(client, violation);
}

/* The nursery's reports */

static void
register_newborn(struct frame *frame)
{
	struct client *client = calloc(1, sizeof(*client));
	struct unpack unpack;

	if (client == NULL)
		fatal("monitor: out of memory");
	unpack_start(&unpack, frame->data, frame->len);
	client->pid = (pid_t)unpack_u32(&unpack);
	unpack_string(&unpack, client->id, sizeof(client->id));
	unpack_string(&unpack, client->address, sizeof(client->address));
	unpack_u8(&unpack);
	if (!unpack_done(&unpack) || frame->fd == -1)
		fatal("the nursery sends nonsense");
	client->channel = frame->fd;
	client->born = clock_ms();
	client->relay = client->fetch = -1;
	client->relays = probe_set("");
	fcntl(client->channel, F_SETFL, O_NONBLOCK);
	client->readable = event_new(monitor.base, client->channel,
	    EV_READ | EV_PERSIST, on_client, client);
	if (client->readable == NULL)
		fatal("monitor: out of memory");
	event_add(client->readable, NULL);
	LIST_INSERT_HEAD(&monitor.clients, client, entry);
	lifetime_client_came();
	if (++monitor.born % GENERATION_SIZE == 0)
		lifetime_renew("connections");
}

static void
register_death(struct frame *frame)
{
	static const char *const names[] = { "session", "relay", "probe" };
	struct unpack unpack;
	struct log_line line;
	unsigned role, condemned;
	pid_t pid;
	int status;

	unpack_start(&unpack, frame->data, frame->len);
	pid = (pid_t)unpack_u32(&unpack);
	status = (int)unpack_u32(&unpack);
	role = unpack_u8(&unpack);
	condemned = unpack_u8(&unpack);
	if (!unpack_done(&unpack) || role > ROLE_PROBE)
		fatal("the nursery sends nonsense");
	if (!WIFSIGNALED(status) || condemned)
		return;
	log_start(&line, NULL, "child-died");
	log_str(&line, "role", names[role]);
	log_num(&line, "pid", pid);
	log_num(&line, "signal", WTERMSIG(status));
	log_end(&line);
	lifetime_crashed();
}

static void
register_relay(struct frame *frame)
{
	struct unpack unpack;
	uint32_t ticket;
	pid_t pid;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	pid = (pid_t)unpack_u32(&unpack);
	if (!unpack_done(&unpack))
		fatal("the nursery sends nonsense");
	broker_relay_born(ticket, pid, frame->fd);
}

static void
register_client(struct frame *frame)
{
	struct unpack unpack;
	bool welcome;
	pid_t pid;

	unpack_start(&unpack, frame->data, frame->len);
	pid = (pid_t)unpack_u32(&unpack);
	welcome = unpack_u8(&unpack);
	if (!unpack_done(&unpack))
		fatal("the nursery sends nonsense");
	origin_counted(pid, welcome);
}

static void
register_crowd(struct frame *frame)
{
	struct unpack unpack;
	unsigned connections;

	unpack_start(&unpack, frame->data, frame->len);
	connections = unpack_u32(&unpack);
	if (!unpack_done(&unpack))
		fatal("the nursery sends nonsense");
	crowd_make_room(connections);
}

/* A frame whose descriptor we have no room for: that child must go. */
static void
turn_out(struct frame *frame)
{
	struct unpack unpack;
	uint32_t first, second;

	log_event(NULL, "out-of-descriptors", "a connection is dropped; raise "
	    "LimitNOFILE or lower max-connections");
	unpack_start(&unpack, frame->data, frame->len);
	first = unpack_u32(&unpack);
	second = unpack_u32(&unpack);
	if (frame->type == N_NEWBORN)
		monitor_kill((pid_t)first);
	if (frame->type != N_RELAY)
		return;
	monitor_kill((pid_t)second);
	broker_relay_born(first, 0, -1);
}

static void
on_nursery(evutil_socket_t fd, short what, void *arg)
{
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what, (void)arg;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1 && errno == EMFILE) {
		turn_out(&monitor.frame);
		return;
	}
	if (n != 1) {
		if (!monitor.stopping)
			fatal("the nursery has died");
		event_free(monitor.nursery_readable);
		monitor.nursery_readable = NULL;
		lifetime_nursery_gone();
		return;
	}
	if (monitor.frame.type == N_NEWBORN)
		register_newborn(&monitor.frame);
	else if (monitor.frame.type == N_DIED)
		register_death(&monitor.frame);
	else if (monitor.frame.type == N_RELAY)
		register_relay(&monitor.frame);
	else if (monitor.frame.type == N_CLIENT)
		register_client(&monitor.frame);
	else if (monitor.frame.type == N_CROWD)
		register_crowd(&monitor.frame);
	else
		fatal("the nursery sends nonsense");
}

static void
load_secrets(void)
{
	const struct config *conf = &monitor.service->conf;
	char error[512];

	if (!tls_keys_load(conf->certificates, conf->n_certificates, error,
	    sizeof(error)) || !broker_load_secrets(error, sizeof(error)) ||
	    !fetcher_load_secrets(error, sizeof(error))) {
		log_event(NULL, "fatal", "%s", error);
		_exit(78);
	}
}

void
monitor_run(struct service *service, struct socket_set *sockets,
    const struct nursery *nursery)
{
	monitor.service = service;
	monitor.sockets = sockets;
	monitor.nursery = *nursery;
	if (sockets->connected != -1)
		close(sockets->connected);
	load_secrets();
	if (service->ledger == -1)
		service->ledger = ledger_make(sockets->connected != -1);
	ledger_open(service->ledger);
	monitor.base = event_base_new();
	if (monitor.base == NULL)
		fatal("monitor: no event loop");
	monitor.nursery_readable = event_new(monitor.base, nursery->channel,
	    EV_READ | EV_PERSIST, on_nursery, NULL);
	if (monitor.nursery_readable == NULL ||
	    event_add(monitor.nursery_readable, NULL) == -1)
		fatal("monitor: out of memory");
	lifetime_start();
	auth_init(monitor.base, &service->conf);
	if (sockets->connected != -1) {
		sockets->connected = -1;
		monitor.single = monitor.stopping = true;
	}
	probe_start();
	event_base_dispatch(monitor.base);
	lifetime_end();
}
