#!/bin/sh
# The attacks of doc/attacks.md that are tables of inputs rather than dialogues:
# each way to smuggle a message, each URL that means another server, numbers,
# lines, floods, and scanners. All at once, for some of it is waiting; the crowd
# after the rest. Then the dialogues named there, over STARTTLS.
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/sections.sh"
at_once attacks_%s.py smuggling urls lines
if [ -z "${SECTIONS:-}" ]; then
	at_once attacks_%s.py crowd
	names=$(grep '^|' "$here/../../doc/attacks.md" |
		grep -o '`smtp/[^`]*`' | tr -d '`' | cut -d/ -f2 | sort -u)
	CONNECT=starttls "$here/../run-dialogues" $names |
		sed 's,^\(ok\|not ok\) - smtp/,\1 - over STARTTLS: ,'
fi
exit $status
