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
#include "monitor.h"

#define ADDRESSES_AGE	300	/* seconds until names are resolved anew */
#define FIRST_PROBE	2	/* seconds that connections wait for it */
#define PROBE_LIMIT	30

static struct {
	struct report report;
	bool known;		/* addresses are, or none is needed */
	time_t learnt;
	bool served;		/* the nursery was told to accept */
	int probe;		/* channel, -1: none is under way */
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

/* Has a process forked; returns our end of its channel. */
static int
fork_relay(enum role role)
{
	unsigned char r = (unsigned char)role;
	int pair[2];

	if (ipc_pair(pair) == -1)
		return -1;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	monitor_tell_nursery(M_FORK_RELAY, &r, 1, pair[1]);
	close(pair[1]);
	return pair[0];
}

static void
learn(const struct report *report, bool addresses)
{
	bool news = memcmp(&report->ehlo, &broker.report.ehlo,
	    sizeof(report->ehlo)) != 0;

	broker.report.ehlo = report->ehlo;
	if (addresses) {
		memcpy(broker.report.addresses, report->addresses,
		    sizeof(report->addresses));
		broker.known = true;
		broker.learnt = time(NULL);
	}
	if (monitor.stopping && (news || addresses))
		state_save(&monitor.service->conf, &broker.report);
	if (news || !broker.served)
		serve();
}

static void give_to_all_waiting(void);

static void
end_probe(void)
{
	if (broker.probe == -1)
		return;
	event_free(broker.probe_readable);
	event_free(broker.probe_limit);
	close(broker.probe);
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
	if (n == 1 && monitor.frame.type == O_CAPABILITIES &&
	    report_unpack(&report, monitor.frame.data, monitor.frame.len))
		learn(&report, true);
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

	if (broker.probe != -1)
		return;
	broker.probe = fork_relay(ROLE_PROBE);
	if (broker.probe == -1)
		return;
	broker.probe_readable = event_new(monitor.base, broker.probe,
	    EV_READ | EV_PERSIST, on_probe, NULL);
	broker.probe_limit = evtimer_new(monitor.base, on_probe_limit, NULL);
	if (broker.probe_readable == NULL || broker.probe_limit == NULL)
		fatal("broker: out of memory");
	event_add(broker.probe_readable, NULL);
	event_add(broker.probe_limit, &limit);
}

void
broker_start(void)
{
	const struct config *conf = &monitor.service->conf;
	size_t i;

	/* one connection and the end: an earlier process may have looked */
	if (monitor.stopping && state_load(conf, &broker.report)) {
		broker.known = true;
		serve();
		return;
	}
	broker.known = true;
	for (i = 0; i < conf->n_routes; i++)
		broker.known &= route_is_numeric(&conf->routes[i]);
	begin_probe();
	if (broker.probe == -1)
		serve();
}

/* A relay process reports what the server it has reached can do. */
static void
on_relay(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	struct report report;
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1 && monitor.frame.type == O_CAPABILITIES &&
	    report_unpack(&report, monitor.frame.data, monitor.frame.len))
		learn(&report, false);
	else
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
	int pair[2];

	client->wants_relay = false;
	broker_forget(client);
	client->relay = fork_relay(ROLE_RELAY);
	if (client->relay == -1 || ipc_pair(pair) == -1) {
		log_event(client->id, "relay-failed", "%s", strerror(errno));
		client_drop(client);
		return;
	}
	client->relay_readable = event_new(monitor.base, client->relay,
	    EV_READ | EV_PERSIST, on_relay, client);
	if (client->relay_readable == NULL)
		fatal("broker: out of memory");
	event_add(client->relay_readable, NULL);
	if (!send_order(client, client->relay, pair[0]))
		broker_forget(client);	/* the session sees it closed */
	client_answer(client, S_RELAY, NULL, 0, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static void
give_to_all_waiting(void)
{
	struct client *client, *next;

	for (client = LIST_FIRST(&monitor.clients); client != NULL;
	    client = next) {
		next = LIST_NEXT(client, entry);
		if (client->wants_relay)
			give_now(client);
	}
}

void
broker_give_relay(struct client *client)
{
	bool old = !monitor.stopping &&
	    time(NULL) - broker.learnt > ADDRESSES_AGE;

	if (!broker.known || old)
		begin_probe();
	if (!broker.known && broker.probe != -1)
		client->wants_relay = true;
	else
		give_now(client);
}
