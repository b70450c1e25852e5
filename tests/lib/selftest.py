#!/usr/bin/env python3
"""
Tests of the tests: a stand-in for the daemon, made of relay.py, plays with
dialogues that are right and must pass, and wrong and must fail.
"""

import os
import shutil
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import daemon
import pki
from dialogue import Dialogue, Player
from escape import unescape
from imapd import Imapd
from imapd import Script as ImapScript
from relay import Relay

STAND_IN = r"""#!%(python)s -B
import os, signal, sys, time
sys.path.insert(0, %(lib)r)
from relay import Relay
conf = [l.split() for l in open(sys.argv[-1])]
words = {l[0]: l[1:] for l in conf}
certificate = [l[1] for l in conf if l[0] == "certificate"][0]
for l in conf:
    if l[0] == "listen":
        Relay(["with AUTH PLAIN", "with STARTTLS", "login alice alicepw",
               "greeting reply 220 mail.example.org ESMTP"]
              + (["tls"] if l[2:] else []),
              int(l[1].split(":")[1]), os.path.dirname(certificate))
ill = words.get("hostname", [""])[0]
if ill == "child":
    os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "600"])
if ill == "talks":
    print("session.c:1:2: runtime error: shift", file=sys.stderr, flush=True)
if ill == "leaks":
    print("event=auth password=alicepw", file=sys.stderr, flush=True)
if ill == "dies":
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGSEGV)
time.sleep(600)
"""

PLAIN = "connect: plain\nS: 220 mail.example.org ESMTP\n"

GOOD = {
    "exact": PLAIN + "C: NOOP\nS: 250 2.0.0 Ok\n",
    "one write": PLAIN + "2*C: NOOP\nc: NO\nC: OP\n3*S: 250 2.0.0 Ok\n",
    "regex": PLAIN + "C: NOOP\nS~ 250 .*Ok\n",
    "whole reply": PLAIN + "C: EHLO x\nS... 250\nhas: SIZE \\d+\nhasnt: BURL.*\n",
    "drip": PLAIN + "drip: NOOP\nS: 250 2.0.0 Ok\n",
    "login": "login: alice\nC: NOOP\nS: 250 2.0.0 Ok\n",
    "starttls": "connect: starttls\nC: EHLO x\nS... 250\nhasnt: STARTTLS\n",
    "by hand": PLAIN + "C: EHLO x\nS... 250\nC: STARTTLS\nS: 220 2.0.0 Go ahead\n"
               "starttls\nC: NOOP\nS: 250 2.0.0 Ok\n",
    "close": PLAIN + "C: QUIT\nS: 221 2.0.0 Bye\nclose\n",
    "silence": PLAIN + "c: NOO\nsilence: 0.2\nC: P\nS: 250 2.0.0 Ok\n",
    "two clients": PLAIN + "client: b\nS~ 220 .*\nC: NOOP\nS~ 250 .*\nclient: \nC: NOOP\nS~ 250 .*\n",
    "reset": PLAIN + "reset\n",
}

BAD = {
    "wrong text": PLAIN + "C: NOOP\nS: 250 2.0.0 OK\n",
    "wrong code": PLAIN + "C: NOOP\nS~ 251 .*\n",
    "missing": PLAIN + "C: EHLO x\nS... 250\nhas: BURL\n",
    "there": PLAIN + "C: EHLO x\nS... 250\nhasnt: SIZE .*\n",
    "one reply too many": PLAIN + "C: NOOP\nC: NOOP\nS~ 250 .*\n",
    "one too few": PLAIN + "C: NOOP\n2*S~ 250 .*\n",
    "not closed": PLAIN + "C: NOOP\nS~ 250 .*\nclose\n",
    "octets before the end": PLAIN + "C: QUIT\nclose\n",
    "not silent": PLAIN + "C: NOOP\nsilence: 0.5\nS~ 250 .*\n",
    "nothing delivered": PLAIN + "delivered: 1\n",
    "relay got nothing": PLAIN + "relay-got: EHLO x\n",
    "no log": PLAIN + "log: event=connect\n",
    "no message": PLAIN + "message:\n  Subject: x\n",
    "wrong password": "login: bob\n",
    "signal": PLAIN + "config: hostname dies\nwait: 1\n",
    "sanitizer": PLAIN + "config: hostname talks\nwait: 1\n",
    "secret": PLAIN + "config: hostname leaks\nwait: 1\n",
    "child": PLAIN + "config: hostname child\nwait: 1\n",
    "no daemon": PLAIN + "config: -certificate\n",
}

BROKEN = ("S 250\nfoo: bar\n", "bar\n")


def play(text, shared):
    path = os.path.join(shared, "dialogue")
    with open(path, "w") as f:
        f.write(text)
    player = Player(path, shared, shared)
    player.patience = 1
    return player.run()


def talk(directives, pieces, shared):
    """What a scripted relay answers; None where it says nothing more."""
    relay = Relay(directives, pki=shared)
    with socket.create_connection(("127.0.0.1", relay.port)) as s:
        s.settimeout(0.5)
        out = []
        for piece in pieces:
            try:
                s.sendall(piece)
                out.append(s.recv(65536))
            except (socket.timeout, OSError):
                out.append(None)
    relay.stop()
    return out, relay


def relay_cases(shared):
    """Yields (name, whether it is as it should be)."""
    start = [b"", b"EHLO x\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"DATA\r\n"]
    out, relay = talk([], start + [b"a\r\n..b\r\n.\r\n"], shared)
    yield "takes a message", out[5] == b"250 2.0.0 Queued as 1\r\n"
    yield "undoes stuffing", relay.completed[0].data == b"a\r\n.b\r\n"
    out, relay = talk([], start + [b"a\n.\nb\r\n.\r\n"], shared)
    yield "is strict", relay.completed[0].data == b"a\n.\nb\r\n"
    for end in (b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"):
        out, relay = talk(["lax"], start + [b"a" + end], shared)
        yield "is lax about %r" % end, len(relay.completed) == 1
    out, relay = talk(["end drop"], start + [b"a\r\n.\r\n"], shared)
    yield "drops", out[5] in (b"", None) and not relay.completed and len(relay.messages) == 1
    out, relay = talk(["rcpt#1 reply 550 no"], start, shared)
    yield "answers as told", out[3:] == [b"550 no\r\n", b"554 5.5.1 No valid recipients\r\n"]
    out, relay = talk(["with CHUNKING"], start[:4] + [b"BDAT 4\r\n.\r\nx", b"BDAT 0 LAST\r\n"], shared)
    yield "takes chunks", relay.completed[0].data == b".\r\nx" and not relay.violations
    out, relay = talk(["mail silent"], start[:3], shared)
    yield "is silent", out[2] is None
    out, relay = talk(["without PIPELINING"], [b"", b"EHLO x\r\n", b"NOOP\r\nNOOP\r\n"], shared)
    yield "sees pipelining", len(relay.violations) == 1
    out, relay = talk(["without DSN"], [b"", b"EHLO x\r\n", b"MAIL FROM:<a@b> RET=FULL\r\n"], shared)
    yield "sees parameters", len(relay.violations) == 1
    out, relay = talk(["lmtp", "end#2 reply 450 4.0.0 no"],
                      [b"", b"LHLO x\r\n"] + start[2:3] + 2 * start[3:4] + [b"DATA\r\n", b"a\r\n.\r\n", b"NOOP\r\n"], shared)
    yield "speaks LMTP", b"\r\n450 " in relay.messages[0].answer
    out, relay = talk(["greeting lines 3 220 x"], [b""], shared)
    yield "answers in lines", out[0] == b"220-x\r\n220-x\r\n220 x\r\n"


def imapd_is_gone():
    """One that has ended takes no connection, not even its last."""
    with Imapd(ImapScript()) as d:
        with socket.create_connection(("127.0.0.1", d.port)) as s:
            good = s.recv(4) == b"* OK"
        time.sleep(.05)         # it waits for the next
    try:
        socket.create_connection(("127.0.0.1", d.port)).close()
        return False
    except ConnectionRefusedError:
        return good


def main():
    shared = tempfile.mkdtemp(prefix="selftest-")
    os.chmod(shared, 0o755)
    failed = 0

    def result(name, fine, more=()):
        nonlocal failed
        failed += not fine
        print("%s - %s" % ("ok" if fine else "not ok", name), flush=True)
        for line in more:
            print("# " + line)

    try:
        pki.make(shared)
        daemon.write_users(os.path.join(shared, "users"))
        path = os.path.join(shared, "smtpsubmitd")
        with open(path, "w") as f:
            f.write(STAND_IN % {"python": sys.executable,
                                "lib": os.path.dirname(os.path.abspath(__file__))})
        os.chmod(path, 0o755)
        result("escapes", unescape(r"a\r\n\0\x41\\\{3*x\t}\{base64 a\0b}")
               == b"a\r\n\0A\\x\tx\tx\tYQBi")
        for name, text in GOOD.items():
            complaints = play(text, shared)
            result("passes: " + name, not complaints, complaints)
        for name, text in BAD.items():
            result("fails: " + name, bool(play(text, shared)))
        for text in BROKEN:
            try:
                Dialogue(text)
                result("refuses %r" % text, False)
            except ValueError:
                result("refuses %r" % text, True)
        for name, fine in relay_cases(shared):
            result("relay: " + name, fine)
        result("imapd: is gone", imapd_is_gone())
    finally:
        daemon.kill_all()
        shutil.rmtree(shared, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
