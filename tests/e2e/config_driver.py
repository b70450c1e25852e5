"""The rows of config.t."""
import os
import re
import socket
import subprocess

from common_driver import (HERE, SLOW, begin, end, report, skip, write)

BUILD, T = begin("config")
PROGRAM = os.path.join(BUILD, "smtpsubmitd")
ROOT = os.getuid() == 0
CONF = os.path.join(T, "conf")
LOOK = "-n", "-d"       # without the network; doctor.t has the rest

write(T + "/login", "submit submitpw\n")
write(T + "/garbage", "no PEM at all\n")
write(T + "/program", "#!/bin/sh\n", 0o644)
write(T + "/senders", "# who\nalice alice@example.org @example.net\n\nbob *\n")
os.mkdir(T + "/dir")

GOOD = {
    "hostname": "hostname mail.example.org",
    "domain": "domain example.org",
    "certificate": "certificate %s/good.pem %s/good.key" % (T, T),
    "auth": "auth %s/checkpassword-file %s/users" % (BUILD, T),
    "libexec": "libexec " + BUILD,
    "relay": "relay smtp://127.0.0.1:2525",
    "user": "user nobody",
}
if not ROOT:
    del GOOD["user"]


def run(lines, *args, **how):
    """Status, standard output, lines of standard error."""
    text = lines if isinstance(lines, bytes) else (
        "\n".join(lines) + "\n").encode()
    write(CONF, text, 0o644)
    return start(*(args or LOOK), "-f", CONF, **how)


def start(*args, **how):
    how.setdefault("cwd", T)
    try:
        p = subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=20 * SLOW, start_new_session=True, **how)
    except subprocess.TimeoutExpired as e:
        return None, e.stdout or b"", ["does not end"]
    return (p.returncode, p.stdout.decode("utf-8", "replace"),
            p.stderr.decode("utf-8", "replace").splitlines())


def with_line(line, *more):
    """The good configuration with this line, the last, and its number."""
    word = line.split(" ")[0]
    lines = [GOOD[w] for w in GOOD if w != word] + list(more) + [line]
    return lines, len(lines)


def refuses(line, allowed, *more, name=None, **how):
    """One error, at the line's place, that says what is allowed."""
    lines, at = with_line(line, *more)
    status, out, err = run(lines, **how)
    want = "%s:%d: %s" % (CONF, at, line.split(" ")[0])
    # what the roles need is looked at again when all lines are read
    again = [e for e in err[1:] if not e.startswith(want)]
    report(status == 78 and err and err[0].startswith(want) and
           re.search(allowed, err[0]) and not again and out == "",
           "refused: " + (name or line.replace(T, "").replace(BUILD, "")),
           "status %s, wanted `%s ... %s`" % (status, want, allowed), *err)


def called_good(status, out, err):
    """What the doctor finds is well, or a warning with its remedy."""
    return status == 0 and err == [] and re.fullmatch(
        "ok   %s: every line is understood\n"
        "(ok   .*\n|warn .*\n     .*\n)*"
        r"\d+ ok, \d+ warn, 0 FAIL\n" % re.escape(CONF), out)


def fails(out):
    """The doctor's lines about what would keep the daemon from starting."""
    return [line for line in out.splitlines() if line.startswith("FAIL ")]


def takes(line, *more, name=None, **how):
    lines, _ = with_line(line, *more)
    status, out, err = run(lines, **how)
    report(called_good(status, out, err), "taken: " + (
        name or line.replace(T, "").replace(BUILD, "")),
           "status %s" % status, out, *err)


NAME = "name.*mail.example.org"
ADDRESS = r"127\.0\.0\.1:587.*\[::1\]:587.*\*:587"
NETWORK = r"192\.0\.2\.1.*10\.0\.0\.0/8.*2001:db8::/32"
FILE = "No such file"
COUNT = r"number from 1 to \d+"
RELAY = r"smtp://.*smtp\+starttls://.*smtps://.*lmtp://.*maildir://"
IMAP = r"imaps://host.*imap\+starttls://host.*imap://host"
CLEAR = "loopback.*imaps://"
HEAD = "size from 1024 to 67108864"
VALUES = [
    # word, what must be named, bad values
    ("hostname", NAME, '""', '"a b"', "mail..example.org", ".example.org",
     "-x.example.org", "x" * 300, "mail.example.org/", "a\x01b", "größe.de",
     "user@example.org"),
    ("domain", NAME, '""', '"a b"', "..", "@example.org", "a" * 256),
    ("listen", ADDRESS, "localhost:587", "127.0.0.1", "127.0.0.1:",
     "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "256.0.0.1:25",
     "[::1:25", "::1:25:x", ":25", "[zz]:25", "127.0.0.1:0", '""'),
    ("listen", "tls", "127.0.0.1:587 ssl", "127.0.0.1:587 TLS"),
    ("trusted-proxy", NETWORK, "localhost", "10.0.0", "10.0.0.0.0", "[::1]",
     "127.0.0.1:25", "256.0.0.1", '""', "*", "fe80::1%lo",
     "192.0.2.1 ::1 local"),
    ("trusted-proxy", "0 to 32", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x",
     "10.0.0.0/08", "10.0.0.0/255.0.0.0"),
    ("trusted-proxy", "0 to 128", "::1/129", "2001:db8::/-1"),
    ("trusted-proxy", r"first address.*10\.0\.0\.0/8", "10.0.0.1/8",
     "2001:db8::1/64", "192.0.2.0/24 192.0.2.1/31"),
    ("trusted-proxy", r"written like 10\.0\.0\.0/8", "::ffff:10.0.0.0/8"),
    ("proxy-protocol", "yes or no", "maybe", "v2", "1", '""'),
    ("certificate", FILE, T + "/none.pem " + T + "/good.key",
     T + "/good.pem " + T + "/none.key", "none.pem " + T + "/good.key",
     T + "/good.pem none.key"),
    ("tls", "required, optional or off", "maybe", "Required", '""',
     "require"),
    ("auth", "absolute path", "checkpassword-file", "./x", '""'),
    ("auth", FILE, T + "/none"),
    ("auth", "Permission denied", T + "/program"),
    ("auth", "(?i)director|regular|program", T + "/dir"),
    ("auth-token", "absolute path", "checktoken", "./x", '""'),
    ("auth-token", FILE, T + "/none"),
    ("auth-token", "Permission denied", T + "/program"),
    ("auth-token", "(?i)director|regular|program", T + "/dir"),
    ("auth-tries", COUNT, "0", "-1", "x", "3x", "1000001", '""', "+3",
     "18446744073709551617", "1.5"),
    ("auth-delay", "0s to 60s.*30s", "61s", "2x", "-1s", '""', "s",
     "99999999999999999999s", "2ss"),
    ("domain", "with a dot", "localhost", "intranet"),
    ("relay-auth", "password or token", "x", "PASSWORD", '""'),
    ("relay-per-user", "yes or no", "x", "maybe", '""'),
    ("relay-pin", "64 hexadecimal", "x", "sha256:", "sha256:" + 63 * "a",
     "sha256:" + 65 * "a", "sha1:" + 40 * "a", "sha256:" + 64 * "g"),
    ("relay-referrals", "host or host:port", "a/b", "host:x", "host:0", '""',
     "smtp://host", "user@host"),
    ("relay-certificate", FILE, T + "/none " + T + "/none"),
    ("auth-penalty", "0s to 60s.*30s", "61s", "x", "-1s", '""'),
    ("user-limit", "like 200/1h", "200", "x", "200/", "200/x",
     "200/0s", "200/500ms"),
    ("user-limit", COUNT, "0/1h", "/1h", "-1/1h", "1000001/1h", "x/1h"),
    ("relay", RELAY, "ftp://example.org", "mail.example.org", '""', "smtp:",
     "smtp:/x", "imap://localhost"),
    ("relay", "host name", "smtp://", "smtp://:25", '"smtp://a b"',
     "smtp://[]", "smtps://", "smtp://a,b", "smtp://user@host"),
    ("relay", "host name|bracket", "smtp://[::1", "smtps://[::1:25"),
    ("relay", "1 to 65535", "smtp://h:0", "smtp://h:65536", "smtp://h:x",
     "smtp://h:", "smtp://h:25x", "smtp://h:-1", "lmtp://h:0",
     "smtp://127.0.0.1:25 smtp://h:0"),
    ("relay", "nothing may follow", "smtp://h/x", "smtp://h:25/x",
     "smtp://[::1]x"),
    ("relay", "absolute path", "maildir://x", "maildir://"),
    ("relay", "too long", "smtp://" + "x" * 400, "lmtp:///" + "x" * 108,
     "maildir:///" + "x" * 200),
    ("relay", "too many", " ".join(9 * ["smtp://127.0.0.1"])),
    ("relay-credentials", FILE, T + "/none", "none"),
    ("relay-ca", FILE, T + "/none"),
    ("client-ca", FILE, T + "/none", "none"),
    ("client-ca", "no certificate in PEM", T + "/good.key", T + "/login"),
    ("imap", IMAP, "http://h passthrough", "h passthrough",
     "imaps:// passthrough", "imaps://h:0 passthrough",
     "imaps://h:65536 passthrough", "imaps://h:x passthrough",
     "imaps://u@h passthrough", "imaps://h/INBOX passthrough",
     "imaps://[::1 passthrough", '"" passthrough'),
    ("imap", CLEAR, "imap://mail.example.org passthrough",
     "imap://192.0.2.1 passthrough", "imap://[2001:db8::1]:143 passthrough",
     "imap://localhost.example.org passthrough",
     "imap://127.0.0.1.example.org passthrough"),
    ("imap", "login, proxy or passthrough", "imaps://h master %s/login" % T,
     "imaps://h LOGIN %s/login" % T),
    ("imap", "user password", "imaps://h login", "imaps://h proxy"),
    ("imap", FILE, "imaps://h login %s/none" % T, "imaps://h proxy none",
     "imaps://h login %s/login ca=%s/none" % (T, T),
     "imaps://h passthrough ca=none"),
    ("imap", "ca=file", "imaps://h passthrough x",
     "imaps://h login %s/login x" % T,
     "imaps://h passthrough ca=%s/ca.pem x" % T),
    ("senders", FILE, T + "/none", "ANY"),
    ("max-size", "1 to 1099511627776 octets.*50M", "0", "-1", "50X", "50MB",
     "2T", "1025G", "x", '""', "99999999999999999999", "1.5M"),
    ("max-header", HEAD, "0", "1023", "65M", "x"),
    ("max-recipients", COUNT, "0", "x", "1000001"),
    ("max-connections", COUNT, "0", "x", "1000001"),
    ("max-connections-per-source", COUNT, "0", "x", "1000001"),
    ("max-auth-helpers", COUNT, "0", "x", "1000001"),
    ("idle-timeout", "1s to 86400s", "0", "999ms", "25h", "x", "-1", "5d"),
    ("idle-exit", "never", "0", "999ms", "25h", "x", "always", "no"),
    ("relay-timeout", "1s to 115s", "0", "116s", "2m", "x"),
    ("imap-timeout", "1s to 115s", "0", "116s", "2m", "x"),
    ("received-client", "yes or no", "maybe", "true", "YES", '""'),
    ("relay-xclient", "yes or no", "maybe", "1", '""'),
    ("user", "no such user", "there-is-none", "x" * 60),
    ("user", "too long", "x" * 64, "x" * 300),
    ("libexec", "absolute path", "libexec", '""'),
    ("libexec", "auth-reply.*No such file", T),
    ("log", "stderr or syslog", "file", '""', "/var/log/x"),
]
if ROOT:
    VALUES += [("user", "no such user", "nobody there-is-none"),
               ("user", "root", "root", "nobody root")]


def bad_values():
    for word, allowed, *values in VALUES:
        for value in values:
            refuses("%s %s" % (word, value), allowed, name="%s %s" % (
                word, value.replace(T, "").replace(BUILD, "")[:60]))
    lines = ["listen 127.0.0.1:%d" % (4000 + i) for i in range(16)]
    refuses("listen 127.0.0.1:4100", "(too many|16)", *lines,
            name="17 listen lines")
    lines = ["trusted-proxy 192.0.2.%d" % i for i in range(64)]
    refuses("trusted-proxy ::1", "too many.*64", *lines,
            name="65 trusted proxies")
    refuses("proxy-protocol yes", "trusted-proxy line",
            name="proxy-protocol yes without trusted-proxy")
    lines = [v for k, v in GOOD.items() if k != "relay"] + [
        "relay smtps://a.example.net smtp://mail.example.net",
        "relay-pin sha256:" + 64 * "0"]
    status, _, err = run(lines)
    report(status == 78 and len(err) == 1 and re.search(
        "relay-pin: smtp://mail.example.net is not compared", err[0]),
        "refused: a pin for a relay that is not verified", *err)
    whole()
    refuses("relay-auth token", "needs relay-credentials",
            name="a token, but no credentials")
    refuses("relay-referrals " + " ".join("h%d" % i for i in range(8)),
            "more than 8", name="8 referrals and a relay")
    lines = ["imap imaps://h%d passthrough" % i for i in range(8)]
    refuses("imap imaps://h9 passthrough", "(too many|8)", *lines,
            name="9 IMAP servers")


def whole():
    """What only several lines together show, told of the last."""
    def row(name, why, *lines):
        words = {line.split(" ")[0] for line in lines}
        status, _, err = run([v for k, v in GOOD.items() if k not in words] +
                             list(lines))
        report(status == 78 and len(err) == 1 and re.search(why, err[0]),
               "refused: " + name, "status %s" % status, *err)

    login = "relay-credentials %s/login" % T
    for url in ("smtp://mail.example.net", "smtp://192.0.2.1:587",
                "lmtp://mail.example.net:24"):
        row("a password to " + url, "relay-credentials: %s is not verified, "
            r"smtps:// or smtp\+starttls://" % url, "relay " + url, login)
    row("a password to the second relay",
        "relay-credentials: smtp://b.example.net is not",
        "relay smtps://a.example.net smtp://b.example.net", login)
    row("a password to a referral", "relay-credentials: smtp://b.example.net",
        "relay smtp://127.0.0.1", "relay-referrals b.example.net", login)
    one = "sockets of all lmtp:///path must be in one directory"
    row("sockets in two directories", one,
        "relay lmtp:///run/a/lmtp lmtp:///run/b/lmtp")
    row("a socket in a directory below", one,
        "relay lmtp:///run/lmtp lmtp:///run/b/lmtp")
    takes("relay lmtp:///run/lmtp lmtp:///run/other smtp://127.0.0.1",
          name="sockets in one directory")
    row("referrals of a Maildir", "relay-referrals: the first relay must be "
        "reached by SMTP", "relay maildir://%s/dir" % T,
        "relay-referrals b.example.net")
    row("17 certificates", "too many certificates",
        *17 * [GOOD["certificate"]])
    refuses("relay-referrals " + " ".join("h%d" % i for i in range(9)),
            "too many hosts", name="9 referrals")
    refuses("relay-pin " + 9 * (" sha256:" + 64 * "0"), "too many digests",
            name="9 pins")
    refuses("senders " + T + "/dir", "directory",
            name="senders file, a directory")


def words_of_source():
    """Each word of the table, with least and most arguments."""
    rows = []
    for name in "config.c", "words.c":
        path = os.path.join(HERE, "..", "..", "config", name)
        if os.path.exists(path):
            with open(path) as f:
                rows += re.findall(r'\{ "([a-z-]+)", (\d+), (\w+), '
                                   r'(true|false),', f.read())
    report(len(rows) > 20, "the words of the source are found", rows)
    return [(w, int(a), int(b) if b.isdigit() else 63, again == "true")
            for w, a, b, again in rows]


def counts():
    known = {v[0] for v in VALUES}
    for word, least, most, again in words_of_source():
        if word not in known:
            skip(word, "no bad values are known for this word")
        refuses(word, str(least), name=word + " without argument")
        if most < 60:
            refuses(word + " x" * (most + 1), r"\b%d\b.*not %d" % (
                most, most + 1), name="%s with %d arguments" % (
                    word, most + 1))
        if least > 1:
            refuses(word + " x" * (least - 1), str(least),
                    name="%s with %d argument(s)" % (word, least - 1))
        good = GOOD.get(word) or GOOD_LINES.get(word)
        if again or not good or "/senders" in good:
            continue
        lines = [GOOD[w] for w in GOOD if w != word] + [good, good]
        status, _, err = run(lines)
        report(status == 78 and len(err) == 1 and re.match(
            "%s:%d: %s: .*twice.*once" % (re.escape(CONF), len(lines), word),
            err[0]), "refused: %s twice" % word, *err)


GOOD_LINES = {
    "tls": "tls required", "auth-tries": "auth-tries 1",
    "relay-auth": "relay-auth password", "relay-per-user":
    "relay-per-user yes", "relay-pin": "relay-pin sha256:" + 32 * "aB:",
    "relay-certificate": "relay-certificate %s/good.pem %s/good.key" % (T, T),
    "relay-referrals": "relay-referrals b.example.org [2001:db8::1]:26",
    "auth-penalty": "auth-penalty 0s", "user-limit": "user-limit 200/24h",
    "auth-token": "auth-token /bin/true",
    "auth-delay": "auth-delay 500ms", "relay-ca": "relay-ca %s/ca.pem" % T,
    "relay-credentials": "relay-credentials %s/login" % T,
    "max-size": "max-size 1G", "max-header": "max-header 64K",
    "max-recipients": "max-recipients 1", "max-connections":
    "max-connections 8000", "max-connections-per-source":
    "max-connections-per-source 3", "max-auth-helpers": "max-auth-helpers 9",
    "idle-exit": "idle-exit never",
    "idle-timeout": "idle-timeout 24h", "relay-timeout": "relay-timeout 115",
    "imap-timeout": "imap-timeout 1s", "client-ca": "client-ca %s/ca.pem" % T,
    "received-client":
    "received-client no", "log": "log syslog", "relay-xclient":
    "relay-xclient yes", "proxy-protocol": "proxy-protocol no", "senders":
    "senders %s/senders" % T,
}


def good_values():
    status, out, err = run(list(GOOD.values()))
    report(called_good(status, out, err),
           "a good configuration: FILE: every line is understood", status, out, *err)
    for line in GOOD_LINES.values():
        takes(line)
    for value in ("smtp://localhost", "smtp://mail.example.org:25/",
                  "smtp+starttls://[::1]:587", "smtps://h", "lmtp://h:24",
                  "lmtp:///run/lmtp", "maildir:///var/mail", "SMTP://h",
                  "smtp://a smtp://b:26 smtps://c"):
        takes("relay " + value)
    for value in ("127.0.0.1:587", "[::1]:587", "*:465 tls", "0.0.0.0:1"):
        takes("listen " + value)
    for value in ("imaps://h login {}/login", "imaps://h proxy {}/login "
                  "ca={}/ca.pem", "imap+starttls://h:144 passthrough",
                  "imap://localhost passthrough", "imap://127.0.0.2:1 "
                  "passthrough", "imap://[::1] passthrough",
                  "imaps://h/ passthrough ca={}/ca.pem"):
        takes("imap " + value.replace("{}", T))
    takes("trusted-proxy 192.0.2.1 10.0.0.0/8 ::1 2001:db8::/32 0.0.0.0/0")
    takes("proxy-protocol yes", "trusted-proxy 10.0.0.0/8",
          "trusted-proxy ::1")
    for line in ("senders any", "tls optional", "log stderr", "max-size 1",
                 "auth-delay 0", "auth-delay 60s", "idle-timeout 1m"):
        takes(line)
    if ROOT:
        takes("user nobody daemon")
    body = "\n".join(GOOD.values())
    for name, text in [
            ("without the last line end", body), ("CR LF", body.replace(
                "\n", "\r\n") + "\r\n"), ("comments and empty lines",
             "# a\n\n  # b \"\n" + body.replace("\n", "  # c\n\n\t") + "\n#"),
            ("quotes", re.sub(r"(?m)^(\S+) (\S+)", r'"\1" "\2"', body))]:
        status, out, err = run(text.encode())
        report(status == 0 and not err, "taken: " + name, *err)
    lines, _ = with_line("tls off")
    lines = [x for x in lines if not x.startswith("certificate")]
    status, _, err = run(lines)
    report(status == 0 and not err, "taken: tls off, no certificate", *err)
    status, out, err = run(list(GOOD.values()), "-n", "-d", "-v", "-t")
    report(status == 0 and not err, "taken: -n -d -v -t", *err)


def lines_themselves():
    def row(name, line, pattern):
        text = "\n".join(GOOD.values()).encode() + b"\n" + line + b"\n"
        status, _, err = run(text)
        want = "%s:%d: .*%s" % (re.escape(CONF), len(GOOD) + 1, pattern)
        report(status == 78 and len(err) == 1 and re.match(want, err[0]),
               "refused: " + name, "status %s, wanted %s" % (status, want),
               *err)

    row("unknown word", b"colour blue", "unknown word.*colour.*"
        "smtpsubmitd.conf")
    row("word in capitals", b"TLS off", "unknown word.*TLS")
    row("quote not closed", b'domain "example.org', "quote is not closed")
    row("quote amid a word", b'domain exa"mple.org"', "quote.*middle")
    row("word behind a quote", b'max-size "5"0', "quote.*followed")
    row("NUL", b"max-size 50\0M", "NUL")
    row("NUL behind #", b"# \0", "NUL")
    row("line too long", b"max-size 50" + b" " * 5000, "too long")
    row("comment of a megabyte", b"#" * (1 << 20), "too long")
    row("too many words", b"relay" + b" smtp://h" * 70, "too many")


def several():
    lines = ["colour blue"] + list(GOOD.values()) + [
        "max-size 0", "log file", "imap imaps://h maybe", 'domain "x',
        "auth-tries"]
    n = len(GOOD)
    status, out, err = run(lines)
    places = [int(m[1]) for m in (re.match(r".*?:(\d+): ", e) for e in err)
              if m]
    report(status == 78 and places == [1] + list(range(n + 2, n + 7)) and
           out == "", "-n shows all errors, in their order", *err)
    for empty in (b"", b"# nothing\n"):
        status, _, err = run(empty)
        said = "\n".join(err)
        report(status == 78 and all(re.search(r"(?m)%s: is missing" % w, said)
                                    for w in ("relay", "auth",
                                              "certificate")),
               "-n shows relay, auth and certificate missing, all of them",
               *err)
    for word in "relay", "auth", "certificate":
        lines = [GOOD[w] for w in GOOD if w != word]
        status, _, err = run(lines)
        report(status == 78 and len(err) == 1 and re.match(
            "%s:.*%s: is missing" % (re.escape(CONF), word), err[0]),
            "refused: no " + word, *err)
    lines = ["auth-token /bin/true"] + [GOOD[w] for w in GOOD if w != "auth"]
    status, out, err = run(lines)
    report(called_good(status, out, err), "taken: auth-token, no auth", *err)
    lines = ["tls off"] + [GOOD[w] for w in GOOD if w != "certificate"]
    status, _, err = run(lines + ["listen 127.0.0.1:4000 tls"])
    report(status == 78 and len(err) == 1 and "certificate" in err[0],
           "refused: listen ... tls without a certificate", *err)
    lines, _ = with_line("certificate %s/none %s/none" % (T, T), "max-size x")
    status, _, err = run(lines)
    report(status == 78 and len(err) == 2,
           "a bad line is not also called missing", *err)


def files():
    for name, path, why in [("no file", T + "/there-is-none", "No such file"),
                            ("a directory", T + "/dir", "(?i)director")]:
        status, _, err = start("-n", "-f", path)
        report(status == 78 and len(err) == 1 and err[0].startswith(path) and
               re.search(why, err[0]), "refused: " + name, *err)
    if ROOT and nobody_can_run():
        write(CONF, "x", 0o600)
        status, _, err = start("-n", "-f", CONF, **NOBODY)
        report(status == 78 and len(err) == 1 and
               err[0] == CONF + ": Permission denied",
               "refused: a configuration that cannot be read", *err)
    senders()


def senders():
    def row(name, text, line, why):
        path = write(T + "/who", text, 0o644)
        refuses("senders " + path,
                re.escape("%s:%d: " % (path, line)) + ".*" + why,
                name="senders file, " + name)

    good = "# who\nalice alice@example.org\n"
    row("login alone", good + "\nbob\n", 4, "login and its addresses")
    row("quote not closed", good + 'bob "bob@example.org\n', 3, "quote")
    row("too long", good + "bob " + "x" * 3000 + "\n", 3, "too long")
    row("much too long", good + "bob " + "x" * 300000 + "\n", 3, "too long")
    row("NUL", good.encode() + b"bob bob@example.org\0 *\n", 3, "NUL")
    row("too many words", good + "bob" + " a@b" * 80 + "\n", 3, "too many")
    row("not an address", good + "bob bob@@example.org\n", 3, "address")
    row("@ alone", good + "bob @\n", 3, "address")
    row("UTF-8 cut short", good.encode() + b"bob b\xc3@example.org\n", 3,
        "address")
    row("overlong UTF-8", good.encode() + b"bob @ex\xc0\xafmple.org\n", 3,
        "address")
    row("domain beginning with -", good + "bob @-example.org\n", 3, "address")
    takes("senders " + write(T + "/who", "", 0o644),
          name="senders file, empty")
    takes("senders " + write(T + "/who", "jörg jörg@bücher.example "
                             "@bücher.example @example.org\n", 0o644),
          name="senders file, UTF-8")


NOBODY = dict(user=65534, group=65534, extra_groups=[])


def nobody_can_run():
    try:
        return subprocess.run([PROGRAM, "-x"], stderr=subprocess.DEVNULL,
                              **NOBODY).returncode == 64
    except OSError:
        return False


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def self_signed(name, *kind):
    openssl("req", "-x509", "-newkey", *kind, "-nodes", "-days", "30",
            "-subj", "/CN=mail.example.org", "-keyout",
            "%s/%s.key" % (T, name), "-out", "%s/%s.pem" % (T, name))
    os.chmod("%s/%s.key" % (T, name), 0o600)


def copy(source, target, mode):
    with open(os.path.join(T, source), "rb") as f:
        return write(os.path.join(T, target), f.read(), mode)


def keys():
    """Contents that do not fit: told by -n, and nothing is served."""
    copy("good.key", "open.key", 0o644)
    copy("good.key", "writable.key", 0o602)
    copy("good.key", "group.key", 0o640)
    write(T + "/empty.key", "")
    write(T + "/half.key", open(T + "/good.key").read()[:100])
    self_signed("ed", "ed25519")
    self_signed("big", "rsa:4608")
    openssl("pkey", "-in", T + "/good.key", "-aes128", "-passout",
            "pass:secret", "-out", T + "/locked.key")
    os.chmod(T + "/locked.key", 0o600)
    rows = [
        ("key that others can read", "good.pem", "open.key",
         "open.key.*others"),
        ("key that others can write", "good.pem", "writable.key",
         "writable.key.*others"),
        ("key of another certificate", "good.pem", "wrong-name.key",
         "wrong-name.key.*not.*certificate's key"),
        ("Ed25519 key", "ed.pem", "ed.key", "ed.pem.*RSA.*4096.*EC"),
        ("RSA key of 4608 bits", "big.pem", "big.key",
         "big.pem.*RSA.*4096.*EC"),
        ("certificate that is none", "garbage", "good.key",
         "garbage.*no certificate"),
        ("key that is none", "good.pem", "garbage",
         "garbage.*no private key"),
        ("key and certificate exchanged", "good.key", "good.pem",
         "good.key.*no certificate"),
        ("empty key", "good.pem", "empty.key", "empty.key.*empty"),
        ("half a key", "good.pem", "half.key", "half.key.*no private key"),
        ("key behind a password", "good.pem", "locked.key", "locked.key"),
        ("key is a directory", "good.pem", "dir", "dir.*regular file"),
        ("certificate is a directory", "dir", "good.key", "dir.*"),
    ]
    for name, cert, key, why in rows:
        line = "certificate %s/%s %s/%s" % (T, cert, T, key)
        lines, _ = with_line(line)
        for mode in "-n", "-d":
            port = free_port()
            status, out, err = run(lines + [
                "listen 127.0.0.1:%d" % port, "log stderr"], mode, "-d")
            shown = [e for e in fails(out) + err if re.search(why, e)]
            report(status == 78 and len(shown) == 1 and
                   (mode == "-n" or out == "") and
                   "pass phrase" not in "".join(err) and closed(port),
                   "refused with %s: %s" % (mode, name),
                   "status %s, wanted %s" % (status, why), out, *err)
    takes("certificate %s/good.pem %s/group.key" % (T, T),
          name="a key that its group can read")
    secrets()
    if ROOT and nobody_can_run():
        lines, _ = with_line(GOOD["certificate"])
        status, _, err = run(lines, **NOBODY)
        report(status == 78 and len(err) == 1 and re.match(
            r"%s:\d+: certificate: .*good.key: Permission denied" %
            re.escape(CONF), err[0]),
            "refused: a key that cannot be read", *err)
    elif ROOT:
        skip("a key that cannot be read", "nobody cannot run $BUILD")


def secrets():
    """The other files with secrets, and trust anchors."""
    write(T + "/open-login", "submit submitpw\n", 0o644)
    write(T + "/one-word", "submit\n")
    write(T + "/empty-login", "")
    for word, line in (("relay-credentials", "relay-credentials %s"),
                       ("imap", "imap imaps://h login %s")):
        for name, file, why in [
                ("others can read", "open-login", "open-login.*others"),
                ("one word", "one-word", "one-word.*user.*password"),
                ("empty", "empty-login", "empty-login.*empty")]:
            lines, _ = with_line(line % (T + "/" + file))
            for mode in "-n", "-d":
                port = free_port()
                status, out, err = run(lines + [
                    "listen 127.0.0.1:%d" % port, "log stderr"], mode, "-d")
                said = fails(out) + err
                report(status == 78 and re.search(why, "\n".join(said)) and
                       "submitpw" not in out + "".join(err) and closed(port),
                       "refused with %s: %s file, %s" % (mode, word, name),
                       "status %s" % status, *err)
    for line in ("relay-ca %s/garbage", "imap imaps://h passthrough "
                 "ca=%s/garbage"):
        lines, _ = with_line(line % T)
        lines = [x for x in lines if not x.startswith("relay ")]
        status, _, err = run(lines + ["relay smtps://mail.example.org"])
        report(status == 78 and "garbage" in "".join(err),
               "refused: no CA in " + line.split()[0] + "'s file",
               "status %s" % status, *err)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def closed(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def libexec():
    directory = T + "/libexec"
    os.mkdir(directory)
    os.symlink(BUILD + "/auth-reply", directory + "/auth-reply")
    takes("libexec " + directory, name="libexec with auth-reply alone")
    lines, _ = with_line("libexec " + directory)
    status, _, err = run(lines + ["imap imaps://h passthrough"])
    report(status == 78 and "imapfetch" in "".join(err),
           "refused: imap, but libexec holds no imapfetch",
           "status %s" % status, *err)
    status, _, err = run(lines + ["client-ca %s/ca.pem" % T])
    report(status == 78 and "checkcertificate" in "".join(err),
           "refused: client-ca, but libexec holds no checkcertificate",
           "status %s" % status, *err)
    lines, _ = with_line("tls off", "client-ca %s/ca.pem" % T)
    status, _, err = run(lines)
    report(status == 78 and "client-ca: needs TLS" in "".join(err),
           "refused: client-ca without TLS", "status %s" % status, *err)


def credentials():
    """$CREDENTIALS_DIRECTORY holds what is named without a directory."""
    there = T + "/credentials"
    os.mkdir(there)
    for name in "good.pem", "good.key", "login", "ca.pem":
        copy(name, "credentials/" + name, 0o400)
    env = dict(os.environ, CREDENTIALS_DIRECTORY=there)
    for name, line in [
            ("certificate", "certificate good.pem good.key"),
            ("relay-credentials", "relay-credentials login"),
            ("relay-ca", "relay-ca ca.pem"),
            ("imap", "imap imaps://h login login ca=ca.pem")]:
        takes(line, name="CREDENTIALS_DIRECTORY: " + line, env=env, cwd="/")
        refuses(line, FILE, name=line + ", without CREDENTIALS_DIRECTORY",
                cwd="/")
    refuses("certificate none.pem good.key", FILE, env=env, cwd="/",
            name="CREDENTIALS_DIRECTORY: not there")
    refuses("certificate /good.pem /good.key", FILE, env=env, cwd="/",
            name="CREDENTIALS_DIRECTORY: not for absolute names")
    takes("certificate good.pem good.key", env=dict(
        env, CREDENTIALS_DIRECTORY=T + "/dir"),
        name="CREDENTIALS_DIRECTORY: else the working directory")
    os.chmod(there + "/good.key", 0o444)
    lines, _ = with_line("certificate good.pem good.key")
    status, out, err = run(lines, env=env, cwd="/")
    report(status == 78 and "others may read" in "".join(fails(out)),
           "CREDENTIALS_DIRECTORY: others can read the key", *err)


def command_line():
    write(CONF, "\n".join(GOOD.values()))
    for args in (["-x"], ["-n", "-f"], ["-n", "-f", CONF, "more"],
                 ["--help"], ["start"]):
        status, out, err = start(*args)
        report(status == 64 and out == "" and any(
            e.startswith("usage: smtpsubmitd [-dntv] [-f file]")
            for e in err), "usage: " + " ".join(args).replace(CONF, "FILE"),
            "status %s" % status, *err)


def in_use():
    with socket.create_server(("127.0.0.1", 0)) as s:
        taken = s.getsockname()[1]
        for name, address, why in [
                ("an address in use", "127.0.0.1:%d" % taken, "in use"),
                ("an address of another machine", "192.0.2.1:2525",
                 "assign")]:
            lines, at = with_line("listen " + address,
                                  "listen 127.0.0.1:%d" % free_port())
            for mode in ["-d"], []:
                status, out, err = run(lines, *mode, "-v")
                report(status == 78 and len(err) == 1 and out == "" and
                       re.search(why, err[0]) and
                       (address in err[0] or "%s:%d:" % (CONF, at) in err[0]),
                       "%s: one line that names it%s" % (
                           name, " (-d)" if mode else ""),
                       "status %s" % status, *err)


bad_values()
counts()
good_values()
lines_themselves()
several()
files()
keys()
libexec()
credentials()
command_line()
in_use()
end()
