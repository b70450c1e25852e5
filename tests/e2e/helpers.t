#!/bin/sh
# The helpers by themselves, started as the monitor starts them: the two
# checkpassword programs, auth-reply, and programs others wrote.
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(cd "${BUILD:-./build}" && pwd) || exit 1
T=$(mktemp -d) || exit 1
user=subtest$$
service=smtpsubmitd-test-$$
have_user=

cleanup()
{
	[ -z "$have_user" ] || userdel "$user" 2>/dev/null
	rm -rf "$T" "/etc/pam.d/$service"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# Helpers of others change to the user's uid: they need a way to auth-reply.
chmod 755 "$T"
for program in auth-reply checkpassword-file checkpassword-pam; do
	cp "$BUILD/$program" "$T/" || exit 1
	chmod 755 "$T/$program"
done
reply=$T/auth-reply
file=$T/checkpassword-file
pam=$T/checkpassword-pam
pw='correct horse'

verdict()
{
	if [ "$1" = "$2" ]; then
		printf 'ok - %s\n' "$3"
	else
		printf 'not ok - %s\n# wanted: %s\n# got:    %s\n' \
		    "$3" "$2" "$1"
		sed 's/^/# stderr: /' "$T/err"
	fi
}

# run option ...: leaves the exit code, the reply and the milliseconds
run()
{
	set -- $(python3 "$here/helpers_driver.py" "$@" 2>"$T/err")
	code=$1 answer=$2 ms=$3 ms2=$4
}

# check name "code reply" option ...
check()
{
	name=$1 want=$2
	shift 2
	run "$@"
	verdict "$code $answer" "$want" "$name"
}

# one_line name text: what the last program said is one line, with this in it
one_line()
{
	verdict "$(wc -l <"$T/err" | tr -d ' ') $(grep -c -- "$2" "$T/err")" \
	    "1 1" "$1"
}

silent()
{
	verdict "$(wc -c <"$T/err" | tr -d ' ')" 0 "$1"
}

# same_time name option ...: of two logins; noise gets three tries
same_time()
{
	name=$1
	shift
	for _ in 1 2 3; do
		run -n 5 "$@"
		good=$(awk -v a="$ms" -v b="$ms2" \
		    'BEGIN { print (a > b * 0.7 && a < b * 1.3) }')
		[ "$good" = 0 ] || break
	done
	verdict "$good" 1 "$name ($ms and $ms2 ms)"
}

less_than()
{
	verdict "$(awk -v a="$ms" -v b="$1" 'BEGIN { print (a < b) }')" 1 \
	    "$2 ($ms ms)"
}

repeat()
{
	awk -v n="$1" -v c="$2" 'BEGIN { while (n-- > 0) printf "%s", c }'
}

# ---- auth-reply ------------------------------------------------------------

check 'auth-reply: says USER' '0 USER=jo|' -e USER=jo "$reply"
check 'auth-reply: says all four and nothing else' \
    '0 USER=jo|SENDERS=a@x,b@x|MAXSIZE=9|RELAY=smtp://h|' \
    -e RELAY=smtp://h -e MAXSIZE=9 -e SENDERS=a@x,b@x -e USER=jo \
    -e HOME=/ -e USERS=no "$reply"
check 'auth-reply: nothing set, nothing said' '0 -' "$reply"
check 'auth-reply: an empty variable is set' '0 USER=|' -e USER= "$reply"
run -e USER="$(repeat 4090 x)" "$reply"
verdict "$code ${#answer}" '0 4096' 'auth-reply: 4096 octets are sent'
check 'auth-reply: 4097 octets are not' '111 -' \
    -e USER="$(repeat 4091 x)" "$reply"
one_line 'auth-reply: and it says so' 4096
check 'auth-reply: closed descriptor 4 is temporary' '111 -' -4 \
    -e USER=jo "$reply"
one_line 'auth-reply: and it says so' 'descriptor 4'
check 'auth-reply: closed descriptor 4 and nothing to say' '111 -' -4 "$reply"

# ---- checkpassword-file ----------------------------------------------------

umask 077
cat >"$T/users" <<'USERS'
# a comment: with a colon

yescrypt:$y$j9T$8vSH0HTLNde4zXvKYnSko0$1VCrSuWzYcKhRV1oTMJ6xdywVEj8/aJJyk7.OkACUJ2
sha512:$6$6AxhcE0IekFufeAE$LkxPycLJyvGnOsB1G2h0QMJIbPA2c.r0iPdBEsJmh3wYhJg9zrrHhHDmOm/mBRPuekjZWz9BABCsDf09xGilB1
sha256:$5$M/JImYp93U7fa/S8$0ytLvVul.YgiIKQy01ltj3sGWaL5Bu9yVZStQOy4SA2
bcrypt:$2b$05$votgG4mXPgFlejspoT8TtOmmgdJwXjDcRiItOYvmSGz50uSTS5zAW
md5:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
scrypt:$7$BU..../....jX2xtTDUDFXRvZyFwcYGq.$Gp0UT.i3cCjq/Vz7bFXtxLoHTEgawmTMoYWOf6NmkN0
gost:$gy$j75$T7Rhv5721IxV2rJYbUV9y/$AuN6HHU8YcjuX9hntvE5sz.Y8xadtpbj4UnQ7EerOR4
des:4oMeTPya4ayN2
eightbit:$6$mq4tr9Og3ymWDQzt$su.EsKwoPeAilDQ2i38dvAVM7SJHNeUw0lkJr0LmDohjmHYkIa28viAQ4Pw3oGT5xkcVXxiVkaGtvQcag/L/n.
j@x.example:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
passwd:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0:1000:1000:Jo:/home/jo:/bin/sh
dovecot:{MD5-CRYPT}$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0:1000:1000::/home/jo::x=y
dovecot2:{CRYPT}$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
twice:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
twice:$6$6AxhcE0IekFufeAE$LkxPycLJyvGnOsB1G2h0QMJIbPA2c.r0iPdBEsJmh3wYhJg9zrrHhHDmOm/mBRPuekjZWz9BABCsDf09xGilB1
plain:{PLAIN}correct horse
notcrypt:{XCRYPT}$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
naked:correct horse
method:$99$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
bang:!$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
star:*
failed:*0*0*0*0*0*0*0
shadow:x
nothing:
:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
nocolon
 indented:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0
USERS
printf 'crlf:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0 \r\n' >>"$T/users"
printf 'last:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0' >>"$T/users"

# file_check name "code reply" login password
file_check()
{
	check "file: $1" "$2" -l "$3" -p "$4" "$file" "$T/users" "$reply"
}

for login in yescrypt sha512 sha256 bcrypt md5 scrypt gost des j@x.example \
    passwd dovecot dovecot2 twice crlf last; do
	file_check "$login, right password" "0 USER=$login|" "$login" "$pw"
	file_check "$login, wrong password" '1 -' "$login" "incorrect horse"
done
silent 'file: a wrong password needs no line in the log'
file_check '8-bit password' '0 USER=eightbit|' eightbit \
    'p\xc3\xa4\xff\x80\x01 w'
file_check '8-bit password, seven bits of it' '1 -' eightbit \
    'pC$\x7f\x00\x01 w'
file_check 'more behind the right password' '1 -' md5 "$pw "
file_check 'newline behind the right password' '1 -' md5 "$pw\\n"
file_check 'empty password' '1 -' md5 ''
file_check 'empty password, empty hash' '1 -' nothing ''
file_check 'unknown user' '1 -' nobody "$pw"
file_check 'user in capitals' '1 -' MD5 "$pw"
file_check 'part of a name' '1 -' md "$pw"
file_check 'user commented out' '1 -' '# a comment' "$pw"
file_check 'empty login' '1 -' '' "$pw"
file_check 'white space is part of a name' '1 -' indented "$pw"
for login in bang star failed shadow nothing; do
	file_check "locked: $login" '1 -' "$login" "$pw"
done
file_check 'the hash as password' '1 -' star '*'
file_check 'failure token as password' '1 -' failed '*0'
for login in plain notcrypt naked method; do
	file_check "not a crypt hash: $login" '1 -' "$login" "$pw"
	one_line "file: $login gets a line in the log" \
	    "$T/users: line [0-9][0-9]*: no hash"
done
for login in 'md5:' 'md5:$1$bZNpvce2$OxL4sZgwv0qHKsMbmX6Jf0' 'md5\n' \
    '\nmd5' 'twice\nmd5' 'md5\r' ' md5' 'md5 ' 'x:y\nmd5'; do
	file_check "login $login" '1 -' "$login" "$pw"
done

check 'file: password of 511 octets is only wrong' '1 -' \
    -l md5 -p "$(repeat 511 x)" "$file" "$T/users" "$reply"
check 'file: so is one of 12,000' '1 -' \
    -l md5 -p "$(repeat 12000 x)" "$file" "$T/users" "$reply"
check 'file: 12,288 octets are read' '1 -' \
    -r "md5\\0$(repeat 12281 x)\\0\\0\\0" "$file" "$T/users" "$reply"
check 'file: 12,289 are misuse' '2 -' \
    -r "md5\\0$(repeat 12282 x)\\0\\0\\0" "$file" "$T/users" "$reply"
one_line 'file: and it says so' 'descriptor 3'
for raw in '' 'md5' 'md5\0' "md5\\0$pw" "md5\\0$pw\\0" "md5\\0$pw\\0ts"; do
	check "file: misuse: '$raw'" '2 -' -r "$raw" "$file" "$T/users" \
	    "$reply"
done
check 'file: more behind the third NUL' '0 USER=md5|' \
    -r "md5\\0$pw\\0ts\\0more" "$file" "$T/users" "$reply"
check 'file: closed descriptor 3' '111 -' -3 "$file" "$T/users" "$reply"
one_line 'file: and it says so' 'descriptor 3'

same_time 'file: unknown user takes as long as a wrong password' \
    -l yescrypt -l nobody -p wrong "$file" "$T/users" "$reply"
same_time 'file: locked user takes as long as well' \
    -l yescrypt -l star -p wrong "$file" "$T/users" "$reply"

for mode in 604 602 620; do
	cp "$T/users" "$T/open"
	chmod "$mode" "$T/open"
	check "file: mode $mode refused" '111 -' -l md5 -p "$pw" \
	    "$file" "$T/open" "$reply"
	one_line "file: mode $mode, and it says so" 'chmod'
done
chmod 640 "$T/open"
check 'file: mode 640 is fine' '0 USER=md5|' -l md5 -p "$pw" \
    "$file" "$T/open" "$reply"
check 'file: missing' '111 -' -l md5 -p "$pw" "$file" "$T/none" "$reply"
one_line 'file: and it says so' "$T/none"
check 'file: a directory' '111 -' -l md5 -p "$pw" "$file" "$T" "$reply"
mkfifo "$T/fifo"
check 'file: a FIFO does not hold it' '111 -' -l md5 -p "$pw" \
    "$file" "$T/fifo" "$reply"
: >"$T/empty"
check 'file: an empty file knows nobody' '1 -' -l md5 -p "$pw" \
    "$file" "$T/empty" "$reply"
check 'file: no program to run' '2 -' -l md5 -p "$pw" "$file" "$T/users"
one_line 'file: and it shows the usage' usage
check 'file: program missing' '111 -' -l md5 -p "$pw" \
    "$file" "$T/users" "$T/none"
check 'file: USER of the caller does not survive' '0 USER=md5|' -e USER=root \
    -l md5 -p "$pw" "$file" "$T/users" "$reply"
check 'file: arguments reach the program' '0 USER=md5|MAXSIZE=7|' \
    -l md5 -p "$pw" "$file" "$T/users" /usr/bin/env MAXSIZE=7 "$reply"

check 'file: core files off in what follows' '0 USER=0|' -l md5 -p "$pw" \
    "$file" "$T/users" /bin/sh -c "USER=\$(ulimit -c) exec $reply"

# The owner of a process that cannot be debugged is root in /proc.
if [ "$(id -u)" = 0 ] && [ -r /proc/self/comm ] && command -v setpriv >/dev/null
then
	exec 5<>"$T/fifo"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
	    "$file" "$T/users" "$reply" 3<"$T/fifo" 5>&- &
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.2
		[ "$(stat -c %u "/proc/$!/mem")" != 0 ] || break
	done
	verdict "$(cat "/proc/$!/comm") $(stat -c %u "/proc/$!/mem")" \
	    'checkpassword-f 0' 'file: its own uid cannot debug it'
	kill $! && wait $! 2>/dev/null
	exec 5>&-
else
	echo 'skip - file: its own uid cannot debug it: needs root and /proc'
fi

# ---- checkpassword-pam -----------------------------------------------------

# rules line ...: the test's service file
rules()
{
	printf '%s\n' "$@" >"/etc/pam.d/$service"
	chmod 644 "/etc/pam.d/$service"
}

# pam_check name "code reply" login password
pam_check()
{
	check "pam: $1" "$2" -l "$3" -p "$4" "$pam" -s "$service" "$reply"
}

pam_unix_tests()
{
	rules 'auth required pam_unix.so' 'account required pam_unix.so'
	pam_check 'right password' "0 USER=$user|" "$user" "$pw"
	silent 'pam: and no noise'
	pam_check 'wrong password' '1 -' "$user" 'incorrect horse'
	less_than 1000 'pam: and no delay'
	pam_check 'unknown user' '1 -' "no$user" "$pw"
	less_than 1000 'pam: and no delay'
	pam_check 'empty password' '1 -' "$user" ''
	pam_check 'empty login' '1 -' '' "$pw"
	pam_check 'newline behind the login' '1 -' "$user\\n" "$pw"
	pam_check 'colon behind the login' '1 -' "$user:" "$pw"
	pam_check 'long password' '1 -' "$user" "$(repeat 11000 x)"
	usermod -e 1 "$user"
	pam_check 'expired account' '1 -' "$user" "$pw"
	usermod -e '' "$user"
	chage -d 0 "$user"
	pam_check 'password that must be changed' '1 -' "$user" "$pw"
	chage -d 19000 "$user"
	pam_check 'the same account, set right' "0 USER=$user|" "$user" "$pw"
	usermod -L "$user"
	pam_check 'locked account' '1 -' "$user" "$pw"
	usermod -U "$user"
	passwd -d "$user" >/dev/null
	pam_check 'account without password, any given' '1 -' "$user" "$pw"
	pam_check 'account without password, none given' '1 -' "$user" ''
	usermod -p "$hash" "$user"
}

# Which results of the modules are the login's fault.
pam_code_tests()
{
	for result in auth_err user_unknown maxtries perm_denied acct_expired \
	    new_authtok_reqd cred_expired; do
		rules "auth required pam_debug.so auth=$result" \
		    'account required pam_permit.so'
		pam_check "auth says $result" '1 -' jo "$pw"
	done
	for result in authinfo_unavail system_err abort service_err \
	    buf_err cred_insufficient open_err; do
		rules "auth required pam_debug.so auth=$result" \
		    'account required pam_permit.so'
		pam_check "auth says $result" '111 -' jo "$pw"
		one_line "pam: $result gets a line in the log" "$service"
	done
	for result in acct_expired perm_denied new_authtok_reqd; do
		rules 'auth required pam_permit.so' \
		    "account required pam_debug.so acct=$result"
		pam_check "account says $result" '1 -' jo "$pw"
	done
	rules 'auth required pam_permit.so' \
	    'account required pam_debug.so acct=authinfo_unavail'
	pam_check 'account says authinfo_unavail' '111 -' jo "$pw"
	rules 'auth required pam_deny.so' 'account required pam_permit.so'
	pam_check 'pam_deny' '1 -' jo "$pw"
	rules 'auth required pam_permit.so' 'account required pam_permit.so'
	pam_check 'pam_permit' '0 USER=jo|' jo "$pw"
}

# What the modules see, and who they may turn the user into.
pam_item_tests()
{
	cat >"$T/module" <<-MODULE
		#!/bin/sh
		cat >$T/password
		echo "\$PAM_USER \$PAM_RHOST \$PAM_SERVICE" >$T/items
	MODULE
	chmod 755 "$T/module"
	rules "auth required pam_exec.so expose_authtok quiet $T/module" \
	    'account required pam_permit.so'
	pam_check '8-bit password' '0 USER=jo|' jo 'p\xc3\xa4\xff\x80 w'
	verdict "$(od -An -tx1 <"$T/password" | tr -d ' \n')" \
	    70c3a4ff802077 'pam: the modules get its octets'
	verdict "$(cat "$T/items")" "jo 192.0.2.7 $service" \
	    'pam: the modules get user, client and service'

	rules 'auth optional pam_echo.so hello' 'auth required pam_ftp.so' \
	    'account required pam_permit.so'
	pam_check 'USER is whom PAM made of the login' '0 USER=ftp|' \
	    anonymous jo@x.example
	rules 'auth optional pam_ftp.so' 'auth optional pam_ftp.so' \
	    'auth required pam_permit.so' 'account required pam_permit.so'
	pam_check 'two prompts are answered' '0 USER=jo|' jo "$pw"
	rules 'auth optional pam_ftp.so' 'auth optional pam_ftp.so' \
	    'auth required pam_ftp.so' 'account required pam_permit.so'
	pam_check 'three are not' '111 -' jo "$pw"
	one_line 'pam: and it says so' 'more than login and password'
}

pam_service_tests()
{
	rm -f "/etc/pam.d/$service"
	pam_check 'service missing' '111 -' jo "$pw"
	one_line 'pam: and it says so' "/etc/pam.d/$service"
	: >"/etc/pam.d/$service"
	pam_check 'service empty' '111 -' jo "$pw"
	rules 'auth required pam_permit.so' 'account required pam_permit.so'
	for name in '' . .. ../pam.d/other "/etc/pam.d/$service" \
	    "SMTPSUBMITD-TEST-$$" "$(repeat 65 x)"; do
		check "pam: service '$name'" '2 -' -l jo -p "$pw" \
		    "$pam" -s "$name" "$reply"
	done
	check 'pam: no program to run' '2 -' -l jo -p "$pw" "$pam" -s "$service"
	one_line 'pam: and it shows the usage' usage
	check 'pam: options of the program are its own' '0 USER=jo|RELAY=s|' \
	    -l jo -p "$pw" "$pam" -s "$service" \
	    /usr/bin/env -u SENDERS RELAY=s "$reply"
	check 'pam: missing NUL' '2 -' -r 'jo\0pw\0' \
	    "$pam" -s "$service" "$reply"
}

# The service file we ship, on systems that keep their rules as Debian does.
pam_shipped_tests()
{
	if [ ! -f /etc/pam.d/common-auth ]; then
		echo 'skip - pam: the shipped rules: no common-auth here'
		return
	fi
	rules "$(cat "$here/../../helpers/smtpsubmitd.pam")"
	pam_check 'the shipped rules, right password' "0 USER=$user|" \
	    "$user" "$pw"
	pam_check 'the shipped rules, wrong password' '1 -' "$user" wrong
	less_than 1000 'pam: and no delay'
	rules "$(sed -e '/^[@#] /d' -e '/^@/d' -e 's/^#//' \
	    "$here/../../helpers/smtpsubmitd.pam")"
	pam_check 'the rules instead, right password' "0 USER=$user|" \
	    "$user" "$pw"
	pam_check 'the rules instead, root' '1 -' root "$pw"
}

# As the daemon's service user under systemd: no root, group shadow.
pam_shadow_tests()
{
	if ! command -v setpriv >/dev/null || ! getent group shadow >/dev/null
	then
		echo 'skip - pam: without root: needs setpriv, group shadow'
		return
	fi
	rules 'auth required pam_unix.so' 'account required pam_unix.so'
	for expect in "$pw=0 USER=$user|" 'incorrect horse=1 -'; do
		check "pam: without root, in group shadow: ${expect#*=}" \
		    "${expect#*=}" -l "$user" -p "${expect%%=*}" \
		    /usr/bin/setpriv --reuid=65534 --regid=65534 \
		    --groups=shadow --no-new-privs --bounding-set=-all \
		    "$pam" -s "$service" "$reply"
	done
	check 'pam: nor in group shadow: trouble, not a wrong password' \
	    '111 -' -l "$user" -p "$pw" \
	    /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups \
	    --no-new-privs "$pam" -s "$service" "$reply"
}

# ---- programs nobody here wrote --------------------------------------------

foreign_tests()
{
	program=/bin/checkpassword.login
	if [ -x $program ]; then
		check 'fgetty: right password' "0 USER=$user|" \
		    -l "$user" -p "$pw" $program "$reply"
		check 'fgetty: wrong password' '1 -' \
		    -l "$user" -p wrong $program "$reply"
		check 'fgetty: unknown user' '1 -' \
		    -l "no$user" -p "$pw" $program "$reply"
	else
		echo "skip - fgetty: $program is missing (package fgetty)"
	fi

	program=/usr/bin/cvm-checkpassword
	if [ -x $program ] && [ -x /usr/bin/cvm-unix ]; then
		check 'cvm: right password' "0 USER=$user|" -l "$user" \
		    -p "$pw" $program cvm-command:/usr/bin/cvm-unix "$reply"
		# 100 is its word for wrong, the monitor takes it as such.
		check 'cvm: wrong password' '100 -' -l "$user" \
		    -p wrong $program cvm-command:/usr/bin/cvm-unix "$reply"
		check 'cvm: unknown user' '100 -' -l "no$user" \
		    -p wrong $program cvm-command:/usr/bin/cvm-unix "$reply"
	else
		echo "skip - cvm: $program is missing (package cvm)"
	fi

	program=/usr/bin/checkpw
	if [ -x $program ]; then
		mkdir -p "$T/home/Maildir"
		printf '%s\n' "$pw" >"$T/home/Maildir/.password"
		chown -R "$user" "$T/home"
		usermod -d "$T/home" "$user"
		check 'checkpw: right password' "0 USER=$user|" \
		    -l "$user" -p "$pw" $program "$reply"
		check 'checkpw: wrong password' '1 -' \
		    -l "$user" -p wrong $program "$reply"
		check 'checkpw: unknown user' '1 -' \
		    -l "no$user" -p "$pw" $program "$reply"
	else
		echo "skip - checkpw: $program is missing (package checkpw)"
	fi
}

hash='$6$6AxhcE0IekFufeAE$LkxPycLJyvGnOsB1G2h0QMJIbPA2c.r0iPdBEsJmh3wYhJg9zrrHhHDmOm/mBRPuekjZWz9BABCsDf09xGilB1'
if [ "$(id -u)" != 0 ]; then
	echo 'skip - pam: needs root, to make a service and a user'
	echo 'skip - programs of others: need root'
elif ! useradd -M -d / -s /bin/sh -p "$hash" "$user" 2>"$T/err"; then
	echo "skip - pam: useradd: $(head -n 1 "$T/err")"
	echo 'skip - programs of others: no user to try'
else
	have_user=yes
	pam_unix_tests
	pam_code_tests
	pam_item_tests
	pam_service_tests
	pam_shipped_tests
	pam_shadow_tests
	foreign_tests
fi
exit 0
