"""The cases of imapfetch.t.

usage: imapfetch_cases.py BUILD SCRATCH hostile | dovecot | cyrus
"""
import os
import re
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
sys.dont_write_bytecode = True
import imapfetch_bench as bench_of  # noqa: E402
from imapfetch_bench import TOKEN, Bench, report  # noqa: E402
from imapfetch_hostile import hostile  # noqa: E402
from imapfetch_servers import cyrus, dovecot  # noqa: E402

def secrets(bench, *words):
    log = bench.log_text()
    found = [w for w in (TOKEN, "submitpw", "masterpw", "alicepw") + words
             if w in log]
    report(not found, "no token or password in the log", found)
    bad = re.findall(r".*(?:Sanitizer|runtime error).*", log)
    report(not bad, "no sanitizer report in the log", bad[:5])


SECTIONS = {"hostile": hostile, "dovecot": dovecot, "cyrus": cyrus}


def main():
    # so that the labs are stopped
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    build, scratch, section = sys.argv[1:4]
    bench = Bench(build, scratch, section)
    SECTIONS[section](bench)
    secrets(bench)
    return 1 if bench_of.failures else 0


if __name__ == "__main__":
    sys.exit(main())
