/*
 * base/ipc.c: payloads, and frames as a hostile sender can make them;
 * order.c: what the monitor tells a relay, there and back.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/ipc.h"
#include "order.h"
#include "tests/unit/unit.h"

static void
try_pack(void)
{
	unsigned char buf[64];
	struct pack pack;
	struct unpack unpack;
	const unsigned char *p;
	char s[6];
	size_t size, len;

	for (size = 0; size <= 29; size++) {
		unsigned char *small = malloc(size + (size == 0));

		pack_start(&pack, small, size);
		pack_u8(&pack, 0xab);
		pack_u16(&pack, 0xabcd);
		pack_u32(&pack, 0xabcdef01);
		pack_u64(&pack, 0x123456789abcdef0);
		pack_bytes(&pack, "x\0y", 3);
		pack_string(&pack, "hello");
		pack_string(&pack, NULL);
		ok(pack.bad == (size < 29) && pack.len <= size, "room", 4,
		    "%zu: bad %d, %zu octets", size, pack.bad, pack.len);
		memcpy(buf, small, size);
		free(small);
	}
	for (size = 0; size <= 30; size++) {
		char *cut = malloc(size + (size == 0));

		if (cut == NULL)
			return;
		memset(cut, 0, size);
		memcpy(cut, buf, size < 29 ? size : 29);
		unpack_start(&unpack, cut, size);
		ok(unpack_u8(&unpack) == (size < 1 ? 0 : 0xab), "u8", 2, " ");
		ok(unpack_u16(&unpack) == (size < 3 ? 0 : 0xabcd), "u16", 3,
		    " ");
		ok(unpack_u32(&unpack) == (size < 7 ? 0 : 0xabcdef01), "u32",
		    3, " ");
		ok(unpack_u64(&unpack) == (size < 15 ? 0 :
		    0x123456789abcdef0), "u64", 3, " ");
		p = unpack_bytes(&unpack, &len);
		ok(size < 20 ? p == NULL && len == 0 : len == 3 &&
		    memcmp(p, "x\0y", 3) == 0, "bytes", 5, "%zu", size);
		unpack_string(&unpack, s, sizeof(s));
		ok(strcmp(s, size < 27 ? "" : "hello") == 0, s, strlen(s),
		    "%zu", size);
		unpack_string(&unpack, s, 1);
		ok(unpack.bad == (size < 29), "bad", 3, "%zu", size);
		ok(unpack_done(&unpack) == (size == 29), "done", 4, "%zu",
		    size);
		free(cut);
	}
}

static void
try_strings(void)
{
	static const struct {
		const char *in;
		size_t len, room;
		bool good;
	} strings[] = {
	{ LIT(""), 1, true }, { LIT("abc"), 4, true }, { LIT("abc"), 3, false },
	{ LIT("a"), 1, false }, { LIT("a\0b"), 9, false },
	{ LIT("abc\0"), 9, false }, { LIT("\0"), 9, false },
	};
	unsigned char buf[64];
	struct pack pack;
	struct unpack unpack;
	char *out;
	size_t i;

	for (i = 0; i < COUNT(strings); i++) {
		pack_start(&pack, buf, sizeof(buf));
		pack_bytes(&pack, strings[i].in, strings[i].len);
		unpack_start(&unpack, buf, pack.len);
		out = malloc(strings[i].room);
		unpack_string(&unpack, out, strings[i].room);
		ok(unpack_done(&unpack) == strings[i].good, strings[i].in,
		    strings[i].len, "bad %d", unpack.bad);
		ok(strcmp(out, strings[i].good ? strings[i].in : "") == 0,
		    strings[i].in, strings[i].len, "not empty");
		free(out);
	}
	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, buf, 65536);
	ok(pack.bad && pack.len == 0, "65536", 5, "accepted");
	/* what has turned bad stays so */
	pack_u8(&pack, 1);
	ok(pack.bad && pack.len == 0, "after bad", 9, "packed");
}

static unsigned
open_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* A raw datagram with descriptors, as our ipc_send would never make it */
static void
send_raw(int channel, const void *p, size_t n, unsigned fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	unsigned i;
	int fd = 0;

	if (fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (i = 0; i < fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd,
			    sizeof(fd));
	}
	if (sendmsg(channel, &msg, 0) == -1)
		abort();
}

static void
try_frames(void)
{
	static const struct {
		unsigned char octets[16];
		size_t n;
		unsigned fds;
		int want;	/* of ipc_recv; -1: EPROTO, 0: the end */
	} frames[] = {
	{ { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, 0, 1 },
	{ { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, 1, 1 },
	{ { 1, 0, 0, 0, 2, 0, 0, 0, 7, 7 }, 10, 0, 1 },
	{ { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, 2, -1 },
	{ { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, 8, -1 },
	{ { 0 }, 0, 0, 0 },
	{ { 0 }, 0, 1, 0 },
	{ { 0 }, 0, 2, 0 },
	{ { 1 }, 1, 0, -1 },
	{ { 1 }, 1, 1, -1 },
	{ { 1, 0, 0, 0, 0, 0, 0 }, 7, 0, -1 },
	{ { 1, 0, 0, 0, 1, 0, 0, 0 }, 8, 0, -1 },
	{ { 1, 0, 0, 0, 1, 0, 0, 0 }, 8, 1, -1 },
	{ { 1, 0, 0, 0, 1, 0, 0, 0, 7, 7 }, 10, 0, -1 },
	{ { 1, 0, 0, 0, 255, 255, 255, 255, 7, 7 }, 10, 2, -1 },
	};
	static struct frame frame;
	char name[16];
	int pair[2], got;
	unsigned before;
	size_t i;

	if (ipc_pair(pair) == -1)
		abort();
	before = open_fds();
	for (i = 0; i < COUNT(frames); i++) {
		snprintf(name, sizeof(name), "frame %zu", i);
		send_raw(pair[0], frames[i].octets, frames[i].n,
		    frames[i].fds);
		errno = 0;
		got = ipc_recv(pair[1], &frame);
		ok(got == frames[i].want && (got != -1 || errno == EPROTO),
		    name, strlen(name), "%d, errno %d", got, errno);
		if (got == 1) {
			ok(frame.type == 1 && frame.len == frames[i].n - 8 &&
			    (frame.fd != -1) == (frames[i].fds > 0), name,
			    strlen(name), "len %u", frame.len);
			if (frame.fd != -1)
				close(frame.fd);
		}
		ok(open_fds() == before, name, strlen(name),
		    "descriptors left open");
	}
	ok(ipc_recv(pair[1], &frame) == -1 && errno == EAGAIN, "nothing", 7,
	    "errno %d", errno);
	ok(ipc_recv_wait(pair[1], &frame, 1) == -1 && errno == ETIMEDOUT,
	    "nothing", 7, "errno %d", errno);
	ok(ipc_send(pair[0], 2, 3, frame.data, IPC_PAYLOAD_MAX, -1) == 0 &&
	    ipc_recv(pair[1], &frame) == 1 && frame.len == IPC_PAYLOAD_MAX &&
	    frame.type == 2 && frame.flags == 3 && frame.fd == -1,
	    "largest", 7, "len %u", frame.len);
	ok(ipc_send(pair[0], 2, 3, frame.data, IPC_PAYLOAD_MAX + 1, -1) == -1,
	    "larger", 6, "sent");
	close(pair[0]);
	ok(ipc_recv(pair[1], &frame) == 0, "closed", 6, "errno %d", errno);
	close(pair[1]);
}

/* A descriptor arrives as itself, or not at all where there is no room. */
static void
try_descriptors(void)
{
	static struct frame frame;
	struct rlimit rl, none;
	struct stat sent, came;
	int pair[2], fd = open("/dev/null", O_RDONLY);
	unsigned before;

	if (ipc_pair(pair) == -1 || fd == -1 || fstat(fd, &sent) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &rl) == -1)
		abort();
	before = open_fds();
	ok(ipc_send(pair[0], 5, 0, "x", 1, fd) == 0 &&
	    ipc_recv_wait(pair[1], &frame, 1000) == 1 && frame.type == 5 &&
	    frame.len == 1 && frame.fd != -1 &&
	    fstat(frame.fd, &came) == 0 && came.st_rdev == sent.st_rdev &&
	    (fcntl(frame.fd, F_GETFD) & FD_CLOEXEC), "descriptor", 10,
	    "fd %d", frame.fd);
	close(frame.fd);
	none = rl;
	none.rlim_cur = 3;
	/* valgrind keeps that limit for itself */
	if (getenv("WRAP") == NULL) {
		if (ipc_send(pair[0], 5, 0, NULL, 0, fd) == -1)
			abort();
		setrlimit(RLIMIT_NOFILE, &none);
		errno = 0;
		ok(ipc_recv(pair[1], &frame) == -1 && errno == EMFILE &&
		    frame.fd == -1, "no room", 7, "errno %d", errno);
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	ok(open_fds() == before, "descriptor", 10, "left open");
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* A channel that is full, in vain and not; one whose other end is gone. */
static void
try_full(void)
{
	static struct frame frame;
	int pair[2], size = 4096;
	unsigned sent = 0, got = 0;

	if (ipc_pair(pair) == -1 || fcntl(pair[0], F_SETFL, O_NONBLOCK) == -1)
		abort();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (ipc_send(pair[0], 1, 0, frame.data, 100, -1) == 0)
		sent++;
	ok(errno == EAGAIN && sent > 0, "full", 4, "errno %d", errno);
	ok(ipc_send_wait(pair[0], 1, 0, frame.data, 100, -1, 1) == -1 &&
	    errno == ETIMEDOUT, "full", 4, "errno %d", errno);
	fflush(stdout);
	if (fork() == 0) {
		usleep(20000);
		while (ipc_recv_wait(pair[1], &frame, 200) == 1)
			got++;
		_exit(got == sent + 1 ? 0 : 1);
	}
	ok(ipc_send_wait(pair[0], 1, 0, frame.data, 100, -1, 5000) == 0,
	    "room again", 10, "errno %d", errno);
	wait(&size);
	ok(size == 0, "room again", 10, "not all came");
	close(pair[1]);
	ok(ipc_send_wait(pair[0], 1, 0, NULL, 0, -1, 1000) == -1 &&
	    errno == EPIPE, "gone", 4, "errno %d", errno);
	close(pair[0]);
	/* closed with something unread in it: still the end, no error */
	if (ipc_pair(pair) == -1 || ipc_send(pair[1], 1, 0, NULL, 0, -1) == -1)
		abort();
	close(pair[0]);
	ok(ipc_recv(pair[1], &frame) == 0, "reset", 5, "errno %d", errno);
	close(pair[1]);
}

static void
fill_order(struct order *order)
{
	size_t i, k;

	memset(order, 0, sizeof(*order));
	memset(order->user, 'u', sizeof(order->user) - 1);
	memset(order->senders, 's', sizeof(order->senders) - 1);
	memset(order->id, 'i', sizeof(order->id) - 1);
	memset(order->client, 'c', sizeof(order->client) - 1);
	memset(order->relays, 'R', sizeof(order->relays) - 1);
	order->max_size = UINT64_MAX - 1;
	order->last = 0xf0f0f0f0;
	order->relay_token = true;
	memset(order->relay_user, 'r', sizeof(order->relay_user) - 1);
	memset(order->relay_password, 'p', sizeof(order->relay_password) - 1);
	for (i = 0; i < ROUTES_MAX; i++) {
		order->addresses[i].n = (unsigned)i % (ADDRESSES_MAX + 1);
		for (k = 0; k < order->addresses[i].n; k++) {
			memset(&order->addresses[i].ss[k], (int)(i + k), 28);
			order->addresses[i].len[k] = 28;
		}
	}
}

/* The fullest order fits a frame, and comes back the same. */
static void
try_order(void)
{
	static struct order order, back;
	static struct report report, report_back;
	static unsigned char buf[IPC_PAYLOAD_MAX], again[IPC_PAYLOAD_MAX];
	size_t n, i, at;

	fill_order(&order);
	n = order_pack(&order, buf, sizeof(buf));
	ok(n > 0 && order_unpack(&back, buf, n) &&
	    memcmp(&order, &back, sizeof(order)) == 0, "order", 5,
	    "%zu octets do not come back", n);
	ok(order_pack(&back, again, n) == n && memcmp(buf, again, n) == 0 &&
	    order_pack(&back, again, n - 1) == 0, "order", 5, "room");
	for (i = 0; i < n; i++) {
		if (n - i > 600 && i % 97 != 0)
			continue;
		char *cut = copy_of((char *)buf, i);

		ok(!order_unpack(&back, cut, i), "order", 5,
		    "accepted when cut to %zu", i);
		free(cut);
	}
	ok(!order_unpack(&back, buf, n + 1), "order", 5, "an octet more");
	memcpy(report.addresses, order.addresses, sizeof(report.addresses));
	report.ehlo.capabilities = 0xffffffff;
	report.ehlo.size = UINT64_MAX;
	report.ehlo.by_min = report.ehlo.hold_max = 999999999;
	report.ehlo.limits[LIMIT_RCPT] = LIMIT_MAX;
	strcpy(report.ehlo.profile, "MIXER");
	strcpy(report.ehlo.solicit, "org.example:ADV,x");
	n = report_pack(&report, buf, sizeof(buf));
	ok(n > 0 && report_unpack(&report_back, buf, n) && memcmp(&report,
	    &report_back, sizeof(report)) == 0, "report", 6, "%zu octets", n);
	for (i = 0; i < n; i++)
		ok(!report_unpack(&report_back, buf, i), "report", 6,
		    "accepted when cut to %zu", i);
	ok(!report_unpack(&report_back, buf, n + 1), "report", 6,
	    "an octet more");
	strcpy(report.ehlo.profile, "a\r\n250 x");
	n = report_pack(&report, buf, sizeof(buf));
	ok(!report_unpack(&report_back, buf, n), "report", 6, "a line end");
	/* more addresses than there is room for, and one too long */
	memset(&report, 0, sizeof(report));
	at = report_pack(&report, buf, sizeof(buf)) - ROUTES_MAX;
	memset(buf, 0, sizeof(buf));
	buf[at] = ADDRESSES_MAX + 1;
	ok(!report_unpack(&report_back, buf, at + ROUTES_MAX +
	    2 * (ADDRESSES_MAX + 1)), "report", 6, "five addresses");
	buf[at] = 1;
	buf[at + 1] = sizeof(struct sockaddr_storage) + 1;
	ok(!report_unpack(&report_back, buf, at + ROUTES_MAX + 2 +
	    sizeof(struct sockaddr_storage) + 1), "report", 6,
	    "an address too long");
	buf[at + 1] = sizeof(struct sockaddr_storage);
	ok(report_unpack(&report_back, buf, at + ROUTES_MAX + 2 +
	    sizeof(struct sockaddr_storage)), "report", 6,
	    "the longest address refused");
}

int
main(void)
{
	table("ipc: payloads");
	try_pack();
	try_strings();
	table("ipc: frames");
	try_frames();
	table("ipc: descriptors");
	try_descriptors();
	table("ipc: full channels");
	try_full();
	table("order");
	try_order();
	return tables_done();
}
