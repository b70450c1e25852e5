"""attacks.t: what some server takes for the end of a message, and is none. By
DATA, by chunks and by BURL, whole and cut within the sequence; over STARTTLS and
TLS at once; to a relay that is strict, one with CHUNKING, and one that takes
any line end for one."""
import re
import socket

from burl_driver import HEAD
from common_driver import (Unexpected, begin, end, leave, reply, say, talk,
                           write)
from imapd import Imapd, Script
from imapfetch_rows import url_at
from relay import Relay
from robust_case import Place, at_once, requirement

BUILD, T = begin("smuggling")
place = Place(BUILD, T)
LOGIN = write(T + "/login", "submit submitpw\n")

# name: the sequence; those with NUL are refused, the others are content
ENDS = {
    "LF . LF": b"\n.\n", "LF . CRLF": b"\n.\r\n", "CR . LF": b"\r.\n",
    "CR . CR": b"\r.\r", "LF . CR": b"\n.\r", "CR . CRLF": b"\r.\r\n",
    "CRLF . LF": b"\r\n.\n", "CRLF . CR": b"\r\n.\r",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n", "CRLF . NUL CRLF": b"\r\n.\0\r\n",
    "CRLF . CR CRLF": b"\r\n.\r\r\n", "CR CRLF . CR CRLF": b"\r\r\n.\r\r\n",
    "LF LF . LF LF": b"\n\n.\n\n", "LF CR . LF CR": b"\n\r.\n\r",
    "FF . FF": b"\f.\f", "VT . VT": b"\v.\v", "NEL . NEL": b"\xc2\x85.\xc2\x85",
    "LS . LS": b"\xe2\x80\xa8.\xe2\x80\xa8", "CRLF SP . CRLF": b"\r\n .\r\n",
    "CRLF . SP CRLF": b"\r\n. \r\n",
}
SECOND = (b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<eve@example.net>\r\nDATA\r\n" +
          HEAD + b"second\r\n")


def canonical(octets):
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def by_data(c, before, ending, after):
    """At once, and octet by octet where it matters."""
    talk(c, "DATA", "354")
    # its own lines with dots: this is what a client sends, not what it means
    c.send(before + ending + after + b".\r\n")


def by_data_in_pieces(c, before, ending, after):
    talk(c, "DATA", "354")
    c.send(before)
    for octet in ending:
        c.send(bytes([octet]))
    c.send(after + b".\r\n")


def by_chunk(c, before, ending, after):
    whole = before + ending + after
    c.send(b"BDAT %d LAST\r\n" % len(whole) + whole)


def by_chunks(c, before, ending, after):
    """One ends within the sequence, each of whose octets is a chunk."""
    pieces = [before, *(bytes([o]) for o in ending), after]
    c.send(b"".join(b"BDAT %d%s\r\n" % (len(p), b" LAST" * (p is after)) + p
                    for p in pieces))
    for _ in pieces[:-1]:
        got = reply(c)[-1]
        if got[:3] not in ("250", "554", "503"):
            raise Unexpected(got)


class Burl:
    """The server is asked by one connection in a session: so with one script."""

    def __init__(self):
        self.whole = b""
        self.server = Imapd(Script(urlfetch=self.step))

    def step(self, client):
        client.send(client.fill(b"* URLFETCH %U ~") + b"{%d}\r\n" % len(self.whole) +
                    self.whole + client.fill(b"\r\n%T OK\r\n"))

    def __call__(self, c, before, ending, after):
        self.whole = before + ending + after
        c.send(b"BURL %s LAST\r\n" % url_at(self.server.port).encode())


def attempt(h, c, way, name):
    """Exactly one reply, and the session in step; at most one message, that one."""
    ending, seen, said = ENDS[name], len(h.relay.messages), len(h.relay.commands)
    talk(c, "MAIL FROM:<alice@example.org>", "250")
    talk(c, "RCPT TO:<bob@example.org>", "250")
    way(c, HEAD + b"first", ending, SECOND)
    got = reply(c)[-1]
    if say(c, "NOOP") != "250 2.0.0 OK" or say(c, "RSET")[:3] != "250":
        return "out of step after " + got
    messages = [m for m in h.relay.messages[seen:] if m.completed]
    if any(b"eve" in x for x in h.relay.commands[said:]):
        return "the second message's command reached the relay"
    if b"\0" in ending:
        return None if got[0] == "5" and not messages else got
    if got[:3] != "250" or len(messages) != 1:
        return "%s, %d messages" % (got, len(messages))
    data = messages[0].data
    if re.search(rb"[\r\n\0]", data.replace(b"\r\n", b"")):
        return "a bare CR, LF or NUL at the relay"
    # DATA takes a dot off in front of a line; chunks are taken as they are
    whole = b"first" + ending + SECOND
    if way in (by_data, by_data_in_pieces):
        whole = re.sub(rb"\r\n\.", b"\r\n", whole)
    if not data.endswith(canonical(whole)):
        return "altered: %r" % data[-300:]
    return None


def smuggle(how, relay):
    burl = Burl()
    with burl.server as server, place.house(
            "smuggling over %s to a relay %s" % (how, relay or "as it is"),
            ["imap imap://127.0.0.1:%d login %s" % (server.port, LOGIN)],
            [relay] if relay else []) as h:
        for way, what in ((by_data, "by DATA"), (by_data_in_pieces, "by DATA in octets"),
                          (by_chunk, "by BDAT"), (by_chunks, "by BDAT in octets"),
                          (burl, "by BURL")):
            with requirement("smuggling %s over %s, relay %s: none of %d" % (
                    what, how, relay or "as it is", len(ENDS)), h) as wrong:
                c = h.login(how=how)
                for name in ENDS:
                    why = attempt(h, c, way, name)
                    wrong += ["%s: %s" % (name, why)] * bool(why)
                leave(c)


def victim():
    """What the relay that takes any line end is good for."""
    with requirement("smuggling: sent straight to the lax relay, LF . LF is two "
                     "messages") as wrong:
        relay = Relay(["lax"])
        with socket.create_connection(("127.0.0.1", relay.port), 5) as s:
            s.sendall(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\n"
                      b"RCPT TO:<b@example.org>\r\nDATA\r\n")
            s.sendall(HEAD + b"first\n.\n" + SECOND + b".\r\nQUIT\r\n")
            while s.recv(4096):
                pass
        wrong += ["%d" % len(relay.completed)] * (len(relay.completed) != 2)
        relay.stop()


at_once(victim, *[lambda how=how, relay=relay: smuggle(how, relay)
          for how in ("tls", "starttls")
          for relay in ("", "with CHUNKING", "lax")])
end()
