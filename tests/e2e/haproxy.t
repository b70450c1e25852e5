#!/bin/sh
# The real HAProxy in front: its header in both versions before STARTTLS and
# TLS, two instances as one service and one of them killed, health checks,
# limits on clients, and clients that forge what a proxy says.
exec python3 "$(dirname "$0")/haproxy_driver.py"
