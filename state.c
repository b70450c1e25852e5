/*
 * What is known of the next server, kept in a file for the next process that
 * inetd starts, which would else have to look at it anew for each connection.
 * Best effort: without the file, or with an old one, one looks.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"

#define STATE_AGE	300	/* seconds */

struct head {
	char magic[8];
	uint32_t routes;	/* a sum over the configured relays */
};

static const char magic[8] = "smtpsu2";

bool
state_path(char *path, size_t size, const char *name)
{
	const char *dir = getenv("STATE_DIRECTORY");
	int n;

	if (dir == NULL)
		dir = "/var/lib/smtpsubmitd";
	/* systemd may name several */
	n = snprintf(path, size, "%.*s/%s", (int)strcspn(dir, ":"), dir,
	    name);

	return n > 0 && (size_t)n < size;
}

/* So that the state of another configuration is not taken for ours. */
static uint32_t
sum_of_routes(const struct config *conf)
{
	uint32_t sum = 2166136261u;	/* FNV-1a */
	const char *p;
	size_t i;

	for (i = 0; i < conf->n_routes; i++)
		for (p = conf->routes[i].url; ; p++) {
			sum = (sum ^ (unsigned char)*p) * 16777619u;
			if (*p == '\0')
				break;
		}
	return sum;
}

static bool
is_trusted(int fd)
{
	struct stat st;
	time_t age;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return false;
	age = time(NULL) - st.st_mtime;		/* the clock may be set back */
	return age < STATE_AGE && age > -STATE_AGE;
}

bool
state_load(const struct config *conf, struct report *report)
{
	unsigned char buf[8192];
	struct head head;
	char path[512];
	ssize_t n = -1;
	int fd;

	if (!state_path(path, sizeof(path), "relay"))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return false;
	if (is_trusted(fd))
		n = read(fd, buf, sizeof(buf));
	close(fd);
	if (n < (ssize_t)sizeof(head))
		return false;
	memcpy(&head, buf, sizeof(head));
	return memcmp(head.magic, magic, sizeof(magic)) == 0 &&
	    head.routes == sum_of_routes(conf) &&
	    report_unpack(report, buf + sizeof(head),
	    (size_t)n - sizeof(head));
}

void
state_save(const struct config *conf, const struct report *report)
{
	unsigned char buf[8192];
	struct head head = { .routes = sum_of_routes(conf) };
	char path[512], temporary[512], name[32];
	size_t n;
	bool whole;
	int fd;

	memcpy(head.magic, magic, sizeof(magic));
	memcpy(buf, &head, sizeof(head));
	n = report_pack(report, buf + sizeof(head), sizeof(buf) -
	    sizeof(head));
	snprintf(name, sizeof(name), "relay.%ld", (long)getpid());
	if (n == 0 || !state_path(path, sizeof(path), "relay") ||
	    !state_path(temporary, sizeof(temporary), name))
		return;
	n += sizeof(head);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0644);
	if (fd == -1)
		return;
	whole = write(fd, buf, n) == (ssize_t)n;
	close(fd);
	if (!whole || rename(temporary, path) == -1)
		unlink(temporary);
}
