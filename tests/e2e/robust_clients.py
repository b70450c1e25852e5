"""Cases of robust.t about clients, and about what the daemon is started with."""
import base64
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time

from common_driver import (SLOW, begin, daemon, end, reply, say,
                           skip, talk, wait, write)
from robust_case import (Place, at_once, cpu_seconds, measurable, processes,
                         requirement, vm_data)

BUILD, T = begin("robust")
PLACE = Place(BUILD, T)


def session_of(h, connect):
    """The connection, greeted, and the pid of its session."""
    h.dial("plain")
    time.sleep(0.2)
    before = processes(h)
    sock = connect(h.daemon.names["port"])
    sock.recv(1000)
    born = processes(h) - before
    if len(born) != 1:
        raise RuntimeError("the session: %s" % born)
    return sock, born.pop()


OK = b"250 2.0.0 OK\r\n"


def queued(port):
    """Octets that the kernel has of the daemon's replies: what it has not
    sent, and what nobody has read."""
    total = 0
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            words = line.split()
            sent, unread = (int(x, 16) for x in words[4].split(":"))
            if int(words[1].split(":")[1], 16) == port:
                total += sent
            elif int(words[2].split(":")[1], 16) == port:
                total += unread
    return total


def settled(port):
    """The same when it does not change any more."""
    seen = [0, 1, 2]
    wait(5, lambda: time.sleep(0.1) or seen.append(queued(port)) or
         seen[-1] == seen[-2] == seen[-3] > 0)
    return seen[-1]


def pours(h):
    """A client who does not read until he is told to; greeted."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20 * SLOW)
    sock.connect(("127.0.0.1", h.daemon.names["port"]))
    sock.recv(1000)
    return sock


def reads_late():
    """As `printf ... | nc` does: it says all, closes its direction, and reads
    when there is time. What the kernel did not take by then comes, too."""
    name = "a client that closes its direction reads every reply"
    with PLACE.house("reads late") as h:
        with requirement(name, h) as wrong:
            h.dial("plain").hang_up()
            sock, port = pours(h), h.daemon.names["port"]
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(b"NOOP\r\n" * 1000)
            room = settled(port)
            sock.close()
            for more in range(-32000, 80000, 16000):
                n = (room + more) // len(OK)
                sock = pours(h)
                sock.sendall(b"NOOP\r\n" * n)
                sock.shutdown(socket.SHUT_WR)
                settled(port)
                got = b""
                while part := sock.recv(1 << 16):
                    got += part
                sock.close()
                if got != OK * n:
                    wrong.append("%d replies to %d commands, the last %r" % (
                        got.count(OK), n, got[-20:]))


def never_reads():
    names = ["a client that sends HELP for ever and never reads costs no " +
             what for what in ("CPU", "memory")]
    if measurable():
        for name in names:
            skip(name, measurable())
        return
    with PLACE.house("HELP for ever") as h:
        with requirement(names[0], h) as wrong:
            sock, pid = session_of(h, lambda port: socket.create_connection(
                ("127.0.0.1", port), 5))
            first = vm_data(pid)
            sock.setblocking(False)
            sent, since = 0, time.monotonic()
            while time.monotonic() - since < 2:
                try:
                    sent += sock.send(b"HELP\r\n" * 5000)
                except BlockingIOError:
                    time.sleep(0.02)
            pids = processes(h)
            before = cpu_seconds(pids)
            time.sleep(3)
            used = cpu_seconds(pids) - before
            if used > 0.3:
                wrong.append("%.2f s of CPU in 3 s" % used)
            if sent < 65536:
                wrong.append("only %d octets were sent" % sent)
        with requirement(names[1], h) as wrong:
            if vm_data(pid) - first > 2048:
                wrong.append("VmData from %d to %d kB" % (first, vm_data(pid)))
            sock.close()


def reads_slowly():
    """Small segments, so that what is unsent is never quite nothing."""
    name = "a client that sends EHLO for ever and reads slowly costs no memory"
    if measurable():
        skip(name, measurable())
        return

    def connect(port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 60000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        return sock

    with PLACE.house("EHLO for ever", ["tls optional"]) as h:
        with requirement(name, h) as wrong:
            sock, pid = session_of(h, connect)
            first = vm_data(pid)
            sock.setblocking(False)
            request = b"EHLO a\r\n" * 5000
            sent = got = 0
            since = time.monotonic()
            while time.monotonic() - since < 8:
                try:
                    sent += sock.send(request[sent % 8:])
                except BlockingIOError:
                    pass
                time.sleep(0.001)
                try:
                    got += len(sock.recv(200000))
                except BlockingIOError:
                    time.sleep(0.0005)
            if vm_data(pid) - first > 2048:
                wrong.append("VmData from %d to %d kB" % (first, vm_data(pid)))
            if got < 1000000:
                wrong.append("only %d octets were answered" % got)
            sock.close()


def sha224():
    name = "ECDSA with SHA-224 in TLS 1.2 gets its signature"
    with PLACE.house("SHA-224") as h:
        with requirement(name, h) as wrong:
            h.dial()
            p = subprocess.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:%d" %
                 h.daemon.names["tlsport"], "-tls1_2", "-sigalgs",
                 "ECDSA+SHA224"], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", timeout=20 * SLOW)
            if not re.search("New, TLSv1.2, Cipher is ECDHE-ECDSA", p.stdout):
                wrong.append("\n".join(p.stdout.splitlines()[-12:]))
            elif not re.search("Peer signing digest: SHA224", p.stdout):
                wrong.append("another digest was used")
            if "event=violation" in h.daemon.log():
                wrong.append("the session is said to have broken the rules")


def chunk_before_login():
    with PLACE.house("BDAT before login") as h:
        with requirement("BDAT of more than 64 KB before login closes",
                         h) as wrong:
            for size in 65537, 9000000000000000000:
                c = h.dial()
                talk(c, "EHLO client.example.net", "250")
                got = say(c, "BDAT %d" % size)
                if not re.match("[45]", got):
                    wrong.append("BDAT %d: %s" % (size, got))
                c.closed()
        with requirement("BDAT of 64 KB before login is swallowed", h) as wrong:
            c = h.dial()
            talk(c, "EHLO client.example.net", "250")
            c.send(b"BDAT 65536\r\n" + b"NOOP\r\n\r\n" * 8192)
            got = reply(c)[-1]
            if not re.match("[45]", got):
                wrong.append(got)
            talk(c, "NOOP", "250")


def descriptors():
    h = PLACE.house("few descriptors", ["max-connections 200"])
    socks = daemon.reserve(2)
    h.daemon.names["port"], h.daemon.names["tlsport"] = (
        s.getsockname()[1] for s in socks)
    path = write(h.directory + "/conf", "".join(
        h.daemon.fill(line) + "\n" for line in h.daemon.config), 0o644)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def start(limit):
        return subprocess.Popen(
            ["prlimit", "--nofile=%d:%d" % (limit, limit),
             BUILD + "/smtpsubmitd", "-d", "-f", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)

    name = "too few descriptors for max-connections: refused at start, with " \
        "one line"
    if hard != resource.RLIM_INFINITY and hard < 1000:
        skip(name, "too few descriptors for this test itself")
        return
    with requirement(name) as wrong:
        p = start(128)
        try:
            out = p.communicate(timeout=5 * SLOW)[0].splitlines()
            if p.returncode != 78:
                wrong.append("status %d" % p.returncode)
            if len(out) != 1 or not re.search(
                    r"max-connections 200\b.*\b\d+ descriptors.*\b128\b",
                    out[0]):
                wrong.append("it said: %s" % out)
        except subprocess.TimeoutExpired:
            wrong.append("it started")
        finally:
            for pid in daemon.members(p.pid):
                end_process(pid)
            p.wait()
    with requirement("just enough descriptors for max-connections: it "
                     "starts") as wrong:
        p = start(700)
        daemon.running.add(p)
        try:
            def greeted():
                try:
                    with socket.create_connection(
                            ("127.0.0.1", h.daemon.names["port"]), 5) as s:
                        return s.recv(4) == b"220 "
                except OSError:
                    return False
            if not wait(5, greeted):
                wrong.append("nobody greets")
            p.terminate()
            p.wait(10 * SLOW)
        finally:
            for pid in daemon.members(p.pid):
                end_process(pid)
            p.wait()
            daemon.running.discard(p)
    h.relay.stop()
    for s in socks:
        s.close()


def end_process(pid):
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


def senders():
    """A helper that says yes to everybody, with a list as long as told."""
    program = write(T + "/long-senders", """#!/usr/bin/env python3
import os
login = os.read(3, 512).split(b"\\0")[0].decode()
size, last = int(login.split("-")[1]), "last@example.net"
first = "a@example.net "
text = first * (size // len(first))
text = text[:size - len(last) - 1].ljust(size - len(last) - 1) + " " + last
assert len(text) == size
data = b"USER=alice\\0SENDERS=" + text.encode() + b"\\0"
while data:
    data = data[os.write(4, data):]
""", 0o755)
    with PLACE.house("long SENDERS", ["auth " + program]) as h:
        for size, good in (8191, True), (8192, False), (12000, False):
            with requirement("a helper's SENDERS of %d octets: %s" % (
                    size, "taken whole" if good else "refused, not cut"),
                             h) as wrong:
                c = h.dial()
                talk(c, "EHLO client.example.net", "250")
                plain = base64.b64encode(b"\0size-%d\0word" % size).decode()
                got = say(c, "AUTH PLAIN " + plain)
                if not got.startswith("235" if good else "454 4."):
                    wrong.append(got)
                elif good:
                    talk(c, "MAIL FROM:<last@example.net>", "250")
                elif not wait(5, lambda: "SENDERS of alice is too long"
                              in h.daemon.log()):
                    wrong.append("the log does not say why")


def families():
    """Over IPv6, and over both by one socket; where there is IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as e:
        skip("clients over IPv6", str(e))
        return
    free = socket.create_server(("::", 0), family=socket.AF_INET6,
                                dualstack_ipv6=True)
    port = free.getsockname()[1]
    free.close()
    with PLACE.house("families", [
            "listen 127.0.0.1:{port}", "listen 127.0.0.1:{tlsport} tls",
            "listen *:%d" % port, "max-connections-per-source 1"]) as h:
        h.dial("plain").hang_up()
        for address, client in ("::1", "::1"), ("127.0.0.1", "127.0.0.1"):
            with requirement("a client from %s is known by it" % address,
                             h) as wrong:
                one, two = (socket.create_connection((address, port), 10)
                            for _ in range(2))
                said = one.recv(1000)[:4], two.recv(1000)[:4]
                if said != (b"220 ", b"421 "):
                    wrong.append(said)
                one.close()
                two.close()
                if not wait(5, lambda: re.search(
                        "event=turned-away client=%s " % client,
                        h.daemon.log())):
                    wrong.append("it is not in the log")


def deaf_in_a_crowd():
    """Told to make room, and deaf to it; the second time it is killed."""
    with PLACE.house("deaf", ["max-connections 4",
                              "max-connections-per-source 9"]) as h:
        name = "a stranger's session that does not make room is killed"
        with requirement(name, h) as wrong:
            _, pid = session_of(h, lambda port: socket.create_connection(
                ("127.0.0.1", port), 5))
            os.kill(pid, signal.SIGSTOP)
            time.sleep(10.5)
            h.login()
            h.login()
            time.sleep(0.2)
            held = []
            # one takes the place of another stranger, who hears that he is
            # to go; two more are too many
            for _ in range(4):
                held.append(socket.create_connection(
                    ("127.0.0.1", h.daemon.names["port"]), 5))
                held[-1].recv(100)
                time.sleep(0.3)
            if not wait(5, lambda: not os.path.exists("/proc/%d" % pid)):
                wrong.append("it lives")
            if "event=crowd" not in h.daemon.log():
                wrong.append("there was no crowd")
            for s in held:
                s.close()


at_once(reads_late, families, deaf_in_a_crowd, never_reads, reads_slowly,
        lambda: [f() for f in (descriptors, sha224, chunk_before_login,
                               senders)])
end()
