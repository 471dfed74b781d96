/* SPDX-License-Identifier: ISC */

/* Below TCP: UDP, ICMP, fragments, headers, policy. */

#include "guest.h"

static void
udp_mapping(void **state)
{
	struct fsock	*x = &W.fs[0];
	uint8_t		 big[9000];

	(void)state;
	w_open();
	g_udp_send("10.77.0.2", "192.0.2.2", 5000, 6000, "hello", 5);
	assert_int_equal(W.nfs, 1);
	assert_int_equal(x->outlen, 5);
	assert_int_equal(x->dport, 6000);
	assert_int_equal(x->ttl, 63);
	/* another destination, the same socket; empty is sent, too */
	g_udp_send("10.77.0.2", "192.0.2.3", 5000, 6001, "", 0);
	assert_int_equal(W.nfs, 1);
	assert_int_equal(x->shut, 2);
	assert_int_equal(x->outlen, 0);
	/* another port of the guest, another socket */
	g_udp_send("10.77.0.2", "192.0.2.2", 5001, 6000, "x", 1);
	assert_int_equal(W.nfs, 2);
	/* answers from those it talked to, whatever the port */
	g_udp_says(x, "192.0.2.3", 9999, "answer", 6);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].len, 28 + 6);
	assert_int_equal(be16(W.pkts[0].b + 20), 9999);
	assert_int_equal(be16(W.pkts[0].b + 22), 5000);
	W.npkts = 0;
	g_udp_says(x, "192.0.2.3", 9999, "", 0);
	assert_int_equal(W.npkts, 1);
	W.npkts = 0;
	g_udp_says(x, "192.0.2.77", 6000, "stranger", 8);
	assert_int_equal(W.npkts, 0);
	assert_int_equal(W.s.count.udp_drop_filtered, 1);
	/* larger than the tunnel: fragments */
	fill(big, sizeof(big), 5);
	g_udp_says(x, "192.0.2.2", 6000, big, sizeof(big));
	assert_int_equal(W.npkts, 7);
	assert_int_equal(W.s.count.frag_tx, 7);
	W.npkts = 0;
	/* 300 s without sending, and it is gone */
	w_time(299000);
	assert_int_equal(W.s.count.udp_active, 2);
	w_time(2000);
	assert_int_equal(W.s.count.udp_active, 0);
	w_close();
}

/* Fragments in any order make the datagram; overlaps never do. */
static void
reassembly(void **state)
{
	static uint8_t	 msg[20000], p[2100];
	struct ipaddr	 a, b;
	size_t		 off[64], len[64], o, n, total, hl;
	int		 round, i, k, v6, overlap;
	uint16_t	 c;

	(void)state;
	w_open();
	for (round = 0; round < 600; round++) {
		v6 = round & 1;
		overlap = round % 5 == 4;
		w_addr(&a, v6 ? "fd77::2" : "10.77.0.2");
		w_addr(&b, v6 ? "2001:db8::2" : "192.0.2.2");
		total = 1500 + arc4random_uniform(18000);
		fill(msg, total, (uint32_t)round);
		put16(msg, 5000);
		put16(msg + 2, 6000);
		put16(msg + 4, (uint32_t)total);
		put16(msg + 6, 0);
		c = cksum_fold(cksum_add(msg, total,
		    cksum_pseudo(&a, &b, IPPROTO_UDP, total)));
		memcpy(msg + 6, &c, 2);
		for (o = 0, k = 0; o < total; k++) {
			n = (1 + arc4random_uniform(160)) * 8;
			if (k > 40)
				n = 1360;
			if (n > total - o)
				n = total - o;
			off[k] = o;
			len[k] = n;
			o += n;
		}
		if (overlap && k > 1 && len[k - 1] > 8) {
			/* one that begins inside the one before it */
			off[k] = off[k - 1] - 8;
			len[k] = 16;
			k++;
		} else
			overlap = 0;
		/* shuffle; an overlap that comes last comes too late */
		for (i = k - 1 - overlap; i > 0; i--) {
			int	 j = (int)arc4random_uniform(
				    (uint32_t)i + 1);
			size_t	 to = off[i], tl = len[i];

			off[i] = off[j];
			len[i] = len[j];
			off[j] = to;
			len[j] = tl;
		}
		if (overlap) {
			size_t	 to = off[0], tl = len[0];

			off[0] = off[k - 1];
			len[0] = len[k - 1];
			off[k - 1] = to;
			len[k - 1] = tl;
		}
		if (W.nfs > 0)
			W.fs[v6].outlen = 0;
		if (W.nfs > 1)
			W.fs[v6].shut = 0;
		for (i = 0; i < k; i++) {
			hl = v6 ? 48 : 20;
			W.ip_id = (uint16_t)round;
			w_header(p, &a, &b, v6 ? 44 : IPPROTO_UDP,
			    len[i] + (v6 ? 8 : 0), v6 ? 0 :
			    (int)(off[i] / 8) |
			    (off[i] + len[i] < total ? 0x2000 : 0));
			if (v6) {
				p[40] = IPPROTO_UDP;
				p[41] = 0;
				put16(p + 42, (uint32_t)(off[i] |
				    (off[i] + len[i] < total)));
				put32(p + 44, (uint32_t)round);
			}
			memcpy(p + hl, msg + off[i], len[i]);
			w_inject(p, hl + len[i]);
		}
		if (!overlap && round > 1) {
			assert_int_equal(W.fs[v6].outlen, total - 8);
			assert_memory_equal(W.fs[v6].out, msg + 8,
			    total - 8);
		} else if (overlap && round > 1)
			assert_int_equal(W.fs[v6].shut, 0);
		W.npkts = 0;
		/* the rest of a dropped one goes by time */
		if (overlap)
			w_jump(62000);
	}
	w_time(61000);
	assert_int_equal(W.peer->nfrags, 0);
	assert_int_equal(W.peer->fragbytes, 0);
	w_close();
}

/* A flood of first fragments stays in its budget. */
static void
fragment_flood(void **state)
{
	static uint8_t	 p[2100];
	struct ipaddr	 a, b;
	int		 i;

	(void)state;
	w_open();
	w_addr(&a, "10.77.0.2");
	w_addr(&b, "192.0.2.2");
	for (i = 0; i < 5000; i++) {
		W.ip_id = (uint16_t)i;
		w_header(p, &a, &b, IPPROTO_UDP, 1400 - 24,
		    0x2000 | 170 * (i % 40));
		w_inject(p, 20 + 1400 - 24);
		assert_true(W.peer->nfrags <= 64);
		assert_true(W.peer->fragbytes <= 1024 * 1024);
	}
	w_time(31000);
	assert_int_equal(W.peer->nfrags, 0);
	w_close();
}

/*
 * Datagrams that lost a fragment do not shut out those that come after them;
 * one whose beginning is here is told about in time.
 */
static void
fragment_eviction(void **state)
{
	static uint8_t	 p[200];
	struct ipaddr	 a, b;
	uint64_t	 done;
	int		 i, k;

	(void)state;
	w_open();
	w_addr(&a, "10.77.0.2");
	w_addr(&b, "192.0.2.2");
	for (i = 0; i < 500; i++) {
		W.ip_id = (uint16_t)i;
		memset(p, 0, sizeof(p));
		w_header(p, &a, &b, IPPROTO_UDP, 64, 0x2000);
		w_inject(p, 84);
		if (i % 5 == 4)
			continue;	/* the other half is lost */
		W.ip_id = (uint16_t)i;
		w_header(p, &a, &b, IPPROTO_UDP, 64, 8);
		w_inject(p, 84);
	}
	assert_int_equal(W.s.count.frag_reassembled, 400);
	assert_in_range(W.peer->nfrags, 60, 64);
	done = W.s.count.icmp_tx_errors;
	W.npkts = 0;
	w_time(31000);
	assert_int_equal(W.peer->nfrags, 0);
	assert_true(W.s.count.icmp_tx_errors > done);
	for (i = k = 0; i < W.npkts; i++)
		if (W.pkts[i].b[9] == IPPROTO_ICMP && W.pkts[i].b[20] == 11 &&
		    W.pkts[i].b[21] == 1) {
			/* the quoted fragment, as it was */
			assert_int_equal(W.pkts[i].b[28] >> 4, 4);
			assert_memory_equal(W.pkts[i].b + 28 + 12, a.a, 4);
			assert_int_equal(W.pkts[i].b[28 + 6], 0x20);
			k++;
		}
	assert_true(k > 0);
	w_close();
}

/* Whom a mapping talks to: thousands, the one used longest ago goes. */
static void
many_remotes(void **state)
{
	struct remotes	 r = { 0 };
	struct remote	*e;
	struct ipaddr	 a;
	uint32_t	 used = 0, i, k, n;

	(void)state;
	w_addr(&a, "10.0.0.0");
	for (i = 0; i < 3 * MAX_REMOTES; i++) {
		/* two ports of each address */
		a.a[1] = (uint8_t)(i >> 17);
		a.a[2] = (uint8_t)(i >> 9);
		a.a[3] = (uint8_t)(i >> 1);
		assert_non_null(e = remotes_note(&r, &a,
		    (uint16_t)(1 + i % 2), &used));
		e->passed = i;
		if (i >= 100) {
			/* this one is used all the time */
			w_addr(&a, "10.0.0.25");
			assert_non_null(e = remotes_note(&r, &a, 1, &used));
			assert_int_equal(e->passed, 50);
		}
	}
	assert_int_equal(used, MAX_REMOTES);
	assert_int_equal(r.n, MAX_REMOTES);
	for (i = n = 0; i < 3 * MAX_REMOTES; i++) {
		w_addr(&a, "10.0.0.0");
		a.a[2] = (uint8_t)(i >> 9);
		a.a[3] = (uint8_t)(i >> 1);
		e = remotes_find(&r, &a, (uint16_t)(1 + i % 2));
		if (e != NULL) {
			assert_int_equal(e->passed, i);
			n++;
		}
		assert_int_equal(e != NULL, i == 50 ||
		    i > 2 * MAX_REMOTES);
		for (k = 0, e = NULL; (e = remotes_at(&r, &a, e)) != NULL; k++)
			assert_memory_equal(e->addr.a, a.a, 4);
		assert_true(k <= 2);
	}
	assert_int_equal(n, MAX_REMOTES);
	remotes_free(&r, &used);
	assert_int_equal(used, 0);
	/* a peer's share: each mapping keeps what it has */
	used = MAX_PEER_REMOTES;
	for (i = 0; i < 100; i++)
		assert_non_null(remotes_note(&r, &a, (uint16_t)(i + 1),
		    &used));
	assert_int_equal(r.n, 1);
	assert_non_null(remotes_find(&r, &a, 100));
	remotes_free(&r, &used);
}

/* Guests who send at once do not cut each other's trains. */
static void
interleaved_trains(void **state)
{
	int	 i, k;

	(void)state;
	w_open();
	for (i = 0; i < 16; i++)
		for (k = 0; k < 3; k++)
			g_udp_queue("10.77.0.2", k < 2 ? "192.0.2.9" :
			    "192.0.2.8", k == 0 ? 5000 : 5001, 4433,
			    i == 15 ? "last" : "datagram", i == 15 ? 4 : 8);
	assert_int_equal(slirp_input(&W.s, 256), 48);
	pktq_return_flush(&W.in_c);
	w_run();
	assert_int_equal(W.sends, 3);
	assert_int_equal(W.s.count.udp_rx_datagrams, 48);
	assert_int_equal(W.s.count.udp_rx_bytes, 3 * (15 * 8 + 4));
	/* more than there are trains for: all arrive all the same */
	W.sends = 0;
	for (i = 0; i < 16; i++)
		for (k = 0; k < 9; k++)
			g_udp_queue("10.77.0.2", "192.0.2.9",
			    (uint16_t)(6000 + k), 4433, "datagram", 8);
	assert_int_equal(slirp_input(&W.s, 256), 144);
	pktq_return_flush(&W.in_c);
	w_run();
	assert_int_equal(W.s.count.udp_rx_datagrams, 48 + 144);
	w_close();
}

/* Guests who talk to each other's mappings, and to nothing else there. */
static void
hairpin(void **state)
{
	static const char	 host[] = "198.51.100.7";
	struct ipprefix		 p;
	struct pkt		*k;

	(void)state;
	w_open();
	W.s.hostaddrs = policy_set_new();
	assert_int_equal(ipprefix_parse(&p, "198.51.100.7/32"), 0);
	assert_int_equal(policy_set_add(W.s.hostaddrs, &p), 0);
	policy_set_sort(W.s.hostaddrs);
	g_udp_send("10.77.0.2", "192.0.2.9", 5000, 99, "x", 1);
	g_udp_send("10.77.0.2", "192.0.2.9", 5001, 99, "x", 1);
	assert_int_equal(W.nfs, 2);
	W.npkts = W.sends = 0;
	/* nobody has that port: the host's own services stay closed */
	g_udp_send("10.77.0.2", host, 5000, 40002, "a", 1);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[20], 3);
	assert_int_equal(W.pkts[0].b[21], 13);
	/* the other one has not asked for it yet */
	W.npkts = 0;
	g_udp_send("10.77.0.2", host, 5000, 40001, "a", 1);
	assert_int_equal(W.npkts, 0);
	assert_int_equal(W.s.count.udp_drop_filtered, 1);
	g_udp_send("10.77.0.2", host, 5001, 40000, "bb", 2);
	assert_int_equal(W.npkts, 1);
	k = &W.pkts[0];
	assert_int_equal(k->len, 30);
	assert_int_equal(be16(k->b + 20), 40001);
	assert_int_equal(be16(k->b + 22), 5000);
	assert_memory_equal(k->b + 28, "bb", 2);
	g_udp_send("10.77.0.2", host, 5000, 40001, "ccc", 3);
	assert_int_equal(W.npkts, 2);
	assert_int_equal(be16(W.pkts[1].b + 20), 40000);
	assert_int_equal(be16(W.pkts[1].b + 22), 5001);
	/* one that has no mapping yet gets one, and its port is known */
	g_udp_send("10.77.0.2", host, 5002, 40000, "d", 1);
	assert_int_equal(W.nfs, 3);
	assert_int_equal(W.npkts, 3);
	assert_int_equal(be16(W.pkts[2].b + 20), 40002);
	/* nothing of all this went to the host */
	assert_int_equal(W.sends, 0);
	/* and when the mapping is gone, so is its port */
	flow_kill(&W.s, W.fs[1].f);
	W.npkts = 0;
	g_udp_send("10.77.0.2", host, 5000, 40001, "a", 1);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[9], 1);
	assert_int_equal(W.sends, 0);
	/* the mapping that makes room for the sender's is the one meant */
	g_udp_says(&W.fs[0], "192.0.2.9", 99, "y", 1);
	g_udp_send("10.77.0.2", "192.0.2.9", 5003, 99, "x", 1);
	W.peer->max_flows = W.peer->nflows;
	W.npkts = 0;
	g_udp_send("10.77.0.2", host, 5004, 40002, "a", 1);
	assert_int_equal(W.fs[2].closed, 1);
	assert_int_equal(W.npkts, 0);
	assert_int_equal(W.s.count.udp_drop_filtered, 2);
	w_close();
}

/* A fragment within what was put together is not looked at. */
static void
nested_fragments(void **state)
{
	uint8_t		 p[200], inner[32];
	struct ipaddr	 a, b;
	int		 i;

	(void)state;
	w_open();
	w_addr(&a, "fd77::2");
	w_addr(&b, "2001:db8::2");
	memset(inner, 0, sizeof(inner));
	inner[0] = IPPROTO_UDP;
	put16(inner + 2, 8 | 1);
	put32(inner + 4, 7);
	for (i = 0; i < 2; i++) {
		out_header(&W.s, NULL, p, &a, &b, IPPROTO_FRAGMENT6, 8 + 16, 0, 0);
		p[40] = IPPROTO_FRAGMENT6;
		p[41] = 0;
		put16(p + 42, (uint32_t)(i * 16) | (i == 0));
		put32(p + 44, 7);
		memcpy(p + 48, inner + i * 16, 16);
		w_inject(p, 48 + 16);
	}
	assert_int_equal(W.s.count.frag_reassembled, 1);
	assert_int_equal(W.s.count.ip_drop_malformed, 1);
	assert_int_equal(W.peer->nfrags, 0);
	w_close();
}

/* An IPv6 packet with a header of 8 bytes before protocol proto. */
static void
inject_ext6(uint8_t type, uint8_t proto, const uint8_t option[6])
{
	uint8_t		 p[64];
	struct ipaddr	 a, b;

	w_addr(&a, "fd77::2");
	w_addr(&b, "2001:db8::2");
	memset(p, 0, sizeof(p));
	out_header(&W.s, NULL, p, &a, &b, type, 24, 0, 0);
	p[40] = proto;
	memcpy(p + 42, option, 6);
	W.npkts = 0;
	w_inject(p, 64);
}

/* Unknown options of IPv6, and what errors about headers point at. */
static void
options6(void **state)
{
	static const struct {
		uint8_t	 option[6];
		int	 told;		/* where it points, 0: it is not */
		int	 passed;
	} t[] = {
		{ { 1, 4, 0, 0, 0, 0 }, 0, 1 },		/* PadN */
		{ { 0, 0, 0, 0, 0, 0 }, 0, 1 },		/* Pad1 */
		{ { 0x1e, 4, 0, 0, 0, 0 }, 0, 1 },	/* skip */
		{ { 0x5e, 4, 0, 0, 0, 0 }, 0, 0 },	/* discard */
		{ { 0x9e, 4, 0, 0, 0, 0 }, 42, 0 },	/* and tell */
		{ { 0xde, 4, 0, 0, 0, 0 }, 42, 0 },
		{ { 0, 0x9e, 3, 0, 0, 0 }, 43, 0 },
		{ { 0x1e, 9, 0, 0, 0, 0 }, 0, 0 }	/* too long */
	};
	static const uint8_t	 pad[6] = { 1, 4, 0, 0, 0, 0 };
	size_t			 i;
	uint64_t		 dropped;

	(void)state;
	w_open();
	for (i = 0; i < 2 * sizeof(t) / sizeof(t[0]); i++) {
		dropped = W.s.count.ip_drop_option;
		/* 60: destination options; 253 is nobody's protocol */
		inject_ext6(i % 2 ? IPPROTO_DSTOPTS : IPPROTO_HOPOPTS, 59,
		    t[i / 2].option);
		assert_int_equal(W.s.count.ip_drop_option - dropped,
		    !t[i / 2].passed);
		if (t[i / 2].told == 0) {
			assert_int_equal(W.npkts, 0);
			continue;
		}
		assert_int_equal(W.npkts, 1);
		assert_int_equal(W.pkts[0].b[40], 4);
		assert_int_equal(W.pkts[0].b[41], 2);
		assert_int_equal(be32(W.pkts[0].b + 44), t[i / 2].told);
	}
	/* a protocol that is not known: the field that names it */
	inject_ext6(IPPROTO_DSTOPTS, 253, pad);
	assert_int_equal(W.npkts, 1);
	assert_int_equal(W.pkts[0].b[40], 4);
	assert_int_equal(W.pkts[0].b[41], 1);
	assert_int_equal(be32(W.pkts[0].b + 44), 40);
	w_close();
}

/* No peer can count what another one gets. */
static void
identifications(void **state)
{
	uint8_t			 m[16], p[100];
	struct slirp_peer	*other;
	struct ipaddr		 a, b;
	uint16_t		 last[2] = { 0, 0 }, id;
	size_t			 n;
	int			 i, k;

	(void)state;
	w_open();
	assert_non_null(other = peer_set(&W.s, W.peer->id + 1, "other"));
	w_addr(&b, "10.77.0.1");
	memset(m, 0, sizeof(m));
	m[0] = 8;
	for (i = 0; i < 40; i++) {
		k = i % 4 == 3;		/* three for one, one for the other */
		w_addr(&a, k ? "10.77.0.3" : "10.77.0.2");
		W.from = k ? other->id : W.peer->id;
		n = w_ip(p, &a, &b, IPPROTO_ICMP, m, sizeof(m), 2);
		W.npkts = 0;
		w_inject(p, n);
		assert_int_equal(W.npkts, 1);
		id = be16(W.pkts[0].b + 4);
		if (i > 3)
			assert_int_equal(id, (uint16_t)(last[k] + 1));
		last[k] = id;
	}
	W.from = W.peer->id;
	w_close();
}

static void
icmp_echo(void **state)
{
	uint8_t		 m[64], p[200];
	struct ipaddr	 a, b;
	size_t		 n;
	int		 v6, i;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		w_open();
		w_addr(&a, v6 ? "fd77::2" : "10.77.0.2");
		w_addr(&b, v6 ? "fd77::1" : "10.77.0.1");
		memset(m, 0, sizeof(m));
		m[0] = v6 ? 128 : 8;
		put16(m + 4, 0);	/* id 0 is one like any other */
		put16(m + 6, 9);
		n = w_ip(p, &a, &b, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, m,
		    sizeof(m), 2);
		w_inject(p, n);
		assert_int_equal(W.npkts, 1);
		assert_int_equal(W.pkts[0].b[v6 ? 40 : 20], v6 ? 129 : 0);
		W.npkts = 0;
		/* through a ping socket, whose id is another */
		w_addr(&b, v6 ? "2001:db8::2" : "192.0.2.2");
		n = w_ip(p, &a, &b, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, m,
		    sizeof(m), 2);
		w_inject(p, n);
		assert_int_equal(W.nfs, 1);
		memcpy(m, W.fs[0].out, sizeof(m));
		m[0] = v6 ? 129 : 0;
		put16(m + 4, 4242);
		g_udp_says(&W.fs[0], v6 ? "2001:db8::2" : "192.0.2.2", 0, m,
		    sizeof(m));
		assert_int_equal(W.npkts, 1);
		i = v6 ? 40 : 20;
		assert_int_equal(be16(W.pkts[0].b + i + 4), 0);
		assert_int_equal(cksum_fold(cksum_add(W.pkts[0].b + i,
		    sizeof(m), v6 ? cksum_pseudo(&b, &a, IPPROTO_ICMPV6,
		    sizeof(m)) : 0)), 0);
		W.npkts = 0;
		/* time to live ends here: told by the gateway's address */
		n = w_ip(p, &a, &b, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, m,
		    sizeof(m), 2);
		m[0] = v6 ? 128 : 8;
		n = w_ip(p, &a, &b, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, m,
		    sizeof(m), 2);
		if (v6)
			p[7] = 1;
		else {
			uint16_t	 c;

			p[8] = 1;
			put16(p + 10, 0);
			c = cksum_fold(cksum_add(p, 20, 0));
			memcpy(p + 10, &c, 2);
		}
		for (i = 0; i < 500; i++)
			w_inject(p, n);
		assert_true(W.npkts >= 40 && W.npkts <= 60);	/* limited */
		assert_int_equal(W.pkts[0].b[v6 ? 40 : 20], v6 ? 3 : 11);
		W.npkts = 0;
		w_time(61000);
		assert_int_equal(table_count(&W.s), 0);
		w_close();
	}
}

/* Who may be reached, with two prefixes of a translator. */
static const struct {
	const char	*dst;
	int		 pass;
} destinations[] = {
	{ "192.0.2.2", 1 }, { "8.8.8.8", 1 }, { "10.0.0.1", 1 },
	{ "127.0.0.1", 0 }, { "127.255.255.255", 0 },
	{ "0.0.0.0", 0 }, { "169.254.169.254", 0 },
	{ "224.0.0.1", 0 }, { "255.255.255.255", 0 },
	{ "100.100.100.200", 0 }, { "198.51.100.7", 0 },
	{ "10.77.0.1", 0 }, { "10.77.0.9", 0 },
	{ "::", 0 }, { "::1", 0 }, { "fe80::1", 0 }, { "ff02::1", 0 },
	{ "fd00:ec2::254", 0 }, { "2001:db8::2", 1 },
	{ "::ffff:127.0.0.1", 0 }, { "::ffff:8.8.8.8", 1 },
	{ "::127.0.0.1", 0 }, { "::ffff:0:127.0.0.1", 0 },
	{ "64:ff9b::7f00:1", 0 }, { "64:ff9b::808:808", 1 },
	{ "64:ff9b:1::7f00:1", 0 }, { "2002:7f00:1::1", 0 },
	{ "2002:a9fe:a9fe::", 0 }, { "2002:808:808::", 1 },
	{ "2001:0:1:2:3:4:80ff:fffe", 0 },
	{ "2001:0:1:2:3:4:f7f7:f7f7", 1 },
	{ "2001:db8::5efe:7f00:1", 0 }, { "fd77::5", 0 },
	{ "::ffff:198.51.100.7", 0 }, { "64:ff9b::c633:6407", 0 },
	{ "2001:db8:7::", 0 }, { "2001:db8:7::ffff", 0 },
	{ "2001:db8:6:ffff::1", 1 }, { "2001:db8:8::1", 1 },
	{ "2001:db8:9::", 0 }, { "2001:db8:9::1", 1 },
	{ "198.51.100.8", 1 }, { "168.63.129.16", 0 },
	{ "168.63.129.17", 1 }, { "fd00:ec2::23", 0 },
	{ "fd00:ec2::254", 0 }, { "fd00:ec2:0:1::1", 1 },
	{ "2001:db8:64::7f00:1", 0 }, { "2001:db8:64::808:808", 1 },
	{ "2001:db8:65:7f00:0:100::", 0 },
	{ "2001:db8:65:808:8:800::", 1 },
	{ "fd20:ce::254", 0 }, { "64:ff9b::a83f:8110", 0 }
};

static void
policy_table(void **state)
{
	struct ipprefix	 p;
	struct ipaddr	 a, d;
	struct rule	 r[3];
	size_t		 i;

	(void)state;
	w_open();
	assert_int_equal(ipprefix_parse(&W.s.conf.nat64[0],
	    "2001:db8:64::/96"), 0);
	assert_int_equal(ipprefix_parse(&W.s.conf.nat64[1],
	    "2001:db8:65::/48"), 0);
	W.s.conf.nnat64 = 2;
	W.s.hostaddrs = policy_set_new();
	for (i = 0; i < 3; i++) {
		static const char	*own[] = { "198.51.100.7/32",
					    "2001:db8:7::/64",
					    "2001:db8:9::/128" };

		assert_int_equal(ipprefix_parse(&p, own[i]), 0);
		assert_int_equal(policy_set_add(W.s.hostaddrs, &p), 0);
	}
	policy_set_sort(W.s.hostaddrs);
	w_addr(&a, "10.77.0.2");
	for (i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++) {
		w_addr(&d, destinations[i].dst);
		if ((policy_check(&W.s, W.peer, &a, &d, IPPROTO_TCP, 80, NULL) ==
		    VERDICT_PASS) != destinations[i].pass)
			fail_msg("%s", destinations[i].dst);
	}
	/* last match wins, quick ends it */
	memset(r, 0, sizeof(r));
	for (i = 0; i < 3; i++) {
		r[i].peer = RULE_ANY_PEER;
		r[i].port_hi = 65535;
		r[i].from_table = r[i].to_table = RULE_NO_TABLE;
	}
	W.s.conf.rules = calloc(3, sizeof(r[0]));
	W.s.conf.nrules = 2;
	r[0].private = 1;
	r[1].pass = 1;
	r[1].peer = 3;
	ipprefix_parse(&r[1].to, "192.168.0.0/16");
	r[1].proto = IPPROTO_TCP;
	r[1].port_lo = 22;
	r[1].port_hi = 25;
	memcpy(W.s.conf.rules, r, sizeof(r));
	w_addr(&d, "192.168.1.1");
#define PASS(proto, port) \
	policy_check(&W.s, W.peer, &a, &d, proto, port, NULL) == VERDICT_PASS
	assert_true(PASS(IPPROTO_TCP, 22));
	assert_true(PASS(IPPROTO_TCP, 25));
	assert_false(PASS(IPPROTO_TCP, 26));
	assert_false(PASS(IPPROTO_UDP, 22));
	assert_false(PASS(IPPROTO_ICMP, 0));
	w_addr(&d, "64:ff9b::c0a8:101");
	assert_false(PASS(IPPROTO_TCP, 80));
	W.s.conf.rules[0].quick = 1;
	w_addr(&d, "192.168.1.1");
	assert_false(PASS(IPPROTO_TCP, 22));
	/* "pass to any" does not open loopback, naming it does */
	W.s.conf.rules[0] = r[2];
	W.s.conf.rules[0].pass = 1;
	W.s.conf.nrules = 1;
	w_addr(&d, "127.0.0.1");
	assert_false(PASS(IPPROTO_TCP, 22));
	ipprefix_parse(&W.s.conf.rules[0].to, "0.0.0.0/0");
	assert_false(PASS(IPPROTO_TCP, 22));
	ipprefix_parse(&W.s.conf.rules[0].to, "127.0.0.1/32");
	assert_true(PASS(IPPROTO_TCP, 22));
	w_addr(&d, "198.51.100.7");
	assert_false(PASS(IPPROTO_TCP, 22));
	ipprefix_parse(&W.s.conf.rules[0].to, "198.51.100.7/32");
	assert_true(PASS(IPPROTO_TCP, 22));
	w_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(udp_mapping),
		cmocka_unit_test(reassembly),
		cmocka_unit_test(fragment_flood),
		cmocka_unit_test(fragment_eviction),
		cmocka_unit_test(many_remotes),
		cmocka_unit_test(interleaved_trains),
		cmocka_unit_test(hairpin),
		cmocka_unit_test(nested_fragments),
		cmocka_unit_test(options6),
		cmocka_unit_test(identifications),
		cmocka_unit_test(icmp_echo),
		cmocka_unit_test(policy_table)
	};

	return (RUN(tests));
}
