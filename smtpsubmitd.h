/*
 * The roles and what each file of the top level offers the others. The map
 * of the processes is on top of smtpsubmitd.c, their frames are in frames.h.
 */
#ifndef SMTPSUBMITD_H
#define SMTPSUBMITD_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipc.h"
#include "config/config.h"
#include "frames.h"
#include "smtp/ehlo.h"

#define SESSION_ID_SIZE	17	/* 16 letters and a NUL */
#define CLIENT_SIZE	64	/* an address as text */
#define USER_SIZE	256	/* a login */
#define SENDERS_SIZE	8192	/* the addresses it may use */
#define RELAYS_SIZE	1024	/* URLs of relays */
#define RELAY_FILE_SIZE	512	/* name of a file with a login */
#define GENERATION_SIZE	1000	/* connections */
#define CHANNEL_WAIT	10000	/* ms for a healthy process to take a frame */

enum role {
	ROLE_SESSION,
	ROLE_RELAY,
	ROLE_PROBE	/* a relay process that only looks what is there */
};

/* smtpsubmitd.c: what every process inherits */
struct service {
	struct config conf;
	struct tls *tls;	/* certificates, no key */
	struct ehlo relay;	/* what the next server offers */
	struct tls_config *verified, *opportunistic; /* towards it */
	bool foreground;
	int census;		/* descriptor, see census.c */
	int ledger;		/* the monitor's alone, see ledger.h; or -1 */
};

/* activation.c */
enum { SOCKETS_MAX = 32 };

struct socket_set {
	int listening[SOCKETS_MAX];
	bool tls[SOCKETS_MAX];
	size_t n;
	int connected;		/* inetd, Accept=yes; -1: none */
	bool connected_tls;
	bool from_system;	/* not by `listen` lines */
};

/*
 * Finds the sockets that systemd, inetd or an earlier generation has passed.
 * tls_at_once is -t. Must run before other files are opened.
 */
void activation_find(struct socket_set *, bool tls_at_once);
/* Opens those of the `listen` lines; false after a line on stderr. */
bool activation_listen(struct socket_set *, const struct config *);

/* generation.c */
/* argv: how to start this program again. Before activation_find(). */
void generation_start(char **argv);
bool generation_is_successor(void);
/* Its sockets are those of `listen` lines, as ours will be. */
bool generation_sockets_are_own(void);
int generation_census(void);	/* the predecessor's, or -1 */
int generation_ledger(void);
/* Tells the predecessor that we serve, and systemd that we are ready. */
void generation_ready(void);
/* Starts the next one; returns a descriptor that tells its fate, -1. */
int generation_next(const struct socket_set *, const struct service *,
    pid_t *);
/* Called when that descriptor is readable: true if it serves. */
bool generation_took_over(int fd, pid_t);
/* The main pid stays for whoever watches it, until its successors end. */
bool generation_must_wait(const struct service *);
void generation_block_signals(void);	/* first */
_Noreturn void generation_wait_for_successors(void);
void generation_notify_stopping(void);
/* ms between the signs of life that systemd wants (WatchdogSec=); 0: none */
unsigned generation_watchdog(void);
void generation_alive(void);
/* systemd holds the sockets and starts us again when a client comes. */
bool generation_is_activated(const struct socket_set *);

/* census.c */
int census_make(void);		/* a descriptor, to be handed on */
void census_open(int fd);	/* in the nursery */
void census_add(pid_t, const char *client);
void census_remove(pid_t);
void census_count(const char *client, size_t *all, size_t *of_client);
/* In the monitor, which has only the descriptor. */
bool census_is_empty(int fd);

/* nursery.c */
struct nursery {
	pid_t pid;
	int channel;
};
/* Forks it; the parent keeps the listening sockets only to pass them on. */
void nursery_start(struct nursery *, struct service *,
    const struct socket_set *);

/* monitor.c */
_Noreturn void monitor_run(struct service *, struct socket_set *,
    const struct nursery *);

/* auth.c */
struct auth_request;
struct auth_result {
	bool ran;		/* false: the helper could not tell */
	bool right;
	bool forged;		/* what a session sent was no proof */
	char reason[128];	/* of a certificate's refusal, or "" */
	char subject[256];	/* of the certificate, or "" */
	char user[USER_SIZE];
	char senders[SENDERS_SIZE];
	uint64_t max_size;	/* of a message, 0: as configured */
	/* relays of the user's own, and the file with his login there */
	char relays[RELAYS_SIZE], relay_credentials[RELAY_FILE_SIZE];
	bool relay_token;	/* the login is by an OAuth token */
};
typedef void (*auth_done)(void *arg, const struct auth_result *);
struct event_base;
void auth_init(struct event_base *, const struct config *);
/*
 * Until auth_run() nothing is done; the copy of the secret, a password or
 * token without NUL, is wiped after use.
 */
struct auth_request *auth_start(const struct helper *, const char *id,
    const char *client, const char *login, const void *secret, size_t len,
    auth_done, void *arg);
/*
 * The same by checkcertificate; takes the message, made by malloc(), of
 * which checkcertificate.c tells.
 */
struct auth_request *auth_start_certificate(const char *id,
    const char *client, void *message, size_t len, auth_done, void *arg);
/* When its turn has come; the answer comes later. */
void auth_run(struct auth_request *);
/* Nobody waits for the answer any more. */
void auth_cancel(struct auth_request *);

/* session.c */
struct birth {
	char id[SESSION_ID_SIZE];
	char client[CLIENT_SIZE];
	bool tls;		/* at once */
};
_Noreturn void session_main(struct service *, const struct birth *,
    int client, int monitor);

/* relay.c */
_Noreturn void relay_main(struct service *, enum role, int monitor);

#endif
