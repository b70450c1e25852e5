"""A client that goes through a session step by step, and who is there then."""
import base64
import re

from common_driver import daemon, expect, talk, wait
from faults_case import HEAD, by_age, monitor_of, nursery_of

STEPS = ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "body", "dot",
         "end", "burl"]
PLAIN = "AUTH PLAIN " + base64.b64encode(b"\0alice\0alicepw").decode()


class Walk:
    """A client that goes to a step, and on from there."""

    def __init__(self, h, imapd):
        self.h, self.imapd = h, imapd
        self.c = None

    def greeting(self):
        self.c = self.h.dial("plain", patience=20)

    def ehlo(self):
        talk(self.c, "EHLO client.example.net", "250")

    def auth(self):
        talk(self.c, PLAIN, "235")

    def mail(self):
        talk(self.c, "MAIL FROM:<alice@example.org>", "250")

    def rcpt(self):
        talk(self.c, "RCPT TO:<bob@example.org>", "250")

    def data(self):
        talk(self.c, "DATA", "354")

    def body(self):
        self.c.send(HEAD + b"x" * 70 + b"\r\n")

    def dot(self):
        self.c.send((b"y" * 70 + b"\r\n") * 1500)

    def end(self):
        """The relay thinks for half a second."""
        self.c.send(b".\r\n")
        wait(5, lambda: self.h.relay.counts.get("end"))

    def finish(self):
        expect(self.c, "250")
        talk(self.c, "QUIT", "221")

    def go(self, first, last):
        for step in STEPS[first:last]:
            if step != "burl":
                getattr(self, step)()


def pid_of(h, role):
    monitor, nursery = monitor_of(h), nursery_of(h)
    born = by_age(nursery)
    helpers = by_age(monitor)[1:]
    return {"monitor": monitor, "nursery": nursery,
            "session": born[0] if born else None,
            "relay": born[1] if len(born) > 1 else None,
            "imapfetch": helpers[0] if helpers else None}[role]


def over(h, wrong):
    """Without monitor or nursery there is no service, nor anything left."""
    if not wait(15, lambda: not daemon.members(monitor_of(h))):
        wrong.append("processes that stay: %s" %
                     daemon.members(monitor_of(h)))


def stop(h, wrong, alive):
    for c in h.clients:
        if not c.left:
            c.hang_up()
    if alive:
        wrong += [x for x in h.daemon.stop() if not
                  re.search("child-died|log line is too long", x)]
    else:
        h.daemon.kill()
    h.relay.stop()
