"""Moderate load of all kinds of session for a long time: nothing may grow.

It goes in rounds. In each: honest clients by DATA and BDAT, some by STARTTLS
with long sessions, some by BURL, bad ones all the time, and a reload. Then all
end, and what is left is looked at: that is comparable from round to round,
while a generation of the daemon grows by the connections it has."""

import time

from house import Broken, report, show, with_burl

EVERY = 10              # seconds between looks
ROUND = 240             # seconds
CONFIG = ("max-connections 400", "max-connections-per-source 100",
          "idle-timeout 1h", "relay-timeout 115s", "imap-timeout 115s")
# growth that is allowed, by a straight line through the second half
BOUND = 256             # KiB of monitor, nursery and standing helper
URL_SIZE = 20000


class Pauses:
    """When this program was stopped, by SIGSTOP, and its children with it."""

    def __init__(self):
        self.last, self.found = time.monotonic(), []

    def tick(self):
        now = time.monotonic()
        if now - self.last > 15:
            self.found.append((self.last, now))
        self.last = now

    def near(self, at):
        return any(a - 5 <= at <= b + 150 for a, b in self.found)


def growth(points):
    """Of a straight line by least squares from the first to the last."""
    n = len(points)
    if n < 3:
        return 0.0
    mx = sum(x for x, _ in points) / n
    my = sum(y for _, y in points) / n
    above = sum((x - mx) * (y - my) for x, y in points)
    below = sum((x - mx) ** 2 for x, _ in points)
    return above / below * (points[-1][0] - points[0][0]) if below else 0.0


class Soak:
    def __init__(self, house, table, minutes):
        self.house, self.table = house, table
        self.minutes, self.pauses = minutes, Pauses()
        self.sessions = self.messages = self.bad = 0
        self.failures, self.forgiven, self.rests = [], 0, []
        self.begin = time.monotonic()
        self.busy = []
        self.say("%7s %5s %4s %9s %8s %8s %5s %5s %6s %9s %9s" % (
            "seconds", "procs", "gens", "rss-all", "monitor", "nursery",
            "m-fds", "n-fds", "base", "base-own", "messages"))

    def say(self, line):
        with open(self.table, "a") as f:
            f.write(line + "\n")

    def sample(self, mark=""):
        look = self.house.look()
        self.say("%7.0f %5d %4d %9d %8d %8d %5d %5d %6d %9d %9d %s" % (
            look.at - self.begin, look.processes, len(look.nurseries),
            look.rss, look.monitor_own, look.nursery_own, *look.fds,
            look.base, look.base_own, self.house.ask_sink()[0], mark))
        return look

    def spend(self, seconds, loads, reload_at):
        """Samples until the loads have ended."""
        since, next_look = time.monotonic(), 0
        while any(l.process.poll() is None for l in loads):
            self.pauses.tick()
            now = time.monotonic()
            if reload_at and now - since > reload_at:
                self.house.reload()
                reload_at = 0
            if now >= next_look:
                look = self.sample()
                self.busy.append((look.at, look.base_own / look.base))
                next_look = now + EVERY
            time.sleep(0.5)

    def round(self, seconds, number):
        from bad import Stream
        h = self.house
        wait = seconds + 1200   # it may be stopped for a while
        # half the sessions are as long as the round
        loads = [
            h.load(c=40, seconds=seconds, messages=5, think=1, by="mixed",
                   size="2000,5000,5000,20000,200000", source="127.0.0.2",
                   sources=4, timeout=wait),
            h.load(c=4, seconds=seconds, messages=1000, think=3, by="mixed",
                   size="1000,30000", tls="starttls", source="127.0.0.6",
                   timeout=wait)]
        if h.imap:
            loads.append(h.load(
                c=2, seconds=seconds, messages=3, think=2, by="burl",
                url=h.imap.url(URL_SIZE), size=URL_SIZE, source="127.0.0.7",
                timeout=wait))
        stream = Stream(h, 0.5)
        self.spend(seconds, loads, seconds / 3 if number % 2 else 0)
        self.bad += stream.stop()
        for load in loads:
            values = load.result()
            self.sessions += int(values["sessions"])
            self.messages += int(values["messages"])
            for at, after, what in values["failures"]:
                self.judge_failure(at, what)
        for what in stream.complaints:
            self.judge_failure(time.monotonic(), what)
        rested = h.rest(120)
        look = self.sample("at rest after %s s" % (
            "more than 120" if rested is None else "%.1f" % rested))
        if rested is None:
            raise Broken("not at rest: %s" % look.all)
        self.rests.append(look)
        differs = h.differs()
        if differs:
            raise Broken(differs)

    def judge_failure(self, at, what):
        if self.pauses.near(at):
            self.forgiven += 1
        else:
            self.failures.append("%.0f s: %s" % (at - self.begin, what))

    def run(self):
        number = 0
        end = self.begin + self.minutes * 60
        while time.monotonic() < end:
            number += 1
            self.round(min(ROUND, max(5, end - time.monotonic())), number)

    def judge(self):
        minutes = (time.monotonic() - self.begin) / 60
        report(not self.failures, "soak: %d sessions, %d messages, %d bad "
               "sessions in %.0f min, %d generations: none failed" % (
                   self.sessions, self.messages, self.bad, minutes,
                   self.house.generations() + 1), *self.failures[:20])
        if self.pauses.found:
            show("# it was stopped %d times, %.0f s in all; %d sessions "
                 "failed then, %d messages of those had arrived" % (
                     len(self.pauses.found),
                     sum(b - a for a, b in self.pauses.found),
                     self.forgiven, self.house.doubtful))
        report(True, "soak: each message told 250 has come once, by sum, "
               "after each of %d rounds" % len(self.rests))
        half = self.rests[len(self.rests) // 2:]
        for what, value in (
                # a standing helper leaves after a minute without logins
                ("processes at rest",
                 lambda r: r.processes - len(r.stands)),
                ("descriptors of the monitor",
                 lambda r: r.fds[0] - len(r.stands)),
                ("descriptors of the nursery", lambda r: r.fds[1])):
            values = [value(r) for r in self.rests]
            # the main process waits at the end of the first generation
            second = values[1:]
            report(len(set(second)) <= 1, "soak: %s: %s" % (
                what, ", ".join(map(str, values))))
        grown = growth([(r.at, r.base_own) for r in half])
        report(grown < BOUND, "soak: own memory of monitor, nursery and helper at "
               "rest, second half: %d to %d KiB, growth by a straight line %d KiB, "
               "bound %d" % (min(r.base_own for r in half),
                             max(r.base_own for r in half), grown, BOUND))
        busy = self.busy[len(self.busy) // 2:]
        grown = growth(busy)
        report(grown < BOUND, "soak: own memory of each of these under load, "
               "second half: %d to %d KiB, growth %d KiB, bound %d" % (
                   min(y for _, y in busy), max(y for _, y in busy), grown,
                   BOUND))


def soak(build, scratch, minutes, table):
    with with_burl(build, scratch, "soak", CONFIG) as house:
        it = Soak(house, table, minutes)
        try:
            it.run()
        except Broken as e:
            report(False, "soak: after %.0f s" % (
                time.monotonic() - it.begin), str(e), house.log_end())
        it.judge()
