#!/bin/sh
# SPDX-License-Identifier: ISC
#
# gcc's static analyzer over the programs, in a copy of the tree.  What it says
# that is not so is in the file "analyzed" beside this, each with its reason: file,
# class, why.  A line of that file that is not said any more fails, too.
# Leaks are left to LeakSanitizer: here each is one that fatal(3) ends.
#
# usage: analyze.sh DIR
set -u

cd "$(dirname "$0")/../.." || exit 1
known=$PWD/regress/house/analyzed
dir=$1
if ! gcc -fanalyzer -c -x c -o /dev/null /dev/null 2>/dev/null; then
	echo "SKIP analyze: this compiler has no analyzer"
	echo "0 passed, 0 failed"
	exit 0
fi
rm -rf "$dir"
mkdir -p "$dir/src"
git ls-files -z | xargs -0 tar cf - 2>/dev/null | tar xf - -C "$dir/src"
make -s -k -j2 -C "$dir/src" CC=gcc WARN=-Wall \
    OPT="-O2 -fanalyzer -Wno-error -Wno-analyzer-malloc-leak" all \
    >"$dir/log" 2>&1

awk '/\[-Wanalyzer/ { split($1, p, ":"); c = $NF
	gsub(/[][]|-Wanalyzer-/, "", c); print p[1], c }' "$dir/log" |
    sort -u >"$dir/said"
grep -v '^#' "$known" | awk '{ print $1, $2 }' | sort -u >"$dir/known"
new=$(comm -23 "$dir/said" "$dir/known")
gone=$(comm -13 "$dir/said" "$dir/known")
if [ -z "$new" ] && [ -z "$gone" ]; then
	echo "1 passed, 0 failed"
	exit 0
fi
[ -z "$new" ] || echo "$new" | sed 's/^/FAIL analyze: /'
[ -z "$gone" ] || echo "$gone" | sed 's/^/FAIL analyze, not said any more: /'
grep -- '-Wanalyzer' "$dir/log" | head -n 10
echo "0 passed, 1 failed"
exit 1
