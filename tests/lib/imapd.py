"""A small IMAP server that misbehaves on demand.

    with Imapd(Script(urlfetch=b"* URLFETCH %U {5}\\r\\nhello\\r\\n%T OK\\r\\n")) as d:
        ... connect to 127.0.0.1:d.port ...
        d.lines    what clients sent, a list for each connection

A Script says what is sent at each step. In its texts %T stands for the tag of
the command, %U for the URL (quoted), %% for %. None means: nothing at all, and
the connection stays open. A list of texts: one after another, with a short
pause between, so that they come in segments of their own. A callable gets the
Client and does as it likes. After HANGUP the connection is closed. CLEAR, TLS
and STARTTLS say how the server is reached.
"""
import base64
import dataclasses
import re
import socket
import ssl
import threading
import time

HANGUP = object()
CLEAR, STARTTLS, TLS = "clear", "starttls", "tls"


@dataclasses.dataclass
class Script:
    greeting: object = b"* OK ready\r\n"
    capability: object = b"* CAPABILITY IMAP4rev1 SASL-IR %C\r\n%T OK\r\n"
    starttls: object = b"%T OK go\r\n"
    offer_starttls: bool = True
    authenticate: object = b"%T OK in\r\n"
    # after login
    capability2: object = (
        b"* CAPABILITY IMAP4rev1 URLAUTH URLAUTH=BINARY\r\n%T OK\r\n")
    urlfetch: object = b"* URLFETCH %U {5}\r\nhello\r\n%T OK done\r\n"
    genurlauth: object = b"%T NO no\r\n"
    examine: object = b"* OK [UIDVALIDITY 7] x\r\n%T OK [READ-ONLY] in\r\n"
    fetch: object = b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n%T OK\r\n"


class Client:
    """One connection."""

    def __init__(self, daemon, sock):
        self.daemon, self.sock = daemon, sock
        self.lines, self.tag, self.url = [], b"*", b""
        self.secure = daemon.how == TLS
        self.authenticated = False
        self.user = None
        daemon.lines.append(self.lines)

    def send(self, data):
        self.sock.sendall(data)

    def say(self, what):
        """Sends a step of the script; False if that was the end."""
        if callable(what):
            return what(self) is not HANGUP
        for part in what if isinstance(what, list) else [what]:
            if part is HANGUP:
                return False
            if part is None:
                self.wait_for_close()
                return False
            if callable(part):
                return part(self) is not HANGUP
            if part is not what:
                time.sleep(0.03)
            self.send(self.fill(part))
        return True

    def fill(self, text):
        table = {b"T": self.tag, b"U": b'"' + self.url + b'"', b"%": b"%",
                 b"C": self.capabilities()}
        return re.sub(rb"%([TUC%])", lambda m: table[m.group(1)], text)

    def capabilities(self):
        offer = self.daemon.how == STARTTLS and not self.secure
        if offer and self.daemon.script.offer_starttls:
            return b"STARTTLS AUTH=PLAIN"
        return b"AUTH=PLAIN"

    def wait_for_close(self):
        self.sock.settimeout(20)
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def read_line(self):
        line = b""
        while not line.endswith(b"\n"):
            c = self.sock.recv(1)
            if not c:
                return None
            line += c
        self.lines.append(line)
        return line

    def serve(self):
        script = self.daemon.script
        if self.daemon.how == TLS:
            self.wrap()
        if not self.say(script.greeting):
            return
        while True:
            line = self.read_line()
            if line is None:
                return
            words = line.split()
            self.tag = words[0]
            verb = words[1].upper().decode("ascii", "replace")
            if verb == "UID":
                verb = words[2].upper().decode("ascii", "replace")
            quoted = re.search(rb'"([^"]*)"', line)
            self.url = quoted.group(1) if quoted else b""
            if not self.do(verb, words, script):
                return

    def do(self, verb, words, script):
        if verb == "LOGOUT":
            self.send(self.fill(b"* BYE\r\n%T OK\r\n"))
            return False
        if verb == "CAPABILITY":
            return self.say(script.capability2 if self.authenticated
                            else script.capability)
        if verb == "STARTTLS":
            if not self.say(script.starttls):
                return False
            self.wrap()
            self.secure = True
            return True
        if verb == "AUTHENTICATE":
            self.user = base64.b64decode(words[3])
            self.authenticated = True
            return self.say(script.authenticate)
        step = getattr(script, verb.lower(), b"%T BAD what\r\n")
        return self.say(step)

    def wrap(self):
        self.sock = self.daemon.context.wrap_socket(self.sock,
                                                    server_side=True)


class Imapd:
    def __init__(self, script, how=CLEAR, cert=None, key=None):
        self.script, self.how = script, how
        self.lines = []
        if how != CLEAR:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.clients = []

    def __enter__(self):
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()
        return self

    def stop_listening(self):
        # Closed alone it would listen as long as accept(2) waits; and where a
        # SIGSTOP interrupts that, it begins again with the descriptor's
        # number, which is another listener's by then.
        if self.listener.fileno() == -1:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()

    def __exit__(self, *unused):
        self.stop_listening()
        for sock in self.clients:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,),
                             daemon=True).start()

    def serve(self, sock):
        client = Client(self, sock)
        try:
            client.serve()
        except (OSError, IndexError, ValueError):
            pass
        finally:
            try:
                client.sock.close()
            except OSError:
                pass
