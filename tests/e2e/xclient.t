#!/bin/sh
# Real proxies that know SMTP in front: nginx and Dovecot's submission proxy,
# which name the client by XCLIENT, and nginx by the PROXY protocol.
exec python3 "$(dirname "$0")/xclient_driver.py"
