/*
 * The beginning of a session with the next server: greeting, EHLO, STARTTLS,
 * XCLIENT; the login is in login.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/pin.h"
#include "base/tls.h"
#include "mta/io.h"
#include "smtp/param.h"

/* Postfix takes lines of this length; names of 255 octets in xtext fit. */
#define XCLIENT_MAX 2048

static enum mta_status
say_hello(struct mta *mta)
{
	enum mta_status status;
	const char *p, *lf;

	memset(&mta->ehlo, 0, sizeof(mta->ehlo));
	mta_put(mta, "%s %s", mta->route->kind == ROUTE_LMTP ? "LHLO" :
	    "EHLO", mta->set->hostname);
	status = mta_ask(mta);
	if (status == MTA_OK && mta->answer.code / 100 != 2 &&
	    mta->route->kind == ROUTE_SMTP) {
		mta_put(mta, "HELO %s", mta->set->hostname);
		status = mta_ask(mta);
		return status == MTA_OK && mta->answer.code / 100 != 2 ?
		    mta_fail(mta, MTA_DOWN, mta->answer.text) : status;
	}
	if (status != MTA_OK || mta->answer.code / 100 != 2)
		return status != MTA_OK ? status :
		    mta_fail(mta, MTA_DOWN, mta->answer.text);
	/* the first line greets */
	p = strchr(mta->answer.text, '\n');
	for (; p != NULL; p = lf) {
		p++;
		lf = strchr(p, '\n');
		ehlo_line(&mta->ehlo, p, lf == NULL ? strlen(p) :
		    (size_t)(lf - p));
	}
	return MTA_OK;
}

/* One deadline for all of it: a record may come octet by octet. */
static enum mta_status
handshake(struct mta *mta, bool verify)
{
	struct tls *tls = tls_client_open(verify ? mta->set->verified :
	    mta->set->opportunistic);
	int64_t deadline = mta_step_end(mta);
	enum mta_status status;
	int n;

	if (tls == NULL)
		return mta_fail(mta, MTA_TLS, "cannot make a TLS context");
	if (stream_connect_tls(&mta->stream, tls, mta->route->host) == -1)
		return mta_fail(mta, MTA_TLS, mta->stream.error);
	while ((n = stream_handshake(&mta->stream)) == STREAM_AGAIN) {
		status = mta_wait(mta, mta->stream.read_want, deadline);
		if (status != MTA_OK)
			return status;
	}
	if (n == STREAM_ERROR)
		return mta_fail(mta, MTA_TLS, mta->stream.error);
	if (verify && mta->set->n_pins > 0 &&
	    !pin_matches(mta->stream.tls, mta->set->pins, mta->set->n_pins))
		return mta_fail(mta, MTA_TLS, "neither its certificate nor "
		    "its public key has a digest of relay-pin");
	mta->verified = verify;
	return MTA_OK;
}

/*
 * RFC 3207. Octets behind the 220 were not protected: whoever put them
 * there, the connection is not to be trusted.
 */
static enum mta_status
start_tls(struct mta *mta, bool verify)
{
	enum mta_status status;

	mta_put(mta, "STARTTLS");
	status = mta_ask(mta);
	if (status != MTA_OK)
		return status;
	if (mta->answer.code != 220)
		return mta_fail(mta, MTA_TLS, "STARTTLS refused");
	if (mta->in_len > 0)
		return mta_fail(mta, MTA_TLS, "octets injected "
		    "behind STARTTLS");
	status = handshake(mta, verify);
	return status == MTA_OK ? say_hello(mta) : status;
}

/*
 * XCLIENT, as Postfix has it: the client's address, name and login, each as
 * xtext. The server then begins anew, with a greeting. All goes in one line:
 * the next would come from a client that may not say XCLIENT.
 */
static enum mta_status
introduce_client(struct mta *mta)
{
	static const struct {
		enum capability bit;
		const char *name;
	} names[] = {
		{ CAP_XCLIENT_ADDR, " ADDR=" }, { CAP_XCLIENT_HELO, " HELO=" },
		{ CAP_XCLIENT_LOGIN, " LOGIN=" },
		{ CAP_XCLIENT_PROTO, " PROTO=" }
	};
	const char *values[] = { mta->set->client, mta->set->helo,
	    mta->set->login, "ESMTP" };
	char line[XCLIENT_MAX] = "XCLIENT", value[800];
	enum mta_status status;
	bool whole = true;
	size_t i;

	for (i = 0; i < 4 && whole; i++) {
		if (!(mta->ehlo.capabilities & names[i].bit))
			continue;
		whole = xtext_encode(values[i], value, sizeof(value));
		if (!whole)
			break;
		strlcat(line, names[i].name, sizeof(line));
		if (i == 0 && strchr(value, ':') != NULL)
			strlcat(line, "IPV6:", sizeof(line));
		whole = strlcat(line, value, sizeof(line)) < sizeof(line);
	}
	if (!whole)	/* a name cut short is another one's */
		return mta_fail(mta, MTA_DOWN, "too much for one XCLIENT");
	if (strcmp(line, "XCLIENT") == 0)
		return MTA_OK;	/* it takes nothing that we have to tell */
	mta_put(mta, "%s", line);
	status = mta_ask(mta);
	if (status == MTA_OK && mta->answer.code != 220)
		return mta_fail(mta, MTA_DOWN, mta->answer.text);
	return status == MTA_OK ? say_hello(mta) : status;
}

/* Everything up to a session that takes mail; tls false: not even offered. */
enum mta_status
mta_introduce(struct mta *mta, bool try_tls)
{
	enum route_tls tls = mta->route->tls;
	enum mta_status status = MTA_OK;

	if (tls == ROUTE_TLS_IMPLICIT)
		status = handshake(mta, true);
	if (status == MTA_OK)
		status = mta_answer(mta);
	if (status == MTA_OK && mta->answer.code != 220)
		status = mta_fail(mta, MTA_DOWN, mta->answer.text);
	if (status == MTA_OK)
		status = say_hello(mta);
	if (status != MTA_OK)
		return status;
	if (tls == ROUTE_TLS_STARTTLS &&
	    !(mta->ehlo.capabilities & CAP_STARTTLS))
		return mta_fail(mta, MTA_TLS, "STARTTLS is not offered");
	if (tls == ROUTE_TLS_STARTTLS || (tls == ROUTE_TLS_OFFERED &&
	    try_tls && (mta->ehlo.capabilities & CAP_STARTTLS)))
		status = start_tls(mta, tls == ROUTE_TLS_STARTTLS);
	if (status == MTA_OK && mta->set->client != NULL &&
	    (mta->ehlo.capabilities & CAP_XCLIENT))
		status = introduce_client(mta);
	return status == MTA_OK ? mta_authenticate(mta) : status;
}
