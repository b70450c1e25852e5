"""A client's session of all services, at whose steps a process is struck: a
resource is gone for it from then on."""
import base64
import os
import re
import subprocess
import time

from client import Client
from common_driver import children, is_standing, reply, wait
from faults_case import (HEAD, at_rest, by_age, daemon, descriptors,
                         monitor_of, nursery_of, serves, url)

MANY = 90           # recipients
PLAIN = "AUTH PLAIN " + base64.b64encode(b"\0alice\0alicepw").decode()
CONNECT = {"plain": ["connect", "greeting"],
           "tls": ["connect", "hello", "shake", "greeting"],
           "starttls": ["connect", "greeting", "ehlo", "starttls", "hello",
                        "shake"]}
ENDINGS = {"data": ["data", "body", "dot", "told"],
           "bdat": ["bdat", "last", "told"],
           "burl": ["burl", "told"]}


def steps_of(how, ending):
    return CONNECT[how] + ["ehlo", "auth", "asked", "mail", "rcpt"] + \
        ENDINGS[ending]


class Refused(Exception):
    pass


class Walk:
    """A client's session; at that step it strikes."""

    def __init__(self, f, how, ending, at, strike):
        self.f, self.h, self.how, self.at = f, f.house, how, at
        self.steps = steps_of(how, ending)
        self.strike = strike
        self.count, self.said, self.c = 0, [], None

    def run(self):
        try:
            for step in self.steps:
                getattr(self, step)()
                if step == self.at and step != "hello":
                    self.strike(self)
        except Refused:
            pass
        except Exception as e:
            self.said.append("%s: %s" % (type(e).__name__, e))
        try:
            self.again()
            self.command("QUIT")
        except Exception as e:
            self.said.append("%s: %s" % (type(e).__name__, e))
        for c in self.h.clients:
            if not c.left:
                c.hang_up()
        return self

    def take(self):
        self.said.append(reply(self.c)[-1])
        return self.said[-1]

    def command(self, line):
        self.c.send(line.encode() + b"\r\n")
        got = self.take()
        if got[0] not in "23":
            raise Refused(self.said[-1])

    def connect(self):
        h = self.h
        sock = h.daemon.dial("tlsport" if self.how == "tls" else "port")
        self.c = Client(sock, h.ca, 8)
        h.clients.append(self.c)
        wait(3, lambda: children(nursery_of(h)))

    def greeting(self):
        self.take()

    def ehlo(self):
        self.command("EHLO client.example.net")

    def starttls(self):
        self.command("STARTTLS")

    def hello(self):
        """It strikes when half of the ClientHello is there."""
        c = self.c
        if self.at != "hello":
            return
        plain = c.pump

        def pump(timeout):
            c.pump = plain
            c.sock.send(c.outbox[:100])
            c.outbox = c.outbox[100:]
            time.sleep(.02)
            self.strike(self)
            plain(timeout)

        c.pump = pump

    def shake(self):
        self.c.start_tls()

    def auth(self):
        self.command(PLAIN)

    def asked(self):
        """The relay process is there, but not yet its greeting."""
        self.c.send(b"MAIL FROM:<alice@example.org>\r\n")
        wait(3, lambda: len(children(nursery_of(self.h))) > 1)

    def mail(self):
        if self.take()[0] != "2":
            raise Refused(self.said[-1])

    def rcpt(self):
        """As many as make replies that want memory of their own."""
        self.c.send(b"RCPT TO:<bob@example.org>\r\n" * MANY)
        said = [reply(self.c)[-1] for _ in range(MANY)]
        self.said.append(max(said))
        if not any(x[0] == "2" for x in said):
            raise Refused(said[0])

    def data(self):
        self.command("DATA")

    def body(self):
        self.c.send(HEAD + (b"y" * 70 + b"\r\n") * 1500)

    def dot(self):
        self.c.send(b".\r\n")

    def bdat(self):
        body = HEAD + (b"y" * 70 + b"\r\n") * 500
        self.c.send(b"BDAT %d\r\n" % len(body) + body)
        if self.take()[0] != "2":
            raise Refused(self.said[-1])

    def last(self):
        self.c.send(b"BDAT 6 LAST\r\ntext\r\n")

    def burl(self):
        self.c.send(b"BURL %s LAST\r\n" % url(self.f.imapd).encode())

    def told(self):
        self.count += self.take().startswith("250")

    def again(self):
        """What was lost is one transaction, if it is not the session."""
        self.command("MAIL FROM:<alice@example.org>")
        self.command("RCPT TO:<bob@example.org>")
        if "burl" in self.steps:
            self.burl()
            self.told()
            return
        self.command("DATA")
        self.c.send(HEAD + b"text\r\n.\r\n")
        self.told()


def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return f.read()


def limit(pid, what, size):
    """Of a process of another user, as that user: CAP_SYS_RESOURCE may be
    missing even to root."""
    status = status_of(pid)
    uid, gid = (re.search(w + r":\t(\d+)", status)[1]
                for w in ("Uid", "Gid"))
    command = ["prlimit", "--pid", str(pid), "--%s=%s:" % (what, size)]
    if int(uid) != os.getuid():
        command = ["setpriv", "--reuid", uid, "--regid", gid,
                   "--clear-groups"] + command
    subprocess.run(command, check=True, capture_output=True)


def pid_of(h, role):
    born = by_age(nursery_of(h))
    if role in ("monitor", "nursery"):
        return {"monitor": monitor_of, "nursery": nursery_of}[role](h)
    if role == "helper":
        return [p for p in children(monitor_of(h), True)
                if is_standing(p)][0]
    if role == "imapfetch":
        return by_age(monitor_of(h))[1]
    return born[role == "relay"]


def judge(w, took, log, words, wrong):
    """What the client heard, what was taken, what the log says."""
    said = str(w.said)
    lost = "may have been accepted" in said or w.said and re.match(
        "Unexpected|.*Error", w.said[-1])
    if w.count > took or (took > w.count and not lost) or took > w.count + 1:
        wrong.append("told %d, taken %d" % (w.count, took))
    if any(not m.data.endswith((b"y" * 70 + b"\r\n", b"text\r\n")) and
           len(m.data) > 500 for m in w.h.relay.completed[-2:]):
        wrong.append("half a message was delivered")
    if re.search("is silent|'Unexpected: nothing|stopped reading", said):
        wrong.append("no reply and no close")
    if any(x[0] == "5" and x[:3] not in ("503", "530") for x in w.said):
        wrong.append("refused for good")
    if w.count < 2 and not words.search(log()):
        wrong.append("the log does not say why: %s" % log())
    if re.search("child-died|signal=", log()):
        wrong.append("by a signal: %s" % log())


def leftovers(h, fds):
    if not at_rest(h):
        yield "processes or connections stay"
    if not wait(3, lambda: all(
            n <= was for n, was in zip(descriptors(h), fds))):
        yield "descriptors %s, before %s" % (descriptors(h), fds)


def death(h, role):
    """What is wrong with it."""
    if role not in ("monitor", "nursery"):
        yield "the service has ended"
    if not wait(15, lambda: not daemon.members(h.daemon.process.pid)):
        yield "processes stay"
    if h.daemon.process.poll() != 111:
        yield "the monitor has ended with status %s" % (
            h.daemon.process.returncode)


def one(f, role, walk, strike, wrong):
    """False: the service has ended, as it may without monitor or nursery."""
    h, found, began = f.house, [], time.monotonic()
    before, fds, lines = h.taken(), descriptors(h), len(h.daemon.lines)

    def log():
        return b"".join(h.daemon.lines[lines:]).decode("utf-8", "replace")

    w = Walk(f, *walk, lambda w: strike.take(pid_of(h, role), role))
    w.run()
    strike.give_back()
    at_rest(h)
    wait(2, lambda: w.count == 2 or strike.words.search(log()))
    judge(w, h.taken() - before, log, strike.words, found)
    if h.daemon.alive():
        found += leftovers(h, fds)
        serves(h, found)
        at_rest(h)
    else:
        found += death(h, role)
    what = "%s, %s at %s: %s" % (", ".join(walk[:2]), strike, walk[2],
                                 " | ".join(x[:60] for x in w.said))
    if os.environ.get("SHOW"):
        what += " %.1f s" % (time.monotonic() - began)
        print(role, what, "\n   ", "\n    ".join(log().splitlines()))
    wrong += [what + ": " + x for x in found]
    return h.daemon.alive()


TLS_RELAY = ["relay smtp+starttls://localhost:{relay}",
             "relay-ca {pki}/ca.pem"]
SLOW = ["with STARTTLS", "greeting delay 0.05", "end delay 0.05"]
FIRST = {"relay": "asked", "helper": "ehlo"}
LAST = {"helper": "ehlo", "nursery": "auth"}    # it has no more to do


def plan(role, how):
    """Steps at which it is struck, with what comes behind."""
    for ending in ENDINGS:
        steps = steps_of(how, ending)[:-1]
        if role in LAST:
            steps = steps[:steps.index(LAST[role]) + 1]
        for step in steps[steps.index(FIRST.get(role, "connect")):]:
            if ending == "data" or step in ENDINGS[ending]:
                yield how, ending, step


def case(make, role, how, strike):
    """make() is a house, strike(house) how it is struck."""
    def act(wrong):
        f = make()
        try:
            for walk in plan(role, how):
                if not one(f, role, walk, strike(f), wrong):
                    f.stop()
                    f = make()
        finally:
            f.stop()
    return "%s, %s: %s" % (role, how, strike(None)), act
