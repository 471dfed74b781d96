/* SPDX-License-Identifier: ISC */

/*
 * The receive queue: what the host has not taken yet, and what came out of
 * order; and the window that is offered over it.
 */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "rcvq.h"

#define RCVQ_MIN	16384
#define PEER_RCVBUF	(16 * 1024 * 1024)
#define ALL_RCVBUF	(64 * 1024 * 1024)

/* Bytes that it takes of the budgets. */
static uint64_t
queue_cost(const struct tcp_rcvq *q)
{
	return (q->size + (uint64_t)q->maxranges * sizeof(q->range[0]));
}

/*
 * Memory, in bytes, for what waits for host or guest.  -1 if that is too much:
 * a peer gets no more than is left for the others.
 */
int
tcp_mem_take(struct slirp *s, struct tcpcb *t, uint64_t more)
{
	uint64_t	 held = t->f.peer->rcvbuf;

	if (held + more > PEER_RCVBUF ||
	    held + s->tcp->rcvbuf + more > ALL_RCVBUF)
		return (-1);
	s->tcp->rcvbuf += more;
	t->f.peer->rcvbuf += more;
	return (0);
}

void
tcp_mem_give(struct slirp *s, struct tcpcb *t, uint64_t n)
{
	s->tcp->rcvbuf -= n;
	t->f.peer->rcvbuf -= n;
}

void
tcp_queue_free(struct slirp *s, struct tcpcb *t)
{
	struct tcp_rcvq	*q = t->rq;

	if (q == NULL)
		return;
	tcp_mem_give(s, t, queue_cost(q));
	free(q->range);
	free(q->buf);
	free(q);
	t->rq = NULL;
}

/* Copy bytes between the queue and flat memory. */
void
tcp_queue_put(struct tcp_rcvq *q, uint32_t seq, const uint8_t *data,
    uint32_t len)
{
	uint32_t	 pos = seq & (q->size - 1), n = q->size - pos;

	if (n > len)
		n = len;
	memcpy(q->buf + pos, data, n);
	memcpy(q->buf, data + n, len - n);
}

void
tcp_queue_get(const struct tcp_rcvq *q, uint32_t seq, uint8_t *data,
    uint32_t len)
{
	uint32_t	 pos = seq & (q->size - 1), n = q->size - pos;

	if (n > len)
		n = len;
	memcpy(data, q->buf + pos, n);
	memcpy(data + n, q->buf, len - n);
}

int
tcp_queue_iov(const struct tcp_rcvq *q, uint32_t seq, uint32_t len,
    struct iovec iov[2])
{
	uint32_t	 pos = seq & (q->size - 1), n = q->size - pos;

	if (n > len)
		n = len;
	iov[0].iov_base = q->buf + pos;
	iov[0].iov_len = n;
	iov[1].iov_base = q->buf;
	iov[1].iov_len = len - n;
	return (len > n ? 2 : 1);
}

/* Have a queue that reaches to end.  -1 if a budget does not allow it. */
int
tcp_queue_room(struct slirp *s, struct tcpcb *t, uint32_t end)
{
	struct tcp_rcvq	*q = t->rq, *nq;
	struct iovec	 iov[2];
	uint32_t	 need = end - t->host_nxt, size, old = 0, seq;
	int		 i, n;

	if (q != NULL) {
		if (need <= q->size)
			return (0);
		old = q->size;
	}
	for (size = RCVQ_MIN; size < need; size *= 2)
		if (size > 2 * TCP_WND_MAX)
			return (-1);
	if (tcp_mem_take(s, t, size - old) == -1)
		return (-1);
	if ((nq = calloc(1, sizeof(*nq))) == NULL ||
	    (nq->buf = calloc(1, size)) == NULL) {
		free(nq);
		tcp_mem_give(s, t, size - old);
		return (-1);
	}
	nq->size = size;
	if (q != NULL) {
		nq->nranges = q->nranges;
		nq->recent = q->recent;
		nq->range = q->range;
		nq->maxranges = q->maxranges;
		q->range = NULL;
		/* all that it could hold, from the first byte on */
		n = tcp_queue_iov(q, t->host_nxt, old, iov);
		for (i = 0, seq = t->host_nxt; i < n; i++) {
			tcp_queue_put(nq, seq, iov[i].iov_base,
			    (uint32_t)iov[i].iov_len);
			seq += (uint32_t)iov[i].iov_len;
		}
		free(q->buf);
		free(q);
	}
	t->rq = nq;
	return (0);
}

/* Room for twice as many ranges.  -1 if that is too many, or too much. */
static int
more_ranges(struct slirp *s, struct tcpcb *t)
{
	struct tcp_rcvq		*q = t->rq;
	struct tcp_range	*r;
	uint64_t		 more;
	int			 n;

	n = q->maxranges == 0 ? TCP_RANGES : 2 * q->maxranges;
	more = (uint64_t)(n - q->maxranges) * sizeof(*r);
	if (n > TCP_RANGES_MAX || tcp_mem_take(s, t, more) == -1)
		return (-1);
	if ((r = reallocarray(q->range, (size_t)n, sizeof(*r))) == NULL) {
		tcp_mem_give(s, t, more);
		return (-1);
	}
	q->range = r;
	q->maxranges = n;
	return (0);
}

/* The first range that ends at seq or after it. */
static int
range_at(const struct tcp_rcvq *q, uint32_t seq)
{
	int	 lo = 0, hi = q->nranges, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (SEQ_LT(q->range[mid].end, seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

/*
 * Enter [start, end) into the sorted ranges, joining what touches.  -1 if
 * there are too many.
 */
int
tcp_range_add(struct slirp *s, struct tcpcb *t, uint32_t start, uint32_t end)
{
	struct tcp_rcvq	*q = t->rq;
	int		 i, j;

	i = range_at(q, start);
	for (j = i; j < q->nranges && SEQ_LEQ(q->range[j].start, end); j++) {
		if (SEQ_LT(q->range[j].start, start))
			start = q->range[j].start;
		if (SEQ_GT(q->range[j].end, end))
			end = q->range[j].end;
	}
	if (i == j && q->nranges == q->maxranges && more_ranges(s, t) == -1)
		return (-1);
	memmove(&q->range[i + 1], &q->range[j],
	    (size_t)(q->nranges - j) * sizeof(q->range[0]));
	q->nranges += 1 - (j - i);
	q->range[i].start = start;
	q->range[i].end = end;
	q->recent = i;
	return (0);
}

/* What is in order now moves from the ranges to rcv_nxt. */
void
tcp_ranges_advance(struct tcpcb *t)
{
	struct tcp_rcvq	*q = t->rq;

	while (q != NULL && q->nranges > 0 &&
	    SEQ_LEQ(q->range[0].start, t->rcv_nxt)) {
		if (SEQ_GT(q->range[0].end, t->rcv_nxt))
			t->rcv_nxt = q->range[0].end;
		memmove(&q->range[0], &q->range[1],
		    (size_t)(q->nranges - 1) * sizeof(q->range[0]));
		q->nranges--;
		if (q->recent > 0)
			q->recent--;
		t->ack_now = 1;
	}
}

/*
 * The window field for a segment that is sent now; what it tells is
 * remembered.
 */
uint16_t
tcp_window(struct tcpcb *t)
{
	uint32_t	 edge = t->host_nxt + t->rcv_wnd, w, step, unit;

	/* silly window avoidance (RFC 9293 3.8.6.2.2) */
	step = t->rcv_wnd / 4 < t->mss ? t->rcv_wnd / 4 : t->mss;
	if (SEQ_LT(edge, t->rcv_adv + step))
		edge = t->rcv_adv;
	w = SEQ_GT(edge, t->rcv_nxt) ? edge - t->rcv_nxt : 0;
	/*
	 * Round up, so that the edge does not move back by a fraction of
	 * the scale; not for ever, or it would creep away.
	 */
	unit = (1U << t->rcv_scale) - 1;
	if (w > 0 && SEQ_LT(t->rcv_adv, t->host_nxt + t->rcv_wnd +
	    (16 << t->rcv_scale)))
		w += unit;
	w >>= t->rcv_scale;
	if (w > UINT16_MAX)
		w = UINT16_MAX;
	if (SEQ_GT(t->rcv_nxt + (w << t->rcv_scale), t->rcv_adv))
		t->rcv_adv = t->rcv_nxt + (w << t->rcv_scale);
	return ((uint16_t)w);
}

/* What came again is told to the guest (RFC 2883). */
void
tcp_note_dup(struct tcpcb *t, uint32_t start, uint32_t end)
{
	const struct tcp_rcvq	*q = t->rq;
	int			 i;

	if (SEQ_LEQ(start, t->rcv_nxt) && SEQ_GT(end, t->rcv_nxt))
		end = t->rcv_nxt;
	else if (SEQ_GT(end, t->rcv_nxt)) {
		i = q != NULL ? range_at(q, start) : 0;
		/* what ends just where it begins does not have it */
		if (q != NULL && i < q->nranges && q->range[i].end == start)
			i++;
		if (q == NULL || i == q->nranges ||
		    SEQ_LT(start, q->range[i].start) ||
		    SEQ_GT(end, q->range[i].end))
			return;
	}
	t->x->dsack.start = start;
	t->x->dsack.end = end;
}
