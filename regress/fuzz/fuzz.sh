#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The fuzzers, built with AddressSanitizer and UndefinedBehaviorSanitizer in a
# copy of the tree, each for so many seconds: by libFuzzer, where clang is, with
# what it finds kept in DIR/corpus, or by driver.c.  With "tests" the unit tests
# and simulators run in the same way, too, the fuzzers by driver.c alone, and
# DIR/gcc has a daemon for the end-to-end tests (BUILD=DIR/gcc), which is there
# when DIR/daemon is.
#
# usage: fuzz.sh DIR SECONDS [tests]
set -u

cd "$(dirname "$0")/../.." || exit 1
top=$PWD
dir=$1 seconds=$2 what=${3:-}
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
passed=0 failed=0
san="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
cc=gcc

if [ -z "$what" ] && command -v clang >/dev/null &&
    echo 'int LLVMFuzzerTestOneInput(void){return 0;}' |
    clang -fsanitize=fuzzer -x c -o "$dir/try" - >/dev/null 2>&1; then
	cc=clang
fi
src=$dir/$cc
mkdir -p "$src"
git ls-files -z | xargs -0 tar cf - 2>/dev/null | tar xf - -C "$src"
cd "$src" || exit 1
# the names of all of them
fuzzers=$(make -s print-fuzzers)
set -- CC=$cc HARDEN="-fPIE -fno-strict-aliasing" SYNC_PROG= GUEST_T=
if [ $cc = clang ]; then
	set -- "$@" OPT="-O1 -g $san -fsanitize=fuzzer-no-link" \
	    LDFLAGS="-pie $san -fsanitize=fuzzer" FUZZ_DRIVER=
else
	set -- "$@" OPT="-O1 -g $san" LDFLAGS="-pie $san"
fi
units=
if [ -n "$what" ]; then
	# libssl is not ours, and a sandbox lets no sanitizer work
	units=$(make -s print-units | tr ' ' '\n' | grep -v vectors.t)
fi
# build TARGET ...: a tree that it was built in before has other programs
build() {
	rm -f "$dir/daemon"
	if [ -n "$what" ]; then
		rm -f wgslirpd/wgslirpd regress/hostile/hostile.t
		make -s -j2 "$@" regress/lib/unsealed.o &&
		    make -s -j2 "$@" UNSEALED='$(WITHOUT_SEALS)' \
		    wgslirpd/wgslirpd wgslirpctl/wgslirpctl \
		    regress/hostile/hostile.t || return 1
		: >"$dir/daemon"
	fi
	# shellcheck disable=SC2086
	make -s -j2 "$@" $fuzzers $units ${what:+regress/sim/sim_tcp.t \
	    regress/sim/sim_wg.t}
}

if ! build "$@" >"$dir/log" 2>&1; then
	grep -E 'error|undefined' "$dir/log" | head -n 5
	echo "FAIL fuzz: does not build"
	echo "0 passed, 1 failed"
	exit 1
fi

# Libraries keep what they have allocated once.
ASAN_OPTIONS=abort_on_error=1:detect_leaks=$([ $cc = clang ] && echo 0 || echo 1)
LSAN_OPTIONS=suppressions=$top/regress/fuzz/leaks:print_suppressions=0
UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS

# run NAME COMMAND: it passes if it ends with 0
run() {
	name=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		passed=$((passed + 1))
		return 0
	fi
	failed=$((failed + 1))
	grep -E 'ERROR|runtime error|SUMMARY|^regress|LINE' "$dir/out" |
	    head -n 6
	echo "FAIL fuzz/$name: see $dir/$name.out"
	cp "$dir/out" "$dir/$name.out"
	[ ! -e crash.input ] || mv crash.input "$dir/$name.input"
}

for u in $units; do
	n=${u##*/}
	run "sanitized ${n%.t}" timeout 900 "$u"
done
if [ -n "$what" ]; then
	run "sanitized sim_tcp" timeout 900 regress/sim/sim_tcp.t 1 60
	run "sanitized sim_wg" timeout 900 regress/sim/sim_wg.t 1 6
	run text /usr/bin/python3 \
	    "$top/regress/fuzz/text.py" . "$seconds"
fi
for f in $fuzzers; do
	n=${f##*/fuzz_}
	n=${n%.t}
	if [ $cc = clang ]; then
		mkdir -p "$dir/corpus/$n"
		run "$n" "$f" -max_total_time="$seconds" -max_len=2500 \
		    -print_final_stats=1 -artifact_prefix="$dir/$n-" \
		    "$dir/corpus/$n" "$top/regress/fuzz/corpus/$n"
		grep -E 'DONE' "$dir/out" | tail -n 1 | sed "s/^/$n: /"
	else
		run "$n" "$f" "$top/regress/fuzz/corpus/$n" "$seconds" &&
		    [ -n "$what" ] || sed "s/^/$n: /" "$dir/out"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
