/*
 * The checkpassword programs, run as auth.c runs them with a login that nobody
 * has and a random password or token: a good one refuses it. So a PAM service
 * that is missing, a file of users that cannot be read or an authorization
 * server that does not know us shows before the first user does.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "doctor/doctor.h"

struct run {
	char said[1024];	/* on its standard error output */
	bool timed_out;
	int status;		/* of waitpid(2) */
};

/* login NUL password NUL time NUL; fits the pipe */
static void
tell(int fd)
{
	char buf[128];
	int n = snprintf(buf, sizeof(buf), "%s%c%08x%08x%c%lld%c",
	    DOCTOR_NOBODY, 0, arc4random(), arc4random(), 0,
	    (long long)time(NULL), 0);

	if (n > 0)
		write(fd, buf, (size_t)n);
}

/* Until it has closed its end; false if that takes too long. */
static bool
listen_to(int fd, struct run *run)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t deadline = clock_ms() + DOCTOR_WAIT, left;
	size_t len = 0;
	ssize_t n = 1;
	char buf[512];

	while (n > 0 && (left = deadline - clock_ms()) > 0) {
		if (poll(&pfd, 1, (int)left) != 1)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n > 0 && len + (size_t)n < sizeof(run->said)) {
			memcpy(run->said + len, buf, (size_t)n);
			len += (size_t)n;
		}
	}
	run->said[len] = '\0';
	return n <= 0;
}

static bool
start(const struct helper *helper, int ask, int log, pid_t *pid)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char proto[] = "PROTO=TCP", service[] = "SERVICE=submission";
	static char remote[] = "TCPREMOTEIP=127.0.0.1";
	char *env[] = { path, proto, service, remote, NULL };
	struct spawn s = {
		.argv = helper->argv, .env = env, .own_group = true,
		.own_stdio = true, .n_fds = 4,
		.from = { log, log, ask, log }, .to = { 1, 2, 3, 4 }
	};

	return spawn(&s, pid) == 0;
}

static bool
run_helper(const struct helper *helper, struct run *run)
{
	int ask[2], log[2];
	bool started;
	pid_t pid;

	if (pipe2(ask, O_CLOEXEC) == -1 || pipe2(log, O_CLOEXEC) == -1)
		return false;
	started = start(helper, ask[0], log[1], &pid);
	close(ask[0]);
	close(log[1]);
	tell(ask[1]);
	close(ask[1]);
	if (started) {
		run->timed_out = !listen_to(log[0], run);
		if (run->timed_out)
			kill(-pid, SIGKILL);	/* its whole group */
		waitpid(pid, &run->status, 0);
	}
	close(log[0]);
	return started;
}

/* The last line of what it said. */
static const char *
last_line(char *said)
{
	size_t n = strlen(said);
	const char *lf;

	while (n > 0 && said[n - 1] == '\n')
		said[--n] = '\0';
	lf = strrchr(said, '\n');
	return n == 0 ? "it said nothing" : lf == NULL ? said : lf + 1;
}

static void
try_helper(struct doctor *d, const char *word, const struct helper *helper)
{
	const char *program = helper->argv[0];
	struct run run = { .status = 0 };
	int code;

	doctor_trying(program);
	if (!run_helper(helper, &run)) {
		doctor_say(d, GRADE_FAIL, word, "%s cannot be run", program);
		doctor_remedy("Is it a program of this system, or has its "
		    "first line an interpreter that is there?");
		return;
	}
	code = WIFEXITED(run.status) ? WEXITSTATUS(run.status) : -1;
	if (code == 1 || code == 100) {
		doctor_say(d, GRADE_OK, word, "%s runs, and refuses a "
		    "made-up login", program);
	} else if (code == 0) {
		doctor_say(d, GRADE_FAIL, word, "%s says yes to a made-up "
		    "login and password", program);
		doctor_remedy("With it anybody can send: take another one, or "
		    "look at what it asks (for PAM, its service).");
	} else {
		doctor_say(d, GRADE_FAIL, word, "%s cannot tell (%s%d): %s",
		    program, run.timed_out ? "no end after 10 s, signal " :
		    code == -1 ? "signal " : "exit ", code == -1 ?
		    WTERMSIG(run.status) : code, last_line(run.said));
		doctor_remedy("Nobody can log in until it can; run it by hand "
		    "as in checkpassword-file(8).");
	}
}

void
check_helper(struct doctor *d)
{
	if (d->conf->auth.argv != NULL)
		try_helper(d, "auth", &d->conf->auth);
	if (d->conf->auth_token.argv != NULL)
		try_helper(d, "auth-token", &d->conf->auth_token);
}
