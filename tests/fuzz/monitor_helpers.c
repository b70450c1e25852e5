/*
 * The helpers of fuzz_monitor.c: each is told of one login, by a process of
 * its own or by one that stays, and says what the input says.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "helper.h"
#include "helpers/stand.h"
#include "tests/fuzz/monitor_world.h"

static struct run *
add_run(void)
{
	struct run *r = &w.runs[w.n_runs];
	unsigned i, live = 1;

	MUST(w.n_runs < RUNS_MAX);
	for (i = 0; i < w.n_runs; i++)
		live += !w.runs[i].over;
	MUST(live <= service.conf.max_auth_helpers);
	memset(r, 0, sizeof(*r));
	r->session = r->channel = -1;
	w.n_runs++;
	return r;
}

static void
belongs(int fd, const struct run *r, enum kind kind)
{
	end_of(fd)->kind = kind;
	end_of(fd)->who = (unsigned)(r - w.runs);
}

int
helper_spawned(const struct spawn *s, pid_t pid)
{
	struct run *r = add_run();
	const char *ip = s->env[3];

	MUST(s->own_group && s->to[0] == 3 && s->to[1] == 4);
	MUST(strncmp(ip, "TCPREMOTEIP=", 12) == 0);
	strlcpy(r->client, ip + 12, sizeof(r->client));
	r->pid = pid;
	r->host = (unsigned)(r - w.runs);
	r->certificate = strstr(s->argv[0], "/checkcertificate") != NULL;
	r->ask = end_of(s->from[0])->other;
	r->answer = end_of(s->from[1])->other;
	belongs(r->ask, r, RUN);
	belongs(r->answer, r, RUN);
	if (s->n_fds == 3) {
		MUST(!r->certificate);
		r->channel = end_of(s->from[2])->other;
		belongs(r->channel, r, STANDING);
	}
	return 0;
}

/* HELPER_LOGIN */
static void
hear_login(struct run *host, struct unpack *unpack, int fd)
{
	struct run *r = add_run();

	MUST(fd != -1 && host->stays);
	r->within = true;
	r->host = (unsigned)(host - w.runs);
	r->ticket = unpack_u32(unpack);
	unpack_string(unpack, r->client, sizeof(r->client));
	r->ask = r->answer = end_of(fd)->other;
	belongs(r->ask, r, RUN);
}

static struct run *
run_of_ticket(const struct run *host, uint32_t ticket)
{
	unsigned i, at = (unsigned)(host - w.runs);

	for (i = 0; i < w.n_runs; i++)
		if (w.runs[i].host == at && w.runs[i].ticket == ticket &&
		    !w.runs[i].over)
			return &w.runs[i];
	return NULL;
}

void
standing_hears(struct run *host, uint16_t type, const void *data, size_t len,
    int fd)
{
	struct unpack unpack;
	struct run *r;

	MUST(!shows(data, len, PASSWORD) && !shows(data, len, CREDENTIAL));
	unpack_start(&unpack, data, len);
	if (type == HELPER_LOGIN) {
		hear_login(host, &unpack, fd);
	} else {
		MUST(type == HELPER_KILL && fd == -1);
		r = run_of_ticket(host, unpack_u32(&unpack));
		MUST(r != NULL);
		r->killed = true;
	}
	MUST(unpack_done(&unpack));
}

void
helper_killed(pid_t pid)
{
	unsigned i;

	MUST(pid < -1 || pid > 1);
	for (i = 0; i < w.n_runs; i++)
		if (w.runs[i].pid == (pid < 0 ? -pid : pid))
			break;
	MUST(i < w.n_runs && (pid > 0 ? w.runs[i].stays : !w.runs[i].over));
	w.runs[i].killed = true;
}

/* What it is told */

static void
told_login(struct run *r, const char *p, size_t n)
{
	const char *secret = p + strnlen(p, n) + 1;
	struct session *s;
	size_t len;
	int i;

	MUST(secret < p + n && memchr(secret, '\0',
	    (size_t)(p + n - secret)) != NULL);
	MUST(sscanf(secret, PASSWORD "%d-", &i) == 1);
	MUST(i >= 0 && i < (int)w.n_sessions);
	s = &w.sessions[i];
	MUST(s->in_login && !s->launched && s->login_type == S_AUTH);
	MUST(strcmp(s->login, p) == 0 && strcmp(s->secret, secret) == 0);
	MUST(strcmp(r->client, s->address) == 0);
	len = strlen(p) + strlen(secret) + 2;
	MUST(n > len && p[n - 1] == '\0');
	s->launched = true;
	r->session = i;
}

/* login, hash, our signature, and then what the session says. */
static void
told_proof(struct run *r, const char *p, size_t n)
{
	const unsigned char *signature;
	struct unpack unpack;
	struct session *s;
	char login[USER_SIZE];
	size_t len;
	int i;

	unpack_start(&unpack, p, n);
	unpack_string(&unpack, login, sizeof(login));
	unpack_bytes(&unpack, &len);
	MUST(len == 32 || len == 48);
	signature = unpack_bytes(&unpack, &len);
	MUST(!unpack.bad && len == 70);
	MUST(sscanf((const char *)signature, "sG%d-", &i) == 1);
	s = &w.sessions[i];
	MUST(i < (int)w.n_sessions && s->in_login && !s->launched);
	MUST(s->login_type == S_CERTIFICATE && strcmp(s->login, login) == 0);
	MUST(strcmp(r->client, s->address) == 0);
	s->launched = true;
	r->session = i;
}

void
run_is_told(struct run *r, const void *p, size_t n)
{
	MUST(!r->told);
	r->told = true;
	if (r->certificate)
		told_proof(r, p, n);
	else
		told_login(r, p, n);
	MUST(w.ends[w.sessions[r->session].fd - FIRST_END].open);
}

/* What it says */

ssize_t
run_is_read(struct run *r, void *p, size_t n)
{
	size_t left = r->said_len - r->read;

	if (r->flood) {
		memset(p, 'x', n);
		return (ssize_t)n;
	}
	if (left == 0) {
		errno = EAGAIN;
		return r->over || r->closed ? 0 : -1;
	}
	n = left < n ? left : n;
	memcpy(p, r->said + r->read, n);
	r->read += n;
	return (ssize_t)n;
}

void
run_writes(struct run *r, const uint8_t *p, size_t n)
{
	if (r->over || r->closed)
		return;
	if (n > SAID_MAX - r->said_len)
		n = SAID_MAX - r->said_len;
	if (n > 0)
		memcpy(r->said + r->said_len, p, n);
	r->said_len += n;
	wake(r->answer);
}

const char *
said_value(const char *said, size_t n, const char *key)
{
	const char *end = said + n;
	size_t len = strlen(key);

	for (; said < end; said += strnlen(said, (size_t)(end - said)) + 1)
		if (memchr(said, '\0', (size_t)(end - said)) == NULL)
			return NULL;
		else if (strncmp(said, key, len) == 0 && said[len] == '=')
			return said + len + 1;
	return NULL;
}

/* What it has said counts if it then says yes. */
static void
take_verdict(struct run *r, int status)
{
	struct session *s = &w.sessions[r->session];

	r->over = true;
	if (status != 0 || r->killed || r->flood || !s->in_login ||
	    !w.ends[s->fd - FIRST_END].open ||
	    said_value(r->said, r->said_len, "USER") == NULL)
		return;
	memcpy(s->said, r->said, r->said_len);
	s->said_len = r->said_len;
	s->proved = true;
	w.relays_named += said_value(r->said, r->said_len, "RELAY") != NULL;
}

void
run_ends(struct run *r, int status)
{
	struct run *host = &w.runs[r->host];
	unsigned char buf[8];
	struct pack pack;

	if (r->over)
		return;
	w.kills = w.violations = 0;
	take_verdict(r, status);
	if (r->within || r->stays) {
		pack_start(&pack, buf, sizeof(buf));
		pack_u32(&pack, r->ticket);
		pack_u32(&pack, (uint32_t)status);
		if (end_of(host->channel)->there)
			wake(host->channel);
		put_frame(host->channel, HELPER_ENDED, buf, pack.len, false);
		wake(host->channel);
	} else {
		if (r->channel != -1)
			end_of(r->channel)->eof = true;
		MUST(helper_child_ended(r->pid, status));
	}
	MUST(w.kills == w.violations && w.kills <= 1);
	MUST(w.kills == 0 || (r->certificate &&
	    w.killed == w.sessions[r->session].pid));
}

/* It says so; unseen: what comes next is there with it. */
void
run_stays(struct run *r, bool unseen)
{
	if (r->channel == -1 || r->stays || r->over ||
	    end_of(r->channel)->there)
		return;
	r->stays = true;
	put_frame(r->channel, HELPER_STAYS, "", 0, false);
	if (!unseen)
		wake(r->channel);
}

void
standing_dies(struct run *host, int status)
{
	unsigned i, at = (unsigned)(host - w.runs);

	if (!host->stays || !w.ends[host->channel - FIRST_END].open) {
		if (!host->within)
			run_ends(host, status);
		return;
	}
	for (i = 0; i < w.n_runs; i++)
		if (w.runs[i].host == at)
			w.runs[i].over = true;
	end_of(host->channel)->eof = true;
	w.kills = 0;
	MUST(helper_child_ended(host->pid, status) && w.kills == 0);
}
