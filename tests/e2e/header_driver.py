"""header.t: see there."""
import os
import shutil
import subprocess

from common_driver import (House, RECEIVED, begin, end, leave, reply, report,
                           say, skip, wait, without_received, write)
from imapd import Imapd, Script
from imapfetch_rows import url_at

BUILD, T = begin("header")
LOGIN = write(T + "/login", "submit submitpw\n")

SENT = (b"Return-Path: <alice@example.org>\r\nFrom: Alice <alice>\r\n"
        b"bcc : dave@example.net,\r\n\tcarol\r\nTo: bob (b), team: eve;\r\n"
        b"Resent-Bcc: x@example.net\r\nSubject:  kept  \r\n"
        b"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        b"Message-ID: <one@example.org>\r\n")
WANT = (b"From: Alice <alice@example.org>\r\n"
        b"To: bob@example.org (b), team: eve@example.org;\r\n"
        b"Subject:  kept  \r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        b"Message-ID: <one@example.org>\r\n")
BODY = b"\r\nBcc: stays\r\n\r\n..\r\n.\r\ntext\r\n"


def literal(data):
    def step(client):
        client.send(client.fill(b"* URLFETCH %U ") + b"{%d}\r\n" % len(data) +
                    data + client.fill(b"\r\n%T OK done\r\n"))
    return step


def by_burl(relay):
    name = "BURL" + (", to CHUNKING" if relay else "")
    with Imapd(Script()) as d, House(BUILD, T, [
            "imap imap://127.0.0.1:%d login %s" % (d.port, LOGIN)],
            relay, name=name) as h:
        def one(row, fetched, commands):
            d.script = Script(urlfetch=literal(fetched))
            c = h.envelope()
            before = len(h.relay.completed)
            c.send(commands.replace(b" URL ", b" %s " %
                                    url_at(d.port).encode()))
            got = [reply(c)[-1] for _ in range(commands.count(b"LAST") +
                                               commands.count(b"BDAT"))]
            new = [without_received(m.data)
                   for m in h.relay.completed[before:]]
            report(new == [WANT + BODY], "%s: %s" % (name, row), got, *new)
            leave(c)

        one("the whole message is fetched", SENT + BODY,
            b"BURL URL LAST\r\n")
        one("with line ends that must be mended",
            (SENT + BODY).replace(b"\r\n", b"\n"), b"BURL URL LAST\r\n")
        one("half of a field comes by BDAT", (SENT + BODY)[60:],
            b"BDAT 60\r\n" + SENT[:60] + b"BURL URL LAST\r\n")


def maildir():
    place = T + "/Maildir"
    for path in place, place + "/new", place + "/cur", place + "/tmp":
        os.mkdir(path)
        if os.getuid() == 0:
            shutil.chown(path, "nobody")
    with House(BUILD, T, ["relay maildir://" + place],
               name="Maildir") as h:
        c = h.envelope()
        say(c, "DATA")
        c.send(SENT + BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        got = reply(c)[-1]
        files = os.listdir(place + "/new")
        data = b""
        if len(files) == 1:
            with open(place + "/new/" + files[0], "rb") as f:
                data = f.read().replace(b"\n", b"\r\n")
        top = RECEIVED.search(data)
        report(top and data[top.end():] == WANT + BODY,
               "Maildir: the completed header", got, files, data)
        leave(c)


def client(name, words, h):
    """A real client that sends what it is given, Bcc and all."""
    if not shutil.which(words[0]):
        skip("client: " + name, "no %s" % words[0])
        return
    before = len(h.relay.completed)
    run = subprocess.run(words, input=SENT + b"\r\nBcc: stays\r\n",
                         capture_output=True, timeout=60)
    wait(5, lambda: len(h.relay.completed) > before)
    # swaks puts an empty line behind it
    new = [without_received(m.data).rstrip(b"\r\n")
           for m in h.relay.completed[before:]]
    report(new == [WANT + b"\r\nBcc: stays"], "client: " + name,
           run.stdout, run.stderr, *new)


def clients():
    mail = write(T + "/mail", SENT + b"\r\nBcc: stays\r\n")
    with House(BUILD, T, name="clients") as h:
        port = h.daemon.names["tlsport"]
        client("curl", ["curl", "-sS", "--cacert", h.ca, "--resolve",
                        "mail.example.org:%s:127.0.0.1" % port,
                        "smtps://mail.example.org:%s" % port, "-u",
                        "alice:alicepw", "--mail-from", "alice@example.org",
                        "--mail-rcpt", "bob@example.org", "-T", mail], h)
        client("swaks", ["swaks", "-s", "127.0.0.1", "-p", str(port), "-tlsc",
                         "-au", "alice", "-ap", "alicepw", "-f",
                         "alice@example.org", "-t", "bob@example.org",
                         "--suppress-data", "-d", "@" + mail], h)


by_burl([])
by_burl(["with CHUNKING"])
maildir()
clients()
end()
