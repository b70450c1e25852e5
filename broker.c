/*
 * The monitor's dealings with relay processes: has the nursery fork them,
 * gives them user, credential and addresses, hands the session its channel,
 * and remembers what they report of the next server. It resolves no name and
 * reads no network byte itself; a probe does, that has no credential.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "ledger.h"
#include "monitor.h"

#define ADDRESSES_AGE	300	/* seconds until names are resolved anew */
#define FIRST_PROBE	2	/* seconds that connections wait for it */
#define PROBE_LIMIT	30
#define PROBE_REST	5	/* between those that relays ask for */

static struct {
	struct report report;
	bool known;		/* addresses are, or none is needed */
	time_t learnt;
	bool served;		/* the nursery was told to accept */
	uint32_t probe_ticket;	/* of the one being forked, 0: none */
	int probe;		/* channel, -1: none is under way */
	pid_t probe_pid;
	time_t probed;
	struct event *probe_readable, *probe_limit;
	char user[LOGIN_SIZE], password[LOGIN_SIZE];
} broker = { .probe = -1 };

bool
broker_load_secrets(char *error, size_t size)
{
	const struct config *conf = &monitor.service->conf;

	if (conf->relay_credentials == NULL)
		return true;
	return secret_read_login(conf->relay_credentials, broker.user,
	    broker.password, LOGIN_SIZE, error, size);
}

/* The nursery's children inherit it and so does what EHLO offers. */
static void
serve(void)
{
	unsigned char buf[32];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, broker.report.ehlo.capabilities);
	pack_u64(&pack, broker.report.ehlo.size);
	monitor_tell_nursery(M_SERVE, buf, pack.len, -1);
	if (!broker.served)
		generation_ready();
	broker.served = true;
}

/* Has a process forked; broker_relay_born() gets its channel. */
static uint32_t
fork_relay(enum role role)
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

static void
learn(const struct report *report)
{
	bool news = memcmp(&report->ehlo, &broker.report.ehlo,
	    sizeof(report->ehlo)) != 0;

	broker.report = *report;
	broker.known = true;
	broker.learnt = time(NULL);
	if (monitor.single)
		state_save(&monitor.service->conf, &broker.report);
	if (news || !broker.served)
		serve();
}

static void give_to_all_waiting(void);

static void
end_probe(void)
{
	if (broker.probe_limit == NULL)
		return;
	event_free(broker.probe_limit);
	broker.probe_limit = NULL;
	broker.probe_ticket = 0;
	if (broker.probe != -1) {
		event_free(broker.probe_readable);
		close(broker.probe);
	}
	broker.probe = -1;
	if (!broker.served)
		serve();
	give_to_all_waiting();
}

static void
on_probe(evutil_socket_t fd, short what, void *arg)
{
	struct report report;
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what, (void)arg;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1 && monitor.frame.fd != -1)
		close(monitor.frame.fd);
	else if (n == 1 && monitor.frame.type == O_CAPABILITIES &&
	    report_unpack(&report, monitor.frame.data, monitor.frame.len))
		learn(&report);
	else
		log_event(NULL, "relay-probe", "no relay answered");
	end_probe();
}

static void
on_probe_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	if (!broker.served) {
		/* the first connections should not wait any longer */
		event_add(broker.probe_limit,
		    &(struct timeval){ PROBE_LIMIT, 0 });
		serve();
		return;
	}
	log_event(NULL, "relay-probe", "no relay answered in time");
	end_probe();
}

static void
begin_probe(void)
{
	struct timeval limit = { broker.served ? PROBE_LIMIT : FIRST_PROBE,
	    0 };

	if (broker.probe_limit != NULL)
		return;
	broker.probe_limit = evtimer_new(monitor.base, on_probe_limit, NULL);
	if (broker.probe_limit == NULL)
		fatal("broker: out of memory");
	event_add(broker.probe_limit, &limit);
	broker.probed = time(NULL);
	broker.probe_ticket = fork_relay(ROLE_PROBE);
}

static void
probe_born(pid_t pid, int channel)
{
	broker.probe_ticket = 0;
	broker.probe_pid = pid;
	if (channel == -1) {
		end_probe();
		return;
	}
	broker.probe = channel;
	broker.probe_readable = event_new(monitor.base, channel,
	    EV_READ | EV_PERSIST, on_probe, NULL);
	if (broker.probe_readable == NULL)
		fatal("broker: out of memory");
	event_add(broker.probe_readable, NULL);
}

void
broker_start(void)
{
	const struct config *conf = &monitor.service->conf;
	size_t i;

	/* one connection and the end: an earlier process may have looked */
	if (monitor.single && state_load(conf, &broker.report)) {
		broker.known = true;
		serve();
		return;
	}
	broker.known = true;
	for (i = 0; i < conf->n_routes; i++)
		broker.known &= route_is_numeric(&conf->routes[i]);
	begin_probe();
}

/* A probe that waits for a silent server must not hold up the end. */
void
broker_stop(void)
{
	if (broker.probe != -1 && !monitor.single)
		monitor_kill(broker.probe_pid);
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
	if (!unpack_done(&unpack) || conf->user_limit == 0)
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
		if (time(NULL) - broker.probed > PROBE_REST)
			begin_probe();
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

static bool
send_order(const struct client *client, int relay, int channel)
{
	unsigned char buf[IPC_PAYLOAD_MAX];
	struct order order;
	size_t len;
	bool sent;

	memset(&order, 0, sizeof(order));
	strlcpy(order.user, client->user, sizeof(order.user));
	strlcpy(order.senders, client->senders, sizeof(order.senders));
	strlcpy(order.id, client->id, sizeof(order.id));
	strlcpy(order.client, client->address, sizeof(order.client));
	strlcpy(order.relay_user, broker.user, sizeof(order.relay_user));
	strlcpy(order.relay_password, broker.password,
	    sizeof(order.relay_password));
	memcpy(order.addresses, broker.report.addresses,
	    sizeof(order.addresses));
	len = order_pack(&order, buf, sizeof(buf));
	sent = ipc_send(relay, O_ORDER, 0, buf, len, -1) == 0 &&
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
	client->relay_ticket = fork_relay(ROLE_RELAY);
}

/* The session's end of a new channel goes to it, the other to the relay. */
static void
introduce(struct client *client)
{
	int pair[2];

	if (ipc_pair(pair) == -1) {
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
	if (ticket == broker.probe_ticket) {
		probe_born(pid, channel);
		return;
	}
	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->relay_ticket == ticket) {
			relay_born(client, pid, channel);
			return;
		}
	if (channel != -1)
		close(channel);	/* who wanted it is gone; so it ends */
}

static void
give_to_all_waiting(void)
{
	struct client *client;

	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->wants_relay)
			give_now(client);
}

void
broker_give_relay(struct client *client)
{
	bool old = !monitor.single &&
	    time(NULL) - broker.learnt > ADDRESSES_AGE;

	if (!broker.known || old)
		begin_probe();
	if (!broker.known && broker.probe_limit != NULL)
		client->wants_relay = true;
	else
		give_now(client);
}
