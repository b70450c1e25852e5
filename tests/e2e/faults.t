#!/bin/sh
# Faults at every step: processes killed and stopped, calls that fail, a relay
# gone at each octet, helpers that misbehave, a full disk. The client gets the
# right reply or a close, nothing is delivered wrongly, nothing is left, and
# the service goes on.
here=$(dirname "$0")
pids='' status=0
trap 'kill $pids 2>/dev/null; wait; exit 1' HUP INT TERM
for what in ${SECTIONS:-kills calls}; do
	python3 "$here/faults_$what.py" &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p" || status=1
done
exit $status
