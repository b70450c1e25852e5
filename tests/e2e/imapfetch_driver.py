"""Runs imapfetch as the monitor does and plays session and relay.

    f = Fetcher(program, user="alice", servers=[Server(...)])
    r = f.fetch(url)        r.verdict, r.sent, r.data or r.digest, r.ms
    f.close()               the exit status

The frame numbers are read from frames.h.
"""
import dataclasses
import hashlib
import os
import re
import select
import socket
import struct
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def enums(path):
    """All enumerators of a header, by name."""
    text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
    found = {}
    for body in re.findall(r"enum \w+ \{(.*?)\}", text, flags=re.S):
        n = 0
        for item in body.split(","):
            name, _, value = item.partition("=")
            if name.strip():
                n = int(value) if value else n
                found[name.strip()] = n
                n += 1
    return found


E = enums(os.path.join(TOP, "frames.h"))
VERDICTS = {v: k[6:] for k, v in E.items() if k in (
    "FETCH_OK", "FETCH_SYNTAX", "FETCH_NO_TRUST", "FETCH_REFUSED",
    "FETCH_GONE", "FETCH_TOO_BIG", "FETCH_DOWN", "FETCH_RELAY")}


def text(s):
    s = os.fsencode(s)
    return struct.pack("=H", len(s)) + s


def frame(kind, payload=b""):
    return struct.pack("=HHI", kind, 0, len(payload)) + payload


@dataclasses.dataclass
class Server:
    url: str
    login: str          # login, proxy, passthrough
    name: str = ""
    password: str = ""
    ca: str = ""

    def packed(self):
        return frame(E["F_SERVER"], text(self.url) + struct.pack(
            "=B", E["IMAP_" + self.login.upper()]) + text(self.name) +
            text(self.password) + text(self.ca))


@dataclasses.dataclass
class Result:
    verdict: str
    sent: int
    data: bytes
    digest: str
    got: int
    ms: float
    frames: list


class Fetcher:
    def __init__(self, program, servers, user="alice", password="alicepw",
                 timeout=5000, uid=0, gid=0, log=None, wrapper=(), env=None):
        self.monitor, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.session, channel = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [*wrapper, program]
        self.pid = os.posix_spawnp(argv[0], argv, env or dict(os.environ),
                                   file_actions=self.actions(theirs, log))
        theirs.close()
        self.send_orders(servers, user, password, timeout, uid, gid, channel)
        channel.close()
        self.pending = None

    @staticmethod
    def actions(theirs, log):
        null = os.open("/dev/null", os.O_RDONLY)
        return [(os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, 2 if log is None else log, 1),
                (os.POSIX_SPAWN_DUP2, 2 if log is None else log, 2),
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]

    def send_orders(self, servers, user, password, timeout, uid, gid, channel):
        self.monitor.send(frame(E["F_ORDER"], text("s1") + text(user) +
                          text(password) +
                          struct.pack("=III", timeout, uid, gid)))
        for server in servers:
            self.monitor.send(server.packed())
        socket.send_fds(self.monitor, [frame(E["F_CHANNEL"])],
                        [channel.fileno()])

    def start(self, url, limit=1 << 40):
        """Sends F_URL; the relay's end stays here."""
        relay, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if isinstance(url, str):
            url = url.encode()
        socket.send_fds(self.session, [frame(
            E["F_URL"], struct.pack("=Q", limit) + struct.pack(
                "=H", len(url)) + url)], [theirs.fileno()])
        theirs.close()
        return relay

    def fetch(self, url, limit=1 << 40, keep=True, wait=30):
        start = time.monotonic()
        relay = self.start(url, limit)
        result = self.collect(relay, keep, wait)
        result.ms = (time.monotonic() - start) * 1000
        relay.close()
        return result

    def collect(self, relay, keep=True, wait=30):
        """Reads both channels until F_DONE came and the relay's is empty."""
        r = Result("HANGS", 0, b"", "", 0, 0, [])
        digest, data, done, open_ = hashlib.sha256(), [], None, True
        while open_ or not done:
            channels = ([relay] if open_ else []) + \
                ([] if done else [self.session])
            ready, _, _ = select.select(channels, [], [], 0 if done else wait)
            if not ready:
                break
            if relay in ready:
                piece = self.body(relay)
                open_ = len(piece) > 0
                r.got += len(piece)
                r.frames += [len(piece)] if piece else []
                digest.update(piece)
                if keep:
                    data.append(piece)
            elif self.session in ready:
                done = self.answer()
                if not done:
                    r.verdict = "CLOSED"
                    break
                r.verdict, r.sent = done
        r.data, r.digest = b"".join(data), digest.hexdigest()
        return r

    @staticmethod
    def body(relay):
        piece = relay.recv(1 << 17)
        if piece:
            kind, flags, length = struct.unpack("=HHI", piece[:8])
            assert kind == E["E_BODY"] and flags == 0
            assert length == len(piece) - 8 and 0 < length <= 65536
        return piece[8:]

    def answer(self):
        try:
            piece = self.session.recv(1 << 17)
        except ConnectionResetError:
            return None
        if not piece:
            return None
        kind, _, length = struct.unpack("=HHI", piece[:8])
        assert kind == E["F_DONE"] and length == 9, piece
        verdict, sent = struct.unpack("=BQ", piece[8:])
        return VERDICTS[verdict], sent

    def peak_kb(self):
        for line in open("/proc/%d/status" % self.pid):
            if line.startswith("VmHWM"):
                return int(line.split()[1])
        return 0

    def wait(self, seconds=5):
        """The exit status, None if it does not end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        return None

    def close(self):
        self.session.close()
        status = self.wait()
        self.monitor.close()
        return status
