#!/bin/sh
# SPDX-License-Identifier: ISC
#
# All tests; the last line is "N passed, N failed".  Most tests of a network
# wait most of the time, and compilers do not: so there are a few chains of
# tests beside each other, and one, with the lowest priority, of what is built
# in other ways.  What each test said is in out/check.
#
# What is built for other machines and systems, and the machine that boots, take
# as long as all the rest: a slow machine leaves out what it has not begun after
# MINUTES, and says so.
cd "$(dirname "$0")/.." || exit 1
top=$PWD
started=$(date +%s)
t=$(mktemp -d) || exit 1
said=$top/out/check
rm -rf "$said"
mkdir -p "$said" || exit 1
chains= names=
# the chains first, or each would begin its next test
end_all() {
	for c in $chains; do
		tests="$tests $(pgrep -P "$c" | tr '\n' ' ')"
	done
	# shellcheck disable=SC2086
	kill $chains $tests 2>/dev/null
	rm -rf "$t"
}
tests=
trap end_all EXIT
trap 'exit 1' INT TERM HUP

python=/usr/bin/python3
[ -x "$python" ] || python=python3

# the processor's time that the jobs of this chain have had, in seconds
cpu() {
	times >"$t/$1.times"
	awk -F '[ms ]+' 'NR == 2 { print int($1 * 60 + $2 + $3 * 60 + $4) }' \
	    "$t/$1.times"
}

# result FILE NAME STATUS TIME: what failed, and the count, which the last
# line of the output must have
result() {
	f=$said/$1
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$f" | tail -n 1)
	if [ -z "$line" ]; then
		said_last=$(tail -n 20 "$f")
		echo "FAIL $2: exit status $3, and no result
$said_last"
		line="0 passed, 1 failed"
	elif [ "$3" -ne 0 ] && [ "${line#*, }" = "0 failed" ]; then
		grep -Ev '^ok |passed' "$f"
		echo "FAIL $2: exit status $3"
		line="${line%%,*}, 1 failed"
	else
		grep -Ev '^ok |passed' "$f"
	fi
	echo "$line" >"$f.count"
	echo "$2: $line ($4)"
}

# job NAME COMMAND ...: run it, for $limit seconds at most, and say what came
# out
low= limit=1800
job() {
	name=$1
	shift
	file=$(echo "$name" | tr -c 'a-z0-9\n' _)
	cpu "$file" >"$t/$file.before"
	began=$(date +%s)
	$low timeout --foreground -k 60 $limit "$@" >"$said/$file" 2>&1
	status=$?
	took=$(($(date +%s) - began))
	cpu "$file" >"$t/$file.after"
	used=$(($(cat "$t/$file.after") - $(cat "$t/$file.before")))
	result "$file" "$name" $status "$took s, $used of the processor" \
	    >"$t/$file.text"
	# at once, so that chains do not mix their lines
	cat "$t/$file.text"
}

# when_time NAME COMMAND ...: as job, unless it has become late
when_time() {
	minutes=$((($(date +%s) - started) / 60))
	if [ "$minutes" -lt "${MINUTES:-40}" ]; then
		job "$@"
	else
		echo "SKIP $1: this machine is slow, it is minute $minutes;" \
		    "MINUTES=600 leaves out nothing"
	fi
}

# e2e NAME SCRIPT TEST ...: that of regress/e2e, by the means of $as.  A test
# whose time runs out while all the others run, twice, has one more try when it
# is alone; none has it whose daemon ended.
as=
e2e() {
	name=$1
	script=$2
	shift 2
	# shellcheck disable=SC2086
	job "$name" $as $python "regress/e2e/$script.py" "$@"
	[ $status -ne 0 ] || return
	late=
	for x in $(sed -n 's|^AGAIN [a-z0-9_]*/\([a-z0-9_]*\):.*|\1|p' \
	    "$said/$file"); do
		grep -q "^ok   [a-z0-9_]*/$x " "$said/$file" || late="$late $x"
	done
	[ -z "$late" ] || printf '%s\n' "$name" "$as" "$script" "$late" \
	    >"$said/$file.late"
}

# Those tests; what they count as is what comes out now.
alone() {
	for l in "$said"/*.late; do
		[ -e "$l" ] || continue
		{ read -r name; read -r as; read -r script; read -r late; } <"$l"
		awk -v n="$(echo "$late" | wc -w)" '{ printf("%d passed, %d failed\n",
		    $1, $3 - n) }' "${l%.late}.count" >"$t/count"
		mv "$t/count" "${l%.late}.count"
		# shellcheck disable=SC2086
		job "$name, alone" $as $python "regress/e2e/$script.py" $late
	done
	as=
}

# chain FUNCTION: beside all others
chain() {
	{
		"$1"
		: >"$t/ended.$1"
	} &
	chains="$chains $!"
	names="$names $1"
}

# ready NAME: wait until fetch() has come to its end with it, and what it said
ready() {
	while [ ! -e "$t/fetched.$1" ]; do
		kill -0 "$fetching" 2>/dev/null || break
		sleep 1
	done
	[ -e "$t/fetched.$1" ] || echo "it was not fetched" >"$t/fetched.$1"
	[ ! -s "$t/fetched.$1" ]
}

# What comes from elsewhere; packages are installed one after the other.
fetch() {
	for what in browser cross derper kernel; do
		case $what in
		kernel)	dir=regress/e2e/kernel ;;
		cross)	dir= ;;
		*)	dir=out ;;
		esac
		# shellcheck disable=SC2086
		if nice timeout 1200 etc/setup $what $dir >"$said/setup_$what" 2>&1; then
			: >"$t/fetching"
		else
			tail -n 1 "$said/setup_$what" >"$t/fetching"
			[ -s "$t/fetching" ] || echo "no reason given" \
			    >"$t/fetching"
		fi
		mv "$t/fetching" "$t/fetched.$what"
	done
}

# that it is there does not mean that this user may use it
why=
if [ ! -c /dev/net/tun ]; then
	why="no /dev/net/tun"
elif ! (exec 3<>/dev/net/tun) 2>/dev/null; then
	why="/dev/net/tun cannot be opened by this user"
elif ! unshare -Urnm true 2>/dev/null; then
	why="no user namespaces"
fi

SOME="ping download upload half_close refused reset udp ping_one_id blocked show
    secrets control_hostile outer_v6 roaming reload policy_rules sticky_source
    metrics restart peer_new pcap pause stop kill_children overlay socket_path
    wg_set wg_reload"

# An ordinary user, who may not read this folder, has a copy.
ordinary() {
	if [ "$(id -u)" -ne 0 ]; then
		e2e "e2e, unprivileged" e2e
		return
	fi
	mkdir "$t/copy" "$t/copy/wgslirpd" "$t/copy/wgslirpctl" \
	    "$t/copy/regress" "$t/copy/regress/e2e"
	cp wgslirpd/wgslirpd "$t/copy/wgslirpd"
	cp wgslirpctl/wgslirpctl "$t/copy/wgslirpctl"
	cp regress/e2e/*.py "$t/copy/regress/e2e"
	# Debian's is for everybody; have one that surely is
	mknod "$t/copy/tun" c 10 200 && chmod 666 "$t/copy/tun"
	chmod a+rx "$t"
	chmod -R a+rX "$t/copy"
	# without a privilege, what root has all of
	as="env -C $t/copy setpriv --reuid=65534 --regid=65534 --clear-groups"
	# shellcheck disable=SC2086
	e2e "e2e, unprivileged" e2e $SOME
	as=
}

# ---- the chains

# The whole daemon with sanitizers, which has no filter then; and its clock can
# be set.
sanitized() {
	while [ ! -e out/asan/daemon ] && kill -0 "$building" 2>/dev/null; do
		sleep 1
	done
	as="env BUILD=$top/out/asan/gcc"
	e2e "e2e, sanitized" e2e download upload half_close reset udp \
	    outer_v6 roaming reload policy_rules restart peer_new pcap \
	    pause overlay wg_set wg_reload
	e2e e2e/clock clock
	e2e e2e/clocks clocks
	# shellcheck disable=SC2086
	job "e2e/hostile, sanitized" $as $python regress/e2e/hostile.py \
	    crypto slirp control
}

guests() {
	job "e2e/hostile" $python regress/e2e/hostile.py
	[ "$(id -u)" -ne 0 ] || e2e "e2e, daemon as nobody" e2e
	sanitized
}

networks() {
	for n in long router uplink workers many; do
		e2e "e2e/$n" $n
	done
}

others() {
	e2e e2e/paths paths
	ordinary
	# a DERP relay, which somebody else wrote
	ready derper || echo "SKIP derper, for which there is a stand-in:" \
	    "$(cat "$t/fetched.derper")"
	e2e e2e/derp derp
	ready browser || echo "SKIP the page in a browser:" \
	    "$(cat "$t/fetched.browser")"
	e2e e2e/web web
}

# With an analyzer, by both makes, with sanitizers, for another machine by its
# compiler and an emulator, for other systems.  With another libc it takes
# minutes for the libraries: "make cross".
builds() {
	# they have what time the others leave
	limit=3000
	# others wait for the daemon that it builds first
	low="nice -n 5"
	job "sanitizers and fuzzers" regress/fuzz/fuzz.sh out/asan 3 tests
	low="nice -n 19"
	job "house, an analyzer" regress/house/analyze.sh out/analyze
	when_time "house, both makes" regress/house/bmake.sh
	if ready cross; then
		for c in cross zig; do
			when_time "cross/$c" regress/cross/$c.sh out/cross
		done
	else
		echo "SKIP other machines: $(cat "$t/fetched.cross")"
	fi
}

rm -f out/asan/daemon
chain fetch
fetching=$!
chain builds
building=$!
if [ -n "$why" ]; then
	echo "SKIP e2e: $why"
else
	chain guests
	chain networks
	chain others
fi

# ---- what is quick, and does not mind to wait for the processor

low="nice -n 10"

# unit FILE: a program of cmocka's
unit() {
	$low "$1" >"$t/log" 2>&1
	status=$?
	grep -E 'FAILED|ERROR|LINE' "$t/log"
	p=$(grep -c '^\[       OK \]' "$t/log")
	f=$(grep -c '^\[  FAILED  \] [a-z_0-9]*$' "$t/log")
	# each failure is listed twice
	echo "$p passed, $(((f + 1) / 2)) failed"
	return $status
}

for u in regress/unit/test_*.t; do
	n=${u##*/}
	began=$(date +%s)
	unit "$u" >"$said/unit_${n%.t}" 2>&1
	result "unit_${n%.t}" "unit/${n%.t}" $? \
	    "$(($(date +%s) - began)) s"
done

# with the files of the Wycheproof project in a folder
if [ -n "${WYCHEPROOF:-}" ]; then
	job wycheproof sh -c '"$1" regress/unit/wycheproof.py "$2" >"$3" &&
	    regress/unit/vectors.t <"$3"' sh $python "$WYCHEPROOF" "$t/vectors"
fi

job "simulators" regress/sim/run.sh
job "house, the walls" $python regress/house/house.py
job config regress/config/run.sh
job "files for containers" $python regress/deploy/deploy.py
job sandbox regress/sandbox/test_sandbox.t
job "fuzzers behind filters" regress/fuzz/filters.sh
if command -v mandoc >/dev/null; then
	job man regress/house/man.sh
fi
job "examples of the pages" $python regress/house/pages.py
[ -n "$why" ] || job "e2e/memcheck" regress/e2e/memcheck.sh out/memcheck
low=
job "guests without an interface" $python regress/guest/notun.py

for c in $chains; do
	[ "$c" -eq $building ] || wait "$c"
done

# ---- what should be alone, but for what is built

low=
if [ -z "$why" ]; then
	alone
	# what an honest guest notices
	job "e2e/faults" $python regress/e2e/faults.py
fi

# Linux's own WireGuard, where QEMU and Debian's kernel can be had
kernel=regress/e2e/kernel
if [ -n "$why" ]; then
	echo "SKIP kernel: $why"
elif ! ready kernel || ! command -v qemu-system-x86_64 >/dev/null; then
	echo "SKIP kernel: no QEMU or no kernel package here:" \
	    "$(cat "$t/fetched.kernel")"
else
	job "kernel's WireGuard" $python regress/e2e/kernel.py "$kernel"
	if [ "$(id -u)" -eq 0 ] && command -v dpkg-shlibdeps >/dev/null &&
	    etc/debian/build "$t/deb" >"$t/log" 2>&1; then
		# a slow machine takes half an hour for it
		MINUTES=$((${MINUTES:-40} * 3 / 4))
		when_time "the package in a booted system" $python \
		    regress/deploy/boot.py "$kernel" "$t"/deb/wgslirpd_*.deb
	else
		echo "SKIP the package in a booted system: not root, or no" \
		    "dpkg-dev: $(tail -n 1 "$t/log")"
	fi
fi

wait $building
for c in $names; do
	if [ ! -e "$t/ended.$c" ]; then
		echo "FAIL the chain of $c has not come to its end"
		echo "0 passed, 1 failed" >"$said/chain_$c.count"
	fi
done
cat "$said"/*.count | awk '{ p += $1; f += $3 } END {
	printf("%d passed, %d failed\n", p, f); exit f > 0 }'
