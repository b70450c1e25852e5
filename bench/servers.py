"""The servers that are measured: ours in its modes, and the floor."""

import os
import resource
import shutil
import socket
import subprocess
import time

from group import Group

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build")))
TOOLS = os.path.join(BUILD, "bench")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
USER, PASSWORD = "alice", "alicepw"


class Unavailable(Exception):
    """Why a server cannot be measured here."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def more_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def first_line(process):
    """{key: number} of the line a tool prints when it is up."""
    line = process.stdout.readline().decode()
    if not line:
        raise RuntimeError("it did not start: %s" % process.args)
    return {k: int(v) for k, v in (w.split("=") for w in line.split())}


class Tool:
    """The sink or the long line: not measured, of no group."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, name)] + list(arguments),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.port = first_line(self.process)["port"]

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Place:
    """What all servers share: a certificate and a directory."""

    def __init__(self, directory, kind="ecdsa"):
        self.directory = directory
        self.kind = kind
        os.chmod(directory, 0o755)
        self.certificate = os.path.join(directory, kind + ".pem")
        self.key = os.path.join(directory, kind + ".key")
        if not os.path.exists(self.key):
            self.make_certificate()
        self.imap = None		# a Dovecot for BURL, when there is one

    def make_certificate(self):
        new = ["rsa:2048"] if self.kind == "rsa" else [
            "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey"] + new + [
                "-nodes", "-days", "30", "-subj", "/CN=mail.example.org",
                "-addext", "subjectAltName=DNS:mail.example.org,DNS:localhost",
                "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True)
        os.chmod(self.key, 0o600)


class Server:
    name = None			# in the tables
    does = ""			# what is to be known of it
    starttls = True
    sink_options = ()

    def __init__(self, place):
        self.place = place
        self.directory = os.path.join(
            place.directory, "%s-%s" % (self.name, place.kind))
        self.clear()
        self.port, self.tlsport = free_port(), free_port()
        self.sink = Tool("sink", *self.sink_options)

    def clear(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.group = Group("%s-%s" % (self.name, self.place.kind))

    def renew(self):
        """Starts it anew: nothing is left of what it has grown to."""
        self.group.end()
        self.clear()
        self.begin()

    def run(self, command, **more):
        log = open(os.path.join(self.directory, "log"), "ab")
        with log:
            return self.group.popen(command, stdout=more.pop("stdout", log),
                                    stderr=log, cwd=self.directory, **more)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.directory, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def begin(self):
        """Starts it and waits until it answers."""
        try:
            self.start()
            for port in [self.tlsport] + [self.port] * self.starttls:
                self.wait_for(port)
        except Exception:
            self.end()
            raise

    def wait_for(self, port):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Unavailable("nothing listens; its log ends: " + self.log_end())

    def log_end(self):
        try:
            with open(os.path.join(self.directory, "log"), "rb") as f:
                return f.read()[-400:].decode("utf-8", "replace")
        except OSError:
            return "(no log)"

    def end(self):
        self.group.end()
        if self.sink:
            self.sink.end()
            self.sink = None


class Floor(Server):
    name = "floor"
    does = "fork, libtls, copy; no check, no log (floor.c)"

    def start(self):
        self.run([os.path.join(TOOLS, "floor"), "relay=%d" % self.sink.port,
                  "certificate=" + self.place.certificate,
                  "key=" + self.place.key, "port=%d" % self.port,
                  "tlsport=%d" % self.tlsport])


OURS = """\
hostname mail.example.org
domain example.org
%(listen)s
certificate %(certificate)s %(key)s
auth %(build)s/checkpassword-file %(users)s
auth-delay 0s
libexec %(build)s
relay smtp://127.0.0.1:%(sink)d
user %(user)s
log stderr
max-size 4G
max-connections 6000
max-connections-per-source 6000
%(more)s
"""
# crypt(3) of PASSWORD by DES: next to nothing, the peers have it in the clear
HASH = "abSVimweYftz6"


class Ours(Server):
    name = "ours"
    does = "its own listen lines"
    listens = True

    def configuration(self):
        if os.environ.get("SMTPSUBMITD"):
            daemon = os.path.abspath(os.environ["SMTPSUBMITD"])
        else:
            daemon = os.path.join(BUILD, "smtpsubmitd")
        users = self.write("users", "%s:%s\n" % (USER, HASH), 0o600)
        listen = more = ""
        if self.listens:
            listen = "listen 127.0.0.1:%d\nlisten 127.0.0.1:%d tls" % (
                self.port, self.tlsport)
        if self.place.imap:
            master = self.write("imap", "master masterpw\n", 0o600)
            more = "imap imap://127.0.0.1:%d proxy %s" % (
                self.place.imap.port, master)
        conf = self.write("conf", OURS % {
            "listen": listen, "certificate": self.place.certificate,
            "key": self.place.key, "build": BUILD, "users": users,
            "sink": self.sink.port, "more": more, "user": "nobody"})
        return daemon, conf

    def start(self):
        more_descriptors()
        daemon, conf = self.configuration()
        self.run([daemon, "-d", "-f", conf])


class OursPlain(Ours):
    name = "ours-no-chunking"
    does = "the same; the next server does not offer CHUNKING"
    sink_options = ("chunking=no",)


class OursSockets(Ours):
    name = "ours-sockets"
    does = "systemd-socket-activate, Accept=no"
    listens = False

    def start(self):
        more_descriptors()
        daemon, conf = self.configuration()
        self.run(["systemd-socket-activate", "-l", "127.0.0.1:%d" % self.port,
                  "-l", "127.0.0.1:%d" % self.tlsport,
                  "--fdname=submission:submissions", daemon, "-d", "-f", conf])


class OursAccept(Ours):
    name = "ours-accept"
    does = "systemd-socket-activate -a --inetd: a daemon for each connection"
    listens = False

    def start(self):
        more_descriptors()
        daemon, conf = self.configuration()
        for port, option in ((self.port, []), (self.tlsport, ["-t"])):
            self.run(["systemd-socket-activate", "-l", "127.0.0.1:%d" % port,
                      "--accept", "--inetd", daemon, "-d"] + option +
                     ["-f", conf])
