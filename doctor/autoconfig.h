/*
 * The texts that set up a mail program: Thunderbird's autoconfig
 * (config-v1.1, also read by others) and Apple's configuration profile.
 * Pure.
 */
#ifndef DOCTOR_AUTOCONFIG_H
#define DOCTOR_AUTOCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail_server {
	const char *host;
	unsigned port;		/* 0: there is none of the kind */
	bool tls;		/* at once, else by STARTTLS */
};

struct set_up {
	const char *domain;
	bool login_is_address;	/* else what stands before its @ */
	struct mail_server imap;
	struct mail_server submission[2];	/* the preferred one first */
};

/*
 * Writes the text, NUL-terminated; returns its length, 0 if it does not fit
 * or there is no server to submit to.
 */
size_t autoconfig_write(const struct set_up *, char *buf, size_t size);
size_t mobileconfig_write(const struct set_up *, char *buf, size_t size);

#endif
