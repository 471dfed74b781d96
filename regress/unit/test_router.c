/* SPDX-License-Identifier: ISC */

/*
 * The engine as a router and a guard: rules and tables, budgets, rates,
 * the gateway's own address, clients of the host, errors of guests.
 */

#include "bucket.h"
#include "guest.h"

static void
buckets(void **state)
{
	struct bucket	 b = { 0 };
	mono_t		 now = MONO_SEC(5);
	int		 i, n;

	(void)state;
	/* a full one gives its burst, then its rate */
	for (n = 0; bucket_take(&b, now, 10, 20); n++)
		continue;
	assert_int_equal(n, 20);
	for (i = 0, n = 0; i < 1000; i++) {
		now += MONO_MS(10);
		n += bucket_take(&b, now, 10, 20);
	}
	assert_in_range(n, 99, 101);
	/* what was not used is saved, up to the burst */
	now += MONO_SEC(3600);
	for (n = 0; bucket_take(&b, now, 10, 20); n++)
		continue;
	assert_int_equal(n, 20);
	/* a debt is paid off, at the rate */
	memset(&b, 0, sizeof(b));
	bucket_charge(&b, now, 1000, 5000);
	assert_false(bucket_open(&b, now + MONO_MS(4999), 1000, 0));
	assert_true(bucket_open(&b, now + MONO_MS(5000), 1000, 0));
	assert_int_equal(bucket_when(&b, 1000, 0), now + MONO_SEC(5));
	assert_int_equal(bucket_when(&b, 1000, 2000), now + MONO_SEC(3));
}

/* Tables of random prefixes against a walk over all of them. */
static void
tables(void **state)
{
	static struct ipprefix	 p[300];
	struct slirp_conf	*c;
	struct rule		*r;
	struct ipaddr		 a, src;
	int			 i, k, n, round, want, hits = 0;

	(void)state;
	for (round = 0; round < 30; round++) {
		w_open();
		c = &W.s.conf;
		n = (int)arc4random_uniform(300);
		assert_int_equal(policy_table_new(c), 0);
		assert_int_equal(policy_table_new(c), 0);
		for (i = 0; i < n; i++) {
			memset(&p[i], 0, sizeof(p[i]));
			p[i].addr.af = arc4random_uniform(2) ? 4 : 6;
			arc4random_buf(p[i].addr.a,
			    p[i].addr.af == 4 ? 4 : 16);
			/* a small part of the space, so that some meet */
			p[i].addr.a[0] = 20;
			p[i].addr.a[1] &= 3;
			p[i].len = (uint8_t)arc4random_uniform(
			    (uint32_t)ipaddr_bits(&p[i].addr) + 1);
			if (p[i].len < 8)
				p[i].len += 8;
			ipprefix_mask(&p[i]);
			assert_int_equal(policy_table_add(c, &p[i]), 0);
		}
		policy_tables_sort(c);
		c->rules = r = calloc(1, sizeof(*r));
		c->nrules = 1;
		r->peer = RULE_ANY_PEER;
		r->port_hi = 65535;
		r->from_table = RULE_NO_TABLE;
		r->to_table = 1;
		w_addr(&src, "10.77.0.2");
		for (k = 0; k < 2000; k++) {
			if (n > 0 && k % 3 == 0) {
				/* within, or just outside of one */
				i = (int)arc4random_uniform((uint32_t)n);
				a = p[i].addr;
				a.a[a.af == 4 ? 3 : 15] ^=
				    (uint8_t)arc4random_uniform(4);
			} else {
				memset(&a, 0, sizeof(a));
				a.af = arc4random_uniform(2) ? 4 : 6;
				arc4random_buf(a.a, a.af == 4 ? 4 : 16);
				a.a[0] = 20;
				a.a[1] &= 3;
			}
			for (i = want = 0; i < n; i++)
				want |= ipprefix_match(&p[i], &a);
			hits += want;
			assert_int_equal(policy_check(&W.s, W.peer, &src, &a,
			    IPPROTO_TCP, 80, NULL) == VERDICT_BLOCK, want);
		}
		/* an index that no table has matches nothing */
		r->to_table = 7;
		assert_int_equal(policy_check(&W.s, W.peer, &src, &a,
		    IPPROTO_TCP, 80, NULL), VERDICT_PASS);
		w_close();
	}
	assert_true(hits > 1000);
}

static struct rule *
add_rule(int pass, const char *to, uint16_t port)
{
	struct slirp_conf	*c = &W.s.conf;
	struct rule		*r;

	c->rules = recallocarray(c->rules, c->nrules, c->nrules + 1,
	    sizeof(*r));
	c->rule_info = recallocarray(c->rule_info, c->nrules, c->nrules + 1,
	    sizeof(*c->rule_info));
	r = &c->rules[c->nrules++];
	r->peer = RULE_ANY_PEER;
	r->pass = (uint8_t)pass;
	r->from_table = r->to_table = RULE_NO_TABLE;
	r->port_lo = port;
	r->port_hi = port != 0 ? port : 65535;
	if (to != NULL)
		assert_int_equal(ipprefix_parse(&r->to, to), 0);
	W.s.policy++;
	return (r);
}

/* How a guest learns that it was blocked; each decision is counted once. */
static void
answers(void **state)
{
	struct guest	 g;
	struct seg	 s;
	struct rule	*r;

	(void)state;
	w_open();
	g_init(&g, 0, 5000);
	r = add_rule(0, "192.0.2.0/24", 0);
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[9], IPPROTO_ICMP);
	assert_int_equal(W.pkts[0].b[21], 13);
	W.npkts = 0;
	r->answer = ANSWER_RETURN;
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_RST | TH_ACK);
	assert_int_equal(s.ack, 5001);
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[21], 13);
	W.npkts = 0;
	r->answer = ANSWER_DROP;
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	assert_int_equal(W.npkts, 0);
	assert_int_equal(W.s.count.ip_drop_policy, 5);
	assert_int_equal(W.s.conf.rule_info[0].matches, 5);
	assert_int_equal(table_count(&W.s), 0);
	/* what passes is decided once for each destination */
	r = add_rule(1, "192.0.2.2/32", 6000);
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	assert_int_equal(W.fs[0].shut, 2);
	assert_int_equal(W.s.conf.rule_info[1].matches, 1);
	/* the same mapping elsewhere is decided anew */
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6001, "x", 1);
	assert_int_equal(W.fs[0].shut, 2);
	/* and so is everything after a change */
	r->pass = 0;
	W.s.policy++;
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	assert_int_equal(W.fs[0].shut, 2);
	w_close();
}

/* The gateway's address leads to loopback by a rule that says exactly so. */
static void
local_services(void **state)
{
	struct ipaddr	 src;
	struct guest	 g;
	struct seg	 s;
	struct fsock	*x;
	int		 v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		w_open();
		g_init(&g, v6, 5000);
		w_addr(&g.dst, v6 ? "fd77::1" : "10.77.0.1");
		g.dport = 22;
		src = g.a;
		g_send(&g, TH_SYN, g.seq, NULL, 0);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_RST | TH_ACK);
		/* rules that are too wide do not do it */
		add_rule(1, NULL, 22);
		add_rule(1, v6 ? "::/0" : "0.0.0.0/0", 22);
		if (!v6)
			add_rule(1, "127.0.0.0/8", 22);
		add_rule(1, v6 ? "::1" : "127.0.0.1", 0);
		assert_false(policy_check_local(&W.s, W.peer, &src,
		    IPPROTO_TCP, 22));
		add_rule(1, v6 ? "::1" : "127.0.0.1", 22)->proto =
		    IPPROTO_TCP;
		assert_true(policy_check_local(&W.s, W.peer, &src,
		    IPPROTO_TCP, 22));
		assert_false(policy_check_local(&W.s, W.peer, &src,
		    IPPROTO_UDP, 22));
		assert_false(policy_check_local(&W.s, W.peer, &src,
		    IPPROTO_TCP, 23));
		g.seq = 7000;
		x = g_connect(&g, 0);
		assert_int_equal(x->f->target, TARGET_LOOPBACK);
		/* a later block closes it again */
		add_rule(0, v6 ? "::1" : "127.0.0.1", 0);
		assert_false(policy_check_local(&W.s, W.peer, &src,
		    IPPROTO_TCP, 22));
		w_close();
	}
	/* UDP: what loopback answers comes from the gateway */
	w_open();
	add_rule(1, "127.0.0.1", 53);
	g_udp_send("10.77.0.2", "10.77.0.1", 5000, 53, "x", 1);
	x = &W.fs[0];
	w_addr(&src, "127.0.0.1");
	assert_int_equal(ipaddr_cmp(&x->dst, &src), 0);
	g_udp_says(x, "127.0.0.1", 53, "y", 1);
	assert_int_equal(W.npkts, 1);
	assert_memory_equal(W.pkts[0].b + 12, "\x0a\x4d\x00\x01", 4);
	W.npkts = 0;
	/* another service of the host is a stranger */
	g_udp_says(x, "127.0.0.1", 54, "y", 1);
	assert_int_equal(W.npkts, 0);
	assert_int_equal(W.s.count.udp_drop_filtered, 1);
	w_close();
}

/* Who may answer a mapping (RFC 4787 5). */
static void
filtering(void **state)
{
	static const struct {
		enum udp_filtering	 how;
		int			 got[3];
	}		 t[] = {
		{ FILTER_ADDRESS, { 1, 1, 0 } },
		{ FILTER_PORT, { 1, 0, 0 } },
		{ FILTER_NONE, { 1, 1, 1 } }
	};
	size_t		 i;
	int		 k, v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < 3; i++) {
			const char	*from[] = {
			    v6 ? "2001:db8::2" : "192.0.2.2",
			    v6 ? "2001:db8::2" : "192.0.2.2",
			    v6 ? "2001:db8::3" : "192.0.2.3" };
			uint16_t	 port[] = { 6000, 6001, 6000 };

			w_open();
			W.s.conf.filtering = t[i].how;
			g_udp_send(v6 ? "fd77::2" : "10.77.0.2", from[0], 5000,
			    6000, "x", 1);
			for (k = 0; k < 3; k++) {
				W.npkts = 0;
				g_udp_says(&W.fs[0], from[k], port[k], "y", 1);
				assert_int_equal(W.npkts, t[i].got[k]);
			}
			/* never another family, whatever the setting */
			W.npkts = 0;
			g_udp_says(&W.fs[0], v6 ? "192.0.2.2" : "2001:db8::2",
			    6000, "y", 1);
			assert_int_equal(W.npkts, 0);
			w_close();
		}
}

static void
batch(int n, int calls, int datagrams)
{
	int	 sends = W.sends, shut = W.nfs > 0 ? W.fs[0].shut : 0;

	assert_int_equal(slirp_input(&W.s, 256), n);
	pktq_return_flush(&W.in_c);
	w_run();
	assert_int_equal(W.sends - sends, calls);
	assert_int_equal(W.fs[0].shut - shut, datagrams);
}

/* n bytes come, in datagrams of segment bytes; each is right. */
static void
train_comes(struct fsock *x, const char *from, size_t segment, size_t n)
{
	static uint8_t	 data[65536];
	size_t		 i, got = 0, len;

	fill(data, n, (uint32_t)(n * 7 + segment));
	x->segment = segment;
	g_udp_says(x, from, 6000, data, n);
	assert_int_equal(W.npkts, (n + segment - 1) / segment);
	for (i = 0; i < (size_t)W.npkts; i++) {
		len = n - got < segment ? n - got : segment;
		assert_int_equal(W.pkts[i].len, len + 28);
		assert_memory_equal(W.pkts[i].b + 28, data + got, len);
		assert_int_equal(cksum_fold(cksum_add(W.pkts[i].b, 20, 0)), 0);
		got += len;
	}
	W.npkts = 0;
}

/* Datagrams of a batch that are alike go with one call, and come so. */
static void
trains(void **state)
{
	static uint8_t	 data[70000];
	const char	*g = "10.77.0.2", *h = "192.0.2.2";
	struct fsock	*x = &W.fs[0];
	size_t		 got = 0;
	int		 i;

	(void)state;
	fill(data, sizeof(data), 8);
	w_open();
	/* ten alike and a shorter one */
	for (i = 0; i < 10; i++)
		g_udp_queue(g, h, 5000, 6000, data + i * 1000, 1000);
	g_udp_queue(g, h, 5000, 6000, data + 10000, 77);
	batch(11, 1, 11);
	assert_int_equal(x->outlen, 10077);
	assert_memory_equal(x->out, data, 10077);
	assert_int_equal(W.s.count.udp_rx_datagrams, 11);
	assert_int_equal(W.s.count.udp_rx_bytes, 10077);
	/* nothing follows the shorter one, nor a longer one; order stays */
	g_udp_queue(g, h, 5000, 6000, data, 1000);
	g_udp_queue(g, h, 5000, 6000, data, 500);
	g_udp_queue(g, h, 5000, 6000, data, 500);
	g_udp_queue(g, h, 5000, 6000, data, 501);
	batch(4, 3, 4);
	/* empty ones, another port, another host, another guest's port */
	g_udp_queue(g, h, 5000, 6000, data, 0);
	g_udp_queue(g, h, 5000, 6000, data, 0);
	g_udp_queue(g, h, 5000, 6001, data, 9);
	g_udp_queue(g, "192.0.2.3", 5000, 6001, data, 9);
	g_udp_queue(g, h, 5000, 6000, data, 9);
	batch(5, 5, 5);
	/* no longer than a train may be */
	for (i = 0; i < 100; i++)
		g_udp_queue(g, h, 5000, 6000, data, 1000);
	batch(100, 2, 100);
	for (i = 0; i < 65; i++)
		g_udp_queue(g, h, 5000, 6000, data, 1);
	batch(65, 2, 65);
	/* a system that cannot gets them one by one */
	W.no_gso = 1;
	for (i = 0; i < 5; i++)
		g_udp_queue(g, h, 5000, 6000, data, 100);
	batch(5, 5, 5);
	W.no_gso = 0;
	/* an error is about one of them, and told with its packet */
	x->werror = ECONNREFUSED;
	for (i = 0; i < 5; i++)
		g_udp_queue(g, h, 5000, 6000, data, 100);
	batch(5, 5, 5);
	/* a flow that ends in the batch takes nothing with it */
	W.peer->max_flows = 1;
	g_udp_queue(g, h, 5000, 6000, data, 100);
	g_udp_queue(g, h, 5001, 6000, data, 100);
	batch(2, 2, 1);
	assert_int_equal(x->closed, 1);
	w_close();

	/* what comes together is taken apart */
	w_open();
	g_udp_send(g, h, 5000, 6000, "x", 1);
	x->segment = 1200;
	g_udp_says(x, h, 6000, data, 12 * 1200 + 5);
	assert_int_equal(W.npkts, 13);
	for (i = 0; i < 13; i++) {
		assert_int_equal(W.pkts[i].len, i < 12 ? 1228 : 33);
		assert_memory_equal(W.pkts[i].b + 28, data + got,
		    W.pkts[i].len - 28);
		got += W.pkts[i].len - 28;
	}
	assert_int_equal(W.s.count.udp_tx_datagrams, 13);
	W.npkts = 0;
	/* the next train goes straight to its slots, if it is like that */
	train_comes(x, h, 1200, 20 * 1200);
	train_comes(x, h, 1200, 20 * 1200 + 700);
	/* more than slots are taken */
	train_comes(x, h, 1200, 54 * 1200);
	train_comes(x, h, 900, 10 * 900 + 1);	/* shorter ones */
	train_comes(x, h, 1300, 10 * 1300);		/* longer ones */
	train_comes(x, h, 1300, 1000);		/* only one */
	train_comes(x, h, 100, 5 * 100);
	train_comes(x, h, 100, 1300);
	train_comes(x, h, 1392, 45 * 1392 + 100);	/* all that fits */
	train_comes(x, h, 1392, 45 * 1392 + 100);
	/* larger than the tunnel takes: each is fragmented as one */
	x->segment = 0;
	g_udp_says(x, h, 6000, data, 3000);
	assert_int_equal(W.npkts, 3);
	W.npkts = 0;
	x->segment = 2000;
	g_udp_says(x, h, 6000, data, 6000);
	assert_int_equal(W.npkts, 6);
	W.npkts = 0;
	w_close();
}

/* Room for a new flow is made of what is worth least. */
static void
eviction(void **state)
{
	struct slirp_peer	*other;
	struct flow_key		 k;
	struct guest		 g;
	struct fsock		*tcp;
	struct ipaddr		 a, d;
	struct flow		*f;
	int			 i;

	(void)state;
	w_open();
	W.peer->max_flows = 4;
	/* one TCP, one UDP that was answered, two that were not */
	g_init(&g, 0, 5000);
	tcp = g_connect(&g, 0);
	g_udp_send("10.77.0.2", "192.0.2.2", 5001, 6000, "x", 1);
	g_udp_says(&W.fs[1], "192.0.2.2", 6000, "y", 1);
	w_jump(10);
	g_udp_send("10.77.0.2", "192.0.2.2", 5002, 6000, "x", 1);
	w_jump(10);
	g_udp_send("10.77.0.2", "192.0.2.2", 5003, 6000, "x", 1);
	assert_int_equal(W.peer->nflows, 4);
	/* the older of those without an answer goes */
	g_udp_send("10.77.0.2", "192.0.2.2", 5004, 6000, "x", 1);
	assert_int_equal(W.peer->nflows, 4);
	assert_int_equal(W.fs[2].closed, 1);
	assert_int_equal(W.fs[3].closed, 0);
	g_udp_says(&W.fs[3], "192.0.2.2", 6000, "y", 1);
	g_udp_says(&W.fs[4], "192.0.2.2", 6000, "y", 1);
	/* all of them are in use: the new one has no room */
	g_udp_send("10.77.0.2", "192.0.2.2", 5005, 6000, "x", 1);
	assert_int_equal(W.s.count.flow_drop_full, 1);
	assert_int_equal(W.peer->nflows, 4);
	/* but not for ever */
	w_jump(31000);
	g_udp_send("10.77.0.2", "192.0.2.2", 5005, 6000, "x", 1);
	assert_int_equal(W.s.count.flow_drop_full, 1);
	assert_int_equal(W.s.count.flows_evicted, 2);
	assert_int_equal(tcp->closed, 0);
	w_close();

	/* a full table: who has little takes from who has most */
	w_open();
	W.s.conf.max_flows = 50;
	other = peer_set(&W.s, 4, "other");
	for (i = 0; i < 50; i++) {
		g_udp_send("10.77.0.2", "192.0.2.2", (uint16_t)(2000 + i),
		    6000, "x", 1);
		g_udp_says(&W.fs[i], "192.0.2.2", 6000, "y", 1);
		W.npkts = 0;
	}
	assert_int_equal(table_count(&W.s), 50);
	w_addr(&a, "10.77.0.3");
	w_addr(&d, "192.0.2.9");
	for (i = 0; i < 10; i++) {
		flow_key(&k, other, FLOW_UDP, &a, (uint16_t)(1 + i), NULL,
		    0);
		f = calloc(1, 1024);
		f->type = FLOW_UDP;
		f->peer = other;
		f->src = a;
		f->dst = d;
		f->sport = (uint16_t)(1 + i);
		f->tx_bytes = 1;
		assert_int_equal(flow_add(&W.s, f, &k), 0);
		W.s.count.udp_active++;
	}
	assert_int_equal(other->nflows, 10);
	assert_int_equal(W.peer->nflows, 40);
	slirp_peer_clear(&W.s, other);
	assert_int_equal(other->nflows, 0);
	w_close();
}

/* New flows a second. */
static void
new_flows(void **state)
{
	int	 i;

	(void)state;
	w_open();
	W.s.conf.max_new = 10;
	for (i = 0; i < 30; i++)
		g_udp_send("10.77.0.2", "192.0.2.2", (uint16_t)(2000 + i),
		    6000, "x", 1);
	assert_int_equal(W.peer->nflows, 10);
	assert_int_equal(W.s.count.flow_drop_rate, 20);
	/* what exists is not concerned */
	g_udp_send("10.77.0.2", "192.0.2.2", 2000, 6000, "x", 1);
	assert_int_equal(W.fs[0].shut, 2);
	w_jump(500);
	for (i = 0; i < 30; i++)
		g_udp_send("10.77.0.2", "192.0.2.2", (uint16_t)(3000 + i),
		    6000, "x", 1);
	assert_int_equal(W.peer->nflows, 15);
	/* a limit of the peer's own comes first */
	W.peer->max_new = 1000;
	w_jump(500);
	for (i = 0; i < 20; i++)
		g_udp_send("10.77.0.2", "192.0.2.2", (uint16_t)(4000 + i),
		    6000, "x", 1);
	assert_int_equal(W.peer->nflows, 35);
	w_close();
}

/* Bits a second: TCP waits, and nothing of it is lost. */
static void
rates(void **state)
{
	static uint8_t	 data[300000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	size_t		 got = 0, sent = 0, n;
	uint32_t	 edge;
	mono_t		 t0;

	(void)state;
	fill(data, sizeof(data), 3);
	w_open();
	W.peer->rate_out = 100000;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	t0 = W.s.now;
	host_says(x, data, sizeof(data));
	while (got < sizeof(data)) {
		while (g_next(&s)) {
			if (s.len == 0 || s.seq != g.ack)
				continue;
			assert_memory_equal(s.data, data + got, s.len);
			got += s.len;
			g.ack += (uint32_t)s.len;
		}
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(5);
		assert_true(W.s.now - t0 < MONO_SEC(10));
	}
	/* 300 kB with headers at 100 kB a second */
	assert_in_range(W.s.now - t0, MONO_MS(2800), MONO_MS(4000));
	assert_int_equal(W.s.count.tcp_retransmits, 0);
	w_close();

	/* the other way: the window holds the guest back */
	w_open();
	W.peer->rate_in = 50000;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	t0 = W.s.now;
	edge = g.seq + 65535;
	while (sent < 200000) {
		n = 200000 - sent < 1000 ? 200000 - sent : 1000;
		if (SEQ_LEQ(g.seq + (uint32_t)n, edge)) {
			g_send(&g, TH_ACK, g.seq, data + sent, n);
			g.seq += (uint32_t)n;
			sent += n;
		} else
			w_time(1);
		while (g_next(&s))
			if (SEQ_GT(s.ack + s.wnd, edge))
				edge = s.ack + s.wnd;
		assert_true(W.s.now - t0 < MONO_SEC(20));
	}
	g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
	while (!x->shut) {
		w_time(1);
		assert_true(W.s.now - t0 < MONO_SEC(20));
	}
	assert_int_equal(x->outlen, 200000);
	assert_memory_equal(x->out, data, 200000);
	assert_in_range(W.s.now - t0, MONO_MS(2000), MONO_MS(4500));
	assert_int_equal(W.s.count.tcp_rx_drop, 0);
	w_close();

	/* UDP: above the rate it is dropped, or waits in the socket */
	w_open();
	W.peer->rate_in = 10000;
	W.peer->rate_out = 10000;
	for (n = 0; n < 100; n++)
		g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, data, 1000);
	assert_in_range(W.fs[0].shut, 4, 6);
	assert_int_equal(W.s.count.udp_drop_rate + (uint64_t)W.fs[0].shut,
	    100);
	for (n = 0; n < 4; n++)
		g_udp_says(&W.fs[0], "192.0.2.2", 6000, data, 1000);
	assert_int_equal(W.npkts, 4);
	g_udp_says(&W.fs[0], "192.0.2.2", 6000, data, 1000);
	assert_int_equal(W.npkts, 4);
	w_time(150);
	assert_int_equal(W.npkts, 5);
	W.npkts = 0;
	w_close();
}

/* Under one rate, neither TCP nor UDP keeps the other from its part. */
static void
rate_shares(void **state)
{
	static uint8_t	 data[2000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint32_t	 edge;
	size_t		 tcp = 0, before;
	int		 ms, udp = 0, round;

	(void)state;
	/* round 0: a flood of UDP; round 1: a few datagrams */
	for (round = 0; round < 2; round++) {
		w_open();
		W.peer->rate_in = 125000;
		g_init(&g, 0, 5000);
		x = g_connect(&g, 0);
		g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, data, 100);
		edge = g.seq + 65535;
		for (ms = 0; ms < 10000; ms++) {
			while (SEQ_LEQ(g.seq + 1000, edge)) {
				g_send(&g, TH_ACK, g.seq, data, 1000);
				g.seq += 1000;
			}
			if (round == 0)
				g_udp_send("10.77.0.2", "192.0.2.2", 5000,
				    6000, data, 1000);
			else if (ms % 50 == 0)
				g_udp_send("10.77.0.2", "192.0.2.2", 5000,
				    6000, data, 100);
			w_time(1);
			while (g_next(&s))
				if (SEQ_GT(s.ack + s.wnd, edge))
					edge = s.ack + s.wnd;
		}
		tcp = x->outlen;
		udp = W.fs[1].shut;
		if (round == 0) {
			/* of 1.25 MB about a quarter is UDP */
			assert_in_range(tcp, 700000, 1050000);
			assert_in_range(udp, 250, 400);
		} else {
			assert_in_range(tcp, 1000000, 1300000);
			assert_true(udp >= 195);
		}
		w_close();
	}
	/* what cannot wait leaves no debt that silences the rest */
	w_open();
	W.peer->rate_out = 12500;
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	for (ms = 0; ms < 5000; ms++) {
		g_send(&g, TH_ACK, g.seq, data, 1000);
		g.seq += 1000;
		w_time(1);
		W.npkts = 0;
	}
	before = W.s.count.tcp_tx_bytes;
	host_says(x, data, 100);
	w_time(2000);
	assert_int_equal(W.s.count.tcp_tx_bytes, before + 100);
	w_close();
}

/* Clients of the host leave the guest half of what it may have. */
static void
host_clients(void **state)
{
	struct ipaddr	 to;
	struct guest	 g;
	int		 i, n = 0;

	(void)state;
	w_open();
	W.peer->max_flows = 20;
	w_addr(&to, "10.77.0.2");
	for (i = 0; i < 40; i++)
		if (udp_forward_open(&W.s, W.peer, &to, 53, VIA_FORWARD) !=
		    NULL)
			n++;
	assert_int_equal(n, 10);
	g_init(&g, 0, 5000);
	g_connect(&g, 0);
	for (i = 0; i < 9; i++)
		g_udp_send("10.77.0.2", "192.0.2.2", (uint16_t)(5000 + i),
		    6000, "x", 1);
	assert_int_equal(W.peer->nflows, 20);
	assert_int_equal(W.forgotten, 0);
	/* those that nobody answered give way first */
	g_udp_says(&W.fs[1], "192.0.2.2", 6000, "y", 1);
	for (i = 1; i < 9; i++)
		g_udp_says(&W.fs[1 + i], "192.0.2.2", 6000, "y", 1);
	g_udp_send("10.77.0.2", "192.0.2.2", 5100, 6000, "x", 1);
	assert_int_equal(W.forgotten, 1);
	w_close();
	/* connections that are being asked for */
	w_open();
	for (i = n = 0; i < 400; i++)
		if (tcp_dial(&W.s, W.peer, &to, 80, VIA_FORWARD, 9) == 0)
			n++;
	w_collect();
	W.npkts = 0;
	assert_int_equal(n, MAXF);	/* what the fake host has */
	assert_int_equal(W.peer->nconnecting, 0);
	assert_int_equal(W.peer->ndialing, MAXF);
	slirp_peer_clear(&W.s, W.peer);
	assert_int_equal(W.peer->ndialing, 0);
	assert_int_equal(W.peer->nvia, 0);
	w_close();
}

/* Rules that change take whom they block out of a mapping. */
static void
forgotten(void **state)
{
	(void)state;
	w_open();
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "x", 1);
	g_udp_send("10.77.0.2", "192.0.2.3", 5000, 6000, "x", 1);
	add_rule(0, "192.0.2.2/32", 0);
	g_udp_says(&W.fs[0], "192.0.2.2", 6000, "y", 1);
	assert_int_equal(W.npkts, 0);
	g_udp_says(&W.fs[0], "192.0.2.3", 6000, "y", 1);
	assert_int_equal(W.npkts, 1);
	/* nor by the filter that lets everybody in */
	W.s.conf.filtering = FILTER_NONE;
	g_udp_says(&W.fs[0], "192.0.2.2", 6000, "y", 1);
	g_udp_says(&W.fs[0], "127.0.0.1", 6000, "y", 1);
	assert_int_equal(W.npkts, 1);
	g_udp_says(&W.fs[0], "192.0.2.9", 6000, "y", 1);
	assert_int_equal(W.npkts, 2);
	/* only what the guest asks for is a match */
	assert_int_equal(W.s.conf.rule_info[0].matches, 0);
	w_close();
}

/* A client of the host, into the tunnel: the SYN is ours. */
static struct tcpcb *
dial(struct guest *g, int v6, enum flow_via via)
{
	struct seg	 s;
	struct ipaddr	 to;
	struct tcpcb	*t;

	g_init(g, v6, 9000);
	w_addr(&to, v6 ? "fd77::2" : "10.77.0.2");
	w_addr(&g->dst, v6 ? "fd77::1" : "10.77.0.1");
	g->port = 80;
	assert_int_equal(tcp_dial(&W.s, W.peer, &to, 80, via, 99), 0);
	w_collect();
	t = (struct tcpcb *)W.fs[W.nfs - 1].f;
	assert_int_equal(t->state, TCPS_SYN_SENT);
	g->dport = t->f.dport;
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_SYN);
	assert_int_equal(s.ack, 0);
	assert_true(s.wnd > 60000);
	assert_int_equal(be16(s.opt + 2), 1420 - (v6 ? 60 : 40));
	g->ack = s.seq + 1;
	return (t);
}

static void
dialing(void **state)
{
	static uint8_t	 data[20000];
	struct guest	 g;
	struct tcpcb	*t;
	struct fsock	*x;
	struct seg	 s;
	size_t		 got = 0;
	int		 v6;

	(void)state;
	fill(data, sizeof(data), 9);
	for (v6 = 0; v6 < 2; v6++) {
		w_open();
		t = dial(&g, v6, VIA_SOCKS);
		x = &W.fs[0];
		/* the client may have sent already; nothing is read of it */
		host_says(x, data, sizeof(data));
		assert_int_equal(x->inpos, 0);
		/* a wrong answer is reset, the right one establishes */
		g.ack += 5;
		g_send(&g, TH_SYN | TH_ACK, g.seq, NULL, 0);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_RST);
		assert_int_equal(s.seq, g.ack);
		g.ack -= 5;
		assert_int_equal(t->state, TCPS_SYN_SENT);
		g_send(&g, TH_SYN | TH_ACK, g.seq++, NULL, 0);
		assert_int_equal(t->state, TCPS_ESTABLISHED);
		assert_int_equal(x->answered, -1);
		assert_int_equal(W.peer->nconnecting, 0);
		for (got = 0; got < sizeof(data);) {
			while (g_next(&s)) {
				assert_int_equal(s.ack, g.seq);
				if (s.len == 0 || s.seq != g.ack)
					continue;
				assert_memory_equal(s.data, data + got,
				    s.len);
				got += s.len;
				g.ack += (uint32_t)s.len;
			}
			g_send(&g, TH_ACK, g.seq, NULL, 0);
			w_time(5);
		}
		g_send(&g, TH_ACK, g.seq, "answer", 6);
		g.seq += 6;
		assert_int_equal(x->outlen, 6);
		/* both ends */
		x->eof = 1;
		slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
		w_run();
		while (g_next(&s))
			if (s.flags & TH_FIN)
				g.ack++;
		g_send(&g, TH_ACK | TH_FIN, g.seq, NULL, 0);
		assert_int_equal(W.s.count.tcp_active, 0);
		assert_int_equal(x->closed, 1);
		w_close();
	}
}

static void
dial_fails(void **state)
{
	struct guest	 g;
	struct tcpcb	*t;
	struct seg	 s;
	uint8_t		 m[100], p[200];
	size_t		 n;
	int		 i;

	(void)state;
	/* refused */
	w_open();
	dial(&g, 0, VIA_FORWARD);
	g_send(&g, TH_RST, g.seq, NULL, 0);	/* without an ACK: nothing */
	assert_int_equal(W.s.count.tcp_active, 1);
	g_send(&g, TH_RST | TH_ACK, g.seq, NULL, 0);
	assert_int_equal(W.s.count.tcp_active, 0);
	assert_int_equal(W.fs[0].answered, ECONNREFUSED);
	assert_int_equal(W.fs[0].closed, 2);
	w_close();
	/* silent: again at 1, 3, 7, 15, 31, 47, 63 s, then it is over */
	w_open();
	dial(&g, 0, VIA_HTTP);
	for (i = 0; i < 5; i++) {
		w_time((1000U << i) - 10);
		assert_false(g_next(&s));
		w_time(12);
		assert_true(g_next(&s));
		assert_int_equal(s.flags, TH_SYN);
		assert_int_equal(s.seq + 1, g.ack);
	}
	w_time(48010);
	assert_int_equal(W.fs[0].answered, ETIMEDOUT);
	assert_int_equal(W.fs[0].closed, 1);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
	/* unreachable, says a router of the guest's, about this SYN */
	w_open();
	t = dial(&g, 0, VIA_SOCKS);
	for (i = 0; i < 2; i++) {
		memset(m, 0, sizeof(m));
		m[0] = 3;
		m[1] = 1;
		out_header(&W.s, NULL, m + 8, &g.dst, &g.a, IPPROTO_TCP, 20, 0, 0);
		put16(m + 28, t->f.dport);
		put16(m + 30, 80);
		put32(m + 32, i == 0 ? t->iss + 77 : t->iss);
		n = w_ip(p, &g.a, &g.dst, IPPROTO_ICMP, m, 36, 2);
		w_inject(p, n);
		assert_int_equal(table_count(&W.s), i == 0);
	}
	assert_int_equal(W.fs[0].answered, EHOSTUNREACH);
	w_close();
	/* a peer that goes takes what is being asked for with it */
	w_open();
	dial(&g, 0, VIA_SOCKS);
	slirp_peer_clear(&W.s, W.peer);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* UDP of a client of the host. */
static void
forwarding(void **state)
{
	struct forward_flow	*f;
	struct ipaddr		 to;
	uint8_t			 buf[100];
	uint16_t		 port;

	(void)state;
	w_open();
	w_addr(&to, "10.77.0.2");
	f = udp_forward_open(&W.s, W.peer, &to, 53, VIA_FORWARD);
	assert_non_null(f);
	port = f->f.dport;
	memcpy(buf + 8, "question", 8);
	udp_forward_send(&W.s, f, buf + 8, 8);
	w_collect();
	assert_int_equal(W.npkts, 1);
	assert_memory_equal(W.pkts[0].b + 12, "\x0a\x4d\x00\x01", 4);
	assert_int_equal(be16(W.pkts[0].b + 20), port);
	assert_int_equal(be16(W.pkts[0].b + 22), 53);
	assert_memory_equal(W.pkts[0].b + 28, "question", 8);
	W.npkts = 0;
	/* the guest's answer, and what is none */
	g_udp_send("10.77.0.2", "10.77.0.1", 53, port, "answer", 6);
	assert_int_equal(W.replies, 1);
	assert_int_equal(W.replylen, 6);
	g_udp_send("10.77.0.2", "10.77.0.1", 54, port, "answer", 6);
	g_udp_send("10.77.0.3", "10.77.0.1", 53, port, "answer", 6);
	g_udp_send("10.77.0.2", "10.77.0.1", 53, (uint16_t)(port ^ 1),
	    "answer", 6);
	assert_int_equal(W.replies, 1);
	W.npkts = 0;
	/* it lives as long as a mapping */
	w_jump(299000);
	assert_int_equal(W.forgotten, 0);
	w_jump(2000);
	assert_int_equal(W.forgotten, 1);
	assert_int_equal(table_count(&W.s), 0);
	w_close();
}

/* What a guest says about the size of our packets. */
static void
too_big(void **state)
{
	static uint8_t	 data[60000];
	struct guest	 g;
	struct fsock	*x;
	struct seg	 s;
	uint8_t		 m[100], p[200];
	uint32_t	 first = 0;
	size_t		 n, got = 0, most = 0;
	int		 i, k;

	(void)state;
	fill(data, sizeof(data), 4);
	w_open();
	g_init(&g, 0, 5000);
	x = g_connect(&g, 0);
	host_says(x, data, sizeof(data));
	while (g_next(&s)) {
		if (s.len > 0 && first == 0)
			first = s.seq;
		if (s.len > most)
			most = s.len;
	}
	assert_int_equal(most, 1000);		/* the guest's MSS */
	assert_int_equal(first, g.ack);
	/* about something else, about what was never sent: ignored */
	for (i = 0; i < 3; i++) {
		memset(m, 0, sizeof(m));
		m[0] = 3;
		m[1] = 4;
		put16(m + 6, 700);
		out_header(&W.s, NULL, m + 8, &g.dst, &g.a, IPPROTO_TCP, 1000, 0,
		    0x4000);
		put16(m + 28, g.dport);
		put16(m + 30, i == 0 ? g.port + 1U : g.port);
		put32(m + 32, i == 1 ? first - 5 : first);
		n = w_ip(p, &g.a, &g.dst, IPPROTO_ICMP, m, 36, 2);
		w_inject(p, n);
		for (most = k = 0; g_next(&s); k++)
			if (s.len > most)
				most = s.len;
		if (i < 2)
			assert_int_equal(k, 0);
	}
	/* sent again, in pieces that fit */
	assert_in_range(most, 500, 660);
	assert_int_equal(W.s.count.icmp_rx_errors, 3);
	assert_int_equal(out_mtu(&W.s, W.peer), 700);
	for (i = 0; i < 3000 && got < sizeof(data); i++) {
		g_send(&g, TH_ACK, g.seq, NULL, 0);
		w_time(20);
		while (g_next(&s)) {
			assert_true(s.len <= 660);
			if (SEQ_GT(s.seq, g.ack) ||
			    SEQ_LEQ(s.seq + (uint32_t)s.len, g.ack))
				continue;
			n = g.ack - s.seq;
			assert_memory_equal(s.data + n, data + got,
			    s.len - n);
			got += s.len - n;
			g.ack += (uint32_t)(s.len - n);
		}
	}
	assert_int_equal(got, sizeof(data));
	/* no host has to take less than this */
	out_learn_mtu(&W.s, W.peer, 4, 20);
	assert_int_equal(out_mtu(&W.s, W.peer), 576);
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(buckets),
		cmocka_unit_test(tables),
		cmocka_unit_test(answers),
		cmocka_unit_test(local_services),
		cmocka_unit_test(filtering),
		cmocka_unit_test(trains),
		cmocka_unit_test(eviction),
		cmocka_unit_test(new_flows),
		cmocka_unit_test(rates),
		cmocka_unit_test(rate_shares),
		cmocka_unit_test(host_clients),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(dialing),
		cmocka_unit_test(dial_fails),
		cmocka_unit_test(forwarding),
		cmocka_unit_test(too_big)
	};

	return (RUN(tests));
}
