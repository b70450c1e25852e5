"""The rows of external.t."""
import base64
import os
import re
import shutil
import statistics
import subprocess

from common_driver import (SLOW, House, Unexpected, begin, children, end,
                           expect, leave, reply, report, say, skip, talk,
                           wait, write)
import clientpki

BUILD, T = begin("external")
CLIENT_CA = "client-ca %s/client-ca.pem" % T
HEAD = (b"From: alice@example.org\r\nTo: bob@example.org\r\n"
        b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: x\r\n\r\n")
SENDERS = write(T + "/senders", "alice alice@example.org\n"
                "alice@example.org alice@example.org\n", 0o644)


def house(name, *config, **how):
    return House(BUILD, T, list(config), name=name, **how)


def pair(name, chain=()):
    """Files with a certificate, others behind it, and the key."""
    path = "%s/%s" % (T, name)
    if chain:
        with open(path + ".chain", "w") as out:
            for part in (name,) + tuple(chain):
                with open("%s/%s.pem" % (T, part)) as f:
                    out.write(f.read())
    return path + (".chain" if chain else ".pem"), path + ".key"


def connect(h, name=None, how="tls", chain=()):
    """A client that has said EHLO, and what that offers."""
    c = h.dial(how, certificate=pair(name, chain) if name else None)
    return c, talk(c, "EHLO client.example.net", "250")


def offered(lines):
    return any(re.search(r"AUTH .*\bEXTERNAL\b", line) for line in lines)


def external(c, authzid=None):
    return say(c, "AUTH EXTERNAL " + (
        base64.b64encode(authzid.encode()).decode() if authzid else "="))


def logged(h, pattern):
    return wait(5, lambda: re.search(pattern, h.daemon.log()))


def send(c, sender="alice@example.org"):
    talk(c, "MAIL FROM:<%s>" % sender, "250")
    talk(c, "RCPT TO:<bob@example.org>", "250")
    talk(c, "DATA", "354")
    c.send(HEAD + b"hello\r\n.\r\n")
    expect(c, "250")


def password_works(c):
    return say(c, "AUTH PLAIN " + base64.b64encode(
        b"\0alice\0alicepw").decode()).startswith("235")


# Certificates

def good(h, server):
    for name, chain in [("alice", ()), ("alice-rsa", ()), ("alice-pss", ()),
                        ("alice-384", ()), ("alice-ed", ()),
                        ("alice-middle", ("middle",))]:
        for how in "tls", "starttls":
            c, offer = connect(h, name, how, chain)
            got = external(c)
            send(c)
            report(offered(offer) and got.startswith("235") and logged(
                h, "event=auth .* user=alice@example.org mechanism=external "
                "certificate=CN=Alice "), "%s, %s: %s" % (server, how, name),
                offer, got)
            leave(c)
    report(len(h.relay.completed) == 12, "%s: each sent its message" % server,
           len(h.relay.completed))


def bad(h):
    for name, reason in [
            ("expired", "certificate has expired"),
            ("server-only", "unsuitable certificate purpose"),
            ("self-signed", "self.signed"), ("stranger", "issuer|signature"),
            ("alice-middle", "unable to get")]:
        c, offer = connect(h, name)
        got = external(c), say(c, "MAIL FROM:<alice@example.org>")
        report(not offered(offer) and got[0].startswith("504 5.5.4") and
               got[1].startswith("530 5.7.0") and logged(
                   h, 'event=tls .*client-certificate=".*(%s)' % reason),
               "%s: the handshake goes on, no EXTERNAL" % name, offer, got,
               *h.log_tail(4))
        report(password_works(c), "%s: a password still works" % name)
        send(c)
        leave(c)
    c, offer = connect(h)
    got = external(c)
    report(not offered(offer) and got.startswith("504 5.5.4") and
           password_works(c), "no certificate: no EXTERNAL", offer, got)
    leave(c)
    c, offer = connect(h, "alice", chain=60 * ("alice-rsa",))
    report(not offered(offer) and password_works(c) and logged(
        h, 'client-certificate="too long for a login'),
        "sixty certificates: no EXTERNAL", offer)
    leave(c)


def weak(h):
    """Python's ssl would not load it."""
    p = s_client(h, ["EHLO x", "AUTH EXTERNAL ="], "-cert", T + "/weak.pem",
                 "-key", T + "/weak.key", "-cipher", "DEFAULT@SECLEVEL=0")
    report("504 5.5.4" in p and "EXTERNAL" not in p and logged(
        h, "client-certificate=.*weak"), "RSA of 1024 bits: no EXTERNAL", p)


def revoked():
    with house("revoked", "client-ca %s/revoked-ca.pem" % T) as h:
        c, _ = connect(h, "alice-lost")
        got = external(c), say(c, "MAIL FROM:<alice@example.org>")
        report([g[:9] for g in got] == ["535 5.7.8", "530 5.7.0"] and logged(
            h, 'event=auth-failed .*mechanism=external '
            'reason="certificate revoked" certificate=CN=Alice '),
            "a revoked certificate is refused", got, *h.log_tail())
        report(password_works(c), "... and a password still works")
        leave(c)
        c, _ = connect(h, "alice")
        report(external(c).startswith("235"), "another one is not revoked",
               *h.log_tail())
        leave(c)


def anchors():
    """Each certificate of the file is an anchor: a middle one, a user's."""
    with house("anchors", "client-ca %s/anchors.pem" % T) as h:
        for name, chain, want in [("alice-middle", (), True),
                                  ("alice-middle", ("middle",), True),
                                  ("self-signed", (), True),
                                  ("alice", (), False)]:
            c, offer = connect(h, name, chain=chain)
            got = external(c)
            report(offered(offer) == want and got.startswith("235" if want
                                                             else "504"),
                   "anchors: %s %s" % (name, "good" if want else "not"), got,
                   *h.log_tail(3))
            leave(c)


# Logins

def identities(h):
    bob = "bob@example.org"
    for name, authzid, user in [
            ("two", None, bob), ("two", bob, bob),
            ("two", "bob@EXAMPLE.org", bob), ("two", "bob", "bob"),
            ("two", "sales@example.net", "sales@example.net"),
            ("two", "sales", None), ("two", "alice", None), ("two", "x", None),
            ("alice", "alice", "alice"), ("alice", "Alice", None),
            ("alice", "bob", None), ("bob-name", None, "bob"),
            ("bob-name", "bob", "bob"), ("bob-name", bob, None),
            ("no-login", None, None), ("no-login", "alice", None)]:
        c, _ = connect(h, name)
        got = external(c, authzid)
        if user:
            good = got.startswith("235 2.7.0") and logged(
                h, "event=auth .* user=%s mechanism=external" % user)
        else:
            good = got.startswith("535 5.7.8") and logged(
                h, 'event=auth-failed .*user=%s mechanism=external reason="the certificate '
                '(names no login|does not name this login)"' %
                (authzid or '""'))
        report(good, "%s as %s: %s" % (name, authzid or "whom it names",
                                       user or "refused"), got,
               *h.log_tail(2))
        leave(c)


def exchange(h):
    c, _ = connect(h, "alice")
    got = [say(c, "AUTH EXTERNAL"), say(c, "YWxpY2U=")]
    report(got[0] == "334 " and got[1].startswith("235"),
           "in two steps, with a challenge", got)
    leave(c)
    c, _ = connect(h, "alice")
    got = [say(c, "AUTH EXTERNAL"), say(c, "*"), say(c, "auth external YQ"),
           say(c, "AUTH EXTERNAL AGE="), say(c, "AUTH EXTERNAL"), say(c, "")]
    report([g[:3] for g in got] == ["334", "501", "501", "501", "334", "235"],
           "cancelled, malformed, then an empty one", got)
    report(say(c, "AUTH EXTERNAL =").startswith("503"), "and not again")
    leave(c)
    c, _ = connect(h, "alice")
    got = [external(c, "bob") for _ in range(2)]
    c.send(b"AUTH EXTERNAL Ym9i\r\nNOOP\r\n")
    last = reply(c)
    report([g[:9] for g in got] == 2 * ["535 5.7.8"] and
           last[0].startswith("421 4.7.0"), "three tries", got, last)
    c.closed()


# Implicit

def implicit(h):
    before = len(h.relay.completed)
    c, _ = connect(h, "alice")
    send(c)
    report(len(h.relay.completed) == before + 1 and logged(
        h, "event=auth .* user=alice@example.org mechanism=external"),
        "MAIL without AUTH", *h.log_tail())
    got = say(c, "MAIL FROM:<bob@example.org>")
    report(got.startswith("550 5.7.1"), "who it is decides on the sender",
           got)
    report("AUTH" not in " ".join(talk(c, "EHLO again", "250")),
           "then no AUTH is offered")
    leave(c)
    c, _ = connect(h, "alice", "starttls")
    c.send(b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\n"
           b"VRFY x\r\nDATA\r\n")
    got = [reply(c)[-1][:3] for _ in range(4)]
    c.send(HEAD + b"hello\r\n.\r\nQUIT\r\n")
    got += [reply(c)[-1][:3] for _ in range(2)]
    report(got == ["250", "250", "252", "354", "250", "221"],
           "pipelined behind it, all replies in order", got)
    c.closed()
    c, _ = connect(h, "no-login")
    c.send(b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\n"
           b"NOOP\r\n")
    got = [reply(c)[-1][:9] for _ in range(3)]
    got.append(say(c, "MAIL FROM:<alice@example.org>")[:9])
    failed = h.daemon.log().count("reason=\"the certificate names no login\"")
    report(got == ["530 5.7.0", "530 5.7.0", "250 2.0.0", "530 5.7.0"],
           "a certificate that is no login: 530", got)
    report(password_works(c), "... and a password still works", failed)
    send(c)
    leave(c)
    c = h.dial(certificate=pair("alice"))
    got = say(c, "MAIL FROM:<alice@example.org>")
    report(got.startswith("530"), "not before EHLO", got)
    leave(c)


def without_helper():
    """The file is gone: not the client's fault, so it may come again."""
    ca = T + "/moved-ca.pem"
    shutil.copy(T + "/client-ca.pem", ca)
    with house("no CA file", "client-ca " + ca) as h:
        c, _ = connect(h, "alice")
        os.rename(ca, ca + ".away")
        got = external(c), say(c, "MAIL FROM:<alice@example.org>")
        os.rename(ca + ".away", ca)
        report([g[:9] for g in got] == ["454 4.7.0", "454 4.7.0"] and logged(
            h, "event=auth-unavailable .*mechanism=external") and logged(
            h, "event=helper-failed program=.*/checkcertificate"),
            "no CA file: 454, at AUTH and at MAIL", got, *h.log_tail())
        send(c)
        report(True, "and when it is back the same client is served")
        leave(c)


# TLS

def s_client(h, lines, *args):
    """What it printed of a dialogue on the port of TLS at once."""
    p = subprocess.Popen(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" %
         h.daemon.names["tlsport"], "-CAfile", h.ca, "-crlf", "-ign_eof",
         *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")
    p.stdin.write("\n".join(lines + ["QUIT", ""]))
    p.stdin.flush()
    try:
        return p.communicate(timeout=20 * SLOW)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        return p.communicate()[0] + "\n(timed out)"


def handshakes(h):
    mine = "-cert", T + "/alice.pem", "-key", T + "/alice.key"
    typed = ["EHLO x", "AUTH EXTERNAL =", "MAIL FROM:<alice@example.org>"]
    for name, args in [
            ("SHA-384", ("-ciphersuites", "TLS_AES_256_GCM_SHA384")),
            ("SHA-256", ("-ciphersuites", "TLS_AES_128_GCM_SHA256")),
            ("ChaCha20", ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")),
            ("a HelloRetryRequest", ("-groups", "P-521:P-384", "-msg")),
            ("that and SHA-256", ("-groups", "P-521:P-384", "-msg",
                                  "-ciphersuites", "TLS_AES_128_GCM_SHA256"))]:
        p = s_client(h, typed, *mine, *args)
        retried = len(re.findall(r"ClientHello", p)) == 2
        report("235 2.7.0" in p and "250 2.1.0" in p and
               retried == ("-msg" in args), "s_client: " + name,
               *p.splitlines()[-20:])
    p = s_client(h, typed)
    report("Acceptable client certificate CA names\nCN = client ca" in p and
           "EXTERNAL" not in p and "504 5.5.4" in p,
           "s_client: the CA's name is told; without a certificate no "
           "EXTERNAL", p)
    p = s_client(h, typed, *mine, "-tls1_2")
    report("No client certificate CA names sent" in p and "EXTERNAL" not in p
           and "504 5.5.4" in p and "530 5.7.0" in p and
           "client-certificate" not in h.daemon.log().splitlines()[-2],
           "s_client: a client of TLS 1.2 is not asked", p)
    resumed(h, mine, typed)


def resumed(h, mine, typed):
    """A resumption would have no signature: there is nothing to resume."""
    session = T + "/session"
    first = s_client(h, typed, *mine, "-sess_out", session)
    report("235 2.7.0" in first and not os.path.exists(session),
           "s_client: no ticket is given, the proof is made anew", first)


# Memory: of a session that waits, private to it

def private(h):
    sizes = []
    for _ in range(5):
        before = {p for n in children(h.daemon.process.pid)
                  for p in children(n)}
        c = h.dial()
        talk(c, "EHLO x", "250")
        new = {p for n in children(h.daemon.process.pid)
               for p in children(n)} - before
        if len(new) != 1:
            raise Unexpected("sessions: %s" % new)
        with open("/proc/%d/smaps_rollup" % new.pop()) as f:
            sizes.append(sum(int(line.split()[1]) for line in f
                             if line.startswith("Private_")))
        leave(c)
        h.clients.remove(c)
    return statistics.median(sizes)


def memory(h, plain):
    if os.environ.get("SANITIZED") or os.getuid() != 0:
        skip("memory of a session", "it is the sanitizer's, or not ours")
        return
    with_ca, without = private(h), private(plain)
    print("# a waiting session's private memory: %d KB, with client-ca %d KB"
          % (without, with_ca))
    # the layout of the heap alone makes 50 KB from run to run
    report(with_ca - without <= 64, "a session without a certificate is no "
           "larger where they are asked for", with_ca, without)


# Other clients

def run(command, **how):
    p = subprocess.run(command, stdout=subprocess.PIPE, timeout=30 * SLOW,
                       stderr=subprocess.STDOUT, text=True, errors="replace",
                       **how)
    return p.returncode, p.stdout


def client(h, name, command, login, text, **how):
    """It sends a message as this login, by its certificate."""
    if not shutil.which(command[0]):
        skip(name, command[0] + " is not installed")
        return
    before, log = len(h.relay.completed), len(h.daemon.log())
    status, said = run(command, **how)
    done = wait(5, lambda: re.search(
        "event=auth .*user=%s mechanism=external" % login,
        h.daemon.log()[log:]))
    report(status == 0 and done and len(h.relay.completed) == before + 1 and
           text in h.relay.completed[-1].data, name, "status %d" % status,
           said, *h.log_tail(6))


def by_curl(h, message):
    url = "smtps://localhost:%d/client.example.net" % h.daemon.names["tlsport"]
    base = ["curl", "-sS", "-v", "--cacert", h.ca, "--mail-from",
            "alice@example.org", "--mail-rcpt", "bob@example.org", "-T",
            message, "--login-options", "AUTH=EXTERNAL"]
    client(h, "curl, as alice", base + [
        "--cert", T + "/alice.pem", "--key", T + "/alice.key", "--user",
        "alice:", url], "alice", b"by a certificate")
    client(h, "curl, STARTTLS, an RSA key", base + [
        "--cert", T + "/alice-rsa.pem", "--key", T + "/alice-rsa.key",
        "--user", "alice@example.org:", "--ssl-reqd",
        "smtp://localhost:%d/client.example.net" % h.daemon.names["port"]],
        "alice@example.org", b"by a certificate")
    status, said = run(base + ["--cert", T + "/alice.pem", "--key",
                               T + "/alice.key", "--user", "bob:", url])
    report(status == 67 and "535 5.7.8" in said, "curl, as bob: refused",
           status, said)


def by_others(h, message):
    files = {"tls_cert_file": "alice.pem", "tls_key_file": "alice.key"}
    rc = write(T + "/msmtprc", "account default\nhost localhost\nport %d\n"
               "from alice@example.org\nauth external\nuser alice\ntls on\n"
               "tls_trust_file %s\n" % (h.daemon.names["port"], h.ca) +
               "".join("%s %s/%s\n" % (k, T, v) for k, v in files.items()))
    with open(message) as f:
        client(h, "msmtp (GnuTLS), auth external", [
            "msmtp", "-C", rc, "bob@example.org"], "alice",
            b"by a certificate", stdin=f)
    write(T + "/msmtprc", open(rc).read().replace("auth external\nuser alice",
                                                  "auth off"))
    with open(message) as f:
        client(h, "msmtp, auth off: implicit", [
            "msmtp", "-C", rc, "bob@example.org"], "alice@example.org",
            b"by a certificate", stdin=f)
    client(h, "swaks, which knows no EXTERNAL: implicit", [
        "swaks", "--server", "localhost", "--port",
        str(h.daemon.names["port"]), "-tls", "--tls-cert", T + "/alice.pem",
        "--tls-key", T + "/alice.key", "--from", "alice@example.org", "--to",
        "bob@example.org", "--body", "by a certificate", "--h-From",
        "alice@example.org"],
        "alice@example.org", b"by a certificate")
    client(h, "s-nail, smtp-auth=external", [
        "s-nail", "-:/", "-Sv15-compat", "-Sexpandaddr", "-Stls-verify="
        "strict", "-Stls-ca-file=" + h.ca, "-Stls-ca-no-defaults",
        "-Stls-config-pairs=Certificate=%s/alice.pem,PrivateKey=%s/alice.key" %
        (T, T), "-Ssmtp-auth=external", "-Sfrom=alice@example.org", "-Smta="
        "submissions://alice@localhost:%d" % h.daemon.names["tlsport"],
        "-Sttycharset=utf-8", "-ssubject", "bob@example.org"], "alice",
        b"by a certificate", input="by a certificate\n")


def main():
    clientpki.make(T)
    with open(T + "/anchors.pem", "w") as out:
        for name in "middle", "self-signed":
            with open("%s/%s.pem" % (T, name)) as f:
                out.write(f.read())
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-days", "30", "-subj", "/CN=mail.example.org", "-addext",
                    "subjectAltName=DNS:mail.example.org", "-keyout",
                    T + "/rsa.key", "-out", T + "/rsa.pem"], check=True,
                   capture_output=True)
    os.chmod(T + "/rsa.key", 0o600)
    message = write(T + "/message", HEAD + b"by a certificate\r\n", 0o644)
    with house("EXTERNAL", CLIENT_CA, "senders " + SENDERS,
               "max-connections-per-source 100") as h:
        good(h, "an EC key")
        for row in bad, weak, exchange, implicit, handshakes:
            row(h)
        by_curl(h, message)
        by_others(h, message)
    with house("logins", CLIENT_CA) as h, house("no client-ca") as plain:
        identities(h)
        memory(h, plain)
    with house("RSA", CLIENT_CA, "certificate %s/rsa.pem %s/rsa.key" % (T,
                                                                  T)) as h:
        h.ca = T + "/rsa.pem"
        good(h, "an RSA key")
    revoked()
    anchors()
    without_helper()
    end()


if __name__ == "__main__":
    main()
