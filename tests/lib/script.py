"""The script of a relay: what it offers and where it misbehaves."""

KEYWORDS = ("PIPELINING", "8BITMIME", "DSN", "SIZE 52428800",
            "ENHANCEDSTATUSCODES")

STEPS = ("greeting", "ehlo", "helo", "lhlo", "starttls", "auth", "mail",
         "rcpt", "data", "bdat", "body", "end", "rset", "vrfy", "noop",
         "quit", "xclient")

ACTIONS = ("reply", "raw", "last", "lines", "endless", "drop", "reset",
           "silent", "delay", "drip", "slow")


class Script:
    """What the directives ask for."""

    def __init__(self, directives=()):
        self.keywords = list(KEYWORDS)
        self.flags = set()
        self.login = None
        self.certificate = "good"
        self.actions = []       # (step, occurrence or None, action, argument)
        for line in directives:
            self.add(line)

    def add(self, line):
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if word in ("", "#") or word.startswith("#"):
            return
        if word in ("with", "without"):
            self.drop_keyword(rest.split(" ")[0])
            if word == "with":
                self.keywords.append(rest)
        elif word in ("lmtp", "tls", "lax", "tolerant", "down", "unreachable"):
            self.flags.add(word)
        elif word == "login":
            self.login = tuple(rest.split(" "))
        elif word == "certificate":
            self.certificate = rest
        else:
            self.add_action(line, word, rest)

    def add_action(self, line, word, rest):
        step, _, nth = word.partition("#")
        action, _, argument = rest.partition(" ")
        if step not in STEPS or action not in ACTIONS:
            raise ValueError("relay: cannot understand %r" % line)
        self.actions.append((step, int(nth) if nth else None, action, argument))

    def drop_keyword(self, name):
        self.keywords = [k for k in self.keywords
                         if name != "*" and k.split(" ")[0] != name]

    def offers(self, name):
        return any(k.split(" ")[0] == name for k in self.keywords)
