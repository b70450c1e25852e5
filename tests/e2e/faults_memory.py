"""Cases of faults.t: a process whose memory is gone for good at a step, be it
by RLIMIT_AS of what it uses then, be it that no more is allocated to it."""
import base64
import errno
import os
import re
import subprocess
import time

from common_driver import (begin, children, end, is_standing, parent, reply, say,
                           skip, wait)
from faults_case import (HEAD, Place, at_rest, by_age, content, daemon, descriptors,
                         many, monitor_of, nursery_of, serves, url)
from faults_failing import IMAPFETCH, Failing

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
MANY = 90         # recipients
WANTED = os.environ.get("CASE", "")
WORDS = re.compile("[Cc]annot allocate memory|out of memory|no memory|"
                   "malloc failure|[Oo]ut of memory", re.I)
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
        from client import Client
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
        self.command("DATA")
        self.c.send(HEAD + b"text\r\n.\r\n")
        self.told()


def limit(pid, what, size):
    """Of a process of another user, as that user: CAP_SYS_RESOURCE may be
    missing even to root."""
    with open("/proc/%d/status" % pid) as f:
        status = f.read()
    if size is None:
        size = int(re.search(r"VmSize:\s*(\d+)", status)[1]) * 1024
    uid, gid = (re.search(w + r":\t(\d+)", status)[1]
                for w in ("Uid", "Gid"))
    command = ["prlimit", "--pid", str(pid), "--%s=%s:" % (what, size)]
    if int(uid) != os.getuid():
        command = ["setpriv", "--reuid", uid, "--regid", gid,
                   "--clear-groups"] + command
    subprocess.run(command, check=True)


class Gone:
    """How memory goes: by RLIMIT_AS, or from the n-th allocation on."""

    def __init__(self, f, n):
        self.f, self.n, self.pid = f, n, 0

    def take(self, pid, role=None):
        self.pid = pid
        if self.n:
            self.f.arm(role or pid, "memory", self.n, errno.ENOMEM)
            return
        limit(pid, "as", None)
        self.f.arm(role or pid, "eat", 1, 0)

    def give_back(self):
        self.f.arm(0, "memory", 0, 0)
        self.f.arm(0, "eat", 0, 0)
        if not self.n and parent(self.pid) == os.getpid():
            limit(self.pid, "as", "unlimited")

    def __str__(self):
        return "from allocation %d on" % self.n if self.n else "RLIMIT_AS"


def pid_of(h, role):
    born = by_age(nursery_of(h))
    if role in ("monitor", "nursery"):
        return {"monitor": monitor_of, "nursery": nursery_of}[role](h)
    if role == "helper":
        return [p for p in children(monitor_of(h), True)
                if is_standing(p)][0]
    return born[role == "relay"]


def judge(w, took, log, wrong):
    """What the client heard, what was taken, what the log says."""
    said = str(w.said)
    lost = "may have been accepted" in said or w.said and re.match(
        "Unexpected|.*Error", w.said[-1])
    if w.count > took or (took > w.count and not lost) or \
            took > w.count + 1:
        wrong.append("told %d, taken %d" % (w.count, took))
    if re.search("is silent|'Unexpected: nothing|stopped reading", said):
        wrong.append("no reply and no close")
    if any(x[0] == "5" and x[:3] not in ("503", "530") for x in w.said):
        wrong.append("refused for good")
    if w.count < 2 and not WORDS.search(log):
        wrong.append("the log does not say why: %s" % log)
    if "child-died" in log or re.search("signal=", log):
        wrong.append("by a signal: %s" % log)


def one(f, role, how, ending, at, n, wrong):
    """False: the service has ended, as it may without monitor or nursery."""
    h, gone = f.house, Gone(f, n)
    before, fds, lines = h.taken(), descriptors(h), len(h.daemon.lines)
    w = Walk(f, how, ending, at, lambda w: gone.take(pid_of(h, role)))
    w.run()
    gone.give_back()
    wait(3, lambda: not h.relay.open)
    rests = at_rest(h)
    found = []
    judge(w, h.taken() - before, log_since(h, lines), found)
    if h.daemon.alive():
        if not rests:
            found.append("processes or connections stay")
        if not wait(3, lambda: all(
                n <= was for n, was in zip(descriptors(h), fds))):
            found.append("descriptors %s, before %s" % (descriptors(h), fds))
        serves(h, found)
        at_rest(h)
    elif role not in ("monitor", "nursery"):
        found.append("the service has ended")
    elif not wait(15, lambda: not daemon.members(h.daemon.process.pid)):
        found.append("processes stay")
    elif h.daemon.process.returncode != 111:
        found.append("the monitor has ended with status %d" %
                     h.daemon.process.returncode)
    what = "%s, %s, %s at %s: %s" % (how, ending, gone, at, " | ".join(
        x[:60] for x in w.said))
    if os.environ.get("SHOW"):
        print(role, what, "\n   ", "\n    ".join(log_since(h, lines).splitlines()))
    wrong += [what + ": " + x for x in found]
    return h.daemon.alive()


def log_since(h, lines):
    time.sleep(.01)
    return b"".join(h.daemon.lines[lines:]).decode("utf-8", "replace")


TLS_RELAY = ["relay smtp+starttls://localhost:{relay}", "relay-ca {pki}/ca.pem"]
SLOW = ["with STARTTLS", "greeting delay 0.05", "end delay 0.05"]


def plan(role, how):
    """Steps at which it may be struck, with what comes behind."""
    for ending in ENDINGS:
        steps = steps_of(how, ending)
        first = {"relay": "asked", "helper": "ehlo"}.get(role, "connect")
        steps = steps[steps.index(first):-1]
        for step in steps:
            if ending == "data" or step in ENDINGS[ending]:
                if role != "helper" or step in ("ehlo",):
                    yield ending, step


def case(role, how, counts, imapd, library):
    def act(wrong):
        make = lambda: Failing(PLACE, role, imapd, library,
                               config=TLS_RELAY, relay=SLOW)
        f = make()
        try:
            for ending, at in plan(role, how):
                for n in counts:
                    if not one(f, role, how, ending, at, n, wrong):
                        f.stop()
                        f = make()
        finally:
            f.stop()
    return "no memory for %s, %s: %s" % (role, how, counts), act


def main():
    library = PLACE.library("failing")
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("memory that is gone", "the library cannot be preloaded here")
        return
    imapd = PLACE.imapd("tls", urlfetch=content)
    cases = [case(role, how, (n,), imapd, library)
             for role in ("session", "relay", "nursery", "monitor")
             for how in ("plain", "tls", "starttls")
             for n in (0, 1, 3)]
    many([c for c in cases if WANTED in c[0]], 6)


main()
end()
