"""The rows of oauth.t."""
import base64
import concurrent.futures
import os
import random
import re
import shutil
import string
import subprocess
import sys
import time
import traceback

from common_driver import (SLOW, House, begin, children, end, expect,
                           found_in, give_envelope, report, skip, talk, wait,
                           write)
from oauth_endpoint import (Endpoint, basic, drip, drop, endless, oauthlib,
                            slow, status)

BUILD, T = begin("oauth")
HELPER = BUILD + "/checktoken-introspect"
REPLY = BUILD + "/auth-reply"
ROOT = os.getuid() == 0
CA = T + "/ca.pem"
# what must be encoded twice: as a form, then by Basic
CLIENT = ("us:and+you", "se+cr&et %41=\u00fc")
FILE = write(T + "/client", "us our secret\n")
ON = {"active": True, "username": "jo"}


def helper(*options, url, login="jo", token="good", file=FILE, raw=None,
           program=(REPLY,), env=(), ca=CA):
    """Exit status, reply on descriptor 4, standard error, seconds."""
    message = raw if raw is not None else b"%s\0%s\0%d\0" % (
        login.encode(), token.encode(), time.time())
    began = time.monotonic()
    p = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2',
         HELPER, *(("-C", ca) if ca else ()), *options, url, file, *program],
        input=message, capture_output=True, timeout=40 * SLOW, cwd="/",
        env={"PATH": "/usr/bin:/bin", "TCPREMOTEIP": "192.0.2.7", **dict(env)})
    return (p.returncode, p.stdout.replace(b"\0", b"|").decode(),
            p.stderr.decode("utf-8", "replace"), time.monotonic() - began)


def row(name, want, *options, says="", least=0, most=9, **how):
    """The status, and the reply or (says) the one line of complaint."""
    code, reply, err, seconds = helper(*options, **how)
    good = code == want[0] and reply == (want[1] if code == 0 else "")
    lines = err.splitlines()
    if says:
        good = good and len(lines) == 1 and re.search(says, err)
    else:
        good = good and lines == []
    good = good and least <= seconds < most * SLOW
    return report(good, "helper: " + name, "wanted %s %s" % (want, says),
                  "status %d, reply %s, %.1f s" % (code, reply, seconds), err)


RIGHT, WRONG, MISUSED, UNKNOWN = (0, "USER=jo|"), (1,), (2,), (111,)


def verdicts(e, url):
    now = int(time.time())
    scoped = dict(ON, scope="openid mail:send", aud=["imap", "smtp"])
    e.answers.update({
        "good": ON, "scoped": scoped,
        "later": dict(ON, exp=now + 3600), "expired": dict(ON, exp=now - 1),
        "mail": {"active": True, "sub": "42", "email": "jo@example.org"},
        "mia": {"active": True, "username": "mia"},
        "dpop": dict(ON, token_type="DPoP"),
        # as Dex and Keycloak put it
        "dex": {"active": True, "client_id": "mua", "sub": "CgE0MhIFbG9jYWw",
                "exp": now + 60, "iat": now, "nbf": now, "aud": "mua",
                "token_type": "Bearer", "token_use": "access_token",
                "ext": {"email": "jo@example.org", "email_verified": True}},
        "keycloak": {"active": True, "typ": "Bearer", "username": "jo",
                     "preferred_username": "jo", "token_type": "Bearer",
                     "aud": ["account", "smtp"], "scope": "email mail profile",
                     "exp": now + 60, "sub": "0d6e-4d0c", "azp": "mua"},
        "refresh": dict(ON, token_type="Bearer", token_use="refresh_token"),
        "a+b/c-._~==": ON, "x" * 8192: ON})
    row("active", RIGHT, url=url)
    row("active, nobody named", RIGHT, url=url, login="")
    row("inactive", WRONG, url=url, token="unheard-of")
    row("not yet expired", RIGHT, url=url, token="later")
    row("expired", WRONG, url=url, token="expired")
    row("the scope is there", RIGHT, "-s", "mail:send", url=url,
        token="scoped")
    row("another scope", WRONG, "-s", "mail", url=url, token="scoped",
        says="lacks the scope")
    row("no scope", WRONG, "-s", "mail:send", url=url, says="lacks the scope")
    row("the audience is there", RIGHT, "-a", "smtp", url=url, token="scoped")
    row("another audience", WRONG, "-a", "submission", url=url,
        token="scoped", says="another audience")
    row("another claim: email", (0, "USER=jo@example.org|"), "-c", "email",
        url=url, token="mail", login="jo@example.org")
    row("another claim: sub", (0, "USER=42|"), "-c", "sub", url=url,
        token="mail", login="")
    row("no such claim", WRONG, url=url, token="mail", says="claim")
    row("someone else's token", WRONG, url=url, token="mia",
        says="not that of the login given")
    row("a token bound to a key", WRONG, url=url, token="dpop",
        says="bound to a key")
    row("an answer of Dex", (0, "USER=jo@example.org|"), "-c", "ext.email",
        "-a", "mua", url=url, token="dex", login="jo@example.org")
    row("an answer of Keycloak", RIGHT, "-a", "smtp", "-s", "mail", url=url,
        token="keycloak")
    row("a refresh token", WRONG, url=url, token="refresh",
        says="no access token")
    row("octets that mean something in a form", RIGHT, url=url,
        token="a+b/c-._~==")
    row("a token of 8192 octets", RIGHT, url=url, token="x" * 8192)
    row("another case of the name", WRONG, url=url, login="Jo",
        says="not that of the login given")


def asked(e):
    """What the endpoint has been sent."""
    good = [(m, h) for m, _, h, _ in e.asked
            if m == "POST" and basic(h) == e.client and
            h.get("Content-Type") == "application/x-www-form-urlencoded" and
            h.get("Accept") == "application/json"]
    report(len(good) == len(e.asked) > 10, "endpoint: all by POST, by "
           "our id and secret, as a form", *e.asked[:2])
    bodies = [b for _, _, _, b in e.asked]
    report(all(b.endswith("&token_type_hint=access_token") for b in bodies) and
           "token=a%2Bb%2Fc-._~%3D%3D&token_type_hint=access_token" in bodies,
           "endpoint: token and its kind, encoded", *bodies[:3])
    e.asked.clear()
    e.client = CLIENT
    # the file is parted at the first space: an id has none, a secret may
    row("id and secret of odd octets", RIGHT, url="https://localhost:%d/"
        % e.port, file=write(T + "/odd", "%s %s\n" % CLIENT))
    got = basic(e.asked[0][2])
    report(got == CLIENT, "endpoint: id and secret of odd "
           "octets arrive", got)
    e.client = ("us", "our secret")


def troubles(e, url):
    tail = dict(ON, x="y")
    e.answers.update({
        "html": status(200, b"<html>active</html>"),
        "cut": status(200, b'{"active": true, "username": "jo"'),
        "twice": status(200, b'{"active":false,"active":true,'
                        b'"username":"jo"}'),
        "empty": status(200, b""), "list": status(200, [ON]),
        "huge": status(200, dict(ON, x="y" * 70000)),
        "just fits": status(200, dict(ON, x="y" * 65000)),
        "endless": endless, "500": status(500, tail), "503": status(503, tail),
        "401": status(401, tail), "403": status(403, tail),
        "404": status(404, tail), "201": status(201, tail),
        "302": status(302, ON, ("Location", "/else")),
        "307": status(307, ON, ("Location", "/else")), "drop": drop})
    for token, says in (
            ("html", "no JSON"), ("cut", "no JSON"), ("twice", "no JSON"),
            ("empty", "no JSON"), ("list", "no JSON"),
            ("huge", "over 64 KB"), ("endless", "over 64 KB"),
            ("500", "status 500"), ("503", "status 503"),
            ("401", "status 401.*id and secret"), ("403", "status 403"),
            ("404", "status 404"), ("201", "status 201"),
            ("302", "status 302.*redirects"), ("307", "redirects"),
            ("drop", ".")):
        row("cannot tell: " + token, UNKNOWN, url=url, token=token, says=says)
    row("just fits into 64 KB", RIGHT, url=url, token="just fits")
    report(not [p for _, p, _, _ in e.asked if p == "/else"] and
           wait(3, lambda: e.stopped_reading),
           "endpoint: no redirect was followed, nothing endless read")


def take_their_time(e, url):
    e.answers.update({"slow": slow(14, ON), "drip": drip,
                      "late": slow(3, ON)})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        rows = [pool.submit(row, "cannot tell: an answer in 14 s", UNKNOWN,
                            url=url, token="slow", says="(?i)time.*out",
                            least=9, most=12),
                pool.submit(row, "cannot tell: an answer drop by drop",
                            UNKNOWN, url=url, token="drip",
                            says="(?i)time.*out", least=9, most=12),
                pool.submit(row, "an answer in 3 s", RIGHT, url=url,
                            token="late", least=3)]
        for r in rows:
            r.result()


def tls(e):
    for name, says in ("wrong-name", "(?i)certificate|name"), \
            ("untrusted", "(?i)certificate"):
        other = Endpoint(T, name)
        other.answers["good"] = ON
        row("certificate: " + name, UNKNOWN, url="https://localhost:%d/"
            % other.port, says=says)
        report(other.asked == [], "endpoint: no token went to: " + name)
    good = "https://localhost:%d/" % e.port
    row("certificate: not by the system's anchors", UNKNOWN, url=good,
        says="(?i)certificate", ca=None)
    row("certificate: no anchors there", UNKNOWN, url=good, says=".",
        ca=T + "/none.pem")
    row("a proxy in the environment is not used", RIGHT, url=good,
        env=[("https_proxy", "http://127.0.0.1:1"), ("ALL_PROXY", "x")])
    clear = Endpoint()
    clear.answers["good"] = ON
    for host in "127.0.0.1", "localhost":
        row("http to " + host, RIGHT, url="http://%s:%d/" % (host, clear.port))
    row("https to http", UNKNOWN, url="https://127.0.0.1:%d/" % clear.port, says=".")
    row("nobody listens", UNKNOWN, url="http://127.0.0.1:1/",
        says="(?i)connect|refused")


def misuse(url):
    for bad in ("http://192.0.2.1/", "http://127.0.0.1.example.org/",
                "http://example.org/", "ftp://localhost/", "file:///etc/passwd",
                "https://id:secret@localhost/", "localhost", "https://", ""):
        row("URL refused: " + bad, MISUSED, url=bad, says=".")
    row("wrong option", MISUSED, "-x", url=url, says="usage")
    row("no program", MISUSED, url=url, program=(), says="usage")
    for raw in b"", b"jo\0", b"jo\0good\0", b"jo\0good\0123":
        row("misuse: %r" % raw, MISUSED, url=url, raw=raw, says="descriptor 3")
    row("no token", WRONG, url=url, token="")
    row("a name no account may have", WRONG, url=url, login="j:o")
    row("no such credentials", UNKNOWN, url=url, file=T + "/none", says="none")
    row("credentials that others can read", UNKNOWN, url=url, says="chmod",
        file=write(T + "/open", "us our secret\n", 0o644))
    row("credentials without a secret", UNKNOWN, url=url, says="a space",
        file=write(T + "/half", "us\n"))
    row("no such program", UNKNOWN, url=url, program=("/none",), says="/none")


def privileges(url):
    ids = ("/bin/sh", "-c", "id -u >&4; id -G >&4")
    if not ROOT:
        skip("helper: gives up root", "not root")
        return
    import pwd
    nobody = pwd.getpwnam("nobody")
    code, reply, err, _ = helper(url=url, program=ids)
    report(code == 0 and reply.split() == [str(nobody.pw_uid),
                                           str(nobody.pw_gid)],
           "helper: root is nobody when the next program runs", reply, err)
    daemon = pwd.getpwnam("daemon")
    code, reply, err, _ = helper("-u", "daemon", url=url, program=ids)
    report(code == 0 and reply.split()[0] == str(daemon.pw_uid),
           "helper: or the user of -u", reply, err)
    row("-u root", UNKNOWN, "-u", "root", url=url, says="must not be root")
    row("-u with no such user", UNKNOWN, "-u", "no-such-user", url=url,
        says="no such user")


def library(e):
    if not oauthlib:
        skip("helper: against oauthlib", "no python3-oauthlib")
        return
    url = "https://localhost:%d/library" % e.port
    row("oauthlib's endpoint: active", RIGHT, url=url)
    row("oauthlib's endpoint: inactive", WRONG, url=url, token="unheard-of")
    row("oauthlib's endpoint: a wrong secret", UNKNOWN, url=url,
        file=write(T + "/wrong-client", "us wrong\n"), says="status 401")


# Through the daemon

def house(e, *config, **how):
    return House(BUILD, T, [
        "auth-token %s -C %s -s mail https://localhost:%d/ %s" % (
            HELPER, CA, e.port, FILE), *config], **how)


MESSAGE = (b"From: alice@example.org\r\nTo: bob@example.net\r\n"
           b"Subject: by token\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
           b"Message-ID: <t@example.org>\r\n\r\nHello.\r\n")


def client(h, name, argv, good=True, says="", input=MESSAGE):
    before = len(h.relay.completed)
    p = subprocess.run(argv, input=input, capture_output=True,
                       timeout=60 * SLOW, env=dict(os.environ, HOME=T))
    out = (p.stdout + p.stderr).decode("utf-8", "replace")
    came = len(h.relay.completed) - before
    if good:
        fine = p.returncode == 0 and came == 1
    else:
        fine = p.returncode != 0 and came == 0 and re.search(says, out)
    report(fine, name, "status %d, %d messages" % (p.returncode, came),
           *out.splitlines()[-12:], *h.log_tail(6))


def missing(program):
    if shutil.which(program):
        return False
    skip(program, "not installed")
    return True


def curl(h, port, tlsport):
    if missing("curl"):
        return
    c = ["curl", "-sS", "-v", "--cacert", CA, "--upload-file", "-",
         "--mail-from", "alice@example.org", "--mail-rcpt", "bob@example.net",
         "--user", "alice:"]
    s = ["--ssl-reqd", "--url", "smtp://localhost:%d/c.example.org" % port]
    i = ["--url", "smtps://localhost:%d/c.example.org" % tlsport]
    for mechanism in "OAUTHBEARER", "XOAUTH2":
        how = ["--login-options", "AUTH=" + mechanism]
        good = ["--oauth2-bearer", "alices-token"]
        client(h, "curl, STARTTLS, " + mechanism, c + s + how + good)
        client(h, "curl, TLS at once, %s, initial response" % mechanism,
               c + i + how + good + ["--sasl-ir"])
        client(h, "curl, %s, a token of 8000 octets" % mechanism,
               c + i + how + ["--oauth2-bearer", LONG])
        client(h, "curl, %s, a wrong token" % mechanism, c + i + how + [
            "--oauth2-bearer", "wrong-token"], False, "Login denied|535")
        client(h, "curl, %s, someone else's token" % mechanism, c + i + how + [
            "--oauth2-bearer", "bobs-token"], False, "Login denied|535")
    client(h, "curl, of its own choice", c + i + [
        "--oauth2-bearer", "alices-token"])


def msmtp(h, port, tlsport):
    if missing("msmtp"):
        return
    for mechanism in "oauthbearer", "xoauth2":
        for token, good in ("alices-token", True), ("wrong-token", False):
            rc = write(T + "/msmtprc", """account default
host localhost
port %d
from alice@example.org
auth %s
user alice
passwordeval "echo %s"
tls on
tls_trust_file %s
""" % (port, mechanism, token, CA))
            client(h, "msmtp, %s, %s" % (mechanism, token), [
                "msmtp", "-C", rc, "bob@example.net"], good,
                "(?i)authentication failed",
                input=MESSAGE.replace(b"\r\n", b"\n"))


def mutt(h, port, tlsport):
    if missing("mutt"):
        return
    for token, good in ("alices-token", True), ("wrong-token", False):
        rc = write(T + "/muttrc", """set smtp_url="smtps://alice@localhost:%d"
set smtp_authenticators="oauthbearer" smtp_oauth_refresh_command="echo %s"
set from="alice@example.org" realname="Alice" hostname="example.org"
set ssl_force_tls ssl_ca_certificates_file="%s" certificate_file="%s"
set copy=no record="" signature="" sendmail_wait=0 edit_headers=no
set use_envelope_from
""" % (tlsport, token, CA, CA))
        client(h, "mutt, oauthbearer, " + token, [
            "env", "TERM=dumb", "mutt", "-F", rc, "-s", "from mutt",
            "bob@example.net"], good, "(?i)fail|error", input=b"Hello.\n")


def snail(h, port, tlsport):
    if missing("s-nail"):
        return
    for token, good in ("alices-token", True), ("wrong-token", False):
        client(h, "s-nail, oauthbearer, " + token, [
            "s-nail", "-:/", "-S", "v15-compat", "-S", "smtp-auth=oauthbearer",
            "-S", "mta=smtps://alice:%s@localhost:%d" % (token, tlsport),
            "-S", "tls-ca-file=" + CA, "-S", "tls-ca-no-defaults",
            "-S", "tls-verify=strict", "-S", "hostname=client.example.org",
            "-S", "from=alice@example.org", "-S", "sendwait",
            "-S", "DEAD=/dev/null", "-s", "from s-nail", "bob@example.net"],
            good, "SMTP server: 334", input=b"Hello.\n")


def bearer(login, token):
    return base64.b64encode(("n,a=%s,\1auth=Bearer %s\1\1" % (
        login, token)).encode())


def outcomes(h):
    """What the endpoint's troubles are to a client."""
    for token, code, event in (
            ("alices-token", "235", "event=auth .*user=alice .*oauthbearer"),
            ("alices-scopeless", "334", "event=auth-failed .*wrong token"),
            ("500", "454", "event=auth-unavailable"),
            ("drop", "454", "event=helper-failed .*exit=111")):
        c = h.dial()
        talk(c, "EHLO client.example.net", "250")
        lines = talk(c, "AUTH OAUTHBEARER " + bearer("alice", token).decode(),
                     code)
        if code == "334":
            lines += talk(c, "AQ==", "535")
        report(wait(2, lambda: re.search(event, h.daemon.log())),
               "daemon: %s is %s" % (token, lines[-1][:3]), *h.log_tail())


def memory_is_clean(h):
    """The token is in a session amid the exchange, and nowhere when a message
    has gone through what the TLS library keeps of the last record."""
    if os.environ.get("SANITIZED"):
        skip("memory", "a sanitizer's shadow is too large")
        return
    line = bearer("alice", LONG)
    pieces = {LONG[n:n + 40].encode(): "token"
              for n in range(1000, 7000, 1000)}
    pieces.update({line[n:n + 40]: "base64" for n in range(1000, 9000, 1000)})
    c = h.dial()
    talk(c, "EHLO client.example.net", "250")
    talk(c, "AUTH OAUTHBEARER", "334")
    c.send(line)
    c.until(lambda: False, 0.3)
    monitor = h.daemon.process.pid
    nursery = children(monitor)
    pids = [monitor] + nursery + [p for n in nursery for p in children(n)]
    report("base64" in set().union(*(found_in(p, pieces)[0] for p in pids)),
           "memory: a session amid the exchange does hold the token")
    c.send(b"\r\n")
    expect(c, "235")
    give_envelope(c)
    talk(c, "DATA", "354")
    c.send(MESSAGE + 1000 * (b"x" * 70 + b"\r\n") + b".\r\n")
    expect(c, "250")
    for p in pids:
        found, size = found_in(p, pieces)
        report(not found and size > 1000000, "memory: no token after the "
               "login in process %d of %d" % (pids.index(p) + 1, len(pids)),
               found, size)


def by_daemon(e):
    for login in "alice", "bob":
        e.answers[login + "s-token"] = {"active": True, "username": login,
                                        "scope": "openid mail"}
    e.answers[LONG] = e.answers["alices-token"]
    e.answers["alices-scopeless"] = {"active": True, "username": "alice"}
    with house(e, "auth-tries 3", "auth-penalty 0s", name="tokens") as h:
        h.secrets |= {"alices-token", "wrong-token", "bobs-token", LONG[:40],
                      "our secret"}
        c = h.dial()    # the daemon listens
        talk(c, "QUIT", "221")
        ports = h.daemon.names["port"], h.daemon.names["tlsport"]
        for clients in curl, msmtp, mutt, snail:
            clients(h, *ports)
        outcomes(h)
        memory_is_clean(h)


LONG = "".join(random.choices(string.ascii_letters, k=8000))


def main():
    e = Endpoint(T)
    url = "https://localhost:%d/" % e.port
    verdicts(e, url)
    asked(e)
    troubles(e, url)
    take_their_time(e, url)
    tls(e)
    misuse(url)
    privileges(url)
    library(e)
    by_daemon(e)


try:
    main()
except Exception as e:
    traceback.print_exc(file=sys.stdout)
    report(False, "all rows were tried", repr(e))
end()
