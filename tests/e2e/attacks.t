#!/bin/sh
# The attacks of doc/attacks.md that are tables of inputs rather than dialogues:
# each way to smuggle a message, each URL that means another server, numbers,
# lines, floods, and scanners. All at once, for some of it is waiting.
here=$(dirname "$0")
. "$here/sections.sh"
at_once attacks_%s.py smuggling urls lines crowd
exit $status
