"""A session from a seed: what the client sends and when it leaves, and what
the relay does wrong. Nothing here knows what will be answered."""
import dataclasses
import random

import mail
from mail import choose
from servers import plain

MAX_SIZE = 150000


@dataclasses.dataclass
class Item:
    """What is answered by one reply: a command, a body, a chunk."""

    kind: str
    data: bytes
    token: str = ""
    last: bool = False          # of chunks
    size: int = 0
    good: bool = True           # in form; its place may still be wrong
    address: str = ""
    mail: object = None
    fault: str = ""

    def __str__(self):
        return "%s %r%s" % (self.kind, self.data[:100], "..." if
                            len(self.data) > 100 else "")


@dataclasses.dataclass
class Plan:
    batches: list               # of lists of items: sent at once
    cut: str                    # how a batch is cut into writes
    leave: tuple                # (batch, part of it, how) or None
    script: list                # of the relay
    seed: int
    contents: dict              # UID: (octets, fault)


BAD = [b"FOO", b"MAIL FROM:alice", b"RCPT TO:", b"DATA now", b"BDAT x",
       b"EXPN staff", b"NOOP\0", b"\xc3\xa4", b"MAIL FROM:<bob@example.org>",
       b"RCPT TO:<a@b>", b"EHLO", b"QUIT now", b"STARTTLS now", b"", b"BDAT",
       b"MAIL FROM:<alice@example.org> FOO=BAR", b"RCPT TO:<@>",
       b"RCPT TO:<x@example.net> NOTIFY=SOMETIMES", b"VRFY", b"AUTH FOO",
       b"BURL"]

REFUSALS = ["450 4.2.0 not now %T", "550 5.1.1 no %T", "554 5.7.1 never %T",
            "451 4.3.0 later %T", "452 4.3.1 full %T"]
NONSENSE = ["reply hello", "reply 999 what", "reply 250-one\\r\\n550 two",
            "reply 2", "reply", "reply 150 wait", "reply 354 go on",
            "raw 250 2.0.0 half", "last 421 4.3.2 going", "silent",
            "reply 421 4.3.2 going", "drop", "reset", "delay 1.4",
            "reply 250 2.0.0 %T\\r\\n250 2.0.0 stray", "endless"]


def soft_fault(rng):
    step = rng.choice(["mail", "rcpt", "rcpt", "rcpt", "data", "bdat", "end",
                       "end"])
    what = rng.choice(REFUSALS)
    action = choose(rng, [(6, "reply " + what), (1, "lines 3 " + what),
                          (2, "delay 0.1")])
    return "%s#%d %s" % (step, rng.choice([1, 1, 2, 3]), action)


def hard_fault(rng):
    step = choose(rng, [(1, "greeting"), (1, "ehlo"), (4, "mail"), (4, "rcpt"),
                        (4, "data"), (3, "bdat"), (8, "end"), (1, "rset"),
                        (6, "body")])
    if step != "body":
        n = rng.choice([1, 1, 2, 3])
        what = rng.choice(NONSENSE)
        if step == "end" and rng.random() < .3:
            what = "last 250 2.0.0 took %T"
        if what == "silent" and rng.random() < .5:
            what = "drop"       # silence takes a second
        return "%s#%d %s" % (step, n, what)
    at = rng.choice([0, 1, 100, 1000, 40000])
    return "body#%d %s" % (rng.choice([1, 1, 2]), rng.choice([
        "drop %d" % at, "reset %d" % at, "slow 400000",
        "reply %d 250 2.0.0 took %%T" % at, "last %d 554 5.7.1 no %%T" % at,
        "last %d 451 4.3.0 later %%T" % at, "last %d 250 2.0.0 half" % at]))


class Maker:
    def __init__(self, seed, number, imap_port, tls, vary, maildir=False):
        self.rng = random.Random("%s/%d" % (seed, number))
        self.number, self.imap_port, self.tls = number, imap_port, tls
        self.vary, self.maildir = vary, maildir
        self.batches = [[]]
        self.contents = {}
        self.rset = self.rng.choice([.1, .9])

    def add(self, kind, line, **more):
        self.batches[-1].append(Item(kind, line + b"\r\n", **more))

    def next(self, pipelining):
        if self.batches[-1] and self.rng.random() >= pipelining:
            self.batches.append([])

    def begin(self):
        rng = self.rng
        self.add("ehlo", rng.choice([b"EHLO client.example.net",
                                     b"ehlo [127.0.0.1]", b"HELO x"]))
        self.next(0)
        if rng.random() < .08:
            self.noise()
        if rng.random() < .03:
            self.add("auth", b"AUTH PLAIN " + plain(b"alice", b"wrong"),
                     good=False)
            self.next(0)
        if rng.random() < .98:
            self.add("auth", b"AUTH PLAIN " + plain(b"alice", b"alicepw"))
        self.next(0)

    def noise(self):
        """A command that changes nothing, or is wrong."""
        rng = self.rng
        kind = choose(rng, [(5, "noop"), (2, "vrfy"), (1, "help"), (4, "bad"),
                            (1, "ehlo"), (2, "rset")])
        line = {"noop": rng.choice([b"NOOP", b"noop with words"]),
                "vrfy": b"VRFY bob", "help": b"HELP", "rset": b"RSET",
                "ehlo": b"EHLO again.example.net"}.get(kind)
        if line is None:
            self.add("bad", rng.choice(BAD), good=False)
        else:
            self.add(kind, line)

    def envelope(self, token, pipelining):
        rng = self.rng
        sender = b"" if rng.random() < .05 and not self.maildir else \
            b"alice+%s@example.org" % token.encode()
        words = []
        if rng.random() < .2:
            words.append(b"SIZE=%d" % rng.randrange(MAX_SIZE))
        if rng.random() < .3:
            words.append(b"BODY=8BITMIME")
        if rng.random() < .1:
            words.append(rng.choice([b"RET=HDRS", b"ENVID=e1"]))
        self.add("mail", b" ".join([b"MAIL FROM:<%s>" % sender] + words),
                 token=token, good=not words)
        count = choose(rng, [(60, 1), (25, 2), (10, 5), (3, 30)])
        for i in range(count):
            self.next(pipelining)
            if rng.random() < .03:
                self.noise()
            address = "%s.%d@example.net" % (token, i)
            line = b"RCPT TO:<%s>" % address.encode()
            if rng.random() < .05:
                line += b" NOTIFY=NEVER"
            self.add("rcpt", line, token=token, address=address,
                     good=b"NOTIFY" not in line)
        return sender

    def by_data(self, token, message):
        raw, stuffed = mail.stuff(message.raw)
        if raw != message.raw and message.raw[-1:] in (b"\r", b"\n"):
            message.rest += b"\r\n"
        self.add("data", b"DATA", token=token)
        self.batches.append([Item("body", stuffed, token=token, mail=message,
                                  last=True)])

    def by_chunks(self, token, message, pipelining):
        rng, raw = self.rng, message.raw
        n = choose(rng, [(40, 0), (30, 1), (20, rng.randrange(2, 6)),
                         (4, rng.randrange(10, 40))])
        cuts = sorted(rng.randrange(len(raw) + 1) for _ in range(n))
        edges = [0] + cuts + [len(raw)]
        parts = [raw[a:b] for a, b in zip(edges, edges[1:])]
        if rng.random() < .1:
            parts.append(b"")
        burl = rng.randrange(len(parts)) if self.imap_port and \
            rng.random() < .4 else -1
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            end = b" LAST" if last else b""
            if i == burl:
                self.burl(token, message, part, last)
            else:
                self.batches[-1].append(Item(
                    "chunk", b"BDAT %d%s\r\n" % (len(part), end) + part,
                    token=token, last=last, size=len(part), mail=message))
            if not last:
                self.next(pipelining)
                if rng.random() < .01:
                    self.noise()

    def burl(self, token, message, part, last):
        rng = self.rng
        uid = 1000 * self.number + len(self.contents) + 1
        fault = choose(rng, [(80, ""), (5, "no"), (5, "nil"), (5, "half"),
                             (5, "garbage")])
        self.contents[uid] = part, fault
        line = b"BURL imap://alice@127.0.0.1:%d/INBOX/;UID=%d;URLAUTH=" \
            b"submit+alice:internal:%s%s" % (
                self.imap_port, uid, b"0123456789abcdef" * 2,
                b" LAST" if last else b"")
        self.add("burl", line, token=token, last=last, size=len(part),
                 mail=message, fault=fault)

    def transaction(self, j, pipelining):
        rng = self.rng
        token = "s%dt%d" % (self.number, j)
        if rng.random() < .1:
            self.noise()
            self.next(pipelining)
        # what went wrong before may have left a transaction open
        if j > 0 and rng.random() < self.rset:
            self.add("rset", b"RSET")
            self.next(pipelining)
        sender = self.envelope(token, pipelining)
        self.next(pipelining)
        if rng.random() < .04:
            self.add("rset", b"RSET")
            self.next(pipelining)
        message = mail.make(rng, sender, MAX_SIZE)
        if rng.random() < .5:
            self.by_data(token, message)
        else:
            self.by_chunks(token, message, pipelining)
        self.next(pipelining)

    def shuffle(self):
        """Now and then something is left out, doubled or out of order."""
        rng = self.rng
        for batch in self.batches[2:]:
            if rng.random() > .03 or any(i.kind == "body" for i in batch):
                continue
            what, at = rng.randrange(3), rng.randrange(len(batch) or 1)
            parts = any(i.kind in ("chunk", "burl") for i in batch)
            if not batch or batch[-1].kind == "data":
                continue
            if what == 0 and batch[at].kind not in ("chunk", "burl"):
                del batch[at]
            elif what == 1 and batch[at].kind not in ("chunk", "burl"):
                batch.insert(at, batch[at])
            elif not parts:
                rng.shuffle(batch)
        self.batches = [b for b in self.batches if b]

    def make(self):
        rng = self.rng
        self.begin()
        pipelining = rng.choice([0, 0, .5, .9, 1])
        for j in range(choose(rng, [(5, 0), (50, 1), (30, 2), (15, 4)])):
            self.transaction(j, pipelining)
        if rng.random() < .02:
            for _ in range(12):
                self.noise()
        if rng.random() < .9:
            self.add("quit", b"QUIT")
        self.shuffle()
        leave = None
        if rng.random() < .2:
            leave = (rng.randrange(len(self.batches)), rng.choice(
                [0, rng.random(), rng.random(), 1]),
                rng.choice(["close", "reset", "reset", "half"]))
        script = []
        if rng.random() < .25:
            script += [soft_fault(rng) for _ in range(rng.randrange(1, 4))]
        if rng.random() < .25:
            script += [hard_fault(rng) for _ in range(rng.choice([1, 1, 2]))]
        if self.vary and rng.random() < .1:
            script.append("without " + rng.choice(
                ["PIPELINING", "CHUNKING", "8BITMIME", "DSN", "*"]))
        cut = choose(rng, [(50, "whole"), (30, "pieces"), (15, "few"),
                           (5, "octets")])
        return Plan([b for b in self.batches if b], cut, leave, script,
                    rng.getrandbits(32), self.contents)
