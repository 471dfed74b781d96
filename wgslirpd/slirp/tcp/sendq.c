/* SPDX-License-Identifier: ISC */

/*
 * The send queue: segments that were sent and are kept, each in its packet
 * slot, until they are acknowledged; and the timers that watch over them.
 */

#include <stdlib.h>

#include "sendq.h"

#define TLP_MIN		MONO_MS(2)
#define TLP_DELACK	MONO_MS(200)

/* Make room for n more segments.  -1 if there is none. */
int
tcp_segs_room(struct tcpcb *t, uint32_t n)
{
	struct tseg	*segs;
	uint32_t	 cap, i;

	if (t->x->seg_n + n <= t->x->seg_cap)
		return (0);
	if (t->x->seg_n + n > 2 * TCP_MAX_SEGS)
		return (-1);
	cap = t->x->seg_cap == 0 ? 8 : t->x->seg_cap;
	while (cap < t->x->seg_n + n)
		cap *= 2;
	if ((segs = calloc(cap, sizeof(*segs))) == NULL)
		return (-1);
	for (i = 0; i < t->x->seg_n; i++)
		segs[i] = *tcp_seg(t, i);
	free(t->x->segs);
	t->x->segs = segs;
	t->x->seg_cap = cap;
	t->x->seg_head = 0;
	return (0);
}

/* The first segment is acknowledged. */
void
tcp_seg_pop(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g = tcp_seg(t, 0);

	if (g->flags & TSEG_SACKED) {
		t->x->sacked -= tcp_seg_size(g);
		t->x->seg_sacked--;
	}
	if (g->flags & TSEG_LOST) {
		t->x->lost -= tcp_seg_size(g);
		t->x->seg_lost--;
	}
	if (g->flags & TSEG_SMALL)
		t->x->seg_small--;
	if (g->slot != PKTQ_NOSLOT) {
		pktq_release(s->out, g->slot);
		t->f.peer->nslots--;
	}
	t->x->seg_head = (t->x->seg_head + 1) & (t->x->seg_cap - 1);
	t->x->seg_n--;
	if (t->x->seg_ring > 0)
		t->x->seg_ring--;
}

void
tcp_free_segs(struct slirp *s, struct tcpcb *t)
{
	if (t->x == NULL)
		return;
	while (t->x->seg_n > 0)
		tcp_seg_pop(s, t);
	free(t->x->segs);
	t->x->segs = NULL;
	t->x->seg_cap = 0;
}

/* How many of the flow's segments the crypto engine still has to take. */
uint32_t
tcp_segs_queued(const struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;

	while (t->x->seg_ring < t->x->seg_n) {
		g = tcp_seg(t, t->x->seg_ring);
		if (g->slot != PKTQ_NOSLOT && pktq_busy(s->out, g->slot))
			break;
		t->x->seg_ring++;
	}
	return (t->x->seg_n - t->x->seg_ring);
}

void
tcp_arm_rexmt(struct slirp *s, struct tcpcb *t)
{
	t->x->t_rexmt = s->now + (t->rto << t->backoff);
	if (t->x->t_rexmt > s->now + TCP_RTO_MAX)
		t->x->t_rexmt = s->now + TCP_RTO_MAX;
}

/* The first segment of the queue that ends after seq. */
uint32_t
tcp_seg_at(const struct tcpcb *t, uint32_t seq)
{
	uint32_t	 lo = 0, hi = t->x->seg_n, mid;
	struct tseg	*g;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		g = tcp_seg(t, mid);
		if (SEQ_LEQ(g->seq + tcp_seg_size(g), seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

/*
 * Arm the probe: two round trips after the last news (RFC 8985 7.2), if
 * the retransmission timer would take longer.
 */
void
tcp_arm_tlp(struct slirp *s, struct tcpcb *t)
{
	mono_t	 pto;

	t->x->t_tlp = 0;
	if (!t->sack_ok || t->recovery != TCPR_NONE || t->x->seg_n == 0 ||
	    t->x->seg_sacked > 0 || t->tlp_out || t->srtt == 0)
		return;
	pto = 2 * t->srtt + TLP_MIN;
	if (t->x->seg_n == 1)
		pto += TLP_DELACK;
	if (t->x->t_rexmt == 0 || s->now + pto < t->x->t_rexmt)
		t->x->t_tlp = s->now + pto;
}
