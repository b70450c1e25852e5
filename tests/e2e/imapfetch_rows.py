"""What the hostile IMAP server says, and what imapfetch must make of it."""
from imapd import HANGUP, Script
from imapfetch_bench import TOKEN


def url_at(port, user="alice", access="submit+alice", token=TOKEN):
    return "imap://%s@127.0.0.1:%d/INBOX/;UID=1;URLAUTH=%s:internal:%s" % (
        user, port, access, token)


def flood(piece, times):
    def run(client):
        try:
            for _ in range(times):
                client.send(client.fill(piece))
        except OSError:
            pass
        client.wait_for_close()
        return HANGUP
    return run


U = b"* URLFETCH %U "
# name, script, verdict, what came; all by URLFETCH over a clear connection
URLFETCH_ROWS = [
    ("literal", Script(), "OK", b"hello"),
    ("literal with +", Script(urlfetch=U + b"{3+}\r\nabc\r\n%T OK\r\n"),
     "OK", b"abc"),
    ("literal8 with NUL", Script(
        urlfetch=U + b"~{4}\r\na\0\xffb\r\n%T OK\r\n"), "OK", b"a\0\xffb"),
    ("quoted", Script(urlfetch=U + b'"a\\"b\\\\c"\r\n%T OK\r\n'),
     "OK", b'a"b\\c'),
    ("empty literal", Script(urlfetch=U + b"{0}\r\n\r\n%T OK\r\n"), "OK", b""),
    ("empty quoted", Script(urlfetch=U + b'""\r\n%T OK\r\n'), "OK", b""),
    ("no line end at its end", Script(
        urlfetch=U + b"{2}\r\na\r\r\n%T OK\r\n"), "OK", b"a\r"),
    ("NIL", Script(urlfetch=U + b"NIL\r\n%T OK\r\n"), "GONE", b""),
    ("NO", Script(urlfetch=b"%T NO [UNAVAILABLE] x %U\r\n"), "DOWN", b""),
    ("BAD", Script(urlfetch=b"%T BAD %U\r\n"), "DOWN", b""),
    ("OK without an answer", Script(urlfetch=b"%T OK\r\n"), "DOWN", b""),
    ("BYE", Script(urlfetch=[b"* BYE [UNAVAILABLE] %U\r\n", HANGUP]),
     "DOWN", b""),
    ("no URLAUTH offered", Script(
        capability2=b"* CAPABILITY IMAP4rev1\r\n%T OK\r\n"), "NO_TRUST", b""),
    ("other untagged lines first", Script(
        urlfetch=b"* 5 EXISTS\r\n* X {3}\r\nabc foo\r\n" + U +
        b"{2}\r\nhi\r\n* OK x {9}\r\n%T OK\r\n"), "OK", b"hi"),
    ("fake tagged lines inside the literal", Script(
        urlfetch=U + b"{27}\r\n"
        b"A001 OK\r\n* BYE\r\n+ \r\nZ9 NO\r\n\r\n%T OK\r\n"), "OK",
     b"A001 OK\r\n* BYE\r\n+ \r\nZ9 NO\r\n"),
    ("our own tag inside the literal", lambda: Script(urlfetch=own_tag),
     "OK", None),
    ("fake tag outside", Script(
        urlfetch=b"A003 OK done\r\n" + U + b"{2}\r\nhi\r\n%T OK\r\n"),
     "DOWN", b""),
    ("unasked continuation", Script(urlfetch=b"+ go\r\n%T OK\r\n"),
     "DOWN", b""),
    ("another URL", Script(
        urlfetch=b'* URLFETCH "imap://x/y" {2}\r\nhi\r\n%T OK\r\n'),
     "DOWN", b""),
    ("another URL as literal", Script(
        urlfetch=b"* URLFETCH {3}\r\nabc {2}\r\nhi\r\n%T OK\r\n"),
     "DOWN", b""),
    ("two answers", Script(
        urlfetch=(U + b"{2}\r\nhi\r\n") * 2 + b"%T OK\r\n"), "DOWN", b"hi"),
    ("NO after the literal", Script(
        urlfetch=U + b"{2}\r\nhi\r\n%T NO\r\n"), "DOWN", b"hi"),
    ("junk after the literal", Script(
        urlfetch=U + b"{2}\r\nhi junk\r\n%T OK\r\n"), "DOWN", b"hi"),
    ("literal of 2^63", Script(urlfetch=[
        U + b"{9223372036854775808}\r\nabc", None]), "DOWN", b""),
    ("literal of 2^63 - 1", Script(urlfetch=[
        U + b"{9223372036854775807}\r\nabc", None]), "TOO_BIG", b""),
    ("literal of 2^32 + 3", Script(urlfetch=[
        U + b"{4294967299}\r\nabc", None]), "TOO_BIG", b""),
    ("literal of 2^64 + 3", Script(urlfetch=[
        U + b"{18446744073709551619}\r\nabc", None]), "DOWN", b""),
    ("literal of 40 digits", Script(urlfetch=[
        U + b"{" + b"9" * 40 + b"}\r\nabc", None]), "DOWN", b""),
    ("literal of -5", Script(
        urlfetch=U + b"{-5}\r\nabc\r\n%T OK\r\n"), "DOWN", b""),
    ("literal {}", Script(urlfetch=U + b"{}\r\n\r\n%T OK\r\n"), "DOWN", b""),
    ("drop amid the literal", Script(
        urlfetch=[U + b"{100}\r\nabc", HANGUP]), "DOWN", b"abc"),
    ("drop behind the literal", Script(
        urlfetch=[U + b"{3}\r\nabc", HANGUP]), "DOWN", b"abc"),
    ("drop before the answer", Script(urlfetch=HANGUP), "DOWN", b""),
    ("literal longer than announced", Script(
        urlfetch=U + b"{3}\r\nabcdef\r\n%T OK\r\n"), "DOWN", b"abc"),
    ("line without end", Script(urlfetch=flood(b"x" * 65536, 400)),
     "DOWN", b""),
    ("quoted without end", Script(
        urlfetch=[U + b'"', flood(b"x" * 65536, 400)]), "DOWN", b""),
    ("untagged lines without end", Script(
        urlfetch=flood(b"* OK still here\r\n" * 100, 40000)), "DOWN", b""),
    ("200 MB of no interest", Script(
        urlfetch=[b"* X {209715200}\r\n", flood(b"x" * 65536, 400)]),
     "DOWN", b""),
    ("bare LF", Script(urlfetch=U + b"{2}\nhi\r\n%T OK\r\n"), "DOWN", b""),
    ("NUL in a line", Script(urlfetch=b"* \0\r\n%T OK\r\n"), "DOWN", b""),
    ("PREAUTH", Script(greeting=b"* PREAUTH in\r\n"), "DOWN", b""),
    ("PREAUTH in small letters", Script(greeting=b"* preauth in\r\n"),
     "DOWN", b""),
    ("BYE as greeting", Script(greeting=[b"* BYE no\r\n", HANGUP]),
     "DOWN", b""),
    ("nonsense as greeting", Script(greeting=b"220 smtp\r\n"), "DOWN", b""),
    ("greeting without end", Script(greeting=flood(b"x" * 4096, 400)),
     "DOWN", b""),
    ("greeting lines without end", Script(
        greeting=flood(b"* x\r\n" * 1000, 400)), "DOWN", b""),
    ("login refused", Script(authenticate=b"%T NO\r\n"), "DOWN", b""),
    ("LOGINDISABLED", Script(
        capability=b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%T OK\r\n"),
     "DOWN", b""),
    ("data in the segment of the login's OK", Script(
        authenticate=b"%T OK in\r\n* 3 EXISTS\r\nA003 OK\r\n* URLF"),
     "OK", b"hello"),
    ("half a line in that segment", Script(
        authenticate=[b"%T OK in\r\n* URLFETCH %U {4",
                      b"} x\r\n"]), "OK", b"hello"),
    ("BYE in that segment", Script(
        authenticate=[b"%T OK in\r\n* BYE\r\n", HANGUP]), "DOWN", b""),
    ("dribble", Script(urlfetch=[b"* URL", b"FETCH", b" %U ", b"{", b"5}",
                                 b"\r", b"\n", b"he", b"llo", b"\r", b"\n%T",
                                 b" OK\r\n"]), "OK", b"hello"),
]

SILENT = [
    ("greeting", dict(greeting=None)),
    ("CAPABILITY", dict(capability=None)),
    ("login", dict(authenticate=None)),
    ("CAPABILITY after login", dict(capability2=None)),
    ("URLFETCH", dict(urlfetch=None)),
    ("URLFETCH, amid the line", dict(urlfetch=[b"* URLFETCH", None])),
    ("URLFETCH, amid the literal", dict(urlfetch=[U + b"{9}\r\nabc", None])),
    ("the tagged line", dict(urlfetch=[U + b"{3}\r\nabc\r\n", None])),
]

# by GENURLAUTH and UID FETCH, as proxy
PLAIN_ROWS = [
    ("UID FETCH", Script(), "OK", b"hello"),
    ("UID behind the literal", Script(
        fetch=b"* 1 FETCH (BODY[] {2}\r\nhi UID 1)\r\n%T OK\r\n"),
     "OK", b"hi"),
    ("quoted, with flags and a list", Script(
        fetch=b'* 1 FETCH (FLAGS (\\Seen (x)) UID 1 BODY[] "hi" X y)\r\n'
        b"%T OK\r\n"), "OK", b"hi"),
    ("unasked FETCH of another message", Script(
        fetch=b"* 9 FETCH (FLAGS ())\r\n* 9 FETCH (UID 4 FLAGS ())\r\n"
        b"* 1 FETCH (UID 1 BODY[] {2}\r\nhi)\r\n%T OK\r\n"), "OK", b"hi"),
    ("another UID", Script(
        fetch=b"* 1 FETCH (UID 2 BODY[] {2}\r\nhi)\r\n%T OK\r\n"),
     "DOWN", b""),
    ("another UID behind the literal", Script(
        fetch=b"* 1 FETCH (BODY[] {2}\r\nhi UID 2)\r\n%T OK\r\n"),
     "DOWN", b"hi"),
    ("no UID", Script(
        fetch=b"* 1 FETCH (BODY[] {2}\r\nhi)\r\n%T OK\r\n"), "DOWN", b"hi"),
    ("a part that was not asked for", Script(
        fetch=b"* 1 FETCH (UID 1 BODY[]<0> {2}\r\nhi)\r\n%T OK\r\n"),
     "DOWN", b""),
    ("list that never closes", Script(
        fetch=b"* 1 FETCH (UID 1 BODY[] {2}\r\nhi\r\n%T OK\r\n"),
     "DOWN", b"hi"),
    ("body NIL", Script(
        fetch=b"* 1 FETCH (UID 1 BODY[] NIL)\r\n%T OK\r\n"), "GONE", b""),
    ("no such message", Script(fetch=b"%T OK\r\n"), "GONE", b""),
    ("EXAMINE says NO", Script(examine=b"%T NO [NONEXISTENT] x\r\n"),
     "GONE", b""),
    ("EXAMINE says NO for now", Script(
        examine=b"%T NO [UNAVAILABLE] x\r\n"), "DOWN", b""),
]


def own_tag(client):
    body = client.fill(b"%T OK done\r\n%T NO\r\n* BYE\r\n")
    client.send(client.fill(U) + b"{%d}\r\n" % len(body) + body +
                client.fill(b"\r\n%T OK\r\n"))
