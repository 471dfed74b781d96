/* SPDX-License-Identifier: ISC */

/*
 * Round-trip time (RFC 6298) and what the congestion controls share:
 * NewReno (RFC 5681, with the byte counting of RFC 3465), HyStart++ (RFC
 * 9406), proportional rate reduction (RFC 6937) and pacing.
 */

#include <string.h>

#include "tcp.h"

#define CWND_MAX	(TCP_MAX_SEGS * 1400U)
#define MIN_RTT_WINDOW	MONO_SEC(300)
#define PACE_MIN_RTT	MONO_MS(2)	/* shorter paths pace themselves */

/* HyStart++ */
#define HS_MIN_THRESH	MONO_MS(4)
#define HS_MAX_THRESH	MONO_MS(16)
#define HS_DIVISOR	8
#define HS_SAMPLES	8
#define CSS_DIVISOR	4
#define CSS_ROUNDS	5

static const struct cc_ops *const	 all[CC_MAX] = {
	[CC_NEWRENO] = &cc_newreno,
	[CC_CUBIC] = &cc_cubic,
	[CC_BBR] = &cc_bbr,
	[CC_OFF] = &cc_off
};

/* A new connection, with an initial window of so many segments. */
void
cc_init(struct tcpcb *t, enum cc_id id, uint32_t segs, mono_t now)
{
	t->ccops = all[id];
	t->x->cwnd = segs * t->mss;
	t->x->ssthresh = UINT32_MAX;
	t->rto = TCP_RTO_INIT;
	t->ccops->init(t, now);
}

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

/* ---- HyStart++ */

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

/* ---- NewReno */

static void
newreno_init(struct tcpcb *t, mono_t now)
{
	(void)now;
	hystart_init(&t->x->cc.newreno, t);
}

static void
newreno_ack(struct tcpcb *t, const struct cc_sample *sm)
{
	if (t->recovery == TCPR_FAST)
		cc_prr(t, sm);
	else if (t->x->cwnd < t->x->ssthresh) {
		/* a window that is not used proves nothing (RFC 7661) */
		if (t->cwnd_limited)
			t->x->cwnd += hystart_ack(&t->x->cc.newreno, t, sm);
	} else if (t->cwnd_limited) {
		t->x->cc_acked += sm->acked;
		if (t->x->cc_acked >= t->x->cwnd) {
			t->x->cc_acked -= t->x->cwnd;
			t->x->cwnd += t->mss;
		}
	}
	if (t->x->cwnd > CWND_MAX)
		t->x->cwnd = CWND_MAX;
	cc_pace(t);
}

static void
newreno_loss(struct tcpcb *t, const struct cc_sample *sm)
{
	cc_halve(t, sm->flight);
	t->x->cc_acked = 0;
	hystart_init(&t->x->cc.newreno, t);
}

static void
newreno_timeout(struct tcpcb *t)
{
	if (t->backoff == 0)
		cc_halve(t, t->snd_nxt - t->snd_una);
	t->x->cwnd = t->mss;
	t->x->cc_acked = 0;
	hystart_init(&t->x->cc.newreno, t);
	cc_pace(t);
}

static void
newreno_recovered(struct tcpcb *t)
{
	if (t->x->cwnd < t->x->ssthresh && t->recovery == TCPR_FAST)
		t->x->cwnd = t->x->ssthresh;
}

/* RFC 9293 3.8.2.1 with RFC 7661's idea: what was not used is unproven. */
static void
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

static void
newreno_idle(struct tcpcb *t, mono_t idle)
{
	cc_restart(t, idle);
	hystart_init(&t->x->cc.newreno, t);
}

const struct cc_ops	 cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.ack = newreno_ack,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
	.recovered = newreno_recovered,
	.idle = newreno_idle
};

/* ---- CUBIC (RFC 9438) */

#define CUBIC_C		0.4
#define CUBIC_BETA	0.7

static double
cube_root(double x)
{
	double	 r = x > 1 ? x / 3 : 1;
	int	 i;

	if (x <= 0)
		return (0);
	for (i = 0; i < 40; i++)
		r = (2 * r + x / (r * r)) / 3;
	return (r);
}

static void
cubic_init(struct tcpcb *t, mono_t now)
{
	(void)now;
	memset(&t->x->cc.cubic, 0, sizeof(t->x->cc.cubic));
	hystart_init(&t->x->cc.cubic.hystart, t);
}

/* Congestion avoidance: the window that the curve has a round trip on. */
static void
cubic_avoid(struct tcpcb *t, const struct cc_sample *sm)
{
	struct cubic	*c = &t->x->cc.cubic;
	double		 cwnd = (double)t->x->cwnd / t->mss, at, w, inc;
	double		 acked = (double)sm->acked / t->mss;

	if (c->epoch == 0) {
		c->epoch = sm->now;
		c->w_est = cwnd;
		if (c->w_max < cwnd)
			c->w_max = cwnd;
		c->k = cube_root((c->w_max - cwnd) / CUBIC_C);
	}
	at = (double)(mono_since(sm->now, c->epoch) + t->srtt) / 1e9 - c->k;
	w = CUBIC_C * at * at * at + c->w_max;
	if (w > 1.5 * cwnd)
		w = 1.5 * cwnd;
	/* what Reno would have by now */
	inc = c->w_est < c->w_max ? 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA) :
	    1;
	c->w_est += inc * acked / cwnd;
	if (c->w_est > (double)CWND_MAX / t->mss)
		c->w_est = (double)CWND_MAX / t->mss;
	if (w < c->w_est)
		w = c->w_est;
	if (w > 2 * cwnd)
		w = 2 * cwnd;
	if (w > cwnd)
		t->x->cwnd += (uint32_t)((w - cwnd) / cwnd * acked * t->mss);
}

static void
cubic_ack(struct tcpcb *t, const struct cc_sample *sm)
{
	if (t->recovery == TCPR_FAST)
		cc_prr(t, sm);
	else if (t->x->cwnd < t->x->ssthresh) {
		if (t->cwnd_limited)
			t->x->cwnd += hystart_ack(&t->x->cc.cubic.hystart, t,
			    sm);
	} else if (t->cwnd_limited)
		cubic_avoid(t, sm);
	else
		t->x->cc.cubic.epoch = 0;	/* unused time does not count */
	if (t->x->cwnd > CWND_MAX)
		t->x->cwnd = CWND_MAX;
	cc_pace(t);
}

static void
cubic_reduce(struct tcpcb *t, uint32_t flight)
{
	struct cubic	*c = &t->x->cc.cubic;
	double		 w = (double)flight / t->mss;

	/* make room for others where the last maximum was not reached */
	c->w_max = w < c->w_max ? w * (1 + CUBIC_BETA) / 2 : w;
	c->epoch = 0;
	t->x->ssthresh = (uint32_t)(flight * CUBIC_BETA);
	if (t->x->ssthresh < 2 * (uint32_t)t->mss)
		t->x->ssthresh = 2 * (uint32_t)t->mss;
}

static void
cubic_loss(struct tcpcb *t, const struct cc_sample *sm)
{
	hystart_init(&t->x->cc.cubic.hystart, t);
	/* of the window, unless it was not filled (RFC 9438 4.6) */
	cubic_reduce(t, sm->flight < t->x->cwnd ? sm->flight : t->x->cwnd);
}

static void
cubic_timeout(struct tcpcb *t)
{
	if (t->backoff == 0)
		cubic_reduce(t, t->snd_nxt - t->snd_una);
	t->x->cwnd = t->mss;
	hystart_init(&t->x->cc.cubic.hystart, t);
	cc_pace(t);
}

static void
cubic_idle(struct tcpcb *t, mono_t idle)
{
	cc_restart(t, idle);
	t->x->cc.cubic.epoch = 0;
	hystart_init(&t->x->cc.cubic.hystart, t);
}

const struct cc_ops	 cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ack = cubic_ack,
	.loss = cubic_loss,
	.timeout = cubic_timeout,
	.recovered = newreno_recovered,
	.idle = cubic_idle
};

/* ---- off: the guest's window alone */

static void
off_init(struct tcpcb *t, mono_t now)
{
	(void)now;
	t->x->cwnd = CWND_MAX;
}

static void
off_ack(struct tcpcb *t, const struct cc_sample *sm)
{
	(void)t;
	(void)sm;
}

static void
off_timeout(struct tcpcb *t)
{
	(void)t;
}

static void
off_idle(struct tcpcb *t, mono_t idle)
{
	(void)t;
	(void)idle;
}

const struct cc_ops	 cc_off = {
	.name = "off",
	.init = off_init,
	.ack = off_ack,
	.loss = off_ack,
	.timeout = off_timeout,
	.recovered = off_timeout,
	.idle = off_idle
};
