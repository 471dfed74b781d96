# SPDX-License-Identifier: ISC
#
# What the scripts for other systems have in common.  Sourced, in the top folder
# of the tree, with the folder where everything is put.
dir=$1
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
passed=0 failed=0

ok() {
	passed=$((passed + 1))
}

bad() {
	failed=$((failed + 1))
	echo "FAIL cross/$1"
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# The sources of the libraries, of this Debian.
get_sources() {
	[ ! -e "$dir/src/done" ] || return 0
	rm -rf "$dir/src"
	mkdir -p "$dir/src/lists/partial"
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
	    grep '/debian/*$' | head -n 1)
	echo "deb-src ${mirror:-http://deb.debian.org/debian} $release main" \
	    >"$dir/src/list"
	set -- -o Dir::Etc::sourcelist="$dir/src/list" \
	    -o Dir::Etc::sourceparts=/dev/null \
	    -o Dir::State::lists="$dir/src/lists" -o Debug::NoLocking=1 \
	    -o APT::Sandbox::User=root
	(cd "$dir/src" && apt-get "$@" update -q && apt-get "$@" source \
	    --tar-only --download-only -q libevent libsodium qrencode \
	    libpng1.6 http-parser zlib openssl libbsd libmd cmocka) >"$dir/src.log" 2>&1 || return 1
	rm -rf "$dir/src/lists"
	: >"$dir/src/done"
}

# The tree as it is committed or about to be, in a target's src/.
copy_tree() {
	rm -rf "${dir:?}/$1/src"
	mkdir -p "$dir/$1/src"
	git ls-files -z | xargs -0 tar cf - 2>/dev/null |
	    tar xf - -C "$dir/$1/src"
}

# One library by its configure script: folder, what "make" makes, options.  The
# shell that is quickest with such scripts.
configured() {
	d=$1 what=$2
	shift 2
	cd "$b"/$d && CONFIG_SHELL=/bin/sh /bin/sh ./configure -q \
	    --host="$host" --prefix="$root" --disable-shared "$@" &&
	    make -s $what
}

# The libraries that all of them need, each from $b, where its source is
# unpacked, to $root: with $CC, $AR and $RANLIB, for $host.
libevent() {
	configured 'libevent-*' 'include/event2/event-config.h libevent_core.la' \
	    --disable-openssl --disable-samples --disable-libevent-regress \
	    --disable-thread-support --disable-debug-mode &&
	    cp -r include/event2 "$root/include" &&
	    cp .libs/libevent_core.a "$root/lib"
}

qrencode() {
	configured 'qrencode-*' libqrencode.la --without-tools &&
	    cp qrencode.h "$root/include" &&
	    cp .libs/libqrencode.a "$root/lib"
}

libpng() {
	(cd "$b"/zlib-* && CHOST=$host ./configure --static && make -s libz.a &&
	    cp libz.a "$root/lib" && cp zlib.h zconf.h "$root/include") &&
	    configured 'libpng-*' 'pnglibconf.h libpng16.la' \
	    CPPFLAGS="-I$root/include" LDFLAGS="-L$root/lib" &&
	    cp png.h pngconf.h pnglibconf.h "$root/include" &&
	    cp .libs/libpng16.a "$root/lib"
}

http_parser() {
	cd "$b"/http-parser-* && $CC -O2 -c http_parser.c &&
	    $AR rc "$root/lib/libhttp_parser.a" http_parser.o &&
	    cp http_parser.h "$root/include"
}

# its configure script is not in the source package
libsodium() {
	cd "$b"/libsodium-* &&
	    cp builds/msvc/version.h src/libsodium/include/sodium &&
	    find src/libsodium -name '*.c' | xargs -P 2 -n 16 $CC -O1 -w -c \
	    -DCONFIGURED -DNATIVE_LITTLE_ENDIAN -DHAVE_ARC4RANDOM \
	    -Isrc/libsodium/include/sodium -Isrc/libsodium/include &&
	    $AR rc "$root/lib/libsodium.a" ./*.o &&
	    cp -r src/libsodium/include/sodium.h src/libsodium/include/sodium \
	    "$root/include"
}

# make_libraries FUNCTION ...: all at once, for their scripts wait a lot.  What
# the first that failed said is in $b/log then.
make_libraries() {
	for t in "$dir"/src/*.orig.tar.*; do
		tar xf "$t" -C "$b" || return 1
	done
	running=
	for l in libevent qrencode libpng http_parser libsodium "$@"; do
		("$l") >"$b/log.$l" 2>&1 &
		running="$running $l:$!"
	done
	bad_library=
	for l in $running; do
		wait "${l#*:}" || bad_library=${bad_library:-${l%:*}}
	done
	[ -z "$bad_library" ] || cp "$b/log.$bad_library" "$b/log"
	[ -z "$bad_library" ]
}
