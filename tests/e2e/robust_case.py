"""What the drivers of robust.t share: requirements, cases at the same time,
and what /proc tells of a process."""
import contextlib
import os
import threading

from common_driver import House, daemon, expect, reply, report, show, talk

FROM = b"From: alice@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n"
making = threading.Lock()


class Place:
    """Makes houses, for several threads."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch

    def house(self, name, config=(), relay=(), **names):
        with making:
            return House(self.build, self.scratch, config, relay, name,
                         **names)


@contextlib.contextmanager
def requirement(name, house=None):
    """One row: ok if nothing was put into the list and nothing was raised."""
    wrong = []
    try:
        yield wrong
    except Exception as e:
        wrong.append("%s: %s" % (type(e).__name__, e))
    report(not wrong, name, *wrong,
           *(house.log_tail() if wrong and house else []))


@contextlib.contextmanager
def alone(house):
    """A house whose daemon ends in an unusual way: nothing is said of that."""
    house.daemon.launch()
    try:
        yield house
    finally:
        house.daemon.kill()
        house.relay.stop()


def at_once(*cases):
    def run(case):
        try:
            case()
        except Exception as e:
            show("not ok - %s" % case.__name__,
                 "#   %s: %s" % (type(e).__name__, e))

    threads = [threading.Thread(target=run, args=(c,)) for c in cases]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


# processes

def processes(house):
    return set(daemon.members(house.daemon.process.pid))


def stat(pid):
    """The fields from the state on."""
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(") ")[2].split()


def cpu_seconds(pids):
    tick = os.sysconf("SC_CLK_TCK")
    return sum(int(x) for p in pids for x in stat(p)[11:13]) / tick


def vm_data(pid):
    """In kilobytes."""
    with open("/proc/%d/status" % pid) as f:
        return int([l for l in f if l.startswith("VmData:")][0].split()[1])


def measurable():
    """Why memory and time say nothing here, or None."""
    if os.environ.get("WRAP"):
        return "another program stands before the daemon"
    if os.environ.get("SANITIZED"):
        return "a sanitizer has memory of its own"
    return None


# dialogues

def begin_data(c):
    """A transaction up to 354."""
    talk(c, "MAIL FROM:<alice@example.org>", "250")
    talk(c, "RCPT TO:<bob@example.org>", "250")
    talk(c, "DATA", "354")


def send_message(c, text=b"x\r\n"):
    """By DATA; the last line of the final reply."""
    begin_data(c)
    c.send(FROM + text + b".\r\n")
    return reply(c)[-1]


def end_message(c):
    c.send(FROM + b"x\r\n.\r\n")
    expect(c, "250")
