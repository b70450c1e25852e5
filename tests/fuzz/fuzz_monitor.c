/*
 * The whole monitor, but for signals, generations and the arithmetic of keys
 * and ledger, against seized sessions, relay processes, probes and helpers,
 * and a nursery that may be trusted, whose reports come when they come. The
 * input is two octets that set the scene and then acts, parted by 0xff: a
 * letter, a digit for whose act it is, and the rest; see acts[].
 *
 * Properties: what is not in order ends in one M_KILL of just that process
 * and its record, and what is in order does not; each answer is asked for; a
 * session has one signature at most, before its login and of what a
 * handshake signs; a relay's or imapfetch's channel only after a helper has
 * said yes to its own login; user, senders, relays, credential, address and
 * id in an order are those of the session that gets the channel; our
 * credentials, keys and passwords go to nobody else and not to the log; no
 * block is freed, and no variable left, with a password in it; failures last
 * auth-delay and are no more than auth-tries; helpers are no more than
 * max-auth-helpers; nothing is killed that is not ours; each descriptor is
 * closed once and not used again, and at the end, as every block and event,
 * gone.
 */
#include <errno.h>
#include <stdio.h>

#include "smtp/sasl.h"
#include "tests/fuzz/monitor_world.h"

struct world w;
struct service service;

struct act {
	char letter;
	void (*play)(unsigned who, const uint8_t *, size_t);
};

bool
shows(const void *p, size_t n, const char *mark)
{
	return memmem(p, n, mark, strlen(mark)) != NULL;
}

void
role_logged(const char *text, size_t n)
{
	w.violations += shows(text, n, " event=violation ");
}

/* Acts of sessions */

static struct session *
session(unsigned who)
{
	static struct session nobody;

	nobody.fd = FIRST_END + ENDS_MAX - 1;	/* never open */
	return who < w.n_sessions ? &w.sessions[who] : &nobody;
}

static void
play_birth(unsigned who, const uint8_t *arg, size_t n)
{
	newborn(arg, n, who == 9);
}

/* S: rest is what is to be signed; who of 5 and more: over a hash. */
static void
play_sign(unsigned who, const uint8_t *arg, size_t n)
{
	static unsigned char buf[INPUT_MAX + 100];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, 0);
	pack_u8(&pack, SIGN_EC);
	pack_u8(&pack, 0);
	pack_bytes(&pack, n > 0 ? (const char *)arg : "digest",
	    n > 0 ? n : 6);
	pack_bytes(&pack, "01234567890123456789012345678901",
	    who >= 5 ? 32 : 0);
	session_says(session(who % 5), S_SIGN, buf, pack.len, false);
}

/* A: mechanism, octets of the secret (x 32), login. */
static void
play_login(unsigned who, const uint8_t *arg, size_t n)
{
	static unsigned char buf[SECRET_MAX + INPUT_MAX];
	static char secret[SECRET_MAX];
	struct session *s = session(who);
	size_t len = n > 1 ? arg[1] * 32u : 0;
	struct pack pack;
	int begin;

	begin = snprintf(secret, sizeof(secret), PASSWORD "%u-%u-", who,
	    s->logins);
	memset(secret + begin, 'x', sizeof(secret) - (size_t)begin);
	if (len < (size_t)begin)
		len = (size_t)begin;
	if (len == 256)
		len = 255;
	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, n > 0 ? arg[0] % 8u : SASL_PLAIN);
	pack_bytes(&pack, n > 2 ? (const char *)arg + 2 : "al",
	    n > 2 ? n - 2 : 2);
	pack_bytes(&pack, secret, len < sizeof(secret) ? len :
	    sizeof(secret));
	session_says(s, S_AUTH, buf, pack.len, false);
	explicit_bzero(buf, sizeof(buf));
}

static void
play_certificate(unsigned who, const uint8_t *arg, size_t n)
{
	static unsigned char buf[INPUT_MAX + 200];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, arg, n);
	pack_string(&pack, "transcript");
	pack_string(&pack, "verify");
	session_says(session(who), S_CERTIFICATE, buf, pack.len, false);
}

static void
play_client(unsigned who, const uint8_t *arg, size_t n)
{
	static unsigned char buf[INPUT_MAX + 10];
	struct pack pack;

	pack_start(&pack, buf, sizeof(buf));
	pack_bytes(&pack, n > 0 ? (const char *)arg : "192.0.2.9",
	    n > 0 ? n : 9);
	session_says(session(who), S_CLIENT, buf, pack.len, false);
}

static void
play_relay_request(unsigned who, const uint8_t *arg, size_t n)
{
	session_says(session(who), S_RELAY, arg, n, false);
}

static void
play_fetch_request(unsigned who, const uint8_t *arg, size_t n)
{
	session_says(session(who), S_FETCH, arg, n, false);
}

/*
 * X: type, a for S_SIGN and so on; who of 5 and more: with a descriptor. A
 * login needs its secret.
 */
static void
play_frame(unsigned who, const uint8_t *arg, size_t n)
{
	uint16_t type;

	if (n == 0)
		return;
	type = arg[0] >= 'a' ? (uint16_t)(arg[0] - 'a' + S_SIGN) : arg[0];
	if (type != S_AUTH || who >= 5)
		session_says(session(who % 5), type, arg + 1, n - 1,
		    who >= 5);
}

static void
play_spoilt(unsigned who, const uint8_t *arg, size_t n)
{
	session_spoils(session(who), n > 0 && arg[0] == 'e' ? EMFILE :
	    EPROTO);
}

static void
play_end(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg, (void)n;
	session_ends(session(who));
}

static void
play_deaf(unsigned who, const uint8_t *arg, size_t n)
{
	struct end *e = &w.ends[session(who)->fd - FIRST_END];

	(void)arg, (void)n;
	e->deaf = e->open;
}

/* Acts of the nursery */

static void
play_death(unsigned who, const uint8_t *arg, size_t n)
{
	int status = n > 0 ? arg[0] % 127 : 0;

	nursery_reports(session(who)->pid, status == 0 ? 256 : status,
	    ROLE_SESSION, n > 1);
}

static void
play_counted(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg;
	if (who < w.n_sessions)
		nursery_counts(session(who), n == 0);
}

static void
play_crowd(unsigned who, const uint8_t *arg, size_t n)
{
	(void)who, (void)arg, (void)n;
	nursery_is_crowded();
}

/* Relay processes and helpers: who counts from the newest. */

static struct relay_process *
relay(unsigned who)
{
	return who < w.n_relays ? &w.relays[w.n_relays - 1 - who] : NULL;
}

static void
play_relay_birth(unsigned who, const uint8_t *arg, size_t n)
{
	if (relay(who) != NULL)
		relay_is_born(relay(who), n == 0 ? BORN : arg[0] == 'e' ?
		    NO_ROOM : NOT_BORN);
}

/* A report, of which the rest is the EHLO's beginning. */
static void
play_report(unsigned who, const uint8_t *arg, size_t n)
{
	static struct report report;
	static unsigned char buf[16000];
	size_t len;

	memset(&report, 0, sizeof(report));
	report.ehlo.capabilities = n > 0 ? CAP_8BITMIME : CAP_PIPELINING;
	report.failed = n > 0 ? arg[0] % 4u : 0;
	len = report_pack(&report, buf, sizeof(buf));
	if (relay(who) != NULL)
		relay_says(relay(who), O_CAPABILITIES, buf, len, false);
}

static void
play_allowance(unsigned who, const uint8_t *arg, size_t n)
{
	uint32_t want = n > 0 ? arg[0] * 10u : 3;

	if (relay(who) != NULL)
		relay_says(relay(who), O_ALLOWANCE, &want, sizeof(want),
		    false);
}

static void
play_relay_frame(unsigned who, const uint8_t *arg, size_t n)
{
	if (n > 0 && relay(who % 5) != NULL)
		relay_says(relay(who % 5), arg[0] == 'a' ? O_ALLOWANCE :
		    arg[0] == 'b' ? O_CAPABILITIES : arg[0], arg + 1, n - 1,
		    who >= 5);
}

static void
play_relay_spoilt(unsigned who, const uint8_t *arg, size_t n)
{
	if (relay(who) != NULL)
		relay_spoils(relay(who), n > 0 && arg[0] == 'e' ? EMFILE :
		    EPROTO);
}

static void
play_relay_end(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg, (void)n;
	if (relay(who) != NULL)
		relay_ends(relay(who));
}

static void
play_relay_deaf(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg, (void)n;
	if (relay(who) != NULL && relay(who)->fd != -1)
		w.ends[relay(who)->fd - FIRST_END].deaf = true;
}

static struct run *
run_of(unsigned who)
{
	return who < w.n_runs ? &w.runs[w.n_runs - 1 - who] : NULL;
}

/* H: the status' number, what it says in lines. */
static void
play_verdict(unsigned who, const uint8_t *arg, size_t n)
{
	static const int statuses[] = { 0, 1 << 8, 111 << 8, 3 << 8, 9 };
	static uint8_t said[INPUT_MAX + 20];
	struct run *r = run_of(who);
	size_t i, len = 0;

	if (r == NULL)
		return;
	if (n < 2 || memmem(arg, n, "USER", 4) == NULL) {
		len = (size_t)snprintf((char *)said, 20, "USER=u%d",
		    r->session) + 1;
	}
	for (i = 1; i < n; i++)
		said[len++] = arg[i] == '\n' ? '\0' : arg[i];
	said[len++] = '\0';
	run_writes(r, said, len);
	run_ends(r, statuses[n > 0 ? arg[0] % 5 : 0]);
}

static void
play_words(unsigned who, const uint8_t *arg, size_t n)
{
	struct run *r = run_of(who);

	if (r == NULL)
		return;
	r->flood |= n > 0 && arg[0] == '*';
	run_writes(r, arg, n);
	if (n > 0 && arg[0] == '.' && w.ends[r->answer - FIRST_END].open) {
		r->closed = true;
		hang_up(r->answer);
	}
}

static void
play_stay(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg;
	if (run_of(who) != NULL)
		run_stays(run_of(who), n > 0);
}

static void
play_helper_death(unsigned who, const uint8_t *arg, size_t n)
{
	if (run_of(who) != NULL)
		standing_dies(run_of(who), n == 0 ? 9 : arg[0] % 2 << 8);
}

/* A lie by the channel of one that may stay. */
static void
play_helper_frame(unsigned who, const uint8_t *arg, size_t n)
{
	struct run *r = run_of(who % 5);

	if (r == NULL || n == 0 || r->channel == -1 ||
	    !w.ends[r->channel - FIRST_END].open ||
	    end_of(r->channel)->there || arg[0] == 1 ||
	    (arg[0] == 4 && n == 9))
		return;
	put_frame(r->channel, arg[0], arg + 1, n - 1, who >= 5);
	wake(r->channel);
}

/* Time, and what the machine has not */

static void
play_time(unsigned who, const uint8_t *arg, size_t n)
{
	static const int steps[] = { 1, 100, 500, 2000, 6000, 21000, 31000,
	    61000, 301000, 0 };
	unsigned i;

	(void)arg, (void)n;
	w.kills = 0;
	pass_time(steps[who]);
	for (i = 0; w.kills > 0 && i < w.n_relays; i++)
		if (w.relays[i].role == ROLE_PROBE &&
		    w.relays[i].pid == w.killed)
			break;
	MUST(w.kills == 0 || i < w.n_relays);
}

static void
play_want(unsigned who, const uint8_t *arg, size_t n)
{
	(void)arg, (void)n;
	if (who == 0)
		w.no_spawn = true;
	else if (who == 1)
		w.no_pair = true;
	else
		w.wait = who == 2 ? -1 : who * 1000L;
}

static const struct act acts[] = {
	{ 'N', play_birth }, { 'S', play_sign }, { 'A', play_login },
	{ 'C', play_certificate }, { 'P', play_client },
	{ 'R', play_relay_request }, { 'F', play_fetch_request },
	{ 'X', play_frame }, { 'm', play_spoilt }, { 'e', play_end },
	{ 'q', play_deaf }, { 'D', play_death }, { 'c', play_counted },
	{ 'G', play_crowd },
	{ 'b', play_relay_birth }, { 'B', play_report },
	{ 'o', play_allowance }, { 'x', play_relay_frame },
	{ 'M', play_relay_spoilt }, { 'E', play_relay_end },
	{ 'Q', play_relay_deaf }, { 'H', play_verdict },
	{ 'w', play_words }, { 's', play_stay }, { 'K', play_helper_death },
	{ 'k', play_helper_frame }, { 'Z', play_time }, { 'z', play_want },
};

/* A run */

static void
set_service(void)
{
	static char pam[] = "/x/checkpassword-file", other[] = "/y/check";
	static char oauth[] = "/x/checktoken-introspect", libexec[] = "/x";
	static char file[] = "/ours", ca[] = "/ca", chain[] = "/chain";
	static char a[] = "imap://a", b[] = "imap://b";
	static char file_a[] = "/imap-a", file_b[] = "/imap-b";
	static char *argv[2], *token_argv[2] = { oauth };
	struct config *conf = &service.conf;

	memset(&service, 0, sizeof(service));
	argv[0] = w.scene & STAYING ? pam : other;
	conf->auth.argv = argv;
	conf->auth_token.argv = w.scene2 & TOKENS ? token_argv : NULL;
	conf->libexec = libexec;
	conf->client_ca = w.scene & CLIENT_CA ? ca : NULL;
	conf->auth_tries = w.scene2 & ONE_TRY ? 1 : 3;
	conf->auth_delay = w.scene2 & SLOW ? 3000 : 0;
	conf->auth_penalty = 10000;
	conf->max_auth_helpers = w.scene2 & ONE_HELPER ? 1 : 3;
	MUST(route_parse(w.scene2 & NAMED_ROUTE ? "smtp://mx.example.org" :
	    "smtp://127.0.0.1", &conf->routes[conf->n_routes++]) == NULL);
	conf->relay_credentials = w.scene & OWN_LOGIN ? file : NULL;
	conf->relay_token = w.scene & OWN_TOKEN;
	conf->relay_certificate.chain = w.scene & OWN_KEY ? chain : NULL;
	conf->relay_per_user = w.scene & PER_USER;
	conf->senders_any = w.scene2 & ANY_SENDER;
	conf->user_limit = w.scene & LIMITED ? 100 : 0;
	conf->user_limit_period = 3600;
	conf->n_imaps = w.scene2 & NO_IMAP ? 0 : 2;
	conf->imaps[0] = (struct imap_line){ .url = a, .login = IMAP_LOGIN,
	    .credentials = file_a };
	conf->imaps[1] = (struct imap_line){ .url = b, .login = IMAP_PROXY,
	    .credentials = file_b };
	if (w.scene & PASSTHROUGH) {
		conf->imaps[1].login = IMAP_PASSTHROUGH;
		conf->imaps[1].credentials = NULL;
	}
	service.ledger = 3;
}

static void
begin(void *arg)
{
	static struct socket_set sockets;
	struct nursery nursery = { 2, FIRST_END };

	(void)arg;
	memset(&sockets, 0, sizeof(sockets));
	sockets.connected = -1;
	log_open(LOG_TO_STDERR, 0);
	monitor_run(&service, &sockets, &nursery);
}

static const uint8_t *input;
static size_t input_left;

/* All go, and there must be nothing left but the nursery's channel. */
static void
all_go(void)
{
	unsigned i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < w.n_sessions; i++)
			session_ends(&w.sessions[i]);
		for (i = 0; i < w.n_runs; i++)
			run_ends(&w.runs[i], 111 << 8);
		for (i = 0; i < w.n_relays; i++) {
			relay_is_born(&w.relays[i], BORN);
			relay_ends(&w.relays[i]);
		}
		for (i = 0; i < w.n_runs; i++)
			if (w.runs[i].channel != -1 &&
			    w.ends[w.runs[i].channel - FIRST_END].open)
				hang_up(w.runs[i].channel);
		w.kills = 0;
		pass_time(200000);
		MUST(w.kills == 0);
	}
	for (i = 1; i < w.n_ends; i++)
		MUST(!w.ends[i].open);
	MUST(LIST_EMPTY(&monitor.clients));
	MUST(role_blocks() <= 1 + w.relays_named);
	MUST(!role_holds(PASSWORD));
}

int
event_base_dispatch(struct event_base *base)
{
	const uint8_t *act;
	size_t n, i;

	(void)base;
	while (next_part(&input, &input_left, 0xff, &act, &n)) {
		/* room for what one act may bring */
		if (w.n_relays + 4 > RELAYS_MAX || w.n_runs + 12 > RUNS_MAX ||
		    w.n_fetches + 2 > FETCHES_MAX)
			break;
		if (n < 2 || act[1] < '0' || act[1] > '9')
			continue;
		for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
			if (acts[i].letter == act[0])
				acts[i].play((unsigned)(act[1] - '0'), act + 2, n - 2);
	}
	w.no_spawn = w.no_pair = false;
	all_go();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned i;
	int status;

	if (size < 4 || size > INPUT_MAX || shows(data, size, PASSWORD) ||
	    shows(data, size, CREDENTIAL) || shows(data, size, KEY))
		return 0;
	for (i = 0; i < w.n_ends; i++)
		free(w.ends[i].data);
	memset(&w, 0, offsetof(struct world, ends));
	w.scene = data[0];
	w.scene2 = data[1];
	w.ms = 1000000;
	w.last_pid = 100;
	w.now = -1;
	input = data + 2;
	input_left = size - 2;
	new_end(NURSERY, 0);
	set_service();
	role_log_secrets[0] = PASSWORD;
	role_log_secrets[1] = CREDENTIAL;
	role_log_secrets[2] = KEY;
	role_wiped = PASSWORD;
	status = role_run(begin, NULL);
	MUST(status == 0 && events_left() == 1);
	return 0;
}
