#!/bin/sh
# BURL through the whole daemon: IMAP servers that misbehave; a real Dovecot,
# as it should be and as it is shipped, and a real Cyrus. Both at once, for
# much of it is waiting.
here=$(dirname "$0")
. "$here/sections.sh"
at_once burl_%s_driver.py hostile real
exit $status
