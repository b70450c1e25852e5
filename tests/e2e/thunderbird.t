#!/bin/sh
# A real Thunderbird, without a screen: it finds the server by autoconfig.xml
# as -n -v writes it, sets itself up, and sends a message. As root in a
# network of its own, where name and web server are ours.
driver=$(dirname "$0")/thunderbird_driver.py
skip() { echo "skip - thunderbird: $*"; exit 0; }
command -v thunderbird >/dev/null || skip "not installed (package thunderbird)"
command -v dovecot >/dev/null || skip "no dovecot; tests/packages check"
[ "$(id -u)" = 0 ] && unshare -m -n true 2>/dev/null ||
	skip "needs root and network namespaces (unshare)"
exec unshare -m -n python3 "$driver"
