#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "frames.h"
#include "puppet.h"

#define FDS_MAX 4

int puppet_channels[128];

void
puppet_start(void)
{
	size_t i;

	for (i = 0; i < sizeof(puppet_channels) / sizeof(int); i++)
		puppet_channels[i] = -1;
}

static int
channel(const char *letter)
{
	return letter == NULL ? -1 : puppet_channels[letter[0] & 127];
}

/* The name of the error, that the test need not know numbers. */
static void
tell(char *answer, size_t size, long n)
{
	if (n == -1)
		snprintf(answer, size, "failed %s", strerrorname_np(errno));
	else
		snprintf(answer, size, "done %ld", n);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t
unhex(const char *hex, unsigned char *out, size_t size)
{
	size_t n = 0;

	while (n < size && digit(hex[0]) >= 0 && digit(hex[1]) >= 0) {
		out[n++] = (unsigned char)(digit(hex[0]) * 16 +
		    digit(hex[1]));
		hex += 2;
	}
	return n;
}

/* Not by ipc_send(), which would not send what is malformed. */
static long
transmit(int to, struct iovec *iov, const int *fds, size_t n_fds)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct cmsghdr *cmsg;

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL);
}

static long
send_frame(char *rest)
{
	static unsigned char data[PUPPET_LINE / 2];
	struct { uint16_t type, flags; uint32_t len; } header;
	char *to = strtok_r(rest, " ", &rest);
	char *type = strtok_r(rest, " ", &rest);
	char *flags = strtok_r(rest, " ", &rest);
	char *hex = strtok_r(rest, " ", &rest), *letter;
	int fds[FDS_MAX];
	size_t n = 0;

	if (hex == NULL) {
		errno = EINVAL;
		return -1;
	}
	while (n < FDS_MAX && (letter = strtok_r(rest, " ", &rest)) != NULL)
		fds[n++] = channel(letter);
	header.type = (uint16_t)atoi(type);
	header.flags = (uint16_t)atoi(flags);
	header.len = (uint32_t)unhex(hex, data, sizeof(data));
	return transmit(channel(to), (struct iovec[]){
	    { &header, sizeof(header) }, { data, header.len } }, fds, n);
}

static long
send_raw(char *rest)
{
	static unsigned char data[PUPPET_LINE / 2];
	char *to = strtok_r(rest, " ", &rest);
	char *hex = strtok_r(rest, " ", &rest);
	size_t n = unhex(hex == NULL ? "" : hex, data, sizeof(data));

	return transmit(channel(to), (struct iovec[]){ { data, n },
	    { NULL, 0 } }, NULL, 0);
}

static void
receive(char *rest, char *answer, size_t size)
{
	static struct frame frame;
	char *from = strtok_r(rest, " ", &rest);
	char *ms = strtok_r(rest, " ", &rest);
	int n = ipc_recv_wait(channel(from), &frame,
	    ms == NULL ? 0 : atoi(ms));
	size_t i, len;

	if (n != 1) {
		snprintf(answer, size, "%s", n == 0 ? "closed" :
		    strerrorname_np(errno));
		return;
	}
	len = (size_t)snprintf(answer, size, "frame %u %u %u %d ", frame.type,
	    frame.flags, frame.len, frame.fd != -1);
	for (i = 0; i < frame.len && len + 3 < size; i++)
		len += (size_t)snprintf(answer + len, size - len, "%02x",
		    frame.data[i]);
	if (frame.fd != -1 && frame.type == S_RELAY)
		puppet_channels['r'] = frame.fd;
	else if (frame.fd != -1 && frame.type == S_FETCH)
		puppet_channels['f'] = frame.fd;
	else if (frame.fd != -1)
		close(frame.fd);
}

static void
repeat(char *rest, char *answer, size_t size)
{
	static char line[PUPPET_LINE];
	char *count = strtok_r(rest, " ", &rest);
	int n = count == NULL ? 0 : atoi(count);

	while (n-- > 0) {
		snprintf(line, sizeof(line), "%s", rest);
		puppet_obey(line, answer, size);
	}
}

void
puppet_obey(char *line, char *answer, size_t size)
{
	char *rest = line, *word = strtok_r(line, " ", &rest), *name, *number;

	answer[0] = '\0';
	if (word == NULL)
		return;
	if (strcmp(word, "act") == 0) {
		name = strtok_r(rest, " ", &rest);
		number = strtok_r(rest, " ", &rest);
		tell(answer, size, act(name == NULL ? "" : name,
		    number == NULL ? 0 : atol(number), rest));
	} else if (strcmp(word, "send") == 0) {
		tell(answer, size, send_frame(rest));
	} else if (strcmp(word, "raw") == 0) {
		tell(answer, size, send_raw(rest));
	} else if (strcmp(word, "recv") == 0) {
		receive(rest, answer, size);
	} else if (strcmp(word, "repeat") == 0) {
		repeat(rest, answer, size);
	} else {
		snprintf(answer, size, "unknown");
	}
}
