/*
 * A logged-in connection to an IMAP server. libcurl does TCP, TLS, STARTTLS
 * and SASL; what comes after is ours. The only file that calls libcurl but
 * for its start-up.
 */
#ifndef IMAP_CONNECTION_H
#define IMAP_CONNECTION_H

#include <curl/curl.h>

#include "base/clock.h"
#include "imap/response.h"
#include "imap/server.h"

#define IMAP_TAG_MAX 32

/* What bounds every wait: a point in time, and two channels that may close. */
struct imap_wait {
	int session;
	int monitor;
	int64_t deadline;	/* of clock_ms() */
};

enum imap_io {
	IO_OK,
	IO_LOST,	/* closed or broken */
	IO_TIMEOUT,
	IO_REFUSED,	/* at login: the server does not want us */
	IO_GONE		/* a channel has closed: nobody waits any more */
};

struct imap_connection {
	const struct imap_account *account;
	char identity[IMAP_NAME_MAX + 1];
	CURLM *multi;
	CURL *easy;
	struct curl_slist *resolve;
	char error[CURL_ERROR_SIZE];
	bool greeted;			/* with OK, not with PREAUTH */
	char odd[128];			/* no server, or not of IMAP: why */
	bool unavailable;		/* a code said "not now" */
	bool has_urlauth;		/* as CAPABILITY says */
	char prefix[IMAP_TAG_MAX / 2];	/* of our tags, random */
	unsigned commands;
	struct imap_reader reader;
	const unsigned char *p;	/* received, not yet read */
	size_t left;
	unsigned char in[32 * 1024];
};

/* What is left until the deadline, 0 if it has passed. */
int imap_wait_left(const struct imap_wait *);

/* Waits until fd (or -1) is ready for these poll events. */
enum imap_io imap_wait_for(const struct imap_wait *, int fd, short events);

/*
 * Connects and logs in, as `identity` where the account is a proxy. IO_OK
 * says: encrypted as configured, and authenticated by our credentials. Else
 * c->error says why, in libcurl's words or ours.
 */
enum imap_io imap_connect(struct imap_connection *,
    const struct imap_account *, const char *identity,
    const struct imap_wait *);

bool imap_is_connected(const struct imap_connection *);

/* A fresh tag for the next command. */
void imap_next_tag(struct imap_connection *, char tag[IMAP_TAG_MAX]);

enum imap_io imap_send(struct imap_connection *, const char *, size_t,
    const struct imap_wait *);

/* Fills c->p and c->left; waits only while there is nothing at all. */
enum imap_io imap_receive(struct imap_connection *, const struct imap_wait *);

/* LOGOUT first if polite, without waiting for the answer. */
void imap_close(struct imap_connection *, bool polite);

#endif
