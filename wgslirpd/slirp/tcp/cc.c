/* SPDX-License-Identifier: ISC */

/*
 * Round-trip time (RFC 6298) and what the congestion controls share: slow
 * start with HyStart++ (RFC 9406), proportional rate reduction (RFC 6937) and
 * pacing.
 */

#include <string.h>

#include "cc.h"
#include "sendq.h"
#include "tcpcb.h"

#define MIN_RTT_WINDOW	MONO_SEC(300)
#define PACE_MIN_RTT	MONO_MS(2)	/* shorter paths pace themselves */

/* HyStart++ */
#define HS_MIN_THRESH	MONO_MS(4)
#define HS_MAX_THRESH	MONO_MS(16)
#define HS_DIVISOR	8
#define HS_SAMPLES	8
#define CSS_DIVISOR	4
#define CSS_ROUNDS	5

/* A round trip was measured on a segment that was sent once. */
void
cc_rtt(struct tcpcb *t, mono_t rtt, mono_t now)
{
	mono_t	 d;

	if (rtt == 0)
		rtt = 1;
	if (t->srtt == 0) {
		t->srtt = rtt;
		t->rttvar = rtt / 2;
	} else {
		d = t->srtt > rtt ? t->srtt - rtt : rtt - t->srtt;
		t->rttvar = (3 * t->rttvar + d) / 4;
		t->srtt = (7 * t->srtt + rtt) / 8;
	}
	if (t->x->min_rtt == 0 || rtt <= t->x->min_rtt ||
	    now - t->x->min_rtt_at > MIN_RTT_WINDOW) {
		t->x->min_rtt = rtt;
		t->x->min_rtt_at = now;
	}
	d = 4 * t->rttvar;
	if (d < TCP_RTO_MIN)
		d = TCP_RTO_MIN;
	t->rto = t->srtt + d;
	if (t->rto > TCP_RTO_MAX)
		t->rto = TCP_RTO_MAX;
}

/* Half of what was in flight, and no less than two segments. */
void
cc_halve(struct tcpcb *t, uint32_t flight)
{
	t->x->ssthresh = flight / 2;
	if (t->x->ssthresh < 2 * (uint32_t)t->mss)
		t->x->ssthresh = 2 * (uint32_t)t->mss;
}

/*
 * Spread the window over the round trip, a little faster than it grows,
 * so that no queue on the path has to take it at once.
 */
void
cc_pace(struct tcpcb *t)
{
	uint64_t	 cwnd = t->x->cwnd;

	if (t->srtt < PACE_MIN_RTT) {
		t->x->pace_rate = 0;
		return;
	}
	cwnd *= t->x->cwnd < t->x->ssthresh / 2 ? 200 : 120;
	t->x->pace_rate = cwnd * 10000000 / t->srtt;
}

/* RFC 6937: as much goes out as the algorithm allows for what came in. */
void
cc_prr(struct tcpcb *t, const struct cc_sample *sm)
{
	uint32_t	 pipe = tcp_pipe(t), limit;
	uint64_t	 may;

	if (!t->sack_ok) {
		t->x->cwnd = t->x->ssthresh;
		return;
	}
	t->x->prr_delivered += sm->delivered;
	if (pipe > t->x->ssthresh) {
		may = ((uint64_t)t->x->prr_delivered * t->x->ssthresh +
		    t->x->prr_flight - 1) / t->x->prr_flight;
		may = may > t->x->prr_out ? may - t->x->prr_out : 0;
	} else {
		limit = t->x->prr_delivered > t->x->prr_out ?
		    t->x->prr_delivered - t->x->prr_out : 0;
		if (limit < sm->delivered)
			limit = sm->delivered;
		limit += t->mss;
		may = t->x->ssthresh - pipe < limit ?
		    t->x->ssthresh - pipe : limit;
	}
	if (may > CWND_MAX)
		may = CWND_MAX;
	/* the first retransmission does not wait */
	if (may < t->mss && t->x->prr_out == 0)
		may = t->mss;
	t->x->cwnd = pipe + (uint32_t)may;
}

void
hystart_init(struct hystart *h, const struct tcpcb *t)
{
	memset(h, 0, sizeof(*h));
	h->round_end = t->snd_nxt;
}

/*
 * An acknowledgement in slow start.  Returns by how many bytes the window
 * may grow; ends slow start when the queue on the path does not go away.
 */
uint32_t
hystart_ack(struct hystart *h, struct tcpcb *t, const struct cc_sample *sm)
{
	mono_t	 thresh;

	if (SEQ_GEQ(t->snd_una, h->round_end)) {
		h->round_end = t->snd_nxt;
		h->last_min = h->this_min;
		h->this_min = 0;
		h->samples = 0;
		if (h->css_rounds > 0 && ++h->css_rounds > CSS_ROUNDS) {
			t->x->ssthresh = t->x->cwnd;
			hystart_init(h, t);
		}
	}
	if (sm->rtt != 0) {
		if (h->this_min == 0 || sm->rtt < h->this_min)
			h->this_min = sm->rtt;
		if (h->samples < HS_SAMPLES)
			h->samples++;
	}
	if (h->samples == HS_SAMPLES && h->last_min != 0 &&
	    h->css_rounds == 0) {
		thresh = h->last_min / HS_DIVISOR;
		if (thresh < HS_MIN_THRESH)
			thresh = HS_MIN_THRESH;
		if (thresh > HS_MAX_THRESH)
			thresh = HS_MAX_THRESH;
		if (h->this_min >= h->last_min + thresh) {
			h->css_base = h->this_min;
			h->css_rounds = 1;
		}
	} else if (h->css_rounds > 0 && h->samples == HS_SAMPLES &&
	    h->this_min < h->css_base)
		h->css_rounds = 0;	/* it was no queue */
	return (h->css_rounds > 0 ? sm->acked / CSS_DIVISOR : sm->acked);
}

/* RFC 9293 3.8.2.1 with RFC 7661's idea: what was not used is unproven. */
void
cc_restart(struct tcpcb *t, mono_t idle)
{
	uint32_t	 iw = TCP_IW_SEGS * (uint32_t)t->mss;

	if (t->x->cwnd <= iw)
		return;
	for (; idle > t->rto && t->x->cwnd > iw; idle -= t->rto) {
		if (t->x->ssthresh != UINT32_MAX &&
		    t->x->ssthresh < 3 * (t->x->cwnd / 4))
			t->x->ssthresh = 3 * (t->x->cwnd / 4);
		t->x->cwnd /= 2;
	}
	if (t->x->cwnd < iw)
		t->x->cwnd = iw;
}

void
cc_recovered(struct tcpcb *t)
{
	if (t->x->cwnd < t->x->ssthresh && t->recovery == TCPR_FAST)
		t->x->cwnd = t->x->ssthresh;
}
