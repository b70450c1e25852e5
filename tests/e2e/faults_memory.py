"""Cases of faults.t: a process whose memory is gone for good at a step, be it
by RLIMIT_AS of what it uses then, be it that no more is allocated to it."""
import dataclasses
import errno
import os
import re

from common_driver import begin, end, parent, skip
from faults_case import Place, content, many
from faults_failing import Failing
from faults_struck import (SLOW, TLS_RELAY, case, limit, one, pid_of, status_of)

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
WANTED = os.environ.get("CASE", "")
# 0: by RLIMIT_AS
ROLES = [("session", "plain", [0]), ("session", "tls", [0, 3]),
         ("session", "starttls", [0]), ("relay", "plain", [0, 3]),
         ("nursery", "plain", [0, 1]), ("helper", "plain", [0]),
         ("monitor", "tls", [0, 3])]
STANDS = ["auth {dir}/libexec/checkpassword-file {users}"]
IMAP_STEPS = ["accept", "greeting", "capability", "authenticate",
              "capability2", "urlfetch"]


class Gone:
    """No memory: by RLIMIT_AS, or from the n-th allocation on."""

    words = re.compile("cannot allocate memory|(out of|no) memory", re.I)

    def __init__(self, f, n):
        self.f, self.n, self.pid = f, n, 0

    def take(self, pid, role):
        self.pid = pid
        if self.n:
            self.f.arm(pid, "memory", self.n, errno.ENOMEM)
            return
        size = int(re.search(r"VmSize:\s*(\d+)", status_of(pid))[1])
        limit(pid, "as", size * 1024)
        self.f.arm(pid, "eat", 1, 0)

    def give_back(self):
        self.f.arm(0, "memory", 0, 0)
        self.f.arm(0, "eat", 0, 0)
        if not self.n and parent(self.pid) == os.getpid():
            limit(self.pid, "as", "unlimited")

    def __str__(self):
        return "no memory from allocation %d on" % self.n if self.n else \
            "RLIMIT_AS"


class Listening:
    """Strikes when the IMAP server is at that step."""

    def __init__(self, f, step, n, find):
        self.gone, self.step, self.find = Gone(f, n), step, find
        self.words = re.compile(Gone.words.pattern +
                                "|no memory|verdict=down", re.I)
        self.imapd, self.usual = f.imapd, f.imapd.script
        self.context = self.imapd.context
        if step == "accept":
            self.imapd.context = self
        else:
            self.imapd.script = dataclasses.replace(
                self.usual, **{step: self.at_step})

    def strike(self):
        self.imapd.script, self.imapd.context = self.usual, self.context
        self.gone.take(self.find(), "imapfetch")

    def at_step(self, client):
        self.strike()
        return client.say(getattr(self.usual, self.step))

    def wrap_socket(self, *args, **more):
        self.strike()
        return self.context.wrap_socket(*args, **more)

    def take(self, pid, role):
        """The session has been there before."""

    def give_back(self):
        self.gone.give_back()

    def __str__(self):
        return "%s when the IMAP server is at %s" % (self.gone, self.step)


def imapfetch(n, library):
    def act(wrong):
        d = PLACE.imapd("tls", urlfetch=content)
        f = Failing(PLACE, "imapfetch", d, library,
                    config=["imap-timeout 1s"])
        try:
            for step in IMAP_STEPS:
                strike = Listening(f, step, n,
                                   lambda: pid_of(f.house, "imapfetch"))
                one(f, "imapfetch", ("plain", "burl", None), strike, wrong)
            one(f, "imapfetch", ("plain", "burl", "told"), Gone(f, n), wrong)
        finally:
            f.stop()
    return "imapfetch: %s" % Gone(None, n), act


def main():
    library = PLACE.library("failing")
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("memory that is gone", "the library cannot be preloaded here")
        return
    imapd = PLACE.imapd("tls", urlfetch=content)

    def make():
        return Failing(PLACE, "memory", imapd, library, relay=SLOW,
                       config=TLS_RELAY + STANDS)

    cases = [case(make, role, how, lambda f, n=n: Gone(f, n))
             for role, how, counts in ROLES for n in counts]
    cases += [imapfetch(n, library) for n in (0, 1)]
    many([c for c in cases if WANTED in c[0]], 6)


main()
end()
