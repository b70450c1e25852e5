#!/bin/sh
# imapfetch by itself, started as the monitor starts it: against a server
# that misbehaves in every way we know, a real Dovecot and a real Cyrus.
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(cd "${BUILD:-./build}" 2>/dev/null && pwd) &&
	[ -x "$BUILD/imapfetch" ] || {
	echo "not ok - there is no imapfetch in \$BUILD"
	exit 1
}
T=$(mktemp -d "${TMPDIR:-/tmp}/imapfetch.XXXXXX") || exit 1
lanes=
cleanup()
{
	# each stops its servers; after that the directory may go
	[ -z "$lanes" ] || kill $lanes 2>/dev/null
	wait
	[ -n "${KEEP:-}" ] || rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$T"	# the mail user walks through it

# start SECTION: its lines go to $T/SECTION.out
start()
{
	: >"$T/$1.out"
	if [ "$1" != hostile ] && [ "$(id -u)" != 0 ]; then
		echo "skip - $1: must run as root" >"$T/$1.out"
	elif [ "$1" = dovecot ] && ! command -v doveadm >/dev/null; then
		echo "skip - $1: no Dovecot; tests/packages check" >"$T/$1.out"
	else
		python3 "$here/imapfetch_cases.py" "$BUILD" "$T" "$1" \
			>"$T/$1.out" 2>&1 &
		lanes="$lanes $!"
	fi
}

sections=${SECTIONS:-hostile dovecot cyrus}
status=0
for s in $sections; do start "$s"; done
for lane in $lanes; do wait "$lane" || status=1; done
lanes=
for s in $sections; do cat "$T/$s.out"; done
exit $status
