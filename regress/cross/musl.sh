#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Build against musl, with Debian's wrapper of gcc and libraries made from
# Debian's source packages, and run the unit tests and the tests of the sandbox:
# another libc makes other system calls.
#
# usage: musl.sh DIR
set -u

cd "$(dirname "$0")/../.." || exit 1
. regress/cross/lib.sh "${1:-out/cross}"
target=$(uname -m)-linux-musl
root=$dir/$target/root b=$dir/$target/build host=$target
# the kernel's headers are those of this system, and nothing else of it
CC="musl-gcc -idirafter $dir/$target/kernel"
AR=ar RANLIB=ranlib
export CC AR RANLIB

# No part of libcrypto that nobody asks for: it would take minutes.
openssl() {
	cd "$b"/openssl-* && ./Configure "linux-$(uname -m)" no-shared \
	    no-tests no-dso no-engine no-async no-legacy no-comp no-cms \
	    no-ocsp no-ts no-srp no-psk no-dtls no-ct no-idea no-rc2 no-rc4 \
	    no-rc5 no-camellia no-aria no-seed no-bf no-cast no-des no-sm2 \
	    no-sm3 no-sm4 no-md4 no-mdc2 no-whirlpool no-rmd160 no-gost \
	    no-scrypt no-siphash no-ssl3 no-tls1 no-tls1_1 \
	    CFLAGS="-O0 -w" &&
	    make -s -j2 build_generated libcrypto.a libssl.a &&
	    cp libcrypto.a libssl.a "$root/lib" &&
	    cp -r include/openssl "$root/include"
}

bsd() {
	(configured 'libmd-*' install) && configured 'libbsd-*' install \
	    CPPFLAGS="-I$root/include" LDFLAGS="-L$root/lib" &&
	    # a script for the linker that names a library which is not made
	    rm -f "$root/lib/libbsd.so"
}

cmocka() {
	cd "$b"/cmocka-* && $CC -O2 -w -Iinclude -D_GNU_SOURCE \
	    -DHAVE_CLOCK_GETTIME -DHAVE_STRUCT_TIMESPEC -DHAVE_SIGNAL_H \
	    -DHAVE_STRINGS_H -DHAVE_INTTYPES_H -DHAVE_STDINT_H \
	    -DHAVE_STRSIGNAL -c src/cmocka.c &&
	    $AR rc "$root/lib/libcmocka.a" cmocka.o &&
	    cp include/cmocka*.h "$root/include"
}

libraries() {
	[ ! -e "$dir/$target/done" ] || return 0
	rm -rf "${dir:?}/$target"
	mkdir -p "$root/include" "$root/lib" "$b" "$dir/$target/kernel"
	ln -s /usr/include/linux /usr/include/asm-generic \
	    "/usr/include/$(gcc -print-multiarch)/asm" "$dir/$target/kernel"
	make_libraries bsd cmocka openssl || return 1
	rm -rf "$b"
	: >"$dir/$target/done"
}

if ! command -v musl-gcc >/dev/null; then
	echo "SKIP cross/$target: no musl-gcc"
	finish
fi
if ! get_sources; then
	echo "SKIP cross/$target: no source packages here"
	finish
fi
if ! libraries; then
	tail -n 5 "$b/log"
	bad "$target, its libraries"
	finish
fi
copy_tree "$target"
cd "$dir/$target/src" || exit 1
# test_dns compares with a reader of names that musl has not; test_libressl is of
# another libcrypto
units=$(make -s print-units | tr ' ' '\n' |
    grep -v -e test_dns.t -e test_libressl.t -e vectors.t)
sandbox=regress/sandbox/test_sandbox.t
# shellcheck disable=SC2086
if ! make -s -j2 SYNC_PROG= GUEST_T= CC="$CC" LIBC_linux="-lbsd -lmd" \
    DEFS_linux="-D_GNU_SOURCE -DLIBBSD_OVERLAY -isystem $root/include/bsd -isystem $root/include -Icommon/compat" \
    LDFLAGS="-pie -L$root/lib" LIBS_PNG="-lpng16 -lz -lm" \
    wgslirpd/wgslirpd wgslirpctl/wgslirpctl $units \
    "$sandbox" >"$dir/$target/log" 2>&1; then
	grep -E 'error|undefined' "$dir/$target/log" | head -n 5
	bad "$target, does not build"
	finish
fi
ok
for t in $units; do
	if timeout 600 "$t" >"$dir/$target/out" 2>&1; then
		ok
	else
		grep -E 'ERROR|LINE|FAILED' "$dir/$target/out" | head -n 4
		bad "$target, ${t##*/}"
	fi
done
if "$sandbox" >"$dir/$target/out" 2>&1; then
	ok
else
	grep FAIL "$dir/$target/out" | head -n 5
	bad "$target, sandbox"
fi
echo "cross/$target: built; unit and sandbox tests run"
finish
