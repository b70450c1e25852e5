/*
 * The client's side of SMTP (RFC 5321) and LMTP (RFC 2033) towards the next
 * server. Everything waits, with a time limit on each step, which octets in
 * driblets do not extend; the owner has nothing else to do meanwhile.
 */
#ifndef MTA_CLIENT_H
#define MTA_CLIENT_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/stream.h"
#include "mta/answer.h"
#include "mta/route.h"
#include "smtp/ehlo.h"

enum mta_status {
	MTA_OK,
	MTA_DOWN,	/* no connection, no greeting */
	MTA_LOST,	/* the connection ended */
	MTA_TIMEOUT,
	MTA_GARBAGE,	/* what came is no SMTP */
	MTA_TLS,	/* TLS was needed and could not be had */
	MTA_LOGIN,	/* it refused our credentials */
	MTA_NO_LOGIN,	/* they were not sent: it takes none, or not safely */
	MTA_EARLY,	/* an answer in the middle of the message */
	MTA_GONE	/* not its fault: nobody waits for us any more */
};

struct pin;

struct mta_settings {
	const char *hostname;	/* for EHLO */
	const char *user, *password;	/* "" : none */
	/* whom we speak for, to a server that offers XCLIENT; NULL: not told */
	const char *client, *helo, *login;
	bool token;		/* the password is an OAuth token */
	bool has_certificate;	/* of our own, in both that follow */
	struct tls_config *verified, *opportunistic;
	/* if any, they are compared and nothing else of the certificate */
	const struct pin *pins;
	size_t n_pins;
	unsigned timeout;	/* ms for each step */
	int64_t deadline;	/* clock_ms() when MTA_GONE holds, 0: never */
	/*
	 * The channel of whom it is done for, -1: nobody's. When its other
	 * end is closed every wait ends with MTA_GONE, but for the one for
	 * the answer to a message that is sent whole.
	 */
	int watch;
};

struct mta_buffer {
	char *p;
	size_t len, size;
};

struct mta {
	const struct route *route;
	const struct mta_settings *set;
	struct stream stream;
	bool open;
	bool failed;		/* something may be unanswered: no QUIT */
	bool verified;		/* by TLS */
	bool authenticated;	/* our login was taken */
	bool confided;		/* it has heard what no log may repeat */
	struct ehlo ehlo;
	char in[4096];		/* lines of replies */
	size_t in_len;
	struct mta_buffer out;		/* commands not yet sent */
	struct mta_buffer piece;	/* message octets not yet sent */
	bool in_data;		/* DATA was answered by 354 */
	bool line_start;	/* of the message, for dots */
	unsigned chunks;	/* BDATs whose answer is still to come */
	bool finished;		/* it has the last octet: it may accept */
	int64_t last_deadline;	/* of all that ends a message, 0: none */
	struct answer answer;	/* the last one */
	char why[480];		/* text of the last failure, for the log */
};

/* Connects to the first address that answers, says EHLO, TLS, AUTH. */
enum mta_status mta_open(struct mta *, const struct route *,
    const struct sockaddr_storage *, const socklen_t *, size_t n,
    const struct mta_settings *);
/* QUIT if it can be said, then the end. */
void mta_close(struct mta *);
/* True if the server has closed, or said something, while idle. */
bool mta_is_stale(struct mta *);

/* A command line without CRLF; sent by mta_flush() at the latest. */
void mta_put(struct mta *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Several of them, with CRLF. */
void mta_put_lines(struct mta *, const char *, size_t);
enum mta_status mta_flush(struct mta *);
/* The next answer in order, into mta->answer. */
enum mta_status mta_answer(struct mta *);

/*
 * The message: begin (MTA_OK with an answer above 399: refused), content in
 * canonical form, end. With CHUNKING it goes by BDAT, else by DATA.
 */
enum mta_status mta_body_begin(struct mta *);
enum mta_status mta_body(struct mta *, const char *, size_t);
enum mta_status mta_body_end(struct mta *);

#endif
