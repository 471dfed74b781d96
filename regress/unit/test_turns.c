/* SPDX-License-Identifier: ISC */

/* Whose turn it is, who passes whom, and what waits. */

#include "guest.h"

/* Has the host say it, without giving anybody a turn. */
static void
udp_pending(struct fsock *x, const char *data)
{
	x->inpos = 0;
	x->inlen = strlen(data);
	memcpy(x->in, data, x->inlen);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
}

/* Datagrams that wait toward the guest, by their first letters. */
static const char *
udp_order(void)
{
	static char	 text[MAXPKT];
	int		 i, n = 0;

	for (i = 0; i < W.npkts; i++)
		text[n++] = W.pkts[i].b[9] == IPPROTO_TCP ? 't' :
		    (char)W.pkts[i].b[28];
	text[n] = '\0';
	W.npkts = 0;
	return (text);
}

/* A few packets pass a download; of one flow none passes another. */
static void
small_passes(void **state)
{
	struct guest	 g;
	struct fsock	*x, *u;
	const char	*o;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	g_udp_send("10.77.0.2", "192.0.2.9", 5000, 53, "q", 1);
	u = &W.fs[W.nfs - 1];
	w_addr(&u->from, "192.0.2.9");
	u->fport = 53;
	W.npkts = 0;
	/* one turn each: first the download, then an answer */
	x->inlen = 20000;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	udp_pending(u, "a");
	slirp_run(&W.s, 2);
	w_collect();
	o = udp_order();
	assert_int_equal(strlen(o), 11);
	assert_int_equal(o[0], 'a');
	assert_int_equal(o[1], 't');
	/* a train of ten, and a single one behind it: as they came */
	u->segment = 1;
	udp_pending(u, "bbbbbbbbbb");
	slirp_run(&W.s, 2);
	udp_pending(u, "c");
	slirp_run(&W.s, 2);
	udp_pending(u, "d");
	slirp_run(&W.s, 2);
	w_collect();
	assert_string_equal(udp_order(), "bbbbbbbbbbcd");
	/* when that has gone, it is in no queue again */
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	W.npkts = 0;
	g.ack += 10000;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	W.npkts = 0;
	W.s.now += EXPRESS_ROUND;
	udp_pending(u, "e");
	slirp_run(&W.s, 2);
	assert_int_equal(W.out_p.nout[PKTQ_EXPRESS], 1);
	w_collect();
	w_close();
}

/* Peers take turns, and each one's flows among themselves. */
static void
peers_take_turns(void **state)
{
	static const char *const	 says[] = { "1", "2", "3", "x", "y" };
	struct fsock			*u[5];
	int				 i;

	(void)state;
	w_open();
	assert_non_null(peer_set(&W.s, 4, "phone"));
	for (i = 0; i < 5; i++) {
		W.from = i < 3 ? 3 : 4;
		g_udp_send(i < 3 ? "10.77.0.2" : "10.77.0.3", "192.0.2.9",
		    (uint16_t)(5000 + i), 53, "q", 1);
		u[i] = &W.fs[W.nfs - 1];
		w_addr(&u[i]->from, "192.0.2.9");
		u[i]->fport = 53;
	}
	W.npkts = 0;
	for (i = 0; i < 5; i++)
		udp_pending(u[i], says[i]);
	w_run();
	assert_string_equal(udp_order(), "1x2y3");
	/* of one peer only so many a round pass the others */
	u[0]->segment = 1;
	for (i = 0; i < 3; i++)
		udp_pending(u[i], "...");
	slirp_run(&W.s, 64);
	assert_int_equal(W.out_p.nout[PKTQ_BULK], 0);
	W.s.now += EXPRESS_ROUND;
	W.peer->lane.nround = EXPRESS_PEER;
	W.peer->lane.round++;	/* that of the next round */
	udp_pending(u[0], "z");
	udp_pending(u[4], "w");
	slirp_run(&W.s, 64);
	assert_int_equal(W.out_p.nout[PKTQ_BULK], 1);
	w_collect();
	w_close();
}

/* The express ring is full: what goes in bulk is not passed, either. */
static void
full_express(void **state)
{
	struct pktq_desc	 d;
	struct fsock		*u;
	uint8_t			 m[64], p[128];
	struct ipaddr		 g, gw;

	(void)state;
	w_open();
	g_udp_send("10.77.0.2", "192.0.2.9", 5000, 53, "q", 1);
	u = &W.fs[W.nfs - 1];
	w_addr(&u->from, "192.0.2.9");
	u->fport = 53;
	/* pings of the gateway belong to no flow */
	w_addr(&g, "10.77.0.2");
	w_addr(&gw, "10.77.0.1");
	while (pktq_express_room(&W.out_p)) {
		memset(m, 'p', sizeof(m));
		m[0] = 8;
		m[1] = 0;
		w_queue(p, w_ip(p, &g, &gw, IPPROTO_ICMP, m, 64, 2));
		assert_int_equal(slirp_input(&W.s, 1), 1);
		pktq_return_flush(&W.in_c);
		W.s.now += EXPRESS_ROUND;
		slirp_run(&W.s, 1);
	}
	udp_pending(u, "a");
	slirp_run(&W.s, 1);
	assert_int_equal(W.out_p.nout[PKTQ_BULK], 1);
	/* room for one */
	pktq_flush(&W.out_p);
	assert_int_equal(pktq_fetch(&W.out_c, &d, 1), 1);
	assert_int_equal(pktq_return(&W.out_c, d.slot), 0);
	pktq_return_flush(&W.out_c);
	W.s.now += EXPRESS_ROUND;
	udp_pending(u, "b");
	slirp_run(&W.s, 1);
	assert_true(pktq_express_room(&W.out_p));
	w_collect();
	assert_string_equal(strchr(udp_order(), 'a'), "ab");
	w_close();
}

/* While guests have something to say, nobody's trains go on for long. */
static void
input_between_turns(void **state)
{
	struct fsock	*u[6];
	int		 i;

	(void)state;
	w_open();
	for (i = 0; i < 6; i++) {
		g_udp_send("10.77.0.2", "192.0.2.9", (uint16_t)(5000 + i), 53,
		    "q", 1);
		u[i] = &W.fs[W.nfs - 1];
		w_addr(&u[i]->from, "192.0.2.9");
		u[i]->fport = 53;
		u[i]->segment = 1;
	}
	for (i = 0; i < 6; i++)
		udp_pending(u[i], "tttttttttttttttttttt");
	g_udp_queue("10.77.0.2", "192.0.2.9", 5000, 53, "q", 1);
	assert_int_equal(slirp_run(&W.s, 64), 1);
	assert_int_equal(W.out_p.nout[PKTQ_BULK], 80);
	assert_int_equal(slirp_input(&W.s, 256), 1);
	pktq_return_flush(&W.in_c);
	assert_int_equal(slirp_run(&W.s, 64), 0);
	assert_int_equal(W.out_p.nout[PKTQ_BULK], 120);
	w_collect();
	w_close();
}

/* The guest takes what the host has said. */
static void
take_all(struct guest *g, size_t want)
{
	struct seg	 s;
	size_t		 got;

	for (got = 0; got < want; g_send(g, TH_ACK, g->seq, NULL, 0))
		while (g_next(&s)) {
			got += s.len;
			g->ack += (uint32_t)s.len;
		}
	assert_int_equal(got, want);
}

/* A quiet connection has only what it needs, and whatever comes wakes it. */
static void
quiet_is_small(void **state)
{
	struct guest_error	 old = { .mtu = 576, .af = 4, .type = 3,
				    .code = 4 };
	static uint8_t	 data[20000];
	struct guest	 g;
	struct fsock	*x;
	struct tcpcb	*t;
	struct seg	 s;
	int		 k;

	(void)state;
	w_open();
	g_init(&g, 0, 1000);
	x = g_connect(&g, 0);
	t = (struct tcpcb *)x->f;
	assert_null(t->x->segs);
	w_time(900);
	assert_non_null(t->x);
	w_time(200);
	assert_null(t->x);
	for (k = 0; k < 2; k++) {
		/* from the host: ten segments at first, again */
		host_says(x, data, sizeof(data));
		assert_int_equal(t->x->seg_n, 10);
		take_all(&g, sizeof(data));
		assert_int_equal(t->snd_una, g.ack);
		w_time(9000);
		assert_non_null(t->x);
		w_time(2000);
		assert_null(t->x);
	}
	/* from the guest */
	g_send(&g, TH_ACK | TH_PSH, g.seq, "hello", 5);
	assert_non_null(t->x);
	assert_int_equal(x->outlen, 5);
	g.seq += 5;
	w_time(2000);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq);
	assert_null(t->x);
	/* a keepalive of the guest is answered, an old ICMP error is not */
	g_send(&g, TH_ACK, g.seq - 1, NULL, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.ack, g.seq);
	w_time(2000);
	assert_null(t->x);
	old.seq = t->snd_una - 100;
	W.s.flow_ops[FLOW_TCP]->told(&W.s, x->f, &old);
	assert_null(t->x);
	/* what comes to nothing does not keep it awake */
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	assert_non_null(t->x);
	W.npkts = 0;
	w_time(1100);
	assert_null(t->x);
	/* our keepalive, two hours later */
	w_jump(7441 * 1000);
	assert_true(g_next(&s));
	assert_int_equal(s.seq, t->snd_nxt - 1);
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	w_time(2000);
	assert_null(t->x);
	/* the host ends it, the guest later */
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_FIN, TH_FIN);
	g.ack++;
	g_send(&g, TH_ACK, g.seq, NULL, 0);
	w_time(12000);
	assert_string_equal(flow_state(&W.s, x->f), "fin-wait-2");
	assert_null(t->x);
	g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
	assert_int_equal(table_count(&W.s), 0);
	/* one that is killed in its sleep says so */
	W.npkts = 0;
	g_init(&g, 0, 2000);
	g.port++;
	x = g_connect(&g, 0);
	w_time(1100);
	assert_null(((struct tcpcb *)x->f)->x);
	flow_kill(&W.s, x->f);
	w_collect();
	assert_true(g_next(&s));
	assert_int_equal(s.flags & TH_RST, TH_RST);
	assert_int_equal(x->closed, 2);
	w_close();
}

/* A host's datagrams wait where they are when others' bulk waits. */
static void
datagrams_wait(void **state)
{
	static char	 data[20001];
	struct fsock	*u, *v;
	int		 i;

	(void)state;
	w_open();
	memset(data, 'b', sizeof(data) - 1);
	g_udp_send("10.77.0.2", "192.0.2.9", 5000, 53, "q", 1);
	u = &W.fs[W.nfs - 1];
	g_udp_send("10.77.0.2", "192.0.2.9", 5001, 53, "q", 1);
	v = &W.fs[W.nfs - 1];
	w_addr(&u->from, "192.0.2.9");
	w_addr(&v->from, "192.0.2.9");
	u->fport = v->fport = 53;
	u->segment = 1000;
	for (i = 0; i < 40 && u->f->turn != TURN_WAITING; i++) {
		udp_pending(u, data);
		slirp_run(&W.s, 1);
	}
	assert_in_range(W.out_p.nout[PKTQ_BULK], BULK_MOST, BULK_MOST + 64);
	udp_pending(u, data);
	slirp_run(&W.s, 1);
	assert_int_equal(u->f->turn, TURN_WAITING);
	assert_int_equal(u->eof, 1);	/* not taken */
	/* one who has sent nothing is not held up, and passes */
	udp_pending(v, "a");
	slirp_run(&W.s, 1);
	w_collect();
	assert_int_equal(udp_order()[0], 'a');
	/* and the other goes on when there is room */
	slirp_run(&W.s, 2);
	assert_int_equal(u->eof, 0);
	w_collect();
	W.npkts = 0;
	w_close();
}

/* One guest that takes all it can get leaves something for others. */
static void
greedy_peer(void **state)
{
	static uint8_t	 data[100000];
	struct slirp_peer	*other;
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 seqs[60], acks[60];
	int		 i, k;
	size_t		 got;

	(void)state;
	w_open();
	W.s.conf.tcp.idle_fail = 120;
	other = peer_set(&W.s, 4, "other");
	assert_non_null(other);
	for (i = 0; i < 60; i++) {
		g_init(&g, 0, 1000);
		g.port = (uint16_t)(20000 + i);
		x = g_connect(&g, 0);
		seqs[i] = g.seq;
		acks[i] = g.ack;
		host_says(x, data, sizeof(data));
		/* the last of them has what the first one had */
		for (got = 0; g_next(&s); got += s.len)
			continue;
		assert_true(got >= 10 * 1000);
	}
	/* nothing is acknowledged; the pool is not empty */
	assert_true(W.peer->nslots > 0);
	assert_true(W.peer->nslots <= SLOTS / 2);
	assert_true(W.out_p.nfree > SLOTS_RESERVED / 2);
	/* alive, but without progress for two minutes: it is ended */
	for (k = 0; k < 140; k++) {
		w_time(1000);
		W.npkts = 0;
		for (i = 0; i < 60; i++) {
			g.port = (uint16_t)(20000 + i);
			g.ack = acks[i];
			g_send(&g, TH_ACK, seqs[i], NULL, 0);
		}
		W.npkts = 0;
	}
	assert_int_equal(W.s.count.tcp_active, 0);
	assert_int_equal(W.peer->nslots, 0);
	/* and somebody else gets all of his */
	g_init(&g, 0, 1000);
	g.port = 30000;
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	for (k = 0, got = 0; k < 5000 && got < sizeof(data); k++) {
		while (g_next(&s)) {
			got += s.len;
			g.ack += (uint32_t)s.len;
		}
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(1);
	}
	assert_int_equal(got, sizeof(data));
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(small_passes),
		cmocka_unit_test(peers_take_turns),
		cmocka_unit_test(full_express),
		cmocka_unit_test(input_between_turns),
		cmocka_unit_test(datagrams_wait),
		cmocka_unit_test(quiet_is_small),
		cmocka_unit_test(greedy_peer)
	};

	return (RUN(tests));
}
