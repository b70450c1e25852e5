#!/usr/bin/env python3
"""
A scriptable SMTP and LMTP server on loopback: it records everything it got
and misbehaves on demand. A module for the tests, and a command:

    relay.py --port N --script FILE --out DIR

The directives, a line each, are described in tests/README.md.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from escape import unescape
from script import Script

USUAL = {
    "greeting": "220 relay.example.net ESMTP",
    "helo": "250 relay.example.net",
    "starttls": "220 2.0.0 Go ahead",
    "auth": "235 2.7.0 Welcome",
    "mail": "250 2.1.0 Sender ok",
    "rcpt": "250 2.1.5 Recipient ok",
    "data": "354 Go on",
    "rset": "250 2.0.0 Reset",
    "vrfy": "252 2.5.0 Try and see",
    "noop": "250 2.0.0 Ok",
    "quit": "221 2.0.0 Bye",
    "xclient": "220 relay.example.net ESMTP",
}

# The parameters of MAIL and RCPT, and the keyword that allows each.
PARAMETERS = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "RET": "DSN", "ENVID": "DSN",
    "NOTIFY": "DSN", "ORCPT": "DSN", "AUTH": "AUTH", "SMTPUTF8": "SMTPUTF8",
    "BY": "DELIVERBY", "HOLDFOR": "FUTURERELEASE",
    "HOLDUNTIL": "FUTURERELEASE", "MT-PRIORITY": "MT-PRIORITY",
    "SOLICIT": "NO-SOLICITING", "REQUIRETLS": "REQUIRETLS",
}


class Gone(Exception):
    """The connection is over."""


class Message:
    """One transaction that reached its body."""

    def __init__(self, sender, recipients, verb):
        self.sender = sender
        self.recipients = list(recipients)
        self.verb = verb
        self.data = b""         # as received, dot-stuffing or framing undone
        self.completed = False  # the relay answered 250
        self.answer = b""       # what it answered


class Relay:
    """Listens as soon as it exists; stop() ends every connection."""

    connection = None           # the class of its connections, if another

    def __init__(self, directives=(), port=0, pki=None, on_event=None):
        self.script = Script(directives)
        self.pki = pki
        self.on_event = on_event or (lambda event, message=None: None)
        self.lock = threading.Lock()
        self.commands = []      # octets without CRLF, of all connections
        self.messages = []
        self.violations = []    # what a decent client never does
        self.counts = {}
        self.connections = 0
        self.open = {}          # connection number: socket
        self.fillers = []
        self.stopped = False
        self.listener = socket.socket()
        if port:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        if "unreachable" in self.script.flags:
            self.fill_backlog()
        elif "down" not in self.script.flags:
            self.listener.listen(128)
            threading.Thread(target=self.accept, daemon=True).start()

    def fill_backlog(self):
        """From here on the kernel drops every SYN."""
        self.listener.listen(0)
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(s)

    def accept(self):
        while not self.stopped:
            try:
                ready, _, _ = select.select([self.listener], [], [], 0.2)
                if not ready:
                    continue
                sock, _ = self.listener.accept()
            except (OSError, ValueError):
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open[number] = sock
            (self.connection or Connection)(self, sock, number).start()

    def stop(self):
        self.stopped = True
        self.listener.close()
        for s in self.fillers:
            s.close()
        with self.lock:
            socks = list(self.open.values())
        for s in socks:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def completed(self):
        return [m for m in self.messages if m.completed]

    def actions(self, step):
        """The scripted actions of this, the next, occurrence of a step."""
        with self.lock:
            n = self.counts[step] = self.counts.get(step, 0) + 1
        return [a[2:] for a in self.script.actions
                if a[0] == step and a[1] in (None, n)]

    def got(self, number, command):
        with self.lock:
            self.commands.append(command)
        self.on_event({"connection": number,
                       "command": command.decode("latin-1")})

    def finished(self, number, message):
        with self.lock:
            self.messages.append(message)
            n = len(self.messages)
        self.on_event({
            "connection": number, "message": n, "from": message.sender,
            "to": message.recipients, "verb": message.verb,
            "completed": message.completed, "octets": len(message.data),
            "sha256": hashlib.sha256(message.data).hexdigest(),
        }, message)

    def violation(self, text):
        if "tolerant" in self.script.flags:
            return
        with self.lock:
            self.violations.append(text)


class Connection(threading.Thread):
    """One client of the relay."""

    def __init__(self, relay, sock, number):
        super().__init__(daemon=True)
        self.relay = relay
        self.script = relay.script
        self.sock = sock
        self.number = number
        self.buffer = bytearray()
        self.secure = False
        self.greeted = False
        self.authenticated = False
        self.forget()

    def forget(self):
        self.sender = None
        self.utf8 = self.binary = False
        self.recipients = []
        self.chunks = None

    # octets in and out

    def run(self):
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if "tls" in self.script.flags:
                self.handshake()
            self.answer("greeting")
            while True:
                self.command()
        except (Gone, OSError):
            pass
        except Exception as e:
            self.relay.violation("not understood: %r" % e)
        finally:
            # Gone from the table first: closed means all is recorded.
            self.sock.close()
            with self.relay.lock:
                self.relay.open.pop(self.number, None)

    def handshake(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = os.path.join(self.relay.pki, self.script.certificate)
        context.load_cert_chain(name + ".pem", name + ".key")
        if any("EXTERNAL" in k for k in self.script.keywords):
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(os.path.join(self.relay.pki, "ca.pem"))
        self.sock = context.wrap_socket(self.sock, server_side=True)
        with self.relay.lock:
            self.relay.open[self.number] = self.sock
        self.secure = True

    def fill(self, size=65536):
        data = self.sock.recv(size)
        if not data:
            raise Gone
        self.buffer += data

    def line(self):
        """The next command line without its end."""
        while b"\n" not in self.buffer:
            self.fill()
        raw, _, rest = self.buffer.partition(b"\n")
        self.buffer = rest
        if raw.endswith(b"\r"):
            raw = raw[:-1]
        else:
            self.relay.violation("a command ended in a bare LF: %r" % bytes(raw))
        return bytes(raw)

    def drop(self):
        raise Gone

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        raise Gone

    def silent(self):
        while self.sock.recv(65536):
            pass
        raise Gone

    def endless(self):
        while True:
            self.sock.sendall(b"250-" + 65536 * b"x")

    def drip(self, argument):
        seconds, _, text = argument.partition(" ")
        for octet in unescape(text) + b"\r\n":
            self.sock.sendall(bytes([octet]))
            time.sleep(float(seconds))

    def answer(self, step, usual=None, before=None):
        """
        Does what the script has for the step, or sends the usual answer.
        before(octets) is called just before they go out. Returns them.
        """
        usual = usual or USUAL[step]
        for action, argument in self.relay.actions(step):
            if action == "delay":
                time.sleep(float(argument))
                if step == "data":
                    self.check_patience()
                continue
            if action == "drip":
                self.drip(argument)
                return b""
            if action == "raw":
                out = unescape(argument)
            elif action in ("reply", "last"):
                out = unescape(argument) + b"\r\n"
            elif action == "lines":
                count, _, text = argument.partition(" ")
                more = text[:3] + "-" + text[4:]
                out = ((int(count) - 1) * (more + "\r\n") + text + "\r\n").encode()
            else:
                getattr(self, action)()
            if before:
                before(out)
            self.sock.sendall(out)
            if action == "last":
                raise Gone
            return out
        out = usual.encode("latin-1") + b"\r\n"
        if before:
            before(out)
        self.sock.sendall(out)
        return out

    def check_patience(self):
        """Behind DATA nothing comes before its answer, not even QUIT."""
        if not self.secure and select.select([self.sock], [], [], 0)[0] and \
                self.sock.recv(1, socket.MSG_PEEK):
            self.relay.violation("DATA was not answered yet, and more came")

    # commands

    def command(self):
        line = self.line()
        if line == b"" and "lax" in self.script.flags:
            return
        self.relay.got(self.number, line)
        verb, _, argument = line.decode("latin-1").partition(" ")
        do = getattr(self, "do_" + verb.lower(), None)
        self.check_line(line, verb.upper())
        if do is None:
            self.sock.sendall(b"500 5.5.1 Unknown command\r\n")
        else:
            do(argument)

    def check_line(self, line, verb):
        def wrong(text):
            self.relay.violation("%s: %r" % (text, line[:200]))

        if re.search(rb"[^ -~]", line) and not self.may_be_utf8(line, verb):
            wrong("a command holds more than printable US-ASCII")
        if len(line) > (12288 if verb == "AUTH" else 2048):
            wrong("a command is too long")
        alone = ("EHLO", "HELO", "LHLO", "STARTTLS", "DATA", "AUTH")
        if self.buffer and verb in alone:
            wrong("octets were sent before this was answered")
        elif self.buffer and verb != "BDAT" and not self.script.offers("PIPELINING"):
            wrong("pipelined without PIPELINING")

    def may_be_utf8(self, line, verb):
        """RFC 6531: after or with SMTPUTF8, well-formed, no controls."""
        if verb != "RCPT" and b" SMTPUTF8" not in line or verb == "RCPT" and not self.utf8:
            return False
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return self.script.offers("SMTPUTF8") and not re.search("[\0-\x1f\x7f-\x9f]", text)

    def hello(self, step, argument):
        self.greeted = True
        self.forget()
        offered = [k for k in self.script.keywords
                   if not (k == "STARTTLS" and self.secure)]
        lines = ["relay.example.net"] + offered
        out = ["250-" + k for k in lines[:-1]] + ["250 " + lines[-1]]
        self.answer(step, "\r\n".join(out))

    def do_ehlo(self, argument):
        if "lmtp" in self.script.flags:
            self.sock.sendall(b"500 5.5.1 LHLO is spoken here\r\n")
        else:
            self.hello("ehlo", argument)

    def do_lhlo(self, argument):
        if "lmtp" in self.script.flags:
            self.hello("lhlo", argument)
        else:
            self.sock.sendall(b"500 5.5.1 EHLO is spoken here\r\n")

    def do_helo(self, argument):
        self.greeted = True
        self.forget()
        self.answer("helo")

    def do_starttls(self, argument):
        if self.buffer:
            self.buffer.clear()
        if self.answer("starttls").startswith(b"220"):
            self.handshake()
            self.greeted = False

    def do_auth(self, argument):
        mechanism, _, response = argument.partition(" ")
        if mechanism.upper() == "EXTERNAL":
            shown = self.sock.getpeercert() if self.secure else None
            got = (dict(shown["subject"][-1])["commonName"],) if shown else None
        elif mechanism.upper() == "PLAIN":
            response = response or self.challenge("")
            got = tuple(base64.b64decode(response).decode("latin-1").split("\0")[1:])
        else:
            user = response or self.challenge("VXNlcm5hbWU6")
            word = self.challenge("UGFzc3dvcmQ6")
            got = tuple(base64.b64decode(x).decode("latin-1") for x in (user, word))
        if got == self.script.login:
            self.authenticated = True
            self.answer("auth")
        else:
            self.answer("auth", "535 5.7.8 Wrong credentials")

    def challenge(self, text):
        self.sock.sendall(b"334 " + text.encode() + b"\r\n")
        line = self.line()
        self.relay.got(self.number, line)
        return line.decode("latin-1")

    def check_parameters(self, argument):
        for word in re.sub(r"^[^:]*:<(?:\"(?:[^\"\\]|\\.)*\"|[^>])*>", "", argument).split():
            name = word.partition("=")[0].upper()
            needed = PARAMETERS.get(name, "no such keyword")
            if word == "BODY=BINARYMIME":
                needed = "BINARYMIME"
            if not self.script.offers(needed):
                self.relay.violation("a parameter was not offered: %s" % word)

    def do_mail(self, argument):
        self.check_parameters(argument)
        if not self.greeted:
            usual = "503 5.5.1 EHLO first"
        elif self.script.login and not self.authenticated:
            usual = "530 5.7.0 Authentication required"
        elif self.sender is not None:
            usual = "503 5.5.1 MAIL was given"
        else:
            usual = USUAL["mail"]
        out = self.answer("mail", usual)
        if out[:1] == b"2" and self.sender is None:
            self.sender = argument
            self.utf8 = " SMTPUTF8" in argument
            self.binary = " BODY=BINARYMIME" in argument

    def do_rcpt(self, argument):
        self.check_parameters(argument)
        usual = USUAL["rcpt"] if self.sender is not None else "503 5.5.1 MAIL first"
        if self.answer("rcpt", usual)[:1] == b"2":
            self.recipients.append(argument)

    def do_rset(self, argument):
        self.forget()
        self.answer("rset")

    def do_vrfy(self, argument):
        self.answer("vrfy")

    def do_noop(self, argument):
        self.answer("noop")

    def do_xclient(self, argument):
        self.forget()
        self.answer("xclient")

    def do_quit(self, argument):
        self.answer("quit")
        raise Gone

    # bodies

    def do_data(self, argument):
        if not self.recipients:
            self.sock.sendall(b"554 5.5.1 No valid recipients\r\n")
            return
        if self.binary:
            self.relay.violation("DATA after BODY=BINARYMIME")
        if not self.answer("data").startswith(b"354"):
            return
        message = Message(self.sender, self.recipients, "DATA")
        try:
            message.data = self.dotted()
        except (Gone, OSError):
            message.data = bytes(self.buffer)
            self.relay.finished(self.number, message)
            raise
        self.end(message)

    def dotted(self):
        """Reads up to the dot and takes the stuffing off."""
        lax = "lax" in self.script.flags
        end = re.compile(rb"(\A|\r\n|\r|\n)\.(?:\r\n|\r|\n)" if lax
                         else rb"(\A|\r\n)\.\r\n")
        body = self.body_reader()
        at = 0
        while True:
            found = end.search(self.buffer, at)
            if found:
                break
            at = max(0, len(self.buffer) - 4)
            body()
        data = bytes(self.buffer[:found.end(1)])
        del self.buffer[:found.end()]
        if data.startswith(b".."):
            data = data[1:]
        return data.replace(b"\r\n..", b"\r\n.")

    def body_reader(self):
        """A function that reads some octets of a body, as scripted."""
        total = len(self.buffer)
        slow = early = None
        limits = []
        for action, argument in self.relay.actions("body"):
            number, _, text = argument.partition(" ")
            if action == "slow":
                slow = int(number)
            elif action in ("reply", "last"):
                early = (int(number), action, text)
            else:
                limits.append((int(number or 0), getattr(self, action)))

        def read():
            nonlocal total, early
            for limit, act in limits:
                if total >= limit:
                    act()
            if early and total >= early[0]:
                self.sock.sendall(unescape(early[2]) + b"\r\n")
                if early[1] == "last":
                    raise Gone
                early = None
            size = 65536
            if slow:
                time.sleep(0.05)
                size = max(1, slow // 20)
            before = len(self.buffer)
            self.fill(size)
            total += len(self.buffer) - before

        return read

    def do_bdat(self, argument):
        words = argument.split()
        size, last = int(words[0]), words[1:] == ["LAST"]
        if self.chunks is None:
            self.chunks = Message(self.sender, self.recipients, "BDAT")
            self.reader = self.body_reader()
        message = self.chunks
        try:
            while len(self.buffer) < size:
                self.reader()
        except (Gone, OSError):
            message.data += bytes(self.buffer)
            self.relay.finished(self.number, message)
            raise
        message.data += bytes(self.buffer[:size])
        del self.buffer[:size]
        if not self.script.offers("CHUNKING"):
            self.relay.violation("BDAT was not offered")
        if not self.recipients:
            self.chunks = None
            self.sock.sendall(b"503 5.5.1 No valid recipients\r\n")
        elif last:
            self.end(message)
        elif self.answer("bdat", "250 2.0.0 %d octets" % size)[:1] != b"2":
            self.chunks = None

    def end(self, message):
        """The answer, or under LMTP the answers, that settle a message."""
        recorded = False

        def before(out):
            nonlocal recorded
            message.answer += out
            # a whole reply of 2xx lines, whatever may stand behind it
            if re.match(rb"(2\d\d-[^\n]*\n)*2\d\d([ \r][^\n]*)?\n", out):
                message.completed = True
            if not recorded:
                recorded = True
                self.relay.finished(self.number, message)

        answers = len(self.recipients) if "lmtp" in self.script.flags else 1
        self.forget()
        try:
            for i in range(answers):
                usual = "250 2.0.0 Queued as %d" % (len(self.relay.messages) + 1)
                self.answer("end", usual, before)
        finally:
            if not recorded:
                self.relay.finished(self.number, message)


def main():
    p = argparse.ArgumentParser(description="a scriptable SMTP server for tests")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--script", help="directives, a line each")
    p.add_argument("--out", help="directory for N.eml and record.jsonl")
    p.add_argument("--pki", help="directory of NAME.pem and NAME.key")
    args = p.parse_args()
    directives = open(args.script).read().splitlines() if args.script else ()
    record = open(os.path.join(args.out, "record.jsonl"), "a", 1) if args.out else sys.stdout
    lock = threading.Lock()

    def event(what, message=None):
        with lock:
            record.write(json.dumps(what) + "\n")
            record.flush()
        if message and message.completed and args.out:
            with open(os.path.join(args.out, "%d.eml" % what["message"]), "wb") as f:
                f.write(message.data)

    relay = Relay(directives, args.port, args.pki, event)
    print("listening on 127.0.0.1:%d" % relay.port, file=sys.stderr, flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        relay.stop()


if __name__ == "__main__":
    main()
