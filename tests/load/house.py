"""The daemon, the sink behind it and an IMAP server beside it, all in the
process group of this program; what /proc tells of the daemon's processes; and
runs of bench/load against it, whose sums are compared with the sink's."""
import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tests/e2e"), os.path.join(TOP, "bench")]
import common_driver  # noqa: E402
from common_driver import begin, daemon, report, show, skip, wait, write  # noqa: E402, F401

SLOW = common_driver.SLOW
ROLES = ("smtpsubmitd", "imapfetch", "auth-reply", "checkpassword-f")
SICK = daemon.SICK
CONFIG = """\
hostname mail.example.org
domain example.org
listen 127.0.0.1:{port}
listen 127.0.0.1:{tlsport} tls
certificate {pki}/good.pem {pki}/good.key
auth {build}/checkpassword-file {users}
libexec {build}
relay smtp://127.0.0.1:{sink}
user nobody
log stderr
"""
IMAP_LINE = "imap imap://127.0.0.1:{imap} proxy {dir}/imap-login"


class Broken(Exception):
    """What makes the rest of a test senseless."""


def limits():
    """Descriptors for all; why not, or None."""
    if os.getuid() != 0:
        return "must run as root"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 6000:
        return "fewer than 6000 descriptors"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None


def stat(pid):
    """Name, and the fields from the state on."""
    with open("/proc/%d/stat" % pid) as f:
        name, _, rest = f.read().partition("(")[2].rpartition(") ")
    return name, rest.split()


def pss(pid, of="Pss"):
    """KiB; 0: it has gone."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return int(re.search(r"^%s: +(\d+) kB" % of, f.read(), re.M)[1])
    except (OSError, TypeError):
        return 0


def own(pid):
    """The same without what is of files: who else on the machine has them
    mapped makes no difference."""
    return pss(pid, "Pss_Anon")


def rss(pid):
    try:
        with open("/proc/%d/statm" % pid) as f:
            return int(f.read().split()[1]) * 4
    except (OSError, IndexError):
        return 0


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0


def capabilities(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return re.search(r"^CapEff:\s+(\S+)", f.read(), re.M)[1]
    except (OSError, TypeError):
        return ""


class Look:
    """What there is of the daemon's at one moment."""

    def __init__(self, session, main):
        self.at = time.monotonic()
        self.all, base, helpers = [], [], []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            try:
                name, fields = stat(pid)
                if (int(fields[3]) != session or fields[0] in "ZX" or
                        name not in ROLES):
                    continue
                owner = os.stat("/proc/%d" % pid).st_uid
            except OSError:
                continue
            self.all.append(pid)
            if name == "smtpsubmitd" and owner == 0:
                base.append((int(fields[19]), pid))
            if name == "checkpassword-f":
                helpers.append((pid, int(fields[1])))
        # a nursery has given up most capabilities
        full = capabilities(main)
        base = [(pid, capabilities(pid)) for _, pid in sorted(base)]
        self.monitors = [p for p, c in base if c == full]
        self.nurseries = [p for p, c in base if c and c != full]
        # those that stay and fork for each login
        self.stands = [p for p, parent in helpers if parent in self.monitors]
        self.processes = len(self.all)
        self.rss = sum(map(rss, self.all))
        # the one that waits for its successors' end is a monitor, too
        self.base = len(self.monitors) + len(self.nurseries) + len(
            self.stands)
        self.monitor_own = own(self.monitors[-1]) if self.monitors else 0
        self.nursery_own = own(self.nurseries[-1]) if self.nurseries else 0
        self.base_own = sum(map(own, self.monitors + self.nurseries +
                                self.stands))
        self.fds = (descriptors(self.monitors[-1]) if self.monitors else 0,
                    descriptors(self.nurseries[-1]) if self.nurseries else 0)

    def pss(self):
        """Of all; it costs a millisecond for each process."""
        return sum(map(pss, self.all))


class Imap:
    """bench's Dovecot, in our process group."""

    def __init__(self, directory, house):
        import peers
        import servers

        class Ours(peers.Imap):
            def clear(self):
                os.makedirs(self.directory, exist_ok=True)

            def run(self, command, **more):
                with open(self.directory + "/log", "ab") as log:
                    self.process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, cwd=self.directory, **more)

            def end(self):
                self.process.terminate()
                self.process.wait()
                self.sink.end()

        place = type("Place", (), dict(
            directory=directory, kind="soak", imap=None,
            certificate=house.pki + "/good.pem", key=house.pki + "/good.key"))
        self.server = Ours(place)
        try:
            self.server.begin()
        except servers.Unavailable as e:
            raise Broken(str(e))
        self.port = self.server.port
        self.end = self.server.end

    def url(self, size):
        return self.server.message(size)


class House:
    """Used as a context; at its end the daemon must end well."""

    def __init__(self, build, scratch, name, config=(), imap=False, sink=()):
        import servers
        self.build, self.pki, self.name = build, scratch, name
        self.directory = os.path.join(scratch, name)
        os.mkdir(self.directory)
        self.sink = servers.Tool("sink", *sink)
        common_driver.at_end.append(self.sink.end)
        self.imap = None
        own = [l.split(" ")[0] for l in config]
        self.config = [l for l in CONFIG.splitlines()
                       if l.split(" ")[0] not in own] + list(config)
        if imap:
            self.imap = Imap(self.directory, self)
            common_driver.at_end.append(self.imap.end)
            write(self.directory + "/imap-login", "master masterpw\n")
            self.config.append(IMAP_LINE)
        self.told = [0, 0, 0]
        self.doubts = []
        self.doubtful = 0       # of those, such as have arrived

    def __enter__(self):
        reserved = daemon.reserve(2)
        self.port, self.tlsport = (r.getsockname()[1] for r in reserved)
        names = dict(port=self.port, tlsport=self.tlsport, pki=self.pki,
                     build=self.build, users=self.pki + "/users",
                     sink=self.sink.port, dir=self.directory,
                     imap=self.imap.port if self.imap else 0)
        path = write(self.directory + "/conf", "".join(
            re.sub(r"\{(\w+)\}", lambda m: str(names[m[1]]), l) + "\n"
            for l in self.config), 0o644)
        self.logname = self.directory + "/log"
        with open(self.logname, "ab") as log:
            self.process = subprocess.Popen(
                [self.build + "/smtpsubmitd", "-d", "-f", path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, preexec_fn=self.enter_group())
        common_driver.at_end.append(self.kill)
        if not wait(20, self.answers):
            raise Broken("the daemon does not answer: " + self.log_end())
        for r in reserved:
            r.close()
        return self

    def enter_group(self):
        """A control group, where there can be one, counts CPU time."""
        import group
        self.group = None
        if group.usable() is None:
            self.group = group.Group("load-" + self.name.replace(" ", "-"))
            return self.group.enter
        return None

    def cpu(self):
        return self.group.cpu() if self.group else 0.0

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(4) == b"220 "
        except OSError:
            return False

    def __exit__(self, *error):
        self.process.terminate()
        complaints = []
        if not wait(30, lambda: self.process.poll() is not None):
            complaints.append("it outlived SIGTERM by 30 s")
        if not wait(10, lambda: not self.look().all):
            complaints.append("it left processes behind: %s" %
                              self.look().all)
        self.kill()
        with open(self.logname, errors="replace") as f:
            sick = [l for l in f if SICK.search(l) or
                    "event=violation" in l or "event=generation-failed" in l]
        report(not complaints and not sick and not error[0],
               "%s: the daemon ends well, no child died" % self.name,
               *complaints, *sick[:10])

    def kill(self):
        for pid in self.look().all:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        if self.group:
            self.group.end()

    def log_end(self):
        with open(self.logname, errors="replace") as f:
            return f.read()[-800:]

    def look(self):
        return Look(os.getsid(0), self.process.pid)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def generations(self):
        with open(self.logname, errors="replace") as f:
            return sum("event=generation " in l and "serves now" in l
                       for l in f)

    def is_at_rest(self):
        """One generation, and the main process that may wait for its end."""
        look = self.look()
        return (look.processes == look.base and len(look.nurseries) == 1 and
                len(look.monitors) <= 2 and len(look.stands) <= 1)

    def rest(self, seconds):
        """How long until nothing is left but monitor and nursery; None."""
        since = time.monotonic()
        if not wait(seconds, self.is_at_rest):
            return None
        return time.monotonic() - since

    def load(self, port=None, **options):
        return Load(self, port or (self.port if options.get("tls") in
                                   ("starttls", "no") else self.tlsport),
                    options)

    # sums

    def ask_sink(self):
        with socket.create_connection(("127.0.0.1", self.sink.port), 60) as s:
            f = s.makefile("rwb")
            f.readline()
            f.write(b"XSTAT\r\n")
            f.flush()
            found = re.findall(rb"=(\d+)", f.readline())
        return [int(x) for x in found[:3]]

    def add(self, values):
        """What a load was told 250 for."""
        for i, key in enumerate(("messages", "octets", "sum")):
            self.told[i] += int(values[key])
        self.told[2] %= 1 << 64
        self.doubts += [tuple(map(int, d.split(":")))
                        for d in values.get("doubts", "").split(",") if d]

    def differs(self):
        """None if what was told 250 has come once, and nothing else but some
        of those messages that nobody was told of."""
        came = self.ask_sink()
        extra = came[0] - self.told[0]
        octets = came[1] - self.told[1]
        more = (came[2] - self.told[2]) % (1 << 64)
        # a subset of the doubtful ones, of which there are few
        if 0 <= extra <= min(len(self.doubts), 6):
            for some in itertools.combinations(self.doubts, extra):
                if (sum(d[0] for d in some) == octets and
                        sum(d[1] for d in some) % (1 << 64) == more):
                    self.doubtful = extra
                    return None
        return "told 250: %s, came: %s, doubtful: %d" % (
            self.told, came, len(self.doubts))


def with_burl(build, scratch, name, config):
    """A house with an IMAP server, or without it where it cannot be had."""
    try:
        return House(build, scratch, name, config, imap=True)
    except Broken as e:
        show("# no BURL: %s" % e)
        return House(build, scratch, name + " without burl", config)


class Load:
    """A run of bench/load."""

    def __init__(self, house, port, options):
        self.house = house
        self.errors_name = "%s/load.%d" % (house.directory, id(self))
        with open(self.errors_name, "wb") as errors:
            self.process = subprocess.Popen(
                [house.build + "/bench/load", "port=%d" % port, "tell=yes"] +
                ["%s=%s" % kv for kv in options.items()],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, text=True)

    def result(self):
        """Its figures, as texts; failures: (time, what) of each."""
        out = self.process.communicate()[0]
        values = dict(re.findall(r'(\w+)=(".*"|\S+)', out))
        with open(self.errors_name, errors="replace") as f:
            text = f.read()
        os.unlink(self.errors_name)
        if "messages" not in values:
            raise Broken("load: %s" % (text or out))
        values["failures"] = [
            (float(a), float(b), w) for a, b, w in re.findall(
                r'failed at=(\S+) after=(\S+) messages=\d+ error="(.*)"',
                text)]
        self.house.add(values)
        return values
