/*
 * The monitor in files: monitor.c has the loop, the sessions' request table
 * and the nursery's reports; lifetime.c signals and generations; crowd.c what
 * to do about too many; origin.c clients behind proxies; login.c the logins;
 * broker.c the relay processes; probe.c what is known of the next servers;
 * fetcher.c imapfetch. This is what they share.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <sys/queue.h>

#include <event2/event.h>
#include <time.h>

#include "base/clock.h"
#include "base/transcript.h"
#include "order.h"

/* Relays that are tried in turn, and what is known of them. */
struct relay_set {
	LIST_ENTRY(relay_set) entry;
	char urls[RELAYS_SIZE];	/* parted by spaces, "": the configured */
	struct report report;
	bool known;		/* addresses are, or none is needed */
	time_t learnt, probed;
	uint32_t ticket;	/* of the probe being forked, 0: none */
	int channel;		/* to the probe, -1: none is under way */
	pid_t pid;
	bool waited;		/* who waits has waited long enough */
	struct event *readable, *limit;
};

/* Whether a proxy has named the client it speaks for. */
enum origin {
	ORIGIN_PEER,	/* nobody has: the client is the peer */
	ORIGIN_ASKED,	/* the nursery is asked whether it may come */
	ORIGIN_KNOWN,
	ORIGIN_REFUSED	/* too many connections: nothing more is answered */
};

/* A session as the monitor knows it: its own record, never its word. */
struct client {
	LIST_ENTRY(client) entry;
	int channel;
	struct event *readable;
	pid_t pid;
	char id[SESSION_ID_SIZE], address[CLIENT_SIZE];
	int64_t born;		/* clock_ms() */
	bool sent_away;		/* to make room for others */
	enum origin origin;
	bool authenticated;
	char user[USER_SIZE], senders[SENDERS_SIZE];
	unsigned asked[8];	/* requests of each row of the table so far */

	struct auth_request *auth;
	char login[USER_SIZE];	/* being tried; a token may name none */
	enum sasl_mechanism mechanism;	/* says the session */
	unsigned tries;
	int64_t auth_begun;	/* clock_ms() */
	enum frame_type auth_by;	/* S_AUTH or S_CERTIFICATE */
	struct signing *signing;	/* NULL: nothing can be proved by it */
	enum auth_verdict verdict;
	struct event *delay;

	bool wants_verdict;	/* when its relays have been looked at */
	struct relay_set *relays;
	char relay_credentials[RELAY_FILE_SIZE];
	bool relay_token;	/* they are a token */
	uint64_t max_size;	/* of a message, 0: as configured */

	bool wants_relay;
	uint32_t relay_ticket;	/* of the one being forked, 0: none */
	int relay;		/* channel to its relay process, -1 */
	pid_t relay_pid;
	struct event *relay_readable;

	int fetch;		/* channel to its imapfetch, -1 */
	char *password;		/* kept for passthrough servers only */
};

/*
 * What was signed in the client's handshake, to know it again. Only where
 * clients are asked for certificates.
 */
struct signing {
	size_t hash_len, len;
	unsigned char hash[TRANSCRIPT_HASH_MAX];	/* of the transcript */
	unsigned char signature[SIGNATURE_MAX];
};

LIST_HEAD(clients, client);

struct monitor {
	struct service *service;
	struct socket_set *sockets;
	struct nursery nursery;
	struct event_base *base;
	struct clients clients;
	struct frame frame;	/* the one being handled */
	bool single;		/* one connection and the end: inetd */
	bool stopping;		/* no new connections, end when empty */
	unsigned born;		/* connections of this generation */
	struct event *nursery_readable;	/* NULL: gone */
	pid_t successor;	/* 0: none */
};

extern struct monitor monitor;

/* monitor.c */
void monitor_tell_nursery(uint16_t type, const void *, size_t, int fd);
void client_drop(struct client *);
void monitor_kill(pid_t);
/* Logs what it did and has it killed. */
void client_violation(struct client *, const char *what);
bool client_answer(struct client *, uint16_t type, const void *, size_t,
    int fd);

/* lifetime.c */
void lifetime_start(void);		/* watches the signals */
/* Begins the next generation; nothing if one is under way. */
void lifetime_renew(const char *why);
void lifetime_crashed(void);		/* a child has; so renew, in time */
void lifetime_nursery_gone(void);	/* as it was asked to */
void lifetime_client_came(void);
void lifetime_last_client_went(void);
/* Nothing would be lost, and nobody served worse, without this process. */
bool lifetime_may_rest(void);
_Noreturn void lifetime_end(void);	/* the loop has ended */

/* crowd.c: when so many connections are nearly too many */
void crowd_make_room(unsigned connections);

/* login.c: answers S_AUTH; NULL, or what was wrong with the request */
const char *login_request(struct client *, struct unpack *);
/* The same for S_CERTIFICATE. */
const char *login_certificate(struct client *, struct unpack *);
void login_tell(struct client *);	/* what it waited for is known */

/* origin.c: answers S_CLIENT, likewise, when the nursery has counted it */
const char *origin_request(struct client *, struct unpack *);
void origin_counted(pid_t, bool welcome);

/* broker.c */
bool broker_load_secrets(char *error, size_t size);
void broker_give_relay(struct client *);
/* Our own certificate and key, if these are the configured relays. */
bool broker_send_keypair(const struct relay_set *, int relay);
void broker_forget(struct client *);
/* The probe of these relays has ended, or takes too long to be waited for. */
void broker_probed(const struct relay_set *);
/* Has a process forked; returns its ticket. */
uint32_t broker_fork(enum role);
/* The nursery has forked one; channel -1: it could not. */
void broker_relay_born(uint32_t ticket, pid_t, int channel);

/* probe.c */
void probe_start(void);		/* looks at the configured relays */
void probe_stop(void);
/* The set of these relays, made if it is new. */
struct relay_set *probe_set(const char *urls);
void probe_begin(struct relay_set *);
/* One is under way that may be waited for. */
bool probe_is_awaited(const struct relay_set *);
/* Begins one if what is known is old. */
void probe_refresh(struct relay_set *);
/* A relay process has found it otherwise: looks, but not all the time. */
void probe_doubt(struct relay_set *);
/* False: the ticket is not one of ours. */
bool probe_born(uint32_t ticket, pid_t, int channel);

/* state.c: for the one connection of an inetd process */
/* $STATE_DIRECTORY/name; false if that is too long */
bool state_path(char *path, size_t size, const char *name);
bool state_load(const struct config *, struct report *);
void state_save(const struct config *, const struct report *);

/* fetcher.c */
bool fetcher_load_secrets(char *error, size_t size);
bool fetcher_needs_passwords(void);
/* Starts its imapfetch and hands the channel over; none if it cannot. */
void fetcher_give(struct client *);
void fetcher_forget(struct client *);

#endif
