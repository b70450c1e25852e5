#!/bin/sh
# Faults at every step: processes killed and stopped, calls that fail, a relay
# gone at each octet, helpers that misbehave, a full disk, a clock that jumps,
# name servers that fail, no memory, descriptor or process from some step on.
# The client gets the
# right reply or a close, nothing is delivered wrongly, nothing is left, and
# the service goes on.
here=$(dirname "$0")
. "$here/sections.sh"
at_once faults_%s.py kills calls clock dns memory limits
exit $status
