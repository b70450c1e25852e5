#!/bin/sh
# smtpsubmitd between a client and real MTAs: what arrives is what was sent.
. "$(dirname "$0")/lib.sh"
need_root
need openssl python3 ss unshare dovecot
peers=$("$here/../packages" peers)
[ -d "$peers/postfix" ] || [ -x /usr/sbin/postfix ] ||
	skip_all "no Postfix; tests/packages check"

make_pki
make_users
set -- $(free_ports 15)
pf=$1 pfd=$2 pft=$3 pfs=$4 pfa=$5 ex=$6 exd=$7 os=$8 imap=$9
shift 9
lmtp=$1 imaps=$2 dead=$3 port=$4 tlsport=$5 pfc=$6
mx="$T/pf/Maildir/new"

# relay NAME LINE ...: (re)start the daemon with these lines
relay() {
	[ -z "${current:-}" ] || stop_daemon "$current"
	current=''
	relay=$1; shift
	config "$@" >"$T/$relay.conf"
	start_daemon "$relay" && current=$daemon
}

LAB_IMAPS_PORT=$imaps LAB_LMTP_PORT=$lmtp \
	start_lab dovecot dove "$imap" 0 || exit 1
LAB_XCLIENT=yes start_lab postfix pf "$pf" || exit 1
LAB_CHUNKING=no LAB_PIPELINING=no LAB_MAX_SIZE=500000 \
	start_lab postfix pfd "$pfd" || exit 1
LAB_CERT=$PKI/leaf.pem LAB_KEY=$PKI/leaf.key LAB_TLS=encrypt \
	LAB_SMTPS_PORT=$pfs start_lab postfix pft "$pft" || exit 1
LAB_CERT=$PKI/leaf.pem LAB_KEY=$PKI/leaf.key LAB_AUTH_SOCK=$T/dove/auth.sock \
	start_lab postfix pfa "$pfa" || exit 1

same='text 8bit dots long-lines trailing-space empty-body header-only no-header
no-date odd-fields looks-like-smtp'
chunks='no-newline small-chunks byte-chunks 64k-chunks'
nobox='no mailbox here, ask postmaster@example.org'

# Postfix, plain, by BDAT.
relay postfix "relay smtp://127.0.0.1:$pf" "max-connections-per-source 50"
cases "Postfix, DATA in" "$mx" $same 30MB abort
cases "Postfix, DATA in" "$mx" --expect "550 5.1.1 <unknown@example.org>: Recipient address rejected: <unknown@example.org>: $nobox" unknown-recipient
cases "Postfix, DATA in" "$mx" --expect "452 4.2.2 <full@example.org>: Recipient address rejected: <full@example.org>: mailbox full" full-mailbox
cases "Postfix, BDAT in" "$mx" --mode bdat $same $chunks 30MB abort messages
cases "Postfix, 1,000 recipients" "$mx" recipients recipients-pipelined
cases "Postfix, 200 messages, 10 connections" "$mx" messages connections
cases "Postfix, TLS at once" "$mx" --tls implicit --port "$tlsport" text 1MB

# ... by DATA, without pipelining, with a limit of 500,000 octets.
relay postfix-data "relay smtp://127.0.0.1:$pfd"
d="$T/pfd/Maildir/new"
cases "Postfix by DATA, DATA in" "$d" $same messages --count 20
cases "Postfix by DATA, BDAT in" "$d" --mode bdat $same 5kB no-newline \
	small-chunks byte-chunks
cases "Postfix's limit, DATA" "$d" --expect "552 5.3.4" \
	too-big-told too-big-untold
cases "Postfix's limit, BDAT" "$d" --mode bdat --expect "552 5.3.4" \
	too-big-told too-big-untold

# ... with verified STARTTLS, and TLS at once.
relay postfix-starttls "relay smtp+starttls://localhost:$pft" \
	"relay-ca $PKI/ca.pem"
t="$T/pft/Maildir/new"
cases "Postfix by STARTTLS" "$t" $same 1MB 30MB
check "Postfix saw TLS" grep -q 'TLS connection established' "$T/pft/log"
relay postfix-starttls-address "relay smtp+starttls://127.0.0.1:$pft" \
	"relay-ca $PKI/ca.pem"
cases "Postfix by STARTTLS, named by address" "$t" text
relay postfix-opportunistic "relay smtp://localhost:$pft" "relay-ca $PKI/ca.pem"
cases "Postfix, STARTTLS because offered" "$t" text
relay postfix-smtps "relay smtps://localhost:$pfs" "relay-ca $PKI/ca.pem"
cases "Postfix by smtps" "$t" text 8bit dots 1MB

# refusing NAME PATTERN: no message gets through, the reply matches; the login
# is good, so the fault is not the client's: 4yz
refusing() {
	out=$("$LAB/peertool" cases --port "$port" --ca "$PKI/ca.pem" \
		--maildir "$t" --wait 1 text)
	case $out in
	*"# reply ['4"*) [ -z "$(ls "$t")" ] && ok "$1" && return ;;
	esac
	not_ok "$1"; echo "$out" | note
}
rm -f "$t"/*
relay wrong-ca "relay smtp+starttls://localhost:$pft" "relay-ca $PKI/other.pem"
refusing "a relay's certificate of another CA: refused"
check "a relay's certificate: the log says what is wrong" grep -qi \
	"event=relay-failed .*reason=.*certificate" "$T/wrong-ca.log"
relay no-starttls "relay smtp+starttls://localhost:$pf" "relay-ca $PKI/ca.pem"
refusing "a relay that does not offer STARTTLS: refused"
check "no STARTTLS: the log says so" grep -qi \
	"event=relay-failed .*reason=.*STARTTLS" "$T/no-starttls.log"
relay all-dead "relay smtp://127.0.0.1:$dead"
refusing "no relay answers: refused"

# The MTA goes in the middle of a message: 4yz, nothing arrives, and what comes
# next finds it again.
relay dies "relay smtp://127.0.0.1:$pfd"
cases "Postfix goes in the middle, DATA" "$T/pfd/Maildir/new" \
	--midway "$LAB/postfix-lab stop $T/pfd" midway
LAB_MAX_SIZE=500000 LAB_CHUNKING=no "$LAB/postfix-lab" start "$T/pfd" "$pfd"
cases "Postfix is back" "$T/pfd/Maildir/new" text
cases "Postfix goes in the middle, BDAT" "$T/pfd/Maildir/new" --mode bdat \
	--midway "$LAB/postfix-lab stop $T/pfd" midway

relay failover "relay smtp://127.0.0.1:$dead smtp://127.0.0.1:$pf"
cases "second relay, the first is dead" "$mx" text

# ... with STARTTLS and AUTH.
(umask 077; echo 'bob bobpw' >"$T/cred"; echo 'bob wrong' >"$T/badcred")
relay postfix-auth "relay smtp+starttls://localhost:$pfa" \
	"relay-ca $PKI/ca.pem" "relay-credentials $T/cred"
t="$T/pfa/Maildir/new"
cases "Postfix by STARTTLS and AUTH" "$t" $same 1MB
check "Postfix saw the relay's login" grep -q 'sasl_username=bob' "$T/pfa/log"
check "Postfix is told who it was, by AUTH= of MAIL" \
	grep -q 'sasl_sender=alice@example.org' "$T/pfa/log"
relay bad-credentials "relay smtp+starttls://localhost:$pfa" \
	"relay-ca $PKI/ca.pem" "relay-credentials $T/badcred"
rm -f "$t"/*
refusing "a relay that refuses our login: not the client's fault"
check "refused credentials: the log says so" grep -qE \
	"event=relay-failed .*reason=.*(535|login|credential|[Aa]uth)" \
	"$T/bad-credentials.log"

# ... that knows its relays by their certificate alone.
sed -i s/serverAuth/clientAuth/ "$PKI/ext"
leaf us
sed -i s/clientAuth/serverAuth/ "$PKI/ext"
cat >"$T/ccert.cf" <<E
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = $PKI/ca.pem
smtpd_relay_restrictions = permit_tls_all_clientcerts, reject
smtpd_recipient_restrictions = permit_tls_all_clientcerts, reject
E
LAB_CERT=$PKI/leaf.pem LAB_KEY=$PKI/leaf.key LAB_TLS=encrypt \
	LAB_EXTRA=$T/ccert.cf start_lab postfix pfc "$pfc"
t="$T/pfc/Maildir/new"
relay no-certificate "relay smtp+starttls://localhost:$pfc" "relay-ca $PKI/ca.pem"
out=$("$LAB/peertool" cases --port "$port" --ca "$PKI/ca.pem" \
	--maildir "$t" --wait 1 text)
case $out in
*"554 5.7.1"*) ok "Postfix wants a certificate and gets none" ;;
*) not_ok "Postfix wants a certificate and gets none"; echo "$out" | note ;;
esac
relay certificate "relay smtp+starttls://localhost:$pfc" "relay-ca $PKI/ca.pem" \
	"relay-certificate $PKI/us.pem $PKI/us.key"
cases "Postfix by our certificate" "$t" text 1MB

# ... that we know by its certificate alone.
digest=$(openssl x509 -in "$PKI/leaf.pem" -outform DER | sha256sum | cut -c1-64)
key=$(openssl x509 -in "$PKI/leaf.pem" -noout -pubkey |
	openssl pkey -pubin -outform DER | sha256sum | cut -c1-64)
t="$T/pft/Maildir/new"
for pin in "$digest" "$key"; do
	relay pin "relay smtps://127.0.0.1:$pfs" "relay-pin sha256:$pin" \
		"relay-ca $PKI/other.pem"
	cases "Postfix by relay-pin" "$t" text
done
rm -f "$t"/*
relay wrong-pin "relay smtps://localhost:$pfs" "relay-ca $PKI/ca.pem" \
	"relay-pin sha256:$(printf '%064d' 7)"
refusing "a relay with another certificate than the pinned one: refused"

# ... as the relay of one user, with a login of its own.
cat >"$T/helper" <<E
#!/bin/sh
USER=alice RELAY=smtp+starttls://localhost:$pfa RELAY_CREDENTIALS=$T/cred \
    exec "\$1"
E
chmod 755 "$T/helper"
t="$T/pfa/Maildir/new"
helper=$T/helper
relay own-relay "relay smtp://127.0.0.1:$dead" "relay-ca $PKI/ca.pem" \
	"relay-per-user yes"
cases "Postfix as a user's own relay" "$t" text
helper=
check "it got the user's own login there" \
	test "$(grep -c 'sasl_username=bob' "$T/pfa/log")" -ge 2

# ... told who the client is.
relay xclient "relay smtp://127.0.0.1:$pf" "relay-xclient yes"
cases "Postfix by XCLIENT" "$mx" --source 127.0.0.7 text
check "Postfix knows the client's address" \
	grep -q 'client=.*\[127\.0\.0\.7\]' "$T/pf/log"
check "Postfix knows the client's login" grep -q 'sasl_username=alice' "$T/pf/log"

# Exim.
if [ -d "$peers/exim4-daemon-light" ] || [ -x /usr/sbin/exim4 ]; then
	LAB_CERT=$PKI/leaf.pem LAB_KEY=$PKI/leaf.key LAB_SPLIT=no LAB_PRDR=yes \
		start_lab exim ex "$ex"
	LAB_CHUNKING=no LAB_PIPELINING=no LAB_MAX_SIZE=500K \
		start_lab exim exd "$exd"
	e="$T/ex/Maildir/new"
	relay exim "relay smtp+starttls://localhost:$ex" "relay-ca $PKI/ca.pem"
	cases "Exim by TLS and BDAT, DATA in" "$e" $same 30MB
	cases "Exim by TLS and BDAT, BDAT in" "$e" --mode bdat $same $chunks
	cases "Exim, 1,000 recipients" "$e" --dedup recipients-pipelined
	cases "Exim" "$e" --expect "550 5.1.1 <unknown@example.org>: $nobox" \
		unknown-recipient
	cases "Exim" "$e" messages --count 20
	relay exim-data "relay smtp://127.0.0.1:$exd"
	e="$T/exd/Maildir/new"
	cases "Exim by DATA" "$e" text 8bit dots trailing-space empty-body no-header
	cases "Exim's limit" "$e" --expect "552 " too-big-told too-big-untold
else
	skip "Exim" "tests/packages check"
fi

# OpenSMTPD: knows neither CHUNKING nor PIPELINING, drops who does not wait.
if [ -d "$peers/opensmtpd" ]; then
	start_lab opensmtpd os "$os"
	o="$T/os/Maildir/new"
	relay opensmtpd "relay smtp://127.0.0.1:$os"
	cases "OpenSMTPD, DATA in" "$o" $same 1MB
	cases "OpenSMTPD, BDAT in" "$o" --mode bdat $same $chunks
	cases "OpenSMTPD, 100 recipients" "$o" --count 100 recipients-pipelined
	cases "OpenSMTPD" "$o" --expect "Invalid recipient: <unknown@example.org>" \
		unknown-recipient
	cases "OpenSMTPD" "$o" messages --count 20
else
	skip "OpenSMTPD" "tests/packages check"
fi

# Dovecot by LMTP.
m="$T/dove/home/*/Maildir/new"
relay lmtp-tcp "relay lmtp://127.0.0.1:$lmtp"
cases "LMTP by TCP, DATA in" "$m" $same 30MB abort
cases "LMTP by TCP, BDAT in" "$m" --mode bdat $same $chunks
cases "LMTP by TCP" "$m" messages --count 20
cases "LMTP by TCP" "$m" --expect "550 5.1.1 <unknown@example.org> User doesn't exist: unknown@example.org" unknown-recipient
relay lmtp-unix "relay lmtp://$T/dove/lmtp.sock"
cases "LMTP by Unix socket" "$m" $same 1MB connections

# A Maildir, no MTA at all.
mkdir "$T/box" "$T/box/new" "$T/box/cur" "$T/box/tmp"
chown -R nobody "$T/box"
relay maildir "relay maildir://$T/box"
cases "maildir, DATA in" "$T/box/new" --dedup $same 30MB abort
cases "maildir, BDAT in" "$T/box/new" --mode bdat $same $chunks
cases "maildir" "$T/box/new" messages connections
cases "maildir, 20 recipients" "$T/box/new" --dedup --count 20 recipients
check "nothing is left in the Maildir's tmp" test -z "$(ls "$T/box/tmp")"
