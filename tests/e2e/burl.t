#!/bin/sh
# BURL through the whole daemon: a real Dovecot, as it should be and as it is
# shipped, a real Cyrus, and IMAP servers that misbehave; a relay behind.
here=$(dirname "$0")
status=0
for what in ${SECTIONS:-hostile real}; do
	python3 "$here/burl_${what}_driver.py" || status=1
done
exit $status
