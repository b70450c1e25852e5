/*
 * The monitor's dealings with imapfetch: started at a session's first BURL,
 * told who the user is and how to log in at the IMAP servers, then left
 * alone with the session. It ends when the monitor closes its channel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/spawn.h"
#include "monitor.h"

/* user and password for each `imap` line, as its file says */
static char users[IMAPS_MAX][LOGIN_SIZE], passwords[IMAPS_MAX][LOGIN_SIZE];

bool
fetcher_load_secrets(char *error, size_t size)
{
	const struct config *conf = &monitor.service->conf;
	size_t i;

	for (i = 0; i < conf->n_imaps; i++)
		if (conf->imaps[i].credentials != NULL &&
		    !secret_read_login(conf->imaps[i].credentials, users[i],
		    passwords[i], LOGIN_SIZE, error, size))
			return false;
	return true;
}

bool
fetcher_needs_passwords(void)
{
	const struct config *conf = &monitor.service->conf;
	size_t i;

	for (i = 0; i < conf->n_imaps; i++)
		if (conf->imaps[i].login == IMAP_PASSTHROUGH)
			return true;
	return false;
}

/* Its descriptor 3 is our channel, and it has no other. */
static int
spawn_imapfetch(int channel)
{
	static char path_variable[] = "PATH=/usr/bin:/bin";
	static char to_syslog[] = "syslog";
	char path[4096];
	char *argv[] = { path, log_is_syslog() ? to_syslog : NULL, NULL };
	char *env[] = { path_variable, NULL };
	struct spawn s = {
		.argv = argv, .env = env, .own_stdio = true,
		.n_fds = 1, .from = { channel }, .to = { 3 }
	};
	pid_t pid;

	snprintf(path, sizeof(path), "%s/imapfetch",
	    monitor.service->conf.libexec);
	return spawn(&s, &pid);
}

static bool
tell_order(const struct client *client)
{
	const struct config *conf = &monitor.service->conf;
	unsigned char buf[2048];
	struct pack pack;
	bool sent;

	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, client->id);
	pack_string(&pack, client->user);
	pack_string(&pack, client->password);
	pack_u32(&pack, conf->imap_timeout);
	pack_u32(&pack, (uint32_t)conf->fetch_uid);
	pack_u32(&pack, (uint32_t)conf->fetch_gid);
	sent = ipc_send(client->fetch, F_ORDER, 0, buf, pack.len, -1) == 0;
	explicit_bzero(buf, sizeof(buf));
	return sent;
}

static bool
tell_server(const struct client *client, size_t i)
{
	const struct imap_line *imap = &monitor.service->conf.imaps[i];
	unsigned char buf[8192];
	struct pack pack;
	bool sent;

	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, imap->url);
	pack_u8(&pack, imap->login);
	pack_string(&pack, users[i]);
	pack_string(&pack, passwords[i]);
	pack_string(&pack, imap->ca);
	sent = !pack.bad && ipc_send(client->fetch, F_SERVER, 0, buf,
	    pack.len, -1) == 0;
	explicit_bzero(buf, sizeof(buf));
	return sent;
}

static bool
instruct(const struct client *client, int session)
{
	size_t i;

	if (!tell_order(client))
		return false;
	for (i = 0; i < monitor.service->conf.n_imaps; i++)
		if (!tell_server(client, i))
			return false;
	return ipc_send(client->fetch, F_CHANNEL, 0, NULL, 0, session) == 0;
}

static bool
start(struct client *client)
{
	int pair[2], error;

	if (ipc_pair(pair) == -1) {
		log_event(client->id, "imapfetch-failed", "%s",
		    strerror(errno));
		return false;
	}
	client->fetch = pair[0];
	error = spawn_imapfetch(pair[1]);
	close(pair[1]);
	if (error != 0)
		log_event(client->id, "imapfetch-failed", "%s",
		    strerror(error));
	return error == 0;
}

void
fetcher_forget(struct client *client)
{
	if (client->fetch != -1)
		close(client->fetch);
	client->fetch = -1;
	if (client->password != NULL)
		freezero(client->password, strlen(client->password));
	client->password = NULL;
}

void
fetcher_give(struct client *client)
{
	int pair[2] = { -1, -1 };

	if (client->fetch != -1)
		close(client->fetch);
	client->fetch = -1;
	if (start(client) && ipc_pair(pair) == 0 &&
	    instruct(client, pair[0])) {
		client_answer(client, S_FETCH, NULL, 0, pair[1]);
	} else {
		if (client->fetch != -1)
			close(client->fetch);
		client->fetch = -1;
		client_answer(client, S_FETCH, NULL, 0, -1);
	}
	if (pair[0] != -1) {
		close(pair[0]);
		close(pair[1]);
	}
}
