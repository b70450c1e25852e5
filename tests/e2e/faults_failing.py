"""A house whose calls can be made to fail, by the library of tests/faults."""
import mmap
import os
import struct

from common_driver import write
from faults_case import at_rest, making, monitor_of, nursery_of, serves

NAMES = ["fork", "posix_spawn", "socketpair", "pipe2", "accept4", "sendmsg",
         "recvmsg", "mmap", "malloc", "calloc", "realloc", "write", "read",
         "open", "openat", "fsync", "renameat", "poll", "socket", "connect",
         "send", "recv", "writev", "fcntl", "memory", "eat"]
IMAPFETCH, SHORT = -1000000, -1
BOX = "/tmp", "/new", "/cur"


class Failing:
    """A house whose calls can be made to fail."""

    def __init__(self, place, name, imapd, library, maildir=False,
                 config=(), relay=()):
        self.imapd = imapd
        config = ["relay-timeout 5s", "libexec {dir}/libexec"] + (
            list(config) or ["imap-timeout 5s"])
        if maildir:
            config.append("relay maildir://{dir}/box")
        h = self.house = place.house(name, config, relay, imapd)
        self.path = h.directory + "/failing"
        with open(self.path, "wb") as f:
            f.write(b"\0" * 4096)
        with open(self.path, "r+b") as f:
            self.rows = mmap.mmap(f.fileno(), 4096)
        preload = "env LD_PRELOAD=%s FAILING=%s" % (library, self.path)
        os.mkdir(h.directory + "/libexec")
        for program in "auth-reply", "checkcertificate", "checkpassword-file":
            os.symlink(place.build + "/" + program,
                       h.directory + "/libexec/" + program)
        write(h.directory + "/libexec/imapfetch", "#!/bin/sh\nexec %s "
              "%s/imapfetch \"$@\"\n" % (preload, place.build), 0o755)
        if maildir:
            self.box = h.directory + "/box"
            for d in self.box, *(self.box + x for x in BOX):
                os.mkdir(d)
                os.chmod(d, 0o777)
            h.taken = lambda: len(os.listdir(self.box + "/new"))
        with making:
            os.environ["WRAP"] = preload
            h.daemon.launch()
            del os.environ["WRAP"]
        h.dial("plain").hang_up()
        at_rest(h)
        serves(h, [])
        at_rest(h)

    def who(self, role):
        forks = struct.unpack_from("iii", self.rows, 12 * len(NAMES))[2]
        return {"monitor": monitor_of, "nursery": nursery_of}[role](
            self.house) if role in ("monitor", "nursery") else {
            "session": -forks - 1, "relay": -forks - 2,
            "maildir": -forks - 2, "imapfetch": IMAPFETCH}[role]

    def arm(self, who, call, n, error):
        struct.pack_into("iii", self.rows, 12 * NAMES.index(call), who, n,
                         error)

    def left(self, call):
        return struct.unpack_from("iii", self.rows, 12 * NAMES.index(call))[1]

    def stop(self):
        self.house.daemon.kill()
        self.house.relay.stop()
