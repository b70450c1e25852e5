"""Runs a checkpassword program as the monitor does, for helpers.t.

usage: helpers_driver.py [options] program [argument ...]

  -l LOGIN   a login; given twice, both are tried in turn (see -n)
  -p PW      the password; LOGIN and PW know \\n, \\0 and \\xff
  -r BYTES   this on descriptor 3 instead, with the same escapes
  -n N       that many runs
  -e K=V     one more environment variable
  -3, -4     leave descriptor 3 or 4 closed

Prints the exit code, the reply with '|' for NUL, and the median milliseconds
of each login; the program's stderr comes out on stderr.
"""
import codecs
import fcntl
import getopt
import os
import statistics
import sys
import time


def octets(text):
    return codecs.escape_decode(os.fsencode(text))[0]


def high_pipe():
    """A pipe whose ends can be put on 3 and 4 without meeting each other."""
    low = os.pipe()
    ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in low]
    for fd in low:
        os.close(fd)
    return ends


def start(argv, env, ask, reply):
    """posix_spawn, with only descriptors 0 to 4."""
    null = os.open("/dev/null", os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    for fd, end in (3, ask), (4, reply):
        if end is None:
            actions.append((os.POSIX_SPAWN_OPEN, fd, "/", os.O_RDONLY, 0))
            actions.append((os.POSIX_SPAWN_CLOSE, fd))
        else:
            actions.append((os.POSIX_SPAWN_DUP2, end, fd))
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    os.close(null)
    return pid


def run(argv, env, message, closed):
    ask_out, ask_in = high_pipe()
    reply_out, reply_in = high_pipe()
    fcntl.fcntl(ask_in, fcntl.F_SETPIPE_SZ, 1 << 16)
    os.write(ask_in, message)
    os.close(ask_in)
    began = time.monotonic()
    pid = start(argv, env, None if 3 in closed else ask_out,
                None if 4 in closed else reply_in)
    os.close(ask_out)
    os.close(reply_in)
    reply = b""
    while chunk := os.read(reply_out, 65536):
        reply += chunk
    os.close(reply_out)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, reply, (time.monotonic() - began) * 1000


def main():
    options, argv = getopt.getopt(sys.argv[1:], "l:p:r:n:e:34")
    logins, password, raw, runs, closed = [], b"", None, 1, set()
    env = {"PATH": "/usr/bin:/bin", "PROTO": "TCP",
           "TCPREMOTEIP": "192.0.2.7", "SERVICE": "submission"}
    for flag, value in options:
        if flag == "-l":
            logins.append(octets(value))
        elif flag == "-p":
            password = octets(value)
        elif flag == "-r":
            raw = octets(value)
        elif flag == "-n":
            runs = int(value)
        elif flag == "-e":
            key, _, text = value.partition("=")
            env[key] = text
        else:
            closed.add(int(flag[1]))
    messages = [login + b"\0" + password + b"\0" + b"1700000000\0"
                for login in logins] or [b""]
    if raw is not None:
        messages = [raw]
    times = [[] for _ in messages]
    for _ in range(runs):
        for i, message in enumerate(messages):
            code, reply, ms = run(argv, env, message, closed)
            times[i].append(ms)
    print(code, reply.replace(b"\0", b"|").decode("latin-1") or "-",
          *("%.1f" % statistics.median(t) for t in times))


main()
