"""What the drivers of faults.t share."""
import concurrent.futures
import os
import subprocess
import threading

from common_driver import (HERE, House, Unexpected, children,  # noqa
                           daemon, expect, reply, report, say, talk, wait, write)
from imapd import Imapd, Script

HEAD = b"From: alice@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" \
    b"Message-ID: <1@example.org>\r\n\r\n"
making = threading.Lock()


class Place:
    """Makes houses with an IMAP server, for several threads."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.login = write(scratch + "/login", "submit pw\n")

    def imapd(self, how="clear", **script):
        good = self.scratch + "/good"
        d = Imapd(Script(**script), how, good + ".pem", good + ".key")
        d.__enter__()
        return d

    def library(self, name):
        """What is to be preloaded; None: it cannot be compiled here."""
        path = "%s/%s.so" % (self.scratch, name)
        out = subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE",
             "-shared", "-fPIC", "-o", path,
             HERE + "/../faults/%s.c" % name, "-ldl"],
            capture_output=True, text=True)
        return path if out.returncode == 0 else None

    def house(self, name, config=(), relay=(), imapd=None, **more):
        lines = ["tls optional", "auth-tries 10"] + list(config)
        if imapd:
            lines.append("imap %s://127.0.0.1:%d login %s" % (
                "imap" if imapd.how == "clear" else "imaps", imapd.port,
                self.login) + (" ca={pki}/ca.pem" if imapd.how != "clear"
                               else ""))
        with making:
            h = House(self.build, self.scratch, lines, relay, name, **more)
        h.taken = lambda: len(h.relay.completed)
        return h


def url(imapd):
    return "imap://alice@127.0.0.1:%d/INBOX/;UID=1;URLAUTH=submit+alice:" \
        "internal:%s" % (imapd.port, "0123456789abcdef" * 2)


def content(client):
    """A step of imapd: a message."""
    client.send(client.fill(b"* URLFETCH %U ") + b"~{%d}\r\n" % len(HEAD) +
                HEAD + client.fill(b"\r\n%T OK done\r\n"))


def monitor_of(h):
    return h.daemon.process.pid


def begun(pid):
    """When it was forked: numbers of processes begin anew some time."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return int(f.read().rpartition(") ")[2].split()[19])
    except OSError:
        return 1 << 62


def by_age(pid):
    """Its children, the oldest first."""
    return sorted(children(pid), key=begun)


def nursery_of(h):
    """The oldest child: it was born before all others."""
    return (by_age(monitor_of(h)) or [0])[0]


def at_rest(h, seconds=8):
    """Only monitor and nursery are there, and no connection of the relay."""
    def quiet():
        if not h.daemon.alive():
            return True
        pids = children(monitor_of(h))
        return len(pids) == 1 and not children(pids[0]) and not h.relay.open

    return wait(seconds, quiet)


def descriptors(h):
    try:
        return [len(os.listdir("/proc/%d/fd" % p))
                for p in (monitor_of(h), nursery_of(h))]
    except FileNotFoundError:       # it has ended
        return [0, 0]


def message(c, body=b"text\r\n"):
    """By DATA; the last line of the last reply."""
    for line in "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.net>":
        talk(c, line, "250")
    talk(c, "DATA", "354")
    c.send(HEAD + body + b".\r\n")
    return reply(c)[-1]


def serves(h, wrong, what="the service"):
    """A message by a client that comes now."""
    before = h.taken()
    try:
        c = h.login(how="plain")
        got = message(c)
        talk(c, "QUIT", "221")
    except Exception as e:
        got = "%s: %s" % (type(e).__name__, e)
    if not got.startswith("250") or h.taken() != before + 1:
        wrong.append("%s does not serve: %s; log: %s" % (
            what, got, " | ".join(h.log_tail(5))))


def many(cases, at_once=8):
    """Runs them, so many at a time; what one raises is its failure."""
    def run(case):
        name, act = case
        wrong = []
        try:
            act(wrong)
        except Exception as e:
            wrong.append("%s: %s" % (type(e).__name__, e))
        report(not wrong, name, *wrong)

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, cases))

