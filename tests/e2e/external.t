#!/bin/sh
# AUTH EXTERNAL: logins by client certificates, good ones and bad, asked for
# and implicit at MAIL, by the clients that know it.
exec python3 "$(dirname "$0")/external_driver.py"
