/*
 * The monitor's conversation with a checkpassword program: name and password
 * (or token) by descriptor 3, the verdict by exit code, and by descriptor 4
 * what the program's last step, auth-reply, says about the user. At most
 * max-auth-helpers run at once, the others wait their turn. How one is run is
 * in helper.c; the secret is wiped here as soon as it has it.
 */
#include <sys/uio.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"
#include "standing.h"
#include "verdict.h"

#define TIME_LIMIT	20	/* seconds; then it has failed */
#define TIME_TO_DIE	5
#define ANSWER_MAX	16384

struct auth_request {
	struct auth_request *next;	/* in the queue or among the running */
	char **argv;			/* the configuration's */
	char login[USER_SIZE];
	char *secret;			/* NULL when the helper has it */
	size_t secret_len;		/* with its NUL */
	char id[SESSION_ID_SIZE], client[CLIENT_SIZE];
	auth_done done;			/* NULL: cancelled */
	void *arg;
	struct helper_run run;
	bool submitted, timed_out, too_much;
	struct event *timeout, *readable;
	char answer[ANSWER_MAX];
	size_t len;
	void *message;			/* for checkcertificate, else NULL */
	size_t message_len;
};

static struct {
	struct event_base *base;
	const struct config *conf;
	struct auth_request *queue, *running;
	unsigned n_running;
	char *certificate[8];		/* argv of checkcertificate */
} auth;

/* checkcertificate [-u uid:gid] [-d domain] file */
static void
make_certificate_argv(const struct config *conf)
{
	static char program[4096], ids[64];
	static char u[] = "-u", d[] = "-d", domain[sizeof(conf->domain)];
	char **arg = auth.certificate;

	snprintf(program, sizeof(program), "%s/checkcertificate",
	    conf->libexec);
	*arg++ = program;
	if (conf->uid != 0) {
		snprintf(ids, sizeof(ids), "%u:%u", (unsigned)conf->uid,
		    (unsigned)conf->gid);
		*arg++ = u;
		*arg++ = ids;
	}
	if (conf->domain[0] != '\0') {
		strlcpy(domain, conf->domain, sizeof(domain));
		*arg++ = d;
		*arg++ = domain;
	}
	*arg = conf->client_ca;
}

void
auth_init(struct event_base *base, const struct config *conf)
{
	auth.base = base;
	auth.conf = conf;
	standing_init(base, conf->libexec);
	if (conf->client_ca != NULL)
		make_certificate_argv(conf);
}

static void
unlink_request(struct auth_request **list, struct auth_request *request)
{
	while (*list != request)
		list = &(*list)->next;
	*list = request->next;
}

static void
wipe_secret(struct auth_request *request)
{
	if (request->secret != NULL)
		freezero(request->secret, request->secret_len);
	request->secret = NULL;
}

static void
free_request(struct auth_request *request)
{
	wipe_secret(request);
	if (request->timeout != NULL)
		event_free(request->timeout);
	if (request->readable != NULL)
		event_free(request->readable);
	if (request->run.answer != -1)
		close(request->run.answer);
	free(request->message);
	freezero(request, sizeof(*request));
}

static void
read_answer(struct auth_request *request)
{
	size_t room;
	ssize_t n;

	do {
		room = ANSWER_MAX - request->len;
		n = read(request->run.answer, request->answer + request->len,
		    room);
		if (n > 0)
			request->len += (size_t)n;
	} while (n > 0 && request->len < ANSWER_MAX);
	request->too_much = request->len == ANSWER_MAX;
	if (request->readable != NULL && (n == 0 || request->too_much))
		event_del(request->readable);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct auth_request *request = arg;

	(void)fd, (void)what;
	read_answer(request);
	if (request->too_much)	/* it may go on for ever */
		helper_kill(&request->run);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval to_die = { TIME_TO_DIE, 0 };
	struct auth_request *request = arg;

	(void)fd, (void)what;
	request->timed_out = true;
	helper_kill(&request->run);
	event_add(request->timeout, &to_die);
}

static void on_ended(void *arg, int status);

/* login NUL secret NUL time NUL */
static int
start_login(struct auth_request *request)
{
	char now[24];
	int n = snprintf(now, sizeof(now), "%lld", (long long)time(NULL)) + 1;
	struct iovec iov[] = {
		{ request->login, strlen(request->login) + 1 },
		{ request->secret, request->secret_len },
		{ now, (size_t)n }
	};
	struct helper_what what = {
		.argv = request->argv,
		.id = request->id, .client = request->client,
		.may_stay = true, .iov = iov, .n_iov = 3
	};
	int error = helper_start(&request->run, &what);

	wipe_secret(request);
	return error;
}

static int
start_certificate(struct auth_request *request)
{
	struct iovec iov = { request->message, request->message_len };
	struct helper_what what = {
		.argv = request->argv,
		.id = request->id, .client = request->client,
		.large = true, .iov = &iov, .n_iov = 1
	};

	return helper_start(&request->run, &what);
}

/* One that stays can answer with what a socket holds: that is enough. */
static int
launch(struct auth_request *request)
{
	static const struct timeval limit = { TIME_LIMIT, 0 };
	int error;

	request->run.ended = on_ended;
	request->run.arg = request;
	error = request->message != NULL ? start_certificate(request) :
	    start_login(request);
	if (error != 0)
		return error;
	request->timeout = evtimer_new(auth.base, on_timeout, request);
	if (request->timeout == NULL)
		fatal("auth: out of memory");
	event_add(request->timeout, &limit);
	if (request->run.by != NULL)
		return 0;
	request->readable = event_new(auth.base, request->run.answer,
	    EV_READ | EV_PERSIST, on_readable, request);
	if (request->readable == NULL)
		fatal("auth: out of memory");
	event_add(request->readable, NULL);
	return 0;
}

static void
answer_and_free(struct auth_request *request,
    const struct auth_result *result)
{
	if (request->done != NULL)
		request->done(request->arg, result);
	free_request(request);
}

static void
launch_waiting(void)
{
	static const struct auth_result could_not_tell;
	struct auth_request *request;
	int error;

	while (auth.queue != NULL &&
	    auth.n_running < auth.conf->max_auth_helpers) {
		request = auth.queue;
		auth.queue = request->next;
		if (request->done == NULL) {
			free_request(request);
			continue;
		}
		error = launch(request);
		if (error != 0) {
			log_event(request->id, "helper-failed", "%s: %s",
			    request->argv[0], strerror(error));
			answer_and_free(request, &could_not_tell);
			continue;
		}
		request->next = auth.running;
		auth.running = request;
		auth.n_running++;
	}
}

static struct auth_request *
make_request(char **argv, const char *id, const char *client,
    auth_done done, void *arg)
{
	struct auth_request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		fatal("auth: out of memory");
	request->argv = argv;
	strlcpy(request->id, id, sizeof(request->id));
	strlcpy(request->client, client, sizeof(request->client));
	request->done = done;
	request->arg = arg;
	request->run.ask = request->run.answer = -1;
	return request;
}

struct auth_request *
auth_start(const struct helper *helper, const char *id, const char *client,
    const char *login, const void *secret, size_t len, auth_done done,
    void *arg)
{
	struct auth_request *request = make_request(helper->argv, id, client,
	    done, arg);

	request->secret = malloc(len + 1);
	if (request->secret == NULL)
		fatal("auth: out of memory");
	memcpy(request->secret, secret, len);
	request->secret[len] = '\0';
	request->secret_len = len + 1;
	strlcpy(request->login, login, sizeof(request->login));
	return request;
}

struct auth_request *
auth_start_certificate(const char *id, const char *client, void *message,
    size_t len, auth_done done, void *arg)
{
	struct auth_request *request = make_request(auth.certificate, id,
	    client, done, arg);

	request->message = message;
	request->message_len = len;
	return request;
}

void
auth_run(struct auth_request *request)
{
	struct auth_request **tail;

	request->submitted = true;
	for (tail = &auth.queue; *tail != NULL; tail = &(*tail)->next)
		;
	*tail = request;
	launch_waiting();
}

void
auth_cancel(struct auth_request *request)
{
	if (!request->submitted) {
		free_request(request);
		return;
	}
	request->done = NULL;
	wipe_secret(request);
}

static void
on_ended(void *arg, int status)
{
	struct auth_request *request = arg;
	struct auth_result result;
	struct helper_said said = {
		.program = request->argv[0], .id = request->id,
		.client = request->client,
		.certificate = request->message != NULL,
		.time_limit = request->timed_out ? TIME_LIMIT : 0,
		.status = status, .answer = request->answer
	};

	if (!request->too_much)
		read_answer(request);
	said.too_much = request->too_much;
	said.len = request->len;
	unlink_request(&auth.running, request);
	auth.n_running--;
	helper_verdict(&said, &result);
	answer_and_free(request, &result);
	launch_waiting();
}
