"""fences.t: the processes as they live: what each may, what it has open, what
is in its memory, and that nothing of all this is in the way of normal mail."""
import base64
import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading

from burl_driver import imapfetch, mail
from common_driver import (House, begin, children, end, expect, give_envelope,
                           leave, memory, report, skip, talk, write)
from imapd import Imapd, Script

BUILD, T = begin("life")
ROOT = os.getuid() == 0
NOBODY = 65534              # whose uid the roles take
STRANGER = 64321            # who starts the daemon in the second half
SUBMIT = write(T + "/submit", "submit submitpw\n")
MASTER = write(T + "/master", "master masterpw\n")
RELAY = write(T + "/relay", "smarthost smarthostpw\n")
CAROL = b"carol@example.org"
CAROL_PLAIN = b"\0carol@example.org\0carolpw"
MESSAGE = mail(b"x\r\n", "carol@example.org")


def openssl(*args):
    return subprocess.run(("openssl",) + args, check=True, text=True,
                          capture_output=True).stdout


# The processes

def sockets():
    """Inodes of TCP sockets: port of the other side, 0 of a listening one."""
    out = {}
    for path in "/proc/net/tcp", "/proc/net/tcp6":
        with open(path) as f:
            for row in [line.split() for line in f][1:]:
                out["socket:[%s]" % row[9]] = int(row[2].split(":")[1], 16)
    return out


def descriptors(pid):
    """What is behind each descriptor above 2, in order of kind."""
    tcp, out = sockets(), []
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):
            name = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            kind = name.partition(":")[0]
            if kind == "socket":
                kind = "unix" if name not in tcp else (
                    "tcp" if tcp[name] else "listening")
            if int(fd) > 2:
                out.append(kind)
    return sorted(out)


def processes(h):
    """Pid and role of each process of a house with one relay connection."""
    monitor = h.daemon.process.pid
    found = {monitor: "monitor"}
    fetching = imapfetch(h)
    found.update((p, "imapfetch") for p in fetching)
    [nursery] = [p for p in children(monitor) if p not in fetching]
    found[nursery] = "nursery"
    tcp = sockets()
    for pid in children(nursery):
        ports = set()
        for fd in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(OSError):
                ports.add(tcp.get(os.readlink("/proc/%d/fd/%s" % (pid, fd))))
        found[pid] = "relay" if h.relay.port in ports else "session"
    return found


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", f.read(), re.M))


def jailed(role, pid, uid, empty_root):
    s, name = status(pid), "%s as %s: " % (role, uid)
    report(s["Seccomp"] == "2" and s["NoNewPrivs"] == "1",
           name + "seccomp, no new privileges", s)
    report(s["Uid"].split() == 4 * [str(uid)] and s["Gid"].split() ==
           4 * [str(uid)] and s["Groups"] in ("", str(uid)),
           name + "uid, gid, no further group", s["Uid"], s["Groups"])
    report(all(int(s["Cap" + c], 16) == 0 for c in
               ("Inh", "Prm", "Eff", "Amb")), name + "no capabilities", s)
    limits = open("/proc/%d/limits" % pid).read()
    report(re.search(r"Max processes +0 +0", limits) and
           re.search(r"Max core file size +0 +0", limits),
           name + "no process, no core file", limits)
    report(os.stat("/proc/%d/mem" % pid).st_uid == 0, name + "not dumpable")
    if empty_root:
        root = "/proc/%d/root" % pid
        report(os.readlink(root) == "/run/smtpsubmitd/empty" and
               os.listdir(root + "/") == [], name + "an empty root directory",
               os.readlink(root))


HAS = {"idle": ["tcp", "unix"],
       "session": ["tcp", "unix", "unix", "unix"],
       "relay": ["tcp", "unix", "unix"],
       "nursery": ["listening", "listening", "unix"]}


def look(h, uid, start_uid):
    """Every role of a house with one idle session, and one that has sent by
    BURL."""
    for pid, role in sorted(processes(h).items(), key=lambda x: x[1]):
        s, has = status(pid), descriptors(pid)
        if role in ("monitor", "nursery"):
            report(s["Uid"].split() == 4 * [str(start_uid)] and
                   os.stat("/proc/%d/mem" % pid).st_uid == 0 and
                   s["Seccomp"] == ("2" if role == "nursery" else "0"),
                   "%s as %d: uid, not dumpable" % (role, start_uid), s)
            if role == "nursery":
                # KILL, SETGID, SETUID, SYS_CHROOT
                few = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 18
                want = few if start_uid == 0 else 0
                report(int(s["CapPrm"], 16) == int(s["CapEff"], 16) == want
                       and int(s["CapInh"], 16) == int(s["CapAmb"], 16) == 0
                       and (start_uid != 0 or int(s["CapBnd"], 16) == few),
                       "nursery as %d: few capabilities" % start_uid, s)
        else:
            jailed(role, pid, uid, uid != start_uid and role != "imapfetch")
        if role == "imapfetch":
            good = set(has) <= {"unix", "tcp", "anon_inode"} and \
                has.count("tcp") <= 1 and has.count("unix") >= 2
        elif role == "monitor":
            good = "tcp" not in has and has.count("listening") == 2
        else:
            good = has == HAS[role] or role == "session" and \
                has == HAS["idle"]
        report(good, "%s as %d: these descriptors and no others: %s" % (
            role, s["Uid"] and int(s["Uid"].split()[0]), " ".join(has)), has)


# Memory

def needles(key):
    """The secret numbers of a key in both orders, so also its DER; its PEM."""
    out = {}
    text = openssl("pkey", "-in", key, "-noout", "-text")
    for name, digits in re.findall(
            r"^(priv|prime1|prime2|privateExponent|exponent1|exponent2|"
            r"coefficient):\n((?:    .*\n)+)", text, re.M):
        octets = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
        for order, value in ("", octets), (" reversed", octets[::-1]):
            for i in range(0, len(value) - 15, 16):
                out[value[i:i + 16]] = "key: " + name + order
    lines = open(key).read().split("\n")[1:-2]
    for line in lines[len(lines) // 2:]:    # the modulus is further up
        out[line.encode()[:40]] = "key: PEM"
    return out


looked = {}


def found_in(pid, wanted):
    """Which needles are in its memory, in all that can be read; how much that
    is. Much of it is the same in many processes and is looked through once."""
    pattern = re.compile(b"|".join(re.escape(n) for n in wanted))
    found, size = set(), 0
    for piece in memory(pid):
        size += len(piece)
        key = pattern, len(piece), hashlib.sha1(piece).digest()
        if key not in looked:
            looked[key] = {wanted[m] for m in pattern.findall(piece)}
        found |= looked[key]
    return found, size


SECRETS = {
    b"smarthostpw": "relay password", b"submitpw": "submit user's password",
    b"masterpw": "master password", b"carolpw": "client's password",
    base64.b64encode(CAROL_PLAIN): "client's password in base64",
    base64.b64encode(b"carolpw"): "client's password in base64",
}
MAY_HOLD = {
    "monitor": r"key|relay password|submit|master",
    "relay": r"relay password",
    "imapfetch": r"submit|master",
}


def search(h, secrets, name, passthrough=False):
    for pid, role in sorted(processes(h).items(), key=lambda x: x[1]):
        may = MAY_HOLD.get(role, "nothing")
        if passthrough and role in ("monitor", "imapfetch"):
            may += "|client's password"
        found, size = found_in(pid, secrets)
        bad = {f for f in found if not re.match(may, f)}
        report(not bad and size > 1000000, "%s: no secret of others in the "
               "memory of: %s" % (name, role), bad, "%d octets" % size)
        if role == "monitor":
            want = set(f for f in secrets.values() if re.match(
                r"key|relay", f) and not re.search("reversed|PEM", f))
            report(want <= found and (not passthrough or
                   "client's password" in found), name + ": the monitor does "
                   "hold what it must", want - found, found)
        if role == "relay":
            report("relay password" in found, name + ": the relay does hold "
                   "its credential")


PLAIN = "imap://carol%%40example.org@127.0.0.1:%d/INBOX/;UID=1"
SIGNED = PLAIN + ";URLAUTH=submit+carol%%40example.org:internal:" + 32 * "0"


def send_all(h, *urls):
    """A session of carol's: DATA, BDAT, a BURL for each URL."""
    c = h.login("carol@example.org")
    give_envelope(c, "carol@example.org")
    talk(c, "DATA", "354")
    c.send(MESSAGE + b".\r\n")
    expect(c, "250")
    give_envelope(c, "carol@example.org")
    c.send(b"BDAT 10\r\n" + MESSAGE[:10])
    expect(c, "250")
    c.send(b"BDAT %d LAST\r\n" % (len(MESSAGE) - 10) + MESSAGE[10:])
    expect(c, "250")
    for url in urls:
        give_envelope(c, "carol@example.org")
        talk(c, "BURL %s LAST" % url, "250")
    give_envelope(c, "carol@example.org")
    return c


def content():
    return Script(urlfetch=b"* URLFETCH %%U {%d}\r\n" % len(MESSAGE) +
                  MESSAGE + b"\r\n%T OK done\r\n",
                  fetch=b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(MESSAGE) +
                  MESSAGE + b")\r\n%T OK\r\n")


def half_a_login(h):
    """A session that has the password, for its line is not complete."""
    c = h.dial()
    talk(c, "EHLO client.example.net", "250")
    before = set(processes(h))
    c.send(b"AUTH PLAIN " + base64.b64encode(CAROL_PLAIN))
    c.until(lambda: False, 0.3)
    found = [f for p in before for f in found_in(p, SECRETS)[0]
             if processes(h)[p] == "session"]
    report("client's password in base64" in found, "a session amid AUTH does "
           "hold the password", found)
    c.send(b"\r\n")
    expect(c, "235")
    return c


def secrets_stay():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
            "-subj", "/CN=rsa.example.org", "-keyout", T + "/rsa.key", "-out",
            T + "/rsa.pem")
    os.chmod(T + "/rsa.key", 0o600)
    secrets = dict(SECRETS, **{})
    for key in "good", "rsa":
        secrets.update(needles("%s/%s.key" % (T, key)))
    keys = ["certificate %s/%s.pem %s/%s.key" % (T, k, T, k)
            for k in ("good", "rsa")]
    login = ["with AUTH PLAIN", "with CHUNKING",
             "login smarthost smarthostpw"]
    with Imapd(content()) as one, Imapd(content()) as two:
        lines = keys + ["relay-credentials " + RELAY,
                        "imap imap://127.0.0.1:%d login %s" % (
                            one.port, SUBMIT),
                        "imap imap://127.0.0.1:%d proxy %s" % (
                            two.port, MASTER)]
        with House(BUILD, T, lines, login, "memory") as h:
            just_in = half_a_login(h)
            search(h, secrets, "just logged in")
            just_in.hang_up()
            c = send_all(h, SIGNED % one.port, PLAIN % two.port)
            before = set(processes(h))
            idle = h.dial()
            talk(idle, "EHLO client.example.net", "250")
            new = [p for p, role in processes(h).items()
                   if p not in before and role == "session"]
            search(h, secrets, "login, proxy")
            report(len(new) == 1 and not any(found_in(p, {CAROL: "name"})[0]
                                             for p in new),
                   "a new session knows no other's login name", new)
            look(h, NOBODY, 0)
            leave(idle)
            c.hang_up()
        lines = keys + ["relay-credentials " + RELAY,
                        "imap imap://127.0.0.1:%d passthrough" % one.port]
        with House(BUILD, T, lines, login, "passthrough") as h:
            c = h.login("carol@example.org")
            give_envelope(c, "carol@example.org")
            talk(c, "BURL %s LAST" % (PLAIN % one.port), "250")
            give_envelope(c, "carol@example.org")
            search(h, secrets, "passthrough", True)
            c.hang_up()


# Normal life

def as_stranger(lines):
    """Files and programs that the stranger owns; who starts it."""
    if not ROOT:
        return BUILD, T, lines
    place = T + "/own"
    if not os.path.exists(place):
        os.mkdir(place)
        for f in os.listdir(T):
            if os.path.isfile(os.path.join(T, f)):
                shutil.copy2(os.path.join(T, f), place)
        for f in "smtpsubmitd", "imapfetch", "auth-reply", \
                "checkpassword-file":
            shutil.copy(os.path.join(BUILD, f), place)
        for f in os.listdir(place):
            os.chown(os.path.join(place, f), STRANGER, STRANGER)
        os.chown(place, STRANGER, STRANGER)
    os.environ["WRAP"] = ("setpriv --reuid %d --regid %d --clear-groups "
                          "--inh-caps=-all" % (STRANGER, STRANGER))
    return place, place, ["-user"] + [
        re.sub("(?<= )%s/(?=[^/]+( |$))" % re.escape(T), place + "/", line)
        for line in lines]


def living(who, name, lines, relay=(), use=None):
    """A house, used; then nothing of a fence is in its log."""
    build, scratch = BUILD, T
    os.environ.pop("WRAP", None)
    if who != "root":
        build, scratch, lines = as_stranger(lines)
    with House(build, scratch, lines, relay, "%s, %s" % (who, name)) as h:
        use(h)
        bad = re.search(r"event=(violation|child-died|fatal).*|landlock|EPERM",
                        h.daemon.log())
        report(not bad, "%s, %s: no fence is in the way" % (who, name),
               bad and bad.group(), *h.log_tail())


def one_message(h):
    c = h.envelope("carol@example.org")
    talk(c, "DATA", "354")
    c.send(MESSAGE + b".\r\n")
    expect(c, "250")
    leave(c)


def forward(listener, port):
    """A Unix socket in front of the scripted relay."""
    def copy(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)

    while True:
        try:
            a, _ = listener.accept()
        except OSError:
            return
        b = socket.create_connection(("127.0.0.1", port()))
        for pair in (a, b), (b, a):
            threading.Thread(target=copy, args=pair, daemon=True).start()


def lives(who):
    uid = NOBODY if who == "root" else STRANGER if ROOT else os.getuid()

    def starttls(h):
        c = send_all(h, SIGNED % d.port)
        idle = h.dial()
        if ROOT:
            look(h, uid, 0 if who == "root" else uid)
        leave(idle)
        talk(c, "RSET", "250")
        leave(c)
        one_message(h)
        report(len(h.relay.completed) == 4, who + ": DATA, BDAT and BURL "
               "arrive over STARTTLS", len(h.relay.completed))

    with Imapd(content()) as d:
        living(who, "STARTTLS", [
            "relay smtp+starttls://localhost:{relay}",
            "relay-ca {pki}/ca.pem", "relay-credentials " + RELAY,
            "imap imap://127.0.0.1:%d login %s" % (d.port, SUBMIT)],
            ["with STARTTLS", "with AUTH PLAIN", "with CHUNKING",
             "login smarthost smarthostpw"], starttls)
    maildir = "%s/Maildir-%s" % (T, who)
    os.mkdir(maildir)
    if ROOT:
        os.chown(maildir, uid, uid)
    living(who, "maildir", ["relay maildir://" + maildir], (), one_message)
    report(len(os.listdir(maildir + "/new")) == 1, who + ": the message is in "
           "the maildir")
    path = "%s/lmtp-%s" % (T, who)
    os.mkdir(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + "/socket")
        os.chmod(path + "/socket", 0o666)
        listener.listen()
        port = []
        threading.Thread(target=forward, args=(listener, lambda: port[0]),
                         daemon=True).start()

        def lmtp(h):
            port.append(h.relay.port)
            one_message(h)
            report(len(h.relay.completed) == 1, who + ": the message arrives "
                   "over LMTP by a Unix socket")

        living(who, "LMTP", ["relay lmtp://" + path + "/socket"],
               ["lmtp"], lmtp)


def main():
    if ROOT:
        secrets_stay()
        lives("root")
    else:
        skip("memory, and life as root", "must run as root")
    lives("unprivileged")
    end()


if __name__ == "__main__":
    main()
