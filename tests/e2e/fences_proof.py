"""fences.t: AUTH EXTERNAL asked for by a seized session. It may claim what
it likes, but without the client's signature over this very handshake nobody
is logged in; with it, which is what an honest session has, Alice is."""
import contextlib
import hashlib
import os
import subprocess
import time

from common_driver import end, report, wait
from fences_puppet import FRAMES, Dead, Seized, after, octets
from fences_rules import (BUILD, EC, PKCS1, RAW, RSA, T, dies, house,
                          make_rsa, openssl, pss, sign)
import clientpki

NAMES = ("client-ca other-ca alice alice-rsa bob-name expired server-only "
         "weak self-signed stranger forged").split()
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()
YES, NO, LATER, NO_MORE = range(4)      # enum auth_verdict


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def message(kind, body):
    return bytes([kind]) + vector(3, body)


def hello(random, suite=1):
    return message(2, b"\3\3" + random + vector(1, b"") + bytes([0x13, suite])
                   + bytes(3))


def offer(suite=1, retried=False):
    """What the server's CertificateVerify is about, by our own random."""
    out = message(1, os.urandom(40))
    if retried:
        out += hello(RETRY, suite) + message(1, os.urandom(50))
    return out + (hello(os.urandom(32), suite) + message(8, bytes(2)) +
                  message(13, bytes(3)) + message(11, bytes(9)))


def transcript_hash(data, suite=1, retried=False):
    md = hashlib.sha384 if suite == 2 else hashlib.sha256
    if retried:
        n = 4 + int.from_bytes(data[1:4], "big")
        first = md(data[:n]).digest()
        data = bytes([254, 0, 0, len(first)]) + first + data[n:]
    return md(data).digest()


def content(side, hashed):
    return (b" " * 64 + b"TLS 1.3, %s CertificateVerify\0" % side + hashed)


def der(name):
    return openssl("x509", "-in", "%s/%s.pem" % (T, name), "-outform", "DER")


def chain(*ders):
    return message(11, b"\0" + vector(3, b"".join(
        vector(3, d) + b"\0\0" for d in ders)))


def client_sign(key, data):
    path = "%s/data%s" % (T, os.urandom(4).hex())
    with open(path, "wb") as f:
        f.write(data)
    how = ["dgst", "-sha256", "-sign", "%s/%s.key" % (T, key)]
    scheme = b"\4\3"
    if "rsa" in key or key == "weak":
        how += ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
                "rsa_pss_saltlen:digest"]
        scheme = b"\x08\4"
    out = openssl(*how, path)
    os.unlink(path)
    return message(15, scheme + vector(2, out))


class Proof:
    """A handshake whose both ends are ours, but for the server's key."""

    def __init__(self, suite=1, retried=False, rsa=False):
        self.suite, self.retried, self.rsa = suite, retried, rsa
        self.offer = offer(suite, retried)
        self.hash = transcript_hash(self.offer, suite, retried)
        digest = hashlib.sha256(content(b"server", self.hash)).digest()
        self.salt = os.urandom(32)
        self.to_sign = pss(digest, self.salt) if rsa else digest

    def request(self, hashed=None):
        return sign(0 if self.rsa else 1, RSA if self.rsa else EC,
                    RAW if self.rsa else 0, self.to_sign,
                    self.hash if hashed is None else hashed)

    def signed(self, s):
        """The server's signature, of the real monitor."""
        got = s.ask(*self.request())
        self.signature = got[2][2:]
        return self

    def client(self, certificates, key, side=b"client", end=b""):
        self.transcript = (self.offer + message(15, (
            b"\x08\4" if self.rsa else b"\4\3") + vector(2, self.signature)) +
            message(20, os.urandom(32)) + certificates + end)
        self.verify = client_sign(key, content(side, transcript_hash(
            self.transcript, self.suite, self.retried)))
        return self

    def claim(self, authzid=""):
        return "S_CERTIFICATE", (octets(authzid) + octets(self.transcript) +
                                 octets(self.verify))


def verdict(frame):
    """The monitor's; behind a good one more is told."""
    return frame[2][0] if isinstance(frame, tuple) else frame


def alice(s, **how):
    return Proof(**how).signed(s).client(chain(der("alice")), "alice")


def holds(h):
    """Whoever has Alice's key is Alice; the control of what follows."""
    for name, how in [
            ("EC, SHA-256", {}), ("EC, SHA-384", {"suite": 2}),
            ("EC, after a HelloRetryRequest", {"retried": True}),
            ("EC, SHA-384 and a HelloRetryRequest",
             {"suite": 2, "retried": True}), ("RSA", {"rsa": True}),
            ("RSA, after a HelloRetryRequest", {"rsa": True,
                                                "retried": True})]:
        with Seized(h) as s:
            got = s.ask(*alice(s, **how).claim())
            after(h, "a proof holds: " + name, got[:2] == (
                FRAMES["S_CERTIFICATE"], 0) and verdict(got) == YES and
                  s.logged(
                    "event=auth client=127.0.0.66 user=alice@example.org "
                    "mechanism=external certificate=CN=Alice "),
                got, *s.tail())
    with Seized(h) as s:
        p = Proof().signed(s).client(chain(der("alice-rsa")), "alice-rsa")
        got = s.ask(*p.claim("alice"))
        relay = s.relay()
        after(h, "a proof holds: a client's RSA key, as alice", verdict(got)
              == YES and relay and s.logged("event=auth .* user=alice "), got)


def is_end(s, name, reason, *requests):
    """The last one is the end of the session, whatever it was."""
    got = None
    with contextlib.suppress(Dead):
        for request in requests:
            got = s.ask(*request)
    after(s.house, name, got is None and s.logged(
        'event=violation client=127.0.0.66 .*reason=.*' + reason), got,
        *s.tail())


def replayed(h):
    """Alice's proof of one connection, taken along to another."""
    for kind in {}, {"rsa": True}:
        name = "RSA" if kind else "EC"
        with Seized(h) as s:
            old = alice(s, **kind)
            got = s.ask(*old.claim())
        report(verdict(got) == YES, "a proof to replay, " + name, got)
        with Seized(h) as s:
            is_end(s, "replayed without a handshake, " + name,
                   "without a handshake", old.claim())
        with Seized(h) as s:
            # with the same padding a plain RSA signature would be the same
            new = s.ask(*old.request())[2][2:]
            report(new != old.signature, "the same is never signed the same "
                   "way, " + name)
            is_end(s, "replayed in its own handshake, " + name,
                   "transcript of another handshake", old.claim())
        with Seized(h) as s:
            Proof(**kind).signed(s)
            is_end(s, "replayed in another handshake, " + name,
                   "transcript of another handshake", old.claim())
        with Seized(h) as s:
            p = Proof(**kind).signed(s)
            p.signature = old.signature
            is_end(s, "with the signature of another connection, " + name,
                   "transcript of another handshake",
                   p.client(chain(der("alice")), "alice").claim())
        with Seized(h) as s:
            mine = Proof(**kind).signed(s)
            other = Proof(**kind)
            other.signature = mine.signature
            is_end(s, "another handshake with this signature, " + name,
                   "transcript of another handshake",
                   other.client(chain(der("alice")), "alice").claim())


def signs_badly(h):
    """What the monitor shall keep as signed is what it has signed."""
    for name, p in ("EC", Proof()), ("RSA", Proof(rsa=True)):
        dies(h, "a hash that is not signed, " + name, None, "no handshake",
             p.request(bytes(32)))
        dies(h, "a hash of no length, " + name, None, "no handshake",
             p.request(bytes(20)))
        with Seized(h) as s:
            s.ask(*p.request(b""))
            p.signature = b"x"
            is_end(s, "a handshake without its hash, " + name,
                   "without a handshake",
                   p.client(chain(der("alice")), "alice").claim())
    p = Proof(rsa=True)
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = hashlib.sha256(content(b"server", p.hash)).digest()
    dies(h, "PKCS #1 with a hash", None, "no handshake",
         sign(0, RSA, PKCS1, info + digest, p.hash))
    dies(h, "a client's content with its hash", None, "no handshake", sign(
        1, EC, 0, hashlib.sha256(content(b"client", p.hash)).digest(),
        p.hash))


def altered(h):
    """The transcript is this handshake's, the client's part is not right."""
    theirs = "CertificateVerify that is not the certificate's"
    good, bob = der("alice"), der("bob-name")
    for name, reason, certificates, key, how in [
            ("Bob's certificate, Alice's signature", theirs, chain(bob),
             "alice", {}),
            ("Bob's certificate before Alice's", theirs, chain(bob, good),
             "alice", {}),
            ("the server's context", theirs, chain(good), "alice",
             {"side": b"server"}),
            ("no certificate", "no transcript", message(11, bytes(4)),
             "alice", {}),
            ("an octet behind it", "no transcript", chain(good), "alice",
             {"end": b"\0"}),
            ("a message behind it", "no transcript", chain(good), "alice",
             {"end": message(15, b"\4\3\0\1x")})]:
        with Seized(h) as s:
            p = Proof().signed(s).client(certificates, key, **how)
            is_end(s, "altered: " + name, reason, p.claim())
    with Seized(h) as s:
        p = alice(s)
        p.verify = message(20, b"x")
        is_end(s, "altered: no signature at all", "no CertificateVerify",
               p.claim())
    with Seized(h) as s:
        p, other = alice(s), Proof()
        other.signature = p.signature
        p.verify = other.client(chain(good), "alice").verify
        is_end(s, "altered: Alice's signature of something else", theirs,
               p.claim())


def refused(h):
    """The proof holds, the certificate is not good: a failed login."""
    good = der("alice")
    at = good.index(b"alice@example.org")
    other = good[:at] + b"bobby" + good[at + 5:]
    for name, reason, certificates, key in [
            ("expired", "expired", chain(der("expired")), "expired"),
            ("self-signed", "self.signed", chain(der("self-signed")),
             "self-signed"),
            ("of another CA with the same name", "issuer|signature failure",
             chain(der("stranger")), "stranger"),
            ("and that CA's own certificate with it", "self.signed",
             chain(der("stranger"), der("other-ca")), "stranger"),
            ("for servers only", "purpose", chain(der("server-only")),
             "server-only"),
            ("a weak key", "weak", chain(der("weak")), "weak"),
            ("signed by an end user", "CA", chain(der("forged"), good),
             "forged"),
            ("with another address", "signature failure", chain(other),
             "alice"),
            ("that is none", "cannot be read", chain(os.urandom(300)),
             "alice"),
            ("with an octet behind it", "cannot be read", chain(good + b"x"),
             "alice"),
            ("and ten more", "cannot be read", chain(*[good] * 11),
             "alice")]:
        with Seized(h) as s:
            p = Proof().signed(s).client(certificates, key)
            got = s.ask(*p.claim())
            after(h, "a certificate " + name, verdict(got) == NO and
                  s.logged(
                    'event=auth-failed client=127.0.0.66 user="" '
                    'mechanism=external reason="?.*(%s).* certificate=' % reason), got, *s.tail())
    with Seized(h) as s:
        got = s.ask(*alice(s).claim("bob"))
        after(h, "Alice's certificate for Bob's login", verdict(got) == NO and
              s.logged('event=auth-failed .* user=bob mechanism=external reason="the certificate '
                       'does not name this login"'), got)
        is_end(s, "and no relay after it", "wrong time", ("S_RELAY", b""))


def frames(h):
    bad = "malformed certificate login"
    for name, payload in [
            ("nothing", b""), ("an identity only", octets("alice")),
            ("cut short", octets("") + octets(b"x") + b"\5\0x"),
            ("something behind", octets("") * 3 + b"x"),
            ("an identity with NUL", octets("a\0b") + octets("") * 2),
            ("an identity of 256", octets("a" * 256) + octets("") * 2),
            ("a transcript of 40000", octets("") + octets(bytes(40000)) +
             octets("")),
            ("a signature of 5000", octets("") * 2 + octets(bytes(5000)))]:
        dies(h, "certificate login, " + name, None, bad, (
            "S_CERTIFICATE", payload))
    with Seized(h, "bob") as s:
        is_end(s, "a certificate login after a login", "wrong time",
               ("S_CERTIFICATE", octets("") * 3))
    with Seized(h) as s:
        p = alice(s)
        with contextlib.suppress(Dead):
            s.send("m", *p.claim("x"), times=2)
            s.recv("m")
            s.recv("m")
        after(h, "two certificate logins at once", s.logged(
            "reason=.*(second login|wrong time)"), *s.tail())
    with Seized(h) as s:
        p = alice(s)
        got = [verdict(s.ask(*p.claim("bob"))) for _ in range(3)]
        report(got == [NO, NO, NO_MORE], "three tries, as with passwords",
               got)
        is_end(s, "a certificate login after the last try", "last try",
               p.claim())


def not_asked(h):
    """Where no client-ca is configured, there is nothing to prove."""
    with Seized(h) as s:
        p = alice(s)
        is_end(s, "no client-ca, no certificate login", "without a handshake",
               p.claim())


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


def fence(by_root):
    """checkcertificate while it waits for what to read."""
    claim, answer = os.pipe(), os.pipe()
    command = [BUILD + "/checkcertificate"]
    who = {}
    if by_root:
        command += ["-u", "65534:65534"]
    elif os.getuid() == 0:
        who = dict(user=65534, group=65534, extra_groups=[])
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" 3<&%d 4>&%d' % (claim[0], answer[1]), "sh"] +
        command + [T + "/client-ca.pem"], pass_fds=(claim[0], answer[1]),
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **who)
    ready = wait(10, lambda: status(process.pid).get("Seccomp") == "2")
    got = status(process.pid)
    root = os.readlink("/proc/%d/root" % process.pid)
    want = {"NoNewPrivs": "1", "CapEff": 16 * "0", "Seccomp": "2"}
    if by_root:
        want["Uid"] = "\t".join(4 * ["65534"])
        want["Groups"] = " "
    wrong = {k: got.get(k) for k, v in want.items()
             if got.get(k, "").rstrip() != v.rstrip()}
    if by_root and not root.endswith("/empty"):
        wrong["root"] = root
    report(ready and not wrong, "checkcertificate has its fence, started "
           "by " + ("root" if by_root else "another user"), wrong)
    os.close(claim[1])
    os.close(answer[1])
    process.wait(10)
    said = os.read(answer[0], 4096)
    report(process.returncode == 3 and b"REASON=" in said,
           "checkcertificate: nothing is no proof", process.returncode, said)
    for fd in claim[0], answer[0]:
        os.close(fd)


def main():
    make_rsa()
    clientpki.make(T, NAMES)
    time.sleep(0.1)
    ca = "client-ca %s/client-ca.pem" % T
    no_wait = "auth-penalty 0s"
    with house("proofs", ca, no_wait) as h, house("no client-ca") as none:
        for row in (holds, replayed, signs_badly, altered, refused, frames):
            row(h)
        not_asked(none)
    fence(False)
    if os.getuid() == 0:
        fence(True)
    end()


if __name__ == "__main__":
    main()
