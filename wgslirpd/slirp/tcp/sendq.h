/* SPDX-License-Identifier: ISC */

#ifndef SENDQ_H
#define SENDQ_H

#include "tcpcb.h"

#define TCP_MAX_SEGS	4096		/* in a send queue */
#define TCP_MAX_SMALL	256		/* short ones among them */
#define MAX_BACKOFF	6		/* doublings of a timer */
#define CWND_MAX	(TCP_MAX_SEGS * 1400U)	/* bytes */

/* A segment that was sent and is kept until it is acknowledged. */
struct tseg {
	mono_t		 sent;
	uint32_t	 delivered;	/* of the connection at that time */
	uint32_t	 dtime;		/* us, when that was so */
	uint32_t	 ftime;		/* us, sending of that began */
	uint32_t	 seq;
	uint32_t	 slot;		/* PKTQ_NOSLOT: a bare FIN, parked */
	uint16_t	 len;		/* payload */
	uint16_t	 sum;		/* of the payload, not complemented */
	uint8_t		 flags;
	uint8_t		 rexmits;
};
#define TSEG_SACKED	0x01
#define TSEG_LOST	0x02		/* to be sent again */
#define TSEG_REXMIT	0x04		/* was sent again since */
#define TSEG_FIN	0x08
#define TSEG_APPLIMITED	0x10		/* the host had no more */
#define TSEG_SMALL	0x20		/* counted in seg_small */
#define TSEG_PARKED	0x40		/* it has no slot now */

static inline struct tseg *
tcp_seg(const struct tcpcb *t, uint32_t i)
{
	return (&t->x->segs[(t->x->seg_head + i) & (t->x->seg_cap - 1)]);
}

/* What a segment takes of the sequence space. */
static inline uint32_t
tcp_seg_size(const struct tseg *g)
{
	return (g->len + ((g->flags & TSEG_FIN) != 0 ? 1U : 0U));
}

/* What the delivery rate is computed from when it arrives. */
static inline void
tcp_stamp(const struct slirp *s, struct tcpcb *t, struct tseg *g)
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

int		 tcp_segs_room(struct tcpcb *, uint32_t);
void		 tcp_seg_pop(struct slirp *, struct tcpcb *);
int		 tcp_unpark(struct slirp *, struct tcpcb *, struct tseg *);
void		 tcp_park(struct slirp *, struct tcpcb *);
void		 tcp_free_segs(struct slirp *, struct tcpcb *);
uint32_t	 tcp_segs_queued(const struct slirp *, struct tcpcb *);
void		 tcp_arm_rexmt(struct slirp *, struct tcpcb *);
uint32_t	 tcp_seg_at(const struct tcpcb *, uint32_t);
void		 tcp_arm_tlp(struct slirp *, struct tcpcb *);

#endif
