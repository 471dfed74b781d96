/* SPDX-License-Identifier: ISC */

#include "ccset.h"
#include "sendq.h"

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
