#!/bin/sh
# Extensions with real peers: addresses in UTF-8 (RFC 6531) by smtplib and curl
# through smtpsubmitd to Postfix and Exim, and who has sent it by AUTH= of MAIL.
# What no MTA at hand has is played by the scriptable relay, see tests/smtp.
. "$(dirname "$0")/lib.sh"
need_root
need openssl python3 ss unshare
peers=$("$here/../packages" peers)
[ -d "$peers/postfix" ] || [ -x /usr/sbin/postfix ] ||
	skip_all "no Postfix; tests/packages check"
export PYTHONUTF8=1

make_pki
make_users
set -- $(free_ports 4)
pf=$1 ex=$2 port=$3 tlsport=$4
cat >"$T/senders" <<'L'
alice alice@example.org jörg@bücher.example
L
(umask 077; echo 'bob bobpw' >"$T/cred")
start_lab postfix pf "$pf" || exit 1

# relay NAME LINE ...: (re)start the daemon with these lines
relay() {
	[ -z "${current:-}" ] || stop_daemon "$current"
	current=''
	relay=$1; shift
	config "senders $T/senders" "$@" >"$T/$relay.conf"
	start_daemon "$relay" && current=$daemon
}

# the delivered file, which holds each of these lines
arrived() {
	wait_for 10 sh -c "ls \"\$1\"/* 2>/dev/null" sh "$box" || return 1
	f=$(ls "$box"/* | head -n 1)
	for line; do
		tr -d '\r' <"$f" | grep -qF -- "$line" || {
			echo "missing: $line"; cat "$f"; return 1
		}
	done
}
empty() { sleep 0.5; [ -z "$(ls "$box")" ]; }

client() { python3 "$here/extensions_clients.py" "$port" "$PKI/ca.pem" "$@"; }
# as_said STATUS TEXT COMMAND ...: ends so, and says so
as_said() {
	want=$1 text=$2; shift 2
	"$@" >"$T/said" 2>&1; got=$?
	cat "$T/said"
	[ "$got" = "$want" ] && grep -q -- "$text" "$T/said"
}

utf8_clients() {
	rm -f "$box"/*
	check "$1: smtplib sends with SMTPUTF8" as_said 0 '^True RCPTMAX=1000' \
		client jörg@bücher.example bób@example.org
	check "$1: it arrives as it was" arrived \
		"Return-$2ath: <jörg@bücher.example>" \
		"From: jörg@bücher.example" "To: bób@example.org" \
		"Subject: größer, ελληνικά, 漢字" "with UTF8SMTPSA" "Grüße" "$3"
	rm -f "$box"/*
	check "$1: a header's author that is another's is refused" \
		as_said 1 '550.*5.7.1' client alice@example.org bób@example.org \
		jürg@bücher.example
	check "$1: an envelope's that is another's, too" \
		as_said 1 '550.*5.7.1' client jürg@bücher.example bób@example.org
	check "$1: nothing of that arrives" empty
	printf 'From: Jörg <jörg@bücher.example>\r\nTo: bób@example.org\r\n\r\nGrüße\r\n' >"$T/msg"
	if command -v curl >/dev/null; then
		# curl makes A-labels of the domains, in the envelope only
		check "$1: curl sends to an address in UTF-8" \
			timeout 20 env LC_ALL=C.UTF-8 curl -sS \
			--url "smtps://localhost:$tlsport" --cacert "$PKI/ca.pem" \
			-u alice:alicepw --mail-from alice@example.org \
			--mail-rcpt bób@example.org -T "$T/msg"
		check "$1: it arrives, too" arrived \
			"From: Jörg <jörg@bücher.example>" "with UTF8SMTPSA"
		rm -f "$box"/*
	else
		skip "$1: curl" "no curl"
	fi
	if command -v swaks >/dev/null; then
		# it knows no SMTPUTF8, and says the address all the same
		check "$1: swaks without SMTPUTF8 is told so" as_said 24 \
			'553 5.6.7' timeout 20 swaks --server localhost --port "$port" \
			-tls --auth PLAIN --auth-user alice --auth-password alicepw \
			--from alice@example.org --to bób@example.org --body x
		check "$1: ... and nothing arrives" empty
	else
		skip "$1: swaks" "no swaks"
	fi
}

box=$T/pf/Maildir/new
relay postfix "relay smtp://127.0.0.1:$pf"
utf8_clients Postfix P 'Delivered-To: bób@example.org'
check "Postfix: the log is US-ASCII" sh -c \
	"! LC_ALL=C grep -q '[^ -~]' '$T/postfix.log'"

# A Postfix that does not take it: nothing is offered, nothing gets through.
echo 'smtputf8_enable = no' >"$T/extra"
LAB_EXTRA=$T/extra start_lab postfix pf "$pf"
relay postfix-ascii "relay smtp://127.0.0.1:$pf"
rm -f "$box"/*
check "Postfix without SMTPUTF8: it is not offered" as_said 1 '^False' \
	client jörg@bücher.example bób@example.org
check "Postfix without SMTPUTF8: US-ASCII passes" \
	client alice@example.org bob@example.org
check "Postfix without SMTPUTF8: it arrives" arrived 'with ESMTPSA'

# Exim, to which we log in.
if [ -d "$peers/exim4-daemon-light" ] || [ -x /usr/sbin/exim4 ]; then
	LAB_CERT=$PKI/leaf.pem LAB_KEY=$PKI/leaf.key LAB_AUTH=yes \
		start_lab exim ex "$ex"
	box=$T/ex/Maildir/new
	relay exim "relay smtp+starttls://localhost:$ex" \
		"relay-ca $PKI/ca.pem" "relay-credentials $T/cred"
	utf8_clients Exim p 'Envelope-to: bób@example.org'
	check "Exim: knows by AUTH= who has sent it" grep -q \
		'A=plain:bob:alice@example.org' "$T/ex/log/mainlog"
else
	skip "Exim" "tests/packages check"
fi
