#!/bin/sh
# The fences: seized processes (doubles of tests/priv) try what an attacker
# would, with the fence and without it; what each process may, has open and
# has in its memory; and normal mail behind the fences. All at once, for much
# of it is waiting.
here=$(cd "$(dirname "$0")" && pwd -P)
top=$here/../..
status=0 pids=''
BUILD=$(cd "${BUILD:-$top/build}" && pwd -P) || exit 1
export BUILD
trap 'kill $pids 2>/dev/null; wait; exit 1' HUP INT TERM

make -s -C "$top" BUILD="$BUILD" priv || echo "# make priv failed"
scratch=$(mktemp -d) || exit 1
if ${CC:-cc} -std=c17 -Wall -Wextra -Werror -D_GNU_SOURCE -I"$top" \
	-include "$top/tests/stubs/openbsd.h" $(pkg-config --cflags libbsd-overlay) \
	-c -o "$scratch/openbsd.o" "$top/sandbox/openbsd.c" 2>"$scratch/log"
then echo "ok - the fence of OpenBSD compiles"
else
	echo "not ok - the fence of OpenBSD compiles"
	sed 's/^/#   /' "$scratch/log"
	status=1
fi
rm -rf "$scratch"

for what in ${SECTIONS:-acts rules proof life}; do
	python3 "$here/fences_$what.py" &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p" || status=1
done
exit $status
