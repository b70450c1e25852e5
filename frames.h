/*
 * What the processes say to each other: the frame types of each channel and
 * what their payloads hold, in the order of the pack_* calls of base/ipc.h.
 * str is pack_string, bytes is pack_bytes, [fd] a descriptor with it.
 */
#ifndef FRAMES_H
#define FRAMES_H

enum frame_type {
	/* nursery -> monitor */
	N_NEWBORN = 1,	/* u32 pid, str session id, str client, u8 tls at once
			   [fd: the session's channel] */
	N_DIED,		/* u32 pid, u32 wait status, u8 role, u8 killed by us */
	N_RELAY,	/* u32 ticket, u32 pid, 0: could not be born
			   [fd: our end of its channel] */
	N_CLIENT,	/* u32 pid, u8 within the limit: answers M_CLIENT */
	N_CROWD,	/* u32 connections: nearly all that there may be */

	/* monitor -> nursery */
	M_SERVE,	/* what the next server offers (ehlo_pack): accept */
	M_STOP,		/* accept no more */
	M_KILL,		/* u32 pid: it broke the rules */
	M_FORK_RELAY,	/* u32 ticket, u8 role */
	M_CLIENT,	/* u32 pid, str client: whom that session serves */

	/* session -> monitor, each with its answer under the same type */
	S_SIGN,		/* u8 key, u8 kind, u8 padding, bytes, bytes hash of
			   the transcript or "" -> bytes */
	S_CLIENT,	/* str client, of a trusted proxy's session -> u8
			   within the limit */
	S_AUTH,		/* u8 sasl_mechanism, bytes login, bytes password or
			   token -> u8 auth_verdict; if it is AUTH_YES also
			   u64 max size of a message, 0: as configured, and
			   what the next server offers */
	S_RELAY,	/* nothing -> [fd: the relay's channel] */
	S_FETCH,	/* nothing -> [fd: imapfetch's channel], or none */
	S_CERTIFICATE,	/* bytes authorization identity or "", bytes
			   transcript, bytes CertificateVerify, all as in
			   base/transcript.h -> as S_AUTH */
	/* monitor -> session */
	S_LEAVE,	/* the service stops: be gone when idle */
	S_ROOM,		/* make room for others, at once */

	/* monitor -> relay */
	O_KEYPAIR,	/* before O_ORDER or O_PROBE, or not at all: bytes
			   certificates, bytes key, in PEM; ours at the next
			   server */
	O_ORDER,	/* a struct order, see order.h */
	O_CHANNEL,	/* [fd: the session's channel] */
	O_PROBE,	/* str URLs of relays, "": the configured ones; say
			   what the first that answers can do */
	/* relay -> monitor */
	O_ALLOWANCE,	/* u32 recipients wanted of the user's limit; answered
			   under the same type: u32 granted, u32 seconds until
			   there are more */
	O_CAPABILITIES,	/* a struct report, see order.h */

	/* session -> relay */
	E_HELLO,	/* ends a transaction: str EHLO name, str TLS version,
			   str TLS cipher */
	E_COMMANDS,	/* repeated: u8 verb, bytes argument */
	E_BODY,		/* octets of the message; flag FRAME_LAST at its end */
	/* relay -> session: answers, one for each command and one for each
	   message; for a message it may come before its end */
	E_ANSWER,	/* u16 code, bytes text, lines parted by \n; repeated
			   for further commands, never for a message, which
			   has the flag FRAME_MESSAGE */

	/* monitor -> imapfetch (its descriptor 3), in this order */
	F_ORDER,	/* str session id, str user, str the user's password
			   for `passthrough` servers or "", u32 timeout in ms,
			   u32 uid, u32 gid (0 0: keep what you are) */
	F_SERVER,	/* a configured server each: str URL, u8 imap_login,
			   str name, str password, str CA file or "" */
	F_CHANNEL,	/* [fd: the session's channel]: all is told, serve */

	/* session -> imapfetch and back */
	F_URL,		/* u64 most octets allowed, bytes URL
			   [fd: the relay's channel, takes E_BODY frames] */
	F_DONE		/* u8 fetch_verdict, u64 octets put into the channel */
};

#define NAMINGS_MAX	2	/* in a row: S_CLIENTs of a session */

#define FRAME_COMMAND	0	/* E_ANSWER: to commands */
#define FRAME_LAST	1	/* E_BODY: the message ends with this frame */
#define FRAME_MESSAGE	2	/* E_ANSWER: to a message */
#define FRAME_FETCHED	4	/* E_BODY, empty: imapfetch's octets follow */

enum auth_verdict {
	AUTH_YES,
	AUTH_NO,	/* wrong */
	AUTH_LATER,	/* the helper could not tell */
	AUTH_NO_MORE,	/* wrong, and no more tries on this connection */
	AUTH_BUSY	/* not tried: too many failures from that source */
};

/* How imapfetch logs in at an IMAP server (the `imap` line's second word). */
enum imap_login {
	IMAP_LOGIN,
	IMAP_PROXY,
	IMAP_PASSTHROUGH
};

/* How a BURL ended (RFC 4468 section 3.2.1, RFC 5248 for the codes). */
enum fetch_verdict {
	FETCH_OK,
	FETCH_SYNTAX,	/* 501 5.5.4: not an IMAP URL of the right form */
	FETCH_NO_TRUST,	/* 554 5.7.14: no such server is configured */
	FETCH_REFUSED,	/* 554 5.7.0: not this user's, expired, wrong token */
	FETCH_GONE,	/* 554 5.6.6: NIL, no such message */
	FETCH_TOO_BIG,	/* 552 5.3.4: the literal is above the limit */
	FETCH_DOWN,	/* 451 4.4.1: unreachable, slow, NO, BYE, nonsense */
	FETCH_RELAY	/* the relay's channel is closed */
};

#endif
