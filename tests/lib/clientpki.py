"""Throw-away client certificates of a CA of their own, good ones and bad."""

import os
import subprocess

EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
P384 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")
PSS = ("rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048")
CLIENT = "extendedKeyUsage=clientAuth\n"
ALICE = "subjectAltName=email:alice@example.org\n"
ROOT = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n"

# name: issuer (None: itself), subject, extensions, kind of key, days from
# now until it ends
CERTIFICATES = {
    "client-ca": (None, "client ca", ROOT, EC, 30),
    "other-ca": (None, "client ca", ROOT, EC, 30),      # the same name!
    "middle": ("client-ca", "middle", ROOT, EC, 30),
    "alice": ("client-ca", "Alice", CLIENT + ALICE, EC, 30),
    "alice-rsa": ("client-ca", "Alice", CLIENT + ALICE, ("rsa:2048",), 30),
    "alice-pss": ("client-ca", "Alice", CLIENT + ALICE, PSS, 30),
    "alice-384": ("client-ca", "Alice", ALICE, P384, 30),
    "alice-ed": ("client-ca", "Alice", CLIENT + ALICE, ("ed25519",), 30),
    "alice-middle": ("middle", "Alice", CLIENT + ALICE, EC, 30),
    "alice-lost": ("client-ca", "Alice", CLIENT + ALICE, EC, 30),
    "bob-name": ("client-ca", "bob", CLIENT, EC, 30),
    "two": ("client-ca", "x", CLIENT + "subjectAltName=email:"
            "bob@Example.ORG,email:sales@example.net,DNS:a.example\n", EC, 30),
    "no-login": ("client-ca", "Alice Example", CLIENT, EC, 30),
    "expired": ("client-ca", "Alice", CLIENT + ALICE, EC, -1),
    "server-only": ("client-ca", "Alice", "extendedKeyUsage=serverAuth\n" +
                    ALICE, EC, 30),
    "weak": ("client-ca", "Alice", CLIENT + ALICE, ("rsa:1024",), 30),
    "self-signed": (None, "Alice", ALICE, EC, 30),
    "stranger": ("other-ca", "Alice", CLIENT + ALICE, EC, 30),
    # signed by an end user's certificate
    "forged": ("alice", "Bob", "subjectAltName=email:bob@example.org\n", EC,
               30),
}


def _openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _one(directory, name, issuer, subject, extensions, key, days):
    path = os.path.join(directory, name)
    with open(path + ".ext", "w") as f:
        f.write(extensions)
    _openssl("req", "-new", "-newkey", *key, "-nodes", "-subj",
             "/CN=" + subject, "-keyout", path + ".key", "-out",
             path + ".csr")
    signer = ["-key", path + ".key"]
    if issuer:
        signer = ["-CA", os.path.join(directory, issuer + ".pem"), "-CAkey",
                  os.path.join(directory, issuer + ".key")]
    _openssl("x509", "-req", "-in", path + ".csr", *signer, "-set_serial",
             "0x" + os.urandom(8).hex(), "-days", str(days), "-extfile",
             path + ".ext", "-out", path + ".pem")
    os.chmod(path + ".key", 0o644)      # for clients of another user


def revoke(directory, name):
    """client-ca.pem with a list that revokes one, as revoked-ca.pem."""
    conf, db = (os.path.join(directory, n) for n in ("crl.cnf", "crl.db"))
    ca = os.path.join(directory, "client-ca")
    with open(conf, "w") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\n"
                "default_crl_days=30\n" % db)
    open(db, "w").close()
    how = ("ca", "-config", conf, "-cert", ca + ".pem", "-keyfile",
           ca + ".key")
    _openssl(*how, "-revoke", os.path.join(directory, name + ".pem"))
    _openssl(*how, "-gencrl", "-out", os.path.join(directory, "crl.pem"))
    with open(os.path.join(directory, "revoked-ca.pem"), "w") as out:
        for part in ca + ".pem", os.path.join(directory, "crl.pem"):
            with open(part) as f:
                out.write(f.read())


def make(directory, names=CERTIFICATES):
    """Leaves NAME.pem and NAME.key for each."""
    for name in CERTIFICATES:
        if name in names:
            _one(directory, name, *CERTIFICATES[name])
    if "alice-lost" in names:
        revoke(directory, "alice-lost")
    return directory
