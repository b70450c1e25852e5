"""What the drivers of fences.t share: frames, and the test's end of a seized
process (tests/priv/puppet.h)."""
import os
import re
import socket
import struct

import common_driver
from common_driver import SLOW, HERE, expect, give_envelope, report, talk, wait

ATTACKER = "127.0.0.66"     # where tests/priv/attack_session.c looks for it
SEIZED = 0xaa


def enum(path, name):
    """The values of an enum in a header."""
    with open(os.path.join(HERE, "..", "..", path)) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    body = re.search(r"enum %s \{(.*?)\}" % name, text, re.S).group(1)
    out, n = {}, 0
    for word in filter(None, (w.strip() for w in body.split(","))):
        word, _, value = (p.strip() for p in word.partition("="))
        n = int(value) if value else n
        out[word] = n
        n += 1
    return out


FRAMES = enum("frames.h", "frame_type")
VERBS = enum("smtp/smtp.h", "relay_verb")
VERDICTS = enum("frames.h", "fetch_verdict")


def octets(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("=H", len(data)) + data


def commands(*pairs):
    return b"".join(struct.pack("=B", VERBS.get(verb, verb)
                                if isinstance(verb, str) else verb) +
                    octets(arg) for verb, arg in pairs)


class Dead(Exception):
    """The seized process is no more."""


class Seized:
    """A session that does what it is told; kind is the house it lives in."""

    def __init__(self, house, user=None):
        self.log_from = len(house.daemon.log())
        self.house = house
        house.daemon.dial("port").close()
        self.sock = socket.create_connection(
            ("127.0.0.1", house.daemon.names["port"]), 5 * SLOW,
            (ATTACKER, 0))
        self.sock.settimeout(8 * SLOW)
        self.inbox = b""
        if self.line() != "seized":
            raise RuntimeError("this daemon is no double")
        if user:
            self.login(user)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def line(self):
        while b"\n" not in self.inbox:
            try:
                piece = self.sock.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                raise Dead
            self.inbox += piece
        line, _, self.inbox = self.inbox.partition(b"\n")
        return line.decode("latin-1")

    def do(self, line):
        try:
            self.sock.sendall(line.encode() + b"\n")
        except ConnectionError:
            raise Dead from None
        return self.line()

    def send(self, channel, kind, payload=b"", flags=0, fds="", times=1):
        line = "send %s %d %d %s %s" % (
            channel, FRAMES.get(kind, kind), flags, payload.hex() or "-",
            " ".join(fds))
        return self.do(("repeat %d " % times if times > 1 else "") + line)

    def raw(self, channel, data):
        return self.do("raw %s %s" % (channel, data.hex() or "-"))

    def recv(self, channel, ms=5000):
        """Type, flags, payload of a frame; None if the channel is closed."""
        words = self.do("recv %s %d" % (channel, ms * SLOW)).split(" ")
        if words[0] == "closed":
            return None
        if words[0] != "frame":
            return "nothing"
        return (int(words[1]), int(words[2]),
                bytes.fromhex(words[5] if len(words) > 5 else ""))

    def ask(self, kind, payload=b"", **how):
        self.send("m", kind, payload, **how)
        return self.recv("m")

    # the monitor's services

    def login(self, user="alice", password=None):
        got = self.ask("S_AUTH", b"\0" + octets(user) +
                       octets(password or user + "pw"))
        if password is None and (got[:2] != (FRAMES["S_AUTH"], 0) or
                                 got[2][:1] != b"\0"):
            raise RuntimeError("no login: %r" % (got,))
        return got

    def relay(self, hello=True):
        got = self.ask("S_RELAY")
        if hello:
            self.send("r", "E_HELLO", octets("client.example.net") +
                      octets("") + octets(""))
        return got

    def fetch(self):
        return self.ask("S_FETCH")

    # seized others

    def answer(self, ms=5000):
        """Code and text of the relay's next answer; None: it is gone."""
        frame = self.recv("r", ms)
        if frame is None or frame == "nothing":
            return frame
        code, _ = struct.unpack("=HH", frame[2][:4])
        return code, frame[2][4:].decode("latin-1")

    def relay_do(self, line):
        self.send("r", "E_COMMANDS", bytes([SEIZED]) + line.encode())
        got = self.answer()
        if got is None:
            raise Dead
        return got[1]

    def fetch_url(self, url, limit=1000000, fds="r"):
        self.send("f", "F_URL", struct.pack("=Q", limit) + octets(url),
                  fds=fds)
        return self.recv("f")

    def fetch_do(self, line):
        before = len(self.house.daemon.log())
        if self.fetch_url("attack:" + line) is None:
            raise Dead
        said = re.findall(r'event=puppet reason="?(.*?)"?$',
                          self.house.daemon.log()[before:], re.M)
        return said[-1] if said else "nothing"

    # what became of it

    def logged(self, pattern):
        return wait(5, lambda: re.search(
            pattern, self.house.daemon.log()[self.log_from:]))

    def tail(self):
        return self.house.daemon.log()[self.log_from:].splitlines()[-8:]


def service_goes_on(house, user="bob"):
    """Another client's message, from login to 250."""
    before = len(house.relay.completed)
    c = house.login(user)
    give_envelope(c, user)
    talk(c, "DATA", "354")
    c.send(b"From: <%s@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000"
           b"\r\n\r\nstill here\r\n.\r\n" % user.encode())
    expect(c, "250")
    c.send(b"QUIT\r\n")
    expect(c, "221")
    c.closed()
    house.clients.remove(c)
    return len(house.relay.completed) == before + 1


def after(house, name, good, *why):
    """One row: the act's outcome, and that others do not notice it."""
    try:
        on = service_goes_on(house)
    except (common_driver.Unexpected, OSError, RuntimeError) as e:
        on = False
        why += ("another client: %s" % e,)
    return report(good and on, name, *why)
