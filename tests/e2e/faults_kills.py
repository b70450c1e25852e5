"""Cases of faults.t: each process ended or stopped at each step, the relay
gone at each octet, helpers that misbehave, a disk that is full."""
import base64
import contextlib
import os
import re
import signal
import subprocess
import time

from common_driver import (begin, children, end, reply, say, skip, talk, wait,
                           write)
from faults_case import (HEAD, Place, at_rest, content, many, message,
                         monitor_of, nursery_of, serves, url)
from faults_walk import STEPS, Walk, over, pid_of, stop

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
def killed(role, step, number, imapd):
    """Ended at that step; what the client hears next is a 451, a 421 or a
    close, and never that the message was taken if it was not."""
    lives = role in ("session", "relay", "imapfetch")

    def act(wrong):
        # session and relay: the same half second for a message's answer
        h = PLACE.house("%s %s" % (role, step), ["relay-timeout 2s"],
                        ["end#1 delay 0.5"], imapd)
        h.daemon.launch()
        try:
            h.dial("plain").hang_up()
            at_rest(h)
            w = Walk(h, imapd)
            w.go(0, STEPS.index(step) + 1)
            pid = pid_of(h, role)
            if pid is None:
                raise RuntimeError("there is no %s" % role)
            os.kill(pid, number)
            if number == signal.SIGSTOP:
                time.sleep(.3)
                os.kill(pid, signal.SIGCONT)
                w.go(STEPS.index(step) + 1, 9)
                w.finish()
            else:
                heard = after(w, step)
                judge(h, role, step, heard, wrong)
            if lives or number == signal.SIGSTOP:
                serves(h, wrong)
            else:
                over(h, wrong)
        finally:
            stop(h, wrong, lives or number == signal.SIGSTOP)

    name = "%s at %s: %s" % (signal.Signals(number).name, step, role)
    return name, act


def after(w, step):
    """The client goes on, and says what it heard until it was refused."""
    heard = []
    try:
        w.go(STEPS.index(step) + 1, 9)
        heard.append(reply(w.c)[-1])
        # what was lost is one transaction, not the session
        heard.append(message(w.c))
    except Exception as e:
        heard.append("no: %s" % e)
    if not w.c.left:
        w.c.hang_up()
    return heard


def judge(h, role, step, heard, wrong):
    wait(3, lambda: not h.relay.open)
    taken = len(h.relay.completed)
    told = sum(x.startswith("250") for x in heard)
    gone = role in ("session", "monitor") and step == "end"
    unknown = "may have been accepted" in str(heard)
    if told > taken or (taken > told and not gone and not unknown):
        wrong.append("told %d, taken %d: %s" % (told, taken, heard))
    if heard[0].startswith("no: nothing"):
        wrong.append("no reply and no close: %s" % heard)
    if role == "relay" and not re.search("451|503", heard[0]):
        wrong.append("no 451: %s" % heard)
    for m in h.relay.completed:
        if not m.data.endswith((b"y" * 70 + b"\r\n") * 1500) and \
                not m.data.endswith(b"text\r\n"):
            wrong.append("half a message was delivered")


def kills(imapd):
    out = []
    for number in signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP:
        for step in STEPS[:9]:
            out.append(killed("session", step, number, imapd))
        for step in STEPS[3:9]:
            out.append(killed("relay", step, number, imapd))
        for role in "nursery", "monitor":
            for step in "greeting", "rcpt", "body", "end":
                out.append(killed(role, step, number, imapd))
    return out


def leaves(step, how, imapd):
    """The client is gone at that step: nothing is delivered but what was
    whole, and the relay is left."""
    def act(wrong):
        h = PLACE.house("gone", ["relay-timeout 2s"], ["end#1 delay 0.5"])
        h.daemon.launch()
        try:
            w = Walk(h, imapd)
            w.go(0, STEPS.index(step) + 1)
            w.c.hang_up(reset=how == "reset")
            if not at_rest(h, 5):
                wrong.append("left: %s, %s" % (
                    children(nursery_of(h)), list(h.relay.open)))
            taken = len(h.relay.completed)
            if taken and (step != "end" or not wait(2, lambda: re.search(
                    "event=(accepted|unknown)", h.daemon.log()))):
                wrong.append("delivered: %s" % h.log_tail(3))
            serves(h, wrong)
        finally:
            stop(h, wrong, True)
    return "%s at %s: the client" % (how, step), act


def is_gone(pid):
    return not os.path.exists("/proc/%d" % pid)


def goes_on(imapd):
    """It is stopped for a while only."""
    def act(wrong):
        h = PLACE.house("goes on")
        h.daemon.launch()
        try:
            w = Walk(h, imapd)
            w.go(0, STEPS.index("rcpt") + 1)
            pid = pid_of(h, "session")
            os.kill(pid, signal.SIGSTOP)
            time.sleep(25)
            os.kill(pid, signal.SIGCONT)
            time.sleep(10)
            w.go(STEPS.index("data"), 9)
            w.finish()
            if "event=stopped" in h.daemon.log():
                wrong.append(h.log_tail(2))
        finally:
            stop(h, wrong, True)
    return "SIGSTOP for 25 s: the session goes on", act


def stays_stopped(role, step, imapd):
    """It is stopped and nobody wakes it: a client hears so in time, if there
    is somebody to say it, others are served, and at last it is killed."""
    def act(wrong):
        h = PLACE.house("stopped", ["relay-timeout 2s"], ["end#1 delay 1.5"])
        h.daemon.launch()
        try:
            w = Walk(h, imapd)
            w.go(0, STEPS.index(step) + 1)
            w.c.patience = 40
            pid = pid_of(h, role)
            os.kill(pid, signal.SIGSTOP)
            if role == "relay":
                # relay-timeout, and 15 s for it to say so itself
                began = time.monotonic()
                try:
                    w.go(STEPS.index(step) + 1, 9)
                    got = reply(w.c)[-1]
                except Exception as e:
                    got = str(e)
                if not re.search("451 4|503", got) or \
                        time.monotonic() - began > 22:
                    wrong.append("after %.0f s: %s" % (
                        time.monotonic() - began, got))
            if role != "nursery":
                serves(h, wrong, "meanwhile the service")
            began = time.monotonic()
            if not wait(40, lambda: "event=stopped" in h.daemon.log()) or \
                    not wait(2, lambda: is_gone(pid)):
                wrong.append("it stays")
            if role == "session":
                try:
                    wrong.append("its client heard %s" % reply(w.c))
                except Exception as e:
                    if "the connection ended" not in str(e):
                        wrong.append("its client: %s" % e)
            w.c.hang_up()
            if role == "nursery":
                over(h, wrong)
                return
            if not at_rest(h, 5):
                wrong.append("something stays")
            if role == "relay" and len(h.relay.completed) > 2:
                wrong.append("delivered twice")
            serves(h, wrong)
        finally:
            stop(h, wrong, role != "nursery")
    return "SIGSTOP for ever at %s: %s" % (step, role), act


def imapfetch_dies(number):
    def act(wrong):
        started = []

        def slow(client):
            started.append(1)
            time.sleep(.6)
            content(client)

        d = PLACE.imapd(urlfetch=slow)
        h = PLACE.house("imapfetch", [], [], d)
        h.daemon.launch()
        try:
            c = h.envelope(how="plain", patience=20)
            c.send(b"BURL %s LAST\r\n" % url(d).encode())
            wait(5, lambda: started)
            os.kill(pid_of(h, "imapfetch"), number)
            if number == signal.SIGSTOP:
                time.sleep(.3)
                os.kill(pid_of(h, "imapfetch"), signal.SIGCONT)
            got = reply(c)[-1]
            good = "250" if number == signal.SIGSTOP else "451 4.4.1"
            if not got.startswith(good):
                wrong.append(got)
            if len(h.relay.completed) != got.startswith("250"):
                wrong.append("the relay took %d" % len(h.relay.completed))
            talk(c, "MAIL FROM:<alice@example.org>", "250")
            talk(c, "RCPT TO:<bob@example.org>", "250")
            talk(c, "BURL %s LAST" % url(d), "250")
            serves(h, wrong)
        finally:
            stop(h, wrong, True)
    return "%s at BURL: imapfetch" % signal.Signals(number).name, act


def helper(name, script, wanted, seconds):
    def act(wrong):
        program = write(T + "/" + name.replace(" ", "-"), script, 0o755)
        real = "%s/checkpassword-file %s/users" % (BUILD, T)
        h = PLACE.house(name, ["auth %s %s" % (program, real)])
        h.daemon.launch()
        try:
            c = h.dial("plain", patience=30)
            talk(c, "EHLO x", "250")
            began = time.monotonic()
            c.send(b"AUTH PLAIN " + base64.b64encode(b"\0bad\0word") +
                   b"\r\n")
            time.sleep(.5)
            serves(h, wrong, "meanwhile the service")
            got = reply(c)[-1]
            if not got.startswith(wanted):
                wrong.append(got)
            if time.monotonic() - began > seconds:
                wrong.append("after %.0f s" % (time.monotonic() - began))
            talk(c, "QUIT", "221")
            if not at_rest(h):
                wrong.append("left: %s" % children(monitor_of(h)))
        finally:
            stop(h, wrong, True)
    return "a helper that %s: %s, and others are served" % (name, wanted), act


# The login `bad` is for what is to be tried, all others are real ones.
HELPER = """#!/usr/bin/env python3
import os, signal, sys, time
data = os.read(3, 512)
if data.startswith(b"bad\\0"):
    %s
r, w = os.pipe()
os.write(w, data)
os.close(w)
os.dup2(r, 3)
os.execv(sys.argv[1], sys.argv[1:])
"""


def helpers():
    big = "for _ in range(%s): os.write(%d, b'x' * 60000)"
    return [
        helper("hangs", HELPER % "time.sleep(60)", "454", 24),
        helper("crashes", HELPER % "os.kill(os.getpid(), signal.SIGSEGV)",
               "454", 5),
        helper("leaves a child that hangs", HELPER %
               "os.fork() and os._exit(1); time.sleep(60)", "535", 24),
        helper("stops", HELPER % "os.kill(os.getpid(), signal.SIGSTOP)",
               "454", 24),
        helper("floods descriptor 4", HELPER % (
            "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n    " +
            big % ("10**9", 4)), "454", 24),
        # Python ignores SIGPIPE: it goes on, and its children inherit that
        helper("floods descriptor 4 for ever", HELPER %
               "while True:\n        try: os.write(4, b'x' * 60000)\n"
               "        except OSError: pass", "454", 24),
        helper("says 20 KB on descriptor 4 and yes", HELPER %
               "os.write(4, b'USER=bad\\0' + b'X=y\\0' * 5000)"
               "\n    os._exit(0)", "454", 8),
        helper("floods its standard error output", HELPER %
               (big % ("20", 2) + "\n    os._exit(1)"), "535", 8)]


def full_disk(wrong):
    """A Maildir on a file system of 300 KB."""
    where = T + "/small"
    os.mkdir(where)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=777",
                       "none", where], capture_output=True).returncode:
        skip("a Maildir on a full disk", "nothing can be mounted here")
        return
    os.mkdir(where + "/box")
    os.chmod(where + "/box", 0o777)
    h = PLACE.house("full disk", ["relay maildir://%s/box" % where])
    h.daemon.launch()
    try:
        c = h.login(how="plain")
        for body, start in ((b"a\r\n", "250"),
                            ((b"x" * 70 + b"\r\n") * 9000, "452 4.3.1"),
                            (b"b\r\n", "250"),
                            ((b"x" * 70 + b"\r\n") * 9000, "452 4.3.1")):
            got = message(c, body)
            if not got.startswith(start):
                wrong.append("wanted %s, got %s" % (start, got))
        talk(c, "QUIT", "221")
        new, tmp = (os.listdir(where + "/box/" + d) for d in ("new", "tmp"))
        if len(new) != 2 or tmp:
            wrong.append("new %s, tmp %s" % (new, tmp))
    finally:
        stop(h, wrong, True)
        subprocess.run(["umount", "-l", where])


def octets(how, part, of):
    """The relay is gone before each octet of what it would get."""
    def act(wrong):
        h = PLACE.house("octets", ["relay-timeout 5s"], ["tolerant"])
        h.daemon.launch()
        try:
            h.dial("plain").hang_up()
            at_rest(h)
            c = h.login(how="plain", patience=10)
            for at in range(part, 700, of):
                one_octet(h, c, how, at, wrong)
                if wrong:
                    break
            h.relay.connection = None
            for s in list(h.relay.open.values()):
                with contextlib.suppress(OSError):
                    s.shutdown(2)
            serves(h, wrong)
        finally:
            stop(h, wrong, True)
    return "the relay %ss before each octet, %d of %d" % (
        how, part + 1, of), act


def one_octet(h, c, how, at, wrong):
    """Its connection ends when it has read that many."""
    before, left = len(h.relay.completed), [at]
    plain_fill = CONNECTION.fill

    def fill(self, size=65536):
        if self.relay is not h.relay or left[0] is None:
            return plain_fill(self, size)
        if left[0] <= 0:
            left[0] = None
            getattr(self, how)()
        data = self.sock.recv(min(size, left[0]))
        if not data:
            self.drop()
        left[0] -= len(data)
        self.buffer += data

    h.relay.connection = type("Octets", (CONNECTION,), {"fill": fill})
    for s in list(h.relay.open.values()):
        with contextlib.suppress(OSError):
            s.shutdown(2)       # the next MAIL calls anew
    wait(2, lambda: not h.relay.open)
    said = []
    for line in ("MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.net>",
                 "DATA"):
        said.append(say(c, line))
        if said[-1][0] not in "23":
            break
    if said[-1].startswith("354"):
        c.send(HEAD + b"text\r\n.\r\n")
        said.append(reply(c)[-1])
    taken = len(h.relay.completed) - before
    if not re.match("250|451 4", said[-1]) or \
            taken != said[-1].startswith("250"):
        wrong.append("octet %d: %s, %d taken" % (at, said, taken))
    say(c, "RSET")


def main():
    global CONNECTION
    import relay
    CONNECTION = relay.Connection
    imapd = PLACE.imapd(urlfetch=content)
    cases = helpers() + [("a Maildir on a full disk: 452, and no file is "
                          "left", full_disk)]
    cases += [octets("reset", i, 12) for i in range(3)]
    cases += [octets("drop", i, 12) for i in range(3, 6)]
    cases += [imapfetch_dies(s) for s in (signal.SIGKILL, signal.SIGSEGV,
                                          signal.SIGSTOP)]
    cases += [leaves(step, how, imapd) for step in STEPS[:9]
              for how in ("close", "reset")]
    # these wait long and do little
    cases = [stays_stopped(*c, imapd) for c in (
        ("relay", "mail"), ("relay", "rcpt"), ("relay", "dot"),
        ("relay", "end"), ("session", "rcpt"), ("session", "end"),
        ("nursery", "rcpt"))] + [goes_on(imapd)] + cases
    many(cases + kills(imapd), 14)


main()
end()
