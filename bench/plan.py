"""The scenarios of `make bench` and of `make bench-quick`, and the numbers
that are to be held. Columns: key, heading, decimals."""

from scenarios import (MB, Beside, Big, Burl, Held, LongLine, Memory,
                       Messages, Sessions, Work)

SESSION = (("cpu", "CPU ms/session", 2), ("rate", "sessions/s", 0),
           ("session_p50", "session p50", 1), ("session_p99", "p99 ms", 1),
           ("greeting_p50", "greeting p50", 2), ("auth_p50", "AUTH p50", 2),
           ("mail_p50", "MAIL p50", 2), ("final_p50", "final p50", 2))
MESSAGE = (("cpu", "CPU ms/message", 3), ("rate", "messages/s", 0),
           ("message_p50", "message p50", 3), ("message_p99", "p99 ms", 3))
AHEAD = (("cpu", "CPU ms/message", 3), ("rate", "messages/s", 0))
BIG = (("cpu", "CPU ms", 0), ("rate", "MB/s", 0),
       ("final_p50", "last octet to reply, ms", 1),
       ("after_mta", "after the sink's, ms", 2))
HELD = (("pss", "PSS KiB", 0), ("dirty", "written KiB", 0),
        ("processes", "processes", 1), ("cpu", "CPU ms to open", 2))
GREETING = (("greeting_p50", "p50 ms", 2), ("greeting_p99", "p99 ms", 2),
            ("greeting_p50_alone", "p50 without", 2),
            ("greeting_p99_alone", "p99 without", 2),
            ("also_greeting_p50", "TLS at once p50", 2),
            ("also_greeting_p99", "p99 ms", 2),
            ("cpu", "CPU ms", 2), ("cpu_alone", "without", 2))
SLOW = (("session_p50", "session p50", 1), ("session_p99", "p99 ms", 1),
        ("session_p50_alone", "p50 without", 1),
        ("session_p99_alone", "p99 without", 1),
        ("cpu", "CPU ms/session", 2), ("cpu_alone", "without", 2))
LINE = (("session_p50", "session ms", 0), ("trips", "x 50 ms", 2),
        ("turns", "turns", 1), ("minimum", "minimum", 0))
WORK = (("switches", "context switches", 1), ("faults", "page faults", 1),
        ("calls", "system calls", 1))
BURL = (("cpu", "CPU ms, BURL", 2), ("imap", "of the IMAP server", 2),
        ("data_cpu", "DATA", 2), ("link", "KB on the link, BURL", 1),
        ("data_link", "DATA", 1), ("final", "BURL to reply, ms", 1),
        ("data_message", "MAIL to reply by DATA", 1))

ALL_BUT_BDAT = ("opensmtpd",)
NO_CUT = "Exim does not cut through what comes by BDAT: it queues it."


def session(name, title, n, c, rounds=5, **more):
    return Sessions(name, title, SESSION, rounds=rounds,
                    options=dict(n=n, c=c, **more))


def further(rounds=5):
    return Messages(
        "further", "1,000 messages of 5 KB on one connection, envelope in "
        "one group where PIPELINING is offered", MESSAGE, rounds=rounds,
        options=dict(messages=1000))


def fifty(name, by, **more):
    return Big(name, "one message of 50 MB by %s" % by.upper(), BIG,
               options=dict(size=50 * MB, by=by), **more)


def greeting():
    return Beside("greeting", "greeting beside 1,000 idle connections, in "
                  "the clear, and after the handshake", GREETING,
                  options=dict(n=200, stop="greeting", tls="starttls"),
                  also=dict(n=200, stop="greeting"),
                  held=dict(n=1000, c=16, stop="login"))


def memory(sizes):
    columns = [("peak_%d" % sizes[0], "peak KiB, 1 KB", 0)]
    for size in sizes[1:]:
        columns.append(("peak_%d" % size, "%d MB" % (size / MB), 0))
    columns += [("growth", "growth", 0),
                ("growth_on", "from 1 MB", 0), ("disk", "spooled MB", 0)]
    return Memory("memory", "memory by the size of the message: the sum of "
                  "the peak resident sets", columns, sizes=sizes)


def full():
    line = "over a line of 25 ms each way, "
    return [
        session("session", "a session with one message of 5 KB, TLS at once, "
                "one at a time", 100, 1),
        session("session16", "the same, 16 at a time", 240, 16),
        session("starttls", "the same, one at a time, STARTTLS", 100, 1,
                rounds=3, tls="starttls"),
        further(),
        Messages("busy", "8 busy connections, 200 messages each", MESSAGE,
                 rounds=3, options=dict(messages=200, n=8, c=8),
                 without=("opensmtpd",), note="OpenSMTPD's queue would take "
                 "minutes for them."),
        Messages("ahead", "1,000 messages, the next envelope together with "
                 "the end of this message (RFC 2920)", AHEAD, rounds=3,
                 options=dict(messages=1000, ahead=1), without=("opensmtpd",)),
        Messages("ahead-bdat", "1,000 messages by BDAT, up to 8 ahead of the "
                 "reply", AHEAD, rounds=3, without=ALL_BUT_BDAT,
                 options=dict(messages=1000, ahead=8, by="bdat"),
                 note=NO_CUT),
        fifty("data50", "data"),
        fifty("bdat50", "bdat", rounds=3, without=ALL_BUT_BDAT, note=NO_CUT),
        memory([1000, MB, 100 * MB, 1000 * MB]),
        Held("idle", "200 idle connections, logged in: growth per connection",
             HELD, options=dict(n=200, c=4, stop="login")),
        Held("silent", "200 silent connections, nothing said at all", HELD,
             options=dict(n=200, c=200, stop="connect"), rounds=1),
        greeting(),
        Beside("flood", "sessions, 4 at a time, beside 500 silent "
               "connections", SLOW, options=dict(n=100, c=4),
               held=dict(n=500, c=500, stop="connect")),
        Beside("slow", "sessions, 4 at a time, beside 50 clients that send "
               "an octet a second", SLOW, options=dict(n=100, c=4),
               held=dict(n=50, c=16, stop="login", drip=1)),
        LongLine("line", line + "DATA", LINE, options=dict(n=5), minimum=8,
                 note="of sessions that wait for the final reply before "
                 "QUIT"),
        LongLine("line-bdat", line + "BDAT, QUIT in the same group", LINE,
                 options=dict(n=5, by="bdat", ahead=1), minimum=6,
                 without=ALL_BUT_BDAT, note=NO_CUT),
        LongLine("line-starttls", line + "STARTTLS, BDAT, QUIT in the same "
                 "group", LINE, minimum=8, without=ALL_BUT_BDAT, note=NO_CUT,
                 options=dict(n=5, by="bdat", ahead=1, tls="starttls")),
        Burl("burl", "BURL of 5 KB, and the same by DATA", BURL,
             options=dict(n=20, size=5000)),
        Burl("burl50", "BURL of 50 MB, and the same by DATA", BURL,
             options=dict(n=1, size=50 * MB)),
        Work("work", "work for a session (one at a time)", WORK,
             options=dict(n=100)),
        Work("work-further", "work for a further message", WORK,
             options=dict(messages=500)),
    ]


def rsa():
    return [session("rsa", "a session with one message of 5 KB, RSA-2048 "
                    "certificate", 100, 1, rounds=3)]


def quick():
    return [
        session("session", "a session with one message of 5 KB, one at a "
                "time", 60, 1),
        session("session16", "the same, 16 at a time", 160, 16),
        further(),
        fifty("data50", "data"),
        fifty("bdat50", "bdat", rounds=3),
        Held("idle", "100 idle connections, logged in: growth per connection",
             HELD, options=dict(n=100, c=4, stop="login"), rounds=1),
        memory([1000, MB, 200 * MB]),
        greeting(),
    ]


# scenario, metric ("ratio": CPU to the floor's of that round), what it is,
# must, aim; lower is better
NUMBERS = (
    ("session", "ratio", "session, one at a time, CPU x floor", 1.9, 1.5),
    ("session16", "ratio", "session, 16 at a time, CPU x floor", 1.9, 1.5),
    ("further", "ratio", "a further message, CPU x floor", 2.1, 1.6),
    ("data50", "ratio", "50 MB by DATA, CPU x floor", 1.3, 1.1),
    ("bdat50", "ratio", "50 MB by BDAT, CPU x floor", 1.3, 1.1),
    ("idle", "pss", "idle connection, logged in, PSS KiB", 360, 270),
    ("data50", "after_mta", "final reply of 50 MB after the MTA's, ms", 20, 5),
    ("memory", "growth", "memory, the largest message over 1 KB, KiB", 1024,
     None),		# each buffer fills up once
    ("memory", "growth_on", "memory, the largest message over 1 MB, KiB", 128,
     None),
    ("greeting", "greeting_p99", "greeting beside 1,000 idle, p99 ms", 10, 2),
)
