/* Between the files of the verbs only: their checks, acts and helpers. */
#ifndef SMTP_VERBS_H
#define SMTP_VERBS_H

#include "smtp/smtp.h"
#include "smtp/values.h"

struct row;

struct command {
	const struct row *row;
	const char *arg;
	size_t n;
	bool more_behind;	/* octets behind the line are already here */
	char note[48];		/* for the %s of the objection */
	bool utf8, binary;	/* MAIL's, told by its check */
};

struct row {
	const char *verb;
	unsigned flags;
	const char *form;	/* for R_SYNTAX */
	/* R_NONE, or the objection; alters nothing */
	enum reply (*check)(const struct smtp *, struct command *);
	void (*act)(struct smtp *, const struct command *);
};

/* command.c */
void note(struct command *, const char *);
enum reply bad_syntax(struct command *);
bool is_ascii(const char *, size_t);	/* ... and printable */
size_t word_length(const char *, size_t);	/* up to the first space */
enum reply check_login(const struct smtp *);

/* greeting.c */
enum reply check_helo(const struct smtp *, struct command *);
enum reply check_starttls(const struct smtp *, struct command *);
enum reply check_auth(const struct smtp *, struct command *);
enum reply check_xclient(const struct smtp *, struct command *);
void act_helo(struct smtp *, const struct command *);
void act_ehlo(struct smtp *, const struct command *);
void act_starttls(struct smtp *, const struct command *);
void act_auth(struct smtp *, const struct command *);
void act_xclient(struct smtp *, const struct command *);
bool burl_is_offered(const struct smtp *);

/* envelope.c */
enum reply check_mail(const struct smtp *, struct command *);
enum reply check_rcpt(const struct smtp *, struct command *);
void act_mail(struct smtp *, const struct command *);
void act_rcpt(struct smtp *, const struct command *);

/* content.c */
enum reply check_data(const struct smtp *, struct command *);
enum reply check_bdat(const struct smtp *, struct command *);
enum reply check_burl(const struct smtp *, struct command *);
void act_data(struct smtp *, const struct command *);
void act_bdat(struct smtp *, const struct command *);
void act_burl(struct smtp *, const struct command *);

#endif
