/*
 * Helpers of ours that stay for the logins after their first (helpers/stand.h
 * says why and how), for KEPT seconds after the last. helper.c starts them,
 * for it alone starts processes; all that comes then is here.
 */
#ifndef STANDING_H
#define STANDING_H

#include <sys/types.h>

#include <stdbool.h>

struct event_base;
struct helper_run;
struct standing;

/* libexec: the directory of the programs that are ours. */
void standing_init(struct event_base *, const char *libexec);

/* Of this very argv, running or not; NULL: no program of ours. */
struct standing *standing_find(char *const *argv);
bool standing_is_there(const struct standing *);
/* False: it was, and did not stay or has not said so yet. */
bool standing_may_be_asked(const struct standing *);

/*
 * The process of the first run was offered the other end of the channel,
 * which is now ours to close.
 */
void standing_watch(struct standing *, struct helper_run *first, int channel);

/* A run by one that is there: 0, or an errno, as of helper_start(). */
int standing_login(struct standing *, struct helper_run *,
    const char *client);
/* Of such a run; the second time all of its process's runs. */
void standing_kill(struct helper_run *);

/* This generation takes no new clients: nothing is kept for them. */
void standing_leave(void);

/* False: none of these. The run of one that did not stay has not ended yet. */
bool standing_child_ended(pid_t);

#endif
