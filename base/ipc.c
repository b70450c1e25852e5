#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"

struct header {
	uint16_t type;
	uint16_t flags;
	uint32_t len;
};

/* Room for one descriptor, and for a second to notice a surplus one. */
union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(2 * sizeof(int))];
};

int
ipc_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static void
attach_fd(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->buf;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

int
ipc_send(int channel, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	struct header header = { type, flags, (uint32_t)len };
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)data, len }
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1 };
	union control control;
	ssize_t n;

	if (len > IPC_PAYLOAD_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fd != -1)
		attach_fd(&msg, &control, fd);
	do
		n = sendmsg(channel, &msg, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static int
wait_for(int fd, short events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&pfd, 1, ms);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 ? 0 : -1;
}

int
ipc_send_wait(int channel, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd, int ms)
{
	while (ipc_send(channel, type, flags, data, len, fd) == -1) {
		if (errno != EAGAIN && errno != ENOBUFS)
			return -1;
		if (wait_for(channel, POLLOUT, ms) == -1)
			return -1;
	}
	return 0;
}

/* Takes the first descriptor, closes any other; false if there was another. */
static bool
take_fd(struct msghdr *msg, int *fd)
{
	struct cmsghdr *cmsg;
	bool surplus = (msg->msg_flags & MSG_CTRUNC) != 0;
	size_t i, n;
	int got;

	*fd = -1;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&got, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(got));
			if (*fd == -1) {
				*fd = got;
				continue;
			}
			close(got);
			surplus = true;
		}
	}
	return !surplus;
}

static int
refuse(struct frame *frame, int error)
{
	if (frame->fd != -1)
		close(frame->fd);
	frame->fd = -1;
	errno = error;
	return -1;
}

int
ipc_recv(int channel, struct frame *frame)
{
	struct header header;
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ frame->data, sizeof(frame->data) }
	};
	union control control;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = control.buf, .msg_controllen = sizeof(control)
	};
	bool whole;
	ssize_t n;

	frame->fd = -1;
	do
		n = recvmsg(channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == ECONNRESET ? 0 : -1;
	whole = take_fd(&msg, &frame->fd);
	if (n == 0) {	/* the end, or a datagram like it, maybe with one */
		refuse(frame, 0);
		return 0;
	}
	if ((msg.msg_flags & MSG_TRUNC) || (size_t)n < sizeof(header) ||
	    header.len != (size_t)n - sizeof(header))
		return refuse(frame, EPROTO);
	frame->type = header.type;
	frame->flags = header.flags;
	frame->len = header.len;
	if (!whole)	/* two were sent, or there is no room for one */
		return refuse(frame, frame->fd == -1 ? EMFILE : EPROTO);
	return 1;
}

int
ipc_recv_wait(int channel, struct frame *frame, int ms)
{
	int n;

	while ((n = ipc_recv(channel, frame)) == -1 && errno == EAGAIN)
		if (wait_for(channel, POLLIN, ms) == -1)
			return -1;
	return n;
}

void
pack_start(struct pack *pack, void *buf, size_t size)
{
	pack->buf = buf;
	pack->len = 0;
	pack->size = size;
	pack->bad = false;
}

static void
pack_raw(struct pack *pack, const void *src, size_t n)
{
	if (pack->bad || n > pack->size - pack->len) {
		pack->bad = true;
		return;
	}
	if (n > 0)
		memcpy(pack->buf + pack->len, src, n);
	pack->len += n;
}

void
pack_u8(struct pack *pack, unsigned value)
{
	uint8_t v = (uint8_t)value;

	pack_raw(pack, &v, sizeof(v));
}

void
pack_u16(struct pack *pack, unsigned value)
{
	uint16_t v = (uint16_t)value;

	pack_raw(pack, &v, sizeof(v));
}

void
pack_u32(struct pack *pack, uint32_t v)
{
	pack_raw(pack, &v, sizeof(v));
}

void
pack_u64(struct pack *pack, uint64_t v)
{
	pack_raw(pack, &v, sizeof(v));
}

void
pack_bytes(struct pack *pack, const void *src, size_t n)
{
	if (n > UINT16_MAX) {
		pack->bad = true;
		return;
	}
	pack_u16(pack, (unsigned)n);
	pack_raw(pack, src, n);
}

void
pack_string(struct pack *pack, const char *s)
{
	pack_bytes(pack, s, s == NULL ? 0 : strlen(s));
}

void
unpack_start(struct unpack *unpack, const void *buf, size_t len)
{
	unpack->p = buf;
	unpack->left = len;
	unpack->bad = false;
}

static void
unpack_raw(struct unpack *unpack, void *dst, size_t n)
{
	if (unpack->bad || n > unpack->left) {
		unpack->bad = true;
		memset(dst, 0, n);
		return;
	}
	memcpy(dst, unpack->p, n);
	unpack->p += n;
	unpack->left -= n;
}

unsigned
unpack_u8(struct unpack *unpack)
{
	uint8_t v;

	unpack_raw(unpack, &v, sizeof(v));
	return v;
}

unsigned
unpack_u16(struct unpack *unpack)
{
	uint16_t v;

	unpack_raw(unpack, &v, sizeof(v));
	return v;
}

uint32_t
unpack_u32(struct unpack *unpack)
{
	uint32_t v;

	unpack_raw(unpack, &v, sizeof(v));
	return v;
}

uint64_t
unpack_u64(struct unpack *unpack)
{
	uint64_t v;

	unpack_raw(unpack, &v, sizeof(v));
	return v;
}

const unsigned char *
unpack_bytes(struct unpack *unpack, size_t *len)
{
	const unsigned char *p;

	*len = unpack_u16(unpack);
	if (unpack->bad || *len > unpack->left) {
		unpack->bad = true;
		*len = 0;
		return NULL;
	}
	p = unpack->p;
	unpack->p += *len;
	unpack->left -= *len;
	return p;
}

void
unpack_string(struct unpack *unpack, char *dst, size_t size)
{
	const unsigned char *p;
	size_t len;

	p = unpack_bytes(unpack, &len);
	dst[0] = '\0';
	if (p == NULL)
		return;
	if (len >= size || memchr(p, '\0', len) != NULL) {
		unpack->bad = true;
		return;
	}
	memcpy(dst, p, len);
	dst[len] = '\0';
}

bool
unpack_done(const struct unpack *unpack)
{
	return !unpack->bad && unpack->left == 0;
}
