# POSIX make with "!=" and "-include"; GNU make and bmake both take it.
#
# Sources are listed once for each folder.  INC_<folder> is what a folder
# may include besides itself; the compiler writes down what each object
# was made from (-MMD), so that a touched header makes only what needs it.

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
		-Icommon/compat
CFLAGS =	$(OPT) -std=c11 $(WARN) $(HARDEN) $(CPP_DEFS)
LDFLAGS =	-pie -Wl,-z,relro,-z,now,-z,noexecstack

LIBS_D =	-levent_core -levent_extra -lcrypto -lresolv -lbsd
LIBS_CTL =	-lcrypto -lbsd

# What the files of a folder may include from elsewhere, in quotes.
INC_wgslirpd =		-iquote wgslirpd
INC_regress/unit =	-iquote wgslirpd
INC_regress/sim =	-iquote wgslirpd
INC_regress/bench =	-iquote wgslirpd

# What both programs link.
COMMON =	common/addr.o common/compat/imsg-buffer.o \
		common/compat/imsg.o common/ctl.o common/key.o common/log.o \
		common/ometric.o

# What only the daemon does, from bottom to top.
BASE =		common/pktq.o common/sandbox_$(PLATFORM).o \
		common/shm_$(PLATFORM).o common/siphash.o common/wheel.o \
		common/zone.o

PARENT =	wgslirpd/config.o wgslirpd/config_env.o \
		wgslirpd/config_rules.o wgslirpd/config_set.o \
		wgslirpd/lex.o wgslirpd/listen.o \
		wgslirpd/listen_$(PLATFORM).o wgslirpd/parse.o \
		wgslirpd/printconf.o wgslirpd/proc.o wgslirpd/wgslirpd.o

WG =		wgslirpd/wg_aead.o wgslirpd/wg_allowedips.o \
		wgslirpd/wg_cookie.o wgslirpd/wg_device.o \
		wgslirpd/wg_noise.o wgslirpd/wg_peer.o wgslirpd/wg_replay.o \
		wgslirpd/wg_timers.o

CRYPTO =	wgslirpd/crypto.o wgslirpd/udpio_$(PLATFORM).o

NET =		wgslirpd/slirp_cksum.o wgslirpd/slirp_flow.o \
		wgslirpd/slirp_frag.o wgslirpd/slirp_icmp.o \
		wgslirpd/slirp_ip.o wgslirpd/slirp_policy.o \
		wgslirpd/slirp_udp.o

TCP =		wgslirpd/slirp_tcp.o wgslirpd/slirp_tcp_bbr.o \
		wgslirpd/slirp_tcp_cc.o wgslirpd/slirp_tcp_loss.o \
		wgslirpd/slirp_tcp_open.o wgslirpd/slirp_tcp_out.o \
		wgslirpd/slirp_tcp_rcv.o

SLIRP =		wgslirpd/slirp.o wgslirpd/slirp_dns.o \
		wgslirpd/slirp_dnsmsg.o wgslirpd/slirp_fwd.o \
		wgslirpd/slirp_host_$(PLATFORM).o wgslirpd/slirp_proxy.o \
		wgslirpd/slirp_resolver.o

CONTROL =	wgslirpd/control.o wgslirpd/control_http.o \
		wgslirpd/control_uapi.o

DAEMON =	$(BASE) $(PARENT) $(WG) $(CRYPTO) $(NET) $(TCP) $(SLIRP) \
		$(CONTROL)

CTL =		wgslirpctl/convert.o wgslirpctl/keys.o wgslirpctl/output.o \
		wgslirpctl/wgslirpctl.o

PROGS =		wgslirpd/wgslirpd wgslirpctl/wgslirpctl

# Programs of the tests: each is NAME.o and what LINK_NAME.t says.
UNIT_BASE =	common/addr.o common/log.o common/siphash.o common/wheel.o
UNIT_WG =	$(UNIT_BASE) common/key.o $(WG)
UNIT_COMMON =	$(COMMON) common/pktq.o common/shm_$(PLATFORM).o \
		common/siphash.o common/wheel.o common/zone.o
UNIT_SLIRP =	$(UNIT_BASE) common/pktq.o common/shm_$(PLATFORM).o \
		common/zone.o $(NET) $(TCP)
UNIT_DNS =	wgslirpd/slirp_dnsmsg.o common/addr.o
UNIT_LOAD =	$(UNIT_WG) wgslirpd/slirp_cksum.o \
		wgslirpd/udpio_$(PLATFORM).o

LINK_bench_wg.t =	$(UNIT_WG) -lcrypto -lbsd
LINK_limit.t =		$(UNIT_WG) -lcrypto -lbsd
LINK_load.t =		$(UNIT_LOAD) -lcrypto -lbsd
LINK_relay.t =		-lbsd
LINK_sim_many.t =	$(UNIT_SLIRP) -lbsd
LINK_sim_tcp.t =	$(UNIT_SLIRP) -lbsd
LINK_sim_wg.t =		$(UNIT_WG) -lcrypto -lbsd
LINK_test_common.t =	$(UNIT_COMMON) -lcmocka -lbsd
LINK_test_dns.t =	$(UNIT_DNS) -lcmocka -lresolv -lbsd
LINK_test_router.t =	$(UNIT_SLIRP) -lcmocka -lbsd
LINK_test_sandbox.t =	common/sandbox_$(PLATFORM).o
LINK_test_slirp.t =	$(UNIT_SLIRP) -lcmocka -lbsd
LINK_test_tcp.t =	$(UNIT_SLIRP) -lcmocka -lbsd
LINK_test_turns.t =	$(UNIT_SLIRP) -lcmocka -lbsd
LINK_test_wg.t =	$(UNIT_WG) -lcmocka -lcrypto -lbsd
LINK_vectors.t =	$(UNIT_WG) -lcrypto -lbsd

UNIT_TESTS =	regress/unit/test_common.t regress/unit/test_dns.t \
		regress/unit/test_router.t regress/unit/test_slirp.t \
		regress/unit/test_tcp.t regress/unit/test_turns.t \
		regress/unit/test_wg.t regress/unit/vectors.t
SIMS =		regress/sim/sim_tcp.t regress/sim/sim_wg.t
BENCHES =	regress/bench/bench_wg.t regress/bench/limit.t \
		regress/bench/load.t
TESTS =		$(UNIT_TESTS) $(SIMS) regress/sim/sim_many.t \
		regress/sandbox/test_sandbox.t regress/e2e/relay.t

OBJS =		$(COMMON) $(DAEMON) $(CTL)
TEST_OBJS =	$(TESTS:.t=.o) $(BENCHES:.t=.o)
GENERATED =	wgslirpd/parse.c wgslirpd/parse.h

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
	rm -f $(PROGS) $(OBJS) $(OBJS:.o=.d) $(TESTS) $(BENCHES) \
	    $(TEST_OBJS) $(TEST_OBJS:.o=.d) $(GENERATED)

.PHONY: all run check tests bench sim install clean

# A second "make" finds nothing to do: these are no intermediate files.
.PRECIOUS: $(TEST_OBJS)

.SUFFIXES: .c .o .t
.c.o:
	$(CC) $(CFLAGS) -MMD -MP -iquote common $(INC_$(@D)) -c -o $@ $<
.o.t:
	$(CC) $(LDFLAGS) -o $@ $< $(LINK_$(@F))

wgslirpd/wgslirpd: $(COMMON) $(DAEMON)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(DAEMON) $(LIBS_D)

wgslirpctl/wgslirpctl: $(COMMON) $(CTL)
	$(CC) $(LDFLAGS) -o $@ $(COMMON) $(CTL) $(LIBS_CTL)

# The header comes with the source, and no .d file knows it the first time.
wgslirpd/parse.c: wgslirpd/parse.y
	$(YACC) -d -o $@ wgslirpd/parse.y
wgslirpd/parse.o wgslirpd/lex.o: wgslirpd/parse.c

regress/unit/test_common.t: $(UNIT_COMMON)
regress/unit/test_dns.t: $(UNIT_DNS)
regress/unit/test_router.t regress/unit/test_slirp.t \
    regress/unit/test_tcp.t regress/unit/test_turns.t \
    regress/sim/sim_many.t regress/sim/sim_tcp.t: $(UNIT_SLIRP)
regress/unit/test_wg.t regress/unit/vectors.t regress/sim/sim_wg.t \
    regress/bench/bench_wg.t regress/bench/limit.t: $(UNIT_WG)
regress/bench/load.t: $(UNIT_LOAD)
regress/sandbox/test_sandbox.t: common/sandbox_$(PLATFORM).o

-include $(OBJS:.o=.d) $(TEST_OBJS:.o=.d)
