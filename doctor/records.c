/*
 * RFC 1035 4.1:
 *
 *	message	= header question* answer* ...
 *	header	= ID(2) flags(2) QDCOUNT(2) ANCOUNT(2) NSCOUNT(2) ARCOUNT(2)
 *	question = QNAME QTYPE(2) QCLASS(2)
 *	answer	= NAME TYPE(2) CLASS(2) TTL(4) RDLENGTH(2) RDATA
 *
 *	MX	= PREFERENCE(2) EXCHANGE		3.3.9
 *	TXT	= 1*character-string			3.3.14
 *	SRV	= Priority(2) Weight(2) Port(2) Target	RFC 2782
 *
 * Names may be compressed (4.1.4); libc's dn_expand() knows how.
 */
#include <sys/types.h>
#include <netinet/in.h>
#include <arpa/nameser.h>

#include <resolv.h>
#include <stdbool.h>
#include <string.h>

#include "doctor/records.h"

#define HEADER_SIZE 12

struct reader {
	const unsigned char *start, *p, *end;
	bool bad;
};

static unsigned
take_u16(struct reader *r)
{
	unsigned value;

	if (r->end - r->p < 2) {
		r->bad = true;
		return 0;
	}
	value = (unsigned)r->p[0] << 8 | r->p[1];
	r->p += 2;
	return value;
}

static void
take_name(struct reader *r, char *name, size_t size)
{
	int n = r->bad ? -1 : dn_expand(r->start, r->end, r->p, name,
	    (int)size);

	if (n < 0 || n > r->end - r->p)
		r->bad = true;
	else
		r->p += n;
}

static void
skip(struct reader *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n)
		r->bad = true;
	else
		r->p += n;
}

static void
take_text(struct reader *r, const unsigned char *end, struct record *record)
{
	size_t len = 0, n;

	while (r->p < end) {
		n = *r->p++;
		if (n > (size_t)(end - r->p)) {
			r->bad = true;
			break;
		}
		for (; n > 0; n--, r->p++)
			if (len < sizeof(record->text) - 1)
				record->text[len++] = *r->p >= ' ' &&
				    *r->p <= '~' ? (char)*r->p : '?';
	}
	record->text[len] = '\0';
}

static void
take_rdata(struct reader *r, enum record_type type, const unsigned char *end,
    struct record *record)
{
	memset(record, 0, sizeof(*record));
	if (type == RECORD_TXT) {
		take_text(r, end, record);
	} else {
		record->priority = take_u16(r);
		if (type == RECORD_SRV) {
			record->weight = take_u16(r);
			record->port = take_u16(r);
		}
		take_name(r, record->name, sizeof(record->name));
	}
	if (r->p != end)
		r->bad = true;
}

/* One record; true if it was one of those asked for. */
static bool
take_record(struct reader *r, enum record_type type, struct record *record)
{
	char owner[1025];
	unsigned is, class, n;

	take_name(r, owner, sizeof(owner));
	is = take_u16(r);
	class = take_u16(r);
	skip(r, 4);	/* TTL */
	n = take_u16(r);
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return false;
	}
	if (is != type || class != C_IN) {
		skip(r, n);
		return false;
	}
	take_rdata(r, type, r->p + n, record);
	return !r->bad;
}

int
records_read(const unsigned char *message, size_t n, enum record_type type,
    struct record *records, size_t max)
{
	struct reader r = { message, message, message + n, false };
	struct record one;
	char name[1025];
	unsigned questions, answers;
	size_t found = 0;

	if (n < HEADER_SIZE)
		return -1;
	r.p += 4;
	questions = take_u16(&r);
	answers = take_u16(&r);
	r.p += 4;
	for (; questions > 0 && !r.bad; questions--) {
		take_name(&r, name, sizeof(name));
		skip(&r, 4);
	}
	for (; answers > 0 && !r.bad; answers--)
		if (take_record(&r, type, &one) && found < max)
			records[found++] = one;
	return r.bad ? -1 : (int)found;
}
