/*
 * The sessions that live now, of this generation and those before it, so that
 * a new generation does not begin to count anew: a memory file that the
 * nurseries share and hand on. Their children do not inherit it.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "smtpsubmitd.h"

#define PLACES 8192

struct place {
	_Atomic pid_t pid;	/* 0: free */
	pid_t nursery;		/* whose child it is */
	char client[CLIENT_SIZE];
};

struct census {
	_Atomic unsigned used;	/* places from here on were never taken */
	struct place places[PLACES];
};

static struct census *census;
static pid_t self;		/* the nursery that counts */

int
census_make(void)
{
	int fd = memfd_create("census", MFD_CLOEXEC);

	if (fd == -1 || ftruncate(fd, sizeof(struct census)) == -1)
		fatal("census: %s", strerror(errno));
	return fd;
}

void
census_open(int fd)
{
	census = mmap(NULL, sizeof(*census), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (census == MAP_FAILED ||
	    madvise(census, sizeof(*census), MADV_DONTFORK) == -1)
		fatal("census: %s", strerror(errno));
	close(fd);
	self = getpid();
}

void
census_add(pid_t pid, const char *client)
{
	struct place *place;
	unsigned i, used;
	pid_t none;

	for (i = 0; i < PLACES; i++) {
		place = &census->places[i];
		none = 0;
		if (!atomic_compare_exchange_strong(&place->pid, &none, pid))
			continue;
		place->nursery = self;
		strlcpy(place->client, client, sizeof(place->client));
		used = atomic_load(&census->used);
		while (used <= i && !atomic_compare_exchange_weak(
		    &census->used, &used, i + 1))
			;
		return;
	}
}

void
census_remove(pid_t pid)
{
	unsigned i, used = atomic_load(&census->used);

	for (i = 0; i < used; i++)
		if (atomic_load(&census->places[i].pid) == pid &&
		    census->places[i].nursery == self)
			atomic_store(&census->places[i].pid, 0);
}

/* A nursery that was killed has left its places behind. */
static bool
is_stale(const struct place *place, pid_t *alive)
{
	if (place->nursery == self || place->nursery == *alive)
		return false;
	if (kill(place->nursery, 0) == -1 && errno == ESRCH)
		return true;
	*alive = place->nursery;
	return false;
}

void
census_count(const char *client, size_t *all, size_t *of_client)
{
	unsigned i, used = atomic_load(&census->used);
	struct place *place;
	pid_t alive = 0;

	*all = *of_client = 0;
	for (i = 0; i < used; i++) {
		place = &census->places[i];
		if (atomic_load(&place->pid) == 0)
			continue;
		if (is_stale(place, &alive)) {
			atomic_store(&place->pid, 0);
			continue;
		}
		(*all)++;
		*of_client += strcmp(place->client, client) == 0;
	}
}

bool
census_is_empty(int fd)
{
	size_t all, none;

	census = mmap(NULL, sizeof(*census), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (census == MAP_FAILED)
		return false;
	census_count("", &all, &none);
	munmap(census, sizeof(*census));
	return all == 0;
}
