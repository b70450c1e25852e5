/*
 * A server of a cluster that names another for a recipient, in its reply to
 * RCPT: "[REFERRAL smtp://host/]" anywhere in the text. Pure.
 */
#ifndef MTA_REFERRAL_H
#define MTA_REFERRAL_H

#include <stdbool.h>

struct referral {
	char host[256];
	unsigned port;	/* 0: none said */
};

/* False if the text holds none, or one that is no URL of the right form. */
bool referral_find(const char *text, struct referral *);

#endif
