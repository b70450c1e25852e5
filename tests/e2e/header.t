#!/bin/sh
# The completed header, by the ways that dialogues do not go: fetched by BURL,
# into a Maildir, from real clients.
exec python3 "$(dirname "$0")/header_driver.py"
