#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Build for other machines, and run the unit tests there by an emulator: what
# they need comes from Debian's packages for them, unpacked into DIR, and nothing
# is installed.  Prints a line for each target: run, built, or why neither.
#
# usage: cross.sh DIR
set -u

cd "$(dirname "$0")/../.." || exit 1
top=$PWD
. regress/cross/lib.sh "${1:-out/cross}"

# Debian's packages for another machine: its libraries and their headers.
sysroot() {
	arch=$1
	[ ! -e "$dir/$arch/done" ] || return 0
	rm -rf "${dir:?}/$arch"
	mkdir -p "$dir/$arch/lists/partial" "$dir/$arch/cache/archives/partial" \
	    "$dir/$arch/root" "$dir/$arch/debs"
	: >"$dir/$arch/status"
	set -- -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
	    -o Dir::State::lists="$dir/$arch/lists" \
	    -o Dir::State::status="$dir/$arch/status" \
	    -o Dir::Cache="$dir/$arch/cache" -o Debug::NoLocking=1 \
	    -o APT::Sandbox::User=root
	apt-get "$@" update -q >/dev/null 2>&1 || return 1
	# shellcheck disable=SC2046
	(cd "$dir/$arch/debs" && apt-get "$@" download -q $(apt-cache "$@" \
	    depends --recurse --no-recommends --no-suggests --no-conflicts \
	    --no-breaks --no-replaces --no-enhances libc6-dev libevent-dev \
	    libbsd-dev libssl-dev libsodium-dev libqrencode-dev libpng-dev \
	    libhttp-parser-dev libcmocka-dev | grep '^[a-z]' | sort -u)) \
	    >/dev/null 2>&1 || return 1
	for deb in "$dir/$arch"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/$arch/root" || return 1
	done
	rm -rf "$dir/$arch/debs" "$dir/$arch/lists" "$dir/$arch/cache"
	: >"$dir/$arch/done"
}

# Where the order and alignment of bytes, atomic numbers and the compiler
# matter; what is left out takes minutes, or needs the kernel (test_steer).
# EMULATED has single tests leave out what the emulator does otherwise.
emulated="test_blake2s.t test_common.t test_derp.t test_dns.t test_ip.t
    test_msg.t test_noise.t test_proc.t test_slirp.t test_tcp.t test_wg.t test_workers.t"

# One machine: Debian's name, the compiler's, the emulator.
linux() {
	arch=$1 cc=$2-gcc qemu=$3
	if ! command -v "$cc" >/dev/null; then
		echo "SKIP cross/$arch: no $cc"
		return
	fi
	if ! sysroot "$arch"; then
		echo "SKIP cross/$arch: no packages for it here"
		return
	fi
	root=$dir/$arch/root
	copy_tree "$arch"
	cd "$dir/$arch/src" || return
	# shellcheck disable=SC2086
	units=$(make -s print-units | tr ' ' '\n' |
	    grep -E "/($(echo $emulated | tr ' ' '|'))\$")
	defs="-D_GNU_SOURCE -DLIBBSD_OVERLAY"
	defs="$defs -isystem $root/usr/include/bsd -Icommon/compat"
	# shellcheck disable=SC2086
	if ! make -s -j2 wgslirpd/wgslirpd wgslirpctl/wgslirpctl $units \
	    SYNC_PROG= GUEST_T= OPT=-O1 CC="$cc --sysroot=$root" \
	    CPP_DEFS="$defs" >"$dir/$arch/log" 2>&1; then
		tail -n 5 "$dir/$arch/log"
		bad "$arch, does not build"
		return
	fi
	ok
	if ! command -v "$qemu" >/dev/null; then
		echo "cross/$arch: built; no $qemu to run it"
		return
	fi
	for t in $units; do
		if EMULATED=1 timeout 600 "$qemu" -L "$root" "$t" \
		    >"$dir/$arch/out" 2>&1; then
			ok
		else
			grep -E 'ERROR|LINE|FAILED' "$dir/$arch/out" | head -n 4
			bad "$arch, ${t##*/}"
		fi
	done
	echo "cross/$arch: built, unit tests run"
	cd "$top" || exit 1
}

linux arm64 aarch64-linux-gnu qemu-aarch64-static
finish
