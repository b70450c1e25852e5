"""The rows of xclient.t."""
import base64
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading

from common_driver import (SLOW, Client, at_end, begin, daemon, expect,
                           give_envelope, leave, run_parts, say, skip,
                           talk, wait, write)
from robust_case import Place, requirement

os.environ["PATH"] += ":/usr/sbin:/sbin"
BUILD, T = begin("xclient")
PLACE = Place(BUILD, T)
SEEN = T + "/seen"          # what the helper was told of its clients
HELPER = write(T + "/helper", """#!/bin/sh
echo "$TCPREMOTEIP" >>%s
exec "$@"
""" % SEEN, 0o755)
MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so"
BEHIND = ["trusted-proxy 127.0.0.1",
          "auth %s %s/checkpassword-file {users}" % (HELPER, BUILD)]


def start(command, port, log):
    """A proxy in the foreground, when it listens."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.STDOUT)

    def stop():
        if process.poll() is None:
            process.terminate()
            process.wait(10)

    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    at_end.append(stop)
    if not wait(10, lambda: listens() or process.poll() is not None) or \
            process.poll() is not None:
        stop()
        with open(log) as f:
            raise RuntimeError("%s: %s" % (command[0], f.read()[-2000:]))
    return stop


def dial(port, source):
    sock = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
    c = Client(sock, T + "/ca.pem", 10 * SLOW)
    # the lines of others need no enhanced codes
    c.check_reply = lambda raw, text: None
    expect(c, "220")
    talk(c, "EHLO client.example.net", "250")
    return c


def auth(user="alice", password="alicepw"):
    plain = "\0%s\0%s" % (user, password)
    return "AUTH PLAIN " + base64.b64encode(plain.encode()).decode()


def sends(h, port, source, helo, wrong):
    """One message by the proxy; who it is from is known everywhere."""
    before = len(h.relay.completed)
    c = dial(port, source)
    talk(c, auth(), "235")
    give_envelope(c)
    talk(c, "DATA", "354")
    c.send(b"From: <alice@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 "
           b"+0000\r\n\r\nx\r\n.\r\n")
    expect(c, "250")
    leave(c)
    top = h.relay.completed[before].data[:200].decode()
    if not re.match(r"Received: from %s \(\[%s\]\)" % (
            re.escape(helo), re.escape(source)), top):
        wrong.append(top)
    with open(SEEN) as f:
        if f.read().split()[-1] != source:
            wrong.append("the helper was told of another")
    for event in "auth", "accepted", "close":
        if not wait(3, lambda: re.search("event=%s client=%s " % (
                event, re.escape(source)), h.daemon.log())):
            wrong.append("no %s of it in the log" % event)


# nginx

class Answer(http.server.BaseHTTPRequestHandler):
    """Where nginx shall go; which it does with the client's own password."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Auth-Status", "OK")
        self.send_header("Auth-Server", "127.0.0.1")
        self.send_header("Auth-Port", self.path.rpartition("/")[2])
        self.end_headers()

    def log_message(self, *args):
        pass


def nginx(h, name, *lines):
    """Its port, and how to stop it."""
    reserved = daemon.reserve(1)
    port = reserved[0].getsockname()[1]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = "%s/nginx-%s" % (T, name)
    os.mkdir(place)
    conf = write(place + "/conf", """\
load_module %s;
daemon off;
master_process off;
pid %s/pid;
error_log %s/log info;
events {}
mail {
    server_name mail.example.org;
    auth_http 127.0.0.1:%d/%d;
    %s
    server {
        listen 127.0.0.1:%d;
        protocol smtp;
        smtp_auth plain login;
    }
}
""" % (MODULE, place, place, server.server_address[1],
       h.daemon.names["port"], "\n    ".join(lines), port))
    reserved[0].close()
    stop = start(["nginx", "-c", conf, "-p", place, "-e", place + "/log"],
                 port, place + "/out")
    return port, lambda: (stop(), server.shutdown())


def by_nginx():
    if not shutil.which("nginx") or not os.path.exists(MODULE):
        skip("nginx", "no nginx with its mail module; tests/packages check")
        return
    with PLACE.house("nginx", BEHIND + ["tls optional"]) as h:
        h.daemon.dial("port").close()
        with requirement("nginx names its client by XCLIENT and logs in",
                         h) as wrong:
            port, stop = nginx(h, "xclient", "xclient on;",
                               "proxy_smtp_auth on;")
            sends(h, port, "127.0.0.41", "client.example.net", wrong)
            if not re.search("event=xclient client=127.0.0.41 "
                             "proxy=127.0.0.1", h.daemon.log()):
                wrong.append("no XCLIENT")
            stop()
        with requirement("nginx that claims a login by XCLIENT gets none",
                         h) as wrong:
            port, stop = nginx(h, "login", "xclient on;")
            c = dial(port, "127.0.0.42")
            got = say(c, auth())
            if got[:1] == "2" or "client=127.0.0.42" in h.daemon.log():
                wrong.append(got)
            c.hang_up()
            stop()
    with PLACE.house("nginx, PROXY protocol", BEHIND + [
            "tls optional", "proxy-protocol yes"]) as h:
        h.daemon.dial("port").close()
        with requirement("nginx names its client by the PROXY protocol",
                         h) as wrong:
            port, stop = nginx(h, "proxy", "xclient off;",
                               "proxy_smtp_auth on;", "proxy_protocol on;")
            sends(h, port, "127.0.0.43", "mail.example.org", wrong)
            stop()


# Dovecot

DOVECOT = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/log
protocols = submission
listen = 127.0.0.1
hostname = proxy.example.org
first_valid_uid = 1
ssl = yes
ssl_cert = <%(pki)s/good.pem
ssl_key = <%(pki)s/good.key
disable_plaintext_auth = no
auth_mechanisms = plain
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
passdb {
  driver = static
  args = proxy=y nopassword=y host=mail.example.org hostip=127.0.0.1 port=%(to)d %(how)s
}
service submission-login {
  chroot =
  inet_listener submission {
    port = %(port)d
  }
}
service anvil {
  chroot =
}
"""


def dovecot(h, name, which, how):
    reserved = daemon.reserve(1)
    port = reserved[0].getsockname()[1]
    place = "%s/dovecot-%s" % (T, name)
    os.makedirs(place + "/run")
    conf = write(place + "/conf", DOVECOT % {
        "dir": place, "pki": T, "to": h.daemon.names[which], "port": port,
        "how": how}, 0o644)
    reserved[0].close()
    return port, start(["dovecot", "-F", "-c", conf], port, place + "/out"), \
        place + "/log"


def by_dovecot():
    if not os.path.exists("/usr/lib/dovecot/submission-login"):
        skip("Dovecot", "no dovecot-submissiond; tests/packages check")
        return
    if os.getuid() != 0:
        skip("Dovecot", "must run as root")
        return
    for name, which, how in [("STARTTLS", "port", "starttls=any-cert"),
                             ("TLS at once", "tlsport", "ssl=any-cert")]:
        with PLACE.house("Dovecot, " + name, BEHIND) as h:
            h.daemon.dial("port").close()
            with requirement("Dovecot's submission proxy names its client "
                             "by XCLIENT, " + name, h) as wrong:
                port, stop, log = dovecot(h, which, which, how)
                sends(h, port, "127.0.0.51", "client.example.net", wrong)
                if not re.search("event=xclient client=127.0.0.51 "
                                 "proxy=127.0.0.1", h.daemon.log()):
                    wrong.append("no XCLIENT")
                c = dial(port, "127.0.0.52")
                got = say(c, auth(password="wrong"))
                if got[:3] != "535" or not wait(3, lambda: re.search(
                        "event=auth-failed client=127.0.0.52", h.daemon.log())):
                    wrong.append("a wrong password: " + got)
                c.hang_up()
                if wrong:
                    with open(log) as f:
                        wrong.append(f.read()[-1500:])
                stop()


def main():
    run_parts(by_nginx, by_dovecot)


if __name__ == "__main__":
    main()
