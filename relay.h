/*
 * The relay process in six files: relay.c has the loop and the answers,
 * nexthop.c the connection, envelope.c the commands, parameters.c what stands
 * behind their addresses, transfer.c the message as it comes, delivery.c as it
 * goes on. This is what they share.
 */
#ifndef RELAY_H
#define RELAY_H

#include "base/clock.h"
#include "message/content.h"
#include "message/header.h"
#include "mta/client.h"
#include "mta/maildir.h"
#include "mta/referral.h"
#include "order.h"
#include "sandbox/sandbox.h"
#include "smtp/param.h"
#include "smtp/reply.h"

enum transfer_state {
	TRANSFER_NONE,		/* no octet of a message yet */
	TRANSFER_HEADER,	/* gathering the header */
	TRANSFER_BODY,		/* the next server takes it as it comes */
	TRANSFER_REFUSED	/* answered; the rest is thrown away */
};

struct relay {
	struct service *service;
	struct order order;
	int monitor, session;

	/* the client, as the session tells; checked */
	char helo[256], tls_version[16], tls_cipher[64];

	/* the next server */
	struct mta_settings set;
	struct route routes[ROUTES_MAX];	/* tried in turn */
	size_t n_routes;
	size_t n_referrals;		/* behind them; not tried */
	uint32_t failed;		/* bits of those tried in vain */
	const struct route *route;	/* in use, NULL: none is open */
	struct mta mta;
	unsigned transactions;		/* on this connection */
	struct maildir maildirs[ROUTES_MAX];
	struct maildir *maildir;	/* in use, or NULL */

	/* the transaction */
	bool used;		/* the connection, for an earlier MAIL */
	bool referred;		/* it is another server's, for this once */
	bool mail, lost;
	bool utf8, binary;		/* as MAIL has asked */
	unsigned rcpts, accepted, messages;
	unsigned allowance;	/* of the user's limit, in this batch */
	unsigned again;		/* seconds until there is more */
	char from[321];
	int64_t begun;

	/* the message */
	enum transfer_state state;
	struct header header;
	struct content content;
	uint64_t octets;
	char *head;			/* the header and what came with it */
	size_t head_len, head_size;
	char *mended;
	char message_id[256];
	bool fetched;			/* by BURL, at least in part */
};

extern struct relay relay;

/* relay.c */
/*
 * To whom: FRAME_COMMAND or FRAME_MESSAGE. Answers to commands are gathered
 * until relay_send_answers(), which whoever waits for the next one calls.
 */
void relay_answer(uint16_t to, int code, const char *text, size_t n);
void relay_send_answers(void);
void relay_reply(uint16_t to, enum reply, const char *arg);
/* The next server's last answer, made fit for the client. */
void relay_pass_answer(uint16_t to);
void relay_forget(void);	/* the transaction */
_Noreturn void relay_violation(const char *what);
/* Without a word: nobody is there to hear it. */
_Noreturn void relay_finish(void);

/* nexthop.c */
enum reply relay_trouble(enum mta_status);
/* One line; route NULL: of none that is open. */
void relay_log_failure(const struct route *, const char *why);
/* Opens one if none is open; one the other side has closed is renewed. */
enum mta_status nexthop_ensure(void);
/* The server of the cluster that is meant; NULL: not one we follow. */
const struct route *nexthop_of_referral(const struct referral *);
enum mta_status nexthop_open(const struct route *);
/* The connection to the next server is given up. */
void relay_hang_up(void);
/* Looks which server answers, what it offers, and tells the monitor. */
void nexthop_probe(void);
/* Opens what must be opened before the jail, and says what it must reach. */
void nexthop_open_places(struct sandbox_reach *);

/* Extensions of the server in use that hold for a message. */
uint32_t nexthop_offers(void);

/* parameters.c */
/* R_NONE, or why the server in use cannot have them; what: for its %s. */
enum reply parameters_unmet(const struct mail_params *, const char **what);
void parameters_put_mail(const char *address, const struct mail_params *);
void parameters_put_rcpt(const char *address, const struct rcpt_params *);

/* envelope.c */
void envelope_commands(const struct frame *);
void envelope_reset(void);	/* what is under way is given up */

/* transfer.c */
void transfer_body(const char *, size_t, bool last);
/* Whatever was begun is not finished. */
void transfer_abort(void);

/*
 * delivery.c: a refusal is answered and logged there, and the state is
 * TRANSFER_REFUSED.
 */
bool delivery_begin(void);	/* false: refused */
void delivery_write(const char *, size_t);	/* what is fit to go on */
/* The end of the message: answered and logged, whatever comes of it. */
void delivery_end(void);
/* Our own refusal: the next server sees no end of this message. */
void delivery_refuse(enum reply, const char *arg);
/* For want of what is ours: errno tells. */
void delivery_refuse_for_now(void);

#endif
