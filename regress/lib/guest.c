/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "guest.h"

void
g_send(struct guest *g, uint8_t flags, uint32_t seq, const void *data,
    size_t len)
{
	uint8_t	 l4[2000], p[2100];
	size_t	 h = 20, n;
	int	 i;

	memset(l4, 0, 60);
	put16(l4, g->port);
	put16(l4 + 2, g->dport);
	put32(l4 + 4, seq);
	if (flags & TH_ACK)
		put32(l4 + 8, g->ack);
	if (flags & TH_SYN) {
		l4[h++] = 2;
		l4[h++] = 4;
		put16(l4 + h, 1000);
		h += 2;
		if (g->sack) {
			l4[h++] = 1;
			l4[h++] = 1;
			l4[h++] = 4;
			l4[h++] = 2;
		}
		if (g->ws) {
			l4[h++] = 1;
			l4[h++] = 3;
			l4[h++] = 3;
			l4[h++] = 7;
		}
	}
	if (g->nblocks > 0) {
		l4[h++] = 1;
		l4[h++] = 1;
		l4[h++] = 5;
		l4[h++] = (uint8_t)(2 + 8 * g->nblocks);
		for (i = 0; i < g->nblocks; i++, h += 8) {
			put32(l4 + h, g->blocks[i].start);
			put32(l4 + h + 4, g->blocks[i].end);
		}
		g->nblocks = 0;
	}
	l4[12] = (uint8_t)(h / 4 << 4);
	l4[13] = flags;
	put16(l4 + 14, g->wnd);
	if (len > 0)
		memcpy(l4 + h, data, len);
	n = w_ip(p, &g->a, &g->dst, IPPROTO_TCP, l4, h + len, 16);
	if (g->tos != 0) {
		uint16_t	 sum;

		p[1] = g->tos;
		put16(p + 10, 0);
		sum = cksum_fold(cksum_add(p, 20, 0));
		memcpy(p + 10, &sum, 2);
	}
	w_inject(p, n);
}

/* Take the next segment for the guest; returns 0 if there is none. */
int
g_next(struct seg *s)
{
	static struct pkt	 p;
	const uint8_t		*t;
	size_t			 h, n;
	struct ipaddr		 src, dst;

	if (W.npkts == 0)
		return (0);
	p = W.pkts[0];
	memmove(&W.pkts[0], &W.pkts[1], (size_t)(--W.npkts) *
	    sizeof(W.pkts[0]));
	h = p.b[0] >> 4 == 4 ? 20 : 40;
	assert_int_equal(p.b[h == 20 ? 9 : 6], IPPROTO_TCP);
	if (h == 20) {
		assert_int_equal(cksum_fold(cksum_add(p.b, 20, 0)), 0);
		assert_int_equal(be16(p.b + 2), p.len);
		ipaddr_from4(&src, p.b + 12);
		ipaddr_from4(&dst, p.b + 16);
		s->tos = p.b[1];
		s->ttl = p.b[8];
	} else {
		assert_int_equal(be16(p.b + 4), p.len - 40);
		ipaddr_from6(&src, p.b + 8);
		ipaddr_from6(&dst, p.b + 24);
	}
	t = p.b + h;
	assert_int_equal(cksum_fold(cksum_add(t, p.len - h,
	    cksum_pseudo(&src, &dst, IPPROTO_TCP, p.len - h))), 0);
	n = (size_t)(t[12] >> 4) * 4;
	s->seq = be32(t + 4);
	s->ack = be32(t + 8);
	s->flags = t[13];
	s->wnd = be16(t + 14);
	s->opt = t + 20;
	s->optlen = n - 20;
	s->data = t + n;
	s->len = p.len - h - n;
	return (1);
}

void
g_init(struct guest *g, int v6, uint32_t isn)
{
	memset(g, 0, sizeof(*g));
	w_addr(&g->a, v6 ? "fd77::2" : "10.77.0.2");
	w_addr(&g->dst, v6 ? "2001:db8::2" : "192.0.2.2");
	g->port = 40000;
	g->dport = 80;
	g->seq = isn;
	g->wnd = 65000;
	g->sack = 1;
}

void
host_up(struct fsock *x)
{
	x->connected = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_WRITE);
	w_run();
}

void
host_says(struct fsock *x, const void *data, size_t len)
{
	memcpy(x->in + x->inlen, data, len);
	x->inlen += len;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
}

/* Connect; our_isn 0 leaves the gateway's sequence number alone. */
struct fsock *
g_connect(struct guest *g, uint32_t our_isn)
{
	struct fsock	*x = &W.fs[W.nfs];
	struct tcpcb	*t;
	struct seg	 s;

	g_send(g, TH_SYN, g->seq, NULL, 0);
	assert_true(x->used);
	if (our_isn != 0) {
		t = (struct tcpcb *)x->f;
		t->iss = t->snd_una = our_isn;
		t->snd_nxt = t->x->fack = t->x->scan = t->x->again = t->x->recover =
		    our_isn + 1;
	}
	host_up(x);
	assert_true(g_next(&s));
	assert_int_equal(s.flags, TH_SYN | TH_ACK);
	assert_int_equal(s.ack, g->seq + 1);
	g->seq++;
	g->ack = s.seq + 1;
	g_send(g, TH_ACK, g->seq, NULL, 0);
	assert_string_equal(flow_state(&W.s, x->f), "established");
	return (x);
}

void
fill(uint8_t *p, size_t n, uint32_t at)
{
	size_t	 i;

	for (i = 0; i < n; i++, at++)
		p[i] = (uint8_t)(at * 2654435761U >> 24);
}

void
g_udp_queue(const char *src, const char *dst, uint16_t sport, uint16_t dport,
    const void *data, size_t len)
{
	uint8_t		 l4[2000], p[2100];
	struct ipaddr	 a, b;

	w_addr(&a, src);
	w_addr(&b, dst);
	put16(l4, sport);
	put16(l4 + 2, dport);
	put16(l4 + 4, (uint32_t)(len + 8));
	memcpy(l4 + 8, data, len);
	w_queue(p, w_ip(p, &a, &b, IPPROTO_UDP, l4, len + 8, 6));
}

void
g_udp_send(const char *src, const char *dst, uint16_t sport, uint16_t dport,
    const void *data, size_t len)
{
	g_udp_queue(src, dst, sport, dport, data, len);
	assert_int_equal(slirp_input(&W.s, 256), 1);
	pktq_return_flush(&W.in_c);
	w_run();
}

void
g_udp_says(struct fsock *x, const char *from, uint16_t port,
    const void *data, size_t len)
{
	w_addr(&x->from, from);
	x->fport = port;
	x->inpos = 0;
	x->inlen = len;
	memcpy(x->in, data, len);
	x->eof = 1;
	slirp_host_event(&W.s, flow_id(x->f), HOST_READ);
	w_run();
}
