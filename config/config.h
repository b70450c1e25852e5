/*
 * The configuration: what smtpsubmitd.conf(5) says, checked. It holds names
 * of files with secrets, never their contents, so every process may have it.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/network.h"
#include "base/pin.h"
#include "base/tls.h"
#include "imap/server.h"
#include "mta/route.h"
#include "smtp/smtp.h"

#define LISTENS_MAX	16
#define ROUTES_MAX	8
#define IMAPS_MAX	8
#define PINS_MAX	8
#define PROXIES_MAX	64

struct listen_line {
	struct sockaddr_storage address;
	socklen_t len;
	bool tls;
	const char *text;
};

/* A line of the senders file: who may use these addresses. */
struct sender_line {
	char *login;
	char *addresses;	/* parted by spaces */
};

/* A program that decides about logins, with auth-reply behind it. */
struct helper {
	char **argv;		/* NULL: none */
	size_t n;
};

/* An IMAP server that BURL may fetch from, and how. */
struct imap_line {
	char *url;
	struct imap_server server;
	enum imap_login login;
	char *credentials;	/* file, NULL for passthrough */
	char *ca;		/* file, NULL: the system's */
};

struct config {
	char hostname[256];
	char domain[256];	/* "" : none */
	struct listen_line listens[LISTENS_MAX];
	size_t n_listens;
	struct network proxies[PROXIES_MAX];	/* that are trusted */
	size_t n_proxies;
	bool proxy_protocol;	/* they begin with its header */
	struct certificate certificates[TLS_KEYS_MAX];
	size_t n_certificates;
	char *client_ca;	/* file, NULL: no client certificates */
	enum tls_policy tls;
	struct helper auth, auth_token;
	unsigned auth_tries, auth_delay, auth_penalty;	/* ms */
	unsigned max_auth_helpers;
	struct route routes[ROUTES_MAX];
	size_t n_routes, n_referrals;	/* the latter stand behind them */
	char *referrals[ROUTES_MAX];	/* names of hosts */
	char *relay_credentials, *relay_ca;	/* files or NULL */
	struct pin relay_pins[PINS_MAX];
	size_t n_relay_pins;
	struct certificate relay_certificate;	/* ours, chain NULL: none */
	struct sender_line *senders;
	size_t n_senders;
	bool senders_any;
	struct imap_line imaps[IMAPS_MAX];
	size_t n_imaps;
	uint64_t max_size, max_header;
	unsigned user_limit, user_limit_period; /* recipients, s; 0: none */
	unsigned max_recipients, max_connections, max_per_source;
	unsigned idle_timeout, relay_timeout, imap_timeout;	/* ms */
	bool received_client, relay_xclient, relay_per_user, relay_token;
	unsigned idle_exit;	/* ms, 0: never */
	char user[64];
	uid_t uid;		/* of the roles when started as root */
	gid_t gid;
	char fetch_user[64];	/* of imapfetch, "": the same */
	uid_t fetch_uid;
	gid_t fetch_gid;
	char *libexec;
	enum log_target log;
};

/*
 * Reads the file. Every error is written to stderr as `file:line: what is
 * wrong, what is allowed`. Returns their number.
 */
unsigned config_load(const char *path, struct config *);

/* Whether this address is a trusted-proxy, which may name its clients. */
bool config_trusts(const struct config *, const char *address);

/* The addresses a login may send as: "" means the login itself. */
const char *config_senders(const struct config *, const char *login);

#endif
