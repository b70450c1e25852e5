"""What system_driver.py stands on: the booted tree, what runs in it, clients
and servers in its network. The driver itself is started there by
`systemd-lab net`."""
import base64
import glob
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import pki  # noqa: E402
from client import Client, Unexpected  # noqa: E402, F401
from common_driver import (  # noqa: E402, F401
    expect, give_envelope, leave, report, say, show, skip, talk, wait,
    without_received, write)

T, LAB = os.environ["T"], os.environ["LAB"]
TREE = T + "/lab/tree"
CONF = TREE + "/etc/smtpsubmitd/smtpsubmitd.conf"
CREDENTIALS = TREE + "/etc/smtpsubmitd/credentials/"
MAILDIR = T + "/lab-postfix/Maildir/new"
CA = T + "/ca.pem"
UNIT = "smtpsubmitd.service"
SOCKETS = "smtpsubmitd.socket", "smtpsubmitd-tls.socket"


def lab(*args, **how):
    return subprocess.run([LAB, *args], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **how)


def run(*command, **how):
    """Inside, as root; status and all it printed."""
    done = lab("run", T + "/lab", *command, **how)
    return done.returncode, done.stdout.strip()


def start(*command):
    return subprocess.Popen([LAB, "run", T + "/lab", *command], text=True,
                            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                            stdout=subprocess.PIPE)


def must(*command):
    status, out = run(*command)
    if status:
        raise RuntimeError("%s: %s" % (" ".join(command), out[-1500:]))
    return out


def put(source, target, mode="644"):
    subprocess.run([LAB, "put", T + "/lab", source, target, mode], check=True)


def journal(*args):
    run("journalctl", "--sync")
    return must("journalctl", "--no-pager", "-b", "-o", "short", *args)


def state(unit, what="ActiveState"):
    return must("systemctl", "show", "-P", what, unit)


def main_pid(unit=UNIT):
    return int(state(unit, "MainPID"))


def processes(unit=UNIT):
    """The pids inside of a unit's control group."""
    status, out = run("cat", "/sys/fs/cgroup/system.slice/%s/cgroup.procs"
                      % unit)
    return sorted(int(p) for p in out.split()) if status == 0 else []


def listens(port):
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex(("127.0.0.1", port)) == 0


def listed(port):
    """The same, without a connection that would start something."""
    for name in "tcp", "tcp6":
        with open("/proc/net/" + name) as f:
            for line in f.readlines()[1:]:
                words = line.split()
                if words[3] == "0A" and words[1].endswith(":%04X" % port):
                    return True
    return False


def configure(**words):
    """Sets words of the shipped configuration, one by one; None: out."""
    with open(CONF) as f:
        lines = f.read().splitlines()
    for word, value in words.items():
        word = word.replace("_", "-")
        lines = [x for x in lines if x.split(None, 1)[:1] != [word]]
        values = [] if value is None else [value] if isinstance(
            value, str) else value
        lines += ["%s %s" % (word, v) for v in values]
    write(CONF, "\n".join(lines) + "\n", 0o644)


def reload():
    """A reload, and the wait until the next generation serves."""
    before = main_pid()
    must("systemctl", "reload", UNIT)
    return wait(10, lambda: main_pid() not in (0, before))


def dial(port=465, patience=20):
    c = Client(socket.create_connection(("127.0.0.1", port), patience), CA,
               patience)
    if port == 465:
        c.start_tls()
    expect(c, "220")
    if port != 465:
        talk(c, "EHLO client.example.net", "250")
        talk(c, "STARTTLS", "220")
        c.start_tls()
    return c


def login(user="alice", **how):
    c = dial(**how)
    talk(c, "EHLO client.example.net", "250")
    plain = "\0%s\0%spw" % (user, user)
    talk(c, "AUTH PLAIN " + base64.b64encode(plain.encode()).decode(), "235")
    return c


def body(subject):
    return ("From: alice@example.org\r\nTo: bob@example.org\r\nSubject: %s\r\n"
            "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
            "Message-ID: <%s@example.org>\r\n\r\n" % (subject, subject) +
            "a line of the body\r\n" * 200).encode()


def half_sent(subject, **how):
    """A client amid its message."""
    c = login(**how)
    give_envelope(c)
    talk(c, "DATA", "354")
    data = body(subject)
    c.send(data[:len(data) // 2])
    c.rest = data[len(data) // 2:]
    return c


def finish(c):
    c.send(c.rest + b".\r\n")
    return expect(c, "250")[-1]


def send(subject, **how):
    c = half_sent(subject, **how)
    said = finish(c)
    leave(c)
    return said


def delivered(subject, times=1):
    """So many messages of that subject, each as it was sent."""
    def found():
        texts = [open(f, "rb").read() for f in glob.glob(MAILDIR + "/*")]
        return [t for t in texts
                if b"\nSubject: %s\n" % subject.encode() in t]
    wait(10, lambda: len(found()) >= times)
    whole = body(subject).replace(b"\r\n", b"\n")
    return len(found()) == times and all(t.endswith(whole) for t in found())


def check(name, *conditions):
    """A row: all conditions, each a pair of truth and explanation."""
    bad = [str(why) for good, why in conditions if not good]
    report(not bad, "system: " + name, *bad,
           *(journal("-n", "12").splitlines() if bad else []))


def certificate_of(port=465):
    out = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port,
         "-servername", "mail.example.org"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = re.search(rb"-----BEGIN.*?-----END[^\n]*", out.stdout, re.S)
    return found.group() if found else b""


def files():
    """All paths of the tree where a package may leave something."""
    found = set()
    for top in "/etc", "/usr", "/var":
        for where, dirs, names in os.walk(TREE + top):
            found |= {os.path.join(where, n)[len(TREE):]
                      for n in dirs + names}
    # /run is another file system inside
    out = must("find", "/run", "-xdev")
    return found | set(out.split())


def now():
    return time.monotonic()
