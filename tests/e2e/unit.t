#!/bin/sh
# All dialogues again, as an unprivileged user and inside the fence that our
# systemd unit puts up: the roles' fences and the unit's must go together.
here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
LAB=$top/tests/lab/systemd-lab
BUILD=$(cd "${BUILD:-$top/build}" 2>/dev/null && pwd -P) &&
	[ -x "$BUILD/smtpsubmitd" ] || {
	echo "not ok - there is no smtpsubmitd in \$BUILD"
	exit 1
}
[ "$(id -u)" = 0 ] || { echo "skip - unit: must run as root"; exit 0; }

T=$(mktemp -d "${TMPDIR:-/tmp}/unit.XXXXXX") || exit 1
chmod 755 "$T"
finish() {
	status=$?
	trap - EXIT HUP INT TERM
	[ ! -e "$T/lab" ] || "$LAB" down "$T/lab"
	rm -rf "$T"
	exit $status
}
trap finish EXIT
trap 'exit 129' HUP INT TERM

# where anybody can read them
mkdir "$T/src" "$T/src/tests" "$T/src/build"
cp -r "$top/tests/run-dialogues" "$top/tests/lib" "$top/tests/smtp" \
	"$T/src/tests/"
for program in smtpsubmitd imapfetch auth-reply checkcertificate \
    checkpassword-file checkpassword-pam; do
	cp "$BUILD/$program" "$T/src/build/"
done
chmod -R a+rX "$T/src"

# passed NAME: what run-dialogues has printed, on the standard input
passed() {
	name=$1
	cat >"$T/out"
	grep -A8 '^not ok' "$T/out" | sed "s,smtp/,$name: ,"
	n=$(sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p' "$T/out")
	if [ -n "$n" ]; then
		echo "ok - $name: all $n dialogues"
	else
		echo "not ok - $name: all dialogues"
		tail -n 5 "$T/out" | sed 's/^/# /'
	fi
}

if command -v setpriv >/dev/null; then
	setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME=/nonexistent python3 "$T/src/tests/run-dialogues" \
		2>&1 | passed "as nobody"
else
	echo "skip - as nobody: no setpriv"
fi

command -v systemd-nspawn >/dev/null || {
	echo "skip - in the unit: no systemd-nspawn; tests/packages check"
	exit 0
}
"$LAB" up --host "$T/lab" >"$T/up" 2>&1 || {
	echo "skip - in the unit: no systemd can be booted here:" \
		"$(tail -n 1 "$T/up")"
	exit 0
}
make -s -C "$top" files BUILD="$T/files" || exit 1
cp -r "$T/src" "$T/lab/tree/srv/src"
"$LAB" put "$T/lab" "$top/systemd/smtpsubmitd.sysusers" \
	/usr/lib/sysusers.d/smtpsubmitd.conf 644
"$LAB" run "$T/lab" systemd-sysusers smtpsubmitd.conf 2>/dev/null
# the unit as it is, but that it runs the dialogues, each of which counts anew
sed -e '/^\(PartOf\|NotifyAccess\|Environment\|ExecStartPre\|ExecReload\)=/d' \
	-e '/^\(StateDirectory\|StateDirectoryMode\)=/d' \
	-e '/^\(KillMode\|TimeoutStopSec\|Restart\|RestartSec\)=/d' \
	-e 's/^Type=.*/Type=oneshot/' \
	-e 's,^ExecStart=.*,ExecStart=/srv/src/tests/run-dialogues,' \
	"$T/files/systemd/smtpsubmitd.service" >"$T/dialogues.service"
"$LAB" put "$T/lab" "$T/dialogues.service" \
	/etc/systemd/system/dialogues.service 644
"$LAB" run "$T/lab" systemctl daemon-reload
"$LAB" run "$T/lab" systemctl start dialogues.service 2>/dev/null
"$LAB" run "$T/lab" journalctl --sync
"$LAB" log "$T/lab" -u dialogues.service -o cat | passed "in the unit"
