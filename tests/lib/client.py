"""The client's end of a dialogue: lines in, octets out, TLS at will."""

import re
import select
import socket
import ssl
import struct
import time


class Unexpected(Exception):
    """The server did something else than the dialogue says."""


class Client:
    """A connection; every line read is checked for form (see check_reply)."""

    def __init__(self, sock, ca, patience):
        self.ca = ca
        self.patience = patience
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.tls = None
        self.certificate = None     # files with it and its key
        self.inbox = b""
        self.outbox = b""
        self.eof = False
        self.left = False           # we hung up
        self.trouble = ""
        self.transcript = []
        self.hello = False          # the next reply answers EHLO or HELO
        self.seen = []              # every line of every reply

    # octets

    def pump(self, timeout):
        """One round of reading and writing."""
        if self.eof and not self.outbox:
            return
        want_read = [] if self.eof else [self.sock]
        want_write = [self.sock] if self.outbox else []
        readable, writable, _ = select.select(want_read, want_write, [], timeout)
        try:
            if readable:
                self.receive()
            if writable:
                n = self.sock.send(self.outbox[:262144])
                self.outbox = self.outbox[n:]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as e:
            self.trouble = str(e)
            self.eof = True
            self.outbox = b""

    def receive(self):
        data = self.sock.recv(65536)
        if not data:
            self.eof = True
        if not self.tls:
            self.inbox += data
            return
        self.incoming.write(data) if data else self.incoming.write_eof()
        if self.shaking:
            return
        try:
            while True:
                plain = self.tls.read(65536)
                if not plain:
                    self.eof = True
                    return
                self.inbox += plain
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as e:
            self.trouble = str(e)
            self.eof = True
        self.outbox += self.outgoing.read()

    def until(self, done, seconds):
        """Pumps until done() or the connection's end; False when too late."""
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            if self.eof and not self.outbox:
                return done()
            self.pump(left)
        return True

    def send(self, data):
        if self.tls:
            self.tls.write(data)
            self.outbox += self.outgoing.read()
        else:
            self.outbox += data
        if re.match(rb"(?i)(EHLO|HELO)\b", data):
            self.hello = True
        if not self.until(lambda: not self.outbox, self.patience):
            raise Unexpected("the server stopped reading")

    # TLS

    def start_tls(self):
        if self.inbox:
            raise Unexpected("octets before the handshake: %r" % self.inbox)
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing,
                                    server_hostname="mail.example.org")
        self.shaking = True
        end = time.monotonic() + self.patience
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.outbox += self.outgoing.read()
            except ssl.SSLError as e:
                raise Unexpected("handshake: %s" % e)
            if self.eof or time.monotonic() > end:
                raise Unexpected("handshake: the server %s"
                                 % ("hung up" if self.eof else "is silent"))
            self.pump(0.5)
        self.shaking = False
        self.outbox += self.outgoing.read()
        self.until(lambda: not self.outbox, self.patience)

    def end_tls(self):
        """Sends close_notify and goes on in the clear."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.outbox += self.outgoing.read()
        self.tls = None

    # replies

    def line(self):
        """One reply line without its CRLF, as text."""
        self.until(lambda: b"\n" in self.inbox, self.patience)
        if b"\n" not in self.inbox:
            what = "the connection ended" if self.eof else "nothing"
            if self.trouble:
                what += " (%s)" % self.trouble
            if self.inbox:
                what += " after %r" % self.inbox[:200]
            raise Unexpected(what)
        raw, _, self.inbox = self.inbox.partition(b"\n")
        text = raw.rstrip(b"\r").decode("latin-1")
        self.transcript.append("S: " + text)
        self.seen.append(text)
        self.check_reply(raw, text)
        return text

    def check_reply(self, raw, text):
        """RFC 5321 4.2 and 4.5.3.1.5, RFC 2034 4."""
        if not raw.endswith(b"\r") or len(raw) > 511:
            raise Unexpected("a reply line is not ended by CRLF or too long: %r" % raw[:600])
        if not re.fullmatch(r"[2345]\d\d(-|[ ]|$)[ -~]*", text):
            raise Unexpected("no reply line: %r" % text)
        code = text[:1]
        if code in "45" and not re.match(r"...[ -]%s\.\d{1,3}\.\d{1,3} " % code, text):
            raise Unexpected("no enhanced code or a wrong one: %r" % text)

    def quiet(self, seconds):
        self.until(lambda: self.inbox, seconds)
        if self.inbox:
            raise Unexpected("octets came unasked: %r" % self.inbox[:500])

    def closed(self, strict=True):
        if not self.until(lambda: self.eof, self.patience):
            raise Unexpected("the connection is still open")
        if strict and self.inbox:
            raise Unexpected("more octets before the end: %r" % self.inbox[:500])
        self.left = True
        self.sock.close()

    def hang_up(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        self.left = True
        self.eof = True
        self.sock.close()
