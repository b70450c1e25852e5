/*
 * The relay processes, probes and imapfetch of fuzz_monitor.c: what each is
 * told must be of the one session that then gets its channel.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/fuzz/monitor_world.h"

/* The nursery is asked for one; it may take its time. */
void
relay_wanted(uint32_t ticket, enum role role)
{
	struct relay_process *r = &w.relays[w.n_relays++];

	MUST(w.n_relays < RELAYS_MAX && ticket != 0);
	MUST(role == ROLE_RELAY || role == ROLE_PROBE);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->ticket = ticket;
	r->role = role;
}

static bool
is_there(const struct relay_process *r)
{
	return r->fd != -1 && w.ends[r->fd - FIRST_END].open;
}

void
relay_is_born(struct relay_process *r, enum birth_kind kind)
{
	unsigned char buf[8];
	struct pack pack;

	if (r->born)
		return;
	r->born = true;
	r->pid = kind == NOT_BORN ? 0 : ++w.last_pid;
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, r->ticket);
	pack_u32(&pack, (uint32_t)r->pid);
	put_frame(FIRST_END, N_RELAY, buf, pack.len, kind == BORN);
	end_of(FIRST_END)->error = kind == NO_ROOM ? EMFILE : 0;
	end_of(FIRST_END)->who = (unsigned)(r - w.relays);
	w.kills = 0;
	MUST(wake(FIRST_END));
	MUST(w.kills == (kind == NO_ROOM));
	MUST(w.kills == 0 || w.killed == r->pid);
}

/* What they hear */

static void
hear_probe(struct relay_process *r, uint16_t type, struct unpack *unpack)
{
	MUST(r->role == ROLE_PROBE && type == O_PROBE && !r->ordered);
	unpack_string(unpack, r->urls, sizeof(r->urls));
	MUST(unpack_done(unpack));
	MUST(!r->keypair || r->urls[0] == '\0');
	r->ordered = true;
}

static void
hear_allowance(struct relay_process *r, struct unpack *unpack)
{
	MUST(r->asked && unpack_u32(unpack) <= r->wanted);
	unpack_u32(unpack);
	MUST(unpack_done(unpack));
	r->asked = false;
}

void
relay_hears(struct relay_process *r, uint16_t type, const void *data,
    size_t len, int fd)
{
	struct unpack unpack;
	size_t n;

	MUST(!shows(data, len, PASSWORD));
	MUST(type == O_ORDER || !shows(data, len, CREDENTIAL));
	MUST(type == O_KEYPAIR || !shows(data, len, KEY));
	MUST((fd != -1) == (type == O_CHANNEL));
	unpack_start(&unpack, data, len);
	if (type == O_KEYPAIR) {
		MUST(w.scene & OWN_KEY && !r->keypair && !r->ordered);
		unpack_bytes(&unpack, &n);
		unpack_bytes(&unpack, &n);
		MUST(unpack_done(&unpack));
		r->keypair = true;
	} else if (r->role == ROLE_PROBE) {
		hear_probe(r, type, &unpack);
	} else if (type == O_ORDER) {
		MUST(!r->ordered && order_unpack(&r->order, data, len));
		MUST(!r->keypair || r->order.relays[0] == '\0');
		r->ordered = true;
	} else if (type == O_CHANNEL) {
		MUST(r->ordered && len == 0);
	} else {
		MUST(type == O_ALLOWANCE);
		hear_allowance(r, &unpack);
	}
}

static const char *
value_or_none(const struct session *s, const char *key)
{
	const char *value = said_value(s->said, s->said_len, key);

	return value == NULL ? "" : value;
}

static void
judge_credential(const struct session *s, const struct order *order)
{
	char user[300] = "", password[SECRET_MAX] = CREDENTIAL;
	const char *file = w.scene & OWN_LOGIN ? "/ours" : "";
	bool token = w.scene & OWN_TOKEN;

	if (order->relays[0] != '\0') {
		file = value_or_none(s, "RELAY_CREDENTIALS");
		token = strcmp(value_or_none(s, "RELAY_AUTH"), "token") == 0;
	}
	if (file[0] == '\0')
		password[0] = '\0';
	else
		snprintf(user, sizeof(user), "u:%.200s", file);
	strcat(password, file);
	MUST(strcmp(order->relay_user, user) == 0);
	MUST(strcmp(order->relay_password, password) == 0);
	MUST(order->relay_token == token);
}

/* The other end of what the session is given must be this one's. */
static struct end *
other_end(int fd)
{
	struct end *e = end_of(fd);

	MUST(e->kind == NOBODY && e->other != -1);
	return end_of(e->other);
}

void
judge_relay(const struct session *s, int fd)
{
	struct end *end = other_end(fd);
	const char *senders = value_or_none(s, "SENDERS");
	struct relay_process *r;
	struct order *order;

	if (end->given != RELAY)
		return;		/* could not be told: it sees it closed */
	r = &w.relays[end->given_to];
	order = &r->order;
	if (!r->ordered || w.ends[r->fd - FIRST_END].deaf)
		return;
	MUST(r->role == ROLE_RELAY && !r->used);
	r->used = true;
	MUST(strcmp(order->id, s->id) == 0);
	MUST(strcmp(order->client, s->address) == 0);
	MUST(strcmp(order->user, value_or_none(s, "USER")) == 0);
	MUST(strcmp(order->relays, value_or_none(s, "RELAY")) == 0);
	MUST(order->relays[0] == '\0' || w.scene & PER_USER);
	if (w.scene2 & ANY_SENDER || senders[0] == '\0')
		senders = config_senders(&service.conf, order->user);
	MUST(strcmp(order->senders, senders) == 0);
	MUST(r->keypair == (order->relays[0] == '\0' && w.scene & OWN_KEY));
	judge_credential(s, order);
}

/* What they say */

/* A kill goes to it, and nobody else. */
static bool
is_good(const struct relay_process *r, uint16_t type, const void *data,
    size_t len, bool with_fd)
{
	struct unpack unpack;
	uint32_t want;

	if (with_fd || r->role == ROLE_PROBE)
		return !with_fd;
	if (type == O_CAPABILITIES)
		return true;
	unpack_start(&unpack, data, len);
	want = unpack_u32(&unpack);
	return type == O_ALLOWANCE && unpack_done(&unpack) &&
	    w.scene & LIMITED && want <= PENDING_MAX &&
	    !w.ends[r->fd - FIRST_END].deaf;
}

static void
judge_kill(const struct relay_process *r, bool good)
{
	bool killed = !good && r->role == ROLE_RELAY;

	MUST(w.kills == killed && (!killed || w.killed == r->pid));
	MUST(is_there(r) == (good && r->role == ROLE_RELAY));
}

void
relay_says(struct relay_process *r, uint16_t type, const void *data,
    size_t len, bool with_fd)
{
	struct unpack unpack;
	bool good;

	if (!is_there(r))
		return;
	good = is_good(r, type, data, len, with_fd);
	if (good && type == O_ALLOWANCE) {
		unpack_start(&unpack, data, len);
		r->wanted = unpack_u32(&unpack);
		r->asked = true;
	}
	put_frame(r->fd, type, data, len, with_fd);
	w.kills = 0;
	MUST(wake(r->fd));
	judge_kill(r, good);
	MUST(!r->asked || r->role == ROLE_PROBE);
}

void
relay_spoils(struct relay_process *r, int error)
{
	if (!is_there(r))
		return;
	put_frame(r->fd, O_ALLOWANCE, "", 0, false);
	end_of(r->fd)->error = error;
	w.kills = 0;
	MUST(wake(r->fd));
	judge_kill(r, false);
}

void
relay_ends(struct relay_process *r)
{
	if (!is_there(r))
		return;
	end_of(r->fd)->eof = true;
	w.kills = 0;
	MUST(wake(r->fd));
	MUST(w.kills == 0 && !is_there(r));
}

/* imapfetch */

int
fetch_spawned(const struct spawn *s)
{
	struct fetch_process *f = &w.fetches[w.n_fetches];
	int ours = end_of(s->from[0])->other;

	MUST(w.n_fetches < FETCHES_MAX && s->n_fds == 1 && s->to[0] == 3);
	MUST(!(w.scene2 & NO_IMAP));
	memset(f, 0, sizeof(*f));
	f->fd = ours;
	end_of(ours)->kind = FETCH;
	end_of(ours)->who = w.n_fetches++;
	return 0;
}

static void
hear_order(struct fetch_process *f, struct unpack *unpack)
{
	char id[SESSION_ID_SIZE], user[USER_SIZE], password[SECRET_MAX];
	const struct session *s;

	MUST(!f->ordered);
	unpack_string(unpack, id, sizeof(id));
	unpack_string(unpack, user, sizeof(user));
	unpack_string(unpack, password, sizeof(password));
	unpack_u32(unpack);
	unpack_u32(unpack);
	unpack_u32(unpack);
	MUST(unpack_done(unpack));
	s = session_of_id(id);
	MUST(s->proved && strcmp(user, value_or_none(s, "USER")) == 0);
	MUST(strcmp(password, w.scene & PASSTHROUGH && !s->token ?
	    s->secret : "") == 0);
	f->session = (unsigned)(s - w.sessions);
	f->ordered = true;
}

/* The first server is `login`, the second `passthrough` or `proxy`. */
static void
hear_server(struct fetch_process *f, struct unpack *unpack)
{
	char text[300];
	unsigned login;

	unpack_string(unpack, text, sizeof(text));
	MUST(strcmp(text, f->servers == 0 ? "imap://a" : "imap://b") == 0);
	login = unpack_u8(unpack);
	unpack_string(unpack, text, sizeof(text));
	MUST(strcmp(text, login == IMAP_PASSTHROUGH ? "" : f->servers == 0 ?
	    "u:/imap-a" : "u:/imap-b") == 0);
	unpack_string(unpack, text, sizeof(text));
	MUST(strcmp(text, login == IMAP_PASSTHROUGH ? "" : f->servers == 0 ?
	    CREDENTIAL "/imap-a" : CREDENTIAL "/imap-b") == 0);
	unpack_string(unpack, text, sizeof(text));
	MUST(unpack_done(unpack) && text[0] == '\0');
	f->servers++;
}

void
fetch_hears(struct fetch_process *f, uint16_t type, const void *data,
    size_t len, int fd)
{
	struct unpack unpack;

	MUST(!shows(data, len, KEY) && (fd != -1) == (type == F_CHANNEL));
	unpack_start(&unpack, data, len);
	if (type == F_ORDER) {
		MUST(!shows(data, len, CREDENTIAL));
		hear_order(f, &unpack);
	} else if (type == F_SERVER) {
		MUST(f->ordered && !shows(data, len, PASSWORD));
		hear_server(f, &unpack);
	} else {
		MUST(type == F_CHANNEL && len == 0 && f->servers == 2);
	}
}

void
judge_fetch(const struct session *s, int fd)
{
	struct end *end = other_end(fd);

	MUST(end->given == FETCH);
	MUST(w.fetches[end->given_to].session == (unsigned)(s - w.sessions));
}
