/*
 * Linked into the programs of `make coverage`. gcov's counters of a program
 * lie in one file that each of its processes maps and shares with those it
 * forks; nothing is written when a process ends. So nothing is lost by
 * _exit(2), by another uid, in an empty root directory, or by SIGKILL.
 *
 * The file is COUNTERS/BUILD-ID, so that copies of a program count, too.
 * COVERAGE=begin makes it, COVERAGE=dump turns it into .gcda files; both are
 * the end of the process. The calls are made by number, for those of libc may
 * be those that tests/faults lets fail.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* of counters.ld: whole pages */
extern char counters_begin[], counters_end[];
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

void __gcov_dump(void);
void __wrap___gcov_exit(void);

/* What gcov does at exit(3). */
void
__wrap___gcov_exit(void)
{
}

/* The first octets of the build id, in hexadecimal; false: there is none. */
static int
build_id(char *out)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *ph = (const void *)(base + __ehdr_start.e_phoff);
	size_t i, k;

	for (i = 0; i < __ehdr_start.e_phnum; i++) {
		const char *at = base + ph[i].p_vaddr;
		const char *end = at + ph[i].p_memsz;

		while (ph[i].p_type == PT_NOTE && at < end) {
			const ElfW(Nhdr) *n = (const void *)at;
			const unsigned char *id = (const void *)(at +
			    sizeof(*n) + ((n->n_namesz + 3) & ~3U));

			if (n->n_type == NT_GNU_BUILD_ID) {
				for (k = 0; k < 16; k++)
					*out++ = "0123456789abcdef"[
					    id[k / 2] >> (k % 2 ? 0 : 4) & 15];
				*out = '\0';
				return 1;
			}
			at = (const char *)id + ((n->n_descsz + 3) & ~3U);
		}
	}
	return 0;
}

__attribute__((constructor(101))) static void
share_counters(void)
{
	char path[4096] = COUNTERS "/";
	const char *what = getenv("COVERAGE");
	size_t size = (size_t)(counters_end - counters_begin);
	int begin = what != NULL && strcmp(what, "begin") == 0;
	long fd;

	if (!build_id(path + strlen(path)))
		abort();
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC |
	    (begin ? O_CREAT | O_TRUNC : 0), 0666);
	if (fd == -1)
		return;		/* not one of those that are counted */
	if (begin)
		_exit(ftruncate((int)fd, (off_t)size) == -1 ||
		    fchmod((int)fd, 0666) == -1);
	if (syscall(SYS_mmap, counters_begin, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, fd, 0) == -1)
		abort();
	syscall(SYS_close, fd);
	if (what != NULL && strcmp(what, "dump") == 0) {
		__gcov_dump();
		_exit(0);
	}
}
