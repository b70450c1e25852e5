# Sections of a test, all at once, for much of a test is waiting:
#
#	here=directory of the test
#	. "$here/sections.sh"
#	at_once name_%s.py SECTION ...
#	exit $status
#
# SECTIONS in the environment names those to run instead.
pids='' status=0
trap 'kill $pids 2>/dev/null; wait; exit 1' HUP INT TERM

at_once() {
	program=$1
	shift
	pids=''
	for what in ${SECTIONS:-$*}; do
		python3 "$here/${program%%\%s*}$what${program##*%s}" &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p" || status=1
	done
}
