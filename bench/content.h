/*
 * The messages the load sends, and a sum by which the sink tells that each
 * arrived once and unaltered. No two bodies are alike: the first line of
 * each holds the numbers of run and message.
 */
#ifndef BENCH_CONTENT_H
#define BENCH_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sum over a body, in pieces of any length; start with all zero. */
struct sum {
	uint64_t hash;
	uint64_t octets;
	unsigned char rest[8];	/* of the last word, octets % 8 of them */
};

void sum_add(struct sum *, const unsigned char *, size_t);
uint64_t sum_end(const struct sum *);

/* One message as it goes over the wire. */
struct content {
	char head[512];		/* the header and the first lines of the body */
	size_t head_len;
	size_t header_len;	/* up to and with the empty line */
	size_t size;		/* in all */
	size_t dot;		/* the stuffed dot's place in head; 0 if none */
};

/*
 * Message number n of a run, of nearly size octets (whole lines), with its
 * one leading dot doubled if stuffed.
 */
void content_make(struct content *, uint64_t run, uint64_t n, size_t size,
    bool stuffed);

/* Copies up to max octets from offset on; how many. */
size_t content_copy(const struct content *, size_t offset, char *, size_t max);

/* The sum of the body, without stuffing; octets of it at octets. */
uint64_t content_sum(const struct content *, uint64_t *octets);

#endif
