#include <stdio.h>
#include <string.h>

#include "message/trace.h"

/* RFC 5322 3.3; always in UTC, which tells nothing about the user */
static void
date(time_t when, char *buf, size_t size)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	gmtime_r(&when, &tm);
	snprintf(buf, size, "%.3s, %d %.3s %d %02d:%02d:%02d +0000",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* TCP-info: an address literal */
static void
client_literal(const struct trace *trace, char *buf, size_t size)
{
	if (strcmp(trace->client, "local") == 0)
		snprintf(buf, size, "[127.0.0.1]");
	else
		snprintf(buf, size, "[%s%s]",
		    strchr(trace->client, ':') != NULL ? "IPv6:" : "",
		    trace->client);
}

size_t
trace_received(const struct trace *trace, time_t when,
    char buf[TRACE_MAX])
{
	bool tls = trace->tls_version[0] != '\0';
	char literal[80], from[400] = "", tls_clause[160] = "", stamp[64];
	int n;

	if (!trace->hide_client) {
		client_literal(trace, literal, sizeof(literal));
		snprintf(from, sizeof(from), "from %s (%s)\r\n\t",
		    trace->helo, literal);
	}
	if (tls)
		snprintf(tls_clause, sizeof(tls_clause), " tls %s (%s)",
		    trace->tls_cipher, trace->tls_version);
	date(when, stamp, sizeof(stamp));
	n = snprintf(buf, TRACE_MAX, "Received: %sby %s (smtpsubmitd)"
	    " with %sSMTP%s\r\n\tid %s.%u%s;\r\n\t%s\r\n", from,
	    trace->hostname, trace->utf8 ? "UTF8" : "E", tls ? "SA" : "A",
	    trace->id, trace->message, tls_clause, stamp);
	return n < 0 || n >= TRACE_MAX ? 0 : (size_t)n;
}

size_t
trace_complete(const struct trace *trace, time_t when, bool add_date,
    bool add_message_id, char buf[TRACE_MAX])
{
	char stamp[64];
	size_t len = 0;

	date(when, stamp, sizeof(stamp));
	if (add_date)
		len += (size_t)snprintf(buf + len, TRACE_MAX - len,
		    "Date: %s\r\n", stamp);
	if (add_message_id)
		len += (size_t)snprintf(buf + len, TRACE_MAX - len,
		    "Message-ID: <%lld.%s.%u@%s>\r\n", (long long)when,
		    trace->id, trace->message, trace->hostname);
	return len;
}
