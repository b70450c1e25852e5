/* Between the files of mta/ only. */
#ifndef MTA_IO_H
#define MTA_IO_H

#include "base/clock.h"
#include "mta/client.h"

/* Notes why, for the log, and returns the status. */
enum mta_status mta_fail(struct mta *, enum mta_status, const char *why);
/* It has said what is not its turn. */
enum mta_status mta_fail_unasked(struct mta *);
/* When the step that begins now must have ended. */
int64_t mta_step_end(const struct mta *);
enum mta_status mta_wait(struct mta *, short events, int64_t deadline);
enum mta_status mta_write(struct mta *, const char *, size_t);
/* So that n octets more can be appended; else it is lost. */
enum mta_status mta_make_room(struct mta *, struct mta_buffer *, size_t n);
/* For which there is room. */
void mta_append(struct mta_buffer *, const char *, size_t);
/* Sends what was put and takes the answer. */
enum mta_status mta_ask(struct mta *);
/* Greeting, EHLO, TLS, XCLIENT, AUTH; try_tls false: no optional TLS. */
enum mta_status mta_introduce(struct mta *, bool try_tls);

/* mta/login.c: with what the settings hold, if they hold anything. */
enum mta_status mta_authenticate(struct mta *);

#endif
