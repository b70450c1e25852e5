"""What must hold of a session: what the client heard against what the relay
took. Each complaint is a line of text."""
import re

REFUSAL = re.compile(rb"([45]\d\d-[^\n]*\n)*[45]\d\d [^\n]*\n")


class Judge:
    def __init__(self, plan, player, relay, log, kind):
        """relay is the relay's part of this session."""
        self.player, self.relay = player, relay
        self.heard = player.heard
        self.limits = tuple(
            text for text, on in (("450 4.7.1 You have sent", kind.limit),
                                  ("452 4.5.3 One rec", "lmtp" in kind.offers))
            if on)
        self.log, self.local = log, kind.maildir
        self.wrong = list(player.trouble)
        self.whole = [m for m in relay.messages if getattr(m, "whole", 0)]
        self.strict = not relay.was_hard
        # 250 before the end of the message: it may be taken for the end's
        self.early = any(f[0] == "body" and f[2] in ("reply", "last") and
                         "250" in f[3] for f in relay.fired)
        # a reply too many: the following ones belong to others than it seems
        self.stray = self.early or any(f[3].endswith("stray")
                                       for f in relay.fired)
        # or too few, two of them being one line: RCPTs that were sent with
        # it have each other's. The last of them has none, so no message is
        # behind it, and all else holds.
        self.shifted = self.stray or any(f[2] == "raw" for f in relay.fired)
        offers = relay.script.offers
        self.eight_bit = offers("8BITMIME") or self.local
        self.session = self.number = 0
        self.plan = plan

    def say(self, text, heard=None):
        self.wrong.append(text + (": " + str(heard) if heard else ""))

    def verdict(self):
        self.ends()
        self.replies()
        self.messages()
        self.taken()
        if not self.stray:
            self.wrong += ["the relay complains: " + v
                           for v in self.relay.violations]
        return self.wrong

    # the dialogue

    def ends(self):
        """The server closes only with a word."""
        words = [h for h in self.heard if h.lines]
        if not self.player.closed or self.player.left:
            return
        last = words[-1].code if words else ""
        bad = [h for h in words if h.code[0] == "5"]
        if last == "221" or self.plan.leave or (
                last == "530" and words[-1].item.size > 65536):
            return
        if last != "421" or len(bad) < 9:
            self.say("the server closed", words[-1] if words else None)

    def replies(self):
        """Each has the reply that its command can have."""
        self.ehlo = self.auth = False
        self.mail = None
        self.forget()
        self.of = {}            # token: what was heard of its message
        for h in self.heard:
            if h.item.mail:
                token = self.mail if self.mail and h.lines else h.item.token
                self.of.setdefault(token, []).append(h)
            if not h.lines or h.code == "421":
                continue
            getattr(self, "on_" + h.item.kind)(h)

    def forget(self):
        self.mail, self.good, self.sender = None, [], b""
        self.chunked = self.failed = False
        self.part = None        # the message whose chunks come

    def must(self, h, *codes):
        if not self.stray and not any(h.code.startswith(c) for c in codes):
            self.say("wanted " + " or ".join(codes), h)

    def on_noop(self, h):
        if h.lines != ["250 2.0.0 OK"]:
            self.say("no reply to NOOP", h)

    def on_rset(self, h):
        if h.lines != ["250 2.0.0 OK"]:
            self.say("no reply to RSET", h)
        self.forget()

    def on_vrfy(self, h):
        if not self.auth:
            self.must(h, "530")
        elif not self.shifted:
            self.must(h, "252", "4", "5")

    def on_help(self, h):
        self.must(h, "214")

    def on_bad(self, h):
        self.must(h, "5")

    def on_quit(self, h):
        self.must(h, "221")

    def on_ehlo(self, h):
        if not h.lines[-1].startswith("250 ") or \
                not h.lines[0][4:].startswith("mail.example.org"):
            self.say("no reply to EHLO", h)
        self.ehlo = True
        self.forget()

    def on_auth(self, h):
        if self.auth:
            self.must(h, "503")
            return
        self.must(h, "235" if h.item.good else "535")
        self.auth = h.code == "235"

    def soft(self, h):
        """The relay has said so, in good form, of this token."""
        return h.code[0] in "45" and any(
            not f[-1] and f[4] and f[4] in h.text for f in self.relay.fired)

    def on_mail(self, h):
        if not (self.ehlo and self.auth) or self.mail:
            self.must(h, "5")
            return
        self.forget()
        token = h.item.token
        if h.code == "250":
            self.mail = "any" if self.is_null(h) else token
            self.sender = re.search(b"<(.*)>", h.item.data).group(1)
        elif self.strict and h.item.good and not self.soft(h) and \
                not self.is_null(h):
            self.say("a good MAIL", h)

    @staticmethod
    def is_null(h):
        return b"<>" in h.item.data

    def said_of(self, address):
        """What the relay said of that recipient; None: it was not asked."""
        if self.local:
            return b"250"
        said = self.relay.rcpts.get(address)
        if not said:
            return None
        # a connection that had ended was renewed: MAIL and it came again
        while len(said) > 1 and said[0][0].hard and \
                said[0][0] is not said[1][0]:
            said.pop(0)
        return said.pop(0)[1]

    def is_limit(self, h):
        """A refusal of ours by what is configured."""
        return h.text.startswith(self.limits) and self.mail

    def on_rcpt(self, h):
        said = self.said_of(h.item.address) if self.mail and \
            not self.chunked and not self.is_limit(h) else None
        if self.mail == "any" and said is not None:
            self.mail = h.item.token
        if h.code == "250":
            if (not said or said[:1] != b"2") and not self.shifted:
                self.say("the relay has not accepted %r" % said, h)
            if h.item.address not in h.text and not self.local and \
                    not self.relay.was_hard:
                self.say("another's reply", h)
            if self.chunked or not (self.mail or self.relay.was_hard):
                self.say("RCPT out of order", h)
            self.good.append(h.item.address)
            return
        if not self.mail or self.chunked:
            self.must(h, "5", "4")
            return
        if self.strict and h.item.good and not self.soft(h) and \
                not self.is_limit(h):
            self.say("a good RCPT, the relay said %r" % said, h)

    def body_is_welcome(self):
        return self.mail and self.good

    def on_data(self, h):
        if not self.body_is_welcome() or self.chunked:
            self.must(h, "5", "4")
        elif self.strict:
            self.must(h, "354")
        if h.code == "354" and not self.body_is_welcome():
            self.say("354 out of order", h)

    def codes_of(self, message, sender):
        return message.all_codes(sender, self.eight_bit)

    def on_body(self, h):
        self.outcome(h)
        self.forget()

    def outcome(self, h):
        if h.item.mail.spoiled:
            return
        codes = self.codes_of(h.item.mail, self.sender)
        if h.code[0] == "2":
            self.told_good(h)
        elif self.strict and not self.soft(h) and not (
                codes and h.code in codes) and not (
                h.item.fault and h.code[0] in "45"):
            self.say("a good message" if not codes else "wanted %s" %
                     sorted(codes), h)

    def told_good(self, h):
        took = [m for m in self.whole if m.token == self.mail]
        if self.early:
            return
        if not took or not took[0].completed and \
                REFUSAL.match(took[0].answer):
            self.say("250, but the relay has not taken it", h)
        if self.stray:
            return
        if self.codes_of(h.item.mail, self.sender):
            self.say("250 to what is to be refused", h)
        if self.mail not in h.text and not self.local:
            self.say("the relay did not say that", h)
        if took and self.local:
            if took[0].rcpts != len(self.good):
                self.say("%d recipients in the log" % took[0].rcpts, h)
        elif took and sorted(self.addresses(took[0])) != sorted(self.good):
            self.say("recipients: the relay has %s, the client knows of %s" %
                     (self.addresses(took[0]), self.good), h)

    @staticmethod
    def addresses(message):
        if message.recipients is None:  # a file does not tell
            return []
        return [re.search("<([^>]*)>", r).group(1)
                for r in message.recipients]

    def on_chunk(self, h):
        if not self.body_is_welcome() or self.failed:
            self.must(h, "5", "4")
            return
        if self.part not in (None, h.item.mail):
            h.item.mail.spoiled = True  # an end of another was refused
        self.chunked, self.part = True, h.item.mail
        if h.item.last:
            self.outcome(h)
            self.forget()
            return
        codes = self.codes_of(h.item.mail, self.sender)
        if h.code[0] != "2":
            self.failed = True
            if self.strict and not self.soft(h) and h.code not in codes and \
                    not h.item.fault and not h.item.mail.spoiled:
                self.say("a good chunk", h)
        elif h.item.kind == "chunk" and \
                h.text != "250 2.0.0 %d octets received" % h.item.size:
            self.say("no reply to this chunk", h)

    def on_burl(self, h):
        if h.code == "502":     # not offered while no relay is known
            h.item.mail.spoiled = True  # and so not all of it comes
            return
        self.on_chunk(h)

    # the messages

    def heard_of(self, token):
        """The last thing heard of the message, or None."""
        of = self.of.get(token)
        return of[-1] if of else None

    def events(self, event):
        """The tokens of the log's lines of that kind."""
        found = re.findall(r"event=%s .*?from=(\S+)" % event, self.log)
        return [m.group() if (m := re.search(r"s\d+t\d+", f)) else ""
                for f in found]

    def messages(self):
        tokens = [m.token for m in self.whole]
        for token in {t for t in tokens if tokens.count(t) > 1}:
            self.say("the relay got %s twice" % token)
        unknown = self.events("unknown")
        for m in self.whole:
            null = "<>" in m.sender
            h = self.heard_of(m.token)
            if h is None:
                self.say("a message nobody sent: %s" % m.token)
                continue
            told = h.code if h.lines else ""
            if m.completed and not m.link.hard and told != "250":
                if told or not self.gone():
                    self.say("the relay took it", h)
            elif not m.completed and REFUSAL.match(m.answer):
                if told == "250" and not self.early:
                    self.say("the relay has refused it", h)
            elif told != "250" and not self.gone() and not self.early and \
                    not (
                    told == "451" and ("" if null else m.token) in unknown):
                self.say("taken, perhaps, and not told so, the relay %s %r" %
                         (m.completed, m.answer), h)
            elif told == "451" and m.token in unknown and \
                    "may have been accepted" not in h.text:
                self.say("not told that it is unknown", h)

    def gone(self):
        return self.player.left

    def taken(self):
        """What the relay got whole is what was sent, whole."""
        accepted = self.events("accepted")
        for m in self.whole:
            h = self.heard_of(m.token)
            if h is None:
                continue
            if not h.sent:
                self.say("half a message was delivered", h)
            mail = h.item.mail
            sender = re.search("<(.*?)>", m.sender).group(1).encode()
            if self.codes_of(mail, sender) and not mail.spoiled:
                self.say("delivered, what is to be refused", h)
            why = None if mail.spoiled else mail.differs(m.data, sender)
            if why:
                self.say("altered, " + why, h)
            sent = [x.item.address for x in self.heard if x.begun and
                    x.item.kind == "rcpt"]
            if not set(self.addresses(m)) <= set(sent):
                self.say("recipients nobody named: %s" % m.recipients, h)
            if m.completed and not m.link.hard and "<>" not in m.sender and \
                    m.token not in accepted:
                self.say("the log does not say that it was accepted", h)
        for token in accepted:
            if token and not self.early and \
                    token not in [m.token for m in self.whole]:
                self.say("the log says that %s was accepted" % token)
