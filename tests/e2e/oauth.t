#!/bin/sh
# Logins by token: checktoken-introspect against an introspection endpoint that
# misbehaves, and real mail clients with OAUTHBEARER and XOAUTH2.
exec python3 "$(dirname "$0")/oauth_driver.py"
