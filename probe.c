/*
 * What the monitor knows of the next servers: for the configured relays, and
 * for those that a helper has named for a user, where they are, which do not
 * answer, and what the first that does offers. It resolves no name and reads
 * no network octet itself: a probe does, a relay process without a password.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define SETS_KEPT	64	/* of relays that nobody uses now */
#define FIRST_PROBE	2	/* seconds that connections wait for it */
#define PROBE_LIMIT	30
#define PROBE_REST	5	/* between those that relays ask for */
#define ADDRESSES_AGE	300	/* seconds until names are resolved anew */
#define FAILED_AGE	60	/* ... until one that failed is tried anew */

static LIST_HEAD(, relay_set) sets = LIST_HEAD_INITIALIZER(sets);
static struct relay_set *configured;
static size_t n_sets;
static bool served;		/* the nursery was told to accept */

/* Not of the wall clock, which may be set back. */
static time_t
seconds(void)
{
	return (time_t)(clock_ms() / 1000);
}

static bool
is_in_use(const struct relay_set *set)
{
	const struct client *client;

	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->relays == set)
			return true;
	return set == configured || set->limit != NULL;
}

/* There are no more of them than clients, and some that may come again. */
static void
make_room(void)
{
	struct relay_set *set, *oldest = NULL;

	if (n_sets < SETS_KEPT)
		return;
	LIST_FOREACH(set, &sets, entry)
		if (!is_in_use(set) && (oldest == NULL ||
		    set->probed < oldest->probed))
			oldest = set;
	if (oldest == NULL)
		return;
	LIST_REMOVE(oldest, entry);
	free(oldest);
	n_sets--;
}

struct relay_set *
probe_set(const char *urls)
{
	struct relay_set *set;

	LIST_FOREACH(set, &sets, entry)
		if (strcmp(set->urls, urls) == 0)
			return set;
	make_room();
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		fatal("probe: out of memory");
	set->channel = -1;
	strlcpy(set->urls, urls, sizeof(set->urls));
	LIST_INSERT_HEAD(&sets, set, entry);
	n_sets++;
	if (urls[0] == '\0')
		configured = set;
	return set;
}

/* The nursery's children inherit it and so does what EHLO offers. */
static void
serve(void)
{
	unsigned char buf[1024];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	ehlo_pack(&pack, &configured->report.ehlo);
	monitor_tell_nursery(M_SERVE, buf, pack.len, -1);
	if (!served)
		generation_ready();
	served = true;
}

static void
learn(struct relay_set *set, const struct report *report)
{
	bool news = memcmp(&report->ehlo, &set->report.ehlo,
	    sizeof(report->ehlo)) != 0;

	set->report = *report;
	set->known = true;
	set->learnt = seconds();
	if (set != configured)
		return;
	if (monitor.single)
		state_save(&monitor.service->conf, report);
	if (news || !served)
		serve();
}

static void
end_probe(struct relay_set *set)
{
	if (set->limit == NULL)
		return;
	event_free(set->limit);
	set->limit = NULL;
	set->ticket = 0;
	if (set->channel != -1) {
		event_free(set->readable);
		close(set->channel);
	}
	set->channel = -1;
	if (!served)
		serve();
	broker_probed(set);
}

static void
on_probe(evutil_socket_t fd, short what, void *arg)
{
	struct relay_set *set = arg;
	struct report report;
	int n = ipc_recv((int)fd, &monitor.frame);

	(void)what;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1 && monitor.frame.fd != -1)
		close(monitor.frame.fd);
	else if (n == 1 && monitor.frame.type == O_CAPABILITIES &&
	    report_unpack(&report, monitor.frame.data, monitor.frame.len))
		learn(set, &report);
	else
		log_event(NULL, "relay-probe", "no relay answered");
	end_probe(set);
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct relay_set *set = arg;

	(void)fd, (void)what;
	if (!set->waited) {
		/* who waits for it should not wait any longer */
		set->waited = true;
		event_add(set->limit, &(struct timeval){ PROBE_LIMIT, 0 });
		if (!served)
			serve();
		broker_probed(set);
		return;
	}
	log_event(NULL, "relay-probe", "no relay answered in time");
	if (set->channel != -1)
		monitor_kill(set->pid);	/* it hears nobody now */
	end_probe(set);
}

void
probe_begin(struct relay_set *set)
{
	struct timeval limit = { FIRST_PROBE, 0 };

	if (set->limit != NULL)
		return;
	set->waited = false;
	set->limit = evtimer_new(monitor.base, on_limit, set);
	if (set->limit == NULL)
		fatal("probe: out of memory");
	event_add(set->limit, &limit);
	set->probed = seconds();
	set->ticket = broker_fork(ROLE_PROBE);
}

bool
probe_is_awaited(const struct relay_set *set)
{
	return set->limit != NULL && !set->waited;
}

/* Where nobody answered, or no name could be resolved, it is urgent. */
static time_t
patience(const struct relay_set *set)
{
	static const struct ehlo nothing;

	return memcmp(&set->report.ehlo, &nothing, sizeof(nothing)) == 0 ?
	    PROBE_REST : FAILED_AGE;
}

void
probe_refresh(struct relay_set *set)
{
	time_t now = seconds();

	if (!set->known || (!monitor.single &&
	    now - set->learnt > ADDRESSES_AGE) ||
	    (set->report.failed != 0 && now - set->probed > patience(set)))
		probe_begin(set);
}

void
probe_doubt(struct relay_set *set)
{
	if (seconds() - set->probed > PROBE_REST)
		probe_begin(set);
}

bool
probe_born(uint32_t ticket, pid_t pid, int channel)
{
	struct relay_set *set;
	unsigned char buf[RELAYS_SIZE + 8];
	struct pack pack;

	LIST_FOREACH(set, &sets, entry)
		if (set->ticket == ticket)
			break;
	if (set == NULL)
		return false;
	set->ticket = 0;
	set->pid = pid;
	if (channel == -1) {
		end_probe(set);
		return true;
	}
	set->channel = channel;
	set->readable = event_new(monitor.base, channel,
	    EV_READ | EV_PERSIST, on_probe, set);
	if (set->readable == NULL)
		fatal("probe: out of memory");
	event_add(set->readable, NULL);
	broker_send_keypair(set, channel);
	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, set->urls);
	ipc_send(channel, O_PROBE, 0, buf, pack.len, -1);
	return true;
}

void
probe_start(void)
{
	const struct config *conf = &monitor.service->conf;
	struct relay_set *set = probe_set("");
	size_t i;

	/* one connection and the end: an earlier process may have looked */
	if (monitor.single && state_load(conf, &set->report)) {
		set->known = true;
		set->learnt = seconds();
		serve();
		return;
	}
	set->known = true;
	for (i = 0; i < conf->n_routes; i++)
		set->known &= route_is_numeric(&conf->routes[i]);
	probe_begin(set);
}

/* Those that wait for a silent server must not hold up the end. */
void
probe_stop(void)
{
	struct relay_set *set;

	LIST_FOREACH(set, &sets, entry)
		if (set->channel != -1 && !monitor.single)
			monitor_kill(set->pid);
}
