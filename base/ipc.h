/*
 * Frames between the processes: SOCK_SEQPACKET pairs, so a frame arrives
 * whole or not at all, with at most one descriptor. A frame of the wrong
 * size, or at the wrong time, is the sender's end: callers close the channel
 * or exit, they do not answer with an error.
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_PAYLOAD_MAX (64 * 1024)

struct frame {
	uint16_t type;
	uint16_t flags;
	uint32_t len;
	int fd;	/* -1 if none; the receiver owns it and must close it */
	unsigned char data[IPC_PAYLOAD_MAX];
};

/* A close-on-exec pair; -1 with errno. */
int ipc_pair(int pair[2]);

/*
 * Sends one frame; fd -1 for none (a copy is sent, the caller keeps its own).
 * 0, or -1 with errno: EAGAIN only if the channel is non-blocking.
 */
int ipc_send(int channel, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd);

/* Like ipc_send, waits for room up to ms milliseconds (-1 without end). */
int ipc_send_wait(int channel, uint16_t type, uint16_t flags,
    const void *data, size_t len, int fd, int ms);

/*
 * Takes one frame if there is one, never blocks: 1 a frame, 0 the other side
 * has closed, -1 nothing there (EAGAIN), the frame is malformed (EPROTO), or
 * it is good but for its descriptor, for which this process has no room
 * (EMFILE).
 */
int ipc_recv(int channel, struct frame *);

/* Waits up to ms milliseconds for a frame; -1 with ETIMEDOUT if none came. */
int ipc_recv_wait(int channel, struct frame *, int ms);

/*
 * Writing and reading payloads. A packer that ran out of room and an
 * unpacker that ran out of octets turn bad and stay so; one check at the end
 * is enough. Numbers are in host order: both ends are this machine.
 */
struct pack {
	unsigned char *buf;
	size_t len, size;
	bool bad;
};

struct unpack {
	const unsigned char *p;
	size_t left;
	bool bad;
};

void pack_start(struct pack *, void *buf, size_t size);
void pack_u8(struct pack *, unsigned);
void pack_u16(struct pack *, unsigned);
void pack_u32(struct pack *, uint32_t);
void pack_u64(struct pack *, uint64_t);
void pack_bytes(struct pack *, const void *, size_t);	/* below 64 K */
void pack_string(struct pack *, const char *);		/* NULL packs as "" */

void unpack_start(struct unpack *, const void *buf, size_t len);
unsigned unpack_u8(struct unpack *);
unsigned unpack_u16(struct unpack *);
uint32_t unpack_u32(struct unpack *);
uint64_t unpack_u64(struct unpack *);
/* Points into the buffer; NULL and bad if it is cut short. */
const unsigned char *unpack_bytes(struct unpack *, size_t *len);
/* Copies and terminates; bad if it does not fit or holds a NUL. */
void unpack_string(struct unpack *, char *dst, size_t size);
/* True if all was taken and nothing was short. */
bool unpack_done(const struct unpack *);

#endif
