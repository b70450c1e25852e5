/*
 * The load generator: load.c has the loop, options.c what load.c's head tells
 * of, client.c the dialogue of one connection, wire.c its octets, tally.c the
 * results. flood.c is another program, on the same wire.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/content.h"

#define OUT_SIZE	32768
#define IN_SIZE		8192
#define QUEUE		256
#define TEXT		2048
#define SIZES		16

enum way { BY_DATA, BY_BDAT, BY_BURL, BY_MIXED };
enum security { IN_CLEAR, STARTTLS, IMPLICIT };
enum stop { AT_CONNECT, AT_GREETING, AT_LOGIN, AT_MESSAGE, AT_END };

struct options {
	const char *user, *password, *from, *to, *url;
	uint16_t port, sink;
	unsigned long n, c, messages, ahead;
	size_t sizes[SIZES], n_sizes, chunk;
	enum way by;
	enum security tls;
	enum stop stop;
	uint32_t source;		/* in the host's order */
	unsigned sources;
	bool hold, pipelining, tell;
	bool tls12;			/* no later TLS */
	bool leaving;			/* `seconds` are over */
	double drip, think, ramp, seconds, timeout, patience;	/* seconds */
	uint64_t run;			/* in Message-IDs and bodies */
};
extern struct options options;

/* The replies that are waited for. */
enum awaited { GREETING, EHLO, TLS_READY, AUTH, MAIL, RCPT, READY, CHUNK,
	FINAL, QUIT };
/* What is timed. */
enum timing { T_GREETING, T_AUTH, T_MAIL, T_FINAL, T_MESSAGE, T_SESSION,
	T_COUNT };

/* What the client writes next, as soon as it may. */
enum stage { IDLE, SEND_MAIL, SEND_RCPT, SEND_DATA, SEND_BODY, SEND_BDAT,
	SEND_CHUNK, SEND_BURL, SEND_QUIT, SENT_ALL };

struct wait {
	enum awaited what;
	double since;		/* its last octet was written; 0: not yet */
};

struct client {
	int fd;
	SSL *ssl;		/* NULL in the clear */
	bool connecting, handshaking, want_write, held, registered_write;
	enum stage stage;
	/* the wire */
	char out[OUT_SIZE], in[IN_SIZE];
	size_t out_from, out_len, in_len;
	uint64_t clear_in, clear_out;	/* octets before TLS */
	uint64_t seen_in, seen_out;	/* all, when last looked */
	bool sent;			/* something since octets came */
	unsigned turns;
	double next_drip, pause_until;	/* 0: does not pause */
	bool thought;			/* before what comes next */
	/* the dialogue */
	struct wait queue[QUEUE];
	unsigned queue_first, queued;
	bool pipelining, chunking;
	unsigned long begun, ended;	/* messages */
	enum way way;			/* of the one under way */
	struct content content;
	size_t offset, chunk_left;
	double start, mail_at;
	unsigned number;
};

/* options.c */
void options_set(char *word);	/* key=value; ends the program if it is none */

/* client.c */
void client_begin(struct client *);
void client_ready(struct client *);	/* the socket is readable or writable */
void client_go_on(struct client *);	/* after being held */

/* wire.c: what read(2) and write(2) return; -2: not now. */
void wire_prepare(void);		/* before TLS is wanted */
void wire_start_tls(struct client *);
int wire_handshake(struct client *);	/* 0 done, -1, -2 */
ssize_t wire_read(struct client *);	/* appends to in */
ssize_t wire_write(struct client *);	/* from out; -2 after a short one */
void wire_close(struct client *);
const char *wire_error(void);
double now(void);			/* s of CLOCK_MONOTONIC */

/* load.c: message n of the run, and what becomes of a client */
size_t message_size(unsigned long n);
enum way message_way(unsigned long n);
void session_held(struct client *);
void session_done(struct client *);
__attribute__((format(printf, 2, 3)))
void session_failed(struct client *, const char *, ...);

/* tally.c */
void tally_begin(void);
void timed(enum timing, double seconds);
void message_done(const struct client *);
/* What it has begun may have arrived, or not. */
void messages_doubtful(const struct client *);
bool tally_print(void);		/* false: the sink got something else */

#endif
