#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* The longest value shown; the rest is cut and marked with "...". */
#define VALUE_MAX 512

static enum log_target target = LOG_TO_STDERR;
static int verbosity;

#ifdef __OpenBSD__
/* syslog(3) is a system call and needs no descriptor */
static void
open_syslog(void)
{
	openlog("smtpsubmitd", LOG_PID, LOG_MAIL);
}

static bool
send_syslog(const char *text, size_t len)
{
	syslog(LOG_INFO, "%.*s", (int)len, text);
	return true;
}

int
log_descriptor(void)
{
	return -1;
}
#else
/*
 * Not syslog(3): it does not say which descriptor is its own, so a newborn
 * could not keep it, and would find something else under its number.
 */
static int syslog_fd = -1;

static void
open_syslog(void)
{
	const struct sockaddr_un sun = { .sun_family = AF_UNIX,
	    .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
	} else if (syslog_fd == -1) {
		syslog_fd = fd;
	} else {
		dup3(fd, syslog_fd, O_CLOEXEC);
		close(fd);
	}
}

/* One datagram as syslog(3) makes it; false: nobody is there. */
static bool
send_syslog(const char *text, size_t len)
{
	char buf[2048 + 64];
	time_t now = time(NULL);
	struct tm tm;
	size_t n;

	n = (size_t)snprintf(buf, sizeof(buf), "<%d>", LOG_MAIL | LOG_INFO);
	if (localtime_r(&now, &tm) != NULL)
		n += strftime(buf + n, sizeof(buf) - n, "%b %e %T ", &tm);
	n += (size_t)snprintf(buf + n, sizeof(buf) - n,
	    "smtpsubmitd[%ld]: %.*s", (long)getpid(), (int)len, text);
	if (n >= sizeof(buf))
		n = sizeof(buf) - 1;
	if (syslog_fd != -1 && send(syslog_fd, buf, n, MSG_NOSIGNAL) != -1)
		return true;
	/* it was started anew; jailed ones cannot go there any more */
	open_syslog();
	return syslog_fd != -1 && send(syslog_fd, buf, n, MSG_NOSIGNAL) != -1;
}

int
log_descriptor(void)
{
	return target == LOG_TO_SYSLOG ? syslog_fd : -1;
}
#endif

void
log_open(enum log_target to, int verbose)
{
	target = to;
	verbosity = verbose;
	if (target == LOG_TO_SYSLOG)
		open_syslog();
}

int
log_verbose(void)
{
	return verbosity;
}

int
log_is_syslog(void)
{
	return target == LOG_TO_SYSLOG;
}

static void
put(struct log_line *line, const char *s, size_t n)
{
	/* one octet stays free for the newline */
	if (n > sizeof(line->buf) - 1 - line->len)
		n = sizeof(line->buf) - 1 - line->len;
	memcpy(line->buf + line->len, s, n);
	line->len += n;
}

void
log_start(struct log_line *line, const char *session, const char *event)
{
	line->len = 0;
	put(line, "session=", 8);
	put(line, session == NULL || *session == '\0' ? "-" : session,
	    session == NULL || *session == '\0' ? 1 : strlen(session));
	log_str(line, "event", event);
}

static int
is_plain(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~' || p[i] == '"' || p[i] == '\\')
			return 0;
	return n > 0;
}

static void
put_escaped(struct log_line *line, const unsigned char *p, size_t n)
{
	char esc[5];
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] >= ' ' && p[i] <= '~' && p[i] != '"' &&
		    p[i] != '\\' && p[i] != '=') {
			put(line, (const char *)&p[i], 1);
			continue;
		}
		snprintf(esc, sizeof(esc), "\\x%02x", p[i]);
		put(line, esc, 4);
	}
}

void
log_bytes(struct log_line *line, const char *key, const void *value, size_t n)
{
	size_t shown = n > VALUE_MAX ? VALUE_MAX : n;

	put(line, " ", 1);
	put(line, key, strlen(key));
	put(line, "=", 1);
	if (shown == n && is_plain(value, n)) {
		put(line, value, n);
		return;
	}
	put(line, "\"", 1);
	put_escaped(line, value, shown);
	if (shown < n)
		put(line, "...", 3);
	put(line, "\"", 1);
}

void
log_str(struct log_line *line, const char *key, const char *value)
{
	log_bytes(line, key, value, strlen(value));
}

void
log_num(struct log_line *line, const char *key, int64_t value)
{
	char num[24];

	snprintf(num, sizeof(num), "%lld", (long long)value);
	log_str(line, key, num);
}

void
log_end(struct log_line *line)
{
	/* a signal handler in the midst of a line would wait for ever */
	static volatile sig_atomic_t busy;
	bool sent = false;
	ssize_t n;

	if (target == LOG_TO_SYSLOG && !busy) {
		busy = 1;
		sent = send_syslog(line->buf, line->len);
		busy = 0;
	}
	if (sent)
		return;
	line->buf[line->len++] = '\n';
	do
		n = write(STDERR_FILENO, line->buf, line->len);
	while (n == -1 && errno == EINTR);
}

static void log_reason(const char *, const char *, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static void
log_reason(const char *session, const char *event, const char *fmt,
    va_list ap)
{
	struct log_line line;
	char text[VALUE_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	log_start(&line, session, event);
	log_str(&line, "reason", text);
	log_end(&line);
}

void
log_event(const char *session, const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_reason(session, event, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_reason(NULL, "fatal", fmt, ap);
	va_end(ap);
	_exit(111);
}
