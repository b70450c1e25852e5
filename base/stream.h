/*
 * A non-blocking byte stream over a socket, in the clear or by TLS. After
 * STREAM_AGAIN poll for the events in `want`: a read may have to write and a
 * write to read, as TLS likes it. Reads go through a buffer of this file's
 * own, one read(2) for several TLS records, so poll(2) does not see all that
 * is there: read until STREAM_AGAIN before polling.
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;

enum { STREAM_EOF = 0, STREAM_ERROR = -1, STREAM_AGAIN = -2 };

/* The error of a stream for which there is no memory. */
#define STREAM_NO_MEMORY "out of memory"

struct stream {
	int fd;
	struct tls *tls;	/* NULL in the clear */
	short read_want, write_want;
	bool handshaken;
	char error[160];	/* of the last STREAM_ERROR */
	unsigned char *raw;	/* what came from the socket, still encrypted */
	size_t raw_pos, raw_len;
	uint64_t raw_taken;	/* in all, by the TLS library */
	bool raw_dry;		/* the last read(2) took all there was */
};

/* Takes a connected socket and makes it non-blocking, TCP without delay; 0,
   or -1 if that is refused. */
int stream_start(struct stream *, int fd);

/*
 * Begins TLS as server or as client, whose context the stream then owns; the
 * handshake follows. 0 or -1.
 */
int stream_accept_tls(struct stream *, struct tls *server);
int stream_connect_tls(struct stream *, struct tls *client, const char *name);

/* Octets that were read from the socket before TLS began; at most 64 K. */
void stream_put_back(struct stream *, const void *, size_t);

/* 0 when done, else STREAM_ERROR or STREAM_AGAIN (read_want tells why). */
int stream_handshake(struct stream *);

ssize_t stream_read(struct stream *, void *, size_t);
/* Never 0, for an n that is not. */
ssize_t stream_write(struct stream *, const void *, size_t);

/*
 * Whether it was for want of memory that OpenSSL failed. What it noted of it
 * is forgotten.
 */
bool stream_was_starved(void);

/* What to say of a STREAM_ERROR: usual, if there was memory enough. */
const char *stream_why(const struct stream *, const char *usual);

/* Says goodbye by close_notify if that needs no waiting, then closes. */
void stream_close(struct stream *);

/* "TLSv1.3" and "TLS_AES_256_GCM_SHA384"; "" in the clear. */
const char *stream_tls_version(const struct stream *);
const char *stream_tls_cipher(const struct stream *);

#endif
