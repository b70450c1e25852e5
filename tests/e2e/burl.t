#!/bin/sh
# BURL through the whole daemon: IMAP servers that misbehave; a real Dovecot,
# as it should be and as it is shipped, and a real Cyrus. Both at once, for
# much of it is waiting.
here=$(dirname "$0")
pids='' status=0
trap 'kill $pids 2>/dev/null; wait; exit 1' HUP INT TERM
for what in ${SECTIONS:-hostile real}; do
	python3 "$here/burl_${what}_driver.py" &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p" || status=1
done
exit $status
