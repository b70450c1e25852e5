/*
 * checkpassword-file FILE prog ...: checks a login against lines of
 * "user:crypt(3) hash" and runs prog when it is right. It looks at the whole
 * file and computes one hash whether the user is there or not, so its time
 * does not tell who has an account. It needs no privilege beyond reading
 * FILE, opens nothing else and talks to nobody.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "helpers/fd3.h"
#include "helpers/stand.h"

#define PROGRAM	 "checkpassword-file"
#define FILE_MAX ((off_t)64 * 1024 * 1024)
#define HASH_MIN 13  /* DES, the shortest; shadow's "x" is no hash */
#define HASH_MAX 384 /* libxcrypt's CRYPT_OUTPUT_SIZE */

struct found {
	bool user;	      /* the login has a line ... */
	bool locked;	      /* ... that allows no password */
	size_t line;	      /* ... its number */
	char hash[HASH_MAX];  /* ... its hash; empty: none of crypt(3)'s */
	char dummy[HASH_MAX]; /* the file's first, for who has none */
};

/*
 * The length of Dovecot's scheme prefix at s, if what follows is a crypt(3)
 * hash: {CRYPT}, {SHA512-CRYPT}, {BLF-CRYPT} and the like.
 */
static size_t
scheme_length(const char *s, size_t len)
{
	static const char tail[] = "CRYPT}";
	const size_t n = sizeof(tail) - 1;
	const char *end, *word;

	if (len == 0 || *s != '{' || (end = memchr(s, '}', len)) == NULL)
		return 0;
	end++;
	if ((size_t)(end - s) <= n)
		return 0;
	word = end - n;
	if (strncasecmp(word, tail, n) != 0 ||
	    (word[-1] != '{' && word[-1] != '-'))
		return 0;
	return (size_t)(end - s);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_locked(const char *s, size_t len)
{
	return len == 0 || *s == '!' || *s == '*';
}

/* Copies the hash as a string; leaves hash empty if it cannot be one. */
static void
copy_hash(char hash[HASH_MAX], const char *s, size_t len)
{
	if (len < HASH_MIN || len >= HASH_MAX || *s == '{' ||
	    is_locked(s, len) || memchr(s, '\0', len) != NULL)
		return;
	memcpy(hash, s, len);
	hash[len] = '\0';
}

/* The second field, without white space (and CR) at its end and its scheme. */
static const char *
hash_field(const char *s, const char *end, size_t *len)
{
	const char *colon = memchr(s, ':', (size_t)(end - s));
	size_t skip;

	if (colon != NULL)
		end = colon;
	while (end > s && is_blank(end[-1]))
		end--;
	skip = scheme_length(s, (size_t)(end - s));
	*len = (size_t)(end - s) - skip;
	return s + skip;
}

static void
take_line(struct found *f, const char *s, size_t len, const char *login)
{
	const char *colon = memchr(s, ':', len);
	const char *hash;
	size_t hash_len, name_len;

	if (len == 0 || *s == '#' || colon == NULL)
		return;
	name_len = (size_t)(colon - s);
	hash = hash_field(colon + 1, s + len, &hash_len);
	if (f->dummy[0] == '\0')
		copy_hash(f->dummy, hash, hash_len);
	if (f->user || name_len != strlen(login) ||
	    memcmp(s, login, name_len) != 0)
		return;
	f->user = true;
	f->locked = is_locked(hash, hash_len);
	copy_hash(f->hash, hash, hash_len);
}

/* Goes through all lines, also behind the user's: the time tells nothing. */
static void
find_user(struct found *f, const char *text, size_t len, const char *login)
{
	const char *end = text + len, *nl;

	for (; text < end; text = nl + 1) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (nl == NULL)
			nl = end;
		if (!f->user)
			f->line++;
		take_line(f, text, (size_t)(nl - text), login);
		if (nl == end)
			break;
	}
}

static const char *
why_not_usable(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if ((st->st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0)
		return "others can read or write it; chmod 640 or stricter";
	if (st->st_size > FILE_MAX)
		return "over 64 MB";
	return NULL;
}

/* Up to size octets: less only at the end of the file. */
static ssize_t
read_file(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, text + len, size - len)) != 0) {
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

/* The text of an open password file, or NULL and why. */
static char *
load_open(int fd, size_t *len, const char **why)
{
	struct stat st;
	char *text;
	ssize_t n;

	*why = NULL;
	if (fstat(fd, &st) == -1 || (*why = why_not_usable(&st)) != NULL)
		return NULL;
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		return NULL;
	if ((n = read_file(fd, text, (size_t)st.st_size)) == -1) {
		free(text);
		return NULL;
	}
	*len = (size_t)n;
	return text;
}

static char *
load(const char *file, size_t *len)
{
	const char *why = NULL;
	char *text = NULL;
	int fd;

	/* O_NONBLOCK: a FIFO in the file's place must not hold us. */
	fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1)
		text = load_open(fd, len, &why);
	if (text == NULL)
		complain(PROGRAM, file, why != NULL ? why : strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return text;
}

/* Takes the same time wherever the two differ. */
static bool
same(const char *a, const char *b)
{
	volatile unsigned char differ = 0;
	size_t i, len = strlen(a);

	if (len != strlen(b))
		return false;
	for (i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* A line that can never match is the postmaster's error: say where. */
static void
complain_line(const char *file, size_t line)
{
	char text[] = "line 00000000000000000000: no hash crypt(3) knows";
	char *digit = strchr(text, ':'), *start;

	do
		*--digit = (char)('0' + line % 10);
	while ((line /= 10) > 0);
	start = digit - strlen("line ");
	memcpy(start, "line ", strlen("line "));
	complain(PROGRAM, file, start);
}

/* Computes one hash in every case, and wipes the password. */
static enum checkpassword
verify(const struct found *f, char *password, const char *file)
{
	const char *hash = f->hash[0] != '\0' ? f->hash : f->dummy;
	const char *got;
	bool failed;
	int error;

	errno = 0;
	got = hash[0] == '\0' ? NULL : crypt(password, hash);
	error = errno;
	explicit_bzero(password, strlen(password));
	failed = got == NULL || got[0] == '*';
	if (failed && error == ENOMEM) {
		complain(PROGRAM, "crypt", strerror(error));
		return CP_TEMPORARY;
	}
	if (f->user && !f->locked &&
	    (f->hash[0] == '\0' || (failed && error == EINVAL)))
		complain_line(file, f->line);
	if (failed || f->hash[0] == '\0' || !same(got, f->hash))
		return CP_WRONG;
	return CP_RIGHT;
}

static enum checkpassword
check(char *argv[])
{
	static struct fd3 message;
	static struct found found;
	enum checkpassword status;
	size_t len;
	char *text;

	if ((status = fd3_get(&message, PROGRAM)) != CP_RIGHT)
		return status;
	if ((text = load(argv[1], &len)) == NULL)
		return CP_TEMPORARY;
	find_user(&found, text, len, message.login);
	free(text);
	status = verify(&found, message.password, argv[1]);
	if (status != CP_RIGHT)
		return status;
	return run_next(PROGRAM, argv[0], message.login, argv + 2);
}

int
main(int argc, char *argv[])
{
	protect_memory();
	if (argc < 3) {
		complain("usage", NULL, PROGRAM " file program [argument ...]");
		return CP_MISUSED;
	}
	stand_by();
	_exit(check(argv)); /* there is nothing to flush */
}
