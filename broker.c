/*
 * The monitor's dealings with relay processes: has the nursery fork them,
 * gives them user, credential and addresses, and hands the session its
 * channel. What is known of the next servers is in probe.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/tlskeys.h"
#include "ledger.h"
#include "monitor.h"

#define KEYPAIR_MAX	(60 * 1024)	/* certificates and key, in PEM */

static struct credential {
	char user[TOKEN_SIZE], password[TOKEN_SIZE];
} configured;

static struct {
	struct secret chain, key;	/* ours at our own relays, in PEM */
} keypair;

bool
broker_load_secrets(char *error, size_t size)
{
	const struct config *conf = &monitor.service->conf;

	if (conf->relay_certificate.chain != NULL &&
	    (!secret_read_public(&keypair.chain, conf->relay_certificate.chain,
	    error, size) || !secret_read_file(&keypair.key,
	    conf->relay_certificate.key, error, size)))
		return false;
	if (keypair.chain.len + keypair.key.len > KEYPAIR_MAX) {
		snprintf(error, size, "%s: too large",
		    conf->relay_certificate.chain);
		return false;
	}
	if (keypair.key.data != NULL && !tls_keypair_is_good(
	    keypair.chain.data, keypair.chain.len, keypair.key.data,
	    keypair.key.len)) {
		snprintf(error, size, "%s: is not the key of %s",
		    conf->relay_certificate.key,
		    conf->relay_certificate.chain);
		return false;
	}
	if (conf->relay_credentials == NULL)
		return true;
	return secret_read_login(conf->relay_credentials, configured.user,
	    configured.password, TOKEN_SIZE, error, size);
}

/*
 * Our own credential is for our own relays only. A token lives an hour or so
 * and a user's own login is read when it is needed.
 */
static bool
find_credential(const struct client *client, struct order *order)
{
	const struct config *conf = &monitor.service->conf;
	bool own = client->relays->urls[0] != '\0';
	const char *file = own ? client->relay_credentials :
	    conf->relay_credentials;
	struct credential found;
	char error[512];
	bool good = true;

	order->relay_token = own ? client->relay_token : conf->relay_token;
	if (file == NULL || file[0] == '\0')
		return true;
	if (own)
		good = secret_read_users_login(file, found.user,
		    found.password, TOKEN_SIZE, error, sizeof(error));
	else if (conf->relay_token)
		good = secret_read_login(file, found.user, found.password,
		    TOKEN_SIZE, error, sizeof(error));
	else
		found = configured;
	if (good && strlcpy(order->relay_user, found.user, LOGIN_SIZE) >=
	    LOGIN_SIZE) {
		snprintf(error, sizeof(error), "%.400s: the user is too long",
		    file);
		good = false;
	}
	if (good)
		strlcpy(order->relay_password, found.password, TOKEN_SIZE);
	else
		log_event(client->id, "relay-failed", "%s", error);
	explicit_bzero(&found, sizeof(found));
	return good;
}

/* broker_relay_born() gets its channel. */
uint32_t
broker_fork(enum role role)
{
	static uint32_t ticket;
	unsigned char buf[8];
	struct pack pack;

	ticket = ticket + 1 == 0 ? 1 : ticket + 1;
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, ticket);
	pack_u8(&pack, role);
	monitor_tell_nursery(M_FORK_RELAY, buf, pack.len, -1);
	return ticket;
}

/* The user's recipients are counted where no process of his can reach. */
static bool
answer_allowance(struct client *client)
{
	const struct config *conf = &monitor.service->conf;
	struct allowance allowance;
	struct log_line line;
	struct unpack unpack;
	unsigned char buf[16];
	struct pack pack;
	unsigned want;

	unpack_start(&unpack, monitor.frame.data, monitor.frame.len);
	want = unpack_u32(&unpack);
	if (!unpack_done(&unpack) || conf->user_limit == 0 ||
	    want > PENDING_MAX)
		return false;
	allowance = ledger_take(client->user, want, conf->user_limit,
	    conf->user_limit_period);
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, allowance.granted);
	pack_u32(&pack, allowance.again);
	if (allowance.first_refusal) {
		log_start(&line, client->id, "user-limit");
		log_str(&line, "client", client->address);
		log_str(&line, "user", client->user);
		log_num(&line, "limit", conf->user_limit);
		log_num(&line, "seconds-left", allowance.again);
		log_end(&line);
	}
	return ipc_send(client->relay, O_ALLOWANCE, 0, buf, pack.len,
	    -1) == 0;
}

/*
 * A relay process says that the server it has reached offers something else
 * than we know. One user's process is not believed for all users: a probe
 * looks. Anything else is against the rules.
 */
static void
on_relay(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1 && monitor.frame.type == O_ALLOWANCE &&
	    monitor.frame.fd == -1 && answer_allowance(client))
		return;
	if (n == 1 && monitor.frame.type == O_CAPABILITIES &&
	    monitor.frame.fd == -1) {
		probe_doubt(client->relays);
		return;
	}
	if (n == 1 && monitor.frame.fd != -1)
		close(monitor.frame.fd);
	if (n != 0) {
		log_event(client->id, "violation", "the relay process, pid "
		    "%ld, sends nonsense", (long)client->relay_pid);
		monitor_kill(client->relay_pid);
	}
	broker_forget(client);
}

void
broker_forget(struct client *client)
{
	if (client->relay == -1)
		return;
	event_free(client->relay_readable);
	close(client->relay);
	client->relay = -1;
	client->relay_pid = 0;
}

bool
broker_send_keypair(const struct relay_set *relays, int relay)
{
	static unsigned char buf[IPC_PAYLOAD_MAX];
	struct pack pack;
	bool sent;

	if (keypair.key.data == NULL || relays->urls[0] != '\0')
		return true;
	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, keypair.chain.data, keypair.chain.len);
	pack_bytes(&pack, keypair.key.data, keypair.key.len);
	sent = !pack.bad && ipc_send(relay, O_KEYPAIR, 0, buf, pack.len,
	    -1) == 0;
	explicit_bzero(buf, pack.len);
	return sent;
}

static bool
send_order(const struct client *client, int relay, int channel)
{
	bool sent;
	unsigned char buf[IPC_PAYLOAD_MAX];
	struct order order;
	size_t len;

	memset(&order, 0, sizeof(order));
	strlcpy(order.user, client->user, sizeof(order.user));
	strlcpy(order.senders, client->senders, sizeof(order.senders));
	strlcpy(order.id, client->id, sizeof(order.id));
	strlcpy(order.client, client->address, sizeof(order.client));
	order.max_size = client->max_size;
	strlcpy(order.relays, client->relays->urls, sizeof(order.relays));
	order.last = client->relays->report.failed;
	memcpy(order.addresses, client->relays->report.addresses,
	    sizeof(order.addresses));
	sent = find_credential(client, &order);
	len = order_pack(&order, buf, sizeof(buf));
	sent = sent && broker_send_keypair(client->relays, relay) &&
	    ipc_send(relay, O_ORDER, 0, buf, len, -1) == 0 &&
	    ipc_send(relay, O_CHANNEL, 0, NULL, 0, channel) == 0;
	explicit_bzero(buf, len);
	explicit_bzero(&order, sizeof(order));
	return sent;
}

static void
give_now(struct client *client)
{
	client->wants_relay = false;
	broker_forget(client);
	client->relay_ticket = broker_fork(ROLE_RELAY);
}

/* The session's end of a new channel goes to it, the other to the relay. */
static void
introduce(struct client *client)
{
	int pair[2];

	if (ipc_pair(pair) == -1) {
		log_event(client->id, "relay-failed", "%s", strerror(errno));
		broker_forget(client);
		client_answer(client, S_RELAY, NULL, 0, -1);
		return;
	}
	if (!send_order(client, client->relay, pair[0]))
		broker_forget(client);	/* the session sees it closed */
	client_answer(client, S_RELAY, NULL, 0, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static void
relay_born(struct client *client, pid_t pid, int channel)
{
	client->relay_ticket = 0;
	if (channel == -1) {
		log_event(client->id, "relay-failed", "cannot be forked");
		client_answer(client, S_RELAY, NULL, 0, -1);
		return;
	}
	client->relay = channel;
	client->relay_pid = pid;
	client->relay_readable = event_new(monitor.base, channel,
	    EV_READ | EV_PERSIST, on_relay, client);
	if (client->relay_readable == NULL)
		fatal("broker: out of memory");
	event_add(client->relay_readable, NULL);
	introduce(client);
}

void
broker_relay_born(uint32_t ticket, pid_t pid, int channel)
{
	struct client *client;

	if (channel != -1)
		fcntl(channel, F_SETFL, O_NONBLOCK);
	if (probe_born(ticket, pid, channel))
		return;
	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->relay_ticket == ticket) {
			relay_born(client, pid, channel);
			return;
		}
	if (channel != -1)
		close(channel);	/* who wanted it is gone; so it ends */
}

void
broker_probed(const struct relay_set *set)
{
	struct client *client, *next;

	for (client = LIST_FIRST(&monitor.clients); client != NULL;
	    client = next) {
		next = LIST_NEXT(client, entry);
		if (client->relays != set)
			continue;
		if (client->wants_relay)
			give_now(client);
		if (client->wants_verdict)
			login_tell(client);
	}
}

void
broker_give_relay(struct client *client)
{
	probe_refresh(client->relays);
	if (!client->relays->known && probe_is_awaited(client->relays))
		client->wants_relay = true;
	else
		give_now(client);
}
