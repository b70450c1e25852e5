"""The rows of doctor.t; SHOW=1 prints what is found."""
import ctypes
import errno
import os
import plistlib
import pty
import pwd
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

from common_driver import (HERE, SLOW, Relay, at_end, begin, end, report,
                           skip, write)
from alone import NameServer, alone
from imapfetch_servers import Cyrus, Dovecot, free_ports

BUILD, T = begin("doctor")
PROGRAM = os.path.join(BUILD, "smtpsubmitd")
ROOT = os.getuid() == 0
ALONE = sys.argv[1:] == ["alone"]       # the network is ours
SECRETS = re.compile("ya29|submitpw|masterpw|smarthostpw|alicepw|bobpw|wrongpw|"
                     "c21hcnRob3N0cH|AHNtYXJ0aG9zd|PRIVATE KEY")
NOBODY = dict(user=65534, group=65534, extra_groups=[])
CA = T + "/ca.pem"
RELAY = T + "/relay-login"
write(RELAY, "smarthost smarthostpw\n")
TOKEN = write(T + "/token", "me@example.com ya29.token\n")
GOOD = {
    "hostname": "hostname mail.example.org",
    "certificate": "certificate %s/good.pem %s/good.key" % (T, T),
    "auth": "auth %s/checkpassword-file %s/users" % (BUILD, T),
    "libexec": "libexec " + BUILD,
    "relay": "relay maildir://%s/Maildir" % T,
    "relay-ca": "relay-ca " + CA,
    "user": "user nobody",
}
if not ROOT:
    del GOOD["user"]
os.mkdir(T + "/Maildir")
if ROOT:
    os.chown(T + "/Maildir", 65534, 65534)
number = 0


def doctor(lines, *args, env={}, conf=None, **how):
    """Status, and what it said: {"ok": [line and remedy, ...], ...}."""
    global number
    number += 1
    words = {line.split(" ")[0] for line in lines}
    text = [GOOD[w] for w in GOOD if w not in words] + [
        line for line in lines if not line.startswith("-")]
    conf = conf or write(T + "/conf%d" % number, "\n".join(text) + "\n", 0o644)
    how.setdefault("cwd", T)
    p = subprocess.run([PROGRAM, "-n", *args, "-f", conf],
                       stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=120 * SLOW, text=True,
                       env=dict(os.environ, SSL_CERT_FILE=CA, **env), **how)
    said = {"ok": [], "warn": [], "FAIL": [], "all": p.stdout + p.stderr,
            "err": p.stderr}
    last = None
    for line in p.stdout.splitlines():
        if re.match("(ok  |warn|FAIL) ", line):
            last = said[line[:4].strip()]
            last.append(line[5:])
        elif line.startswith("     ") and last:
            last[-1] += " // " + line.strip()
    if SECRETS.search(said["all"]):
        report(False, "no secret is shown", said["all"])
    counts = "%d ok, %d warn, %d FAIL" % tuple(
        len(said[g]) for g in ("ok", "warn", "FAIL"))
    if p.returncode in (0, 1) and counts not in p.stdout.splitlines()[-1:]:
        report(False, "the last line counts", counts, p.stdout[-200:])
    return p.returncode, said


STATUS = {"ok": 0, "warn": 0, "FAIL": 1}


def row(name, lines, grade, pattern, remedy=None, *args, status=None, **how):
    """One finding of this grade, which matches, with this remedy."""
    got, said = doctor(lines, *args, **how)
    want = STATUS[grade] if status is None else status
    found = [f for f in said[grade] if re.search(pattern, f)]
    if os.environ.get("SHOW"):
        print("# %s %s" % (grade, found))
    report(got == want and len(found) == 1 and (
        remedy is None or re.search(" // .*" + remedy, found[0])) and
        said["err"] == "", name, "status %s, wanted %s: %s: %s // %s" % (
            got, want, grade, pattern, remedy), said["all"])


# Certificates

def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   cwd=T)


def key(name, kind="EC", option="ec_paramgen_curve:P-256"):
    openssl("genpkey", "-algorithm", kind, *(
        ["-pkeyopt", option] if option else []), "-out", name + ".key")
    os.chmod("%s/%s.key" % (T, name), 0o600)


def issue(name, ca="ca", dates=(), names="DNS:mail.example.org",
          extra="extendedKeyUsage=serverAuth", days="90"):
    """NAME.pem for NAME.key; only `openssl ca` can set dates here."""
    db = T + "/db." + name
    os.mkdir(db)
    write(db + "/index", "")
    write(db + "/conf", """[ca]
default_ca=d
[d]
database=%s/index
rand_serial=yes
new_certs_dir=%s
default_md=sha256
policy=p
unique_subject=no
[p]
commonName=supplied
[v]
%s
%s
""" % (db, db, "subjectAltName=" + names if names else "", extra))
    openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=test " + name,
            "-out", name + ".csr")
    openssl("ca", "-batch", "-config", db + "/conf", "-extensions", "v",
            "-cert", ca + ".pem", "-keyfile", ca + ".key", "-in",
            name + ".csr", "-out", name + ".pem", "-notext",
            *(dates or ("-days", days)))


def contents(*names):
    text = ""
    for name in names:
        with open("%s/%s.pem" % (T, name)) as f:
            text += f.read()
    return text


def make_certificates():
    for name in "expired", "future", "soon", "client", "inter", "below":
        key(name)
    key("ed", "ED25519", None)
    key("small", "RSA", "rsa_keygen_bits:1024")
    key("p521", "EC", "ec_paramgen_curve:P-521")
    issue("expired", dates=("-startdate", "20200101000000Z", "-enddate",
                            "20200301000000Z"))
    issue("future", dates=("-startdate", "20990101000000Z", "-enddate",
                           "20990301000000Z"))
    issue("soon", days="10")
    issue("client", extra="extendedKeyUsage=clientAuth")
    issue("inter", names=None, extra="basicConstraints=critical,CA:TRUE")
    issue("below", "inter", extra="authorityInfoAccess=caIssuers;URI:"
          "http://ca.example.net/inter.crt\nextendedKeyUsage=serverAuth")
    for name in "ed", "small", "p521":
        issue(name)
    for name, parts in [("full", ("below", "inter")),
                        ("mixed", ("below", "ca", "inter"))]:
        write("%s/%s.pem" % (T, name), contents(*parts))
    openssl("req", "-x509", "-key", "good.key", "-subj", "/CN=self", "-addext",
            "subjectAltName=DNS:mail.example.org", "-days", "90", "-out",
            "self.pem")
    openssl("req", "-x509", "-key", "good.key", "-subj",
            "/CN=mail.example.org", "-days", "90", "-out", "nosan.pem")
    shutil.copy(T + "/good.key", T + "/open.key")
    os.chmod(T + "/open.key", 0o644)


def pair(chain, its_key=None):
    return "certificate %s/%s.pem %s/%s.key" % (T, chain, T, its_key or chain)


def certificates():
    make_certificates()
    for name, lines, grade, *rest in [
            ("a good one", [pair("good")], "ok", "good.pem: matches "),
            ("kind and names", [pair("good")], "ok",
             "good.pem: EC P-256, for mail.example.org, localhost"),
            ("days left", [pair("good")], "ok",
             r"good.pem: valid until 20\d\d-\d\d-\d\d \d\d:\d\d UTC, "
             "(29|30) days"),
            ("trusted", [pair("good")], "ok", "leads to a root"),
            ("expired", [pair("expired")], "FAIL",
             "expired.pem: \"test expired\" has expired on 2020-03-01",
             "Renew it.*SIGHUP"),
            ("not yet valid", [pair("future")], "FAIL",
             "is not valid before 2099-01-01", "clock"),
            ("a few days left", [pair("soon")], "warn",
             r"expires on .* in (9|10) days", "Renew it"),
            ("other names", [pair("wrong-name")], "FAIL",
             "is for other.example.net, not for mail.example.org",
             "names mail.example.org"),
            ("no names", [pair("nosan", "good")], "FAIL",
             "is for no name, not for", "names mail.example.org"),
            ("another certificate has the name", [
                pair("wrong-name"), pair("good")], "ok",
             "wrong-name.pem: EC P-256, for other"),
            ("missing intermediate", [pair("below")], "FAIL",
             'intermediate certificate is missing, "test inter"',
             "fullchain.pem.*http://ca.example.net/inter.crt"),
            ("whole chain", [pair("full", "below")], "ok", "leads to a root"),
            ("chain out of order", [pair("mixed", "below")], "warn",
             "certificate 2 of the file did not issue", "Order"),
            ("unknown issuer", [pair("untrusted")], "warn",
             'its issuer "test stranger" is neither', "own CA's root"),
            ("self-signed", [pair("self", "good")], "warn",
             "does not trust its root", "public CA"),
            ("for clients only", [pair("client")], "FAIL",
             "clients will refuse it: ", "meant for servers"),
            ("P-521", [pair("p521")], "warn", "secp521r1: many", "P-256"),
            ("tls optional", ["tls optional"], "warn",
             "may come in the clear", "tls required")]:
        row("certificate: " + name, lines, grade, *rest[:1],
            rest[1] if len(rest) > 1 else None, "-d")
    row("certificate: RSA of 1024 bits", [pair("small")], "warn",
        "RSA of 1024 bits: many clients", "2048 to 4096", "-d", status=78)
    for name, line, why, remedy in [
            ("key of another", pair("good", "wrong-name"),
             "wrong-name.key: is not the certificate's key", "one renewal"),
            ("Ed25519", pair("ed"), "ed.pem: the key must be RSA.*EC",
             "key-type ecdsa"),
            ("key that others can read", pair("good", "open"),
             "open.key: others may read.*chmod o-rw", "replace the secret"),
            ("key and chain exchanged",
             "certificate %s/good.key %s/good.pem" % (T, T),
             "good.key: no certificate in PEM", "BEGIN CERTIFICATE")]:
        row("certificate: " + name, [line], "FAIL", why, remedy, "-d",
            status=78)


# Files

def copy_of(program, directory, mode=0o755):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, program)
    shutil.copy(os.path.join(BUILD, program), path)
    os.chmod(path, mode)
    return path


def files():
    helper = copy_of("checkpassword-file", T + "/bin")
    others = copy_of("checkpassword-file", T + "/bin1", 0o757)
    group = copy_of("checkpassword-file", T + "/bin2", 0o775)
    inside = copy_of("checkpassword-file", T + "/bin3/deep")
    os.chmod(T + "/bin3", 0o777)
    row("files: a good helper", ["auth %s x" % helper], "ok",
        "^auth: .*/bin/checkpassword-file: nobody else", None, "-d")
    row("files: helper that anybody may change", ["auth %s x" % others],
        "FAIL", "^auth: anybody may change .*bin1/checkpassword-file",
        "chmod o-w .*bin1/checkpassword-file", "-d")
    row("files: helper in a directory that anybody may change",
        ["auth %s x" % inside], "FAIL", "^auth: anybody may change .*/bin3$|"
        "^auth: anybody may change .*/bin3 ", "chmod o-w .*/bin3", "-d")
    conf = write(T + "/open-conf", "\n".join(GOOD.values()) + "\n", 0o646)
    row("files: configuration that anybody may change", [], "FAIL",
        "^configuration: anybody may change", "chmod o-w", "-d", conf=conf)
    write(T + "/open-login", "smarthost smarthostpw\n", 0o604)
    write(T + "/one-word", "smarthostpw\n")
    for name, file, why, remedy in [
            ("others can read", "open-login", "others may read", "replace"),
            ("one word", "one-word", "must be one line", "one space")]:
        row("files: relay-credentials, " + name,
            ["relay-credentials %s/%s" % (T, file)], "FAIL",
            "^relay-credentials: .*" + why, remedy, "-d", status=78)
    missing_programs()
    if not ROOT:
        skip("files: owners and groups", "not root")
        return
    os.chown(group, 0, 65534)
    row("files: helper that a group may change", ["auth %s x" % group],
        "warn", "^auth: the group of .*bin2/checkpassword-file may change it",
        "chmod g-w", "-d")
    os.chown(helper, 1, 1)
    row("files: helper of another user", ["auth %s x" % helper], "warn",
        r"^auth: daemon may change .*bin/checkpassword-file", "chown root",
        "-d")


def missing_programs():
    """These are errors of the configuration, told by file and line."""
    for name, lines, why in [
            ("no helper", ["auth %s/none" % T], "auth: .*none: No such file"),
            ("no imapfetch", ["libexec %s/half" % T,
                              "imap imap://localhost passthrough"],
             "libexec: .*half/imapfetch: No such file")]:
        copy_of("auth-reply", T + "/half")
        status, said = doctor(lines)
        report(status == 78 and re.search(r"conf\d+:\d+: " + why,
                                          said["err"]) and
               not said["FAIL"], "files: " + name, status, said["all"])


# The helper

def helper():
    def script(name, text, grade, pattern, remedy=None):
        path = write("%s/helper-%s" % (T, name), "#!/bin/sh\n" + text, 0o755)
        row("auth: " + name, ["auth " + path], grade, "^auth: " + pattern,
            remedy)

    row("auth: refuses a made-up login", [], "ok",
        "^auth: .*checkpassword-file runs, and refuses a made-up login")
    row("auth: no file of users", ["auth %s/checkpassword-file %s/none" % (
        BUILD, T)], "FAIL", r"cannot tell \(exit 111\): .*none: No such",
        "by hand")
    row("auth: no PAM service", ["auth %s/checkpassword-pam -s none" % BUILD],
        "FAIL", r"cannot tell \(exit 111\): .*none", "by hand")
    script("yes", 'exec "$@"\n', "FAIL", ".*says yes to a made-up", "anybody")
    script("signal", "kill -9 $$\n", "FAIL", r".*cannot tell \(signal 9\)",
           "Nobody can log in")
    script("other-exit", "echo trouble >&2; exit 2\n", "FAIL",
           r".*cannot tell \(exit 2\): trouble", "by hand")
    path = write(T + "/helper-sees", "#!/bin/sh\n(env; tr '\\0' '\\n' <&3) "
                 ">%s/seen; exit 1\n" % T, 0o755)
    row("auth: sees what it will see", ["auth " + path], "ok", "^auth: .*runs")
    with open(T + "/seen") as f:
        seen = f.read()
    report(re.search("(?m)^PROTO=TCP$", seen) and re.search(
        r"(?m)^smtpsubmitd-n\n[0-9a-f]{16}\n\d+$", seen),
        "auth: login, password and time on descriptor 3", seen)


# Fences

def without(call):
    """For preexec_fn: this system call is not there (libseccomp)."""
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32,
                                     ctypes.c_int, ctypes.c_uint]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    number = lib.seccomp_syscall_resolve_name(call)

    def load():
        filter_ = lib.seccomp_init(0x7fff0000)      # SCMP_ACT_ALLOW
        lib.seccomp_rule_add(filter_, 0x00050000 | errno.ENOSYS, number, 0)
        lib.seccomp_load(filter_)

    return load


def fences():
    try:
        row("fences: a kernel without Landlock", [], "warn",
            r"^fences: Landlock \(version 0\): a seized process", "5.13",
            "-d", preexec_fn=without(b"landlock_create_ruleset"))
        row("fences: no seccomp here", [], "FAIL", "^fences: seccomp: ",
            "SystemCallFilter", "-d", preexec_fn=without(b"seccomp"))
    except OSError as e:
        skip("fences: an older kernel", e)
    row("fences: what holds", [], "ok", "^fences: (seccomp|none)", None, "-d")
    row("fences: ptrace", [], "ok", "no process is dumpable", None, "-d")
    if not ROOT:
        row("fences: not root", [], "warn", "^user: not root: .*share the uid",
            "as root", "-d")
        return
    row("fences: root", [], "ok", r"^user: .*become nobody \(uid 65534\)",
        None, "-d")


# Relays

def relay_row(name, directives, url, grade, pattern, remedy=None, *lines,
              **how):
    relay = Relay(directives, pki=T)
    try:
        row("relay: " + name, ["relay " + url.replace("PORT", str(
            relay.port))] + list(lines), grade, pattern, remedy, **how)
        if relay.violations or relay.messages:
            report(False, "relay: %s: what it saw" % name, relay.violations)
    finally:
        relay.stop()


LOGIN = "relay-credentials " + RELAY
AUTH = ["with AUTH PLAIN", "login smarthost smarthostpw"]


def pin(name):
    with open("%s/%s.digests" % (T, name)) as f:
        return "relay-pin sha256:" + f.read().split()[0]


def relays():
    mine = "://localhost:PORT"
    token = ["relay-auth token", "relay-credentials " + TOKEN]
    for name, directives, grade, pattern, remedy, lines in [
            ("pinned", ["certificate wrong-name"], "ok", "TLS, as pinned;",
             None, [pin("wrong-name")]),
            ("pinned, another", [], "FAIL", "TLS fails: .*relay-pin",
             "key was changed", [pin("wrong-name")]),
            ("token", ["with AUTH XOAUTH2", "auth reply 235 2.7.0 ok"], "ok",
             "TLS verified, logged in as me@example.com", None, token),
            ("token that is refused", [
                "with AUTH XOAUTH2", "auth reply 535 5.7.8 no ya29.token"],
             "FAIL", "login of user me@example.com: .*AUTH: 535 5.7.8 //",
             "password in .*/token", token),
            ("token where there is none of it", ["with AUTH PLAIN"], "FAIL",
             "OAUTHBEARER and XOAUTH2 are not offered", "Switch it on",
             token),
            ("certificate of ours", [], "ok", "TLS verified;", None,
             ["relay-certificate %s/good.pem %s/good.key" % (T, T)]),
            ("certificate of ours with another key", [], "FAIL",
             "^relay-certificate: .*do not fit", "its own key",
             ["relay-certificate %s/good.pem %s/wrong-name.key" % (T, T)])]:
        relay_row(name, ["tls"] + directives, "smtps" + mine, grade, pattern,
                  remedy, *lines)
    relay_row("certificate of ours, key that others can read", ["tls"],
              "smtps" + mine, "FAIL", "^relay-certificate: .*others may",
              "replace the secret",
              "relay-certificate %s/good.pem %s/open.key" % (T, T),
              status=78)
    for name, directives, url, grade, *rest in [
            ("in the clear", [], "smtp" + mine, "ok",
             r"^relay smtp://localhost:\d+: in the clear; offers PIPELINING "
             "SIZE 8BITMIME DSN ENHANCEDSTATUSCODES$"),
            ("STARTTLS, verified", ["with STARTTLS"], "smtp+starttls" + mine,
             "ok", "^relay .*: TLS verified; offers"),
            ("STARTTLS, not verified", ["with STARTTLS"], "smtp" + mine,
             "ok", "^relay .*: TLS, not verified; offers"),
            ("TLS at once, login", ["tls"] + AUTH, "smtps" + mine, "ok",
             "^relay .*: TLS verified, logged in as smarthost; offers",
             None, LOGIN),
            ("what we offer", [], "smtp" + mine, "ok",
             "^EHLO: clients are offered PIPELINING SIZE 52428800 8BITMIME "
             "DSN CHUNKING LIMITS ENHANCEDSTATUSCODES STARTTLS AUTH PLAIN "
             "LOGIN$"),
            ("what the relay keeps for us", ["with SMTPUTF8",
             "with CHUNKING", "with BINARYMIME", "with REQUIRETLS",
             "with MT-PRIORITY"], "smtp" + mine, "ok",
             "^EHLO: .* 8BITMIME DSN SMTPUTF8 BINARYMIME MT-PRIORITY "
             "CHUNKING LIMITS "),
            ("what needs a certificate", ["tls", "with REQUIRETLS"],
             "smtps" + mine, "ok", "^EHLO: .* DSN REQUIRETLS CHUNKING "),
            ("its SIZE", ["with SIZE 1000000"], "smtp" + mine, "ok",
             "^EHLO: .* SIZE 1000000 ", "below `max-size`"),
            ("down", ["down"], "smtp" + mine, "FAIL", "^relay .*refused",
             "Is it running"),
            ("untrusted certificate", ["tls", "certificate untrusted"],
             "smtps" + mine, "FAIL", "^relay .*TLS fails: .*verif",
             "relay-ca"),
            ("wrong name", ["tls", "certificate wrong-name"], "smtps" + mine,
             "FAIL", "^relay .*TLS fails: .*not present in", "Use the name"),
            ("no STARTTLS", [], "smtp+starttls" + mine, "FAIL",
             "STARTTLS is not offered", "smtps://.*465"),
            ("STARTTLS refused", ["with STARTTLS", "starttls reply 454 no"],
             "smtp+starttls" + mine, "FAIL", "STARTTLS refused", "right port"),
            ("no TLS there", ["tolerant"], "smtps" + mine, "FAIL", "TLS fails",
             r"smtp\+starttls:// later"),
            ("password refused", ["tls"] + AUTH + [
                "auth reply 535 5.7.8 not AHNtYXJ0aG9zdABzbWFydGhvc3Rwdw=="],
             "smtps" + mine, "FAIL", "login of user smarthost: "
             ".*AUTH: 535 5.7.8 //", "password in .*relay-login", LOGIN),
            ("AUTH answered by 250", ["tls"] + AUTH + [
                "auth reply 250 AHNtYXJ0aG9zdABzbWFydGhvc3Rwdw=="],
             "smtps" + mine, "FAIL", "login of user smarthost: .*AUTH: 250 //",
             "password in .*relay-login", LOGIN),
            ("TLS in driblets", ["tolerant", "greeting drip 0.7 \\x16\\x03"
                                 "\\x03\\x40\\x00\\x02\\{99*x}"],
             "smtps" + mine, "FAIL", "no answer in time", "firewall"),
            ("no AUTH", ["tls"], "smtps" + mine, "FAIL",
             "AUTH PLAIN and LOGIN are not offered", "Switch it on",
             LOGIN),
            ("not SMTP", ["greeting reply SSH-2.0-OpenSSH"], "smtp" + mine,
             "FAIL", "no SMTP reply", "port of a mail server"),
            ("refuses to talk", ["greeting last 554 5.7.1 not you"],
             "smtp" + mine, "FAIL", "5.7.1 not you", "of this machine"),
            ("greeting with control octets",
             ["greeting last 554 5.7.1 \\x1b[2Jbell\\x07"], "smtp" + mine,
             "FAIL", r"5.7.1 \?\[2Jbell\?", "of this machine"),
            ("no 8BITMIME", ["without 8BITMIME"], "smtp" + mine, "warn",
             "no 8BITMIME: no BURL", "Switch it on"),
            ("no XCLIENT", [], "smtp" + mine, "warn", "XCLIENT",
             "smtpd_authorized_xclient_hosts", "relay-xclient yes")]:
        relay_row(name, directives, url, grade, *rest)
    relay_row("a second one that is well", [],
              "smtp://localhost:%d smtp%s" % (free_ports(1)[0], mine), "ok",
              "^EHLO: ", status=1)
    places()


def places():
    """Maildirs and sockets: what the role may do, not we."""
    row("relay: Maildir", [], "ok", "^relay maildir.*can be written")
    row("relay: Maildir that is not there", ["relay maildir://%s/none" % T],
        "FAIL", "or it is not there", "install -d -m 700 -o")
    row("relay: LMTP socket that is not there",
        ["relay lmtp://%s/none.sock" % T], "FAIL", "socket: No such file",
        "Is it running")
    if not ROOT:
        skip("relay: what `user` may do", "not root")
        return
    os.mkdir(T + "/roots", 0o755)
    row("relay: Maildir that `user` may not write",
        ["relay maildir://%s/roots" % T], "FAIL", "nobody may not write into",
        "install -d -m 700 -o nobody")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(T + "/lmtp.sock")
        s.listen()
        os.chmod(T + "/lmtp.sock", 0o600)
        row("relay: LMTP socket that `user` may not use",
            ["relay lmtp://%s/lmtp.sock" % T], "FAIL",
            "nobody may not connect", "user = nobody")


def slow_relays():
    """Those that take their time, all at once."""
    def silent():
        relay_row("silent", ["greeting silent"], "smtp://localhost:PORT",
                  "FAIL", "no answer in time", "firewall")

    def helper_without_end():
        path = write(T + "/helper-long", "#!/bin/sh\nsleep 1000\n", 0o755)
        row("auth: no end", ["auth " + path], "FAIL", "^auth: .*no end after "
            "10 s, signal 9", "by hand")

    jobs = [threading.Thread(target=silent),
            threading.Thread(target=helper_without_end)]
    for job in jobs:
        job.start()
    return jobs


# IMAP

def imap():
    if not ROOT or not shutil.which("dovecot"):
        skip("imap", "needs root and Dovecot")
        return
    submit = write(T + "/submit", "submit submitpw\n")
    master = write(T + "/master", "master masterpw\n")
    wrong = write(T + "/wrong", "submit wrongpw\n")
    wrong_master = write(T + "/wrong-master", "master wrongpw\n")
    lab = Dovecot(T, "dovecot")
    at_end.append(lab.stop)
    lab.start()
    star = "imap imap+starttls://localhost:%d " % lab.port
    tls = "imap imaps://localhost:%d " % lab.tls_port
    ca = " ca=" + lab.ca
    other = " ca=" + os.path.join(lab.dir, "tls", "other-ca.pem")
    closed = free_ports(1)[0]
    for name, line, grade, *rest in [
            ("login", star + "login " + submit + ca, "ok",
             "logged in as submit, and URLAUTH works"),
            ("login, TLS at once", tls + "login " + submit + ca, "ok",
             "logged in as submit, and URLAUTH works"),
            ("login, in the clear", "imap imap://localhost:%d login %s" % (
                lab.port, submit), "ok", "URLAUTH works"),
            ("proxy", star + "proxy " + master + ca, "ok",
             "master acts for alice; plain and signed"),
            ("passthrough", star + "passthrough" + ca, "ok",
             "reached, TLS verified; the login is the user's own"),
            ("wrong password", star + "login " + wrong + ca, "FAIL",
             "login refused", "password in .*/wrong"),
            ("wrong password of a proxy", star + "proxy " + wrong_master + ca,
             "FAIL", "login refused", "wrong-master; .*act for alice"),
            ("untrusted certificate", star + "login " + submit + other,
             "FAIL", "ertificate", "ca=file"),
            ("untrusted certificate, passthrough", star + "passthrough" +
             other, "FAIL", "ertificate", "ca=file"),
            ("down", "imap imap://localhost:%d login %s" % (closed, submit),
             "FAIL", "[Cc]onnect", "Is the IMAP server running"),
            ("no TLS there", "imap imaps://localhost:%d login %s%s" % (
                lab.port, submit, ca), "FAIL", "SSL",
             r"imap\+starttls:// later \(143\)")]:
        row("imap: " + name, [line], grade, "^imap .*" + rest[0],
            *rest[1:])
    if ALONE:
        few = write(T + "/passwd", "".join(
            ":".join(map(str, u)) + "\n" for u in pwd.getpwall()
            if not 1000 <= u.pw_uid < 60000), 0o644)
        subprocess.run(["mount", "--bind", few, "/etc/passwd"], check=True)
        row("imap: proxy without a user", [
            star + "proxy " + master + ca, "auth %s/auth-reply" % BUILD],
            "warn", "not tried: no user", "senders", status=1)
        subprocess.run(["umount", "/etc/passwd"], check=True)
    else:
        skip("imap: proxy without a user", "needs namespaces (unshare)")
    write(T + "/senders", "carol@example.org carol@example.org\n")
    row("imap: proxy for a user of the senders file",
        [star + "proxy " + master + ca, "senders %s/senders" % T], "ok",
        "master acts for carol@example.org")
    row("imap: BURL is offered", [star + "login " + submit + ca], "ok",
        "^EHLO: .* BURL ")
    cyrus(submit)
    lab.start(LAB_URLAUTH="broken")
    row("imap: the stock Dovecot 2.3", [star + "login " + submit + ca],
        "FAIL", "login is good, but URLAUTH does not work",
        "2.3.10 to 2.3.21. Say `imap imap.starttls://localhost:%d proxy FILE` "
        "with a master user" % lab.port)
    row("imap: the stock Dovecot 2.3, proxy", [star + "proxy " + master + ca],
        "ok", "plain and signed URLs work")
    lab.start(LAB_URLAUTH="no")
    row("imap: no URLAUTH, login", [star + "login " + submit + ca], "FAIL",
        "has no URLAUTH", "imap_urlauth_host")
    row("imap: no URLAUTH, proxy", [star + "proxy " + master + ca], "warn",
        "has no URLAUTH", "imap_urlauth_host")


def cyrus(submit):
    lab = Cyrus(T)
    at_end.append(lab.stop)
    why = lab.start()
    if why:
        skip("imap: Cyrus", why)
        return
    row("imap: Cyrus", ["imap imaps://localhost:%d login %s ca=%s" % (
        lab.port, submit, lab.ca)], "ok", "logged in as submit, and URLAUTH")


# DNS

D, H = "example.org", "mail.example.org"
RECORDS = {
    (D, "MX"): ["10 " + H], (D, "TXT"): ["other=1", "v=spf1 mx -all"],
    ("_dmarc." + D, "TXT"): ["v=DMARC1; p=reject"],
    ("s1._domainkey." + D, "TXT"): ["v=DKIM1; p=xyz"],
    ("_submissions._tcp." + D, "SRV"): ["0 1 465 " + H],
    ("_submission._tcp." + D, "SRV"): ["0 1 587 " + H],
    (H, "A"): ["192.0.2.1"], ("autoconfig." + D, "CNAME"): [H],
}


def dns():
    if not ALONE:
        skip("DNS", "needs root and network namespaces (unshare)")
        return
    server = NameServer()
    domain = ["domain " + D]

    def with_records(name, grade, pattern, remedy=None, lines=(), gone=None,
                     **other):
        server.records = dict(RECORDS)
        if gone:
            del server.records[gone]
        server.records.update(other.get("add", {}))
        row("DNS: " + name, domain + list(lines), grade, pattern, remedy)

    for name, pattern in [
            ("MX", "^DNS MX: mail for example.org goes to mail.example.org"),
            ("SPF", "^DNS SPF: v=spf1 mx -all$"),
            ("DKIM", "^DNS DKIM: there are names below _domainkey"),
            ("DMARC", "^DNS DMARC: v=DMARC1; p=reject$"),
            ("SRV 465", "_submissions._tcp.example.org leads to mail.example"
             ".org, port 465"),
            ("SRV 587", "_submission._tcp.example.org leads to mail.example"
             ".org, port 587"),
            ("host", "^DNS host: mail.example.org has an address"),
            ("autoconfig", "^DNS autoconfig: autoconfig.example.org has")]:
        with_records(name, "ok", pattern)
    srv = "_submissions._tcp." + D
    for name, gone, pattern, remedy in [
            ("MX", (D, "MX"), "^DNS MX: example.org has none",
             r"example.org. IN MX 10 mail.example.org\.$"),
            ("SPF", (D, "TXT"), "^DNS SPF: example.org has none",
             r'example.org. IN TXT "v=spf1 mx ~all"$'),
            ("DKIM", ("s1._domainkey." + D, "TXT"), "there is no key below _domainkey",
             "SELECTOR._domainkey.example.org. IN TXT"),
            ("DMARC", ("_dmarc." + D, "TXT"), "^DNS DMARC: there is no _dmarc",
             '_dmarc.example.org. IN TXT "v=DMARC1; p=none; rua=mailto:'
             'postmaster@example.org"$'),
            ("SRV 465", (srv, "SRV"), "_submissions._tcp.example.org is not",
             r"Add: _submissions._tcp.example.org. IN SRV 0 1 465 "
             r"mail.example.org\.$"),
            ("SRV 587", ("_submission._tcp." + D, "SRV"),
             "_submission._tcp.example.org is not there",
             r"Add: _submission._tcp.example.org. IN SRV 0 1 587 "
             r"mail.example.org\.$"),
            ("host", (H, "A"), "^DNS host: mail.example.org has no address",
             "mail.example.org. IN A"),
            ("autoconfig", ("autoconfig." + D, "CNAME"),
             "^DNS autoconfig: .* is not there",
             "autoconfig.example.org. IN CNAME mail.example.org.")]:
        with_records("no " + name, "warn", pattern, remedy, gone=gone)
    for name, add, pattern, remedy in [
            ("null MX", {(D, "MX"): ["0 ."]}, "takes no mail", "IN MX 10"),
            ("two SPF", {(D, "TXT"): ["v=spf1 mx -all", "v=spf1 -all"]},
             "has 2, so none counts", "7208"),
            ("SPF +all", {(D, "TXT"): ["v=spf1 +all"]}, "everybody may send",
             "~all"),
            ("two DMARC", {("_dmarc." + D, "TXT"): 2 * ["v=DMARC1; p=none"]},
             "^DNS DMARC: _dmarc.example.org has 2", "Make one"),
            ("SRV elsewhere", {(srv, "SRV"): ["0 1 465 other.example.net"]},
             "leads to other.example.net, port 465, not here",
             "change to: _submissions._tcp.example.org. IN SRV 0 1 465 mail"),
            ("SRV to another port", {(srv, "SRV"): ["0 1 587 " + H]},
             "leads to mail.example.org, port 587, not here", "465"),
            ("SRV nowhere", {(srv, "SRV"): ["0 0 0 ."]},
             "leads to nowhere, port 0", "IN SRV 0 1 465"),
            ("SPF fails", {(D, "TXT"): ["FAIL"]},
             "^DNS SPF: the name servers gave no answer", "resolv.conf"),
            ("long DMARC with control octets",
             {("_dmarc." + D, "TXT"): ["v=DMARC2\x1b[2J" + "x" * 3000]},
             "^DNS DMARC: there is no", "IN TXT")]:
        with_records(name, "warn", pattern, remedy, add=add)
    with_records("an SRV record among others is ours", "ok",
                 "_submissions._tcp.example.org leads to mail", add={
                     (srv, "SRV"): ["0 1 465 other.example.net",
                                    "5 1 465 " + H]})
    with_records("SRV for our own ports", "warn", "port 587, not here",
                 "IN SRV 0 1 2587", ["listen 127.0.0.1:2587"])
    with_records("SRV for a port that is not served", "warn",
                 "_submissions._tcp.example.org leads", "remove the record",
                 ["listen 127.0.0.1:587"])
    relay_names(server, domain)
    server.records, server.truncated = dict(RECORDS), True
    began = time.monotonic()
    row("DNS: TCP is taken and not answered", domain, "warn",
        "^DNS MX: .* no answer", "resolv.conf")
    took = time.monotonic() - began
    report(took < 20 * SLOW, "DNS: that is waited for 15 s", took)
    server.stop()
    row("DNS: no name server", domain, "warn", "^DNS MX: .* no answer",
        "resolv.conf")
    row("DNS: no domain", [], "warn", "^DNS: no `domain`", "Say `domain`")


def relay_names(server, domain):
    """Relays across a network: names, and what TLS would be good for."""
    server.records = dict(RECORDS)
    server.records[H, "A"] = ["127.0.0.1"]
    row("relay: a name that is not there", ["relay smtp://none.example.org"],
        "FAIL", "^relay .*none.example.org: Name or service", "name right")
    for name, cert, remedy in [
            ("could be verified", "good", "smtp.starttls://mail.example.org:"
             r"\d+: its certificate is good"),
            ("cannot be verified", "untrusted", "as soon as .*verif")]:
        relay_row("across a network, " + name,
                  ["with STARTTLS", "certificate " + cert],
                  "smtp://mail.example.org:PORT", "warn",
                  "whoever is on the way", remedy)
    relay_row("AUTH and no credentials", ["with AUTH PLAIN STARTTLS"],
              "smtp://mail.example.org:PORT", "warn",
              "there are no `relay-credentials`", "relay-credentials")


# The whole, the files for mail programs, the terminal

def whole():
    """A good house: Postfix behind, Dovecot beside, all that -n may find."""
    if not ALONE:
        skip("a good set-up", "needs root and network namespaces")
        return
    server = NameServer()
    server.records = dict(RECORDS)
    port, = free_ports(1)
    lab = os.path.join(HERE, "..", "lab", "postfix-lab")
    where = T + "/postfix"
    env = dict(os.environ, LAB_CERT=T + "/good.pem", LAB_KEY=T + "/good.key")
    at_end.append(lambda: subprocess.run([lab, "stop", where]))
    subprocess.run([lab, "start", where, str(port)], env=env, check=True,
                   stdout=subprocess.DEVNULL)
    dovecot = Dovecot(T, "dovecot")
    dovecot.start()
    lines = ["domain " + D, "relay smtp+starttls://localhost:%d" % port,
             "listen *:587", "listen *:465 tls",
             "imap imaps://localhost:%d login %s/submit ca=%s" % (
                 dovecot.tls_port, T, dovecot.ca)]
    status, said = doctor(lines)
    report(status == 0 and not said["warn"] and not said["FAIL"] and
           len(said["ok"]) > 20 and said["err"] == "",
           "a good set-up with Postfix and Dovecot: every line is ok",
           status, said["all"])
    if os.environ.get("SHOW"):
        print(said["all"])
    server.stop()


def set_up():
    where = T + "/set-up"
    os.mkdir(where)
    lines = ["domain example.org", "listen *:587", "listen *:465 tls"]
    status, said = doctor(lines, "-d", "-v", cwd=where)
    report(status == 0 and any(f.startswith("autoconfig.xml: written")
                               for f in said["ok"]) and
           any(f.startswith("smtpsubmitd.mobileconfig: written")
               for f in said["ok"]), "-n -v writes both files", said["all"])
    report(any(re.search("mail.example.org, port 993, is a guess", f)
               for f in said["warn"]), "-n -v says what it guessed",
           said["all"])
    schemas(where)
    status, said = doctor(lines, "-d", "-v", cwd=where)
    report(status == 0 and 2 == sum("up to date" in f for f in said["ok"]),
           "-n -v again: they are up to date", said["all"])
    status, said = doctor(lines + ["hostname localhost"], "-d", "-v",
                          cwd=where)
    with open(where + "/autoconfig.xml") as f:
        kept = "mail.example.org" in f.read()
    report(kept and 2 == sum("was not touched" in f for f in said["warn"]),
           "-n -v overwrites nothing, and says so", status, said["all"])
    fifo = T + "/set-up-fifo"
    os.mkdir(fifo)
    os.mkfifo(fifo + "/autoconfig.xml")
    os.symlink(where + "/smtpsubmitd.mobileconfig",
               fifo + "/smtpsubmitd.mobileconfig")
    status, said = doctor(lines, "-d", "-v", cwd=fifo)
    report(status == 0 and [f.split(" is there")[0] for f in said["warn"]
                            if "another text" in f] ==
           ["autoconfig.xml:", "smtpsubmitd.mobileconfig:"],
           "-n -v where a FIFO and a link have these names", said["all"])
    row("-n -v without a domain", [], "FAIL", "^autoconfig.xml: not written",
        "Say `domain`", "-d", "-v")
    row("-n -v without TLS", ["domain example.org", "tls off"], "FAIL",
        "^autoconfig.xml: there is no port with TLS", "certificate", "-d",
        "-v")


def schemas(where):
    xml = where + "/autoconfig.xml"
    if shutil.which("xmllint"):
        p = subprocess.run(["xmllint", "--noout", "--relaxng",
                            HERE + "/config-v1.1.rng", xml],
                           capture_output=True, text=True)
        report(p.returncode == 0, "autoconfig.xml is a good config-v1.1",
               p.stderr)
    else:
        skip("autoconfig.xml is a good config-v1.1", "no xmllint")
    with open(where + "/smtpsubmitd.mobileconfig", "rb") as f:
        profile = plistlib.load(f)
    account, = profile["PayloadContent"]
    want = {"PayloadType": str, "PayloadVersion": int,
            "PayloadIdentifier": str, "PayloadUUID": str}
    report(all(isinstance(p.get(k), t) for p in (profile, account)
               for k, t in want.items()) and
           profile["PayloadType"] == "Configuration" and
           account["EmailAccountType"] == "EmailTypeIMAP" and
           account["OutgoingMailServerHostName"] == "mail.example.org" and
           account["OutgoingMailServerPortNumber"] == 465 and
           account["OutgoingMailServerUseSSL"] is True,
           "smtpsubmitd.mobileconfig is a good profile", profile)


def progress():
    """On a terminal the wait is explained, elsewhere nothing is added."""
    relay = Relay(["greeting delay 1"], pki=T)
    conf = write(T + "/conf-tty", "\n".join(
        [GOOD[w] for w in GOOD if w != "relay"] +
        ["relay smtp://127.0.0.1:%d" % relay.port]) + "\n")
    ours, theirs = pty.openpty()
    p = subprocess.Popen([PROGRAM, "-n", "-f", conf], cwd=T,
                         stdin=subprocess.DEVNULL, stderr=theirs,
                         stdout=subprocess.PIPE)
    p.communicate(timeout=60 * SLOW)
    os.close(theirs)
    said = b""
    try:
        while octets := os.read(ours, 4096):
            said += octets
    except OSError:
        pass        # its other end is closed
    os.close(ours)
    relay.stop()
    report(b"...  relay smtp://127.0.0.1:" in said and
           said.endswith(b"\r\x1b[K"), "a terminal shows what is tried", said)


if ALONE:
    alone(T)
waiting = slow_relays()
certificates()
files()
fences()
helper()
relays()
imap()
dns()
whole()
set_up()
progress()
for thread in waiting:
    thread.join()
end()
