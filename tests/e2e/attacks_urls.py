"""attacks.t: URLs for BURL that mean another server than they seem to, or more
than a URL (RFC 4467, 4468, 5092): each is refused, and no server hears of it."""
from burl_driver import Trap
from common_driver import (begin, end, give_envelope, leave, report, reply, say, write)
from imapd import Imapd, Script
from imapfetch_bench import TOKEN
from robust_case import Place, requirement

BUILD, T = begin("urls")
LOGIN = write(T + "/login", "submit submitpw\n")
TAIL = "/INBOX/;UID=1;URLAUTH=submit+alice:internal:" + TOKEN


def authorities(ours, trap):
    """Who is to be asked. @: the server; !: what somebody else listens on."""
    here, there = "127.0.0.1:%d" % ours, "127.0.0.1:%d" % trap
    yield from (
        # another host or port
        "alice@" + there, "alice@localhost:%d" % ours, "alice@localhost:%d" % trap,
        "alice@127.0.0.2:%d" % ours, "alice@imap.evil.example:%d" % ours,
        "alice@127.0.0.1.evil.example:%d" % ours, "alice@evil127.0.0.1:%d" % ours,
        "alice@127.0.0.1.:%d" % ours, "alice@127.0.0.1%%2e:%d" % ours,
        "alice@127.0.0.1", "alice@127.0.0.1:", "alice@:%d" % ours, "alice@", "",
        # the address in other words
        "alice@2130706433:%d" % ours, "alice@0x7f000001:%d" % ours,
        "alice@0x7f.0.0.1:%d" % ours, "alice@0177.0.0.1:%d" % ours,
        "alice@127.1:%d" % ours, "alice@127.000.000.001:%d" % ours,
        "alice@0:%d" % ours, "alice@0.0.0.0:%d" % ours, "alice@[::1]:%d" % ours,
        "alice@[::ffff:127.0.0.1]:%d" % ours, "alice@[::ffff:7f00:1]:%d" % ours,
        "alice@[::127.0.0.1]:%d" % ours, "alice@[127.0.0.1]:%d" % ours,
        "alice@[::1%%25lo]:%d" % ours, "alice@%%31%%32%%37.0.0.1:%d" % ours,
        "alice@１２７.0.0.1:%d" % ours, "alice@127。0。0。1:%d" % ours,
        # the port in other words
        "alice@127.0.0.1:%d" % (ours + 65536), "alice@127.0.0.1:%d" % (ours + 2 ** 32),
        "alice@127.0.0.1:%d" % (ours + 2 ** 64), "alice@127.0.0.1:4294967439",
        "alice@127.0.0.1:-%d" % ours, "alice@127.0.0.1:+%d" % ours,
        "alice@127.0.0.1:0x%x" % ours, "alice@127.0.0.1:0", "alice@127.0.0.1:imap",
        "alice@%s:%d" % (here, trap),
        # whose is what before or behind the @
        "alice:secret@" + here, "alice@%s@%s" % (here, there),
        "alice@%s@%s" % (there, here), "alice%%40%s%%2f@%s" % (there, here),
        "%s/@%s" % (there, here), "%s%%2f@%s" % (there, here),
        "alice@%s%%2f@%s" % (there, here), "alice@%s%%40%s" % (here, there),
        "alice@%s\\@%s" % (there, here), "alice@%s\\@%s" % (here, there),
        "alice@%s#@%s" % (there, here), "alice@%s?@%s" % (there, here),
        "alice@%s;@%s" % (there, here), "alice@%s&@%s" % (here, there),
        "alice@%s%%23@%s" % (there, here), "alice@%s%%00.evil.example" % here,
        "alice;AUTH=*@" + there, ";AUTH=*@" + there, "alice;AUTH=PLAIN;x@" + here,
        "alice%%0d%%0aA1 LOGOUT@" + here, "@" + here,
    )


def urls(ours, trap):
    for a in authorities(ours, trap):
        yield "imap://" + a.replace("%%", "%") + TAIL
    good = "//alice@127.0.0.1:%d" % ours + TAIL
    # another scheme, none, or no URL
    for scheme in ("imaps:", "http:", "https:", "file:", "ftp:", "gopher:", "ldap:",
                   "dict:", "smtp:", "pop:", "imap;", "imap", "", " imap:", "imap+ssl:",
                   "data:", "url:imap:", "IMAP\\:"):
        yield scheme + good
    for a, b in (("INBOX", "../../etc/passwd\0"), ("INBOX", "IN%0d%0aBOX"),
                 ("INBOX", "IN%00BOX"), ("INBOX", 'IN"BOX'), ("INBOX", "IN{3}BOX\r"),
                 ("INBOX", "IN%ffBOX"), ("INBOX", ""),
                 (";UID=1", ";UID=0"), (";UID=1", ";UID=-1"),
                 (";UID=1", ";UID=4294967296"), (";UID=1", ";UID=1:*"),
                 (";UID=1", ";UID=1;UID=2"), (";UID=1", ""),
                 (";UID=1", ";UID=1%20BODY[]"), (";URLAUTH", "#;URLAUTH"),
                 (";URLAUTH", ";URLAUTH=anonymous;URLAUTH"),
                 (":internal:", ":internal"), (":internal:", ":x%0d%0a:"),
                 ("submit+alice", "submit+bob"), ("submit+alice", "submit+"),
                 ("submit+alice", "submit+alice%0d%0a"), ("submit+alice", "user+alice"),
                 ("submit+alice", "user+"), ("submit+alice", "authuser"),
                 ("submit+alice", "anonymous"), ("submit+alice", "submit+alice,bob"),
                 ("submit+alice", "submit+ALICE"), (TOKEN, TOKEN[:31]),
                 (TOKEN, "x" * len(TOKEN)), (TOKEN, ""),
                 (":internal:" + TOKEN, ""),
                 (";URLAUTH", ";EXPIRE=2020-01-01T00:00:00Z;URLAUTH"),
                 (";URLAUTH", ";EXPIRE=9999-99-99T00:00:00Z;URLAUTH")):
        yield "imap:" + good.replace(a, b)


def refused(h, c, url, how):
    """None, or what was wrong; the session is where it was."""
    give_envelope(c)
    c.send(how % url.encode() + b"\r\n")
    got = reply(c)[-1]
    # a CR within the line is a line's fault, and leaves the transaction
    if not got.startswith(("501 5.5.4 ", "501 5.5.2 ", "554 5.7.14 ", "554 5.7.0 ",
                           "500 5.5.2 ", "501 5.6.7 ")):
        return got
    if say(c, "RSET") != "250 2.0.0 OK":
        return "RSET is refused"
    return None


def traps():
    """A name that is served may be looked up; a URL's may not."""
    trap = Trap()
    with Imapd(Script()) as server, Place(BUILD, T).house(
            "URLs", ["imap imap://127.0.0.1:%d login %s" % (server.port, LOGIN)]) as h:
        rows = list(urls(server.port, trap.port))
        for how in (b"BURL %s LAST", b"BURL %s"):
            with requirement("%d URLs by %s are refused" % (
                    len(rows), (how % b"URL").decode()), h) as wrong:
                for start in range(0, len(rows), 4):
                    c = h.login()       # many mistakes would end a session
                    for url in rows[start:start + 4]:
                        why = refused(h, c, url, how)
                        wrong += ["%s: %s" % (url, why)] * bool(why)
                    leave(c)
        report(not server.lines, "no URL of these made the server hear of it",
               server.lines)
        report(not trap.sprung(), "no URL of these reached another port")
        with requirement("and the one they are made of is fetched", h) as wrong:
            c = h.envelope()
            got = say(c, "BURL imap://alice@127.0.0.1:%d%s LAST" % (server.port, TAIL))
            # "hello" is no message with From: but it was asked for, and came
            wrong += [got] * (not server.lines or got.startswith("554 5.7"))
            leave(c)


traps()
end()
