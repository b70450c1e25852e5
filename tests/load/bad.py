"""Sessions that do not go well, one after another: what strangers, broken
clients and hostile users do. None of them has a message taken."""
import base64
import os
import socket
import struct
import threading

from house import common_driver

Client = common_driver.Client
talk, say, reply, expect = (common_driver.talk, common_driver.say,
                            common_driver.reply, common_driver.expect)
SOURCE = "127.0.0.9"
GUESSER = "127.0.0.10"      # or auth-penalty would slow the others


class Bad:
    def __init__(self, house):
        self.house = house

    def dial(self, tls, source=SOURCE):
        h = self.house
        return socket.create_connection(
            ("127.0.0.1", h.tlsport if tls else h.port), 60, (source, 0))

    def greeted(self, source=SOURCE):
        c = Client(self.dial(True, source), self.house.pki + "/ca.pem", 120)
        c.start_tls()
        expect(c, "220")
        talk(c, "EHLO bad.example.net", "250")
        return c

    def auth(self, c, password):
        plain = base64.b64encode(b"\0alice\0" + password).decode()
        return say(c, "AUTH PLAIN " + plain)

    def in_data(self, verb="DATA", code="354"):
        c = self.greeted()
        if not self.auth(c, b"alicepw").startswith("235"):
            raise common_driver.Unexpected("the login failed")
        common_driver.give_envelope(c)
        if verb:
            talk(c, verb, code)
        return c

    # what they do

    def open_and_leave(self):
        self.dial(False).close()
        self.dial(True).close()

    def garbage(self):
        for tls in False, True:
            with self.dial(tls) as s:
                s.sendall(os.urandom(3000))
                try:
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(4096):
                        pass
                except OSError:
                    pass

    def half_a_handshake(self):
        with self.dial(True) as s:
            s.sendall(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03")

    def wrong_password(self):
        c = self.greeted(GUESSER)
        got = self.auth(c, b"wrong")
        if not got.startswith(("535", "454", "421")):
            raise common_driver.Unexpected(got)
        c.hang_up()

    def leaves_in_data(self):
        c = self.in_data()
        c.send(b"From: alice@example.org\r\n\r\nhalf a messa")
        c.hang_up()

    def reset_in_bdat(self):
        c = self.in_data(None)
        c.send(b"BDAT 100000\r\n" + b"From: alice@example.org\r\n\r\n" +
               b"x" * 50000)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        c.sock.close()

    def another_sender(self):
        c = self.in_data()
        c.send(b"From: eve@example.org\r\n\r\nx\r\n.\r\n")
        expect(c, "5")
        talk(c, "QUIT", "221")
        c.hang_up()

    def nonsense(self):
        c = self.greeted()
        c.send(b"FROB\r\nMAIL\r\nRCPT TO:<>\r\nDATA\r\nBDAT x\r\n\xff\r\n" +
               b"A" * 5000 + b"\r\n")
        for _ in range(7):
            if not reply(c)[-1].startswith(("4", "5")):
                raise common_driver.Unexpected("nonsense was taken")
        c.hang_up()

    def many_ehlos(self):
        c = self.greeted()
        c.send(b"EHLO bad.example.net\r\n" * 200)
        for _ in range(200):
            expect(c, "250")
        c.hang_up()

    def bad_url(self):
        c = self.in_data(None)
        got = say(c, "BURL imap://bob@127.0.0.1:%d/Sent/;uid=1 LAST" % (
            self.house.imap.port if self.house.imap else 1))
        if not got.startswith(("4", "5")):
            raise common_driver.Unexpected(got)
        c.hang_up()

    KINDS = (open_and_leave, garbage, half_a_handshake, wrong_password,
             leaves_in_data, reset_in_bdat, another_sender, nonsense,
             many_ehlos, bad_url)


class Stream:
    """A thread that goes through all kinds, with pauses, until stopped."""

    def __init__(self, house, pause):
        self.bad, self.pause = Bad(house), pause
        self.count, self.complaints = 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            for kind in Bad.KINDS:
                try:
                    kind(self.bad)
                except Exception as e:
                    self.complaints.append("%s: %s: %s" % (
                        kind.__name__, type(e).__name__, e))
                self.count += 1
                if self.over.wait(self.pause):
                    return

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.count
