"""A network for one test: its own loopback, and a name server that answers
from a table. To be run under `unshare -m -n` as root."""
import socket
import struct
import subprocess
import threading


def alone(directory):
    """The network of this process: loopback, and our name server only."""
    resolv = directory + "/resolv.conf"
    with open(resolv, "w") as f:
        f.write("nameserver 127.0.0.1\n")
    for command in (["ip", "link", "set", "lo", "up"],
                    ["mount", "--bind", resolv, "/etc/resolv.conf"]):
        subprocess.run(command, check=True)


TYPES = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode()
                    for label in name.split(".") if label) + b"\0"


def encode(kind, value):
    """The RDATA of a record as it is written in a zone file."""
    words = value.split()
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "CNAME":
        return encode_name(value)
    if kind == "MX":
        return struct.pack(">H", int(words[0])) + encode_name(words[1])
    if kind == "SRV":
        return struct.pack(">HHH", *map(int, words[:3])) + encode_name(
            words[3])
    octets = value.encode()     # TXT, in strings of at most 200
    return b"".join(bytes([len(octets[i:i + 200])]) + octets[i:i + 200]
                    for i in range(0, len(octets), 200))


class NameServer:
    """records: {(name, type): [value, ...]}; a value FAIL is SERVFAIL.
    truncated: no answer is whole, and TCP is taken but not answered."""

    truncated = False

    def __init__(self, address="127.0.0.1", port=53):
        self.records = {}
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.silent = socket.create_server((address, port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def stop(self):
        self.sock.sendto(b"", self.sock.getsockname())
        self.thread.join()
        self.sock.close()
        self.silent.close()

    def serve(self):
        while True:
            query, client = self.sock.recvfrom(4096)
            if not query:
                return
            try:
                self.sock.sendto(self.answer(query), client)
            except (IndexError, UnicodeDecodeError, struct.error):
                pass        # no query

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, _ = struct.unpack(">HH", query[at + 1:at + 5])
        question = query[12:at + 5]
        name = ".".join(labels).lower()
        self.asked.append(name)
        values, found = [], None
        alias = self.records.get((name, "CNAME"))
        if alias:
            values.append((name, TYPES["CNAME"], encode("CNAME", alias[0])))
            name = alias[0]
        for word, number in TYPES.items():
            if number != kind:
                continue
            for value in self.records.get((name, word), []):
                if value == "FAIL":
                    found = 2
                else:
                    values.append((name, number, encode(word, value)))
        if found is None:
            known = any(n == name or n.endswith("." + name)
                        for n, _ in self.records)
            found = 0 if known else 3
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | found |
                                       self.truncated << 9, 1,
                                       len(values), 0, 0)
        return head + question + b"".join(
            encode_name(owner) + struct.pack(
                ">HHIH", number, 1, 60, len(data)) + data
            for owner, number, data in values)
