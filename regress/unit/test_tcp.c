/* SPDX-License-Identifier: ISC */

/*
 * TCP toward the guest in scripts: what each knob changes, and how loss is
 * found and repaired.
 */

#include "guest.h"

/* How many segments with data are there for the guest? */
static int
flight(uint32_t *end)
{
	struct seg	 s;
	int		 n = 0;

	while (g_next(&s))
		if (s.len > 0) {
			n++;
			if (end != NULL)
				*end = s.seq + (uint32_t)s.len;
		}
	return (n);
}

/* The length of an option of a SYN-ACK, and its first value; 0: none. */
static int
option(const struct seg *s, int kind, int *value)
{
	size_t	 i;

	for (i = 0; i < s->optlen && s->opt[i] != 0;
	    i += s->opt[i] == 1 ? 1 : s->opt[i + 1])
		if (s->opt[i] == kind) {
			if (value != NULL)
				*value = kind == 2 ? be16(s->opt + i + 2) :
				    s->opt[i + 2];
			return (s->opt[i + 1]);
		}
	return (0);
}

/* The SYN-ACK that a guest gets. */
static struct fsock *
syn_ack(struct guest *g, struct seg *s)
{
	struct fsock	*x = &W.fs[W.nfs];

	g_init(g, 0, 5000);
	g->ws = 1;
	g_send(g, TH_SYN, g->seq, NULL, 0);
	host_up(x);
	assert_true(g_next(s));
	assert_int_equal(s->flags, TH_SYN | TH_ACK);
	return (x);
}

static void
syn_options(void **state)
{
	struct guest	 g;
	struct seg	 s;
	int		 v;

	(void)state;
	w_open();
	(void)syn_ack(&g, &s);
	assert_int_equal(option(&s, 2, &v), 4);
	assert_int_equal(v, 1380);
	assert_int_equal(option(&s, 4, NULL), 2);
	assert_int_equal(option(&s, 3, &v), 3);
	assert_int_equal(v, TCP_WSCALE);
	assert_int_equal(s.wnd, 65535);
	assert_int_equal(s.ttl, 64);
	w_close();

	w_open();
	W.s.conf.tcp.sack = 0;
	W.s.conf.tcp.mss = 600;
	W.s.conf.tcp.wscale = 3;
	W.s.conf.tcp.window = 8192;
	W.s.conf.ttl = 33;
	(void)syn_ack(&g, &s);
	assert_int_equal(option(&s, 2, &v), 4);
	assert_int_equal(v, 600);
	assert_int_equal(option(&s, 4, NULL), 0);
	assert_int_equal(option(&s, 3, &v), 3);
	assert_int_equal(v, 3);
	assert_int_equal(s.wnd, 8192);
	assert_int_equal(s.ttl, 33);
	w_close();

	/* no scaling here, and still the guest may */
	w_open();
	W.s.conf.tcp.wscale = 0;
	(void)syn_ack(&g, &s);
	assert_int_equal(option(&s, 3, &v), 3);
	assert_int_equal(v, 0);
	w_close();
}

/* The clamp is for what is sent, too; the first flight has so many. */
static void
initial_window(void **state)
{
	static uint8_t	 data[100000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 n, mss, iw;

	(void)state;
	for (iw = 3; iw <= 20; iw += 17) {
		for (mss = 0; mss <= 500; mss += 500) {
			w_open();
			W.s.conf.tcp.iw = (uint8_t)iw;
			W.s.conf.tcp.mss = (uint16_t)mss;
			g_init(&g, 0, 5000);
			x = g_connect(&g, 0);
			host_says(x, data, sizeof(data));
			for (n = 0; g_next(&s); n++)
				assert_int_equal(s.len, mss != 0 ? mss :
				    1000);
			assert_int_equal(n, iw);
			w_close();
		}
	}
}

static void
congestion_off(void **state)
{
	static uint8_t	 data[200000];
	struct guest	 g;
	struct fsock	*x;

	(void)state;
	w_open();
	W.s.conf.tcp.cc = CC_OFF;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	/* all that the guest's window takes */
	assert_int_equal(flight(NULL), 65);
	w_close();
}

/* A gap of 10 ms is 100 segments a second. */
static void
pace_gap(void **state)
{
	static uint8_t	 data[400000];
	struct guest	 g;
	struct fsock	*x;
	uint32_t	 end = 0;
	int		 i, n = 0, k;

	(void)state;
	w_open();
	W.s.conf.tcp.pace_gap = 10000;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	for (i = 0; i < 500; i++) {
		w_time(2);
		if ((k = flight(&end)) > 0) {
			n += k;
			g.ack = end;
			g_send(&g, TH_ACK, g.seq, NULL, 0);
		}
	}
	assert_in_range(n, 90, 110);
	w_close();
}

static void
error_signal(void **state)
{
	static const struct {
		int	 signal;
		int	 error;
		int	 proto;		/* of the answer, 0: none */
	}		 c[] = {
		{ SIGNAL_ICMP, ECONNREFUSED, IPPROTO_TCP },
		{ SIGNAL_ICMP, EHOSTUNREACH, IPPROTO_ICMP },
		{ SIGNAL_RST, ECONNREFUSED, IPPROTO_TCP },
		{ SIGNAL_RST, EHOSTUNREACH, IPPROTO_TCP },
		{ SIGNAL_NONE, ECONNREFUSED, 0 },
		{ SIGNAL_NONE, EHOSTUNREACH, 0 }
	};
	struct guest	 g;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		w_open();
		W.s.conf.tcp.signal = (uint8_t)c[i].signal;
		g_init(&g, 0, 5000);
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		W.fs[0].error = c[i].error;
		slirp_host_event(&W.s, flow_id(W.fs[0].f), HOST_READ | HOST_WRITE);
		w_run();
		assert_int_equal(W.npkts, c[i].proto != 0);
		if (c[i].proto != 0)
			assert_int_equal(W.pkts[0].b[9], c[i].proto);
		assert_int_equal(table_count(&W.s), 0);
		w_close();
	}
}

/* The SYN is answered after so long, whatever the host does. */
static void
fast_dial(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 refused;

	(void)state;
	for (refused = 0; refused < 2; refused++) {
		w_open();
		W.s.conf.tcp.fast_dial = 50;
		g_init(&g, 0, 5000);
		x = &W.fs[0];
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		w_time(45);
		assert_false(g_next(&s));
		w_time(10);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_SYN | TH_ACK);
		g.seq++;
		g.ack = s.seq + 1;
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		/* what it sends waits for the host */
		g_send(&g, TH_ACK, g.seq, "hello", 5);
		assert_int_equal(x->outlen, 0);
		while (g_next(&s))
			assert_int_equal(s.flags, TH_ACK);
		if (refused) {
			x->error = ECONNREFUSED;
			slirp_host_event(&W.s, flow_id(x->f), HOST_READ |
			    HOST_WRITE);
			w_run();
			assert_true(g_next(&s));
			assert_int_equal(s.flags & TH_RST, TH_RST);
			assert_int_equal(table_count(&W.s), 0);
		} else {
			host_up(x);
			assert_int_equal(x->outlen, 5);
			assert_memory_equal(x->out, "hello", 5);
			host_says(x, "world", 5);
			while (g_next(&s) && s.len == 0)
				continue;
			assert_int_equal(s.len, 5);
		}
		w_close();
	}
}

/* A guest that has nothing to say does not end the connect. */
static void
fast_dial_fin(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	w_open();
	W.s.conf.tcp.fast_dial = 5;
	g_init(&g, 0, 5000);
	x = &W.fs[0];
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	w_time(10);
	assert_true(g_next(&s));
	g.seq++;
	g.ack = s.seq + 1;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	g_send(&g, TH_FIN | TH_ACK, g.seq, NULL, 0);
	w_time(100);
	assert_int_equal(x->shut, 0);
	assert_int_equal(W.peer->nconnecting, 1);
	host_up(x);
	assert_int_equal(x->shut, 1);
	assert_int_equal(W.peer->nconnecting, 0);
	w_close();
}

/* A silent guest: the host is not read, and then it is over. */
static void
idle_gate(void **state)
{
	static uint8_t	 data[500000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	size_t		 pos;
	uint32_t	 end = 0;

	(void)state;
	w_open();
	W.s.conf.tcp.idle_gate = 2000;
	W.s.conf.tcp.idle_inflight = 3000;
	W.s.conf.tcp.idle_fail = 30;
	W.s.conf.tcp.gate_log = GATE_OFF;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, 100000);
	assert_true(flight(&end) > 0);
	w_time(2500);
	pos = x->inpos;
	/* an ACK of nothing new opens nothing */
	W.s.conf.tcp.iw = 100;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	w_time(100);
	assert_int_equal(x->inpos, pos);
	assert_int_equal(W.s.count.tcp_gated, 1);
	/* progress does */
	(void)flight(NULL);
	g.ack = end;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	w_time(10);
	assert_true(x->inpos > pos);
	assert_int_equal(table_count(&W.s), 1);
	W.npkts = 0;
	for (pos = 0; pos < 100 && table_count(&W.s) > 0; pos++) {
		w_time(1000);
		if (table_count(&W.s) > 0)
			W.npkts = 0;
	}
	assert_int_equal(table_count(&W.s), 0);
	assert_in_range(pos, 28, 50);
	do {
		assert_true(g_next(&s));
	} while (!(s.flags & TH_RST));
	w_close();
}

static void
copy_tos(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 on;

	(void)state;
	for (on = 0; on < 2; on++) {
		w_open();
		W.s.conf.copy_tos = (uint8_t)on;
		g_init(&g, 0, 5000);
		g.tos = 0xb8;
		x = g_connect(&g, 0);
		host_says(x, "x", 1);
		assert_true(g_next(&s));
		assert_int_equal(s.tos, on ? 0xb8 : 0);
		w_close();
	}
}

/* Connected, a known round trip of 40 ms, and n segments under way. */
static struct fsock *
under_way(struct guest *g, int n, uint32_t *first)
{
	static uint8_t	 data[1000000];
	struct fsock	*x;
	uint32_t	 end = 0;
	int		 i;

	w_open();
	W.s.conf.tcp.cc = CC_NEWRENO;
	g_init(g, 0, 5000);
	x = g_connect(g, 0);
	for (i = 0; i < 8; i++) {
		host_says(x, data, 1000);
		w_time(40);
		(void)flight(&end);
		g->ack = end;
		g_send(g, TH_ACK, g->seq, NULL, 0);
	}
	host_says(x, data, (size_t)n * 1000);
	*first = end;
	w_time(1);
	assert_true(flight(NULL) > 0);
	w_time(20);
	(void)flight(NULL);
	return (x);
}

static void
sacked(struct guest *g, uint32_t start, uint32_t end)
{
	g->blocks[0].start = start;
	g->blocks[0].end = end;
	g->nblocks = 1;
	g_send(g, TH_ACK, g->seq, NULL, 0);
}

/* Three later ones have arrived: the first is sent again at once. */
static void
loss_by_three(void **state)
{
	struct guest	 g;
	struct seg	 s;
	uint32_t	 una;

	(void)state;
	(void)under_way(&g, 10, &una);
	w_time(20);
	sacked(&g, una + 1000, una + 2000);
	assert_int_equal(flight(NULL), 0);
	sacked(&g, una + 1000, una + 3000);
	assert_int_equal(flight(NULL), 0);
	sacked(&g, una + 1000, una + 4000);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, una);
	assert_int_equal(W.s.count.tcp_rtos, 0);
	w_close();
}

/* One later one: after a quarter of a round trip (RFC 8985 6.2). */
static void
loss_by_time(void **state)
{
	struct guest	 g;
	struct seg	 s;
	uint32_t	 una;

	(void)state;
	(void)under_way(&g, 3, &una);
	w_time(20);
	sacked(&g, una + 1000, una + 2000);
	w_time(5);
	assert_int_equal(flight(NULL), 0);
	w_time(20);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, una);
	assert_int_equal(W.s.count.tcp_rtos, 0);
	w_close();
}

/* Once a path was seen to reorder, three are no longer enough. */
static void
reordering(void **state)
{
	struct guest	 g;
	uint32_t	 una;

	(void)state;
	(void)under_way(&g, 10, &una);
	w_time(20);
	sacked(&g, una + 1000, una + 3000);
	/* here it is: it was late, not lost */
	g.ack = una + 3000;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	(void)flight(NULL);
	sacked(&g, una + 4000, una + 8000);
	w_time(4);
	assert_int_equal(W.s.count.tcp_retransmits, 0);
	w_time(30);
	assert_int_equal(W.s.count.tcp_retransmits, 1);
	w_close();
}

/* The last segment is lost: a probe after two round trips, no timeout. */
static void
tail_loss(void **state)
{
	struct guest	 g;
	struct seg	 s;
	uint32_t	 una;

	(void)state;
	(void)under_way(&g, 4, &una);
	w_time(20);
	g.ack = una + 2000;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	w_time(60);
	assert_int_equal(flight(NULL), 0);
	w_time(60);
	assert_int_equal(W.s.count.tcp_tlps, 1);
	assert_int_equal(W.s.count.tcp_rtos, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, una + 3000);
	/* the answer shows what was lost before it */
	w_time(40);
	sacked(&g, una + 3000, una + 4000);
	w_time(30);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, una + 2000);
	assert_int_equal(W.s.count.tcp_rtos, 0);
	w_close();
}

/* What was sent again came twice: the window is what it was. */
static void
needless(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct tcpcb	*t;
	struct seg	 s;
	uint32_t	 una, before;

	(void)state;
	x = under_way(&g, 10, &una);
	t = (struct tcpcb *)x->f;
	before = t->x->cwnd;
	w_time(20);
	sacked(&g, una + 1000, una + 4000);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, una);
	assert_int_equal(t->recovery, TCPR_FAST);
	assert_true(t->x->ssthresh < before);
	/* the original arrives, and then what was sent again (RFC 2883) */
	g.ack = una + 4000;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	sacked(&g, una, una + 1000);
	assert_int_equal(W.s.count.tcp_dsacks, 1);
	assert_int_equal(W.s.count.tcp_undos, 1);
	assert_true(t->x->cwnd >= before);
	assert_int_equal(t->recovery, TCPR_NONE);
	w_close();
}

/* A path that takes nothing long, and does not say so. */
static void
black_hole(void **state)
{
	static uint8_t	 data[20000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	size_t		 got = 0, longest = 0;
	int		 i, v;

	(void)state;
	fill(data, sizeof(data), 0);
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	for (i = 0; i < 60000 && got < sizeof(data); i++) {
		w_time(1);
		while (g_next(&s)) {
			if (s.len > 560)
				continue;	/* never arrives */
			if (s.seq == g.ack && s.len > 0) {
				assert_memory_equal(s.data, data + got,
				    s.len);
				got += s.len;
				g.ack += (uint32_t)s.len;
				if (s.len > longest)
					longest = s.len;
			}
			g_send(&g, TH_ACK, g.seq, NULL, 0);
		}
	}
	assert_int_equal(got, sizeof(data));
	assert_int_equal(longest, 576 - 40);
	assert_int_equal(W.s.count.tcp_blackholes, 2);
	assert_int_equal(W.peer->pmtu, 576);
	/* the next connection knows */
	g_init(&g, 0, 9000);
	g.port++;
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	host_up(&W.fs[1]);
	do {
		assert_true(g_next(&s));
	} while (!(s.flags & TH_SYN));
	assert_int_equal(option(&s, 2, &v), 4);
	assert_int_equal(v, 576 - 40);
	w_close();
}

/* A guest that is gone is not a path with a small MTU. */
static void
no_black_hole(void **state)
{
	static uint8_t	 data[20000];
	struct guest	 g;
	struct fsock	*x;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	w_time(60000);
	assert_true(W.s.count.tcp_rtos > 4);
	assert_int_equal(W.s.count.tcp_blackholes, 0);
	assert_int_equal(W.peer->pmtu, 0);
	w_close();
}

/* What the guest sends twice is told (RFC 2883). */
static void
dsack_told(void **state)
{
	static uint8_t	 data[3000];
	struct guest	 g;
	struct seg	 s;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	(void)g_connect(&g, 0);
	g_send(&g, TH_ACK, g.seq, data, 1000);
	while (g_next(&s))
		assert_int_equal(option(&s, 5, NULL), 0);
	g_send(&g, TH_ACK, g.seq, data, 1000);
	assert_true(g_next(&s));
	assert_int_equal(s.opt[2], 5);
	assert_int_equal(s.opt[3], 10);
	assert_int_equal(be32(s.opt + 4), g.seq);
	assert_int_equal(be32(s.opt + 8), g.seq + 1000);
	/* out of order, and again: before the block that it is in */
	g_send(&g, TH_ACK, g.seq + 2000, data, 1000);
	while (g_next(&s))
		assert_int_equal(s.opt[3], 10);
	g_send(&g, TH_ACK, g.seq + 2000, data, 500);
	assert_true(g_next(&s));
	assert_int_equal(s.opt[3], 18);
	assert_int_equal(be32(s.opt + 8), g.seq + 2500);
	assert_int_equal(be32(s.opt + 16), g.seq + 3000);
	w_close();
}

/* A single segment is acknowledged after the delay, later on. */
static void
ack_delay(void **state)
{
	struct guest	 g;
	int		 i, ms;

	(void)state;
	for (ms = 20; ms <= 100; ms += 80) {
		w_open();
		W.s.conf.tcp.ack_delay = (uint32_t)ms;
		g_init(&g, 0, 5000);
		(void)g_connect(&g, 0);
		for (i = 0; i < 40; i++) {
			g_send(&g, TH_ACK, g.seq, "x", 1);
			g.seq++;
			w_time(200);
			W.npkts = 0;
		}
		g_send(&g, TH_ACK, g.seq, "x", 1);
		w_time((unsigned int)ms - 5);
		assert_int_equal(W.npkts, 0);
		w_time(10);
		assert_int_equal(W.npkts, 1);
		w_close();
	}
}

/* SACK blocks of nonsense change nothing. */
static void
hostile_sack(void **state)
{
	static const struct tcp_range	 bad[] = {
		{ 0, 0 }, { 5, 4 }, { 0, UINT32_MAX }, { 3000, 1000 },
		{ 0x80000000U, 0x80000001U }, { 9000, 20000 },
		{ 1500, 1600 }
	};
	struct guest			 g;
	struct fsock			*x;
	struct tcpcb			*t;
	uint32_t			 una;
	size_t				 i;

	(void)state;
	x = under_way(&g, 8, &una);
	t = (struct tcpcb *)x->f;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		sacked(&g, una + bad[i].start, una + bad[i].end);
	assert_int_equal(t->x->sacked, 0);
	assert_int_equal(t->x->lost, 0);
	assert_int_equal(W.s.count.tcp_retransmits, 0);
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(syn_options),
		cmocka_unit_test(initial_window),
		cmocka_unit_test(congestion_off),
		cmocka_unit_test(pace_gap),
		cmocka_unit_test(error_signal),
		cmocka_unit_test(fast_dial),
		cmocka_unit_test(fast_dial_fin),
		cmocka_unit_test(idle_gate),
		cmocka_unit_test(copy_tos),
		cmocka_unit_test(loss_by_three),
		cmocka_unit_test(loss_by_time),
		cmocka_unit_test(reordering),
		cmocka_unit_test(tail_loss),
		cmocka_unit_test(needless),
		cmocka_unit_test(black_hole),
		cmocka_unit_test(no_black_hole),
		cmocka_unit_test(dsack_told),
		cmocka_unit_test(ack_delay),
		cmocka_unit_test(hostile_sack)
	};

	return (RUN(tests));
}
