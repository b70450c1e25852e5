#!/bin/sh
# Random sessions against the daemon and a relay that fails, see tests/model.
# SEED= plays those of another run again.
exec "$(dirname "$0")/../model/run" --sessions "${SESSIONS:-500}" \
	${SEED:+--seed "$SEED"}
