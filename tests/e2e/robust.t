#!/bin/sh
# What a hostile reader of the daemon found, and must not come back: clients,
# next servers, signals. All at once, for much of it is waiting; the flood
# after the rest, for it takes all the time there is.
here=$(dirname "$0")
pids='' status=0
trap 'kill $pids 2>/dev/null; wait; exit 1' HUP INT TERM
for what in ${SECTIONS:-servers clients signals}; do
	python3 "$here/robust_$what.py" &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p" || status=1
done
if [ -z "${SECTIONS:-}" ]; then
	python3 "$here/robust_flood.py" &
	pids=$!
	wait "$pids" || status=1
fi
exit $status
