/* SPDX-License-Identifier: ISC */

/*
 * Guests who leave by an uplink: two connections of which each is the other's
 * host, mappings without a socket, and what nobody may do with them.
 */

#include <stdlib.h>

#include "guest.h"
#include "slirp/net/egress.h"
#include "slirp/net/uplink.h"
#include "slirp/pcp.h"

#define UPLINK		5
#define BUDGET		(16U << 20)	/* of a peer's receive buffers */

static struct slirp_peer	*up;

/* An uplink, by which guests leave. */
static void
begin(void)
{
	struct conf_way	 m;

	w_open();
	up = peer_set(&W.s, UPLINK, "provider");
	w_addr(&up->own[0], "10.64.0.2");
	memset(&m, 0, sizeof(m));
	m.kind = WAY_HOST;
	assert_int_equal(egress_add(&W.s.conf, &m), 0);
	m.kind = WAY_NONE;
	assert_int_equal(egress_add(&W.s.conf, &m), 0);
	m.kind = WAY_UPLINK;
	m.peer = UPLINK;
	assert_int_equal(egress_add(&W.s.conf, &m), 0);
	W.s.conf.egress.n = 1;
	W.s.conf.egress.way[0] = 2;
}

/* A connection of the guest, to somebody behind the uplink. */
static void
through(struct guest *g, struct guest *far)
{
	int	 i;

	W.npkts = 0;
	W.from = W.peer->id;
	g_send(g, TH_SYN, g->seq, NULL, 0);
	assert_int_equal(W.npkts, 1);
	memset(far, 0, sizeof(*far));
	w_addr(&far->a, "192.0.2.2");
	w_addr(&far->dst, "10.64.0.2");
	far->port = 80;
	far->dport = be16(W.pkts[0].b + 20);
	far->seq = 777;
	far->ack = be32(W.pkts[0].b + 24) + 1;
	far->wnd = 65000;
	W.npkts = 0;
	W.from = UPLINK;
	g_send(far, TH_SYN | TH_ACK, far->seq++, NULL, 0);
	for (i = 0; i < W.npkts; i++)
		if (W.pkts[i].b[33] == (TH_SYN | TH_ACK))
			g->ack = be32(W.pkts[i].b + 24) + 1;
	W.npkts = 0;
	W.from = W.peer->id;
	g->seq++;
	g_send(g, TH_ACK, g->seq, NULL, 0);
	W.npkts = 0;
}

/* Bytes of TCP that went into the tunnel of the uplink, or of the guest. */
static size_t
bytes_from(const char *src)
{
	struct ipaddr	 a, b;
	size_t		 n = 0;
	int		 i;

	w_addr(&a, src);
	for (i = 0; i < W.npkts; i++) {
		ipaddr_from4(&b, W.pkts[i].b + 12);
		if (W.pkts[i].b[9] == IPPROTO_TCP && ipaddr_cmp(&a, &b) == 0)
			n += W.pkts[i].len - 20 -
			    (size_t)(W.pkts[i].b[32] >> 4) * 4;
	}
	return (n);
}

static void
end(void)
{
	struct flow	*f;
	uint64_t	 at = 0;

	while ((f = table_next(&W.s, &at)) != NULL)
		flow_kill(&W.s, f);
	slirp_idle(&W.s);
	assert_int_equal(up->nflows, 0);
	assert_int_equal(up->ndialing, 0);
	assert_int_equal(up->nslots, 0);
	assert_int_equal(up->rcvbuf, 0);
	assert_int_equal(up->path.flows, 0);
	assert_int_equal(W.peer->nflows, 0);
	assert_int_equal(W.peer->nconnecting, 0);
	assert_int_equal(W.peer->nslots, 0);
	assert_int_equal(W.peer->rcvbuf, 0);
	assert_int_equal(W.peer->nuplinked, 0);
	assert_int_equal(W.peer->path.flows, 0);
	w_close();
}

/* What makes room for the second half does not end the first one. */
static void
own_room(void **state)
{
	struct guest	 g;

	(void)state;
	begin();
	W.peer->max_flows = 1;
	g_init(&g, 0, 1000);
	g_send(&g, TH_SYN, g.seq, NULL, 0);
	assert_int_equal(W.peer->nflows, 0);
	end();
}

/* A moment without memory for what waits does not stop a connection. */
static void
no_memory(void **state)
{
	struct guest	 g, far;
	uint8_t		 d[500] = { 1 };
	int		 i;

	(void)state;
	begin();
	g_init(&g, 0, 1000);
	through(&g, &far);
	W.peer->rcvbuf += BUDGET;
	W.s.tcp->rcvbuf += BUDGET;
	g_send(&g, TH_ACK | TH_PSH, g.seq, d, sizeof(d));
	assert_int_equal(bytes_from("10.64.0.2"), 0);
	W.peer->rcvbuf -= BUDGET;
	W.s.tcp->rcvbuf -= BUDGET;
	for (i = 0; i < 3; i++) {
		w_time(300);
		g_send(&g, TH_ACK | TH_PSH, g.seq + (uint32_t)i * 500, d,
		    sizeof(d));
	}
	assert_true(bytes_from("10.64.0.2") >= 1500);
	end();
}

/* What the uplink's side does not take is not taken from the guest either. */
static void
backpressure(void **state)
{
	struct guest	 g, far;
	uint8_t		 d[1000] = { 1 };
	int		 i;

	(void)state;
	begin();
	g_init(&g, 0, 1000);
	through(&g, &far);
	far.wnd = 0;
	W.from = UPLINK;
	g_send(&far, TH_ACK, far.seq, NULL, 0);
	W.from = W.peer->id;
	for (i = 0; i < 20000; i++) {
		W.npkts = 0;
		g_send(&g, TH_ACK, g.seq, d, sizeof(d));
		g.seq += sizeof(d);
	}
	/* no more than a window, and that is counted as the guest's */
	assert_true(W.peer->rcvbuf > 0 && W.peer->rcvbuf < 2 * TCP_WND_MAX);
	assert_int_equal(up->rcvbuf, 0);
	end();
}

/* Another way for a destination is taken although that still talks. */
static void
rule_after_reload(void **state)
{
	struct rule	*r;

	(void)state;
	begin();
	W.s.conf.egress.way[0] = WAY_INDEX_HOST;
	W.from = W.peer->id;
	g_udp_send("10.77.0.2", "198.51.100.7", 5000, 443, "one", 3);
	assert_int_equal(W.sends, 1);
	W.s.policy++;
	r = W.s.conf.rules = calloc(1, sizeof(*r));
	W.s.conf.nrules = 1;
	r->peer = RULE_ANY_PEER;
	r->pass = 1;
	r->from_table = r->to_table = RULE_NO_TABLE;
	ipprefix_parse(&r->to, "198.51.100.0/24");
	r->egress.n = 1;
	r->egress.way[0] = 2;
	egress_gather(&W.s.conf);
	g_udp_says(&W.fs[0], "198.51.100.7", 443, "answer", 6);
	W.npkts = 0;
	g_udp_send("10.77.0.2", "198.51.100.7", 5000, 443, "two", 3);
	assert_int_equal(W.sends, 1);
	assert_int_equal(W.npkts, 1);
	end();
}

/* An error about a packet of ours, from a host behind the uplink. */
static void
say_too_big(const char *from, const char *quoted, uint16_t port)
{
	uint8_t		 m[64], p[200];
	struct ipaddr	 a, b, q;

	memset(m, 0, sizeof(m));
	m[0] = 3;
	m[1] = 4;
	put16(m + 6, 600);
	w_addr(&a, quoted);
	w_addr(&b, from);
	w_addr(&q, "10.64.0.2");
	out_header(&W.s, NULL, m + 8, &a, &b, IPPROTO_UDP, 8 + 3, 0, 0);
	put16(m + 28, port);
	put16(m + 30, 443);
	W.from = UPLINK;
	w_inject(p, w_ip(p, &b, &q, IPPROTO_ICMP, m, 36, 2));
	W.from = W.peer->id;
}

/* A host behind an uplink speaks for its own path alone. */
static void
path_of_one(void **state)
{
	uint16_t	 port;

	(void)state;
	begin();
	g_udp_send("10.77.0.2", "198.51.100.7", 5000, 443, "one", 3);
	port = be16(W.pkts[0].b + 20);
	assert_int_equal(port, 5000);
	W.npkts = 0;
	say_too_big("198.51.100.7", "10.64.0.2", port);
	assert_int_equal(W.npkts, 1);	/* the guest hears of it */
	assert_int_equal(out_mtu(&W.s, up), W.s.conf.mtu);
	/* nobody whom it has not sent to, and not about others' packets */
	W.npkts = 0;
	say_too_big("198.51.100.8", "10.64.0.2", port);
	say_too_big("198.51.100.7", "10.77.0.2", port);
	assert_int_equal(W.npkts, 0);
	end();
}

static void
nobody(void *arg, const struct ipaddr *a, uint16_t port, const uint8_t *data,
    size_t len)
{
	(void)arg;
	(void)a;
	(void)port;
	(void)data;
	(void)len;
}

/* A guest who takes all ports that it can leaves some to others. */
static void
ports_for_all(void **state)
{
	uint16_t	 n;
	int		 i, out = 0;

	(void)state;
	w_flows = 300000;
	begin();
	w_flows = 1000;
	(void)peer_set(&W.s, 4, "other");
	for (i = 1; i < 65536; i++) {
		W.npkts = 0;
		g_udp_send("10.77.0.2", "198.51.100.7", (uint16_t)i, 9, "x",
		    1);
	}
	W.from = 4;
	for (i = 0; i < 50; i++) {
		W.npkts = 0;
		g_udp_send("10.77.0.9", "203.0.113.1", (uint16_t)(7000 + i),
		    443, "x", 1);
		out += W.npkts;
	}
	assert_int_equal(out, 50);
	n = uplink_bind(&W.s, up, 4, nobody, NULL);
	assert_int_not_equal(n, 0);
	uplink_unbind(up, 4, n);
	W.from = W.peer->id;
	end();
}

/* The far half does not wait for ever where the guest is gone. */
static void
half_closed(void **state)
{
	struct guest	 g, far;
	int		 i;

	(void)state;
	begin();
	g_init(&g, 0, 1000);
	through(&g, &far);
	g_send(&g, TH_ACK | TH_FIN, g.seq++, NULL, 0);
	W.from = UPLINK;
	far.ack++;
	g_send(&far, TH_ACK, far.seq, NULL, 0);
	W.from = W.peer->id;
	g_send(&g, TH_RST | TH_ACK, g.seq, NULL, 0);
	for (i = 0; i < 20; i++)
		w_jump(10000);
	assert_int_equal(W.peer->nflows, 0);
	end();
}

/* Who is behind an uplink hears nothing of us but what a guest has begun. */
static void
strangers(void **state)
{
	uint8_t		 p[100], l4[20] = { 0 };
	struct ipaddr	 a, b;

	(void)state;
	begin();
	W.from = UPLINK;
	w_addr(&a, "198.51.100.7");
	w_addr(&b, "10.64.0.2");
	w_inject(p, w_ip(p, &a, &b, 132, l4, 20, SIZE_MAX));
	put16(l4, 9);
	put16(l4 + 2, 9);
	put16(l4 + 4, 20);
	w_inject(p, w_ip(p, &a, &b, IPPROTO_UDP, l4, 20, 6));
	w_addr(&b, "10.77.0.2");
	w_inject(p, w_ip(p, &a, &b, IPPROTO_UDP, l4, 20, 6));
	l4[0] = 8;
	w_inject(p, w_ip(p, &a, &b, IPPROTO_ICMP, l4, 20, 2));
	assert_int_equal(W.npkts, 0);
	assert_int_equal(up->nflows, 0);
	W.from = W.peer->id;
	end();
}

#define PAIRS	4

static struct guest	 side[2][PAIRS];	/* guests, and who is far */
static int		 known[PAIRS];

/* What both sides have been sent: they acknowledge it, mostly. */
static void
take_all(void)
{
	struct ipaddr	 a, ours;
	uint32_t	 seq, len;
	uint8_t		*b;
	int		 i, k;

	w_addr(&ours, "10.64.0.2");
	for (k = 0; k < W.npkts; k++) {
		b = W.pkts[k].b;
		if (b[9] != IPPROTO_TCP)
			continue;
		seq = be32(b + 24);
		len = (uint32_t)(W.pkts[k].len - 20) - (b[32] >> 4) * 4U +
		    ((b[33] & (TH_SYN | TH_FIN)) != 0);
		ipaddr_from4(&a, b + 12);
		if (ipaddr_cmp(&a, &ours) == 0) {
			for (i = 0; i < PAIRS - 1 && known[i] &&
			    side[1][i].dport != be16(b + 20); i++)
				continue;
			if (b[33] == TH_SYN) {
				known[i] = 1;
				w_addr(&side[1][i].a, "192.0.2.2");
				w_addr(&side[1][i].dst, "10.64.0.2");
				side[1][i].port = 80;
				side[1][i].dport = be16(b + 20);
				side[1][i].wnd = 65000;
				side[1][i].ack = seq + 1;
			} else if (random() % 8 && SEQ_GT(seq + len,
			    side[1][i].ack))
				side[1][i].ack = seq + len;
			if (random() % 4 == 0)
				side[1][i].seq = be32(b + 28);
			continue;
		}
		for (i = 0; i < PAIRS; i++) {
			if (side[0][i].port != be16(b + 22))
				continue;
			if (b[33] & TH_SYN)
				side[0][i].ack = seq + 1;
			else if (random() % 8 && SEQ_GT(seq + len,
			    side[0][i].ack))
				side[0][i].ack = seq + len;
			if (random() % 4 == 0)
				side[0][i].seq = be32(b + 28);
		}
	}
	W.npkts = 0;
}

static void
some_step(uint8_t *d)
{
	struct guest	*x;
	struct flow	*f;
	uint64_t	 at = 0;
	uint8_t		 flags = TH_ACK;
	size_t		 n = 0;
	int		 i = (int)(random() % PAIRS);
	int		 far = known[i] && random() % 2;

	W.from = far ? UPLINK : W.peer->id;
	x = &side[far][i];
	switch (random() % 12) {
	case 0:
		flags = far ? TH_SYN | TH_ACK : TH_SYN;
		break;
	case 1:
		if (random() % 4 == 0)
			flags |= TH_FIN;
		break;
	case 2:
		if (random() % 8 == 0)
			flags = TH_RST | (random() % 2 ? TH_ACK : 0);
		break;
	case 3:
		w_time((unsigned int)(random() % 50));
		return;
	case 4:
		w_jump((unsigned int)(random() % 20000));
		return;
	case 5:
		n = (size_t)(random() % 80);
		while (n-- > 0 && (f = table_next(&W.s, &at)) != NULL)
			if (n == 0)
				flow_kill(&W.s, f);
		return;
	case 6:
		if (random() % 40 == 0)
			uplink_drop(&W.s, up);
		if (random() % 40 == 0)
			slirp_peer_clear(&W.s, W.peer);
		return;
	case 7:
		x->wnd = (uint16_t)(random() % 3 ? 65000 : random() % 200);
		return;
	default:
		n = (size_t)(random() % 1200);
		break;
	}
	g_send(x, flags, x->seq, d, n);
	x->seq += (uint32_t)n + ((flags & (TH_SYN | TH_FIN)) != 0);
}

/* Everything in any order: nothing is used after its end, or left behind. */
static void
any_order(void **state)
{
	static uint8_t	 d[1200];
	uint32_t	 held;
	unsigned int	 seed;
	int		 i, n;

	(void)state;
	for (seed = 1; seed <= 60; seed++) {
		srandom(seed);
		begin();
		W.s.conf.tcp.gate_log = GATE_OFF;
		W.s.conf.tcp.fast_dial = random() % 2 ? 5 : 0;
		if (random() % 3 == 0)
			W.peer->rate_in = W.peer->rate_out = 200000;
		if (random() % 3 == 0)
			up->rate_in = up->rate_out = 200000;
		W.s.tcp->doze = MONO_MS(50);
		memset(known, 0, sizeof(known));
		memset(side, 0, sizeof(side));
		for (i = 0; i < PAIRS; i++) {
			g_init(&side[0][i], 0, (uint32_t)random());
			side[0][i].port = (uint16_t)(40000 + i);
		}
		for (n = 0, held = 0; n < 400; n++) {
			if (random() % 60 == 0) {
				W.peer->rcvbuf -= held;
				W.s.tcp->rcvbuf -= held;
				held = held != 0 ? 0 : BUDGET;
				W.peer->rcvbuf += held;
				W.s.tcp->rcvbuf += held;
			}
			some_step(d);
			slirp_idle(&W.s);
			w_run();
			take_all();
		}
		W.peer->rcvbuf -= held;
		W.s.tcp->rcvbuf -= held;
		W.from = W.peer->id;
		end();
	}
}

/* A request for a port, as RFC 6887 11.1 has it. */
static size_t
map_request(uint8_t *m, uint8_t proto, uint16_t port, uint32_t lifetime)
{
	memset(m, 0, 60);
	m[0] = 2;
	m[1] = 1;
	put32(m + 4, lifetime);
	m[18] = m[19] = 0xff;
	memcpy(m + 20, "\x0a\x4d\0\x02", 4);
	memset(m + 24, 'n', 12);
	m[36] = proto;
	put16(m + 40, port);
	put16(m + 42, 20000);
	return (60);
}

static void
port_messages(void **state)
{
	struct pcp_request	 r;
	struct ipaddr		 guest, ours;
	uint8_t			 m[1200], out[PCP_ANSWER_MAX];
	size_t			 n, i;

	(void)state;
	w_addr(&guest, "10.77.0.2");
	w_addr(&ours, "192.0.2.1");
	n = map_request(m, IPPROTO_TCP, 80, 600);
	assert_int_equal(pcp_parse(m, n, &guest, &r), 0);
	assert_int_equal(r.port, 80);
	assert_int_equal(r.suggested, 20000);
	assert_int_equal(pcp_answer(&r, PCP_SUCCESS, 7, 600, 20005, &ours,
	    out), 60);
	assert_memory_equal(out, "\2\x81\0\0", 4);
	assert_int_equal(be32(out + 4), 600);
	assert_int_equal(be32(out + 8), 7);
	assert_int_equal(be16(out + 42), 20005);
	assert_memory_equal(out + 56, "\xc0\0\2\1", 4);
	/* an error has the request in it, whatever that was */
	assert_int_equal(pcp_answer(&r, PCP_NOT_AUTHORIZED, 7, 30, 0, &ours,
	    out), 60);
	assert_int_equal(out[3], PCP_NOT_AUTHORIZED);
	assert_memory_equal(out + 24, m + 24, 36);
	/* cut off anywhere, or with a wrong length */
	for (i = 0; i < n; i++)
		assert_int_equal(pcp_parse(m, i, &guest, &r), i < 2 ? -1 :
		    i < 24 || i % 4 != 0 || i < 60 ? PCP_MALFORMED_REQUEST :
		    0);
	m[20] = 11;
	assert_int_equal(pcp_parse(m, n, &guest, &r), PCP_ADDRESS_MISMATCH);
	n = map_request(m, 0, 0, 600);
	assert_int_equal(pcp_parse(m, n, &guest, &r), PCP_UNSUPP_PROTOCOL);
	n = map_request(m, 0, 0, 0);
	assert_int_equal(pcp_parse(m, n, &guest, &r), 0);
	n = map_request(m, 0, 9, 0);
	assert_int_equal(pcp_parse(m, n, &guest, &r), PCP_MALFORMED_REQUEST);
	/* options: one that is heeded, one that is not known, one too long */
	n = map_request(m, IPPROTO_UDP, 9, 60);
	memcpy(m + n, "\2\0\0\0", 4);
	assert_int_equal(pcp_parse(m, n + 4, &guest, &r), 0);
	assert_int_equal(r.exact, 1);
	assert_int_equal(pcp_answer(&r, PCP_SUCCESS, 7, 60, 1, &ours, out),
	    64);
	m[n] = 77;
	assert_int_equal(pcp_parse(m, n + 4, &guest, &r), PCP_UNSUPP_OPTION);
	m[n] = 177;
	assert_int_equal(pcp_parse(m, n + 4, &guest, &r), 0);
	m[n + 3] = 1;
	assert_int_equal(pcp_parse(m, n + 4, &guest, &r),
	    PCP_MALFORMED_OPTION);
	/* another version, however short, and what is an answer */
	m[0] = 1;
	assert_int_equal(pcp_parse(m, 12, &guest, &r), PCP_UNSUPP_VERSION);
	assert_int_equal(pcp_answer(&r, PCP_UNSUPP_VERSION, 7, 30, 0, &ours,
	    out), 24);
	m[1] = 0x81;
	assert_int_equal(pcp_parse(m, n, &guest, &r), -1);
	/* NAT-PMP */
	memcpy(m, "\0\2\0\0\0\x50\x4e\x20\0\0\0\x3c", 12);
	assert_int_equal(pcp_parse(m, 12, &guest, &r), 0);
	assert_int_equal(r.proto, IPPROTO_TCP);
	assert_int_equal(r.lifetime, 60);
	assert_int_equal(pcp_answer(&r, PCP_SUCCESS, 7, 120, 20005, &ours,
	    out), 16);
	assert_memory_equal(out, "\0\x82\0\0\0\0\0\7\0\x50\x4e\x25\0\0\0\x78",
	    16);
	assert_int_equal(pcp_answer(&r, PCP_USER_EX_QUOTA, 7, 0, 0, &ours,
	    out), 16);
	assert_int_equal(be16(out + 2), 4);	/* out of resources */
	for (i = 0; i < 12; i++)
		assert_int_equal(pcp_parse(m, i, &guest, &r), -1);
	w_addr(&guest, "fd77::2");
	assert_int_equal(pcp_parse(m, 12, &guest, &r), PCP_UNSUPP_VERSION);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(own_room),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(backpressure),
		cmocka_unit_test(rule_after_reload),
		cmocka_unit_test(path_of_one),
		cmocka_unit_test(ports_for_all),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(strangers),
		cmocka_unit_test(any_order),
		cmocka_unit_test(port_messages)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
