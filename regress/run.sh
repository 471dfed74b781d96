#!/bin/sh
# SPDX-License-Identifier: ISC
#
# All tests; the last line is "N passed, N failed".
cd "$(dirname "$0")/.." || exit 1
t=$(mktemp -d) || exit 1
trap '[ -z "$long" ] || kill "$long" "$paths" "$router" "$many" "$derp" \
    "$uplink" "$hostile" "$workers" 2>/dev/null
    rm -rf "$t"' EXIT
pass=0 fail=0 long= paths= router= many= derp= uplink= hostile=
workers=

python=/usr/bin/python3
[ -x "$python" ] || python=python3

# that it is there does not mean that this user may use it
why=
if [ ! -c /dev/net/tun ]; then
	why="no /dev/net/tun"
elif ! (exec 3<>/dev/net/tun) 2>/dev/null; then
	why="/dev/net/tun cannot be opened by this user"
fi

# those that take their time run beside all others
if [ -z "$why" ] && unshare -Urnm true 2>/dev/null; then
	$python regress/e2e/long.py >"$t/long" 2>&1 &
	long=$!
	$python regress/e2e/paths.py >"$t/paths" 2>&1 &
	paths=$!
	$python regress/e2e/router.py >"$t/router" 2>&1 &
	router=$!
	$python regress/e2e/hostile.py >"$t/hostile" 2>&1 &
	hostile=$!
fi

# count NAME STATUS: add the last line of its output, which it must have
count() {
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$t/out" | tail -n 1)
	if [ -z "$line" ]; then
		echo "FAIL $1: exit status $2, and no result"
		tail -n 20 "$t/out"
		fail=$((fail + 1))
		return
	fi
	p=${line%% *}
	f=${line#*, }
	f=${f%% *}
	[ "$2" -eq 0 ] || [ "$f" -gt 0 ] || f=1
	pass=$((pass + p))
	fail=$((fail + f))
	echo "$1: $p passed, $f failed"
}

for u in regress/unit/test_*.t; do
	$u >"$t/log" 2>&1
	status=$?
	grep -E 'FAILED|ERROR|LINE' "$t/log"
	p=$(grep -c '^\[       OK \]' "$t/log")
	f=$(grep -c '^\[  FAILED  \] [a-z_0-9]*$' "$t/log")
	# each failure is listed twice
	echo "$p passed, $(((f + 1) / 2)) failed" >"$t/out"
	u=${u##*/}
	count "unit/${u%.t}" $status
done

# with the files of the Wycheproof project in a folder
if [ -n "${WYCHEPROOF:-}" ]; then
	$python regress/unit/wycheproof.py "$WYCHEPROOF" >"$t/vectors" &&
	    regress/unit/vectors.t <"$t/vectors" >"$t/out" 2>&1
	status=$?
	grep -v passed "$t/out"
	count wycheproof $status
fi

# sim NAME SEEDS: one test, however many seeds it has
sim() {
	if "regress/sim/$1.t" 1 "$2" >"$t/log" 2>&1; then
		tail -n 1 "$t/log" | grep -v passed
		echo "1 passed, 0 failed" >"$t/out"
	else
		cat "$t/log"
		echo "0 passed, 1 failed" >"$t/out"
	fi
	count "sim/$1, $2 seeds" 0
}
sim sim_tcp 2000
sim sim_wg 60

# an engine that is late all the time fills the path all the same; the clock
# is the simulator's
p=0 f=0
for late in '8 4 0' '2 2 0' '4 4 0' '0 0 3' '20 5 0'; do
	# shellcheck disable=SC2086
	out=$(regress/sim/sim_tcp.t -g bbr 20 0 200 1000 10 1 $late)
	rate=${out#*: }
	rate=${rate%%.*}
	if [ "$rate" -ge 160 ]; then
		p=$((p + 1))
	else
		f=$((f + 1))
		echo "FAIL sim_tcp, late by $late: $out"
	fi
done
echo "$p passed, $f failed" >"$t/out"
count "sim/sim_tcp, a late engine" $f

# flows that share a path: how evenly (Jain's index), how much is sent for what
# arrives (0.04 of it are headers), what is left to CUBIC beside BBR, and what
# random loss leaves of the rate
p=0 f=0
# shared SENT JAIN CUBIC% Mbit/s CC RTT[,...] LOSS RATE QUEUE[,...] ARGUMENTS
# When BBR looks for more depends on the number that a connection begins with:
# what one run leaves to CUBIC in a short queue is anything from 17 to 36 %.  So
# there are several round-trip times, and queues, and the mean is what counts.
shared() {
	want="$1 $2 $3 $4" cc=$5 rtts=$6 loss=$7 rate=$8 queues=$9
	shift 9
	out=$(for rtt in $(echo "$rtts" | tr , ' '); do
		for queue in $(echo "$queues" | tr , ' '); do
			regress/sim/sim_tcp.t -g "$cc" "$rtt" "$loss" \
			    "$rate" "$queue" "$@"
		done
	done)
	if echo "$out" | awk -v want="$want" '{
		split(want, w); jain = 1; last = 100
		for (i = 1; i < NF; i++) {
			if ($i == "sent" && $(i + 1) + 0 > w[1]) bad = 1
			if ($i == "Jain") jain = $(i + 1) + 0
			if ($i ~ /^Mbit/ && $(i - 1) + 0 < w[4]) bad = 1
			if ($i ~ /%,$/ && $i !~ /^%/) last = $i + 0
		}
		jains += jain; lasts += last
	} END {
		exit !(NR > 0 && !bad && jains >= w[2] * NR &&
		    lasts >= w[3] * NR)
	}'; then
		p=$((p + 1))
	else
		f=$((f + 1))
		echo "FAIL sim_tcp, shared $want: $out"
	fi
}
shared 1.14 0.9 0 90 bbr 20 0 100 100 20 4
shared 1.14 0.9 0 90 bbr 20 0 100 100 20 8
shared 1.14 0.9 0 90 bbr 20 0 100 30 20 8
shared 1.14 0.9 0 90 bbr 20 0 100 2000 20 4
shared 1.14 0.8 25 90 bbr,cubic 18,19,20,21,22 0 100 90,100,110 60 2
shared 1.14 0.8 33 90 bbr,cubic 20 0 100 250 60 2
shared 1.14 0.8 33 90 bbr,cubic 20 0 100 500 60 2
shared 1.14 0 0 90 bbr 20 10 100 250 20
shared 1.14 0 0 80 bbr 20 50 100 250 20
echo "$p passed, $f failed" >"$t/out"
count "sim/sim_tcp, a shared path" $f

# of 100 gateways with 100,000 clients ten die: what one of the others sees
for who in '111 100000' '111 100000 idle' '1000 2000'; do
	# shellcheck disable=SC2086
	regress/sim/sim_fail.t $who >"$t/out" 2>&1
	status=$?
	grep FAIL "$t/out"
	count "sim/sim_fail, $who" $status
done

regress/sim/sim_many.t >"$t/out" 2>&1
status=$?
grep FAIL "$t/out"
count "sim/sim_many, 100,000 connections" $status

$python regress/house/house.py >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "house, the walls" $status

regress/house/analyze.sh out/analyze >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "house, an analyzer" $status

regress/house/bmake.sh >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "house, both makes" $status

regress/config/run.sh >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count config $status

$python regress/deploy/deploy.py >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "files for containers" $status

regress/sandbox/test_sandbox.t >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count sandbox $status

# A call that a library makes on odd input would be a way to end the process.
passed=0 failed=0
for f in "wire crypto" "names slirp" "small slirp" "small derp"; do
	if (cd "$t" && timeout 300 "$OLDPWD/regress/fuzz/fuzz_${f% *}.t" \
	    "$OLDPWD/regress/fuzz/corpus/${f% *}" 3 1 "${f#* }") \
	    >"$t/log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL fuzz_${f% *} as ${f#* }: the last input:"
		od -c "$t/crash.input" | head -n 5
	fi
done
echo "$passed passed, $failed failed" >"$t/out"
count "fuzzers behind filters" "$failed"

if command -v mandoc >/dev/null; then
	if mandoc -Tlint -W style man/*.[1-9] 2>/dev/null |
	    grep -v "referenced manual not found" >"$t/log"; [ ! -s "$t/log" ]; then
		echo "1 passed, 0 failed" >"$t/out"
	else
		cat "$t/log"
		echo "0 passed, 1 failed" >"$t/out"
	fi
	count man 0
fi

$python regress/house/pages.py >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "examples of the pages" $status

$python regress/guest/notun.py >"$t/out" 2>&1
status=$?
grep -Ev '^ok|passed' "$t/out"
count "guests without an interface" $status

# the simulators are through: there is room for one more
if [ -n "$long" ]; then
	$python regress/e2e/many.py >"$t/many" 2>&1 &
	many=$!
	$python regress/e2e/uplink.py >"$t/uplink" 2>&1 &
	uplink=$!
	$python regress/e2e/workers.py >"$t/workers" 2>&1 &
	workers=$!
	# a DERP relay, which somebody else wrote
	etc/setup derper out >"$t/log" 2>&1 ||
	    echo "SKIP derper, for which there is a stand-in:" \
	    "$(tail -n 1 "$t/log")"
	$python regress/e2e/derp.py >"$t/derp" 2>&1 &
	derp=$!
	# a real browser
	etc/setup browser out >"$t/log" 2>&1 ||
	    echo "SKIP the page in a browser: $(tail -n 1 "$t/log")"
	$python regress/e2e/web.py >"$t/web" 2>&1 &
	web=$!
fi

if [ -n "$why" ]; then
	echo "SKIP e2e: $why"
else
	if [ "$(id -u)" -eq 0 ]; then
		$python regress/e2e/e2e.py >"$t/out" 2>&1
		status=$?
		grep -v passed "$t/out"
		count "e2e, daemon as nobody" $status
		# the rest as an ordinary user, who may not read this folder
		mkdir "$t/copy" "$t/copy/wgslirpd" "$t/copy/wgslirpctl" \
		    "$t/copy/regress"
		cp wgslirpd/wgslirpd "$t/copy/wgslirpd"
		cp wgslirpctl/wgslirpctl "$t/copy/wgslirpctl"
		mkdir "$t/copy/regress/e2e"
		cp regress/e2e/*.py "$t/copy/regress/e2e"
		# Debian's is for everybody; have one that surely is
		mknod "$t/copy/tun" c 10 200 && chmod 666 "$t/copy/tun"
		chmod -R a+rX "$t"
		user="setpriv --reuid=65534 --regid=65534 --clear-groups"
		home=$t/copy
	else
		user=
		home=.
	fi
	if $user unshare -Urnm true 2>/dev/null; then
		(cd "$home" && $user $python regress/e2e/e2e.py) \
		    >"$t/out" 2>&1
		status=$?
		grep -v passed "$t/out"
		count "e2e, unprivileged" $status
	else
		echo "SKIP e2e as an ordinary user: no user namespaces"
	fi
fi

# beside NAME PID: what a test beside the others has to say
beside() {
	wait "$2"
	status=$?
	cp "$t/$1" "$t/out"
	grep -v passed "$t/out"
	count "e2e/$1" $status
}
if [ -n "$long" ]; then
	beside long "$long"
	beside many "$many"
	beside paths "$paths"
	beside router "$router"
	beside derp "$derp"
	beside uplink "$uplink"
	beside workers "$workers"
	beside web "$web"
	beside hostile "$hostile"
	# alone: what an honest guest notices
	$python regress/e2e/faults.py >"$t/out" 2>&1
	status=$?
	grep -Ev '^ok|passed' "$t/out"
	count e2e/faults $status
fi

# what is hostile, and all of the above that has no sandbox, with sanitizers
regress/fuzz/fuzz.sh out/asan 3 tests >"$t/out" 2>&1
status=$?
grep -v passed "$t/out"
count "sanitizers and fuzzers" $status

# another machine, by its compiler and an emulator; another libc; other systems
if etc/setup cross >"$t/log" 2>&1; then
	for c in cross musl zig; do
		regress/cross/$c.sh out/cross >"$t/out" 2>&1
		status=$?
		grep -v passed "$t/out"
		count "cross/$c" $status
	done
else
	echo "SKIP other machines: $(tail -n 1 "$t/log")"
fi

# Linux's own WireGuard, where QEMU and Debian's kernel can be had
kernel=regress/e2e/kernel
if [ -n "$why" ] || ! unshare -Urnm true 2>/dev/null; then
	echo "SKIP kernel: ${why:-no namespaces}"
elif ! etc/setup kernel "$kernel" >"$t/log" 2>&1 ||
    ! command -v qemu-system-x86_64 >/dev/null; then
	echo "SKIP kernel: no QEMU or no kernel package here:" \
	    "$(tail -n 1 "$t/log")"
else
	$python regress/e2e/kernel.py "$kernel" >"$t/out" 2>&1
	status=$?
	grep -v passed "$t/out"
	count "kernel's WireGuard" $status
	if [ "$(id -u)" -eq 0 ] && command -v dpkg-shlibdeps >/dev/null &&
	    etc/debian/build "$t/deb" >"$t/log" 2>&1; then
		$python regress/deploy/boot.py "$kernel" "$t"/deb/wgslirpd_*.deb \
		    >"$t/out" 2>&1
		status=$?
		grep -v passed "$t/out"
		count "the package in a booted system" $status
	else
		echo "SKIP the package in a booted system: not root, or no" \
		    "dpkg-dev: $(tail -n 1 "$t/log")"
	fi
fi

echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
