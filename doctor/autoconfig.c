/*
 * autoconfig: wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat
 * mobileconfig: Apple's "Configuration Profile Reference", payload
 * com.apple.mail.managed. What is left out of it, name and address, the
 * device asks for.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor/autoconfig.h"

struct text {
	char *buf;
	size_t len, size;
	int indent;
	bool full;
};

static void put(struct text *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct text *t, const char *fmt, ...)
{
	size_t room = t->size - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = t->full ? -1 : vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		t->full = true;
	else
		t->len += (size_t)n;
}

/* XML 1.0 section 2.4; a control octet has no place in it at all. */
static void
put_escaped(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case '&':
			put(t, "&amp;");
			break;
		case '<':
			put(t, "&lt;");
			break;
		case '>':
			put(t, "&gt;");
			break;
		case '"':
			put(t, "&quot;");
			break;
		default:
			put(t, "%c", (unsigned char)*s < ' ' ? '?' : *s);
		}
}

static void
put_element(struct text *t, const char *name, const char *value)
{
	put(t, "%*s<%s>", t->indent, "", name);
	put_escaped(t, value);
	put(t, "</%s>\n", name);
}

static size_t
nothing(char *buf, size_t size)
{
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

static size_t
done(const struct text *t)
{
	return t->full ? nothing(t->buf, t->size) : t->len;
}

static void
put_server(struct text *t, const struct set_up *set, bool incoming,
    const struct mail_server *server)
{
	const char *element = incoming ? "incomingServer" : "outgoingServer";

	if (server->port == 0)
		return;
	put(t, "    <%s type=\"%s\">\n", element, incoming ? "imap" : "smtp");
	t->indent = 6;
	put_element(t, "hostname", server->host);
	put(t, "      <port>%u</port>\n", server->port);
	put_element(t, "socketType", server->tls ? "SSL" : "STARTTLS");
	put_element(t, "authentication", "password-cleartext");
	put_element(t, "username", set->login_is_address ? "%EMAILADDRESS%" :
	    "%EMAILLOCALPART%");
	put(t, "    </%s>\n", element);
}

size_t
autoconfig_write(const struct set_up *set, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size, .indent = 4 };

	if (size == 0 || set->submission[0].port == 0)
		return nothing(buf, size);
	put(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
	put_escaped(&t, set->domain);
	put(&t, "\">\n");
	put_element(&t, "domain", set->domain);
	put_element(&t, "displayName", set->domain);
	put_element(&t, "displayShortName", set->domain);
	put_server(&t, set, true, &set->imap);
	put_server(&t, set, false, &set->submission[0]);
	put_server(&t, set, false, &set->submission[1]);
	put(&t, "  </emailProvider>\n</clientConfig>\n");
	return done(&t);
}

static void
put_string(struct text *t, const char *key, const char *value)
{
	put(t, "%*s<key>%s</key>\n%*s<string>", t->indent, "", key,
	    t->indent, "");
	put_escaped(t, value);
	put(t, "</string>\n");
}

static void
put_true(struct text *t, const char *key)
{
	put(t, "%*s<key>%s</key>\n%*s<true/>\n", t->indent, "", key,
	    t->indent, "");
}

static void
put_number(struct text *t, const char *key, unsigned value)
{
	put(t, "%*s<key>%s</key>\n%*s<integer>%u</integer>\n", t->indent, "",
	    key, t->indent, "", value);
}

static uint64_t
fnv1a(uint64_t hash, const char *s)
{
	for (; *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 0x100000001b3;
	return hash;
}

/* The same server always has the same one (RFC 9562, version 8). */
static void
put_uuid(struct text *t, const struct set_up *set, const char *what)
{
	uint64_t a = fnv1a(fnv1a(0xcbf29ce484222325, what), set->domain);
	uint64_t b = fnv1a(fnv1a(a, "/"), set->submission[0].host);
	char uuid[40];

	snprintf(uuid, sizeof(uuid), "%08X-%04X-8%03X-%04X-%012llX",
	    (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
	    (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0x3fff) | 0x8000,
	    (unsigned long long)(b & 0xffffffffffff));
	put_string(t, "PayloadUUID", uuid);
}

/* What every payload begins with; ours are told apart by a word. */
static void
put_payload_head(struct text *t, const struct set_up *set, const char *type,
    const char *word)
{
	char identifier[320];

	snprintf(identifier, sizeof(identifier), "%s.smtpsubmitd.%s",
	    set->domain, word);
	put_string(t, "PayloadType", type);
	put_number(t, "PayloadVersion", 1);
	put_string(t, "PayloadIdentifier", identifier);
	put_uuid(t, set, word);
	put_string(t, "PayloadDisplayName", set->domain);
}

static void
put_mail_server(struct text *t, const char *direction,
    const struct mail_server *server)
{
	char key[64];

	snprintf(key, sizeof(key), "%sMailServerHostName", direction);
	put_string(t, key, server->host);
	snprintf(key, sizeof(key), "%sMailServerPortNumber", direction);
	put_number(t, key, server->port);
	snprintf(key, sizeof(key), "%sMailServerAuthentication", direction);
	put_string(t, key, "EmailAuthPassword");
	snprintf(key, sizeof(key), "%sMailServerUseSSL", direction);
	put_true(t, key);
}

static void
put_payload(struct text *t, const struct set_up *set)
{
	put(t, "  <key>PayloadContent</key>\n  <array>\n    <dict>\n");
	t->indent = 6;
	put_payload_head(t, set, "com.apple.mail.managed", "mail");
	put_string(t, "EmailAccountDescription", set->domain);
	put_string(t, "EmailAccountType", "EmailTypeIMAP");
	put_mail_server(t, "Incoming", &set->imap);
	put_mail_server(t, "Outgoing", &set->submission[0]);
	put_true(t, "OutgoingPasswordSameAsIncomingPassword");
	t->indent = 2;
	put(t, "    </dict>\n  </array>\n");
}

size_t
mobileconfig_write(const struct set_up *set, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	if (size == 0 || set->submission[0].port == 0 || set->imap.port == 0)
		return nothing(buf, size);
	put(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
	    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
	    "<plist version=\"1.0\">\n<dict>\n");
	put_payload(&t, set);
	put_payload_head(&t, set, "Configuration", "profile");
	put(&t, "</dict>\n</plist>\n");
	return done(&t);
}
