"""Cases of faults.t: a name server that is slow, silent, broken or lies."""
import os
import re
import socket
import struct
import subprocess
import threading
import time

from common_driver import (Relay, begin, end, expect, reply, say, skip, talk,
                           wait, write)
from faults_case import (HEAD, Place, at_rest, content, making, many, serves,
                         url)

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
WANTED = os.environ.get("CASE", "")
NUMBERS = iter(range(1, 250))


class Resolver:
    """A name server on an address of its own, port 53. how is one of the
    functions below: octets of the answers to a question."""

    def __init__(self):
        self.address = "127.53.%d.%d" % (os.getpid() % 250, next(NUMBERS))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.address, 53))
        self.how = right
        self.asked = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                data, who = self.sock.recvfrom(2000)
            except OSError:
                return
            name, at = [], 12
            while data[at]:
                name.append(data[at + 1:at + 1 + data[at]].decode())
                at += data[at] + 1
            kind = struct.unpack("!H", data[at + 1:at + 3])[0]
            self.asked.append((".".join(name), kind))
            for out in self.how(data, data[12:at + 5], kind):
                self.sock.sendto(out, who)


def answer(data, question, kind, addresses, code=0, number=None, name=None):
    records = b"".join((name or b"\xc0\x0c") + struct.pack(
        "!HHIH", 1, 1, 0, 4) + socket.inet_aton(a) for a in addresses) \
        if kind == 1 else b""
    count = len(addresses) if kind == 1 else 0
    return (number or data[:2]) + struct.pack(
        "!HHHHH", 0x8180 | code, 1, count, 0, 0) + question + records


def right(data, question, kind):
    yield answer(data, question, kind, ["127.0.0.1"])


def silent(data, question, kind):
    return ()


def slow(data, question, kind):
    time.sleep(.25)
    yield answer(data, question, kind, ["127.0.0.1"])


def servfail(data, question, kind):
    yield answer(data, question, kind, [], 2)


def nxdomain(data, question, kind):
    yield answer(data, question, kind, [], 3)


def refused(data, question, kind):
    yield answer(data, question, kind, [], 5)


def empty(data, question, kind):
    yield answer(data, question, kind, [])


def garbage(data, question, kind):
    yield data[:2] + os.urandom(100)
    yield b""
    yield data[:2] + b"\x81\x80" + b"\xff" * 60


def loop(data, question, kind):
    """A pointer to itself, and a CNAME of its own name."""
    yield data[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + \
        struct.pack("!BB", 0xc0, 12 + len(question)) + struct.pack(
            "!HHIH", 1, 1, 0, 4) + b"\x7f\0\0\1"
    yield data[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + \
        b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, 2) + b"\xc0\x0c"


def forged(data, question, kind):
    """Answers to what was not asked come before the right one."""
    yield answer(data, question, kind, ["127.9.9.9"],
                 number=bytes(x ^ 255 for x in data[:2]))
    yield answer(data, b"\x04evil\x03net\0" + question[-4:], kind,
                 ["127.9.9.9"])
    yield answer(data, question, kind, ["127.0.0.1"])


def many_addresses(data, question, kind):
    """Dead ones: no more than some are tried."""
    yield answer(data, question, kind, ["127.9.9.%d" % i for i in
                                        range(1, 25)])


def elsewhere(data, question, kind):
    yield answer(data, question, kind, ["127.9.9.9"])


def can_bind():
    """A mount namespace of our own, and port 53."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.53.0.1", 53))
    except OSError:
        return False
    return subprocess.run(["unshare", "-m", "true"],
                          capture_output=True).returncode == 0


def house(config, relay=(), imapd=None):
    """One whose resolver is ours."""
    r = Resolver()
    h = PLACE.house("dns", ["relay-timeout 2s", "imap-timeout 3s"] + config,
                    relay)
    if imapd:
        h.daemon.config.append("imap imaps://imap.example.test:%d login %s" % (
            imapd.port, PLACE.login))
    conf = h.directory + "/resolv.conf"
    with open(conf, "w") as f:
        f.write("nameserver %s\noptions timeout:1 attempts:2\n" % r.address)
    script = h.directory + "/fenced"
    with open(script, "w") as f:
        f.write("#!/bin/sh\nmount --bind %s /etc/resolv.conf && exec \"$@\"\n"
                % conf)
    os.chmod(script, 0o755)
    h.wrap = "unshare -m " + script
    return h, r


def launch(h):
    with making:
        os.environ["WRAP"] = h.wrap
        h.daemon.launch()
        del os.environ["WRAP"]
    h.dial("plain", patience=20).hang_up()


def stop(h, r, wrong):
    for c in h.clients:
        if not c.left:
            c.hang_up()
    wrong += h.daemon.stop()
    h.relay.stop()
    r.sock.close()


def relay(how, start):
    """The relay's name; then the name server is well again."""
    def act(wrong):
        h, r = house(["relay smtp://relay.example.test:{relay}"])
        r.how = how
        launch(h)
        try:
            begun = time.monotonic()
            c = h.login(how="plain", patience=25)
            got = say(c, "MAIL FROM:<alice@example.org>")
            if not got.startswith(start):
                wrong.append("%s, asked %s" % (got, r.asked))
            if time.monotonic() - begun > 12:
                wrong.append("after %.0f s" % (time.monotonic() - begun))
            say(c, "RSET")
            talk(c, "QUIT", "221")
            r.how = right

            def well():
                c = h.login(how="plain", patience=20)
                said = say(c, "MAIL FROM:<alice@example.org>")
                c.hang_up()
                return said.startswith("250")

            if not wait(20, well):
                wrong.append("not well again: %s" % h.log_tail(4))
            serves(h, wrong)
            if not at_rest(h):
                wrong.append("something is left")
        finally:
            stop(h, r, wrong)
    return "a name server, the relay's name: %s" % how.__name__, act


def impostor(wrong):
    """The name leads to a server that has no certificate for it."""
    h, r = house(["relay smtps://relay.example.test:{relay}",
                  "relay-ca {pki}/ca.pem"], ["tls"])
    launch(h)
    try:
        c = h.login(how="plain", patience=20)
        got = say(c, "MAIL FROM:<alice@example.org>")
        if not got.startswith("451") or h.relay.commands:
            wrong.append("%s, the relay heard %s" % (got, h.relay.commands))
        c.hang_up()
    finally:
        stop(h, r, wrong)


def imap(how, start):
    def act(wrong):
        d = PLACE.imapd(urlfetch=content)
        h, r = house([], imapd=d)
        r.how = how
        launch(h)
        try:
            c = h.envelope(how="plain", patience=30)
            begun = time.monotonic()
            c.send(b"BURL %s LAST\r\n" % url(d).replace(
                "127.0.0.1", "imap.example.test").encode())
            serves(h, wrong, "meanwhile the service")
            got = reply(c)[-1]
            if not re.match(start, got):
                wrong.append("%s, asked %s" % (got, r.asked))
            if time.monotonic() - begun > 15:
                wrong.append("after %.0f s" % (time.monotonic() - begun))
            talk(c, "QUIT", "221")
            if not at_rest(h):
                wrong.append("something is left")
        finally:
            stop(h, r, wrong)
    return "a name server, the IMAP server's name: %s" % how.__name__, act


OWN = """#!/bin/sh
login=$(tr '\\000' '\\n' <&3 | head -n 1)
[ "$login" != alice ] || export RELAY=smtp://own.example.test:%d
USER=$login exec "$@"
"""


def own(how, start):
    """The name of a relay of one user's own; others do not feel it."""
    def act(wrong):
        h, r = house(["relay-per-user yes"])
        write(h.directory + "/own", OWN % h.relay.port, 0o755)
        h.daemon.config.append("auth %s/own" % h.directory)
        h.daemon.config = [x for x in h.daemon.config
                           if "checkpassword-file" not in x]
        r.how = how
        launch(h)
        try:
            begun = time.monotonic()
            c = h.dial("plain", patience=25)
            say(c, "EHLO client.example.net")
            c.send(b"AUTH PLAIN AGFsaWNlAGFsaWNlcHc=\r\n")
            others(h, wrong)
            expect(c, "235")
            got = say(c, "MAIL FROM:<alice@example.org>")
            if not got.startswith(start):
                wrong.append("%s, asked %s" % (got, r.asked))
            if time.monotonic() - begun > 15:
                wrong.append("after %.0f s" % (time.monotonic() - begun))
            if h.relay.completed[1:]:
                wrong.append("delivered %s" % h.relay.completed)
            talk(c, "QUIT", "221")
            others(h, wrong)
            if not at_rest(h):
                wrong.append("something is left")
        finally:
            stop(h, r, wrong)
    return "a name server, a user's own relay: %s" % how.__name__, act


def others(h, wrong):
    c = h.login("bob", how="plain", patience=20)
    got = say(c, "MAIL FROM:<bob@example.org>")
    if not got.startswith("250"):
        wrong.append("another user heard %s" % got)
    c.hang_up()


def referral(how, start):
    """The name of a server that the relay refers to."""
    def act(wrong):
        other = Relay()
        h, r = house(["relay-referrals other.example.test:%d" % other.port],
                     ["rcpt reply 551 5.1.6 [REFERRAL "
                      "smtp://other.example.test/] Not here"])
        r.how = how
        launch(h)
        try:
            begun = time.monotonic()
            c = h.login(how="plain", patience=25)
            said = [say(c, "MAIL FROM:<alice@example.org>"),
                    say(c, "RCPT TO:<bob@example.net>")]
            if not re.match(start, said[1]):
                wrong.append("%s, asked %s: %s" % (said, r.asked,
                                                   h.log_tail(4)))
            if said[1].startswith("250"):
                talk(c, "DATA", "354")
                c.send(HEAD + b"text\r\n.\r\n")
                expect(c, "250")
                if len(other.completed) != 1:
                    wrong.append("it has not come there")
            elif other.commands:
                wrong.append("it heard %s" % other.commands)
            if time.monotonic() - begun > 15:
                wrong.append("after %.0f s" % (time.monotonic() - begun))
            talk(c, "QUIT", "221")
            if h.relay.completed or not at_rest(h):
                wrong.append("something is left")
        finally:
            stop(h, r, wrong)
            other.stop()
    return "a name server, a referral: %s" % how.__name__, act


def main():
    if os.getuid() != 0 or os.environ.get("WRAP") or not can_bind():
        skip("a name server that fails", "no mount namespace, or port 53 is "
             "not free")
        return
    bad = [silent, servfail, nxdomain, refused, empty, garbage, loop,
           elsewhere]
    cases = [relay(h, "250") for h in (right, slow, forged)] + [relay(h, "451") for h in bad]
    cases += [relay(many_addresses, "451")]
    cases += [imap(h, "4") for h in bad]
    cases += [own(h, "250") for h in (right, slow, forged)]
    cases += [own(h, "451") for h in bad]
    cases += [referral(h, "250") for h in (right, slow, forged)]
    cases += [referral(h, "551|451") for h in bad]
    cases.append(("a name server, an address that is another's: nothing is "
                  "said there", impostor))
    many([c for c in cases if WANTED in c[0]], 10)


main()
end()
