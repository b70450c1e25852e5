/*
 * Preloaded into the daemon by tests/e2e/faults.t: the wall clock is set by as
 * many seconds as stand in a file that the test has mapped, too. The monotonic
 * clock goes on as it is.
 */
#include <sys/mman.h>
#include <sys/time.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *jump;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd == -1)
		return;
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	jump = p == MAP_FAILED ? NULL : p;
	close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	__typeof__(&clock_gettime) real = (__typeof__(&clock_gettime))
	    dlsym(RTLD_NEXT, "clock_gettime");
	int n = real(clock, ts);

	if (clock == CLOCK_REALTIME && jump != NULL)
		ts->tv_sec += *jump;
	return n;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
