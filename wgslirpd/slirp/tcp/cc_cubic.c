/* SPDX-License-Identifier: ISC */

/*
 * CUBIC (RFC 9438).
 */

#include <string.h>

#include "cc.h"
#include "sendq.h"
#include "tcpcb.h"

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
	.recovered = cc_recovered,
	.idle = cubic_idle
};
