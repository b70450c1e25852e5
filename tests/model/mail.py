"""Messages of the model test, and what becomes of them: man/smtpsubmitd.8,
section MESSAGES, said a second time. A message is made of fields whose fate
is known when they are made, so that no parser is needed to foretell it."""
import re

RECEIVED = re.compile(
    rb"Received: from [^\r\n]*\r\n\tby mail\.example\.org \(smtpsubmitd\) "
    rb"with ESMTPS?A\r\n\tid \w+\.\d+[^\r\n]*;\r\n\t[^\r\n]*\+0000\r\n")
DATE = rb"Date: \w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000\r\n"
MESSAGE_ID = rb"Message-ID: <[\w.]+@mail\.example\.org>\r\n"
OWN = b"alice@example.org"


class Mail:
    """raw goes to the daemon; rest is what follows the daemon's own fields,
    which are authors() and the regular expression own; codes: it is refused
    by one of these, if there are any."""

    def __init__(self):
        self.raw = self.rest = self.own = b""
        self.codes = set()
        self.eight_bit = self.nul = False
        self.spoiled = False    # not all of it was taken for content
        self.authors = None     # of From, None: not asked for, []: no From

    def authors_field(self, sender):
        if not self.authors:
            return b"" if self.authors is None else b"From: " + sender
        chosen = sender if sender in self.authors else self.authors[0]
        return b"Sender: " + chosen

    def all_codes(self, sender, eight_bit):
        """Those for a message of this sender to a relay that takes 8 bits."""
        codes = set(self.codes)
        if self.authors == [] and not sender:
            codes.add("554")
        if self.eight_bit and not eight_bit:
            codes.add("554")
        return codes

    def differs(self, data, sender):
        """Why data is not what should have arrived, or None."""
        field = self.authors_field(sender)
        wanted = (re.escape(field) + b"\r\n" if field else b"") + self.own
        top = RECEIVED.match(data)
        if not top:
            return "no Received of ours on top: %r" % data[:200]
        own = re.compile(wanted).match(data, top.end())
        if not own:
            return "own fields: %r, wanted %r" % (
                data[top.end():top.end() + 300], wanted)
        got = data[own.end():]
        if got == self.rest:
            return None
        at = next((i for i, (a, b) in enumerate(zip(got, self.rest))
                   if a != b), min(len(got), len(self.rest)))
        return "at octet %d of %d (%d came): %r, wanted %r" % (
            at, len(self.rest), len(got), got[max(0, at - 40):at + 60],
            self.rest[max(0, at - 40):at + 60])


def choose(rng, table):
    """One of [(weight, value)]."""
    return rng.choices([v for _, v in table], [w for w, _ in table])[0]


def pairs(*texts):
    """Fields that go on as they are."""
    return [(t, t) for t in texts]


def from_fields(rng, mail, sender):
    """[(sent, delivered)]; mail.codes are added to."""
    detail = b"alice+other@example.org"
    kind = choose(rng, [(60, "own"), (6, "bare"), (10, "none"), (6, "two"),
                        (4, "foreign"), (3, "twice"), (3, "malformed"),
                        (3, "folded"), (5, "name")])
    if kind == "bare":
        return [(b"From: alice", b"From: alice@example.org")]
    if kind == "none":
        mail.authors = []
        return []
    if kind == "two":
        mail.authors = [OWN, detail] + (
            [sender] if sender and rng.random() < .5 else [])
        return pairs(b"From: " + b", ".join(mail.authors))
    if kind == "foreign":
        mail.codes.add("550")
        return pairs(b"From: Bob <bob@example.org>")
    if kind == "twice":
        mail.codes.add("554")
        return pairs(b"From: " + OWN, b"from: " + OWN)
    if kind == "malformed":
        mail.codes.add("554")
        return pairs(b"From: <alice@example.org")
    if kind == "folded":
        return pairs(b"From:\r\n Alice\r\n\t<" + OWN + b">")
    if kind == "name":
        return pairs(b'FROM: "bob@example.org, (x)" <Alice@Example.ORG>')
    return pairs(b"From: Alice <" + OWN + b">")


def other_fields(rng, mail):
    out = []
    kind = choose(rng, [(6, "good"), (2, "none"), (2, "bad")])
    if kind == "good":
        out += pairs(b"Date: Sat, 21 Nov 2026 10:00:00 +0100")
    else:
        mail.own += DATE
        if kind == "bad":
            out.append((b"Date: yesterday", None))
    kind = choose(rng, [(6, "good"), (2, "none"), (2, "bad")])
    if kind == "good":
        out += pairs(b"Message-ID: <%d@client.example>" % rng.getrandbits(40))
    else:
        mail.own += MESSAGE_ID
        if kind == "bad":
            out.append((b"Message-Id: none of these", None))
    maybe = [
        (.7, pairs(b"To: bob@example.net")),
        (.1, [(b"Cc: bob, Carol <carol@example.net>, dave",
               b"Cc: bob@example.org, Carol <carol@example.net>, "
               b"dave@example.org")]),
        (.1, [(b"Reply-To: Alice\r\n <alice>",
               b"Reply-To: Alice\r\n <alice@example.org>")]),
        (.2, [(b"Bcc: secret@example.net", None)]),
        (.1, [(b"BCC:\r\n secret@example.net,\r\n\tother@example.net", None)]),
        (.1, [(b"Return-Path: <x@example.net>", None)]),
        (.1, [(b"Resent-Bcc: secret@example.net", None)]),
        (.8, pairs(b"Subject: a subject\r\n that goes on\r\n\tand on")),
        (.1, pairs(b"Sender: " + OWN) if not mail.authors else []),
        (.2, pairs(b"Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0100")),
        (.2, pairs(b"X-Long: " + b"x" * rng.randrange(1500))),
        (.1, pairs(b"X-Odd : \t:: =?x?= ..")),
        (.1, pairs(b".: a dot"))]
    if rng.random() < .05:
        maybe.append((1, pairs(b"X-8: \xc3\xa4\xff")))
        mail.eight_bit = True
    if rng.random() < .02:
        maybe.append((1, pairs(*[b"Received: from a by b"] * 51)))
        mail.codes.add("554")
    if rng.random() < .02:
        maybe.append((1, pairs(b"Subject: one", b"Subject: two")))
        mail.codes.add("554")
    for chance, fields in maybe:
        if rng.random() < chance:
            out += fields
    return out


LINES = [b"", b".", b"..", b".a", b"...", b"From here", b"a line of text",
         b"QUIT", b"MAIL FROM:<x@example.net>", b" blank first", b"x: y",
         b"\t", b"--=_b", b"a\x01\x7fb", b"BDAT 5 LAST"]


def body_lines(rng, mail):
    out = []
    count = choose(rng, [(20, rng.randrange(4)), (60, rng.randrange(30)),
                         (5, rng.randrange(1500))])
    for _ in range(count):
        out.append(rng.choice(LINES) if rng.random() < .6 else
                   b"abcdefghij " * rng.randrange(12))
    if rng.random() < .1:
        out.append(b"l" * rng.choice([997, 998, 999, 5000]))
    if rng.random() < .05:
        out += [b"big " * 20] * rng.randrange(2500)
    if rng.random() < .1:
        out.append("ä".encode() + bytes(range(128, 256)))
        mail.eight_bit = True
    if rng.random() < .03:
        out.append(b"a\0b")
        mail.nul = True
    rng.shuffle(out)
    return out


ENDS = re.compile(rb"\r\n|\r|\n")


def line_ends(rng, text):
    """Other line ends, as BDAT and BURL may have them."""
    kind = choose(rng, [(84, "crlf"), (8, "lf"), (3, "cr"), (5, "mixed")])
    if kind == "crlf":
        return text
    ends = {"lf": [b"\n"], "cr": [b"\r"],
            "mixed": [b"\r\n", b"\n", b"\r"]}[kind]
    return re.sub(rb"\r\n", lambda m: rng.choice(ends), text)


def mend(text):
    text = ENDS.sub(b"\r\n", text)
    return text if not text or text.endswith(b"\r\n") else text + b"\r\n"


def stuff(raw):
    """For DATA; what a client has to add is content then."""
    if raw and not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    return raw, re.sub(rb"(\A|\r\n)\.", rb"\1..", raw) + b".\r\n"


def make(rng, sender, max_size):
    """A message by this sender of the envelope, b"" for the null one."""
    mail = Mail()
    fields = []
    if rng.random() < .95:
        fields = from_fields(rng, mail, sender) + other_fields(rng, mail)
        rng.shuffle(fields)
    else:
        mail.authors = []
        mail.own = DATE + MESSAGE_ID
    head = b"".join(sent + b"\r\n" for sent, _ in fields)
    kept = b"".join(k + b"\r\n" for _, k in fields if k is not None)
    lines = body_lines(rng, mail)
    if fields and rng.random() < .9:
        text = b"\r\n" + b"\r\n".join(lines)
        blank = b""
    elif lines:
        lines.insert(0, b"no field, so the header ends here")
        text, blank = b"\r\n".join(lines), b"\r\n"
    else:
        text, blank = b"", b"\r\n"
    if rng.random() < .8:
        text = mend(text)
    mail.raw = line_ends(rng, head + text)
    mail.rest = kept + blank + mend(text)
    if len(ENDS.findall(mail.raw)) != (head + text).count(b"\n"):
        mail.raw = b""          # CR and LF have met
    if not text and not mail.raw.endswith(b"\r\n"):
        mail.raw = b""          # what DATA adds would be the empty line
    if mail.nul:
        mail.codes.add("554")
    if len(mail.raw) > max_size - 1000:
        mail.codes.add("552")
        if len(mail.raw) <= max_size + 10:
            mail.raw = b""
    if not mail.raw:            # a case that cannot be foretold
        return make(rng, sender, max_size)
    return mail
