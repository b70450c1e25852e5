#!/bin/sh
# Random sessions against the daemon and a relay that fails, see tests/model.
# They are the same each time; SEED=random plays others, SEED=number those of
# another run.
seed=${SEED:-a1b2c3d4}
[ "$seed" != random ] || seed=''
exec "$(dirname "$0")/../model/run" --sessions "${SESSIONS:-500}" \
	${seed:+--seed "$seed"}
