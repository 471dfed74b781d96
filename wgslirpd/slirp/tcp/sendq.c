/* SPDX-License-Identifier: ISC */

/*
 * The send queue: segments that were sent and are kept, each in its packet
 * slot, until they are acknowledged; and the timers that watch over them.
 * Those of a guest that is silent are parked outside of the slots.
 */

#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "packet.h"
#include "rcvq.h"
#include "sendq.h"

#define PARK_LEAST	10		/* not worth it */
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

/* A segment that was parked is so no more. */
static void
one_unparked(struct slirp *s, struct tcpcb *t)
{
	if (--t->x->seg_parked > 0)
		return;
	free(t->x->parked);
	t->x->parked = NULL;
	tcp_mem_give(s, t, t->x->park_len);
}

/*
 * A guest that acknowledges nothing holds slots that others could use: its
 * segments wait in memory of their own, as far as its budget goes.  What is
 * still queued for the crypto engine stays where it is.
 */
void
tcp_park(struct slirp *s, struct tcpcb *t)
{
	struct tcp_xfer	*x = t->x;
	struct tseg	*g;
	uint32_t	 i, len = t->snd_nxt - t->snd_una, had = x->parked !=
			    NULL ? x->park_len : 0, n = 0;
	uint8_t		*buf, *to;

	if (x->seg_n - x->seg_parked <= PARK_LEAST)
		return;
	/* snd_una may be in the middle of the first one */
	g = tcp_seg(t, 0);
	len = t->snd_nxt - g->seq;
	if (tcp_mem_take(s, t, len) == -1)
		return;
	if ((buf = malloc(len)) == NULL) {
		tcp_mem_give(s, t, len);
		return;
	}
	for (i = 0; i < x->seg_n; i++) {
		g = tcp_seg(t, i);
		to = buf + (g->seq - tcp_seg(t, 0)->seq);
		if (g->flags & TSEG_PARKED)
			memcpy(to, x->parked + (g->seq - x->park_seq), g->len);
		else if (g->slot != PKTQ_NOSLOT && !pktq_busy(s->out, g->slot)) {
			memcpy(to, pktq_slot(s->out, g->slot) + SLOT_PAYLOAD,
			    g->len);
			pktq_release(s->out, g->slot);
			g->slot = PKTQ_NOSLOT;
			g->flags |= TSEG_PARKED;
			t->f.peer->nslots--;
		} else
			continue;
		n++;
	}
	free(x->parked);
	tcp_mem_give(s, t, had);
	x->parked = buf;
	x->park_seq = tcp_seg(t, 0)->seq;
	x->park_len = len;
	x->seg_parked = n + 1;
	s->count.tcp_parked++;
	one_unparked(s, t);
}

/* Have the segment in a slot again.  -1 if there is none. */
int
tcp_unpark(struct slirp *s, struct tcpcb *t, struct tseg *g)
{
	uint32_t	 slot;

	if (!(g->flags & TSEG_PARKED))
		return (0);
	if ((slot = out_slot(s, 1)) == PKTQ_NOSLOT)
		return (-1);
	memcpy(pktq_slot(s->out, slot) + SLOT_PAYLOAD,
	    t->x->parked + (g->seq - t->x->park_seq), g->len);
	g->slot = slot;
	g->flags &= (uint8_t)~TSEG_PARKED;
	t->f.peer->nslots++;
	one_unparked(s, t);
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
	if (g->flags & TSEG_PARKED)
		one_unparked(s, t);
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
