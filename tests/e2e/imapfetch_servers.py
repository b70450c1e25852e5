"""imapfetch against real servers, private instances from tests/lab."""
import imaplib
import os
import random
import re
import socket
import ssl
import subprocess
import time
from urllib.parse import quote

from imapfetch_bench import expect, report
from imapfetch_driver import Server

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab")
imaplib.Commands["GENURLAUTH"] = ("AUTH", "SELECTED")
imaplib.Commands["RESETKEY"] = ("AUTH", "SELECTED")


def free_ports(n):
    """Below the range the kernel hands out, or others would take them."""
    ports = []
    while len(ports) < n:
        port = random.randrange(20000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        if port not in ports:
            ports.append(port)
    return ports



class Mail:
    """What a mail program does at the IMAP server: APPEND, GENURLAUTH."""

    def __init__(self, host, port, user, password, ca=None):
        if ca:
            context = ssl.create_default_context(cafile=ca)
            self.m = imaplib.IMAP4_SSL(host, port, ssl_context=context)
        else:
            self.m = imaplib.IMAP4(host, port)
        self.m.login(user, password)
        self.user = user

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.m.logout()

    def append(self, data, mailbox="INBOX"):
        status, answer = self.m.append('"%s"' % mailbox, None, None, data)
        assert status == "OK", answer
        return int(re.search(rb"APPENDUID \d+ (\d+)", answer[0]).group(1))

    def uidvalidity(self, mailbox="INBOX"):
        _, answer = self.m.status(mailbox, "(UIDVALIDITY)")
        return int(re.search(rb"UIDVALIDITY (\d+)", answer[0]).group(1))

    def sign(self, where, path, access=None, expire=None):
        rump = "imap://%s@%s/%s" % (quote(self.user, safe=""), where, path)
        if expire:
            rump += ";EXPIRE=" + expire
        rump += ";URLAUTH=" + (access or "submit+" + quote(self.user, safe=""))
        status, answer = self.m._simple_command(
            "GENURLAUTH", '"%s"' % rump, "INTERNAL")
        assert status == "OK", (rump, answer)
        _, answer = self.m._untagged_response(status, answer, "GENURLAUTH")
        url = answer[0]
        if isinstance(url, tuple):      # Cyrus sends some as literals
            url = url[1]
        return url.decode().strip('"')


class Dovecot:
    """tests/lab/dovecot-lab in a directory of ours."""

    name = "dovecot"
    fields = "OK"       # HEADER.FIELDS by URLFETCH
    no_section = "OK"   # a section that is not there: it is empty
    unsigned = "GONE"   # GENURLAUTH looks whether the message is there

    def __init__(self, scratch, name):
        self.dir = os.path.join(scratch, name)
        self.port, self.tls_port = free_ports(2)
        self.lab = os.environ.get("DOVECOT_LAB",
                                  os.path.join(LAB, "dovecot-lab"))
        self.ca = os.path.join(self.dir, "tls", "ca.pem")

    def run(self, *args, **env):
        env = dict(os.environ, LAB_IMAPS_PORT=str(self.tls_port), **env)
        subprocess.run([self.lab, args[0], self.dir, *args[1:]], check=True,
                       env=env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def start(self, **env):
        self.run("start", str(self.port), "0", **env)

    def stop(self):
        self.run("stop")

    def mail(self, user):
        return Mail("127.0.0.1", self.port, user, user.split("@")[0] + "pw")

    def server(self, login, kind="imap+starttls", ca=None):
        port = self.tls_port if kind == "imaps" else self.port
        name, pw = {"login": ("submit", "submitpw"), "passthrough": ("", ""),
                    "proxy": ("master", "masterpw")}[login]
        return Server("%s://localhost:%d" % (kind, port), login, name, pw,
                      "" if kind == "imap" else ca or self.ca)


PARTS = (b"From: a@example.org\r\nTo: b@example.org\r\nSubject: parts\r\n"
         b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
         b"\r\n--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--x\r\n"
         b"Content-Type: text/html\r\n\r\n<b>second</b>\r\n--x--\r\n")
# section, and what it holds
SECTIONS_OF_PARTS = [
    ("1", b"first"), ("2", b"<b>second</b>"),
    ("TEXT", PARTS[PARTS.index(b"\r\n\r\n") + 4:]),
    ("HEADER", PARTS[:PARTS.index(b"\r\n\r\n") + 4]),
    ("2.MIME", b"Content-Type: text/html\r\n\r\n"),
    ("HEADER.FIELDS%20(Subject)", b"Subject: parts\r\n\r\n"),
    ("HEADER.FIELDS.NOT%20(From%20To%20MIME-Version%20Content-Type)",
     b"Subject: parts\r\n\r\n"),
]
OCTETS = (b"Subject: octets\r\n\r\n" + bytes(
    c for c in range(1, 256) if c not in (10, 13)) * 40 + b"\r\n" +
    b"x" * 120000 + b"\r\nA003 OK done\r\n* BYE\r\n)\r\n{9999}\r\nno end")
BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 4 + b"\r\n"
BIG += (b"y" * 76 + b"\r\n") * (50 * 1024 * 1024 // 78)


def with_token(url, change):
    head, token = url.rsplit(":", 1)
    return head + ":" + change(token)


def signed(bench, lab, where, kind, name, wrong, login="login"):
    """Signed URLs; wrong is what a wrong token gives."""
    server = lab.server(login, kind)
    absent = "GONE" if login == "login" else lab.unsigned
    with lab.mail("alice") as alice, lab.mail("bob") as bob:
        uid, parts = alice.append(OCTETS), alice.append(PARTS)
        gone = alice.append(PARTS)
        bobs = bob.append(PARTS)
        valid = alice.uidvalidity()
        sign = lambda path, *a: alice.sign(where, path, *a)  # noqa: E731
        url = sign("INBOX/;UID=%d" % uid)
        gone = sign("INBOX/;UID=%d" % gone)
        expires = int(time.time()) + 2
        short = sign("INBOX/;UID=%d" % uid, None, time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires)))
        rows = [
            ("whole message", url, "OK", OCTETS),
            ("small letters", sign("INBOX/;uid=%d" % parts), "OK", PARTS),
            ("EXPIRE to come", sign("INBOX/;UID=%d" % parts, None,
                                    "2099-12-31T23:59:59+01:00"),
             "OK", PARTS),
            ("right UIDVALIDITY", sign("INBOX;UIDVALIDITY=%d/;UID=%d" % (
                valid, parts)), "OK", PARTS),
            ("PARTIAL", sign("INBOX/;UID=%d/;PARTIAL=6.10" % parts), "OK",
             PARTS[6:16]),
            ("SECTION and PARTIAL", sign(
                "INBOX/;UID=%d/;SECTION=1/;PARTIAL=1.3" % parts), "OK",
             b"irs"),
            ("bob's message, signed for alice", bob.sign(
                where, "INBOX/;UID=%d" % bobs, "submit+alice"), "OK", PARTS),
            ("signed for bob", sign("INBOX/;UID=%d" % uid, "submit+bob"),
             "REFUSED", b""),
            ("signed for any user", sign("INBOX/;UID=%d" % uid, "authuser"),
             "REFUSED", b""),
            ("signed for anybody", sign("INBOX/;UID=%d" % uid, "anonymous"),
             "REFUSED", b""),
            ("signed for alice as a user", sign(
                "INBOX/;UID=%d" % uid, "user+alice"), "REFUSED", b""),
            ("wrong token", with_token(url, lambda t: t[:-1] + (
                "0" if t[-1] != "0" else "1")), wrong, b""),
            ("token of another message", url.replace(
                "UID=%d" % uid, "UID=%d" % parts), wrong, b""),
            ("owner changed", url.replace("alice@", "bob@"), absent, b""),
            ("again after NIL", url, "OK", OCTETS),
        ] + [("SECTION " + s, sign("INBOX/;UID=%d/;SECTION=%s" % (
            parts, s)), "OK", data) for s, data in SECTIONS_OF_PARTS]
        with bench.fetcher(server) as f:
            for row, u, verdict, data in rows:
                if "FIELDS" in row and login == "login":
                    verdict = lab.fields
                expect("%s: %s" % (name, row), f.fetch(u), verdict,
                       data if verdict == "OK" else b"")
            alice.m.select("INBOX")
            alice.m.uid("STORE", gone.split("UID=")[1].split(";")[0],
                        "+FLAGS", "(\\Deleted)")
            alice.m.expunge()
            expect(name + ": expunged", f.fetch(gone), "GONE", b"")
            with_bad = url.replace("INBOX/", "INBOX;UIDVALIDITY=%d/" % (
                valid + 1))
            expect(name + ": wrong UIDVALIDITY", f.fetch(with_bad),
                   absent, b"")
            time.sleep(max(0, expires + 1.05 - time.time()))
            expect(name + ": expired", f.fetch(short), "REFUSED", b"")
        with bench.fetcher(server) as f:
            expect(name + ": limit just enough", f.fetch(
                url, len(OCTETS)), "OK", OCTETS)
            expect(name + ": limit too small by one", f.fetch(
                url, len(OCTETS) - 1), "TOO_BIG", b"")
            alice.m._simple_command("RESETKEY", "INBOX", "INTERNAL")
            expect(name + ": after RESETKEY", f.fetch(url), wrong, b"")


def names(bench, lab, where, login, name):
    """Mailboxes in UTF-8, users with @."""
    mailbox = "Entw\u00fcrfe x & \u65e5\u672c"
    wire = "Entw&APw-rfe x &- &ZeVnLA-"
    user = "carol@example.org"
    with lab.mail(user) as carol:
        carol.m.create('"%s"' % wire)
        uid = carol.append(PARTS, wire)
        path = "%s/;UID=%d" % (quote(mailbox, safe=""), uid)
        plain = "imap://%s@%s/%s" % (quote(user), where, path)
        url = plain if login != "login" else carol.sign(where, path)
        r = bench.once(url, lab.server(login), user=user, password="carolpw")
        expect("%s: UTF-8 mailbox, user with @" % name, r, "OK", PARTS)


def plain(bench, lab, where, login):
    name = "%s, plain, %s" % (lab.name, login)
    server = lab.server(login)
    base = "imap://%s/INBOX/;UID=" % where
    with lab.mail("alice") as alice:
        uid, parts = alice.append(OCTETS), alice.append(PARTS)
        valid = alice.uidvalidity()
        other = base.replace("INBOX", "INBOX;UIDVALIDITY=%d")
        rows = [
            ("no owner", base + str(uid), "OK", OCTETS),
            ("owner", base.replace("//", "//alice@") + str(parts), "OK",
             PARTS),
            ("owner with ;AUTH=*", base.replace("//", "//alice;AUTH=*@") +
             str(parts), "OK", PARTS),
            ("another owner", base.replace("//", "//bob@") + "1", "REFUSED",
             b""),
            ("owner in other letters", base.replace("//", "//Alice@") + "1",
             "REFUSED", b""),
            ("right UIDVALIDITY", other % valid + str(parts), "OK", PARTS),
            ("wrong UIDVALIDITY", other % (valid + 1) + str(parts), "GONE",
             b""),
            ("no such message", base + "4000000000", "GONE", b""),
            ("no such mailbox", base.replace("INBOX", "Nowhere") + "1",
             "GONE", b""),
            ("odd mailbox", base.replace("INBOX", "a%22b%5Cc*%25") + "1",
             "GONE", b""),
            ("PARTIAL", "%s%d/;PARTIAL=6.10" % (base, parts), "OK",
             PARTS[6:16]),
            ("PARTIAL to the end", "%s%d/;PARTIAL=6" % (base, parts), "OK",
             PARTS[6:]),
            ("no such section", "%s%d/;SECTION=7" % (base, parts),
             lab.no_section, b""),
        ] + [("SECTION " + s, "%s%d/;SECTION=%s" % (base, parts, s), "OK",
              data) for s, data in SECTIONS_OF_PARTS]
        with bench.fetcher(server) as f:
            for row, url, verdict, data in rows:
                expect("%s: %s" % (name, row), f.fetch(url), verdict, data)
        alice.m.select("INBOX", readonly=True)
        _, flags = alice.m.uid("FETCH", "%d,%d" % (uid, parts), "(FLAGS)")
        report(b"Seen" not in b"".join(flags), name + ": no \\Seen", flags)
        expect(name + ": limit too small", bench.once(
            base + str(uid), server, limit=len(OCTETS) - 1), "TOO_BIG", b"")


def big(bench, lab, where, kind):
    name = "%s, 50 MB by %s" % (lab.name, kind)
    with lab.mail("alice") as alice:
        uid = alice.append(BIG)
        url = alice.sign(where, "INBOX/;UID=%d" % uid)
        with bench.fetcher(lab.server("login", kind), timeout=30000) as f:
            f.fetch(alice.sign(where, "INBOX/;UID=%d/;PARTIAL=0.100" % uid))
            before = f.peak_kb()
            r = f.fetch(url, keep=False)
            grown = f.peak_kb() - before
            expect(name, r, "OK", BIG)
            print("# %d ms, peak %d kB, grown by %d kB, frames of %d at most" %
                  (r.ms, f.peak_kb(), grown, max(r.frames)))
            slack = 300000 if os.environ.get("SANITIZED") else 1024
            report(grown < slack, name + ": flat memory", "%d kB" % grown)


def certificates(bench, lab, where, text):
    other = os.path.join(lab.dir, "tls", "other-ca.pem")
    url = "imap://%s/INBOX/;UID=1" % where
    for kind in "imaps", "imap+starttls":
        u = url if kind != "imaps" else url.replace(":%d" % lab.port, "")
        if text == "wrong CA":
            r = bench.once(u, lab.server("proxy", kind, other))
        else:
            r = bench.once(u, lab.server("proxy", kind))
        expect("dovecot, %s, %s" % (text, kind), r, "DOWN", b"")


def roles(bench, lab, where):
    """Which account serves which URL; the uid it does it with."""
    both = [lab.server("passthrough"), lab.server("proxy"),
            lab.server("login")]
    with lab.mail("alice") as alice:
        path = "INBOX/;UID=%d" % alice.append(PARTS)
        signed, plain = alice.sign(where, path), "imap://%s/%s" % (where, path)
        with bench.fetcher(*both, uid=65534, gid=65534) as f:
            for url in signed, plain, signed:
                expect("dovecot, several accounts", f.fetch(url), "OK", PARTS)
            status = open("/proc/%d/status" % f.pid).read()
            report(re.search(r"Uid:\s65534\s65534\s65534\s65534", status) and
                   re.search(r"Gid:\s65534\s65534\s65534\s65534", status) and
                   re.search(r"Groups:\s65534 *\n", status) and
                   re.search(r"NoNewPrivs:\s1", status),
                   "the privileges are dropped", status)
            report(os.stat("/proc/%d/mem" % f.pid).st_uid == 0,
                   "the process is not dumpable")
        modes = re.findall(r"mode=(\w+) verdict=ok", bench.log_text())[-3:]
        report(modes == ["login", "proxy", "login"],
               "signed URLs go by login, plain ones by proxy", modes)
        expect("dovecot, passthrough, own signed URL", bench.once(
            signed, both[0]), "OK", PARTS)
        expect("dovecot, passthrough, wrong password", bench.once(
            plain, both[0], password="wrong"), "DOWN", b"")
        expect("dovecot, passthrough, no password", bench.once(
            plain, both[0], password=""), "NO_TRUST", b"")
        expect("dovecot, login, wrong password", bench.once(
            signed, Server(both[2].url, "login", "submit", "x", lab.ca)),
            "DOWN", b"")
        expect("dovecot, login only, plain URL", bench.once(
            plain, both[2]), "NO_TRUST", b"")


def dovecot(bench):
    lab = Dovecot(bench.scratch, "dovecot")
    where = "localhost:%d" % lab.port
    try:
        lab.start()
        signed(bench, lab, where, "imap+starttls",
                       "dovecot, login, STARTTLS", "GONE")
        names(bench, lab, where, "login", "dovecot, login")
        plain(bench, lab, where, "proxy")
        plain(bench, lab, where, "passthrough")
        names(bench, lab, where, "proxy", "dovecot, proxy")
        names(bench, lab, where, "passthrough", "dovecot, passthrough")
        roles(bench, lab, where)
        big(bench, lab, where, "imap")
        big(bench, lab, where, "imap+starttls")
        certificates(bench, lab, where, "wrong CA")
        lab.start(LAB_URL_PORT="143")
        signed(bench, lab, "localhost", "imaps",
                       "dovecot, login, imaps", "GONE")
        big(bench, lab, "localhost:143", "imaps")
        lab.start(LAB_URL_PORT="143", LAB_URLAUTH="broken")
        signed(bench, lab, "localhost", "imaps",
                       "stock dovecot, proxy", "REFUSED", "proxy")
        with lab.mail("alice") as alice:
            url = alice.sign("localhost", "INBOX/;UID=1")
        expect("stock dovecot, login", bench.once(
            url, lab.server("login", "imaps"), timeout=8000), "DOWN", b"")
        lab.start(LAB_URLAUTH="no")
        expect("dovecot without URLAUTH, login", bench.once(
            url, lab.server("login", "imaps")), "NO_TRUST", b"")
        lab.start(LAB_CERT="expired")
        certificates(bench, lab, where, "expired certificate")
    finally:
        lab.stop()


class Cyrus:
    """tests/lab/cyrus-lab, with the face of Dovecot above."""

    name = "cyrus"
    fields = "GONE"     # NIL
    no_section = "GONE"
    unsigned = "REFUSED"    # GENURLAUTH signs whatever has the right form

    def __init__(self, scratch):
        self.dir = os.path.join(scratch, "cyrus")
        self.port = free_ports(1)[0]
        self.ca = os.path.join(self.dir, "tls", "ca.pem")
        self.lab = os.path.join(LAB, "cyrus-lab")

    def start(self):
        """None, or why it cannot run here."""
        done = subprocess.run([self.lab, "start", self.dir, str(self.port)],
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            return done.stderr.strip().splitlines()[-1]
        with self.mail("cyrus") as m:
            for box in "alice", "bob", "submit":
                m.m.create("user/" + box)
        return None

    def stop(self):
        subprocess.run([self.lab, "stop", self.dir], check=False)

    def mail(self, user):
        return Mail("localhost", self.port, user, user + "pw", self.ca)

    def server(self, login, kind="imaps"):
        name = {"login": "submit", "proxy": "proxy", "passthrough": ""}[login]
        return Server("%s://localhost:%d" % (kind, self.port), login, name,
                      name + "pw", self.ca)


def cyrus(bench):
    lab = Cyrus(bench.scratch)
    why = lab.start()
    if why:
        print("skip - cyrus: " + why)
        return
    try:
        signed(bench, lab, "localhost", "imaps", "cyrus, login",
                       "GONE")
        signed(bench, lab, "localhost", "imaps", "cyrus, proxy",
                       "REFUSED", "proxy")
        plain(bench, lab, "localhost", "proxy")
        plain(bench, lab, "localhost", "passthrough")
        big(bench, lab, "localhost", "imaps")
    finally:
        lab.stop()
