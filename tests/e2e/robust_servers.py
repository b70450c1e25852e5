"""Cases of robust.t about the next server and the message given to it."""
import os
import re
import signal
import ssl
import time

from common_driver import SLOW, begin, end, expect, reply, say, skip, talk, wait
from robust_case import (FROM, Place, at_once, begin_data, measurable,
                         processes, requirement, send_message, vm_data)
import relay as scripted

PLACE = Place(*begin("robust"))


class Records:
    """A TLS connection that sends each line in a record of its own, and what
    is sent at once in one segment."""

    def __init__(self, sock, context):
        self.sock = sock
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inside, self.outside,
                                    server_side=True)
        self.need(self.tls.do_handshake)
        self.flush()

    def flush(self):
        data = self.outside.read()
        if data:
            self.sock.sendall(data)

    def need(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError from None
                self.inside.write(data)

    def recv(self, size):
        return self.need(lambda: self.tls.read(size))

    def sendall(self, data):
        for line in data.splitlines(keepends=True):
            self.tls.write(line)
        self.flush()

    def shutdown(self, how):
        self.sock.shutdown(how)

    def close(self):
        self.sock.close()


def handshake(self):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = self.relay.pki + "/good"
    context.load_cert_chain(path + ".pem", path + ".key")
    self.sock = Records(self.sock, context)
    self.secure = True


scripted.Connection.handshake = handshake
TLS = ["relay smtps://localhost:{relay}", "relay-ca {pki}/ca.pem"]


def stray_reply(name, relay, wanted):
    """Messages, of which these codes are to come and no false 250."""
    with PLACE.house(name, TLS, ["tls", "tolerant"] + relay) as h:
        with requirement(name, h) as wrong:
            c = h.login(patience=15)
            for number, codes in enumerate(wanted, 1):
                say(c, "MAIL FROM:<alice@example.org>")
                say(c, "RCPT TO:<bob@example.org>")
                time.sleep(0.2)     # all that is stray has come
                got = say(c, "DATA")
                if got.startswith("354"):
                    c.send(FROM + b"x\r\n.\r\n")
                    got = reply(c)[-1]
                if not re.match(codes, got):
                    wrong.append("message %d: %s" % (number, got))
                said = [m for m in h.relay.messages if m.completed]
                if got.startswith("2") and len(said) < number:
                    wrong.append("message %d: the server took %d" %
                                 (number, len(said)))
                say(c, "RSET")


def stray_replies():
    rcpt = "rcpt reply 250 2.1.5 ok\\r\\n"
    final = "end reply 554 5.7.1 refused"
    for how, keyword in ("with", "with CHUNKING"), ("without", "without CHUNKING"):
        name = "a stray 250 in a TLS record of its own behind RCPT is " \
            "credited to no message, %s CHUNKING" % how
        stray_reply(name, [keyword, rcpt + "250 2.0.0 stray", final],
                    ["[45]", "[45]"])
    stray_reply("stray 354 and 250 in TLS records of their own behind RCPT "
                "are credited to no message",
                ["without CHUNKING", rcpt + "354 stray\\r\\n250 2.0.0 stray",
                 final], ["[45]", "[45]"])
    for how in "with", "without":
        stray_reply("a stray 250 in a TLS record of its own behind a "
                    "message's answer is not the next one's, %s CHUNKING" %
                    how, [how + " CHUNKING",
                          "end#1 reply 250 2.0.0 one\\r\\n250 2.0.0 stray",
                          "end#2 reply 554 5.7.1 refused"], ["250", "[45]"])


def slow_chunks():
    """Its answers, one after another, take longer than we may wait."""
    with PLACE.house("slow chunks", ["relay-timeout 3s"],
                     ["with CHUNKING", "bdat delay 1.8", "end delay 1.8"]) as h:
        with requirement("a relay that answers each chunk slowly: 451 within "
                         "relay-timeout, and it has not accepted", h) as wrong:
            c = h.login(patience=40)
            begin_data(c)
            began = time.monotonic()
            c.send(FROM + (b"x" * 70 + b"\r\n") * 12000 + b".\r\n")
            got = reply(c)[-1]
            took = time.monotonic() - began
            if not got.startswith("451 4."):
                wrong.append("the client heard " + got)
            if took > 6 * SLOW:
                wrong.append("after %.1f s" % took)
            wait(25, lambda: not h.relay.open)
            if h.relay.open:
                wrong.append("the connection is still open")
            if h.relay.completed:
                wrong.append("the relay accepted")
    with PLACE.house("slow chunks in time", ["relay-timeout 4s"],
                     ["with CHUNKING", "bdat delay 0.2", "end delay 0.2"]) as h:
        with requirement("a relay that answers each chunk slowly, but in "
                         "time: 250, and it has accepted", h) as wrong:
            got = send_message(h.login(), (b"x" * 70 + b"\r\n") * 4500)
            if not got.startswith("250") or len(h.relay.completed) != 1:
                wrong.append("%s; %d accepted" % (got, len(h.relay.completed)))


def vrfy():
    with PLACE.house("VRFY") as h:
        with requirement("VRFY amid a transaction whose relay has closed: "
                         "the message gets 451", h) as wrong:
            c = h.envelope()
            for sock in list(h.relay.open.values()):
                sock.shutdown(2)
            wait(5, lambda: not h.relay.open)
            time.sleep(0.1)
            talk(c, "VRFY bob", "2")
            got = say(c, "DATA")
            if got.startswith("354"):
                c.send(FROM + b"x\r\n.\r\n")
                got = reply(c)[-1]
            if not got.startswith("451 4."):
                wrong.append(got)
            if h.relay.messages:
                wrong.append("a message was given to another connection")


def failing_mails():
    for what, relay in (
            ("that refuses EHLO", ["ehlo reply 550 5.5.0 no",
                                   "helo reply 550 5.5.0 no"]),
            ("that is down", ["down"])):
        name = "400 MAILs to a relay %s: its process needs no more memory" \
            % what
        if measurable():
            skip(name, measurable())
            continue
        with PLACE.house("a relay " + what, [], relay) as h:
            with requirement(name, h) as wrong:
                c = h.login(patience=30)
                time.sleep(0.2)
                before = processes(h)
                talk(c, "MAIL FROM:<alice@example.org>", "451")
                born = processes(h) - before
                if len(born) != 1:
                    raise RuntimeError("the relay process: %s" % born)
                pid = born.pop()
                first = vm_data(pid)
                for _ in range(400):
                    talk(c, "MAIL FROM:<alice@example.org>", "451")
                if vm_data(pid) > first:
                    wrong.append("VmData from %d to %d kB" %
                                 (first, vm_data(pid)))


def received():
    with PLACE.house("EHLO again") as h:
        with requirement("after EHLO with another name the next Received has "
                         "the new name", h) as wrong:
            c = h.login()
            for name in "client.example.net", "other.example.net":
                talk(c, "EHLO " + name, "250")
                got = send_message(c)
                if not got.startswith("250"):
                    wrong.append(got)
                    break
                data = h.relay.completed[-1].data
                found = re.match(rb"Received: from (\S+)", data)
                if not found or found.group(1) != name.encode():
                    wrong.append("for %s: %r" % (name, data[:80]))


def pipelined():
    """A relay that says of each recipient who it is."""
    with PLACE.house("64 KB of RCPTs", [],
                     ["rcpt#%d reply %s" % (i, "550 5.1.1 no %d" % i
                                            if i % 7 == 0 else
                                            "250 2.1.5 yes %d" % i)
                      for i in range(1, 101)]) as h:
        with requirement("more than 64 KB of RCPTs pipelined behind the "
                         "first MAIL are all answered, in order", h) as wrong:
            c = h.login(patience=20)
            lines = [b"MAIL FROM:<alice@example.org>\r\n"]
            for i in range(1, 101):
                lines.append(b"RCPT TO:<u%d@example.net> %sORCPT=rfc822;%s"
                             b"\r\n" % (i, b" " * 2000, b"x" * 480))
            c.send(b"".join(lines))
            expect(c, "250")
            for i in range(1, 101):
                got = reply(c)[-1]
                if not re.match("(550|250) .* (no|yes) %d$" % i, got) or \
                        got.startswith("550") != (i % 7 == 0):
                    wrong.append("recipient %d: %s" % (i, got))
                    break
            else:
                talk(c, "DATA", "354")
                c.send(FROM + b"x\r\n.\r\n")
                expect(c, "250")
                if len(h.relay.completed[0].recipients) != 86:
                    wrong.append("not all were recipients")


def session_gone():
    """Its session is killed while the relay waits for an answer."""
    for what, step, accepted in (
            ("the answer to MAIL: it goes, too",
             "mail silent", None),
            ("the answer to the dot: the outcome is waited for and logged",
             "end delay 3", "accepted")):
        with PLACE.house("session gone", ["relay-timeout 60s"], [step]) as h:
            h.expected = "child-died"
            with requirement("a relay process whose session has died awaits "
                             + what, h) as wrong:
                h.daemon.dial("port").close()   # it listens
                wait(5, lambda: len(processes(h)) == 2)
                before = processes(h)
                c = h.login()
                session = processes(h) - before
                if len(session) != 1:
                    raise RuntimeError("the session: %s" % session)
                if accepted:
                    begin_data(c)
                    c.send(FROM + b"x\r\n.\r\n")
                else:
                    c.send(b"MAIL FROM:<alice@example.org>\r\n")
                time.sleep(0.7 * SLOW)
                os.kill(session.pop(), signal.SIGKILL)
                if accepted and not wait(6, lambda: "event=" + accepted in
                                         h.daemon.log()):
                    wrong.append("the outcome was not logged")
                if not wait(2, lambda: not h.relay.open):
                    wrong.append("the connection is still open")


at_once(stray_replies, slow_chunks, failing_mails, session_gone,
        lambda: [f() for f in (vrfy, received, pipelined)])
end()
