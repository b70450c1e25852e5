/*
 * What our checkpassword programs share: the caller's message on
 * descriptor 3, the exit codes, and the care a process that holds a password
 * owes it. The interface is described in checkpassword-file(8).
 */
#ifndef HELPERS_FD3_H
#define HELPERS_FD3_H

#include <stddef.h>

/* The most that may come on descriptor 3; classic programs take 512. */
#define FD3_MAX 12288

enum checkpassword {
	CP_RIGHT = 0, /* auth-reply's exit code */
	CP_WRONG = 1,
	CP_MISUSED = 2, /* by the caller: no word about the password */
	CP_TEMPORARY = 111
};

struct fd3 {
	const char *login; /* these two point into buf */
	char *password;	   /* for its user to wipe */
	char buf[FD3_MAX + 1];
};

/*
 * Finds login and password in the len octets of buf. CP_RIGHT: they are
 * there. CP_WRONG: there too, but no account may have such a name or
 * password. CP_MISUSED: not "login NUL password NUL timestamp NUL".
 */
enum checkpassword fd3_parse(struct fd3 *, size_t len);

/* The same for a token in the password's place: the login may be empty. */
enum checkpassword fd3_parse_token(struct fd3 *, size_t len);

/* Whether an account may have this name: no colon, no control character. */
int login_possible(const char *);

/* Reads descriptor 3 to its end, closes and parses it; says what is wrong. */
enum checkpassword fd3_get(struct fd3 *, const char *program);
enum checkpassword fd3_get_token(struct fd3 *, const char *program);

/* No core file, no debugger: before the password is read. */
void protect_memory(void);

/* One line on stderr, "program: what: why"; what may be NULL. */
void complain(const char *program, const char *what, const char *why);

/*
 * The password was right: runs next with USER in its environment. Comes back
 * with the exit code when it cannot, or when next is the auth-reply beside
 * self (argv[0]), whose few steps are taken here: a login is one exec less.
 */
enum checkpassword run_next(const char *program, const char *self,
    const char *user, char *const next[]);

#endif
