#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The Makefile is good for both makes: bmake builds a copy of the tree, and a
# second run of either finds nothing to do; a touched header makes only what
# includes it.
top=$(cd "$(dirname "$0")/../.." && pwd)
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
pass=0 fail=0

check() {
	name=$1
	shift
	if "$@" >"$t/log" 2>&1; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAIL house: $name"
		tail -n 5 "$t/log"
	fi
}

# made NAME: the objects that a run of make has made
made() {
	sed -n 's/.* -o \([^ ]*\.o\) .*/\1/p' "$t/log" | sort
}

few() {
	(cd "$t/src" && "$1" all) >"$t/log" 2>&1 || return 1
	made >"$t/made"
	grep -q 'wgslirpd/crypto/clock.o' "$t/made" &&
	    ! grep -q 'wgslirpd/slirp/' "$t/made" &&
	    [ "$(wc -l <"$t/made")" -lt 6 ]
}

mkdir "$t/src"
(cd "$top" && tar cf - --exclude='*.[odt]' --exclude=.git \
    --exclude=regress/e2e/kernel .) | (cd "$t/src" && tar xf -)
rm -f "$t/src/wgslirpd/wgslirpd" "$t/src/wgslirpctl/wgslirpctl" \
    "$t/src/wgslirpd/parent/parse.c" "$t/src/wgslirpd/parent/parse.h"
# "make check" has built it by one, which is the other on BSD
if ! command -v bmake >/dev/null; then
	echo "SKIP house: no bmake"
	echo "0 passed, 0 failed"
	exit 0
fi
check "bmake builds" sh -c "cd '$t/src' && bmake -j2 all OPT=-O0"
for make in bmake make; do
	check "$make again does nothing" \
	    sh -c "cd '$t/src' && ! $make -n all OPT=-O0 | grep ' -o '"
	sleep 1
	touch "$t/src/wgslirpd/crypto/clock.h"
	check "$make after a touched header" few $make
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
