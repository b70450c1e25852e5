#!/bin/sh
# The Debian package in a real, booted systemd: installed, set up as the README
# says, used, maltreated, removed. Then the dialogues inside the unit's fence.
#
#   SECTIONS="setup mail ..."   only these, see system_driver.py
here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
LAB=$top/tests/lab/systemd-lab

skip() { echo "skip - system: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "must run as root"
for c in systemd-nspawn dpkg-buildpackage dh lintian swaks curl; do
	command -v $c >/dev/null || skip "no $c; tests/packages check"
done
fail2ban=$("$top/tests/packages" peers)/fail2ban
[ -d "$fail2ban/usr" ] || skip "no fail2ban; tests/packages check"

T=$(mktemp -d "${TMPDIR:-/tmp}/system.XXXXXX") || exit 1
chmod 755 "$T"
export T LAB
finish() {
	status=$?
	trap - EXIT HUP INT TERM
	for l in "$T"/lab-*; do
		[ ! -d "$l" ] || "$top/tests/lab/${l##*/lab-}-lab" stop "$l"
	done >/dev/null 2>&1
	"$LAB" down "$T/lab" 2>/dev/null
	if [ -n "${KEEP:-}" ]; then echo "# kept: $T"; else rm -rf "$T"; fi
	exit $status
}
trap finish EXIT
trap 'exit 129' HUP INT TERM

# Not every machine lets a container boot.
"$LAB" up --host "$T/lab" >"$T/up" 2>&1 || {
	why=$(tail -n 1 "$T/up")
	skip "no systemd can be booted here: ${why:-systemd-lab said nothing}"
}

cp -r "$fail2ban/usr" "$fail2ban/etc" "$T/lab/tree/"

if make -s -C "$top" deb >"$T/deb.log" 2>&1; then
	echo "ok - system: make deb"
else
	echo "not ok - system: make deb"
	tail -n 20 "$T/deb.log" | sed 's/^/# /'
	exit 1
fi
deb=$top/build/deb
if lintian --allow-root --fail-on error,warning "$deb"/*.changes \
    >"$T/lintian" 2>&1; then
	echo "ok - system: lintian has neither errors nor warnings"
else
	echo "not ok - system: lintian has neither errors nor warnings"
	sed 's/^/# /' "$T/lintian"
fi
cp "$deb"/smtpsubmitd_*.deb "$T/smtpsubmitd.deb"
"$top/tests/e2e/hardening.t" "$T/smtpsubmitd.deb"
for phase in first boot; do
	[ "$phase" != boot ] || "$LAB" reboot "$T/lab" || {
		echo "not ok - system: boots again"
		exit 1
	}
	"$LAB" net "$T/lab" python3 "$here/system_driver.py" $phase || exit 1
done
