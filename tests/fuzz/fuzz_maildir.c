/*
 * Delivery into a Maildir, a real directory in memory. The input is two
 * octets, what fails and when, and then messages parted by 0xfe, each in
 * pieces parted by 0xff, of which those that begin with 03 come 200 times. A
 * message that begins with 01 is given up at its end, and one that begins with
 * 02 finds its Maildir without new, cur and tmp.
 *
 * Properties: what is in new is octet for octet what was written, with LF for
 * CR LF; it is there only when that was said; a message that failed or was
 * given up leaves nothing; no descriptor is left; names are never the same.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 5000
#define TEXT_MAX 200000

enum { SHORT = 1, INTERRUPTED = 2, FULL = 4, NO_SYNC = 8, NO_CLOSE = 16,
	NO_RENAME = 32, NO_OPEN = 64 };

static struct {
	unsigned what, when;	/* fails the when-th time */
	unsigned writes, opened;
} fails;

static ssize_t
fuzz_write(int fd, const void *p, size_t n)
{
	fails.writes++;
	if (fails.what & FULL && fails.writes > fails.when) {
		errno = ENOSPC;
		return -1;
	}
	if (fails.what & INTERRUPTED && fails.writes % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	if (fails.what & SHORT && n > fails.when + 1)
		n = fails.when + 1;
	return write(fd, p, n);
}

static int
fail(unsigned what, int error)
{
	if (!(fails.what & what))
		return 0;
	errno = error;
	return -1;
}

static int
fuzz_open(int dir, const char *path, int flags, mode_t mode)
{
	int fd = -1;

	if (!(flags & O_CREAT) || fail(NO_OPEN, EMFILE) == 0)
		fd = openat(dir, path, flags, mode);
	fails.opened += fd != -1;
	return fd;
}

static int
fuzz_sync(int fd)
{
	return fail(NO_SYNC, EIO) == 0 ? fsync(fd) : -1;
}

/* It is closed all the same, close(2). */
static int
fuzz_close(int fd)
{
	MUST(close(fd) == 0);
	fails.opened--;
	return fail(NO_CLOSE, EIO);
}

static int
fuzz_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	return fail(NO_RENAME, EIO) == 0 ?
	    renameat(from_dir, from, to_dir, to) : -1;
}

/* The arguments: directory, path, flags and maybe a mode. */
#define write(fd, p, n) fuzz_write(fd, p, n)
#define openat(...) fuzz_openat(__VA_ARGS__, 0, 0)
#define fuzz_openat(dir, path, flags, mode, ...) \
	fuzz_open(dir, path, flags, mode)
#define fsync(fd) fuzz_sync(fd)
#define close(fd) fuzz_close(fd)
#define renameat(from, a, to, b) fuzz_rename(from, a, to, b)
#include "mta/maildir.c"
#undef write
#undef openat
#undef fsync
#undef close
#undef renameat

static char place[64];

static void
remove_place(void)
{
	static const char *const parts[] = { "/cur", "/new", "/tmp", "" };
	char path[80];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", place, parts[i]);
		rmdir(path);
	}
}

static void
make_place(void)
{
	if (place[0] != '\0')
		return;
	strcpy(place, access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm/fuzz_maildir.XXXXXX" : "/tmp/fuzz_maildir.XXXXXX");
	MUST(mkdtemp(place) != NULL);
	atexit(remove_place);
}

/* The name of the one file there, or false; there are no two. */
static bool
only_file(int dir, const char *part, char name[256])
{
	int fd = openat(dir, part, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;
	unsigned n = 0;
	DIR *d;

	if (fd == -1)
		return false;
	d = fdopendir(fd);
	MUST(d != NULL);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(name, 256, "%s", entry->d_name);
			n++;
		}
	closedir(d);
	MUST(n <= 1);
	return n == 1;
}

/* What must be in it: no name that a reader of Maildirs misunderstands. */
static void
check_file(int dir, const char *name, const char *text, size_t n)
{
	static char last[256], got[TEXT_MAX + 1];
	char path[300];
	struct stat st;
	int fd;

	MUST(strcmp(name, last) != 0 && strlen(name) < 160);
	MUST(strchr(name, ':') == NULL && name[0] >= '0' && name[0] <= '9');
	strcpy(last, name);
	snprintf(path, sizeof(path), "new/%s", name);
	fd = openat(dir, path, O_RDONLY);
	MUST(fd != -1 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
	MUST((size_t)st.st_size == n);
	MUST(read(fd, got, sizeof(got)) == (ssize_t)n);
	MUST(memcmp(got, text, n) == 0);
	close(fd);
	MUST(unlinkat(dir, path, 0) == 0);
}

static int
write_piece(struct maildir *md, const uint8_t *p, size_t n, char *text,
    size_t *len)
{
	char *copy = exact(p, n, false);
	int status = maildir_write(md, copy, n);

	free(copy);
	for (; n > 0; n--, p++)
		if (*p != '\r')
			text[(*len)++] = (char)*p;
	return status;
}

static int
write_pieces(struct maildir *md, const uint8_t *p, size_t n, char *text,
    size_t *len)
{
	unsigned times;
	const uint8_t *piece;
	size_t size;

	while (next_part(&p, &n, 0xff, &piece, &size))
		for (times = size > 0 && piece[0] == 3 ? 200 : 1; times > 0 &&
		    *len + size <= TEXT_MAX; times--)
			if (write_piece(md, piece, size, text, len) == -1)
				return -1;
	return 0;
}

static void
one_message(struct maildir *md, const uint8_t *p, size_t n)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	static char text[TEXT_MAX];
	bool give_up = n > 0 && p[0] == 1, there;
	char name[256];
	size_t len = 0, i;
	int status;

	for (i = 0; i < 3 && n > 0 && p[0] == 2; i++)
		unlinkat(md->dir, parts[i], AT_REMOVEDIR);
	status = maildir_begin(md, "mx.example.org");
	MUST(status == 0 || fails.what & NO_OPEN);
	if (status == 0) {
		status = write_pieces(md, p, n, text, &len);
		if (status == -1 || give_up)
			maildir_abort(md);
		else
			status = maildir_commit(md);
	}
	MUST(md->file == -1 && fails.opened == 0);
	MUST(status == 0 || fails.what & ~(unsigned)(SHORT | INTERRUPTED));
	MUST(!only_file(md->dir, "tmp", name));
	there = only_file(md->dir, "new", name);
	MUST(there == (status == 0 && !give_up));
	if (there)
		check_file(md->dir, name, text, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildir md;
	const uint8_t *message;
	size_t n;

	if (size < 3 || size > INPUT_MAX)
		return 0;
	make_place();
	memset(&fails, 0, sizeof(fails));
	MUST(maildir_open(&md, place) == 0);
	fails.what = data[0];
	fails.when = data[1];
	data += 2;
	size -= 2;
	while (next_part(&data, &size, 0xfe, &message, &n))
		one_message(&md, message, n);
	free(md.buf);
	close(md.dir);
	return 0;
}
