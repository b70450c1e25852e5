/*
 * The log: one line an event, `session=ID event=NAME key=value ...`. Values
 * that hold a space, a quote or an unprintable octet are put in quotes with
 * \xHH escapes, there also of "=", so that no client can forge a line or a
 * field, not even for a reader who knows nothing of quotes. A line is one
 * write(2) or one syslog(3) call. Never give it a password, token or text of
 * a message.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_target {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG
};

struct log_line {
	size_t len;
	char buf[2048];
};

/* Opens syslog at once, so that it works in a chroot and a jail later. */
void log_open(enum log_target, int verbose);
/* The one a newborn must keep to be heard; -1: none but stderr. */
int log_descriptor(void);
int log_verbose(void);
int log_is_syslog(void);

/* session may be NULL: "session=-". */
void log_start(struct log_line *, const char *session, const char *event);
void log_str(struct log_line *, const char *key, const char *value);
void log_bytes(struct log_line *, const char *key, const void *, size_t);
void log_num(struct log_line *, const char *key, int64_t value);
void log_end(struct log_line *);

/* An event with a single text: `reason="..."` after printf. */
void log_event(const char *session, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Logs event=fatal and ends this process with status 111. */
_Noreturn void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
