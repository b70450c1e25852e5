"""fences.t: what a seized process tries on its own. Each act must fail where
the fence is and succeed where it has been left out."""
import contextlib
import os
import socket
import sys

from burl_driver import Trap, at_once
from common_driver import (House, begin, children, end, report, skip, write)
from fences_puppet import Dead, Seized, after
from imapd import Imapd, Script

BUILD, T = begin("acts")
PRIV = os.path.join(BUILD, "tests-priv")
ROOT = os.getuid() == 0
CREDENTIALS = write(T + "/submit", "submit submitpw\n")
if not os.path.exists(PRIV + "/fenced/smtpsubmitd"):
    print("not ok - the doubles are not there: make priv")
    sys.exit(1)


def descendants(pid):
    return [q for p in children(pid) for q in [p] + descendants(p)]


def holds(pid, inodes):
    try:
        fds = os.listdir("/proc/%d/fd" % pid)
        return bool(inodes & {os.readlink("/proc/%d/fd/%s" % (pid, fd))
                              for fd in fds})
    except OSError:
        return False    # gone, or not ours to look at


def session_of(h, client):
    """The process of that client; of which generation, nobody knows."""
    end = ":%04X" % client.sock.getsockname()[1]
    with open("/proc/net/tcp") as f:
        inodes = {"socket:[%s]" % line.split()[9] for line in f
                  if line.split()[2].endswith(end)}
    young = sorted(descendants(h.daemon.process.pid))
    return ([p for p in young if holds(p, inodes)] or young)[-1]


class Targets:
    """What the acts of one house are aimed at."""

    def __init__(self, name):
        self.trap = Trap()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.dir = os.path.join(T, "open-" + name)
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o777)
        self.path = os.path.join(self.dir, "trap")
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(self.path)
        os.chmod(self.path, 0o777)
        self.hidden = "@fences%d%s" % (os.getpid(), name)
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0" + self.hidden[1:])
        for s in self.unix, self.abstract:
            s.listen()
        for s in self.unix, self.abstract, self.udp:
            s.setblocking(False)

    def names(self, h):
        """What stands for the braces; another session is there to be read."""
        self.sprung()       # what came late is told by the row it belongs to
        h.other = h.login("alice")
        return {"dir": self.dir, "port": self.trap.port,
                "udp": self.udp.getsockname()[1], "unix": self.path,
                "hidden": self.hidden, "monitor": h.daemon.process.pid,
                "session": session_of(h, h.other),
                "file": write(self.dir + "/file", "x", 0o666)}

    def sprung(self):
        """Whether anything came through to where nobody may go."""
        out = False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.dir + "/new")
            out = True
        for s in self.trap.sock, self.udp, self.unix, self.abstract:
            with contextlib.suppress(BlockingIOError):
                while True:
                    s.recv(100) if s is self.udp else s.accept()[0].close()
                    out = True
        return out


# act, argument, what the session gets, the relay, imapfetch. An errno, or
# !call: killed for it; FAIL: any of them; "": the role may do it.
FAIL = "any"
ACTS = [
    ("open", "0 /etc/passwd", "EPERM", "EPERM", "EPERM"),
    ("create", "0 {dir}/new", "EPERM", "EPERM", "EPERM"),
    ("rename", "0 {file}", "!renameat", "!renameat", "!renameat"),
    ("remove", "0 {file}", "!unlinkat", "!unlinkat", "!unlinkat"),
    ("see", "0 /etc/passwd", "EPERM", FAIL, FAIL),
    ("x32", "0 /etc/passwd", "!", "!", "!"),
    ("tcp", "{port}", "EPERM", "EACCES", "EACCES"),
    ("udp", "{udp}", "EPERM", FAIL, FAIL),
    ("mptcp", "{port}", "EPERM", FAIL, FAIL),
    ("fastopen", "{port}", "EPERM", FAIL, FAIL),
    ("raw", "0", "EPERM", FAIL, FAIL),
    ("netlink", "0", "EPERM", FAIL, FAIL),
    ("unix", "0 {unix}", "EPERM", FAIL, FAIL),
    ("unix", "0 {hidden}", "EPERM", FAIL, FAIL),
    ("turn", "{port}", "EPERM", None, None),
    ("serve", "0", "EPERM", "EPERM", "EPERM"),
    ("sockopt", "0", "EPERM", FAIL, ""),
    ("exec", "0", "!execve", "!execve", "!execve"),
    ("fork", "0", "!fork", "!fork", "!fork"),
    ("thread", "0", "!clone", "!clone", "!clone"),
    ("ptrace", "{monitor}", "!ptrace", "!ptrace", "!ptrace"),
    ("kill", "{monitor}", "!kill", "!kill", "!kill"),
    ("kill", "{session}", "!kill", "!kill", "!kill"),
    ("mem", "{monitor}", "EPERM", "EPERM", "EPERM"),
    ("mem", "{session}", "EPERM", "EPERM", "EPERM"),
    ("vm", "{monitor}", *3 * ["!process_vm_readv"]),
    ("vm", "{session}", *3 * ["!process_vm_readv"]),
    ("mmap", "0", "!mmap", "!mmap", "!mmap"),
    ("mprotect", "0", "!mprotect", "!mprotect", "!mprotect"),
    ("ioctl", "0", "EPERM", "EPERM", "EPERM"),
    ("tiocsti", "0", "EPERM", "EPERM", "EPERM"),
    ("dumpable", "0", "!prctl", "!prctl", "!prctl"),
    ("setuid", "0", "!setuid", "!setuid", "!setuid"),
    ("chroot", "0", "!chroot", "!chroot", "!chroot"),
    ("mount", "0 {dir}", "!mount", "!mount", "!mount"),
    ("unshare", "0", "!unshare", "!unshare", "!unshare"),
    ("setrlimit", "0", "!setrlimit", "!setrlimit", "!setrlimit"),
    ("memfd", "0", "!memfd_create", "!memfd_create", "!memfd_create"),
    ("sigaction", "0", "!rt_sigaction", "!rt_sigaction", ""),
]
NEED_ROOT = "raw", "setuid", "chroot", "mount", "unshare", "ptrace"
# what holds by uid, empty root, limits and Landlock alone
BARE = ("open", "create", "rename", "remove", "see", "tcp", "raw", "unix",
        "exec", "fork", "thread", "ptrace", "kill", "mem", "vm", "setuid",
        "chroot", "mount", "unshare")
NEED_EMPTY_ROOT = "unix", "see"
ROLES = "session", "relay", "imapfetch"


@contextlib.contextmanager
def house(kind, d, *config):
    with House(os.path.join(PRIV, kind), T,
               ["imap imap://127.0.0.1:%d login %s" % (d.port, CREDENTIALS),
                "certificate {pki}/good.pem {pki}/good.key", *config],
               name="acts, " + kind, expected="event=child-died") as h:
        yield h


def attempt(h, role, login, line):
    """What it said, or None if it was killed; and the Seized, for its log."""
    with Seized(h, "alice" if login or role != "session" else None) as s:
        try:
            if role == "session":
                return s.do(line), s
            s.relay()
            if role == "relay":
                return s.relay_do(line), s
            s.fetch()
            return s.fetch_do(line), s
        except Dead:
            return None, s


def died(s, role, call):
    """Logged twice: by the process itself, and by who saw it die."""
    if call and not s.logged(r"event=violation role=%s pid=\d+ .*call=%s\b" %
                             (role, call)):
        return False
    if role == "imapfetch":
        return s.logged(r"event=child-died .*imapfetch.*signal 31|"
                        r"event=child-died role=imapfetch .*signal=31")
    return s.logged(r"event=child-died role=%s pid=\d+ signal=31" % role)


def as_wanted(s, role, got, want):
    if want == FAIL:
        return got is None and died(s, role, "") or (
            got is not None and got.startswith("failed "))
    if want.startswith("!"):
        return got is None and died(s, role, want[1:])
    return got == "failed " + want


def fenced(i, d, works):
    """All acts of a role."""
    role, targets = ROLES[i], Targets("fenced-" + ROLES[i])
    with house("fenced", d) as h:
        for act, argument, *wants in ACTS:
            want, name = wants[i], (act + " " + argument).strip()
            if want and (role, name) in works:
                for login in {role != "session", True}:
                    fenced_act(h, targets, role, login, name, want)


def fenced_act(h, targets, role, login, name, want):
    line = "act " + name.format(**targets.names(h))
    got, s = attempt(h, role, login, line)
    h.other.hang_up()
    after(h, "%s %s login: %s" % (role, "after" if login else "before", name),
          as_wanted(s, role, got, want) and not targets.sprung(),
          "wanted %s, got %s" % (want, got), *s.tail())


def open_act(h, targets, role, name):
    """Whether the act succeeds; None where this machine has no such thing."""
    act, there = name.split()[0], targets.names(h)
    got, s = attempt(h, role, True, "act " + name.format(**there))
    h.other.hang_up()
    targets.sprung()
    good = got is not None and got.startswith("done ")
    if act == "tiocsti":
        good = got is not None and got != "failed EPERM"
    elif act in ("mem", "vm") and role == "imapfetch":
        good = got in ("failed EIO", "failed EFAULT")   # let in, not there
    elif act == "turn":     # it has left us, and cannot answer
        good = got is None
    elif act == "exec" and role != "session":
        good = s.logged("(?m)^done 0$")
    if not good and (act in ("mptcp", "x32") or
                     not ROOT and act in NEED_ROOT):
        return skip("no fence, %s: %s" % (role, name), got or "died")
    return report(good, "no fence, %s: %s succeeds" % (role, name), got,
                  *s.tail())


def open_house(i, d, works):
    """The control; notes which acts can succeed at all."""
    role, targets = ROLES[i], Targets("control-" + ROLES[i])
    with house("open", d) as h:
        for act, argument, *wants in ACTS:
            name = (act + " " + argument).strip()
            if wants[i] and open_act(h, targets, role, name):
                works.add((role, name))


def bare(i, d, works):
    role, targets = ROLES[i], Targets("bare-" + ROLES[i])
    with house("bare", d) as h:
        for act, argument, *wants in ACTS:
            name = (act + " " + argument).strip()
            if act not in BARE or (role, name) not in works or \
                    not ROOT and act in NEED_EMPTY_ROOT:
                continue
            got, s = attempt(h, role, True,
                             "act " + name.format(**targets.names(h)))
            h.other.hang_up()
            report(got is not None and got.startswith("failed ") and
                   not targets.sprung(), "without the lists of calls, %s: "
                   "%s fails" % (role, name), got, *s.tail())


def maildir(d):
    """The relay holds a directory; there it may write, and nowhere else."""
    place = T + "/Maildir"
    for path in place, place + "/new", place + "/cur", place + "/tmp":
        os.mkdir(path)
        if ROOT:
            os.chown(path, 65534, 65534)
    write(T + "/outside", "x", 0o644)
    write(place + "/new/mail", "x", 0o644)
    for kind in "fenced", "open":
        with house(kind, d, "relay maildir://" + place) as h:
            for name, act, path in [
                    ("reads mail", "open", "new/mail"),
                    ("reads beside it", "open", "../outside"),
                    ("writes beside it", "create", "../outside.new")]:
                got = set()
                for fd in range(3, 8):  # one of these is the directory
                    got.add(attempt(h, "relay", True, "act %s %d %s" % (
                        act, fd, path))[0])
                good = any(g and g.startswith("done") for g in got)
                report(good == (kind == "open"), "maildir relay, %s: %s" % (
                    "no fence" if good else "fenced", name), got)
            got = {attempt(h, "relay", True, "act create %d tmp/x%d" % (
                fd, fd))[0] for fd in range(3, 8)}
            report(any(g and g.startswith("done") for g in got),
                   "maildir relay, %s: writes into it" % kind, got)


def main():
    works = set()
    with Imapd(Script()) as d:
        at_once([lambda i=i: open_house(i, d, works) for i in range(3)])
        at_once([lambda i=i: fenced(i, d, works) for i in range(3)] +
                [lambda i=i: bare(i, d, works) for i in range(2)] +
                [lambda: maildir(d)])
    end()


if __name__ == "__main__":
    main()
