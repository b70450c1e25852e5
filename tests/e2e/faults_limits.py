"""Cases of faults.t: no descriptor for a process from a step on; no process
for anybody; and what the kernel refuses for ever."""
import os
import re
import shutil
import subprocess

from common_driver import HERE, begin, end, say, skip, wait
from faults_case import (Place, at_rest, content, making, many, monitor_of,
                         nursery_of, serves)
from faults_failing import Failing
from faults_struck import SLOW, TLS_RELAY, case, limit

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
WANTED = os.environ.get("CASE", "")
NOBODY = 65534


def lift(pid, what, name):
    """The limit is what it may be again, if the process is still there."""
    try:
        with open("/proc/%d/limits" % pid) as f:
            hard = re.search("Max %s +[0-9]+ +(\\w+)" % name, f.read())[1]
        limit(pid, what, hard)
    except (OSError, subprocess.CalledProcessError):
        pass


class NoDescriptors:
    """RLIMIT_NOFILE is what it has open."""

    # a session has no descriptor 0: poll(2) then takes none at all
    words = re.compile("too many open files|descriptor|poll failed", re.I)

    def __init__(self, f):
        self.pid = 0

    def take(self, pid, role):
        self.pid = pid
        fds = {int(n) for n in os.listdir("/proc/%d/fd" % pid)}
        limit(pid, "nofile", min(set(range(1024)) - fds))

    def give_back(self):
        lift(self.pid, "nofile", "open files")

    def __str__(self):
        return "no descriptors"


def no_accept(wrong):
    """Who comes then waits; a line says why, and only one."""
    h = PLACE.house("accept")
    h.daemon.launch()
    try:
        h.dial("plain").hang_up()
        at_rest(h)
        strike = NoDescriptors(None)
        strike.take(nursery_of(h), "nursery")
        sock = h.daemon.dial("port")
        if not wait(3, lambda: "event=out-of-descriptors" in h.daemon.log()):
            wrong.append("no word: %s" % h.log_tail(3))
        wait(.5, lambda: False)
        if h.daemon.log().count("out-of-descriptors") != 1:
            wrong.append("too many words: %s" % h.log_tail(5))
        strike.give_back()
        sock.settimeout(5)
        if not sock.recv(100).startswith(b"220"):
            wrong.append("no greeting")
        sock.close()
        serves(h, wrong)
    finally:
        wrong += h.daemon.stop()
        h.relay.stop()


# What is refused, what one line of the log says, whether it serves.
FORBIDDEN = [("clone", "fork: Resource temporarily unavailable", None),
             ("mmap-shared", "(mmap|memory|census|ledger).*Cannot allocate",
              None),
             ("mmap-stack", "helper-failed.*Cannot allocate memory", "454"),
             ("memfd", "(memfd_create|census): Too many open files in system", None),
             ("socketpair", "socketpair: Too many open files in system",
              None),
             ("pipe", "helper-failed.*Too many open files in system", "454")]


def forbidden(program, what, line, heard):
    """From the start on: it says so and ends, or does what it can."""
    def act(wrong):
        h = PLACE.house(what)
        with making:
            os.environ["WRAP"] = "%s %s" % (program, what)
            h.daemon.launch()
            del os.environ["WRAP"]
        try:
            if heard is None:
                if not wait(8, lambda: not h.daemon.alive()):
                    wrong.append("it does not end")
                elif h.daemon.process.returncode not in (111, 78, 71, 1):
                    wrong.append("status %d" % h.daemon.process.returncode)
            else:
                c = h.dial("plain", patience=8)
                say(c, "EHLO client.example.net")
                got = say(c, "AUTH PLAIN AGFsaWNlAGFsaWNlcHc=")
                if not got.startswith(heard):
                    wrong.append(got)
                say(c, "QUIT")
            if not wait(2, lambda: re.search(line, h.daemon.log())):
                wrong.append("the log does not say why: %s" % h.log_tail(5))
            if "child-died" in h.daemon.log():
                wrong.append("by a signal: %s" % h.log_tail(5))
        finally:
            h.daemon.kill()
            h.relay.stop()
    return "refused for ever: " + what, act


def no_process(role, heard, line):
    """RLIMIT_NPROC, which root does not feel."""
    def act(wrong):
        mine = "%s/%s" % (T, role)
        shutil.copytree(T, mine, ignore=lambda d, names: [
            n for n in names if os.path.isdir(os.path.join(d, n)) or
            n.endswith(".so")])
        for name in os.listdir(mine):
            os.chown(os.path.join(mine, name), NOBODY, NOBODY)
        place = Place(BUILD, mine)
        h = place.house(role, ["-user"])
        os.chown(h.directory, NOBODY, NOBODY)
        with making:
            os.environ["WRAP"] = "setpriv --reuid %d --regid %d " \
                "--clear-groups" % (NOBODY, NOBODY)
            h.daemon.launch()
            del os.environ["WRAP"]
        try:
            h.dial("plain").hang_up()
            at_rest(h)
            pid = {"monitor": monitor_of, "nursery": nursery_of}[role](h)
            limit(pid, "nproc", 0)
            sock_heard = []
            try:
                c = h.dial("plain", patience=8)
                say(c, "EHLO client.example.net")
                sock_heard.append(say(c, "AUTH PLAIN AGFsaWNlAGFsaWNlcHc="))
            except Exception as e:
                sock_heard.append(str(e))
            if not re.search(heard, str(sock_heard)):
                wrong.append("heard %s" % sock_heard)
            if not wait(2, lambda: re.search(line, h.daemon.log())):
                wrong.append("the log does not say why: %s" % h.log_tail(5))
            for c in h.clients:
                if not c.left:
                    c.hang_up()
            lift(pid, "nproc", "processes")
            serves(h, wrong)
        finally:
            wrong += h.daemon.stop()
            h.relay.stop()
    return "no more processes: " + role, act


def main():
    library = PLACE.library("failing")
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("limits", "the library cannot be preloaded here")
        return
    imapd = PLACE.imapd("tls", urlfetch=content)

    def make():
        return Failing(PLACE, "descriptors", imapd, library, relay=SLOW,
                       config=TLS_RELAY)

    cases = [case(make, role, "plain", NoDescriptors)
             for role in ("session", "relay", "nursery", "monitor")]
    cases.append(("no descriptors for new connections", no_accept))
    program = T + "/forbid"
    out = subprocess.run([os.environ.get("CC", "cc"), "-std=c17",
                          "-D_GNU_SOURCE", "-o", program,
                          HERE + "/../faults/forbid.c"], capture_output=True)
    if out.returncode == 0:
        cases += [forbidden(program, *row) for row in FORBIDDEN]
    else:
        skip("what is refused for ever", "forbid.c cannot be compiled here")
    if os.getuid() == 0:
        busy = "fork|Resource temporarily|turned-away"
        cases += [no_process("monitor", "454", "helper-failed.*Resource"),
                  no_process("nursery", "421", busy)]
    else:
        skip("no more processes", "must run as root")
    many([c for c in cases if WANTED in c[0]], 6)


main()
end()
