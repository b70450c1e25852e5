"""fences.t: what a seized process asks of the others, out of order, malformed
or in another's name; and the same asked rightly, which must succeed."""
import contextlib
import hashlib
import os
import re
import struct
import subprocess
import sys
import time

from burl_driver import HEAD, at_once, mail
from common_driver import (House, Unexpected, begin, end, report, say, talk,
                           write)
from fences_puppet import (FRAMES, VERDICTS, Dead, Seized, after, commands,
                           octets)
from imapd import Imapd, Script

BUILD, T = begin("rules")
DOUBLE = os.path.join(BUILD, "tests-priv", "fenced")
CREDENTIALS = write(T + "/submit", "submit submitpw\n")
RSA, EC = 0, 1              # enum sign_kind, and our two certificates
PKCS1, RAW = 1, 3           # RSA_PKCS1_PADDING, RSA_NO_PADDING
if not os.path.exists(DOUBLE + "/smtpsubmitd"):
    print("not ok - the doubles are not there: make priv")
    sys.exit(1)


def openssl(*args, **how):
    return subprocess.run(("openssl",) + args, check=True,
                          capture_output=True, **how).stdout


def make_rsa():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
            "-subj", "/CN=rsa.example.org", "-keyout", T + "/rsa.key", "-out",
            T + "/rsa.pem")
    os.chmod(T + "/rsa.key", 0o600)


@contextlib.contextmanager
def house(name, *config, d=None, **how):
    lines = ["certificate %s/rsa.pem %s/rsa.key" % (T, T),
             "certificate {pki}/good.pem {pki}/good.key"] + list(config)
    if d:
        lines.append("imap imap://127.0.0.1:%d login %s" %
                     (d.port, CREDENTIALS))
    with House(DOUBLE, T, lines, name=name, expected="event=child-died",
               **how) as h:
        yield h


# The monitor

def sign(key, kind, padding, data, transcript_hash=b""):
    return "S_SIGN", (struct.pack("=BBB", key, kind, padding) +
                      octets(data) + octets(transcript_hash))


DIGEST = hashlib.sha256(b"x").digest()
INFO = bytes.fromhex("3031300d060960864801650304020105000420") + DIGEST


def pss(digest=DIGEST, salt=None):
    """What a handshake has signed: EMSA-PSS of 2048 bits (RFC 8017 9.1.1)."""
    salt = salt or os.urandom(32)
    h = hashlib.sha256(bytes(8) + digest + salt).digest()
    db = bytes(256 - 32 - 32 - 2) + b"\1" + salt
    mask = b"".join(hashlib.sha256(h + struct.pack(">I", i)).digest()
                    for i in range(7))[:len(db)]
    masked = bytes(a ^ b for a, b in zip(db, mask))
    return bytes([masked[0] & 0x7f]) + masked[1:] + h + b"\xbc"


def ciphertext():
    """What somebody has encrypted for our certificate."""
    return openssl("pkeyutl", "-encrypt", "-certin", "-inkey", T + "/rsa.pem",
                   input=b"a premaster secret")


SIGNED = [("EC, SHA-256", sign(1, EC, 0, DIGEST)),
          ("EC, SHA-384", sign(1, EC, 0, bytes(48))),
          ("RSA, PKCS #1 DigestInfo", sign(0, RSA, PKCS1, INFO)),
          ("RSA, PSS", sign(0, RSA, RAW, pss()))]


def not_signed():
    cipher = ciphertext()
    return [
        ("EC, 20 octets", sign(1, EC, 0, bytes(20))),
        ("EC, 33 octets", sign(1, EC, 0, bytes(33))),
        ("EC, none", sign(1, EC, 0, b"")),
        ("EC with a padding", sign(1, EC, 1, DIGEST)),
        ("EC of the RSA key", sign(0, EC, 0, DIGEST)),
        ("RSA of the EC key", sign(1, RSA, PKCS1, INFO)),
        ("key 15", sign(15, EC, 0, DIGEST)),
        ("key 255", sign(255, RSA, PKCS1, INFO)),
        ("kind 7", sign(0, 7, PKCS1, INFO)),
        ("PKCS #1, 200 octets", sign(0, RSA, PKCS1, bytes(200))),
        ("PKCS #1, a chosen text", sign(0, RSA, PKCS1, b"I owe you 100")),
        ("PKCS #1, DigestInfo of SHA-1", sign(0, RSA, PKCS1, bytes.fromhex(
            "3021300906052b0e03021a05000414") + bytes(20))),
        ("raw, 255 octets", sign(0, RSA, RAW, pss()[1:])),
        ("raw, 257 octets", sign(0, RSA, RAW, b"\0" + pss())),
        ("raw, a number", sign(0, RSA, RAW, bytes(255) + b"\2")),
        ("raw, PKCS #1 type 2: a decryption", sign(0, RSA, RAW, cipher)),
        ("OAEP", sign(0, RSA, 4, cipher)),
        ("PKCS #1 of a ciphertext", sign(0, RSA, PKCS1, cipher)),
        ("padding 255", sign(0, RSA, 255, INFO)),
        ("cut short", ("S_SIGN", sign(1, EC, 0, DIGEST)[1][:-1])),
        ("something behind", ("S_SIGN", sign(1, EC, 0, DIGEST)[1] + b"x")),
        ("nothing", ("S_SIGN", b"")),
    ]


LOGIN = b"\0" + octets("alice") + octets("alicepw")
BAD_LOGINS = [
    ("nothing", b""), ("name only", b"\0" + octets("alice")),
    ("no name", b"\0" + octets("") + octets("x")),
    ("no password", b"\0" + octets("alice") + octets("")),
    ("a user beside it", LOGIN + octets("bob")),
    ("a name with NUL", b"\0" + octets("alice\0bob") + octets("alicepw")),
    ("a password with NUL", b"\0" + octets("alice") + octets("a\0pw")),
    ("a name of 256", b"\0" + octets("a" * 256) + octets("x")),
    ("a password of 256", b"\0" + octets("alice") + octets("x" * 256)),
    ("a length that lies", b"\0\xff\xff" + LOGIN[3:]),
    ("an unknown mechanism", b"\4" + LOGIN[1:]),
    ("a token of 8193", b"\2" + octets("alice") + octets("x" * 8193)),
    ("no token", b"\3" + octets("alice") + octets("")),
]


def dies(h, name, user, reason, *requests, who="127.0.0.66", **how):
    """The last request is the session's end, and logged with its reason."""
    with Seized(h, user) as s:
        got = None
        try:
            for kind, payload in requests:
                got = s.ask(kind, payload, **how)
            if got is None:     # the channel went first
                s.line()
        except Dead:
            got = "dead"
        good = got == "dead" and s.logged(
            r'event=violation client=%s user="?%s"? reason=.*%s' %
            (who, user or "", reason))
        after(h, name, good, got, *s.tail())


def monitor_requests(h):
    sign_ec = sign(1, EC, 0, DIGEST)
    for name, request in SIGNED:
        with Seized(h) as s:
            got = s.ask(*request)
            report(got and got[0] == FRAMES["S_SIGN"] and len(got[2]) > 60,
                   "signed once: " + name, got)
    dies(h, "a second signature", None, "too often", sign_ec, sign_ec)
    dies(h, "a signature after login", "alice", "wrong time", sign_ec)
    for name, request in not_signed():
        dies(h, "not signed: " + name, None, "sign", request)
    for name, payload in BAD_LOGINS:
        dies(h, "login refused: " + name, None, "malformed login",
             ("S_AUTH", payload))
    dies(h, "a login by a token where none are taken", None,
         "not configured", ("S_AUTH", b"\2" + LOGIN[1:]))
    dies(h, "a login after login", "alice", "wrong time", ("S_AUTH", LOGIN))
    dies(h, "a relay before login", None, "wrong time", ("S_RELAY", b""))
    dies(h, "imapfetch before login", None, "wrong time", ("S_FETCH", b""))
    dies(h, "a relay for another user", "alice", "malformed request",
         ("S_RELAY", octets("bob")))
    dies(h, "imapfetch for another user", "alice", "malformed request",
         ("S_FETCH", octets("bob")))
    for kind in 0, 99, 65535, "N_NEWBORN", "N_DIED", "M_KILL", \
            "M_FORK_RELAY", "O_CAPABILITIES", "E_COMMANDS", "F_URL":
        dies(h, "unknown request %s" % kind, "alice", "unknown", (kind, b""))
    for name, fds in ("a descriptor", "c"), ("two descriptors", "cc"), \
            ("three descriptors", "ccc"):
        dies(h, "a relay asked with " + name, "alice", "",
             ("S_RELAY", b""), fds=fds)
    dies(h, "a hundred relays and one", "alice", "too often",
         *101 * [("S_RELAY", b"")])
    tries(h)
    raw_frames(h)


def tries(h):
    """Three, as configured; each answered, then the right one is too late."""
    with Seized(h) as s:
        got = [s.login("alice", "wrong")[2] for _ in range(2)]
        s.login()
        report(got == [b"\1", b"\1"], "wrong, wrong, right: logged in", got)
    wrong = "S_AUTH", b"\0" + octets("alice") + octets("wrong")
    dies(h, "a login after the last try", None, "after the last try",
         wrong, wrong, wrong, ("S_AUTH", LOGIN))
    with Seized(h) as s:
        with contextlib.suppress(Dead):
            s.send("m", "S_AUTH", LOGIN, times=2)
            s.recv("m")
            s.recv("m")
        after(h, "two logins at once", s.logged(
            "reason=.*(second login|wrong time)"), *s.tail())


def raw_frames(h):
    for name, data in [
            ("oversized", struct.pack("=HHI", 9, 0, 70000) + bytes(70000)),
            ("3 octets", b"\1\2\3"), ("a length that lies",
             struct.pack("=HHI", 9, 0, 5)), ("more than its length",
             struct.pack("=HHI", 9, 0, 0) + b"x")]:
        with Seized(h, "alice") as s:
            try:
                s.raw("m", data)
                got = s.recv("m")
            except Dead:
                got = "dead"
            after(h, "a frame, " + name, got == "dead" and
                  s.logged("event=violation .*user=alice .*malformed frame"),
                  got, *s.tail())
    with Seized(h, "alice") as s:
        s.raw("m", b"")
        after(h, "an empty message is the end of the channel",
              s.recv("m") is None, *s.tail())


BAD_CLIENTS = [
    ("nothing", b""), ("an empty one", octets("")),
    ("a name", octets("localhost")), ("local", octets("local")),
    ("a port", octets("192.0.2.7:25")), ("NUL", octets("192.0.2.7\0x")),
    ("CR LF", octets("192.0.2.7\r\nx")), ("a space", octets("192.0.2.7 ")),
    ("a zone", octets("fe80::1%lo")), ("a network", octets("192.0.2.0/24")),
    ("a login beside it", octets("192.0.2.7") + octets("bob")),
    ("63 octets", octets("1" * 63)), ("64 octets", octets("1" * 64)),
    ("a length that lies", b"\xff\xff192.0.2.7"),
]


def clients_of_proxies(stranger, proxy):
    """S_CLIENT is a trusted proxy's, once, before login, and an address."""
    client = "S_CLIENT", octets("192.0.2.7")
    itself = "S_CLIENT", octets("127.0.0.66")
    dies(stranger, "a client, named by no trusted-proxy", None,
         "no trusted-proxy", client)
    dies(stranger, "a client, named after login", "alice", "wrong time",
         client)
    with Seized(proxy) as s:
        got = s.ask(*client)
        s.login()
        report(got == (FRAMES["S_CLIENT"], 0, b"\1") and
               s.logged("event=auth client=192.0.2.7 user=alice"),
               "a client, named by a trusted-proxy: the login is his", got,
               *s.tail())
    for name, payload in BAD_CLIENTS:
        dies(proxy, "a client refused: " + name, None,
             "malformed client address", ("S_CLIENT", payload))
    dies(proxy, "a client, named after login to a proxy", "alice",
         "wrong time", client)
    dies(proxy, "a client named twice", None, "no trusted-proxy", client,
         client, who="192.0.2.7")
    dies(proxy, "a proxy named three times", None, "too often", itself,
         itself, itself)
    dies(proxy, "a client and a descriptor", None, "", client, fds="c")
    with Seized(proxy) as s:
        with contextlib.suppress(Dead):
            s.send("m", "S_AUTH", LOGIN)
            s.send("m", *client)
            s.recv("m")
            s.recv("m")
        after(proxy, "a client named amid a login", s.logged(
            "reason=.*(amid a login|wrong time)"), *s.tail())
    with Seized(proxy) as s:
        with contextlib.suppress(Dead):
            s.send("m", *client)
            s.send("m", "S_AUTH", LOGIN)
            s.recv("m")
            s.recv("m")
        report(s.logged("reason=.*before its client is welcome") or
               s.logged("event=auth client=192.0.2.7"),
               "a login before the client is counted is his or none",
               *s.tail())
    turned_away(proxy)


def turned_away(h):
    """Over the limit: a session that stays nevertheless has no service."""
    client = "S_CLIENT", octets("192.0.2.9")
    with contextlib.ExitStack() as stack:
        seized = [stack.enter_context(Seized(h)) for _ in range(4)]
        got = [s.ask(*client)[2] for s in seized]
        report(got == [b"\1"] * 3 + [b"\0"], "three connections of a client, "
               "as configured; the fourth is told no", got)
        report(seized[0].login() is not None, "the first may log in")
        with contextlib.suppress(Dead):
            seized[3].send("m", "S_AUTH", LOGIN)
            seized[3].recv("m")
        after(h, "the fourth may ask for nothing more", seized[3].logged(
            "event=violation client=192.0.2.9 .*before its client is "
            "welcome"), *seized[3].tail())


# The relay

MAIL = ("RELAY_MAIL", "FROM:<alice@example.org>")
RCPT = ("RELAY_RCPT", "TO:<bob@example.org>")
HELLO = octets("client.example.net") + octets("") + octets("")
C = "E_COMMANDS"


def relay_dies(h, name, reason, *frames, hello=True, fds="", raw=None):
    """The relay ends with a line in the log; the session finds it gone."""
    with Seized(h, "alice") as s:
        s.relay(hello)
        try:
            for i, (kind, payload) in enumerate(frames):
                s.send("r", kind, payload,
                       fds=fds if i == len(frames) - 1 else "")
            if raw is not None:
                s.raw("r", raw)
            got = ""
            while got not in (None, "nothing"):
                got = s.answer(2000)
        except Dead:
            got = "dead"
        after(h, name, got is None and s.logged(
            'event=violation client=127.0.0.66 user=alice reason=.*' + reason),
              got, *s.tail())


def c(*pairs):
    return C, commands(*pairs)


def relay_requests(h):
    body = "E_BODY", b"Subject: x\r\n\r\n"
    none = FRAMES["E_BODY"]
    relay_dies(h, "commands before hello", "no hello", c(MAIL), hello=False)
    # it ends the transaction, as EHLO does
    relay_dies(h, "a message behind a hello amid a transaction",
               "without MAIL", c(MAIL, RCPT), ("E_HELLO", HELLO), body)
    for name, hello in [
            ("nothing", b""), ("CR LF", octets("a\r\nb") + HELLO[-4:]),
            ("NUL", octets("a\0b") + HELLO[-4:]),
            ("a TLS version with a space", octets("a.example") +
             octets("TLSv1.3 (forged") + octets("")),
            ("a cipher with CR LF", octets("a.example") + octets("") +
             octets("A\r\nB")),
            ("more behind", HELLO + b"x")]:
        relay_dies(h, "hello: " + name, "malformed hello",
                   ("E_HELLO", hello), hello=False)
    relay_dies(h, "a body before commands", "without MAIL", body)
    relay_dies(h, "a body before RCPT", "without RCPT", c(MAIL), body)
    for kind in 0, 99, "E_ANSWER", "O_ORDER", "O_CHANNEL", "S_AUTH":
        relay_dies(h, "relay, unknown frame %s" % kind, "unknown frame",
                   (kind, b""))
    for fds in "c", "cc":
        relay_dies(h, "relay, %d descriptors" % len(fds), "", c(MAIL),
                   fds=fds)
    for name, raw in ("oversized", struct.pack("=HHI", none, 0, 70000) +
                      bytes(70000)), ("3 octets", b"abc"):
        relay_dies(h, "relay, a frame, " + name, "malformed frame", raw=raw)
    for name, arg in [
            ("CR LF", "FROM:<alice@example.org>\r\nRCPT TO:<x@example.org>"),
            ("CR LF in the address", "FROM:<alice\r\n@example.org>"),
            ("NUL", "FROM:<alice@example.org>\0"),
            ("NUL in the address", "FROM:<al\0ice@example.org>"),
            ("CR LF in a parameter", "FROM:<alice@example.org> SIZE=1\r\nX"),
            ("an unknown parameter", "FROM:<alice@example.org> X=1"),
            ("UTF-8 without SMTPUTF8", "FROM:<al\u00efce@example.org>"),
            ("broken UTF-8", b"FROM:<al\xe9ce@example.org> SMTPUTF8"),
            ("REQUIRETLS in the clear", "FROM:<alice@example.org> REQUIRETLS"),
            ("no path", "FROM:"), ("nothing", ""),
            ("64000 octets", "FROM:<" + "a" * 64000)]:
        relay_dies(h, "MAIL, " + name, "malformed", c(("RELAY_MAIL", arg)))
    relay_dies(h, "RCPT, CR LF", "malformed", c(MAIL, (
        "RELAY_RCPT", "TO:<bob@example.org>\r\nDATA")))
    relay_dies(h, "RCPT, UTF-8 without SMTPUTF8", "without SMTPUTF8", c(MAIL, (
        "RELAY_RCPT", "TO:<b\u00f3b@example.org>")))
    relay_dies(h, "VRFY, CR LF", "malformed", c((
        "RELAY_VRFY", "x\r\nMAIL FROM:<x@example.org>")))
    relay_dies(h, "VRFY, CR LF and SMTPUTF8", "malformed", c((
        "RELAY_VRFY", "x\r\nMAIL FROM:<x@example.org> SMTPUTF8")))
    relay_dies(h, "VRFY, UTF-8 without SMTPUTF8", "malformed", c((
        "RELAY_VRFY", "b\u00f3b")))
    relay_dies(h, "binary content to a relay that takes none", "without MAIL",
               c(("RELAY_MAIL", MAIL[1] + " BODY=BINARYMIME"), RCPT),
               ("E_BODY", HEAD + b"a\n.\nb"))
    relay_dies(h, "a second MAIL", "out of order", c(MAIL), c(MAIL))
    relay_dies(h, "an unknown command", "unknown command", c((77, "")))
    relay_dies(h, "a command cut short", "malformed commands",
               (C, commands(MAIL)[:-1]))
    relay_dies(h, "20000 commands in a frame", "too many commands",
               (C, 20000 * commands(("RELAY_VRFY", ""))))
    relay_bodies(h)
    report(not h.relay.messages or all(
        m.sender.startswith("FROM:<alice@example.org>") or
        m.sender.startswith("FROM:<bob@example.org>")
        for m in h.relay.completed), "all that went on is in the name of "
        "who had logged in", [m.sender for m in h.relay.completed])


def transaction(h, *pairs):
    s = Seized(h, "alice")
    s.relay()
    s.send("r", *c(*pairs))
    return s, [s.answer() for _ in pairs]


def relay_bodies(h):
    s, got = transaction(h, ("RELAY_MAIL", "FROM:<bob@example.org>"))
    with s:
        after(h, "MAIL as another user is refused, the monitor's name counts",
              got[0][0] == 550 and s.logged(
                  "event=refused client=127.0.0.66 user=alice "
                  "from=bob@example.org"), got)
    s, got = transaction(h, MAIL, RCPT)
    with s:
        s.send("r", "E_BODY", mail(b"as bob\r\n", "bob@example.org"), 1)
        answer = s.answer()
        after(h, "From of another user is refused", answer[0] == 550, answer)
    for name, data in [
            ("bare LF", HEAD + b"a\n.\nMAIL FROM:<x@example.org>\n"),
            ("bare LF in the header", HEAD.replace(b"\r\n", b"\n") + b"a\n"),
            ("bare CR", HEAD + b"a\r.\rb\r\n"),
            ("no end of line", HEAD + b"a"),
            ("a dot line", HEAD + b".\r\nMAIL FROM:<x@example.org>\r\n"),
            ("NUL", HEAD + b"a\0b\r\n")]:
        s, _ = transaction(h, MAIL, RCPT)
        before = len(h.relay.completed)
        with s:
            s.send("r", "E_BODY", data, 1)
            answer = s.answer()
        new = [m.data for m in h.relay.completed[before:]]
        bad = [d for d in new if re.search(
            rb"[\r\n\0]", d.replace(b"\r\n", b""))]
        want = 550 if name == "NUL" else 250
        after(h, "message with %s: none goes on" % name, not bad and
              len(new) == (want == 250) and answer[0] // 100 == want // 100,
              answer, *new)


# imapfetch

def fetch_requests(h, d):
    url = ("imap://%s@127.0.0.1:%d/INBOX;UIDVALIDITY=7/;UID=1"
           ";URLAUTH=submit+%s:internal:" + 32 * "0")
    for name, owner, want in [("one's own URL", "alice", "FETCH_OK"),
                              ("another user's URL", "bob", "FETCH_REFUSED")]:
        s, _ = transaction(h, MAIL, RCPT)
        with s:
            s.fetch()
            s.send("r", "E_BODY", b"", 4)
            got = s.fetch_url(url % (owner, d.port, owner))
            after(h, name, got and got[0] == FRAMES["F_DONE"] and
                  got[2][0] == VERDICTS[want], got, *s.tail())
    report(all(b"bob" not in line for c in d.lines for line in c),
           "the IMAP server never heard of the other user", *d.lines)
    s, _ = transaction(h, MAIL, RCPT)
    with s:
        s.fetch()
        got = s.fetch_url((url % ("alice", 1, "alice")))
        after(h, "a URL of another port", got and got[2][0] ==
              VERDICTS["FETCH_NO_TRUST"], got, *s.tail())
    for name, kind, payload, fds in [
            ("no descriptor", "F_URL", bytes(8) + octets("imap://x/"), ""),
            ("two descriptors", "F_URL", bytes(8) + octets("x"), "rr"),
            ("cut short", "F_URL", b"\0", "r"), ("empty", "F_URL", b"", "r"),
            ("F_ORDER", "F_ORDER", octets("x") + octets("bob"), ""),
            ("unknown", 99, b"", "r")]:
        s, _ = transaction(h, MAIL, RCPT)
        with s:
            s.fetch()
            s.send("f", kind, payload, fds=fds)
            after(h, "imapfetch, a frame: " + name, s.recv("f") is None and
                  s.logged("event=fatal reason=.*imapfetch: malformed"),
                  *s.tail())


# A seized relay, towards the monitor and the session

def report_frame(capabilities, size):
    return (struct.pack("=IQ", capabilities, size) + bytes(8)).hex()


def seized_relay(h):
    kind = FRAMES["O_CAPABILITIES"]
    for name, line in [
            ("the session's frames", "send m %d 0 %s" % (
                FRAMES["S_AUTH"], LOGIN.hex())),
            ("the nursery's frames", "send m %d 0 00" % FRAMES["N_DIED"]),
            ("an oversized frame", "raw m " + 30000 * "00"),
            ("a descriptor", "send m %d 0 %s s" % (
                kind, report_frame(0, 0)))]:
        with Seized(h, "alice") as s:
            s.relay()
            with contextlib.suppress(Dead):
                s.relay_do(line)
                s.relay_do("recv m 1000")
            after(h, "seized relay to the monitor: " + name,
                  s.logged("event=violation .*the relay process"), *s.tail())
    with Seized(h, "alice") as s:
        s.relay()
        with contextlib.suppress(Dead):
            s.relay_do("repeat 3000 send m %d 0 %s" % (
                kind, report_frame(0xffffffff, 1)))
        after(h, "seized relay: a flood of forged reports", True)
        c = h.dial()
        offer = talk(c, "EHLO x", "250")
        report("250-SIZE 1" not in offer and "250 SIZE 1" not in offer,
               "and what it says is not told to others", offer)
        h.clients.remove(c)
        c.hang_up()


def deceived(h):
    """A relay that lies to a real session: no 250 for what was never sent."""
    for lie in ("early", "answers", "lines", "code", "short", "type",
                "descriptor", "oversized"):
        before, got = len(h.relay.completed), []
        c = h.login("alice")
        c.check_reply = lambda raw, text: None
        with contextlib.suppress(Unexpected):
            got.append(say(c, "MAIL FROM:<attack-%s@example.org>" % lie))
            got.append(say(c, "RCPT TO:<bob@example.org>"))
            got.append(say(c, "DATA"))
            if got[-1].startswith("354"):
                c.send(HEAD + b"x\r\n")
                time.sleep(0.1)
                c.send(b".\r\n")
                got.append(c.line())
        h.clients.remove(c)
        c.hang_up()
        final = got[-1] if len(got) == 4 else "none"
        after(h, "a lying relay (%s): nothing is credited" % lie,
              not final.startswith("2") and
              not [m for m in h.relay.completed[before:]
                   if "attack" in m.sender], got)


def main():
    make_rsa()
    content = (b"* URLFETCH %%U {%d}\r\n" % len(HEAD) + HEAD +
               b"\r\n%T OK done\r\n")
    with Imapd(Script(urlfetch=content)) as d, \
            house("rules of the monitor", d=d) as one, \
            house("rules of the relay") as two, \
            house("rules of imapfetch", d=d) as three, \
            house("seized relays") as four, \
            house("no trusted-proxy", "trusted-proxy 192.0.2.66") as five, \
            house("a trusted-proxy", "trusted-proxy 127.0.0.66",
                  "max-connections-per-source 3") as six:
        at_once([lambda: monitor_requests(one),
                 lambda: clients_of_proxies(five, six),
                 lambda: relay_requests(two),
                 lambda: fetch_requests(three, d),
                 lambda: (deceived(four), seized_relay(four))])
    end()


if __name__ == "__main__":
    main()
