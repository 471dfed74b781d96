# POSIX make with "!=" and "-include"; GNU make and bmake both take it.
#
# Sources are listed once for each folder.  INC_<folder> is what a folder
# may include besides itself; the compiler writes down what each object
# was made from (-MMD), so that a touched header makes only what needs it.

PREFIX =	/usr/local
SBINDIR =	$(PREFIX)/sbin
MANDIR_linux =	$(PREFIX)/share/man
MANDIR_openbsd =	$(PREFIX)/man
MANDIR =	$(MANDIR_$(PLATFORM))
SYSCONFDIR =	/etc
RCDIR =		/etc/rc.d
UNITDIR =	$(PREFIX)/lib/systemd/system
USERUNITDIR =	$(PREFIX)/lib/systemd/user
BASHDIR =	$(PREFIX)/share/bash-completion/completions

CC =		cc
YACC_linux =	byacc
YACC_openbsd =	yacc
YACC =		$(YACC_$(PLATFORM))
PLATFORM !=	uname -s | tr A-Z a-z

# of the parser generator's making, and no fault of the grammar's
WARN_parse.o =	-Wno-unused-but-set-variable

WARN =		-Wall -Wextra -Werror -Wshadow -Wpointer-arith \
		-Wstrict-prototypes -Wmissing-prototypes \
		-Wmissing-declarations -Wwrite-strings -Wundef \
		-Wformat=2 -Wcast-qual -Wsign-compare
HARDEN =	-fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
		-fno-strict-aliasing
OPT =		-O2 -g
# What a system needs beside the language, and what it has in its libc.
DEFS_linux =	-D_GNU_SOURCE -DLIBBSD_OVERLAY -isystem /usr/include/bsd \
		-Icommon/compat
DEFS_openbsd =	-isystem /usr/local/include
CPP_DEFS =	$(DEFS_$(PLATFORM))
IMSG_linux =	common/compat/imsg-buffer.o common/compat/imsg.o
LIBC_linux =	-lbsd
LIBC_openbsd =	-lutil
LIBC =		$(LIBC_$(PLATFORM))
CFLAGS =	$(OPT) -std=c11 $(WARN) $(HARDEN) $(CPP_DEFS)
LDFLAGS_openbsd =	-L/usr/local/lib
LDFLAGS =	-pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS_$(PLATFORM))

LIBS_D =	-levent_core -lhttp_parser -lssl -lcrypto -lsodium -lqrencode $(LIBC)
# where libpng is a static library, what it needs too
LIBS_PNG =	-lpng16
LIBS_CTL =	-lcrypto -lsodium -lqrencode $(LIBS_PNG) $(LIBC)

# What the files of a folder may include from elsewhere, in quotes.
INC_wgslirpd/proc =		-iquote wgslirpd/msg
INC_process =			-iquote wgslirpd/msg -iquote wgslirpd/proc
INC_wgslirpd/parent =		$(INC_process)
INC_wgslirpd/crypto =		$(INC_process)
INC_wgslirpd/slirp =		$(INC_process) -iquote wgslirpd/slirp/net
INC_wgslirpd/slirp/net =	-iquote wgslirpd/msg
INC_wgslirpd/slirp/tcp =	-iquote wgslirpd/msg -iquote wgslirpd/slirp/net
INC_wgslirpd/control =		$(INC_process)
INC_wgslirpd/derp =		$(INC_process)
INC_wgslirpd/files =		$(INC_process)
INC_wgslirpd/web =		$(INC_process)
INC_wgslirp-sync =		$(PQ_CFLAGS)
# The tests see everything, each with the folder that it is in.
INC_tests =			-iquote wgslirpd -iquote wgslirpd/msg \
				-iquote wgslirpd/proc -iquote wgslirpd/slirp/net \
				-iquote regress/lib
INC_regress/bench =		$(INC_tests)
INC_regress/fuzz =		$(INC_tests)
INC_regress/guest =		$(INC_tests) $(LWIP_CFLAGS)
INC_regress/hostile =	$(INC_tests)
INC_regress/lib =		$(INC_tests)
INC_regress/libressl =		-isystem regress/libressl/include \
				-iquote wgslirpd -iquote wgslirpd/crypto/wg
INC_regress/sim =		$(INC_tests)
INC_regress/unit =		$(INC_tests)

# What both programs link.
COMMON =	common/addr.o $(IMSG_$(PLATFORM)) common/ctl.o common/json.o common/key.o \
		common/log.o common/ometric.o

# The peers' own files, for whoever makes and changes them.
PEERDIR =	common/keypair.o common/peerdir.o common/peerdir_addr.o \
		common/peerdir_ask.o common/peerdir_base.o common/peerdir_file.o \
		common/peerdir_text.o

# What only the daemon does, from bottom to top.
BASE =		common/pktq.o common/sandbox_$(PLATFORM).o \
		common/shm_$(PLATFORM).o common/siphash.o common/wheel.o \
		common/zone.o

# What the processes may say to each other, and what each is made of.
MSG =		wgslirpd/msg/check.o wgslirpd/msg/tcpconf.o
PROC =		wgslirpd/proc/linkio.o wgslirpd/proc/nap.o wgslirpd/proc/proc.o \
		wgslirpd/proc/tcpopt_$(PLATFORM).o \
		wgslirpd/proc/tell.o wgslirpd/proc/trim.o
HTTPD =		wgslirpd/proc/httpd.o

PARENT =	wgslirpd/parent/check.o wgslirpd/parent/children.o \
		wgslirpd/parent/config.o wgslirpd/parent/derp.o \
		wgslirpd/parent/directive.o wgslirpd/parent/dns.o \
		wgslirpd/parent/egress.o wgslirpd/parent/uplink.o \
		wgslirpd/parent/place.o \
		wgslirpd/parent/ports.o wgslirpd/parent/ways.o wgslirpd/parent/files.o \
		wgslirpd/parent/env.o wgslirpd/parent/handover.o \
		wgslirpd/parent/lex.o wgslirpd/parent/listen.o \
		wgslirpd/parent/localaddrs_$(PLATFORM).o \
		wgslirpd/parent/main.o wgslirpd/parent/parse.o \
		wgslirpd/parent/print.o wgslirpd/parent/probe.o \
		wgslirpd/parent/reload.o \
		wgslirpd/parent/rulemaker.o \
		wgslirpd/parent/rules.o wgslirpd/parent/send.o wgslirpd/parent/state.o \
		wgslirpd/parent/self_$(PLATFORM).o wgslirpd/parent/show.o \
		wgslirpd/parent/sockopt_$(PLATFORM).o \
		wgslirpd/parent/steer_$(PLATFORM).o \
		wgslirpd/parent/endpoint.o wgslirpd/parent/guess.o wgslirpd/parent/notify.o \
		wgslirpd/parent/value.o \
		wgslirpd/parent/watch.o wgslirpd/parent/watchdog.o \
		wgslirpd/parent/web.o \
		wgslirpd/parent/wgset.o

# openssl or libressl: whose libcrypto it is
CRYPTO_linux =	openssl
CRYPTO_openbsd =	libressl
CRYPTO_LIB =	$(CRYPTO_$(PLATFORM))
WG_libressl =	common/blake2s.o
WG_REST =	wgslirpd/crypto/wg/allowedips.o \
		wgslirpd/crypto/wg/cookie.o wgslirpd/crypto/wg/device.o \
		wgslirpd/crypto/wg/identity.o wgslirpd/crypto/wg/index.o \
		wgslirpd/crypto/wg/kdf.o \
		wgslirpd/crypto/wg/limit.o wgslirpd/crypto/wg/noise.o \
		wgslirpd/crypto/wg/output.o wgslirpd/crypto/wg/overlay.o \
		wgslirpd/crypto/wg/peer.o wgslirpd/crypto/wg/replay.o \
		wgslirpd/crypto/wg/timers.o
WG =		wgslirpd/crypto/wg/aead_$(CRYPTO_LIB).o $(WG_$(CRYPTO_LIB)) \
		$(WG_REST)

CRYPTO =	wgslirpd/crypto/across.o wgslirpd/crypto/around.o \
		wgslirpd/crypto/change.o wgslirpd/crypto/clock.o \
		wgslirpd/crypto/config.o wgslirpd/crypto/endpoint.o \
		wgslirpd/crypto/links.o \
		wgslirpd/crypto/main.o wgslirpd/crypto/queue.o \
		wgslirpd/crypto/relay.o \
		wgslirpd/crypto/show.o wgslirpd/crypto/sockets.o \
		wgslirpd/crypto/state.o wgslirpd/crypto/steer.o \
		wgslirpd/crypto/udpio.o wgslirpd/crypto/udpsys_$(PLATFORM).o

NET =		wgslirpd/slirp/net/cksum.o wgslirpd/slirp/net/egress.o \
		wgslirpd/slirp/net/engine.o \
		wgslirpd/slirp/net/error.o wgslirpd/slirp/net/frag.o \
		wgslirpd/slirp/net/icmp.o wgslirpd/slirp/net/ip.o \
		wgslirpd/slirp/net/out.o wgslirpd/slirp/net/peer.o \
		wgslirpd/slirp/net/policy.o wgslirpd/slirp/net/rate.o \
		wgslirpd/slirp/net/remotes.o wgslirpd/slirp/net/slirp.o \
		wgslirpd/slirp/net/table.o wgslirpd/slirp/net/turns.o \
		wgslirpd/slirp/net/udp.o wgslirpd/slirp/net/udpfwd.o \
		wgslirpd/slirp/net/udpout.o wgslirpd/slirp/net/udpports.o \
		wgslirpd/slirp/net/uplink.o

TCP =		wgslirpd/slirp/tcp/cc.o wgslirpd/slirp/tcp/cc_bbr.o \
		wgslirpd/slirp/tcp/cc_cubic.o wgslirpd/slirp/tcp/cc_reno.o \
		wgslirpd/slirp/tcp/ccset.o wgslirpd/slirp/tcp/end.o \
		wgslirpd/slirp/tcp/loss.o wgslirpd/slirp/tcp/open.o \
		wgslirpd/slirp/tcp/output.o wgslirpd/slirp/tcp/pace.o \
		wgslirpd/slirp/tcp/parse.o wgslirpd/slirp/tcp/rcv.o \
		wgslirpd/slirp/tcp/rcvq.o wgslirpd/slirp/tcp/segment.o \
		wgslirpd/slirp/tcp/sendq.o wgslirpd/slirp/tcp/splice.o \
		wgslirpd/slirp/tcp/tcb.o \
		wgslirpd/slirp/tcp/tcp.o wgslirpd/slirp/tcp/timewait.o

SLIRP =		wgslirpd/slirp/far.o wgslirpd/slirp/blocklist.o wgslirpd/slirp/config.o wgslirpd/slirp/dnscache.o \
		wgslirpd/slirp/dnsmsg.o wgslirpd/slirp/dnsrr.o \
		wgslirpd/slirp/fds.o \
		wgslirpd/slirp/forward.o wgslirpd/slirp/fwdudp.o \
		wgslirpd/slirp/health.o \
		wgslirpd/slirp/hostflow.o \
		wgslirpd/slirp/hostfd_$(PLATFORM).o \
		wgslirpd/slirp/hostproxy.o wgslirpd/slirp/hostsock.o \
		wgslirpd/slirp/httpconnect.o \
		wgslirpd/slirp/judge.o wgslirpd/slirp/listener.o \
		wgslirpd/slirp/lookup.o \
		wgslirpd/slirp/main.o wgslirpd/slirp/memstream.o \
		wgslirpd/slirp/names.o wgslirpd/slirp/nat64.o \
		wgslirpd/slirp/nat64map.o \
		wgslirpd/slirp/pcp.o wgslirpd/slirp/portmap.o \
		wgslirpd/slirp/protocols.o wgslirpd/slirp/proxy.o \
		wgslirpd/slirp/proxyconn.o wgslirpd/slirp/route.o \
		wgslirpd/slirp/service.o wgslirpd/slirp/show.o \
		wgslirpd/slirp/socks.o wgslirpd/slirp/socksassoc.o \
		wgslirpd/slirp/socksdial.o wgslirpd/slirp/socksudp.o \
		wgslirpd/slirp/resolvconf.o wgslirpd/slirp/state.o \
		wgslirpd/slirp/tunnelnames.o \
		wgslirpd/slirp/upstream.o

CONTROL =	wgslirpd/control/ask.o wgslirpd/control/capture.o \
		wgslirpd/control/client.o \
		wgslirpd/control/http.o wgslirpd/control/main.o \
		wgslirpd/control/merge.o \
		wgslirpd/control/report.o wgslirpd/control/sibling.o \
		wgslirpd/control/uapi.o

FILES =		wgslirpd/files/main.o

# The page: its texts become one source, byte by byte.
PAGE =		wgslirpd/web/page/index.html wgslirpd/web/page/page.css \
		wgslirpd/web/page/page.js wgslirpd/web/page/icon.svg
WEB =		wgslirpd/web/answer.o wgslirpd/web/api.o wgslirpd/web/auth.o wgslirpd/web/edit.o \
		wgslirpd/web/events.o wgslirpd/web/history.o \
		wgslirpd/web/main.o wgslirpd/web/owner.o wgslirpd/web/page.o wgslirpd/web/peers.o \
		wgslirpd/web/qr.o wgslirpd/web/question.o

DERP_WIRE =	wgslirpd/derp/frame.o wgslirpd/derp/hello.o \
		wgslirpd/derp/outq.o wgslirpd/derp/routes.o

DERP =		$(DERP_WIRE) wgslirpd/derp/crypto.o wgslirpd/derp/dot.o \
		wgslirpd/derp/pem.o wgslirpd/derp/local.o \
		wgslirpd/derp/main.o wgslirpd/derp/relay.o \
		wgslirpd/derp/relays.o wgslirpd/derp/state.o \
		wgslirpd/derp/tls.o

DAEMON =	$(BASE) $(PEERDIR) $(MSG) $(PROC) $(HTTPD) $(PARENT) $(WG) $(CRYPTO) $(NET) $(TCP) \
		$(SLIRP) $(CONTROL) $(DERP) $(WEB) $(FILES)

CTL =		$(PEERDIR) wgslirpctl/command.o wgslirpctl/conn.o wgslirpctl/convert.o \
		wgslirpctl/keys.o wgslirpctl/memory.o \
		wgslirpctl/output.o wgslirpctl/pcap.o wgslirpctl/peer.o \
		wgslirpctl/peers.o \
		wgslirpctl/procinfo_$(PLATFORM).o \
		wgslirpctl/qr.o wgslirpctl/restart.o \
		wgslirpctl/reverse.o wgslirpctl/top.o wgslirpctl/web.o \
		wgslirpctl/wgslirpctl.o

# What needs libpq is made where that is.
SYNC =		wgslirp-sync/daemon.o wgslirp-sync/db.o wgslirp-sync/file.o \
		wgslirp-sync/main.o
# The guest that needs no interface is made where lwIP is.
GUEST_T !=	pkg-config --exists lwip 2>/dev/null && \
		    echo regress/guest/guest.t || true
LWIP_CFLAGS !=	pkg-config --cflags-only-I lwip 2>/dev/null | \
		    sed 's/-I/-isystem /g'
SYNC_PROG !=	pkg-config --exists libpq 2>/dev/null && \
		    echo wgslirp-sync/wgslirp-sync || true
PQ_CFLAGS !=	pkg-config --cflags-only-I libpq 2>/dev/null | \
		    sed 's/-I/-isystem /g'
LIBS_SYNC =	-lpq $(LIBC)

PROGS =		wgslirpd/wgslirpd wgslirpctl/wgslirpctl $(SYNC_PROG)

# Programs of the tests: each is NAME.o and what LINK_NAME.t says.
UNIT_BASE =	common/addr.o common/key.o common/log.o common/siphash.o \
		common/wheel.o
UNIT_WG =	$(UNIT_BASE) $(WG)
UNIT_COMMON =	$(COMMON) common/pktq.o common/shm_$(PLATFORM).o \
		common/siphash.o common/wheel.o common/zone.o
UNIT_SLIRP =	$(UNIT_BASE) common/pktq.o common/shm_$(PLATFORM).o \
		common/zone.o wgslirpd/msg/tcpconf.o \
		wgslirpd/slirp/protocols.o $(NET) $(TCP)
UNIT_WORLD =	regress/lib/guest.o regress/lib/world.o $(UNIT_SLIRP)
UNIT_SIM =	regress/lib/queues.o $(UNIT_SLIRP)
UNIT_CONFIG =	common/addr.o common/key.o common/log.o wgslirpd/msg/tcpconf.o \
		wgslirpd/parent/config.o \
		wgslirpd/parent/directive.o wgslirpd/parent/endpoint.o \
		wgslirpd/parent/localaddrs_$(PLATFORM).o
UNIT_DNS =	common/siphash.o wgslirpd/slirp/blocklist.o \
		wgslirpd/slirp/dnsmsg.o wgslirpd/slirp/dnsrr.o \
		wgslirpd/slirp/nat64map.o \
		wgslirpd/slirp/resolvconf.o \
		common/addr.o common/key.o common/log.o
UNIT_LOAD =	$(UNIT_WG) wgslirpd/slirp/net/cksum.o \
		wgslirpd/crypto/udpio.o wgslirpd/crypto/udpsys_$(PLATFORM).o

LINK_bench_wg.t =	$(UNIT_WG) -lcrypto $(LIBC)
LINK_guest.t =		$(UNIT_WG) -llwip -lcrypto $(LIBC)
LINK_flood.t =		$(UNIT_WG) -lcrypto $(LIBC)
LINK_herd.t =		$(UNIT_WG) -lcrypto $(LIBC)
LINK_limit.t =		$(UNIT_WG) -lcrypto $(LIBC)
LINK_load.t =		$(UNIT_LOAD) -lcrypto $(LIBC)
LINK_relay.t =		$(LIBC)
LINK_sim_fail.t =	$(UNIT_WG) -lcrypto $(LIBC)
LINK_sim_many.t =	$(UNIT_SIM) $(LIBC)
LINK_sim_tcp.t =	$(UNIT_SIM) $(LIBC)
LINK_sim_wg.t =		$(UNIT_WG) -lcrypto $(LIBC)
LINK_test_common.t =	$(UNIT_COMMON) -lcmocka $(LIBC)
LINK_test_config.t =	$(UNIT_CONFIG) -lcmocka $(LIBC)
UNIT_DERP =	common/addr.o common/key.o common/siphash.o $(DERP_WIRE)
LINK_test_derp.t =	$(UNIT_DERP) -lsodium -lcmocka $(LIBC)
UNIT_TLS =	common/addr.o common/key.o wgslirpd/derp/tls.o
LINK_test_tls.t =	$(UNIT_TLS) -lssl -lcrypto -lcmocka $(LIBC)
LINK_test_dns.t =	$(UNIT_DNS) -lcmocka -lresolv $(LIBC)
LINK_test_msg.t =	$(MSG) -lcmocka
LINK_test_router.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_sandbox.t =	common/sandbox_$(PLATFORM).o
LINK_test_slirp.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_tcp.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_ip.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_life.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_turns.t =	$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_assoc.t =	wgslirpd/slirp/socksassoc.o wgslirpd/slirp/socksdial.o \
		$(UNIT_WORLD) -lcmocka $(LIBC)
LINK_test_uplink.t =	wgslirpd/slirp/pcp.o $(UNIT_WORLD) -lcmocka $(LIBC)
UNIT_PROC =	$(COMMON) $(MSG) $(PROC) common/pktq.o \
		common/shm_$(PLATFORM).o common/sandbox_$(PLATFORM).o
UNIT_ASK =	$(UNIT_PROC) wgslirpd/control/ask.o wgslirpd/control/merge.o
LINK_test_proc.t =	$(UNIT_ASK) -levent_core -lcmocka $(LIBC)
UNIT_WEB =	$(UNIT_PROC) $(HTTPD) wgslirpd/web/auth.o wgslirpd/web/history.o
LINK_test_web.t =	$(UNIT_WEB) -levent_core -lhttp_parser -lsodium -lcmocka \
		$(LIBC)
UNIT_UDPIO =	$(UNIT_BASE) wgslirpd/crypto/udpio.o wgslirpd/crypto/udpsys_$(PLATFORM).o
UNIT_STEER =	common/addr.o common/key.o common/log.o \
		wgslirpd/parent/sockopt_$(PLATFORM).o \
		wgslirpd/parent/steer_$(PLATFORM).o
LINK_test_steer.t =	$(UNIT_STEER) -lcmocka $(LIBC)
LINK_test_sides.t =	wgslirpd/crypto/steer.o common/log.o -lcmocka $(LIBC)
LINK_test_udpio.t =	$(UNIT_UDPIO) -lcmocka $(LIBC)
LINK_test_noise.t =	$(UNIT_WG) -lcmocka -lcrypto $(LIBC)
# The same with LibreSSL's interface, over a stand-in that libsodium is below.
UNIT_LIBRESSL =	$(UNIT_BASE) common/blake2s.o $(WG_REST) \
		regress/libressl/aead.o regress/libressl/libressl.o
LINK_test_libressl.t =	$(UNIT_LIBRESSL) -lsodium -lcmocka $(LIBC)
LINK_test_blake2s.t =	common/blake2s.o -lcrypto -lcmocka $(LIBC)
LINK_test_wg.t =	$(UNIT_WG) -lcmocka -lcrypto $(LIBC)
UNIT_WORKERS =	$(UNIT_WG) wgslirpd/control/merge.o
LINK_test_workers.t =	$(UNIT_WORKERS) -lcmocka -lcrypto $(LIBC)
UNIT_LINKS =	$(UNIT_WG) wgslirpd/crypto/links.o
LINK_test_links.t =	-Wl,--wrap=wg_device_new,--wrap=wg_output \
		-Wl,--wrap=wg_peer_zero \
		$(UNIT_LINKS) -levent_core -lcmocka -lcrypto $(LIBC)
UNIT_PEERDIR =	$(PEERDIR) common/addr.o common/key.o
LINK_test_peerdir.t =	$(UNIT_PEERDIR) -lcmocka -lsodium $(LIBC)
LINK_vectors.t =	$(UNIT_WG) -lcrypto $(LIBC)

# The fuzzers: with a driver of ours, or with libFuzzer's.
FUZZ_DRIVER =	regress/fuzz/driver.o common/sandbox_$(PLATFORM).o
LINK_fuzz_wire.t =	$(FUZZ_DRIVER) $(UNIT_WG) -lcrypto $(LIBC)
LINK_fuzz_inner.t =	$(FUZZ_DRIVER) $(UNIT_WORLD) -lcmocka $(LIBC)
LINK_fuzz_queue.t =	$(FUZZ_DRIVER) common/pktq.o common/shm_$(PLATFORM).o \
			common/log.o $(LIBC)
LINK_fuzz_names.t =	$(FUZZ_DRIVER) $(UNIT_DNS) $(LIBC)
LINK_fuzz_small.t =	$(FUZZ_DRIVER) wgslirpd/slirp/pcp.o \
			wgslirpd/slirp/socksassoc.o \
			wgslirpd/slirp/socksdial.o $(DERP_WIRE) \
			$(UNIT_SLIRP) -lsodium $(LIBC)
FUZZERS =	regress/fuzz/fuzz_inner.t regress/fuzz/fuzz_names.t \
		regress/fuzz/fuzz_queue.t regress/fuzz/fuzz_small.t \
		regress/fuzz/fuzz_wire.t

UNIT_TESTS =	regress/unit/test_common.t regress/unit/test_config.t \
		regress/unit/test_derp.t regress/unit/test_dns.t \
		regress/unit/test_msg.t regress/unit/test_router.t \
		regress/unit/test_slirp.t regress/unit/test_tcp.t \
		regress/unit/test_ip.t regress/unit/test_life.t \
		regress/unit/test_tls.t regress/unit/test_turns.t \
		regress/unit/test_uplink.t regress/unit/test_assoc.t \
		regress/unit/test_steer.t regress/unit/test_sides.t \
		regress/unit/test_udpio.t \
		regress/unit/test_proc.t regress/unit/test_web.t \
		regress/unit/test_noise.t regress/unit/test_wg.t \
		regress/unit/test_workers.t regress/unit/test_links.t \
		regress/unit/test_peerdir.t \
		regress/unit/test_blake2s.t regress/unit/test_libressl.t \
		regress/unit/vectors.t
SIMS =		regress/sim/sim_tcp.t regress/sim/sim_wg.t
# The daemon, of which one process was taken over.
WRAPPED =	-Wl,--wrap=crypto_main,--wrap=slirp_main \
		-Wl,--wrap=control_main,--wrap=derp_main \
		-Wl,--wrap=web_main,--wrap=files_main \
		-Wl,--wrap=imsgbuf_init,--wrap=pktq_attach_producer \
		-Wl,--wrap=imsg_take_fd \
		-Wl,--wrap=pktq_attach_consumer
LINK_hostile.t =	$(WRAPPED) $(COMMON) $(DAEMON) $(UNSEALED) $(LIBS_D)

# Either with sanitizers, or the daemon below valgrind: "make
# UNSEALED='$(WITHOUT_SEALS)'", as fuzz.sh and memcheck.sh do.
UNSEALED =
WITHOUT_SEALS =	regress/lib/unsealed.o -Wl,--wrap=sandbox_enter \
		-Wl,--wrap=sandbox_lock_memory,--wrap=setrlimit \
		-Wl,--wrap=clock_gettime,--wrap=time \
		-Wl,--wrap=pktq_alloc,--wrap=pktq_publish

BENCHES =	regress/bench/bench_wg.t regress/bench/flood.t \
		regress/bench/herd.t regress/bench/limit.t \
		regress/bench/load.t
TESTS =		$(UNIT_TESTS) $(SIMS) $(GUEST_T) regress/sim/sim_fail.t \
		regress/sim/sim_many.t \
		regress/sandbox/test_sandbox.t regress/e2e/relay.t \
		regress/hostile/hostile.t regress/fuzz/fuzz_names.t \
		regress/fuzz/fuzz_small.t regress/fuzz/fuzz_wire.t \
		regress/fuzz/fuzz_inner.t regress/fuzz/fuzz_queue.t

OBJS =		$(COMMON) $(DAEMON) $(CTL) $(SYNC)
TEST_OBJS =	$(TESTS:.t=.o) $(BENCHES:.t=.o) $(FUZZERS:.t=.o) \
		regress/fuzz/driver.o regress/lib/guest.o \
		regress/libressl/aead.o regress/libressl/libressl.o \
		regress/lib/queues.o regress/lib/unsealed.o regress/lib/world.o
GENERATED =	wgslirpd/parent/parse.c wgslirpd/parent/parse.h \
		wgslirpd/web/page.c

all: $(PROGS)

# Each of these is one command on a fresh machine.
run:
	./etc/setup build
	$(MAKE) all
	@./etc/run

check:
	./etc/setup check
	$(MAKE) -j$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) all tests
	@./regress/run.sh

tests: $(TESTS)

# figures of this machine, in proportion to each other
bench: all $(BENCHES) regress/e2e/relay.t
	python3 regress/bench/bench.py
	regress/bench/bench_wg.t
	python3 regress/bench/goodput.py

# "make sim SEEDS=10000 FIRST=1": the simulators for longer
SEEDS =		2000
FIRST =		1
sim: $(SIMS)
	for s in $(SIMS); do $$s $(FIRST) $(SEEDS) || exit 1; done

# other machines, systems and libraries of C, as far as they can be had
cross:
	./etc/setup cross || true
	regress/cross/cross.sh out/cross
	regress/cross/musl.sh out/cross
	regress/cross/zig.sh out/cross

# what is the same on every system
print-portable:
	@echo $(WG) $(NET) $(TCP) $(MSG) $(DERP_WIRE)

# what is hostile, with sanitizers: "make fuzz T=3600", for each of the fuzzers
T =		60
fuzz:
	./etc/setup fuzz || true
	regress/fuzz/fuzz.sh out/fuzz $(T)

# mixed traffic, and then: is everything back?
soak: all
	python3 regress/e2e/soak.py $(T)

print-fuzzers:
	@echo $(FUZZERS)

print-units:
	@echo $(UNIT_TESTS)

# two peers and a relay in ordinary processes, as an ordinary user
demo-derp:
	./etc/setup build
	./etc/setup demo
	$(MAKE) all regress/guest/guest.t
	@./etc/setup derper out || true
	@python3 regress/guest/demo.py

install: install-programs install-$(PLATFORM)

install-programs: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(SYSCONFDIR)/wgslirpd
	install -m 755 $(PROGS) $(DESTDIR)$(SBINDIR)
	install -m 644 man/wgslirpd.8 man/wgslirpctl.8 \
	    $(DESTDIR)$(MANDIR)/man8
	install -m 644 man/wgslirpd.conf.5 $(DESTDIR)$(MANDIR)/man5
	test -z "$(SYNC_PROG)" || \
	    install -m 644 man/wgslirp-sync.8 $(DESTDIR)$(MANDIR)/man8
	test -f $(DESTDIR)$(SYSCONFDIR)/wgslirpd/wgslirpd.conf || \
	    install -m 600 etc/wgslirpd.conf \
	    $(DESTDIR)$(SYSCONFDIR)/wgslirpd/wgslirpd.conf

install-openbsd:
	install -d $(DESTDIR)$(RCDIR)
	sed 's|$${TRUEPREFIX}|$(PREFIX)|' etc/openbsd/pkg/wgslirpd.rc \
	    >$(DESTDIR)$(RCDIR)/wgslirpd
	chmod 555 $(DESTDIR)$(RCDIR)/wgslirpd

install-linux:
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(USERUNITDIR) \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d \
	    $(DESTDIR)$(PREFIX)/lib/sysctl.d $(DESTDIR)$(BASHDIR)
	sed 's|/usr/local/sbin|$(SBINDIR)|' etc/wgslirpd.service \
	    >$(DESTDIR)$(UNITDIR)/wgslirpd.service
	install -m 644 etc/wgslirpd.socket etc/wgslirpd-udp.socket \
	    $(DESTDIR)$(UNITDIR)
	sed 's|/usr/local/sbin|$(SBINDIR)|' etc/wgslirpd.user.service \
	    >$(DESTDIR)$(USERUNITDIR)/wgslirpd.service
	test -z "$(SYNC_PROG)" || sed 's|/usr/local/sbin|$(SBINDIR)|' \
	    etc/wgslirp-sync.service >$(DESTDIR)$(UNITDIR)/wgslirp-sync.service
	install -m 644 etc/wgslirpd.sysusers \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d/wgslirpd.conf
	install -m 644 etc/wgslirpd.sysctl \
	    $(DESTDIR)$(PREFIX)/lib/sysctl.d/60-wgslirpd.conf
	wgslirpctl/wgslirpctl completion bash \
	    >$(DESTDIR)$(BASHDIR)/wgslirpctl

# a package for this Debian, in out/
deb: all
	./etc/debian/build out

clean:
	rm -rf out
	rm -f $(PROGS) $(OBJS) $(OBJS:.o=.d) $(TESTS) $(BENCHES) \
	    $(TEST_OBJS) $(TEST_OBJS:.o=.d) $(GENERATED)

.PHONY: all run check tests bench sim cross fuzz soak print-fuzzers \
    print-portable print-units \
    demo-derp install install-programs install-linux install-openbsd deb \
    clean

# A second "make" finds nothing to do: these are no intermediate files.
.PRECIOUS: $(TEST_OBJS)

.SUFFIXES: .c .o .t
.c.o:
	$(CC) $(CFLAGS) $(WARN_$(@F)) -MMD -MP -iquote common $(INC_$(@D)) -c \
	    -o $@ $<
.o.t:
	$(CC) $(LDFLAGS) -o $@ $< $(LINK_$(@F))

wgslirpd/wgslirpd: $(COMMON) $(DAEMON)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(DAEMON) $(UNSEALED) $(LIBS_D)

wgslirpctl/wgslirpctl: $(COMMON) $(CTL)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(CTL) $(LIBS_CTL)

wgslirp-sync/wgslirp-sync: $(COMMON) $(SYNC)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(SYNC) $(LIBS_SYNC)

# The header comes with the source, and no .d file knows it the first time.
wgslirpd/parent/parse.c: wgslirpd/parent/parse.y
	$(YACC) -d -o $@ wgslirpd/parent/parse.y
wgslirpd/parent/parse.o: wgslirpd/parent/parse.c
wgslirpd/web/page.c: $(PAGE) wgslirpd/web/embed
	wgslirpd/web/embed $(PAGE) >$@
wgslirpd/web/page.o: wgslirpd/web/page.c

regress/unit/test_common.t: $(UNIT_COMMON)
regress/unit/test_config.t: $(UNIT_CONFIG)
regress/unit/test_derp.t: $(UNIT_DERP)
regress/unit/test_tls.t: $(UNIT_TLS)
regress/unit/test_dns.t: $(UNIT_DNS)
regress/unit/test_msg.t: $(MSG)
regress/unit/test_router.t regress/unit/test_slirp.t \
    regress/unit/test_ip.t regress/unit/test_tcp.t \
    regress/unit/test_turns.t regress/unit/test_life.t \
    regress/unit/test_uplink.t regress/unit/test_assoc.t: $(UNIT_WORLD)
regress/unit/test_assoc.t: wgslirpd/slirp/socksassoc.o \
    wgslirpd/slirp/socksdial.o
regress/unit/test_uplink.t: wgslirpd/slirp/pcp.o
regress/sim/sim_many.t regress/sim/sim_tcp.t: $(UNIT_SIM)
regress/unit/test_noise.t regress/unit/test_wg.t regress/unit/vectors.t \
    regress/sim/sim_wg.t regress/sim/sim_fail.t \
    regress/bench/bench_wg.t regress/bench/flood.t \
    regress/bench/herd.t regress/bench/limit.t \
    regress/guest/guest.t: $(UNIT_WG)
regress/unit/test_workers.t: $(UNIT_WORKERS)
regress/unit/test_links.t: $(UNIT_LINKS)
regress/unit/test_peerdir.t: $(UNIT_PEERDIR)
regress/bench/load.t: $(UNIT_LOAD)
regress/unit/test_blake2s.t: common/blake2s.o
regress/unit/test_libressl.t: $(UNIT_LIBRESSL)
regress/unit/test_web.t: $(UNIT_WEB)
regress/unit/test_udpio.t: $(UNIT_UDPIO)
regress/unit/test_steer.t: $(UNIT_STEER)
regress/unit/test_sides.t: wgslirpd/crypto/steer.o common/log.o
regress/unit/test_proc.t: $(UNIT_ASK)
$(FUZZERS): $(FUZZ_DRIVER)
regress/fuzz/fuzz_wire.t: $(UNIT_WG)
regress/fuzz/fuzz_inner.t: $(UNIT_WORLD)
regress/fuzz/fuzz_queue.t: common/pktq.o common/shm_$(PLATFORM).o common/log.o
regress/fuzz/fuzz_names.t: $(UNIT_DNS)
regress/fuzz/fuzz_small.t: wgslirpd/slirp/pcp.o wgslirpd/slirp/socksassoc.o \
    wgslirpd/slirp/socksdial.o $(DERP_WIRE) $(UNIT_SLIRP)
regress/hostile/hostile.t: $(COMMON) $(DAEMON)
regress/sandbox/test_sandbox.t: common/sandbox_$(PLATFORM).o

-include $(OBJS:.o=.d) $(TEST_OBJS:.o=.d)
