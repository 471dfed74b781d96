# POSIX make; GNU make and bmake both take it.

PREFIX =	/usr/local
SBINDIR =	$(PREFIX)/sbin
MANDIR =	$(PREFIX)/share/man
SYSCONFDIR =	/etc

CC =		cc
YACC =		byacc
PLATFORM !=	uname -s | tr A-Z a-z

WARN =		-Wall -Wextra -Werror -Wshadow -Wpointer-arith \
		-Wstrict-prototypes -Wmissing-prototypes \
		-Wmissing-declarations -Wwrite-strings -Wundef \
		-Wformat=2 -Wcast-qual -Wsign-compare
HARDEN =	-fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
		-fno-strict-aliasing
OPT =		-O2 -g
CPP_DEFS =	-D_GNU_SOURCE -DLIBBSD_OVERLAY -isystem /usr/include/bsd \
		-Icommon -Icommon/compat -Iwgslirpd
CFLAGS =	$(OPT) -std=c11 $(WARN) $(HARDEN) $(CPP_DEFS)
LDFLAGS =	-pie -Wl,-z,relro,-z,now,-z,noexecstack

LIBS_D =	-levent_core -levent_extra -lcrypto -lresolv -lbsd
LIBS_CTL =	-lcrypto -lbsd

COMMON =	common/addr.o common/compat/imsg-buffer.o \
		common/compat/imsg.o common/ctl.o common/key.o common/log.o \
		common/ometric.o

DAEMON =	common/pktq.o common/sandbox_$(PLATFORM).o \
		common/shm_$(PLATFORM).o common/siphash.o common/wheel.o \
		common/zone.o \
		wgslirpd/config.o wgslirpd/config_env.o \
		wgslirpd/config_rules.o wgslirpd/config_set.o \
		wgslirpd/control.o wgslirpd/control_http.o \
		wgslirpd/control_uapi.o wgslirpd/crypto.o \
		wgslirpd/lex.o wgslirpd/listen.o \
		wgslirpd/listen_$(PLATFORM).o wgslirpd/parse.o \
		wgslirpd/printconf.o wgslirpd/proc.o wgslirpd/slirp.o \
		wgslirpd/slirp_cksum.o wgslirpd/slirp_dns.o \
		wgslirpd/slirp_dnsmsg.o wgslirpd/slirp_flow.o \
		wgslirpd/slirp_frag.o wgslirpd/slirp_fwd.o wgslirpd/slirp_host_$(PLATFORM).o \
		wgslirpd/slirp_icmp.o wgslirpd/slirp_ip.o \
		wgslirpd/slirp_policy.o wgslirpd/slirp_proxy.o \
		wgslirpd/slirp_resolver.o wgslirpd/slirp_tcp.o wgslirpd/slirp_tcp_bbr.o \
		wgslirpd/slirp_tcp_cc.o wgslirpd/slirp_tcp_loss.o \
		wgslirpd/slirp_tcp_open.o wgslirpd/slirp_tcp_out.o wgslirpd/slirp_tcp_rcv.o \
		wgslirpd/slirp_udp.o wgslirpd/udpio_$(PLATFORM).o wgslirpd/wg_aead.o \
		wgslirpd/wg_allowedips.o wgslirpd/wg_cookie.o \
		wgslirpd/wg_device.o wgslirpd/wg_noise.o wgslirpd/wg_peer.o \
		wgslirpd/wg_replay.o wgslirpd/wg_timers.o wgslirpd/wgslirpd.o

CTL =		wgslirpctl/convert.o wgslirpctl/keys.o wgslirpctl/output.o \
		wgslirpctl/wgslirpctl.o

PROGS =		wgslirpd/wgslirpd wgslirpctl/wgslirpctl

all: $(PROGS)

# Each of these is one command on a fresh machine.
run:
	./etc/setup build
	$(MAKE) all
	@./etc/run

check:
	./etc/setup check
	$(MAKE) all tests
	@./regress/run.sh

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(SYSCONFDIR)/wgslirpd
	install -m 755 $(PROGS) $(DESTDIR)$(SBINDIR)
	install -m 644 man/wgslirpd.8 man/wgslirpctl.8 \
	    $(DESTDIR)$(MANDIR)/man8
	install -m 644 man/wgslirpd.conf.5 $(DESTDIR)$(MANDIR)/man5
	test -f $(DESTDIR)$(SYSCONFDIR)/wgslirpd/wgslirpd.conf || \
	    install -m 600 etc/wgslirpd.conf \
	    $(DESTDIR)$(SYSCONFDIR)/wgslirpd/wgslirpd.conf

clean:
	rm -f $(PROGS) common/*.o common/compat/*.o wgslirpd/*.o \
	    wgslirpctl/*.o wgslirpd/parse.c wgslirpd/parse.h
	rm -rf regress/unit/bin regress/sandbox/bin regress/sim/bin \
	    regress/bench/bin regress/e2e/bin

.PHONY: all run check tests sim bench install clean

wgslirpd/parse.c: wgslirpd/parse.y
	$(YACC) -d -o $@ wgslirpd/parse.y

wgslirpd/lex.o: wgslirpd/parse.c

wgslirpd/wgslirpd: $(COMMON) $(DAEMON)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(DAEMON) $(LIBS_D)

wgslirpctl/wgslirpctl: $(COMMON) $(CTL)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(CTL) $(LIBS_CTL)

$(COMMON) $(DAEMON) $(CTL): common/*.h common/compat/*.h wgslirpd/*.h \
		wgslirpctl/*.h

.SUFFIXES: .c .o
.c.o:
	$(CC) $(CFLAGS) -c -o $@ $<

UNIT_WG =	common/siphash.o common/wheel.o common/addr.o common/log.o \
		common/key.o wgslirpd/wg_aead.o wgslirpd/wg_allowedips.o \
		wgslirpd/wg_cookie.o wgslirpd/wg_device.o wgslirpd/wg_noise.o \
		wgslirpd/wg_peer.o wgslirpd/wg_replay.o wgslirpd/wg_timers.o
UNIT_COMMON =	$(COMMON) common/pktq.o common/shm_$(PLATFORM).o \
		common/siphash.o common/wheel.o common/zone.o
UNIT_SLIRP =	common/addr.o common/log.o common/pktq.o common/wheel.o \
		common/zone.o \
		common/shm_$(PLATFORM).o common/siphash.o \
		wgslirpd/slirp_cksum.o wgslirpd/slirp_flow.o \
		wgslirpd/slirp_frag.o wgslirpd/slirp_icmp.o \
		wgslirpd/slirp_ip.o wgslirpd/slirp_policy.o \
		wgslirpd/slirp_tcp.o wgslirpd/slirp_tcp_bbr.o \
		wgslirpd/slirp_tcp_cc.o wgslirpd/slirp_tcp_loss.o \
		wgslirpd/slirp_tcp_open.o wgslirpd/slirp_tcp_out.o \
		wgslirpd/slirp_tcp_rcv.o wgslirpd/slirp_udp.o
UNITS =		regress/unit/bin/test_common regress/unit/bin/test_dns \
		regress/unit/bin/test_router regress/unit/bin/test_slirp \
		regress/unit/bin/test_tcp regress/unit/bin/test_turns \
		regress/unit/bin/test_wg regress/unit/bin/vectors
SANDBOX =	regress/sandbox/bin/test_sandbox
UNIT_CC =	$(CC) $(CFLAGS) -Iregress/unit $(LDFLAGS)

regress/unit/bin/test_common: regress/unit/test_common.c \
		regress/unit/unit.h $(UNIT_COMMON)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_common.c $(UNIT_COMMON) \
	    -lcmocka -lbsd

regress/unit/bin/test_tcp: regress/unit/test_tcp.c regress/unit/guest.h \
		regress/unit/unit.h regress/unit/world.h $(UNIT_SLIRP)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_tcp.c $(UNIT_SLIRP) \
	    -lcmocka -lbsd

regress/unit/bin/test_slirp: regress/unit/test_slirp.c \
		regress/unit/guest.h regress/unit/unit.h \
		regress/unit/world.h $(UNIT_SLIRP)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_slirp.c $(UNIT_SLIRP) \
	    -lcmocka -lbsd

regress/unit/bin/test_turns: regress/unit/test_turns.c \
		regress/unit/guest.h regress/unit/unit.h \
		regress/unit/world.h $(UNIT_SLIRP)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_turns.c $(UNIT_SLIRP) \
	    -lcmocka -lbsd

regress/unit/bin/test_router: regress/unit/test_router.c \
		regress/unit/guest.h regress/unit/unit.h \
		regress/unit/world.h $(UNIT_SLIRP)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_router.c $(UNIT_SLIRP) \
	    -lcmocka -lbsd

regress/unit/bin/test_dns: regress/unit/test_dns.c regress/unit/unit.h \
		wgslirpd/slirp_dnsmsg.o common/addr.o
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_dns.c wgslirpd/slirp_dnsmsg.o \
	    common/addr.o -lcmocka -lresolv -lbsd

regress/unit/bin/vectors: regress/unit/vectors.c $(UNIT_WG)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/vectors.c $(UNIT_WG) -lcrypto -lbsd

regress/unit/bin/test_wg: regress/unit/test_wg.c regress/unit/unit.h \
		$(UNIT_WG)
	mkdir -p regress/unit/bin
	$(UNIT_CC) -o $@ regress/unit/test_wg.c $(UNIT_WG) -lcmocka \
	    -lcrypto -lbsd

RELAY =		regress/e2e/bin/relay

$(RELAY): regress/e2e/relay.c
	mkdir -p regress/e2e/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/e2e/relay.c

# figures of this machine, in proportion to each other
BENCHES =	regress/bench/bin/bench_wg regress/bench/bin/limit \
		regress/bench/bin/load
bench: all $(BENCHES) $(RELAY)
	python3 regress/bench/bench.py
	regress/bench/bin/bench_wg
	python3 regress/bench/goodput.py

regress/bench/bin/bench_wg: regress/bench/bench_wg.c $(UNIT_WG)
	mkdir -p regress/bench/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/bench/bench_wg.c \
	    $(UNIT_WG) -lcrypto -lbsd

regress/bench/bin/limit: regress/bench/limit.c $(UNIT_WG)
	mkdir -p regress/bench/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/bench/limit.c $(UNIT_WG) \
	    -lcrypto -lbsd

regress/bench/bin/load: regress/bench/load.c $(UNIT_WG) \
		wgslirpd/slirp_cksum.o wgslirpd/udpio_$(PLATFORM).o
	mkdir -p regress/bench/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/bench/load.c $(UNIT_WG) \
	    wgslirpd/slirp_cksum.o wgslirpd/udpio_$(PLATFORM).o -lcrypto \
	    -lbsd

SIMS =		regress/sim/bin/sim_tcp regress/sim/bin/sim_wg
SIM_MANY =	regress/sim/bin/sim_many

$(SIM_MANY): regress/sim/sim_many.c regress/sim/engine.h regress/sim/sim.h \
		$(UNIT_SLIRP)
	mkdir -p regress/sim/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/sim/sim_many.c \
	    $(UNIT_SLIRP) -lbsd

regress/sim/bin/sim_tcp: regress/sim/sim_tcp.c regress/sim/engine.h \
		regress/sim/sim.h \
		$(UNIT_SLIRP)
	mkdir -p regress/sim/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/sim/sim_tcp.c $(UNIT_SLIRP) \
	    -lbsd

regress/sim/bin/sim_wg: regress/sim/sim_wg.c regress/sim/sim.h $(UNIT_WG)
	mkdir -p regress/sim/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/sim/sim_wg.c $(UNIT_WG) \
	    -lcrypto -lbsd

# "make sim SEEDS=10000 FIRST=1": the simulators for longer
SEEDS =		2000
FIRST =		1
sim: $(SIMS)
	for s in $(SIMS); do $$s $(FIRST) $(SEEDS) || exit 1; done

$(SANDBOX): regress/sandbox/test_sandbox.c common/sandbox_$(PLATFORM).o
	mkdir -p regress/sandbox/bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ regress/sandbox/test_sandbox.c \
	    common/sandbox_$(PLATFORM).o

tests: $(UNITS) $(SIMS) $(SIM_MANY) $(SANDBOX) $(RELAY)
