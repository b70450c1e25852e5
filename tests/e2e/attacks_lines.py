"""attacks.t: numbers and lines: sizes of chunks, commands hidden where a buffer
could end, and what lines of any length are to be."""
import re

from burl_driver import HEAD
from common_driver import begin, end, expect, leave, reply, say, talk
from robust_case import Place, at_once, requirement

BUILD, T = begin("lines")
place = Place(BUILD, T)

BUFFERS = (512, 1000, 1024, 2048, 4096, 8192, 12288, 16384, 65536)
LARGE = (b"2147483648", b"4294967295", b"4294967296", b"4294967300",
         b"9223372036854775807")
# of how many octets BDAT could say its chunk is; where it is read as 4, what
# follows the 4 octets is a command
SIZES = (b"-1", b"-4", b"+4", b"0x4", b"4.0", b"4e0", b"4,", b"4k", b"\xd9\xa4", b"04x",
         *LARGE, b"9223372036854775808", b"9223372036854775812", b"18446744073709551615", b"18446744073709551616", b"18446744073709551620",
         b"9" * 30, b"1" + b"0" * 400, b"4\0", b"\0004", b"4\t", b"\t4", b"''", b"")


def chunk_sizes():
    """No size that is none, or too large, makes a chunk; and none of the octets
    behind makes a transaction or a message."""
    for how in ("tls", "starttls"):
        with place.house("chunks over " + how) as h, requirement(
                "BDAT over %s: %d sizes are refused or waited for, and nothing behind "
                "them is taken" % (how, len(SIZES)), h) as wrong:
            for size in SIZES:
                why = chunk_size(h.envelope(how=how), size)
                wrong += ["%r: %s" % (size, why)] * bool(why)
            wrong += ["delivered: %d" % len(h.relay.completed)] * bool(h.relay.completed)


def chunk_size(c, size):
    """None, or what was wrong."""
    c.send(b"BDAT " + size + b" LAST\r\nabcdRSET\r\nNOOP\r\n")
    if size in LARGE:
        c.quiet(0.05)       # the octets behind are the chunk's
        c.hang_up()
        return None
    got = reply(c)[-1]
    if got[:3] == "552":
        c.closed()          # no telling where it would end
        return None
    if got[:3] not in ("500", "501"):
        return got
    # no chunk: what follows are lines, of which the first is no command
    said = [reply(c)[-1][:3] for _ in range(2)]
    leave(c)
    return None if said == ["500", "250"] else said


def hidden():
    """A command behind so many octets of a line is no command."""
    with place.house("hidden commands") as h:
        for verb in (b"NOOP", b"EHLO x", b"MAIL FROM:<alice@example.org>"):
            with requirement("%s hidden in a long line where a buffer could end: one "
                             "refusal" % verb.decode(), h) as wrong:
                for size in BUFFERS:
                    hide(h, size, verb, wrong)


def hide(h, size, verb, wrong):
    c = h.login()
    for more in range(-3, 3):
        c.send(b"x" * (size + more) + verb + b"\r\n")
        got = reply(c)[-1]
        if not got.startswith("500 5.5."):
            wrong.append("%d%+d: %s" % (size, more, got))
    c.quiet(0.02)
    if say(c, "NOOP") != "250 2.0.0 OK":
        wrong.append("%d: out of step" % size)
    leave(c)


def hidden_arguments():
    """The same in what takes an argument of any text, and in an AUTH exchange."""
    with place.house("hidden in arguments") as h, requirement(
            "a command hidden in NOOP's argument, or AUTH's answer: one reply", h) as wrong:
        for size in BUFFERS:
            c = h.dial()
            talk(c, "EHLO client.example.net", "250")
            c.send(b"NOOP " + b"x" * (size - 7) + b"NOOP\r\n")
            first = reply(c)[-1][:3]
            c.send(b"AUTH PLAIN\r\n" + b"A" * (size - 2) + b"MAIL FROM:<>\r\n")
            expect(c, "334")
            second = reply(c)[-1][:3]
            c.quiet(0.02)
            if first not in ("250", "500") or second not in ("500", "501"):
                wrong.append("%d: %s %s" % (size, first, second))
            wrong += [str(size)] * (say(c, "NOOP")[:3] != "250")
            leave(c)


def hidden_dots(way):
    """Behind so many octets a dot and CRLF are content, and a line stays one."""
    with place.house("long lines by " + way) as h, requirement(
            "lines by %s that end in a dot or hide a command where a buffer could end "
            "arrive unaltered, or the message is refused" % way, h) as wrong:
        for size in BUFFERS:
            c = h.envelope()
            body = b"".join(b"x" * (size + more) + b".\r\n" + b"y" * (size + more) +
                            b"RCPT TO:<eve@example.net>\r\n"
                            for more in range(-3, 3))
            before = len(h.relay.messages)
            if way == "DATA":
                talk(c, "DATA", "354")
                c.send(HEAD + body + b".\r\n")
            else:
                c.send(b"BDAT %d LAST\r\n" % len(HEAD + body) + HEAD + body)
            got = reply(c)[-1]
            taken = [m.data for m in h.relay.messages[before:] if m.completed]
            if got[:3] == "250":
                wrong += ["%d: altered" % size] * (
                    len(taken) != 1 or not taken[0].endswith(body))
            elif got[0] != "5" or taken:
                wrong.append("%d: %s" % (size, got))
            wrong += ["%d: out of step" % size] * (say(c, "NOOP")[:3] != "250")
            leave(c)
        wrong += ["a hidden command reached the relay"] * any(
            re.search(b"eve", x) for x in h.relay.commands)


def long_envelope():
    """Parameters, recipients and names at the borders, too: no crash, in step."""
    with place.house("long words") as h, requirement(
            "words of a command as long as a buffer: refused, and in step", h) as wrong:
        for size in BUFFERS:
            word = "x" * size
            for line in ("EHLO " + word, "VRFY " + word, "RCPT TO:<%s@example.net>" % word,
                         "RCPT TO:<bob@%s.net>" % word, "RCPT TO:<bob@[%s]>" % word,
                         'RCPT TO:<"%s"@example.net>' % word, "AUTH " + word,
                         "RCPT TO:<bob@example.net> ORCPT=rfc822;" + word,
                         "RCPT TO:<bob@example.net> %s=1" % word):
                c = h.login()
                talk(c, "MAIL FROM:<alice@example.org>", "250")
                got = say(c, line)
                wrong += ["%d, %s: %s" % (size, line[:9], got)] * (
                    got[0] != "5" and got[:3] != "252")
                wrong += ["%d: out of step" % size] * (say(c, "NOOP")[:3] != "250")
                leave(c)


at_once(chunk_sizes, hidden, hidden_arguments, lambda: hidden_dots("DATA"),
        lambda: hidden_dots("BDAT"), long_envelope)
end()
