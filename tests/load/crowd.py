"""Many sessions at once, all at work, on the machine's processors."""
import os
import time

from house import report, show, with_burl
from soak import Pauses

# As a machine for many would have it: all else is as it comes. A client
# address has at most max-connections-per-source: so there are many.
CONFIG = "max-connections %d"
EACH = 5                # sessions of an address, in the mean
URL_SIZE = 20000
SIZES = "2000,5000,5000,5000,20000,20000,300000"
MESSAGES = 5
# The most that a connection may cost, session, relay and the monitor's and
# nursery's part of them; KiB. Measured: 600 to 900.
EACH_PSS = 1500
TIMES = ("greeting", "auth", "mail", "final", "message", "session")


def busy():
    """(seconds of processor time that were used, all there were)"""
    with open("/proc/stat") as f:
        ticks = [int(x) for x in f.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def connections(*ports):
    """How many are established, as the kernel tells."""
    found = 0
    with open("/proc/net/tcp") as f:
        for line in f:
            words = line.split()
            found += words[3] == "01" and \
                int(words[1].rpartition(":")[2], 16) in ports
    return found


def address(number):
    """127.1.0.1 and so on: whole networks for the crowd."""
    return "127.1.%d.1" % number


def split(n, think, seconds, house):
    """The loads that make n sessions at once."""
    burl = max(1, n // 50) if house.imap else 0
    starttls = n // 5
    common = dict(seconds=seconds, messages=MESSAGES, think=think,
                  ramp=min(20, n / 50, seconds / 4),
                  timeout=seconds + 600)
    parts = [
        ("at once", dict(c=n - burl - starttls, by="mixed", size=SIZES)),
        ("STARTTLS", dict(c=starttls, by="mixed", size=SIZES,
                          tls="starttls"))]
    if burl:
        parts.append(("BURL", dict(
            c=burl, by="burl", size=URL_SIZE, url=house.imap.url(URL_SIZE))))
    loads = []
    for i, (name, options) in enumerate(parts):
        options.update(common, source=address(50 * i),
                       sources=options["c"] // EACH + 1)
        loads.append((name, house.load(**options)))
    return loads


class Crowd:
    def __init__(self, house, table, n):
        self.house, self.table, self.n = house, table, n
        self.begin, self.next_pss = time.monotonic(), 0
        self.processes = self.rss = self.pss = self.open = 0
        self.pss_each = 0
        self.pauses = Pauses()
        self.say("%7s %6s %6s %9s %9s %8s %8s %5s %5s %9s %6s" % (
            "seconds", "open", "procs", "rss-all", "pss-all", "monitor",
            "nursery", "m-fds", "n-fds", "messages", "busy-%"))
        self.busy = busy()

    def say(self, line):
        with open(self.table, "a") as f:
            f.write(line + "\n")

    def sample(self):
        self.pauses.tick()
        look, now = self.house.look(), time.monotonic()
        pss = 0
        if now >= self.next_pss:
            self.next_pss = now + 20
            pss = look.pss()
        before, self.busy = self.busy, busy()
        opened = connections(self.house.port, self.house.tlsport)
        self.open = max(self.open, opened)
        self.processes = max(self.processes, look.processes)
        self.rss = max(self.rss, look.rss)
        if pss > self.pss:
            self.pss, self.pss_each = pss, pss / look.processes
        self.say("%7.0f %6d %6d %9d %9s %8d %8d %5d %5d %9d %6.0f" % (
            now - self.begin, opened, look.processes, look.rss, pss or "",
            look.monitor_own, look.nursery_own, *look.fds,
            self.house.ask_sink()[0], 100 * (self.busy[0] - before[0]) / max(
                1, self.busy[1] - before[1])))

    def watch(self, loads, every):
        # each look goes through all processes of the machine
        next_look = time.monotonic() + min(every, 5)
        while any(l.process.poll() is None for _, l in loads):
            time.sleep(0.5)
            self.pauses.tick()
            if time.monotonic() >= next_look:
                self.sample()
                next_look = time.monotonic() + every


def times(values):
    return ", ".join("%s %.0f/%.0f/%.0f" % (
        t, *(float(values["%s_%s" % (t, p)]) for p in ("p50", "p99", "max")))
        for t in TIMES if t + "_p50" in values)


def play(house, n, seconds, think, table):
    house.rest(20)
    first, cpu = house.look(), house.cpu()
    it = Crowd(house, table, n)
    idle, all_of_it = it.busy
    since = time.monotonic()
    loads = split(n, think, seconds, house)
    it.watch(loads, max(2, min(10, seconds / 10)))
    took = time.monotonic() - since
    failures, sessions, messages, octets = [], 0, 0, 0
    for name, load in loads:
        values = load.result()
        sessions += int(values["sessions"])
        messages += int(values["messages"])
        octets += int(values["octets"])
        failures += ["%s, %.0f s: %s" % (name, at - since, what)
                     for at, _, what in values["failures"]]
        show("# crowd, %s, ms p50/p99/max: %s" % (name, times(values)))
    used, there = busy()
    cpu = house.cpu() - cpu
    rested = house.rest(60)
    last = house.look()
    report(not failures, "crowd: %d sessions at once, %d sessions and %d "
           "messages (%.0f MB) in %.0f s (%.0f messages/s): none failed" % (
               n, sessions, messages, octets / 1e6, took, messages / took),
           "%d failed" % len(failures), *failures[:20])
    differs = house.differs()
    report(not differs, "crowd: each message told 250 has come once, by sum",
           differs)
    show("# crowd: the machine's processors were used to %.0f %%, the daemon "
         "took %.0f s, %.1f ms a session; %d generations" % (
             100 * (used - idle) / (there - all_of_it), cpu,
             1e3 * cpu / max(1, sessions), house.generations() + 1))
    report(it.open >= 0.8 * n, "crowd: %d connections were open at once" %
           it.open)
    report(it.pss / n < EACH_PSS and it.processes <= 2 * n + 100,
           "crowd: %d connections and %d processes at most; PSS %d MiB at "
           "most, %d KiB a process; RSS sum %d MiB" % (
               it.open, it.processes, it.pss / 1024,
               it.pss_each, it.rss / 1024))
    report(rested is not None and last.fds[1] <= first.fds[1] + 1,
           "crowd: at rest %.1f s after it: %d processes, descriptors of "
           "monitor and nursery %s before, %s after" % (
               rested or -1, last.processes, first.fds, last.fds))


def crowd(build, scratch, n, seconds, think, table):
    if os.path.exists(table):
        os.unlink(table)
    # who has ended counts until its process has, and others come at once
    config = [CONFIG % (2 * n)]
    with with_burl(build, scratch, "crowd", config) as house:
        play(house, n, seconds, think, table)
