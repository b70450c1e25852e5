/*
 * The monitor's part in a login: the session's name and password go to a
 * helper, the verdict comes back, every failure after the same least time,
 * and the number of tries is counted where a session cannot reset it.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "monitor.h"

static void
tell_verdict(struct client *client)
{
	unsigned char verdict = (unsigned char)client->verdict;

	client_answer(client, S_AUTH, &verdict, 1, -1);
}

static void
on_delay(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	(void)fd, (void)what;
	event_free(client->delay);
	client->delay = NULL;
	tell_verdict(client);
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
		tell_verdict(client);
		return;
	}
	delay(client, left, on_delay);
}

static void
log_auth(const struct client *client, const char *event, const char *reason)
{
	struct log_line line;

	log_start(&line, client->id, event);
	log_str(&line, "client", client->address);
	log_str(&line, "user", client->login);
	if (reason != NULL)
		log_str(&line, "reason", reason);
	log_num(&line, "ms", clock_ms() - client->auth_begun);
	log_end(&line);
}

static void
accept_login(struct client *client, const struct auth_result *result)
{
	const struct config *conf = &monitor.service->conf;
	const char *senders = result->senders;

	client->authenticated = true;
	strlcpy(client->user, result->user, sizeof(client->user));
	/* `senders any` is said for all, whatever the helper knows */
	if (conf->senders_any || result->senders[0] == '\0')
		senders = config_senders(conf, result->user);
	strlcpy(client->senders, senders, sizeof(client->senders));
	client->verdict = AUTH_YES;
	log_auth(client, "auth", NULL);
	tell_verdict(client);
}

static void
on_auth_done(void *arg, const struct auth_result *result)
{
	struct client *client = arg;

	client->auth = NULL;
	if (!result->right)
		fetcher_forget(client);	/* the password was not his */
	if (result->right) {
		accept_login(client, result);
		return;
	}
	if (!result->ran) {
		client->verdict = AUTH_LATER;
		log_auth(client, "auth-unavailable", NULL);
	} else {
		client->tries++;
		ledger_login_failed(client->address);
		client->verdict = client->tries >=
		    monitor.service->conf.auth_tries ? AUTH_NO_MORE : AUTH_NO;
		log_auth(client, "auth-failed", "wrong name or password");
	}
	tell_verdict_later(client);
}

/* Only for IMAP servers where the user's own login is used. */
static void
keep_password(struct client *client, const char *password)
{
	if (client->password != NULL)
		freezero(client->password, strlen(client->password));
	client->password = strdup(password);
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
		log_auth(client, "auth-busy", "too many failed logins from "
		    "there");
		tell_verdict_later(client);
	}
}

const char *
login_request(struct client *client, struct unpack *unpack)
{
	char password[USER_SIZE];

	unpack_string(unpack, client->login, sizeof(client->login));
	unpack_string(unpack, password, sizeof(password));
	if (!unpack_done(unpack) || client->login[0] == '\0')
		return "malformed login";
	if (client->auth != NULL || client->delay != NULL)
		return "a second login before the first is answered";
	if (client->tries >= monitor.service->conf.auth_tries)
		return "a login after the last try";
	client->auth_begun = clock_ms();
	client->auth = auth_start(client->id, client->address, client->login,
	    password, on_auth_done, client);
	if (fetcher_needs_passwords())
		keep_password(client, password);
	explicit_bzero(password, sizeof(password));
	take_turn(client);
	return NULL;
}
