"""The rows of system.t. Each section is a function; `first` is what happens
from the installation on, `boot` what does after a reboot."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from system_lab import (
    CA, CONF, CREDENTIALS, HERE, LAB, SOCKETS, T, TREE, UNIT,
    Unexpected, body, certificate_of, check, configure, delivered, dial,
    files, finish, give_envelope, half_sent, journal, leave,
    listed, login, main_pid, must, now, pki, processes, put, reload, report,
    run, send, show, start, state, talk, wait, write)

SUBMISSION = "swaks --server 127.0.0.1 --from alice@example.org " \
    "--to bob@example.org --tls-verify --tls-ca-path %s " % CA


def swaks(*args):
    done = subprocess.run(SUBMISSION.split() + list(args), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def postfix(what="start"):
    env = dict(os.environ, LAB_XCLIENT="yes")
    subprocess.run([os.path.join(os.path.dirname(LAB), "postfix-lab"), what,
                    T + "/lab-postfix", *(["25"] if what == "start" else [])],
                   check=True, env=env, stdout=subprocess.DEVNULL)


# --- as the README says


def setup():
    with open(T + "/before", "w") as f:
        f.write("\n".join(sorted(files())))
    pki.make(T)
    postfix()
    units = [UNIT, *SOCKETS, "smtpsubmitd@587.socket", "smtpsubmitd@x.service"]
    begun = now()
    put(T + "/smtpsubmitd.deb", "/root/smtpsubmitd.deb")
    must("dpkg", "-i", "/root/smtpsubmitd.deb")
    installed = now() - begun
    check("installed, nothing listens yet",
          (not listed(587) and not listed(465), "a port is open"),
          ("static" in run("systemctl", "is-enabled", UNIT)[1], "enabled"),
          *((run("systemctl", "is-enabled", s)[1] == "disabled", s)
            for s in SOCKETS))
    check("the user, the files", (must("id", "-un", "_smtpsubmitd"), "user"),
          (os.stat(CREDENTIALS).st_mode & 0o777 == 0o700, "credentials"),
          (run("systemd-analyze", "verify", *units) == (0, ""),
           run("systemd-analyze", "verify", *units)))
    status, said = run("smtpsubmitd", "-n")
    check("-n: what is missing has its line", (
        status == 78 and "smtpsubmitd.conf:" in said and "cert.pem" in said,
        said))
    begun = now()
    must("useradd", "-m", "alice")
    must("sh", "-c", "echo alice:alicepw | chpasswd; echo root:rootpw | "
         "chpasswd")
    for file, name in ("good.pem", "cert.pem"), ("good.key", "key.pem"):
        put(T + "/" + file, "/etc/smtpsubmitd/credentials/" + name, "600")
    configure(hostname="mail.example.org", domain="example.org",
              relay="smtp://127.0.0.1")
    status, said = run("smtpsubmitd", "-n")
    check("-n: three lines and a certificate are enough", (
        status == 0 and " 0 FAIL" in said, said))
    must("systemctl", "enable", "--now", *SOCKETS)
    check("both ports listen, no process does", (
        listed(587) and listed(465), "ports"), (processes() == [], "process"))
    said = swaks("--port", "587", "--tls", "--auth-user", "alice",
                 "--auth-password", "alicepw")
    check("the first message", ("<~  250 2.0.0" in said, said))
    show("# installed in %.1f s, from there to the first message %.1f s"
         % (installed, now() - begun))


def mail():
    check("DATA by port 587", (send("by587", port=587), "refused"),
          (delivered("by587"), "not delivered"))
    check("DATA by port 465", (send("by465"), "refused"),
          (delivered("by465"), "not delivered"))
    write(T + "/curl.eml", body("bycurl"))
    done = subprocess.run(
        ["curl", "-sS", "--cacert", CA, "--url", "smtps://127.0.0.1/lab",
         "--user", "alice:alicepw", "--mail-from", "alice@example.org",
         "--mail-rcpt", "bob@example.org", "-T", T + "/curl.eml"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check("curl", (done.returncode == 0, done.stdout),
          (delivered("bycurl"), "not delivered"))
    said = swaks("--port", "465", "--tlsc", "--auth", "PLAIN", "--auth-user",
                 "alice", "--auth-password", "wrong")
    check("a wrong password", ("535 5.7.8" in said, said))
    said = swaks("--port", "465", "--tlsc", "--auth", "PLAIN", "--auth-user",
                 "root", "--auth-password", "rootpw")
    check("root does not log in, even with his password", (
        "535 5.7.8" in said, said))
    log = journal("-t", "smtpsubmitd")
    check("every role is heard in the journal", *(
        ("event=%s " % e in log, e) for e in (
            "connect", "tls", "auth", "mail", "accepted", "auth-failed",
            "close")))
    write(T + "/log", log + "\n")
    put(T + "/log", "/root/log")
    for source in "/root/log", "systemd-journal":
        said = must("fail2ban-regex", source, "smtpsubmitd")
        n = re.search(r"Failregex: (\d+) total", said)
        check("fail2ban-regex on %s" % source, (
            n and int(n.group(1)) == log.count("event=auth-failed "), said))
    said = must("fail2ban-client", "-d", "--dp")
    check("the jail is known, and off", ("smtpsubmitd" not in said, said))
    with open(T + "/jail", "w") as f:
        f.write("[smtpsubmitd]\nenabled = true\n[sshd]\nenabled = false\n")
    put(T + "/jail", "/etc/fail2ban/jail.local")
    status, said = run("fail2ban-client", "-t")
    check("the jail, turned on", (status == 0, said))
    os.unlink(TREE + "/etc/fail2ban/jail.local")
    status, said = run("sh", "-c", "grep -v systemd /root/log | grep -Evf "
                       "/etc/logcheck/ignore.d.server/smtpsubmitd")
    check("logcheck has nothing to report", (said == "", said))
    os.unlink(TREE + "/root/log")


def fence():
    said = must("systemd-analyze", "security", UNIT)
    score = re.search(r"exposure level for \S+: ([\d.]+)", said).group(1)
    single = must("systemd-analyze", "security", "smtpsubmitd@x.service")
    other = re.search(r"exposure level for \S+: ([\d.]+)", single).group(1)
    show("# systemd-analyze security: %s, a process per connection: %s"
         % (score, other))
    check("systemd-analyze security below 1.5", (float(score) < 1.5, said),
          (float(other) < 1.5, single))
    uid = must("id", "-u", "_smtpsubmitd")
    c = half_sent("fenced")
    seen, bad = 0, []
    for pid in processes():
        text = must("cat", "/proc/%d/status" % pid)
        words = dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))
        seen += 1
        if (words["Seccomp"], words["NoNewPrivs"], words["CapEff"],
                words["CapBnd"], set(words["Uid"].split())) != (
                "2", "1", "0" * 16, "0" * 16, {uid}):
            bad.append(text)
    check("monitor, nursery, session, relay: seccomp, no new privileges, no "
          "capability, own uid", (seen >= 4, "%d processes" % seen),
          (not bad, bad))
    check("... amid a message that is then accepted", (finish(c), ""),
          (delivered("fenced"), "not delivered"))
    leave(c)


def burl():
    sys.path.insert(0, HERE)
    from imapfetch_servers import Dovecot
    dovecot = Dovecot(T, "lab-dovecot")
    dovecot.start()
    try:
        put(dovecot.ca, "/etc/smtpsubmitd/imap-ca.pem")
        write(T + "/imap-login", "master masterpw\n")
        put(T + "/imap-login", "/etc/smtpsubmitd/credentials/imap-login",
            "600")
        configure(imap="imap+starttls://localhost:%d proxy imap-login "
                  "ca=/etc/smtpsubmitd/imap-ca.pem" % dovecot.port)
        check("reload: a new word and a new credential", (
            reload(), "no new generation"))
        with dovecot.mail("alice") as m:
            uid = m.append(body("byburl"))
        c = login()
        give_envelope(c)
        said = talk(c, "BURL imap://localhost:%d/INBOX/;UID=%d LAST"
                    % (dovecot.port, uid), "250")
        check("BURL from a real Dovecot", (said, ""),
              (delivered("byburl"), "not delivered"))
        leave(c)
    finally:
        dovecot.stop()
        configure(imap=None)
        reload()


def syslog():
    """As root, in the background, logging by /dev/log."""
    put(CONF, "/etc/smtpsubmitd/classic.conf")
    with open(TREE + "/etc/smtpsubmitd/classic.conf", "a") as f:
        f.write("listen 127.0.0.1:1587\nlog syslog\n")
    must("systemd-run", "--unit=classic", "-p", "Type=forking",
         "/usr/sbin/smtpsubmitd", "-f", "/etc/smtpsubmitd/classic.conf")
    check("log syslog, started as root", (send("syslog", port=1587), ""),
          (delivered("syslog"), "not delivered"))
    log = journal("-t", "smtpsubmitd", "--since=-10s", "_TRANSPORT=syslog")
    check("... every role is heard", *(
        ("event=%s " % e in log, log) for e in (
            "connect", "tls", "auth", "mail", "accepted", "close")))
    must("systemctl", "stop", "classic.service")
    os.unlink(TREE + "/etc/smtpsubmitd/classic.conf")


# --- what may happen to it


def renewal():
    old, c = certificate_of(), half_sent("renewed")
    shutil.copy(T + "/ca.pem", T + "/ca-kept.pem")
    pki._leaf(T, "new", pki.NAMES["good"], (T + "/ca.key", CA))
    for file, name in ("new.pem", "cert.pem"), ("new.key", "key.pem"):
        put(T + "/" + file, "/etc/smtpsubmitd/credentials/" + name, "600")
    took = reload()
    new = certificate_of()
    check("reload takes a new certificate", (took, "no new main process"),
          (old and new and old != new, "the same certificate"),
          (state(UNIT) == "active", state(UNIT)))
    check("... and the session amid a message goes on", (finish(c), ""),
          (delivered("renewed"), "not delivered"))
    talk(c, "NOOP", "250")
    leave(c)
    put(T + "/good.key", "/etc/smtpsubmitd/credentials/key.pem", "600")
    before = main_pid()
    run("systemctl", "reload", UNIT)
    wait(10, lambda: "event=generation-failed" in journal("-u", UNIT))
    check("reload with a key that does not fit: the old one serves", (
        "event=generation-failed" in journal("-u", UNIT), "no such event"),
        (main_pid() == before and send("oldkey"), "not served"))
    put(T + "/new.key", "/etc/smtpsubmitd/credentials/key.pem", "600")


def restart(what):
    c, before = half_sent("restart-" + what), main_pid()
    job = start("systemctl", "restart", what)
    time.sleep(0.5)
    waiting = socket.create_connection(("127.0.0.1", 587), 20)
    wait(5, lambda: state(UNIT) == "deactivating")
    check("restart of %s amid a message: it is accepted" % what,
          (finish(c), ""),
          (delivered("restart-" + what), "not delivered once"))
    c.hang_up()
    status = job.wait(60)
    waiting.settimeout(20)
    try:
        greeting = waiting.recv(100)
    except OSError as e:
        greeting = str(e).encode()
    waiting.close()
    # the queue of a socket goes with the socket
    served = greeting.startswith(b"220 ") or what in SOCKETS
    check("... and the restart is done, both ports serve", (
        status == 0, job.stdout.read()), (served, greeting),
        (main_pid() != before, "the same process"),
        (send("after-" + what, port=587) and send("after2-" + what), ""),
        *((state(s) == "active", s) for s in SOCKETS))


def restarts():
    restart(UNIT)
    restart(SOCKETS[0])


def crash():
    send("warm")
    quiet, before = set(processes()), main_pid()
    victim, other = login(), half_sent("survivor")
    pids = [p for p in processes() if p not in quiet]
    must("kill", "-SEGV", str(min(pids)))
    wait(10, lambda: main_pid() != before)
    check("a session that crashes takes no other along", (
        finish(other), ""), (delivered("survivor"), "not delivered"),
        ("event=child-died role=session" in journal("-u", UNIT), "no event"),
        (main_pid() != before, "no new generation"),
        (state(UNIT) == "active", state(UNIT)))
    victim.hang_up()
    leave(other)
    must("kill", "-KILL", str(main_pid()))
    check("a main process that is killed is started again", (
        wait(5, lambda: state(UNIT) == "activating"), state(UNIT)),
        (send("killed", patience=30), "not served"))


def hang():
    drop_in = "/etc/systemd/system/%s.d" % UNIT
    must("mkdir", "-p", drop_in)
    put(write(T + "/dog.conf", "[Service]\nWatchdogSec=3\n"
              "RestartSec=1\n"),
        drop_in + "/dog.conf")
    must("systemctl", "daemon-reload")
    must("systemctl", "restart", UNIT)
    send("before-hang")
    reload()
    before = main_pid()
    time.sleep(5)
    check("the watchdog hears signs of life, of each generation", (
        main_pid() == before, "started anew"), (send("alive"), ""))
    must("kill", "-STOP", str(main_pid()))
    began = now()
    check("a main process that hangs is started again", (
        wait(40, lambda: main_pid() not in (0, before)), state(UNIT)),
        (send("woken", patience=30), "not served"),
        ("watchdog" in journal("-u", UNIT).lower(), "no such line"))
    show("# after %.0f s" % (now() - began))
    must("rm", "-r", drop_in)
    must("systemctl", "daemon-reload")
    must("systemctl", "restart", UNIT)


def flood():
    seen = {}

    def one():
        try:
            s = socket.create_connection(("127.0.0.1", 587), 20)
            code = s.recv(4)[:3]
            seen[code] = seen.get(code, 0) + 1
            held.append(s)
        except OSError as e:
            seen[str(e)] = seen.get(str(e), 0) + 1
    held = []
    threads = [threading.Thread(target=one) for _ in range(300)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("300 connections of one source: 20 are served, the others are told",
          (seen.get(b"220") == 20 and seen.get(b"421") == 280, seen))
    for s in held:
        s.close()
    for _ in range(1500):
        socket.create_connection(("127.0.0.1", 587), 20).close()
    check("1500 more that hang up: service and sockets stay", *(
        (state(u) == "active", u) for u in (UNIT, *SOCKETS)),
        (wait(20, lambda: is_served("flooded")), "not served"))


def is_served(subject):
    """While the last of a source are still there no more of it may come."""
    try:
        return send(subject)
    except (OSError, Unexpected):
        return False


def mistake():
    configure(relay="nonsense://")
    must("systemctl", "stop", UNIT)
    s = socket.create_connection(("127.0.0.1", 587), 30)
    wait(10, lambda: "smtpsubmitd.conf:" in journal("-u", UNIT))
    check("a wrong configuration: its line in the journal, the ports stay", (
        re.search(r"smtpsubmitd\.conf:\d+: relay:", journal("-u", UNIT)),
        "no such line"), *((state(u) == "active", u) for u in SOCKETS))
    configure(relay="smtp://127.0.0.1")
    s.settimeout(30)
    check("... and once it is mended who waited is served", (
        s.recv(4) == b"220 ", "no greeting"), (state(UNIT) == "active", ""))
    s.close()


def rest():
    configure(idle_exit="1s")
    reload()
    send("before-rest")
    gone = wait(15, lambda: state(UNIT) == "inactive")
    check("idle exit: no process is left, status 0, the sockets listen", (
        gone, state(UNIT)), (processes() == [], processes()),
        ("event=idle-exit" in journal("-u", UNIT), "no event"),
        (state(UNIT, "Result") == "success", state(UNIT, "Result")),
        *((state(u) == "active", u) for u in SOCKETS))
    check("... and the next client starts it", (send("after-rest"), ""),
          (delivered("after-rest"), "not delivered"))
    # some of them come in the very moment when it goes
    lost, slowest, exits = [], 0, journal("-u", UNIT).count("event=idle-exit")
    for n in range(16):
        begun = now()
        try:
            c = dial(port=587)
            leave(c)
        except (OSError, Unexpected) as e:
            lost.append("%d: %s" % (n, e))
        slowest = max(slowest, now() - begun)
        time.sleep(1 + random.uniform(-0.02, 0.06))
    exits = journal("-u", UNIT).count("event=idle-exit") - exits
    show("# %d exits among 16 clients, the slowest took %.2f s"
         % (exits, slowest))
    check("clients that come while it goes are served", (not lost, lost),
          (exits > 0, "it never went"), (slowest < 5, slowest))
    configure(idle_exit=None)
    must("systemctl", "stop", UNIT)


def single():
    must("systemctl", "disable", "--now", *SOCKETS)
    must("systemctl", "stop", UNIT)
    ports = ["smtpsubmitd@587.socket", "smtpsubmitd@465.socket"]
    must("systemctl", "start", *ports)
    check("Accept=yes: both ports", (send("single587", port=587), ""),
          (send("single465"), ""), (delivered("single587"), "587"),
          (delivered("single465"), "465"))
    c = half_sent("single")
    unit = must("systemctl", "list-units", "--plain", "--no-legend",
                "smtpsubmitd@*.service").split()[0]
    text = "".join(must("cat", "/proc/%d/status" % p)
                   for p in processes("system-smtpsubmitd.slice/" + unit))
    check("... each its own unit, fenced", (text.count("Seccomp:\t2") >= 3,
                                            text or unit),
          (text.count("CapEff:\t" + "0" * 16) >= 3, text), (finish(c), ""))
    leave(c)
    for _ in range(250):
        socket.create_connection(("127.0.0.1", 587), 20).close()
    wait(20, lambda: "smtpsubmitd@" not in must(
        "systemctl", "list-units", "--all", "--no-legend",
        "smtpsubmitd@*.service"))
    left = must("systemctl", "list-units", "--all", "--no-legend",
                "smtpsubmitd@*.service")
    check("... 250 that hang up: the port stays, no unit is left", *(
        (state(u) == "active", u) for u in ports), (left == "", left),
        (send("again587", port=587), ""))
    must("systemctl", "stop", *ports)
    must("systemctl", "enable", "--now", *SOCKETS)


def autopkgtest():
    kept = {n: TREE + "/root/" + n for n in ("cert.pem", "key.pem")}
    for name, place in kept.items():
        shutil.copy(CREDENTIALS + name, place)
    put(os.path.join(HERE, "..", "..", "debian", "tests", "send"),
        "/root/send", "755")
    status, said = run("/root/send")
    check("debian/tests/send", (status == 0 and "three messages" in said,
                                said[-2000:]))
    for name, place in kept.items():
        shutil.move(place, CREDENTIALS + name)


def upgrade():
    send("old")
    c, before = half_sent("upgraded"), main_pid()
    must("dpkg", "-i", "/root/smtpsubmitd.deb")
    check("an upgrade begins a new generation, no session ends", (
        main_pid() not in (0, before), main_pid()), (finish(c), ""),
        (delivered("upgraded"), "not delivered"))
    leave(c)


# --- after a reboot


def boot():
    postfix()
    check("after a boot the ports listen, no process does", (
        listed(587) and listed(465), "ports"), (processes() == [], "process"))
    check("... and the first client starts it", (send("booted"), ""),
          (delivered("booted"), "not delivered"))


def removal():
    c = half_sent("last")
    job = start("dpkg", "-r", "smtpsubmitd")
    time.sleep(1)
    check("remove: a running message is accepted", (finish(c), ""),
          (delivered("last"), "not delivered"))
    c.hang_up()
    status = job.wait(60)
    check("... nothing listens, nothing runs, the configuration stays", (
        status == 0, job.stdout.read()), (not listed(587), 587),
        (not listed(465), 465), (processes() == [], processes()),
        (os.path.exists(CONF), "no configuration"))
    must("dpkg", "-P", "smtpsubmitd")
    with open(T + "/before") as f:
        before = set(f.read().splitlines())
    # what systemd, dpkg and others keep for themselves; the user alice
    others = re.compile(
        r"/var/(lib/(dpkg|systemd|private|pam|fail2ban|logrotate)|log|tmp|"
        r"cache|mail|spool|backups)\b|/run/|/etc/(passwd|shadow|group|gshadow|"
        r"subuid|subgid)-?$|/etc/\.pwd\.lock|/usr/share/man/|"
        r".*/__pycache__|/etc/machine-id")
    after = files()
    left = sorted(p for p in after - before
                  if not others.match(p) or "smtpsubmitd" in p)
    status, said = run("sh", "-c", "systemctl list-units --all --no-legend "
                       "| grep smtpsubmitd")
    check("purge: nothing is left but the user", (not left, left[:20]),
          (said == "", said), (run("id", "_smtpsubmitd")[0] == 0, "no user"))
    lost = sorted(p for p in before - after if not others.match(p))
    check("... and nothing of others is gone", (not lost, lost[:20]))


PHASES = {
    "first": (setup, mail, fence, burl, syslog, renewal, restarts, crash, hang, flood,
              mistake, rest, single, autopkgtest, upgrade),
    "boot": (boot, removal),
}


def main():
    for s in signal.SIGTERM, signal.SIGHUP:
        signal.signal(s, lambda *a: sys.exit(1))
    wanted = os.environ.get("SECTIONS", "").split()
    try:
        for section in PHASES[sys.argv[1]]:
            if wanted and section.__name__ not in wanted:
                continue
            begun = now()
            try:
                section()
            except Exception as e:
                where = e.__traceback__
                while where.tb_next:
                    where = where.tb_next
                report(False, "system: " + section.__name__, "%s: %s (line "
                       "%d)" % (type(e).__name__, e, where.tb_lineno),
                       *journal("-n", "15").splitlines())
            show("# %s: %.1f s" % (section.__name__, now() - begun))
    finally:
        if os.path.exists(T + "/lab-postfix"):
            postfix("stop")


main()
