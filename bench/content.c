/* See content.h. */
#include "bench/content.h"

#include <stdio.h>
#include <string.h>

#define LINE	"It is a period of quiet measurement; each line has just " \
	"seventy-eight octets.\r\n"
#define LINE_LEN (sizeof(LINE) - 1)
#define BLOCK	(LINE_LEN * 1024)

static uint64_t
word_of(const unsigned char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

void
sum_add(struct sum *sum, const unsigned char *p, size_t len)
{
	size_t have = sum->octets % 8, n;
	uint64_t hash;

	sum->octets += len;
	if (have > 0) {
		n = 8 - have < len ? 8 - have : len;
		memcpy(sum->rest + have, p, n);
		p += n;
		len -= n;
		if (have + n < 8)
			return;
		sum->hash = mix(sum->hash, word_of(sum->rest));
	}
	hash = sum->hash;
	for (; len >= 8; p += 8, len -= 8)
		hash = mix(hash, word_of(p));
	sum->hash = hash;
	memcpy(sum->rest, p, len);
}

uint64_t
sum_end(const struct sum *sum)
{
	unsigned char last[8] = { 0 };

	memcpy(last, sum->rest, sum->octets % 8);
	return mix(mix(sum->hash, word_of(last)), sum->octets);
}

static const char *
block(void)
{
	static char lines[BLOCK];
	size_t i;

	if (lines[0] == '\0')
		for (i = 0; i < BLOCK; i += LINE_LEN)
			memcpy(lines + i, LINE, LINE_LEN);
	return lines;
}

void
content_make(struct content *c, uint64_t run, uint64_t n, size_t size,
    bool stuffed)
{
	int len;

	len = snprintf(c->head, sizeof(c->head),
	    "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
	    "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.org>\r\n"
	    "Subject: a measurement\r\n"
	    "Message-ID: <%llu.%llu@bench.example.org>\r\n\r\n",
	    (unsigned long long)run, (unsigned long long)n);
	c->header_len = (size_t)len;
	len += snprintf(c->head + len, sizeof(c->head) - (size_t)len,
	    "message %llu of %llu\r\n", (unsigned long long)n,
	    (unsigned long long)run);
	c->dot = stuffed ? (size_t)len : 0;
	len += snprintf(c->head + len, sizeof(c->head) - (size_t)len,
	    "%s.a line with a dot\r\n", stuffed ? "." : "");
	c->head_len = c->size = (size_t)len;
	if (size > c->size)
		c->size += (size - c->size) / LINE_LEN * LINE_LEN;
}

size_t
content_copy(const struct content *c, size_t offset, char *to, size_t max)
{
	const char *from;
	size_t n;

	if (offset < c->head_len) {
		from = c->head + offset;
		n = c->head_len - offset;
	} else {
		offset -= c->head_len;
		from = block() + offset % BLOCK;
		n = BLOCK - offset % BLOCK;
		if (n > c->size - c->head_len - offset)
			n = c->size - c->head_len - offset;
	}
	if (n > max)
		n = max;
	memcpy(to, from, n);
	return n;
}

uint64_t
content_sum(const struct content *c, uint64_t *octets)
{
	struct sum sum = { 0 };
	char piece[16384];
	size_t offset = c->header_len, n;

	if (c->dot != 0) {
		sum_add(&sum, (const unsigned char *)c->head + offset,
		    c->dot - offset);
		offset = c->dot + 1;
	}
	while ((n = content_copy(c, offset, piece, sizeof(piece))) > 0) {
		sum_add(&sum, (const unsigned char *)piece, n);
		offset += n;
	}
	*octets = sum.octets;
	return sum_end(&sum);
}
