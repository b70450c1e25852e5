#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"

/* The longest value shown; the rest is cut and marked with "...". */
#define VALUE_MAX 512

static enum log_target target = LOG_TO_STDERR;
static int verbosity;

void
log_open(enum log_target to, int verbose)
{
	target = to;
	verbosity = verbose;
	if (target == LOG_TO_SYSLOG)
		openlog("smtpsubmitd", LOG_PID | LOG_NDELAY, LOG_MAIL);
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
	ssize_t n;

	if (target == LOG_TO_SYSLOG && !busy) {
		busy = 1;
		syslog(LOG_INFO, "%.*s", (int)line->len, line->buf);
		busy = 0;
		return;
	}
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
