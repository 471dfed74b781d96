/* SPDX-License-Identifier: ISC */

/*
 * TCP toward the guest: what its acknowledgements tell.
 *
 * Each segment knows when it was sent last.  A segment is lost if one that
 * was sent later has arrived and a reordering window has passed since
 * (RACK, RFC 8985); without any sign of reordering the window is zero once
 * three segments have arrived out of order.  First transmissions are in
 * the order of their times, so that `scan' passes each of them once.
 * Before the retransmission timer, a probe at the tail asks for an
 * acknowledgement (TLP).  Guests without SACK get NewReno (RFC 6582).
 *
 * A recovery that proves needless, because the guest answered the first
 * transmission (timestamps, RFC 3522) or reports every retransmission as
 * a duplicate (DSACK, RFC 3708), is undone.
 *
 * Every delivered segment gives a sample of the path's delivery rate
 * (draft-ietf-ccwg-bbr, 4.1).
 */

#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include "cc.h"
#include "loss.h"
#include "output.h"
#include "segment.h"
#include "sendq.h"
#include "turns.h"

#define DUPTHRESH	3
#define RENEGE_RTOS	2	/* in a row, before SACKs are forgotten */
#define MTU_LEAST	(576 - 40 - TCP_HDR - TCP_TS_LEN)
#define BLACKHOLE_RTOS	2	/* in a row, before that is suspected */
#define LOST_AGAIN	64	/* retransmitted ones looked at a time */
#define LOST_WORK	512	/* and others, on the way to them */
#define SACK_WORK	16384	/* segments looked at, a ms and peer */
#define REO_RECOVERIES	16	/* for which a wider window stays */
#define REO_MULT_MAX	16

/* The delivery rate sample of one acknowledgement. */
struct rate_sample {
	mono_t		 sent;		/* of the newest delivered */
	uint32_t	 prior;		/* delivered when it was sent */
	uint32_t	 prior_us;	/* and at what time that was */
	uint32_t	 send_us;	/* time that sending took */
	uint32_t	 fack;		/* before this acknowledgement */
	uint32_t	 tsecr;		/* its timestamp, if it has one */
	int		 has_ts;
	int		 app_limited;
};

static void
mark_lost(struct tcpcb *t, struct tseg *g)
{
	if (g->flags & (TSEG_SACKED | TSEG_LOST))
		return;
	if (t->x->seg_lost == 0 || SEQ_LT(g->seq, t->x->lost_seq))
		t->x->lost_seq = g->seq;
	g->flags |= TSEG_LOST;
	t->x->lost += tcp_seg_size(g);
	t->x->seg_lost++;
}

static void
unmark_lost(struct tcpcb *t, struct tseg *g)
{
	if (!(g->flags & TSEG_LOST))
		return;
	g->flags &= (uint8_t)~TSEG_LOST;
	t->x->lost -= tcp_seg_size(g);
	t->x->seg_lost--;
}

/*
 * A segment has arrived for the first time.  One that was sent again
 * counts for RACK only if this cannot be its first sending's (6.2).
 */
static void
delivered(struct tcpcb *t, const struct tseg *g, mono_t now,
    struct rate_sample *r)
{
	t->x->delivered += tcp_seg_size(g);
	t->x->delivered_time = now;
	if (g->rexmits > 0 && (now < g->sent + t->x->min_rtt ||
	    (t->ts_ok && r->has_ts && (int32_t)(r->tsecr -
	    tcp_ts(t, g->sent)) < 0)))
		return;
	if (r->sent == 0 || g->sent >= r->sent) {
		r->sent = g->sent;
		r->prior = g->delivered;
		r->prior_us = g->dtime;
		r->send_us = (uint32_t)MONO_TO_US(g->sent) - g->ftime;
		r->app_limited = (g->flags & TSEG_APPLIMITED) != 0;
		t->x->first_sent = g->sent;
	}
	if (g->sent > t->x->newest || (g->sent == t->x->newest &&
	    SEQ_GT(g->seq, t->x->newest_seq))) {
		t->x->newest = g->sent;
		t->x->newest_seq = g->seq;
		if (now > g->sent)
			t->x->rack_rtt = now - g->sent;
	}
	/* it arrived after what was sent later, and was sent once */
	if (g->rexmits == 0 && SEQ_LT(g->seq, r->fack))
		t->reordered = 1;
	if (SEQ_GT(g->seq + g->len, t->x->fack))
		t->x->fack = g->seq + g->len;
}

/* The guest got something twice: was it sent twice for nothing? */
static void
take_dsack(struct slirp *s, struct tcpcb *t, uint32_t end)
{
	s->count.tcp_dsacks++;
	t->dsack_seen = 1;
	if (t->x->undo_rexmits > 0 && SEQ_GT(end, t->x->undo_marker))
		t->x->undo_rexmits--;
	/* once a round: what arrives late is waited for longer */
	if (SEQ_GEQ(t->snd_una, t->x->dsack_round)) {
		t->x->dsack_round = t->snd_nxt;
		if (t->reo_mult < REO_MULT_MAX)
			t->reo_mult++;
		t->reo_persist = REO_RECOVERIES;
	}
}

/* RFC 2883: the first block is of data that was there already. */
static int
is_dsack(const struct tcp_in *in)
{
	const struct tcp_range	*a = &in->sack[0], *b = &in->sack[1];

	if (!SEQ_LT(a->start, a->end))
		return (0);
	if (SEQ_LEQ(a->end, in->ack))
		return (1);
	return (in->nsack > 1 && SEQ_LEQ(b->start, a->start) &&
	    SEQ_LEQ(a->end, b->end));
}

/*
 * Where to begin with a block: what an earlier acknowledgement had of it
 * was entered then.
 */
static uint32_t
sack_known(const struct tcpcb *t, const struct tcp_range *b)
{
	uint32_t	 start = b->start;
	int		 i;

	for (i = 0; i < TCP_SACK_BLOCKS; i++)
		if (SEQ_GEQ(start, t->x->sack_seen[i].start) &&
		    SEQ_LT(start, t->x->sack_seen[i].end))
			start = t->x->sack_seen[i].end;
	return (start);
}

/* Looking at segments costs time that is the other peers', too. */
static int
sack_work(struct slirp *s, struct slirp_peer *p)
{
	if (s->now - p->sack_ms >= MONO_MS(1)) {
		p->sack_ms = s->now;
		p->sack_work = 0;
	}
	return (p->sack_work++ < SACK_WORK);
}

/* Enter what the guest has selectively acknowledged. */
static void
take_sack(struct slirp *s, struct tcpcb *t, const struct tcp_in *in,
    struct rate_sample *r)
{
	const struct tcp_range	*b;
	struct tcp_range	 seen[TCP_SACK_BLOCKS] = { { 0, 0 } };
	struct tseg		*g;
	mono_t			 now = in->p->time, newest = 0;
	uint32_t		 i, start, end;
	int			 k = 0;

	if (is_dsack(in)) {
		if (SEQ_GEQ(in->sack[0].end, t->snd_una - t->max_wnd))
			take_dsack(s, t, in->sack[0].end);
		k = 1;
	}
	for (; k < in->nsack; k++) {
		b = &in->sack[k];
		if (!SEQ_LT(b->start, b->end) ||
		    SEQ_LT(b->start, t->snd_una) ||
		    SEQ_GT(b->end, t->snd_nxt))
			continue;
		start = end = sack_known(t, b);
		for (i = tcp_seg_at(t, start); i < t->x->seg_n; i++) {
			g = tcp_seg(t, i);
			if (SEQ_LT(g->seq, start))
				continue;
			if (SEQ_GT(g->seq + g->len, b->end) ||
			    !sack_work(s, t->f.peer))
				break;
			end = g->seq + g->len;
			if (g->flags & (TSEG_SACKED | TSEG_FIN))
				continue;
			unmark_lost(t, g);
			delivered(t, g, now, r);
			g->flags |= TSEG_SACKED;
			if (g->rexmits == 0 && now > g->sent &&
			    g->sent > newest)
				newest = g->sent;
			t->x->sacked += tcp_seg_size(g);
			t->x->seg_sacked++;
		}
		seen[k].start = b->start;
		seen[k].end = SEQ_GT(end, b->start) ? end : b->start;
	}
	memcpy(t->x->sack_seen, seen, sizeof(seen));
	if (newest != 0)
		cc_rtt(t, now - newest, s->now);
}

/* RFC 8985 6.2, step 4: how long to wait for what may be reordered. */
static mono_t
reo_wnd(const struct tcpcb *t)
{
	mono_t	 w;

	if (!t->reordered && (t->recovery != TCPR_NONE ||
	    t->x->seg_sacked >= DUPTHRESH))
		return (0);
	w = t->x->min_rtt / 4 * (t->reo_mult + 1U);
	return (w > t->srtt ? t->srtt : w);
}

/*
 * The same for what was sent again, from the first one on that could not be
 * judged last time; so many of those are looked at.
 */
static void
again_detect(struct tcpcb *t, mono_t now, mono_t wait)
{
	struct tcp_xfer	*x = t->x;
	struct tseg	*g;
	uint32_t	 i, work = 0, open = 0, from = 0;

	for (i = tcp_seg_at(t, x->again); i < x->seg_n && open < LOST_AGAIN &&
	    work < LOST_WORK; i++, work++) {
		g = tcp_seg(t, i);
		if ((g->flags & (TSEG_REXMIT | TSEG_LOST | TSEG_SACKED)) !=
		    TSEG_REXMIT)
			continue;
		if (g->sent < x->newest && g->sent + wait <= now) {
			g->flags &= (uint8_t)~TSEG_REXMIT;
			mark_lost(t, g);
			continue;
		}
		if (g->sent < x->newest && (x->t_reo == 0 ||
		    g->sent + wait < x->t_reo))
			x->t_reo = g->sent + wait;
		if (open++ == 0)
			from = g->seq;
	}
	if (open > 0)
		x->again = from;
	else if (i < x->seg_n)
		x->again = tcp_seg(t, i)->seq;
	else
		x->again = t->snd_nxt;
}

/*
 * Mark what is lost by time.  What is not lost yet, but would be if
 * nothing comes, arms t_reo.
 */
static void
rack_detect(struct tcpcb *t, mono_t now)
{
	struct tseg	*g;
	mono_t		 wait = t->x->rack_rtt + reo_wnd(t);
	uint32_t	 i;

	t->x->t_reo = 0;
	if (t->x->newest == 0)
		return;
	for (i = tcp_seg_at(t, t->x->scan); i < t->x->seg_n; i++) {
		g = tcp_seg(t, i);
		if (!(g->flags & (TSEG_SACKED | TSEG_LOST | TSEG_REXMIT))) {
			if (g->sent > t->x->newest ||
			    (g->sent == t->x->newest &&
			    SEQ_GEQ(g->seq, t->x->newest_seq)))
				break;
			if (g->sent + wait > now) {
				t->x->t_reo = g->sent + wait;
				break;
			}
			mark_lost(t, g);
		}
		t->x->scan = g->seq + tcp_seg_size(g);
	}
	again_detect(t, now, wait);
}

static void
undo_save(struct tcpcb *t)
{
	t->x->prior_cwnd = t->x->cwnd;
	t->x->prior_ssthresh = t->x->ssthresh;
	t->x->undo_rexmits = 0;
	t->x->undo_marker = t->snd_una;
	t->x->undo_ts = 0;
	t->undo = 1;
	t->dsack_seen = 0;
}

/* Loss was found: a recovery begins. */
static void
enter_recovery(struct slirp *s, struct tcpcb *t, const struct cc_sample *sm)
{
	undo_save(t);
	t->recovery = TCPR_FAST;
	t->rexmit_now = 1;
	t->x->recover = t->snd_nxt;
	t->x->prr_delivered = t->x->prr_out = 0;
	t->x->prr_flight = sm->flight > 0 ? sm->flight : t->mss;
	t->x->t_tlp = 0;
	t->ccops->loss(t, sm);
	s->count.tcp_fast_recoveries++;
}

static void
leave_recovery(struct tcpcb *t)
{
	t->ccops->recovered(t);
	t->recovery = TCPR_NONE;
	t->undo = 0;
	if (t->reo_persist > 0 && --t->reo_persist == 0)
		t->reo_mult = 0;
}

/* Nothing was lost after all: go on as if nothing had been. */
static void
undo(struct slirp *s, struct tcpcb *t)
{
	uint32_t	 i;

	for (i = 0; i < t->x->seg_n && t->x->seg_lost > 0; i++)
		unmark_lost(t, tcp_seg(t, i));
	t->x->scan = t->snd_una;
	t->rexmit_now = 0;
	t->x->pace_next = 0;
	if (t->x->cwnd < t->x->prior_cwnd)
		t->x->cwnd = t->x->prior_cwnd;
	if (t->x->ssthresh < t->x->prior_ssthresh)
		t->x->ssthresh = t->x->prior_ssthresh;
	t->recovery = TCPR_NONE;
	t->undo = 0;
	t->backoff = 0;
	s->count.tcp_undos++;
}

/* Does this acknowledgement tell that the recovery was needless? */
static int
spurious(const struct tcpcb *t, const struct tcp_in *in, uint32_t acked)
{
	if (!t->undo)
		return (0);
	/* it takes the first retransmission, and answers what was before */
	if (t->ts_ok)
		return (in->has_ts && acked > 0 && t->x->undo_ts != 0 &&
		    SEQ_GEQ(in->ack, t->x->undo_end) &&
		    (int32_t)(in->tsecr - t->x->undo_ts) < 0);
	/* duplicates may be the network's: only without timestamps */
	return (t->dsack_seen && t->x->undo_ts != 0 && t->x->undo_rexmits == 0);
}

/* Take from the queue what is cumulatively acknowledged.  1: the FIN. */
static int
take_ack(struct slirp *s, struct tcpcb *t, const struct tcp_in *in,
    struct rate_sample *r)
{
	mono_t		 now = in->p->time, sent = 0;
	struct tseg	*g;
	int		 fin = 0, clean = 1;

	while (t->x->seg_n > 0) {
		g = tcp_seg(t, 0);
		if (g->flags & TSEG_FIN) {
			if (in->ack != g->seq + 1)
				break;
			fin = 1;
		} else if (SEQ_GT(g->seq + g->len, in->ack))
			break;
		/*
		 * What waited behind a hole tells nothing about the path
		 * (Karn); SACK has timed it already.
		 */
		if (g->rexmits > 0)
			clean = 0;
		else if (!(g->flags & TSEG_SACKED))
			sent = g->sent;
		if (!(g->flags & TSEG_SACKED))
			delivered(t, g, now, r);
		tcp_seg_pop(s, t);
	}
	/* smaller ones do get there */
	if (t->x->mtu_tried != 0) {
		if (!is_uplink(t->f.toward)) {
			t->f.toward->pmtu = t->x->mtu_tried;
			t->f.toward->pmtu_at = s->now;
		}
		t->x->mtu_tried = 0;
	}
	t->snd_una = in->ack;
	t->progress = s->now;
	t->backoff = 0;
	t->quiet = 0;
	t->dupacks = 0;
	if (clean && sent != 0 && now > sent)
		cc_rtt(t, now - sent, s->now);
	if (SEQ_LT(t->x->scan, t->snd_una))
		t->x->scan = t->snd_una;
	if (SEQ_LT(t->x->fack, t->snd_una))
		t->x->fack = t->snd_una;
	if (SEQ_LT(t->x->again, t->snd_una))
		t->x->again = t->snd_una;
	return (fin);
}

/* What the probe at the tail has shown (RFC 8985 7.4). */
static void
tlp_answer(struct slirp *s, struct tcpcb *t, const struct tcp_in *in,
    const struct cc_sample *sm)
{
	if (!t->tlp_out || SEQ_LT(in->ack, t->x->tlp_end))
		return;
	t->tlp_out = 0;
	if (!t->tlp_rexmit || t->dsack_seen || t->recovery != TCPR_NONE)
		return;
	/* the probe repaired a loss: it counts as one */
	undo_save(t);
	t->ccops->loss(t, sm);
	t->ccops->recovered(t);
	if (t->x->cwnd > t->x->ssthresh && t->x->ssthresh != UINT32_MAX)
		t->x->cwnd = t->x->ssthresh;
	t->undo = 0;
	s->count.tcp_fast_recoveries++;
}

static void
make_sample(struct tcpcb *t, const struct rate_sample *r,
    struct cc_sample *sm)
{
	uint32_t	 ack_us, us;

	sm->prior = r->prior;
	sm->app_limited = (uint8_t)r->app_limited;
	if (r->sent == 0) {
		/* nothing told when it was sent: no round has passed */
		sm->prior = t->x->delivered - UINT32_MAX / 2;
		return;
	}
	if (sm->now > r->sent)
		sm->rtt = sm->now - r->sent;
	ack_us = (uint32_t)MONO_TO_US(t->x->delivered_time) - r->prior_us;
	if ((int32_t)ack_us <= 0)
		return;		/* it came before that was noted */
	us = ack_us > r->send_us ? ack_us : r->send_us;
	/* shorter than the path is a trick of the timing */
	if (us == 0 || us < MONO_TO_US(t->x->min_rtt))
		return;
	sm->rate = (uint64_t)(t->x->delivered - r->prior) * 1000000 / us;
}

/*
 * The path has marked what was sent instead of dropping it (RFC 3168 6.1.2):
 * the same answer as to a loss, once a round trip.
 */
static void
marked(struct slirp *s, struct tcpcb *t, const struct cc_sample *sm)
{
	if (SEQ_LT(t->snd_una, t->x->ecn_end) || t->recovery != TCPR_NONE)
		return;
	t->x->ecn_end = t->snd_nxt;
	t->cwr_owed = 1;
	s->count.tcp_marks++;
	if (t->ccops->mark != NULL) {
		t->ccops->mark(t, sm);
		return;
	}
	t->ccops->loss(t, sm);
	t->ccops->recovered(t);
	if (t->x->cwnd > t->x->ssthresh && t->x->ssthresh != UINT32_MAX)
		t->x->cwnd = t->x->ssthresh;
}

/*
 * Take an acknowledgement that is within what was sent.  Returns 1 if it
 * acknowledged the FIN.
 */
int
tcp_acked(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	struct rate_sample	 r = { 0, 0, 0, 0, t->x->fack, in->tsecr,
				    in->has_ts, 0 };
	struct cc_sample	 sm = { 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint32_t		 before = t->x->delivered, lost;
	int			 fin = 0;

	sm.now = in->p->time;
	sm.flight = tcp_pipe(t);
	sm.acked = in->ack - t->snd_una;
	if (in->nsack > 0 && t->sack_ok)
		take_sack(s, t, in, &r);
	if (sm.acked > 0) {
		fin = take_ack(s, t, in, &r);
		if (t->x->seg_n == 0)
			t->x->t_rexmt = 0;
		else
			tcp_arm_rexmt(s, t);
	} else if (t->snd_nxt != t->snd_una && in->len == 0 &&
	    !(in->flags & TH_FIN) && in->wnd == t->snd_wnd &&
	    t->dupacks < UINT16_MAX)
		t->dupacks++;
	sm.delivered = t->x->delivered - before;
	if (t->x->app_limited != 0 &&
	    SEQ_GT(t->x->delivered, t->x->app_limited))
		t->x->app_limited = 0;
	if (spurious(t, in, sm.acked))
		undo(s, t);
	if (t->recovery != TCPR_NONE && SEQ_GEQ(t->snd_una, t->x->recover))
		leave_recovery(t);
	lost = t->x->lost;
	if (t->x->seg_n > 0 && t->sack_ok)
		rack_detect(t, sm.now);
	else if (t->x->seg_n > 0 && t->recovery == TCPR_FAST &&
	    sm.acked > 0) {
		mark_lost(t, tcp_seg(t, 0));	/* partial ACK */
		t->rexmit_now = 1;
	} else if (t->x->seg_n > 0 && t->dupacks == DUPTHRESH &&
	    t->recovery == TCPR_NONE)
		mark_lost(t, tcp_seg(t, 0));
	sm.lost = t->x->lost > lost ? t->x->lost - lost : 0;
	if (sm.delivered > 0)
		make_sample(t, &r, &sm);
	tlp_answer(s, t, in, &sm);
	if (t->x->seg_lost > 0 && t->recovery == TCPR_NONE)
		enter_recovery(s, t, &sm);
	if (in->flags & TH_ECE && t->ecn_ok)
		marked(s, t, &sm);
	if (sm.delivered > 0 || sm.lost > 0)
		t->ccops->ack(t, &sm);
	if (sm.delivered > 0)
		tcp_arm_tlp(s, t);
	return (fin);
}

/* The reordering window of something has passed. */
void
tcp_reo_timeout(struct slirp *s, struct tcpcb *t)
{
	struct cc_sample	 sm = { 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint32_t		 lost = t->x->lost;

	sm.now = s->now;
	sm.flight = tcp_pipe(t);
	sm.prior = t->x->delivered - UINT32_MAX / 2;
	if (t->x->seg_n == 0)
		return;
	rack_detect(t, s->now);
	sm.lost = t->x->lost - lost;
	if (t->x->seg_lost > 0 && t->recovery == TCPR_NONE)
		enter_recovery(s, t, &sm);
	if (sm.lost > 0)
		t->ccops->ack(t, &sm);
	tcp_output(s, t);
}

/* No news for two round trips: ask at the tail (RFC 8985 7.3). */
void
tcp_tlp_timeout(struct slirp *s, struct tcpcb *t)
{
	if (t->x->seg_n == 0 || t->recovery != TCPR_NONE || t->tlp_out)
		return;
	t->tlp_rexmit = 0;
	t->dsack_seen = 0;
	t->tlp_out = 1;		/* one at a time */
	if (tcp_probe_new(s, t) == -1) {
		if ((tcp_seg(t, t->x->seg_n - 1)->len > t->mss &&
		    tcp_split(s, t, t->x->seg_n - 1) == -1) ||
		    tcp_resend(s, t, t->x->seg_n - 1) == -1) {
			t->tlp_out = 0;
			return;
		}
		t->tlp_rexmit = 1;
	}
	t->x->tlp_end = t->snd_nxt;
	s->count.tcp_tlps++;
	tcp_arm_rexmt(s, t);
}

/*
 * Does the path take no segment of this size, without saying so (RFC 4821,
 * 2923)?  Nothing tells but that the guest answers something small, and
 * large ones are never acknowledged.
 */
static void
suspect_mtu(struct slirp *s, struct tcpcb *t, const struct tseg *g)
{
	static const uint16_t	 sizes[] = { 1280, 1024, 576 };
	size_t			 i, hlen;

	if (t->backoff < BLACKHOLE_RTOS || g->flags & TSEG_FIN)
		return;
	/* nothing is too long for a path that can take */
	if (g->len <= MTU_LEAST)
		return;
	hlen = ip_hdr_len(&t->f.src) + TCP_HDR + (t->ts_ok ? TCP_TS_LEN : 0);
	if (t->x->mtu_asked > t->progress && t->last_rx >= t->x->mtu_asked)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			if (g->len > sizes[i] - hlen) {
				t->mss = (uint16_t)(sizes[i] - hlen);
				t->x->mtu_tried = sizes[i];
				/* the guest is there: no reason to wait */
				t->backoff = BLACKHOLE_RTOS - 1;
				s->count.tcp_blackholes++;
				break;
			}
	t->x->mtu_asked = s->now;
	tcp_send_probe(s, t);
}

/* Segments that are too long for the path now are lost: they are split. */
void
tcp_shrink(struct slirp *s, struct tcpcb *t, uint16_t mss)
{
	struct tseg	*g;
	uint32_t	 i;

	t->mss = mss;
	for (i = 0; i < t->x->seg_n; i++) {
		g = tcp_seg(t, i);
		if (g->len > mss && !(g->flags & TSEG_SACKED))
			mark_lost(t, g);
	}
	turns_ready(s, &t->f);
}

/* Nothing was acknowledged for too long (RFC 6298, 5). */
void
tcp_rexmt_timeout(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;
	uint32_t	 i;
	int		 reneged;

	if (t->x->seg_n == 0)
		return;
	g = tcp_seg(t, 0);
	if (g->slot != PKTQ_NOSLOT && pktq_busy(s->out, g->slot)) {
		tcp_arm_rexmt(s, t);	/* it has not left the house */
		return;
	}
	s->count.tcp_rtos++;
	if (t->backoff == 0)
		undo_save(t);
	t->ccops->timeout(t);
	/* has the guest dropped what it selectively acknowledged? */
	reneged = g->flags & TSEG_SACKED || t->backoff >= RENEGE_RTOS;
	for (i = 0; i < t->x->seg_n; i++) {
		g = tcp_seg(t, i);
		if (reneged && g->flags & TSEG_SACKED) {
			t->x->sacked -= tcp_seg_size(g);
			t->x->seg_sacked--;
			g->flags &= (uint8_t)~TSEG_SACKED;
		}
		g->flags &= (uint8_t)~TSEG_REXMIT;
		/* what is heard of it from now on tells no time */
		if (g->rexmits == 0)
			g->rexmits = 1;
		mark_lost(t, g);
	}
	if (reneged)
		memset(t->x->sack_seen, 0, sizeof(t->x->sack_seen));
	t->recovery = TCPR_TIMEOUT;
	t->x->recover = t->snd_nxt;
	t->x->scan = t->snd_nxt;
	t->x->fack = t->snd_una;
	t->dupacks = 0;
	t->tlp_out = 0;
	t->x->t_tlp = t->x->t_reo = 0;
	t->x->pace_next = 0;
	suspect_mtu(s, t, tcp_seg(t, 0));
	/* twice in a row, or once while slots are few */
	if (t->backoff > 0 || s->out->nfree < s->out->nslots / 2)
		tcp_park(s, t);
	if (t->backoff < MAX_BACKOFF)
		t->backoff++;
	tcp_arm_rexmt(s, t);
	tcp_output(s, t);
}
