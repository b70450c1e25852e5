#!/usr/bin/env python3
"""What compiler and linker can do against exploits is in every program: position
independent, full RELRO, no executable stack, stack protector, fortified libc,
branches marked, no library but those it needs, no right of its own.

    tests/e2e/hardening.t [PACKAGE.deb]    the programs of $BUILD, or a package's

The test proves itself: a program that lacks one of these is found out."""
import glob
import os
import re
import shlex
import stat
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build")))
CC = shlex.split(os.environ.get("CC", "cc"))

# The libraries of each, libc apart; whether it calls what can be fortified.
# Neither does the daemon know HTTP, nor a helper more than its one service.
PROGRAMS = {
    "smtpsubmitd": ("tls ssl crypto bsd event_core-2.1 seccomp", True),
    "imapfetch": ("curl bsd seccomp", True),
    "checkcertificate": ("crypto bsd seccomp", True),
    "auth-reply": ("", False),
    "checkpassword-file": ("crypt", True),
    "checkpassword-pam": ("pam", True),
    "checktoken-introspect": ("curl jansson", True),
}
MARKS = {"x86_64": ("IBT", "SHSTK"), "aarch64": ("BTI", "PAC")}
failed = 0


def say(name, faults):
    global failed
    failed += bool(faults)
    print("%s - %s" % ("not ok" if faults else "ok", name))
    for fault in faults:
        print("# " + fault)
    sys.stdout.flush()


def skip(name, why):
    print("skip - %s: %s" % (name, why))


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], text=True, check=True,
                          capture_output=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def is_program(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return False
    return re.search(r"Type: +(EXEC|DYN)", readelf("-h", path)) is not None


def faults_of_link(path):
    dynamic, segments = readelf("-d", path), readelf("-l", path)
    if "DYN" not in readelf("-h", path) or not re.search(r"\(FLAGS_1\).*PIE", dynamic):
        yield "not position independent"
    if "GNU_RELRO" not in segments:
        yield "no RELRO"
    if not re.search(r"\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW", dynamic):
        yield "binds lazily, RELRO is partial"
    if not re.search(r"GNU_STACK .* RW +0x", segments):
        yield "executable stack"
    if re.search(r"^ +LOAD .* RWE ", segments, re.M):
        yield "memory to write and to execute"
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        yield "a search path for libraries"
    if "TEXTREL" in dynamic:
        yield "relocations in the text"


def faults_of_code(path, fortified):
    symbols = set(re.findall(r" (__\w+_chk\w*|__stack_chk_\w+)",
                             readelf("--dyn-syms", path)))
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector"
    if fortified and not any(s.endswith("_chk") for s in symbols):
        yield "no fortified call"


def faults_of_libraries(path, wanted):
    needed = re.findall(r"\(NEEDED\).*\[lib([^]]+)\.so", readelf("-d", path))
    for name in sorted(set(needed) - set(wanted.split()) - {"c"}):
        yield "needs lib%s" % name
    for name in sorted(set(wanted.split()) - set(needed)):
        yield "does not need lib%s: the table is old" % name


def faults_of_file(path):
    mode = os.lstat(path).st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID):
        yield "setuid or setgid"
    if not stat.S_ISLNK(mode) and mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield "others may write it"
    if not stat.S_ISLNK(mode) and "security.capability" in os.listxattr(path):
        yield "has capabilities"


def faults_of_branches(path):
    """Of an object, or of a program: the linker marks what is marked in all."""
    notes = readelf("-n", path)
    for mark in MARKS.get(os.uname().machine, ()):
        if not re.search(r"feature: .*\b%s\b" % mark, notes):
            yield "branches are not marked: no %s" % mark


def faults(path, wanted, fortified):
    return [*faults_of_link(path), *faults_of_code(path, fortified),
            *faults_of_libraries(path, wanted), *faults_of_file(path)]


# ---- the proof: each fault is found where it is -----------------------------

SOURCE = """#include <stdio.h>
#include <string.h>
%s
int main(int argc, char **argv)
{
	char buf[64];
	snprintf(buf, (size_t)argc * 8, "%%s", argv[0]);
	return printf("%%zu", strlen(buf)) < 0;
}
"""
GOOD = ["-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fPIE", "-pie",
        "-Wl,-z,relro,-z,now"]
BOTH = '__asm__(".section .both,\\"awx\\"\\n.quad 0\\n.text\\n");'
TEXTREL = 'int v; __asm__(".text\\n.balign 8\\n.quad v\\n");'


def compiled(where, name, options, text=""):
    path = os.path.join(where, name)
    with open(path + ".c", "w") as f:
        f.write(SOURCE % text)
    subprocess.run([*CC, "-w", *options, path + ".c", "-o", path], check=True)
    return path


def proof(where):
    def found(name, fault, options, text="", wanted=""):
        got = faults(compiled(where, name, GOOD + options, text), wanted, True)
        say("proof: %s" % (fault or "a good program has no fault"),
            [] if got == [fault] * bool(fault) else ["found: %s" % got])

    found("good", None, [])
    found("fixed", "not position independent", ["-fno-pie", "-no-pie"])
    found("norelro", "no RELRO", ["-Wl,-z,norelro"])
    found("lazy", "binds lazily, RELRO is partial", ["-Wl,-z,lazy"])
    found("stack", "executable stack", ["-Wl,-z,execstack"])
    found("omagic", "memory to write and to execute", [], BOTH)
    found("path", "a search path for libraries", ["-Wl,-rpath,/tmp"])
    found("protector", "no stack protector", ["-fno-stack-protector"])
    found("fortify", "no fortified call", ["-U_FORTIFY_SOURCE"])
    found("more", "needs libm", ["-Wl,--no-as-needed", "-lm"])
    found("less", "does not need libm: the table is old", [], wanted="m")
    if os.uname().machine == "x86_64":
        found("text", "relocations in the text", ["-Wl,-z,notext"], TEXTREL)
        got = [*faults_of_branches(compiled(
            where, "plain.o", ["-c", "-fcf-protection=none"]))]
        say("proof: branches that are not marked", [] if len(got) == 2 else got)
    path = compiled(where, "mode", GOOD)
    for mode, fault in ((0o4755, "setuid or setgid"), (0o2755, "setuid or setgid"),
                        (0o775, "others may write it"), (0o755, None)):
        os.chmod(path, mode)
        got = [*faults_of_file(path)]
        say("proof: mode %o" % mode, [] if got == [fault] * bool(fault) else got)
    try:
        # cap_net_bind_service, version 2
        os.setxattr(path, "security.capability",
                    bytes.fromhex("0100000200040000000000000000000000000000"))
    except OSError as e:
        skip("proof: capabilities", e.strerror)
    else:
        got = [*faults_of_file(path)]
        say("proof: capabilities", [] if got == ["has capabilities"] else got or ["none"])


# ---- the programs -----------------------------------------------------------

def check_programs(paths, what):
    names = sorted(os.path.basename(p) for p in paths)
    say("%s: its programs are those we know" % what,
        [] if names == sorted(PROGRAMS) else ["there are: " + " ".join(names)])
    for path in sorted(paths):
        name = os.path.basename(path)
        if name in PROGRAMS:
            say("%s: %s" % (what, name), faults(path, *PROGRAMS[name]))


def start_files_are_marked():
    found = subprocess.run([*CC, "-print-file-name=Scrt1.o"], text=True, check=True,
                           capture_output=True).stdout.strip()
    return os.path.exists(found) and not [*faults_of_branches(found)]


def check_branches(programs):
    if os.uname().machine not in MARKS:
        skip("branches are marked", "nothing of that kind on this processor")
        return
    objects = [o for o in glob.glob(BUILD + "/**/*.o", recursive=True)
               if not re.match(r"(tests|priv|bench|fuzz|deb)/",
                               os.path.relpath(o, BUILD))]
    say("branches are marked in all objects",
        ["no objects in $BUILD"] * (not objects) +
        ["%s: %s" % (o, f) for o in objects for f in faults_of_branches(o)])
    if start_files_are_marked():
        for path in programs:
            say("branches are marked in %s" % os.path.basename(path),
                [*faults_of_branches(path)])
    else:
        skip("branches are marked in the programs",
             "libc's own start files are not, here")


def check_package(deb, where):
    subprocess.run(["dpkg-deb", "-x", deb, where], check=True)
    paths = [os.path.join(d, f) for d, _, files in os.walk(where) for f in files]
    check_programs([p for p in paths if is_program(p)], "package")
    say("package: no file has rights of its own",
        ["%s: %s" % (os.path.relpath(p, where), f)
         for p in paths for f in faults_of_file(p)])


def main():
    with tempfile.TemporaryDirectory() as where:
        if len(sys.argv) > 1:
            check_package(sys.argv[1], where)
            return
        proof(where)
        programs = [p for p in glob.glob(BUILD + "/*") if is_program(p)]
        check_programs(programs, "build")
        check_branches(programs)
        packages = sorted(glob.glob(BUILD + "/deb/*.deb"), key=os.path.getmtime)
        packages = [p for p in packages if "dbgsym" not in p]
        if packages:
            check_package(packages[-1], os.path.join(where, "package"))
        else:
            skip("package", "none in %s/deb; system.t looks at the one it builds"
                 % os.path.relpath(BUILD, TOP))


main()
sys.exit(1 if failed else 0)
