"""burl.t: a real Dovecot, repaired and as shipped, and a real Cyrus."""
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from urllib.parse import quote

from common_driver import (Unexpected, at_end, begin, children, end,
                           give_envelope, show, skip)
from burl_driver import (HEAD, House, Mark, at_once, delivered, expect, fetch,
                         imapfetch, leave, mail, reply, report, say, talk,
                         write)
from imapfetch_servers import Cyrus, Dovecot, with_token

BUILD, T = begin("burl")
SUBMIT = write(T + "/submit", "submit submitpw\n")
MASTER = write(T + "/master", "master masterpw\n")
PROXY = write(T + "/proxy", "proxy proxypw\n")
REST = b"Hello,\r\n.\r\n..dots\r\nA003 OK done\r\n* BYE\r\n"
PARTS = mail(b"--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--x\r\n\r\n"
             b"second\r\n--x--\r\n").replace(
    b"Subject: x\r\n", b"Subject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n")


class Lab:
    """A Dovecot and the lines of configuration for it."""

    def __init__(self, name, **env):
        self.dovecot = Dovecot(T, name)
        self.env = env
        self.port, self.tls_port = self.dovecot.port, self.dovecot.tls_port
        self.where = "localhost:%d" % self.port
        if env.get("LAB_URL_PORT") == "143":
            self.where = "localhost"

    def start(self):
        at_end.append(self.dovecot.stop)
        self.dovecot.start(**self.env)

    def line(self, login, kind="imap+starttls", ca=None):
        port = self.tls_port if kind == "imaps" else self.port
        file = {"login": SUBMIT, "proxy": MASTER, "passthrough": ""}[login]
        ca = "" if kind == "imap" else "ca=" + (ca or self.dovecot.ca)
        return "imap %s://localhost:%d %s %s %s" % (kind, port, login, file,
                                                    ca)

    def mail(self, user="alice"):
        return self.dovecot.mail(user)

    def plain(self, uid, box="INBOX"):
        return "imap://%s/%s/;UID=%d" % (self.where, box, uid)


def house(*lines, name, **how):
    h = House(BUILD, T, list(lines) + how.pop("config", []), name=name, **how)
    h.secrets |= {"submitpw", "masterpw", "proxypw"}
    return h


def keep_secret(h, url):
    """A signed URL, whose token may not be seen anywhere."""
    h.secrets.add(url.rsplit(":", 1)[1])
    return url


def offers(lab):
    """RFC 4468 4: what EHLO says, only where it can succeed."""
    own = "imap://localhost:%d" % lab.port
    for lines, want in [
            (["login"], "BURL imap"), (["passthrough"], "BURL " + own),
            (["proxy"], "BURL imap " + own),
            (["login", "passthrough"], "BURL imap " + own),
            ([], None)]:
        name = " and ".join(lines) or "no imap line"
        with house(*map(lab.line, lines), name="EHLO, " + name) as h:
            for how in "tls", "starttls":
                c = h.dial(how)
                before = burl_of(talk(c, "EHLO x", "250"))
                report(before == (want and "BURL"),
                       "EHLO before login, %s, %s" % (name, how), before)
            c = h.login()
            lines_ = talk(c, "EHLO x", "250")
            report(burl_of(lines_) == want and "8BITMIME" in [
                x[4:] for x in lines_], "EHLO after login: " + name, lines_)
    with house(lab.line("login"), name="EHLO, relay down",
               relay=["down"]) as h:
        c = h.login()
        report(burl_of(talk(c, "EHLO x", "250")) is None,
               "EHLO with a relay that is down: no BURL")


def burl_of(lines):
    found = [x[4:] for x in lines if x[4:8] == "BURL"]
    return " | ".join(found) if found else None


def signed(lab, name, h, chosen):
    """URLs signed by the user; chosen is login or proxy."""
    login = chosen == "login"
    with lab.mail() as alice, lab.mail("bob") as bob:
        message = mail(REST)
        uid, gone = alice.append(message), alice.append(message)
        bobs = bob.append(message)
        valid = alice.uidvalidity()

        def sign(path, *a):
            return keep_secret(h, alice.sign(lab.where, path, *a))

        url = sign("INBOX/;UID=%d" % uid)
        expires = int(time.time()) + 2
        short = sign("INBOX/;UID=%d" % uid, None, time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires)))
        for row, u in [
                ("whole message", url),
                ("right UIDVALIDITY", sign("INBOX;UIDVALIDITY=%d/;UID=%d" % (
                    valid, uid))),
                ("EXPIRE to come", sign("INBOX/;UID=%d" % uid, None,
                                        "2099-12-31T23:59:59+01:00")),
                ("bob's message, signed by bob for alice", keep_secret(
                    h, bob.sign(lab.where, "INBOX/;UID=%d" % bobs,
                                "submit+alice")))]:
            fetch(h, u, "%s: %s" % (name, row), "250 2.", message)
        gone_url = sign("INBOX/;UID=%d" % gone)
        alice.m.select("INBOX")
        alice.m.uid("STORE", str(gone), "+FLAGS", "(\\Deleted)")
        alice.m.expunge()
        tampered = "554 5.6.6 " if login else "554 5.7.0 "
        for row, u, start in [
                ("tampered token", with_token(url, lambda t: t[:-1] + (
                    "0" if t[-1] != "0" else "1")), tampered),
                ("token of another message", url.replace(
                    "UID=%d" % uid, "UID=%d" % (uid + 5000)),
                 "554 5.6.6 "),
                ("EXPIRE taken off", short.replace(short[short.index(
                    ";EXPIRE"):short.index(";URLAUTH")], ""), tampered),
                ("expunged", gone_url, "554 5.6.6 "),
                ("wrong UIDVALIDITY", url.replace(
                    "INBOX/", "INBOX;UIDVALIDITY=%d/" % (valid + 1)),
                 "554 5.6.6 "),
                ("submit+bob", sign("INBOX/;UID=%d" % uid, "submit+bob"),
                 "554 5.7.0 "),
                ("user+alice", sign("INBOX/;UID=%d" % uid, "user+alice"),
                 "554 5.7.0 "),
                ("authuser", sign("INBOX/;UID=%d" % uid, "authuser"),
                 "554 5.7.0 "),
                ("anonymous", sign("INBOX/;UID=%d" % uid, "anonymous"),
                 "554 5.7.0 "),
                ("no token", url[:url.index(":internal")], "554 5.7.0 ")]:
            fetch(h, u, "%s: %s" % (name, row), start)
        fetch(h, url, name + ": bob with alice's URL", "554 5.7.0 ",
              user="bob")
        time.sleep(max(0, expires + 1.05 - time.time()))
        fetch(h, short, name + ": expired", "554 5.7.0 ")
        fetch(h, url, name + ": and a good one again", "250 2.", message)


def sent_folder(lab, name, h):
    """What a mail program does: APPEND to Sent, GENURLAUTH, BURL LAST."""
    message = mail(REST)
    with lab.mail() as alice:
        alice.m.create("Sent")
        url = keep_secret(h, alice.sign(
            lab.where, "Sent/;UID=%d" % alice.append(message, "Sent")))
        fetch(h, url, name + ": APPEND to Sent, GENURLAUTH, BURL LAST: as "
              "in Sent, but for our Received", "250 2.", message)
        odd = mail(b"no line end")
        url = keep_secret(h, alice.sign(
            lab.where, "Sent/;UID=%d" % alice.append(odd, "Sent")))
        fetch(h, url, name + ": no line end at its end", "250 2.",
              odd + b"\r\n")
        eight = mail("Grüße\r\n".encode() + bytes(range(128, 256)) + b"\r\n")
        url = keep_secret(h, alice.sign(
            lab.where, "Sent/;UID=%d" % alice.append(eight, "Sent")))
        fetch(h, url, name + ": 8-bit", "250 2.", eight)
    carol(lab, name, h)


def carol(lab, name, h, sign=True):
    """A user with @, a mailbox in UTF-8."""
    user = "carol@example.org"
    message = mail(REST, user)
    with lab.mail(user) as box:
        box.m.create('"Entw&APw-rfe x"')
        uid = box.append(message, "Entw&APw-rfe x")
        path = "%s/;UID=%d" % (quote("Entwürfe x", safe=""), uid)
        url = keep_secret(h, box.sign(lab.where, path)) if sign else \
            "imap://%s@%s/%s" % (quote(user), lab.where, path)
    fetch(h, url, name + ": user with @, mailbox in UTF-8", "250 2.",
          message, user=user)


def chunks(lab, h):
    """BURL and BDAT in every order; all in one write."""
    with lab.mail() as alice:
        uid, parts = alice.append(mail(REST)), alice.append(PARTS)
        text = alice.append(mail(b"no line end"))

        def sign(path):
            return keep_secret(h, alice.sign(lab.where, path)).encode()

        url = sign("INBOX/;UID=%d" % uid)
        first = sign("INBOX/;UID=%d/;SECTION=1" % parts)
        body = sign("INBOX/;UID=%d/;SECTION=TEXT" % parts)
        head = sign("INBOX/;UID=%d/;SECTION=HEADER" % parts)
        start = sign("INBOX/;UID=%d/;PARTIAL=0.%d" % (uid, len(HEAD) + 3))
        some = sign("INBOX/;UID=%d/;SECTION=TEXT/;PARTIAL=6.10" % parts)
        odd = sign("INBOX/;UID=%d" % text)
    top, cut = HEAD, PARTS.index(b"\r\n\r\n") + 4

    def bdat(data, last=b""):
        return b"BDAT %d%s\r\n" % (len(data), last) + data

    def burl(u, last=b""):
        return b"BURL " + u + last + b"\r\n"

    last = b" LAST"
    for name, commands, want in [
            ("BURL, BDAT LAST", [burl(url), bdat(b"more\r\n", last)],
             mail(REST) + b"more\r\n"),
            ("BDAT, BURL LAST", [bdat(top), burl(first, last)],
             top + b"first\r\n"),
            ("two BURLs", [burl(url), burl(first, last)],
             mail(REST) + b"first\r\n"),
            ("BURL, BDAT 0 LAST", [burl(url), bdat(b"", last)], mail(REST)),
            ("BDAT 0, BURL LAST", [bdat(b""), burl(url, last)], mail(REST)),
            ("SECTION=HEADER and SECTION=TEXT", [burl(head),
                                                 burl(body, last)], PARTS),
            ("SECTION=HEADER, BDAT", [burl(head), bdat(b"own\r\n", last)],
             PARTS[:cut] + b"own\r\n"),
            ("BDAT, PARTIAL, BDAT", [bdat(top), burl(some),
                                     bdat(b"\r\nend\r\n", last)],
             top + PARTS[cut + 6:cut + 16] + b"\r\nend\r\n"),
            ("PARTIAL, BDAT LAST", [burl(start), bdat(b"..\r\n", last)],
             mail(REST)[:len(HEAD) + 3] + b"..\r\n"),
            ("no line end amid it", [burl(odd), bdat(b" and on\r\n", last)],
             mail(b"no line end and on\r\n")),
            ("last in small letters", [burl(url, b" last")], mail(REST)),
            ("many", [bdat(top)] + 20 * [burl(first), bdat(b"\r\n")] +
             [bdat(b"", last)], top + 20 * b"first\r\n")]:
        for how in "one by one", "in one write":
            mark, c = Mark(h), h.envelope()
            replies = []
            if how == "in one write":
                c.send(b"".join(commands))
            for command in commands:
                if how == "one by one":
                    c.send(command)
                replies.append(reply(c)[-1])
            delivered("chunks, %s: %s" % (how, name), h, mark, want)
            good = all(re.match("250 2[.][05][.]0 ", r) for r in replies)
            sizes = [r for r in replies if " octets fetched" in r]
            if not good or (name == "two BURLs" and
                            "250 2.5.0 %d octets" % len(mail(REST)) not in
                            replies[0]):
                report(False, "chunks, %s: the replies" % name, replies,
                       sizes)
            leave(c)
    everything(h, url, first)


def everything(h, url, first):
    """Two transactions in one write, then QUIT."""
    mark, c = Mark(h), h.login()
    envelope = (b"MAIL FROM:<alice@example.org>\r\n"
                b"RCPT TO:<bob@example.org>\r\n")
    c.send(envelope + b"BURL " + url + b" LAST\r\n" + envelope + b"BDAT %d" %
           len(HEAD) + b"\r\n" + HEAD + b"BURL " + first + b" LAST\r\n"
           b"QUIT\r\n")
    got = [reply(c)[-1][:3] for _ in range(8)]
    report(got == 7 * ["250"] + ["221"],
           "two transactions and QUIT in one write: the replies", got)
    delivered("two transactions in one write", h, mark, mail(REST),
              HEAD + b"first\r\n")


def plain(lab, name, h):
    """The user's own mail, without a signature."""
    message = mail(REST)
    with lab.mail() as alice:
        uid = alice.append(message)
        valid = alice.uidvalidity()
    for row, u in [
            ("plain URL", lab.plain(uid)),
            ("owner", lab.plain(uid).replace("//", "//alice@")),
            ("owner;AUTH=*", lab.plain(uid).replace("//", "//alice;AUTH=*@")),
            ("right UIDVALIDITY", lab.plain(
                uid, "INBOX;UIDVALIDITY=%d" % valid))]:
        fetch(h, u, "%s: %s" % (name, row), "250 2.", message)
    for row, u, start in [
            ("wrong UIDVALIDITY", lab.plain(
                uid, "INBOX;UIDVALIDITY=%d" % (valid + 1)), "554 5.6.6 "),
            ("no such message", lab.plain(4000000000), "554 5.6.6 "),
            ("no such mailbox", lab.plain(1, "Nowhere"), "554 5.6.6 "),
            ("another owner", lab.plain(uid).replace("//", "//bob@"),
             "554 5.7.0 ")]:
        fetch(h, u, "%s: %s" % (name, row), start)
    with lab.mail() as alice:
        alice.m.select("INBOX", readonly=True)
        _, flags = alice.m.uid("FETCH", str(uid), "(FLAGS)")
    report(b"Seen" not in b"".join(flags), name + ": not marked as seen",
           flags)


def trust(lab, stale, broken):
    """Certificates; the stock Dovecot; a login that fails."""
    wrong = os.path.join(lab.dovecot.dir, "tls", "other-ca.pem")
    jobs = []

    def row(name, line, url, start, want=None):
        def job():
            with house(line, "imap-timeout 10s", name=name) as h:
                h.secrets.discard("")
                fetch(h, url, name, start, want)
        jobs.append(job)

    with lab.mail() as alice:
        uid = alice.append(mail(REST))
        url = lab.plain(uid)
        signed_ = alice.sign(lab.where, "INBOX/;UID=%d" % uid)
    with broken.mail() as alice:
        stock = alice.sign(broken.where, "INBOX/;UID=%d" % alice.append(
            mail(REST)))
    for kind in "imaps", "imap+starttls":
        u = url if kind != "imaps" else url.replace(":%d" % lab.port, "")
        row("passthrough by " + kind, lab.line("passthrough", kind), u,
            "250 2.", mail(REST))
        row("proxy by " + kind, lab.line("proxy", kind), u, "250 2.",
            mail(REST))
        row("wrong CA, " + kind, lab.line("proxy", kind, wrong), u,
            "451 4.4.1 ")
        s = url.replace(str(lab.port), str(stale.port))
        if kind == "imaps":
            s = u
        row("expired certificate, " + kind, stale.line("proxy", kind), s,
            "451 4.4.1 ")
    row("no CA given, the system's do not know it", lab.line(
        "proxy").rsplit(" ", 1)[0], url, "451 4.4.1 ")
    row("plain URL where only submit+ works", lab.line("login"), url,
        "554 5.7.14 ")
    row("wrong submit password", lab.line("login").replace(
        SUBMIT, write(T + "/wrong", "submit wrong\n")), signed_,
        "451 4.4.1 ")
    row("stock Dovecot, login: its own fault", broken.line("login", "imaps"),
        stock, "451 4.4.1 ")
    at_once(jobs)


def large(lab, h):
    """Memory does not grow with the message."""
    big = mail(b"")
    line = b"0123456789abcdef" * 4 + b"\r\n"
    big += line * ((50 * 1024 * 1024 - 2000 - len(big)) // len(line))
    with lab.mail() as alice:
        url = keep_secret(h, alice.sign(lab.where, "INBOX/;UID=%d" %
                                        alice.append(big)))
    mark, c = Mark(h), h.login(patience=40)
    [nursery] = [p for p in children(h.daemon.process.pid)
                 if p not in imapfetch(h)]
    give_envelope(c)
    since = time.monotonic()
    got = say(c, "BURL %s LAST" % url)
    took = 1000 * (time.monotonic() - since)
    peaks = {p: int(re.search(r"VmHWM:\s+(\d+)", open(
        "/proc/%d/status" % p).read()).group(1))
        for p in children(nursery) + imapfetch(h)}
    report(got.startswith("250 ") and [hashlib.sha256(m).digest() for m in
                                       mark.messages()] ==
           [hashlib.sha256(big).digest()], "50 MB: delivered as it was", got)
    report(len(peaks) >= 3 and (max(peaks.values()) < 20000 or
                                os.environ.get("SANITIZED")),
           "50 MB: session, relay and imapfetch below 20 MB", peaks)
    show("# %d ms, peaks in kB %s" % (took, sorted(peaks.values())))
    leave(c)


def many(lab, h, count=30):
    with lab.mail() as alice:
        messages = [mail(b"number %d\r\n" % i) for i in range(count)]
        urls = [keep_secret(h, alice.sign(
            lab.where, "INBOX/;UID=%d" % alice.append(m))) for m in messages]
    mark, replies = Mark(h), []
    gate = threading.Barrier(count)

    def one(url):
        c = h.envelope(patience=40)
        gate.wait(40)
        replies.append(say(c, "BURL %s LAST" % url))
        leave(c)

    at_once([lambda u=u: one(u) for u in urls])
    report(len(replies) == count and all(r.startswith("250 ") for r in
                                         replies) and
           sorted(mark.messages()) == sorted(messages),
           "%d sessions do BURL at once: each delivered once" % count,
           *[r for r in replies if not r.startswith("250 ")],
           len(replies), len(mark.messages()))


def dovecot():
    lab = Lab("d")
    broken = Lab("b", LAB_URL_PORT="143", LAB_URLAUTH="broken")
    stale = Lab("e", LAB_CERT="expired")
    at_once([lab.start, broken.start, stale.start])
    offers(lab)
    with house(lab.line("login"), "max-connections-per-source 100",
               "max-size 60M", name="Dovecot, login",
               relay=["with SIZE 100000000"]) as h:
        signed(lab, "login", h, "login")
        sent_folder(lab, "login", h)
        chunks(lab, h)
        many(lab, h)
        large(lab, h)
    with house(lab.line("passthrough", "imap"), name="passthrough") as h:
        plain(lab, "passthrough", h)
        carol(lab, "passthrough", h, sign=False)
    with house(lab.line("proxy", "imap"), lab.line("login", "imap"),
               name="proxy and login") as h:
        plain(lab, "proxy", h)
        carol(lab, "proxy", h, sign=False)
        sent_folder(lab, "proxy and login", h)
    with house(broken.line("proxy", "imaps"), name="stock, proxy") as h:
        signed(broken, "stock Dovecot, proxy", h, "proxy")
        sent_folder(broken, "stock Dovecot, proxy", h)
    trust(lab, stale, broken)


def cyrus():
    lab = Cyrus(T)
    at_end.append(lab.stop)
    why = lab.start()
    if why:
        skip("Cyrus", why)
        return
    line = "imap imaps://localhost:%d login %s ca=%s" % (lab.port, SUBMIT,
                                                         lab.ca)
    with house(line, name="Cyrus, login") as h, lab.mail("alice") as alice:
        message = mail(REST)
        uid = alice.append(message)

        def sign(path, *a):
            return keep_secret(h, alice.sign("localhost", path, *a))

        url = sign("INBOX/;UID=%d" % uid)
        fetch(h, url, "Cyrus: whole message", "250 2.", message)
        head = sign("INBOX/;UID=%d/;SECTION=HEADER" % uid)
        text = sign("INBOX/;UID=%d/;SECTION=TEXT" % uid)
        mark, c = Mark(h), h.envelope()
        c.send(b"BURL %s\r\nBURL %s LAST\r\n" % (head.encode(),
                                                text.encode()))
        for _ in range(2):
            expect(c, "250 ")
        delivered("Cyrus: header and text", h, mark, message)
        leave(c)
        for name, u, start in [
                ("tampered token", with_token(url, lambda t: t[:-1] + (
                    "0" if t[-1] != "0" else "1")), "554 5.6.6 "),
                ("submit+bob", sign("INBOX/;UID=%d" % uid, "submit+bob"),
                 "554 5.7.0 ")]:
            fetch(h, u, "Cyrus: " + name, start)
        fetch(h, url, "Cyrus: bob with alice's URL", "554 5.7.0 ",
              user="bob")
        alice.m.select("INBOX")
        alice.m.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
        alice.m.expunge()
        fetch(h, url, "Cyrus: expunged", "554 5.6.6 ")


def main():
    if os.getuid() != 0:
        skip("Dovecot and Cyrus", "must run as root")
        return
    for section, needed in ((dovecot, "doveadm"), (cyrus, None)):
        if needed and not shutil.which(needed):
            skip(section.__name__, "not installed; tests/packages check")
            continue
        since = time.monotonic()
        try:
            section()
        except (Unexpected, RuntimeError, ValueError, OSError, AssertionError,
                subprocess.SubprocessError) as e:
            report(False, "%s goes to its end" % section.__name__, repr(e))
        show("# %s: %.1f s" % (section.__name__, time.monotonic() - since))


main()
end()
