/* SPDX-License-Identifier: ISC */

#ifndef CC_H
#define CC_H

#include "tcpcb.h"

/* What the congestion controls share, and the round-trip time. */
void	 cc_rtt(struct tcpcb *, mono_t, mono_t);
void	 cc_halve(struct tcpcb *, uint32_t);
void	 cc_pace(struct tcpcb *);
void	 cc_recovered(struct tcpcb *);
void	 cc_restart(struct tcpcb *, mono_t);
void	 cc_prr(struct tcpcb *, const struct cc_sample *);
void	 hystart_init(struct hystart *, const struct tcpcb *);
uint32_t hystart_ack(struct hystart *, struct tcpcb *,
	    const struct cc_sample *);

#endif
