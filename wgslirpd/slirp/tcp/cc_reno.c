/* SPDX-License-Identifier: ISC */

/*
 * NewReno (RFC 5681, with the byte counting of RFC 3465); and none at all,
 * where the guest's window is the only limit.
 */

#include <string.h>

#include "cc.h"
#include "sendq.h"
#include "tcpcb.h"

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
	.recovered = cc_recovered,
	.idle = newreno_idle
};

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
