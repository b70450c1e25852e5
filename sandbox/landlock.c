/*
 * Landlock: which files, which TCP ports, which processes to signal. The
 * newest rules this kernel knows are used; Debian 12's header knows the first
 * ones only, so the numbers stand here.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/linux.h"

/* linux/landlock.h as of ABI 6 */
struct ruleset {
	uint64_t fs;
	uint64_t net;		/* ABI 4 */
	uint64_t scoped;	/* ABI 6 */
};

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

#define FS_ALL(abi)	((1ULL << ((abi) >= 5 ? 16 : (abi) >= 3 ? 15 : \
			    (abi) >= 2 ? 14 : 13)) - 1)
#define FS_WRITE_FILE	(1ULL << 1)
#define FS_READ_FILE	(1ULL << 2)
#define FS_READ_DIR	(1ULL << 3)
#define FS_REMOVE_FILE	(1ULL << 5)
#define FS_MAKE_DIR	(1ULL << 7)
#define FS_MAKE_REG	(1ULL << 8)
#define FS_REFER	(1ULL << 13)	/* ABI 2: rename to another directory */
#define NET_BIND	(1ULL << 0)
#define NET_CONNECT	(1ULL << 1)
#define SCOPE_ALL	3ULL		/* abstract sockets, signals */
#define RULE_PORT	2

int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Everything that the kernel can forbid is forbidden but for the rules. */
static int
create(int abi)
{
	struct ruleset ruleset = {
		.fs = FS_ALL(abi),
		.net = NET_BIND | NET_CONNECT,
		.scoped = SCOPE_ALL
	};
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	long fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);

	if (fd == -1)
		fatal("landlock: %s", strerror(errno));
	return (int)fd;
}

static void
restrict_self(int fd)
{
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		fatal("landlock: %s", strerror(errno));
	close(fd);
}

static void
allow_below(int fd, int dir, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights, .parent_fd = dir
	};

	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH,
	    &rule, 0) == -1)
		fatal("landlock: directory: %s", strerror(errno));
}

static void
allow_port(int fd, uint16_t port)
{
	struct port_rule rule = { NET_CONNECT, port };

	if (syscall(SYS_landlock_add_rule, fd, RULE_PORT, &rule, 0) == -1)
		fatal("landlock: port: %s", strerror(errno));
}

void
landlock_session(void)
{
	int abi = landlock_abi();

	if (abi > 0)
		restrict_self(create(abi));
}

void
landlock_reach(const struct sandbox_reach *reach)
{
	int abi = landlock_abi(), fd;
	size_t i;

	/* ABI 1 cannot allow a rename from tmp to new */
	if (abi == 0 || (abi == 1 && reach->n_dirs > 0))
		return;
	fd = create(abi);
	for (i = 0; i < reach->n_dirs; i++)
		allow_below(fd, reach->dirs[i], FS_WRITE_FILE | FS_READ_DIR |
		    FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
		    (abi >= 2 ? FS_REFER : 0));
	for (i = 0; i < reach->n_ports && abi >= 4; i++)
		allow_port(fd, reach->ports[i]);
	restrict_self(fd);
}

/* It looks names up by whatever means this system has, and connects. */
void
landlock_probe(void)
{
	struct ruleset ruleset = { .scoped = SCOPE_ALL };
	int abi = landlock_abi(), root;
	long fd;

	if (abi == 0)
		return;
	ruleset.fs = FS_ALL(abi);
	root = open("/", O_PATH | O_CLOEXEC);
	fd = syscall(SYS_landlock_create_ruleset, &ruleset,
	    abi >= 6 ? 24 : 8, 0);
	if (root == -1 || fd == -1)
		fatal("landlock: %s", strerror(errno));
	allow_below((int)fd, root, FS_READ_FILE | FS_READ_DIR);
	restrict_self((int)fd);
	close(root);
}
