"""What burl_real_driver.py and burl_hostile_driver.py share."""
import hashlib
import os
import socket
import threading

from common_driver import (House, children, expect, leave, report, reply,
                           say, talk, wait, without_received, write)

HEAD = (b"From: Alice <alice@example.org>\r\nTo: bob@example.org\r\n"
        b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
        b"Message-ID: <1@example.org>\r\nSubject: x\r\n\r\n")


def mail(body, user="alice"):
    user += "" if "@" in user else "@example.org"   # we would complete it
    return HEAD.replace(b"Alice <alice@example.org>",
                        b"<%s>" % user.encode()) + body


class Mark:
    """What the relay has taken since."""

    def __init__(self, house):
        self.house = house
        self.before = len(house.relay.completed)

    def new(self):
        return [m.data for m in self.house.relay.completed[self.before:]]

    def messages(self):
        return [without_received(d) for d in self.new()]


def brief(data):
    if data is None or len(data) < 600:
        return repr(data)
    return "%d octets, %s: %r ... %r" % (
        len(data), hashlib.sha256(data).hexdigest()[:12], data[:200],
        data[-200:])


def delivered(name, house, mark, *want):
    """Exactly these have been taken, and nothing in them is a bare line end."""
    got = mark.messages()
    report(got == list(want), name, "wanted:", *map(brief, want), "got:",
           *map(brief, got), *house.log_tail(6))
    for m in mark.new():
        bare = m.replace(b"\r\n", b"")
        if b"\n" in bare or b"\r" in bare or b"\0" in bare:
            report(False, name + ": a bare CR, bare LF or NUL at the relay")


def refused(name, house, mark, client, got, start):
    """This reply, nothing delivered, and the session goes on after RSET."""
    report(got.startswith(start), name, "wanted " + start, "got " + got,
           *house.log_tail(6))
    after = [say(client, "NOOP"), say(client, "RSET")]
    if mark.new() or [a[:3] for a in after] != ["250", "250"]:
        report(False, name + ": nothing delivered, the session goes on",
               after, *map(brief, mark.new()))


def fetch(h, url, name, start, want=None, user="alice"):
    """One BURL LAST in a session of its own."""
    mark, c = Mark(h), h.envelope(user)
    got = say(c, "BURL %s LAST" % url)
    if want is None:
        refused(name, h, mark, c, got, start)
    else:
        delivered(name, h, mark, want)
        if not got.startswith(start):
            report(False, name + ": the reply", got)
    leave(c)


def imapfetch(h):
    """The living imapfetch processes of the daemon."""
    out = []
    for p in children(h.daemon.process.pid):
        try:
            if os.readlink("/proc/%d/exe" % p).endswith("/imapfetch"):
                out.append(p)
        except OSError:
            pass
    return out


class Trap:
    """A listener that no connection may reach."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]

    def sprung(self):
        try:
            self.sock.accept()
            return True
        except BlockingIOError:
            return False


def at_once(jobs):
    """Runs them in threads; the exceptions are reported."""
    def run(job):
        try:
            job()
        except Exception as e:
            report(False, "a client", repr(e))

    threads = [threading.Thread(target=run, args=(j,), daemon=True)
               for j in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


__all__ = ["HEAD", "House", "Mark", "Trap", "at_once", "brief", "delivered",
           "expect", "fetch", "imapfetch", "leave", "mail",
           "refused", "reply", "report", "say", "talk", "wait", "write"]
