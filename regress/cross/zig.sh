#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Build for systems that Debian has no compiler for: the compiler is clang as
# the ziglang package of PyPI has it, with those systems' own headers and libc.
# Of the libraries that they have in ports there are the headers that are
# installed here, and libraries with the names alone that those here export;
# OpenBSD's libcrypto and libssl are LibreSSL's: for them there are headers of
# ours and the names that LibreSSL exports, as far as we need them.  So a program
# is linked, and it is known that all of it is there; it is not run.
#
# usage: zig.sh DIR
set -u

cd "$(dirname "$0")/../.." || exit 1
. regress/cross/lib.sh "${1:-out/cross}"
zig_version=0.17.1
# nothing of it is run
fast="-O0 -fno-sanitize=all"
libressl="-isystem regress/libressl/include"

# The compiler, in a folder of ours.
get_zig() {
	[ ! -x "$dir/zig/bin/zigcc" ] || return 0
	rm -rf "$dir/zig"
	/usr/bin/python3 -m venv "$dir/zig" >/dev/null 2>&1 &&
	    "$dir/zig/bin/pip" install -q --disable-pip-version-check \
	    "ziglang==$zig_version" >"$dir/zig.log" 2>&1 || return 1
	for t in cc ar ranlib; do
		printf '#!/bin/sh\nexec %s %s "$@"\n' \
		    "$dir"/zig/lib/python3*/site-packages/ziglang/zig \
		    $t >"$dir/zig/bin/zig$t"
		chmod +x "$dir/zig/bin/zig$t"
	done
}

# Headers that are the same for all machines with 64 bits.
headers() {
	rm -rf "$dir/ports"
	mkdir -p "$dir/ports"
	for h in event2 sodium sodium.h qrencode.h png.h pngconf.h \
	    pnglibconf.h zlib.h zconf.h http_parser.h; do
		for d in /usr/include "/usr/include/$(gcc -print-multiarch)"; do
			[ ! -e "$d/$h" ] || ln -sf "$d/$h" "$dir/ports/$h"
		done
		[ -e "$dir/ports/$h" ] || return 1
	done
}

# stub TARGET LIBRARY: what it exports, whose names come by stdin, without code
stub() {
	sed 's/.*/void &(void); void &(void) {}/' >"$dir/$1/$2.c" &&
	    "$dir/zig/bin/zigcc" -target "$1" -fno-builtin -w -shared \
	    -o "$dir/$1/lib/lib$2.so" "$dir/$1/$2.c"
}

libraries() {
	mkdir -p "$dir/$1/lib"
	for l in crypto ssl; do
		sed -n "s/^$l //p" regress/cross/libressl.names | stub "$1" $l ||
		    return 1
	done
	for l in event_core sodium qrencode png16 http_parser; do
		nm -D --defined-only "$(gcc -print-file-name=lib$l.so)" |
		    awk '$2 ~ /[A-Z]/ && $3 !~ /^_/ && $2 != "A" {
			sub(/@.*/, "", $3); print $3 }' | sort -u |
		    stub "$1" $l || return 1
	done
}

openbsd() {
	target=$1
	libraries "$target" && copy_tree "$target" || { bad "$target"; return; }
	if ! make -s -j2 -C "$dir/$target/src" PLATFORM=openbsd \
	    SYNC_PROG= GUEST_T= OPT="$fast" CC="$dir/zig/bin/zigcc -target $target" \
	    DEFS_openbsd="-isystem $dir/ports $libressl" \
	    LDFLAGS="-pie -L$dir/$target/lib" \
	    wgslirpd/wgslirpd wgslirpctl/wgslirpctl \
	    >"$dir/$target/log" 2>&1; then
		grep -E 'error|undefined' "$dir/$target/log" | head -n 5
		bad "$target, does not build"
		return
	fi
	for p in wgslirpd wgslirpctl; do
		case $(readelf -hW "$dir/$target/src/$p/$p") in
		*DYN*)	ok ;;
		*)	bad "$target, $p is not position-independent" ;;
		esac
	done
	echo "cross/$target: built and linked, not run"
}

# Systems without the platform files: what is no platform's compiles.
portable() {
	target=$1
	copy_tree "$target"
	objs=$(make -s CRYPTO_LIB=libressl print-portable)
	if ! make -s -j2 -C "$dir/$target/src" PLATFORM=openbsd \
	    OPT="$fast" CC="$dir/zig/bin/zigcc -target $target" \
	    DEFS_openbsd="-include regress/cross/libbsd.h -isystem $dir/ports $libressl" \
	    $objs >"$dir/$target/log" 2>&1; then
		grep error "$dir/$target/log" | head -n 5
		bad "$target, does not compile"
		return
	fi
	ok
	echo "cross/$target: the protocol engines compile"
}

if ! get_zig; then
	echo "SKIP cross: no ziglang $zig_version here"
	finish
fi
if ! headers; then
	bad "headers of the libraries"
	finish
fi
openbsd x86_64-openbsd
openbsd aarch64-openbsd
portable x86_64-freebsd
portable x86_64-netbsd
finish
