"""What is done to each server, and what is read off. A scenario is run with
all servers in turn, several rounds; its `once` gives numbers by name."""

import os
import re
import shutil
import subprocess
import time

from servers import TOOLS, Tool

MB = 1000000


class Failed(Exception):
    pass


def parse(line):
    """{key: number or text} of a line of key=value."""
    values = {}
    for key, quoted, plain in re.findall(r'(\w+)=(?:"(.*)"$|(\S+))', line):
        text = quoted or plain
        try:
            values[key] = float(text)
        except ValueError:
            values[key] = text
    return values


class Load:
    """One run of the load generator; `with` it, if it is to hold."""

    def __init__(self, server, port=None, check=True, **options):
        starttls = options.get("tls") == "starttls"
        words = ["port=%d" % (port or (
            server.port if starttls else server.tlsport))]
        if check:
            words.append("sink=%d" % server.sink.port)
        words += ["%s=%s" % kv for kv in options.items()]
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "load")] + words, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ready(self):
        line = self.process.stdout.readline()
        values = parse(line)
        if not line.startswith("ready"):
            raise Failed(values.get("error") or line.strip() or "no word")
        return values

    def result(self):
        out, err = self.process.communicate("\n")
        values = parse(out.strip().rpartition("\n")[2])
        if self.process.returncode != 0:
            raise Failed(values.get("error") or err.strip() or (
                "what arrived is not what was sent (%d of %d messages)" % (
                    values.get("arrived", -1), values.get("messages", -1))))
        return values

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout,
                     self.process.stderr):
            try:
                pipe.close()
            except OSError:
                pass


def load(server, **options):
    """Runs it to its end; the CPU time of the server in ms with it."""
    server.group.quiet()
    before = server.group.cpu()
    with Load(server, **options) as run:
        values = run.result()
    server.group.quiet()
    values["cpu"] = (server.group.cpu() - before) * 1e3
    return values


class Scenario:
    rounds = 5
    only = None		# names of the servers; None: all
    without = ()
    against_floor = "cpu"
    note = ""

    def __init__(self, name, title, columns, **more):
        self.name, self.title, self.columns = name, title, columns
        for key, value in more.items():
            setattr(self, key, value)

    def takes(self, server):
        return server.name not in self.without and (
            self.only is None or server.name in self.only)


class Sessions(Scenario):
    """options: n sessions, c at a time ..."""

    def once(self, server):
        v = load(server, **self.options)
        v["rate"] = v["sessions"] / v["wall"]
        v["cpu"] /= v["sessions"]
        return v


class Messages(Scenario):
    """options: messages on each of n connections, c at a time."""

    def once(self, server):
        v = load(server, **self.options)
        v["rate"] = v["messages"] / v["wall"]
        v["cpu"] /= v["messages"]
        return v


class Big(Scenario):
    """One message; the rate is that until the final reply."""

    def once(self, server):
        v = load(server, **self.options)
        v["rate"] = v["octets"] / MB / (v["message_p50"] / 1e3)
        return v


class Memory(Scenario):
    """Peaks by the size of the message, ascending."""
    rounds = 1
    against_floor = None

    def once(self, server):
        values = {}
        server.renew()
        for size in self.sizes:
            with Load(server, size=size, stop="message", hold="yes",
                      timeout=300) as run:
                run.ready()
                peak, written = server.group.peak()
                run.result()
            values["peak_%d" % size] = peak
            values["written_%d" % size] = written / MB
        first, last = self.sizes[0], self.sizes[-1]
        values["growth"] = values["peak_%d" % last] - values["peak_%d" % first]
        values["growth_on"] = (values["peak_%d" % last] -
                               values["peak_%d" % self.sizes[1]])
        values["disk"] = (values["written_%d" % last] -
                          values["written_%d" % first])
        return values


class Held(Scenario):
    """What connections cost that do nothing."""
    rounds = 2
    against_floor = "pss"

    def once(self, server):
        n = self.options["n"]
        server.renew()
        load(server, n=20)			# whatever is made once is there
        pss, dirty, count = server.group.memory()
        before = server.group.cpu()
        with Load(server, check=False, hold="yes", **self.options) as run:
            ready = run.ready()
            if ready["held"] < n:
                raise Failed(ready.get("error", "not all were taken"))
            time.sleep(0.3)
            server.group.quiet()
            used = server.group.cpu() - before
            held = server.group.memory()
        server.group.quiet()
        return {"pss": (held[0] - pss) / n, "dirty": (held[1] - dirty) / n,
                "processes": (held[2] - count) / n, "cpu": used * 1e3 / n}


class Beside(Scenario):
    """New connections while others are held in the way `held` says; then,
    those of `also`."""
    also = None
    rounds = 1
    against_floor = None

    def once(self, server):
        server.renew()
        load(server, n=20)
        values = load(server, **self.options)
        values["cpu"] /= values["sessions"]
        values = {k + "_alone": v for k, v in values.items()}
        with Load(server, check=False, hold="yes", **self.held) as run:
            ready = run.ready()
            if ready["held"] < self.held["n"]:
                raise Failed(ready.get("error", "not all were taken"))
            time.sleep(0.3)
            server.group.quiet(5 if self.held.get("drip") else 30)
            beside = load(server, **self.options)
            if self.also:
                also = load(server, **self.also)
                values.update(("also_" + k, v) for k, v in also.items())
            run.process.kill()
        server.group.quiet(10)
        beside["cpu"] /= beside["sessions"]
        values.update(beside)
        return values


class LongLine(Scenario):
    """Over a line with a delay: how often it had to be crossed."""
    rounds = 1
    against_floor = None
    delay = 25

    def once(self, server):
        starttls = self.options.get("tls") == "starttls"
        load(server, **self.options)
        line = Tool("link", "delay=%d" % self.delay, "to=%d" % (
            server.port if starttls else server.tlsport))
        try:
            with Load(server, port=line.port, **self.options) as run:
                v = run.result()
        finally:
            line.end()
        trips = v["session_p50"] / (2 * self.delay)
        return {"session_p50": v["session_p50"], "turns": v["turns"],
                "trips": trips, "greeting_p50": v["greeting_p50"],
                "final_p50": v["final_p50"], "minimum": self.minimum}


class Burl(Scenario):
    """A message that is there already, and the same by DATA."""
    rounds = 3
    against_floor = None
    only = ("ours",)

    def once(self, server):
        imap = server.place.imap
        size = self.options["size"]
        n = self.options["n"]
        url = imap.message(size)
        imap.group.quiet()
        before = imap.group.cpu()
        v = load(server, by="burl", url=url, **self.options)
        imap.group.quiet()
        fetched = imap.group.cpu() - before
        data = load(server, **self.options)
        return {
            "cpu": v["cpu"] / n, "imap": fetched * 1e3 / n,
            "data_cpu": data["cpu"] / n,
            "link": (v["sent"] + v["received"]) / n / 1e3,
            "data_link": (data["sent"] + data["received"]) / n / 1e3,
            "final": v["final_p50"], "data_message": data["message_p50"],
            "session": v["session_p50"], "data_session": data["session_p50"]}


EVENTS = ("context-switches", "page-faults", "raw_syscalls:sys_enter")


class Work(Scenario):
    """What perf counts for the group, per session or message."""
    rounds = 1
    against_floor = None

    def once(self, server):
        if not shutil.which("perf"):
            raise Failed("no perf here (package linux-perf)")
        load(server, n=20)
        perf = subprocess.Popen(
            ["perf", "stat", "-x,", "-a", "-e", ",".join(EVENTS), "-G",
             ",".join([server.group.name] * len(EVENTS)), "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        v = load(server, **self.options)
        text = perf.communicate()[1]
        per = v["messages"] if self.options.get("messages") else v["sessions"]
        values = {}
        for key, event in zip(("switches", "faults", "calls"), EVENTS):
            found = re.search(r"^(\d+),[^,]*,%s," % event, text, re.M)
            if not found:
                raise Failed("perf does not count " + event)
            values[key] = int(found[1]) / per
        return values
