"""Throw-away certificates: good, wrong-name, untrusted, and alice for clients;
made once a run."""

import hashlib
import os
import subprocess

NAMES = {
    "good": "DNS:mail.example.org,DNS:localhost,IP:127.0.0.1",
    "wrong-name": "DNS:other.example.net",
    "alice": "email:alice@example.org",
}


def _openssl(*args):
    subprocess.run(
        ("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _root(directory, name):
    key, cert = (os.path.join(directory, name + s) for s in (".key", ".pem"))
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=test " + name, "-keyout", key, "-out", cert)
    return key, cert


def _leaf(directory, name, names, root):
    path = os.path.join(directory, name)
    with open(path + ".ext", "w") as f:
        f.write("subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % names)
    _openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
             "-keyout", path + ".key", "-out", path + ".csr")
    _openssl("x509", "-req", "-in", path + ".csr", "-CA", root[1],
             "-CAkey", root[0], "-CAcreateserial", "-days", "30",
             "-extfile", path + ".ext", "-out", path + ".pem")
    os.chmod(path + ".key", 0o600)


def _digests(path):
    """SHA-256 of the certificate and of its public key, in DER."""
    pem = path + ".pem"
    der = subprocess.check_output(("openssl", "x509", "-in", pem, "-outform",
                                   "DER"))
    key = subprocess.check_output(("openssl", "x509", "-in", pem, "-noout",
                                   "-pubkey"))
    key = subprocess.check_output(("openssl", "pkey", "-pubin", "-outform",
                                   "DER"), input=key)
    with open(path + ".digests", "w") as f:
        f.write("%s %s\n" % (hashlib.sha256(der).hexdigest(),
                             hashlib.sha256(key).hexdigest()))


def make(directory):
    """Leaves ca.pem and NAME.pem, NAME.key, NAME.digests for the four."""
    ca = _root(directory, "ca")
    stranger = _root(directory, "stranger")
    for name, names in NAMES.items():
        _leaf(directory, name, names, ca)
        _digests(os.path.join(directory, name))
    _leaf(directory, "untrusted", NAMES["good"], stranger)
    return directory
