/* SPDX-License-Identifier: ISC */

/*
 * Model-based congestion control, after BBR (draft-ietf-ccwg-bbr): the
 * path's bandwidth is the maximum of the measured delivery rate over the
 * last ten round trips, its propagation delay the minimum of the round
 * trip over the last ten seconds, and sending is paced at the one with
 * twice the product of both in flight.
 *
 *   STARTUP  --no more bandwidth, or heavy loss--> DRAIN
 *   DRAIN    --queue gone--> PROBE_BW: 5/4, 3/4, then six round trips of 1
 *   any      --no new minimum for 10 s--> PROBE_RTT: half a product in
 *                                         flight for 200 ms, then back
 *
 * Loss by itself is no signal: a path that loses a few percent is used at
 * its full rate.  Where more than LOSS_THRESH of a round is lost, there is
 * a queue too short for what is in flight, or a policer: inflight_hi comes
 * down by BETA, and goes up again with rounds that lose less.
 */

#include <string.h>

#include "cc.h"
#include "out.h"
#include "sendq.h"
#include "tcpcb.h"

#define BW_ROUNDS	10
#define MIN_RTT_WIN	MONO_SEC(10)
#define PROBE_RTT_TIME	MONO_MS(200)
#define FULL_BW_ROUNDS	3
#define EXTRA_ROUNDS	5
#define EXTRA_MAX_TIME	MONO_MS(100)
#define CYCLE_LEN	8
#define MIN_SEGS	4

/* gains in 1/256 */
#define UNIT		256
#define HIGH_GAIN	739		/* 2/ln 2 */
#define DRAIN_GAIN	88
#define CWND_GAIN	512
#define PACE_MARGIN	253		/* a little less than measured */

/* loss of a round, in 1/256 */
#define LOSS_THRESH	31		/* 12 % */
#define LOSS_SEGS	8		/* and no less than that */
#define BETA		179		/* 0.7 */

enum bbr_mode {
	BBR_STARTUP,
	BBR_DRAIN,
	BBR_PROBE_BW,
	BBR_PROBE_RTT
};

static const uint16_t	 cycle_gain[CYCLE_LEN] = { 320, 192, UNIT, UNIT,
			    UNIT, UNIT, UNIT, UNIT };

/* Kathleen Nichols' windowed maximum, as in Linux's win_minmax. */
static void
max_update(struct maxfilter *m, uint32_t win, uint32_t t, uint64_t v)
{
	uint32_t	 age = t - m->t[0];
	int		 i;

	if (v >= m->v[0] || t - m->t[2] > win) {
		for (i = 0; i < 3; i++) {
			m->v[i] = v;
			m->t[i] = t;
		}
		return;
	}
	if (v >= m->v[1]) {
		m->v[2] = m->v[1] = v;
		m->t[2] = m->t[1] = t;
	} else if (v >= m->v[2]) {
		m->v[2] = v;
		m->t[2] = t;
	}
	if (age > win) {
		m->v[0] = m->v[1];
		m->t[0] = m->t[1];
		m->v[1] = m->v[2];
		m->t[1] = m->t[2];
		m->v[2] = v;
		m->t[2] = t;
		if (t - m->t[0] > win) {
			m->v[0] = m->v[1];
			m->t[0] = m->t[1];
			m->v[1] = m->v[2];
			m->t[1] = m->t[2];
		}
	} else if (m->t[1] == m->t[0] && age > win / 4) {
		m->v[2] = m->v[1] = v;
		m->t[2] = m->t[1] = t;
	} else if (m->t[2] == m->t[1] && age > win / 2) {
		m->v[2] = v;
		m->t[2] = t;
	}
}

static int
full(const struct bbr *b)
{
	return (b->full_count >= FULL_BW_ROUNDS);
}

/* Bytes that fill the path, times a gain. */
static uint32_t
bdp(const struct tcpcb *t, uint32_t gain)
{
	const struct bbr	*b = &t->x->cc.bbr;
	uint64_t		 n;

	if (b->min_rtt == 0 || b->bw.v[0] == 0)
		return (TCP_IW_SEGS * (uint32_t)t->mss);
	n = b->bw.v[0] / 1000 * (b->min_rtt / 1000) / 1000;
	n = n * gain / UNIT;
	return (n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n);
}

/* The same with room for what the sender's and guest's bursts need. */
static uint32_t
target(const struct tcpcb *t, uint32_t gain)
{
	uint32_t	 quantum = (uint32_t)(t->x->pace_rate / 1000);

	if (quantum < 2U * t->mss)
		quantum = 2U * t->mss;
	if (quantum > TRAIN_SEGS * (uint32_t)t->mss)
		quantum = TRAIN_SEGS * (uint32_t)t->mss;
	return (bdp(t, gain) + 3 * quantum);
}

static uint32_t
pacing_gain(const struct bbr *b)
{
	switch (b->mode) {
	case BBR_STARTUP:
		return (HIGH_GAIN);
	case BBR_DRAIN:
		return (DRAIN_GAIN);
	case BBR_PROBE_BW:
		return (cycle_gain[b->cycle]);
	}
	return (UNIT);
}

static void
set_rate(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint64_t	 rate, least;

	if (b->bw.v[0] == 0) {
		/* nothing known but the first round trip */
		if (t->srtt != 0)
			t->x->pace_rate = (uint64_t)t->x->cwnd * 1000000000 /
			    t->srtt * HIGH_GAIN / UNIT;
		return;
	}
	rate = b->bw.v[0] * pacing_gain(b) / UNIT * PACE_MARGIN / UNIT;
	/* the least that keeps asking */
	least = 2ULL * t->mss * 1000000000 / (t->srtt != 0 ? t->srtt :
	    t->rto);
	if (rate < least)
		rate = least;
	if (full(b) || rate > t->x->pace_rate)
		t->x->pace_rate = rate;
}

static void
enter_probe_bw(struct tcpcb *t, mono_t now)
{
	struct bbr	*b = &t->x->cc.bbr;

	b->mode = BBR_PROBE_BW;
	/* anywhere but where the queue is drained */
	b->cycle = (uint8_t)((2 + t->iss % (CYCLE_LEN - 1)) % CYCLE_LEN);
	if (b->cycle == 1)
		b->cycle = 0;
	b->cycle_stamp = now;
}

static void
bbr_init(struct tcpcb *t, mono_t now)
{
	struct bbr	*b = &t->x->cc.bbr;

	memset(b, 0, sizeof(*b));
	b->min_stamp = now;
	b->inflight_hi = UINT32_MAX;
	b->round_at = t->x->delivered;
	b->mode = BBR_STARTUP;
	t->x->pace_rate = 0;
}

/* How much was lost in the round that has ended. */
static void
round_loss(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint64_t	 all = (uint64_t)b->round_lost + b->round_delivered;
	uint32_t	 floor;

	if (b->round_lost > LOSS_SEGS * (uint32_t)t->mss &&
	    (uint64_t)b->round_lost * 256 > all * LOSS_THRESH) {
		/* what went through without being lost is possible */
		floor = bdp(t, UNIT);
		if (b->inflight_hi > sm->flight)
			b->inflight_hi = sm->flight;
		b->inflight_hi = (uint32_t)((uint64_t)b->inflight_hi * BETA /
		    256);
		if (b->inflight_hi < floor)
			b->inflight_hi = floor;
		if (b->inflight_hi < MIN_SEGS * (uint32_t)t->mss)
			b->inflight_hi = MIN_SEGS * (uint32_t)t->mss;
		if (!full(b))
			b->full_count = FULL_BW_ROUNDS;
	} else if (b->inflight_hi < UINT32_MAX / 2)
		b->inflight_hi += b->inflight_hi / 16 + t->mss;
	b->round_lost = b->round_delivered = 0;
}

static void
update_bw(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;

	b->round_start = 0;
	b->round_lost += sm->lost;
	b->round_delivered += sm->delivered;
	if ((int32_t)(sm->prior - b->round_at) >= 0) {
		b->round_at = t->x->delivered;
		b->rounds++;
		b->round_start = 1;
		b->conserve = 0;
		round_loss(t, sm);
	}
	if (sm->rate != 0 && (!sm->app_limited || sm->rate >= b->bw.v[0]))
		max_update(&b->bw, BW_ROUNDS, b->rounds, sm->rate);
}

/*
 * Acknowledgements come in bunches: how much more was delivered than the
 * bandwidth explains, the most of the last rounds.
 */
static void
update_extra(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint64_t	 expected, extra;

	if (b->round_start && ++b->extra_rounds >= EXTRA_ROUNDS) {
		b->extra_rounds = 0;
		b->extra[1] = b->extra[0];
		b->extra[0] = 0;
	}
	expected = b->bw.v[0] / 1000 * (mono_since(sm->now, b->extra_stamp) /
	    1000) / 1000;
	if (b->extra_bytes <= expected || b->extra_stamp == 0) {
		b->extra_bytes = 0;
		b->extra_stamp = sm->now;
		expected = 0;
	}
	b->extra_bytes += sm->delivered;
	extra = b->extra_bytes - expected;
	if (extra > t->x->cwnd)
		extra = t->x->cwnd;
	if (extra > b->extra[0])
		b->extra[0] = (uint32_t)extra;
}

static uint32_t
extra_room(const struct bbr *b)
{
	uint64_t	 most = b->bw.v[0] * (EXTRA_MAX_TIME / 1000000) /
			    1000;
	uint32_t	 extra = b->extra[0] > b->extra[1] ? b->extra[0] :
			    b->extra[1];

	return (extra > most ? (uint32_t)most : extra);
}

static void
check_full(struct bbr *b, const struct cc_sample *sm)
{
	if (full(b) || !b->round_start || sm->app_limited)
		return;
	if (b->bw.v[0] >= b->full_bw + b->full_bw / 4) {
		b->full_bw = b->bw.v[0];
		b->full_count = 0;
		return;
	}
	b->full_count++;
}

static void
update_cycle(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	mono_t		 in = mono_since(sm->now, b->cycle_stamp);
	int		 next;

	if (b->mode != BBR_PROBE_BW)
		return;
	if (cycle_gain[b->cycle] == UNIT)
		next = in > b->min_rtt;
	else if (cycle_gain[b->cycle] > UNIT)
		/* until it had its effect */
		next = in > b->min_rtt && (sm->lost > 0 || sm->flight >=
		    target(t, cycle_gain[b->cycle]) ||
		    sm->flight >= b->inflight_hi);
	else
		next = in > b->min_rtt || sm->flight <= target(t, UNIT);
	if (next) {
		b->cycle = (uint8_t)((b->cycle + 1) % CYCLE_LEN);
		b->cycle_stamp = sm->now;
	}
}

static void
update_min_rtt(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	int		 expired = b->min_rtt != 0 &&
			    sm->now > b->min_stamp + MIN_RTT_WIN;

	if (sm->rtt != 0 && (b->min_rtt == 0 || sm->rtt <= b->min_rtt ||
	    expired)) {
		b->min_rtt = sm->rtt;
		b->min_stamp = sm->now;
	}
	if (expired && b->mode != BBR_PROBE_RTT && !b->idle_restart) {
		b->mode = BBR_PROBE_RTT;
		b->prior_cwnd = t->x->cwnd;
		b->probe_done = 0;
	}
	if (sm->delivered > 0)
		b->idle_restart = 0;
	if (b->mode != BBR_PROBE_RTT)
		return;
	/* what is sent slowly now says nothing about the bandwidth */
	t->x->app_limited = (t->x->delivered + tcp_pipe(t)) | 1;
	if (b->probe_done == 0 && tcp_pipe(t) <= bdp(t, UNIT / 2) +
	    MIN_SEGS * (uint32_t)t->mss) {
		b->probe_done = sm->now + PROBE_RTT_TIME;
		b->probe_round = 0;
		b->round_at = t->x->delivered;
	} else if (b->probe_done != 0) {
		if (b->round_start)
			b->probe_round = 1;
		if (b->probe_round && sm->now > b->probe_done) {
			b->min_stamp = sm->now;
			if (t->x->cwnd < b->prior_cwnd)
				t->x->cwnd = b->prior_cwnd;
			if (full(b))
				enter_probe_bw(t, sm->now);
			else
				b->mode = BBR_STARTUP;
		}
	}
}

static void
set_cwnd(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 min = MIN_SEGS * (uint32_t)t->mss, cwnd = t->x->cwnd;
	uint32_t	 want;

	want = target(t, b->mode == BBR_STARTUP || b->mode == BBR_DRAIN ?
	    HIGH_GAIN : CWND_GAIN) + (full(b) ? extra_room(b) : 0);
	/* a round of conservation when loss begins */
	if (sm->lost > 0)
		cwnd = cwnd > sm->lost + t->mss ? cwnd - sm->lost : t->mss;
	if (b->conserve) {
		if (cwnd < tcp_pipe(t) + sm->delivered)
			cwnd = tcp_pipe(t) + sm->delivered;
	} else if (full(b)) {
		cwnd += sm->delivered;
		if (cwnd > want)
			cwnd = want;
	} else if (cwnd < want || t->x->delivered < TCP_IW_SEGS * t->mss)
		cwnd += sm->delivered;
	if (cwnd > b->inflight_hi)
		cwnd = b->inflight_hi;
	if (b->mode == BBR_PROBE_RTT && cwnd > bdp(t, UNIT / 2))
		cwnd = bdp(t, UNIT / 2);
	t->x->cwnd = cwnd < min ? min : cwnd;
}

static void
bbr_ack(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;

	update_bw(t, sm);
	update_extra(t, sm);
	update_cycle(t, sm);
	check_full(b, sm);
	if (b->mode == BBR_STARTUP && full(b))
		b->mode = BBR_DRAIN;
	if (b->mode == BBR_DRAIN && tcp_pipe(t) <= target(t, UNIT))
		enter_probe_bw(t, sm->now);
	update_min_rtt(t, sm);
	set_rate(t);
	set_cwnd(t, sm);
}

static void
bbr_loss(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint64_t	 lost = (uint64_t)b->round_lost + sm->lost;

	if (b->mode != BBR_PROBE_RTT)
		b->prior_cwnd = t->x->cwnd;
	/*
	 * Conservation is for a path that is full.  With random loss there
	 * is always a recovery, a third of the rounds would ask for no more
	 * than they got, and the bandwidth found would only get less.
	 */
	if (lost * 256 <= LOSS_THRESH * (lost + b->round_delivered +
	    sm->delivered + tcp_pipe(t)))
		return;
	b->conserve = 1;
	b->round_at = t->x->delivered;
	t->x->cwnd = tcp_pipe(t) + t->mss;
}

static void
bbr_timeout(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;

	if (t->backoff == 0 && b->mode != BBR_PROBE_RTT)
		b->prior_cwnd = t->x->cwnd;
	b->full_bw = 0;
	b->conserve = 0;
	b->round_at = t->x->delivered;
	t->x->cwnd = t->mss;
}

static void
bbr_recovered(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;

	b->conserve = 0;
	if (t->x->cwnd < b->prior_cwnd && b->mode != BBR_PROBE_RTT)
		t->x->cwnd = b->prior_cwnd < b->inflight_hi ? b->prior_cwnd :
		    b->inflight_hi;
}

/* After a pause: at the rate that is known, without a burst. */
static void
bbr_idle(struct tcpcb *t, mono_t idle)
{
	struct bbr	*b = &t->x->cc.bbr;

	(void)idle;
	b->idle_restart = 1;
	b->extra_stamp = 0;
	if (b->mode == BBR_PROBE_BW && b->bw.v[0] != 0)
		t->x->pace_rate = b->bw.v[0];
}

const struct cc_ops	 cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.ack = bbr_ack,
	.loss = bbr_loss,
	.timeout = bbr_timeout,
	.recovered = bbr_recovered,
	.idle = bbr_idle
};
