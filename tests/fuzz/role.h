/*
 * Put before each file of a role (-include) when it is built for its
 * harness, which then plays the world: the role's calls end in role_*(), here
 * and in the harness, its end in longjmp(3), and its variables are in a
 * section of their own, so that they can be set back for the next run.
 */
#ifndef TESTS_ROLE_H
#define TESTS_ROLE_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ipc.h"

/* role.c */
_Noreturn void role_exit(int status);
void *role_malloc(size_t);
void *role_realloc(void *, size_t);
void role_free(void *);
time_t role_time(time_t *);
ssize_t role_write(int fd, const void *, size_t);
/* For a harness that says what must be wiped; zeroes what it is told. */
void *role_calloc(size_t, size_t);
char *role_strndup(const char *, size_t);
void role_freezero(void *, size_t);
extern const char *role_wiped;	/* no block that is freed holds this */
size_t role_blocks(void);	/* not yet freed */
bool role_holds(const char *);	/* a variable does */
/* -1, unless the harness has others */
int role_socket(void);
int role_connect(int fd);

/* the harness */
int role_poll(struct pollfd *, nfds_t, int timeout);
void role_close(int fd);
int role_ipc_send(int channel, uint16_t type, uint16_t flags,
    const void *data, size_t len, int fd);
/* 1, 0 or -1 with errno, as ipc_recv() */
int role_ipc_recv(int channel, struct frame *);
/* if it wants to: a line of the log */
void role_logged(const char *, size_t);
/* ... that of the monitor only */
int role_pair(int pair[2]);
ssize_t role_read(int fd, void *, size_t);
ssize_t role_gather(int fd, const struct iovec *, int n);
int role_shutdown(int fd);
int role_kill(pid_t, int sig);

/* role.c, for the harness: runs a role to its end; its exit status. */
int role_run(void (*)(void *), void *arg);
/* No line of the log may show them; NULL: there is none. */
extern const char *role_log_secrets[3];

#ifdef IN_ROLE
#define _exit(status) role_exit(status)
#define malloc(n) role_malloc(n)
#define realloc(p, n) role_realloc(p, n)
#define free(p) role_free(p)
#define freezero(p, n) role_freezero(p, n)
#define calloc(n, size) role_calloc(n, size)
#define strndup(s, n) role_strndup(s, n)
#define time(p) role_time(p)
#define write(fd, p, n) role_write(fd, p, n)
#define poll(p, n, ms) role_poll(p, n, ms)
#define close(fd) role_close(fd)
#define fcntl(...) 0
#define socket(...) role_socket()
#define connect(fd, ss, n) ((void)(ss), (void)(n), role_connect(fd))
#define getsockopt(fd, level, name, p, n) ((void)(n), 0)
#define setsockopt(fd, level, name, p, n) ((void)(p), 0)
#define ipc_pair(pair) role_pair(pair)
#define socketpair(domain, type, protocol, pair) role_pair(pair)
#define pipe2(pair, flags) role_pair(pair)
#define read(fd, p, n) role_read(fd, p, n)
#define writev(fd, iov, n) role_gather(fd, iov, n)
#define sendmsg(fd, m, flags) \
	role_gather(fd, (m)->msg_iov, (int)(m)->msg_iovlen)
#define shutdown(fd, how) role_shutdown(fd)
#define kill(pid, sig) role_kill(pid, sig)
#define ipc_send(c, t, f, p, n, fd) role_ipc_send(c, t, f, p, n, fd)
#define ipc_send_wait(c, t, f, p, n, fd, ms) role_ipc_send(c, t, f, p, n, fd)
#define ipc_recv(c, frame) role_ipc_recv(c, frame)
#define ipc_recv_wait(c, frame, ms) role_ipc_recv(c, frame)
/* all of them, by -fno-zero-initialized-in-bss */
#pragma clang section data="role.state"
#endif

#endif
