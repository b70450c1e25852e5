#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mta/maildir.h"

#define BUFFER (64 * 1024)

int
maildir_open(struct maildir *md, const char *path)
{
	memset(md, 0, sizeof(*md));
	md->file = -1;
	md->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return md->dir == -1 ? -1 : 0;
}

static int
make_parts(struct maildir *md)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (mkdirat(md->dir, parts[i], 0700) == -1 && errno != EEXIST)
			return -1;
	return 0;
}

/* time.Mmicroseconds-Ppid-Qcount-random.host, unique without a look */
int
maildir_begin(struct maildir *md, const char *hostname)
{
	struct timespec ts;
	char path[sizeof(md->name) + 8];

	if (md->buf == NULL && (md->buf = malloc(BUFFER)) == NULL)
		return -1;
	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(md->name, sizeof(md->name), "%lld.M%ldP%ldQ%uR%08x.%.64s",
	    (long long)ts.tv_sec, ts.tv_nsec / 1000, (long)getpid(),
	    md->count++, arc4random(), hostname);
	snprintf(path, sizeof(path), "tmp/%s", md->name);
	md->len = 0;
	md->file = openat(md->dir, path, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC | O_NOFOLLOW, 0600);
	if (md->file == -1 && errno == ENOENT && make_parts(md) == 0)
		md->file = openat(md->dir, path, O_WRONLY | O_CREAT |
		    O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return md->file == -1 ? -1 : 0;
}

static int
flush(struct maildir *md)
{
	const char *p = md->buf;
	ssize_t n;

	while (md->len > 0) {
		n = write(md->file, p, md->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		md->len -= (size_t)n;
	}
	return 0;
}

/* Lines on the disk end in LF alone: no CR goes in, for all came with LF. */
int
maildir_write(struct maildir *md, const char *p, size_t n)
{
	const char *cr;
	size_t part;

	while (n > 0) {
		cr = memchr(p, '\r', n);
		part = cr == NULL ? n : (size_t)(cr - p);
		if (part > BUFFER - md->len)
			part = BUFFER - md->len;
		memcpy(md->buf + md->len, p, part);
		md->len += part;
		p += part;
		n -= part;
		if (n > 0 && *p == '\r')
			p++, n--;
		if (md->len == BUFFER && flush(md) == -1)
			return -1;
	}
	return 0;
}

static int
sync_new(struct maildir *md)
{
	int dir = openat(md->dir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n;

	if (dir == -1)
		return -1;
	n = fsync(dir);
	close(dir);
	return n;
}

int
maildir_commit(struct maildir *md)
{
	char from[sizeof(md->name) + 8], to[sizeof(md->name) + 8];
	bool good = flush(md) == 0 && fsync(md->file) == 0;

	snprintf(from, sizeof(from), "tmp/%s", md->name);
	snprintf(to, sizeof(to), "new/%s", md->name);
	/* it is closed, even where that fails */
	good &= close(md->file) == 0;
	md->file = -1;
	if (!good || renameat(md->dir, from, md->dir, to) == -1) {
		unlinkat(md->dir, from, 0);
		return -1;
	}
	/* it is in new: should this sync fail, the message is still there */
	sync_new(md);
	return 0;
}

void
maildir_abort(struct maildir *md)
{
	char path[sizeof(md->name) + 8];

	if (md->file == -1)
		return;
	close(md->file);
	md->file = -1;
	snprintf(path, sizeof(path), "tmp/%s", md->name);
	unlinkat(md->dir, path, 0);
}
