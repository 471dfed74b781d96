#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What the simulators have to show.  usage: run.sh
cd "$(dirname "$0")/../.." || exit 1
t=$(mktemp) || exit 1
trap 'rm -f "$t"' EXIT
p=0 f=0

good() {
	p=$((p + 1))
}

# bad WHAT ...
bad() {
	f=$((f + 1))
	echo "FAIL $*"
}

# sim NAME SEEDS: one test, however many seeds it has
sim() {
	if "regress/sim/$1.t" 1 "$2" >"$t" 2>&1; then
		good
	else
		cat "$t"
		bad "sim/$1, $2 seeds"
	fi
}
sim sim_tcp 300
sim sim_wg 12

# an engine that is late all the time fills the path all the same; the clock
# is the simulator's
for late in '8 4 0' '2 2 0' '4 4 0' '0 0 3' '20 5 0'; do
	# shellcheck disable=SC2086
	out=$(regress/sim/sim_tcp.t -g bbr 20 0 200 1000 10 1 $late)
	rate=${out#*: }
	rate=${rate%%.*}
	if [ "$rate" -ge 160 ]; then
		good
	else
		bad "sim_tcp, late by $late: $out"
	fi
done

# flows that share a path: how evenly (Jain's index), how much is sent for what
# arrives (0.04 of it are headers), what is left to CUBIC beside BBR, and what
# random loss leaves of the rate
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
		good
	else
		bad "sim_tcp, shared $want: $out"
	fi
}
shared 1.14 0.9 0 90 bbr 20 0 100 100 20 4
shared 1.14 0.9 0 90 bbr 20 0 100 100 20 8
shared 1.14 0.9 0 90 bbr 20 0 100 30 20 8
shared 1.14 0.9 0 90 bbr 20 0 100 2000 20 4
shared 1.14 0.77 24 90 bbr,cubic 18,20,22 0 100 90,110 60 2
shared 1.14 0.8 33 90 bbr,cubic 20 0 100 250 60 2
shared 1.14 0.8 33 90 bbr,cubic 20 0 100 500 60 2
shared 1.14 0 0 90 bbr 20 10 100 250 20
shared 1.14 0 0 80 bbr 20 50 100 250 20

# of 100 gateways ten die: what one of the others sees, which knows so many
# clients, and to which some of theirs come; and 100,000 connections of one
for what in 'fail 111 20000' 'fail 111 20000 idle' 'fail 1000 2000' many; do
	# shellcheck disable=SC2086
	set -- $what
	prog=$1
	shift
	if "regress/sim/sim_$prog.t" "$@" >"$t" 2>&1; then
		good
	else
		grep FAIL "$t"
		bad "sim/sim_$what"
	fi
done
echo "$p passed, $f failed"
[ "$f" -eq 0 ]
