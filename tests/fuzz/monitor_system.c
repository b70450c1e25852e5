/*
 * The system about the monitor of fuzz_monitor.c: descriptors, each number
 * used once in a run, so that none is closed twice, lost, or used when it is
 * closed; an event loop whose time the input makes; and those files of ours
 * that are not in it: keys, secrets, the ledger, generations.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

#include "base/secret.h"
#include "base/stream.h"
#include "base/tlskeys.h"
#include "ledger.h"
#include "sandbox/sandbox.h"
#include "tests/fuzz/monitor_world.h"

struct event {
	LIST_ENTRY(event) entry;
	int fd;			/* -1: a timer */
	short what;
	event_callback_fn call;
	void *arg;
	bool added;
	int64_t due;
};

static LIST_HEAD(, event) events = LIST_HEAD_INITIALIZER(events);

/* Descriptors */

struct end *
end_of(int fd)
{
	MUST(fd >= FIRST_END && fd < FIRST_END + (int)w.n_ends);
	MUST(w.ends[fd - FIRST_END].open);
	return &w.ends[fd - FIRST_END];
}

int
new_end(enum kind kind, unsigned who)
{
	struct end *e = &w.ends[w.n_ends];

	MUST(w.n_ends < ENDS_MAX - 1);
	memset(e, 0, sizeof(*e));
	e->open = true;
	e->kind = kind;
	e->who = who;
	e->other = -1;
	return FIRST_END + (int)w.n_ends++;
}

int
role_pair(int pair[2])
{
	if (w.no_pair) {
		w.no_pair = false;
		errno = EMFILE;
		return -1;
	}
	pair[0] = new_end(NOBODY, 0);
	pair[1] = new_end(NOBODY, 0);
	end_of(pair[0])->other = pair[1];
	end_of(pair[1])->other = pair[0];
	return 0;
}

void
role_close(int fd)
{
	struct end *e = end_of(fd);

	free(e->data);
	e->data = NULL;
	e->open = e->there = false;
}

int
role_shutdown(int fd)
{
	end_of(fd);
	return 0;
}

ssize_t
role_read(int fd, void *p, size_t n)
{
	struct end *e = end_of(fd);

	MUST(e->kind == RUN && w.runs[e->who].answer == fd);
	return run_is_read(&w.runs[e->who], p, n);
}

ssize_t
role_gather(int fd, const struct iovec *iov, int n)
{
	struct end *e = end_of(fd);
	char *all = malloc(IPC_PAYLOAD_MAX + 1024);
	size_t len = 0;
	int i;

	MUST(e->kind == RUN && all != NULL);
	for (i = 0; i < n; i++) {
		MUST(len + iov[i].iov_len <= IPC_PAYLOAD_MAX + 1024);
		memcpy(all + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	run_is_told(&w.runs[e->who], all, len);
	free(all);
	return (ssize_t)len;
}

int
role_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds, (void)n, (void)timeout;
	abort();
}

int
role_kill(pid_t pid, int sig)
{
	MUST(sig == SIGKILL);
	helper_killed(pid);
	return 0;
}

/* Frames */

int
role_ipc_send(int to, uint16_t type, uint16_t flags, const void *data,
    size_t len, int fd)
{
	struct end *e = end_of(to);
	char *copy;

	MUST(flags == 0 && len <= IPC_PAYLOAD_MAX);
	if (fd != -1) {
		end_of(fd)->given = e->kind;
		end_of(fd)->given_to = e->who;
	}
	if (e->deaf || e->eof) {
		errno = e->eof ? EPIPE : EAGAIN;
		return -1;
	}
	copy = exact(data, len, false);
	if (e->kind == NURSERY)
		nursery_hears(type, copy, len, fd);
	else if (e->kind == SESSION)
		session_hears(&w.sessions[e->who], type, copy, len, fd);
	else if (e->kind == RELAY)
		relay_hears(&w.relays[e->who], type, copy, len, fd);
	else if (e->kind == FETCH)
		fetch_hears(&w.fetches[e->who], type, copy, len, fd);
	else if (e->kind == STANDING)
		standing_hears(&w.runs[e->who], type, copy, len, fd);
	else
		MUST(!"a frame to nobody");
	free(copy);
	return 0;
}

/* A descriptor that comes with a frame is of the sender's or a newborn's. */
int
role_ipc_recv(int from, struct frame *frame)
{
	struct end *e = end_of(from);

	if (!e->there) {
		errno = EAGAIN;
		if (e->eof)
			frame->fd = -1;
		return e->eof ? 0 : -1;
	}
	e->there = false;
	frame->fd = -1;
	errno = e->error;
	if (errno == EPROTO)
		return -1;
	frame->type = e->type;
	frame->flags = e->flags;
	frame->len = (uint32_t)e->len;
	memcpy(frame->data, e->data, e->len);
	free(e->data);
	e->data = NULL;
	if (errno == EMFILE)
		return -1;
	if (e->with_fd)
		frame->fd = new_end(NOBODY, 0);
	if (e->with_fd && e->kind == NURSERY && frame->type == N_NEWBORN) {
		end_of(frame->fd)->kind = SESSION;
		end_of(frame->fd)->who = w.n_sessions;
		w.sessions[w.n_sessions].fd = frame->fd;
	}
	if (e->with_fd && e->kind == NURSERY && frame->type == N_RELAY) {
		end_of(frame->fd)->kind = RELAY;
		end_of(frame->fd)->who = e->who;
		w.relays[e->who].fd = frame->fd;
	}
	return 1;
}

void
put_frame(int fd, uint16_t type, const void *data, size_t len, bool with_fd)
{
	struct end *e = end_of(fd);

	MUST(!e->there && len <= IPC_PAYLOAD_MAX);
	e->there = true;
	e->error = 0;
	e->type = type;
	e->with_fd = with_fd;
	e->data = (uint8_t *)exact(data, len, false);
	e->len = len;
}

/* Events */

struct event_base *
event_base_new(void)
{
	static int base;

	return (struct event_base *)&base;
}

struct event *
event_new(struct event_base *base, evutil_socket_t fd, short what,
    event_callback_fn call, void *arg)
{
	struct event *e = calloc(1, sizeof(*e));

	(void)base;
	MUST(e != NULL);
	if (fd != -1)
		end_of(fd);
	e->fd = fd;
	e->what = what;
	e->call = call;
	e->arg = arg;
	LIST_INSERT_HEAD(&events, e, entry);
	return e;
}

int
event_add(struct event *e, const struct timeval *tv)
{
	MUST((e->fd == -1) == (tv != NULL));
	if (e->fd != -1)
		end_of(e->fd);
	e->added = true;
	if (tv != NULL)
		e->due = w.ms + tv->tv_sec * 1000 + tv->tv_usec / 1000;
	return 0;
}

int
event_del(struct event *e)
{
	e->added = false;
	return 0;
}

/* While its descriptor is open: it would be another's by then. */
void
event_free(struct event *e)
{
	if (e->fd != -1)
		end_of(e->fd);
	LIST_REMOVE(e, entry);
	free(e);
}

bool
wake(int fd)
{
	struct event *e;

	LIST_FOREACH(e, &events, entry)
		if (e->fd == fd && e->added && e->what & EV_READ)
			break;
	if (e != NULL)
		e->call(fd, EV_READ, e->arg);
	return e != NULL;
}

/* Who is still listened to behind its end would wake us for ever. */
void
hang_up(int fd)
{
	struct event *e;

	end_of(fd)->eof = true;
	while (w.ends[fd - FIRST_END].there && wake(fd))
		;
	wake(fd);
	LIST_FOREACH(e, &events, entry)
		MUST(e->fd != fd || !e->added);
}

void
pass_time(int64_t ms)
{
	int64_t end = w.ms + ms;
	struct event *e, *first;

	for (;;) {
		first = NULL;
		LIST_FOREACH(e, &events, entry)
			if (e->fd == -1 && e->added && e->due <= end &&
			    (first == NULL || e->due < first->due))
				first = e;
		if (first == NULL)
			break;
		if (first->due > w.ms)
			w.ms = first->due;
		first->added = false;
		first->call(-1, EV_TIMEOUT, first->arg);
	}
	w.ms = end;
}

/* Frees those that are, too. */
unsigned
events_left(void)
{
	struct event *e;
	unsigned n = 0;

	for (; (e = LIST_FIRST(&events)) != NULL; n++) {
		LIST_REMOVE(e, entry);
		free(e);
	}
	return n;
}

/* Keys: what begins with "!" no handshake signs. */

bool
signs(unsigned key, const unsigned char *in, size_t n, size_t hash_len)
{
	return key < 2 && n > 0 && in[0] != '!' &&
	    (hash_len == 0 || hash_len == 32 || hash_len == 48);
}

bool
stream_was_starved(void)
{
	return false;
}

static size_t
sign(const char *how, unsigned char *out)
{
	struct session *s = &w.sessions[w.now];

	MUST(w.now >= 0 && !s->told_yes);
	MUST(s->signatures++ == 0);
	s->hash_signed = how[1] == 'G';
	memset(out, 'z', 70);
	snprintf((char *)out, 70, "%s%d-", how, w.now);
	return 70;
}

size_t
tls_keys_sign(unsigned key, enum sign_kind kind, int padding,
    const unsigned char *in, size_t n, unsigned char *out, size_t size)
{
	(void)padding;
	MUST(kind <= SIGN_EC && size == SIGNATURE_MAX);
	return signs(key, in, n, 0) ? sign("sg", out) : 0;
}

size_t
tls_keys_sign_hash(unsigned key, enum sign_kind kind, int padding,
    const unsigned char *in, size_t n, const unsigned char *hash,
    size_t hash_len, unsigned char out[SIGNATURE_MAX])
{
	(void)padding, (void)hash;
	MUST(kind <= SIGN_EC && hash_len > 0);
	return signs(key, in, n, hash_len) ? sign("sG", out) : 0;
}

bool
tls_keys_load(const struct certificate *certs, size_t n, char *error,
    size_t size)
{
	(void)certs, (void)n, (void)error, (void)size;
	return true;
}

bool
tls_keypair_is_good(const unsigned char *chain, size_t chain_len,
    const unsigned char *key, size_t key_len)
{
	(void)chain, (void)chain_len, (void)key, (void)key_len;
	return true;
}

/* Secrets: the name of the file tells what is in it. */

static bool
fill_secret(struct secret *secret, char *text)
{
	secret->data = (unsigned char *)text;
	secret->len = strlen(text);
	return true;
}

bool
secret_read_file(struct secret *s, const char *path, char *error, size_t size)
{
	static char key[] = KEY "of ours";

	(void)path, (void)error, (void)size;
	return fill_secret(s, key);
}

bool
secret_read_public(struct secret *s, const char *path, char *error,
    size_t size)
{
	static char chain[] = "chain";

	(void)path, (void)error, (void)size;
	return fill_secret(s, chain);
}

bool
secret_read_login(const char *path, char *user, char *password, size_t size,
    char *error, size_t error_size)
{
	(void)error, (void)error_size;
	snprintf(user, size, "u:%.200s", path);
	snprintf(password, size, CREDENTIAL "%s", path);
	return true;
}

bool
secret_read_users_login(const char *path, char *user, char *password,
    size_t size, char *error, size_t error_size)
{
	if (path[0] != '/') {
		snprintf(error, error_size, "%s: not there", path);
		return false;
	}
	return secret_read_login(path, user, password, size, error,
	    error_size);
}

/* The rest */

int64_t
clock_ms(void)
{
	return w.ms;
}

long
ledger_login_wait(const char *address, unsigned most)
{
	long wait = w.wait > (long)most ? (long)most : w.wait;

	MUST(strcmp(address, w.sessions[w.now].address) == 0);
	w.sessions[w.now].busy = wait < 0;
	w.wait = 0;
	return wait;
}

/* Judged by what the session is told: see tries. */
void
ledger_login_failed(const char *address)
{
	(void)address;
}

struct allowance
ledger_take(const char *user, unsigned want, unsigned limit, unsigned period)
{
	struct allowance a = { want > limit ? limit : want, period,
	    want > limit };

	MUST(user[0] != '\0' && limit > 0);
	return a;
}

bool
config_trusts(const struct config *c, const char *address)
{
	(void)c;
	return strcmp(address, "10.0.0.1") == 0;
}

const char *
config_senders(const struct config *c, const char *login)
{
	static char senders[USER_SIZE + 8];

	snprintf(senders, sizeof(senders), "of:%s", login);
	return c->senders_any ? "*" : senders;
}

/* One spawned for a helper, or for imapfetch. */
int
spawn(const struct spawn *s, pid_t *pid)
{
	size_t i, n = strlen(s->argv[0]);

	for (i = 0; i < s->n_fds; i++)
		end_of(s->from[i]);
	MUST(s->own_stdio && !s->sibling);
	if (w.no_spawn) {
		w.no_spawn = false;
		return EAGAIN;
	}
	*pid = ++w.last_pid;
	if (n > 10 && strcmp(s->argv[0] + n - 10, "/imapfetch") == 0)
		return fetch_spawned(s);
	return helper_spawned(s, *pid);
}

bool
state_load(const struct config *c, struct report *report)
{
	(void)c, (void)report;
	abort();
}

void
state_save(const struct config *c, const struct report *report)
{
	(void)c, (void)report;
	abort();
}

int ledger_make(bool alone) { (void)alone; return -1; }
void ledger_open(int fd) { (void)fd; }
void generation_ready(void) { }
void lifetime_start(void) { }
void lifetime_client_came(void) { }
void lifetime_last_client_went(void) { }
void lifetime_nursery_gone(void) { abort(); }
void lifetime_renew(const char *why) { (void)why; }
void lifetime_crashed(void) { w.crashes++; }
void lifetime_end(void) { role_exit(0); }
void sandbox_helper(pid_t pid) { (void)pid; }
