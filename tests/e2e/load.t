#!/bin/sh
# Many sessions at once, floods beside honest clients, all kinds of session
# for a while: the short form of `make load` and `make soak`, see tests/load.
here=$(dirname "$0")
make -s -C "$here/../.." BUILD="$(realpath "${BUILD:-build}")" bench-programs ||
	{ echo "not ok - the tools are built"; exit 1; }
exec "$here/../load/run" --crowd "${CROWD:-300}" --minutes 0.15 --think 1 \
	--floods 1.5 --together 4 --soak 0.1
