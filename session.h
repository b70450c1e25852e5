/*
 * The session process in files: session.c has the client and the loop,
 * settings.c what it offers, arrival.c the beginning behind a proxy, errands.c
 * what it asks of the other processes. This is what they share.
 */
#ifndef SESSION_H
#define SESSION_H

#include "base/clock.h"
#include "base/stream.h"
#include "smtpsubmitd.h"
#include "smtp/smtp.h"

/* Room for the longest line and a good piece of a message. */
#define INPUT_SIZE	(64 * 1024)

enum arrival {
	ARRIVAL_DONE,		/* nothing of a proxy is waited for */
	ARRIVAL_HEADER,		/* the PROXY header */
	ARRIVAL_ASKED		/* it came, the monitor is asked */
};

struct session {
	struct service *service;
	struct birth who;
	struct smtp_settings settings;
	struct smtp smtp;
	struct stream client;
	bool client_eof, readable;	/* more may be there without polling */
	bool handshaking;
	enum arrival arrival;
	char named[CLIENT_SIZE];	/* whom the monitor is asked to take */
	char proxy[CLIENT_SIZE];	/* who has named it, "": nobody */
	bool quiet;			/* no line for its coming and going */
	int monitor;
	int relay;			/* -1: none */
	bool relay_asked, relay_full;
	char told_helo[256];		/* what the relay knows */
	bool leaving;			/* the service stops */
	int64_t relay_deadline;		/* for its next answer, 0: none due */
	int fetch;			/* -1: no imapfetch */
	int64_t fetch_deadline;		/* for its answer, 0: none due */
	size_t url_len;			/* of the URL it is to fetch */
	char url[COMMAND_LINE_MAX];
	uint64_t fetch_limit;
	int64_t idle_deadline, last_heard, begun;
	int64_t stranger_since;	/* or since its last try to log in */
	size_t in_len, out_sent;
	char *in;
	unsigned char batch[IPC_PAYLOAD_MAX];	/* commands for the relay */
	struct pack commands;
	struct frame frame;
	unsigned messages;
	const char *end;		/* why it ended, for the log */
};

extern struct session session;

/* session.c */
_Noreturn void session_finish(const char *why);
/* The same with a reply before it. */
_Noreturn void session_last_word(enum reply, const char *why);

/* No memory for a reply: those before it are sent, as far as they go. */
_Noreturn void session_exhausted(void *);

/* Who has come is known: TLS or the greeting. */
void session_welcome(void);

/* settings.c: fills session.settings. */
void session_settle(void);

/* arrival.c */
void arrival_begin(void);		/* calls session_welcome() in time */
void arrival_hear_client(void);
void arrival_hear_monitor(const struct frame *);	/* S_CLIENT */
_Noreturn void arrival_late(void);	/* the deadline has passed */
void arrival_client(void *arg, const char *address);

/* errands.c */
extern const struct smtp_ops errands;
size_t errand_sign(unsigned key, enum sign_kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size);
/* Sends the commands gathered so far, if the relay is there. */
void errand_flush_commands(void);
/* Take what has come on the channel. */
void errand_hear_monitor(void);
void errand_hear_relay(void);
void errand_hear_fetch(void);
/* Give up on it, with this reply to what is pending. */
void errand_lose_relay(enum reply);
void errand_lose_fetch(enum reply);

#endif
