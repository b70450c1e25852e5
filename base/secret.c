#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#define FILE_MAX (64 * 1024)

/* Whole pages of its own, so that locking and wiping touch nothing else. */
bool
secret_alloc(struct secret *secret, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	secret->data = NULL;
	secret->len = 0;
	if (p == MAP_FAILED)
		return false;
	/* may exceed RLIMIT_MEMLOCK; then only the lock is missing */
	mlock(p, len);
#ifdef MADV_DONTDUMP
	madvise(p, len, MADV_DONTDUMP);
#endif
	secret->data = p;
	secret->len = len;
	return true;
}

void
secret_wipe(struct secret *secret)
{
	if (secret->data == NULL)
		return;
	explicit_bzero(secret->data, secret->len);
	munmap(secret->data, secret->len);
	secret->data = NULL;
	secret->len = 0;
}

void
secret_path(const char *name, char *path, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (dir == NULL)
		dir = SYSCONFDIR "/smtpsubmitd/credentials";
	if (name[0] != '/') {
		snprintf(path, size, "%s/%s", dir, name);
		if (access(path, F_OK) == 0)
			return;
	}
	snprintf(path, size, "%s", name);
}

static bool
complain(char *error, size_t size, const char *path, const char *why)
{
	snprintf(error, size, "%s: %s", path, why);
	return false;
}

static bool
file_is_good(int fd, bool public, size_t *len, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		*why = "not a regular file";
	else if (!public && (st.st_mode & (S_IROTH | S_IWOTH)))
		*why = "others may read or write it, chmod o-rw";
	else if (st.st_size == 0 || st.st_size > FILE_MAX)
		*why = "empty or too large";
	else {
		*len = (size_t)st.st_size;
		return true;
	}
	return false;
}

static bool
read_file(struct secret *secret, const char *name, bool public, int flags,
    char *error, size_t size)
{
	const char *why = "cannot be read";
	char path[4096];
	ssize_t n = -1;
	size_t len;
	int fd;

	secret->data = NULL;
	secret->len = 0;
	secret_path(name, path, sizeof(path));
	/* a FIFO would hold us up, before it is seen to be one */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
	if (fd == -1)
		return complain(error, size, path, strerror(errno));
	if (file_is_good(fd, public, &len, &why) && secret_alloc(secret, len))
		n = read(fd, secret->data, len);
	close(fd);
	if (n <= 0) {
		secret_wipe(secret);
		return complain(error, size, path, why);
	}
	secret->len = (size_t)n;
	return true;
}

bool
secret_read_file(struct secret *secret, const char *name, char *error,
    size_t size)
{
	return read_file(secret, name, false, 0, error, size);
}

bool
secret_read_public(struct secret *secret, const char *name, char *error,
    size_t size)
{
	return read_file(secret, name, true, 0, error, size);
}

static bool
read_login(const char *name, int flags, char *user, char *password,
    size_t size, char *error, size_t error_size)
{
	struct secret file;
	const unsigned char *space, *end;
	size_t a, b;

	if (!read_file(&file, name, false, flags, error, error_size))
		return false;
	end = memchr(file.data, '\n', file.len);
	if (end == NULL)
		end = file.data + file.len;
	if (end > file.data && end[-1] == '\r')
		end--;
	space = memchr(file.data, ' ', (size_t)(end - file.data));
	a = space == NULL ? 0 : (size_t)(space - file.data);
	b = space == NULL ? 0 : (size_t)(end - space - 1);
	if (a == 0 || b == 0 || a >= size || b >= size) {
		secret_wipe(&file);
		return complain(error, error_size, name,
		    "must be one line: user, a space, password");
	}
	memcpy(user, file.data, a);
	user[a] = '\0';
	memcpy(password, space + 1, b);
	password[b] = '\0';
	secret_wipe(&file);
	return true;
}

bool
secret_read_login(const char *name, char *user, char *password, size_t size,
    char *error, size_t error_size)
{
	return read_login(name, 0, user, password, size, error, error_size);
}

bool
secret_read_users_login(const char *name, char *user, char *password,
    size_t size, char *error, size_t error_size)
{
	return read_login(name, O_NOFOLLOW, user, password, size, error,
	    error_size);
}
