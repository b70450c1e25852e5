"""Cases of faults.t: calls of monitor and nursery that fail, one after the
other, by the library of tests/faults."""
import errno
import os

from common_driver import begin, end, skip
from faults_case import (Place, at_rest, content, daemon, descriptors, many,
                         message, say, serves, talk, url, wait)
from faults_failing import SHORT, Failing

BUILD, T = begin("faults")
PLACE = Place(BUILD, T)
WANTED = os.environ.get("CASE", "")     # "relay read": of those only

# Which calls of which process, how they fail, and how often at most. The
# errors below make no difference to anybody in a process that touches the
# network.
CASES = [("nursery", "fork", "EAGAIN ENOMEM", 3),
         ("nursery", "socketpair", "EMFILE ENFILE", 3),
         ("nursery", "accept4", "EMFILE ENFILE ENOMEM ECONNABORTED", 2),
         ("nursery", "sendmsg", "EAGAIN ENOBUFS", 4),
         ("nursery", "malloc", "ENOMEM", 3),
         ("monitor", "posix_spawn", "EAGAIN ENOMEM ENOENT", 3),
         ("monitor", "socketpair", "EMFILE ENFILE", 3),
         ("monitor", "pipe2", "EMFILE ENFILE", 3),
         ("monitor", "sendmsg", "EAGAIN ENOBUFS ENOMEM", 12),
         ("monitor", "recvmsg", "EMFILE ENOMEM", 8),
         ("monitor", "write", "ENOSPC EPIPE", 4),
         ("monitor", "writev", "EPIPE", 2),     # to a helper
         ("monitor", "malloc", "ENOMEM", 6),
         ("monitor", "calloc", "ENOMEM", 4)]
# of F_DUPFD; that of the others fails only where it is forbidden
CASES += [("monitor", "fcntl", "EMFILE EPERM", 6)]
HARMLESS = ("EINTR", "SHORT")
for role in "session", "relay":
    CASES += [(role, "read", "EINTR EAGAIN SHORT ECONNRESET", 4),
              (role, "write", "EINTR EAGAIN SHORT EPIPE", 3),
              (role, "poll", "EINTR", 8),
              (role, "sendmsg", "EINTR EAGAIN ENOBUFS ENOMEM EPIPE", 3),
              (role, "recvmsg", "EINTR EAGAIN ENOMEM ECONNRESET", 3),
              (role, "malloc", "ENOMEM", 4), (role, "fcntl", "EPERM", 3)]
CASES += [("relay", "realloc", "ENOMEM", 3),
          ("relay", "socket", "EMFILE ENFILE ENOBUFS", 1),
          ("relay", "connect", "ECONNREFUSED ENETUNREACH EAGAIN", 1)]
# libcurl's own, and ours
CASES += [("imapfetch", "recv", "EINTR EAGAIN SHORT ECONNRESET", 3),
          ("imapfetch", "send", "EINTR EAGAIN SHORT EPIPE", 3),
          ("imapfetch", "poll", "EINTR", 4),
          ("imapfetch", "socket", "EMFILE ENOBUFS", 3),
          ("imapfetch", "connect", "ECONNREFUSED ENETUNREACH", 2),
          ("imapfetch", "sendmsg", "EINTR EAGAIN ENOBUFS EPIPE", 3),
          ("imapfetch", "recvmsg", "EINTR ENOMEM", 3),
          ("imapfetch", "malloc", "ENOMEM", 4)]
# the disk, in a relay process
CASES += [("maildir", "openat", "ENOSPC EMFILE EACCES", 2),
          ("maildir", "write", "ENOSPC EDQUOT EIO EINTR SHORT", 3),
          ("maildir", "fsync", "ENOSPC EIO", 2),
          ("maildir", "renameat", "ENOSPC EIO EDQUOT", 1),
          ("maildir", "malloc", "ENOMEM", 3)]


def exercise(f):
    """What a client of all services hears."""
    h, said = f.house, []
    try:
        c = h.login(how="plain", patience=8)
        said.append(message(c))
        talk(c, "MAIL FROM:<alice@example.org>", "250")
        talk(c, "RCPT TO:<bob@example.net>", "250")
        said.append(say(c, "BURL %s LAST" % url(f.imapd)))
        talk(c, "QUIT", "221")
    except Exception as e:
        said.append("%s: %s" % (type(e).__name__, e))
    for c in h.clients:
        if not c.left:
            c.hang_up()
    return said


def judge(role, error, said, took):
    """What is wrong with what the client heard."""
    told = sum(s.startswith("250") for s in said)
    lost = "may have been accepted" in str(said) or ("Unexpected" in str(
        said) and role == "session")
    if told > took or (took > told and not lost):
        yield "%d taken" % took
    if error in HARMLESS and (told != 2 or len(said) != 2):
        yield "that is no failure"
    if any(s[:1] in "25" and not s.startswith("250") for s in said):
        yield "a strange reply"
    if "is silent" in str(said) or "nothing" in str(said):
        yield "no reply and no close"


def one(f, role, call, error, n, wrong):
    """False if the call was not made so often; or the service is over."""
    h = f.house
    before, fds = h.taken(), descriptors(h)
    f.arm(f.who(role), call, n,
          SHORT if error == "SHORT" else getattr(errno, error))
    said = exercise(f)
    reached = f.left(call) == 0
    f.arm(0, call, 0, 0)
    what = "%s of call %d: %s" % (error, n, said)
    rests = at_rest(h)
    wrong += ["%s, %s" % (what, w) for w in judge(role, error, said,
                                                  h.taken() - before)]
    if not h.daemon.alive():    # out of memory it says so and ends
        if not wait(2, lambda: "event=fatal" in h.daemon.log()):
            wrong.append(what + ": the daemon ended without a word: %s, %s" %
                         (h.daemon.process.returncode, h.log_tail(2)))
        if not wait(15, lambda: not daemon.members(h.daemon.process.pid)):
            wrong.append(what + ": processes stay")
        return False
    wrong += ["%s: of which session? %s" % (what, l)
              for l in h.daemon.log().splitlines()
              if l.startswith("session=- event=helper-failed")]
    if not rests:
        wrong.append(what + ": processes or connections stay")
    if not wait(3, lambda: all(
            n <= was for n, was in zip(descriptors(h), fds))):
        wrong.append(what + ": descriptors %s, before %s" % (descriptors(h),
                                                            fds))
    if role == "maildir" and os.listdir(f.box + "/tmp"):
        wrong.append(what + ": files stay")
    serves(h, wrong, what)
    at_rest(h)
    return reached


def case(role, call, errors, most, imapd, library):
    def act(wrong):
        make = lambda name: Failing(PLACE, name, imapd, library, role == "maildir")
        f = make("%s %s" % (role, call))
        count = 0
        try:
            for error in errors.split():
                for n in range(1, most + 1):
                    if not one(f, role, call, error, n, wrong):
                        if f.house.daemon.alive():
                            break
                        f.stop()
                        f = make("again")
                    count += 1
            if count == 0:
                wrong.append("it is never called")
        finally:
            f.stop()
    return "%s fails in %s: %s" % (call, role if role == "imapfetch" else
                                   "the " + role, errors), act


def main():
    library = PLACE.library("failing")
    if os.environ.get("SANITIZED") or os.environ.get("WRAP") or not library:
        skip("calls that fail", "the library cannot be preloaded here")
        return
    imapd = PLACE.imapd(urlfetch=content)
    many([case(*c, imapd, library) for c in CASES
          if WANTED in "%s %s" % c[:2]], 6)


main()
end()
