"""Plays the client of a plan; what it heard is a list of Heard."""
import dataclasses
import random
import re
import socket
import time

from client import Client, Unexpected


@dataclasses.dataclass
class Heard:
    item: object
    sent: bool                  # all of it
    begun: bool = True          # something of it
    lines: list = None          # of the reply, None: there was none

    @property
    def code(self):
        return self.lines[-1][:3] if self.lines else ""

    @property
    def text(self):
        return "\n".join(self.lines or [])

    def __str__(self):
        how = "" if self.sent else " (cut off)" if self.begun else " (unsent)"
        reply = " / ".join(self.lines)[:300] if self.lines else "-"
        return "C: %s%s\n   S: %s" % (self.item, how, reply)


class Player:
    def __init__(self, plan, sock, ca, how):
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.client = Client(sock, ca, 20)
        self.how = how
        self.heard = []
        self.left = False       # of its own will
        self.closed = False     # by the server
        self.trouble = []

    def run(self):
        try:
            self.arrive()
            self.talk()
            if not self.left and not self.closed:
                self.depart()
        except Unexpected as e:
            self.trouble.append(str(e))
        finally:
            if not self.client.left:
                self.client.hang_up()

    def arrive(self):
        c = self.client
        if self.how == "tls":
            c.start_tls()
        self.greeting = c.line()
        if self.how == "starttls":
            c.send(b"EHLO first.example.net\r\n")
            while c.line()[3:4] == "-":
                pass
            c.send(b"STARTTLS\r\n")
            c.line()
            c.start_tls()

    def talk(self):
        for number, batch in enumerate(self.plan.batches):
            if batch[0].kind == "body" and not (
                    self.heard and self.heard[-1].code == "354"):
                continue        # DATA was refused
            if not self.batch(number, batch):
                return

    def batch(self, number, batch):
        """False if there is nobody left to talk to."""
        data = b"".join(i.data for i in batch)
        leave, part, how = self.plan.leave or (-1, 1, "")
        if leave == number:
            data = data[:int(len(data) * part)]
        heard, at = [], 0
        for item in batch:
            at += len(item.data)
            heard.append(Heard(item, at <= len(data),
                               at - len(item.data) < len(data)))
        self.heard += heard
        try:
            self.send(data)
        except Unexpected as e:
            self.trouble.append("sending: %s" % e)
            return False
        if leave == number and not self.go(how):
            return False
        for h in heard:
            if not h.sent or not self.reply(h):
                break
        if leave == number:     # half closed
            self.left = True
            return False
        return not self.closed

    def go(self, how):
        """Leaves; True if replies may still be heard."""
        if how == "half" and self.how == "plain":
            try:
                self.client.sock.shutdown(socket.SHUT_WR)
                return True
            except OSError:
                pass
        self.left = True
        self.client.hang_up(reset=how == "reset")
        return False

    def send(self, data):
        cut = self.plan.cut
        if cut == "whole" or (cut == "octets" and len(data) > 3000) or \
                self.client.eof:
            self.client.send(data)
            return
        step = {"octets": 1, "few": max(1, len(data) // 3),
                "pieces": max(1, len(data) // 12)}[cut]
        while data and not self.client.eof:
            n = self.rng.randrange(1, 2 * step) if step > 1 else 1
            self.client.send(data[:n])
            data = data[n:]
            if step > 1 and self.rng.random() < .1:
                self.client.pump(.002)

    def reply(self, heard):
        """False at the end of the connection."""
        c, lines = self.client, []
        while True:
            c.until(lambda: b"\n" in c.inbox, c.patience)
            if b"\n" not in c.inbox:
                self.closed = c.eof
                if not c.eof:
                    self.trouble.append("no reply to %s" % heard.item)
                if lines or c.inbox:
                    self.trouble.append("half a reply: %r %r" %
                                        (lines, c.inbox))
                self.closed = True
                return False
            lines.append(c.line())
            if not re.match(r"\d\d\d-", lines[-1]):
                break
        heard.lines = lines
        return True

    def depart(self):
        """No octet more than was asked for, but a last 421."""
        c = self.client
        if self.heard and self.heard[-1].item.kind == "quit" and \
                self.heard[-1].code == "221":
            if not c.until(lambda: c.eof, c.patience):
                self.trouble.append("open after QUIT")
        else:
            c.pump(0)
        if c.inbox:
            self.trouble.append("octets came unasked: %r" % c.inbox[:300])

    def transcript(self):
        return [str(h) for h in self.heard]


def wait(seconds, done):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(.002)
    return True
