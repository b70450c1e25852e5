#!/bin/sh
# Helpers that stay for the next logins: a process of its own for each login,
# none that misbehaves takes others with it, and programs that know nothing of
# staying are run as ever.
exec python3 "$(dirname "$0")/standing_driver.py"
