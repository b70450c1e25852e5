"""The relay and the IMAP server of the model test: tests/lib/relay.py with a
script for each session, which remembers what it said about whom."""
import base64
import re
import threading
import time

from relay import Connection, Message, Relay
from script import Script

TOKEN = re.compile(r"s\d+t\d+")
SOFT = re.compile(r"(reply|lines \d+) [45]\d\d[ -][45]\.\d+\.\d+ [ -~]*$")


def is_soft(step, action, argument):
    """A refusal in good form, after which all goes on as before."""
    if action == "delay" and float(argument) < 0.6:
        return True
    if action == "slow":
        return True
    good = step in ("mail", "rcpt", "data", "bdat", "end", "vrfy")
    return good and "421" not in argument and bool(
        SOFT.match(action + " " + argument))


class ModelConnection(Connection):
    """Knows whose transaction it is: by the token in MAIL or RCPT."""

    token = ""
    failed = False              # a chunk was refused: so are the others
    hard = False                # something was done that is not SMTP

    def __init__(self, relay, sock, number):
        super().__init__(relay.first, sock, number)
        self.parts, self.times = relay.parts, relay.times
        self.said = []          # before it knows whose it is
        relay.opened.append((sock.getpeername()[1], self.said))

    def forget(self):
        super().forget()
        self.failed = False

    def note(self, argument):
        """MAIL's, or if it has none the first RCPT's."""
        found = TOKEN.search(argument)
        if self.token or not found:
            return
        self.token = found.group()
        self.relay = self.parts[int(re.search(r"\d+", self.token).group())]
        self.script = self.relay.script

    def answer(self, step, usual=None, before=None):
        self.relay.local.connection = self
        if usual is not None and step == "end":
            usual = "250 2.0.0 took " + self.token
        out = super().answer(step, usual, before)
        if not self.token:
            self.said.append(out[:60])
        return out

    def body_reader(self):
        self.relay.local.connection = self
        return super().body_reader()

    def do_mail(self, argument):
        self.token = ""
        self.note(argument)
        super().do_mail(argument)

    def do_rcpt(self, argument):
        """Remembers what was said of each recipient."""
        self.note(argument)
        said = []
        plain = self.answer

        def answer(step, usual):
            address = re.search("<([^>]*)>", argument).group(1)
            out = plain(step, usual + " " + address, said.append)
            with self.relay.lock:
                self.times.append(time.monotonic())
                self.relay.rcpts.setdefault(address, []).append(
                    (self, said[0] if said else b""))
            return out

        self.answer = answer
        try:
            super().do_rcpt(argument)
        finally:
            del self.answer

    def do_bdat(self, argument):
        if self.failed:
            size = int(argument.split()[0])
            while len(self.buffer) < size:
                self.fill()
            del self.buffer[:size]
            self.sock.sendall(b"503 5.5.1 A chunk failed\r\n")
            return
        super().do_bdat(argument)
        if self.chunks is None and not argument.endswith("LAST"):
            self.failed = True

    def end(self, message):
        message.whole = True
        message.token = self.token
        message.link = self
        super().end(message)


class Part(Relay):
    """What the relay's connections of one session do, and what they did."""

    def __init__(self, relay, directives):
        self.script = Script(relay.base + directives)
        self.pki, self.lock, self.open = relay.pki, relay.lock, relay.open
        self.on_event = relay.on_event
        self.local = threading.local()
        self.counts, self.rcpts = {}, {}
        self.commands, self.messages, self.fired = [], [], []
        self.violations = []

    def actions(self, step):
        connection = getattr(self.local, "connection", None)
        token = connection.token if connection else ""
        out = []
        for action, argument in super().actions(step):
            hard = not is_soft(step, action, argument)
            with self.lock:
                self.fired.append((step, self.counts[step], action, argument,
                                   token, hard))
            if connection and hard:
                connection.hard = True
            out.append((action, argument.replace("%T", token)))
        return out

    @property
    def was_hard(self):
        return any(f[-1] for f in self.fired)


class ModelRelay(Relay):
    """Of one session at a time all connections are its own; of several, from
    the first token on."""

    connection = ModelConnection

    def __init__(self, directives, **more):
        self.base = list(directives)
        self.times = []         # of all RCPTs
        self.opened = []        # connections of the sessions of now
        super().__init__(directives, **more)
        self.begin({})

    def begin(self, scripts):
        """The scripts of the sessions that come now, by their numbers."""
        if "lmtp" in self.base:
            scripts = {n: [d.replace("ehlo", "lhlo") for d in script]
                       for n, script in scripts.items()}
        self.opened = []
        self.parts = {n: Part(self, script) for n, script in scripts.items()}
        self.first = Part(self, []) if len(scripts) != 1 else \
            list(self.parts.values())[0]


class FileMessage(Message):
    """One that stands in the Maildir; whose it is, the log of the session
    knows by the Message-ID. The sender is not null."""

    def __init__(self, data, log):
        super().__init__("", [], "file")
        own = re.search(rb"(?mi)^message-id:\s*(<[^>\r]*>)", data)
        line = re.search(r"event=accepted [^\n]*message-id=%s [^\n]*" %
                         re.escape(own.group(1).decode() if own else "?"), log)
        said = line.group() if line else ""
        found = re.search(r"from=(\S*(s\d+t\d+)\S*) rcpts=(\d+)", said)
        self.data, self.whole, self.completed = data, True, True
        self.sender = "<%s>" % (found.group(1) if found else "")
        self.token = found.group(2) if found else "?"
        self.rcpts = int(found.group(3)) if found else 0
        self.recipients = None
        self.link = self
        self.hard = False


class Contents:
    """What URLs name: a step of imapd.Script, by the UID of the URL."""

    def __init__(self):
        self.of = {}            # UID: (octets, fault)

    def __call__(self, client):
        uid = int(re.search(rb"UID=(\d+)", client.url).group(1))
        data, fault = self.of.get(uid, (b"", "nil"))
        start = client.fill(b"* URLFETCH %U ")
        if fault == "no":
            client.send(client.fill(b"%T NO not now\r\n"))
        elif fault == "nil":
            client.send(start + client.fill(b"NIL\r\n%T OK done\r\n"))
        elif fault == "garbage":
            client.send(b"what?\r\n" * 3)
            client.sock.shutdown(2)
        else:
            client.send(start + b"~{%d}\r\n" % len(data))
            if fault == "half":
                client.send(data[:len(data) // 2])
                client.sock.shutdown(2)
                return
            client.send(data + client.fill(b"\r\n%T OK done\r\n"))


def plain(user, word):
    return base64.b64encode(b"\0%s\0%s" % (user, word))
