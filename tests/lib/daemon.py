"""Starts the daemon in a scratch directory and sees it to its end."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

USERS = (("alice", "alicepw"), ("bob", "bobpw"),
         ("carol@example.org", "carolpw"))

DEFAULTS = """\
hostname mail.example.org
domain example.org
listen 127.0.0.1:{port}
listen 127.0.0.1:{tlsport} tls
certificate {pki}/good.pem {pki}/good.key
auth {build}/checkpassword-file {users}
auth-delay 0s
auth-penalty 0s
libexec {build}
relay smtp://127.0.0.1:{relay}
user nobody
log stderr
"""

SICK = re.compile(
    r"event=child-died|Sanitizer|runtime error:|ERROR SUMMARY: [1-9]"
    r"|definitely lost: [1-9]|Assertion .* failed|stack smashing")

SECRETS = re.compile("|".join(
    [w for _, w in USERS] + ["AGFsaWNlAGFsaWNlcHc", "YWxpY2Vwdw", "smarthostpw"]))

running = set()
stopping = False


def write_users(path):
    """The file of checkpassword-file, with hashes that cost little."""
    with open(path, "w") as f:
        for user, word in USERS:
            out = subprocess.run(
                ["openssl", "passwd", "-6", "-salt", "rounds=1000$tests", word],
                check=True, capture_output=True, text=True)
            f.write("%s:%s\n" % (user, out.stdout.strip()))
    os.chmod(path, 0o600)


def reserve(count):
    """
    Sockets bound to ports that nobody else will be given meanwhile; the
    daemon can listen there, for it sets SO_REUSEADDR and these do not listen.
    """
    socks = [socket.socket() for _ in range(count)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return socks


def merge(lines):
    """DEFAULTS with a test's own lines, a word given replaces the default's."""
    own = [l for l in lines if not l.startswith("-")]
    words = {l.lstrip("-").split(" ")[0] for l in lines}
    kept = [l for l in DEFAULTS.splitlines() if l.split(" ")[0] not in words]
    if os.getuid() != 0:
        kept = [l for l in kept if not l.startswith("user ")]
    return kept + own


class Daemon:
    """One running daemon, in a session and process group of its own."""

    def __init__(self, directory, config, names, slow=1):
        self.directory = directory
        self.config = merge(config)
        self.names = dict(names)
        self.slow = slow
        self.process = None

    def dial(self, which):
        """
        A connection to the port named which. The first one waits for the
        daemon to listen: a probe of its own would be one more session.
        """
        end = time.monotonic() + 10 * self.slow
        tries = 3
        while time.monotonic() < end:
            try:
                return socket.create_connection(("127.0.0.1", self.names[which]), 5)
            except ConnectionRefusedError:
                time.sleep(0.005)
            if not self.alive():
                # Another process may have taken the port since we looked.
                tries -= 1
                if tries == 0 or "in use" not in self.log():
                    break
                self.kill()
                self.launch()
        raise RuntimeError("the daemon does not listen: %s" % self.log()[-300:])

    def launch(self):
        self.reserved = reserve(2)
        self.names["port"], self.names["tlsport"] = (
            r.getsockname()[1] for r in self.reserved)
        path = os.path.join(self.directory, "conf")
        with open(path, "w") as f:
            for line in self.config:
                f.write(self.fill(line) + "\n")
        command = os.environ.get("WRAP", "").split() + [
            os.path.join(self.names["build"], "smtpsubmitd"), "-d", "-f", path]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, cwd=self.directory)
        running.add(self.process)
        self.lines = []
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        if stopping:
            self.kill()

    def fill(self, line):
        """Puts ports and directories in; \\{ is no such place."""
        return re.sub(r"(?<!\\)\{(\w+)\}", lambda m: str(self.names.get(m[1], m[0])), line)

    def read_log(self):
        with self.process.stdout as log:
            while octets := log.readline():
                self.lines.append(octets)

    def log(self):
        return b"".join(self.lines).decode("utf-8", "backslashreplace")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it kindly; returns what is to be complained about."""
        complaints = []
        if not self.alive():
            complaints.append("the daemon ended by itself, status %d" % self.process.returncode)
        else:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5 * self.slow)
            except subprocess.TimeoutExpired:
                complaints.append("the daemon outlived SIGTERM by %d s" % (5 * self.slow))
            if self.process.returncode not in (0, -signal.SIGTERM, None):
                complaints.append("the daemon ended with status %d" % self.process.returncode)
        if not complaints and not self.group_gone(3 * self.slow):
            complaints.append("the daemon left processes behind")
        self.kill()
        return complaints + self.sick()

    def group_gone(self, seconds):
        end = time.monotonic() + seconds
        while members(self.process.pid):
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def kill(self):
        if not self.process:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.reader.join(2)
        for r in self.reserved:
            r.close()
        running.discard(self.process)

    def sick(self):
        log = self.log()
        found = SICK.search(log)
        complaints = ["the log shows: %s" % found.group()] if found else []
        leak = SECRETS.search(log)
        if leak:
            complaints.append("the log holds a secret: %s" % leak.group())
        for line in log.splitlines():
            if len(line) > 4096 or re.search(r"[^ -~\t]", line):
                complaints.append("a log line is too long or unprintable: %r" % line[:200])
                break
        return complaints


def members(group):
    """The living processes of a process group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []
    except PermissionError:
        pass
    if not os.path.isdir("/proc/self"):
        return [group]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                state, _, pgrp = f.read().rpartition(") ")[2].split(" ")[:3]
        except OSError:
            continue
        if int(pgrp) == group and state not in "ZX":
            found.append(int(pid))
    return found


def kill_all():
    """Ends every daemon that is still there (Ctrl-C)."""
    global stopping
    stopping = True
    for process in list(running):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
