"""See standing.t."""
import base64
import os
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common_driver import (  # noqa: E402
    House, SLOW, Unexpected, begin, children, found_in, leave, report,
    run_parts, talk, wait, write)

BUILD, T = begin("standing")
LOGIN = """#!/usr/bin/env python3
import os, sys, time
login, password, _ = os.fdopen(3, "rb").read().split(b"\\0", 2)
%s
os.environb[b"USER"] = login
os.execvp(sys.argv[1], sys.argv[1:])
"""


def command(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().split(b"\0")[0].decode()
    except OSError:
        return ""


def helpers(h, name="checkpassword-file"):
    return [p for p in children(h.daemon.process.pid, True)
            if command(p).endswith(name)]


def tried(h, user="alice", password="alicepw"):
    """The reply to one login of a client that then leaves."""
    c = h.dial(patience=40)
    talk(c, "EHLO client.example.net", "250")
    word = base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode()))
    c.send(b"AUTH PLAIN " + word + b"\r\n")
    answer = c.line()
    leave(c)
    return answer[:3]


def stays():
    with House(BUILD, T, ["auth-tries 100"], name="one that stays") as h:
        before = helpers(h)
        answers = [tried(h) for _ in range(3)]
        one = helpers(h)
        answers.append(tried(h, password="no"))
        answers.append(tried(h))
        report(before == [] and len(one) == 1 and helpers(h) == one and
               answers == ["235"] * 3 + ["535", "235"],
               "started by the first login, it stays for the others",
               before, one, helpers(h), answers)
        report(wait(5, lambda: children(one[0]) == []),
               "none of its children stays", children(one[0]))
        if not os.environ.get("SANITIZED"):
            found, size = found_in(one[0], {b"alicepw": "the password",
                                            b"alice\0": "the login"})
            report(not found and size > 100000,
                   "who stays has seen neither login nor password", found)


def many():
    with House(BUILD, T, ["max-auth-helpers 8",
                          "max-connections-per-source 40"],
               name="many at once") as h:
        answers = []

        def one(i):
            answers.append((i % 4, tried(
                h, password="alicepw" if i % 4 else "no")))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        bad = [a for a in answers if a[1] != ("235" if a[0] else "535")]
        report(len(answers) == 24 and not bad,
               "24 logins at once have each its own verdict", answers)
        report(len(helpers(h)) == 1, "and one process stays", helpers(h))


def killed():
    with House(BUILD, T, [], name="one that dies",
               expected="helper-failed") as h:
        first = tried(h)
        one = helpers(h)
        os.kill(one[0], signal.SIGKILL)
        wait(5, lambda: helpers(h) == [])
        second = tried(h)
        two = helpers(h)
        report(first == second == "235" and len(two) == 1 and one != two,
               "killed, it is started anew", first, second, one, two)
        report("which stays for all logins, has ended" in h.daemon.log(),
               "and one line tells", *h.log_tail())
        os.kill(two[0], signal.SIGSTOP)
        answers = []
        t = threading.Thread(target=lambda: answers.append(tried(h)))
        t.start()
        hung = wait(2, lambda: answers)
        os.kill(two[0], signal.SIGKILL)
        t.join()
        report(not hung and answers == ["454"] and tried(h) == "235",
               "killed with a login, that one is put off", answers)


def stopped():
    """20 seconds for the login, 5 for the one that stays to kill it."""
    with House(BUILD, T, [], name="one that hangs",
               expected="helper-failed") as h:
        tried(h)
        os.kill(helpers(h)[0], signal.SIGSTOP)
        first, second = tried(h), tried(h)
        report([first, second] == ["454", "235"] and
               "timeout=20" in h.daemon.log(),
               "stopped, it is killed in time and started anew",
               first, second, *h.log_tail())


def foreign():
    for name, line, answer in (
            ("of Python", "", "235"),
            ("that closes all it does not know", "os.closerange(5, 256)",
             "235"),
            ("that becomes one of ours",
             "fd, there = os.pipe()\n"
             "os.write(there, b'%s\\0%s\\0\\0' % (login, password))\n"
             "os.close(there)\n"
             "os.dup2(fd, 3)\n"
             "os.set_inheritable(3, True)\n"
             "open('" + T + "/ran', 'a').write('x')\n"
             "os.execv('{build}/checkpassword-file', "
             "['{build}/checkpassword-file', '{users}'] + sys.argv[1:])",
             "235"),
            ("that says no", "sys.exit(1)", "535")):
        line = line.replace("{build}", BUILD).replace(
            "{users}", T + "/users")
        program = write(T + "/program", LOGIN % line, 0o755)
        with House(BUILD, T, ["auth " + program, "auth-tries 100"],
                   name="a program " + name) as h:
            answers = [tried(h) for _ in range(3)]
            report(answers == [answer] * 3 and helpers(h) == [] and
                   helpers(h, "python3") == [],
                   "a program %s is run each time" % name, answers)
    with open(T + "/ran") as f:
        report(f.read() == "xxx", "that one, too: it may decide anew")


def endless():
    program = write(T + "/endless", LOGIN % (
        "os.write(1, b'')\nwhile True: os.write(4, b'USER=x' * 1000)"), 0o755)
    with House(BUILD, T, ["auth " + program], name="an endless answer",
               expected="helper-failed") as h:
        report(tried(h) == "454" and "answer-over=16384" in h.daemon.log(),
               "who says too much is not listened to", *h.log_tail())


def behind():
    """The program behind it is run by the process of the login."""
    program = write(T + "/behind", "#!/bin/sh\n"
                    "test \"$TCPREMOTEIP\" = 127.0.0.1 || exit 111\n"
                    "SENDERS='@example.org' exec \"$@\"\n", 0o755)
    with House(BUILD, T, ["auth {build}/checkpassword-file {users} " +
                          program], name="a program behind it") as h:
        answers = [tried(h) for _ in range(3)]
        report(answers == ["235"] * 3 and len(helpers(h)) == 1,
               "a program behind it is run for each login", answers,
               *h.log_tail())


def renewed():
    with House(BUILD, T, [], name="a new generation") as h:
        tried(h)
        one = helpers(h)
        h.daemon.process.send_signal(signal.SIGHUP)
        gone = wait(10, lambda: command(one[0]) == "")
        report(gone and tried(h) == "235",
               "with the generation goes who stayed", one)


run_parts(stays, many, killed, stopped, foreign, endless, behind, renewed)
