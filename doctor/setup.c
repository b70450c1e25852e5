/*
 * -n -v: the files that set up mail programs, into the current directory.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/autoconfig.h"
#include "doctor/doctor.h"

/*
 * Whether it is a file with this text. The directory may be anybody's: a FIFO
 * in it holds nobody up, and a link leads nowhere.
 */
static bool
has_text(const char *name, const char *text, size_t n)
{
	static char have[16384];
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY |
	    O_CLOEXEC);
	ssize_t got = -1;
	struct stat st;

	if (fd == -1)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		got = read(fd, have, sizeof(have));
	close(fd);
	return got == (ssize_t)n && memcmp(have, text, n) == 0;
}

/* 1: it was there with this text, 0: written, -1: with errno. */
static int
write_new(const char *name, const char *text, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t got;

	if (fd != -1) {
		fchmod(fd, 0644);	/* it is for everybody */
		got = write(fd, text, n);
		if (close(fd) == -1 || got != (ssize_t)n) {
			unlink(name);
			return -1;
		}
		return 0;
	}
	if (errno != EEXIST)
		return -1;
	if (has_text(name, text, n))
		return 1;
	errno = EEXIST;
	return -1;
}

static void
write_file(struct doctor *d, const char *name, const char *text, size_t n,
    const char *use)
{
	switch (n == 0 ? -1 : write_new(name, text, n)) {
	case 0:
		doctor_say(d, GRADE_OK, name, "written");
		doctor_remedy("%s", use);
		break;
	case 1:
		doctor_say(d, GRADE_OK, name, "is there and up to date");
		break;
	default:
		if (n > 0 && errno == EEXIST) {
			doctor_say(d, GRADE_WARN, name, "is there with "
			    "another text and was not touched");
			doctor_remedy("Remove or rename it, then -n -v again.");
			break;
		}
		doctor_say(d, GRADE_FAIL, name, "%s", n == 0 ? "there is no "
		    "port with TLS" : strerror(errno));
		doctor_remedy(n == 0 ? "A `certificate` and a port for it are "
		    "needed." : "Call it in a directory you may write to.");
	}
}

/* The server with TLS at once is preferred (RFC 8314 section 3). */
static void
find_submission(const struct config *conf, struct set_up *set)
{
	unsigned tls = listen_port(conf, true);
	unsigned starttls = listen_port(conf, false);
	size_t n = 0;

	if (conf->n_certificates == 0)
		return;
	if (tls != 0)
		set->submission[n++] = (struct mail_server){ conf->hostname,
		    tls, true };
	if (starttls != 0)
		set->submission[n++] = (struct mail_server){ conf->hostname,
		    starttls, false };
}

/* Of the first imap line that clients can reach; false: it is a guess. */
static bool
find_imap(const struct config *conf, struct set_up *set)
{
	const struct imap_server *server;
	size_t i;

	for (i = 0; i < conf->n_imaps; i++) {
		server = &conf->imaps[i].server;
		if (server->security == IMAP_CLEAR ||
		    imap_host_is_loopback(server->host))
			continue;
		set->imap = (struct mail_server){ server->host, server->port,
		    server->security == IMAP_TLS };
		return true;
	}
	set->imap = (struct mail_server){ conf->hostname, 993, true };
	return false;
}

static bool
logins_are_addresses(const struct config *conf)
{
	return conf->domain[0] == '\0' || (conf->n_senders > 0 &&
	    strchr(conf->senders[0].login, '@') != NULL);
}

void
write_set_up(struct doctor *d)
{
	const struct config *conf = d->conf;
	struct set_up set = { .domain = conf->domain,
	    .login_is_address = logins_are_addresses(conf) };
	char text[8192];
	size_t n;

	if (conf->domain[0] == '\0') {
		doctor_say(d, GRADE_FAIL, "autoconfig.xml", "not written: no "
		    "`domain` is configured");
		doctor_remedy("Say `domain`, that of the users' addresses.");
		return;
	}
	find_submission(conf, &set);
	if (!find_imap(conf, &set)) {
		doctor_say(d, GRADE_WARN, "IMAP", "no `imap` line names a "
		    "server for clients; %s, port 993, is a guess",
		    conf->hostname);
		doctor_remedy("Look into the files, and change it if it is "
		    "another one.");
	}
	n = autoconfig_write(&set, text, sizeof(text));
	write_file(d, "autoconfig.xml", text, n, "To be served as "
	    "http://autoconfig.DOMAIN/mail/config-v1.1.xml, for Thunderbird.");
	n = mobileconfig_write(&set, text, sizeof(text));
	write_file(d, "smtpsubmitd.mobileconfig", text, n, "To be opened on "
	    "an iPhone, iPad or Mac; sign it by openssl smime if you like.");
}
