/*
 * The monitor's conversation with a checkpassword program: name and password
 * (or token) by descriptor 3, the verdict by exit code, and by descriptor 4
 * what the program's last step, auth-reply, says about the user. At most
 * max-auth-helpers run at once, the others wait their turn. A helper is
 * exec'd with nothing but these descriptors and a small environment; the
 * secret is wiped here as soon as it is in the pipe.
 */
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/spawn.h"
#include "sandbox/sandbox.h"
#include "smtpsubmitd.h"

#define TIME_LIMIT	20	/* seconds; then it has failed */
#define ANSWER_MAX	16384
#define CERTIFICATE_MAX	65536	/* octets of a certificate's message */
#define FORGED		3	/* exit code of checkcertificate */

struct auth_request {
	struct auth_request *next;	/* in the queue or among the running */
	char **argv;			/* the configuration's */
	char login[USER_SIZE];
	char *secret;			/* NULL when the helper has it */
	size_t secret_len;		/* with its NUL */
	char id[SESSION_ID_SIZE], client[CLIENT_SIZE];
	auth_done done;			/* NULL: cancelled */
	void *arg;
	pid_t pid;
	bool submitted, timed_out;
	struct event *timeout, *readable;
	int answer_fd;
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
	if (request->answer_fd != -1)
		close(request->answer_fd);
	free(request->message);
	freezero(request, sizeof(*request));
}

/* KEY=value NUL ..., as auth-reply writes it. */
static const char *
answer_value(const struct auth_request *request, const char *key)
{
	const char *p = request->answer, *end = p + request->len;
	size_t n = strlen(key);

	while (p < end && memchr(p, '\0', (size_t)(end - p)) != NULL) {
		if (strncmp(p, key, n) == 0 && p[n] == '=')
			return p + n + 1;
		p += strlen(p) + 1;
	}
	return NULL;
}

static void
log_trouble(const struct auth_request *request, const char *what, int number)
{
	struct log_line line;

	log_start(&line, request->id, "helper-failed");
	log_str(&line, "program", request->argv[0]);
	log_str(&line, "client", request->client);
	log_num(&line, what, number);
	log_end(&line);
}

/* False, with a line in the log: a word that is cut is another one. */
static bool
take_word(const struct auth_request *request, const char *user,
    const char *key, char *buf, size_t size)
{
	const char *value = answer_value(request, key);

	if (value == NULL || strlcpy(buf, value, size) < size)
		return true;
	log_event(request->id, "helper-failed", "%s of %s is too long", key,
	    user);
	return false;
}

/* What else the helper says of the user. */
static bool
take_words(const struct auth_request *request, struct auth_result *result)
{
	const char *size = answer_value(request, "MAXSIZE");
	const char *kind = answer_value(request, "RELAY_AUTH");

	if (size != NULL && (!conf_size(size, &result->max_size) ||
	    result->max_size == 0)) {
		log_event(request->id, "helper-failed", "MAXSIZE of %s is no "
		    "size", result->user);
		return false;
	}
	result->relay_token = kind != NULL && strcmp(kind, "token") == 0;
	if (kind != NULL && !result->relay_token &&
	    strcmp(kind, "password") != 0) {
		log_event(request->id, "helper-failed", "RELAY_AUTH of %s is "
		    "neither password nor token", result->user);
		return false;
	}
	return take_word(request, result->user, "SENDERS", result->senders,
	    sizeof(result->senders)) && take_word(request, result->user,
	    "RELAY", result->relays, sizeof(result->relays)) &&
	    take_word(request, result->user, "RELAY_CREDENTIALS",
	    result->relay_credentials, sizeof(result->relay_credentials));
}

/* What checkcertificate tells beside the verdict, for the log. */
static void
copy_certificate(const struct auth_request *request,
    struct auth_result *result)
{
	const char *reason = answer_value(request, "REASON");
	const char *subject = answer_value(request, "SUBJECT");

	if (reason != NULL)
		strlcpy(result->reason, reason, sizeof(result->reason));
	if (subject != NULL)
		strlcpy(result->subject, subject, sizeof(result->subject));
}

/* checkpassword: 0 right, 1 wrong, 111 and all else could not tell. */
static void
judge(const struct auth_request *request, int status,
    struct auth_result *result)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	const char *value;

	memset(result, 0, sizeof(*result));
	if (request->message != NULL)
		copy_certificate(request, result);
	if (request->timed_out) {
		log_trouble(request, "timeout", TIME_LIMIT);
	} else if (code == 1 || code == 100) {	/* cvm says 100 */
		result->ran = true;
	} else if (request->message != NULL && code == FORGED) {
		result->ran = result->forged = true;
	} else if (code != 0) {
		log_trouble(request, code == -1 ? "signal" : "exit",
		    code == -1 ? WTERMSIG(status) : code);
	} else if ((value = answer_value(request, "USER")) == NULL ||
	    strlen(value) == 0 || strlen(value) >= sizeof(result->user)) {
		log_event(request->id, "helper-failed", "%s said yes, but "
		    "told no USER on descriptor 4", request->argv[0]);
	} else {
		strlcpy(result->user, value, sizeof(result->user));
		result->ran = result->right = take_words(request, result);
	}
}

static void
read_answer(struct auth_request *request)
{
	char overflow[1024];
	ssize_t n;

	for (;;) {
		if (request->len < ANSWER_MAX)
			n = read(request->answer_fd, request->answer +
			    request->len, ANSWER_MAX - request->len);
		else
			n = read(request->answer_fd, overflow,
			    sizeof(overflow));
		if (n <= 0)
			break;
		if (request->len < ANSWER_MAX)
			request->len += (size_t)n;
	}
	if (n == 0)
		event_del(request->readable);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	read_answer(arg);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct auth_request *request = arg;

	(void)fd, (void)what;
	request->timed_out = true;
	kill(-request->pid, SIGKILL);	/* its whole group */
}

static int
spawn_helper(struct auth_request *request, int ask, int answer)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char proto[] = "PROTO=TCP", service[] = "SERVICE=submission";
	char remote[CLIENT_SIZE + 16];
	char *env[] = { path, proto, service, remote, NULL };
	struct spawn s = {
		.argv = request->argv, .env = env,
		.own_group = true, .own_stdio = true,
		.n_fds = 2, .from = { ask, answer }, .to = { 3, 4 }
	};

	snprintf(remote, sizeof(remote), "TCPREMOTEIP=%s", request->client);
	return spawn(&s, &request->pid);
}

/*
 * login NUL secret NUL time NUL. It fits a pipe of the usual size; one that
 * is smaller, for want of memory, must not hold us: the helper then gets
 * less than all and cannot tell.
 */
static void
tell_helper(struct auth_request *request, int fd)
{
	char now[24];
	int n = snprintf(now, sizeof(now), "%lld", (long long)time(NULL)) + 1;
	struct iovec iov[] = {
		{ request->login, strlen(request->login) + 1 },
		{ request->secret, request->secret_len },
		{ now, (size_t)n }
	};
	size_t all = iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (writev(fd, iov, 3) != (ssize_t)all)
		log_event(request->id, "helper-failed", "cannot write to its "
		    "descriptor 3");
	wipe_secret(request);
}

/* A certificate's message is more than a pipe is sure to hold. */
static int
make_ask(const struct auth_request *request, int ask[2])
{
	int size = 2 * CERTIFICATE_MAX;

	if (request->message == NULL)
		return pipe2(ask, O_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ask) == -1)
		return -1;
	setsockopt(ask[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(ask[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static void
tell_certificate(struct auth_request *request, int fd)
{
	ssize_t n = send(fd, request->message, request->message_len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n != (ssize_t)request->message_len)
		log_event(request->id, "helper-failed", "cannot write: %s",
		    n == -1 ? strerror(errno) : "no room");
}

static int
launch(struct auth_request *request)
{
	struct timeval limit = { TIME_LIMIT, 0 };
	int ask[2], answer[2], error;

	if (make_ask(request, ask) == -1)
		return errno;
	if (pipe2(answer, O_CLOEXEC) == -1) {
		error = errno;
		close(ask[0]);
		close(ask[1]);
		return error;
	}
	error = spawn_helper(request, ask[0], answer[1]);
	if (error == 0) {
		sandbox_helper(request->pid);
		if (request->message != NULL)
			tell_certificate(request, ask[1]);
		else
			tell_helper(request, ask[1]);
	}
	close(ask[0]);
	close(ask[1]);
	close(answer[1]);
	request->answer_fd = answer[0];
	if (error != 0)
		return error;
	fcntl(answer[0], F_SETFL, O_NONBLOCK);
	request->readable = event_new(auth.base, answer[0],
	    EV_READ | EV_PERSIST, on_readable, request);
	request->timeout = evtimer_new(auth.base, on_timeout, request);
	if (request->readable == NULL || request->timeout == NULL)
		fatal("auth: out of memory");
	event_add(request->readable, NULL);
	event_add(request->timeout, &limit);
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
	request->answer_fd = -1;
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

bool
auth_child_ended(pid_t pid, int status)
{
	struct auth_request *request;
	struct auth_result result;

	for (request = auth.running; request != NULL; request = request->next)
		if (request->pid == pid)
			break;
	if (request == NULL)
		return false;
	read_answer(request);
	unlink_request(&auth.running, request);
	auth.n_running--;
	judge(request, status, &result);
	answer_and_free(request, &result);
	launch_waiting();
	return true;
}
