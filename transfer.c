/*
 * The message on its way: the header is gathered whole, checked, completed
 * and given its trace field, and only then does the next server hear of it
 * (delivery.c); the rest flows through. The session gets one answer for each
 * message, which may come before its end; what still arrives then is thrown
 * away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message/cfws.h"
#include "message/complete.h"
#include "relay.h"

void
transfer_abort(void)
{
	if (relay.state == TRANSFER_BODY) {
		if (relay.maildir != NULL)
			maildir_abort(relay.maildir);
		else
			relay_hang_up();
	}
	relay.state = TRANSFER_NONE;
	relay.octets = 0;
	relay.head_len = 0;
	relay.message_id[0] = '\0';
	relay.fetched = false;
}

static void
refuse_limit(enum reply r, uint64_t limit)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)limit);
	delivery_refuse(r, text);
}

/* The Message-ID is the one thing of a message that is logged. */
static void
note_message_id(const char *header, size_t len)
{
	const char *value, *text;
	size_t pos = 0, n;

	if (!header_find(header, len, "Message-ID", &pos, &value, &n))
		return;
	text = cfws_skip(value, value + n);
	if (text == NULL)
		text = value;
	n -= (size_t)(text - value);
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (n >= sizeof(relay.message_id))
		n = sizeof(relay.message_id) - 1;
	memcpy(relay.message_id, text, n);
	relay.message_id[n] = '\0';
}

static struct trace
trace_of_message(void)
{
	const struct config *conf = &relay.service->conf;

	return (struct trace){
		.hostname = conf->hostname, .helo = relay.helo,
		.client = relay.order.client,
		.tls_version = relay.tls_version,
		.tls_cipher = relay.tls_cipher, .id = relay.order.id,
		.message = relay.messages,
		.hide_client = !conf->received_client,
		.utf8 = relay.utf8
	};
}

/* As long as nobody has refused it */
static void
pass_on(void *arg, const char *p, size_t n)
{
	(void)arg;
	if (relay.state == TRANSFER_BODY)
		delivery_write(p, n);
}

/* Our own fields come first, then the message's. */
static void
pass_header(const struct trace *trace, time_t now, const char *own,
    size_t own_len)
{
	size_t len = relay.header.len;
	char received[TRACE_MAX];

	pass_on(NULL, received, trace_received(trace, now, received));
	pass_on(NULL, own, own_len);
	complete_rest(relay.head, len, relay.service->conf.domain, pass_on,
	    NULL);
	if (relay.header.blank_missing)
		pass_on(NULL, "\r\n", 2);
	if (relay.head_len > len)
		pass_on(NULL, relay.head + len, relay.head_len - len);
	relay.head_len = 0;
}

/* What is binary may not begin before the header has ended. */
static bool
header_is_canonical(void)
{
	struct content content;

	content_start(&content);
	return content_is_clean(&content, relay.head, relay.header.len) &&
	    !content.nul;
}

/* False if the header was refused. */
static bool
header_is_good(struct check *check)
{
	struct author author = {
		.user = relay.order.user, .senders = relay.order.senders,
		.domain = relay.service->conf.domain, .from = relay.from,
		.utf8 = relay.utf8
	};
	enum reply r = R_NONE;

	if (relay.binary && !header_is_canonical()) {
		delivery_refuse(R_BINARY_HEADER, NULL);
		return false;
	}

	if (relay.header.received > LOOP_MAX) {
		delivery_refuse(R_LOOP, NULL);
		return false;
	}
	switch (check_header(relay.head, relay.header.len, &author, check)) {
	case CHECK_OK:
		return true;
	case CHECK_TWICE:
		r = R_FIELD_TWICE;
		break;
	case CHECK_MALFORMED:
		r = R_FIELD_MALFORMED;
		break;
	case CHECK_UNQUALIFIED:
		r = R_FIELD_UNQUALIFIED;
		break;
	case CHECK_NO_FROM:
		r = R_NO_FROM_FIELD;
		break;
	case CHECK_NO_SENDER:
		r = R_NO_SENDER_FIELD;
		break;
	case CHECK_NOT_ALLOWED:
		r = R_SENDER_NOT_ALLOWED;
		break;
	}
	delivery_refuse(r, check->what);
	return false;
}

/* The header is whole: from here on the next server is in it. */
static void
begin(void)
{
	char own[COMPLETE_OWN_MAX];
	time_t now = time(NULL);
	struct trace trace;
	struct check check;
	size_t n;

	note_message_id(relay.head, relay.header.len);
	if (!header_is_good(&check))
		return;
	relay.messages++;
	trace = trace_of_message();
	n = complete_own(relay.head, relay.header.len, &check, &trace, now,
	    own);
	note_message_id(own, n);
	if (!delivery_begin())
		return;
	relay.state = TRANSFER_BODY;
	pass_header(&trace, now, own, n);
}

static bool
keep_head(const char *p, size_t n)
{
	size_t need = relay.head_len + n;
	char *more;

	if (need > relay.head_size) {
		more = realloc(relay.head, need + 64 * 1024);
		if (more == NULL)
			return false;
		relay.head = more;
		relay.head_size = need + 64 * 1024;
	}
	memcpy(relay.head + relay.head_len, p, n);
	relay.head_len = need;
	return true;
}

static void
gather(const char *p, size_t n, bool last)
{
	uint64_t limit = relay.service->conf.max_header;

	if (n > 0 && !keep_head(p, n)) {
		delivery_refuse_for_now();
		return;
	}
	header_scan(&relay.header, relay.head, relay.head_len, last);
	if (relay.header.complete ? relay.header.len > limit :
	    relay.head_len > limit)
		refuse_limit(R_HEADER_TOO_BIG, limit);
	else if (relay.header.complete)
		begin();
}

/* Canonical octets, in whatever part of the message; of a binary one any. */
static void
take(const char *p, size_t n, bool last)
{
	if (relay.binary && relay.state == TRANSFER_HEADER)
		gather(p, n, last);
	else if (relay.binary)
		delivery_write(p, n);
	else if (relay.content.nul)	/* RFC 4468 3.2.1: binary content */
		delivery_refuse(relay.fetched ? R_EIGHT_BIT : R_NUL, NULL);
	else if (relay.content.eight_bit &&
	    !(relay.mta.ehlo.capabilities & CAP_8BITMIME))
		delivery_refuse(R_EIGHT_BIT, NULL);
	else if (relay.state == TRANSFER_HEADER)
		gather(p, n, last);
	else if (n > 0)
		delivery_write(p, n);
}

static void
take_raw(const char *p, size_t n)
{
	if (relay.binary || content_is_clean(&relay.content, p, n)) {
		take(p, n, false);
		return;
	}
	if (relay.mended == NULL)
		relay.mended = malloc(2 * IPC_PAYLOAD_MAX + 2);
	if (relay.mended == NULL) {
		delivery_refuse_for_now();
		return;
	}
	n = content_mend(&relay.content, p, n, relay.mended);
	take(relay.mended, n, false);
}

static void
end(void)
{
	char rest[2];

	take(rest, relay.binary ? 0 : content_finish(&relay.content, rest),
	    true);
	if (relay.state == TRANSFER_BODY)
		delivery_end();
	relay.state = TRANSFER_NONE;
	transfer_abort();
	relay_forget();
}

void
transfer_body(const char *p, size_t n, bool last)
{
	if (relay.state == TRANSFER_NONE) {
		if (!relay.mail && !relay.lost)
			relay_violation("a message without MAIL");
		if (!relay.lost && relay.rcpts == 0)
			relay_violation("a message without RCPT");
		relay.state = TRANSFER_HEADER;
		memset(&relay.header, 0, sizeof(relay.header));
		content_start(&relay.content);
		if (relay.lost)
			delivery_refuse(R_RELAY_LOST, NULL);
	}
	relay.octets += n;
	if (relay.state != TRANSFER_REFUSED &&
	    relay.octets > relay.order.max_size)
		refuse_limit(R_TOO_BIG, relay.order.max_size);
	if (relay.state != TRANSFER_REFUSED && n > 0)
		take_raw(p, n);
	if (!last)
		return;
	if (relay.state == TRANSFER_REFUSED) {
		relay.state = TRANSFER_NONE;
		transfer_abort();
		relay_forget();
		return;
	}
	end();
}
