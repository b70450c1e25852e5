"""Reads and plays the files of tests/smtp; tests/README.md has the format."""

import os
import re
import shutil
import tempfile
import time

from client import Client, Unexpected
from daemon import Daemon
from escape import unescape
from relay import Relay

SETTINGS = ("config", "relay", "relay2", "connect", "login", "certificate", "file",
            "proxy")
SENDS = ("C", "c", "drip")
STEPS = SENDS + ("S", "S~", "S...", "has", "hasnt", "close", "gone",
                 "starttls", "end-tls", "wait", "hangup", "reset", "silence",
                 "client")
CLAIMS = ("relay2-connections", "relay-got", "relay-got~", "relay-not", "delivered", "message",
          "message-contains", "message-matches", "message-not", "log",
          "log-not")
BARE = ("close", "gone", "starttls", "end-tls", "hangup", "reset", "message")
BLOCKS = ("message", "file")

WORD = re.compile(r"(?:(\d+)\*)?(S\.\.\.|[SC]~|[\w-]+~?):?(?: (.*))?$", re.S)
RECEIVED = re.compile(rb"Received: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*")


class Line:
    """One line of a dialogue file, with the block under it."""

    def __init__(self, number, times, word, text):
        self.number = number
        self.times = times
        self.word = word
        self.text = text
        self.block = []

    def __str__(self):
        return "line %d: %s %s" % (self.number, self.word, self.text[:300])

    def block_octets(self):
        lines = list(self.block)
        while lines and lines[-1] == "":
            lines.pop()
        return b"".join(unescape(l) + b"\r\n" for l in lines)


class Dialogue:
    """A parsed file."""

    def __init__(self, text):
        self.settings, self.steps, self.claims = [], [], []
        current = None
        for number, raw in enumerate(text.split("\n"), 1):
            if current and (raw == "" or raw.startswith("  ")):
                current.block.append(raw[2:])
                continue
            current = None
            if raw == "" or raw.startswith("#"):
                continue
            line = self.read(number, raw)
            if line.word in BLOCKS:
                current = line

    def read(self, number, raw):
        m = WORD.fullmatch(raw)
        if not m:
            raise ValueError("line %d: cannot read %r" % (number, raw))
        line = Line(number, int(m[1] or 1), m[2], m[3] or "")
        for words, where in ((SETTINGS, self.settings), (STEPS, self.steps),
                             (CLAIMS, self.claims)):
            if line.word in words:
                where.append(line)
                return line
        raise ValueError("line %d: unknown word %r" % (number, line.word))

    def all(self, word):
        return [l for l in self.settings + self.claims if l.word == word]

    def one(self, word, default):
        found = self.all(word)
        return found[-1].text if found else default


class Player:
    """Plays one dialogue; run() returns the list of complaints."""

    def __init__(self, path, shared, build, slow=1):
        with open(path, encoding="latin-1", newline="\n") as f:
            self.dialogue = Dialogue(f.read())
        self.shared = shared        # certificates and users
        self.build = build
        self.slow = slow
        self.patience = 10 * slow
        self.clients = {}
        self.replies = []
        self.complaints = []

    def run(self):
        self.directory = tempfile.mkdtemp(prefix="dialogue-", dir=self.shared)
        os.chmod(self.directory, 0o755)
        self.relays = []
        self.daemon = None
        try:
            self.set_up()
            self.play()
            self.settle()
        except (Unexpected, RuntimeError, OSError) as e:
            self.complaints.append(str(e))
        finally:
            self.tear_down()
        return self.complaints

    def set_up(self):
        d = self.dialogue
        for word in ("relay", "relay2"):
            directives = [l.text for l in d.all(word)]
            if word == "relay":
                directives[:0] = os.environ.get("RELAY", "").split(",")
            if directives:
                self.relays.append(Relay(directives, pki=self.shared))
        for line in d.all("file"):
            path = os.path.join(self.directory, line.text)
            with open(path, "wb") as f:
                f.write(line.block_octets().replace(b"\r\n", b"\n"))
            os.chmod(path, 0o700 if line.block[0].startswith("#!") else 0o600)
        names = {"relay": self.relays[0].port, "relay2": self.relays[-1].port,
                 "pki": self.shared, "users": self.shared + "/users",
                 "dir": self.directory, "build": self.build,
                 "lib": os.path.dirname(os.path.abspath(__file__))}
        with open(self.shared + "/wrong-name.digests") as f:
            names["certificate"], names["key"] = f.read().split()
        self.daemon = Daemon(self.directory, [l.text for l in d.all("config")],
                             names, self.slow)
        self.daemon.launch()

    # the dialogue

    def play(self):
        self.switch("")
        steps = self.dialogue.steps
        at = 0
        while at < len(steps):
            if steps[at].word in ("C", "c"):
                at = self.send_all(steps, at)
                continue
            for _ in range(steps[at].times):
                self.step(steps[at])
            at += 1
        for client in self.clients.values():
            self.client = client
            self.quit()

    def send_all(self, steps, at):
        """Consecutive C: and c: lines go out in one write."""
        out = b""
        while at < len(steps) and steps[at].word in ("C", "c"):
            line = steps[at]
            octets = unescape(self.daemon.fill(line.text))
            octets += b"\r\n" if line.word == "C" else b""
            self.note("C: %s" % line.text[:100])
            out += line.times * octets
            at += 1
        self.client.send(out)
        return at

    def step(self, line):
        do = getattr(self, "do_" + {"S~": "match", "S...": "reply"}.get(
            line.word, line.word.replace("-", "_")))
        try:
            do(line.text)
        except Unexpected as e:
            raise Unexpected("%s\ngot: %s" % (line, e))

    def note(self, text):
        self.client.transcript.append(text)

    def switch(self, name):
        """Goes on with the client called name; at first it connects."""
        if name in self.clients:
            self.client = self.clients[name]
            return
        login = self.dialogue.one("login", "")
        usual = os.environ.get("CONNECT", "tls") if login else "tls"
        how = self.dialogue.one("connect", usual)
        sock = self.daemon.dial("tlsport" if how == "tls" else "port")
        self.client = Client(sock, self.shared + "/ca.pem", self.patience)
        shown = self.dialogue.one("certificate", "")
        if shown:
            self.client.certificate = tuple(
                "%s/%s%s" % (self.shared, shown, s) for s in (".pem", ".key"))
        self.clients[name] = self.client
        self.client.outbox = unescape(self.dialogue.one("proxy", ""))
        if how == "tls":
            self.client.start_tls()
        if how == "starttls":
            self.expect(220, None)
            self.expect(250, "EHLO client.example.net")
            self.expect(220, "STARTTLS")
            self.client.start_tls()
        if login:
            if how != "starttls":
                self.expect(220, None)
            self.expect(250, "EHLO client.example.net")
            word = login.partition("@")[0] + "pw"
            self.expect(235, "AUTH PLAIN \\{base64 \\0%s\\0%s}" % (login, word))

    def expect(self, code, command):
        if command:
            self.note("C: " + command)
            self.client.send(unescape(command) + b"\r\n")
        try:
            self.do_reply(str(code))
        except Unexpected as e:
            raise Unexpected("before the dialogue: %s %d\ngot: %s"
                             % (command or "greeting", code, e))

    def quit(self):
        """Still in step? Then QUIT has one answer and it is the last."""
        if self.client.left:
            return
        try:
            self.note("C: QUIT")
            self.client.send(b"QUIT\r\n")
            line = self.client.line()
            if line != "221 2.0.0 Bye":
                raise Unexpected(line)
            self.client.closed()
        except Unexpected as e:
            raise Unexpected("QUIT after the dialogue: 221 2.0.0 Bye\ngot: %s" % e)

    def do_S(self, text):
        got = self.client.line()
        if got != text:
            raise Unexpected(got)

    def do_match(self, text):
        got = self.client.line()
        if not re.fullmatch(text, got):
            raise Unexpected(got)

    def do_reply(self, code):
        """A whole reply of one or more lines, all with this code."""
        self.replies = []
        while True:
            got = self.client.line()
            self.replies.append(got[4:])
            if got[:3] != code:
                raise Unexpected(got)
            if got[3:4] != "-":
                return

    def do_has(self, text):
        if not any(re.fullmatch(text, r) for r in self.replies):
            raise Unexpected(" / ".join(self.replies))

    def do_hasnt(self, text):
        if any(re.fullmatch(text, r) for r in self.replies):
            raise Unexpected(" / ".join(self.replies))

    def do_drip(self, text):
        self.note("C: (one octet a write) " + text[:100])
        for octet in unescape(text) + b"\r\n":
            self.client.send(bytes([octet]))
            self.client.pump(0.001)

    def do_close(self, text):
        self.client.closed()

    def do_gone(self, text):
        self.client.closed(strict=False)

    def do_starttls(self, text):
        self.client.start_tls()

    def do_end_tls(self, text):
        self.client.end_tls()

    def do_wait(self, text):
        end = time.monotonic() + float(text)
        while time.monotonic() < end and not self.client.eof:
            self.client.pump(max(0, end - time.monotonic()))
        time.sleep(max(0, end - time.monotonic()))

    def do_hangup(self, text):
        self.client.hang_up()

    def do_reset(self, text):
        self.client.hang_up(reset=True)

    def do_silence(self, text):
        self.client.quiet(float(text))

    def do_client(self, text):
        self.switch(text)

    # what came of it

    def settle(self):
        """The daemon lets go of the relay when the client has gone."""
        for client in self.clients.values():
            client.hang_up()
        positive = [l for l in self.dialogue.claims
                    if l.word in ("log", "relay-got", "relay-got~")]
        self.wait(2, lambda: not any(list(self.check(l)) for l in positive))
        if not self.wait(5, lambda: not any(r.open for r in self.relays)):
            self.complaints.append("a relay connection stays open after the client left")

    def wait(self, seconds, done):
        end = time.monotonic() + seconds * self.slow
        while not done():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def tear_down(self):
        hung_up = [c for c in self.clients.values() if not c.left]
        for client in hung_up:
            client.hang_up()
        if self.daemon and self.daemon.process:
            self.complaints += self.daemon.stop()
            self.log = self.daemon.log()
        for relay in self.relays:
            relay.stop()
        if not self.complaints:
            self.complaints += self.verdict()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def messages(self):
        return [m for r in self.relays for m in r.completed]

    @property
    def commands(self):
        return [c.decode("latin-1") for r in self.relays for c in r.commands]

    def verdict(self):
        """All claims, and what holds in every dialogue."""
        out = []
        if not self.dialogue.all("delivered") and self.messages:
            out.append("delivered: 0\ngot: %d" % len(self.messages))
        for line in self.dialogue.claims:
            out += ["%s\ngot: %s" % (line, got) for got in self.check(line)]
        out += self.check_messages() + self.check_order()
        for relay in self.relays:
            out += ["the relay complains: " + v for v in relay.violations]
            for m in relay.messages:
                bad = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", m.data)
                if " BODY=BINARYMIME" in m.sender:
                    bad = None      # octets of any kind, RFC 3030 3
                if bad and not (bad.group() == b"\r" and bad.end() == len(m.data)
                                and not m.completed):
                    out.append("the relay got %r at %d" % (bad.group(), bad.start()))
            out += self.told(relay)
        return out

    def check(self, line):
        """Yields what is the case instead of a claim."""
        text, word = line.text, line.word
        bodies = b"\n".join(m.data for m in self.messages)
        if word == "delivered" and len(self.messages) != int(text):
            yield "%d" % len(self.messages)
        elif word == "relay2-connections" and self.relays[-1].connections != int(text):
            yield "%d" % self.relays[-1].connections
        elif word == "relay-got" and text not in self.commands:
            yield " / ".join(self.commands)
        elif word == "relay-got~" and not any(re.fullmatch(text, c) for c in self.commands):
            yield " / ".join(self.commands)
        elif word == "relay-not":
            yield from (c for c in self.commands if re.search(text, c))
        elif word == "message-contains" and unescape(text) not in bodies:
            yield repr(bodies[:2000])
        elif word == "message-matches" and not re.search(text.encode("latin-1"), bodies):
            yield repr(bodies[:2000])
        elif word == "message-not" and re.search(text.encode("latin-1"), bodies):
            yield repr(bodies[:2000])
        elif word == "log" and not re.search(text, self.daemon.log(), re.M):
            yield "no such line in the log"
        elif word == "log-not":
            yield from re.findall("(?m)^.*" + text + ".*$", self.daemon.log())[:3]

    def check_messages(self):
        """Exactly one Received added on top; message: blocks, in order."""
        out, rest = [], []
        for m in self.messages:
            top = RECEIVED.match(m.data)
            rest.append(m.data[top.end():] if top else m.data)
            if not top or b"by mail.example.org" not in top.group():
                out.append("no Received header by mail.example.org on top: %r" % m.data[:300])
            again = RECEIVED.match(rest[-1])
            if again and b"by mail.example.org" in again.group():
                out.append("two Received headers were added")
        for i, line in enumerate(self.dialogue.all("message")):
            want = line.block_octets()
            got = rest[i] if i < len(rest) else None
            if got != want:
                out.append("%s\n%r\ngot: %r" % (line, want[-3000:], got and got[-3000:]))
        return out

    def check_order(self):
        """relay-got lines are met in their order."""
        left = iter(self.commands)
        for line in self.dialogue.claims:
            if line.word == "relay-got" and line.text not in left:
                return ["%s is out of order\ngot: %s" % (line, " / ".join(self.commands))]
            if line.word == "relay-got~" and not any(re.fullmatch(line.text, c) for c in left):
                return ["%s is out of order\ngot: %s" % (line, " / ".join(self.commands))]
        return []

    def told(self, relay):
        """The client read a 250 for each message the relay took."""
        if any(l.word in ("hangup", "reset", "end-tls") for l in self.dialogue.steps):
            return []
        told = [s for c in self.clients.values() for s in c.seen if s.startswith("250")]
        out = []
        for m in relay.completed:
            text = m.answer.decode("latin-1").splitlines()[0]
            text = re.sub(r"^...[ -]?(\d\.\d+\.\d+ ?)?", "", text)
            match = [s for s in told if s.endswith(text)]
            if match:
                told.remove(match[0])
            else:
                out.append("the relay took a message, the client was not told: %s" % text)
        return out

    def report(self):
        """The complaints as lines, with what is needed to understand them."""
        lines = [l for c in self.complaints for l in c.split("\n")]
        for name, client in self.clients.items():
            lines.append("dialogue %s" % name)
            lines += ["  " + t[:200] for t in client.transcript[-14:]]
        lines.append("relay")
        lines += ["  " + c[:200] for c in self.commands[-12:]]
        if self.daemon:
            lines.append("log")
            lines += ["  " + l[:300] for l in self.log.splitlines()[-15:]]
        return lines
