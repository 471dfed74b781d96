/* SPDX-License-Identifier: ISC */

/*
 * The slirp engine with 100,000 TCP connections of 100 guests, which is
 * more than the descriptors of most machines allow, over a virtual clock.
 *
 * usage: sim_many [connections]
 *
 * Accounts for the memory that each takes: opened, with data under way,
 * and when nothing has happened for a while; and that all of it comes
 * back.  The bounds are what an idle connection and all of them may take.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queues.h"
#include "sim.h"
#include "slirp/net/bytes.h"
#include "slirp/net/cksum.h"
#include "slirp/net/engine.h"
#include "slirp/net/out.h"
#include "slirp/net/packet.h"
#include "slirp/net/table.h"
#include "slirp/net/turns.h"
#include "slirp/protocols.h"
#include "slirp/tcp/parse.h"
#include "slirp/tcp/rcvq.h"
#include "slirp/tcp/sendq.h"
#include "slirp/tcp/tcpcb.h"

#define SLOTS		32768
#define PEERS		100
#define QUIET_MOST	512		/* bytes for a connection */
#define ALL_MOST	(128 << 20)	/* for all of them */
#define SLAB		65536

static struct {
	struct slirp	 s;
	struct pktq	 in_p, in_c, out_p, out_c;
	uint32_t	 n;
	uint32_t	 opened;
	uint32_t	 established;
	uint32_t	 closed;
	struct flow	**f;		/* by descriptor */
	uint32_t	*una;		/* what the guest has, by number */
	uint64_t	 got;
} M;

static mono_t
many_clock(void)
{
	return (M.s.now);
}

static int
m_open(void *a, struct flow *f, int ttl)
{
	(void)a;
	(void)ttl;
	f->fd = (int)M.opened;
	M.f[M.opened++] = f;
	return (0);
}

static void
m_close(void *a, struct flow *f, int reset)
{
	(void)a;
	(void)reset;
	if (f->fd == -1)
		return;
	M.f[f->fd] = NULL;
	M.closed++;
	f->fd = -1;
}

/* A little once, when it is told so. */
static ssize_t
m_readv(void *a, struct flow *f, const struct iovec *iov, int n)
{
	(void)a;
	(void)n;
	if (!f->dscp) {
		errno = EAGAIN;
		return (-1);
	}
	f->dscp = 0;
	memset(iov[0].iov_base, 'x', 100);
	return (100);
}

static ssize_t
m_writev(void *a, struct flow *f, const struct iovec *iov, int n)
{
	(void)a;
	(void)f;
	(void)iov;
	(void)n;
	errno = EAGAIN;
	return (-1);
}

static int
m_yes(void *a, struct flow *f)
{
	(void)a;
	(void)f;
	return (1);
}

static const struct host_ops	 many_ops = {
	.tcp_open = m_open,
	.udp_open = no_socket,
	.icmp_open = no_socket,
	.close = m_close,
	.readv = m_readv,
	.writev = m_writev,
	.shutdown = no_error,
	.connected = m_yes,
	.error = no_error,
	.errqueue = no_errqueue
};

/* Guest i has the address and port that its number gives. */
static void
guest_send(uint32_t i, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct pktq_desc	 d;
	struct ipaddr		 src, dst;
	uint8_t			*p, *t;
	uint16_t		 c;

	memset(&d, 0, sizeof(d));
	if ((d.slot = pktq_alloc(&M.in_p)) == PKTQ_NOSLOT) {
		if (pktq_reclaim(&M.in_p) <= 0)
			fail("no slot comes back");
		d.slot = pktq_alloc(&M.in_p);
	}
	p = pktq_slot(&M.in_p, d.slot);
	ipaddr_parse(&src, "10.77.0.2");
	ipaddr_parse(&dst, "192.0.2.2");
	src.a[2] = (uint8_t)(i % PEERS + 1);
	out_header(&M.s, NULL, p, &src, &dst, IPPROTO_TCP, 20, 0, 0);
	t = p + 20;
	memset(t, 0, 20);
	put16(t, 10000 + i / PEERS);
	put16(t + 2, 80);
	put32(t + 4, seq);
	put32(t + 8, ack);
	t[12] = 5 << 4;
	t[13] = flags;
	put16(t + 14, 60000);
	c = cksum_fold(cksum_add(t, 20, cksum_pseudo(&src, &dst, IPPROTO_TCP,
	    20)));
	memcpy(t + 16, &c, 2);
	d.peer = i % PEERS;
	d.len = 40;
	d.time = M.s.now;
	if (pktq_publish(&M.in_p, &d, PKTQ_BULK) != 0)
		fail("queue full");
	pktq_release(&M.in_p, d.slot);
	pktq_flush(&M.in_p);
}

/* What goes to the guests; they answer at once. */
static void
collect(void)
{
	struct pktq_desc	 d[64];
	const uint8_t		*p, *t;
	uint32_t		 g;
	int			 i, n;

	pktq_flush(&M.out_p);
	while ((n = pktq_fetch(&M.out_c, d, 64)) > 0) {
		for (i = 0; i < n; i++) {
			p = pktq_slot(&M.out_c, d[i].slot) + d[i].off;
			t = p + 20;
			g = (uint32_t)(be16(t + 2) - 10000) * PEERS + d[i].peer;
			if (t[13] & TH_SYN) {
				M.established++;
				M.una[g] = be32(t + 4) + 1;
				guest_send(g, TH_ACK, 2, M.una[g]);
			} else if (d[i].len > 40) {
				M.got += d[i].len - 40U;
				M.una[g] += d[i].len - 40U;
				guest_send(g, TH_ACK, 2, M.una[g]);
			}
			if (pktq_return(&M.out_c, d[i].slot) == -1)
				fail("slot returned twice");
		}
		pktq_return_flush(&M.out_c);
	}
	if (n == -1)
		fail("queue broken");
}

static void
run(void)
{
	int	 more = 1;

	while (more || pktq_waiting(&M.in_c)) {
		(void)slirp_input(&M.s, 256);
		pktq_return_flush(&M.in_c);
		more = slirp_run(&M.s, 64);
		collect();
	}
}

static void
pass(unsigned int ms)
{
	while (ms-- > 0) {
		M.s.now += MONO_MS(1);
		wheel_run(&M.s.wheel, M.s.now);
		run();
	}
}

/* Of the heap and of what is mapped beside it. */
static size_t
memory(void)
{
	struct mallinfo2	 mi = mallinfo2();

	return (mi.uordblks + mi.hblkhd + M.s.tcp->xfers.nslabs * SLAB);
}

static void
begin(void)
{
	char		 name[16];
	uint32_t	 i;

	open_queues(SLOTS, &M.in_p, &M.in_c, &M.out_p, &M.out_c);
	M.f = calloc(M.n, sizeof(*M.f));
	M.una = calloc(M.n, sizeof(*M.una));
	if (M.f == NULL || M.una == NULL ||
	    slirp_init(&M.s, &many_ops, NULL, MONO_SEC(1000),
	    2 * M.n, NULL) == -1 || protocols_register(&M.s, NULL) == -1 ||
	    (M.s.conf.addrs = calloc(1, sizeof(struct ipprefix))) == NULL)
		abort();
	M.s.in = &M.in_c;
	M.s.out = &M.out_p;
	M.s.conf.mtu = 1420;
	M.s.conf.naddrs = 1;
	ipprefix_parse(&M.s.conf.addrs[0], "10.77.0.1/16");
	for (i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "peer%u", i);
		if (peer_set(&M.s, i, name) == NULL)
			abort();
	}
}

static size_t
say(const char *what, size_t before)
{
	size_t	 n = memory() - before;

	printf("%u connections, %s: %zu bytes each, %.1f MB\n", M.n, what,
	    n / M.n, (double)n / 1e6);
	return (n);
}

int
main(int argc, char *argv[])
{
	size_t		 before, n;
	uint32_t	 i;

	M.n = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
	sim_name = "many";
	sim_clock = many_clock;
	begin();
	before = memory();
	for (i = 0; i < M.n; i++) {
		guest_send(i, TH_SYN, 1, 0);
		run();
		if (M.opened != i + 1)
			fail("connection %u was not opened", i);
		slirp_host_event(&M.s, flow_id(M.f[i]), HOST_WRITE);
		run();
		if (i % 100 == 0)	/* 100,000 a second */
			pass(1);
	}
	if (M.established != M.n)
		fail("%u of %u are established", M.established, M.n);
	if (say("just opened", before) > ALL_MOST)
		fail("that is more than may be");
	pass(2000);
	if ((n = say("quiet", before)) > M.n * QUIET_MOST)
		fail("that is more than may be");
	for (i = 0; i < M.n; i++) {
		M.f[i]->dscp = 1;
		slirp_host_event(&M.s, flow_id(M.f[i]), HOST_READ);
		if (i % 64 == 0)
			run();
	}
	run();
	if (M.got != (uint64_t)M.n * 100)
		fail("%llu bytes have come", (unsigned long long)M.got);
	(void)say("after 100 bytes each", before);
	pass(12000);
	if (say("quiet again", before) > n + n / 50)
		fail("it does not get less");
	for (i = 0; i < M.n; i++) {
		flow_kill(&M.s, M.f[i]);
		if (i % 64 == 0)
			run();
	}
	run();
	if (M.closed != M.n || table_count(&M.s) != 0 || M.s.tcp->xfers.nused != 0)
		fail("%u flows are left", table_count(&M.s));
	/* the tables stay as large as they were */
	if ((n = say("gone", before)) > M.n * 40)
		fail("%zu bytes are left", n);
	slirp_free(&M.s);
	printf("1 passed, 0 failed\n");
	return (0);
}
