# Sourced by the shell tests of this directory:
#
#	. "$(dirname "$0")/lib.sh"
#
# $BUILD   the binaries, default ./build; made absolute
# $T       a scratch directory, removed at the end (kept if KEEP is set)
# $LAB     tests/lab
# $PKI     ca.pem; leaf.pem leaf.key (mail.example.org, localhost, 127.0.0.1);
#          leaf2.* (the same names, another key); other.pem (trusts nothing)
#
# A test prints "ok - name", "not ok - name", "skip - name: reason"; "#" starts
# what explains a line. The status is 0 if nothing was not ok.

umask 022
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd -P)
LAB=$here/../lab
BUILD=$(cd "${BUILD:-$here/../../build}" 2>/dev/null && pwd -P) &&
	[ -x "$BUILD/smtpsubmitd" ] || {
	echo "not ok - there is no smtpsubmitd in \$BUILD"
	exit 1
}
self=$(basename "$0" .t)
T=$(mktemp -d "${TMPDIR:-/tmp}/e2e.XXXXXX") || exit 1
chmod 755 "$T"
PKI=$T/pki
failures=0
daemons='' labs=''
export SMTPSUBMITD_TEST=$T	# marks our processes
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

ok() { echo "ok - $*"; }
skip() { skip_name=$1; shift; echo "skip - $skip_name: $*"; }
note() { sed 's/^/# /;$a\'; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

# skip_all REASON
skip_all() { skip "$self" "$*"; exit 0; }

# check NAME COMMAND ...: ok if it succeeds, else what it printed
check() {
	check_name=$1; shift
	if "$@" >"$T/check.out" 2>&1; then ok "$check_name"
	else not_ok "$check_name"; tail -n 20 "$T/check.out" | note; return 1; fi
}

# cases PREFIX MAILDIR OPTION-OR-CASE ...: peertool against $port
cases() {
	cases_name=$1 cases_dir=$2; shift 2
	"$LAB/peertool" cases --port "$port" --ca "$PKI/ca.pem" \
		--prefix "$cases_name" --maildir "$cases_dir" "$@" ||
		failures=$((failures + 1))
}

# need COMMAND ...: one of a list of commands is missing: skip everything
need() {
	for c in "$@"; do
		command -v "$c" >/dev/null || skip_all "no $c; tests/packages check"
	done
}
need_root() { [ "$(id -u)" = 0 ] || skip_all "must run as root"; }

free_ports() { "$LAB/peertool" ports "$1"; }

# leaf NAME: a key and a certificate of our CA
leaf() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=mail.example.org" -keyout "$PKI/$1.key" \
		-out "$PKI/csr" 2>"$PKI/log" || cat "$PKI/log" >&2
	openssl x509 -req -in "$PKI/csr" -CA "$PKI/ca.pem" -CAkey "$PKI/ca.key" \
		-set_serial "0x$(openssl rand -hex 8)" -days 30 \
		-extfile "$PKI/ext" -out "$PKI/$1.crt" 2>"$PKI/log" ||
		cat "$PKI/log" >&2
	cat "$PKI/$1.crt" "$PKI/ca.pem" >"$PKI/$1.pem"
	chmod 600 "$PKI/$1.key"
}

make_pki() {
	mkdir "$PKI"
	for c in ca other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
			-nodes -days 30 -subj "/CN=test $c" \
			-addext basicConstraints=critical,CA:TRUE \
			-addext keyUsage=critical,keyCertSign,cRLSign \
			-keyout "$PKI/$c.key" -out "$PKI/$c.pem" 2>"$PKI/log" ||
			cat "$PKI/log" >&2
	done
	printf '%s\n' basicConstraints=CA:FALSE extendedKeyUsage=serverAuth \
		subjectAltName=DNS:mail.example.org,DNS:localhost,IP:127.0.0.1 \
		>"$PKI/ext"
	leaf leaf
	leaf leaf2
}

# The file of checkpassword-file; hashes that cost little.
make_users() {
	for u in alice bob; do
		echo "$u:$(openssl passwd -6 -salt 'rounds=1000$tests' ${u}pw)"
	done >"$T/users"
	chmod 600 "$T/users"
}

# A configuration on stdout: these lines, then those of the arguments. $port
# and $tlsport are where it listens.
config() {
	cat <<-E
	hostname mail.example.org
	domain example.org
	listen 127.0.0.1:$port
	listen 127.0.0.1:$tlsport tls
	E
	config_bare "$@"
}

# The same without listen lines, for activation.
config_bare() {
	cat <<-E
	certificate $PKI/leaf.pem $PKI/leaf.key
	auth ${helper:-$BUILD/checkpassword-file $T/users}
	auth-delay 0s
	auth-penalty 0s
	libexec $BUILD
	user nobody
	E
	printf '%s\n' "$@"
}

listens() { ss -Hltn "sport = :$1" | grep -q .; }

# A dead process may wait long for an init to reap it.
gone() {
	! kill -0 "$1" 2>/dev/null ||
		grep -qs '^State:.[ZX]' "/proc/$1/status"
}

# wait_for SECONDS COMMAND ...
wait_for() {
	wait_left=$(($1 * 20)); shift
	until "$@"; do
		wait_left=$((wait_left - 1))
		[ $wait_left -gt 0 ] || return 1
		sleep 0.05
	done
}

# start_daemon NAME [COMMAND ...]: runs smtpsubmitd -d -f $T/NAME.conf (or the
# command) with its log in $T/NAME.log, waits until $port listens; sets $daemon
start_daemon() {
	name=$1; shift
	[ $# -gt 0 ] || set -- "$BUILD/smtpsubmitd" -d -f "$T/$name.conf"
	"$@" </dev/null >"$T/$name.log" 2>&1 &
	daemon=$!
	daemons="$daemons $daemon"
	if ! wait_for 10 listens "$port" || gone "$daemon"; then
		not_ok "$name: the daemon starts"
		note <"$T/$name.log"
		return 1
	fi
}

# stop_daemon PID: SIGTERM, then it must end by itself
stop_daemon() {
	kill "$1" 2>/dev/null
	if ! wait_for 10 gone "$1"; then
		not_ok "$self: daemon $1 ends on SIGTERM"
		kill -9 "$1" 2>/dev/null
	fi
	wait "$1" 2>/dev/null
	d=''
	for p in $daemons; do [ "$p" = "$1" ] || d="$d $p"; done
	daemons=$d
}

# start_lab LAB DIR ARGUMENT ...: tests/lab/LAB-lab start $T/DIR ...
start_lab() {
	l=$1 d=$2; shift 2
	labs="$labs $l:$d"
	"$LAB/$l-lab" start "$T/$d" "$@" >"$T/$d.out" 2>&1 || {
		not_ok "$l-lab starts"
		note <"$T/$d.out"
		return 1
	}
}

# Live processes marked as ours, labs aside.
leftovers() {
	for e in /proc/[0-9]*/environ; do
		p=${e#/proc/}; p=${p%/environ}
		[ "$p" != $$ ] || continue
		case $(readlink "/proc/$p/exe" 2>/dev/null) in
		"$BUILD"/*) ;;
		*) continue;;
		esac
		# the environment of a role may be cleared; its directory then tells
		if tr '\0' '\n' <"$e" 2>/dev/null |
			grep -qxF "SMTPSUBMITD_TEST=$T" ||
			tr '\0' '\n' <"/proc/$p/cmdline" 2>/dev/null | grep -qF "$T/"
		then
			gone "$p" || echo "$p $(tr '\0' ' ' <"/proc/$p/cmdline")"
		fi
	done
}
no_leftovers() { [ -z "$(leftovers)" ]; }

sick='event=child-died|Sanitizer|runtime error:|Assertion .* failed|stack smashing'

# well: looks through the logs so far; expected deaths are in $T/expected
# (an extended regular expression a line)
well() {
	: >>"$T/expected"
	cat "$T"/*.log 2>/dev/null | grep -aE "$sick" |
		{ if [ -s "$T/expected" ]; then grep -avEf "$T/expected"; else cat; fi; } \
			>"$T/sick"
	[ ! -s "$T/sick" ]
}

finish() {
	status=$?
	trap - EXIT HUP INT TERM
	for d in $daemons; do stop_daemon "$d"; done
	stopping=''
	for l in $labs; do
		"$LAB/${l%%:*}-lab" stop "$T/${l##*:}" >/dev/null 2>&1 &
		stopping="$stopping $!"
	done
	for p in $stopping; do wait "$p"; done
	if wait_for 5 no_leftovers; then ok "$self: no process is left"
	else
		not_ok "$self: no process is left"
		leftovers | note
		leftovers | while read -r p _; do kill -9 "$p"; done
	fi
	if well; then ok "$self: no child died, no sanitizer spoke"
	else not_ok "$self: no child died, no sanitizer spoke"; note <"$T/sick"; fi
	if [ -n "${KEEP:-}" ]; then echo "# kept: $T"; else rm -rf "$T"; fi
	[ "$status" = 0 ] || exit "$status"
	[ "$failures" = 0 ]
	exit
}
trap finish EXIT
trap 'exit 129' HUP INT TERM
