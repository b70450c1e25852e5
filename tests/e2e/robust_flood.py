"""The case of robust.t that leaves no processor to others: seized sessions
that ask for relays and read no answer, and a flood of connections."""
import ctypes
import os
import resource
import signal
import socket
import struct
import threading
import time

from common_driver import SLOW, begin, end, skip
from fences_puppet import FRAMES
from robust_case import Place, alone, processes, requirement

NAME = "relay requests that nobody reads the answers of, and a flood of " \
    "connections: the service goes on"
PIDFD_GETFD = 438
SESSIONS, REQUESTS, FLOOD = 20, 99, 3


def copy(pid, fd):
    """A process's descriptor; -1 if it cannot be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        return libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)


def channel(pid):
    """The session's end of what it tells the monitor by."""
    for fd in sorted(int(f) for f in os.listdir("/proc/%d/fd" % pid)):
        if fd > 2 and "socket" in os.readlink("/proc/%d/fd/%d" % (pid, fd)):
            own = copy(pid, fd)
            if own == -1:
                return None
            sock = socket.socket(fileno=own)
            if sock.family == socket.AF_UNIX:
                return sock
            sock.close()
    return None


def seize(h):
    before = processes(h)
    h.login(how="plain")
    born = processes(h) - before
    pid = [p for p in born if os.path.exists("/proc/%d" % p)][0]
    sock = channel(pid)
    if sock:
        os.kill(pid, signal.SIGSTOP)
    return sock


def flood(port, until):
    mine = []
    while time.monotonic() < until:
        try:
            mine.append(socket.create_connection(("127.0.0.1", port), 2))
        except OSError:
            pass
        if len(mine) > 300:
            while mine:
                mine.pop().close()
    while mine:
        mine.pop().close()


def run(place):
    hole = socket.create_server(("127.0.0.1", 0), backlog=500)
    h = place.house("a flood", [
        "tls optional", "max-connections 1000",
        "max-connections-per-source 1000", "relay smtp://127.0.0.1:{hole}"],
        hole=hole.getsockname()[1])
    with hole, alone(h), requirement(NAME, h) as wrong:
        h.dial("plain")
        time.sleep(0.2)
        channels = []
        for _ in range(SESSIONS):
            channels.append(seize(h))
            if channels[-1] is None:
                raise RuntimeError("its channel cannot be had")
        until = time.monotonic() + FLOOD
        port = h.daemon.names["port"]
        floods = [threading.Thread(target=flood, args=(port, until))
                  for _ in range(2)]
        for f in floods:
            f.start()
        time.sleep(0.2)
        request = struct.pack("=HHI", FRAMES["S_RELAY"], 0, 0)
        for _ in range(REQUESTS):
            for sock in channels:
                try:
                    sock.send(request, socket.MSG_DONTWAIT)
                except OSError:
                    pass        # full, or its owner was killed
        for f in floods:
            f.join()
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 10 * SLOW) as sock:
            sock.settimeout(max(1, 10 * SLOW - FLOOD))
            got = sock.recv(100)
        took = time.monotonic() - began + FLOOD
        if not got.startswith(b"220 ") or took > 10 * SLOW:
            wrong.append("%r after %.1f s" % (got, took))
        for sock in channels:
            sock.close()


PLACE = Place(*begin("robust"))
if os.getuid() != 0 or not hasattr(os, "pidfd_open"):
    skip(NAME, "must run as root on Linux")
elif 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4000:
    skip(NAME, "fewer than 4000 descriptors")
else:
    run(PLACE)
end()
