/*
 * On a new connection: CAPABILITY, up to whose tagged line everything is
 * ignored (see imap/connection.c). Then one of
 *
 *	URLFETCH "url"					as the submit user
 *	GENURLAUTH "rump" INTERNAL, compare, and		as the owner
 *	EXAMINE mailbox, UID FETCH n (BODY.PEEK[section]<partial>)
 *
 * BODY.PEEK after EXAMINE leaves no \Seen behind. Tags are random for each
 * connection; an answer counts only under the tag of its own command.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ipc.h"
#include "imap/fetch.h"
#include "imap/answer.h"
#include "imap/text.h"

struct dialogue {
	struct imap_job *job;
	struct imap_connection *c;
	struct imap_answer answer;
	char tag[IMAP_TAG_MAX];
	char command[IMAP_URL_MAX + 256];
};

__attribute__((format(printf, 3, 4))) static enum fetch_verdict
verdict(struct imap_job *job, enum fetch_verdict v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(job->why, sizeof(job->why), fmt, ap);
	va_end(ap);
	return v;
}

static enum fetch_verdict
io_failed(struct imap_job *job, enum imap_io io)
{
	switch (io) {
	case IO_GONE:
		job->gone = true;
		return verdict(job, FETCH_DOWN, "nobody waits any more");
	case IO_TIMEOUT:
		return verdict(job, FETCH_DOWN, "no answer in time");
	default:
		job->lost = true;
		return verdict(job, FETCH_DOWN, "connection lost");
	}
}

/*
 * One frame into the relay's channel. The channel may be a blocking one, so
 * poll for room first; that also watches our own channels. What the relay
 * takes for it is not the IMAP server's time.
 */
static enum fetch_verdict
send_frame(struct imap_job *job, const unsigned char *p, size_t len)
{
	struct imap_wait wait = job->wait;
	int64_t start = clock_ms();
	enum imap_io io;

	wait.deadline = start + job->timeout;
	io = imap_wait_for(&wait, job->relay, POLLOUT);
	if (io == IO_GONE)
		return io_failed(job, io);
	if (io != IO_OK)
		return verdict(job, FETCH_RELAY, "the relay takes no more");
	if (ipc_send_wait(job->relay, E_BODY, 0, p, len, -1,
	    imap_wait_left(&wait)) == -1)
		return verdict(job, FETCH_RELAY, "the relay has closed: %s",
		    strerror(errno));
	job->wait.deadline += clock_ms() - start;
	job->sent += len;
	return FETCH_OK;
}

static enum fetch_verdict
send_content(struct imap_job *job, const void *content, size_t len)
{
	const unsigned char *p = content;
	enum fetch_verdict v = FETCH_OK;
	size_t n;

	for (; len > 0 && v == FETCH_OK; p += n, len -= n) {
		n = len < 32 * 1024 ? len : 32 * 1024;
		v = send_frame(job, p, n);
	}
	return v;
}

static enum fetch_verdict
check_size(struct imap_job *job, uint64_t size)
{
	if (size <= job->limit)
		return FETCH_OK;
	return verdict(job, FETCH_TOO_BIG, "%llu octets, the limit is %llu",
	    (unsigned long long)size, (unsigned long long)job->limit);
}

/* One event; *done at the tagged line. */
static enum fetch_verdict
act(struct dialogue *d, struct imap_event *event, bool *done)
{
	struct imap_answer *a = &d->answer;
	enum fetch_verdict v;

	*done = false;
	switch (imap_answer_take(a, event)) {
	case STEP_GO:
		return FETCH_OK;
	case STEP_SIZE:
		return check_size(d->job, a->size);
	case STEP_OCTETS:
		return send_content(d->job, event->octets, event->octets_len);
	case STEP_TEXT:
		v = check_size(d->job, a->size);
		return v != FETCH_OK ? v :
		    send_content(d->job, a->content, (size_t)a->size);
	case STEP_DONE:
		*done = true;
		return FETCH_OK;
	case STEP_BYE:
		d->job->lost = true;
		return verdict(d->job, FETCH_DOWN, "server says BYE%s%s",
		    a->code[0] == '\0' ? "" : " ", a->code);
	case STEP_BAD:
		break;
	}
	return verdict(d->job, FETCH_DOWN, "not understood: %s", a->why);
}

/* Sends the command (without tag and CRLF), reads to its tagged line. */
static enum fetch_verdict
ask(struct dialogue *d, const char *command)
{
	struct imap_connection *c = d->c;
	struct imap_event event;
	enum fetch_verdict v;
	enum imap_io io;
	char line[sizeof(d->command) + IMAP_TAG_MAX + 4];
	bool done;
	int n;

	n = snprintf(line, sizeof(line), "%s %s\r\n", d->tag, command);
	io = imap_send(c, line, (size_t)n, &d->job->wait);
	explicit_bzero(line, sizeof(line));
	while (io == IO_OK) {
		while (imap_read(&c->reader, &c->p, &c->left, &event) !=
		    IMAP_MORE) {
			v = act(d, &event, &done);
			if (v != FETCH_OK || done)
				return v;
		}
		io = imap_receive(c, &d->job->wait);
	}
	return io_failed(d->job, io);
}

static void
question(struct dialogue *d, enum imap_question what)
{
	imap_next_tag(d->c, d->tag);
	imap_answer_start(&d->answer, what, d->tag);
	d->answer.url = d->job->text;
	d->answer.url_len = d->job->text_len;
	d->answer.uid = d->job->url->uid;
	d->answer.partial = d->job->url->partial;
	d->answer.offset = d->job->url->offset;
}

/* FETCH_DOWN with the condition and the code, for what should be OK. */
static enum fetch_verdict
refused(struct dialogue *d, enum fetch_verdict v, const char *command)
{
	const struct imap_answer *a = &d->answer;

	return verdict(d->job, v, "%s to %s%s%s",
	    a->condition == IMAP_NO ? "NO" : "BAD", command,
	    a->code[0] == '\0' ? "" : " ", a->code);
}

/* RFC 5530: codes that say "not now", behind which a NO is not final. */
static bool
is_temporary(const char *code)
{
	static const char *const codes[] = {
		"UNAVAILABLE", "SERVERBUG", "INUSE", "LIMIT", "EXPUNGEISSUED",
		"CONTACTADMIN"
	};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

/* Where NO and BAD mean "there is no such thing". */
static enum fetch_verdict
missing(struct dialogue *d, const char *command)
{
	return refused(d, is_temporary(d->answer.code) ? FETCH_DOWN :
	    FETCH_GONE, command);
}

static enum fetch_verdict
ask_capability(struct dialogue *d)
{
	enum fetch_verdict v;

	question(d, ASK_CAPABILITY);
	v = ask(d, "CAPABILITY");
	if (v != FETCH_OK)
		return v;
	if (d->answer.condition != IMAP_OK)
		return refused(d, FETCH_DOWN, "CAPABILITY");
	d->c->has_urlauth = d->answer.has_urlauth;
	return FETCH_OK;
}

/* The content is in the relay's channel, or was it NIL, or nothing? */
static enum fetch_verdict
content_came(struct dialogue *d, const char *command)
{
	const struct imap_answer *a = &d->answer;

	if (a->condition != IMAP_OK)
		return refused(d, FETCH_DOWN, command);
	if (a->nil)
		return verdict(d->job, FETCH_GONE, "%s gives NIL", command);
	if (!a->found && a->ask == ASK_FETCH)
		return verdict(d->job, FETCH_GONE, "no such message");
	if (!a->found)
		return verdict(d->job, FETCH_DOWN, "OK but no content");
	return verdict(d->job, FETCH_OK, "ok");
}

static enum fetch_verdict
by_urlfetch(struct dialogue *d)
{
	struct imap_job *job = d->job;
	enum fetch_verdict v;

	/* the parser lets no quote, backslash or control character through */
	snprintf(d->command, sizeof(d->command), "URLFETCH \"%.*s\"",
	    (int)job->text_len, job->text);
	question(d, ASK_URLFETCH);
	v = ask(d, d->command);
	return v != FETCH_OK ? v : content_came(d, "URLFETCH");
}

/* Does the owner's key sign this URL with this token? */
static enum fetch_verdict
check_token(struct dialogue *d)
{
	struct imap_job *job = d->job;
	enum fetch_verdict v;

	snprintf(d->command, sizeof(d->command),
	    "GENURLAUTH \"%.*s\" INTERNAL", (int)job->url->rump_len,
	    job->text);
	question(d, ASK_GENURLAUTH);
	v = ask(d, d->command);
	if (v != FETCH_OK)
		return v;
	if (d->answer.condition != IMAP_OK)
		return missing(d, "GENURLAUTH");
	if (!d->answer.found)
		return verdict(job, FETCH_DOWN, "OK but no URL");
	if (!d->answer.equal)
		return verdict(job, FETCH_REFUSED, "wrong token");
	return FETCH_OK;
}

static enum fetch_verdict
examine(struct dialogue *d)
{
	char name[4 * IMAP_MAILBOX_MAX], quoted[sizeof(d->command) - 16];
	struct imap_job *job = d->job;
	enum fetch_verdict v;

	if (!utf7_from_utf8(name, sizeof(name), job->url->mailbox) ||
	    !imap_quote(quoted, sizeof(quoted), name))
		return verdict(job, FETCH_SYNTAX, "mailbox name too long");
	snprintf(d->command, sizeof(d->command), "EXAMINE %s", quoted);
	question(d, ASK_EXAMINE);
	v = ask(d, d->command);
	if (v != FETCH_OK)
		return v;
	if (d->answer.condition != IMAP_OK)
		return missing(d, "EXAMINE");
	if (job->url->uidvalidity != 0 &&
	    job->url->uidvalidity != d->answer.uidvalidity)
		return verdict(job, FETCH_GONE, "another UIDVALIDITY");
	return FETCH_OK;
}

static enum fetch_verdict
fetch_message(struct dialogue *d)
{
	const struct imap_url *url = d->job->url;
	char partial[32] = "";
	enum fetch_verdict v = examine(d);

	if (v != FETCH_OK)
		return v;
	if (url->partial)
		snprintf(partial, sizeof(partial), "<%u.%u>", url->offset,
		    url->length == 0 ? UINT32_MAX : url->length);
	snprintf(d->command, sizeof(d->command),
	    "UID FETCH %u (BODY.PEEK[%s]%s)", url->uid, url->section, partial);
	question(d, ASK_FETCH);
	v = ask(d, d->command);
	return v != FETCH_OK ? v : content_came(d, "FETCH");
}

static enum fetch_verdict
run(struct dialogue *d)
{
	enum imap_method method = d->job->choice->method;
	enum fetch_verdict v;

	if (method == IMAP_BY_USER)
		return fetch_message(d);
	if (!d->c->has_urlauth)
		return verdict(d->job, FETCH_NO_TRUST,
		    "the server has no URLAUTH");
	if (method == IMAP_BY_URLFETCH)
		return by_urlfetch(d);
	v = check_token(d);
	return v != FETCH_OK ? v : fetch_message(d);
}

/*
 * The owner in a signed URL is the client's word: a login refused for him
 * is the URL's fault. Refused for the user himself it is ours.
 */
static enum fetch_verdict
login_refused(struct imap_job *job, const char *error)
{
	const struct imap_choice *choice = job->choice;
	bool ours = choice->method != IMAP_BY_OWNER ||
	    strcmp(choice->identity, job->user) == 0;

	return verdict(job, ours ? FETCH_DOWN : FETCH_REFUSED,
	    "login refused: %s", error);
}

static enum fetch_verdict
connect_new(struct dialogue *d)
{
	const struct imap_choice *choice = d->job->choice;
	struct imap_job *job = d->job;
	enum imap_io io;

	io = imap_connect(d->c, choice->account, choice->identity, &job->wait);
	if (io == IO_OK)
		return ask_capability(d);
	if (io == IO_GONE)
		return io_failed(job, io);
	if (io == IO_REFUSED)
		return login_refused(job, d->c->error);
	return verdict(job, FETCH_DOWN, "%s", d->c->error);
}

static bool
fits(const struct imap_connection *c, const struct imap_choice *choice)
{
	return imap_is_connected(c) && c->account == choice->account &&
	    strcmp(c->identity, choice->identity) == 0;
}

enum fetch_verdict
imap_fetch(struct imap_job *job, struct imap_connection *c)
{
	struct dialogue d = { .job = job, .c = c };
	enum fetch_verdict v = FETCH_OK;

	if (fits(c, job->choice)) {
		v = run(&d);
		/* a kept connection may have been closed since */
		if (!job->lost || job->sent > 0)
			goto out;
		job->lost = false;
	}
	imap_close(c, true);
	v = connect_new(&d);
	if (v == FETCH_OK)
		v = run(&d);
out:
	if (v != FETCH_OK)
		imap_close(c, !job->lost);
	explicit_bzero(&d.command, sizeof(d.command));
	return v;
}
