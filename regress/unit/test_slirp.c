/* SPDX-License-Identifier: ISC */

/* The slirp engine: connections, and hostile packets. */

#include "guest.h"

static void
connect_first(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 iss;
	int		 i, v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		w_open();
		g_init(&g, v6, 5000);
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		x = &W.fs[0];
		/* nothing is said before the host is connected */
		assert_false(g_next(&s));
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		w_time(3000);
		assert_false(g_next(&s));
		assert_int_equal(W.nfs, 1);
		host_up(x);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_SYN | TH_ACK);
		assert_int_equal(s.ack, 5001);
		/* MSS of the tunnel, SACK permitted */
		assert_int_equal(s.opt[0], 2);
		assert_int_equal(be16(s.opt + 2), 1420 - (v6 ? 60 : 40));
		iss = s.seq;
		/* repeated at 1, 2, 4 s, and for a repeated SYN */
		for (i = 0; i < 3; i++) {
			w_time((1000U << i) - 10);
			assert_false(g_next(&s));
			w_time(12);
			assert_true(g_next(&s));
			assert_int_equal(s.seq, iss);
			assert_int_equal(s.flags, TH_SYN | TH_ACK);
		}
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		assert_true(g_next(&s));
		assert_int_equal(s.seq, iss);
		/* a wrong ACK is reset, the right one establishes */
		g.ack = iss + 7;
		g_send(&g, TH_ACK, g.seq + 1, NULL, 0);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_RST);
		assert_int_equal(s.seq, iss + 7);
		g.ack = iss + 1;
		g_send(&g, TH_ACK, g.seq + 1, NULL, 0);
		assert_string_equal(flow_state(&W.s, x->f), "established");
		w_close();
	}
}

static void
connect_fails(void **state)
{
	static const struct {
		int	 error;
		int	 rst;
		int	 icmp;		/* code, -1 none */
	}		 c[] = {
		{ ECONNREFUSED, 1, -1 }, { EHOSTUNREACH, 0, 1 },
		{ ENETUNREACH, 0, 0 }, { EACCES, 0, 13 },
		{ ETIMEDOUT, 0, -1 }, { EMFILE, 1, -1 },
		{ EADDRNOTAVAIL, 1, -1 }
	};
	struct guest	 g;
	struct seg	 s;
	const uint8_t	*p;
	size_t		 i;
	int		 sync;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		for (sync = 0; sync < 2; sync++) {
			w_open();
			g_init(&g, 0, 5000);
			if (sync)
				W.open_error = c[i].error;
			g_send(&g, TH_SYN, g.seq, NULL, 0);
			if (!sync) {
				W.fs[0].error = c[i].error;
				slirp_host_event(&W.s, flow_id(W.fs[0].f),
				    HOST_READ | HOST_WRITE);
				w_run();
			}
			if (c[i].rst) {
				assert_true(g_next(&s));
				assert_int_equal(s.flags, TH_RST | TH_ACK);
				assert_int_equal(s.seq, 0);
				assert_int_equal(s.ack, 5001);
			} else if (c[i].icmp >= 0) {
				assert_int_equal(W.npkts, 1);
				p = W.pkts[0].b;
				assert_int_equal(p[9], IPPROTO_ICMP);
				assert_int_equal(p[20], 3);
				assert_int_equal(p[21], c[i].icmp);
				assert_int_equal(cksum_fold(cksum_add(p + 20,
				    W.pkts[0].len - 20, 0)), 0);
				/* the guest's own header is quoted */
				assert_memory_equal(p + 28 + 12, g.a.a, 4);
				assert_memory_equal(p + 28 + 16, g.dst.a, 4);
				assert_int_equal(be16(p + 48), g.port);
				assert_int_equal(be16(p + 50), g.dport);
				assert_int_equal(be32(p + 52), 5000);
				W.npkts = 0;
			}
			assert_int_equal(W.npkts, 0);
			assert_int_equal(table_count(&W.s), 0);
			w_close();
		}
	}
}

/*
 * The kernel forgets a connect's error when its queue is read; what came
 * by ICMP is told with the router's address, and is never a success.
 */
static void
connect_fails_by_icmp(void **state)
{
	static const uint8_t	 router[4] = { 203, 0, 113, 9 };
	struct guest		 g;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	W.fs[0].error = W.fs[0].queued = EHOSTUNREACH;
	slirp_host_event(&W.s, flow_id(W.fs[0].f), HOST_READ | HOST_WRITE);
	w_run();
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[9], IPPROTO_ICMP);
	assert_memory_equal(W.pkts[0].b + 12, router, 4);
	assert_int_equal(be32(W.pkts[0].b + 52), 5000);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* Both directions cross 2^32. */
static void
sequence_wrap(void **state)
{
	static uint8_t	 data[200000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	size_t		 up = 0, down = 0;
	int		 i;

	(void)state;
	w_open();
	g_init(&g, 0, 0xffffff00);
	x = g_connect(&g, 0xfffffe00);
	fill(data, sizeof(data), 0);
	host_says(x, data, sizeof(data));
	for (i = 0; i < 2000 && (up < 100000 || down < sizeof(data)); i++) {
		if (up < 100000) {
			g_send(&g, TH_ACK, g.seq, data + up, 700);
			g.seq += 700;
			up += 700;
		}
		while (g_next(&s)) {
			if (s.len == 0)
				continue;
			assert_int_equal(s.seq, g.ack);
			assert_memory_equal(s.data, data + down, s.len);
			g.ack += (uint32_t)s.len;
			down += s.len;
		}
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(1);
	}
	assert_int_equal(down, sizeof(data));
	assert_int_equal(x->outlen, up);
	assert_memory_equal(x->out, data, up);
	w_close();
}

static void
out_of_order(void **state)
{
	uint8_t		 data[3000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	fill(data, sizeof(data), 0);
	/* third, then second: each is answered at once, with SACK */
	g_send(&g, TH_ACK, g.seq + 2000, data + 2000, 1000);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq);
	assert_int_equal(s.opt[2], 5);
	assert_int_equal(be32(s.opt + 4), g.seq + 2000);
	assert_int_equal(be32(s.opt + 8), g.seq + 3000);
	g_send(&g, TH_ACK, g.seq + 500, data + 500, 500);
	assert_true(g_next(&s));
	assert_int_equal(s.opt[3], 18);		/* two blocks, newest first */
	assert_int_equal(be32(s.opt + 4), g.seq + 500);
	assert_int_equal(x->outlen, 0);
	/* overlapping what is there, on both sides */
	g_send(&g, TH_ACK, g.seq + 900, data + 900, 1200);
	assert_true(g_next(&s));
	assert_int_equal(s.opt[3], 10);
	assert_int_equal(be32(s.opt + 4), g.seq + 500);
	assert_int_equal(be32(s.opt + 8), g.seq + 3000);
	/* the hole is filled */
	g_send(&g, TH_ACK, g.seq, data, 600);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq + 3000);
	assert_int_equal(s.optlen, 0);
	assert_int_equal(x->outlen, 3000);
	assert_memory_equal(x->out, data, 3000);
	assert_int_equal(W.s.tcp->rcvbuf, 0);
	w_close();
}

static void
half_close_guest(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 first;
	uint8_t		 data[5000];

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	/* FIN with data: all of it goes out, then the half is closed */
	g_send(&g, TH_ACK | TH_FIN, g.seq, "bye", 3);
	assert_int_equal(x->outlen, 3);
	assert_int_equal(x->shut, 1);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq + 4);
	g.seq += 4;
	assert_string_equal(flow_state(&W.s, x->f), "close-wait");
	/* the other direction goes on, ACKs count */
	fill(data, sizeof(data), 0);
	first = g.ack;
	host_says(x, data, sizeof(data));
	while (g_next(&s)) {
		assert_memory_equal(s.data, data + (s.seq - first), s.len);
		g.ack += (uint32_t)s.len;
	}
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_FIN, TH_FIN);
	assert_string_equal(flow_state(&W.s, x->f), "last-ack");
	/* the FIN is sent again until it is acknowledged */
	w_time(1500);
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_FIN, TH_FIN);
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_int_equal(x->closed, 1);
	assert_int_equal(W.s.count.tcp_timewait, 0);
	w_close();
}

static void
half_close_host(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	host_says(x, "data", 4);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	/* data, then FIN; neither is lost with the other's ACK missing */
	assert_true(g_next(&s));
	assert_int_equal(s.len, 4);
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_FIN, TH_FIN);
	assert_string_equal(flow_state(&W.s, x->f), "fin-wait-1");
	w_time(1500);
	assert_true(g_next(&s));
	assert_int_equal(s.len, 4);
	g.ack += 4;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	while (g_next(&s))
		continue;
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_string_equal(flow_state(&W.s, x->f), "fin-wait-2");
	/* the guest may go on for long */
	g_send(&g, TH_ACK, g.seq, "more", 4);
	assert_int_equal(x->outlen, 4);
	g.seq += 4;
	g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
	assert_int_equal(x->closed, 1);
	assert_int_equal(W.s.count.tcp_timewait, 1);
	while (g_next(&s))
		assert_int_equal(s.flags & TH_RST, 0);
	/* TIME-WAIT: the FIN again is acknowledged, a new SYN opens */
	g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq + 1);
	g.seq += 100000;
	g_connect(&g, 0);
	assert_int_equal(W.s.count.tcp_timewait, 0);
	w_close();
}

static void
guest_gone(void **state)
{
	struct guest	 g;
	struct fsock	*x;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_string_equal(flow_state(&W.s, x->f), "fin-wait-2");
	/* half-closed and silent: asked, then given up */
	w_time(298000);
	W.npkts = 0;
	w_time(5000);
	assert_int_equal(W.npkts, 1);
	w_time(600000);
	assert_int_equal(x->closed, 0);
	w_time(100000);
	assert_int_equal(table_count(&W.s), 0);
	assert_int_equal(x->closed, 2);
	w_close();
}

static void
retransmission(void **state)
{
	static uint8_t	 data[30000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 first, lost;
	int		 i, n;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	first = g.ack;
	fill(data, sizeof(data), 0);
	host_says(x, data, sizeof(data));
	/* ten segments at first (RFC 6928) */
	for (n = 0; g_next(&s); n++)
		assert_int_equal(s.seq, first + (uint32_t)n * 1000);
	assert_int_equal(n, 10);
	/* the third is lost: three later ones are reported by SACK */
	w_time(20);
	g.ack = first + 2000;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	while (g_next(&s))
		continue;
	lost = first + 2000;
	for (i = 1; i <= 3; i++) {
		uint8_t	 l4[40], p[80];

		memset(l4, 0, sizeof(l4));
		put16(l4, g.port);
		put16(l4 + 2, g.dport);
		put32(l4 + 4, g.seq);
		put32(l4 + 8, g.ack);
		l4[12] = 8 << 4;
		l4[13] = TH_ACK;
		put16(l4 + 14, g.wnd);
		l4[20] = l4[21] = 1;
		l4[22] = 5;
		l4[23] = 10;
		put32(l4 + 24, lost + 1000);
		put32(l4 + 28, lost + 1000 + (uint32_t)i * 1000);
		w_inject(p, w_ip(p, &g.a, &g.dst, IPPROTO_TCP, l4, 32, 16));
		for (n = 0; g_next(&s);)
			n += s.seq == lost;
		/* not before three are reported above it */
		assert_int_equal(n, i == 3);
	}
	assert_int_equal(W.s.count.tcp_fast_recoveries, 1);
	/* what may be sent beside it */
	w_time(20);
	/* nothing comes any more: the timer, with backoff */
	W.npkts = 0;
	for (i = 0; i < 4; i++) {
		n = 0;
		while (W.npkts == 0 && n++ < 20000)
			w_time(1);
		/* perhaps after a question whether the guest is there */
		do {
			assert_true(g_next(&s));
		} while (s.len == 0);
		assert_int_equal(s.seq, lost);
		while (g_next(&s))
			continue;
		assert_true(n >= 150 << i);
	}
	/* and the guest that never answers is given up */
	w_time(850000);
	assert_int_equal(table_count(&W.s), 1);
	w_time(200000);
	assert_int_equal(table_count(&W.s), 0);
	assert_int_equal(x->closed, 2);
	w_close();
}

static void
zero_window(void **state)
{
	static uint8_t	 data[100000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	size_t		 got = 0;
	int		 i, probes = 0;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	g.wnd = 3000;
	x = g_connect(&g, 0);
	fill(data, sizeof(data), 0);
	host_says(x, data, sizeof(data));
	while (g_next(&s)) {
		assert_int_equal(s.seq, g.ack);
		g.ack += (uint32_t)s.len;
		got += s.len;
	}
	assert_int_equal(got, 3000);
	g.wnd = 0;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	/* closed for ten minutes: probes, and nobody is given up */
	for (i = 0; i < 600; i++) {
		w_time(1000);
		while (g_next(&s)) {
			assert_int_equal(s.len, 0);
			assert_int_equal(s.seq, g.ack - 1);
			probes++;
			g_send(&g, TH_ACK, g.seq, NULL, 0);
		}
	}
	assert_true(probes >= 8 && probes < 200);
	assert_int_equal(table_count(&W.s), 1);
	/* a lost window update is found out by a probe */
	g.wnd = 60000;
	for (i = 0; i < 200000 && got < sizeof(data); i++) {
		while (g_next(&s)) {
			assert_memory_equal(s.data, data + got, s.len);
			g.ack += (uint32_t)s.len;
			got += s.len;
			g_send(&g, TH_ACK, g.seq, NULL, 0);
		}
		w_time(1);
	}
	assert_int_equal(got, sizeof(data));
	w_close();
}

/* A host that takes nothing closes the window, whose edge stays. */
static void
host_backpressure(void **state)
{
	static uint8_t	 data[400000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 edge = 0, e;
	size_t		 sent = 0, n, base;
	int		 i;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	base = g.seq;
	fill(data, sizeof(data), 0);
	x->cap = 10000;
	edge = g.seq + 60000;
	for (i = 0; i < 1000; i++) {
		while (g_next(&s)) {
			e = s.ack + s.wnd;
			assert_true(SEQ_GEQ(e, edge) ||
			    s.ack == g.seq - sent);
			if (SEQ_GT(e, edge))
				edge = e;
		}
		n = edge - (uint32_t)(base + sent);
		if ((int32_t)n <= 0)
			break;
		if (n > 1000)
			n = 1000;
		g_send(&g, TH_ACK, (uint32_t)(base + sent), data + sent, n);
		sent += n;
	}
	assert_int_equal(x->outlen, 10000);
	assert_true(sent >= 60000 && sent <= 10000 + TCP_WND_START + 300);
	/* what is beyond the window is not taken */
	g_send(&g, TH_ACK, (uint32_t)(base + sent), data + sent, 1000);
	while (g_next(&s))
		assert_int_equal(s.ack, base + sent);
	assert_true(W.s.tcp->rcvbuf > 0 && W.s.tcp->rcvbuf <= 131072);
	/* it drains: all arrives, and the guest is told of the room */
	x->cap = FBUF;
	slirp_host_event(&W.s, flow_id(x->f), HOST_WRITE);
	w_run();
	assert_int_equal(x->outlen, sent);
	assert_memory_equal(x->out, data, sent);
	assert_int_equal(W.s.tcp->rcvbuf, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, base + sent);
	assert_true(s.wnd >= 32000);
	w_close();
}

static void
resets(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 i, n;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	/* outside the window: nothing; inside, not exact: challenge */
	g_send(&g, TH_RST, g.seq - 1, NULL, 0);
	g_send(&g, TH_RST, g.seq + 1000000, NULL, 0);
	assert_false(g_next(&s));
	g_send(&g, TH_RST, g.seq + 1, NULL, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_ACK);
	assert_int_equal(s.ack, g.seq);
	/* a SYN in the window: challenge; not without limit */
	for (i = 0, n = 0; i < 100; i++) {
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		while (g_next(&s)) {
			assert_int_equal(s.flags, TH_ACK);
			n++;
		}
	}
	assert_true(n > 0 && n < 15);
	/* an ACK of what was never sent */
	w_time(1100);
	g.ack += 5000;
	g_send(&g, TH_ACK, g.seq, "x", 1);
	g.ack -= 5000;
	assert_int_equal(x->outlen, 0);
	/* the exact one ends it, and the host sees a reset */
	g_send(&g, TH_RST, g.seq, NULL, 0);
	assert_int_equal(table_count(&W.s), 0);
	assert_int_equal(x->closed, 2);
	W.npkts = 0;
	/* a segment for nothing is answered with a reset, a reset is not */
	g_send(&g, TH_ACK, g.seq, "x", 1);
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_RST);
	assert_int_equal(s.seq, g.ack);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	assert_false(g_next(&s));
	w_close();
	/* the host resets: the guest gets the data first, then the reset */
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	x->error = ECONNRESET;
	host_says(x, "last words", 10);
	assert_true(g_next(&s));
	assert_int_equal(s.len, 10);
	assert_false(g_next(&s));
	g.ack += 10;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_RST, TH_RST);
	assert_int_equal(s.seq, g.ack);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/*
 * Both directions over a link that loses, reorders and duplicates, with a
 * guest of few lines: every byte has to arrive.
 */
enum { UP = 300000, DOWN = 300000, HELD = 64 };

/* A guest behind a path that loses, reorders and holds back. */
static struct {
	struct guest	 g;
	uint8_t		 up[UP], down[DOWN], got[DOWN];
	uint8_t		 have[DOWN];
	struct {
		uint32_t	 off;
		size_t		 len;
		int		 at;
	}		 held[HELD];
	uint32_t	 base_up, base_down, una;
	int		 idle;		/* ms without an acknowledgement */
} L;

/* It takes what comes, and acknowledges it. */
static void
lossy_take(void)
{
	struct seg	 s;
	uint32_t	 o;

	while (g_next(&s)) {
		assert_int_equal(s.flags & TH_RST, 0);
		if (random() % 100 < 5)
			continue;
		if (SEQ_GT(s.ack, L.una)) {
			L.una = s.ack;
			L.idle = 0;
		}
		o = s.seq - L.base_down;
		if (s.len > 0) {
			assert_true(o + s.len <= DOWN);
			memcpy(L.got + o, s.data, s.len);
			memset(L.have + o, 1, s.len);
		}
		while (L.g.ack - L.base_down < DOWN &&
		    L.have[L.g.ack - L.base_down])
			L.g.ack++;
		if (s.len > 0 && random() % 100 >= 5)
			g_send(&L.g, TH_ACK, L.una, NULL, 0);
	}
}

/* It sends a few segments, some of them late or not at all. */
static void
lossy_send(int ms)
{
	uint32_t	 o;
	size_t		 n;
	int		 i, k;

	/* what was held back arrives late */
	for (i = 0; i < HELD; i++)
		if (L.held[i].len > 0 && L.held[i].at <= ms) {
			g_send(&L.g, TH_ACK, L.base_up + L.held[i].off,
			    L.up + L.held[i].off, L.held[i].len);
			L.held[i].len = 0;
		}
	/* go back to what is not acknowledged after 50 ms */
	if (L.idle > 50) {
		L.g.seq = L.una;
		L.idle = 0;
	}
	for (i = 0; i < 4 && L.g.seq - L.base_up < UP &&
	    L.g.seq - L.una < 20000; i++) {
		n = 1 + (size_t)random() % 1000;
		o = L.g.seq - L.base_up;
		if (n > UP - o)
			n = UP - o;
		L.g.seq += (uint32_t)n;
		if (random() % 100 < 5)
			continue;
		if (random() % 100 < 10) {
			k = (int)(random() % HELD);
			L.held[k].off = o;
			L.held[k].len = n;
			L.held[k].at = ms + (int)(random() % 30);
			continue;
		}
		g_send(&L.g, TH_ACK, L.base_up + o, L.up + o, n);
	}
	L.idle++;
}

static void
lossy(void **state)
{
	struct fsock	*x;
	struct tcpcb	*t;
	int		 seed, ms;

	(void)state;
	for (seed = 1; seed <= 25; seed++) {
		srandom((unsigned int)seed);
		memset(&L, 0, sizeof(L));
		fill(L.up, UP, 1);
		fill(L.down, DOWN, 77777);
		w_open();
		g_init(&L.g, seed & 1, (uint32_t)random() * 2);
		L.g.sack = seed % 3 != 0;
		x = g_connect(&L.g, 0);
		L.base_up = L.una = L.g.seq;
		L.base_down = L.g.ack;
		host_says(x, L.down, DOWN);
		for (ms = 0; ms < 600000; ms++) {
			lossy_take();
			lossy_send(ms);
			w_time(1);
			if (L.una - L.base_up == UP &&
			    L.g.ack - L.base_down == DOWN)
				break;
			/* outstanding data has a timer */
			assert_non_null(x->f);
			t = (struct tcpcb *)x->f;
			assert_true(SEQ_LEQ(t->snd_una, t->snd_nxt));
			assert_true(t->x == NULL || t->x->seg_n == 0 ||
			    t->x->t_rexmt != 0);
		}
		assert_true(ms < 600000);
		assert_int_equal(x->outlen, UP);
		assert_memory_equal(x->out, L.up, UP);
		assert_memory_equal(L.got, L.down, DOWN);
		W.npkts = 0;
		w_close();
	}
}

/* A host that ends and then resets does not take data in silence. */
static void
reset_after_eof(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 i, rst = 0;

	(void)state;
	for (i = 0; i < 2; i++) {
		w_open();
		g_init(&g, 0, 1000);
		x = g_connect(&g, 0);
		x->eof = 1;
		slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
		w_run();
		g.ack++;
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		if (i == 0) {
			x->werror = ECONNRESET;
			g_send(&g, TH_ACK, g.seq, "lost", 4);
		} else {
			x->connected = 0;
			x->error = ECONNRESET;
			slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
			w_run();
		}
		for (rst = 0; g_next(&s);)
			rst |= s.flags & TH_RST;
		assert_true(rst);
		assert_int_equal(table_count(&W.s), 0);
		w_close();
	}
}

/* The ACK of a guest that has filled the window counts. */
static void
ack_at_the_edge(void **state)
{
	static uint8_t	 data[20000];
	struct guest	 g;
	struct fsock	*x;
	struct tcpcb	*t;
	struct seg	 s;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	t = (struct tcpcb *)x->f;
	host_says(x, data, sizeof(data));
	while (g_next(&s))
		g.ack += (uint32_t)s.len;
	g_send(&g, TH_ACK, t->rcv_adv, NULL, 0);
	assert_int_equal(t->snd_una, g.ack);
	w_close();
}

/* A kernel without memory for a moment: no edge tells that it has it again. */
static void
no_memory(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	int		 i;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	for (i = 0; i < 2; i++) {
		x->outlen = 0;
		x->werror = ENOBUFS;
		g_send(&g, TH_ACK | TH_PSH, g.seq, "hello", 5);
		g.seq += 5;
		w_time(i * 30);
		assert_int_equal(x->outlen, 0);
		x->werror = 0;
		w_time(50);
		assert_int_equal(x->outlen, 5);
		assert_memory_equal(x->out, "hello", 5);
	}
	w_close();
}

/* Whatever a guest sends, nothing breaks and nothing is kept. */
static void
hostile_packets(void **state)
{
	struct flow	*f;
	uint64_t	 at;
	static uint8_t	 p[2100];
	struct guest	 g;
	struct fsock	*x;
	size_t		 len, k;
	int		 i, n;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	for (i = 0; i < 300000; i++) {
		uint8_t		 l4[200];
		struct ipaddr	 a, b;
		int		 v6 = i & 1;
		static const uint8_t	 protos[] = { 6, 17, 1, 58, 44, 0,
					    43, 60, 59, 50 };

		arc4random_buf(l4, sizeof(l4));
		w_addr(&a, v6 ? "fd77::2" : "10.77.0.2");
		w_addr(&b, v6 ? "2001:db8::2" : "192.0.2.2");
		len = arc4random_uniform(sizeof(l4));
		if (len >= 20 && i % 3 == 0) {
			/* something like a segment of the flow */
			put16(l4, g.port);
			put16(l4 + 2, g.dport);
			put32(l4 + 4, g.seq + arc4random_uniform(2000) -
			    500);
			put32(l4 + 8, g.ack + arc4random_uniform(5));
			l4[12] = (uint8_t)((5 + arc4random_uniform(4)) << 4);
			l4[13] &= ~TH_RST;
			v6 = 0;
			w_addr(&a, "10.77.0.2");
			w_addr(&b, "192.0.2.2");
			k = w_ip(p, &a, &b, 6, l4, len, 16);
		} else
			k = w_ip(p, &a, &b, protos[arc4random_uniform(10)],
			    l4, len, i % 5 == 0 || len < 20 ? SIZE_MAX :
			    arc4random_uniform(2) ? 6 : 2);
		for (n = (int)arc4random_uniform(3); n > 0; n--)
			p[arc4random_uniform((uint32_t)k)] ^=
			    (uint8_t)(1 << arc4random_uniform(8));
		if (i % 7 == 0)
			k = arc4random_uniform((uint32_t)k + 1);
		if (i % 11 != 0 && p[0] >> 4 == 4 && k >= 20) {
			uint16_t	 c;

			put16(p + 2, (uint32_t)k);
			put16(p + 10, 0);
			c = cksum_fold(cksum_add(p, 20, 0));
			memcpy(p + 10, &c, 2);
		}
		w_inject(p, k);
		W.npkts = 0;
		if (i % 100 == 0)
			w_time(20);
		assert_true(table_count(&W.s) <= 1000);
		if (W.nfs == MAXF) {
			/* start over */
			at = 0;
			while ((f = table_next(&W.s, &at)) != NULL)
				flow_kill(&W.s, f);
			W.npkts = 0;
			W.nfs = 0;
			g.seq += 1000000;
			if (g.port++ == 60000)
				g.port = 40000;
			w_collect();
			W.npkts = 0;
			x = g_connect(&g, 0);
		}
	}
	(void)x;
	w_time(62000);
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(connect_first),
		cmocka_unit_test(connect_fails),
		cmocka_unit_test(connect_fails_by_icmp),
		cmocka_unit_test(sequence_wrap),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(half_close_guest),
		cmocka_unit_test(half_close_host),
		cmocka_unit_test(guest_gone),
		cmocka_unit_test(retransmission),
		cmocka_unit_test(zero_window),
		cmocka_unit_test(host_backpressure),
		cmocka_unit_test(resets),
		cmocka_unit_test(lossy),
		cmocka_unit_test(reset_after_eof),
		cmocka_unit_test(ack_at_the_edge),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(hostile_packets)
	};

	return (RUN(tests));
}
