#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "helpers/stand.h"
#include "helper.h"
#include "standing.h"

#define KEPT		60	/* seconds */
#define STANDING_MAX	2	/* auth and auth-token */
#define COULD_NOT_TELL	(111 << 8)

struct standing {
	char *const *argv;
	enum { NOT_ASKED, ASKED, STAYS, NEVER } state;
	pid_t pid;
	int channel;
	struct helper_run *first;	/* while it is ASKED */
	LIST_HEAD(, helper_run) runs;
	struct event *readable, *rest;
};

static struct {
	struct event_base *base;
	const char *libexec;
	struct standing standing[STANDING_MAX];
	uint32_t ticket;
	bool leaving;
} helpers;

void
standing_init(struct event_base *base, const char *libexec)
{
	helpers.base = base;
	helpers.libexec = libexec;
}

/*
 * Another program might decide anew at each login and then become one of
 * ours: it would do so at the first one only.
 */
static bool
is_ours(const char *program)
{
	size_t n = strlen(helpers.libexec);

	if (strncmp(program, helpers.libexec, n) != 0 || program[n] != '/')
		return false;
	program += n + 1;
	return strcmp(program, "checkpassword-file") == 0 ||
	    strcmp(program, "checkpassword-pam") == 0 ||
	    strcmp(program, "checktoken-introspect") == 0;
}

struct standing *
standing_find(char *const *argv)
{
	size_t i;

	if (!is_ours(argv[0]))
		return NULL;
	for (i = 0; i < STANDING_MAX; i++) {
		if (helpers.standing[i].argv == NULL)
			helpers.standing[i].argv = argv;
		if (helpers.standing[i].argv == argv)
			return &helpers.standing[i];
	}
	return NULL;
}

bool
standing_is_there(const struct standing *s)
{
	return s->state == STAYS;
}

bool
standing_may_be_asked(const struct standing *s)
{
	return s->state == NOT_ASKED && !helpers.leaving;
}

/* Its ends */

/* It ends when it sees that; another one is started when it is needed. */
static void
close_channel(struct standing *s, int state)
{
	event_free(s->readable);
	event_free(s->rest);
	close(s->channel);
	s->state = state;
	s->pid = 0;
}

static void
let_go_if_idle(struct standing *s)
{
	if (s->state == STAYS && LIST_EMPTY(&s->runs))
		close_channel(s, NOT_ASKED);
}

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	let_go_if_idle(arg);
}

void
standing_leave(void)
{
	size_t i;

	helpers.leaving = true;
	for (i = 0; i < STANDING_MAX; i++)
		let_go_if_idle(&helpers.standing[i]);
}

/* What it says */

static void
end_run(struct helper_run *run, int status)
{
	LIST_REMOVE(run, entry);
	run->ended(run->arg, status);
}

static struct helper_run *
find_run(const struct standing *s, uint32_t ticket)
{
	struct helper_run *run;

	LIST_FOREACH(run, &s->runs, entry)
		if (run->ticket == ticket)
			return run;
	return NULL;
}

static void
run_ended(struct standing *s, const struct frame *frame)
{
	struct timeval kept = { helpers.leaving ? 0 : KEPT, 0 };
	struct unpack unpack;
	struct helper_run *run;
	uint32_t ticket, status;

	unpack_start(&unpack, frame->data, frame->len);
	ticket = unpack_u32(&unpack);
	status = unpack_u32(&unpack);
	run = find_run(s, ticket);
	if (!unpack_done(&unpack) || run == NULL)
		return;
	if (LIST_NEXT(LIST_FIRST(&s->runs), entry) == NULL)
		event_add(s->rest, &kept);	/* this is the last */
	end_run(run, (int)status);
}

/* The first run is now known to be in a process of its own, too. */
static void
take_first(struct standing *s)
{
	if (s->state != ASKED)
		return;
	s->state = STAYS;
	LIST_REMOVE(s->first, entry);
	LIST_INSERT_HEAD(&s->runs, s->first, entry);
	s->first->by = s;
	s->first->ticket = 0;
	s->first->pid = 0;
}

/* False at the end of the channel. */
static bool
hear(struct standing *s)
{
	static struct frame frame;
	int n;

	while ((n = ipc_recv(s->channel, &frame)) == 1) {
		if (frame.fd != -1)
			close(frame.fd);
		if (frame.type == HELPER_STAYS)
			take_first(s);
		else if (frame.type == HELPER_ENDED)
			run_ended(s, &frame);
	}
	return n != 0;
}

/* Its end of the channel tells nothing: its process's end does. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct standing *s = arg;

	(void)fd, (void)what;
	if (!hear(s))
		event_del(s->readable);
}

/* Its process */

void
standing_watch(struct standing *s, struct helper_run *first, int channel)
{
	fcntl(channel, F_SETFL, O_NONBLOCK);
	s->state = ASKED;
	s->pid = first->pid;
	s->channel = channel;
	s->first = first;
	s->readable = event_new(helpers.base, channel, EV_READ | EV_PERSIST,
	    on_readable, s);
	s->rest = evtimer_new(helpers.base, on_rest, s);
	if (s->readable == NULL || s->rest == NULL)
		fatal("helper: out of memory");
	event_add(s->readable, NULL);
}

int
standing_login(struct standing *s, struct helper_run *run, const char *client)
{
	unsigned char buf[96];
	struct pack pack;
	int pair[2], error = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	run->ticket = ++helpers.ticket;	/* the first run's is 0 */
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, run->ticket);
	pack_string(&pack, client);
	if (ipc_send(s->channel, HELPER_LOGIN, 0, buf, pack.len,
	    pair[1]) == -1)
		error = errno;
	close(pair[1]);
	if (error != 0) {
		close(pair[0]);
		return error;
	}
	run->ask = run->answer = pair[0];
	run->by = s;
	LIST_INSERT_HEAD(&s->runs, run, entry);
	event_del(s->rest);
	return 0;
}

void
standing_kill(struct helper_run *run)
{
	unsigned char buf[4];
	struct pack pack;

	if (run->kills++ > 0) {
		kill(run->by->pid, SIGKILL);
		return;
	}
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, run->ticket);
	ipc_send(run->by->channel, HELPER_KILL, 0, buf, pack.len, -1);
}

/*
 * Those that it was busy with could not be told. As they end others are
 * started, maybe the next one that stays: not in runs before it is heard.
 */
static void
died(struct standing *s)
{
	struct helper_run *run;

	hear(s);
	if (s->state == ASKED) {
		close_channel(s, NEVER);
		return;
	}
	log_event(NULL, "helper-failed", "%s, which stays for all logins, "
	    "has ended", s->argv[0]);
	close_channel(s, NOT_ASKED);
	while ((run = LIST_FIRST(&s->runs)) != NULL)
		end_run(run, COULD_NOT_TELL);
}

bool
standing_child_ended(pid_t pid)
{
	size_t i;

	for (i = 0; i < STANDING_MAX; i++)
		if (helpers.standing[i].pid == pid) {
			died(&helpers.standing[i]);
			return true;
		}
	return false;
}
