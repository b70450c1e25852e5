/*
 * Each `imap` line, tried by imapfetch itself with the frames that the
 * monitor and a session would send it: so login, TLS and URLAUTH are looked
 * at by the code that will need them. It is asked for messages that are not
 * there, and "there is none" is the good answer. Why it failed comes from
 * its log line, which holds neither a URL nor a secret.
 */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/secret.h"
#include "base/spawn.h"
#include "doctor/doctor.h"

#define NO_MESSAGE "4294967295"	/* the highest UID there may be */
#define URL_SIZE 2048
/* a stock Dovecot 2.3 needs up to 6 s to fail */
#define FETCH_WAIT (2 * DOCTOR_WAIT)

struct trial {
	struct doctor *d;
	const struct imap_line *line;
	char subject[600];
	char name[256], password[256];	/* of the line's file */
	char user[256];			/* whose message is asked for */
	pid_t pid;
	int monitor, session, log;	/* our ends, -1: none */
	char said[4096];		/* its log */
};

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Its descriptor 3 is the monitor's channel, 1 and 2 are the log. */
static bool
start(struct trial *t, int channel, int log)
{
	char path[4096];
	char *argv[] = { path, NULL }, *env[] = { NULL };
	struct spawn s = {
		.argv = argv, .env = env, .own_stdio = true, .n_fds = 3,
		.from = { log, log, channel }, .to = { 1, 2, 3 }
	};

	snprintf(path, sizeof(path), "%s/imapfetch", t->d->conf->libexec);
	return spawn(&s, &t->pid) == 0;
}

static bool
tell(struct trial *t, uint16_t type, const struct pack *pack, int fd)
{
	return !pack->bad && ipc_send(t->monitor, type, 0, pack->buf,
	    pack->len, fd) == 0;
}

/* What fetcher.c tells it, for this one server. */
static bool
instruct(struct trial *t, int session)
{
	const struct config *conf = t->d->conf;
	bool passthrough = t->line->login == IMAP_PASSTHROUGH;
	unsigned char buf[8192];
	struct pack pack;
	bool good;

	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, "-n");
	pack_string(&pack, t->user);
	pack_string(&pack, passthrough ? DOCTOR_NOBODY : "");
	pack_u32(&pack, FETCH_WAIT);
	pack_u32(&pack, (uint32_t)conf->fetch_uid);
	pack_u32(&pack, (uint32_t)conf->fetch_gid);
	good = tell(t, F_ORDER, &pack, -1);
	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, t->line->url);
	pack_u8(&pack, t->line->login);
	pack_string(&pack, t->name);
	pack_string(&pack, t->password);
	pack_string(&pack, t->line->ca);
	good = good && tell(t, F_SERVER, &pack, -1);
	explicit_bzero(buf, sizeof(buf));
	pack_start(&pack, buf, sizeof(buf));
	return good && tell(t, F_CHANNEL, &pack, session);
}

static bool
begin(struct trial *t)
{
	int monitor[2], session[2], log[2];
	bool good;

	t->monitor = t->session = t->log = -1;
	t->said[0] = '\0';
	if (ipc_pair(monitor) == -1 || ipc_pair(session) == -1 ||
	    pipe2(log, O_CLOEXEC) == -1)
		return false;
	t->monitor = monitor[0];
	t->session = session[0];
	t->log = log[0];
	good = start(t, monitor[1], log[1]) && instruct(t, session[1]);
	close(monitor[1]);
	close(session[1]);
	close(log[1]);
	return good;
}

/* It ends when its channels do; what it said is read to the end. */
static void
finish(struct trial *t)
{
	size_t len = 0;
	ssize_t n;

	shut(&t->session);
	shut(&t->monitor);
	while (t->log != -1 && len < sizeof(t->said) - 1 && (n = read(t->log,
	    t->said + len, sizeof(t->said) - 1 - len)) > 0)
		len += (size_t)n;
	t->said[len] = '\0';
	shut(&t->log);
	if (t->pid > 0)
		waitpid(t->pid, NULL, 0);
	t->pid = 0;
}

/* One F_URL; the content, if ever there is some, goes nowhere. */
static int
fetch(struct trial *t, const char *url)
{
	static struct frame frame;
	unsigned char buf[URL_SIZE + 64];
	struct unpack in;
	struct pack pack;
	int relay[2], n;

	if (ipc_pair(relay) == -1)
		return -1;
	pack_start(&pack, buf, sizeof(buf));
	pack_u64(&pack, 1);
	pack_bytes(&pack, url, strlen(url));
	n = pack.bad ? -1 : ipc_send(t->session, F_URL, 0, buf, pack.len,
	    relay[1]);
	close(relay[1]);
	if (n == 0)
		n = ipc_recv_wait(t->session, &frame, FETCH_WAIT +
		    DOCTOR_WAIT);
	close(relay[0]);
	if (n != 1 || frame.type != F_DONE)
		return -1;
	unpack_start(&in, frame.data, frame.len);
	n = (int)unpack_u8(&in);
	unpack_u64(&in);
	return unpack_done(&in) ? n : -1;
}

/* Takes reason="..." of its last log line, or all of it. */
static const char *
reason(struct trial *t)
{
	char *end, *at = t->said, *found = t->said;

	while ((at = strstr(at, "reason=")) != NULL)
		found = at += strlen("reason=");
	end = found + strcspn(found, *found == '"' ? "\n" : " \n");
	if (*found == '"' && end > found + 1 && end[-1] == '"')
		found++, end--;
	*end = '\0';
	return *found == '\0' ? "it ended without a word" : found;
}

/* As imap_server_is_named() wants it; port 143 is what none means. */
static void
place_of(const struct imap_server *server, char *buf, size_t size)
{
	bool usual = server->port == 143 || server->security == IMAP_TLS;
	size_t n;

	n = (size_t)snprintf(buf, size, strchr(server->host, ':') != NULL ?
	    "[%s]" : "%s", server->host);
	if (!usual && n < size)
		snprintf(buf + n, size - n, ":%u", server->port);
}

static void
percent(const char *name, char *buf, size_t size)
{
	size_t n = 0;

	for (; *name != '\0' && n + 4 < size; name++)
		if (isalnum((unsigned char)*name) || strchr("-._", *name))
			buf[n++] = *name;
		else
			n += (size_t)snprintf(buf + n, size - n, "%%%02X",
			    (unsigned char)*name);
	buf[n] = '\0';
}

/* A message of the user's; signed with a token that is never right. */
static void
make_url(const struct trial *t, bool with_token, char buf[URL_SIZE])
{
	char place[300], user[800];

	place_of(&t->line->server, place, sizeof(place));
	percent(t->user, user, sizeof(user));
	snprintf(buf, URL_SIZE, "imap://%s@%s/INBOX/;UID=" NO_MESSAGE "%s%s%s",
	    user, place, with_token ? ";URLAUTH=submit+" : "",
	    with_token ? user : "", with_token ? ":internal:"
	    "010000000000000000000000000000000000000000" : "");
}

/* Says what went wrong before any URL counted. */
static void
say_down(struct trial *t, const char *why)
{
	doctor_say(t->d, GRADE_FAIL, t->subject, "%s", why);
	if (strstr(why, "login refused") != NULL &&
	    t->line->login == IMAP_PROXY)
		doctor_remedy("Look at user and password in %s; the server "
		    "must let that user act for %s, whom it must know.",
		    t->line->credentials, t->user);
	else if (strstr(why, "login refused") != NULL)
		doctor_remedy("Look at user and password in %s.",
		    t->line->credentials);
	else if (strstr(why, "ertificate") != NULL)
		doctor_remedy("Name its CA's file by ca=file on the line, and "
		    "the server by a name its certificate has.");
	else if (strstr(why, "SSL") != NULL || strstr(why, "STARTTLS"))
		doctor_remedy("Is it the right port? imaps:// has TLS at once "
		    "(993), imap+starttls:// later (143).");
	else if (strstr(why, "resolve") != NULL)
		doctor_remedy("Is the name right, and does this machine reach "
		    "its name server? imap:// is for loopback only.");
	else
		doctor_remedy("Is the IMAP server running, and does it listen "
		    "there, with that kind of TLS?");
}

/*
 * Dovecot 2.3.10 to 2.3.21 announces URLAUTH, and answers NO, or hangs up,
 * to each URLFETCH of another user's URL.
 */
static void
say_urlfetch_broken(struct trial *t, const char *why)
{
	doctor_say(t->d, GRADE_FAIL, t->subject, "login is good, but URLAUTH "
	    "does not work (%s): BURL fails with 451", why);
	doctor_remedy("It is a defect of Dovecot 2.3.10 to 2.3.21. Say `imap "
	    "%s proxy FILE` with a master user instead, see "
	    "smtpsubmitd.conf(5), BURL with Dovecot.", t->line->url);
}

static void
say_no_urlauth(struct trial *t, enum grade grade)
{
	doctor_say(t->d, grade, t->subject, "login is good, but the server "
	    "has no URLAUTH");
	doctor_remedy("Dovecot: set imap_urlauth_host and "
	    "mail_attribute_dict; for plain URLs `proxy` does without.");
}

static bool
is_about_urlfetch(const char *why)
{
	return strstr(why, "URLFETCH") != NULL ||
	    strcmp(why, "connection lost") == 0 ||
	    strstr(why, "BYE") != NULL || strcmp(why, "no answer in time") == 0;
}

/* The submit user: URLFETCH of a URL whose token is wrong gives NIL. */
static void
try_login(struct trial *t)
{
	char url[URL_SIZE];
	const char *why;
	int verdict;

	make_url(t, true, url);
	verdict = fetch(t, url);
	finish(t);
	why = reason(t);
	if (verdict == FETCH_GONE)
		doctor_say(t->d, GRADE_OK, t->subject, "logged in as %s, and "
		    "URLAUTH works", t->name);
	else if (verdict == FETCH_NO_TRUST)
		say_no_urlauth(t, GRADE_FAIL);
	else if (verdict == FETCH_DOWN && is_about_urlfetch(why))
		say_urlfetch_broken(t, why);
	else
		say_down(t, why);
}

/* Who acts for users: a plain URL of such a user, then a signed one. */
static void
try_proxy(struct trial *t)
{
	char url[URL_SIZE];
	int plain, with_token = -1;

	make_url(t, false, url);
	plain = fetch(t, url);
	make_url(t, true, url);
	if (plain == FETCH_GONE)
		with_token = fetch(t, url);
	finish(t);
	if (plain != FETCH_GONE) {
		say_down(t, reason(t));
		return;
	}
	if (with_token == FETCH_NO_TRUST) {
		say_no_urlauth(t, GRADE_WARN);
		return;
	}
	/* GENURLAUTH of no message: refused, or signed unlike our token */
	if (with_token == FETCH_GONE || with_token == FETCH_REFUSED)
		doctor_say(t->d, GRADE_OK, t->subject, "%s acts for %s; plain "
		    "and signed URLs work", t->name, t->user);
	else
		say_down(t, reason(t));
}

/* That a made-up login is refused shows all but the users' own logins. */
static void
try_passthrough(struct trial *t)
{
	char url[URL_SIZE];
	const char *why;
	int verdict;

	make_url(t, false, url);
	verdict = fetch(t, url);
	finish(t);
	why = reason(t);
	if (verdict == FETCH_DOWN && strstr(why, "login refused") != NULL)
		doctor_say(t->d, GRADE_OK, t->subject, "reached%s; the login "
		    "is the user's own, so it was not tried",
		    t->line->server.security == IMAP_CLEAR ? "" :
		    ", TLS verified");
	else
		say_down(t, why);
}

/* The first name of a checkpassword-file file; passwords are not read. */
static bool
user_of_file(const char *path, char *user, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	int c = EOF;

	if (f == NULL)
		return false;
	while (n + 1 < size && (c = getc(f)) != EOF && c != ':' && c != '\n' &&
	    c != '#' && c > ' ')
		user[n++] = (char)c;
	user[n] = '\0';
	fclose(f);
	return n > 0 && c == ':';
}

/* Somebody who can log in: as far as we can know of one. */
static bool
find_user(const struct config *conf, char *user, size_t size)
{
	const struct passwd *pw;
	bool found = false;

	if (conf->n_senders > 0) {
		strlcpy(user, conf->senders[0].login, size);
		return true;
	}
	if (conf->auth.n > 1 &&
	    strstr(conf->auth.argv[0], "checkpassword-file") != NULL &&
	    user_of_file(conf->auth.argv[1], user, size))
		return true;
	setpwent();
	while (!found && (pw = getpwent()) != NULL)
		if (pw->pw_uid >= 1000 && pw->pw_uid < 60000) {
			strlcpy(user, pw->pw_name, size);
			found = true;
		}
	endpwent();
	return found;
}

static void
try_line(struct trial *t)
{
	if (!begin(t)) {
		finish(t);
		doctor_say(t->d, GRADE_FAIL, t->subject, "imapfetch cannot be "
		    "started from %s", t->d->conf->libexec);
		doctor_remedy("Install it there, or say `libexec`.");
		return;
	}
	if (t->line->login == IMAP_LOGIN)
		try_login(t);
	else if (t->line->login == IMAP_PROXY)
		try_proxy(t);
	else
		try_passthrough(t);
}

static void
check_imap(struct doctor *d, struct trial *t)
{
	const struct config *conf = d->conf;
	char error[512];

	snprintf(t->subject, sizeof(t->subject), "imap %s", t->line->url);
	doctor_trying(t->subject);
	t->name[0] = t->password[0] = '\0';
	/* a file that cannot be read was told of with the files */
	if (t->line->credentials != NULL &&
	    !secret_read_login(t->line->credentials, t->name, t->password,
	    sizeof(t->name), error, sizeof(error)))
		return;
	strlcpy(t->user, DOCTOR_NOBODY, sizeof(t->user));
	if (t->line->login == IMAP_PROXY &&
	    !find_user(conf, t->user, sizeof(t->user))) {
		doctor_say(d, GRADE_WARN, t->subject, "not tried: no user is "
		    "known that %s could act for", t->name);
		doctor_remedy("Name one in a `senders` file.");
		return;
	}
	try_line(t);
	explicit_bzero(t->password, sizeof(t->password));
}

void
check_imaps(struct doctor *d)
{
	static struct trial t;
	size_t i;

	t.d = d;
	for (i = 0; i < d->conf->n_imaps; i++) {
		t.line = &d->conf->imaps[i];
		check_imap(d, &t);
	}
}
