"""attacks.t: many at once, or in a hurry, beside an honest client; who can be told
from the time an answer takes; and scanners that others wrote."""
import base64
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import time

from burl_driver import HEAD
from common_driver import (SLOW, Unexpected, begin, children, end, expect, leave, reply,
                           report, say, skip, talk, wait, write)
from robust_case import Place, at_once, requirement

BUILD, T = begin("crowd")
place = Place(BUILD, T)


def descendants(pid):
    found = [pid]
    for child in children(pid):
        found += descendants(child)
    return found


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0        # gone meanwhile


def things(h):
    """Its processes, and how many descriptors they have."""
    pids = descendants(h.daemon.process.pid)
    return len(pids), sum(map(descriptors, pids))


def honest(h):
    """How long a whole session of somebody honest takes."""
    since = time.monotonic()
    c = h.envelope()
    talk(c, "DATA", "354")
    c.send(HEAD + b"x\r\n.\r\n")
    expect(c, "250")
    leave(c)
    return time.monotonic() - since


def raw(h):
    s = h.daemon.dial("port")
    s.settimeout(10 * SLOW)
    return s


def idle(h):
    """60 who say nothing; their places are theirs until they time out."""
    return [raw(h) for _ in range(60)]


def resets(h):
    """200 who come and reset."""
    for i in range(200):
        c = h.daemon.dial("port" if i % 2 else "tlsport")
        if i % 3:
            c.sendall(b"EHLO x\r\n" if i % 2 else b"\x16\x03\x01")
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    return []


def slow_writers(h):
    """8 who are amid a message, with an octet now and then."""
    out = [h.envelope() for _ in range(8)]
    for c in out:
        talk(c, "DATA", "354")
        for octet in HEAD[:20]:
            c.send(bytes([octet]))
    return [c.sock for c in out]


def never_reads(h):
    """5000 commands, and no reply is read; what is not read is not heard."""
    s = raw(h)
    s.setblocking(False)
    sent = 0
    try:
        while sent < 5000 * 6:
            sent += s.send(b"NOOP\r\n" * 100)
    except BlockingIOError:
        pass
    return [s]


def noops(h):
    c = h.login()
    c.send(b"NOOP\r\n" * 5000)
    got = {reply(c)[-1] for _ in range(5000)}
    if got != {"250 2.0.0 OK"}:
        raise Unexpected(got)
    return [c.sock]


def junk(h):
    """1000 bad commands: it hangs up at the tenth."""
    c = h.dial()
    c.send(b"JUNK\r\n" * 1000)
    n = 0
    try:
        while True:
            reply(c)
            n += 1
    except Unexpected:
        pass
    if n > 11:
        raise Unexpected("%d replies" % n)
    return []


def recipients(h):
    """1500 of them: as many as may be are taken, the others told so."""
    c = h.login()
    talk(c, "MAIL FROM:<alice@example.org>", "250")
    c.send(b"".join(b"RCPT TO:<r%d@example.net>\r\n" % i for i in range(1500)))
    got = [reply(c)[-1][:3] for _ in range(1500)]
    if got != ["250"] * got.count("250") + ["452"] * got.count("452"):
        raise Unexpected(sorted(set(got)))
    return [c.sock]


def headers(h):
    """100,000 header lines: refused when the header is too long."""
    c = h.envelope()
    talk(c, "DATA", "354")
    c.send(b"X: y\r\n" * 100000 + HEAD + b"x\r\n.\r\n")
    expect(c, "552 5.3.4")
    return [c.sock]


def guesses(h):
    """20 who guess at once, each until it is shown the door."""
    out = [h.dial() for _ in range(20)]
    for c in out:
        c.send(b"EHLO x\r\n" + b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n")
    return [c.sock for c in out]


def tiny_chunks(h):
    c = h.envelope()
    c.send(b"".join(b"BDAT 1\r\n" + bytes([o]) for o in HEAD) + b"BDAT 0 LAST\r\n")
    for _ in HEAD:
        expect(c, "250")
    expect(c, "250")
    return [c.sock]


def crowd():
    with place.house("crowd", ["max-connections 400",
                               "max-connections-per-source 400"]) as h:
        honest(h)
        before = []

        def at_rest():
            before[:] = things(h)
            return before[0] <= 3

        wait(5, at_rest)
        for attack, name in (
                (idle, "60 idle clients"), (resets, "200 resets"),
                (slow_writers, "8 slow writers"), (never_reads, "one that never reads"),
                (noops, "5000 NOOP in one write"), (junk, "1000 bad commands"),
                (recipients, "1500 recipients"), (headers, "100,000 header lines"),
                (guesses, "20 guessing at once"),
                (tiny_chunks, "a message of one-octet chunks")):
            with requirement(name + ": an honest client is served meanwhile, and "
                             "nothing is left of it", h) as wrong:
                socks = attack(h)
                took = honest(h)
                wrong += ["%.1f s" % took] * (took > 5 * SLOW)
                for s in socks:
                    s.close()
                if not wait(10, lambda: things(h) == tuple(before)):
                    wrong.append("%s, were %s" % (things(h), before))


# ---- who is it? -------------------------------------------------------------

def median(c, user):
    """Of five logins, and what is said."""
    took, said = [], set()
    plain = base64.b64encode(b"\0" + user.encode() + b"\0wrong").decode()
    for _ in range(5):
        since = time.monotonic()
        said.add(say(c(), "AUTH PLAIN " + plain))
        took.append(time.monotonic() - since)
    return statistics.median(took), said


def enumeration():
    """With hashes that cost as much as real ones; noise gets three tries."""
    hashes = "".join("%s:%s\n" % (u, subprocess.run(
        ["openssl", "passwd", "-6", "-salt", "rounds=150000$tests", u + "pw"],
        check=True, capture_output=True, text=True).stdout.strip())
        for u in ("alice", "bob"))
    users = write(T + "/costly", hashes)
    with place.house("enumeration", ["auth %s/checkpassword-file %s" % (
            BUILD, users), "auth-tries 20"]) as h, requirement(
            "a user who is not there: the same answer in the same time", h) as wrong:
        def fresh():
            c = h.dial()
            talk(c, "EHLO client.example.net", "250")
            return c

        for _ in range(3):
            there, said = median(fresh, "alice")
            missing, same = median(fresh, "nobody")
            good = abs(there - missing) < max(0.02, 0.3 * there)
            if good:
                break
        wrong += ["%.3f and %.3f s" % (there, missing)] * (not good)
        wrong += [str(said | same)] * (said != same or len(said) != 1)


# ---- what others try --------------------------------------------------------

def server_names():
    """SNI (Dovecot's CVE-2017-15130 kept each): one certificate for all, and no
    memory of them."""
    with place.house("server names") as h, requirement(
            "TLS with 60 odd server names: each is served", h) as wrong:
        context = ssl.create_default_context(cafile=h.ca)
        context.check_hostname = False
        names = ["x" * 63 + "." + "y" * 63 + "." + "z" * 63 + ".%d" % i
                 for i in range(40)]
        names += ["mail.example.org.", "*", "-", "_", "localhost", "127.0.0.1",
                  "xn--a", "%00", "a'b", "..%2f", "$(id)", "mail.example.com"]
        names += ["n%d.example" % i for i in range(60 - len(names))]
        for name in names:
            with h.daemon.dial("tlsport") as s:
                s.settimeout(10)
                try:
                    with context.wrap_socket(s, server_hostname=name) as t:
                        wrong += [name] * (not t.recv(100).startswith(b"220 "))
                except ValueError:
                    wrong += []     # this client cannot say it
        c = h.dial()
        leave(c)


def nmap():
    """smtp-open-relay, -enum-users and -vuln: nothing found."""
    if not shutil.which("nmap"):
        skip("nmap's scripts", "no nmap; tests/packages check")
        return
    with place.house("nmap", ["auth-tries 20"]) as h:
        h.daemon.dial("port").close()
        got = subprocess.run(
            ["nmap", "-Pn", "-n", "-p", str(h.daemon.names["port"]), "--script",
             "+smtp-commands,+smtp-open-relay,+smtp-enum-users,+smtp-vuln-cve2010-4344,"
             "+smtp-vuln-cve2011-1720,+smtp-vuln-cve2011-1764", "127.0.0.1"],
            capture_output=True, text=True, timeout=60 * SLOW).stdout
        report("smtp-open-relay: Server isn't an open relay" in got and
               "Couldn't perform user enumeration, authentication needed" in got and
               "VULNERABLE" not in got.replace("NOT VULNERABLE", ""),
               "nmap: no open relay, no user, no flaw", got)


at_once(crowd, enumeration, server_names, nmap)
end()
