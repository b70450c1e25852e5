#!/bin/sh
# The tools of bench/: load, sink, floor, link and ours work together, what
# is counted agrees, and a message that is lost, altered or refused is noticed.
. "$(dirname "$0")/lib.sh"
need openssl python3 ss make
make -s -C "$here/../.." BUILD="$BUILD" bench-programs >"$T/make.out" 2>&1 || {
	not_ok "the tools are built"
	note <"$T/make.out"
	exit 1
}
tools=$BUILD/bench
make_pki
make_users
set -- $(free_ports 8)
sink=$1 plain=$2 lossy=$3 altering=$4 refusing=$5 port=$6 tlsport=$7 long=$8
# tool NAME ARGUMENT ...: until the end of this test
tool() {
	tool_port=$2
	tool_name=$1
	shift
	"$tools/$tool_name" "$@" >"$T/$tool_name.$1.out" 2>&1 &
	daemons="$daemons $!"
	wait_for 5 listens "${tool_port#port=}"
}

# load NAME PORT OPTION ...: all arrives
load() {
	load_name=$1 load_port=$2; shift 2
	check "$load_name" "$tools/load" "port=$load_port" "sink=$sink" \
		timeout=10 "$@"
}
# holds KEY=VALUE ...: of the last load
holds() {
	for h in "$@"; do
		grep -q "\(^\| \)$h\( \|\$\)" "$T/check.out" ||
			{ not_ok "$load_name: $h"; note <"$T/check.out"; }
	done
}

tool sink "port=$sink"
tool sink "port=$plain" chunking=no pipelining=no
tool sink "port=$lossy" lie=lose
tool sink "port=$altering" lie=alter
tool sink "port=$refusing" lie=refuse
clear="tls=no user="

load "the sink takes what the load sends" "$sink" $clear n=20 c=4 messages=5
holds sessions=20 messages=100 arrived=100 valid=yes
load "... by BDAT, in chunks, eight ahead" "$sink" $clear by=bdat \
	messages=50 ahead=8 chunk=1000
holds arrived=50
load "... octet by octet" "$sink" $clear size=100 drip=0.0005
load "... by BDAT, octet by octet" "$sink" $clear size=100 drip=0.0005 by=bdat \
	chunk=9
load "... of several sizes by DATA and BDAT, with pauses, for a time" "$sink" \
	$clear seconds=1 ramp=0.2 c=5 messages=3 think=0.05 by=mixed \
	size=100,5000,70000 source=127.0.0.5 sources=3
sink=$plain
load "... without PIPELINING, more than 65536 octets" "$plain" $clear \
	size=100000 messages=3
holds turns=16.00	# connect, greeting, EHLO; four for each; QUIT
sink=$1

# caught NAME PORT TEXT OPTION ...: the load must fail, and say so
caught() {
	caught_name=$1 caught_port=$2 text=$3; shift 3
	if "$tools/load" "port=$caught_port" "sink=$caught_port" $clear \
		messages=30 timeout=5 "$@" >"$T/caught" 2>&1 ||
		! grep -q "$text" "$T/caught"
	then not_ok "$caught_name"; note <"$T/caught"
	else ok "$caught_name"; fi
}
caught "a message that is altered is noticed" "$altering" \
	"failed=0 .*arrived=30 valid=no"
caught "... by BDAT, too" "$altering" "failed=0 .*arrived=30 valid=no" by=bdat
caught "a message that is refused is noticed" "$refusing" \
	'failed=1 .*doubts=[0-9]*:[0-9]* error="message: 451'
caught "a message that is lost is noticed" "$lossy" \
	"failed=0 .*arrived=27 valid=no" patience=0.2

tool floor "port=$port" "tlsport=$tlsport" "relay=$sink" \
	"certificate=$PKI/leaf.pem" "key=$PKI/leaf.key"
floor=${daemons##* }
load "the floor: sessions" "$tlsport" n=20 c=4
holds sessions=20 arrived=20
load "... STARTTLS" "$port" tls=starttls n=5
holds turns=10.00
load "... further messages, one ahead" "$tlsport" messages=100 ahead=1
load "... by BDAT, eight ahead" "$tlsport" messages=100 ahead=8 by=bdat
load "... 3 MB by DATA" "$tlsport" size=3000000
load "... 3 MB by BDAT" "$tlsport" size=3000000 by=bdat
tool link "port=$long" "to=$tlsport" delay=10
load "a long line" "$long" n=2 by=bdat ahead=1
# six times across and back, 20 ms each; more is the machine's
cp "$T/check.out" "$T/long.out"
check "... makes a session as long as its round trips" awk '
	{ for (i = 1; i <= NF; i++) { split($i, kv, "="); v[kv[1]] = kv[2] } }
	END { exit !(v["session_p50"] >= 120 && v["session_p50"] < 280 &&
		v["turns"] <= 7) }' "$T/long.out"
stop_daemon "$floor"

config "relay smtp://127.0.0.1:$sink" "log stderr" \
	"max-connections-per-source 100" >"$T/ours.conf"
[ "$(id -u)" = 0 ] || sed -i '/^user /d' "$T/ours.conf"
start_daemon ours || exit 1
load "ours: sessions" "$tlsport" n=20 c=4
holds sessions=20 arrived=20
load "... STARTTLS" "$port" tls=starttls n=5
load "... further messages, one ahead" "$tlsport" messages=50 ahead=1
load "... by BDAT, eight ahead" "$tlsport" messages=50 ahead=8 by=bdat
load "... 3 MB by DATA" "$tlsport" size=3000000
load "... 3 MB by BDAT" "$tlsport" size=3000000 by=bdat
held() {
	: | "$tools/load" "port=$tlsport" "sink=$sink" n=30 c=8 stop=login \
		hold=yes | grep -q '^ready held=30 failed=0'
}
check "... 30 held at a time, logged in" held

# floods KIND KEY MORE-THAN: it does something, and that is counted; on a busy
# machine it has more time for it
counts() {
	awk -v key="$1" -v than="$2" '{ for (i = 1; i <= NF; i++) {
		split($i, kv, "="); if (kv[1] == key) n = kv[2] } }
		END { exit !(n > than) }' "$T/flood.out"
}
flood() {
	"$tools/flood" "kind=$1" "port=$tlsport" c=3 seconds="$2" >"$T/flood.out"
}
floods() {
	check "flood: $1" flood "$1" 0.5
	counts "$2" "$3" || { flood "$1" 5; counts "$2" "$3"; } ||
		{ not_ok "flood: $1: $2 is more than $3"; note <"$T/flood.out"; }
}
for f in "leave connections 10" "hold connections 2" "handshake connections 5" \
	"guess r5 2" "garbage r5 2" "line written 100000" "auth written 100000" \
	"pipeline r2 100" "unread written 10000" "slow written 2" \
	"chunks r2 20" "data r3 2" "envelopes r2 20" "renegotiate r2 5" \
	"keyupdate r2 20"
do
	floods $f
done
stop_daemon "$daemon"
