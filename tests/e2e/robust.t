#!/bin/sh
# What a hostile reader of the daemon found, and must not come back: clients,
# next servers, signals. All at once, for much of it is waiting; the flood
# after the rest, for it takes all the time there is.
here=$(dirname "$0")
. "$here/sections.sh"
at_once robust_%s.py servers clients signals
if [ -z "${SECTIONS:-}" ]; then
	at_once robust_%s.py flood
fi
exit $status
