/*
 * The beginning of a session behind a proxy: reads the PROXY header, which
 * comes before TLS and greeting, and asks the monitor to take the client that
 * it names, or that XCLIENT names later, for the one it speaks with. A header
 * that is late, wrong, or cut off ends the connection without a word.
 */
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "smtp/proxy.h"

#define HEADER_LIMIT	5000	/* ms */
#define ANSWER_LIMIT	(3 * CHANNEL_WAIT)	/* ms, of the monitor */

_Noreturn static void
refuse(const char *why)
{
	struct log_line line;

	log_start(&line, session.who.id, "proxy-refused");
	log_str(&line, "client", session.who.client);
	log_str(&line, "reason", why);
	log_end(&line);
	session.quiet = true;
	session_finish("no good PROXY header");
}

/*
 * What a proxy may do is a matter of the client's address: one that a proxy
 * has named is a proxy itself only if it is configured as one. A header that
 * names nobody lends no trust: a stranger may be behind it.
 */
void
arrival_begin(void)
{
	const struct config *conf = &session.service->conf;
	bool trusted = config_trusts(conf, session.who.client);

	session.settings.namings = NAMINGS_MAX;
	session.settings.xclient = trusted && !conf->proxy_protocol;
	if (!trusted || !conf->proxy_protocol) {
		session_welcome();
		return;
	}
	session.arrival = ARRIVAL_HEADER;
	session.idle_deadline = clock_ms() + HEADER_LIMIT;
}

static void
ask(const char *address)
{
	unsigned char buf[CLIENT_SIZE + 8];
	struct pack pack;

	session.settings.namings--;
	strlcpy(session.named, address, sizeof(session.named));
	pack_start(&pack, buf, sizeof(buf));
	pack_string(&pack, address);
	if (ipc_send(session.monitor, S_CLIENT, 0, buf, pack.len, -1) == -1)
		session_finish("the monitor is gone");
	session.idle_deadline = clock_ms() + ANSWER_LIMIT;
}

/* What is behind the header stays, for SMTP or TLS. */
static void
take_header(const struct proxy_header *header)
{
	session.in_len -= header->used;
	memmove(session.in, session.in + header->used, session.in_len);
	if (header->named) {
		session.arrival = ARRIVAL_ASKED;
		ask(header->client);
		return;
	}
	session.arrival = ARRIVAL_DONE;
	session.quiet = true;	/* mostly a health check */
	session_welcome();
}

void
arrival_hear_client(void)
{
	struct proxy_header header;
	ssize_t n;

	if (session.in == NULL && (session.in = malloc(INPUT_SIZE)) == NULL)
		session_finish("out of memory");
	n = stream_read(&session.client, session.in + session.in_len,
	    PROXY_MAX - session.in_len);
	if (n == STREAM_AGAIN)
		return;
	if (n <= 0 && session.in_len == 0) {
		session.quiet = true;	/* a health check that only connects */
		session_finish("client gone");
	}
	if (n <= 0)
		refuse("the connection ended amid the header");
	session.in_len += (size_t)n;
	switch (proxy_parse(session.in, session.in_len, &header)) {
	case PROXY_OK:
		take_header(&header);
		break;
	case PROXY_BAD:
		refuse(header.why);
	default:
		break;
	}
}

void
arrival_late(void)
{
	if (session.arrival == ARRIVAL_ASKED)
		session_finish("the monitor is silent");
	refuse(session.in_len == 0 ? "no header in time" :
	    "half a header in time");
}

/* By XCLIENT */
void
arrival_client(void *arg, const char *address)
{
	(void)arg;
	ask(address);
}

static void
note_client(void)
{
	struct log_line line;

	strlcpy(session.proxy, session.who.client, sizeof(session.proxy));
	strlcpy(session.who.client, session.named,
	    sizeof(session.who.client));
	session.settings.xclient = config_trusts(&session.service->conf,
	    session.who.client);
	if (session.arrival == ARRIVAL_ASKED) {
		session.quiet = session.settings.xclient;
		return;
	}
	log_start(&line, session.who.id, "xclient");
	log_str(&line, "client", session.who.client);
	log_str(&line, "proxy", session.proxy);
	log_end(&line);
}

void
arrival_hear_monitor(const struct frame *frame)
{
	bool header = session.arrival == ARRIVAL_ASKED;

	if (frame->len != 1 || frame->fd != -1 || frame->data[0] > 1 ||
	    (!header && session.smtp.wait != WAIT_CLIENT))
		session_finish("the monitor sends nonsense");
	if (frame->data[0] == 1)
		note_client();
	if (!header) {
		smtp_client_done(&session.smtp, frame->data[0]);
		return;
	}
	session.arrival = ARRIVAL_DONE;
	if (frame->data[0] == 1)
		session_welcome();
	else if (session.who.tls)
		session_finish("too many connections");
	else
		session_last_word(R_TOO_MANY_CONNECTIONS,
		    "too many connections");
}
