/*
 * What all harnesses of whole roles share: end, memory, variables, log, the
 * start of a stream, which goes on in the harness.
 */
#include <malloc.h>
#include <setjmp.h>

#include "base/stream.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/role.h"

#define BLOCKS_MAX 512

/* around the variables of the role; see role_edge.c */
extern char role_first[], role_last[];

static jmp_buf end;
static char *initial;
static void *blocks[BLOCKS_MAX];
static size_t n_blocks;
const char *role_log_secrets[3], *role_wiped;

void
role_exit(int status)
{
	longjmp(end, status + 1);
}

int
stream_start(struct stream *st, int fd)
{
	memset(st, 0, sizeof(*st));
	st->fd = fd;
	st->read_want = POLLIN;
	st->write_want = POLLOUT;
	return 0;
}

const char *
stream_why(const struct stream *st, const char *usual)
{
	(void)st;
	return usual;
}

/* Every block is freed at the run's end, whatever the role forgets. */
void *
role_realloc(void *p, size_t n)
{
	size_t i;

	for (i = 0; i < n_blocks && p != NULL && blocks[i] != p; i++)
		;
	if (p == NULL || i == n_blocks) {
		MUST(p == NULL && n_blocks < BLOCKS_MAX);
		i = n_blocks++;
	}
	blocks[i] = realloc(p, n);
	MUST(blocks[i] != NULL);
	return blocks[i];
}

void *
role_malloc(size_t n)
{
	return role_realloc(NULL, n);
}

void *
role_calloc(size_t n, size_t size)
{
	void *p = role_malloc(n * size);

	memset(p, 0, n * size);
	return p;
}

char *
role_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = role_malloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

size_t
role_blocks(void)
{
	return n_blocks;
}

void
role_freezero(void *p, size_t n)
{
	if (p != NULL)
		memset(p, 0, n);
	role_free(p);
}

void
role_free(void *p)
{
	size_t i;

	if (p == NULL)
		return;
	if (role_wiped != NULL)
		MUST(memmem(p, malloc_usable_size(p), role_wiped,
		    strlen(role_wiped)) == NULL);
	for (i = 0; i < n_blocks && blocks[i] != p; i++)
		;
	MUST(i < n_blocks);
	free(p);
	blocks[i] = blocks[--n_blocks];
}

time_t
role_time(time_t *t)
{
	(void)t;
	return 1795305600;	/* 2026-11-22T00:00:00Z */
}

__attribute__((weak)) void
role_logged(const char *text, size_t n)
{
	(void)text, (void)n;
}

/* The log: whole lines, printable, and none too long. */
ssize_t
role_write(int fd, const void *p, size_t n)
{
	const char *text = p;
	size_t i;

	MUST(fd == STDERR_FILENO);
	MUST(n > 9 && n <= 4096 && memcmp(text, "session=", 8) == 0);
	MUST(text[n - 1] == '\n' && is_printable(text, n - 1));
	for (i = 0; i < 3 && role_log_secrets[i] != NULL; i++)
		MUST(memmem(text, n, role_log_secrets[i],
		    strlen(role_log_secrets[i])) == NULL);
	role_logged(text, n);
	return (ssize_t)n;
}

__attribute__((weak)) int
role_socket(void)
{
	return -1;
}

__attribute__((weak)) int
role_connect(int fd)
{
	(void)fd;
	return -1;
}

/* There are redzones between the variables: not by memcpy(3). */
__attribute__((no_sanitize("address", "undefined", "coverage"),
    no_builtin("memcpy"))) static void
copy(void *to, const void *from, size_t n)
{
	const uint64_t *p = from;
	uint64_t *q = to;
	size_t i;

	for (i = 0; i < n / sizeof(*p); i++)
		q[i] = p[i];
}

bool
role_holds(const char *what)
{
	size_t n = (size_t)(role_last - role_first);
	char *seen = malloc(n);
	bool found;

	MUST(seen != NULL);
	copy(seen, role_first, n);
	found = memmem(seen, n, what, strlen(what)) != NULL;
	free(seen);
	return found;
}

int
role_run(void (*role)(void *), void *arg)
{
	size_t n = (size_t)(role_last - role_first);
	volatile int status;

	MUST(role_last > role_first);
	if (initial == NULL) {
		initial = malloc(n);
		copy(initial, role_first, n);
	} else {
		copy(role_first, initial, n);
	}
	status = setjmp(end);
	if (status == 0) {
		role(arg);
		status = 1;
	}
	while (n_blocks > 0)
		free(blocks[--n_blocks]);
	return status - 1;
}
