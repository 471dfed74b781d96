#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The daemon below valgrind, built in a copy of the tree in DIR.
# usage: memcheck.sh DIR
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
mkdir -p "$1" && dir=$(cd "$1" && pwd) || exit 1
if ! command -v valgrind >/dev/null; then
	echo "SKIP memcheck: no valgrind"
	echo "0 passed, 0 failed"
	exit 0
fi
git ls-files -z | xargs -0 tar cf - 2>/dev/null | tar xf - -C "$dir"
cd "$dir" || exit 1
set -- HARDEN="-fPIE -fno-strict-aliasing" OPT="-O1 -g" LDFLAGS=-pie SYNC_PROG=
if ! make -s -j2 "$@" regress/lib/unsealed.o wgslirpctl/wgslirpctl \
    >log 2>&1 || ! make -s -j2 "$@" UNSEALED='$(WITHOUT_SEALS)' \
    wgslirpd/wgslirpd >log 2>&1; then
	grep -E 'error|undefined' log | head -n 5
	echo "FAIL memcheck: does not build"
	echo "0 passed, 1 failed"
	exit 1
fi
BUILD=$dir exec /usr/bin/python3 "$top/regress/e2e/memcheck.py"
