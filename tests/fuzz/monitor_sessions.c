/*
 * The sessions of fuzz_monitor.c, all of them seized, and the nursery, which
 * is not. What a session may ask for, and when, stands here again.
 */
#include <errno.h>
#include <stdio.h>

#include "smtp/oauth.h"
#include "smtp/sasl.h"
#include "tests/fuzz/monitor_world.h"

/* The nursery */

void
nursery_hears(uint16_t type, const void *data, size_t len, int fd)
{
	char address[CLIENT_SIZE];
	struct unpack unpack;
	struct session *s;
	struct ehlo ehlo;
	uint32_t number;
	unsigned role;

	MUST(fd == -1 && !shows(data, len, PASSWORD));
	MUST(!shows(data, len, CREDENTIAL) && !shows(data, len, KEY));
	unpack_start(&unpack, data, len);
	if (type == M_SERVE) {
		ehlo_unpack(&unpack, &ehlo);
	} else if (type == M_KILL) {
		w.kills++;
		w.killed = (pid_t)unpack_u32(&unpack);
	} else if (type == M_FORK_RELAY) {
		number = unpack_u32(&unpack);
		role = unpack_u8(&unpack);
		relay_wanted(number, (enum role)role);
	} else {
		MUST(type == M_CLIENT && w.now >= 0);
		s = &w.sessions[w.now];
		MUST(unpack_u32(&unpack) == (uint32_t)s->pid);
		unpack_string(&unpack, address, sizeof(address));
		MUST(strcmp(address, s->address) == 0);
		MUST(s->welcome == -1);
		s->welcome = -2;	/* asked */
	}
	MUST(unpack_done(&unpack));
}

struct session *
session_of_id(const char *id)
{
	unsigned i;

	for (i = 0; i < w.n_sessions; i++)
		if (strcmp(w.sessions[i].id, id) == 0)
			return &w.sessions[i];
	MUST(!"the id of a session");
}

static struct client *
record_of(const struct session *s)
{
	struct client *client;

	LIST_FOREACH(client, &monitor.clients, entry)
		if (client->pid == s->pid)
			return client;
	MUST(!"its record");
}

static bool
is_there(const struct session *s)
{
	return w.ends[s->fd - FIRST_END].open;
}

void
newborn(const uint8_t *arg, size_t n, bool no_room)
{
	static const char *const from[] = { "192.0.2.1", "10.0.0.1",
	    "2001:db8::1", "local" };
	struct session *s = &w.sessions[w.n_sessions];
	unsigned char buf[200];
	struct pack pack;
	int nursery = FIRST_END;

	if (w.n_sessions == SESSIONS_MAX)
		return;
	memset(s, 0, sizeof(*s));
	s->pid = ++w.last_pid;
	s->welcome = -1;
	s->born = w.ms;
	snprintf(s->id, sizeof(s->id), "s%uabcdefghijklmn", w.n_sessions);
	strcpy(s->address, from[n > 0 ? arg[0] % 4 : 0]);
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)s->pid);
	pack_string(&pack, s->id);
	pack_string(&pack, s->address);
	pack_u8(&pack, 0);
	put_frame(nursery, N_NEWBORN, buf, pack.len, true);
	if (no_room)
		end_of(nursery)->error = EMFILE;
	w.kills = 0;
	MUST(wake(nursery));
	MUST(w.kills == no_room && (!no_room || w.killed == s->pid));
	w.n_sessions += !no_room;
}

void
nursery_counts(struct session *s, bool welcome)
{
	unsigned char buf[5];
	struct pack pack;

	if (s->welcome != -2)
		return;
	s->welcome = welcome;
	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)s->pid);
	pack_u8(&pack, welcome);
	put_frame(FIRST_END, N_CLIENT, buf, pack.len, false);
	w.kills = 0;
	MUST(wake(FIRST_END) && w.kills == 0);
	MUST(!is_there(s) || s->owed[S_CLIENT] == 0);
}

/* The oldest that has not logged in is asked to go, and then it must. */
void
nursery_is_crowded(void)
{
	uint32_t connections = 100;
	struct session *s = NULL;
	unsigned i;
	bool killed;

	for (i = 0; i < w.n_sessions && s == NULL; i++)
		if (is_there(&w.sessions[i]) && w.ms - w.sessions[i].born >=
		    10000 && !record_of(&w.sessions[i])->authenticated)
			s = &w.sessions[i];
	killed = s != NULL && s->sent_away;
	if (s != NULL && !killed)
		s->owed[S_ROOM]++;
	put_frame(FIRST_END, N_CROWD, &connections, sizeof(connections),
	    false);
	w.kills = 0;
	MUST(wake(FIRST_END) && w.kills == killed);
	MUST(!killed || (w.killed == s->pid && !is_there(s)));
	MUST(s == NULL || !is_there(s) || s->sent_away);
}

void
nursery_reports(pid_t pid, int status, enum role role, bool condemned)
{
	unsigned crashes = w.crashes;
	unsigned char buf[12];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u32(&pack, (uint32_t)pid);
	pack_u32(&pack, (uint32_t)status);
	pack_u8(&pack, role);
	pack_u8(&pack, condemned);
	put_frame(FIRST_END, N_DIED, buf, pack.len, false);
	w.kills = 0;
	MUST(wake(FIRST_END) && w.kills == 0);
	MUST((w.crashes > crashes) == (status < 128 && !condemned));
}

/* What a session hears */

/* By a token only as whom the client says, if it says so. */
static bool
is_whom_it_names(const struct session *s)
{
	return !s->token || s->login[0] == '\0' || strcmp(s->login,
	    said_value(s->said, s->said_len, "USER")) == 0;
}

static void
hear_verdict(struct session *s, uint16_t type, struct unpack *unpack)
{
	unsigned verdict = unpack_u8(unpack);
	bool yes = verdict == AUTH_YES;
	struct ehlo ehlo;

	MUST(s->in_login && type == s->login_type && verdict <= AUTH_BUSY);
	MUST(!yes || (s->proved && is_whom_it_names(s)));
	MUST(yes || w.ms - s->login_at >=
	    (int64_t)service.conf.auth_delay);
	MUST(verdict != AUTH_BUSY || (s->busy && !s->launched));
	if (verdict == AUTH_NO || verdict == AUTH_NO_MORE) {
		MUST(s->launched && (!s->proved || s->token));
		s->tries++;
		MUST((s->tries == service.conf.auth_tries) ==
		    (verdict == AUTH_NO_MORE));
	}
	if (yes) {
		unpack_u64(unpack);
		ehlo_unpack(unpack, &ehlo);
		s->told_yes = true;
	}
	MUST(unpack_done(unpack));
	/* a password is kept for who has proved it, if for anything */
	if (!yes || s->token || !(w.scene & PASSTHROUGH))
		MUST(record_of(s)->password == NULL);
	s->in_login = false;
	s->proved = yes;
}

static void
hear_signature(const struct session *s, struct unpack *unpack)
{
	const unsigned char *p;
	char begin[16];
	size_t n;

	p = unpack_bytes(unpack, &n);
	MUST(unpack_done(unpack) && n == 70 && !s->told_yes);
	snprintf(begin, sizeof(begin), "s%c%d-", s->hash_signed ? 'G' : 'g',
	    (int)(s - w.sessions));
	MUST(memcmp(p, begin, strlen(begin)) == 0);
}

void
session_hears(struct session *s, uint16_t type, const void *data, size_t len,
    int fd)
{
	struct unpack unpack;

	MUST(type <= S_ROOM && s->owed[type]-- > 0);
	MUST(!shows(data, len, PASSWORD) && !shows(data, len, CREDENTIAL));
	MUST(!shows(data, len, KEY));
	MUST(fd == -1 || type == S_RELAY || type == S_FETCH);
	unpack_start(&unpack, data, len);
	if (type == S_AUTH || type == S_CERTIFICATE) {
		hear_verdict(s, type, &unpack);
	} else if (type == S_SIGN) {
		hear_signature(s, &unpack);
	} else if (type == S_CLIENT) {
		MUST(unpack_u8(&unpack) == (unsigned)s->welcome);
		MUST(unpack_done(&unpack));
		s->welcome = s->welcome == 1 ? -1 : 0;
	} else if (type == S_ROOM) {
		MUST(len == 0 && !s->told_yes && !s->sent_away);
		s->sent_away = true;
	} else {
		MUST(len == 0 && s->proved);
		if (fd != -1 && type == S_RELAY)
			judge_relay(s, fd);
		if (fd != -1 && type == S_FETCH)
			judge_fetch(s, fd);
	}
}

/* What a session may say */

static bool
may_be_signed(struct unpack *unpack)
{
	unsigned key = unpack_u8(unpack), kind = unpack_u8(unpack);
	const unsigned char *in;
	size_t n, hash;

	unpack_u8(unpack);
	in = unpack_bytes(unpack, &n);
	unpack_bytes(unpack, &hash);
	return unpack_done(unpack) && kind <= SIGN_EC &&
	    signs(key, in, n, hash);
}

static bool
may_name_client(struct session *s, const struct client *c,
    struct unpack *unpack)
{
	char told[CLIENT_SIZE], normal[CLIENT_SIZE];

	unpack_string(unpack, told, sizeof(told));
	if (!unpack_done(unpack) || s->in_login ||
	    strcmp(s->address, "10.0.0.1") != 0 ||
	    !address_normal(told, normal, sizeof(normal)))
		return false;
	MUST(c->auth == NULL && c->delay == NULL);
	strcpy(s->address, normal);
	return true;
}

static bool
may_log_in(struct session *s, struct unpack *unpack)
{
	unsigned mechanism = unpack_u8(unpack);
	const unsigned char *secret;
	bool token = mechanism == SASL_OAUTHBEARER ||
	    mechanism == SASL_XOAUTH2;
	char login[USER_SIZE];
	size_t n;

	unpack_string(unpack, login, sizeof(login));
	secret = unpack_bytes(unpack, &n);
	if (!unpack_done(unpack) || mechanism >= SASL_EXTERNAL || n == 0 ||
	    n > (token ? OAUTH_TOKEN_MAX : SASL_FIELD_MAX) ||
	    memchr(secret, '\0', n) != NULL ||
	    (login[0] == '\0' && !token) ||
	    (token && !(w.scene2 & TOKENS)))
		return false;
	if (s->in_login || s->tries >= service.conf.auth_tries)
		return false;
	memcpy(s->secret, secret, n);
	s->secret[n] = '\0';
	strcpy(s->login, login);
	s->token = token;
	return true;
}

static bool
may_prove(struct session *s, struct unpack *unpack)
{
	char login[USER_SIZE];
	size_t transcript, verify;

	unpack_string(unpack, login, sizeof(login));
	unpack_bytes(unpack, &transcript);
	unpack_bytes(unpack, &verify);
	if (!unpack_done(unpack) || transcript > TRANSCRIPT_MAX ||
	    verify > 4096 || s->in_login || s->signatures == 0 ||
	    !s->hash_signed || !(w.scene & CLIENT_CA) ||
	    s->tries >= service.conf.auth_tries)
		return false;
	strcpy(s->login, login);
	s->secret[0] = '\0';
	s->token = false;
	return true;
}

static void
begin_login(struct session *s, uint16_t type)
{
	s->in_login = true;
	s->launched = s->proved = s->busy = false;
	s->login_type = type;
	s->login_at = w.ms;
	s->said_len = 0;
	s->logins++;
}

/* Whether it may be said now; what it changes, if so. */
static bool
is_in_order(struct session *s, const struct client *c, uint16_t type,
    struct unpack *unpack)
{
	static const struct {
		uint16_t type;
		bool before;
		unsigned most;
	} rules[] = { { S_SIGN, true, 1 }, { S_CLIENT, true, 2 },
	    { S_AUTH, true, 100 }, { S_CERTIFICATE, true, 100 },
	    { S_RELAY, false, 10 }, { S_FETCH, false, 20 } };
	size_t i;
	bool good;

	for (i = 0; i < 6 && rules[i].type != type; i++)
		;
	if (i == 6 || s->welcome == -2 || s->welcome == 0 ||
	    c->authenticated == rules[i].before ||
	    c->asked[i] >= rules[i].most)
		return false;
	MUST(c->authenticated == (s->proved && (s->told_yes ||
	    c->wants_verdict)));
	good = type == S_SIGN ? may_be_signed(unpack) :
	    type == S_CLIENT ? may_name_client(s, c, unpack) :
	    type == S_AUTH ? may_log_in(s, unpack) :
	    type == S_CERTIFICATE ? may_prove(s, unpack) :
	    unpack_done(unpack) && (type != S_FETCH ||
	    !(w.scene2 & NO_IMAP)) && (type != S_RELAY ||
	    (!c->wants_relay && c->relay_ticket == 0));
	if (good && (type == S_AUTH || type == S_CERTIFICATE))
		begin_login(s, type);
	return good;
}

static void
judge_end(const struct session *s, bool good)
{
	MUST(w.kills == !good && (good || w.killed == s->pid));
	MUST(w.violations == !good);
	/* who does not read what it asked for is dropped */
	MUST(good ? is_there(s) || w.ends[s->fd - FIRST_END].deaf :
	    !is_there(s));
}

void
session_says(struct session *s, uint16_t type, const void *data, size_t len,
    bool with_fd)
{
	struct unpack unpack;
	bool good;

	if (!is_there(s))
		return;
	unpack_start(&unpack, data, len);
	good = !with_fd && is_in_order(s, record_of(s), type, &unpack);
	if (good)
		s->owed[type]++;
	put_frame(s->fd, type, data, len, with_fd);
	w.now = (int)(s - w.sessions);
	w.kills = w.violations = 0;
	MUST(wake(s->fd));
	w.now = -1;
	judge_end(s, good);
	MUST(!shows(monitor.frame.data, len, PASSWORD));
}

void
session_spoils(struct session *s, int error)
{
	if (!is_there(s))
		return;
	put_frame(s->fd, S_SIGN, "", 0, false);
	end_of(s->fd)->error = error;
	w.kills = w.violations = 0;
	MUST(wake(s->fd));
	judge_end(s, false);
}

void
session_ends(struct session *s)
{
	if (!is_there(s))
		return;
	w.kills = 0;
	end_of(s->fd)->eof = true;
	MUST(wake(s->fd));
	MUST(w.kills == 0 && !is_there(s));
}
