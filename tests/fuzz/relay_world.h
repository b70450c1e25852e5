/*
 * The world of fuzz_relay.c: relay_server.c is the next server, and judges
 * what it gets; relay_session.c the session and the monitor; relay_judge.c
 * knows which reply is to which command.
 */
#ifndef TESTS_RELAY_WORLD_H
#define TESTS_RELAY_WORLD_H

#include "relay.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define OUT_MAX		(1 << 18)
#define INPUT_MAX	8000
#define ASKED_MAX	(INPUT_MAX * 2)
#define PASSWORD	"pw-never-seen"
/* without their padding, which the log escapes */
#define PASSWORD64	"cHctbmV2ZXItc2Vlbg"
#define PLAIN64		"AHVzAHB3LW5ldmVyLXNlZW4"	/* NUL us NUL it */

enum { SESSION = 100, MONITOR, SERVER };

enum {	/* the scene, first octet */
	LMTP = 1, TWO_ROUTES = 2, LOGIN = 4, TOKEN = 8, TELLS = 16,
	PROBE = 32, ANY_SESSION = 64, HANGS_UP = 128
};
enum {	/* the second */
	SMALL = 1, FEW = 2, LIMITED = 4, STARTTLS = 8, NO_DOMAIN = 16,
	REFERRALS = 32
};

enum mode { COMMAND, AFTER_DATA, CONTENT, CHUNK };

struct part {
	const uint8_t *p;
	size_t n;
};

/* What the server is asked: MAIL, RCPT, VRFY; a message's end; all else. */
enum asked_kind { ASKED_MAIL, ASKED_RCPT, ASKED_VRFY, ASKED_MESSAGE, ASKED };

struct asked {	/* of the first three, not yet told of */
	enum asked_kind kind;
	unsigned number;	/* on its connection */
	bool too_early;		/* the relay had read the reply before */
	bool closed;		/* and that is no more */
	char *text;		/* then the reply, if there was one */
	int code;
	size_t n;
};

struct world {
	unsigned scene, scene2, random;
	bool drip;
	const uint8_t *rest;		/* what the server has yet to say */
	size_t rest_len;
	const uint8_t *script;
	size_t script_len;
	struct part messages[8];
	unsigned n_messages, next_message;
	int64_t ms;
	unsigned polls, orders;

	/* frames to the relay */
	size_t body_pos;
	bool in_body, hello, gone;
	unsigned verbs[PENDING_MAX * 4], n_verbs, n_answered;
	bool mail;
	unsigned rcpts, told, told_good, ended;
	uint32_t wanted;

	/* the server */
	bool open, closed, reset;
	char say[2 * INPUT_MAX];	/* and not yet read */
	size_t say_pos, say_len;
	char *got;			/* not yet understood */
	size_t got_len;
	enum mode mode;
	char line[100];			/* the last one, cut */
	bool mail_said, auth_said;
	unsigned rcpts_said, whole;	/* of this message */
	size_t chunk_left;
	bool chunk_last;
	char *content;			/* of the message being sent */
	size_t content_len;

	/* one reply each, in order */
	unsigned n_asked, message_from, message_asked;
	unsigned first_asked, last_asked;
	bool told_of_closed;	/* the last MAIL, or the same */

	struct log {
		char *p;
		size_t n;
	} said, answers;		/* to the server, to the session */
	struct asked asked[ASKED_MAX];	/* cleared when it is begun */
};

extern struct world w;

unsigned random_below(unsigned n);
void note(struct log *, const void *, size_t);
bool shows_password(const void *, size_t);

/* relay_judge.c */
void judge_begin(void);
void judge_asked(enum asked_kind);
void judge_connected(void);
void judge_closed(void);
/* What the session is told of a command, and of a message. */
void judge_told(enum relay_verb, int code, const char *, size_t);
void judge_told_message(int code, const char *, size_t);
/* The session has all answers it waits for. */
void judge_all_told(void);

/* relay_server.c: it understands what has come. */
void server_works(void);

#endif
