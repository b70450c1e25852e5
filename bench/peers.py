"""The peers, as Debian packages have them, in private instances on loopback:
one user with a plain password, the certificate of the others, mail to the
sink. What they do not do as ours does stands in `does`."""

import gzip
import imaplib
import os
import pwd
import re
import shutil
import subprocess

from servers import (HASH, HERE, PASSWORD, PATH, TOOLS, USER, Server,
                     Unavailable, more_descriptors)

UNPACKED = subprocess.run(
    [os.path.join(HERE, "..", "tests", "packages"), "peers"],
    capture_output=True, text=True).stdout.strip()

DOVECOT = """\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
instance_name = bench%(port)d
log_path = %(dir)s/dovecot.log
protocols = %(protocols)s
listen = 127.0.0.1
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
ssl = yes
ssl_cert = <%(certificate)s
ssl_key = <%(key)s
auth_mechanisms = plain
auth_failure_delay = 0
mail_max_userip_connections = 100000
default_process_limit = 6000
default_client_limit = 20000
hostname = localhost
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%%u %(dir)s/passwd
}
userdb {
  driver = passwd-file
  args = username_format=%%u %(dir)s/passwd
}
namespace inbox {
  inbox = yes
  separator = /
}
"""
SUBMISSION = """\
service submission-login {
  inet_listener submission {
    port = %(port)d
  }
  inet_listener submissions {
    port = %(tlsport)d
    ssl = yes
  }
}
submission_relay_host = 127.0.0.1
submission_relay_port = %(sink)d
submission_max_mail_size = 0
"""
# doc.dovecot.org, "login processes": the high-performance mode, and the
# processes behind them reused likewise
REUSED = """\
service submission-login {
  service_count = 0
  process_min_avail = 2
}
service submission {
  service_count = 0
  process_min_avail = 2
}
"""


class Dovecot(Server):
    name = "dovecot"
    does = ("submission as shipped: new processes for each session; spools "
            "the message, then relays it")
    extra = ""

    def start(self):
        if not os.path.exists("/usr/lib/dovecot/submission-login"):
            raise Unavailable("package dovecot-submissiond is missing")
        more_descriptors()
        self.dovecot("submission", SUBMISSION % {
            "port": self.port, "tlsport": self.tlsport,
            "sink": self.sink.port} + self.extra)

    def dovecot(self, protocols, more):
        mail = pwd.getpwnam("mail")
        os.makedirs(os.path.join(self.directory, "home", USER))
        os.chown(os.path.join(self.directory, "home"), mail.pw_uid, mail.pw_gid)
        os.chown(os.path.join(self.directory, "home", USER), mail.pw_uid,
                 mail.pw_gid)
        self.write("passwd", "%s:{PLAIN}%s:%d:%d::%s/home/%s::\n" % (
            USER, PASSWORD, mail.pw_uid, mail.pw_gid, self.directory, USER))
        conf = self.write("dovecot.conf", DOVECOT % {
            "dir": self.directory, "port": self.port, "protocols": protocols,
            "certificate": self.place.certificate, "key": self.place.key}
            + more)
        self.run(["dovecot", "-F", "-c", conf], env={"PATH": PATH})


class DovecotReused(Dovecot):
    name = "dovecot-reused"
    does = "the same; processes are reused (service_count = 0)"
    extra = REUSED


AUTH_SOCKET = """\
service auth {
  unix_listener %s/auth.sock {
    mode = 0666
  }
}
"""
POSTFIX = """\
compatibility_level = 3.6
queue_directory = %(dir)s/queue
data_directory = %(dir)s/data
command_directory = %(root)s/usr/sbin
daemon_directory = %(lib)s/sbin
shlib_directory = %(lib)s
meta_directory = %(dir)s/conf
sendmail_path = /bin/false
mail_owner = uucp
setgid_group = news
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG
export_environment =
maillog_file = %(dir)s/postfix.log
maillog_file_prefixes = %(dir)s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
smtp_dns_support_level = disabled
mynetworks =
local_header_rewrite_clients =
message_size_limit = 0
mailbox_size_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = %(dir)s/auth.sock
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = %(key)s, %(certificate)s
smtpd_proxy_filter = 127.0.0.1:%(sink)d
"""
MASTER = """\
127.0.0.1:%(port)d inet n - n - 6000 smtpd
127.0.0.1:%(tlsport)d inet n - n - 6000 smtpd -o smtpd_tls_wrappermode=yes
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
discard   unix  - - n - - discard
smtp      unix  - - n - - discard
relay     unix  - - n - - discard
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix(Dovecot):
    name = "postfix-proxy"
    does = ("smtpd with smtpd_proxy_filter: no queue; processes are reused; "
            "passwords by a Dovecot auth service, which is counted too")

    def start(self):
        root = ""
        if not os.path.exists("/usr/lib/postfix/sbin/master"):
            root = os.path.join(UNPACKED, "postfix")
        lib = root + "/usr/lib/postfix"
        if not os.path.exists(lib + "/sbin/master"):
            raise Unavailable("no Postfix; tests/packages bench")
        more_descriptors()
        self.dovecot("none", AUTH_SOCKET % self.directory)
        self.make_queue()
        values = {"dir": self.directory, "root": root, "lib": lib,
                  "key": self.place.key, "sink": self.sink.port,
                  "certificate": self.place.certificate, "port": self.port,
                  "tlsport": self.tlsport}
        for name, text in (("main.cf", POSTFIX), ("master.cf", MASTER)):
            path = self.write("conf/" + name, text % values)
            os.utime(path, (0, 0))	# it sleeps if it is as new as now
        conf = os.path.join(self.directory, "conf")
        self.run([lib + "/sbin/master", "-c", conf], env={
            "PATH": PATH, "MAIL_CONFIG": conf, "LD_LIBRARY_PATH": lib})

    def make_queue(self):
        owner, group = pwd.getpwnam("uucp"), pwd.getpwnam("news").pw_gid
        for name in ("active", "bounce", "corrupt", "defer", "deferred",
                     "flush", "hold", "incoming", "private", "saved",
                     "trace"):
            path = os.path.join(self.directory, "queue", name)
            os.makedirs(path)
            os.chmod(path, 0o700)
            shutil.chown(path, "uucp")
        for name, mode in (("pid", 0o755), ("public", 0o710),
                           ("maildrop", 0o730)):
            path = os.path.join(self.directory, "queue", name)
            os.makedirs(path)
            os.chmod(path, mode)
            if name != "pid":
                os.chown(path, owner.pw_uid, group)
        for name in ("conf", "data"):
            os.makedirs(os.path.join(self.directory, name))
        shutil.chown(os.path.join(self.directory, "data"), "uucp")


EXIM = """\
exim_path = %(exim)s
spool_directory = %(dir)s/spool
log_file_path = %(dir)s/exim/%%slog
pid_file_path = %(dir)s/exim.pid
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = %(port)d : %(tlsport)d
tls_on_connect_ports = %(tlsport)d
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
message_size_limit = 2000M
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 1000000
smtp_connect_backlog = 4000
never_users =
keep_environment =
deliver_drop_privilege
tls_advertise_hosts = *
tls_certificate = %(dir)s/cert.pem
tls_privatekey = %(dir)s/cert.key
begin acl
rcpt:
  accept authenticated = *
    control = cutthrough_delivery
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{%(user)s}}{eq{$auth3}{%(password)s}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = %(sink)d
  allow_localhost
  hosts_try_fastopen =
  tls_tempfail_tryclear
  hosts_avoid_tls = *
begin retry
* * F,1h,1m
"""
# Exim insists on its compiled-in user; where there is none it gets one in a
# mount namespace of its own
EXIM_START = """\
mount --bind "$1/etc-passwd" /etc/passwd && mount --bind "$1/etc-group" \
/etc/group && exec "$2" -C "$1/exim.conf" -bdf"""


class Exim(Server):
    name = "exim"
    does = "cutthrough delivery; a process for each session; spools as well"

    def start(self):
        exim = "/usr/sbin/exim4"
        if not os.path.exists(exim):
            exim = UNPACKED + "/exim4-daemon-light/usr/sbin/exim4"
        if not os.path.exists(exim):
            raise Unavailable("no Exim; tests/packages bench")
        more_descriptors()
        own = "Debian-exim"
        try:
            owner = pwd.getpwnam(own)
            launch = None
        except KeyError:
            owner = pwd.getpwnam("uucp")
            self.add_user(own, owner)
            launch = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                      EXIM_START, "sh", self.directory, exim]
        for name in ("spool", "exim"):
            os.makedirs(os.path.join(self.directory, name))
            os.chown(os.path.join(self.directory, name), owner.pw_uid,
                     owner.pw_gid)
        for source, name in ((self.place.certificate, "cert.pem"),
                             (self.place.key, "cert.key")):
            path = os.path.join(self.directory, name)
            shutil.copy(source, path)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        conf = self.write("exim.conf", EXIM % {
            "dir": self.directory, "exim": exim, "port": self.port,
            "tlsport": self.tlsport, "sink": self.sink.port, "user": USER,
            "password": PASSWORD})
        self.run(launch or [exim, "-C", conf, "-bdf"], env={"PATH": PATH})

    def add_user(self, name, owner):
        for kind, line in (
                ("passwd", "%s:x:%d:%d::/:/bin/false\n" % (
                    name, owner.pw_uid, owner.pw_gid)),
                ("group", "%s:x:%d:\n" % (name, owner.pw_gid))):
            with open("/etc/" + kind) as f:
                self.write("etc-" + kind, f.read() + line)


IMAP = """\
service imap-login {
  inet_listener imap {
    port = %(port)d
  }
  inet_listener imaps {
    port = 0
  }
  service_count = 0
  process_min_avail = 1
}
auth_master_user_separator = *
passdb {
  driver = passwd-file
  args = %(dir)s/passwd.master
  master = yes
}
"""


class Imap(Dovecot):
    """No peer: the IMAP server that BURL fetches from."""
    name = "imap"

    def start(self):
        if not os.path.exists("/usr/lib/dovecot/imap"):
            raise Unavailable("package dovecot-imapd is missing")
        self.tlsport = self.port	# all there is to wait for
        self.urls = {}
        self.write("passwd.master", "master:{PLAIN}masterpw\n")
        self.dovecot("imap", IMAP % {"port": self.port,
                                     "dir": self.directory})

    def message(self, size):
        """The URL of a message of that size in the user's INBOX."""
        if size not in self.urls:
            text = subprocess.run(
                [os.path.join(TOOLS, "load"), "print", "size=%d" % size],
                capture_output=True, check=True).stdout
            box = imaplib.IMAP4("127.0.0.1", self.port)
            box.login(USER, PASSWORD)
            box.create("Sent")
            kind, data = box.append("Sent", None, None, text)
            if kind != "OK":
                raise Unavailable("APPEND: %r" % data)
            uid = re.search(rb"APPENDUID \d+ (\d+)", data[0])[1].decode()
            box.logout()
            self.urls[size] = "imap://%s@127.0.0.1:%d/Sent/;uid=%s" % (
                USER, self.port, uid)
        return self.urls[size]


OPENSMTPD = """\
pki bench cert "/etc/cert.pem"
pki bench key "/etc/cert.key"
table users { "%(user)s" = "%(hash)s" }
smtp max-message-size "2000M"
smtp limit max-mails 1000000
mta limit session-mail-max 1000000
listen on 127.0.0.1 port %(port)d tls pki bench auth <users>
listen on 127.0.0.1 port %(tlsport)d smtps pki bench auth <users>
action "out" relay host "smtp://127.0.0.1:%(sink)d"
match from any auth for any action "out"
"""
# in the root of the newer Debian; what is written lies in the own directory
OPENSMTPD_START = """\
mount --rbind "$1" "$2/root" && cd "$2" && for d in etc var run tmp
do mount --bind "$d" "root/$d" || exit; done && mount --rbind /dev root/dev &&
mount -t proc proc root/proc && exec chroot root /usr/sbin/smtpd -d -f \
/etc/smtpd.conf"""


class OpenSMTPD(Server):
    name = "opensmtpd"
    does = ("7.6 of Debian 13, for Debian 12's has no working TLS: a queue, "
            "250 before the next server has the message; neither PIPELINING "
            "nor CHUNKING; CPU until the sink has all")

    def start(self):
        root = os.path.join(UNPACKED, "opensmtpd-13")
        if not os.path.exists(root + "/usr/sbin/smtpd"):
            raise Unavailable("no OpenSMTPD; tests/packages bench")
        more_descriptors()
        for name in ("etc", "var", "run", "tmp", "root"):
            os.makedirs(os.path.join(self.directory, name))
        os.chmod(os.path.join(self.directory, "tmp"), 0o1777)
        self.make_users()
        self.make_spool()
        os.makedirs(os.path.join(self.directory, "etc/ssl/certs"))
        for source, name in (
                (self.place.certificate, "cert.pem"),
                (self.place.certificate, "ssl/certs/ca-certificates.crt"),
                (self.place.key, "cert.key")):
            shutil.copy(source, os.path.join(self.directory, "etc", name))
            os.chmod(os.path.join(self.directory, "etc", name), 0o600)
        self.write("etc/smtpd.conf", OPENSMTPD % {
            "user": USER, "hash": HASH, "port": self.port,
            "tlsport": self.tlsport, "sink": self.sink.port}, 0o600)
        self.run(["unshare", "-m", "--propagation", "private", "sh", "-c",
                  OPENSMTPD_START, "sh", root, self.directory],
                 env={"PATH": PATH})

    def make_users(self):
        daemon, queue = pwd.getpwnam("uucp"), pwd.getpwnam("news")
        home = "/var/lib/opensmtpd/empty"
        self.write("etc/passwd", (
            "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
            "opensmtpd:x:%d:%d::%s:/bin/false\n"
            "opensmtpq:x:%d:%d::%s:/bin/false\n") % (
                daemon.pw_uid, daemon.pw_gid, home, queue.pw_uid,
                queue.pw_gid, home))
        self.write("etc/group", (
            "root:x:0:\nopensmtpd:x:%d:\nopensmtpq:x:%d:\n") % (
                daemon.pw_gid, queue.pw_gid))
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/mailname", "mx.example.org\n")

    def make_spool(self):
        queue = pwd.getpwnam("news")
        var = os.path.join(self.directory, "var")
        os.makedirs(os.path.join(var, "lib/opensmtpd/empty"))
        os.symlink("/run", os.path.join(var, "run"))
        spool = os.path.join(var, "spool/smtpd")
        for name in ("queue", "corrupt", "incoming", "purge", "temporary",
                     "offline"):
            path = os.path.join(spool, name)
            os.makedirs(path)
            if name == "offline":
                os.chmod(path, 0o770)
                os.chown(path, 0, queue.pw_gid)
            else:
                os.chmod(path, 0o700)
                os.chown(path, queue.pw_uid, 0)
        os.chmod(spool, 0o711)


def versions():
    """Of what was unpacked, as far as it is used."""
    found = []
    for package in ("postfix", "exim4-daemon-light"):
        changes = os.path.join(UNPACKED, package, "usr/share/doc", package)
        version = unpacked_version(changes)
        if version:
            found.append("%s %s" % (package, version))
    version = unpacked_version(os.path.join(
        UNPACKED, "opensmtpd-13/usr/share/doc/opensmtpd"))
    return found + (["opensmtpd " + version] if version else [])


def unpacked_version(directory):
    for name in ("changelog.Debian.gz", "changelog.gz"):
        try:
            with gzip.open(os.path.join(directory, name), "rt") as f:
                return re.search(r"\((.*?)\)", f.readline())[1]
        except (OSError, TypeError):
            continue
    return None
