"""Cases of robust.t about signals and generations."""
import contextlib
import os
import re
import signal
import socket
import time

from common_driver import SLOW, begin, daemon, end, expect, leave, reply, wait
from robust_case import (FROM, Place, alone, at_once, begin_data, end_message,
                         processes, requirement)

PLACE = Place(*begin("robust"))


def tell(h, number):
    os.kill(h.daemon.process.pid, number)


def log_has(h, seconds, pattern):
    if not wait(seconds, lambda: re.search(pattern, h.daemon.log())):
        raise RuntimeError("the log has no %s" % pattern)


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.settimeout(5 * SLOW)
        return sock.recv(200).decode("latin-1")


def greets_as(h, name, seconds):
    """Whether that is the name of the service before so many seconds."""
    return wait(seconds, lambda: time.sleep(0.1) or greeting(
        h.daemon.names["port"]).startswith("220 " + name))


def gone(h, seconds, wrong):
    if not wait(seconds, lambda: not processes(h)):
        wrong.append("processes that stay: %s" % sorted(processes(h)))


def other_name(path):
    with open(path) as f:
        return f.read().replace("hostname mail.example.org",
                                "hostname new.example.org")


def second_hangup():
    """A relay that does not greet: a generation needs seconds to start."""
    with alone(PLACE.house("two SIGHUPs", [], ["greeting silent"])) as h:
        with requirement("a second SIGHUP while the successor starts is not "
                         "lost", h) as wrong:
            h.dial("plain")
            tell(h, signal.SIGHUP)
            time.sleep(0.7)     # it has read the configuration
            if "serves now" in h.daemon.log():
                wrong.append("the successor did start at once")
            path = h.directory + "/conf"
            text = other_name(path)
            with open(path, "w") as f:
                f.write(text)
            tell(h, signal.SIGHUP)
            if not greets_as(h, "new.example.org", 9):
                wrong.append("the new name is not known")


def group_signal():
    """As systemd's KillMode=control-group, or Ctrl-C: everybody gets it."""
    with alone(PLACE.house("a group signal")) as h:
        with requirement("SIGTERM to all its processes after a SIGHUP cuts "
                         "no message", h) as wrong:
            old = h.login()
            begin_data(old)
            tell(h, signal.SIGHUP)
            log_has(h, 8, "serves now")
            new = h.login()
            begin_data(new)
            # the first generation last: it passes its signal on
            for pid in sorted(processes(h), reverse=True):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                time.sleep(0.01)
            time.sleep(0.5)
            for name, c in ("old", old), ("new", new):
                try:
                    end_message(c)
                    leave(c)
                except Exception as e:
                    wrong.append("in the %s generation: %s" % (name, e))
            if not wrong and len(h.relay.completed) != 2:
                wrong.append("%d arrived" % len(h.relay.completed))
            gone(h, 5, wrong)


def speak_on(c, idle, seconds):
    """Lines of a message all this time; when the other was told something."""
    began, heard = time.monotonic(), None
    while time.monotonic() - began < seconds:
        c.send(b"a line\r\n")
        time.sleep(0.4)
        idle.until(lambda: b"\n" in idle.inbox, 0.1)
        if heard is None and idle.inbox:
            heard = time.monotonic() - began
    return heard


def terminate():
    with alone(PLACE.house("SIGTERM")) as h:
        idle = h.dial("plain", 2)
        in_data, quiet = h.login(), h.login()
        begin_data(in_data)
        begin_data(quiet)
        quiet.send(FROM + b"first line\r\n")
        in_data.send(FROM)
        tell(h, signal.SIGTERM)
        heard = None
        with requirement("SIGTERM: a message that is being sent arrives", h):
            heard = speak_on(in_data, idle, 11.5 * SLOW)
            in_data.send(b".\r\n")
            expect(in_data, "250")
            leave(in_data)
        with requirement("SIGTERM: an idle session hears 421 4.3.2 after 10 s "
                         "and is closed", h) as wrong:
            got = reply(idle)[-1]
            if not got.startswith("421 4.3.2 "):
                wrong.append(got)
            if heard is None or heard < 7:
                wrong.append("after %s s" % heard)
            idle.closed()
        with requirement("SIGTERM: a session silent for 11 s amid DATA is not "
                         "cut", h):
            quiet.send(b"x\r\n.\r\n")
            expect(quiet, "250")
            leave(quiet)
        with requirement("SIGTERM: with the last session the service ends",
                         h) as wrong:
            gone(h, 4, wrong)


def link():
    h = PLACE.house("a link")
    path = h.directory + "/conf"
    os.symlink("first", path)
    with h:
        with requirement("a configuration behind a link that was switched is "
                         "taken at SIGHUP", h) as wrong:
            if not greeting_of(h).startswith("220 mail.example.org"):
                wrong.append("it began with another name")
            text = other_name(path)
            with open(h.directory + "/second", "w") as f:
                f.write(text)
            os.symlink("second", h.directory + "/new")
            os.rename(h.directory + "/new", path)
            tell(h, signal.SIGHUP)
            if not greets_as(h, "new.example.org", 6):
                wrong.append("the old configuration is read again")


def greeting_of(h):
    h.dial("plain")
    return greeting(h.daemon.names["port"])


def new_listen_line():
    with PLACE.house("a listen line") as h:
        with requirement("a new listen line is taken at SIGHUP, and the old "
                         "ones stay", h) as wrong:
            h.dial("plain")
            sock = daemon.reserve(1)[0]
            port = sock.getsockname()[1]
            with open(h.directory + "/conf", "a") as f:
                f.write("listen 127.0.0.1:%d\n" % port)
            tell(h, signal.SIGHUP)
            log_has(h, 8, "serves now")
            for p in port, h.daemon.names["port"]:
                if not greeting(p).startswith("220 mail.example.org"):
                    wrong.append("port %d" % p)
            sock.close()


def monitor_killed():
    with alone(PLACE.house("no monitor", [], ["end delay 3"])) as h:
        with requirement("the monitor killed while the final answer is "
                         "awaited: the client gets that answer", h) as wrong:
            c = h.login()
            begin_data(c)
            c.send(FROM + b"x\r\n.\r\n")
            time.sleep(0.7)
            tell(h, signal.SIGKILL)
            try:
                expect(c, "250")
            finally:
                if not wait(5, lambda: h.relay.messages):
                    wrong.append("the relay got no message")
            if not h.relay.completed:
                wrong.append("the relay did not accept")
            # gone soon, too: nobody is there to watch it
            gone(h, 12, wrong)


at_once(second_hangup, terminate, monitor_killed,
        lambda: [f() for f in (group_signal, link, new_listen_line)])
end()
