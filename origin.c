/*
 * Where a client comes from, when a proxy is in between: the session has read
 * it off the network, the monitor believes it of a trusted-proxy only, whose
 * address it has from the nursery, and once; the nursery counts it anew, for
 * the limit is on clients, not on proxies.
 */
#include <string.h>

#include "monitor.h"

static void
tell_nursery(const struct client *client)
{
	unsigned char buf[128];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)client->pid);
	pack_string(&pack, client->address);
	monitor_tell_nursery(M_CLIENT, buf, pack.len, -1);
}

/*
 * Of several proxies in a row each is known by the one before. So a proxy
 * that passes on what its clients say lends them no trust.
 */
const char *
origin_request(struct client *client, struct unpack *unpack)
{
	char told[CLIENT_SIZE], normal[CLIENT_SIZE];

	unpack_string(unpack, told, sizeof(told));
	if (!unpack_done(unpack) ||
	    !address_normal(told, normal, sizeof(normal)))
		return "malformed client address";
	if (!config_trusts(&monitor.service->conf, client->address))
		return "names a client, but is no trusted-proxy";
	if (client->auth != NULL || client->delay != NULL)
		return "names a client amid a login";
	strlcpy(client->address, normal, sizeof(client->address));
	client->origin = ORIGIN_ASKED;
	tell_nursery(client);
	return NULL;
}

static void
turn_away(struct client *client)
{
	struct log_line line;

	log_start(&line, client->id, "turned-away");
	log_str(&line, "client", client->address);
	log_str(&line, "reason", "max-connections-per-source");
	log_end(&line);
}

void
origin_counted(pid_t pid, bool welcome)
{
	unsigned char verdict = welcome;
	struct client *client;

	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->pid == pid && client->origin == ORIGIN_ASKED)
			break;
	if (client == NULL)
		return;		/* gone meanwhile */
	client->origin = welcome ? ORIGIN_KNOWN : ORIGIN_REFUSED;
	if (!welcome)
		turn_away(client);
	client_answer(client, S_CLIENT, &verdict, 1, -1);
}
