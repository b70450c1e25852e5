"""What the drivers of this directory share: results, a scratch directory, and
a house: the daemon, a scripted relay behind it, clients in front of it."""
import atexit
import base64
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import daemon  # noqa: E402
import pki  # noqa: E402
from client import Client, Unexpected  # noqa: E402, F401
from relay import Relay  # noqa: E402

SLOW = float(os.environ.get("SLOW", "1"))   # under valgrind: more time
RECEIVED = re.compile(rb"Received:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
at_end = []
printing = threading.Lock()


def show(*lines):
    """All of it in one write: other drivers write there too."""
    octets = "".join(line + "\n" for line in lines).encode(
        "utf-8", "backslashreplace")
    with printing:
        os.write(1, octets)


def report(good, name, *why):
    lines = ["ok - " + name]
    if not good:
        lines = ["not ok - " + name] + [
            "#   " + line[:1000] for w in why
            for line in str(w).splitlines()[:30]]
    show(*lines)
    return good


def skip(name, reason):
    show("skip - %s: %s" % (name, reason))


def clean_up():
    while at_end:
        try:
            at_end.pop()()
        except Exception as e:
            show("# at the end: %r" % e)
    daemon.kill_all()


def is_open(path):
    """All may go there."""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def copy_programs(source, target):
    for where, _, names in os.walk(source):
        for name in names:
            path = os.path.join(where, name)
            if os.access(path, os.X_OK):
                to = os.path.join(target, os.path.relpath(path, source))
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy2(path, to)


def begin(prefix):
    """The directory of the binaries, and a scratch directory with users and
    certificates; it and all processes are gone at the end, however it comes."""
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    if not os.access(os.path.join(build, "smtpsubmitd"), os.X_OK):
        show("not ok - there is no smtpsubmitd in $BUILD")
        sys.exit(1)
    os.umask(0o022)
    scratch = tempfile.mkdtemp(prefix=prefix + ".")
    os.chmod(scratch, 0o755)
    atexit.register(clean_up)
    if not os.environ.get("KEEP"):
        at_end.append(lambda: shutil.rmtree(scratch, ignore_errors=True))
    for s in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(s, lambda *a: sys.exit(1))
    pki.make(scratch)
    daemon.write_users(os.path.join(scratch, "users"))
    if os.getuid() == 0 and not is_open(build):
        # some programs run as somebody else, who could not reach them
        copy_programs(build, os.path.join(scratch, "build"))
        build = os.environ["BUILD"] = os.path.join(scratch, "build")
    return build, scratch


def wait(seconds, done):
    end = time.monotonic() + seconds * SLOW
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def write(path, data, mode=0o600):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(path, mode)
    return path


def parent(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            state, ppid = f.read().rpartition(") ")[2].split()[:2]
    except OSError:
        return None
    return None if state in "ZX" else int(ppid)


STANDING = ("checkpassword-f", "checkpassword-p", "checktoken-intr")


def is_standing(pid):
    """A helper that stays for the next logins."""
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip() in STANDING
    except OSError:
        return False


def children(pid, standing=False):
    """Those that are alive; helpers that stay only if they are asked for."""
    return sorted(int(p) for p in os.listdir("/proc")
                  if p.isdigit() and parent(int(p)) == pid and
                  (standing or not is_standing(int(p))))


def memory(pid):
    """All of a process's memory that can be read, in pieces."""
    with open("/proc/%d/maps" % pid) as f:
        maps = [line.split()[:2] for line in f]
    with open("/proc/%d/mem" % pid, "rb", 0) as f:
        for where, rights in maps:
            if "r" not in rights:
                continue
            first, last = (int(x, 16) for x in where.split("-"))
            piece = b""
            try:
                f.seek(first)
                piece = f.read(last - first)
            except (OSError, OverflowError, ValueError):
                pass        # [vvar], [vsyscall]
            if piece:
                yield piece


def found_in(pid, wanted):
    """Which needles are in its memory; how much was looked through."""
    pattern = re.compile(b"|".join(re.escape(n) for n in wanted))
    found, size = set(), 0
    for piece in memory(pid):
        size += len(piece)
        found |= {wanted[m.group()] for m in pattern.finditer(piece)}
    return found, size


class House:
    """The daemon with these lines of configuration, and a relay with these
    directives; used as a context, it is looked over at its end."""

    number = 0

    def __init__(self, build, scratch, config=(), relay=(), name="",
                 expected=None, **names):
        House.number += 1
        self.name = name or "house %d" % House.number
        self.ca = os.path.join(scratch, "ca.pem")
        self.expected = expected    # regular expression of a sick log line
        self.clients = []
        self.secrets = set()        # never in log or replies
        directory = os.path.join(scratch, "house%d" % House.number)
        os.mkdir(directory)
        self.relay = Relay(relay, pki=scratch)
        self.daemon = daemon.Daemon(directory, list(config), dict(
            names, build=build, pki=scratch, dir=directory,
            users=os.path.join(scratch, "users"), relay=self.relay.port),
            SLOW)
        self.directory = directory

    def __enter__(self):
        self.daemon.launch()
        at_end.append(self.daemon.kill)
        return self

    def __exit__(self, *error):
        for c in self.clients:
            if not c.left:
                c.hang_up()
        complaints = self.daemon.stop()
        self.relay.stop()
        if self.expected:
            complaints = [c for c in complaints
                          if not re.search(self.expected, c)]
        complaints += self.relay.violations
        complaints += self.leaks()
        report(not complaints, self.name + ": the daemon ends well",
               *complaints, *(self.log_tail() if complaints else []))

    def leaks(self):
        said = "\n".join(self.daemon.log().splitlines() +
                         [s for c in self.clients for s in c.seen])
        found = [s for s in self.secrets if s in said]
        return ["log or replies hold a token"] if found else []

    def log_tail(self, n=12):
        return self.daemon.log().splitlines()[-n:]

    def dial(self, how="tls", patience=10, certificate=None):
        sock = self.daemon.dial("tlsport" if how == "tls" else "port")
        c = Client(sock, self.ca, patience * SLOW)
        c.certificate = certificate
        self.clients.append(c)
        if how == "tls":
            c.start_tls()
        expect(c, "220")
        if how == "starttls":
            talk(c, "EHLO client.example.net", "250")
            talk(c, "STARTTLS", "220")
            c.start_tls()
        return c

    def login(self, user="alice", how="tls", patience=10):
        c = self.dial(how, patience)
        talk(c, "EHLO client.example.net", "250")
        plain = "\0%s\0%s" % (user, user.partition("@")[0] + "pw")
        talk(c, "AUTH PLAIN " + base64.b64encode(plain.encode()).decode(),
             "235")
        return c

    def envelope(self, user="alice", **how):
        c = self.login(user, **how)
        give_envelope(c, user)
        return c


def give_envelope(c, user="alice"):
    sender = user if "@" in user else user + "@example.org"
    talk(c, "MAIL FROM:<%s>" % sender, "250")
    talk(c, "RCPT TO:<bob@example.org>", "250")


def reply(c):
    """All lines of the next reply."""
    lines = [c.line()]
    while lines[-1][3:4] == "-":
        lines.append(c.line())
    return lines


def expect(c, start):
    lines = reply(c)
    if not lines[-1].startswith(start):
        raise Unexpected("%s was expected, %s came" % (start, lines))
    return lines


def say(c, line):
    """Sends a command; the last line of its reply."""
    c.send(line.encode() + b"\r\n")
    return reply(c)[-1]


def talk(c, line, start):
    c.send(line.encode() + b"\r\n")
    return expect(c, start)


def leave(c):
    talk(c, "QUIT", "221")
    c.closed()


def without_received(data):
    """A delivered message without the one field that was added on top."""
    top = RECEIVED.match(data)
    if not top or b"by mail.example.org" not in top.group():
        return b"no Received on top: " + data
    return data[top.end():]


def run_parts(*parts):
    """Each to its end, whatever befalls the others; then all is over."""
    for part in parts:
        try:
            part()
        except Exception as e:
            report(False, part.__name__, "%s: %s" % (type(e).__name__, e))
    end()


def end():
    """What was not ok has been said; the status tells only of running."""
    clean_up()
    sys.exit(0)
