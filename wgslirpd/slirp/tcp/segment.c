/* SPDX-License-Identifier: ISC */

/*
 * Segments toward the guest: headers and options (RFC 9293 3.1, 7323, 2018,
 * 2883).
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "out.h"
#include "rcvq.h"
#include "segment.h"

#define ECN_ECT0	2
#define CHALLENGES	10		/* a second and flow */

static size_t
put_sack(struct tcpcb *t, uint8_t *o, size_t room)
{
	const struct tcp_rcvq	*q = t->rq;
	uint8_t			*p = o + 4;
	int			 i, k, n;

	if (!t->sack_ok || room < 12)
		return (0);
	n = (int)(room - 4) / 8;
	/* what came again goes first (RFC 2883) */
	if (t->x->dsack.start != t->x->dsack.end) {
		put32(p, t->x->dsack.start);
		put32(p + 4, t->x->dsack.end);
		t->x->dsack.start = t->x->dsack.end;
		p += 8;
		n--;
	}
	if (q == NULL || n > q->nranges)
		n = q != NULL ? q->nranges : 0;
	if (n == 0 && p == o + 4)
		return (0);
	/* the block of the last arrival first (RFC 2018, 4) */
	for (i = 0; i < n; i++, p += 8) {
		k = (q->recent + i) % q->nranges;
		put32(p, q->range[k].start);
		put32(p + 4, q->range[k].end);
	}
	o[0] = o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(p - o - 2);
	return ((size_t)(p - o));
}

/* Options of a segment after the SYN, into at most 40 bytes. */
static size_t
put_options(const struct slirp *s, struct tcpcb *t, uint8_t *o, int sack)
{
	size_t	 n = 0;

	if (t->ts_ok) {
		o[0] = o[1] = 1;
		o[2] = 8;
		o[3] = 10;
		put32(o + 4, tcp_ts(t, s->now));
		put32(o + 8, t->ts_recent);
		n = TCP_TS_LEN;
	}
	if (sack)
		n += put_sack(t, o + n, 40 - n);
	return (n);
}

/*
 * Write the TCP header at h; optlen bytes of options are there already.
 * sum is that of the payload, of paylen bytes.
 */
static void
put_header(uint8_t *h, const struct ipaddr *src, uint16_t sport,
    const struct ipaddr *dst, uint16_t dport, uint32_t seq, uint32_t ack,
    uint8_t flags, uint16_t wnd, size_t optlen, size_t paylen, uint16_t sum)
{
	size_t		 hlen = TCP_HDR + optlen;
	uint32_t	 x;
	uint16_t	 c;

	/* in words, as cksum_add() reads them */
	put32(h, (uint32_t)sport << 16 | dport);
	put32(h + 4, seq);
	put32(h + 8, ack);
	put32(h + 12, (uint32_t)hlen / 4 << 28 | (uint32_t)flags << 16 | wnd);
	put32(h + 16, 0);
	x = (uint16_t)~cksum_fold(cksum_add(h, hlen, 0));
	x += (uint16_t)~cksum_fold(cksum_pseudo(src, dst, IPPROTO_TCP,
	    hlen + paylen));
	c = cksum_fold(x + sum);
	memcpy(h + 16, &c, 2);
}

/* Send a segment without payload that belongs to no queue. */
static void
send_bare(struct slirp *s, struct tcpcb *t, uint32_t seq, uint8_t flags,
    const uint8_t *opts, size_t optlen)
{
	struct flow	*f = &t->f;
	size_t		 iplen = ip_hdr_len(&f->src);
	uint32_t	 slot;
	uint8_t		*p;

	if (t->ecn_echo && (flags & (TH_SYN | TH_RST | TH_ACK)) == TH_ACK)
		flags |= TH_ECE;
	if ((slot = out_slot(s, 0)) == PKTQ_NOSLOT) {
		s->count.ip_drop_noslot++;
		/* an acknowledgement that is owed is tried again */
		if ((flags & ~TH_ECE) == TH_ACK)
			t->x->t_delack = s->now +
			    MONO_MS(s->conf.tcp.ack_delay);
		return;
	}
	p = pktq_slot(s->out, slot);
	out_header(s, f->toward, p, &f->dst, &f->src, IPPROTO_TCP, TCP_HDR + optlen,
	    f->dscp, f->src.af == 4 ? 0x4000 : 0);
	if (optlen > 0)
		memcpy(p + iplen + TCP_HDR, opts, optlen);
	put_header(p + iplen, &f->dst, f->dport, &f->src, f->sport, seq,
	    flags & TH_ACK ? t->rcv_nxt : 0, flags,
	    flags & TH_RST ? 0 : tcp_window(t), optlen, 0, 0);
	out_publish(s, slot, 0, iplen + TCP_HDR + optlen, f->toward,
	    &f->lane);
	pktq_release(s->out, slot);
	s->count.tcp_tx_segments++;
	if (flags & TH_ACK) {
		t->last_ack = t->rcv_nxt;
		t->rx_segs = 0;
		t->ack_now = 0;
		t->x->t_delack = 0;
	}
}

void
tcp_send_ack(struct slirp *s, struct tcpcb *t)
{
	uint8_t	 opts[40];
	size_t	 n;

	n = put_options(s, t, opts, 1);
	send_bare(s, t, t->snd_nxt, TH_ACK, opts, n);
}

/* RFC 9293 3.8.4 and 3.8.6.1: makes the guest tell where it stands. */
void
tcp_send_probe(struct slirp *s, struct tcpcb *t)
{
	uint8_t	 opts[40];
	size_t	 n;

	n = put_options(s, t, opts, 0);
	send_bare(s, t, t->snd_una - 1, TH_ACK, opts, n);
	s->count.tcp_probes++;
}

void
tcp_send_rst(struct slirp *s, struct tcpcb *t)
{
	send_bare(s, t, t->snd_nxt, TH_RST | TH_ACK, NULL, 0);
	s->count.tcp_resets_tx++;
}

static void
send_syn(struct slirp *s, struct tcpcb *t, uint8_t flags)
{
	uint8_t		 o[40], ws = t->rcv_scale;
	size_t		 n = 4;
	uint16_t	 mss;

	mss = (uint16_t)(out_mtu(s, t->f.toward) - ip_hdr_len(&t->f.src) -
	    TCP_HDR);
	if (s->conf.tcp.mss != 0 && mss > s->conf.tcp.mss)
		mss = s->conf.tcp.mss;
	o[0] = 2;
	o[1] = 4;
	put16(o + 2, mss);
	if (t->sack_ok && t->ts_ok) {
		o[n++] = 4;
		o[n++] = 2;
	} else if (t->ts_ok) {
		o[n++] = 1;
		o[n++] = 1;
	}
	if (t->ts_ok) {
		o[n++] = 8;
		o[n++] = 10;
		put32(o + n, tcp_ts(t, s->now));
		put32(o + n + 4, t->ts_recent);
		n += 8;
	} else if (t->sack_ok) {
		o[n++] = 1;
		o[n++] = 1;
		o[n++] = 4;
		o[n++] = 2;
	}
	if (t->ws_ok) {
		o[n++] = 1;
		o[n++] = 3;
		o[n++] = 3;
		o[n++] = t->rcv_scale;
	}
	t->rcv_scale = 0;	/* the window of a SYN is never scaled */
	send_bare(s, t, t->iss, flags, o, n);
	t->rcv_scale = ws;
}

void
tcp_send_synack(struct slirp *s, struct tcpcb *t)
{
	send_syn(s, t, t->ecn_ok ? TH_SYN | TH_ACK | TH_ECE :
	    TH_SYN | TH_ACK);
}

/* Ask the guest for a connection. */
void
tcp_send_syn(struct slirp *s, struct tcpcb *t)
{
	send_syn(s, t, TH_SYN);
}

/* Answer a segment that belongs to no connection (RFC 9293 3.10.7.1). */
void
tcp_reply_rst(struct slirp *s, const struct tcp_in *in)
{
	const struct ippkt	*p = in->p;
	uint8_t			 h[TCP_HDR];
	uint32_t		 seq = 0, ack = 0;
	uint8_t			 flags = TH_RST;

	if (in->flags & TH_RST)
		return;
	if (in->flags & TH_ACK)
		seq = in->ack;
	else {
		ack = in->seq + in->len + ((in->flags & TH_SYN) != 0) +
		    ((in->flags & TH_FIN) != 0);
		flags |= TH_ACK;
	}
	put_header(h, &p->dst, in->dport, &p->src, in->sport, seq, ack, flags,
	    0, 0, 0, 0);
	out_send(s, p->peer, NULL, &p->dst, &p->src, IPPROTO_TCP, h,
	    sizeof(h), 0);
	s->count.tcp_resets_tx++;
}

void
tcp_send_bare(struct slirp *s, struct slirp_peer *peer,
    const struct tcp_bare *b)
{
	uint8_t	 h[TCP_HDR + TCP_TS_LEN], *o = h + TCP_HDR;
	size_t	 optlen = 0;

	if (b->has_ts) {
		o[0] = o[1] = 1;
		o[2] = 8;
		o[3] = 10;
		put32(o + 4, b->tsval);
		put32(o + 8, b->tsecr);
		optlen = TCP_TS_LEN;
	}
	put_header(h, &b->src, b->sport, &b->dst, b->dport, b->seq, b->ack,
	    b->flags, 0, optlen, 0, 0);
	out_send(s, peer, NULL, &b->src, &b->dst, IPPROTO_TCP, h,
	    TCP_HDR + optlen, 0);
	if (b->flags & TH_RST)
		s->count.tcp_resets_tx++;
}

/* Write the header of a queued segment and hand it to the crypto engine. */
void
tcp_send_seg(struct slirp *s, struct tcpcb *t, struct tseg *g, int push)
{
	struct flow	*f = &t->f;
	uint8_t		*p = pktq_slot(s->out, g->slot) + SLOT_PAYLOAD;
	size_t		 iplen = ip_hdr_len(&f->src), optlen, hlen;
	uint8_t		 flags = TH_ACK, tos = f->dscp;

	if (t->ecn_echo)
		flags |= TH_ECE;
	/* RFC 3168 6.1.2, 6.1.5: only what is sent for the first time */
	if (t->ecn_ok && g->seq == t->snd_nxt) {
		tos |= ECN_ECT0;
		if (t->cwr_owed)
			flags |= TH_CWR;
		t->cwr_owed = 0;
	}
	optlen = t->ts_ok ? TCP_TS_LEN : 0;
	hlen = iplen + TCP_HDR + optlen;
	if (push)
		flags |= TH_PSH;
	put_options(s, t, p - optlen, 0);
	put_header(p - optlen - TCP_HDR, &f->dst, f->dport, &f->src,
	    f->sport, g->seq, t->rcv_nxt, flags, tcp_window(t), optlen,
	    g->len, g->sum);
	out_header(s, f->toward, p - hlen, &f->dst, &f->src, IPPROTO_TCP,
	    TCP_HDR + optlen + g->len, tos,
	    f->src.af == 4 ? 0x4000 : 0);
	out_publish(s, g->slot, SLOT_PAYLOAD - hlen, hlen + g->len, f->toward,
	    &f->lane);
	s->count.tcp_tx_segments++;
	/* it carries the acknowledgement, too */
	if (t->rq == NULL) {
		t->last_ack = t->rcv_nxt;
		t->rx_segs = 0;
		t->ack_now = 0;
		t->x->t_delack = 0;
	}
}

void
tcp_send_fin(struct slirp *s, struct tcpcb *t, uint32_t seq)
{
	uint8_t	 opts[40];
	size_t	 n;

	n = put_options(s, t, opts, 0);
	send_bare(s, t, seq, TH_FIN | TH_ACK, opts, n);
}

/* RFC 5961: tell where this side stands, not too often. */
void
tcp_challenge(struct slirp *s, struct tcpcb *t)
{
	if (s->now - t->x->challenge_sec >= MONO_SEC(1)) {
		t->x->challenge_sec = s->now;
		t->x->challenge_n = 0;
	}
	if (t->x->challenge_n >= CHALLENGES)
		return;
	t->x->challenge_n++;
	/* what this batch brought may still be given up */
	if (t->dirty) {
		t->ack_now = 1;
		return;
	}
	s->count.tcp_challenge_acks++;
	tcp_send_ack(s, t);
}
