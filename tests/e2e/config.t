#!/bin/sh
# Every mistake in a configuration is told, with its place and what is allowed;
# a good one is called good; nothing is served with keys that others can read.
exec python3 "$(dirname "$0")/config_driver.py"
