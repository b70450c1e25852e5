#!/bin/sh
# All the ways to be started, and the signals: passed sockets, inetd, listen
# lines; SIGHUP, SIGTERM, deaths and limits under load.
. "$(dirname "$0")/lib.sh"
need_root
need openssl python3 ss systemd-socket-activate
peers=$("$here/../packages" peers)
[ -d "$peers/postfix" ] || [ -x /usr/sbin/postfix ] ||
	skip_all "no Postfix; tests/packages check"

make_pki
make_users
set -- $(free_ports 12)
pf=$1 port=$2 tlsport=$3 p3=$4 p4=$5 p5=$6 p6=$7 p7=$8 p8=$9
start_lab postfix pf "$pf" || exit 1
mx=$T/pf/Maildir/new
relay="relay smtp://127.0.0.1:$pf"

# generations NAME CASE ...: against $daemon, which is NAME
generations() {
	n=$1; shift
	"$LAB/generationtool" --port "$port" --tlsport "$tlsport" \
		--pid "${daemon:-0}" --log "$T/$n.log" --ca "$PKI/ca.pem" \
		--cert "$T/cert.pem" --newcert "$PKI/leaf2.pem" --maildir "$mx" \
		--expected "$T/expected" --conf "$T/$n.conf" --build "$BUILD" \
		"$@" || failures=$((failures + 1))
}

# own_cert: a certificate that may be replaced
own_cert() {
	cp "$PKI/leaf.pem" "$T/cert.pem"
	cp -p "$PKI/leaf.key" "$T/cert.key"
}

# conf NAME LINE ...: a configuration with that certificate, no listen lines
conf() {
	n=$1; shift
	{ echo 'hostname mail.example.org'; echo 'domain example.org'
	  config_bare "$relay" "$@" | sed "s,$PKI/leaf,$T/cert,g"
	} >"$T/$n.conf"
	own_cert
}
listening() {
	n=$1; shift
	conf "$n" "listen 127.0.0.1:$port" "listen 127.0.0.1:$tlsport tls" "$@"
}

activate() {
	n=$1; shift
	start_daemon "$n" systemd-socket-activate -E "SMTPSUBMITD_TEST=$T" "$@"
}

# --- sockets passed by systemd

conf fds "max-connections-per-source 400"
activate fds -l "127.0.0.1:$port" -l "127.0.0.1:$tlsport" \
	--fdname=submission:submissions "$BUILD/smtpsubmitd" -d -f "$T/fds.conf"
cases "LISTEN_FDS" "$mx" text
cases "LISTEN_FDS, the one named submissions" "$mx" \
	--port "$tlsport" --tls implicit text
generations fds hup
stop_daemon "$daemon"

# Nothing is named: all are in the clear, 465 apart.
conf unnamed
activate unnamed -l "127.0.0.1:$port" \
	"$BUILD/smtpsubmitd" -d -f "$T/unnamed.conf"
cases "LISTEN_FDS without names" "$mx" text
stop_daemon "$daemon"
if ! listens 465; then
	was=$port port=465
	activate smtps -l 127.0.0.1:465 "$BUILD/smtpsubmitd" -d \
		-f "$T/unnamed.conf"
	cases "LISTEN_FDS, port 465" "$mx" --tls implicit text
	stop_daemon "$daemon"
	port=$was
else
	skip "LISTEN_FDS, port 465" "the port is taken"
fi

# listen lines do not count when sockets are passed.
listening both
was=$port port=$p3
activate both -l "127.0.0.1:$port" "$BUILD/smtpsubmitd" -d -f "$T/both.conf"
cases "LISTEN_FDS beside listen lines" "$mx" text
port=$was
check "... which are not served then" sh -c '! ss -Hltn "sport = :$1" | grep -q .' \
	sh "$port"
stop_daemon "$daemon"

# Nobody would start it again: it does not go, however idle.
conf stays "idle-exit 1s"
activate stays -l "127.0.0.1:$port" "$BUILD/smtpsubmitd" -d -f "$T/stays.conf"
cases "idle-exit, before" "$mx" text
sleep 3
cases "idle-exit without systemd: it stays" "$mx" text
stop_daemon "$daemon"

# --- one connection: Accept=yes

conf single
activate accept -l "127.0.0.1:$port" --accept "$BUILD/smtpsubmitd" \
	-d -f "$T/single.conf"
cases "Accept=yes, LISTEN_FDS" "$mx" text messages --count 5
stop_daemon "$daemon"
activate accept-inetd -l "127.0.0.1:$port" --accept --inetd \
	"$BUILD/smtpsubmitd" -d -f "$T/single.conf"
cases "Accept=yes, stdin" "$mx" text connections --count 4
stop_daemon "$daemon"
activate accept-tls -l "127.0.0.1:$port" --accept --inetd \
	"$BUILD/smtpsubmitd" -d -t -f "$T/single.conf"
cases "Accept=yes, stdin, -t" "$mx" --tls implicit text
stop_daemon "$daemon"

# The session ends with its connection, and says how: nothing hangs about.
check "Accept=yes: nothing stays" wait_for 5 no_leftovers

# --- inetd: stdin, stdout and stderr are all the client's socket

inetd=/usr/sbin/inetd
[ -x $inetd ] || inetd=$peers/openbsd-inetd/usr/sbin/inetd
if [ -x "$inetd" ]; then
	conf inetd "log stderr"
	{ cat "$T/inetd.conf"; echo 'no-such-word'; } >"$T/broken.conf"
	sed "s,$T/cert.key,$T/no.key," "$T/inetd.conf" >"$T/nokey.conf"
	d="$BUILD/smtpsubmitd smtpsubmitd"
	cat >"$T/inetd.services" <<-E
	127.0.0.1:$port stream tcp nowait root $d -f $T/inetd.conf
	127.0.0.1:$p3 stream tcp nowait root $d -t -f $T/inetd.conf
	127.0.0.1:$p4 stream tcp nowait root $d -dv -f $T/inetd.conf
	127.0.0.1:$p5 stream tcp nowait root $d -f $T/broken.conf
	127.0.0.1:$p6 stream tcp nowait root $d -d -f $T/broken.conf
	127.0.0.1:$p7 stream tcp nowait root $d -f $T/there-is-none.conf
	127.0.0.1:$p8 stream tcp nowait root $d -d -f $T/nokey.conf
	E
	start_daemon inetd "$inetd" -E -i -R 100000 "$T/inetd.services"
	inetd_pid=$daemon
	cases "inetd" "$mx" text 8bit messages --count 5
	cases "inetd, -t" "$mx" --port "$p3" --tls implicit text
	cases "inetd, -d and log stderr" "$mx" --port "$p4" text
	check "inetd: the client reads replies only" \
		"$LAB/peertool" replies "$port"
	check "inetd, -dv: the client reads replies only" \
		"$LAB/peertool" replies "$p4"
	for what in "$p5:a broken configuration" "$p6:the same, -d" \
		"$p7:no configuration" "$p8:a key that is missing"; do
		name="inetd, ${what#*:}: nothing but a reply, no greeting"
		if "$LAB/peertool" replies "${what%%:*}" >"$T/said" 2>&1 &&
			! grep -q '^220' "$T/said" && ! grep -qF "$T" "$T/said"
		then ok "$name"; else not_ok "$name"; note <"$T/said"; fi
	done
	stop_daemon "$inetd_pid"
else
	skip "inetd" "tests/packages check"
fi

if command -v socat >/dev/null; then
	start_daemon socat socat \
		"TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$BUILD/smtpsubmitd -d -f $T/single.conf"
	cases "socat, a Unix socket pair" "$mx" text
	stop_daemon "$daemon"
	start_daemon socat-nofork socat \
		"TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$BUILD/smtpsubmitd -d -f $T/single.conf,nofork"
	cases "socat, nofork" "$mx" text
	stop_daemon "$daemon"
else
	skip "socat" "not installed"
fi

# Neither sockets nor listen lines: says so, in no time.
timeout 10 "$BUILD/smtpsubmitd" -d -f "$T/single.conf" </dev/null \
	>"$T/none.out" 2>&1
status=$?
name="nothing to listen on: an error, not a silent daemon"
if [ $status != 0 ] && [ $status != 124 ] && grep -q listen "$T/none.out"
then ok "$name"; else not_ok "$name"; echo "status $status" | note
	note <"$T/none.out"; fi

# --- generations

listening hup "max-connections-per-source 400"
start_daemon hup && generations hup hup again
pid=$daemon
stop_daemon "$pid"
check "SIGTERM after many generations ends all" wait_for 5 no_leftovers
check "... and frees the port" sh -c '! ss -Hltn "sport = :$1" | grep -q .' \
	sh "$port"

listening term
start_daemon term && generations term term
check "SIGTERM: nothing stays" wait_for 5 no_leftovers
stop_daemon "$daemon"

listening segv "max-connections-per-source 400"
# a sanitizer's own handler would turn the signal into an exit
start_daemon segv env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0" \
	"$BUILD/smtpsubmitd" -d -f "$T/segv.conf" && generations segv segv
stop_daemon "$daemon"

listening orphan
start_daemon orphan && generations orphan orphan
check "killed outright: nothing stays" wait_for 5 no_leftovers
stop_daemon "$daemon"

listening per-source "max-connections-per-source 3"
start_daemon per-source && generations per-source per-source
stop_daemon "$daemon"
listening in-all "max-connections 6"
start_daemon in-all && generations in-all in-all
stop_daemon "$daemon"

listening many "max-connections-per-source 400"
start_daemon many && generations many many
stop_daemon "$daemon"

listening notify
daemon=''
generations notify notify

listening race
generations race race
check "... and nothing stays" wait_for 5 no_leftovers

listening background
generations background background
