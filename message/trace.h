/*
 * The fields that we add to a message: Received (RFC 5321 4.4, RFC 3848 for
 * ESMTPSA, RFC 8314 4.3 for the tls clause), Date and Message-ID. Pure.
 */
#ifndef MESSAGE_TRACE_H
#define MESSAGE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define TRACE_MAX 1400

struct trace {
	const char *hostname;		/* ours */
	const char *helo;		/* the client's word, checked */
	const char *client;		/* its address, or "local" */
	const char *tls_version;	/* "" in the clear */
	const char *tls_cipher;
	const char *id;
	unsigned message;		/* of this session, from 1 */
	bool hide_client;
	bool utf8;			/* SMTPUTF8, RFC 6531 4.3 */
};

/* Writes the field with CRLF; returns its length, below TRACE_MAX. */
size_t trace_received(const struct trace *, time_t, char buf[TRACE_MAX]);

/*
 * The Date and Message-ID that a message lacks (RFC 6409 8.2, 8.3), those
 * that are asked for. Returns their length, below TRACE_MAX.
 */
size_t trace_complete(const struct trace *, time_t, bool date,
    bool message_id, char buf[TRACE_MAX]);

#endif
