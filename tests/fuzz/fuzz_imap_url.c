/*
 * imap/url.c, imap/policy.c, imap/server.c, imap/text.c. What is accepted,
 * printed in its canonical form and parsed again, must be the same; nothing
 * accepted holds an octet that could end an IMAP quoted string; a decision
 * for the user "alice" never goes by another user's name.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imap/policy.h"
#include "imap/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char buf[64 * 1024];
static size_t len;

static void
put(const char *s)
{
	len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s", s);
}

static void
put_encoded(const char *s)
{
	for (; *s != '\0'; s++)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len,
		    (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ?
		    "%c" : "%%%02X", (unsigned char)*s);
}

static void
put_number(const char *before, uint32_t n)
{
	len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s%u", before,
	    n);
}

static void
put_time(int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;

	gmtime_r(&t, &tm);
	len += (size_t)snprintf(buf + len, sizeof(buf) - len,
	    ";EXPIRE=%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
print_access(const struct imap_url *url, const char *text)
{
	static const char *const names[] = { "", "submit", "user", "authuser",
		"anonymous", "stream", "other" };

	put(";URLAUTH=");
	put(names[url->access]);
	if (url->access_user[0] != '\0') {
		put("+");
		put_encoded(url->access_user);
	}
	if (url->mechanism[0] == '\0')
		return;
	put(":");
	put(url->mechanism);
	put(":");
	memcpy(buf + len, text + url->token, url->token_len);
	len += url->token_len;
}

static void
print(const struct imap_url *url, const char *text)
{
	bool v6 = strchr(url->host, ':') != NULL;

	len = 0;
	put("imap://");
	put_encoded(url->user);
	put(url->user[0] == '\0' ? "" : "@");
	put(v6 ? "[" : "");
	put(url->host);
	put(v6 ? "]" : "");
	put_number(":", url->port);
	put("/");
	put_encoded(url->mailbox);
	if (url->uidvalidity != 0)
		put_number(";UIDVALIDITY=", url->uidvalidity);
	put_number("/;UID=", url->uid);
	if (url->section[0] != '\0') {
		put("/;SECTION=");
		put_encoded(url->section);
	}
	if (url->partial)
		put_number("/;PARTIAL=", url->offset);
	if (url->partial && url->length != 0)
		put_number(".", url->length);
	if (url->expires)
		put_time(url->expire);
	if (url->access != IMAP_ACCESS_NONE)
		print_access(url, text);
}

/* Everything but where things stand in the text. */
static bool
same(const struct imap_url *a, const struct imap_url *b)
{
	return strcmp(a->user, b->user) == 0 &&
	    strcmp(a->host, b->host) == 0 && a->port == b->port &&
	    strcmp(a->mailbox, b->mailbox) == 0 &&
	    a->uidvalidity == b->uidvalidity && a->uid == b->uid &&
	    strcmp(a->section, b->section) == 0 &&
	    a->partial == b->partial && a->offset == b->offset &&
	    a->length == b->length && a->expires == b->expires &&
	    a->expire == b->expire && a->access == b->access &&
	    strcmp(a->access_user, b->access_user) == 0 &&
	    strcmp(a->mechanism, b->mechanism) == 0 &&
	    a->token_len == b->token_len;
}

static void
check_decision(const struct imap_url *url, const char *text)
{
	static struct imap_account accounts[3];
	struct imap_choice choice;
	enum fetch_verdict v;
	size_t i;

	for (i = 0; i < 3; i++) {
		accounts[i].login = (enum imap_login)i;
		accounts[i].server.security = IMAP_TLS;
		accounts[i].server.port = 993;
		strcpy(accounts[i].server.host, "h");
		strcpy(accounts[i].name, "submit");
	}
	v = imap_decide(url, text, accounts, 3, "alice", 0, &choice);
	if (v != FETCH_OK) {
		if (choice.why == NULL)
			abort();
		return;
	}
	if (strcasecmp(url->host, "h") != 0)
		abort();
	if (choice.method == IMAP_BY_USER ?
	    strcmp(choice.identity, "alice") != 0 :
	    strcmp(url->access_user, "alice") != 0)
		abort();
}

static void
check_texts(const struct imap_url *url, const uint8_t *data, size_t size)
{
	char name[4 * IMAP_MAILBOX_MAX], quoted[8 * IMAP_MAILBOX_MAX];
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] <= ' ' || data[i] > '~' || data[i] == '"' ||
		    data[i] == '\\')
			abort();
	if (!utf7_from_utf8(name, sizeof(name), url->mailbox) ||
	    !imap_quote(quoted, sizeof(quoted), name))
		abort();
	if (strpbrk(url->section, "[]{}\"\\\r\n") != NULL)
		abort();
	if (url->rump_len > size || url->token + url->token_len > size)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *why;
	static struct imap_url url, again;
	struct imap_server server;
	char copy[256];

	if (size < sizeof(copy)) {
		memcpy(copy, data, size);
		copy[size] = '\0';
		imap_server_parse(copy, &server, &why);
	}
	if (imap_url_parse(&url, text, size, &why) == -1) {
		if (why == NULL)
			abort();
		return 0;
	}
	check_texts(&url, data, size);
	check_decision(&url, text);
	/* a zone can move a year out of what can be written */
	if (url.expires && (url.expire < -62135596800 ||
	    url.expire > 253402300799))
		return 0;
	print(&url, text);
	if (len > IMAP_URL_MAX)
		return 0;
	if (imap_url_parse(&again, buf, len, &why) == -1 || !same(&url, &again))
		abort();
	return 0;
}
