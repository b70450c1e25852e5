/*
 * The monitor, when nearly all connections that there may be are taken: who
 * has not logged in for a while makes room for others, the oldest first. So
 * those who hold connections, from however many addresses, shut nobody out
 * who comes to log in.
 */
#include "monitor.h"

#define TIME_TO_LOG_IN	10000	/* ms that everybody has, in a crowd, too */
#define LOG_EVERY	60000	/* ms */

static struct client *
oldest_stranger(void)
{
	int64_t before = clock_ms() - TIME_TO_LOG_IN;
	struct client *client, *oldest = NULL;

	LIST_FOREACH(client, &monitor.clients, entry)
		if (!client->authenticated && client->born <= before)
			oldest = client;	/* the last are the oldest */
	return oldest;
}

static void
log_crowd(unsigned connections)
{
	static int64_t last;
	struct log_line line;

	if (last != 0 && clock_ms() - last < LOG_EVERY)
		return;
	last = clock_ms();
	log_start(&line, NULL, "crowd");
	log_num(&line, "connections", connections);
	log_num(&line, "max-connections",
	    monitor.service->conf.max_connections);
	log_str(&line, "reason", "who does not log in makes room for others");
	log_end(&line);
}

void
crowd_make_room(unsigned connections)
{
	struct client *client = oldest_stranger();

	log_crowd(connections);
	if (client == NULL)
		return;
	if (client->sent_away) {	/* and did not go */
		monitor_kill(client->pid);
		client_drop(client);
		return;
	}
	client->sent_away = true;
	client_answer(client, S_ROOM, NULL, 0, -1);
}
