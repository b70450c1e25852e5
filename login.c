/*
 * The monitor's part in a login: the session's name and password, or token,
 * go to a helper, the verdict comes back, every failure after the same least
 * time, and the number of tries is counted where a session cannot reset it.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "monitor.h"
#include "smtp/oauth.h"

#define CERTIFICATE_VERIFY_MAX 4096	/* RSA of 16384 bits, and more */

void
login_tell(struct client *client)
{
	unsigned char buf[1024];
	struct pack pack;

	client->wants_verdict = false;
	pack_start(&pack, buf, sizeof(buf));
	pack_u8(&pack, client->verdict);
	if (client->verdict == AUTH_YES) {
		pack_u64(&pack, client->max_size);
		ehlo_pack(&pack, &client->relays->report.ehlo);
	}
	client_answer(client, (uint16_t)client->auth_by, buf, pack.len, -1);
}

static void
on_delay(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	(void)fd, (void)what;
	event_free(client->delay);
	client->delay = NULL;
	login_tell(client);
}

static void
delay(struct client *client, long ms, event_callback_fn callback)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	client->delay = evtimer_new(monitor.base, callback, client);
	if (client->delay == NULL)
		fatal("monitor: out of memory");
	event_add(client->delay, &tv);
}

/* All failures take the same least time, whatever their cause. */
static void
tell_verdict_later(struct client *client)
{
	long left = (long)monitor.service->conf.auth_delay -
	    (clock_ms() - client->auth_begun);

	if (left <= 0) {
		login_tell(client);
		return;
	}
	delay(client, left, on_delay);
}

static bool
by_token(const struct client *client)
{
	return client->mechanism == SASL_OAUTHBEARER ||
	    client->mechanism == SASL_XOAUTH2;
}

static void
log_auth(const struct client *client, const char *event,
    const struct auth_result *result, const char *reason)
{
	static const char *const names[SASL_MECHANISMS] = { "plain", "login",
	    "oauthbearer", "xoauth2", "external" };
	struct log_line line;

	log_start(&line, client->id, event);
	log_str(&line, "client", client->address);
	log_str(&line, "user", client->login);
	log_str(&line, "mechanism", names[client->mechanism]);
	if (reason != NULL)
		log_str(&line, "reason", reason);
	if (client->mechanism == SASL_EXTERNAL)
		log_str(&line, "certificate", result->subject);
	log_num(&line, "ms", clock_ms() - client->auth_begun);
	log_end(&line);
}

/* The relays that the helper has named: NULL, or what is wrong with them. */
static const char *
check_relays(const struct auth_result *result)
{
	struct route routes[ROUTES_MAX];
	const char *why;
	size_t i, n;

	if (!monitor.service->conf.relay_per_user)
		return "RELAY is not allowed, see relay-per-user";
	why = route_parse_list(result->relays, routes, ROUTES_MAX, &n);
	for (i = 0; why == NULL && i < n; i++)
		if (result->relay_credentials[0] != '\0' &&
		    !route_is_loopback(&routes[i]) &&
		    (routes[i].tls == ROUTE_TLS_OFFERED ||
		    routes[i].tls == ROUTE_TLS_NONE))
			why = "a password needs smtps:// or "
			    "smtp+starttls://";
	return why;
}

/* False: what the helper says of this user's relays cannot be done. */
static bool
settle_relays(struct client *client, const struct auth_result *result)
{
	const char *why = NULL;

	client->relays = probe_set("");
	if (result->relays[0] != '\0') {
		why = check_relays(result);
		if (why == NULL) {
			client->relays = probe_set(result->relays);
			strlcpy(client->relay_credentials,
			    result->relay_credentials,
			    sizeof(client->relay_credentials));
			client->relay_token = result->relay_token;
		}
	}
	if (why == NULL)
		return true;
	log_event(client->id, "helper-failed", "RELAY of %s: %s",
	    result->user, why);
	return false;
}

/* Relays that nobody has seen are looked at first, for EHLO tells of them. */
static void
welcome(struct client *client, const struct auth_result *result)
{
	client->authenticated = true;
	client->verdict = AUTH_YES;
	log_auth(client, "auth", result, NULL);
	if (client->relays->urls[0] != '\0')
		probe_refresh(client->relays);
	if (client->relays->learnt == 0 && client->relays->urls[0] != '\0' &&
	    probe_is_awaited(client->relays))
		client->wants_verdict = true;
	else
		login_tell(client);
}

static bool
accept_login(struct client *client, const struct auth_result *result)
{
	const struct config *conf = &monitor.service->conf;
	const char *senders = result->senders;

	if (!settle_relays(client, result))
		return false;
	strlcpy(client->user, result->user, sizeof(client->user));
	if (by_token(client) || client->mechanism == SASL_EXTERNAL)
		strlcpy(client->login, client->user, sizeof(client->login));
	/* `senders any` is said for all, whatever the helper knows */
	if (conf->senders_any || result->senders[0] == '\0')
		senders = config_senders(conf, result->user);
	strlcpy(client->senders, senders, sizeof(client->senders));
	client->max_size = result->max_size;
	welcome(client, result);
	return true;
}

/* Whom the client says it is must be whose token it has. */
static bool
names_another(const struct client *client, const struct auth_result *result)
{
	return by_token(client) && client->login[0] != '\0' &&
	    strcmp(client->login, result->user) != 0;
}

static void
on_auth_done(void *arg, const struct auth_result *result)
{
	struct client *client = arg;
	const char *reason = by_token(client) ? "wrong token" :
	    "wrong name or password";
	bool another;

	client->auth = NULL;
	another = result->right && names_another(client, result);
	if (result->forged) {
		client_violation(client, result->reason);
		return;
	}
	if (result->right && !another && accept_login(client, result))
		return;
	fetcher_forget(client);	/* the password was not his */
	if (another)
		reason = "the token is another user's";
	if (!result->ran || (result->right && !another)) {
		client->verdict = AUTH_LATER;
		log_auth(client, "auth-unavailable", result, NULL);
	} else {
		client->tries++;
		ledger_login_failed(client->address);
		client->verdict = client->tries >=
		    monitor.service->conf.auth_tries ? AUTH_NO_MORE : AUTH_NO;
		if (client->mechanism == SASL_EXTERNAL)
			reason = result->reason;
		log_auth(client, "auth-failed", result, reason);
	}
	tell_verdict_later(client);
}

/* Only for IMAP servers where the user's own login is used. */
static void
keep_password(struct client *client, const void *password, size_t n)
{
	if (client->password != NULL)
		freezero(client->password, strlen(client->password));
	client->password = strndup(password, n);
	if (client->password == NULL)
		fatal("monitor: out of memory");
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	(void)fd, (void)what;
	event_free(client->delay);
	client->delay = NULL;
	auth_run(client->auth);
}

/* Where many logins have failed, the next have to wait, good or bad. */
static void
take_turn(struct client *client)
{
	static const struct auth_result none;
	long wait = ledger_login_wait(client->address,
	    monitor.service->conf.auth_penalty);

	if (wait == 0) {
		auth_run(client->auth);
	} else if (wait > 0) {
		delay(client, wait, on_turn);
	} else {
		auth_cancel(client->auth);
		client->auth = NULL;
		fetcher_forget(client);
		client->verdict = AUTH_BUSY;
		log_auth(client, "auth-busy", &none, "too many failed logins "
		    "from there");
		tell_verdict_later(client);
	}
}

/* The secret stays where it came, in the frame, which is wiped. */
static const unsigned char *
unpack_login(struct unpack *unpack, struct client *client, size_t *n)
{
	unsigned mechanism = unpack_u8(unpack);
	const unsigned char *secret;
	bool token;

	unpack_string(unpack, client->login, sizeof(client->login));
	secret = unpack_bytes(unpack, n);
	if (!unpack_done(unpack) || mechanism >= SASL_EXTERNAL)
		return NULL;
	client->mechanism = (enum sasl_mechanism)mechanism;
	token = by_token(client);
	if (*n == 0 || *n > (token ? OAUTH_TOKEN_MAX : SASL_FIELD_MAX) ||
	    memchr(secret, '\0', *n) != NULL ||
	    (client->login[0] == '\0' && !token))
		return NULL;
	return secret;
}

/* NULL, or what is wrong with the time. */
static const char *
begin_login(struct client *client, enum frame_type by)
{
	if (client->auth != NULL || client->delay != NULL)
		return "a second login before the first is answered";
	if (client->tries >= monitor.service->conf.auth_tries)
		return "a login after the last try";
	client->auth_begun = clock_ms();
	client->auth_by = by;
	return NULL;
}

const char *
login_request(struct client *client, struct unpack *unpack)
{
	const struct config *conf = &monitor.service->conf;
	const struct helper *helper;
	const unsigned char *secret;
	const char *wrong;
	size_t n;

	if ((secret = unpack_login(unpack, client, &n)) == NULL)
		return "malformed login";
	helper = by_token(client) ? &conf->auth_token : &conf->auth;
	if (helper->argv == NULL)
		return "a login by what is not configured";
	wrong = begin_login(client, S_AUTH);
	if (wrong != NULL)
		return wrong;
	client->auth = auth_start(helper, client->id, client->address,
	    client->login, secret, n, on_auth_done, client);
	if (!by_token(client) && fetcher_needs_passwords())
		keep_password(client, secret, n);
	take_turn(client);
	return NULL;
}

/* What checkcertificate reads; it is malloc()ed. */
static void *
certificate_message(const struct client *client, const unsigned char *proof,
    size_t proof_len, size_t *len)
{
	const struct signing *signing = client->signing;
	size_t size = strlen(client->login) + signing->hash_len +
	    signing->len + proof_len + 6;
	void *message = malloc(size);
	struct pack pack;

	if (message == NULL)
		fatal("monitor: out of memory");
	pack_start(&pack, message, size);
	pack_string(&pack, client->login);
	pack_bytes(&pack, signing->hash, signing->hash_len);
	pack_bytes(&pack, signing->signature, signing->len);
	memcpy(pack.buf + pack.len, proof, proof_len);
	*len = pack.len + proof_len;
	return message;
}

/*
 * A client's certificate is not judged here, for that is parsing what a
 * stranger wrote. Nor is the session believed: what it sends must be a proof
 * in which our own signature of this connection is, and the client's.
 */
const char *
login_certificate(struct client *client, struct unpack *unpack)
{
	const unsigned char *proof;
	const char *wrong;
	size_t len, n;
	void *message;

	unpack_string(unpack, client->login, sizeof(client->login));
	proof = unpack->p;
	len = unpack->left;
	unpack_bytes(unpack, &n);
	if (n > TRANSCRIPT_MAX)
		unpack->bad = true;
	unpack_bytes(unpack, &n);
	if (n > CERTIFICATE_VERIFY_MAX || !unpack_done(unpack))
		return "malformed certificate login";
	if (client->signing == NULL)
		return "a certificate login without a handshake for it";
	wrong = begin_login(client, S_CERTIFICATE);
	if (wrong != NULL)
		return wrong;
	client->mechanism = SASL_EXTERNAL;
	message = certificate_message(client, proof, len, &n);
	client->auth = auth_start_certificate(client->id, client->address,
	    message, n, on_auth_done, client);
	take_turn(client);
	return NULL;
}
