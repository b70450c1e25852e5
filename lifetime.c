/*
 * The life of this generation of the service: the monitor's signals, the
 * start of the next generation and the end of this one.
 */
#include <sys/wait.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/stopped.h"
#include "base/tlskeys.h"
#include "helper.h"
#include "ledger.h"
#include "monitor.h"
#include "standing.h"

#define CRASH_REST	10	/* seconds between generations for that */
#define LOOK_AGAIN	60000	/* ms, when it might not rest */

static bool hangup_pending;	/* for the successor, when it serves */
static int64_t stop_asked;	/* ms, 0: nobody has */
static struct event *crash_timer, *rest_timer, *stopped_timer;
static bool resting;		/* asked the nursery to go, for want of work */
static bool starting;		/* a successor does not serve yet */
static pid_t failed_successor;
static int64_t last_crash;	/* s, not of the wall clock; 0: none */

static void
stop_accepting(void)
{
	size_t i;

	if (!monitor.stopping)
		monitor_tell_nursery(M_STOP, NULL, 0, -1);
	monitor.stopping = true;
	standing_leave();
	for (i = 0; i < monitor.sockets->n; i++)
		close(monitor.sockets->listening[i]);
	monitor.sockets->n = 0;
}

/* The successor serves, or its end of the pipe closed without a word. */
static void
on_successor(evutil_socket_t fd, short what, void *arg)
{
	bool again = false;

	(void)what, (void)arg;
	if (generation_took_over((int)fd, monitor.successor)) {
		log_event(NULL, "generation", "pid %ld serves now",
		    (long)monitor.successor);
		stop_accepting();
		if (hangup_pending)
			kill(monitor.successor, SIGHUP);
	} else {
		log_event(NULL, "generation-failed", "the new one did not "
		    "start, this one goes on; see the lines above");
		failed_successor = monitor.successor;
		monitor.successor = 0;
		again = hangup_pending;
		hangup_pending = false;
	}
	close((int)fd);
	starting = false;
	if (again)
		lifetime_renew("SIGHUP");
	else if (monitor.nursery_readable == NULL)
		event_base_loopbreak(monitor.base);
}

/* All is served. But systemd must know the next main process before we go. */
void
lifetime_nursery_gone(void)
{
	if (!(resting && starting))
		event_base_loopbreak(monitor.base);
}

void
lifetime_renew(const char *why)
{
	int fd;

	/* a connection of inetd's has no successor */
	if ((monitor.stopping && !resting) || monitor.successor != 0 ||
	    monitor.sockets->n == 0)
		return;
	fd = generation_next(monitor.sockets, monitor.service,
	    &monitor.successor);
	if (fd == -1) {
		log_event(NULL, "generation-failed", "%s", strerror(errno));
		monitor.successor = 0;
		return;
	}
	starting = true;
	log_event(NULL, "generation", "a new one begins: %s", why);
	event_base_once(monitor.base, fd, EV_READ,
	    on_successor, NULL, NULL);
}

static void
on_crash_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	lifetime_renew("crash");
}

/* A crash loop does not make a loop of generations. */
void
lifetime_crashed(void)
{
	struct timeval rest = { CRASH_REST, 0 };
	int64_t now = clock_ms() / 1000;

	if (last_crash == 0 || now - last_crash >= CRASH_REST) {
		last_crash = now;
		lifetime_renew("crash");
	} else if (!evtimer_pending(crash_timer, NULL)) {
		event_add(crash_timer, &rest);
	}
}

/* Rest: systemd keeps the sockets and starts us again for the next client */

bool
lifetime_may_rest(void)
{
	return generation_is_activated(monitor.sockets) &&
	    LIST_EMPTY(&monitor.clients) && !monitor.stopping &&
	    monitor.successor == 0 && ledger_may_go() &&
	    census_is_empty(monitor.service->census);
}

static void
look_after(unsigned ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };

	if (ms > 0)
		event_add(rest_timer, &time);
}

void
lifetime_last_client_went(void)
{
	look_after(monitor.service->conf.idle_exit);
}

static void
on_rest_timer(evutil_socket_t fd, short what, void *arg)
{
	unsigned ms = monitor.service->conf.idle_exit;

	(void)fd, (void)what, (void)arg;
	if (!LIST_EMPTY(&monitor.clients) || monitor.stopping)
		return;
	if (!lifetime_may_rest()) {
		look_after(ms < LOOK_AGAIN ? ms : LOOK_AGAIN);
		return;
	}
	log_event(NULL, "idle-exit", "nobody came for %u s", ms / 1000);
	/* the nursery accepts no more, then it ends, then we */
	resting = monitor.stopping = true;
	monitor_tell_nursery(M_STOP, NULL, 0, -1);
	probe_stop();
}

/* One that was accepted meanwhile: those behind it need a next generation. */
void
lifetime_client_came(void)
{
	if (resting)
		lifetime_renew("a client came at the end");
}

static void
on_hangup(evutil_socket_t sig, short what, void *arg)
{
	(void)what, (void)arg;
	if (monitor.stopping && monitor.successor != 0)
		kill(monitor.successor, (int)sig);
	else if (monitor.successor != 0)
		hangup_pending = true;	/* it is starting */
	else
		lifetime_renew("SIGHUP");
}

/* Sessions end their transactions; those that do nothing leave soon. */
static void
ask_to_leave(void)
{
	struct client *client, *next;

	for (client = LIST_FIRST(&monitor.clients); client != NULL;
	    client = next) {
		next = LIST_NEXT(client, entry);
		client_answer(client, S_LEAVE, NULL, 0, -1);
	}
}

static void
on_terminate(evutil_socket_t sig, short what, void *arg)
{
	int64_t now = clock_ms();

	(void)what, (void)arg;
	if (monitor.successor != 0)
		kill(monitor.successor, (int)sig);
	/* the second time: now; at once after the first it is the same one,
	   that has come to the whole group and has been passed on, too */
	else if (stop_asked != 0 && now - stop_asked > 1000)
		_exit(0);
	if (stop_asked == 0)
		stop_asked = now;
	generation_notify_stopping();
	stop_accepting();
	ask_to_leave();
	probe_stop();
}

static void
await_stopped(void)
{
	int ms = stopped_wait();
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };

	if (ms == -1)
		event_del(stopped_timer);
	else
		event_add(stopped_timer, &time);
}

/* Whichever it is, the nursery, too: its end is seen to as any other. */
static void
on_stopped_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	while (stopped_kill() != 0)
		;
	await_stopped();
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	int status;
	pid_t pid;

	(void)sig, (void)what, (void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG | STOPPED_TOO)) > 0) {
		if (stopped_note(pid, status))
			continue;
		if (pid == monitor.successor && monitor.stopping)
			monitor.successor = 0;
		else if (pid != monitor.successor &&
		    pid != failed_successor &&
		    !helper_child_ended(pid, status) &&
		    WIFSIGNALED(status))
			log_event(NULL, "child-died", "imapfetch, pid %ld, "
			    "signal %d", (long)pid, WTERMSIG(status));
	}
	await_stopped();
}

static void
on_watchdog_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	generation_alive();
}

static void
start_watchdog(void)
{
	unsigned ms = generation_watchdog();
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	struct event *timer;

	if (ms == 0)
		return;
	timer = event_new(monitor.base, -1, EV_PERSIST, on_watchdog_timer,
	    NULL);
	if (timer == NULL || event_add(timer, &time) == -1)
		fatal("monitor: out of memory");
}

static void
watch_signal(int sig, event_callback_fn callback)
{
	struct event *event = evsignal_new(monitor.base, sig, callback, NULL);

	if (event == NULL || event_add(event, NULL) == -1)
		fatal("monitor: cannot watch signal %d", sig);
}

void
lifetime_start(void)
{
	watch_signal(SIGHUP, on_hangup);
	watch_signal(SIGTERM, on_terminate);
	watch_signal(SIGINT, on_terminate);
	watch_signal(SIGCHLD, on_child);
	crash_timer = evtimer_new(monitor.base, on_crash_timer, NULL);
	rest_timer = evtimer_new(monitor.base, on_rest_timer, NULL);
	stopped_timer = evtimer_new(monitor.base, on_stopped_timer, NULL);
	if (crash_timer == NULL || rest_timer == NULL || stopped_timer == NULL)
		fatal("monitor: out of memory");
	start_watchdog();
	if (generation_is_activated(monitor.sockets))
		lifetime_last_client_went();
}

/*
 * The loop has ended. A signal that it has caught but not yet told of is
 * told now; those that come later wait for the one who waits for them.
 */
_Noreturn void
lifetime_end(void)
{
	generation_block_signals();
	event_base_loop(monitor.base, EVLOOP_NONBLOCK);
	tls_keys_wipe();
	if (generation_must_wait(monitor.service))
		generation_wait_for_successors();
	_exit(0);
}
