/*
 * smtpsubmitd -n: looks at everything the daemon will need and says of each
 * whether it is well, and if not what to do. It runs as whoever called it,
 * without a fence and without the daemon; it shows no secret.
 *
 * doctor.c	the order of the checks, the printer, the exit status
 * certificate.c	each `certificate` line
 * files.c	who may read and write what the daemon trusts
 * fences.c	what this kernel offers
 * helper.c	the checkpassword program, with a login that nobody has
 * relays.c	each relay: reached, TLS, login, what it offers
 * imap.c	each IMAP server, by imapfetch itself
 * dns.c	what others must find of the domain; records.c reads answers
 * lookup.c	questions to name servers, with a time limit
 * setup.c	-v: files for mail programs; their text is in autoconfig.c
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define DOCTOR_WAIT 10000	/* ms that a step over the network may take */
/* the login of which nobody has the password */
#define DOCTOR_NOBODY "smtpsubmitd-n"

enum grade {
	GRADE_OK,
	GRADE_WARN,	/* works, but not for all, or not for long */
	GRADE_FAIL	/* does not work */
};

struct doctor {
	const struct config *conf;
	const char *file;	/* the configuration */
	bool unfit;		/* the daemon would not start */
	unsigned count[3];	/* findings by grade */
};

/*
 * All checks; local leaves out what needs the network, set_up writes the
 * files for mail programs. Returns the status to exit with: 0, 1 after a
 * FAIL, 78 if the daemon would not start.
 */
int doctor_run(const char *file, const struct config *, bool local,
    bool set_up);

/* A finding: `ok   SUBJECT: text`. Octets that are not printable become ?. */
void doctor_say(struct doctor *, enum grade, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What to do about it: an indented line below. */
void doctor_remedy(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
/* Says on a terminal what is being tried; the next finding wipes it. */
void doctor_trying(const char *subject);

/*
 * A FAIL in the daemon's own words, because of which it would not start, and
 * the remedy if these words are known.
 */
void doctor_unfit(struct doctor *, const char *subject, const char *why);

void check_certificates(struct doctor *);
void check_files(struct doctor *);
void check_fences(struct doctor *);
void check_helper(struct doctor *);
void check_relays(struct doctor *);
void check_imaps(struct doctor *);
void check_dns(struct doctor *);
void write_set_up(struct doctor *);

/*
 * The port that clients come to: of a `listen` line, the usual one if there
 * is no such line at all, 0 if none is of that kind.
 */
unsigned listen_port(const struct config *, bool tls);

/* certificate.c: whether PEM of a certificate and of a key are a pair. */
struct secret;
bool keypair_fits(const struct secret *chain, const struct secret *key);

/* files.c: whether mode bits let that user into it. */
bool user_may_write(const char *path, uid_t, gid_t);

#endif
