/* SPDX-License-Identifier: ISC */

/*
 * TCP toward the guest: building segments, the send queue, pacing.
 *
 * Host data is read straight into packet slots, behind headroom for the
 * headers, a train of segments with one call; only as much as congestion
 * window, guest's window and slots allow, so that the rest waits in the
 * kernel and pushes back.  The slots stay with the send queue until they
 * are acknowledged, and a retransmission only writes a new header.  A
 * segment whose slot the crypto engine has not returned is queued, not
 * lost, and is not sent again.
 *
 * What is lost is decided in slirp_tcp_loss.c, how much may be under way
 * in slirp_tcp_cc.c and its siblings.  Sending is paced: a train is no
 * longer than what the rate allows for a millisecond, and the next one
 * waits for its time.
 *
 * Invariants: snd_una <= snd_nxt; the segments of the queue are adjacent
 * and cover exactly that; if there are any, t_rexmt is armed.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcp.h"

#define RING_TRAINS	4	/* of one flow in the packet queue */
#define SLOTS_FEW	10	/* that every flow may have */
#define PACE_QUANTUM	MONO_MS(1)	/* that may be sent ahead */
#define PACE_AHEAD	MONO_MS(100)

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

	put16(h, sport);
	put16(h + 2, dport);
	put32(h + 4, seq);
	put32(h + 8, ack);
	h[12] = (uint8_t)(hlen / 4 << 4);
	h[13] = flags;
	put16(h + 14, wnd);
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

	if ((slot = ip_slot(s, 0)) == PKTQ_NOSLOT) {
		s->count.ip_drop_noslot++;
		/* an acknowledgement that is owed is tried again */
		if (flags == TH_ACK)
			t->x->t_delack = s->now +
			    MONO_MS(s->conf.tcp.ack_delay);
		return;
	}
	p = pktq_slot(s->out, slot);
	ip_header(s, p, &f->dst, &f->src, IPPROTO_TCP, TCP_HDR + optlen,
	    f->dscp, f->src.af == 4 ? 0x4000 : 0);
	if (optlen > 0)
		memcpy(p + iplen + TCP_HDR, opts, optlen);
	put_header(p + iplen, &f->dst, f->dport, &f->src, f->sport, seq,
	    flags & TH_ACK ? t->rcv_nxt : 0, flags,
	    flags & TH_RST ? 0 : tcp_window(t), optlen, 0, 0);
	ip_publish(s, slot, 0, iplen + TCP_HDR + optlen, f->peer, f);
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

	mss = (uint16_t)(ip_mtu(s, t->f.peer) - ip_hdr_len(&t->f.src) -
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
	send_syn(s, t, TH_SYN | TH_ACK);
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
	ip_send(s, p->peer, NULL, &p->dst, &p->src, IPPROTO_TCP, h,
	    sizeof(h), 0);
	s->count.tcp_resets_tx++;
}

/* A bare ACK from dst to src, the guest, without a connection. */
void
tcp_reply_ack(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *src, uint16_t sport, const struct ipaddr *dst,
    uint16_t dport, uint32_t seq, uint32_t ack)
{
	uint8_t	 h[TCP_HDR];

	put_header(h, dst, dport, src, sport, seq, ack, TH_ACK, 0, 0, 0, 0);
	ip_send(s, peer, NULL, dst, src, IPPROTO_TCP, h, sizeof(h), 0);
}

/* Make room for n more segments.  -1 if there is none. */
static int
segs_room(struct tcpcb *t, uint32_t n)
{
	struct tseg	*segs;
	uint32_t	 cap, i;

	if (t->x->seg_n + n <= t->x->seg_cap)
		return (0);
	if (t->x->seg_n + n > 2 * TCP_MAX_SEGS)
		return (-1);
	cap = t->x->seg_cap == 0 ? 8 : t->x->seg_cap;
	while (cap < t->x->seg_n + n)
		cap *= 2;
	if ((segs = calloc(cap, sizeof(*segs))) == NULL)
		return (-1);
	for (i = 0; i < t->x->seg_n; i++)
		segs[i] = *tcp_seg(t, i);
	free(t->x->segs);
	t->x->segs = segs;
	t->x->seg_cap = cap;
	t->x->seg_head = 0;
	return (0);
}

/* The first segment is acknowledged. */
void
tcp_seg_pop(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g = tcp_seg(t, 0);

	if (g->flags & TSEG_SACKED) {
		t->x->sacked -= tcp_seg_size(g);
		t->x->seg_sacked--;
	}
	if (g->flags & TSEG_LOST) {
		t->x->lost -= tcp_seg_size(g);
		t->x->seg_lost--;
	}
	if (g->flags & TSEG_SMALL)
		t->x->seg_small--;
	if (g->slot != PKTQ_NOSLOT) {
		pktq_release(s->out, g->slot);
		t->f.peer->nslots--;
	}
	t->x->seg_head = (t->x->seg_head + 1) & (t->x->seg_cap - 1);
	t->x->seg_n--;
	if (t->x->seg_ring > 0)
		t->x->seg_ring--;
}

void
tcp_free_segs(struct slirp *s, struct tcpcb *t)
{
	if (t->x == NULL)
		return;
	while (t->x->seg_n > 0)
		tcp_seg_pop(s, t);
	free(t->x->segs);
	t->x->segs = NULL;
	t->x->seg_cap = 0;
}

/* How many of the flow's segments the crypto engine still has to take. */
static uint32_t
segs_queued(const struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;

	while (t->x->seg_ring < t->x->seg_n) {
		g = tcp_seg(t, t->x->seg_ring);
		if (g->slot != PKTQ_NOSLOT && pktq_busy(s->out, g->slot))
			break;
		t->x->seg_ring++;
	}
	return (t->x->seg_n - t->x->seg_ring);
}

void
tcp_arm_rexmt(struct slirp *s, struct tcpcb *t)
{
	t->x->t_rexmt = s->now + (t->rto << t->backoff);
	if (t->x->t_rexmt > s->now + TCP_RTO_MAX)
		t->x->t_rexmt = s->now + TCP_RTO_MAX;
}

/* Write the header of a queued segment and hand it to the crypto engine. */
static void
send_seg(struct slirp *s, struct tcpcb *t, struct tseg *g, int push)
{
	struct flow	*f = &t->f;
	uint8_t		*p = pktq_slot(s->out, g->slot) + SLOT_PAYLOAD;
	size_t		 iplen = ip_hdr_len(&f->src), optlen, hlen;
	uint8_t		 flags = TH_ACK;

	optlen = t->ts_ok ? TCP_TS_LEN : 0;
	hlen = iplen + TCP_HDR + optlen;
	if (push)
		flags |= TH_PSH;
	put_options(s, t, p - optlen, 0);
	put_header(p - optlen - TCP_HDR, &f->dst, f->dport, &f->src,
	    f->sport, g->seq, t->rcv_nxt, flags, tcp_window(t), optlen,
	    g->len, g->sum);
	ip_header(s, p - hlen, &f->dst, &f->src, IPPROTO_TCP,
	    TCP_HDR + optlen + g->len, f->dscp,
	    f->src.af == 4 ? 0x4000 : 0);
	ip_publish(s, g->slot, SLOT_PAYLOAD - hlen, hlen + g->len, f->peer,
	    f);
	s->count.tcp_tx_segments++;
	/* it carries the acknowledgement, too */
	if (t->rq == NULL) {
		t->last_ack = t->rcv_nxt;
		t->rx_segs = 0;
		t->ack_now = 0;
		t->x->t_delack = 0;
	}
}

/* What the delivery rate is computed from when it arrives. */
static void
stamp(struct slirp *s, struct tcpcb *t, struct tseg *g)
{
	if (tcp_pipe(t) == 0)
		t->x->first_sent = t->x->delivered_time = s->now;
	g->sent = s->now;
	g->delivered = t->x->delivered;
	g->dtime = (uint32_t)MONO_TO_US(t->x->delivered_time);
	g->ftime = (uint32_t)MONO_TO_US(t->x->first_sent);
	if (t->x->app_limited != 0)
		g->flags |= TSEG_APPLIMITED;
	else
		g->flags &= (uint8_t)~TSEG_APPLIMITED;
}

/* The rate to send at, in bytes a second; 0: any. */
static uint64_t
pace_rate(const struct slirp *s, const struct tcpcb *t)
{
	uint64_t	 most;

	if (s->conf.tcp.pace_gap == 0)
		return (t->x->pace_rate);
	most = (uint64_t)t->mss * 1000000 / s->conf.tcp.pace_gap;
	return (t->x->pace_rate == 0 || t->x->pace_rate > most ? most :
	    t->x->pace_rate);
}

/* Bytes that pacing allows now; arms t_pace if there are none. */
static uint32_t
pace_room(const struct slirp *s, struct tcpcb *t)
{
	uint64_t	 room, rate = pace_rate(s, t);

	if (rate == 0)
		return (UINT32_MAX);
	if (t->x->pace_next < s->now)
		t->x->pace_next = s->now;
	if (t->x->pace_next >= s->now + PACE_QUANTUM) {
		t->x->t_pace = t->x->pace_next - PACE_QUANTUM + 1;
		return (0);
	}
	room = (s->now + PACE_QUANTUM - t->x->pace_next) / 1000 * rate /
	    1000000;
	if (room < 2U * t->mss)
		room = 2U * t->mss;
	return (room > UINT32_MAX ? UINT32_MAX : (uint32_t)room);
}

static void
pace_sent(const struct slirp *s, struct tcpcb *t, uint32_t bytes)
{
	uint64_t	 rate = pace_rate(s, t);
	mono_t		 most;

	if (t->recovery == TCPR_FAST)
		t->x->prr_out += bytes;
	if (rate == 0)
		return;
	t->x->pace_next += (uint64_t)bytes * 1000000000 / rate;
	/* what had to go at once does not silence the rest for long */
	most = s->now + (t->srtt > PACE_AHEAD ? t->srtt : PACE_AHEAD);
	if (t->x->pace_next > most && s->conf.tcp.pace_gap == 0)
		t->x->pace_next = most;
}

/* The first segment of the queue that ends after seq. */
uint32_t
tcp_seg_at(const struct tcpcb *t, uint32_t seq)
{
	uint32_t	 lo = 0, hi = t->x->seg_n, mid;
	struct tseg	*g;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		g = tcp_seg(t, mid);
		if (SEQ_LEQ(g->seq + tcp_seg_size(g), seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static void
send_fin(struct slirp *s, struct tcpcb *t, uint32_t seq)
{
	uint8_t	 opts[40];
	size_t	 n;

	n = put_options(s, t, opts, 0);
	send_bare(s, t, seq, TH_FIN | TH_ACK, opts, n);
}

static uint16_t
payload_sum(struct slirp *s, const struct tseg *g)
{
	return ((uint16_t)~cksum_fold(cksum_add(pktq_slot(s->out, g->slot) +
	    SLOT_PAYLOAD, g->len, 0)));
}

/*
 * Make two of a segment that is longer than segments are now.  -1 if there
 * is no room for that.
 */
int
tcp_split(struct slirp *s, struct tcpcb *t, uint32_t i)
{
	struct tseg	*a, *b;
	uint32_t	 slot, k;

	if (segs_room(t, 1) == -1 || (slot = ip_slot(s, 1)) == PKTQ_NOSLOT)
		return (-1);
	for (k = t->x->seg_n; k > i + 1; k--)
		*tcp_seg(t, k) = *tcp_seg(t, k - 1);
	a = tcp_seg(t, i);
	b = tcp_seg(t, i + 1);
	*b = *a;
	b->slot = slot;
	b->seq += t->mss;
	b->len = (uint16_t)(a->len - t->mss);
	memcpy(pktq_slot(s->out, slot) + SLOT_PAYLOAD,
	    pktq_slot(s->out, a->slot) + SLOT_PAYLOAD + t->mss, b->len);
	a->len = t->mss;
	a->sum = payload_sum(s, a);
	b->sum = payload_sum(s, b);
	t->x->seg_n++;
	t->f.peer->nslots++;
	if (t->x->seg_ring > i)
		t->x->seg_ring++;
	if (b->flags & TSEG_SMALL)
		t->x->seg_small++;
	if (b->flags & TSEG_LOST)
		t->x->seg_lost++;
	if (b->flags & TSEG_SACKED)
		t->x->seg_sacked++;
	return (0);
}

/*
 * Send segment i of the queue again.  -1 if its first sending has not left
 * yet.
 */
int
tcp_resend(struct slirp *s, struct tcpcb *t, uint32_t i)
{
	struct tseg	*g = tcp_seg(t, i);

	if (g->flags & TSEG_FIN) {
		stamp(s, t, g);
		send_fin(s, t, g->seq);
	} else {
		if (pktq_busy(s->out, g->slot))
			return (-1);
		stamp(s, t, g);
		send_seg(s, t, g, 1);
		if (t->x->seg_ring > i)
			t->x->seg_ring = i;
	}
	g->flags |= TSEG_REXMIT;
	if (g->rexmits < UINT8_MAX)
		g->rexmits++;
	if (t->x->undo_rexmits < UINT32_MAX)
		t->x->undo_rexmits++;
	if (t->x->undo_ts == 0) {
		if ((t->x->undo_ts = tcp_ts(t, s->now)) == 0)
			t->x->undo_ts = UINT32_MAX;
		t->x->undo_end = g->seq + tcp_seg_size(g);
	}
	pace_sent(s, t, tcp_seg_size(g));
	s->count.tcp_retransmits++;
	if (t->x->t_rexmt == 0 || i == 0)
		tcp_arm_rexmt(s, t);
	return (0);
}

/*
 * Send lost segments again while the pipe has room.  Returns -1 if one
 * has to wait because it is still queued, 1 if one has to wait for its
 * time.
 */
static int
retransmit(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;
	uint32_t	 i, room = pace_room(s, t), size;

	for (i = tcp_seg_at(t, t->x->lost_seq); i < t->x->seg_n &&
	    t->x->seg_lost > 0; i++) {
		g = tcp_seg(t, i);
		t->x->lost_seq = g->seq;	/* there is none before it */
		if (!(g->flags & TSEG_LOST))
			continue;
		if (g->len > t->mss) {
			if (tcp_split(s, t, i) == -1)
				return (-1);
			g = tcp_seg(t, i);
		}
		size = tcp_seg_size(g);
		/* the first one that was found lost always (RFC 6675 5.3) */
		if (!t->rexmit_now && tcp_pipe(t) != 0 &&
		    tcp_pipe(t) + size > t->x->cwnd) {
			t->cwnd_limited = 1;
			return (0);
		}
		if (size > room && !t->rexmit_now) {
			if (t->x->t_pace == 0)
				t->x->t_pace = s->now + PACE_QUANTUM;
			return (1);
		}
		if (tcp_resend(s, t, i) == -1)
			return (-1);
		room = size < room ? room - size : 0;
		t->rexmit_now = 0;
		g->flags &= (uint8_t)~TSEG_LOST;
		t->x->lost -= size;
		t->x->seg_lost--;
	}
	return (0);
}

/*
 * Is the guest silent with so much under way that the host's data had
 * better wait?  What is under way is still sent again meanwhile.
 */
static int
idle_gate(struct slirp *s, struct tcpcb *t)
{
	const struct conf_tcp	*c = &s->conf.tcp;
	uint32_t		 out = t->snd_nxt - t->snd_una, min;
	char			 buf[ADDR_STRLEN];

	min = c->idle_inflight != 0 ? c->idle_inflight : t->mss;
	if (c->idle_gate == 0 || out < min ||
	    s->now - t->progress < MONO_MS(c->idle_gate)) {
		t->gated = 0;
		return (0);
	}
	if (t->gated)
		return (1);
	t->gated = 1;
	s->count.tcp_gated++;
	if (c->gate_log == GATE_DEBUG || (c->gate_log == GATE_INFO &&
	    log_allow(&s->loglimit, s->now)))
		(c->gate_log == GATE_DEBUG ? log_debug : log_info)(
		    "peer \"%s\": %s takes nothing, reading of its "
		    "connection stops", t->f.peer->name, ipport_str(&t->f.src,
		    t->f.sport, buf, sizeof(buf)));
	return (1);
}

/* Has the peer's rate room for more toward it?  If not, arms t_pace. */
static int
rate_room(struct slirp *s, struct tcpcb *t)
{
	const struct slirp_peer	*p = t->f.peer;

	if (rate_open(&p->out, s->now, p->rate_out))
		return (1);
	t->x->t_pace = bucket_when(&p->out, p->rate_out,
	    rate_burst(p->rate_out)) + 1;
	return (0);
}

/*
 * Slots that the flow may take on.  A peer takes no more than is left to
 * the others, a flow half of what is left to its peer, which every slot
 * makes less by two halves.  A few a flow has always: others of its peer
 * that hold much, and are not acknowledged, do not stop it.
 */
static uint32_t
slots_room(const struct slirp *s, const struct tcpcb *t)
{
	uint32_t	 left, rest, held = t->f.peer->nslots;

	left = s->out->nfree > SLOTS_RESERVED ?
	    s->out->nfree - SLOTS_RESERVED : 0;
	rest = left > held ? (left - held) / 2 : 0;
	rest = rest > t->x->seg_n ? (rest - t->x->seg_n + 1) / 2 : 0;
	if (rest < TRAIN_SEGS && t->x->seg_n > TRAIN_SEGS)
		return (0);		/* for a whole train it can wait */
	if (t->x->seg_n < SLOTS_FEW && rest < SLOTS_FEW - t->x->seg_n &&
	    held / 2 < left)
		rest = SLOTS_FEW - t->x->seg_n;
	return (rest);
}

/* Segments that may be read from the host now; 0 if none. */
static uint32_t
may_read(struct slirp *s, struct tcpcb *t, uint32_t *size)
{
	uint32_t	 pipe = tcp_pipe(t), wnd, n, slots, paced;
	int32_t		 room;

	*size = t->mss;
	t->cwnd_limited = 0;
	if (idle_gate(s, t) || !rate_room(s, t))
		return (0);
	if (t->x->seg_small >= TCP_MAX_SMALL || t->x->seg_n >= TCP_MAX_SEGS)
		return (0);
	room = (int32_t)(t->snd_una + t->snd_wnd - t->snd_nxt);
	wnd = room > 0 ? (uint32_t)room : 0;
	if (pipe + t->mss > t->x->cwnd) {
		t->cwnd_limited = 1;
		return (0);
	}
	n = (t->x->cwnd - pipe) / t->mss;
	if (n > wnd / t->mss) {
		n = wnd / t->mss;
		/* silly window: what little there is, if it is much to him */
		if (n == 0 && wnd > 0 && (t->x->seg_n == 0 ||
		    wnd >= t->max_wnd / 2)) {
			*size = wnd;
			n = 1;
		}
	} else if (n <= TRAIN_SEGS)
		t->cwnd_limited = 1;
	if (n > TRAIN_SEGS)
		n = TRAIN_SEGS;
	if (t->f.peer->rate_out != 0 &&
	    n > rate_burst(t->f.peer->rate_out) / s->conf.mtu)
		n = (uint32_t)(rate_burst(t->f.peer->rate_out) /
		    s->conf.mtu);
	if (n > 0 && *size == t->mss) {
		paced = pace_room(s, t) / t->mss;
		if (n > paced)
			n = paced;
	}
	slots = slots_room(s, t);
	if (n > 0 && slots == 0 && t->x->seg_n == 0)
		flow_wait_slots(s, &t->f);
	return (n < slots ? n : slots);
}

/*
 * Read a train from the host and send it.  Returns the bytes read, 0 at
 * its end, or -1 with errno; ENOBUFS if there are no slots.
 */
static ssize_t
read_train(struct slirp *s, struct tcpcb *t, uint32_t n, uint32_t size)
{
	struct iovec	 iov[TRAIN_SEGS];
	uint32_t	 slot[TRAIN_SEGS], i, got;
	struct tseg	*g;
	ssize_t		 r, left;

	if (segs_room(t, n) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	for (got = 0; got < n; got++) {
		if ((slot[got] = ip_slot(s, 1)) == PKTQ_NOSLOT)
			break;
		iov[got].iov_base = pktq_slot(s->out, slot[got]) +
		    SLOT_PAYLOAD;
		iov[got].iov_len = size;
	}
	if (got == 0) {
		errno = ENOBUFS;
		return (-1);
	}
	r = s->host->readv(s->harg, &t->f, iov, (int)got);
	if (r > (ssize_t)(size * EXPRESS_FLOW))
		ip_bulk(s, &t->f);
	for (i = 0, left = r; i < got && left > 0; i++) {
		g = tcp_seg(t, t->x->seg_n);
		memset(g, 0, sizeof(*g));
		g->seq = t->snd_nxt;
		g->slot = slot[i];
		g->len = (uint16_t)(left < (ssize_t)size ? left :
		    (ssize_t)size);
		g->sum = (uint16_t)~cksum_fold(cksum_add(iov[i].iov_base,
		    g->len, 0));
		left -= g->len;
		if (g->len < t->mss) {
			g->flags |= TSEG_SMALL;
			t->x->seg_small++;
		}
		t->x->seg_n++;
		t->f.peer->nslots++;
		stamp(s, t, g);
		send_seg(s, t, g, left == 0);
		t->snd_nxt += g->len;
	}
	for (; i < got; i++)
		pktq_release(s->out, slot[i]);
	if (r > 0) {
		t->f.tx_bytes += (uint64_t)r;
		s->count.tcp_tx_bytes += (uint64_t)r;
		pace_sent(s, t, (uint32_t)r);
		if (t->x->t_rexmt == 0) {
			t->progress = s->now;
			tcp_arm_rexmt(s, t);
		}
		if (t->x->t_tlp == 0)
			tcp_arm_tlp(s, t);
	}
	return (r);
}

static void
queue_fin(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;

	if (segs_room(t, 1) == -1) {
		t->host_dead = t->rst_after = 1;
		return;
	}
	g = tcp_seg(t, t->x->seg_n);
	memset(g, 0, sizeof(*g));
	g->seq = t->snd_nxt;
	g->slot = PKTQ_NOSLOT;
	g->flags = TSEG_FIN | TSEG_SMALL;
	stamp(s, t, g);
	t->x->seg_n++;
	t->x->seg_small++;
	send_fin(s, t, t->snd_nxt);
	t->snd_nxt++;
	t->fin_sent = 1;
	t->t_keep = s->now + TCP_HALF_IDLE;
	t->state = t->state == TCPS_CLOSE_WAIT ? TCPS_LAST_ACK :
	    TCPS_FIN_WAIT_1;
	if (t->x->t_rexmt == 0) {
		t->progress = s->now;
		tcp_arm_rexmt(s, t);
	}
}

/* What a read of the host's data brought; returns whether any. */
static int
took(struct slirp *s, struct tcpcb *t, ssize_t r)
{
	if (r > 0)
		return (1);
	if (r == 0) {
		t->host_eof = 1;
		t->f.readable = 0;
	} else if (errno == EAGAIN)
		t->f.readable = 0;
	else if (errno == ENOBUFS)
		flow_wait_slots(s, &t->f);
	else if (errno != EINTR) {
		/* reset it once the guest has all of it */
		t->f.readable = 0;
		t->host_dead = 1;
		t->rst_after = 1;
	}
	return (0);
}

/*
 * One new segment, whatever the congestion window is (RFC 8985 7.3).  -1
 * if there is none, or the guest has no room for it.
 */
int
tcp_probe_new(struct slirp *s, struct tcpcb *t)
{
	if (!t->f.readable || t->host_eof || (t->state != TCPS_ESTABLISHED &&
	    t->state != TCPS_CLOSE_WAIT) || t->x->seg_n >= TCP_MAX_SEGS ||
	    SEQ_LT(t->snd_una + t->snd_wnd, t->snd_nxt + t->mss))
		return (-1);
	if (took(s, t, read_train(s, t, 1, t->mss)))
		return (0);
	flow_ready(s, &t->f);	/* for the FIN, or a reset */
	return (-1);
}

/* The host was idle for so long that what is known is old. */
static void
restart(struct slirp *s, struct tcpcb *t)
{
	if (t->x->seg_n == 0 && t->x->last_tx != 0 &&
	    s->now - t->x->last_tx > t->rto)
		t->ccops->idle(t, s->now - t->x->last_tx);
	t->x->last_tx = s->now;
}

/* Read and send a train of new data.  Returns 1 for another turn. */
static int
send_new(struct slirp *s, struct tcpcb *t)
{
	uint32_t	 n, size;

	n = may_read(s, t, &size);
	if (n > 0 && (segs_queued(s, t) >= RING_TRAINS * TRAIN_SEGS ||
	    s->out->nout[PKTQ_BULK] >= BULK_MOST)) {
		flow_wait_slots(s, &t->f);
		return (0);
	}
	if (n == 0) {
		if (t->snd_wnd < t->mss && t->x->seg_n == 0 &&
		    t->x->t_persist == 0)
			t->x->t_persist = s->now + t->rto;
		return (0);
	}
	restart(s, t);
	if (took(s, t, read_train(s, t, n, size)))
		return (1);
	/* the host has no more: the path could have taken it */
	if (!t->f.readable && t->x->seg_lost == 0 && tcp_pipe(t) < t->x->cwnd)
		t->x->app_limited = (t->x->delivered + tcp_pipe(t)) | 1;
	return (0);
}

/*
 * Send what may be sent: lost segments, then one train of new data, then
 * the FIN.  Returns 1 if it could go on at once.  The caller arms timers.
 */
int
tcp_output(struct slirp *s, struct tcpcb *t)
{
	int	 r, more = 0;

	t->x->t_pace = 0;
	if (t->x->seg_lost > 0 && (r = retransmit(s, t)) != 0) {
		if (r == -1)
			flow_wait_slots(s, &t->f);
		return (0);
	}
	if (t->state != TCPS_ESTABLISHED && t->state != TCPS_CLOSE_WAIT)
		return (0);
	if (t->f.readable && !t->host_eof)
		more = send_new(s, t);
	if (t->host_eof && !t->fin_sent && !t->rst_after)
		queue_fin(s, t);
	return (more);
}
