/*
 * Memory and files for secrets: locked, left out of core dumps, wiped when
 * given back. Only the monitor uses them.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
	unsigned char *data;	/* NULL: none */
	size_t len;
};

bool secret_alloc(struct secret *, size_t);
void secret_wipe(struct secret *);

/*
 * Reads a file of at most 64 K. Refused, with a text, if others than owner
 * and group can read or write it. A relative name is looked for in
 * $CREDENTIALS_DIRECTORY first, without that in the directory of that name
 * beside the configuration.
 */
bool secret_read_file(struct secret *, const char *path, char *error,
    size_t error_size);

/* The same for what is no secret: everybody may read it. */
bool secret_read_public(struct secret *, const char *path, char *error,
    size_t error_size);

/*
 * `user password` on the first line; both in the caller's buffers, which the
 * caller wipes.
 */
bool secret_read_login(const char *path, char *user, char *password,
    size_t size, char *error, size_t error_size);

/* The same of a file that others may have laid there: no link is followed. */
bool secret_read_users_login(const char *path, char *user, char *password,
    size_t size, char *error, size_t error_size);

/* The path to open for a configured name: see secret_read_file(). */
void secret_path(const char *name, char *path, size_t size);

#endif
