/*
 * The form of the configuration file: a line each, a keyword and arguments
 * parted by blanks, "quotes" around one that holds blanks, # comments. What
 * the words mean is not known here. Pure, but for conf_complain().
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONF_WORDS_MAX	64
#define CONF_LINE_MAX	4096

struct conf_line {
	size_t n;		/* words, the keyword first; 0: an empty line */
	char *word[CONF_WORDS_MAX + 1];	/* point into text, NULL behind */
	char text[CONF_LINE_MAX];
};

/* Parts a line; NULL, or what is wrong with it. */
const char *conf_split(const char *p, size_t n, struct conf_line *line);

/* Values; false if it is none. */
bool conf_number(const char *, uint64_t max, uint64_t *);
bool conf_size(const char *, uint64_t *);	/* octets; K, M, G of 1024 */
bool conf_duration(const char *, unsigned *ms);	/* 30s, 5m, 2h, 500ms */
bool conf_yes_no(const char *, bool *);
/* 127.0.0.1:25, [::1]:25, *:25 (any address, IPv6 and IPv4) */
bool conf_address(const char *, struct sockaddr_storage *, socklen_t *);

#endif
