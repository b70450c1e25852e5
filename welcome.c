/*
 * The nursery at its door: whether a connection may come in, and the birth of
 * its session.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "smtp/reply.h"
#include "children.h"
#include "nursery.h"

/* It is a crowd when less than one in so many places is free. */
#define CROWD 8

static void
random_id(char id[SESSION_ID_SIZE])
{
	/* no letters that are mistaken for one another */
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char bits[SESSION_ID_SIZE - 1];
	size_t i;

	arc4random_buf(bits, sizeof(bits));
	for (i = 0; i < sizeof(bits); i++)
		id[i] = letters[bits[i] % 32];
	id[i] = '\0';
}

/* A v4 client of a v6 socket is shown as what it is. */
static void
client_text(const struct sockaddr_storage *ss, char *text, size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

	strlcpy(text, "local", size);
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, (socklen_t)size);
	else if (ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text,
		    (socklen_t)size);
	else if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t)size);
}

/* Over a limit: said in the clear, for a handshake would cost a process. */
static void
turn_away(int fd, bool tls, const char *client, const char *why)
{
	char line[REPLY_LINE_MAX], rest[512];
	struct log_line log;
	size_t n;

	log_start(&log, NULL, "turned-away");
	log_str(&log, "client", client);
	log_str(&log, "reason", why);
	log_end(&log);
	if (!tls) {
		n = reply_format(line, sizeof(line), R_TOO_MANY_CONNECTIONS,
		    NULL);
		if (send(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
			/* unread input would turn our FIN into a RST */
			shutdown(fd, SHUT_WR);
			while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
				;
		}
	}
	close(fd);
}

static void
tell_newborn(pid_t pid, const struct birth *who, int channel)
{
	unsigned char buf[256];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)pid);
	pack_string(&pack, who->id);
	pack_string(&pack, who->client);
	pack_u8(&pack, who->tls);
	nursery_tell(N_NEWBORN, &pack, channel);
}

static void
bear_session(int client, const struct birth *who)
{
	int pair[2], keep[3];
	pid_t pid;

	if (ipc_pair(pair) == -1) {
		turn_away(client, who->tls, who->client, strerror(errno));
		return;
	}
	pid = children_birth(ROLE_SESSION, who->client);
	if (pid == 0) {
		keep[0] = client;
		keep[1] = pair[1];
		keep[2] = log_descriptor();
		sandbox_close_others(keep, 3);
		session_main(nursery.service, who, client, pair[1]);
	}
	close(pair[1]);
	if (pid == -1) {
		turn_away(client, who->tls, who->client, strerror(errno));
	} else {
		tell_newborn(pid, who, pair[0]);
		close(client);
	}
	close(pair[0]);
}

static void
tell_crowd(size_t connections)
{
	unsigned char buf[8];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)connections);
	nursery_tell(N_CROWD, &pack, -1);
}

bool
is_too_many(const char *client, size_t same)
{
	const struct config *conf = &nursery.service->conf;

	return same >= conf->max_per_source && !config_trusts(conf, client);
}

void
welcome(int fd, const struct sockaddr_storage *ss, bool tls)
{
	const struct config *conf = &nursery.service->conf;
	struct birth who;
	size_t all, same;

	client_text(ss, who.client, sizeof(who.client));
	random_id(who.id);
	who.tls = tls;
	census_count(who.client, &all, &same);
	if (all >= conf->max_connections || is_too_many(who.client, same)) {
		nursery_reap();
		census_count(who.client, &all, &same);
	}
	if (all >= conf->max_connections - conf->max_connections / CROWD)
		tell_crowd(all);
	if (all >= conf->max_connections)
		turn_away(fd, tls, who.client, "max-connections");
	else if (is_too_many(who.client, same))
		turn_away(fd, tls, who.client, "max-connections-per-source");
	else
		bear_session(fd, &who);
}
