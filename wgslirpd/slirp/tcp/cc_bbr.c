/* SPDX-License-Identifier: ISC */

/*
 * Model-based congestion control, after BBRv3 (draft-ietf-ccwg-bbr): the
 * path's bandwidth is the maximum of the measured delivery rate of two probing
 * cycles, its propagation delay the minimum of the round trip over the last
 * ten seconds; sending is paced at the one, with twice the product of both in
 * flight.
 *
 *   STARTUP  --no more bandwidth, or heavy loss--> DRAIN
 *   DRAIN    --queue gone--> DOWN
 *   DOWN     --queue gone, and headroom left--> CRUISE
 *   CRUISE   --2 to 3 s, or as many rounds as Reno would need--> REFILL
 *   REFILL   --one round--> UP
 *   UP       --a quarter more in flight, or loss--> DOWN
 *   any      --no new minimum for 5 s--> PROBE_RTT: half a product in flight
 *                                        for 200 ms, then back
 *
 * Loss bounds the model where there is a queue, for then it is this queue that
 * overflows: inflight_hi until a probe finds more, bw_lo and inflight_lo until
 * the next probe begins.  Loss without a queue says nothing about what the
 * path carries, unless it is heavy (a policer): a path that loses a few
 * percent is used at its full rate, which BBRv3 would not do.
 */

#include <string.h>

#include "cc.h"
#include "out.h"
#include "sendq.h"
#include "tcpcb.h"

#define MIN_RTT_WIN	MONO_SEC(10)
#define PROBE_RTT_AGE	MONO_SEC(5)
#define PROBE_RTT_TIME	MONO_MS(200)
#define PROBE_WAIT	MONO_SEC(2)	/* and up to a second more */
#define PROBE_ROUNDS	30		/* no longer than Reno would take */
#define FULL_BW_ROUNDS	3
#define EXTRA_ROUNDS	5
#define EXTRA_MAX_TIME	MONO_MS(100)
#define MIN_SEGS	4

/* gains in 1/256 */
#define UNIT		256
#define HIGH_GAIN	709		/* 4 ln 2 */
#define DRAIN_GAIN	90
#define DOWN_GAIN	230		/* 0.9 */
#define UP_GAIN		320		/* 1.25 */
#define CWND_GAIN	512
#define UP_CWND_GAIN	576		/* 2.25 */
#define PACE_MARGIN	253		/* a little less than measured */
#define HEADROOM	192		/* 0.75, for others */
#define BETA		179		/* 0.7 */
#define YIELD		240		/* 0.94 of what was delivered */
#define FULL_8TH	5		/* of the longest queue */
#define LOOSEN		32		/* of a bound, a round */
#define FORGET		32		/* rounds */
#define EVEN		8		/* of a difference, a round */

/* loss of a round, in 1/256 */
#define LOSS_THRESH	5		/* 2 %, with a queue */
#define LOSS_HEAVY	31		/* 12 %, with or without */
#define BASE_SEGS	10		/* of a round that tells something */
#define LOSS_SEGS	8		/* and no less than that */

enum bbr_mode {
	BBR_STARTUP,
	BBR_DRAIN,
	BBR_DOWN,
	BBR_CRUISE,
	BBR_REFILL,
	BBR_UP,
	BBR_PROBE_RTT
};

static int
full(const struct bbr *b)
{
	return (b->full_count >= FULL_BW_ROUNDS);
}

static uint64_t
max_bw(const struct bbr *b)
{
	return (b->bw_hi[0] > b->bw_hi[1] ? b->bw_hi[0] : b->bw_hi[1]);
}

/* The bandwidth to go by. */
static uint64_t
bw(const struct bbr *b)
{
	return (b->bw_lo < max_bw(b) ? b->bw_lo : max_bw(b));
}

/* Bytes that fill the path, times a gain. */
static uint32_t
bdp(const struct tcpcb *t, uint32_t gain)
{
	const struct bbr	*b = &t->x->cc.bbr;
	uint64_t		 n;

	if (b->min_rtt == 0 || bw(b) == 0)
		return (TCP_IW_SEGS * (uint32_t)t->mss);
	n = bw(b) / 1000 * (b->min_rtt / 1000) / 1000;
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
	case BBR_DOWN:
		return (DOWN_GAIN);
	case BBR_UP:
		return (UP_GAIN);
	}
	return (UNIT);
}

static uint32_t
scaled(uint32_t n, uint32_t gain)
{
	return ((uint32_t)((uint64_t)n * gain / UNIT));
}

/* What others need to get in, too. */
static uint32_t
with_headroom(const struct tcpcb *t)
{
	const struct bbr	*b = &t->x->cc.bbr;
	uint32_t		 n;

	if (b->inflight_hi == UINT32_MAX)
		return (UINT32_MAX);
	n = scaled(b->inflight_hi, HEADROOM);
	return (n < MIN_SEGS * (uint32_t)t->mss ? MIN_SEGS * (uint32_t)t->mss :
	    n);
}

static void
set_rate(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint64_t	 rate, least;

	if (bw(b) == 0) {
		/* nothing known but the first round trip */
		if (t->srtt != 0)
			t->x->pace_rate = (uint64_t)t->x->cwnd * 1000000000 /
			    t->srtt * HIGH_GAIN / UNIT;
		return;
	}
	rate = bw(b) * pacing_gain(b) / UNIT * PACE_MARGIN / UNIT;
	/* the least that keeps asking */
	least = 2ULL * t->mss * 1000000000 / (t->srtt != 0 ? t->srtt :
	    t->rto);
	if (rate < least)
		rate = least;
	if (full(b) || rate > t->x->pace_rate)
		t->x->pace_rate = rate;
}

static void
enter(struct tcpcb *t, enum bbr_mode mode, mono_t now)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 odd;

	b->mode = (uint8_t)mode;
	b->phase_stamp = now;
	switch (mode) {
	case BBR_DOWN:
		/* others begin to probe at other times */
		odd = (t->iss + b->rounds) * 2654435761U >> 16;
		b->probe_wait = PROBE_WAIT + MONO_MS(odd % 1000);
		b->probe_stamp = now;
		b->probe_rounds = odd & 1;
		b->advance = 1;
		break;
	case BBR_REFILL:
		b->bw_lo = UINT64_MAX;
		b->inflight_lo = UINT32_MAX;
		b->up_rounds = b->up_acks = 0;
		break;
	default:
		break;
	}
	/* what begins is judged by its own round */
	if (mode == BBR_REFILL || mode == BBR_UP) {
		b->round_at = t->x->delivered;
		b->round_lost = b->round_full = b->round_delivered = 0;
	}
}

static void
bbr_init(struct tcpcb *t, mono_t now)
{
	struct bbr	*b = &t->x->cc.bbr;

	(void)now;
	memset(b, 0, sizeof(*b));
	b->inflight_hi = b->inflight_lo = UINT32_MAX;
	b->bw_lo = UINT64_MAX;
	b->round_at = t->x->delivered;
	b->mode = BBR_STARTUP;
	t->x->pace_rate = 0;
}

/* Does the path hold back what it cannot carry at once? */
static int
queue_seen(const struct bbr *b)
{
	mono_t	 much = b->min_rtt / 16 > MONO_MS(1) ? b->min_rtt / 16 :
		    MONO_MS(1);

	return (b->last_rtt > b->min_rtt + much);
}

/*
 * Is the queue about as long as it gets?  Then what is lost was too much for
 * it; a path that loses does so at any length.
 */
static int
queue_full(const struct bbr *b)
{
	return (queue_seen(b) && (b->last_rtt - b->min_rtt) >=
	    (b->max_rtt - b->min_rtt) / 8 * FULL_8TH);
}

/* Was more lost of this round than a queue that suffices would? */
static int
too_much(const struct tcpcb *t)
{
	const struct bbr	*b = &t->x->cc.bbr;
	uint64_t		 all = (uint64_t)b->round_lost +
				    b->round_delivered;

	if (b->marked)
		return (1);
	/* beyond what the path loses anyway */
	return ((b->round_full > 2U * t->mss &&
	    (uint64_t)b->round_full * 65536 > all * (LOSS_THRESH * 256 +
	    b->base_loss * 3 / 2)) ||
	    (b->round_lost > LOSS_SEGS * (uint32_t)t->mss &&
	    (uint64_t)b->round_lost * 256 > all * LOSS_HEAVY));
}

/* In flight was more than the path takes. */
static void
bound_inflight(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 least = scaled(bdp(t, UNIT), BETA), flight;

	flight = b->inflight_latest < sm->flight ? sm->flight :
	    b->inflight_latest;
	if (flight < least)
		flight = least;
	if (flight < MIN_SEGS * (uint32_t)t->mss)
		flight = MIN_SEGS * (uint32_t)t->mss;
	if (b->inflight_hi > flight)
		b->inflight_hi = flight;
}

/* Since the last probe no more than this went through without loss. */
static void
lower_bounds(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;

	if (b->bw_lo == UINT64_MAX)
		b->bw_lo = max_bw(b);
	if (b->inflight_lo == UINT32_MAX)
		b->inflight_lo = t->x->cwnd;
	b->bw_lo = b->bw_lo * BETA / UNIT;
	if (b->bw_lo < b->bw_latest / UNIT * YIELD)
		b->bw_lo = b->bw_latest / UNIT * YIELD;
	b->inflight_lo = scaled(b->inflight_lo, BETA);
	if (b->inflight_lo < b->inflight_latest)
		b->inflight_lo = b->inflight_latest;
}

static void
bbr_end(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;

	if (b->share == 0)
		return;
	t->path->flows--;
	t->path->bw -= b->share;
	b->share = 0;
}

/* Nothing is lost, and nothing waits: the bounds are looser than they were. */
static void
calm(struct bbr *b)
{
	if (b->bw_lo != UINT64_MAX &&
	    (b->bw_lo += b->bw_lo / LOOSEN) >= max_bw(b))
		b->bw_lo = UINT64_MAX;
	if (b->inflight_lo != UINT32_MAX &&
	    (b->inflight_lo += b->inflight_lo / LOOSEN) > UINT32_MAX / 4)
		b->inflight_lo = UINT32_MAX;
}

/*
 * The flows of a peer share one tunnel, and so one path (RFC 9040, RFC 3124):
 * while it has a queue, those that have more than an equal share give some of
 * it to those that have less.  Who has not enough to send has no share.
 */
static void
share(struct tcpcb *t)
{
	struct bbr		*b = &t->x->cc.bbr;
	struct path	*p = t->path;
	uint64_t		 fair, even;

	if (b->bw_latest == 0 || t->wnd_limited || t->x->app_limited != 0) {
		bbr_end(t);
		return;
	}
	if (b->share == 0)
		p->flows++;
	p->bw += b->bw_latest - b->share;
	b->share = b->bw_latest;
	if (!full(b) || !b->queued || p->flows < 2)
		return;
	fair = p->bw / p->flows;
	if (bw(b) > fair) {
		if (b->mode != BBR_UP && b->mode != BBR_REFILL)
			b->bw_lo = bw(b) - (bw(b) - fair) / EVEN;
		return;
	}
	even = bw(b) + (fair - bw(b)) / EVEN;
	if (b->bw_lo != UINT64_MAX)
		b->bw_lo = even;
	if (max_bw(b) < even)
		b->bw_hi[1] = even;
}

/* A round has ended. */
static void
new_round(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 loss;
	int		 much = too_much(t);

	b->rounds++;
	b->probe_rounds++;
	if (b->max_rtt > b->min_rtt)
		b->max_rtt -= (b->max_rtt - b->min_rtt) / FORGET;
	b->conserve = 0;
	if (b->advance && b->mode != BBR_UP && b->mode != BBR_REFILL) {
		/* what the probe has shown is in */
		b->advance = 0;
		if (b->bw_hi[1] != 0) {
			b->bw_hi[0] = b->bw_hi[1];
			b->bw_hi[1] = 0;
		}
	}
	if (much && b->mode != BBR_REFILL && b->mode != BBR_UP) {
		if (b->mode == BBR_STARTUP) {
			bound_inflight(t, sm);
			b->full_count = FULL_BW_ROUNDS;
			b->overshot = 1;
		} else if (!b->overshot)
			lower_bounds(t);
	} else if (!b->queued && b->round_lost == 0)
		calm(b);
	share(t);
	if (!b->queued && b->round_delivered > BASE_SEGS * (uint32_t)t->mss) {
		loss = (uint32_t)((uint64_t)b->round_lost * 65536 /
		    (b->round_lost + b->round_delivered));
		b->base_loss += loss / 8 - b->base_loss / 8;
	}
	b->round_lost = b->round_full = b->round_delivered = 0;
	b->marked = b->queued = 0;
}

static void
update_model(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;

	if (sm->rtt != 0)
		b->last_rtt = sm->rtt;
	if (b->max_rtt < b->last_rtt)
		b->max_rtt = b->last_rtt;
	b->round_lost += sm->lost;
	b->round_delivered += sm->delivered;
	if (queue_seen(b))
		b->queued = 1;
	if (queue_full(b))
		b->round_full += sm->lost;
	b->round_start = 0;
	if ((int32_t)(sm->prior - b->round_at) >= 0) {
		b->round_at = t->x->delivered;
		b->round_start = 1;
		new_round(t, sm);
		b->bw_latest = 0;
		b->inflight_latest = 0;
	}
	if (sm->rate > b->bw_latest)
		b->bw_latest = sm->rate;
	if (t->x->delivered - sm->prior < UINT32_MAX / 4 &&
	    t->x->delivered - sm->prior > b->inflight_latest)
		b->inflight_latest = t->x->delivered - sm->prior;
	if (sm->rate != 0 && (!sm->app_limited || sm->rate >= max_bw(b)) &&
	    sm->rate > b->bw_hi[1])
		b->bw_hi[1] = sm->rate;
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
	expected = bw(b) / 1000 * (mono_since(sm->now, b->extra_stamp) /
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
	uint64_t	 most = bw(b) * (EXTRA_MAX_TIME / 1000000) /
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
	if (max_bw(b) >= b->full_bw + b->full_bw / 4) {
		b->full_bw = max_bw(b);
		b->full_count = 0;
		return;
	}
	b->full_count++;
}

/* A probe that goes well raises the bound, faster and faster. */
static void
raise_inflight(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 step;

	if (b->inflight_hi == UINT32_MAX || !t->cwnd_limited)
		return;
	b->up_acks += sm->delivered;
	step = t->x->cwnd >> (b->up_rounds < 30 ? b->up_rounds : 30);
	if (step < t->mss)
		step = t->mss;
	while (b->up_acks >= step) {
		b->up_acks -= step;
		b->inflight_hi += t->mss;
	}
	if (b->round_start)
		b->up_rounds++;
}

/* Is it time to ask the path for more? */
static int
probe_due(const struct tcpcb *t, const struct cc_sample *sm)
{
	const struct bbr	*b = &t->x->cc.bbr;
	uint32_t		 reno = bdp(t, UNIT) / t->mss;

	if (reno > PROBE_ROUNDS)
		reno = PROBE_ROUNDS;
	return (mono_since(sm->now, b->probe_stamp) > b->probe_wait ||
	    b->probe_rounds >= reno);
}

static void
update_phase(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	mono_t		 in = mono_since(sm->now, b->phase_stamp);

	switch (b->mode) {
	case BBR_DOWN:
		if (probe_due(t, sm))
			enter(t, BBR_REFILL, sm->now);
		else if (sm->flight <= with_headroom(t) &&
		    sm->flight <= target(t, UNIT))
			enter(t, BBR_CRUISE, sm->now);
		break;
	case BBR_CRUISE:
		if (probe_due(t, sm))
			enter(t, BBR_REFILL, sm->now);
		break;
	case BBR_REFILL:
		if (b->round_start)
			enter(t, BBR_UP, sm->now);
		break;
	case BBR_UP:
		if (too_much(t)) {
			bound_inflight(t, sm);
			enter(t, BBR_DOWN, sm->now);
			break;
		}
		raise_inflight(t, sm);
		if (in > b->min_rtt && sm->flight >= target(t, UP_GAIN))
			enter(t, BBR_DOWN, sm->now);
		break;
	}
}

static void
leave_probe_rtt(struct tcpcb *t, mono_t now)
{
	struct bbr	*b = &t->x->cc.bbr;

	t->path->probed_at = now;
	if (t->x->cwnd < b->prior_cwnd)
		t->x->cwnd = b->prior_cwnd;
	if (!full(b)) {
		b->mode = BBR_STARTUP;
		return;
	}
	/* the queue is gone */
	b->bw_lo = UINT64_MAX;
	b->inflight_lo = UINT32_MAX;
	enter(t, BBR_DOWN, now);
	enter(t, BBR_CRUISE, now);
}

static void
update_min_rtt(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr		*b = &t->x->cc.bbr;
	struct path	*p = t->path;
	int			 ask;

	ask = p->probed != 0 &&
	    sm->now > p->probed_at + PROBE_RTT_AGE;
	if (sm->rtt != 0 && (p->probed == 0 ||
	    sm->rtt <= p->probed || ask)) {
		p->probed = sm->rtt;
		p->probed_at = sm->now;
	}
	if (p->probed != 0 && (p->min == 0 ||
	    p->probed <= p->min ||
	    sm->now > p->min_at + MIN_RTT_WIN)) {
		p->min = p->probed;
		p->min_at = p->probed_at;
	}
	b->min_rtt = p->min;
	if (ask && b->mode != BBR_PROBE_RTT && !b->idle_restart) {
		enter(t, BBR_PROBE_RTT, sm->now);
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
		if (b->probe_round && sm->now > b->probe_done)
			leave_probe_rtt(t, sm->now);
	}
}

static uint32_t
cwnd_gain(const struct bbr *b)
{
	switch (b->mode) {
	case BBR_UP:
		return (UP_CWND_GAIN);
	}
	return (CWND_GAIN);
}

static void
set_cwnd(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;
	uint32_t	 min = MIN_SEGS * (uint32_t)t->mss, cwnd = t->x->cwnd;
	uint32_t	 want, cap = b->inflight_hi, fill, room;

	want = target(t, cwnd_gain(b)) + (full(b) ? extra_room(b) : 0);
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
	if (b->mode == BBR_CRUISE || b->mode == BBR_PROBE_RTT) {
		/* but no less than fills the path, acknowledged in bunches */
		fill = target(t, UNIT) + extra_room(b);
		room = with_headroom(t);
		cap = cap < fill ? cap : room > fill ? room : fill;
	}
	if (cap > b->inflight_lo)
		cap = b->inflight_lo;
	if (cwnd > cap)
		cwnd = cap;
	if (b->mode == BBR_PROBE_RTT && cwnd > bdp(t, UNIT / 2))
		cwnd = bdp(t, UNIT / 2);
	t->x->cwnd = cwnd < min ? min : cwnd;
}

static void
bbr_ack(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;

	if (t->x->app_limited != 0)
		bbr_end(t);
	update_model(t, sm);
	update_extra(t, sm);
	check_full(b, sm);
	if (b->mode == BBR_STARTUP && full(b))
		b->mode = BBR_DRAIN;
	if (b->mode == BBR_DRAIN && tcp_pipe(t) <= target(t, UNIT))
		enter(t, BBR_DOWN, sm->now);
	update_phase(t, sm);
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
	if (lost * 256 <= LOSS_HEAVY * (lost + b->round_delivered +
	    sm->delivered + tcp_pipe(t)))
		return;
	b->conserve = 1;
	b->round_at = t->x->delivered;
	t->x->cwnd = tcp_pipe(t) + t->mss;
}

/* The path marks what it would drop: as loss with a queue, at once. */
static void
bbr_mark(struct tcpcb *t, const struct cc_sample *sm)
{
	struct bbr	*b = &t->x->cc.bbr;

	b->marked = 1;
	bound_inflight(t, sm);
	if (!full(b))
		b->full_count = FULL_BW_ROUNDS;
	if (b->mode != BBR_UP && b->mode != BBR_REFILL)
		lower_bounds(t);
	if (t->x->cwnd > b->inflight_hi)
		t->x->cwnd = b->inflight_hi;
}

static void
bbr_timeout(struct tcpcb *t)
{
	struct bbr	*b = &t->x->cc.bbr;

	/* who hears nothing has no share */
	bbr_end(t);
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
	uint32_t	 cap = b->inflight_hi < b->inflight_lo ?
			    b->inflight_hi : b->inflight_lo;

	b->conserve = b->overshot = 0;
	if (t->x->cwnd < b->prior_cwnd && b->mode != BBR_PROBE_RTT)
		t->x->cwnd = b->prior_cwnd < cap ? b->prior_cwnd : cap;
}

/* After a pause: at the rate that is known, without a burst. */
static void
bbr_idle(struct tcpcb *t, mono_t idle)
{
	struct bbr	*b = &t->x->cc.bbr;

	(void)idle;
	b->idle_restart = 1;
	b->extra_stamp = 0;
	if (full(b) && bw(b) != 0)
		t->x->pace_rate = bw(b);
}

const struct cc_ops	 cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.ack = bbr_ack,
	.loss = bbr_loss,
	.timeout = bbr_timeout,
	.mark = bbr_mark,
	.recovered = bbr_recovered,
	.idle = bbr_idle,
	.end = bbr_end
};
