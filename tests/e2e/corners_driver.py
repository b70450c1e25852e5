"""The rows of corners.t."""
import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from common_driver import (SLOW, Client, House, Relay, begin, end, expect,
                           give_envelope, report, run_parts, skip,
                           talk, wait, write)
import daemon
from alone import NameServer, alone
from daemon import members

BUILD, T = begin("corners")
PROGRAM = BUILD + "/smtpsubmitd"
ROOT = os.getuid() == 0
NOBODY = 65534
PLAIN = "AUTH PLAIN " + base64.b64encode(b"\0alice\0alicepw").decode()


def configure(directory, relay, *config):
    """A file as the dialogues' daemon has it; where it listens is no matter."""
    names = {"build": BUILD, "pki": T, "dir": directory, "port": 1,
             "tlsport": 2, "users": T + "/users", "relay": relay.port}
    d = daemon.Daemon(directory, ["tls optional", *config], names)
    return write(directory + "/conf", "".join(
        d.fill(line) + "\n" for line in d.config))


class Inetd:
    """Connections that are each a process of its own, with one directory for
    what they know; a context."""

    def __init__(self, name, *config):
        self.directory = os.path.join(T, name)
        self.state = self.directory + "/state"
        os.makedirs(self.state)
        self.relay = Relay([], pki=T)
        self.conf = configure(self.directory, self.relay, *config)
        self.log = self.directory + "/log"
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()
        self.relay.stop()

    def serve(self, play):
        """One of them, seen to its end; returns what play(client) does, how
        often the relay was called meanwhile, and the log."""
        before = self.relay.connections
        with socket.create_connection(self.listener.getsockname()) as sock:
            there, _ = self.listener.accept()
            with open(self.log, "w") as log:
                p = subprocess.Popen(
                    [PROGRAM, "-d", "-f", self.conf], stdin=there, stdout=log,
                    stderr=log, start_new_session=True,
                    env=dict(os.environ, STATE_DIRECTORY=self.state))
            there.close()
            try:
                c = Client(sock, T + "/ca.pem", 10 * SLOW)
                expect(c, "220")
                talk(c, "EHLO client.example.net", "250")
                talk(c, PLAIN, "235")
                result = play(c)
                talk(c, "QUIT", "221")
            finally:
                try:
                    p.wait(10 * SLOW)
                except subprocess.TimeoutExpired:
                    os.killpg(p.pid, signal.SIGKILL)
                    p.wait()
        with open(self.log) as f:
            return result, self.relay.connections - before, f.read()

    def path(self, name):
        return os.path.join(self.state, name)


def state():
    """state.c: what the next server offers is looked at once, and kept."""
    with Inetd("state") as i:
        def row(name, calls):
            _, n, log = i.serve(give_envelope)
            report(n == calls, "inetd: " + name, "%d calls of the relay, not "
                   "%d" % (n, calls), log)

        known = i.path("relay")

        def spoil(change):
            shutil.copy(T + "/kept", known)
            os.chmod(known, 0o644)
            change()

        row("the first process looks at the relay", 2)
        report(os.stat(known).st_mode & 0o777 in (0o600, 0o644) and
               sorted(os.listdir(i.state)) == ["counts", "relay"],
               "inetd: ... and leaves what it has seen",
               os.listdir(i.state))
        row("the next one does not", 1)
        shutil.copy(known, T + "/kept")
        with open(known, "rb") as f:
            text = f.read()
        old = time.time() - 301
        for name, change in (
                ("a file of 301 seconds", lambda: os.utime(known, (old, old))),
                ("a file others may write", lambda: os.chmod(known, 0o666)),
                ("a file cut short", lambda: os.truncate(known, len(text) - 1)),
                ("a file cut in its head", lambda: os.truncate(known, 10)),
                ("an empty file", lambda: os.truncate(known, 0)),
                ("a file with more in it", lambda: write(known, text + b"x", 0o644)),
                ("a file of another version",
                 lambda: write(known, b"smtpsu1\0" + text[8:], 0o644)),
                ("a file of other relays",
                 lambda: write(known, text[:8] + b"\0\0\0\0" + text[12:], 0o644)),
                ("a link", lambda: (os.unlink(known),
                                    os.symlink(T + "/kept", known))),
                ("no file", lambda: os.unlink(known))):
            spoil(change)
            row(name + " is not believed", 2)
            if os.path.islink(known):
                os.unlink(known)
        if ROOT:
            spoil(lambda: os.chown(known, NOBODY, NOBODY))
            row("a file of another user is not believed", 2)
        row("what replaced it is", 1)
        shutil.rmtree(i.state)
        row("without the directory each looks", 2)
        row("... the next one, too", 2)


def counts():
    """ledger.c: a limit holds over processes, by a file that is ours alone."""
    with Inetd("counts", "user-limit 1/1h") as i:
        def send(c):
            talk(c, "MAIL FROM:<alice@example.org>", "250")
            c.send(b"RCPT TO:<bob@example.org>\r\n")
            return c.line()[:3]

        def row(name, code, pattern="", absent="counts are kept"):
            got, _, log = i.serve(send)
            report(got == code and re.search(pattern, log) and
                   not re.search(absent, log), "inetd: " + name, got, log)

        where = i.path("counts")
        row("the first recipient is within the limit", "250")
        report(os.stat(where).st_mode & 0o777 == 0o600,
               "inetd: ... the counts are ours alone",
               oct(os.stat(where).st_mode))
        row("the second, of the next process, is not", "450",
            "event=user-limit .*limit=1")
        with open(where, "r+b") as f:
            f.write(b"\xff" * 8)
        row("counts of another version begin anew", "250")
        row("... and count", "450", "event=user-limit")
        # not counted at all rather than where somebody else could count
        memory = "event=state .*/counts: .*; counts are kept in memory"
        os.chmod(where, 0o644)
        row("counts others may read are not used", "250", memory, "x{9}")
        os.unlink(where)
        os.mkfifo(where, 0o600)
        row("a FIFO in their place holds nobody up", "250", memory, "x{9}")
        os.unlink(where)
        os.symlink(T + "/elsewhere", where)
        row("a link in their place is not followed", "250")
        report(not os.path.exists(T + "/elsewhere"),
               "inetd: ... and nothing made where it leads")
        if ROOT:
            os.unlink(where)
            os.close(os.open(where, os.O_CREAT | os.O_WRONLY, 0o600))
            os.chown(where, NOBODY, NOBODY)
            row("counts of another user are not used", "250", memory, "x{9}")


def many_relays():
    """probe.c: sets of relays are kept for later, not for ever, and none that
    somebody uses is thrown away."""
    helper = write(T + "/helper", """#!/bin/sh
# user N has his relay at 127.0.1.N, where nobody is; the others a real one
user=$(tr '\\0' '\\n' <&3 | head -n 1)
case $user in
alice|bob) at=127.0.0.1 ;;
*) at=127.0.1.$user ;;
esac
USER=alice RELAY=smtp://$at:$1 exec "$2"
""", 0o755)
    with House(BUILD, T, ["auth %s {relay}" % helper, "relay-per-user yes",
                          "relay smtp://127.0.0.1:1"], name="many relays") as h:
        early = h.login("bob")
        failed = 0
        for n in range(1, 81):
            c = h.login(str(n))
            if n % 20 == 0:
                c.send(b"MAIL FROM:<alice@example.org>\r\n")
                failed += c.line().startswith("451 4.4.1")
            talk(c, "QUIT", "221")
        report(failed == 4, "80 users' relays: none of them is there", failed)
        give_envelope(early)
        talk(early, "QUIT", "221")
        report(True, "... one who came before them is served by his")
        late = h.envelope()
        talk(late, "QUIT", "221")
        report(True, "... one who comes after them, too")


def names():
    """nexthop.c, addresses.c: relays by name, which a probe resolves and the
    relay process is told of; it has no way to ask itself."""
    if sys.argv[1:] != ["alone"]:
        skip("relays by name", "needs root and unshare(1)")
        return
    alone(T)
    ns = NameServer()
    ns.records = {("relay.example.net", "A"): ["127.0.0.9", "127.0.0.1"]}

    def row(name, relays, first, *logged):
        with House(BUILD, T, ["relay " + relays], name=name) as h:
            c = h.login()
            c.send(b"MAIL FROM:<alice@example.org>\r\n")
            got = c.line()
            talk(c, "QUIT", "221")
            log = h.daemon.log()
            report(got.startswith(first) and all(
                re.search(p, log) for p in logged), name, got, *log.splitlines())

    row("a relay by name, at the second of its addresses",
        "smtp://relay.example.net:{relay}", "250")
    report("relay.example.net" in str(ns.asked), "... the name server was asked",
           ns.asked)
    row("a relay whose name is not known", "smtp://nowhere.example.net:{relay}",
        "451 4.4.1", "event=relay-failed relay=smtp://nowhere.example.net:.*"
        "(not known|No address)")
    row("... and one behind it that is",
        "smtp://nowhere.example.net:{relay} smtp://relay.example.net:{relay}",
        "250", "event=relay-failed relay=smtp://nowhere")
    ns.stop()


def itself():
    """client.c, connection.c: nobody listens, and the kernel has one port for
    clients left, just that: TCP connects it to itself."""
    if sys.argv[1:] != ["alone"]:
        skip("a connection to itself", "needs root and unshare(1)")
        return
    path = "/proc/sys/net/ipv4/ip_local_port_range"
    with open(path) as f:
        usual = f.read()

    def leave(ports):
        with open(path, "w") as f:
            f.write(ports)

    def ask(c, port, command):
        leave("%d %d" % (port, port))
        try:
            c.send(command.encode() + b"\r\n")
            return c.line()
        finally:
            leave(usual)

    def row(name, port, config, log, *commands):
        with House(BUILD, T, config, name=name) as h:
            c = h.login()
            for command in commands[:-1]:
                talk(c, command, "250")
            before, began = len(h.daemon.log()), time.monotonic()
            got = ask(c, port, commands[-1])
            took = time.monotonic() - began
            talk(c, "QUIT", "221")
            logged = wait(5, lambda: re.search(log, h.daemon.log()[before:]))
            report(got.startswith("451 4.4.1") and took < 2 * SLOW and logged,
                   name, got, took, *h.log_tail())

    leave("50000 50000")
    with socket.socket() as s:
        s.connect(("127.0.0.1", 50000))
        report(s.getsockname() == s.getpeername(), "a connection to itself")
    leave(usual)
    mail = "MAIL FROM:<alice@example.org>"
    row("a relay's port that would connect to itself", 50001,
        ["relay smtp://127.0.0.1:50001", "relay-timeout 3s"],
        'event=relay-failed .*: Connection refused"', mail)
    row("an IMAP server's port that would connect to itself", 50002,
        ["imap imap://127.0.0.1:50002 login " +
         write(T + "/own", "submit pw\n"), "imap-timeout 3s"],
        "event=burl .*Connection refused", mail, "RCPT TO:<bob@example.net>",
        "BURL imap://alice@127.0.0.1:50002/INBOX/;UID=1;URLAUTH=submit+alice:"
        "INTERNAL:%s LAST" % (32 * "a"))


def told_twice():
    """lifetime.c: the second SIGTERM ends what the first one lets finish."""
    h = House(BUILD, T, relay=["end silent"], name="told twice")
    h.daemon.launch()
    c = h.envelope()
    talk(c, "DATA", "354")
    c.send(b"From: alice@example.org\r\n\r\nx\r\n.\r\n")
    p = h.daemon.process
    wait(5, lambda: any(v[:3] == b"DAT" for v in h.relay.commands))
    p.send_signal(signal.SIGTERM)
    time.sleep(1.3)
    report(h.daemon.alive(), "SIGTERM waits for a message that is near its end")
    p.send_signal(signal.SIGTERM)
    report(wait(3, lambda: p.poll() is not None) and p.returncode == 0,
           "... the second one does not", p.poll())
    h.relay.stop()
    report(wait(20, lambda: not members(p.pid)), "... and no process is left",
           members(p.pid))
    h.daemon.kill()


def from_here():
    """smtpsubmitd.c: a next generation finds the file that was named from the
    directory where the first one was started."""
    relay = Relay([], pki=T)
    directory = T + "/from-here"
    os.mkdir(directory)
    port = free_port()
    configure(directory, relay, "listen 127.0.0.1:%d" % port)
    with open(directory + "/log", "wb") as log:
        p = subprocess.Popen([PROGRAM, "-d", "-f", "conf"], cwd=directory,
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)

    def said(what):
        with open(directory + "/log") as f:
            return re.search(what, f.read())

    def greets():
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                return s.recv(100).startswith(b"220 ")
        except OSError:
            return False

    try:
        wait(10, greets)
        p.send_signal(signal.SIGHUP)
        report(wait(10, lambda: said("event=generation .*serves now")) and
               greets(), "a file named from here is found by the next generation",
               said("(?s).*").group())
    finally:
        p.send_signal(signal.SIGTERM)
        if not wait(10, lambda: p.poll() is not None and not members(p.pid)):
            os.killpg(p.pid, signal.SIGKILL)
        relay.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def keys():
    """broker.c, config: what is not told before the secrets are read."""
    relay = Relay([], pki=T)
    for name, pattern, *config in (
            ("our key is another one's", r"wrong-name\.key: is not the key of .*/good\.pem",
             "relay-certificate {pki}/good.pem {pki}/wrong-name.key"),
            ("our certificate is none", r"(no-pem: |is not the key of .*no-pem)",
             "relay-certificate {pki}/no-pem {pki}/good.key"),
            ("our certificates are too many", "too large",
             "relay-certificate {pki}/long.pem {pki}/good.key")):
        directory = os.path.join(T, re.sub("[^a-z]", "", name))
        os.mkdir(directory)
        write(T + "/no-pem", "x\n")
        with open(T + "/good.pem") as f:
            pem = f.read()
        write(T + "/long.pem", pem * (61 * 1024 // len(pem) + 1))
        conf = configure(directory, relay, "listen 127.0.0.1:%d" % free_port(),
                         *config)
        try:
            p = subprocess.run([PROGRAM, "-d", "-f", conf], timeout=10 * SLOW,
                               stdin=subprocess.DEVNULL, capture_output=True)
            report(p.returncode == 78 and re.search(pattern.encode(), p.stderr),
                   "not started: " + name, p.returncode, p.stderr)
        except subprocess.TimeoutExpired as e:
            report(False, "not started: " + name, "it runs", e.stderr)
    relay.stop()


def usage():
    for program, *args in (("checkcertificate",), ("checkcertificate", "-x", "f"),
                           ("checkcertificate", "-u", "0", "f"),
                           ("checkcertificate", "a", "b"),
                           ("smtpsubmitd", "-x"), ("smtpsubmitd", "word")):
        p = subprocess.run([os.path.join(BUILD, program), *args],
                           stdin=subprocess.DEVNULL, capture_output=True)
        report(p.returncode not in (0, 1, 111) and p.returncode > 0 and
               p.stderr.splitlines()[-1:] and b"usage: " + program.encode() in
               p.stderr, " ".join(["usage:", program, *args]), p.returncode,
               p.stderr)


if os.environ.get("WRAP"):
    skip("corners", "another program stands before the daemon")
    end()
run_parts(names, itself, usage, keys, from_here, state, counts, many_relays,
          told_twice)
