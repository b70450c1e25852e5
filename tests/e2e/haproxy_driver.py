"""The rows of haproxy.t."""
import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from common_driver import (HERE, SLOW, Client, Unexpected, at_end, begin, daemon,
                           expect, give_envelope, leave, report, run_parts,
                           say, skip, talk, wait, write)
from robust_case import Place, alone, requirement

os.environ["PATH"] += ":/usr/sbin:/sbin"
if not shutil.which("haproxy"):
    skip("haproxy", "no haproxy; tests/packages check")
    sys.exit(0)
BUILD, T = begin("haproxy")
PLACE = Place(BUILD, T)
SEEN = T + "/seen"          # what the helper was told of its clients
HELPER = write(T + "/helper", """#!/bin/sh
echo "$TCPREMOTEIP" >>%s
exec "$@"
""" % SEEN, 0o755)
BEHIND = ["trusted-proxy 127.0.0.1", "proxy-protocol yes",
          "max-connections-per-source 3",
          "auth %s %s/checkpassword-file {users}" % (HELPER, BUILD)]
DEFAULTS = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 5s
"""


class Haproxy:
    """In the foreground with these sections; ports by the names of frontends.
    In the text {house.port} and {house.tlsport} are the daemons'."""

    def __init__(self, text, **houses):
        names = re.findall(r"(?m)^(?:frontend|listen) (\w+)", text)
        self.reserved = daemon.reserve(len(names))
        self.port = {n: s.getsockname()[1]
                     for n, s in zip(names, self.reserved)}
        for name, house in houses.items():
            for which in "port", "tlsport":
                text = text.replace("{%s.%s}" % (name, which), "127.0.0.1:%d"
                                    % house.daemon.names[which])
        for name, port in self.port.items():
            text = text.replace("{%s}" % name, str(port))
        self.socket = T + "/%s.sock" % names[0]
        if "defaults" not in text:
            text = DEFAULTS + text
        self.path = write(T + "/%s.cfg" % names[0],
                          "global\n    stats socket %s\n%s" % (
                              self.socket, text))

    def __enter__(self):
        for s in self.reserved:
            s.close()
        self.log = open(self.path + ".log", "wb+")
        self.process = subprocess.Popen(
            ["haproxy", "-db", "-f", self.path], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT)
        at_end.append(self.stop)
        if not wait(10, lambda: os.path.exists(self.socket) or
                    self.process.poll() is not None) or \
                self.process.poll() is not None:
            raise RuntimeError("haproxy: " + self.said())
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def stat(self, backend, field):
        """A column of `show stat`, of each server of the backend."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            s.sendall(b"show stat\n")
            text = b""
            while piece := s.recv(65536):
                text += piece
        rows = [r.split(",") for r in text.decode().splitlines() if r]
        head = rows[0]
        return {r[1]: r[head.index(field)] for r in rows[1:]
                if r[0] == backend and r[1] not in ("FRONTEND", "BACKEND")}


def come(port, source, how="plain", to="127.0.0.1"):
    """A client of HAProxy, greeted, by TLS if wanted; None: closed at once."""
    sock = socket.create_connection((to, port), 10, (source, 0))
    c = Client(sock, T + "/ca.pem", 10 * SLOW)
    if how == "tls":
        c.start_tls()
    expect(c, "220")
    if how == "starttls":
        talk(c, "EHLO client.example.net", "250")
        talk(c, "STARTTLS", "220")
        c.start_tls()
    talk(c, "EHLO client.example.net", "250")
    return c


def log_in(c, user="alice"):
    plain = "\0%s\0%spw" % (user, user)
    talk(c, "AUTH PLAIN " + base64.b64encode(plain.encode()).decode(), "235")


def send(c, text):
    """A message; what the server says of it."""
    give_envelope(c)
    talk(c, "DATA", "354")
    c.send(b"From: <alice@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 "
           b"+0000\r\nSubject: " + text.encode() + b"\r\n\r\nx\r\n.\r\n")
    return expect(c, "250")[-1]


def sessions(h):
    """Client addresses of the `connect` lines so far."""
    return re.findall(r"event=connect client=(\S+)", h.daemon.log())


# The address of the client

VERSIONS = """
listen v1
    bind 127.0.0.1:{v1}
    server a {a.port} send-proxy
listen v2
    bind 127.0.0.1:{v2}
    server a {a.port} send-proxy-v2
listen v2tlvs
    bind 127.0.0.1:{v2tlvs}
    unique-id-format %%{+X}o\\ %%ci:%%cp_%%fi:%%fp
    server a {a.port} send-proxy-v2 proxy-v2-options crc32c,unique-id,authority
listen v1tls
    bind 127.0.0.1:{v1tls}
    server a {a.tlsport} send-proxy
listen v2tls
    bind 127.0.0.1:{v2tls}
    server a {a.tlsport} send-proxy-v2
listen six
    bind ::1:{six}
    server a {a.port} send-proxy-v2
listen six1
    bind ::1:{six1}
    server a {a.tlsport} send-proxy
""".replace("%%", "%")


def who_comes():
    with PLACE.house("addresses", BEHIND) as a:
        a.daemon.dial("port").close()
        with Haproxy(VERSIONS, a=a) as proxy:
            n = 30
            for name in proxy.port:
                n += 1
                six = name.startswith("six")
                source = "::1" if six else "127.0.0.%d" % n
                how = "tls" if name in ("v1tls", "v2tls", "six1") else \
                    "starttls"
                with requirement("HAProxy, %s, %s: the client is known by "
                                 "its address" % (name, how), a) as wrong:
                    client(a, proxy.port[name], source, how, wrong)


def client(a, port, source, how, wrong):
    before = len(a.relay.completed)
    c = come(port, source, how, "::1" if ":" in source else "127.0.0.1")
    log_in(c)
    send(c, "hello")
    leave(c)
    data = a.relay.completed[before].data
    literal = "[IPv6:%s]" % source if ":" in source else "[%s]" % source
    if not data.startswith(b"Received: from client.example.net (%s)" %
                           literal.encode()):
        wrong.append("Received: %r" % data[:200])
    with open(SEEN) as f:
        if f.read().split()[-1] != source:
            wrong.append("the helper was told of another")
    for event in "connect", "tls", "auth", "mail", "accepted", "close":
        if not wait(3, lambda: re.search("event=%s client=%s( |$)" % (
                event, re.escape(source)), a.daemon.log(), re.M)):
            wrong.append("no %s in the log" % event)
    if not re.search("event=connect client=%s proxy=127.0.0.1$" %
                     re.escape(source), a.daemon.log(), re.M):
        wrong.append("the proxy is not in the log")


# Two instances are one service

def from_manual():
    """The example of smtpsubmitd.conf(5), with our ports and in a hurry, but
    with time for a handshake: HAProxy waits no longer than `inter` for it."""
    with open(os.path.join(HERE, "..", "..", "man",
                           "smtpsubmitd.conf.5")) as f:
        text = f.read().partition("\n.Ss HAProxy in front\n")[2]
    text = re.search(r"(?m)^(defaults\n.*?)^\.Ed", text, re.S)[1]
    for old, new in [("inter 2s", "inter 800 fall 2 rise 1"),
                     ("192.0.2.11:587", "{a.port}"),
                     ("192.0.2.12:587", "{b.port}"),
                     ("192.0.2.11:465", "{a.tlsport}"),
                     ("192.0.2.12:465", "{b.tlsport}"),
                     ("bind :587", "bind 127.0.0.1:{submission}"),
                     ("bind :465", "bind 127.0.0.1:{submissions}")]:
        if old not in text:
            raise RuntimeError("no %s in the manual's example" % old)
        text = text.replace(old, new)
    return text


def two_instances():
    with PLACE.house("b", BEHIND) as b, \
            alone(PLACE.house("a", BEHIND)) as a:
        for h in a, b:
            h.daemon.dial("port").close()
        with Haproxy(from_manual(), a=a, b=b) as proxy:
            port = proxy.port["submission"]
            up = ["UP", "UP"]
            report(wait(5, lambda: [
                *proxy.stat("submission", "status").values()] == up and [
                *proxy.stat("submissions", "status").values()] == up),
                "HAProxy as in the manual sees both instances",
                proxy.stat("submission", "last_chk"),
                proxy.stat("submissions", "last_chk"))
            told = spread(a, b, proxy)
            killed(a, b, proxy, port, told)


def accepted(*houses):
    """The subjects that the relays have taken."""
    return [re.search(rb"Subject: (.*)\r\n", m.data)[1].decode()
            for h in houses for m in h.relay.completed]


def spread(a, b, proxy):
    told = []
    ways = [("starttls", proxy.port["submission"]),
            ("tls", proxy.port["submissions"])]
    with requirement("HAProxy spreads sessions over two instances", b) as w:
        for i in range(12):
            how, port = ways[i % 2]
            c = come(port, "127.0.0.%d" % (50 + i), how)
            log_in(c)
            send(c, "spread %d" % i)
            told.append("spread %d" % i)
            leave(c)
        if len(sessions(a)) != 6 or len(sessions(b)) != 6:
            w.append("%d and %d" % (len(sessions(a)), len(sessions(b))))
        if sorted(accepted(a, b)) != sorted(told):
            w.append("%s instead of %s" % (accepted(a, b), told))
    return told


def half_sent(c, text):
    """A message without its end."""
    give_envelope(c)
    talk(c, "DATA", "354")
    c.send(b"From: <alice@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 "
           b"+0000\r\nSubject: " + text.encode() + b"\r\n\r\nx\r\n")


def killed(a, b, proxy, port, told):
    """Clients amid a message, some after one; then one instance is no more."""
    clients = {}
    for i in range(8):
        c = come(port, "127.0.0.%d" % (70 + i), "starttls")
        log_in(c)
        send(c, "before %d" % i)
        told.append("before %d" % i)
        half_sent(c, "amid %d" % i)
        clients[i] = c
    a.daemon.kill()
    lost = []
    with requirement("an instance is killed: who was with the other goes "
                     "on", b) as wrong:
        for i, c in clients.items():
            try:
                c.send(b".\r\n")
                expect(c, "250")
                told.append("amid %d" % i)
                leave(c)
            except (Unexpected, OSError):
                lost.append(i)
        if len(lost) != 4:
            wrong.append("%d of 8 lost their connection" % len(lost))
    with requirement("and who lost his connection comes again, at once",
                     b) as wrong:
        for i in lost:
            since = time.monotonic()
            c = come(port, "127.0.0.%d" % (70 + i), "starttls")
            log_in(c)
            send(c, "amid %d" % i)
            told.append("amid %d" % i)
            leave(c)
            if time.monotonic() - since > 5 * SLOW:
                wrong.append("%.1f s" % (time.monotonic() - since))
    with requirement("no accepted message is lost, none is doubled",
                     b) as wrong:
        if sorted(accepted(a, b)) != sorted(told):
            wrong.append("%s instead of %s" % (
                sorted(accepted(a, b)), sorted(told)))
    report(wait(5, lambda: proxy.stat("submission", "status") ==
                {"one": "DOWN", "two": "UP"}), "HAProxy sees which one is gone",
           proxy.stat("submission", "status"))


# Health checks

CHECKS = """
backend smtpchk_v2
    option smtpchk EHLO haproxy
    server a {a.port} send-proxy-v2 check check-send-proxy inter 100
backend smtpchk_v1
    option smtpchk HELO haproxy
    server a {a.port} send-proxy check check-send-proxy inter 100
backend tcp_v2
    server a {a.port} send-proxy-v2 check check-send-proxy inter 100
backend tcp_v1
    server a {a.port} send-proxy check check-send-proxy inter 100
backend tcp_465
    server a {a.tlsport} send-proxy-v2 check check-send-proxy inter 100
backend tls_465
    server a {a.tlsport} send-proxy-v2 check check-send-proxy check-ssl inter 800 verify none
listen checks
    bind 127.0.0.1:{checks}
    server a {a.port} check port {bare} inter 100
"""


def health_checks():
    with PLACE.house("checks", BEHIND) as a:
        a.daemon.dial("port").close()
        text = CHECKS.replace("{bare}", str(a.daemon.names["port"]))
        with Haproxy(text, a=a) as proxy:
            time.sleep(2.5 * SLOW)
            backends = re.findall(r"(?:backend|listen) (\w+)", text)
            for name in backends:
                status = proxy.stat(name, "status")
                report(status == {"a": "UP"}, "HAProxy's check %s is content" %
                       name, status, proxy.stat(name, "last_chk"))
        lines = [s for s in a.daemon.log().splitlines()
                 if not s.startswith("session=- ")]
        report(not lines, "and its checks are not in the log",
               "%d lines" % len(lines), *lines[:5])


# Limits, and what clients forge

FRONT = """
listen front
    bind 127.0.0.1:{front}
    server a {a.port} send-proxy-v2
listen fronttls
    bind 127.0.0.1:{fronttls}
    server a {a.tlsport} send-proxy
"""


def limits(a, proxy):
    port = proxy.port["front"]
    with requirement("the limit of connections is the client's, not "
                     "HAProxy's", a) as wrong, contextlib.ExitStack() as held:
        for source in 3 * ["127.0.0.91"] + 3 * ["127.0.0.92"]:
            held.callback(come(port, source).hang_up)
        over = socket.create_connection(("127.0.0.1", port), 10,
                                        ("127.0.0.91", 0))
        held.callback(over.close)
        over.settimeout(10 * SLOW)
        got = over.makefile("rb").read()
        if got != b"421 4.7.0 Too many connections, try again later\r\n":
            wrong.append("the fourth: %r" % got)
        over = socket.create_connection(
            ("127.0.0.1", proxy.port["fronttls"]), 10, ("127.0.0.92", 0))
        held.callback(over.close)
        over.settimeout(10 * SLOW)
        if over.recv(100) != b"":
            wrong.append("the fourth, TLS at once, is not closed")
        c = come(port, "127.0.0.93")
        leave(c)
    with requirement("and free again when they have gone", a) as wrong:
        wait(5, lambda: len(re.findall("event=close client=127.0.0.91",
                                       a.daemon.log())) == 4)
        c = come(port, "127.0.0.91")
        leave(c)


def next_generation(a, proxy):
    """What the proxy has named is known to those that come after, too."""
    with requirement("a new generation counts the clients of HAProxy that "
                     "the old one has", a) as wrong, \
            contextlib.ExitStack() as held:
        for _ in range(3):
            held.callback(come(proxy.port["front"], "127.0.0.98").hang_up)
        before = a.daemon.log().count("event=generation ")
        a.daemon.process.send_signal(signal.SIGHUP)
        if not wait(10, lambda: a.daemon.log().count("event=generation ") >=
                    before + 2):
            wrong.append("no new generation")
        got = "nothing"
        with contextlib.suppress(Unexpected):
            come(proxy.port["front"], "127.0.0.98").hang_up()
            got = "a greeting"
        if got != "nothing" or not wait(3, lambda: re.search(
                "event=turned-away client=127.0.0.98", a.daemon.log())):
            wrong.append("the fourth gets " + got)
        leave(come(proxy.port["front"], "127.0.0.99"))


V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\2\x4b"


def forged(a, proxy):
    direct = a.daemon.names["port"]
    for name, port, header in [
            ("a stranger", direct, b"PROXY TCP4 192.0.2.7 127.0.0.1 1 587\r\n"),
            ("a stranger, version 2", direct, V2),
            ("a client of HAProxy", proxy.port["front"],
             b"PROXY TCP4 192.0.2.7 127.0.0.1 1 587\r\n"),
            ("a client of HAProxy, version 2", proxy.port["front"], V2)]:
        with requirement("a PROXY header of %s is not believed" % name,
                         a) as wrong:
            sock = socket.create_connection(("127.0.0.1", port), 10,
                                            ("127.0.0.95", 0))
            c = Client(sock, T + "/ca.pem", 10 * SLOW)
            c.send(header)
            expect(c, "220")
            expect(c, "50")
            c.hang_up()
            if "client=192.0.2.7" in a.daemon.log():
                wrong.append("it was taken")
    with requirement("a PROXY header of a stranger before TLS is no TLS",
                     a) as wrong:
        with socket.create_connection(
                ("127.0.0.1", a.daemon.names["tlsport"]), 10,
                ("127.0.0.95", 0)) as sock:
            sock.settimeout(10 * SLOW)
            sock.sendall(V2 + b"\x16\3\1\0\5")
            got = sock.recv(1000)
        if got[:1] not in (b"", b"\x15") or not wait(3, lambda: re.search(
                "event=tls-failed client=127.0.0.95", a.daemon.log())):
            wrong.append("%r" % got)
    with requirement("XCLIENT of a client of HAProxy is refused", a) as wrong:
        c = come(proxy.port["front"], "127.0.0.96")
        got = say(c, "XCLIENT ADDR=192.0.2.7")
        if not got.startswith("550 5.7.0"):
            wrong.append(got)
        leave(c)


def waiting(a, proxy):
    """Thirty that say nothing do not hold up the nursery."""
    with requirement("who waits with his header keeps nobody waiting",
                     a) as wrong:
        silent = [socket.create_connection(
            ("127.0.0.1", a.daemon.names["port"]), 10) for _ in range(30)]
        since = time.monotonic()
        leave(come(proxy.port["front"], "127.0.0.97"))
        if time.monotonic() - since > 2 * SLOW:
            wrong.append("%.1f s" % (time.monotonic() - since))
        for s in silent:
            s.settimeout(10 * SLOW)
            if s.recv(100) != b"":
                wrong.append("a silent one is told something")
            s.close()
        if not 4 < time.monotonic() - since < 8 * SLOW:
            wrong.append("closed after %.1f s" % (time.monotonic() - since))
        if not wait(3, lambda: len(re.findall(
                'event=proxy-refused client=127.0.0.1 reason="no header in '
                'time"', a.daemon.log())) == 30):
            wrong.append("not one line each")


def one_house():
    with PLACE.house("limits", BEHIND) as a:
        a.daemon.dial("port").close()
        with Haproxy(FRONT, a=a) as proxy:
            limits(a, proxy)
            forged(a, proxy)
            next_generation(a, proxy)
            waiting(a, proxy)


def main():
    run_parts(who_comes, two_instances, health_checks, one_house)


if __name__ == "__main__":
    main()
