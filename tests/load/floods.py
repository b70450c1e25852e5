"""Floods, each beside honest clients, who must be served all the same; and
floods from the honest clients' own address, where no limit can part them."""
import os
import re
import subprocess
import time

from crowd import times
from house import SLOW, Broken, House, report, show

# Limits are the defaults: 500 connections, 20 of a source, auth-penalty 15s.
CONNECTIONS, OF_SOURCE, HELPERS = 500, 20, 4
HONEST = dict(c=4, messages=2, size="2000,5000,20000", by="mixed", think=0.2,
              source="127.0.0.2", sources=4)
# an honest session's greeting, login and final reply, the slowest of 100; s
SLOWEST = 10 * SLOW
EACH_PSS = 1500         # KiB for a connection, see crowd.py
REST = 20               # seconds; auth-penalty is 15
EVIL = dict(user="bob", password="bobpw", **{"from": "bob@example.org"})

FLOODS = (
    ("connections that leave at once", dict(kind="leave", rate=1000)),
    ("connections that leave at once, of 50 addresses",
     dict(kind="leave", rate=100, sources=50)),
    ("connections held, all that an address may have",
     dict(kind="hold", c=40)),
    ("connections held, from 20 addresses",
     dict(kind="hold", c=400, sources=20)),
    ("TLS handshakes begun and abandoned", dict(kind="handshake")),
    ("wrong passwords", dict(kind="guess")),
    ("wrong passwords from 15 addresses",
     dict(kind="guess", c=150, sources=15)),
    ("garbage in the clear", dict(kind="garbage", tls="no")),
    ("garbage under TLS", dict(kind="garbage")),
    ("lines without end", dict(kind="line")),
    ("AUTH lines without end", dict(kind="auth")),
    ("100,000 commands at a time", dict(kind="pipeline", **EVIL)),
    ("replies that are never read", dict(kind="unread")),
    ("an octet a second", dict(kind="slow")),
    ("BDAT of one octet", dict(kind="chunks", **EVIL)),
    ("transactions held at the relay", dict(kind="data", **EVIL)),
    ("envelopes without end", dict(kind="envelopes")),
    ("renegotiation", dict(kind="renegotiate")),
    ("key updates", dict(kind="keyupdate")),
)
HONESTS = dict(c=12, source=HONEST["source"])
# What no limit parts from honest clients: from their own address, with as many
# connections as leave those some room; or too many addresses.
UNPARTED = (
    ("TLS handshakes begun and abandoned", dict(kind="handshake", **HONESTS)),
    ("garbage under TLS", dict(kind="garbage", **HONESTS)),
    ("100,000 commands at a time", dict(kind="pipeline", **HONESTS, **EVIL)),
    ("BDAT of one octet", dict(kind="chunks", **HONESTS, **EVIL)),
    ("transactions held at the relay", dict(kind="data", **HONESTS, **EVIL)),
    ("connections held from 40 addresses, all that there may be",
     dict(kind="hold", c=800, sources=40)),
    ("1,000 connections a second, of 50 addresses",
     dict(kind="leave", rate=1000, sources=50)),
    # last, for they are held against the address for minutes
    ("wrong passwords", dict(kind="guess", **HONESTS)),
)

class Flood:
    def __init__(self, house, options):
        options = dict(options)
        clear = options.get("tls") == "no" or options["kind"] in (
            "leave", "hold")
        self.process = subprocess.Popen(
            [house.build + "/bench/flood",
             "port=%d" % (house.port if clear else house.tlsport)] +
            ["%s=%s" % kv for kv in options.items()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def result(self):
        out = self.process.communicate()[0]
        if self.process.returncode != 0:
            raise Broken("flood: status %d" % self.process.returncode)
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", out)}


class Beside:
    """One run of honest clients, beside some floods."""

    def __init__(self, house, seconds, floods=()):
        self.before, cpu = house.look(), house.cpu()
        running = [Flood(house, dict(f, seconds=seconds + 0.5))
                   for f in floods]
        if floods:
            time.sleep(0.5)
        honest = house.load(seconds=seconds, timeout=seconds + 60, **HONEST)
        self.processes = self.rss = self.pss = 0
        since = time.monotonic()
        while honest.process.poll() is None:
            look = house.look()
            self.processes = max(self.processes, look.processes)
            self.rss = max(self.rss, look.rss)
            if time.monotonic() - since > seconds / 2 and not self.pss:
                self.pss = look.pss()
            time.sleep(max(0.3, seconds / 20))
        self.floods = [f.result() for f in running]
        self.cpu = (house.cpu() - cpu) / (time.monotonic() - since)
        self.rested = house.rest(REST)
        self.after = house.look()
        self.honest = honest.result()

    def p99(self):
        """The worst of what an honest client waits for; ms."""
        return max(float(self.honest.get(t + "_p99", "0"))
                   for t in ("greeting", "auth", "mail", "final"))

    def failures(self):
        return [w for _, _, w in self.honest["failures"]]


def did(values):
    """What a flood has done, in short."""
    return "%d connections, %d ended by us; written %.1f MB, read %.1f MB; " \
        "replies 2yz %d, 4yz %d, 5yz %d" % (
            values["connections"], values["closed"], values["written"] / 1e6,
            values["read"] / 1e6, values["r2"], values["r4"], values["r5"])


class Floods:
    def __init__(self, house, seconds, table):
        self.house, self.seconds, self.table = house, seconds, table
        self.networks = 0       # of the hostile, of which each has its own
        self.alone = Beside(house, seconds)
        self.say("%-52s %9s %9s %9s %9s %6s %6s %8s %5s %5s" % (
            "ms", "greeting", "AUTH", "MAIL", "final", "sess.", "procs",
            "pss-MiB", "cpu", "rest"))
        self.row("honest clients alone", self.alone)
        report(not self.alone.failures(), "floods: honest clients alone, ms "
               "p50/p99/max: " + times(self.alone.honest),
               *self.alone.failures()[:5])

    def say(self, line):
        with open(self.table, "a") as f:
            f.write(line + "\n")

    def row(self, name, run):
        v = run.honest
        self.say("%-52s %9s %9s %9s %9s %6s %6d %8d %5.2f %5.1f" % (
            name, *("%.0f/%.0f" % (float(v.get(t + "_p50", 0)),
                                   float(v.get(t + "_p99", 0)))
                    for t in ("greeting", "auth", "mail", "final")),
            v["sessions"], run.processes, run.pss / 1024, run.cpu,
            -1 if run.rested is None else run.rested))

    def wrong(self, run):
        """What must hold of every run, whoever is served."""
        bound = 2 * CONNECTIONS + 3 * HELPERS + 10
        wrong = []
        if run.rested is None:
            wrong.append("not at rest after %d s: %s" % (
                REST, run.after.all))
        if run.processes > bound:
            wrong.append("%d processes" % run.processes)
        if run.pss > EACH_PSS * (run.processes + 20):
            wrong.append("PSS of %d KiB, of %d processes" % (
                run.pss, run.processes))
        if max(run.after.fds[0] - 11, run.after.fds[1] - 7) > 4:
            wrong.append("descriptors of monitor and nursery %s, before %s" %
                         (run.after.fds, run.before.fds))
        return wrong

    def from_somewhere(self, options):
        self.networks += 1
        return dict(dict(source="127.2.%d.1" % self.networks), **options)

    def one(self, some):
        """Floods at the same time, from addresses of their own."""
        run = Beside(self.house, self.seconds, [
            self.from_somewhere(options) for _, options in some])
        name = "; ".join(n for n, _ in some)
        self.row(name, run)
        wrong = self.wrong(run) + run.failures()[:5]
        if run.p99() > SLOWEST * 1e3:
            wrong.append("p99 of %.0f ms" % run.p99())
        if any(f["connections"] == 0 for f in run.floods):
            wrong.append("there was no flood")
        report(not wrong, "flood: %s: %s honest sessions are served (ms: %s), "
               "%d processes, PSS %d MiB, at rest after %.1f s" % (
                   name, run.honest["sessions"], times(run.honest),
                   run.processes, run.pss / 1024, run.rested or 0), *wrong)
        for f in run.floods:
            show("#   " + did(f))

    def unparted(self, name, options):
        """Honest clients may be turned away or made to wait, and are served
        as soon as it ends."""
        if "source" in options:
            name = "from the same address, " + name
        run = Beside(self.house, self.seconds,
                     [self.from_somewhere(options)])
        self.row(name, run)
        failed = run.failures()
        wrong = self.wrong(run)
        again = Beside(self.house, min(2, self.seconds))
        # who has guessed wrong is slowed down for a while
        if options["kind"] != "guess":
            wrong += again.failures()[:5]
        report(not wrong, "flood that no limit parts: %s: %s honest sessions "
               "served (ms: %s), %d not%s; %d processes, PSS %d MiB; then all "
               "are" % (name, run.honest["sessions"], times(run.honest),
                        len(failed), ", e.g. " + failed[0] if failed else "",
                        run.processes, run.pss / 1024), *wrong)
        for f in run.floods:
            show("#   " + did(f))


def all_of_them(it, only, together):
    some = [f for f in FLOODS if not only or re.search(only, f[0])]
    for i in range(0, len(some), together):
        it.one(some[i:i + together])
    some = [f for f in UNPARTED if not only or re.search(only, f[0])]
    for name, options in some[:len(some) if together == 1 else 2]:
        it.unparted(name, options)


def floods(build, scratch, seconds, only, together, table):
    if os.path.exists(table):
        os.unlink(table)
    # logins that wait hold their processes, and the short form has no time
    short = ["auth-penalty 2s"] if together > 1 else []
    with House(build, scratch, "floods", short) as house:
        house.rest(20)
        try:
            all_of_them(Floods(house, seconds, table), only, together)
        except Broken as e:
            report(False, "floods", str(e), house.log_end())
        differs = house.differs()
        report(not differs, "floods: each message told 250 has come once, "
               "and none of the floods'", differs)
