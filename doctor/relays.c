/*
 * Each relay: its address, TLS and why it cannot be verified, whether it
 * takes our login, what it offers, and what clients are therefore offered.
 */
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "doctor/doctor.h"
#include "doctor/lookup.h"
#include "mta/client.h"
#include "order.h"

struct visit {
	struct doctor *d;
	char subject[320];
	const struct route *route;
	struct addresses addresses;
	char user[TOKEN_SIZE], password[TOKEN_SIZE];
	struct mta_settings set;
	struct mta mta;
};

static bool
find_addresses(struct visit *v)
{
	int error = lookup_addresses(&v->addresses, v->route->host,
	    v->route->port);

	if (error == 0)
		return true;
	doctor_say(v->d, GRADE_FAIL, v->subject, "%s: %s", v->route->host,
	    gai_strerror(error));
	doctor_remedy("Is the name right, and does this machine reach its "
	    "name server (/etc/resolv.conf)?");
	return false;
}

static bool
find_socket(struct visit *v)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&v->addresses.ss[0];
	const struct config *conf = v->d->conf;

	sun->sun_family = AF_UNIX;
	strlcpy(sun->sun_path, v->route->path, sizeof(sun->sun_path));
	v->addresses.len[0] = sizeof(*sun);
	v->addresses.n = 1;
	if (access(v->route->path, F_OK) == 0 && geteuid() == 0 &&
	    !user_may_write(v->route->path, conf->uid, conf->gid)) {
		doctor_say(v->d, GRADE_FAIL, v->subject, "user %s may not "
		    "connect to the socket", conf->user);
		doctor_remedy("Let that user write to it: in Dovecot's "
		    "unix_listener { user = %s }.", conf->user);
		return false;
	}
	return true;
}

static const char *
security(const struct visit *v)
{
	if (v->route->path[0] != '\0')
		return "Unix socket";
	if (v->mta.stream.tls == NULL)
		return "in the clear";
	if (!v->mta.verified)
		return "TLS, not verified";
	return v->set.n_pins > 0 ? "TLS, as pinned" : "TLS verified";
}

/* What the relay has to keep, and clients are offered */
#define CAP_KEPT (CAP_8BITMIME | CAP_DSN | CAP_SMTPUTF8 | CAP_BINARYMIME | \
	CAP_DELIVERBY | CAP_FUTURERELEASE | CAP_MT_PRIORITY | \
	CAP_NO_SOLICITING | CAP_REQUIRETLS)

static void
list_keywords(uint32_t capabilities, char *buf, size_t size)
{
	static const struct {
		uint32_t bit;
		const char *keyword;
	} all[] = {
		{ CAP_PIPELINING, " PIPELINING" }, { CAP_SIZE, " SIZE" },
		{ CAP_8BITMIME, " 8BITMIME" }, { CAP_CHUNKING, " CHUNKING" },
		{ CAP_DSN, " DSN" }, { CAP_ENHANCED, " ENHANCEDSTATUSCODES" },
		{ CAP_STARTTLS, " STARTTLS" }, { CAP_AUTH, " AUTH" },
		{ CAP_XCLIENT, " XCLIENT" }, { CAP_SMTPUTF8, " SMTPUTF8" },
		{ CAP_BINARYMIME, " BINARYMIME" },
		{ CAP_DELIVERBY, " DELIVERBY" },
		{ CAP_FUTURERELEASE, " FUTURERELEASE" },
		{ CAP_MT_PRIORITY, " MT-PRIORITY" },
		{ CAP_NO_SOLICITING, " NO-SOLICITING" },
		{ CAP_REQUIRETLS, " REQUIRETLS" }, { CAP_LIMITS, " LIMITS" },
	};
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (capabilities & all[i].bit)
			strlcat(buf, all[i].keyword, size);
}

static void
say_login_not_sent(struct visit *v)
{
	doctor_say(v->d, GRADE_FAIL, v->subject, "%s", v->mta.why);
	if (strstr(v->mta.why, "credential") != NULL)
		doctor_remedy("A password goes out by verified TLS only: say "
		    "smtps:// or smtp+starttls://.");
	else
		doctor_remedy("Switch it on there, for TLS at least; or leave "
		    "out `relay-credentials`.");
}

static void
say_login_refused(struct visit *v)
{
	doctor_say(v->d, GRADE_FAIL, v->subject, "refuses the login of user "
	    "%s: %s", v->user, v->mta.why);
	doctor_remedy("Look at user and password in %s.",
	    v->d->conf->relay_credentials);
}

static void
remedy_tls(const struct visit *v)
{
	const char *why = v->mta.why;

	if (strstr(why, "relay-pin") != NULL)
		doctor_remedy("If its key was changed, and by its owner, put "
		    "the new digest there, see smtpsubmitd.conf(5).");
	else if (strstr(why, "not present in") != NULL)
		doctor_remedy("Use the name its certificate has in the relay "
		    "line.");
	else if (strstr(why, "expired") != NULL)
		doctor_remedy("The relay's certificate must be renewed.");
	else if (strstr(why, "verif") != NULL)
		doctor_remedy("Name the file with its CA's certificate by "
		    "`relay-ca`.");
	else
		doctor_remedy("Is it the right port? smtps:// has TLS at once "
		    "(465), smtp+starttls:// later (587).");
}

static void
say_trouble(struct visit *v, enum mta_status status)
{
	if (status == MTA_LOGIN || status == MTA_NO_LOGIN) {
		if (status == MTA_LOGIN)
			say_login_refused(v);
		else
			say_login_not_sent(v);
		return;
	}
	doctor_say(v->d, GRADE_FAIL, v->subject, "%s%s",
	    status == MTA_TLS ? "TLS fails: " : "", v->mta.why);
	switch (status) {
	case MTA_TLS:
		remedy_tls(v);
		break;
	case MTA_GARBAGE:
		doctor_remedy("Is that the port of a mail server, and is TLS "
		    "at once (smtps://) expected there?");
		break;
	case MTA_TIMEOUT:
		doctor_remedy("A firewall on the way? Providers often block "
		    "port 25: use 587 or 465 of a smarthost.");
		break;
	default:
		doctor_remedy("Is it running, does it listen there, and does "
		    "it take connections of this machine?");
	}
}

/* Across a network, smtp:// can be read and stripped by who is on the way. */
static void
check_opportunistic(struct visit *v)
{
	struct route verified = *v->route;
	enum mta_status status;

	if (v->route->tls != ROUTE_TLS_OFFERED || route_is_loopback(v->route))
		return;
	verified.tls = ROUTE_TLS_STARTTLS;
	status = mta_open(&v->mta, &verified, v->addresses.ss,
	    v->addresses.len, v->addresses.n, &v->set);
	mta_close(&v->mta);
	doctor_say(v->d, GRADE_WARN, v->subject, "whoever is on the way may "
	    "read and change mail");
	if (status == MTA_OK)
		doctor_remedy("Say relay smtp+starttls://%s:%u: its "
		    "certificate is good.", v->route->host, v->route->port);
	else
		doctor_remedy("Say smtp+starttls:// or smtps:// as soon as "
		    "its certificate can be verified; now: %s", v->mta.why);
}

static void
check_offers(struct visit *v)
{
	const struct config *conf = v->d->conf;
	uint32_t offers = v->mta.ehlo.capabilities;

	if (!(offers & CAP_8BITMIME)) {
		doctor_say(v->d, GRADE_WARN, v->subject, "offers no 8BITMIME: "
		    "no BURL, and mail with 8-bit octets is refused");
		doctor_remedy("Switch it on there; every current server has "
		    "it.");
	}
	if (conf->relay_xclient && !(offers & CAP_XCLIENT)) {
		doctor_say(v->d, GRADE_WARN, v->subject, "`relay-xclient` "
		    "without effect: XCLIENT is not offered");
		doctor_remedy("Postfix offers it to hosts in "
		    "smtpd_authorized_xclient_hosts.");
	}
	if (v->user[0] == '\0' && (offers & CAP_AUTH) &&
	    !route_is_loopback(v->route)) {
		doctor_say(v->d, GRADE_WARN, v->subject, "offers AUTH, and "
		    "there are no `relay-credentials`: it may refuse mail");
		doctor_remedy("If it wants a login, name a file with user and "
		    "password by `relay-credentials`.");
	}
}

/* What the daemon's EHLO says while this relay is in use (RFC 5321 4.1.1). */
static void
say_advertised(struct doctor *d, const struct ehlo *ehlo)
{
	uint32_t kept = ehlo->capabilities & CAP_KEPT;
	bool eight = kept & CAP_8BITMIME;
	char keywords[240];
	uint64_t size = ehlo->size > 0 && ehlo->size < d->conf->max_size ?
	    ehlo->size : d->conf->max_size;

	if (!eight)
		kept &= ~(uint32_t)(CAP_SMTPUTF8 | CAP_BINARYMIME);
	if (!(ehlo->capabilities & CAP_CHUNKING))
		kept &= ~(uint32_t)CAP_BINARYMIME;
	list_keywords(kept, keywords, sizeof(keywords));
	doctor_say(d, GRADE_OK, "EHLO", "clients are offered PIPELINING SIZE "
	    "%llu%s CHUNKING LIMITS%s ENHANCEDSTATUSCODES%s%s",
	    (unsigned long long)size, keywords,
	    eight && d->conf->n_imaps > 0 ? " BURL" : "",
	    d->conf->n_certificates > 0 ? " STARTTLS" : "",
	    " AUTH PLAIN LOGIN");
	if (size < d->conf->max_size)
		doctor_remedy("SIZE is the relay's: it is below `max-size`.");
}

static bool
visit_server(struct visit *v)
{
	enum mta_status status;
	char offers[320];

	if (v->route->path[0] != '\0' ? !find_socket(v) : !find_addresses(v))
		return false;
	status = mta_open(&v->mta, v->route, v->addresses.ss,
	    v->addresses.len, v->addresses.n, &v->set);
	if (status != MTA_OK) {
		say_trouble(v, status);
		return false;
	}
	list_keywords(v->mta.ehlo.capabilities, offers, sizeof(offers));
	doctor_say(v->d, GRADE_OK, v->subject, "%s%s%s; offers%s",
	    security(v), v->user[0] == '\0' ? "" : ", logged in as ",
	    v->user, offers[0] == '\0' ? " nothing" : offers);
	check_offers(v);
	if (!v->mta.verified)
		v->mta.ehlo.capabilities &= ~(uint32_t)CAP_REQUIRETLS;
	mta_close(&v->mta);
	return true;
}

static bool
visit_maildir(struct visit *v)
{
	static const char *const parts[] = { "", "/cur", "/new", "/tmp" };
	const struct config *conf = v->d->conf;
	bool root = geteuid() == 0;
	char path[160];
	struct stat st;
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", v->route->path, parts[i]);
		if (stat(path, &st) == -1 && errno == ENOENT && i > 0)
			continue;	/* the first message makes it */
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (root ?
		    user_may_write(path, conf->uid, conf->gid) :
		    access(path, W_OK | X_OK) == 0))
			continue;
		doctor_say(v->d, GRADE_FAIL, v->subject, "user %s may not "
		    "write into %s, or it is not there", root ? conf->user :
		    "that -n runs as", path);
		doctor_remedy("install -d -m 700 -o %s %s", conf->user, path);
		return false;
	}
	doctor_say(v->d, GRADE_OK, v->subject, "the directory can be written");
	v->mta.ehlo.capabilities = CAP_8BITMIME | CAP_SMTPUTF8;
	return true;
}

/* Our own certificate, for relays that ask for one. */
static bool
take_keypair(struct visit *v)
{
	const struct certificate *own = &v->d->conf->relay_certificate;
	struct secret chain = { NULL, 0 }, key = { NULL, 0 };
	char error[512];
	bool good;

	if (own->chain == NULL)
		return true;
	good = secret_read_public(&chain, own->chain, error, sizeof(error)) &&
	    secret_read_file(&key, own->key, error, sizeof(error));
	if (!good) {
		doctor_unfit(v->d, "relay-certificate", error);
	} else if (!keypair_fits(&chain, &key)) {
		doctor_say(v->d, GRADE_FAIL, "relay-certificate", "%s and %s "
		    "do not fit: no relay could be used", own->chain,
		    own->key);
		doctor_remedy("Name a certificate and its own key, both in "
		    "PEM.");
		good = false;
	} else {
		v->set.has_certificate = good = tls_client_add_keypair(
		    v->set.opportunistic, chain.data, chain.len, key.data,
		    key.len) && tls_client_add_keypair(v->set.verified,
		    chain.data, chain.len, key.data, key.len);
	}
	secret_wipe(&chain);
	secret_wipe(&key);
	return good;
}

/* What every relay needs: trust anchors or pins, and our login. */
static bool
prepare(struct visit *v)
{
	const struct config *conf = v->d->conf;
	char error[512];

	v->set.hostname = conf->hostname;
	v->set.user = v->user;
	v->set.password = v->password;
	v->set.token = conf->relay_token;
	v->set.pins = conf->relay_pins;
	v->set.n_pins = conf->n_relay_pins;
	v->set.timeout = DOCTOR_WAIT;
	v->set.watch = -1;
	v->set.opportunistic = tls_client_settings(NULL, false, error,
	    sizeof(error));
	/* a pin is compared, and nothing else of the certificate */
	v->set.verified = v->set.n_pins > 0 ? v->set.opportunistic :
	    tls_client_settings(conf->relay_ca, true, error, sizeof(error));
	if (v->set.opportunistic == NULL || v->set.verified == NULL) {
		doctor_unfit(v->d, "relay-ca", error);
		return false;
	}
	/* a file that cannot be read was told of with the files */
	return take_keypair(v) && (conf->relay_credentials == NULL ||
	    secret_read_login(conf->relay_credentials, v->user, v->password,
	    sizeof(v->user), error, sizeof(error)));
}

void
check_relays(struct doctor *d)
{
	static struct visit v;
	struct ehlo ehlo = { 0 };
	bool good, any = false;
	size_t i;

	v.d = d;
	if (!prepare(&v))
		return;
	for (i = 0; i < d->conf->n_routes; i++) {
		v.route = &d->conf->routes[i];
		memset(&v.addresses, 0, sizeof(v.addresses));
		memset(&v.mta.ehlo, 0, sizeof(v.mta.ehlo));
		snprintf(v.subject, sizeof(v.subject), "relay %s",
		    v.route->url);
		doctor_trying(v.subject);
		good = v.route->kind == ROUTE_MAILDIR ? visit_maildir(&v) :
		    visit_server(&v);
		if (good && !any)
			ehlo = v.mta.ehlo;
		any |= good;
		if (good)
			check_opportunistic(&v);
	}
	explicit_bzero(v.password, sizeof(v.password));
	if (any)
		say_advertised(d, &ehlo);
}
