/*
 * The world of fuzz_session.c, which has the client: session_roles.c is the
 * monitor, the relay and imapfetch, session_judge.c looks at what came out.
 */
#ifndef TESTS_SESSION_WORLD_H
#define TESTS_SESSION_WORLD_H

#include "session.h"
#include "smtp/proxy.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define OUT_MAX		(1 << 20)
#define INPUT_MAX	6000
#define QUEUE_MAX	512
#define MESSAGES_MAX	512

enum { CLIENT = 100, MONITOR, RELAY, FETCH };

enum {	/* the scene, first octet */
	TLS_AT_ONCE = 1, TLS_OPTIONAL = 2, PROXY = 4, XCLIENT = 8, IMAP = 16,
	CERTIFICATE = 32, LOGGED_IN = 64, UNGATED = 128
};
enum {	/* the second */
	SMALL = 1, FEW = 2, PLAIN_RELAY = 4, NO_RELAY = 8, EARLY = 16,
	HOSTILE = 32, LEAVE = 64, VERBOSE = 128
};

struct channel {	/* frames to the session */
	struct { uint16_t type, flags; unsigned len; int fd;
	    unsigned char *data; } queue[QUEUE_MAX];
	unsigned first, n;
	bool open, closed_by_us;
};

struct world {
	unsigned scene, scene2, seed;
	bool drip;		/* cut into pieces, frames one by one */
	const uint8_t *in;
	size_t size, pos, gate;
	char put_back[PROXY_MAX];
	size_t put_back_len, put_back_pos;
	bool eof, late;
	unsigned random, polls;
	int64_t ms;
	struct channel channels[3];	/* MONITOR.. */
	bool authenticated, tls, helo;
	unsigned failures;
	/* the relay */
	bool has_mail, refused, asked_relay;
	unsigned rcpts;
	/* what came out */
	char *out, *body;
	size_t out_len, body_len, taken_len;
	size_t ends[MESSAGES_MAX];
	unsigned messages;
	bool comparable;
};

extern struct world w;
extern struct service service;

unsigned random_below(unsigned n);

/* session_roles.c */
struct channel *channel(int fd);
void tell(int from, uint16_t type, uint16_t flags, const void *, size_t,
    int fd);
void drop_frames(struct channel *);
/* What a URL names. */
size_t content_of(const unsigned char *url, size_t n, char content[64]);

/* session_judge.c */
void judge(void);

#endif
