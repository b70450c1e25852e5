#!/bin/sh
# make install and uninstall, by GNU and BSD make, and the units as files; in
# a directory of its own. system.t has them in a real systemd.
. "$(dirname "$0")/lib.sh"
top=$(cd "$here/../.." && pwd -P)
cd "$top" || exit 1

# in_stage MAKE TARGET ARGUMENT ...: quietly, below $T/stage
in_stage() {
	maker=$1; shift
	env -u MAKEFLAGS "$maker" -s BUILD="$T/build" DESTDIR="$T/stage" "$@"
}
tree() { (cd "$T/stage" && find . ! -type d | sort); }

# what is built already need not be again
cp -rp "$BUILD" "$T/build"
check "make install" in_stage make install
tree >"$T/gnu"
name="... programs, manuals, units, configuration, PAM rules, examples"
for f in usr/local/sbin/smtpsubmitd etc/smtpsubmitd/smtpsubmitd.conf \
    usr/local/libexec/smtpsubmitd/checkpassword-pam etc/pam.d/smtpsubmitd \
    usr/local/libexec/smtpsubmitd/load-credentials \
    usr/local/share/man/man8/smtpsubmitd.8 \
    usr/local/lib/systemd/system/smtpsubmitd@.service \
    usr/local/lib/sysusers.d/smtpsubmitd.conf \
    usr/local/share/examples/smtpsubmitd/fail2ban-jail.conf; do
	[ -s "$T/stage/$f" ] || { not_ok "$name"; echo "$f" | note; name=; }
done
[ -z "$name" ] || ok "$name"
check "no placeholder is left" sh -c '! grep -rn "@[A-Z]*@" "$1"' sh \
	"$T/stage/etc" "$T/stage/usr/local/lib" \
	"$T/stage/usr/local/libexec/smtpsubmitd/load-credentials"

units=$T/stage/usr/local/lib/systemd/system
if command -v systemd-analyze >/dev/null; then
	for unit in smtpsubmitd.service smtpsubmitd@.service; do
		check "$unit: systemd-analyze security below 1.5" \
			systemd-analyze security --offline=yes --threshold=15 \
			"$units/$unit"
	done
else
	skip "systemd-analyze security" "not installed"
fi

echo '# mine' >"$T/stage/etc/smtpsubmitd/smtpsubmitd.conf"
in_stage make install
check "a configuration that is there stays" grep -qx '# mine' \
	"$T/stage/etc/smtpsubmitd/smtpsubmitd.conf"
in_stage make uninstall
tree >"$T/left"
check "uninstall leaves the configuration alone" sh -c \
	'! grep -v "^./etc/\(smtpsubmitd\|pam.d\)/" "$1"' sh "$T/left"

rm -rf "$T/stage"
in_stage make install UNITDIR= SYSUSERSDIR= PAMDIR= RCDIR=/etc/rc.d
tree >"$T/other"
check "without systemd and PAM, with rc.d" sh -c '
	! grep -e systemd -e sysusers -e pam.d "$1" &&
	grep -qx ./etc/rc.d/smtpsubmitd "$1"' sh "$T/other"
if command -v bmake >/dev/null; then
	rm -rf "$T/stage"
	check "BSD make install" in_stage bmake install
	tree >"$T/bsd"
	check "... installs the same" cmp "$T/gnu" "$T/bsd"
else
	skip "BSD make" "no bmake; tests/packages check"
fi

# load-credentials, as the unit runs it
mkdir "$T/from" "$T/run"
echo one >"$T/from/key.pem"
echo two >"$T/elsewhere"
ln -s "$T/elsewhere" "$T/from/cert.pem"
load() {
	sh "$T/build/systemd/load-credentials" "$T/from" "$T/run/to" \
		"$(id -gn)"
}
check "load-credentials" load
check "... files and what links point to, for the group alone" sh -c '
	[ "$(cat "$1/key.pem" "$1/cert.pem" | tr -d "\n")" = onetwo ] &&
	[ "$(stat -c %a "$1" "$1"/*.pem | tr "\n" " ")" = "750 440 440 " ]
	' sh "$T/run/to"
rm "$T/from/key.pem"
echo new >"$T/elsewhere"
load
check "... anew, and what is gone is gone" sh -c \
	'[ "$(cat "$1"/*)" = new ] && [ ! -e "$1/key.pem" ]' sh "$T/run/to"
