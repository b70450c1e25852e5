/*
 * imapfetch: fetches what a BURL names, for one session and one user.
 *
 * Descriptor 3 is the channel to the monitor, which says for whom to work
 * and where it is allowed (F_ORDER, F_SERVER ..., F_CHANNEL). Then F_URL
 * frames come from the session, one at a time; the content goes into the
 * relay's channel that came along, and F_DONE says how it went. Frames are
 * described in frames.h. This program ends when either channel closes.
 *
 * It believes nobody: the session may be seized, so every URL is checked
 * against the user the monitor named; the IMAP server may be hostile, so it
 * is asked for nothing but what was decided before (imap/policy.c), and what
 * it says is bounded in size and time (imap/response.c, imap/answer.c).
 */
#include <sys/types.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "frames.h"
#include "imap/fetch.h"
#include "imap/prepare.h"
#include "sandbox/sandbox.h"

#define MONITOR 3
#define ACCOUNTS_MAX 32

extern char **environ;

static struct {
	char session_id[64];
	char user[IMAP_NAME_MAX + 1];
	char password[1024];
	uint32_t timeout;	/* ms */
	uint32_t uid, gid;
} order;

static struct imap_account accounts[ACCOUNTS_MAX];
static size_t accounts_n;
static struct imap_connection connection;
static struct frame frame;
static int session = -1;

_Noreturn static void
leave(void)
{
	size_t i;

	imap_close(&connection, true);
	for (i = 0; i < accounts_n; i++)
		explicit_bzero(accounts[i].password,
		    sizeof(accounts[i].password));
	exit(0);
}

_Noreturn static void
malformed(const char *what)
{
	fatal("imapfetch: malformed frame: %s", what);
}

/* First of all: nothing of what we are told may be read by a debugger, and
   nothing the environment says may steer libcurl (SSLKEYLOGFILE, proxies). */
static void
start_clean(void)
{
	/* a name server that is down must not hold us for a minute */
	static char resolver[] = "RES_OPTIONS=timeout:3 attempts:2";
	static char zone[] = "TZ=UTC0";
	static char *all[] = { resolver, zone, NULL };

	environ = all;
	tzset();	/* libcurl would read zone files in the middle of it */
#ifdef __linux__
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("imapfetch: prctl: %s", strerror(errno));
#endif
	signal(SIGPIPE, SIG_IGN);
}

static void
drop_privileges(void)
{
	gid_t gid = order.gid;

	if (order.uid != 0 || order.gid != 0) {
		if (order.uid == 0 || order.gid == 0)
			malformed("half a user");
		if (setgroups(1, &gid) == -1 ||
		    setresgid(gid, gid, gid) == -1 ||
		    setresuid(order.uid, order.uid, order.uid) == -1)
			fatal("imapfetch: dropping to uid %u: %s", order.uid,
			    strerror(errno));
	}
#ifdef __linux__
	/* a change of uid may have set it again */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("imapfetch: prctl: %s", strerror(errno));
#endif
}

static void
take_order(void)
{
	struct unpack in;

	unpack_start(&in, frame.data, frame.len);
	unpack_string(&in, order.session_id, sizeof(order.session_id));
	unpack_string(&in, order.user, sizeof(order.user));
	unpack_string(&in, order.password, sizeof(order.password));
	order.timeout = unpack_u32(&in);
	order.uid = unpack_u32(&in);
	order.gid = unpack_u32(&in);
	if (!unpack_done(&in) || frame.fd != -1 || order.user[0] == '\0' ||
	    order.timeout == 0 || order.timeout > INT32_MAX)
		malformed("F_ORDER");
	explicit_bzero(frame.data, frame.len);
}

static void
take_server(void)
{
	struct imap_account *account = &accounts[accounts_n];
	char url[IMAP_NAME_MAX + 64], ca[1024];
	const char *why;
	struct unpack in;
	unsigned login;

	if (accounts_n == ACCOUNTS_MAX)
		malformed("too many servers");
	unpack_start(&in, frame.data, frame.len);
	unpack_string(&in, url, sizeof(url));
	login = unpack_u8(&in);
	unpack_string(&in, account->name, sizeof(account->name));
	unpack_string(&in, account->password, sizeof(account->password));
	unpack_string(&in, ca, sizeof(ca));
	if (!unpack_done(&in) || frame.fd != -1 || login > IMAP_PASSTHROUGH)
		malformed("F_SERVER");
	if (imap_server_parse(url, &account->server, &why) == -1)
		malformed(why);
	account->login = (enum imap_login)login;
	if (login == IMAP_PASSTHROUGH) {
		snprintf(account->name, sizeof(account->name), "%s",
		    order.user);
		snprintf(account->password, sizeof(account->password), "%s",
		    order.password);
	}
	explicit_bzero(frame.data, frame.len);
	/* a user who logged in without a password cannot pass one through */
	if (login == IMAP_PASSTHROUGH && order.password[0] == '\0')
		return;
	imap_load_ca(account, ca);	/* files are read while we still may */
	accounts_n++;
}

static void
take_channel(void)
{
	if (frame.fd == -1 || frame.len != 0)
		malformed("F_CHANNEL");
	session = frame.fd;
}

/* All that the monitor has to say, in its order. */
static void
take_orders(void)
{
	unsigned next = F_ORDER;
	int n;

	while (session == -1) {
		n = ipc_recv_wait(MONITOR, &frame, -1);
		if (n == 0)
			leave();
		if (n == -1 || frame.flags != 0)
			malformed("from the monitor");
		if (next == F_ORDER ? frame.type != F_ORDER :
		    frame.type != F_SERVER && frame.type != F_CHANNEL)
			malformed("out of order");
		next = F_SERVER;
		if (frame.type == F_ORDER)
			take_order();
		else if (frame.type == F_SERVER)
			take_server();
		else
			take_channel();
	}
	explicit_bzero(order.password, sizeof(order.password));
}

static const char *
verdict_name(enum fetch_verdict verdict)
{
	static const char *const names[] = {
		[FETCH_OK] = "ok", [FETCH_SYNTAX] = "syntax",
		[FETCH_NO_TRUST] = "no-trust", [FETCH_REFUSED] = "refused",
		[FETCH_GONE] = "gone", [FETCH_TOO_BIG] = "too-big",
		[FETCH_DOWN] = "down", [FETCH_RELAY] = "relay"
	};

	return names[verdict];
}

/* Neither the URL nor a text of the server's: both hold the token. */
static void
log_fetch(const struct imap_choice *choice, enum fetch_verdict verdict,
    uint64_t size, int64_t ms, const char *why)
{
	static const char *const modes[] = { "login", "proxy", "passthrough" };
	const struct imap_account *account = choice->account;
	char server[IMAP_NAME_MAX + 16] = "-";
	struct log_line line;

	if (account != NULL)
		snprintf(server, sizeof(server), "%s:%u",
		    account->server.host, account->server.port);
	log_start(&line, order.session_id, "burl");
	log_str(&line, "user", order.user);
	log_str(&line, "server", server);
	log_str(&line, "mode", account == NULL ? "-" : modes[account->login]);
	log_str(&line, "verdict", verdict_name(verdict));
	log_num(&line, "size", (int64_t)size);
	log_num(&line, "ms", ms);
	if (why != NULL && verdict != FETCH_OK)
		log_str(&line, "reason", why);
	log_end(&line);
}

static void
answer(enum fetch_verdict verdict, uint64_t sent)
{
	unsigned char buf[16];
	struct pack out;

	pack_start(&out, buf, sizeof(buf));
	pack_u8(&out, (unsigned)verdict);
	pack_u64(&out, sent);
	if (ipc_send_wait(session, F_DONE, 0, buf, out.len, -1,
	    (int)order.timeout) == -1)
		leave();
}

/* The URL's way from octets to a verdict. */
static enum fetch_verdict
fetch_url(struct imap_job *job, struct imap_choice *choice, const char **why)
{
	static struct imap_url url;
	enum fetch_verdict verdict;

	if (imap_url_parse(&url, job->text, job->text_len, why) == -1)
		return FETCH_SYNTAX;
	verdict = imap_decide(&url, job->text, accounts, accounts_n,
	    order.user, time(NULL), choice);
	*why = choice->why;
	if (verdict != FETCH_OK)
		return verdict;
	job->choice = choice;
	job->url = &url;
	verdict = imap_fetch(job, &connection);
	*why = job->why;
	return verdict;
}

static void
take_url(void)
{
	struct imap_choice choice = { .account = NULL };
	struct imap_job job = { .relay = frame.fd, .user = order.user };
	enum fetch_verdict verdict;
	int64_t start = clock_ms();
	const char *why = NULL;
	struct unpack in;

	unpack_start(&in, frame.data, frame.len);
	job.limit = unpack_u64(&in);
	job.text = (const char *)unpack_bytes(&in, &job.text_len);
	if (frame.type != F_URL || frame.flags != 0 || frame.fd == -1 ||
	    !unpack_done(&in))
		malformed("F_URL");
	job.timeout = (int)order.timeout;
	job.wait.session = session;
	job.wait.monitor = MONITOR;
	job.wait.deadline = start + job.timeout;
	verdict = fetch_url(&job, &choice, &why);
	close(frame.fd);
	explicit_bzero(frame.data, frame.len);
	log_fetch(&choice, verdict, job.sent, clock_ms() - start, why);
	if (job.gone)
		leave();
	answer(verdict, job.sent);
}

/* Sleeps until one of the channels has something to say. */
static void
serve(void)
{
	struct pollfd pfd[2] = {
		{ .fd = session, .events = POLLIN },
		{ .fd = MONITOR, .events = POLLIN }
	};
	int n;

	for (;;) {
		if (poll(pfd, 2, -1) == -1) {
			if (errno == EINTR)
				continue;
			fatal("imapfetch: poll: %s", strerror(errno));
		}
		if (pfd[1].revents != 0) {
			if (ipc_recv(MONITOR, &frame) != 0)
				malformed("from the monitor");
			leave();
		}
		n = ipc_recv(session, &frame);
		if (n == 0)
			leave();
		if (n == 1)
			take_url();
		else if (errno != EAGAIN)
			malformed("from the session");
	}
}

/* Names are resolved and files are read: neither is needed any more. */
static void
put_up_fence(void)
{
	struct sandbox_reach reach = { .n_ports = 0 };
	size_t i;

	for (i = 0; i < accounts_n && i < SANDBOX_PORTS_MAX; i++)
		reach.ports[reach.n_ports++] = accounts[i].server.port;
	sandbox_imapfetch(&reach);
}

int
main(int argc, char **argv)
{
	bool syslog = argc > 1 && strcmp(argv[1], "syslog") == 0;
	size_t i;

	log_open(syslog ? LOG_TO_SYSLOG : LOG_TO_STDERR, 0);
	start_clean();
	take_orders();
	drop_privileges();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatal("imapfetch: libcurl cannot be started");
	for (i = 0; i < accounts_n; i++)
		imap_resolve(&accounts[i]);
	put_up_fence();
	serve();
}
