#!/bin/sh
# Real mail clients hand messages to smtpsubmitd by STARTTLS and by TLS at once;
# Postfix delivers them.
. "$(dirname "$0")/lib.sh"
need_root
need openssl python3 ss
[ -d "$("$here/../packages" peers)/postfix" ] || [ -x /usr/sbin/postfix ] ||
	skip_all "no Postfix; tests/packages check"

make_pki
make_users
set -- $(free_ports 3)
pf=$1 port=$2 tlsport=$3
start_lab postfix pf "$pf" || exit 1
config "relay smtp://127.0.0.1:$pf" "max-connections-per-source 50" \
	>"$T/clients.conf"
start_daemon clients || exit 1
mx=$T/pf/Maildir/new
export HOME="$T/home"
mkdir "$HOME"

compare() { "$LAB/peertool" compare --maildir "$mx" "$@"; }

# What the clients that take a message as it is get; with LF and with CR LF.
cat >"$T/msg" <<'E'
From: Alice <alice@example.org>
To: Bob <bob@example.org>
Subject: from a real client
Date: Sat, 01 Aug 2026 10:00:00 +0000
Message-ID: <1@client.example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
X-Folded: first
	second

Grüße, ελληνικά, 漢字.
.
.. and two dots
.QUIT
a line that ends in spaces   
  
From the start of a line

-- 
E
{ cat "$T/msg"; head -c 750 /dev/zero | tr '\0' x; echo; } >"$T/m" &&
	mv "$T/m" "$T/msg"
sed 's/$/\r/' "$T/msg" >"$T/msg.crlf"
{ sed '/^$/q' "$T/msg"; openssl rand -base64 22500000; } >"$T/big"
sed 's/$/\r/' "$T/big" >"$T/big.crlf"
sed '1,/^$/d' "$T/msg" >"$T/body"

# client NAME COMMAND ...: accepts $input, which must arrive unchanged (or, if
# $want is set, as that)
client() {
	n=$1; shift
	if ! timeout 60 "$@" <"$input" >"$T/out" 2>&1; then
		not_ok "$n"; tail -n 5 "$T/out" | note
		rm -f "$mx"/*
	elif compare $how "${want:-$input}" >"$T/cmp" 2>&1; then ok "$n"
	else not_ok "$n"; note <"$T/cmp"; fi
}

# refused NAME TEXT COMMAND ...: fails, tells TEXT, nothing arrives
refused() {
	n=$1 text=$2; shift 2
	if timeout 60 "$@" <"$T/msg" >"$T/out" 2>&1; then
		not_ok "$n: accepted"
	elif ! grep -qF -- "$text" "$T/out"; then
		not_ok "$n: says $text"; tail -n 5 "$T/out" | note
	elif [ -n "$(ls "$mx")" ]; then not_ok "$n: something arrived"
	else ok "$n"; fi
	rm -f "$mx"/*
}

how='' want='' input=$T/msg
people="--mail-from alice@example.org --mail-rcpt bob@example.org"

if command -v curl >/dev/null; then
	c="curl -sS --cacert $PKI/ca.pem $people --upload-file -"
	s="--ssl-reqd --url smtp://localhost:$port/client.example.org"
	i="--url smtps://localhost:$tlsport/client.example.org"
	input=$T/msg.crlf
	client "curl, STARTTLS" $c $s --user alice:alicepw
	client "curl, TLS at once" $c $i --user alice:alicepw
	client "curl, AUTH LOGIN" $c $s --user alice:alicepw \
		--login-options AUTH=LOGIN
	client "curl, AUTH PLAIN without initial response" $c $s \
		--user alice:alicepw --login-options AUTH=PLAIN --no-sasl-ir
	client "curl, TLS 1.2" $c $s --user alice:alicepw --tls-max 1.2
	input=$T/msg
	client "curl --crlf" $c $s --user alice:alicepw --crlf
	input=$T/big.crlf
	client "curl, 30 MB" $c $i --user alice:alicepw
	input=$T/msg
	refused "curl, wrong password" "Login denied" $c $s --user alice:wrong
	refused "curl, unknown recipient" 550 \
		$c $s --user alice:alicepw --mail-rcpt unknown@example.org -v
	refused "curl, someone else's address" 55 $c $s --user bob:bobpw -v
	refused "curl, no TLS" 530 curl -sS -v $people --upload-file - \
		--url "smtp://localhost:$port"
	refused "curl, a wrong trust anchor" "certificate" \
		curl -sS --cacert "$PKI/other.pem" $people --upload-file - $s \
		--user alice:alicepw
else skip curl "not installed"; fi

if command -v swaks >/dev/null; then
	c="swaks --silent 2 -f alice@example.org -t bob@example.org
		--tls-verify --tls-ca-path $PKI/ca.pem -ap alicepw -au alice
		--tls-sni localhost --ehlo client.example.org --data -"
	s="-s localhost -p $port -tls" i="-s localhost -p $tlsport --tls-on-connect"
	# it always adds a newline
	head -c -1 "$T/msg" >"$T/msg.cut"
	input=$T/msg.cut want=$T/msg
	client "swaks, STARTTLS, PLAIN" $c $s -a PLAIN
	client "swaks, STARTTLS, LOGIN" $c $s -a LOGIN
	client "swaks, TLS at once, pipelining" $c $i -a PLAIN --pipeline
	want=''
	refused "swaks, wrong password" "535 5.7.8" $c $s -a PLAIN -ap wrong
	refused "swaks, unknown recipient" "550 5.1.1 <unknown@example.org>: Recipient address rejected: <unknown@example.org>: no mailbox here, ask postmaster@example.org" \
		$c $s -a PLAIN -t unknown@example.org
else skip swaks "not installed"; fi

if command -v msmtp >/dev/null; then
	for a in starttls implicit; do
		cat >"$T/msmtprc.$a" <<-E
		account default
		host localhost
		from alice@example.org
		auth on
		user alice
		password alicepw
		tls on
		tls_trust_file $PKI/ca.pem
		logfile $T/msmtp.out
		E
	done
	printf 'port %s\n' "$port" >>"$T/msmtprc.starttls"
	printf 'port %s\ntls_starttls off\n' "$tlsport" >>"$T/msmtprc.implicit"
	chmod 600 "$T"/msmtprc.*
	input=$T/msg
	client "msmtp, STARTTLS" msmtp -C "$T/msmtprc.starttls" bob@example.org
	client "msmtp, TLS at once" msmtp -C "$T/msmtprc.implicit" bob@example.org
	client "msmtp, AUTH LOGIN" msmtp -C "$T/msmtprc.starttls" --auth=login \
		bob@example.org
	input=$T/big
	client "msmtp, 30 MB" msmtp -C "$T/msmtprc.starttls" bob@example.org
	refused "msmtp, unknown recipient" "no mailbox here" \
		msmtp -C "$T/msmtprc.starttls" unknown@example.org
else skip msmtp "not installed"; fi

input=$T/msg.crlf
cat >"$T/by-smtplib.py" <<'E'
import smtplib, ssl, sys
how, port, ca, mech = sys.argv[1:5]
ctx = ssl.create_default_context(cafile=ca)
if how == "implicit":
    c = smtplib.SMTP_SSL("localhost", int(port), context=ctx)
else:
    c = smtplib.SMTP("localhost", int(port))
    c.starttls(context=ctx)
c.ehlo()
c.user, c.password = "alice", "alicepw"
if mech == "any":
    c.login("alice", "alicepw")
else:
    c.auth(mech, getattr(c, "auth_" + mech.lower()))
assert c.has_extn("8bitmime") and c.has_extn("pipelining"), c.esmtp_features
assert c.has_extn("chunking") and c.has_extn("enhancedstatuscodes")
assert c.noop()[0] == 250 and c.vrfy("bob@example.org")[0] in (250, 252)
data = sys.stdin.buffer.read()
if mech == "any":
    # a login must not be given twice, a transaction can be dropped
    assert c.docmd("AUTH", "PLAIN AGFsaWNlAGFsaWNlcHc=")[0] == 503
    assert c.mail("alice@example.org")[0] == 250
    assert c.rset()[0] == 250
bad = c.sendmail("alice@example.org", ["bob@example.org"], data,
                 mail_options=["BODY=8BITMIME"])
assert not bad, bad
c.quit()
E
client "smtplib, STARTTLS" python3 "$T/by-smtplib.py" starttls "$port" "$PKI/ca.pem" any
client "smtplib, TLS at once" \
	python3 "$T/by-smtplib.py" implicit "$tlsport" "$PKI/ca.pem" PLAIN
client "smtplib, AUTH LOGIN" \
	python3 "$T/by-smtplib.py" starttls "$port" "$PKI/ca.pem" LOGIN

# These make their own header: the body is compared.
how=--body
input=$T/plain
sed '1,/^$/d' "$T/msg" | grep -v ' $' >"$T/plainbody"
{ echo 'Subject: x'; echo; cat "$T/plainbody"; } >"$T/plain"

if command -v s-nail >/dev/null; then
	nail() {
		s-nail -:/ -S v15-compat -S mta="$1" -S smtp-auth="$2" \
			-S tls-ca-file="$PKI/ca.pem" -S tls-ca-no-defaults \
			-S tls-verify=strict -S hostname=client.example.org \
			-S from=alice@example.org -S sendwait -S ttycharset=utf-8 \
			-S mime-encoding=8b -S DEAD=$T/dead.letter $3 -s 'from s-nail' bob@example.org \
			<"$T/plainbody"
	}
	snail() {
		n=$1; shift
		if nail "$@" >"$T/out" 2>&1 && compare --body "$T/plain" >>"$T/out"
		then ok "$n"; else not_ok "$n"; note <"$T/out"; fi
	}
	snail "s-nail, STARTTLS" "smtp://alice:alicepw@localhost:$port" plain \
		"-S smtp-use-starttls"
	snail "s-nail, TLS at once" "smtps://alice:alicepw@localhost:$tlsport" login
else skip s-nail "not installed"; fi

if command -v mutt >/dev/null; then
	for a in "smtp://alice@localhost:$port" "smtps://alice@localhost:$tlsport"
	do
		cat >"$T/muttrc" <<-E
		set smtp_url="$a" smtp_pass="alicepw"
		set from="alice@example.org" realname="Alice" hostname="example.org"
		set use_envelope_from ssl_force_tls ssl_starttls
		set ssl_ca_certificates_file="$PKI/ca.pem"
		set certificate_file="$PKI/ca.pem"
		set copy=no record="" allow_8bit charset=utf-8 send_charset=utf-8
		set signature="" sendmail_wait=0 edit_headers=no
		E
		client "mutt, ${a%%:*}" env TERM=dumb sh -c \
			'mutt -F "$1" -s "from mutt" bob@example.org <"$2"' \
			sh "$T/muttrc" "$T/plainbody"
	done
else skip mutt "not installed"; fi

# By hand, with openssl.
how='' input=$T/msg.crlf
byhand() {
	{ printf 'EHLO client.example.org\r\nAUTH PLAIN AGFsaWNlAGFsaWNlcHc=\r\n'
	  sleep 0.3
	  printf 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n'
	  sleep 0.3
	  sed 's/^\./../'; printf '.\r\nQUIT\r\n'; } |
	openssl s_client -quiet -CAfile "$PKI/ca.pem" -verify_return_error \
		-verify_hostname localhost "$@"
}
if byhand -connect "127.0.0.1:$port" -starttls smtp <"$input" >"$T/out" 2>&1 &&
	grep -q '^221' "$T/out" && compare "$input" >>"$T/out"
then ok "openssl s_client, typed"
else not_ok "openssl s_client, typed"; note <"$T/out"; fi

# What the log says of it.
log=$T/clients.log
for e in connect tls auth auth-failed mail accepted refused close; do
	check "log has event=$e" grep -q "event=$e " "$log"
done
check "log has no password" \
	sh -c '! grep -qE "alicepw|bobpw|AGFsaWNl|YWxpY2Vwdw" "$1"' sh "$log"
