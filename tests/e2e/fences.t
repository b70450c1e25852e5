#!/bin/sh
# The fences: seized processes (doubles of tests/priv) try what an attacker
# would, with the fence and without it; what each process may, has open and
# has in its memory; and normal mail behind the fences. All at once, for much
# of it is waiting.
here=$(cd "$(dirname "$0")" && pwd -P)
top=$here/../..
. "$here/sections.sh"
BUILD=$(cd "${BUILD:-$top/build}" && pwd -P) || exit 1
export BUILD

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

at_once fences_%s.py acts rules proof life
exit $status
