"""Cases of faults.t: the wall clock jumps by a day and more, to and fro."""
import base64
import email.utils
import mmap
import os
import re
import struct
import time

from common_driver import (begin, end, expect, say, skip, talk, wait)
from faults_case import (HEAD, Place, at_rest, making, many,
                         serves)

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
DAY = 86400


class Clock:
    """A house whose wall clock can be set."""

    def __init__(self, library, config=()):
        self.house = h = PLACE.house("clock", ["relay-timeout 5s", *config])
        path = h.directory + "/clock"
        with open(path, "wb") as f:
            f.write(b"\0" * 4096)
        with open(path, "r+b") as f:
            self.file = mmap.mmap(f.fileno(), 4096)
        with making:
            os.environ["WRAP"] = "env LD_PRELOAD=%s CLOCK=%s" % (library, path)
            h.daemon.launch()
            del os.environ["WRAP"]
        h.dial("plain").hang_up()
        at_rest(h)

    def jump(self, seconds):
        struct.pack_into("q", self.file, 0, seconds)

    def now(self):
        return time.time() + struct.unpack_from("q", self.file, 0)[0]

    def stop(self, wrong):
        for c in self.house.clients:
            if not c.left:
                c.hang_up()
        wrong += self.house.daemon.stop()
        self.house.relay.stop()


def within(seconds, begun, what, wrong):
    took = time.monotonic() - begun
    if took > seconds:
        wrong.append("%s took %.1f s" % (what, took))


def in_a_message(by):
    def act(wrong, clock):
        h = clock.house
        c = h.envelope(how="plain")
        clock.jump(by)
        talk(c, "DATA", "354")
        c.send(HEAD.split(b"Date:")[0] + b"\r\ntext\r\n")
        time.sleep(.3)
        clock.jump(2 * by)
        c.send(b".\r\n")
        expect(c, "250")
        clock.jump(0)
        talk(c, "NOOP", "250")
        talk(c, "QUIT", "221")
        data = h.relay.completed[-1].data.decode()
        dates = re.findall(r"(?:;\r\n\t|Date: )([^\r]*)", data)
        for d in dates:
            at = email.utils.parsedate_to_datetime(d).timestamp()
            if min(abs(at - time.time() - n * by) for n in (1, 2)) > 60:
                wrong.append("a date of none of these clocks: %s" % d)
        if len(dates) != 2:
            wrong.append("dates: %s" % dates)
        serves(h, wrong)
    return act, []


def idle(by):
    """Time limits are of the other clock."""
    def act(wrong, clock):
        c = clock.house.login(how="plain")
        clock.jump(by)
        time.sleep(.5)
        talk(c, "NOOP", "250")
        begun = time.monotonic()
        expect(c, "421")
        within(4, begun, "idle-timeout 2s", wrong)
        if time.monotonic() - begun < 1:
            wrong.append("too early")
        serves(clock.house, wrong)
    return act, ["idle-timeout 2s"]


def fail(h):
    c = h.dial("plain")
    talk(c, "EHLO x", "250")
    c.send(b"AUTH PLAIN " + base64.b64encode(b"\0alice\0wrong") + b"\r\n")
    expect(c, "535")
    c.hang_up()


def penalty(by):
    """Nobody waits longer than he would have."""
    def act(wrong, clock):
        h = clock.house
        for _ in range(6):
            fail(h)
        clock.jump(by)
        for _ in range(2):
            begun = time.monotonic()
            serves(h, wrong)
            within(6, begun, "a login", wrong)
        fail(h)
        clock.jump(0)
        begun = time.monotonic()
        serves(h, wrong)
        within(6, begun, "a login after that", wrong)
    return act, ["auth-penalty 2s"]


def limit(by, anew):
    """A period is not longer than it is, whatever the clock does."""
    def act(wrong, clock):
        c = clock.house.login(how="plain")
        talk(c, "MAIL FROM:<alice@example.org>", "250")
        for wanted in "250", "450":
            talk(c, "RCPT TO:<bob@example.net>", wanted)
        clock.jump(by)
        got = say(c, "RCPT TO:<carol@example.net>")
        if got.startswith("250") != anew:
            wrong.append(got)
        c.hang_up()
    return act, ["user-limit 1/10m"]


def news(by):
    """What the relay offers now is found out all the same."""
    def act(wrong, clock):
        h = clock.house
        clock.jump(by)
        time.sleep(6)       # PROBE_REST
        h.relay.script.add("with CHUNKING")
        h.relay.script.add("with MT-PRIORITY")

        def offered():
            serves(h, wrong)
            c = h.dial("plain")
            got = " ".join(talk(c, "EHLO x", "250"))
            c.hang_up()
            return "MT-PRIORITY" in got

        if not wait(8, offered):
            wrong.append("it is never probed again: %s" % h.log_tail(3))
    return act, []


def case(name, how, library):
    act, config = how

    def run(wrong):
        clock = Clock(library, config)
        try:
            act(wrong, clock)
            if not at_rest(clock.house):
                wrong.append("something is left")
        finally:
            clock.stop(wrong)
    return name, run


def main():
    library = PLACE.library("clock")
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("a clock that jumps", "the library cannot be preloaded here")
        return
    cases = [("limit of a user, 5 minutes on", limit(300, False)),
             ("limit of a user, 11 minutes on", limit(660, True))]
    for by, where in (DAY, "on"), (-DAY, "back"):
        cases += [("a message", in_a_message(by)), ("idle", idle(by)),
                  ("penalties", penalty(by)), ("what the relay offers",
                                               news(by))]
        cases[-4:] = [("%s, a day %s" % (n, where), h)
                      for n, h in cases[-4:]]
    cases.append(("limit of a user, a day back", limit(-DAY, True)))
    many([case("the clock jumps: " + n, h, library) for n, h in cases], 8)


main()
end()
