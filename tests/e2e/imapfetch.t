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
trap '[ -n "${KEEP:-}" ] || rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$T"	# the mail user walks through it
status=0

run()
{
	python3 "$here/imapfetch_cases.py" "$BUILD" "$T" "$1" || status=1
}

for what in ${SECTIONS:-hostile dovecot cyrus}; do
	case $what in
	hostile) run hostile ;;
	*)
		if [ "$(id -u)" != 0 ]; then
			echo "skip - $what: must run as root"
		elif [ $what = dovecot ] && ! command -v doveadm >/dev/null; then
			echo "skip - $what: no Dovecot; tests/packages check"
		else
			run $what
		fi ;;
	esac
done
exit $status
