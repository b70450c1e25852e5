"""Cases of faults.t: calls of monitor and nursery that fail, one after the
other, by the library of tests/faults."""
import errno
import mmap
import os
import struct
import subprocess

from common_driver import HERE, begin, end, skip
from faults_case import (Place, at_rest, content, daemon, descriptors, making,
                         many, message, monitor_of, nursery_of, say, serves, talk,
                         url, wait)

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
NAMES = ["fork", "posix_spawn", "socketpair", "pipe2", "accept4", "sendmsg",
         "recvmsg", "mmap", "malloc", "calloc", "write", "open"]

# Which calls of which process, how they fail, and how often at most.
CASES = [("nursery", "fork", "EAGAIN ENOMEM", 3),
         ("nursery", "socketpair", "EMFILE ENFILE", 3),
         ("nursery", "accept4", "EMFILE ENFILE ENOMEM ECONNABORTED", 2),
         ("nursery", "sendmsg", "EAGAIN ENOBUFS", 4),
         ("nursery", "malloc", "ENOMEM", 3),
         ("monitor", "posix_spawn", "EAGAIN ENOMEM ENOENT", 3),
         ("monitor", "socketpair", "EMFILE ENFILE", 5),
         ("monitor", "pipe2", "EMFILE ENFILE", 3),
         ("monitor", "sendmsg", "EAGAIN ENOBUFS ENOMEM", 12),
         ("monitor", "recvmsg", "EMFILE ENOMEM", 8),
         ("monitor", "write", "ENOSPC EPIPE", 4),
         ("monitor", "malloc", "ENOMEM", 6),
         ("monitor", "calloc", "ENOMEM", 4)]


def build_library():
    path = T + "/failing.so"
    out = subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-shared",
         "-fPIC", "-o", path, HERE + "/../faults/failing.c", "-ldl"],
        capture_output=True, text=True)
    return path if out.returncode == 0 else None


class Failing:
    """A house whose calls can be made to fail."""

    def __init__(self, name, imapd, library):
        self.imapd = imapd
        self.house = PLACE.house(name, ["relay-timeout 5s"], [], imapd)
        self.path = self.house.directory + "/failing"
        with open(self.path, "wb") as f:
            f.write(b"\0" * 4096)
        with open(self.path, "r+b") as f:
            self.rows = mmap.mmap(f.fileno(), 4096)
        self.house.daemon.names["build"] = BUILD
        with making:
            os.environ["WRAP"] = "env LD_PRELOAD=%s FAILING=%s" % (
                library, self.path)
            self.house.daemon.launch()
            del os.environ["WRAP"]
        self.house.dial("plain").hang_up()
        at_rest(self.house)
        serves(self.house, [])
        at_rest(self.house)

    def arm(self, pid, call, n, error):
        struct.pack_into("iii", self.rows, 12 * NAMES.index(call), pid, n,
                         error)

    def left(self, call):
        return struct.unpack_from("iii", self.rows, 12 * NAMES.index(call))[1]

    def exercise(self):
        """What a client of all services hears."""
        h, said = self.house, []
        try:
            c = h.login(how="plain", patience=8)
            said.append(message(c))
            talk(c, "MAIL FROM:<alice@example.org>", "250")
            talk(c, "RCPT TO:<bob@example.net>", "250")
            said.append(say(c, "BURL %s LAST" % url(self.imapd)))
            talk(c, "QUIT", "221")
        except Exception as e:
            said.append("%s: %s" % (type(e).__name__, e))
        for c in h.clients:
            if not c.left:
                c.hang_up()
        return said

    def stop(self):
        self.house.daemon.kill()
        self.house.relay.stop()


def one(f, role, call, error, n, wrong):
    """False if the call was not made so often; or the service is over."""
    h = f.house
    pid = monitor_of(h) if role == "monitor" else nursery_of(h)
    before, fds = len(h.relay.completed), descriptors(h)
    f.arm(pid, call, n, getattr(errno, error))
    said = f.exercise()
    reached = f.left(call) == 0
    f.arm(0, call, 0, 0)
    what = "%s of call %d: %s" % (error, n, said)
    took = len(h.relay.completed) - before
    if took != sum(s.startswith("250") for s in said):
        wrong.append("%s, but %d taken" % (what, took))
    for s in said:
        if s[:1] in "25" and not s.startswith("250"):
            wrong.append(what)
    if "is silent" in str(said) or "nothing" in str(said):
        wrong.append(what + ": no reply and no close")
    rests = at_rest(h)
    if not h.daemon.alive():    # out of memory it says so and ends
        if not wait(2, lambda: "event=fatal" in h.daemon.log()):
            wrong.append(what + ": the daemon ended without a word: %s, %s" %
                         (h.daemon.process.returncode, h.log_tail(2)))
        if not wait(15, lambda: not daemon.members(h.daemon.process.pid)):
            wrong.append(what + ": processes stay")
        return False
    if not rests:
        wrong.append(what + ": processes or connections stay")
    if not wait(3, lambda: all(
            n <= was for n, was in zip(descriptors(h), fds))):
        wrong.append(what + ": descriptors %s, before %s" % (descriptors(h),
                                                            fds))
    serves(h, wrong, what)
    at_rest(h)
    return reached


def case(role, call, errors, most, imapd, library):
    def act(wrong):
        f = Failing("%s %s" % (role, call), imapd, library)
        count = 0
        try:
            for error in errors.split():
                for n in range(1, most + 1):
                    if not one(f, role, call, error, n, wrong):
                        if f.house.daemon.alive():
                            break
                        f.stop()
                        f = Failing("again", imapd, library)
                    count += 1
            if count == 0:
                wrong.append("it is never called")
        finally:
            f.stop()
    return "%s fails in the %s: %s" % (call, role, errors), act


def main():
    library = build_library()
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("calls that fail", "the library cannot be preloaded here")
        return
    imapd = PLACE.imapd(urlfetch=content)
    many([case(*c, imapd, library) for c in CASES], 4)


main()
end()
