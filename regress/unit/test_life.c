/* SPDX-License-Identifier: ISC */

/*
 * TCP connections that end, that wait for a guest that sleeps, and that are
 * marked; and uploads with a round trip that nobody told.
 */

#include "guest.h"

#define ECN_SYN	(TH_SYN | TH_ECE | TH_CWR)

static uint8_t	 data[4 << 20];

/* All segments for the guest; the last one stays in s. */
static int
drain(struct seg *s)
{
	int	 n;

	for (n = 0; g_next(s); n++)
		continue;
	return (n);
}

/* The guest's data and FIN, over a host that takes nothing. */
static struct fsock *
slow_host(struct guest *g, size_t len)
{
	struct fsock	*x;
	struct seg	 s;
	size_t		 i;

	w_open();
	g_init(g, 0, 5000);
	x = g_connect(g, 0);
	x->cap = 0;
	fill(data, len, 0);
	for (i = 0; i < len; i += 1000) {
		g_send(g, TH_ACK, g->seq, data + i, 1000);
		g->seq += 1000;
	}
	W.npkts = 0;
	g_send(g, TH_ACK | TH_FIN, g->seq, NULL, 0);
	g->seq++;
	assert_true(drain(&s) > 0);
	assert_int_equal(s.ack, g->seq);
	assert_int_equal(x->shut, 0);
	return (x);
}

static void
host_takes(struct fsock *x, size_t cap)
{
	x->cap = cap;
	slirp_host_event(&W.s, flow_id(x->f), HOST_WRITE);
	w_run();
}

/* The FIN is acknowledged when it is here, and passed on when it is time. */
static void
fin_at_once(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	x = slow_host(&g, 20000);
	assert_string_equal(flow_state(&W.s, x->f), "close-wait");
	host_takes(x, 5000);
	assert_int_equal(x->shut, 0);
	host_takes(x, FBUF);
	assert_int_equal(x->outlen, 20000);
	assert_memory_equal(x->out, data, 20000);
	assert_int_equal(x->shut, 1);
	/* the host has more to say */
	host_says(x, "bye", 3);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	assert_int_equal(drain(&s), 2);
	g.ack += 4;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_int_equal(x->closed, 1);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* Both sides have ended, for the guest; the host has not got all. */
static void
fin_both(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	x = slow_host(&g, 20000);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.flags & TH_FIN, TH_FIN);
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_string_equal(flow_state(&W.s, x->f), "orphan");
	assert_int_equal(x->closed, 0);
	/* no host is waited for without end, but this one is slow */
	w_time(300000);
	assert_int_equal(x->closed, 0);
	host_takes(x, FBUF);
	assert_int_equal(x->outlen, 20000);
	assert_int_equal(x->shut, 1);
	assert_int_equal(x->closed, 1);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* A reset after the FIN takes nothing away that was acknowledged. */
static void
reset_after_fin(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 taken;

	(void)state;
	for (taken = 0; taken < 2; taken++) {
		x = slow_host(&g, 20000);
		if (taken)
			host_takes(x, FBUF);
		g_send(&g, TH_RST, g.seq, NULL, 0);
		assert_int_equal(x->closed, 0);
		assert_string_equal(flow_state(&W.s, x->f), "orphan");
		host_takes(x, FBUF);
		assert_int_equal(x->outlen, 20000);
		assert_int_equal(x->shut, 1);
		/* what the host sends is for nobody, and is read */
		host_says(x, data, 5000);
		assert_int_equal(x->inpos, 5000);
		assert_int_equal(drain(&s), 0);
		/* a new connection of the guest has to wait for it */
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		assert_int_equal(drain(&s), 1);
		assert_int_equal(s.flags, TH_RST);
		x->eof = 1;
		slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
		w_run();
		assert_int_equal(x->closed, 1);
		assert_int_equal(table_count(&W.s), 0);
		w_close();
	}
	/* without a FIN it is a reset for the host, too */
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	assert_int_equal(x->closed, 2);
	w_close();
}

/* A host that never takes the rest is given up after all. */
static void
orphan_ends(void **state)
{
	struct guest	 g;
	struct fsock	*x;

	(void)state;
	x = slow_host(&g, 20000);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	w_time(590000);
	assert_int_equal(x->closed, 0);
	w_time(20000);
	assert_int_equal(x->closed, 2);
	w_close();
	/* and one that never ends */
	x = slow_host(&g, 1000);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	host_takes(x, FBUF);
	w_time(8000);
	assert_int_equal(x->closed, 0);
	w_time(4000);
	assert_int_equal(x->closed, 1);
	w_close();
}

/* A download goes on for a moment only, when nobody is there to have it. */
static void
orphan_reads(void **state)
{
	static char	 more[16384];
	struct guest	 g;
	struct fsock	*x;
	int		 i;

	(void)state;
	x = slow_host(&g, 1000);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	host_takes(x, FBUF);
	assert_string_equal(flow_state(&W.s, x->f), "orphan");
	for (i = 0; i < 64 && x->closed == 0; i++)
		host_says(x, more, sizeof(more));
	assert_int_equal(x->closed, 1);
	assert_in_range(i, 15, 18);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
	/* before the host has all, it is not read for longer either */
	x = slow_host(&g, 20000);
	g_send(&g, TH_RST, g.seq, NULL, 0);
	for (i = 0; i < 17; i++)
		host_says(x, more, sizeof(more));
	assert_int_equal(x->closed, 0);
	host_takes(x, FBUF);
	assert_int_equal(x->outlen, 20000);
	assert_int_equal(x->closed, 1);
	w_close();
}

/* The receiver's window grows, though no round trip was measured. */
static void
window_grows(void **state)
{
	struct guest	 g;
	struct fsock	*x = &W.fs[0];
	struct tcpcb	*t;
	struct seg	 s;
	uint32_t	 edge;
	int		 i;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	g.ws = 1;
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	host_up(x);
	/* the SYN-ACK was lost: what its answer tells is no round trip */
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	assert_int_equal(drain(&s), 2);
	g.seq++;
	g.ack = s.seq + 1;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	t = (struct tcpcb *)x->f;
	assert_int_equal(t->srtt, 0);
	for (i = 0; i < 10; i++) {
		for (edge = t->rcv_adv; SEQ_LEQ(g.seq + 1000, edge);
		    g.seq += 1000)
			g_send(&g, TH_ACK, g.seq, data, 1000);
		w_time(100);
		(void)drain(&s);
	}
	assert_true(t->rcv_wnd >= 1 << 20);
	w_close();
}

/* What has come is kept, however many holes there are. */
static void
many_holes(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 i, n = 2940;

	(void)state;
	w_open();
	W.s.conf.tcp.window = 4 << 20;
	g_init(&g, 0, 5000);
	g.ws = 1;
	x = g_connect(&g, 0);
	fill(data, n * 1000, 0);
	for (i = 0; i < n; i++)
		if (i % 50 != 0) {
			g_send(&g, TH_ACK, g.seq + i * 1000, data + i * 1000,
			    1000);
			(void)drain(&s);
		}
	assert_int_equal(W.s.count.tcp_rx_drop, 0);
	for (i = 0; i < n; i += 50)
		g_send(&g, TH_ACK, g.seq + i * 1000, data + i * 1000, 1000);
	(void)drain(&s);
	assert_int_equal(s.ack, g.seq + n * 1000);
	assert_int_equal(x->outlen, n * 1000);
	assert_memory_equal(x->out, data, n * 1000);
	assert_int_equal(W.s.tcp->rcvbuf, 0);
	/* every second one: there is an end to it, and to its memory */
	g.seq += n * 1000;
	for (i = 1; i < 3000; i += 2) {
		g_send(&g, TH_ACK, g.seq + i * 1000, data, 1000);
		(void)drain(&s);
	}
	assert_in_range(W.s.count.tcp_rx_drop, 900, 1100);
	assert_in_range(W.s.tcp->rcvbuf, 1, 8 << 20);
	w_close();
}

/* A guest that sleeps for ten minutes finds its data where it was. */
static void
asleep(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 n;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, "ring", 4);
	w_time(600000);
	n = drain(&s);
	assert_in_range(n, 5, 25);
	assert_int_equal(x->closed, 0);
	/* it is heard of again: what waits goes out at once */
	slirp_peer_back(&W.s, W.peer);
	w_time(2);
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.len, 4);
	assert_int_equal(W.s.count.tcp_hurried, 1);
	g.ack += 4;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	/* nothing waits any more, and a hostile sibling says it often */
	slirp_peer_back(&W.s, W.peer);
	w_time(1000);
	slirp_peer_back(&W.s, W.peer);
	w_time(2);
	assert_int_equal(drain(&s), 0);
	w_close();
}

/* Who sleeps for too long is told when it is back; so is its late segment. */
static void
given_up(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, "ring", 4);
	w_time(1200000);
	assert_int_equal(x->closed, 2);
	(void)drain(&s);
	slirp_peer_back(&W.s, W.peer);
	w_run();
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.flags, TH_RST | TH_ACK);
	assert_int_equal(s.seq, g.ack + 4);
	/* it has seen none of the data: RFC 5961 has it ask */
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.flags, TH_RST);
	assert_int_equal(s.seq, g.ack);
	/* not for ever */
	w_time(1000);
	slirp_peer_back(&W.s, W.peer);
	w_time(1000);
	slirp_peer_back(&W.s, W.peer);
	w_run();
	assert_int_equal(drain(&s), 2);
	w_time(1000);
	slirp_peer_back(&W.s, W.peer);
	w_run();
	assert_int_equal(drain(&s), 0);
	w_close();
}

/* A half-closed connection is not asked every minute. */
static void
quiet_half(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 i, n = 0;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	(void)drain(&s);
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	for (i = 0; i < 3600 * 4; i++) {
		w_time(1000);
		if (drain(&s) > 0) {
			n++;
			g_send(&g, TH_ACK, g.seq, NULL, 0);
		}
	}
	assert_in_range(n, 3, 8);
	assert_string_equal(flow_state(&W.s, x->f), "fin-wait-2");
	w_close();
}

/* A service in the tunnel is asked for longer than its host sleeps. */
static void
dial_asleep(void **state)
{
	struct ipaddr	 to;
	struct seg	 s;
	int		 n;

	(void)state;
	w_open();
	w_addr(&to, "10.77.0.2");
	W.peer->path.srtt = MONO_MS(20);
	W.peer->path.at = W.s.now;
	assert_int_equal(tcp_dial(&W.s, W.peer, &to, 80, VIA_FORWARD, 99), 0);
	w_run();
	assert_int_equal(drain(&s), 1);
	w_time(60000);
	n = drain(&s);
	assert_in_range(n, 5, 12);
	assert_int_equal(table_count(&W.s), 1);
	slirp_peer_back(&W.s, W.peer);
	w_time(2);
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.flags, TH_SYN);
	w_time(60000);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* Slots of a guest that acknowledges nothing are for others. */
static void
slots_back(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 held, end;

	(void)state;
	w_open();
	W.s.conf.tcp.cc = CC_NEWRENO;
	W.s.conf.tcp.iw = 60;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	fill(data, 60000, 0);
	host_says(x, data, 60000);
	assert_int_equal(drain(&s), 60);
	end = s.seq + 1000;
	held = W.peer->nslots;
	assert_int_equal(held, 60);
	w_time(5000);
	assert_in_range(W.peer->nslots, 0, 5);
	assert_int_equal(W.s.count.tcp_parked > 0, 1);
	(void)drain(&s);
	/* it is back: everything is where it was */
	while (SEQ_LT(g.ack, end)) {
		slirp_peer_back(&W.s, W.peer);
		w_time(1000);
		while (g_next(&s))
			if (s.len > 0 && s.seq == g.ack) {
				assert_memory_equal(s.data, data +
				    (60000 - (end - s.seq)), s.len);
				g.ack += (uint32_t)s.len;
			}
		g_send(&g, TH_ACK, g.seq, NULL, 0);
	}
	assert_int_equal(W.peer->nslots, 0);
	assert_int_equal(W.peer->rcvbuf, 0);
	w_close();
}

/* RFC 1337: a reset does not end TIME-WAIT; each peer has its own. */
static void
time_wait(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	int		 i;

	(void)state;
	w_open();
	for (i = 0; i < 3; i++) {
		g_init(&g, 0, 5000);
		g.port = (uint16_t)(40000 + i);
		x = g_connect(&g, 0);
		x->eof = 1;
		slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
		w_run();
		(void)drain(&s);
		g.ack++;
		g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
		(void)drain(&s);
	}
	assert_int_equal(W.s.count.tcp_timewait, 3);
	g_send(&g, TH_RST, g.seq + 1, NULL, 0);
	assert_int_equal(W.s.count.tcp_timewait, 3);
	g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
	assert_int_equal(drain(&s), 1);
	assert_int_equal(s.flags, TH_ACK);
	slirp_peer_clear(&W.s, W.peer);
	assert_int_equal(W.s.count.tcp_timewait, 0);
	w_close();
}

/* RFC 3168, both ways. */
static void
ecn(void **state)
{
	struct guest	 g;
	struct fsock	*x;
	struct tcpcb	*t;
	struct seg	 s;
	uint32_t	 before;
	int		 cc;

	(void)state;
	for (cc = 0; cc < CC_OFF; cc++) {
		w_open();
		W.s.conf.tcp.cc = (uint8_t)cc;
		g_init(&g, 0, 5000);
		x = &W.fs[0];
		g_send(&g, ECN_SYN, g.seq, NULL, 0);
		host_up(x);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_SYN | TH_ACK | TH_ECE);
		assert_int_equal(s.tos & 3, 0);
		g.seq++;
		g.ack = s.seq + 1;
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		t = (struct tcpcb *)x->f;
		/* ours is marked as capable, but for what goes again */
		host_says(x, data, 100000);
		assert_int_equal(drain(&s), 10);
		assert_int_equal(s.tos & 3, 2);
		w_time(20);
		g.ack = s.seq + (uint32_t)s.len;
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(20);
		assert_true(drain(&s) > 10);
		before = t->x->cwnd;
		g.ack += 2000;
		g_send(&g, TH_ACK | TH_ECE, g.seq, NULL, 0);
		g.ack += 2000;
		g_send(&g, TH_ACK | TH_ECE, g.seq, NULL, 0);
		assert_int_equal(W.s.count.tcp_marks, 1);
		assert_true(t->x->cwnd < before);
		/* what goes next says that it was heard */
		(void)drain(&s);
		g.ack = t->snd_nxt;
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(20);
		assert_true(g_next(&s));
		assert_int_equal(s.flags & TH_CWR, TH_CWR);
		(void)drain(&s);
		assert_int_equal(s.flags & TH_CWR, 0);
		/* the other way: told at once, and until it says so */
		g.tos = 3;
		g_send(&g, TH_ACK, g.seq, "x", 1);
		g.seq++;
		assert_true(g_next(&s));
		assert_int_equal(s.flags & TH_ECE, TH_ECE);
		g.tos = 2;
		g_send(&g, TH_ACK, g.seq, "x", 1);
		g.seq++;
		(void)drain(&s);
		assert_int_equal(s.flags & TH_ECE, TH_ECE);
		g_send(&g, TH_ACK | TH_CWR, g.seq, "x", 1);
		g.seq++;
		(void)drain(&s);
		assert_int_equal(s.flags & TH_ECE, 0);
		w_close();
	}
	/* not with who does not ask, nor where it is turned off */
	w_open();
	W.s.conf.tcp.ecn = 0;
	g_init(&g, 0, 5000);
	g_send(&g, ECN_SYN, g.seq, NULL, 0);
	host_up(&W.fs[0]);
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_SYN | TH_ACK);
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(fin_at_once),
		cmocka_unit_test(fin_both),
		cmocka_unit_test(reset_after_fin),
		cmocka_unit_test(orphan_ends),
		cmocka_unit_test(orphan_reads),
		cmocka_unit_test(window_grows),
		cmocka_unit_test(many_holes),
		cmocka_unit_test(asleep),
		cmocka_unit_test(given_up),
		cmocka_unit_test(quiet_half),
		cmocka_unit_test(dial_asleep),
		cmocka_unit_test(slots_back),
		cmocka_unit_test(time_wait),
		cmocka_unit_test(ecn)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
