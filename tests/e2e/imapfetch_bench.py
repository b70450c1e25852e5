"""What all cases of imapfetch.t share: reports, and a bench of imapfetch."""
import contextlib
import hashlib
import os
import sys

from imapfetch_driver import Fetcher

TOKEN = "0" * 40
failures = 0
SLOW = float(os.environ.get("SLOW", "1"))    # under valgrind: more time


def report(good, name, *why):
    global failures
    print("ok - " + name if good else "not ok - " + name)
    if not good:
        failures += 1
        for w in why:
            print("# %s" % (w,))
    sys.stdout.flush()


def expect(name, result, verdict, data=None, within=None):
    """One row: the verdict, and what reached the relay."""
    good = result.verdict == verdict and result.sent == result.got
    if data is not None:
        good = good and result.digest == hashlib.sha256(data).hexdigest()
    if within is not None:
        good = good and result.ms < within * SLOW
    report(good, name, "wanted %s, got %s, %d sent, %d came in %d ms" % (
        verdict, result.verdict, result.sent, result.got, result.ms))


class Bench:
    """Starts fetchers and keeps their logs, for the last look at them."""

    def __init__(self, build, scratch, section):
        self.program = os.path.join(build, "imapfetch")
        self.scratch = scratch
        self.log = os.open(os.path.join(scratch, section + ".log"),
                           os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)

    def start(self, *servers, **how):
        how["timeout"] = int(how.get("timeout", 5000) * SLOW)
        return Fetcher(self.program, servers, log=self.log,
                       wrapper=os.environ.get("WRAPPER", "").split(), **how)

    @contextlib.contextmanager
    def fetcher(self, *servers, **how):
        f = self.start(*servers, **how)
        yield f
        status = f.close()
        if status != 0:
            report(False, "imapfetch ends with 0", "status %s" % status)

    def once(self, url, *servers, limit=1 << 40, **how):
        with self.fetcher(*servers, **how) as f:
            return f.fetch(url, limit)

    def log_text(self):
        return os.pread(self.log, 1 << 24, 0).decode("utf-8", "replace")
