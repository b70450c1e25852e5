/*
 * The relay's next server: its addresses, the order of the configured ones,
 * opening, giving up, and what is reported of it to the monitor.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"

#define OPEN_TIMEOUT	20000	/* ms for a step of a new connection */
#define PROBE_TIMEOUT	30000	/* ms for all of a probe, as the monitor's */

enum reply
relay_trouble(enum mta_status status)
{
	switch (status) {
	case MTA_LOST:
		return R_RELAY_LOST;
	case MTA_TIMEOUT:
	case MTA_GONE:	/* the session has lost patience */
		return R_RELAY_TIMEOUT;
	case MTA_GARBAGE:
		return R_RELAY_GARBAGE;
	case MTA_LOGIN:
	case MTA_NO_LOGIN:
		return R_RELAY_LOGIN;
	default:
		return R_RELAY_DOWN;
	}
}

void
relay_log_failure(const struct route *route, const char *why)
{
	struct log_line line;

	log_start(&line, relay.order.id, "relay-failed");
	log_str(&line, "relay", route == NULL ? "" : route->url);
	log_str(&line, "reason", why);
	log_end(&line);
}

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
	int error = addresses_find(found, route->host, route->port);

	if (error != 0)
		relay_log_failure(route, gai_strerror(error));
}

static const struct addresses *
addresses_of(size_t i, struct addresses *space)
{
	const struct route *route = &relay.routes[i];

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
	memset(&relay.mta.ehlo, 0, sizeof(relay.mta.ehlo));
	relay.mta.ehlo.capabilities = CAP_8BITMIME | CAP_SMTPUTF8;
	return true;
}

static enum mta_status
open_route(size_t i)
{
	const struct route *route = &relay.routes[i];
	const struct addresses *found;
	struct addresses space;
	enum mta_status status;

	relay_send_answers();	/* this may take long */
	if (route->kind == ROUTE_MAILDIR) {
		status = open_maildir(i) ? MTA_OK : MTA_DOWN;
		if (status != MTA_OK)
			relay_log_failure(route, "the directory cannot be "
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
			relay_log_failure(route, relay.mta.why);
	}
	if (status == MTA_OK) {
		relay.route = route;
		relay.used = false;
		relay.transactions = 0;
	}
	return status;
}

/*
 * RFC 8689 4.2.1: REQUIRETLS needs a certificate that was verified. RFC 3030
 * 3: BINARYMIME needs chunks.
 */
uint32_t
nexthop_offers(void)
{
	uint32_t offered = relay.mta.ehlo.capabilities;

	if (!relay.mta.verified)
		offered &= ~(uint32_t)CAP_REQUIRETLS;
	if (!(offered & CAP_CHUNKING))
		offered &= ~(uint32_t)CAP_BINARYMIME;
	return offered;
}

enum mta_status
nexthop_open(const struct route *route)
{
	return open_route((size_t)(route - relay.routes));
}

const struct route *
nexthop_of_referral(const struct referral *referral)
{
	const struct route *route = relay.routes + relay.n_routes;
	size_t i;

	for (i = 0; i < relay.n_referrals; i++, route++)
		if (strcasecmp(route->host, referral->host) == 0 &&
		    (referral->port == 0 || referral->port == route->port))
			return route;
	return NULL;
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
	r.ehlo.capabilities = nexthop_offers() & CAP_FOR_CLIENTS;
	if (relay.route != NULL && relay.route->kind == ROUTE_LMTP)
		r.ehlo.limits[LIMIT_RCPT] = 1;
	r.failed = relay.failed;
	if (addresses == NULL && (relay.failed & ~relay.order.last) == 0 &&
	    (relay.order.relays[0] != '\0' || memcmp(&r.ehlo,
	    &relay.service->relay, sizeof(r.ehlo)) == 0))
		return;
	n = report_pack(&r, buf, sizeof(buf));
	ipc_send(relay.monitor, O_CAPABILITIES, 0, buf, n, -1);
	relay.service->relay = r.ehlo;
}

/*
 * The relays in order, until one answers; those that are known to be down
 * come last.
 */
static enum mta_status
open_any(void)
{
	enum mta_status status = MTA_DOWN;
	bool last;
	size_t i, turn;

	relay.failed = 0;
	for (turn = 0; turn < 2; turn++)
		for (i = 0; i < relay.n_routes; i++) {
			last = relay.order.last >> i & 1;
			if (last != (turn == 1))
				continue;
			status = open_route(i);
			if (status == MTA_OK || status == MTA_GONE)
				return status;
			relay.failed |= 1u << i;
		}
	return status;
}

void
relay_hang_up(void)
{
	if (relay.route != NULL && relay.maildir == NULL) {
		/* it is not to blame */
		if (relay.mta.failed &&
		    strcmp(relay.mta.why, STREAM_NO_MEMORY) == 0)
			relay_log_failure(relay.route, relay.mta.why);
		mta_close(&relay.mta);
	}
	relay.route = NULL;
	relay.maildir = NULL;
}

/* A connection that the other side has given up is renewed unseen. */
enum mta_status
nexthop_ensure(void)
{
	uint32_t most = relay.mta.ehlo.limits[LIMIT_MAIL];
	enum mta_status status;

	if (relay.route != NULL && relay.maildir == NULL &&
	    (mta_is_stale(&relay.mta) || (!relay.mail && most > 0 &&
	    relay.transactions >= most)))
		relay_hang_up();
	if (relay.route != NULL)
		return MTA_OK;
	status = open_any();
	if (status == MTA_OK)
		report(NULL);
	return status;
}

void
nexthop_probe(void)
{
	static struct addresses found[ROUTES_MAX];
	enum mta_status status;
	size_t i;

	relay.set.deadline = clock_ms() + PROBE_TIMEOUT;
	for (i = 0; i < relay.n_routes + relay.n_referrals; i++)
		if (!route_is_numeric(&relay.routes[i]))
			resolve(&relay.routes[i], &found[i]);
	memcpy(relay.order.addresses, found, sizeof(found));
	status = open_any();
	if (status == MTA_GONE)
		return;		/* known is what was known before */
	if (status != MTA_OK)
		memset(&relay.mta.ehlo, 0, sizeof(relay.mta.ehlo));
	report(found);
	relay_hang_up();
}

/*
 * Maildirs are opened by their names now, for these mean nothing in the jail;
 * a Unix socket's directory becomes its root.
 */
void
nexthop_open_places(struct sandbox_reach *reach)
{
	static char dir[sizeof(relay.routes[0].path)];
	const struct route *routes = relay.routes;
	size_t i;

	memset(reach, 0, sizeof(*reach));
	for (i = 0; i < relay.n_routes + relay.n_referrals; i++) {
		relay.maildirs[i].dir = -1;
		if (routes[i].kind == ROUTE_MAILDIR) {
			if (maildir_open(&relay.maildirs[i],
			    routes[i].path) == 0)
				reach->dirs[reach->n_dirs++] =
				    relay.maildirs[i].dir;
		} else if (routes[i].path[0] != '\0') {
			strlcpy(dir, routes[i].path, sizeof(dir));
			reach->root = dirname(dir);
		} else {
			reach->ports[reach->n_ports++] = routes[i].port;
		}
	}
}
