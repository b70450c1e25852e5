"""imapfetch against the server of tests/lib/imapd.py."""
import os
import re
import socket
import time

from imapd import CLEAR, HANGUP, STARTTLS, TLS, Imapd, Script
from imapfetch_bench import SLOW, TOKEN, expect, report
from imapfetch_driver import E, Server, frame, text
from imapfetch_rows import PLAIN_ROWS, SILENT, URLFETCH_ROWS, U, flood, url_at


def well_formed(lines):
    """No client line may hold anything but the commands we know."""
    command = re.compile(
        rb'[As][0-9a-f]+(\.\d+)? (CAPABILITY|STARTTLS|LOGOUT|'
        rb'AUTHENTICATE PLAIN [A-Za-z0-9+/=]+|URLFETCH "[!#-\[\]-~]+"|'
        rb'GENURLAUTH "[!#-\[\]-~]+" INTERNAL|EXAMINE "([ -!#-\[\]-~]|'
        rb'\\["\\])+"|UID FETCH \d+ \(BODY\.PEEK\[[ -~]*\](<\d+\.\d+>)?\))'
        rb'\r\n\Z')
    return [x for c in lines for x in c if not command.match(x)]


def hostile_rows(bench):
    for name, script, verdict, data in URLFETCH_ROWS:
        if callable(script):
            script = script()
        with Imapd(script) as d:
            r = bench.once(url_at(d.port), login_at(d), limit=1000,
                           timeout=3000)
            expect("hostile: " + name, r, verdict, data, within=2900)
            bad = well_formed(d.lines)
            if bad:
                report(False, "hostile: only known commands", bad)
    for name, script, verdict, data in PLAIN_ROWS:
        with Imapd(script) as d:
            r = bench.once("imap://127.0.0.1:%d/INBOX/;UID=1" % d.port,
                           proxy_at(d), timeout=3000)
            expect("hostile, plain: " + name, r, verdict, data, within=2900)


def login_at(d, url="imap://127.0.0.1:%d", **more):
    return Server(url % d.port, "login", "submit", "submitpw", **more)


def proxy_at(d):
    return Server("imap://127.0.0.1:%d" % d.port, "proxy", "master",
                  "masterpw")


def hostile_silence(bench):
    for name, step in SILENT:
        with Imapd(Script(**step)) as d:
            r = bench.once(url_at(d.port), login_at(d), timeout=400)
            expect("silent at " + name, r, "DOWN", None, within=1500)
        with Imapd(Script(**step)) as d:
            f = bench.start(login_at(d), timeout=20000)
            relay = f.start(url_at(d.port))
            time.sleep(0.15)
            before = time.monotonic()
            status = f.close()
            took = time.monotonic() - before
            report(status == 0 and took < SLOW,
                   "silent at %s, the session goes: imapfetch ends" % name,
                   "status %s after %.1f s" % (status, took))
            relay.close()


def signed_by_owner(client):
    client.send(client.fill(b'* GENURLAUTH "') + client.url + b":internal:" +
                TOKEN.encode() + client.fill(b'"\r\n%T OK\r\n'))


def hostile_owner(bench):
    """The way over GENURLAUTH."""
    rows = [
        ("same token", signed_by_owner, "OK", b"hello"),
        ("another token", b'* GENURLAUTH "x:internal:1"\r\n%T OK\r\n',
         "REFUSED", b""),
        ("a part of the URL", b"* GENURLAUTH %U\r\n%T OK\r\n",
         "REFUSED", b""),
        ("nothing", b"%T OK\r\n", "DOWN", b""),
        ("BAD", b"%T BAD expired\r\n", "GONE", b""),
    ]
    for name, step, verdict, data in rows:
        with Imapd(Script(genurlauth=step)) as d:
            r = bench.once(url_at(d.port), proxy_at(d))
            expect("signed again: " + name, r, verdict, data)
    with Imapd(Script(genurlauth=signed_by_owner)) as d:
        url = url_at(d.port, user="bob")
        r = bench.once(url, proxy_at(d))
        expect("signed again: bob's mail signed for alice", r, "OK", b"hello")
        auth = [x for x in d.lines[0] if b"AUTHENTICATE" in x]
        report(auth and auth[0].split()[3] == b"Ym9iAG1hc3RlcgBtYXN0ZXJwdw==",
               "signed again: logs in as bob by master", auth)
    with Imapd(Script(authenticate=b"%T NO x\r\n")) as d:
        expect("signed again: an owner who is nobody", bench.once(
            url_at(d.port, user="nobody"), proxy_at(d)), "REFUSED", b"")
        expect("signed again: our own login refused", bench.once(
            url_at(d.port), proxy_at(d)), "DOWN", b"")


def certificates(scratch):
    """The PKI of tests/lib, made once."""
    import pki
    directory = os.path.join(scratch, "pki")
    if not os.path.isdir(directory):
        os.mkdir(directory)
        pki.make(directory)
    return directory


def hostile_tls(bench):
    p = certificates(bench.scratch)
    ca = os.path.join(p, "ca.pem")

    def row(name, how, verdict, script=None, cert="good", url=None, ca=ca,
            data=None):
        url = url or ("imaps://127.0.0.1:%d" if how == TLS
                      else "imap+starttls://127.0.0.1:%d")
        with Imapd(script or Script(), how, os.path.join(p, cert + ".pem"),
                   os.path.join(p, cert + ".key")) as d:
            r = bench.once(url_at(d.port), login_at(d, url, ca=ca),
                           timeout=3000)
            expect("TLS: " + name, r, verdict, data, within=2900)
            if verdict != "OK":
                told = [x for c in d.lines for x in c if b"AUTHENT" in x]
                report(not told, "TLS: %s: no password sent" % name, told)

    row("imaps", TLS, "OK", data=b"hello")
    row("STARTTLS", STARTTLS, "OK", data=b"hello")
    row("imaps, wrong name", TLS, "DOWN", cert="wrong-name")
    row("STARTTLS, wrong name", STARTTLS, "DOWN", cert="wrong-name")
    row("imaps, unknown CA", TLS, "DOWN", cert="untrusted")
    row("STARTTLS, unknown CA", STARTTLS, "DOWN", cert="untrusted")
    row("the system's CAs do not know it", TLS, "DOWN", ca="")
    row("CA file that is not there", TLS, "DOWN", ca="/nonexistent/ca.pem")
    row("no STARTTLS offered", STARTTLS, "DOWN",
        Script(offer_starttls=False))
    row("STARTTLS refused", STARTTLS, "DOWN", Script(starttls=b"%T NO\r\n"))
    row("silent after STARTTLS", STARTTLS, "DOWN",
        Script(starttls=[HANGUP]))
    row("data injected behind STARTTLS", STARTTLS, "DOWN", Script(
        starttls=b"%T OK go\r\n* CAPABILITY AUTH=PLAIN\r\nA003 OK\r\n"))
    row("PREAUTH instead of STARTTLS", STARTTLS, "DOWN",
        Script(greeting=b"* PREAUTH in\r\n"))
    row("PREAUTH over imaps", TLS, "DOWN",
        Script(greeting=b"* PREAUTH in\r\n"))
    row("clear text where TLS is due", CLEAR, "DOWN",
        url="imaps://127.0.0.1:%d")


def hostile_reuse(bench):
    with Imapd(Script()) as d:
        with bench.fetcher(login_at(d)) as f:
            good = all(f.fetch(url_at(d.port)).verdict == "OK"
                       for _ in range(5))
            report(good and len(d.lines) == 1,
                   "reuse: five URLs over one connection", d.lines)
        time.sleep(0.1)
        report(d.lines[0][-1].endswith(b" LOGOUT\r\n"),
               "reuse: LOGOUT at the end", d.lines)
    once = []

    def dies_when_reused(client):
        once.append(1)
        if len(once) == 2:
            return HANGUP
        return client.say(b"* URLFETCH %U {2}\r\nhi\r\n%T OK\r\n") or HANGUP

    with Imapd(Script(urlfetch=dies_when_reused)) as d:
        with bench.fetcher(login_at(d)) as f:
            r = [f.fetch(url_at(d.port)) for _ in range(3)]
            report([x.data for x in r] == [b"hi"] * 3 and len(d.lines) == 2,
                   "reuse: a connection that died is tried again once", r)

    def says_bye(client):
        client.say(b"* URLFETCH %U {2}\r\nhi\r\n%T OK\r\n* BYE idle\r\n")
        return HANGUP

    with Imapd(Script(urlfetch=says_bye)) as d:
        with bench.fetcher(login_at(d)) as f:
            r = []
            for _ in range(2):
                r.append(f.fetch(url_at(d.port)).verdict)
                time.sleep(0.05)
            report(r == ["OK", "OK"] and len(d.lines) == 2,
                   "reuse: BYE between two URLs is no failure", r)
    with Imapd(Script(urlfetch=U + b"NIL\r\n%T OK\r\n")) as d:
        with bench.fetcher(login_at(d)) as f:
            r = [f.fetch(url_at(d.port)).verdict for _ in range(2)]
            report(r == ["GONE", "GONE"] and len(d.lines) == 2,
                   "reuse: none after NIL", r, d.lines)


def hostile_channels(bench):
    """Session, relay and monitor that go, frames that are none."""
    big = Script(urlfetch=lambda c: (
        c.send(c.fill(U) + b"{104857600}\r\n"),
        flood(b"x" * 65536, 1600)(c))[1])
    with Imapd(big) as d:
        with bench.fetcher(login_at(d)) as f:
            relay = f.start(url_at(d.port))
            relay.recv(1 << 17)
            relay.close()
            expect_done(f, "the relay goes amid the message", "RELAY")
    with Imapd(big) as d:
        f = bench.start(login_at(d))
        relay = f.start(url_at(d.port))
        relay.recv(1 << 17)
        time.sleep(0.1)         # the relay reads no more: back pressure
        before = time.monotonic()
        report(f.close() == 0 and time.monotonic() - before < SLOW,
               "the session goes while the relay is slow")
        relay.close()
    with Imapd(big) as d:
        f = bench.start(login_at(d))
        relay = f.start(url_at(d.port))
        relay.recv(1 << 17)
        f.monitor.close()
        report(f.wait() == 0, "the monitor goes amid the message")
        relay.close()
    with Imapd(big) as d:
        with bench.fetcher(login_at(d), timeout=500) as f:
            relay = f.start(url_at(d.port))
            time.sleep(0.8 * SLOW)
            expect_done(f, "a relay that takes nothing", "RELAY")
            relay.close()
    for name, data, fds in [
            ("unknown type", frame(99), 0),
            ("F_URL without descriptor", frame(
                E["F_URL"], bytes(8) + text("imap://x/")), 0),
            ("F_URL cut short", frame(E["F_URL"], bytes(5)), 1),
            ("F_URL with a tail", frame(
                E["F_URL"], bytes(8) + text("imap://x/") + b"x"), 1),
            ("wrong length", frame(E["F_URL"], bytes(8))[:-1], 1),
            ("half a header", b"abc", 0)]:
        f = bench.start()
        send(f.session, data, fds)
        report(f.wait() == 111, "malformed frame: " + name)
        f.monitor.close()
    f = bench.start()
    f.monitor.send(frame(E["F_SERVER"], b""))
    report(f.wait() == 111, "the monitor speaks after F_CHANNEL")


def send(sock, data, fds):
    socket.send_fds(sock, [data], [2] * fds)


def expect_done(f, name, verdict):
    f.session.settimeout(5 * SLOW)
    try:
        got = f.answer()
    except TimeoutError:
        got = None
    report(got is not None and got[0] == verdict, name, got)


def hostile_policy(bench):
    """Nothing of this may cause a connection."""
    with Imapd(Script()) as d, Imapd(Script()) as trap:
        p, t = d.port, trap.port
        good = url_at(p)
        rows = [
            ("another port", url_at(t), "NO_TRUST"),
            ("no port", good.replace(":%d" % p, ""), "NO_TRUST"),
            ("another host", good.replace("127.0.0.1", "localhost"),
             "NO_TRUST"),
            ("port + 65536", good.replace(str(p), str(p + 65536)), "SYNTAX"),
            ("owner with host and slash", good.replace(
                "alice@", "127.0.0.1:%d/@" % p), "SYNTAX"),
            ("owner %%40 trap", good.replace(
                "alice@", "alice%%40127.0.0.1:%d%%2f@" % t), "SYNTAX"),
            ("mapped IPv6", good.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
             "NO_TRUST"),
            ("decimal address", good.replace("127.0.0.1", "2130706433"),
             "NO_TRUST"),
            ("imaps", good.replace("imap:", "imaps:"), "SYNTAX"),
            ("http", good.replace("imap:", "http:"), "SYNTAX"),
            ("CR LF", good + "%0d%0aA1 LOGOUT", "SYNTAX"),
            ("raw CR LF", good + "\r\nA1 LOGOUT", "SYNTAX"),
            ("CR LF in the mailbox", good.replace("INBOX", "IN%0D%0ABOX"),
             "SYNTAX"),
            ("NUL", good.replace("INBOX", "IN%00BOX"), "SYNTAX"),
            ("quote", good.replace("INBOX", 'IN"BOX'), "SYNTAX"),
            ("submit+bob", good.replace("submit+alice", "submit+bob"),
             "REFUSED"),
            ("user+alice", good.replace("submit+", "user+"), "REFUSED"),
            ("authuser", good.replace("submit+alice", "authuser"), "REFUSED"),
            ("anonymous", good.replace("submit+alice", "anonymous"),
             "REFUSED"),
            ("expired", good.replace(
                ";URLAUTH", ";EXPIRE=2020-01-01T00:00:00Z;URLAUTH"),
             "REFUSED"),
            ("no token", good[:good.index(":internal")], "REFUSED"),
            ("short token", good[:-10], "REFUSED"),
            ("no authorisation at all", good[:good.index(";URLAUTH")],
             "NO_TRUST"),
            ("mailbox only", "imap://127.0.0.1:%d/INBOX" % p, "SYNTAX"),
            ("empty", "", "SYNTAX"),
            ("5000 octets", good + "0" * 5000, "SYNTAX"),
        ]
        with bench.fetcher(login_at(d)) as f:
            for name, url, verdict in rows:
                expect("policy: " + name, f.fetch(url), verdict, b"")
        with bench.fetcher(Server("imap://127.0.0.1:%d" % p, "passthrough"),
                           proxy_at(d)) as f:
            expect("policy: plain URL, another owner", f.fetch(
                "imap://bob@127.0.0.1:%d/INBOX/;UID=1" % p), "REFUSED", b"")
        report(not d.lines and not trap.lines,
               "policy: no connection was made", d.lines, trap.lines)
        expect("policy: percent-encoded access user", bench.once(
            good.replace("+alice", "+al%69ce"), login_at(d)), "OK", b"hello")


def hostile(bench):
    hostile_rows(bench)
    hostile_silence(bench)
    hostile_owner(bench)
    hostile_tls(bench)
    hostile_reuse(bench)
    hostile_channels(bench)
    hostile_policy(bench)
