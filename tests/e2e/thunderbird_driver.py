"""The rows of thunderbird.t. Thunderbird is driven by Marionette, Mozilla's
protocol for tests: a length, a colon, a JSON array [type, id, name, value]."""
import base64
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from alone import NameServer, alone
from common_driver import (House, SLOW, at_end, begin, end, report, skip, wait,
                           write)
from imapfetch_servers import Dovecot

BUILD, T = begin("thunderbird")
PROFILE = T + "/profile"
PREFS = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mail.shell.checkDefaultClient": False,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "mailnews.auto_config.fetchFromISP.sslOnly": False,
    "network.manage-offline-status": False,
    "mail.SpellCheckBeforeSend": False,
    "security.default_personal_cert": "Select Automatically",
}

# What a user does in the account hub, by the functions behind its buttons.
SET_UP = """
const [cas, address, password] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const db = Cc["@mozilla.org/security/x509certdb;1"]
      .getService(Ci.nsIX509CertDB);
  for (const ca of cas)
    db.addCertFromBase64(ca, "C,,");
  const base = "resource:///modules/accountcreation/";
  const load = name => ChromeUtils.importESModule(base + name + ".sys.mjs");
  const { FetchConfig } = load("FetchConfig");
  const { AccountConfig } = load("AccountConfig");
  const { CreateInBackend } = load("CreateInBackend");
  const domain = address.split("@")[1], isp = FetchConfig.fromISP;
  const config = isp.length < 4   // of the one before 150 it is 4
      ? await isp(domain, address, new AbortController().signal)
      : await new Promise((took, left) => isp(domain, address, took, left));
  AccountConfig.replaceVariables(config, "Alice", address, password);
  config.incoming.password = config.outgoing.password = password;
  config.rememberPassword = false;
  config.outgoing.addThisServer = true;
  const account = await CreateInBackend.createAccountInBackend(config);
  const of = s => [s.type, s.hostname, s.port, s.socketType, s.username];
  return { source: config.subSource, incoming: of(config.incoming),
      outgoing: of(config.outgoing),
      others: config.outgoingAlternatives.map(of), key: account.key };
})().then(done, e => done({ error: String(e) + " " + e.stack }));
"""

# A certificate of the user's own, and the choice "TLS Certificate" for the
# outgoing server.
CERTIFICATE = """
const [path, word] = arguments;
const { MailServices } = ChromeUtils.importESModule(
    "resource:///modules/MailServices.sys.mjs");
const db = Cc["@mozilla.org/security/x509certdb;1"]
    .getService(Ci.nsIX509CertDB);
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(path);
const code = db.importPKCS12File(file, word);
const server = MailServices.outgoingServer.defaultServer;
server.closeCachedConnections();
server.authMethod = Ci.nsMsgAuthMethod.External;
arguments[arguments.length - 1]({ code, method: server.authMethod });
"""

# A compose window with a message in it, and its button "Send".
SEND = """
const [to, subject, body] = arguments;
const done = arguments[arguments.length - 1];
(async () => {
  const { MailServices } = ChromeUtils.importESModule(
      "resource:///modules/MailServices.sys.mjs");
  const create = (what, face) => Cc["@mozilla.org/messengercompose/" + what +
      ";1"].createInstance(Ci[face]);
  const fields = create("composefields", "nsIMsgCompFields");
  fields.to = to;
  fields.subject = subject;
  fields.body = body;
  const params = create("composeparams", "nsIMsgComposeParams");
  params.composeFields = fields;
  params.identity = MailServices.accounts.defaultAccount.defaultIdentity;
  params.type = Ci.nsIMsgCompType.New;
  params.format = Ci.nsIMsgCompFormat.PlainText;
  MailServices.compose.OpenComposeWindowWithParams(null, params);
  const pause = ms => new Promise(go => {
    const timer = Cc["@mozilla.org/timer;1"].createInstance(Ci.nsITimer);
    timer.initWithCallback(go, ms, Ci.nsITimer.TYPE_ONE_SHOT);
    globalThis.kept = timer;
  });
  let win;
  for (let i = 0; i < 300 && !win?.gMsgCompose?.editor; i++) {
    await pause(100);
    win = Services.wm.getMostRecentWindow("msgcompose");
  }
  await pause(1000);
  win.goDoCommand("cmd_sendNow");
  let said = "";
  for (let i = 0; i < 300 && !win.closed; i++) {
    await pause(100);
    const box = Services.wm.getMostRecentWindow("");
    if (box && box != win && box.document?.getElementById("infoBody"))
      said = box.document.getElementById("infoBody").textContent;
  }
  return { closed: win.closed, said };
})().then(done, e => done({ error: String(e) + " " + e.stack }));
"""


class Marionette:
    def __init__(self, port=2828):
        deadline = time.monotonic() + 60 * SLOW
        while True:
            try:
                self.sock = socket.create_connection(("127.0.0.1", port), 5)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self.sock.settimeout(120 * SLOW)
        self.stream = self.sock.makefile("rb")
        self.number = 0
        self.take()
        self.ask("WebDriver:NewSession", {})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        self.ask("WebDriver:SetTimeouts", {"script": int(90000 * SLOW)})

    def take(self):
        size = b""
        while (octet := self.stream.read(1)) != b":":
            if not octet:
                raise EOFError("Thunderbird has closed the connection")
            size += octet
        return json.loads(self.stream.read(int(size)))

    def ask(self, name, value):
        self.number += 1
        text = json.dumps([0, self.number, name, value]).encode()
        self.sock.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.take()
        if error:
            raise RuntimeError(error)
        return result

    def run(self, script, *args):
        return self.ask("WebDriver:ExecuteAsyncScript", {
            "script": script, "args": list(args)})["value"]


def serve_web(directory):
    """autoconfig.example.org; 404 for all but the file's own name."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.headers["Host"], self.path.split("?")[0]))
            good = asked[-1] == ("autoconfig.example.org",
                                 "/mail/config-v1.1.xml")
            self.send_response(200 if good else 404)
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            if good:
                with open(directory + "/autoconfig.xml", "rb") as f:
                    self.wfile.write(f.read())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return asked


def start_thunderbird():
    os.mkdir(PROFILE)
    write(PROFILE + "/user.js", "".join(
        "user_pref(%s, %s);\n" % (json.dumps(k), json.dumps(v))
        for k, v in PREFS.items()))
    log = open(T + "/thunderbird.log", "wb")
    p = subprocess.Popen(
        ["thunderbird", "--headless", "--no-remote", "--profile", PROFILE,
         "--marionette", "--remote-allow-system-access"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=T,
        start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": T, "TMPDIR": T,
             "MOZ_HEADLESS": "1", "MOZ_CRASHREPORTER_DISABLE": "1"})
    at_end.append(lambda: stop(p))
    return p


def stop(p):
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()


def der(path):
    with open(path) as f:
        text = f.read()
    return "".join(re.search("BEGIN CERTIFICATE-----(.*?)-----END", text,
                             re.S)[1].split())


def rows(house, dovecot, asked):
    m = Marionette()
    got = m.run(SET_UP, [der(T + "/ca.pem"), der(dovecot.ca)],
                "alice@example.org", "alicepw")
    report(got.get("source") == "xml-from-isp-http" and got["incoming"] == [
        "imap", "imap.example.org", dovecot.tls_port, 3, "alice"] and
        got["outgoing"] == ["smtp", "mail.example.org", 465, 3, "alice"] and
        [o[:4] for o in got["others"]] == [[
            "smtp", "mail.example.org", 587, 2]],
        "Thunderbird sets itself up by our autoconfig.xml", got, asked)
    for subject, body in [("plain", "Hello Bob\n"),
                          ("Gr\u00fc\u00dfe", "\u00c4\u00d6\u00dc\n.\n..x\n")]:
        before = len(house.relay.messages)
        got = m.run(SEND, "bob@example.org", subject, body)
        arrived = wait(20, lambda: len(house.relay.messages) > before and
                       house.relay.messages[-1].completed)
        message = house.relay.messages[-1] if arrived else None
        text = message.data if message else b""
        lines = body.encode().replace(b"\n", b"\r\n")
        if b"base64" in text.lower():
            text = text.partition(b"\r\n\r\n")[0] + base64.b64decode(
                text.partition(b"\r\n\r\n")[2])
        report(message and b"User-Agent: Mozilla Thunderbird" in text and
               lines.strip() in text and got.get("closed") is True,
               "Thunderbird sends a message: " + subject.encode(
                   "ascii", "replace").decode(), got, text.decode(
                       "utf-8", "replace"), *house.log_tail())
    by_certificate(m, house)
    version = subprocess.run(("thunderbird", "--version"), text=True,
                             capture_output=True).stdout
    if int((re.findall(r"\d+", version) or ["0"])[0]) < 150:
        skip("Thunderbird stores all in the Sent folder",
             "so set up it does so since 150, this is " + version.strip())
        return
    sent = os.path.join(dovecot.dir, "home", "alice", "Maildir", ".Sent")
    report(wait(10, lambda: sum(len(files) for where, _, files in os.walk(
        sent) if os.path.basename(where) in ("cur", "new")) >= 2),
        "Thunderbird stores all in the Sent folder", sent)


def by_certificate(m, house):
    """AUTH EXTERNAL; it has been asked for one from the beginning."""
    subprocess.run(["openssl", "pkcs12", "-export", "-in", T + "/alice.pem",
                    "-inkey", T + "/alice.key", "-out", T + "/alice.p12",
                    "-passout", "pass:x"], check=True)
    how = m.run(CERTIFICATE, T + "/alice.p12", "x")
    before = len(house.relay.messages)
    got = m.run(SEND, "bob@example.org", "by certificate", "Hello\n")
    arrived = wait(20, lambda: len(house.relay.messages) > before and
                   house.relay.messages[-1].completed)
    logins = re.findall(r"event=auth .*", house.daemon.log())
    report(arrived and "user=alice@example.org mechanism=external" in
           logins[-1], "Thunderbird sends a message, logged in by a "
           "certificate", how, got, *logins, *house.log_tail())


def main():
    alone(T)
    server = NameServer()
    server.records = {
        ("mail.example.org", "A"): ["127.0.0.1"],
        ("imap.example.org", "A"): ["127.0.0.1"],
        ("autoconfig.example.org", "CNAME"): ["mail.example.org"],
    }
    dovecot = Dovecot(T, "dovecot")
    at_end.append(dovecot.stop)
    dovecot.start(LAB_SENT_AUTO="create")
    submit = write(T + "/submit", "submit submitpw\n")
    imap = "imap imaps://imap.example.org:%d login %s ca=%s" % (
        dovecot.tls_port, submit, dovecot.ca)
    with House(BUILD, T, [imap, "client-ca {pki}/ca.pem", "listen *:587", "listen *:465 tls"],
               name="thunderbird") as house:
        subprocess.run([BUILD + "/smtpsubmitd", "-n", "-v", "-f",
                        house.directory + "/conf"], cwd=T, check=True,
                       stdout=subprocess.DEVNULL)
        asked = serve_web(T)
        thunderbird = start_thunderbird()
        try:
            rows(house, dovecot, asked)
        except (EOFError, OSError, RuntimeError) as e:
            with open(T + "/thunderbird.log", errors="replace") as f:
                report(False, "Thunderbird can be driven", repr(e),
                       f.read()[-2000:])
        stop(thunderbird)   # it keeps its connection for the next message
    shutil.rmtree(PROFILE, ignore_errors=True)


main()
end()
