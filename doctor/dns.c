/*
 * What others must find of `domain` in the DNS: where answers go (MX), that
 * mail from here is genuine (SPF, RFC 7208; DKIM, RFC 6376; DMARC, RFC 7489),
 * and how a mail program finds this server (SRV, RFC 6186 and RFC 8314; the
 * host "autoconfig" for Thunderbird). What is missing is told with the record
 * to add. Nothing of it keeps the daemon from working, so all are warnings.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor/doctor.h"
#include "doctor/lookup.h"
#include "doctor/records.h"

#define RECORDS_MAX 32

static struct record found[RECORDS_MAX];
static int n_found;

static enum lookup
look_up(const char *name, enum record_type type)
{
	static unsigned char answer[LOOKUP_ANSWER_MAX];
	enum lookup result;
	size_t n;

	doctor_trying(name);
	n_found = 0;
	result = lookup_records(name, type, answer, &n);
	if (result != LOOKUP_FOUND)
		return result;
	n_found = records_read(answer, n, type, found, RECORDS_MAX);
	if (n_found >= 0)
		return n_found == 0 ? LOOKUP_NO_DATA : LOOKUP_FOUND;
	n_found = 0;
	return LOOKUP_FAILED;
}

static bool
has_address(const char *name)
{
	struct addresses addresses;

	doctor_trying(name);
	return lookup_addresses(&addresses, name, 0) == 0;
}

static void
say_failed(struct doctor *d, const char *subject)
{
	doctor_say(d, GRADE_WARN, subject, "the name servers gave no answer");
	doctor_remedy("Is a name server of /etc/resolv.conf up, and are those "
	    "of the domain?");
}

/* Where answers and bounces go. False if there is no DNS to be asked. */
static bool
check_mx(struct doctor *d)
{
	const char *domain = d->conf->domain;
	enum lookup result = look_up(domain, RECORD_MX);

	if (result == LOOKUP_FAILED) {
		say_failed(d, "DNS MX");
		return false;
	}
	if (result == LOOKUP_FOUND && found[0].name[0] == '\0') {
		doctor_say(d, GRADE_WARN, "DNS MX", "%s says that it takes no "
		    "mail (RFC 7505): nobody can answer", domain);
		doctor_remedy("Put the host that takes its mail in place: "
		    "%s. IN MX 10 %s.", domain, d->conf->hostname);
	} else if (result == LOOKUP_FOUND) {
		doctor_say(d, GRADE_OK, "DNS MX", "mail for %s goes to %s",
		    domain, found[0].name);
	} else {
		doctor_say(d, GRADE_WARN, "DNS MX", "%s has none: answers and "
		    "bounces may not come back", domain);
		doctor_remedy("Add, naming the host that takes its mail: "
		    "%s. IN MX 10 %s.", domain, d->conf->hostname);
	}
	return true;
}

/* Leaves the first that begins so in found[0]; how many there are. */
static int
texts_beginning(const char *prefix)
{
	int i, n = 0;

	for (i = 0; i < n_found; i++)
		if (strncasecmp(found[i].text, prefix, strlen(prefix)) == 0 &&
		    n++ == 0)
			found[0] = found[i];
	return n;
}

static void
check_spf(struct doctor *d)
{
	const char *domain = d->conf->domain;
	int n;

	if (look_up(domain, RECORD_TXT) == LOOKUP_FAILED) {
		say_failed(d, "DNS SPF");
		return;
	}
	n = texts_beginning("v=spf1");
	if (n == 0) {
		doctor_say(d, GRADE_WARN, "DNS SPF", "%s has none: much mail "
		    "from here will be taken for forged", domain);
		doctor_remedy("Add, if mail leaves by the hosts of its MX: "
		    "%s. IN TXT \"v=spf1 mx ~all\"", domain);
	} else if (n > 1) {
		doctor_say(d, GRADE_WARN, "DNS SPF", "%s has %d, so none "
		    "counts", domain, n);
		doctor_remedy("Make one of them (RFC 7208 section 4.5).");
	} else if (strstr(found[0].text, "+all") != NULL) {
		doctor_say(d, GRADE_WARN, "DNS SPF", "%s: everybody may send "
		    "as it", found[0].text);
		doctor_remedy("End it with ~all or -all.");
	} else {
		doctor_say(d, GRADE_OK, "DNS SPF", "%s", found[0].text);
	}
}

/* Selectors cannot be listed; that there is any shows (RFC 8020). */
static void
check_dkim(struct doctor *d)
{
	char name[300];
	enum lookup result;

	snprintf(name, sizeof(name), "_domainkey.%s", d->conf->domain);
	result = look_up(name, RECORD_TXT);
	if (result == LOOKUP_FAILED) {
		say_failed(d, "DNS DKIM");
	} else if (result == LOOKUP_NO_NAME) {
		doctor_say(d, GRADE_WARN, "DNS DKIM", "there is no key below "
		    "%s: nobody can see that mail is genuine", name);
		doctor_remedy("Have the next server sign (OpenDKIM, Rspamd) "
		    "and add: SELECTOR.%s. IN TXT \"v=DKIM1; k=rsa; p=...\"",
		    name);
	} else {
		doctor_say(d, GRADE_OK, "DNS DKIM", "there are names below "
		    "%s; whether the key in use is one cannot be looked up",
		    name);
	}
}

static void
check_dmarc(struct doctor *d)
{
	const char *domain = d->conf->domain;
	char name[300];
	int n;

	snprintf(name, sizeof(name), "_dmarc.%s", domain);
	if (look_up(name, RECORD_TXT) == LOOKUP_FAILED) {
		say_failed(d, "DNS DMARC");
	} else if ((n = texts_beginning("v=DMARC1")) == 1) {
		doctor_say(d, GRADE_OK, "DNS DMARC", "%s", found[0].text);
	} else if (n > 1) {
		doctor_say(d, GRADE_WARN, "DNS DMARC", "%s has %d, so none "
		    "counts", name, n);
		doctor_remedy("Make one of them (RFC 7489 section 6.6.3).");
	} else {
		doctor_say(d, GRADE_WARN, "DNS DMARC", "there is no %s to say "
		    "what becomes of forged mail", name);
		doctor_remedy("Add: %s. IN TXT \"v=DMARC1; p=none; "
		    "rua=mailto:postmaster@%s\"", name, domain);
	}
}

static bool
leads_here(const struct record *record, const char *hostname, unsigned port)
{
	return strcasecmp(record->name, hostname) == 0 && record->port == port;
}

static void
check_srv(struct doctor *d, const char *service, unsigned port)
{
	const char *hostname = d->conf->hostname;
	char name[300];
	int i;

	snprintf(name, sizeof(name), "%s.%s", service, d->conf->domain);
	if (look_up(name, RECORD_SRV) == LOOKUP_FAILED) {
		say_failed(d, "DNS SRV");
		return;
	}
	for (i = 0; i < n_found; i++)
		if (leads_here(&found[i], hostname, port))
			break;
	if (port == 0 && n_found == 0)
		return;
	if (port != 0 && i < n_found) {
		doctor_say(d, GRADE_OK, "DNS SRV", "%s leads to %s, port %u",
		    name, hostname, port);
		return;
	}
	if (n_found == 0)
		doctor_say(d, GRADE_WARN, "DNS SRV", "%s is not there: mail "
		    "programs must guess", name);
	else
		doctor_say(d, GRADE_WARN, "DNS SRV", "%s leads to %s, port "
		    "%u, not here", name, found[0].name[0] == '\0' ?
		    "nowhere" : found[0].name, found[0].port);
	if (port == 0)
		doctor_remedy("No `listen` line is for it: remove the record, "
		    "or listen.");
	else
		doctor_remedy("%s: %s. IN SRV 0 1 %u %s.", n_found == 0 ?
		    "Add" : "If this is the server, change to", name, port,
		    hostname);
}

static void
check_hosts(struct doctor *d)
{
	const char *hostname = d->conf->hostname;
	char name[300];

	if (has_address(hostname)) {
		doctor_say(d, GRADE_OK, "DNS host", "%s has an address",
		    hostname);
	} else {
		doctor_say(d, GRADE_WARN, "DNS host", "%s has no address: "
		    "clients cannot find it", hostname);
		doctor_remedy("Add: %s. IN A, and AAAA, with this machine's "
		    "addresses; or correct `hostname`.", hostname);
	}
	snprintf(name, sizeof(name), "autoconfig.%s", d->conf->domain);
	if (has_address(name)) {
		doctor_say(d, GRADE_OK, "DNS autoconfig", "%s has an address",
		    name);
		return;
	}
	doctor_say(d, GRADE_WARN, "DNS autoconfig", "%s is not there: "
	    "Thunderbird must guess", name);
	doctor_remedy("Add: %s. IN CNAME %s. and let a web server there give "
	    "the autoconfig.xml of -n -v as /mail/config-v1.1.xml.", name,
	    hostname);
}

void
check_dns(struct doctor *d)
{
	const struct config *conf = d->conf;

	if (conf->domain[0] == '\0') {
		doctor_say(d, GRADE_WARN, "DNS", "no `domain` is configured, "
		    "so no record was looked at");
		doctor_remedy("Say `domain` if all users are of one.");
		return;
	}
	if (!check_mx(d))
		return;
	check_spf(d);
	check_dkim(d);
	check_dmarc(d);
	if (conf->n_certificates > 0)
		check_srv(d, "_submissions._tcp", listen_port(conf, true));
	check_srv(d, "_submission._tcp", listen_port(conf, false));
	check_hosts(d);
}
