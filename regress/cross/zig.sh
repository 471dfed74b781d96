#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Build for systems that Debian has no compiler for: the compiler is clang as
# the ziglang package of PyPI has it, with those systems' own headers and libc.
# The libraries that they have in ports are built from Debian's source packages.
# OpenBSD's libcrypto and libssl are LibreSSL's: for them there are headers of
# ours and a library with no more than the names that LibreSSL exports, as far
# as we need them, so that a program is linked and not run.
#
# usage: zig.sh DIR
set -u

cd "$(dirname "$0")/../.." || exit 1
. regress/cross/lib.sh "${1:-out/cross}"
zig_version=0.17.1
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

# The libraries for a target, in its folder's root/.
libraries() {
	target=$1 root=$dir/$1/root b=$dir/$1/build
	host=$(echo "$target" | sed 's/-/-unknown-/')
	[ ! -e "$dir/$target/done" ] || return 0
	rm -rf "${dir:?}/$target"
	mkdir -p "$root/include" "$root/lib" "$b"
	CC="$dir/zig/bin/zigcc -target $target" AR=$dir/zig/bin/zigar
	RANLIB=$dir/zig/bin/zigranlib
	export CC AR RANLIB
	common_libraries || return 1
	: >"$dir/$target/done"
	rm -rf "$b"
}

# What LibreSSL exports and we need, without anything in it.
stub() {
	for lib in crypto ssl; do
		sed -n "s/^$lib \(.*\)/void \1(void); void \1(void) {}/p" \
		    regress/cross/libressl.names >"$dir/$1/$lib.c"
		"$dir/zig/bin/zigcc" -target "$1" -fno-builtin -shared \
		    -o "$dir/$1/root/lib/lib$lib.so" "$dir/$1/$lib.c" ||
		    return 1
	done
}

openbsd() {
	target=$1
	if ! libraries "$target"; then
		tail -n 5 "$dir/$target/build/log"
		bad "$target, its libraries"
		return
	fi
	stub "$target" && copy_tree "$target" || { bad "$target"; return; }
	if ! make -s -j2 -C "$dir/$target/src" PLATFORM=openbsd \
	    SYNC_PROG= GUEST_T= CC="$dir/zig/bin/zigcc -target $target" \
	    DEFS_openbsd="-isystem $dir/$target/root/include $libressl" \
	    LDFLAGS="-pie -L$dir/$target/root/lib" LIBS_PNG="-lpng16 -lz -lm" \
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
	    CC="$dir/zig/bin/zigcc -target $target" \
	    DEFS_openbsd="-include regress/cross/libbsd.h -isystem $dir/x86_64-openbsd/root/include $libressl" \
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
if ! get_sources; then
	echo "SKIP cross: no source packages here"
	finish
fi
openbsd x86_64-openbsd
openbsd aarch64-openbsd
portable x86_64-freebsd
portable x86_64-netbsd
finish
