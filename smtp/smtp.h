/*
 * The server's side of the SMTP dialogue as a machine without I/O: octets of
 * the client in, replies out, and through `struct smtp_ops` the acts that
 * others must do. The owner calls smtp_input() with what has come, does what
 * `wait` tells, and reports the outcome by one of the smtp_*_done() calls.
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtp/body.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"
#include "smtp/sasl.h"

#define COMMAND_LINE_MAX	4096	/* CRLF included */
#define AUTH_LINE_MAX		12288	/* RFC 4954 4 */
#define BAD_COMMANDS_MAX	10
#define SMTP_OUT_HIGH	(64 * 1024)	/* unsent replies that stop input */
#define PENDING_MAX		128	/* commands the relay has to answer */

enum tls_policy {
	TLS_POLICY_REQUIRED,	/* no AUTH and no MAIL in the clear */
	TLS_POLICY_OPTIONAL,
	TLS_POLICY_OFF
};

/* What is passed on to the relay; its answers come back in order. */
enum relay_verb {
	RELAY_MAIL,
	RELAY_RCPT,
	RELAY_VRFY,
	RELAY_RSET,
	RELAY_RSET_SILENT,	/* its answer is not for the client */
	RELAY_VERBS
};

struct smtp_settings {
	char hostname[256];
	bool has_domain;	/* unqualified addresses can be completed */
	bool has_certificate;
	bool xclient;		/* the client may say it: a trusted proxy */
	unsigned namings;	/* clients that it may yet name */
	bool passwords, tokens;	/* which mechanisms AUTH has */
	enum tls_policy tls;
	uint64_t max_size;
	unsigned max_recipients;
	char burl[490];		/* arguments of BURL after login, "": none */
	char burl_token[490];	/* ... after a login without a password */
	struct ehlo relay;	/* what the relay has told */
};

struct smtp_ops {
	/* Room for one more command of n octets? Else the others go first. */
	bool (*room)(void *arg, size_t n);
	/* Passes a command's argument on; answered by smtp_answer(). */
	void (*relay)(void *arg, enum relay_verb, const char *p, size_t n);
	/* Content of the message, or its end. False: not now, try again. */
	bool (*body)(void *arg, const char *p, size_t n, bool last);
	/* Answered by smtp_fetch_done(): content named by a URL, RFC 4468. */
	void (*fetch)(void *arg, const char *url, size_t n, uint64_t limit);
	/* Answered by smtp_auth_done(). */
	void (*auth)(void *arg, const struct plain *);
	/* Answered by smtp_client_done(): this is whom the proxy speaks for. */
	void (*client)(void *arg, const char *address);
	int64_t (*now)(void *arg);	/* seconds since 1970 */
	/* The same for EXTERNAL; n 0: as whom the certificate names. */
	void (*certificate)(void *arg, const char *authzid, size_t n);
	/* There is no memory for a reply; does not return. */
	void (*exhausted)(void *arg);
};

enum smtp_wait {
	WAIT_NOTHING,	/* more input is welcome */
	WAIT_ANSWERS,	/* until the relay has answered all that is pending */
	WAIT_FINAL,	/* until the relay has answered the message */
	WAIT_BODY,	/* until the relay takes more of the message */
	WAIT_FETCH,	/* until the content of a URL is with the relay */
	WAIT_AUTH,
	WAIT_CLIENT,
	WAIT_TLS,	/* flush, do the handshake, smtp_tls_done() */
	WAIT_CLOSE	/* flush and close */
};

enum smtp_mode {
	MODE_COMMAND,
	MODE_SKIP_LINE,	/* the rest of a line that was too long */
	MODE_AUTH,
	MODE_DATA,
	MODE_CHUNK
};

enum auth_step {
	AUTH_PLAIN_MESSAGE,
	AUTH_LOGIN_NAME,
	AUTH_LOGIN_PASSWORD,
	AUTH_EXTERNAL_AUTHZID,
	AUTH_TOKEN_MESSAGE,
	AUTH_TOKEN_FAILED	/* the client has still to take note */
};

/* A mail transaction, from MAIL to the final reply. */
struct transaction {
	unsigned mail_pending, rcpt_pending;
	bool mail;		/* accepted by the relay */
	bool utf8, binary;	/* asked for with MAIL */
	unsigned rcpt_tried, rcpt;
	bool chunked;		/* BDAT was used */
	unsigned chunks;
	uint64_t octets;
	enum reply error;	/* of the body, R_NONE if there is none */
	bool told;		/* the client has heard of it */
	bool gone;		/* the relay has, with all it knew */
	int early_code;		/* the relay's answer before the end, or 0 */
	char *early_text;
};

struct smtp {
	const struct smtp_settings *set;
	const struct smtp_ops *ops;
	void *arg;

	enum smtp_wait wait;
	enum smtp_mode mode;
	bool tls, authenticated, ehlo;
	bool certificate;	/* the client has shown one: EXTERNAL */
	bool implicit;		/* WAIT_AUTH is for a MAIL without AUTH */
	enum reply implicit_reply;	/* how that went, R_NONE: not tried */
	char helo[256];
	bool helo_told;		/* by XCLIENT: the proxy's own does not count */
	unsigned bad_commands;
	enum reply last_word;	/* with WAIT_CLOSE */

	enum reply line_error;	/* of the line being skipped */
	size_t line_len;	/* octets of it so far */
	enum sasl_mechanism mechanism;	/* of the exchange, of the login */
	enum auth_step auth_step;
	char auth_login[SASL_FIELD_MAX + 1];
	size_t auth_login_len;

	struct transaction t;
	enum data_state data;
	uint64_t chunk_left, chunk_size;
	bool chunk_last, chunk_fetched;
	enum reply chunk_error;	/* why the chunk is only swallowed */
	enum relay_verb pending[PENDING_MAX];
	unsigned pending_first, pending_count;

	char *out;		/* replies not yet sent */
	size_t out_len, out_size;
};

void smtp_start(struct smtp *, const struct smtp_settings *,
    const struct smtp_ops *, void *arg, bool tls);
void smtp_free(struct smtp *);

/* The 220, once TLS (if it comes at once) is there. */
void smtp_greet(struct smtp *);

/*
 * Takes what it can of the input and returns how much that was; stops when
 * `wait` says so. Lines are wiped in the buffer, for AUTH's sake.
 */
size_t smtp_input(struct smtp *, char *in, size_t n);

/* The relay's answer to the oldest pending command. */
void smtp_answer(struct smtp *, int code, const char *text, size_t n);
/* ... to the message, maybe before its end. */
void smtp_message_answer(struct smtp *, int code, const char *text, size_t n);
/* The relay has gone: everything pending is answered with this reply. */
void smtp_relay_gone(struct smtp *, enum reply);
/* The relay takes body again. */
void smtp_body_ready(struct smtp *);
void smtp_auth_done(struct smtp *, enum reply);
/* False: it has too many connections. */
void smtp_client_done(struct smtp *, bool welcome);
/* R_NONE and the octets that went to the relay, or why there are none. */
void smtp_fetch_done(struct smtp *, enum reply, uint64_t octets);
/* certificate: the client has shown one that may be good for a login. */
void smtp_tls_done(struct smtp *, bool certificate);
/* A last word (421), then the connection closes. */
void smtp_close(struct smtp *, enum reply);
/* True if a transaction is open: closing now leaves a message unsent. */
bool smtp_in_transaction(const struct smtp *);
/* SASL_MECHANISMS if it is none of those that are offered. */
enum sasl_mechanism smtp_mechanism(const struct smtp *,
    const char *name, size_t n);

/* Used between the files of smtp/: */
void smtp_reply(struct smtp *, enum reply, const char *arg);
void smtp_put(struct smtp *, const char *p, size_t n);
/* A reply whose lines are parted by \n. */
void smtp_put_answer(struct smtp *, int code, const char *text, size_t n);
void smtp_relay(struct smtp *, enum relay_verb, const char *p, size_t n);
/* The transaction is over, here alone or at the relay too. */
void smtp_forget(struct smtp *);
void smtp_reset(struct smtp *);
void smtp_fail_body(struct smtp *, enum reply);
bool smtp_body_is_lost(const struct smtp *);
/* Our limit, or that of the next server where it is lower. */
uint64_t smtp_size_limit(const struct smtp *);
unsigned smtp_recipient_limit(const struct smtp *);
/* Extensions that the client may use: what is kept by us or the relay. */
uint32_t smtp_offered(const struct smtp *);
/* A line without its CRLF; false: not now, the same line again later. */
bool smtp_command_line(struct smtp *, const char *line, size_t n,
    bool more_behind);
void smtp_auth_begin(struct smtp *, const char *arg, size_t n);
void smtp_auth_line(struct smtp *, const char *line, size_t n);
/* For a MAIL without AUTH, which comes again when it is answered. */
void smtp_auth_implicit(struct smtp *);
void smtp_objection(struct smtp *, enum reply, const char *arg);

#endif
