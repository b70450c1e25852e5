/*
 * In the relay: what a command frame from the session may lead to when the
 * relay has been seized by it. A frame that begins with SEIZED is a line for
 * the puppet, whose answer goes back to the session. A MAIL command from
 * <attack-NAME@...> makes it lie to a real session in one of the ways below.
 * Everything else is the real relay's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "puppet.h"
#include "relay.h"
#include "smtp/smtp.h"

#define SEIZED	0xaa
#define PUPPET_ANSWER 299

/* relay.o asks for these, where their names have been changed */
void attack_commands(const struct frame *);
void attack_body(const char *, size_t, bool last);

static const char *lie;		/* to the session, NULL: none */

static void
obey(const struct frame *frame)
{
	static char line[IPC_PAYLOAD_MAX + 1], text[2048];

	if (puppet_channels['s'] == 0)
		puppet_start();
	puppet_channels['m'] = relay.monitor;
	puppet_channels['s'] = relay.session;
	memcpy(line, frame->data + 1, frame->len - 1);
	line[frame->len - 1] = '\0';
	puppet_obey(line, text, sizeof(text));
	relay_answer(FRAME_COMMAND, PUPPET_ANSWER, text, strlen(text));
}

static void
say(uint16_t to, int code, const char *text)
{
	relay_answer(to, code, text, strlen(text));
}

static void
begin_lie(const char *name)
{
	static const char *const lies[] = { "early", "answers", "lines",
	    "code", "short", "type", "descriptor", "oversized", "silent" };
	static unsigned char big[IPC_PAYLOAD_MAX + 100];
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (strncmp(name, lies[i], strlen(lies[i])) == 0)
			lie = lies[i];
	if (lie == NULL)
		relay_violation("no such lie");
	if (strcmp(lie, "answers") == 0)
		for (i = 0; i < 1000; i++)
			say(FRAME_COMMAND, 250, "2.0.0 never asked");
	else if (strcmp(lie, "lines") == 0)
		say(FRAME_COMMAND, 250, "2.1.0 one\r\n354 two\r\n250 three");
	else if (strcmp(lie, "code") == 0)
		say(FRAME_COMMAND, 199, "2.0.0 no such code");
	else if (strcmp(lie, "short") == 0)
		ipc_send(relay.session, E_ANSWER, 0, "\xfa", 1, -1);
	else if (strcmp(lie, "type") == 0)
		ipc_send(relay.session, S_AUTH, 0, "\0", 1, -1);
	else if (strcmp(lie, "descriptor") == 0)
		ipc_send(relay.session, E_ANSWER, 0, "\xfa\0\0\0", 4, 2);
	else if (strcmp(lie, "oversized") == 0)
		write(relay.session, big, sizeof(big));
	else if (strcmp(lie, "early") == 0)
		say(FRAME_COMMAND, 250, "2.1.0 never passed on");
}

/* A MAIL that names a lie; the number of commands in the frame otherwise. */
static unsigned
look(const struct frame *frame)
{
	static const char from[] = "FROM:<attack-";
	struct unpack unpack;
	const unsigned char *p;
	unsigned n = 0;
	size_t len;

	unpack_start(&unpack, frame->data, frame->len);
	while (unpack.left > 0) {
		unpack_u8(&unpack);
		p = unpack_bytes(&unpack, &len);
		if (p == NULL)
			break;
		if (lie == NULL && len > sizeof(from) &&
		    memcmp(p, from, sizeof(from) - 1) == 0)
			begin_lie((const char *)p + sizeof(from) - 1);
		else
			n++;
	}
	return n;
}

void
attack_commands(const struct frame *frame)
{
	unsigned n;

	if (frame->len > 0 && frame->data[0] == SEIZED) {
		obey(frame);
		return;
	}
	n = look(frame);
	if (lie == NULL) {
		envelope_commands(frame);
		return;
	}
	while (n-- > 0)
		say(FRAME_COMMAND, 250, "2.1.5 never passed on");
	if (strcmp(lie, "early") == 0)
		say(FRAME_MESSAGE, 250, "2.0.0 taken before it came");
}

void
attack_body(const char *p, size_t n, bool last)
{
	static bool said;

	if (lie == NULL) {
		transfer_body(p, n, last);
		return;
	}
	if (last)
		_exit(0);	/* and so it was never taken */
	if (!said)
		say(FRAME_MESSAGE, 250, "2.0.0 taken before it came");
	said = true;
}
