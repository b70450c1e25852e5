#!/bin/sh
# What `make coverage` has shown to be reached by no other test: what one inetd
# process leaves for the next, many users' relays, the second SIGTERM, a file
# named from where one stands, keys that do not fit.
exec python3 "$(dirname "$0")/corners_driver.py"
