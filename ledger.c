#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "monitor.h"

#define SOURCES		4096	/* lines of each book; a power of two */
#define USERS		16384
#define NEAR		16	/* places where a line may stand */
#define KEY_SIZE	16
#define FREE_FAILURES	5	/* before logins of that source must wait */
#define FIRST_WAIT	1000	/* ms; doubled with each further failure */
#define FORGET_ONE	60	/* seconds in which one failure is forgotten */
#define MAGIC		0x736d746c65646732u

/* Times are of the wall clock, for files outlive a boot; in ms. */
struct line {
	unsigned char key[KEY_SIZE];	/* digest of what is counted */
	uint32_t count;
	uint32_t told;
	int64_t since;		/* first of the period, or last failure */
	int64_t until;		/* then nothing of it counts any more */
	int64_t next;		/* when the next login may be tried */
};

struct ledger {
	uint64_t magic;
	struct line sources[SOURCES], users[USERS];
};

static struct ledger *ledger;
static int ledger_fd = -1;
static bool in_a_file;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * A file of ours, not one that somebody has laid there, and whole: where the
 * disk is full a hole in it would end us later.
 */
static int
open_file(void)
{
	struct stat st;
	char path[512];
	int fd, error;

	if (!state_path(path, sizeof(path), "counts"))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0600);
	if (fd == -1)
		return -1;
	error = EPERM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		error = posix_fallocate(fd, 0, sizeof(*ledger));
	if (error == 0)
		return fd;
	log_event(NULL, "state", "%s: %s; counts are kept in memory", path,
	    strerror(error));
	close(fd);
	return -1;
}

int
ledger_make(bool alone)
{
	int fd = -1;

	if (alone || getenv("STATE_DIRECTORY") != NULL)
		fd = open_file();
	if (fd == -1 && !alone)
		fd = memfd_create("ledger", MFD_CLOEXEC);
	if (fd == -1 && !alone)
		fatal("ledger: %s", strerror(errno));
	return fd;
}

void
ledger_open(int fd)
{
	struct stat st;

	if (fd == -1)
		return;
	if (ftruncate(fd, sizeof(*ledger)) == -1 || fstat(fd, &st) == -1)
		fatal("ledger: %s", strerror(errno));
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (ledger == MAP_FAILED)
		fatal("ledger: %s", strerror(errno));
	ledger_fd = fd;
	in_a_file = st.st_nlink > 0;
	if (ledger->magic == MAGIC)
		return;
	/* of another version, or new */
	memset(ledger, 0, sizeof(*ledger));
	ledger->magic = MAGIC;
}

/* Monitors of several generations may count at the same time. */
static bool
begin(void)
{
	return ledger != NULL && lockf(ledger_fd, F_LOCK, 0) == 0;
}

static void
end(void)
{
	lockf(ledger_fd, F_ULOCK, 0);
}

/* The line of that key, or a new one in place of the one least missed. */
static struct line *
find(struct line *book, size_t lines, const char *what, int64_t now)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct line *line, *least = NULL;
	uint32_t first;
	unsigned i;

	if (EVP_Digest(what, strlen(what), digest, NULL, EVP_sha256(),
	    NULL) != 1)
		fatal("ledger: no digest");
	memcpy(&first, digest + KEY_SIZE, sizeof(first));
	for (i = 0; i < NEAR; i++) {
		line = &book[(first + i) % lines];
		if (memcmp(line->key, digest, KEY_SIZE) == 0)
			return line;
		if (least == NULL || line->until < least->until)
			least = line;
	}
	if (book == ledger->users && least->until > now)
		log_event(NULL, "user-limit", "too many users at once, the "
		    "count of one is lost");
	memset(least, 0, sizeof(*least));
	memcpy(least->key, digest, KEY_SIZE);
	return least;
}

/* An IPv6 client has its whole /64; "" for those that are not counted. */
static void
source_of(const char *address, char *source, size_t size)
{
	struct in6_addr in6;

	snprintf(source, size, "%s", strcmp(address, "local") == 0 ? "" :
	    address);
	if (inet_pton(AF_INET6, address, &in6) != 1)
		return;
	memset(&in6.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &in6, source, (socklen_t)size);
}

/* Failures fade; so does what a clock that was set back has left. */
static void
fade(struct line *line, int64_t now)
{
	int64_t forgotten = (now - line->since) / (FORGET_ONE * 1000);

	if (line->since > now) {
		line->since = now;
		line->next = 0;
	} else if (forgotten > 0) {
		line->count = forgotten >= line->count ? 0 :
		    line->count - (uint32_t)forgotten;
		line->since += forgotten * FORGET_ONE * 1000;
	}
}

static int64_t
interval(uint32_t failures, unsigned most)
{
	int64_t wait = FIRST_WAIT;

	if (failures < FREE_FAILURES)
		return 0;
	for (; failures > FREE_FAILURES && wait < most; failures--)
		wait *= 2;
	return wait < most ? wait : most;
}

/* Each login of a source takes the place behind the one before it. */
long
ledger_login_wait(const char *address, unsigned most)
{
	int64_t now = now_ms(), wait, between;
	struct line *line;
	char source[CLIENT_SIZE];

	source_of(address, source, sizeof(source));
	if (most == 0 || source[0] == '\0' || !begin())
		return 0;
	line = find(ledger->sources, SOURCES, source, now);
	fade(line, now);
	between = interval(line->count, most);
	if (between == 0)
		line->next = 0;
	if (line->next < now)
		line->next = now;
	wait = between == 0 ? 0 : line->next + between - now;
	if (wait > most)
		wait = -1;
	else if (between > 0)
		line->next += between;
	end();
	return (long)wait;
}

void
ledger_login_failed(const char *address)
{
	int64_t now = now_ms();
	char source[CLIENT_SIZE];
	struct line *line;

	source_of(address, source, sizeof(source));
	if (source[0] == '\0' || !begin())
		return;
	line = find(ledger->sources, SOURCES, source, now);
	fade(line, now);
	if (line->count < 1000)
		line->count++;
	line->since = now;
	line->until = now + (int64_t)line->count * FORGET_ONE * 1000;
	end();
}

struct allowance
ledger_take(const char *user, unsigned want, unsigned limit, unsigned period)
{
	struct allowance allowance = { .granted = want };
	int64_t now = now_ms(), length = (int64_t)period * 1000;
	char name[USER_SIZE];
	struct line *line;
	size_t i;

	/* a backend may take a name in any case for the same */
	for (i = 0; user[i] != '\0' && i + 1 < sizeof(name); i++)
		name[i] = (char)tolower((unsigned char)user[i]);
	name[i] = '\0';
	if (!begin())
		return allowance;
	line = find(ledger->users, USERS, name, now);
	if (line->since > now || now - line->since >= length) {
		line->since = now;
		line->until = now + length;
		line->count = line->told = 0;
	}
	if (line->count >= limit)
		allowance.granted = 0;
	else if (want > limit - line->count)
		allowance.granted = limit - line->count;
	line->count += allowance.granted;
	allowance.again = (unsigned)((line->since + length - now + 999) /
	    1000);
	if (allowance.granted < want && !line->told) {
		allowance.first_refusal = true;
		line->told = 1;
	}
	end();
	return allowance;
}

bool
ledger_may_go(void)
{
	int64_t now = now_ms();
	unsigned i;

	if (ledger == NULL || in_a_file)
		return true;
	for (i = 0; i < SOURCES; i++)
		if (ledger->sources[i].until > now)
			return false;
	for (i = 0; i < USERS; i++)
		if (ledger->users[i].until > now)
			return false;
	return true;
}
