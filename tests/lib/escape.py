"""The escapes of dialogue and relay script lines; tests/README.md lists them."""

import base64
import re

HEADER = (
    "From: Alice <alice@example.org>\r\n"
    "To: bob@example.net\r\n"
    "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
    "Message-ID: <one@example.org>\r\n"
    "Subject: test\r\n"
)

SIMPLE = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", "}": "}"}

# What may stand in braces; one level of braces in it.
INNER = r"(?:[^}\\]|\\\{[^}]*\}|\\.)*"

TOKEN = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|([rnt0\\}])"
    r"|\{(?:(\d+)\*(%s)|(base64) (%s)|(header))\})" % (INNER, INNER),
    re.S,
)


def unescape(text):
    """Returns the octets that text, a line of a test file, stands for."""
    return _expand(text).encode("latin-1")


def _expand(text):
    def one(m):
        hexed, simple, times, what, b64, plain, header = m.groups()
        if hexed:
            return chr(int(hexed, 16))
        if simple:
            return SIMPLE[simple]
        if times:
            return int(times) * _expand(what)
        if b64:
            octets = _expand(plain).encode("latin-1")
            return base64.b64encode(octets).decode("ascii")
        return HEADER

    left = TOKEN.sub("", text)
    if "\\" in left:
        raise ValueError("unknown escape in %r" % text)
    return TOKEN.sub(one, text)
