"""The rows of tls.t."""
import contextlib
import os
import re
import socket
import ssl
import statistics
import subprocess
import threading
import time

from common_driver import (SLOW, House, begin, children, end,
                           found_in, give_envelope, report, skip, talk, wait,
                           write)

BUILD, T = begin("tls")
CA = T + "/ca.pem"
KEYS = {"RSA-2048": "rsa:2048", "RSA-4096": "rsa:4096", "P-256": "P-256",
        "P-384": "P-384"}
ROOT = os.getuid() == 0


def openssl(*args, **how):
    return subprocess.run(("openssl",) + args, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=30 * SLOW,
                          **how)


def leaf(name, kind, names):
    path = "%s/%s" % (T, name)
    new = ["-newkey", kind] if kind.startswith("rsa") else [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + kind]
    write(path + ".ext", "subjectAltName=%s\nbasicConstraints=CA:FALSE\n" %
          ",".join("DNS:" + n for n in names))
    openssl("req", "-new", *new, "-nodes", "-subj", "/CN=" + name, "-keyout",
            path + ".key", "-out", path + ".csr", check=True)
    openssl("x509", "-req", "-in", path + ".csr", "-CA", CA, "-CAkey",
            T + "/ca.key", "-set_serial", str(1000 + len(os.listdir(T))),
            "-days", "30", "-extfile", path + ".ext", "-out", path + ".pem",
            check=True)
    os.chmod(path + ".key", 0o600)


def house(*certificates, name, **how):
    lines = ["certificate %s/%s.pem %s/%s.key" % (T, c, T, c)
             for c in certificates]
    return House(BUILD, T, lines + how.pop("config", []), name=name, **how)


# openssl s_client, against the daemon and a server that takes anything

def s_client(port, *args):
    """The suite that was agreed on, or None; and all it printed."""
    p = openssl("s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", CA,
                *args)
    found = re.search(r"New, \S+, Cipher is (\S+)", p.stdout)
    suite = found.group(1) if found and found.group(1) != "(NONE)" else None
    return suite, p.stdout


class Anything:
    """Takes every version and suite the library has, asks for a client
    certificate: by it we know that a client did offer what was refused."""

    def __init__(self, name):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.set_ciphers("ALL:@SECLEVEL=0")
        with contextlib.suppress(ValueError):
            c.minimum_version = ssl.TLSVersion.TLSv1
        c.load_cert_chain("%s/%s.pem" % (T, name), "%s/%s.key" % (T, name))
        c.load_verify_locations(CA)
        c.verify_mode = ssl.CERT_OPTIONAL
        if not os.path.exists(T + "/dh"):
            openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt",
                    "group:ffdhe2048", "-out", T + "/dh", check=True)
        c.load_dh_params(T + "/dh")
        self.context = c
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            sock, _ = self.listener.accept()
            try:
                sock.settimeout(5)
                with self.context.wrap_socket(sock, server_side=True) as s:
                    s.recv(1)
            except OSError:
                pass


OLD = "ALL:@SECLEVEL=0"
REFUSED = [
    ("TLS 1.0", "-tls1", "-cipher", OLD),
    ("TLS 1.1", "-tls1_1", "-cipher", OLD),
    ("AES128-SHA", "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"),
    ("AES256-GCM-SHA384, no forward secrecy", "-tls1_2", "-cipher",
     "AES256-GCM-SHA384"),
    ("ECDHE-RSA-AES128-SHA", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"),
    ("ECDHE-RSA-AES256-SHA384, CBC", "-tls1_2", "-cipher",
     "ECDHE-RSA-AES256-SHA384"),
    ("DHE-RSA-AES128-GCM-SHA256", "-tls1_2", "-cipher",
     "DHE-RSA-AES128-GCM-SHA256"),
]
REFUSED_EC = REFUSED[:2] + [
    ("ECDHE-ECDSA-AES128-SHA", "-tls1_2", "-cipher",
     "ECDHE-ECDSA-AES128-SHA"),
    ("ECDHE-ECDSA-AES128-CCM8", "-tls1_2", "-cipher",
     "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"),
]
NULL = [("anonymous and unencrypted", "-tls1_2", "-cipher",
         "aNULL:eNULL:@SECLEVEL=0")]
SUITES = ["ECDHE-%s-AES128-GCM-SHA256", "ECDHE-%s-AES256-GCM-SHA384",
          "ECDHE-%s-CHACHA20-POLY1305"]
SUITES_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
             "TLS_CHACHA20_POLY1305_SHA256"]


def suites(key):
    rsa = key.startswith("RSA")
    anything = Anything(key)
    with house(key, name=key) as h:
        h.dial()        # it listens
        port, clear = h.daemon.names["tlsport"], h.daemon.names["port"]
        for suite in SUITES:
            suite %= "RSA" if rsa else "ECDSA"
            got, out = s_client(port, "-tls1_2", "-cipher", suite,
                                "-verify_return_error")
            report(got == suite and "TLSv1.2" in out,
                   "%s, TLS 1.2: %s" % (key, suite), out[-600:])
        for suite in SUITES_13:
            got, out = s_client(port, "-tls1_3", "-ciphersuites", suite,
                                "-verify_return_error")
            report(got == suite and "TLSv1.3" in out,
                   "%s, TLS 1.3: %s" % (key, suite), out[-600:])
        for version in "-tls1_2", "-tls1_3":
            got, out = s_client(clear, version, "-starttls", "smtp",
                                "-verify_return_error")
            report(got, "%s, STARTTLS, %s" % (key, version), out[-600:])
        for name, *args in (REFUSED if rsa else REFUSED_EC) + NULL:
            control, _ = s_client(anything.port, *args)
            if not control and (name, *args) not in NULL:
                skip("%s refused: %s" % (key, name),
                     "openssl here cannot speak it")
                continue
            for how, where in ("", [port]), (", STARTTLS", [
                    clear, "-starttls", "smtp"]):
                got, out = s_client(*where, *args)
                report(got is None and re.search("alert|no ciphers|errno",
                                                 out),
                       "%s refused: %s%s" % (key, name, how), out[-600:])
        client_certificate(key, port, anything)
        greeting(key, h)


def client_certificate(key, port, anything):
    for version in "-tls1_2", "-tls1_3":
        own = [version, "-msg", "-cert", T + "/good.pem", "-key",
               T + "/good.key"]
        _, control = s_client(anything.port, *own)
        got, out = s_client(port, *own)
        report("CertificateRequest" in control and got and
               "CertificateRequest" not in out,
               "%s, %s: no client certificate is asked for" % (key, version),
               out[-600:])


def context(version=None, verify=True):
    c = ssl.create_default_context(cafile=CA)
    c.check_hostname = verify
    if version:
        c.minimum_version = c.maximum_version = version
    return c


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def greeting(key, h):
    """Nagle's algorithm would hold it until our delayed acknowledgement."""
    for version in V12, V13:
        times = []
        for _ in range(10):
            sock = h.daemon.dial("tlsport")
            with context(version).wrap_socket(
                    sock, server_hostname="mail.example.org") as s:
                since = time.monotonic()
                line = s.recv(100)
                times.append(1000 * (time.monotonic() - since))
        median = statistics.median(times)
        report(line == b"220 mail.example.org ESMTP smtpsubmitd\r\n" and
               median < 35 * SLOW, "%s, %s: the greeting comes at once" % (
                   key, version.name), line, times)


# SNI

def sni():
    with house("RSA-2048", "second", name="SNI") as h:
        def shown(version, name):
            sock = h.daemon.dial("tlsport")
            with context(version, False).wrap_socket(
                    sock, server_hostname=name) as s:
                s.recv(100)
                subject = s.getpeercert()["subject"]
            return subject[0][0][1]

        for version in V12, V13:
            for name, want in [("mail.example.org", "RSA-2048"),
                               ("second.example.org", "second"),
                               ("SECOND.Example.ORG", "second"),
                               (None, "RSA-2048"),
                               ("unknown.example.net", "RSA-2048")]:
                try:
                    got = shown(version, name)
                except OSError as e:
                    got = e
                report(got == want, "SNI, %s: %s gets %s" % (
                    version.name, name or "no name", want), got)


# Handshakes that are none

def hostile():
    with house("P-256", name="handshakes", config=["idle-timeout 2s"]) as h:
        hello = h.dial()
        talk(hello, "QUIT", "221")
        hello.closed()
        for name, octets in [
                ("EHLO", b"EHLO client.example.net\r\n" * 3),
                ("HTTP", b"GET / HTTP/1.0\r\n\r\n"),
                ("random octets", os.urandom(400)),
                ("zeroes", bytes(70000)),
                ("a record of 65535", b"\x16\x03\x01\xff\xff" + bytes(70000)),
                ("an empty record", b"\x16\x03\x01\0\0" * 50),
                ("SSLv2", b"\x80\x2e\x01\0\x02" + bytes(43))]:
            for how in "tls", "starttls":
                garbage(h, name, octets, how)
        stalled(h)
        again = h.dial()
        talk(again, "QUIT", "221")
        again.closed()


def at_handshake(h, how):
    sock = h.daemon.dial("tlsport" if how == "tls" else "port")
    sock.settimeout(6 * SLOW)
    if how == "starttls":
        for line in b"", b"EHLO x\r\n", b"STARTTLS\r\n":
            sock.sendall(line)
            answer = sock.recv(4096)
        if not answer.startswith(b"220 "):
            raise RuntimeError(answer)
    return sock


def until_end(sock):
    got = b""
    try:
        while piece := sock.recv(4096):
            got += piece
    except ConnectionError:
        pass
    except TimeoutError:
        return got, False
    return got, True


def garbage(h, name, octets, how):
    before = h.daemon.log().count("event=tls-failed")
    with at_handshake(h, how) as sock:
        since = time.monotonic()
        with contextlib.suppress(ConnectionError):
            sock.sendall(octets)
        got, ended = until_end(sock)
    took = time.monotonic() - since
    report(ended and took < 4 * SLOW and
           re.fullmatch(rb"(\x15\x03.\0\x02..)*", got, re.S) and
           wait(2, lambda: before < (h.daemon.log().count("event=tls-failed")
                + h.daemon.log().count("handshake took too long"))),
           "instead of a handshake (%s): %s" % (how, name),
           got, "ended: %s, %.1f s" % (ended, took), *h.log_tail(5))


def stalled(h):
    """Two seconds are the limit here, however the client stalls."""
    bio_in, bio_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(V12).wrap_bio(bio_in, bio_out,
                                server_hostname="mail.example.org")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = bio_out.read()

    def drip(sock):
        for i in range(len(hello)):
            sock.sendall(hello[i:i + 1])
            time.sleep(0.2)

    threads = []
    for name, send in [
            ("nothing comes", lambda s: None),
            ("half a ClientHello", lambda s: s.sendall(hello[:100])),
            ("a ClientHello, then nothing", lambda s: s.sendall(hello)),
            ("a ClientHello octet by octet", drip)]:
        for how in "tls", "starttls":
            t = threading.Thread(target=stall, daemon=True, args=(
                h, name, how, send, send is drip))
            t.start()
            threads.append(t)
    for t in threads:
        t.join()


def stall(h, name, how, send, aside):
    with at_handshake(h, how) as sock:
        since = time.monotonic()
        if aside:
            threading.Thread(target=ignore, args=(send, sock),
                             daemon=True).start()
        else:
            send(sock)
        _, ended = until_end(sock)
        took = time.monotonic() - since
    report(ended and 1.5 < took < 3.5 * SLOW, "stalled (%s): %s" % (how, name),
           "ended: %s, %.1f s" % (ended, took), *h.log_tail(4))


def ignore(f, *args):
    with contextlib.suppress(OSError):
        f(*args)


# The processes and what is in them

def numbers(key):
    """The secret numbers of a key: name and octets, most significant first."""
    text = openssl("pkey", "-in", "%s/%s.key" % (T, key), "-noout",
                   "-text").stdout
    names = ("priv", "prime1", "prime2", "privateExponent", "exponent1",
             "exponent2", "coefficient")
    found = re.findall(r"^(%s):\n((?:    .*\n)+)" % "|".join(names), text,
                       re.M)
    return {name: bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
            for name, digits in found}


def needles(key):
    """Pieces of 16 octets of each secret number, in both orders, and of the
    key file's text."""
    out = {}
    for name, octets in numbers(key).items():
        for order, value in ("", octets), (" reversed", octets[::-1]):
            for i in range(0, len(value) - 15, 16):
                out[value[i:i + 16]] = "%s %s%s" % (key, name, order)
    lines = open("%s/%s.key" % (T, key)).read().split("\n")[1:-2]
    for line in lines[len(lines) // 2:]:    # the modulus is further up
        out[line.encode()[:40]] = key + " PEM"
    return out


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", f.read(), re.M))


def fences(role, pid):
    s = status(pid)
    uid = "65534"
    report(s["Uid"].split() == 4 * [uid] and s["Gid"].split() == 4 * [uid] and
           s["Groups"] in ("", uid), role + ": uid and gid of the user, "
           "no further group", s["Uid"], s["Gid"], s["Groups"])
    report(all(int(s["Cap" + c], 16) == 0 for c in
               ("Inh", "Prm", "Eff", "Amb")), role + ": no capabilities", s)
    report(s["NoNewPrivs"] == "1", role + ": no new privileges", s)
    root = os.readlink("/proc/%d/root" % pid)
    inside = os.listdir("/proc/%d/root/" % pid)
    report(root == "/run/smtpsubmitd/empty" and inside == [] and
           os.readlink("/proc/%d/cwd" % pid) == root,
           role + ": the root is an empty directory", root, inside)
    st = os.stat(root)
    report(st.st_uid == 0 and st.st_mode & 0o022 == 0,
           role + ": which it cannot write", st)
    owners = {f: os.stat("/proc/%d/%s" % (pid, f)).st_uid
              for f in ("mem", "environ", "maps", "fd")}
    report(set(owners.values()) == {0}, role + ": not dumpable", owners)


def descriptors(role, pid, listening):
    """No listening socket, no file but the log."""
    names = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):
            names[fd] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    bad = [n for n in names.values() if n in listening or (
        n.startswith("/") and n != "/dev/null")]
    report(names and not bad, role + ": no listening socket, no file", names)


def listening_sockets():
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    return {"socket:[%s]" % r[9] for r in rows if r[3] == "0A"}


def processes():
    secret = {**needles("RSA-2048"), **needles("second")}
    credentials = write(T + "/credentials", "smarthost smarthostpw\n")
    config = ["relay-credentials " + credentials]
    with house("RSA-2048", "second", name="processes", config=config,
               relay=["with AUTH PLAIN", "login smarthost smarthostpw"]) as h:
        idle = h.dial()                     # RSA, has not logged in
        monitor = h.daemon.process.pid
        [nursery] = children(monitor)
        first = children(nursery)
        c = h.login()
        give_envelope(c)
        talk(c, "NOOP", "250")
        roles = {p: "session" for p in children(nursery)}
        for p in roles:
            if h.relay.port in peers(p):
                roles[p] = "relay"
        report(sorted(roles.values()) == ["relay", "session", "session"] and
               set(first) <= set(roles), "monitor, nursery, two sessions and "
               "a relay are there", roles)
        with elliptic(h) as sock:           # and one whose key was the other
            for p in children(nursery):
                if p not in roles:
                    roles[p] = "session, EC"
            scan(monitor, nursery, roles, secret)
            listening = listening_sockets()
            for pid, role in sorted(roles.items(), key=lambda x: x[1]):
                fences(role, pid)
                descriptors(role, pid, listening)
            sock.recv(1)
        talk(idle, "NOOP", "250")
        talk(c, "RSET", "250")


@contextlib.contextmanager
def elliptic(h):
    sock = h.daemon.dial("tlsport")
    with context(V12).wrap_socket(
            sock, server_hostname="second.example.org") as s:
        expect_key = s.getpeercert()["subject"][0][0][1]
        report(expect_key == "second", "a session of the EC key", expect_key)
        s.recv(10)
        yield s


def peers(pid):
    """Ports its TCP sockets are connected to."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    port = {"socket:[%s]" % r[9]: int(r[2].split(":")[1], 16) for r in rows}
    out = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):
            out.add(port.get(os.readlink("/proc/%d/fd/%s" % (pid, fd))))
    return out


PASSWORD = {b"\0alice\0alicepw": "password", b"alicepw": "password",
            b"AGFsaWNlAGFsaWNlcHc": "password in base64"}


def scan(monitor, nursery, roles, secret):
    wanted = dict(secret)
    wanted[b"smarthostpw"] = "relay credential"
    found, size = found_in(monitor, wanted)
    want = {w for w in wanted.values()
            if "reversed" not in w and "PEM" not in w}
    report(want <= found, "the monitor's memory holds the keys (so they can "
           "be found)", want - found, "%d octets read" % size)
    for pid, role in [(nursery, "nursery")] + sorted(roles.items()):
        found, size = found_in(pid, wanted)
        if role == "relay":
            report("relay credential" in found, "the relay knows its "
                   "credential", found)
            found.discard("relay credential")
        if role == "session":
            found |= found_in(pid, PASSWORD)[0]
        report(not found and size > 1000000,
               "no key in the memory of: " + role, found,
               "%d octets read" % size)


for name_, kind_ in KEYS.items():
    leaf(name_, kind_, ["mail.example.org", "localhost"])
leaf("second", "P-256", ["second.example.org"])
for key_ in KEYS:
    suites(key_)
sni()
hostile()
if ROOT:
    processes()
else:
    skip("processes", "must run as root")
end()
