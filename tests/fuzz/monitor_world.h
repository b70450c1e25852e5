/*
 * The world of fuzz_monitor.c: monitor_system.c has the descriptors, the
 * event loop and what else of the system and of our own files the monitor is
 * linked with; monitor_sessions.c the sessions and the nursery,
 * monitor_relays.c relay processes, probes and imapfetch, monitor_helpers.c
 * the programs that decide about logins. Each judges what it is told.
 */
#ifndef TESTS_MONITOR_WORLD_H
#define TESTS_MONITOR_WORLD_H

#include "base/spawn.h"
#include "monitor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define INPUT_MAX	8000
#define FIRST_END	100
#define ENDS_MAX	4000
#define SESSIONS_MAX	10
#define RELAYS_MAX	64
#define FETCHES_MAX	64
#define RUNS_MAX	128
#define SAID_MAX	1500	/* octets of a helper's answer */
#define SECRET_MAX	8300

/* What begins all passwords of clients; ours; our key. */
#define PASSWORD	"pW~"
#define CREDENTIAL	"cR~"
#define KEY		"kEy~"

enum {	/* the scene, first octet */
	PER_USER = 1, OWN_LOGIN = 2, OWN_TOKEN = 4, OWN_KEY = 8,
	PASSTHROUGH = 16, CLIENT_CA = 32, LIMITED = 64, STAYING = 128
};
enum {	/* the second */
	TOKENS = 1, ANY_SENDER = 2, ONE_TRY = 4, ONE_HELPER = 8, NO_IMAP = 16,
	SLOW = 32, NAMED_ROUTE = 64
};

enum kind { NOBODY, NURSERY, SESSION, RELAY, FETCH, STANDING, RUN };

struct end {	/* a descriptor of the monitor's */
	bool open;
	int other;		/* of the same pair or pipe; -1 */
	enum kind kind;		/* who has the other end */
	unsigned who;
	enum kind given;	/* who has got a copy of this one */
	unsigned given_to;
	bool deaf, eof;
	/* a frame to the monitor that it has not yet taken */
	bool there, with_fd;
	int error;
	uint16_t type, flags;
	uint8_t *data;
	size_t len;
};

struct session {
	int fd;
	pid_t pid;
	char id[SESSION_ID_SIZE], address[CLIENT_SIZE];
	unsigned owed[S_ROOM + 1];	/* answers, by type */
	unsigned signatures, tries, logins;
	bool hash_signed;
	bool in_login, launched, busy, proved, token, told_yes;
	uint16_t login_type;
	int64_t login_at;
	char login[USER_SIZE], secret[SECRET_MAX + 1];
	char said[SAID_MAX + 1];	/* the helper, of its user */
	size_t said_len;
	int welcome;
	int64_t born;
	bool sent_away;
};

struct relay_process {
	int fd;
	pid_t pid;
	enum role role;
	bool keypair, ordered, born, used;
	char urls[RELAYS_SIZE];
	struct order order;
	uint32_t ticket, wanted;
	bool asked;		/* for an allowance */
};

struct fetch_process {
	int fd;
	unsigned session, servers;
	bool ordered;
};

struct run {
	pid_t pid;
	int ask, answer, channel;	/* the monitor's ends */
	bool certificate, told, over, killed, flood, closed, stays;
	bool within;		/* another's process, by ticket */
	unsigned host;
	uint32_t ticket;
	int session;		/* -1: not yet known */
	char client[CLIENT_SIZE], said[SAID_MAX + 1];
	size_t said_len, read;
};

struct world {
	unsigned scene, scene2;
	int64_t ms;
	pid_t last_pid;
	unsigned n_ends, n_sessions, n_relays, n_fetches, n_runs;
	int now;		/* the session being heard */
	unsigned relays_named;
	bool no_spawn, no_pair;
	long wait;		/* ledger_login_wait() */
	unsigned kills;
	pid_t killed;
	unsigned crashes, violations;
	/* each cleared when it is begun */
	struct end ends[ENDS_MAX];
	struct session sessions[SESSIONS_MAX];
	struct relay_process relays[RELAYS_MAX];
	struct fetch_process fetches[FETCHES_MAX];
	struct run runs[RUNS_MAX];
};

extern struct world w;
extern struct service service;

/* monitor_system.c */
struct end *end_of(int fd);
int new_end(enum kind, unsigned who);
void put_frame(int fd, uint16_t type, const void *, size_t, bool with_fd);
/* False: the monitor does not listen there. */
bool wake(int fd);
void hang_up(int fd);
void pass_time(int64_t ms);
unsigned events_left(void);
bool signs(unsigned key, const unsigned char *in, size_t n, size_t hash_len);
bool shows(const void *, size_t, const char *mark);

/* monitor_sessions.c */
void nursery_hears(uint16_t type, const void *, size_t, int fd);
void session_hears(struct session *, uint16_t type, const void *, size_t,
    int fd);
void newborn(const uint8_t *, size_t, bool no_room);
/* A frame of this session; a descriptor with it. */
void session_says(struct session *, uint16_t type, const void *, size_t,
    bool with_fd);
void session_spoils(struct session *, int error);
void session_ends(struct session *);
void nursery_counts(struct session *, bool welcome);
void nursery_is_crowded(void);
void nursery_reports(pid_t, int status, enum role, bool condemned);
struct session *session_of_id(const char *id);

/* monitor_relays.c */
void relay_wanted(uint32_t ticket, enum role);
enum birth_kind { BORN, NOT_BORN, NO_ROOM };
void relay_is_born(struct relay_process *, enum birth_kind);
void relay_hears(struct relay_process *, uint16_t type, const void *, size_t,
    int fd);
void relay_says(struct relay_process *, uint16_t type, const void *, size_t,
    bool with_fd);
void relay_spoils(struct relay_process *, int error);
void relay_ends(struct relay_process *);
void fetch_hears(struct fetch_process *, uint16_t type, const void *,
    size_t, int fd);
int fetch_spawned(const struct spawn *);
/* The session gets the other end of what was given to one of these. */
void judge_relay(const struct session *, int fd);
void judge_fetch(const struct session *, int fd);

/* monitor_helpers.c */
int helper_spawned(const struct spawn *, pid_t);
/* What the helper reads on descriptor 3. */
void run_is_told(struct run *, const void *, size_t);
ssize_t run_is_read(struct run *, void *, size_t);
void standing_hears(struct run *, uint16_t type, const void *, size_t,
    int fd);
void run_writes(struct run *, const uint8_t *, size_t);
void run_ends(struct run *, int status);
void run_stays(struct run *, bool unseen);
void standing_dies(struct run *, int status);
void helper_killed(pid_t);
/* The value of a word in what it said, or NULL. */
const char *said_value(const char *said, size_t n, const char *key);

#endif
