"""burl.t: IMAP servers that misbehave; nothing of it may reach the relay."""
import base64
import os
import pwd
import re
import signal
import socket
import time

from common_driver import (SLOW, Unexpected, begin, children, end, found_in,
                           give_envelope, show, skip)
from burl_driver import (HEAD, House, Mark, Trap, at_once, brief, delivered,
                         fetch, imapfetch, leave, mail, refused, reply, report, say,
                         talk, wait, write)
from imapd import HANGUP, Imapd, Script
from imapfetch_bench import TOKEN
from imapfetch_rows import PLAIN_ROWS, SILENT, URLFETCH_ROWS, url_at

BUILD, T = begin("burl")
LOGIN = write(T + "/login", "submit submitpw\n")
MASTER = write(T + "/master", "master masterpw\n")
U = b"* URLFETCH %U "
REPLY = {"OK": "250 2.", "GONE": "554 5.6.6 ", "DOWN": "451 4.4.1 ",
         "TOO_BIG": "552 5.3.4 ", "NO_TRUST": "554 5.7.14 ",
         "REFUSED": "554 5.7.0 "}


def house(*servers, config=(), login="login", **how):
    lines = ["imap imap://127.0.0.1:%d %s %s" % (s.port, login, LOGIN)
             for s in servers]
    h = House(BUILD, T, lines + list(config), **how)
    h.secrets |= {TOKEN, "submitpw", "masterpw"}
    return h


def content(data, end=b"\r\n%T OK done\r\n"):
    """A step that answers URLFETCH with these octets."""
    def step(client):
        client.send(client.fill(U) + b"~{%d}\r\n" % len(data) + data +
                    client.fill(end))
    return step


def plain_url(d):
    return "imap://127.0.0.1:%d/INBOX/;UID=1" % d.port


def body_of(data):
    """As the relay gets it: every line ends in CR LF, the last one too."""
    data = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    return data if not data or data.endswith(b"\r\n") else data + b"\r\n"


def row(h, d, name, script, verdict, data, url):
    """Header by BDAT, the rest by BURL."""
    d.script = script() if callable(script) else script
    mark, c = Mark(h), h.envelope()
    c.send(b"BDAT %d\r\n" % len(HEAD) + HEAD +
           b"BURL " + url.encode() + b" LAST\r\n")
    since = time.monotonic()
    reply(c)
    got = reply(c)[-1]
    took = time.monotonic() - since
    name = "hostile: " + name
    if data is not None and b"\0" in data:
        refused(name, h, mark, c, got, "554 5.6.3 ")
    elif verdict == "OK":
        if got[:6] != REPLY["OK"]:
            report(False, name, got)
        elif data is None:
            report(len(mark.new()) == 1, name)
        else:
            delivered(name, h, mark, HEAD + body_of(data))
    else:
        refused(name, h, mark, c, got, REPLY[verdict])
    if took > 3 * SLOW:
        report(False, name + ": in time", "%.1f s" % took)
    leave(c)


def rows():
    with Imapd(Script()) as d:
        proxy = "imap imap://127.0.0.1:%d proxy %s" % (d.port, MASTER)
        config = [proxy, "imap-timeout 2s"]
        with house(d, config=config, name="hostile rows") as h:
            for name, script, verdict, data in URLFETCH_ROWS:
                row(h, d, name, script, verdict, data, url_at(d.port))
            for name, script, verdict, data in PLAIN_ROWS:
                row(h, d, "plain, " + name, script, verdict, data,
                    plain_url(d))
            d.script = Script(urlfetch=content(mail(b"still\r\n")))
            fetch(h, url_at(d.port), "the service goes on after all of them",
                  "250 2.", mail(b"still\r\n"))


def silent():
    """Each falls silent at another step; all wait at once."""
    servers = [Imapd(Script(**step)) for _, step in SILENT]
    for s in servers:
        s.__enter__()
    with house(*servers, config=["imap-timeout 2s"], name="silence") as h:
        def one(name, s):
            mark, c = Mark(h), h.envelope()
            since = time.monotonic()
            got = say(c, "BURL %s LAST" % url_at(s.port))
            took = time.monotonic() - since
            refused("silent at " + name, h, mark, c, got, "451 4.4.1 ")
            report(1.5 < took < 3.5 * SLOW, "silent at %s: two seconds" %
                   name, took)
            leave(c)

        h.login()
        at_once([lambda n=n, s=s: one(n, s)
                 for (n, _), s in zip(SILENT, servers)])
    for s in servers:
        s.__exit__()


def forged():
    """What looks like IMAP inside a literal is content."""
    lines = ('* URLFETCH "%s" {5}\r\nhello\r\n' + "A%03d OK done\r\n" * 3 +
             "* BYE\r\n)\r\n{5}\r\n+ go\r\n* OK\r\n.\r\n..\r\nQUIT\r\n")
    with Imapd(Script()) as d, house(d, name="content") as h:
        message = mail(lines.encode() % (url_at(d.port).encode(), 1, 2, 3))
        h.secrets.clear()   # this message quotes it
        for name, data, want in [
                ("forged IMAP lines are content", message, message),
                ("no line end at its end", mail(b"a"), mail(b"a\r\n")),
                ("a CR at its end", mail(b"a\r"), mail(b"a\r\n")),
                ("bare LF", mail(b"a\nb\n").replace(b"\r\n", b"\n"),
                 mail(b"a\r\nb\r\n")),
                ("bare CR", mail(b"a\rb\r\rc"), mail(b"a\r\nb\r\n\r\nc\r\n")),
                ("LF dot LF", mail(b"a\n.\nMAIL FROM:<x@y>\n"),
                 mail(b"a\r\n.\r\nMAIL FROM:<x@y>\r\n")),
                ("dot at the start of lines", mail(b".\r\n..\r\n.a\r\n"),
                 mail(b".\r\n..\r\n.a\r\n")),
                ("8-bit", mail(bytes(range(128, 256)) + b"\r\n"),
                 mail(bytes(range(128, 256)) + b"\r\n")),
                ("a line of a megabyte", mail(b"x" * (1 << 20) + b"\r\n"),
                 mail(b"x" * (1 << 20) + b"\r\n"))]:
            d.script = Script(urlfetch=content(data))
            fetch(h, url_at(d.port), "content: " + name, "250 2.", want)
        for name, data, start in [
                ("NUL", mail(b"a\0b\r\n"), "554 5.6.3 "),
                ("NUL in the header", b"X: \0\r\n" + HEAD, "554 5.6.3 "),
                ("NUL far behind", mail(b"x\r\n" * 100000 + b"\0"),
                 "554 5.6.3 "),
                ("From of another", mail(b"x\r\n").replace(b"alice", b"bob"),
                 "550 5.7.1 "),
                ("two From fields", HEAD[:33] + HEAD, "554 5.6.0 ")]:
            d.script = Script(urlfetch=content(data))
            fetch(h, url_at(d.port), "content: " + name, start)
    with Imapd(Script(urlfetch=content(mail(b"\xe4\r\n")))) as d:
        with house(d, relay=["without 8BITMIME"], name="no 8BITMIME") as h:
            c = h.login()
            ehlo = talk(c, "EHLO x", "250")
            report(not any("BURL" in x or "8BITMIME" in x for x in ehlo),
                   "relay without 8BITMIME: no BURL", ehlo)
            give_envelope(c)
            got = say(c, "BURL %s LAST" % url_at(d.port))
            report(got[0] == "5" and not d.lines and not h.relay.messages,
                   "relay without 8BITMIME: BURL refused", got)


def binary():
    """BODY=BINARYMIME: the content goes on octet by octet (RFC 4468 4)."""
    data = mail(b"a\0b\nc\rd\r\n.\r\n" + bytes(range(256)) * 900 + b"\r")
    with Imapd(Script(urlfetch=content(data))) as d, \
            house(d, relay=["with CHUNKING", "with BINARYMIME"],
                  name="binary") as h:
        url = url_at(d.port)
        for name, first, want in [
                ("binary content by BURL", b"", data),
                ("binary content by BDAT and BURL", HEAD + b"\0\n",
                 HEAD + b"\0\n" + data)]:
            mark, c = Mark(h), h.login()
            talk(c, "MAIL FROM:<alice@example.org> BODY=BINARYMIME", "250")
            talk(c, "RCPT TO:<bob@example.org>", "250")
            if first:
                c.send(b"BDAT %d\r\n" % len(first) + first)
                reply(c)
            got = say(c, "BURL %s LAST" % url)
            report(got[:6] == "250 2." and mark.messages() == [want], name,
                   got, *map(brief, mark.messages()))
            leave(c)
        d.script = Script(urlfetch=content(b"X: \n" + data))
        mark, c = Mark(h), h.login()
        talk(c, "MAIL FROM:<alice@example.org> BODY=BINARYMIME", "250")
        talk(c, "RCPT TO:<bob@example.org>", "250")
        got = say(c, "BURL %s LAST" % url)
        refused("binary content, a bare LF in its header", h, mark, c, got,
                "554 5.6.0 ")
        leave(c)


def order():
    """What is refused before any server hears of it."""
    trap = Trap()
    with Imapd(Script(urlfetch=content(mail(b"x\r\n")))) as d, \
            house(d, relay=["rcpt#2 reply 550 5.1.1 no"],
                  name="order") as h:
        url = url_at(d.port)
        mark, c = Mark(h), h.login()
        got = say(c, "BURL %s LAST" % url)
        refused("BURL before MAIL", h, mark, c, got, "503 5.5.1 ")
        give_envelope(c)
        talk(c, "RSET", "250")
        talk(c, "MAIL FROM:<alice@example.org>", "250")
        got = say(c, "BURL %s LAST" % url)
        refused("BURL before RCPT", h, mark, c, got, "503 5.5.1 ")
        talk(c, "MAIL FROM:<alice@example.org>", "250")
        talk(c, "RCPT TO:<x@example.org>", "550")
        got = say(c, "BURL %s LAST" % url)
        refused("BURL, the only recipient refused", h, mark, c, got,
                "554 5.5.1 ")
        for name, host in [("unknown host", "mail.example.net:143"),
                           ("another port", "127.0.0.1:%d" % trap.port),
                           ("another name of it", "localhost:%d" % d.port),
                           ("no port", "127.0.0.1"),
                           ("another host before the slash",
                            "127.0.0.1:%d/@127.0.0.1:%d" % (trap.port,
                                                            d.port)),
                           ("mapped address", "[::ffff:127.0.0.1]:%d" %
                            d.port)]:
            talk(c, "RSET", "250")
            give_envelope(c)
            got = say(c, "BURL %s LAST" % url.replace(
                "alice@127.0.0.1:%d" % d.port, host
                if "/@" in host else "alice@" + host))
            refused(name, h, mark, c, got, "554 5.7.14 ")
        leave(c)
        for name, u in [
                ("not IMAP", url.replace("imap:", "http:")),
                ("CR LF encoded", url + "%0d%0aA1%20LOGOUT"),
                ("owner, encoded host", url.replace(
                    "alice@", "alice%%40127.0.0.1:%d%%2f@" % trap.port)),
                ("mailbox only", "imap://127.0.0.1:%d/INBOX" % d.port),
                ("no URL", ""), ("another end", url + " NEXT"),
                ("too many words", url + " LAST x")]:
            mark, c = Mark(h), h.envelope()
            last = "" if name in ("no URL", "another end",
                                  "too many words") else " LAST"
            got = say(c, "BURL %s%s" % (u, last))
            refused("syntax: " + name, h, mark, c, got, "501 5.5.4 ")
            leave(c)
        for name, u, user in [
                ("another user's", url, "bob"),
                ("submit+bob", url.replace("submit+alice", "submit+bob"),
                 "alice"),
                ("submit+Alice", url.replace("submit+alice", "submit+Alice"),
                 "alice"),
                ("user+alice", url.replace("submit+", "user+"), "alice"),
                ("authuser", url.replace("submit+alice", "authuser"),
                 "alice"),
                ("anonymous", url.replace("submit+alice", "anonymous"),
                 "alice"),
                ("expired", url.replace(
                    ";URLAUTH", ";EXPIRE=2020-01-01T00:00:00Z;URLAUTH"),
                 "alice")]:
            fetch(h, u, "URL authorised for " + name, "554 5.7.0 ",
                  user=user)
        report(not d.lines and not trap.sprung(),
               "none of these was seen by any IMAP server", d.lines)
        fetch(h, url.replace("+alice", "+al%69ce"),
              "submit+al%69ce is alice", "250 2.", mail(b"x\r\n"))
    with Imapd(Script()) as d, house(d, name="before login") as h:
        c = h.dial()
        talk(c, "EHLO x", "250")
        got = say(c, "BURL %s LAST" % url_at(d.port))
        report(got.startswith("530 5.7.0 ") and not d.lines,
               "BURL before login", got)


def after_failure():
    with Imapd(Script(urlfetch=U + b"NIL\r\n%T OK\r\n")) as d:
        with house(d, name="after a failure") as h:
            url = url_at(d.port)
            for last in "", " LAST":
                mark, c = Mark(h), h.envelope()
                report(say(c, "BURL " + url + last).startswith("554 5.6.6 "),
                       "a failed chunk" + last)
                if last:    # the transaction has ended with its last chunk
                    for line in ("BURL %s LAST" % url, "BDAT 0 LAST", "DATA"):
                        report(say(c, line).startswith("503 "),
                               "503 after a failed last chunk: " + line[:8])
                else:
                    for line in ("BURL " + url, "BURL %s LAST" % url,
                                 "BDAT 0 LAST", "BDAT 0", "DATA",
                                 "MAIL FROM:<alice@example.org>"):
                        got = say(c, line)
                        report(got.startswith("503 "),
                               "503 after a failed chunk: " + line[:11], got)
                seen = sum(x.count(b"URLFETCH") for y in d.lines for x in y)
                report(seen == 1 and not mark.new(), "and no server asked",
                       d.lines)
                talk(c, "RSET", "250")
                d.script = Script(urlfetch=content(mail(b"good\r\n")))
                give_envelope(c)
                got = say(c, "BURL %s LAST" % url)
                delivered("delivered after RSET" + last, h, mark,
                          mail(b"good\r\n"))
                leave(c)
                d.lines.clear()
                d.script = Script(urlfetch=U + b"NIL\r\n%T OK\r\n")
            # all in one write
            mark, c = Mark(h), h.envelope()
            c.send(b"BURL %s\r\nBDAT 3\r\nabcBURL %s LAST\r\nRSET\r\n" % (
                url.encode(), url.encode()))
            got = [reply(c)[-1][:3] for _ in range(4)]
            report(got == ["554", "503", "503", "250"] and not mark.new(),
                   "chunks pipelined behind a failed one", got)


def sizes():
    big = Script(urlfetch=[U + b"{99999999999}\r\n" + HEAD, None])
    part = b"y" * 78 + b"\r\n"
    part *= 60000 // len(part)
    with Imapd(big) as d, house(d, config=["max-size 100K"],
                                name="sizes") as h:
        fetch(h, url_at(d.port), "a literal of {99999999999}", "552 5.3.4 ")
        d.script = Script(urlfetch=content(mail(part)))
        url = url_at(d.port).encode()
        bdat = b"BDAT %d" % len(part)
        burl = b"BURL " + url
        for name, first, second in [
                ("BURL and BDAT", burl + b"\r\n", bdat + b" LAST\r\n" + part),
                ("BDAT and BURL", b"BDAT %d\r\n" % len(mail(part)) +
                 mail(part), burl + b" LAST\r\n"),
                ("two BURLs", burl + b"\r\n", burl + b" LAST\r\n"),
                ("three chunks, the limit met before the last", burl +
                 b"\r\n", burl + b"\r\n")]:
            mark, c = Mark(h), h.envelope()
            c.send(first)
            got = reply(c)[-1]
            if not got.startswith("250 "):
                report(False, "sum too large: first chunk", got)
            c.send(second)
            refused("sum too large: " + name, h, mark, c, reply(c)[-1],
                    "552 5.3.4 ")
            leave(c)
        whole = mail(b"")
        whole += b"z" * (100 * 1024 - len(whole) - 2) + b"\r\n"
        d.script = Script(urlfetch=content(whole))
        fetch(h, url_at(d.port), "exactly as much as is allowed", "250 2.",
              whole)
        d.script = Script(urlfetch=content(b"X: y\r\n" + whole))
        fetch(h, url_at(d.port), "a few octets more", "552 5.3.4 ")
        endless = [U + b"{102400}\r\n" + HEAD,
                   lambda c: c.send(b"x" * 400000), HANGUP]
        d.script = Script(urlfetch=endless)
        fetch(h, url_at(d.port), "more sent than announced", "451 4.4.1 ")


def vanishing():
    """Half a message is none, whoever goes."""
    half = [U + b"{1000}\r\n" + HEAD + b"half\r\n", None]
    with Imapd(Script(urlfetch=half)) as d:
        url = url_at(d.port)
        with house(d, name="vanishing", expected="child-died") as h:
            for how in "hang up", "reset":
                mark, c = Mark(h), h.envelope()
                c.send(b"BURL %s LAST\r\n" % url.encode())
                begun = wait(5, lambda: h.relay.counts.get("body", 0) >= 1)
                c.hang_up(reset=how == "reset")
                gone = wait(5, lambda: not h.relay.open)
                fetchers = wait(5, lambda: not imapfetch(h))
                report(begun and gone and fetchers and not mark.new(),
                       "the client goes during BURL (%s)" % how, begun, gone,
                       fetchers, *h.log_tail())
                h.relay.counts.clear()
            mark, c = Mark(h), h.envelope()
            c.send(b"BURL %s LAST\r\n" % url.encode())
            wait(5, lambda: h.relay.counts.get("body", 0) >= 1)
            [pid] = imapfetch(h)
            os.kill(pid, signal.SIGKILL)
            refused("imapfetch killed amid the literal", h, mark, c,
                    reply(c)[-1], "451 4.4.1 ")
            d.script = Script(urlfetch=content(mail(b"again\r\n")))
            give_envelope(c)
            got = say(c, "BURL %s LAST" % url)
            delivered("the same session can BURL again", h, mark,
                      mail(b"again\r\n"))
            [pid] = imapfetch(h)
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
            give_envelope(c)
            got = say(c, "BURL %s LAST" % url)
            report(got.startswith(("451 4.4.1 ", "250 2.")),
                   "imapfetch killed between two messages", got)
            talk(c, "RSET", "250")
            mark = Mark(h)
            give_envelope(c)
            got = say(c, "BURL %s LAST" % url)
            delivered("and once more", h, mark, mail(b"again\r\n"))
            leave(c)
            fetch(h, url_at(d.port), "another session too", "250 2.",
                  mail(b"again\r\n"))
            bad = [m for m in h.relay.completed if b"half" in m.data]
            report(not bad, "half a message was never delivered", bad)
            relay_gone(h, d)


def relay_gone(h, d):
    """The next server drops the connection while octets come from IMAP."""
    def slow(client):
        piece = b"y" * 70 + b"\r\n"
        rest = 10000
        client.send(client.fill(U) + b"{%d}\r\n" % (
            len(HEAD) + rest * len(piece)) + HEAD)
        while h.relay.open and rest:
            client.send(piece)
            rest -= 1
            time.sleep(0.002)
        client.send(piece * rest + client.fill(b"\r\n%T OK\r\n"))

    h.relay.counts.clear()
    mark, c = Mark(h), h.envelope()
    d.script = Script(urlfetch=slow)
    c.send(b"BURL %s LAST\r\n" % url_at(d.port).encode())
    wait(5, lambda: h.relay.counts.get("body", 0) >= 1)
    for s in list(h.relay.open.values()):
        s.shutdown(socket.SHUT_RDWR)
    refused("the next server goes during BURL", h, mark, c, reply(c)[-1],
            "451 4.4.")
    leave(c)


def reuse():
    with Imapd(Script(urlfetch=content(mail(b"x\r\n")))) as d:
        with house(d, name="reuse") as h:
            url = url_at(d.port)
            mark, c = Mark(h), h.login()
            pids = set()
            for _ in range(5):
                give_envelope(c)
                talk(c, "BURL %s LAST" % url, "250")
                pids |= set(imapfetch(h))
            delivered("five messages of a session", h, mark,
                      *5 * [mail(b"x\r\n")])
            report(len(d.lines) == 1 and len(pids) == 1, "over one IMAP "
                   "connection, by one imapfetch", d.lines, pids)
            report(h.relay.connections == 1 or h.relay.connections == 2,
                   "one connection to the relay (and the probe's)",
                   h.relay.connections)
            leave(c)
            report(wait(5, lambda: not imapfetch(h)),
                   "imapfetch ends with the session")
            report(wait(2, lambda: d.lines[0][-1].endswith(b" LOGOUT\r\n")),
                   "and logs out", d.lines[0][-1:])
            other = h.envelope("bob")
            got = say(other, "BURL %s LAST" % url.replace(
                "submit+alice", "submit+bob"))
            report(len(d.lines) == 2, "another session has its own", got)


def down():
    with Imapd(Script()) as d, house(d, config=["imap-timeout 2s"],
                                     name="down") as h:
        for name, script in [
                ("NO", Script(urlfetch=b"%T NO [X] %U\r\n")),
                ("BYE", Script(urlfetch=[b"* BYE %U\r\n", HANGUP])),
                ("drop", Script(urlfetch=HANGUP)),
                ("BAD", Script(urlfetch=b"%T BAD %U\r\n")),
                ("login refused", Script(authenticate=b"%T NO no\r\n"))]:
            d.script = script
            fetch(h, url_at(d.port), "IMAP server: " + name, "451 4.4.1 ")
        d.script = Script(urlfetch=b'* NO Failed: "%U": expired\r\n' + U +
                          b"NIL\r\n%T OK\r\n")
        fetch(h, url_at(d.port), "IMAP server: NO that quotes the URL, NIL",
              "554 5.6.6 ")
        d.stop_listening()
        since = time.monotonic()
        fetch(h, url_at(d.port), "IMAP server down", "451 4.4.1 ")
        report(time.monotonic() - since < 3 * SLOW, "said in time")


def early():
    """The next server speaks, or stalls, while octets come from IMAP."""
    long = mail(b"x" * 70 + b"\r\n") + (b"y" * 70 + b"\r\n") * 100000
    with Imapd(Script(urlfetch=content(long))) as d:
        for script, start in [
                ("body reply 1000 552 5.3.4 no room", "552 5.3.4 no room"),
                ("body last 1000 421 4.3.2 going", "451 4.3.2 going"),
                ("data reply 554 5.7.1 spam", "554 5.7.1 spam"),
                ("end reply 550 5.7.1 spam", "550 5.7.1 spam"),
                ("end reply 451 4.3.0 later", "451 4.3.0 later"),
                ("end silent", "451 4.4.2 "), ("end drop", "451 4.4.2 "),
                ("body drop 100000", "451 4.4.2 "),
                ("body reset 100000", "451 4.4.2 "),
                ("body silent 100000", "451 4.4.2 "),
                ("mail reply 250 2.1.0 fine", "250 2.0.0 Queued")]:
            with house(d, relay=[script], name="relay: " + script,
                       config=["relay-timeout 2s"]) as h:
                mark, c = Mark(h), h.envelope()
                since = time.monotonic()
                got = say(c, "BURL %s LAST" % url_at(d.port))
                took = time.monotonic() - since
                if start[0] == "2":
                    delivered("relay: " + script, h, mark, long)
                else:
                    refused("relay: " + script, h, mark, c, got, start)
                report(took < 6 * SLOW, "relay: %s: in time" % script, took)
                leave(c)


def several():
    """Two servers, a long URL, octets pipelined behind, a NIL between."""
    one = Imapd(Script(urlfetch=content(mail(b"one\r\n"))))
    two = Imapd(Script(urlfetch=content(mail(b"two\r\n"))))
    with one, two, house(one, two, name="several") as h:
        mark, c = Mark(h), h.login()
        for _ in range(2):
            for d in one, two:
                give_envelope(c)
                talk(c, "BURL %s LAST" % url_at(d.port), "250")
        delivered("two servers in turn", h, mark, *2 * [
            mail(b"one\r\n"), mail(b"two\r\n")])
        mark = Mark(h)
        one.script = Script(urlfetch=U + b"NIL\r\n%T OK\r\n")
        give_envelope(c)
        got = say(c, "BURL %s LAST" % url_at(one.port))
        talk(c, "RSET", "250")
        one.script = Script(urlfetch=content(mail(b"one\r\n")))
        give_envelope(c)
        talk(c, "BURL %s LAST" % url_at(one.port), "250")
        delivered("a message after NIL", h, mark, mail(b"one\r\n"))
        mark = Mark(h)
        give_envelope(c)
        url = url_at(one.port)
        talk(c, "BURL %s LAST" % url.replace("INBOX", "x" * 900), "250")
        delivered("a URL of a thousand octets", h, mark, mail(b"one\r\n"))
        mark = Mark(h)
        give_envelope(c)
        more = b"z" * 76 + b"\r\n"
        more *= 20000
        c.send(b"BURL %s\r\nBDAT %d LAST\r\n" % (url.encode(), len(more)) +
               more + b"NOOP\r\n")
        got = [reply(c)[-1][:3] for _ in range(3)]
        report(got == 3 * ["250"], "a BDAT of 1.5 MB pipelined behind BURL",
               got)
        delivered("and delivered", h, mark, mail(b"one\r\n") + more)
        leave(c)


def clear():
    with Imapd(Script()) as d, house(d, name="clear") as h:
        c = h.dial("plain")
        ehlo = talk(c, "EHLO x", "250")
        got = say(c, "BURL %s LAST" % url_at(d.port))
        report(got.startswith("530 5.7.0 ") and not d.lines,
               "BURL before STARTTLS", ehlo, got)


def long_offer():
    """EHLO with eight servers of long names: whole URLs, no line too long."""
    names = ["%s.example.org" % (c * 60 + "." + c * 60) for c in "abcdefgh"]
    config = ["imap imaps://%s passthrough" % n for n in names]
    with house(config=config,
               name="long offer") as h:
        try:
            c = h.login()
            lines = talk(c, "EHLO x", "250")
            words = " ".join(x[4:] for x in lines if x[4:8] == "BURL").split()
            bad = [w for w in words if w != "BURL" and
                   w not in ["imap://" + n for n in names]]
            report(words and not bad, "EHLO: eight servers of long names",
                   bad, lines)
        except Unexpected as e:
            report(False, "EHLO: eight servers of long names", e)
    rows = [("imaps://mail.example.net", "imap://mail.example.net"),
            ("imap+starttls://mail.example.net", "imap://mail.example.net"),
            ("imaps://mail.example.net:1993",
             "imap://mail.example.net:1993"),
            ("imap://[::1]:1143", "imap://[::1]:1143"),
            ("imap://[::1]", "imap://[::1]")]
    for url, want in rows:
        with house(config=["imap %s passthrough" % url],
                   name="offer, " + url) as h:
            c = h.login()
            lines = talk(c, "EHLO x", "250")
            report("BURL " + want in [x[4:] for x in lines],
                   "EHLO: %s is offered as %s" % (url, want), lines)


def secrets():
    """The IMAP password: with the monitor and imapfetch, nobody else."""
    if os.getuid() != 0:
        skip("secrets", "must run as root")
        return
    wanted = {b"submitpw": "password", base64.b64encode(
        b"\0submit\0submitpw").rstrip(b"=")[:-1]: "password in base64"}
    with Imapd(Script(urlfetch=content(mail(b"x\r\n")))) as d:
        with house(d, config=["user nobody daemon"], name="secrets") as h:
            c = h.envelope()
            talk(c, "BURL %s LAST" % url_at(d.port), "250")
            monitor = h.daemon.process.pid
            [fetcher] = imapfetch(h)
            [nursery] = [p for p in children(monitor) if p != fetcher]
            report(found_in(monitor, wanted)[0], "the monitor holds the IMAP "
                   "password (so it can be found)")
            for p in [nursery] + children(nursery):
                found, size = found_in(p, wanted)
                report(not found and size > 1000000, "nor the nursery, nor "
                       "its children do", p, found, size)
            with open("/proc/%d/status" % fetcher) as f:
                uids = re.search(r"Uid:\s+(.*)", f.read()).group(1).split()
            report(uids == 4 * [str(pwd.getpwnam("daemon").pw_uid)],
                   "imapfetch has the second user of `user`", uids)
            leave(c)


for section in (rows, silent, forged, binary, order, after_failure, sizes,
                vanishing, reuse, down, early, several, clear,
                long_offer, secrets):
    since_ = time.monotonic()
    try:
        section()
    except (Unexpected, RuntimeError, ValueError, OSError) as e_:
        report(False, "hostile: %s goes to its end" % section.__name__,
               repr(e_))
    show("# %s: %.1f s" % (section.__name__, time.monotonic() - since_))
end()
