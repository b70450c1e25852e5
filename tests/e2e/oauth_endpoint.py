"""An introspection endpoint (RFC 7662) on loopback, for oauth.t. What it says
of a token is the test's; what it is asked it keeps."""
import base64
import http.server
import json
import ssl
import threading
import time
import urllib.parse

try:
    import oauthlib.oauth2
except ImportError:
    oauthlib = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(("GET", self.path, dict(self.headers), ""))
        self.say(405, {})

    def do_POST(self):
        n = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(n).decode("latin-1")
        self.server.asked.append(("POST", self.path, dict(self.headers), body))
        if self.path == "/library":
            self.by_library(body)
            return
        token = dict(urllib.parse.parse_qsl(body)).get("token", "")
        answer = self.server.answers.get(token, {"active": False})
        if callable(answer):
            answer(self)
        else:
            self.say(200, answer)

    def say(self, status, answer, *headers):
        octets = answer if isinstance(answer, bytes) else \
            json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)

    def by_library(self, body):
        """As python3-oauthlib, an implementation of its own, does it."""
        endpoint = oauthlib.oauth2.IntrospectEndpoint(Validator(self.server))
        headers, octets, status = endpoint.create_introspect_response(
            "https://localhost" + self.path, "POST", body, dict(self.headers))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets.encode())


class Validator(oauthlib.oauth2.RequestValidator if oauthlib else object):
    def __init__(self, server):
        super().__init__()
        self.server = server

    def client_authentication_required(self, request, *args, **kwargs):
        return True

    def authenticate_client(self, request, *args, **kwargs):
        request.client = "us"
        return basic(request.headers) == self.server.client

    def introspect_token(self, token, token_type_hint, request, *args, **kw):
        answer = self.server.answers.get(token)
        if not answer or token_type_hint != "access_token":
            return None
        return {k: v for k, v in answer.items() if k != "active"}


def basic(headers):
    """Id and secret; RFC 6749 2.3.1 has them encoded like a form."""
    scheme, _, code = headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    pair = base64.b64decode(code).decode().split(":")
    return tuple(urllib.parse.unquote_plus(p) for p in pair)


# Ways to misbehave, for Endpoint.answers

def status(code, answer, *headers):
    return lambda h: h.say(code, answer, *headers)


def slow(seconds, answer):
    def act(h):
        time.sleep(seconds)
        h.close_connection = True
        try:
            h.say(200, answer)
        except OSError:
            pass
    return act


def drip(h):
    """An octet each half second, so no pause is long."""
    h.close_connection = True
    try:
        h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      b"Content-Length: 100\r\n\r\n")
        for octet in json.dumps({"active": True, "username": "jo"}).ljust(100):
            h.wfile.write(octet.encode())
            h.wfile.flush()
            time.sleep(0.5)
    except OSError:
        pass


def endless(h):
    h.close_connection = True
    try:
        h.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100000):
            h.wfile.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
    except OSError:
        h.server.stopped_reading = True


def drop(h):
    h.close_connection = True


class Endpoint(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, pki=None, name="good", client=("us", "our secret")):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.client = {}, [], client
        self.stopped_reading = False
        self.port = self.server_port
        self.context = None
        if pki:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain("%s/%s.pem" % (pki, name),
                                         "%s/%s.key" % (pki, name))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, address):
        if self.context:
            request.settimeout(30)
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, address)

    def handle_error(self, request, address):
        pass    # a client that does not like our certificate
