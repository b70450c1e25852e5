#!/bin/sh
# TLS as clients meet it: versions, suites, certificates, time; and where the
# keys are while it runs: in the monitor, and in no process of the network.
exec python3 "$(dirname "$0")/tls_driver.py"
