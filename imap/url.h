/*
 * IMAP URLs that name a message or a part of one (RFC 5092), with the
 * authorisation of RFC 4467. Pure; nothing here decides who may fetch what,
 * that is imap/policy.c.
 */
#ifndef IMAP_URL_H
#define IMAP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAP_URL_MAX 4096
#define IMAP_NAME_MAX 255	/* of a user or a host */
#define IMAP_MAILBOX_MAX 1000
#define IMAP_SECTION_MAX 500
#define IMAP_PORT 143

enum imap_access {
	IMAP_ACCESS_NONE,	/* no ;URLAUTH= */
	IMAP_ACCESS_SUBMIT,	/* submit+user */
	IMAP_ACCESS_USER,	/* user+user */
	IMAP_ACCESS_AUTHUSER,
	IMAP_ACCESS_ANONYMOUS,
	IMAP_ACCESS_STREAM,	/* RFC 5593 */
	IMAP_ACCESS_OTHER
};

/* All texts decoded, in UTF-8 without control characters. */
struct imap_url {
	char user[IMAP_NAME_MAX + 1];	/* the owner, "" if not named */
	char host[IMAP_NAME_MAX + 1];	/* IPv6 without the brackets */
	uint16_t port;			/* 143 if not named */
	char mailbox[IMAP_MAILBOX_MAX + 1];
	uint32_t uidvalidity;		/* 0: not named */
	uint32_t uid;
	char section[IMAP_SECTION_MAX + 1];	/* "": the whole message */
	bool partial;
	uint32_t offset, length;	/* length 0: to the end */
	bool expires;
	int64_t expire;			/* seconds since 1970 */
	enum imap_access access;
	char access_user[IMAP_NAME_MAX + 1];
	char mechanism[33];		/* "" if there is no verifier */
	size_t token, token_len;	/* where it stands in the URL */
	size_t rump_len;		/* the URL without its verifier */
};

/* 0, or -1 and *why, a constant text. */
int imap_url_parse(struct imap_url *, const char *, size_t,
    const char **why);

#endif
