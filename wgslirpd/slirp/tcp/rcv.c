/* SPDX-License-Identifier: ISC */

/*
 * TCP from the guest.
 *
 * In-order payload goes from its packet slots to the host with one call
 * for each flow and batch.  What the host does not take, and what comes
 * out of order, is copied into the flow's receive queue, so that slots go
 * back at the end of every batch and a slow host can never hold those of
 * another flow.  The queue's memory is bounded for each peer and for all.
 *
 *	host_nxt <= rcv_nxt <= rcv_adv
 *
 * [host_nxt, rcv_nxt) is in order and waits for the host: first the items
 * of this batch, or, if there are none, bytes of the queue.  The window
 * that is offered ends at host_nxt + rcv_wnd; the edge that was once told
 * never moves back.  Data is acknowledged when this process has it in
 * order, the FIN when the host side is shut down.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcp.h"

#define RCVQ_MIN	16384
#define PEER_RCVBUF	(16 * 1024 * 1024)
#define ALL_RCVBUF	(64 * 1024 * 1024)
#define MAX_IOV		256
#define QUICKACKS	16

void
tcp_rcv_free(struct slirp *s, struct tcpcb *t)
{
	struct tcp_rcvq	*q = t->rq;

	if (q == NULL)
		return;
	s->rcvbuf -= q->size;
	t->f.peer->rcvbuf -= q->size;
	free(q->buf);
	free(q);
	t->rq = NULL;
}

/* Copy bytes between the queue and flat memory. */
static void
queue_put(struct tcp_rcvq *q, uint32_t seq, const uint8_t *data,
    uint32_t len)
{
	uint32_t	 pos = seq & (q->size - 1), n = q->size - pos;

	if (n > len)
		n = len;
	memcpy(q->buf + pos, data, n);
	memcpy(q->buf, data + n, len - n);
}

static int
queue_iov(const struct tcp_rcvq *q, uint32_t seq, uint32_t len,
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
static int
queue_room(struct slirp *s, struct tcpcb *t, uint32_t end)
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
	/* a peer gets no more than is left for the others */
	if (t->f.peer->rcvbuf + size - old > PEER_RCVBUF ||
	    t->f.peer->rcvbuf + s->rcvbuf + size - old > ALL_RCVBUF)
		return (-1);
	if ((nq = calloc(1, sizeof(*nq))) == NULL)
		return (-1);
	if ((nq->buf = calloc(1, size)) == NULL) {
		free(nq);
		return (-1);
	}
	nq->size = size;
	if (q != NULL) {
		nq->nranges = q->nranges;
		nq->recent = q->recent;
		memcpy(nq->range, q->range, sizeof(nq->range));
		/* all that it could hold, from the first byte on */
		n = queue_iov(q, t->host_nxt, old, iov);
		for (i = 0, seq = t->host_nxt; i < n; i++) {
			queue_put(nq, seq, iov[i].iov_base,
			    (uint32_t)iov[i].iov_len);
			seq += (uint32_t)iov[i].iov_len;
		}
		tcp_rcv_free(s, t);
	}
	t->rq = nq;
	s->rcvbuf += size;
	t->f.peer->rcvbuf += size;
	return (0);
}

/*
 * Enter [start, end) into the sorted ranges, joining what touches.  -1 if
 * there are too many.
 */
static int
range_add(struct tcp_rcvq *q, uint32_t start, uint32_t end)
{
	int	 i, j;

	for (i = 0; i < q->nranges; i++)
		if (SEQ_LEQ(start, q->range[i].end))
			break;
	for (j = i; j < q->nranges && SEQ_LEQ(q->range[j].start, end); j++) {
		if (SEQ_LT(q->range[j].start, start))
			start = q->range[j].start;
		if (SEQ_GT(q->range[j].end, end))
			end = q->range[j].end;
	}
	if (i == j && q->nranges == TCP_RANGES)
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
static void
ranges_advance(struct tcpcb *t)
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

static void
make_dirty(struct slirp *s, struct tcpcb *t)
{
	if (t->dirty)
		return;
	t->dirty = 1;
	TAILQ_INSERT_TAIL(&s->dirty, t, x->dirty_entry);
}

/* Let the payload go to the host from where it is, at the batch's end. */
static int
add_item(struct slirp *s, struct tcpcb *t, const uint8_t *data,
    uint32_t len)
{
	struct rxitem	*it;

	if (s->nrxitems == MAX_IOV)
		return (-1);
	it = &s->rxitems[s->nrxitems++];
	it->data = data;
	it->len = len;
	it->next = 0;
	if (t->x->rx_head == 0)
		t->x->rx_head = s->nrxitems;
	else
		s->rxitems[t->x->rx_tail - 1].next = s->nrxitems;
	t->x->rx_tail = s->nrxitems;
	t->x->rx_len += len;
	return (0);
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
		for (i = 0; q != NULL && i < q->nranges; i++)
			if (SEQ_GEQ(start, q->range[i].start) &&
			    SEQ_LEQ(end, q->range[i].end))
				break;
		if (q == NULL || i == q->nranges)
			return;
	}
	t->x->dsack.start = start;
	t->x->dsack.end = end;
}

/*
 * Take the payload and FIN of an acceptable segment.  The caller flushes
 * what became dirty when the batch is over.
 */
void
tcp_receive(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	const uint8_t	*data = in->data;
	uint32_t	 seq = in->seq, len = in->len, skip;

	if (in->flags & TH_FIN && !t->fin_rcvd) {
		t->fin_rcvd = 1;
		t->fin_seq = in->seq + in->len;
	}
	make_dirty(s, t);
	if (SEQ_LT(seq, t->rcv_nxt)) {
		skip = t->rcv_nxt - seq;
		tcp_note_dup(t, seq, seq + len);
		s->count.tcp_rx_dup++;
		t->ack_now = 1;
		if (skip >= len)
			return;
		seq += skip;
		data += skip;
		len -= skip;
	}
	if (SEQ_GT(seq + len, t->rcv_adv))
		len = SEQ_LT(seq, t->rcv_adv) ? t->rcv_adv - seq : 0;
	if (len == 0)
		return;
	if (t->rx_segs < UINT8_MAX)
		t->rx_segs++;
	if (t->host_dead) {
		/* nobody wants it any more */
		if (seq == t->rcv_nxt) {
			t->rcv_nxt += len;
			t->host_nxt = t->rcv_nxt;
		}
		return;
	}
	if (seq == t->rcv_nxt && !t->host_full &&
	    t->host_nxt + t->x->rx_len == t->rcv_nxt && in->p->stable &&
	    add_item(s, t, data, len) == 0) {
		t->rcv_nxt += len;
		ranges_advance(t);
		return;
	}
	if (queue_room(s, t, seq + len) == -1) {
		s->count.tcp_rx_drop++;
		return;
	}
	if (seq == t->rcv_nxt) {
		queue_put(t->rq, seq, data, len);
		t->rcv_nxt += len;
		ranges_advance(t);
		return;
	}
	s->count.tcp_rx_ooo++;
	t->ack_now = 1;
	tcp_note_dup(t, seq, seq + len);
	if (range_add(t->rq, seq, seq + len) == -1) {
		s->count.tcp_rx_drop++;
		return;
	}
	queue_put(t->rq, seq, data, len);
}

/* The window grows while the guest fills it and the host drains it. */
static void
tune_window(struct slirp *s, struct tcpcb *t)
{
	mono_t	 rtt = t->srtt > MONO_MS(1) ? t->srtt : MONO_MS(1);

	if (SEQ_LT(t->host_nxt, t->x->tune_seq))
		return;
	if (t->rcv_wnd < TCP_WND_MAX && s->now - t->x->tune_start <= 2 * rtt &&
	    (t->rcv_scale != 0))
		t->rcv_wnd *= 2;
	t->x->tune_seq = t->host_nxt + t->rcv_wnd;
	t->x->tune_start = s->now;
}

static void
host_took(struct slirp *s, struct tcpcb *t, uint32_t n)
{
	t->host_nxt += n;
	t->f.rx_bytes += n;
	s->count.tcp_rx_bytes += n;
	if (t->f.peer->rate_in != 0 && n > 0)
		rate_charge(&t->f.peer->in, s->now, t->f.peer->rate_in, n);
	tune_window(s, t);
}

/* The host side takes nothing any more; what it has sent is still good. */
static void
host_failed(struct tcpcb *t)
{
	t->host_dead = 1;
	t->rst_after = 1;
	t->f.readable = !t->host_eof;
	t->host_nxt = t->rcv_nxt;
}

/* Items that the host did not take go into the queue. */
static void
keep_items(struct slirp *s, struct tcpcb *t, uint32_t taken)
{
	struct rxitem	*it;
	uint32_t	 i, seq = t->host_nxt, skip;

	/* nothing of them is acknowledged yet: they can be dropped */
	if (queue_room(s, t, t->rcv_nxt) == -1) {
		s->count.tcp_rx_drop++;
		t->rcv_nxt = t->host_nxt;
		if (t->rq != NULL)
			t->rq->nranges = 0;
		return;
	}
	for (i = t->x->rx_head; i != 0; i = it->next) {
		it = &s->rxitems[i - 1];
		if (taken >= it->len) {
			taken -= it->len;
			continue;
		}
		skip = taken;
		taken = 0;
		queue_put(t->rq, seq, it->data + skip, it->len - skip);
		seq += it->len - skip;
	}
}

/*
 * Does the peer's rate allow no more toward the host?  Then the data waits
 * here, the window closes, and the guest slows down.
 */
static int
over_rate(struct slirp *s, struct tcpcb *t)
{
	struct slirp_peer	*p = t->f.peer;

	if (t->host_dead || rate_open(&p->in, s->now, p->rate_in))
		return (0);
	p->in_wait = s->now;
	t->x->t_rate = bucket_when(&p->in, p->rate_in,
	    rate_burst(p->rate_in)) + 1;
	t->host_full = 1;
	return (1);
}

/* Write this batch's items.  Returns 0 if the host took all of them. */
static int
flush_items(struct slirp *s, struct tcpcb *t)
{
	struct iovec	 iov[MAX_IOV];
	uint32_t	 i, taken = 0;
	ssize_t		 r;
	int		 n = 0, full = 0;

	/* with a rate, in pieces by way of the queue */
	if (t->f.peer->rate_in != 0 && !t->host_dead) {
		keep_items(s, t, 0);
		t->x->rx_head = t->x->rx_tail = t->x->rx_len = 0;
		return (0);
	}
	for (i = t->x->rx_head; i != 0; i = s->rxitems[i - 1].next) {
		iov[n].iov_base =
		    (void *)(uintptr_t)s->rxitems[i - 1].data;
		iov[n++].iov_len = s->rxitems[i - 1].len;
	}
	do {
		r = s->host->writev(s->harg, &t->f, iov, n);
	} while (r == -1 && errno == EINTR);
	if (r == -1 && errno != EAGAIN && errno != ENOBUFS) {
		host_failed(t);
		full = 1;
	} else {
		if (r > 0)
			taken = (uint32_t)r;
		host_took(s, t, taken);
		if (taken < t->x->rx_len) {
			t->host_full = 1;
			full = 1;
			keep_items(s, t, taken);
		}
	}
	t->x->rx_head = t->x->rx_tail = t->x->rx_len = 0;
	return (full ? -1 : 0);
}

/* Write the queue's bytes that are in order. */
static void
flush_queue(struct slirp *s, struct tcpcb *t)
{
	struct iovec	 iov[2];
	uint32_t	 want;
	ssize_t		 r;

	while (t->rq != NULL && t->host_nxt != t->rcv_nxt &&
	    !t->host_full && !over_rate(s, t)) {
		want = t->rcv_nxt - t->host_nxt;
		if (t->f.peer->rate_in != 0 &&
		    want > rate_burst(t->f.peer->rate_in))
			want = (uint32_t)rate_burst(t->f.peer->rate_in);
		r = s->host->writev(s->harg, &t->f, iov, queue_iov(t->rq,
		    t->host_nxt, want, iov));
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && errno != EAGAIN && errno != ENOBUFS) {
			host_failed(t);
			break;
		}
		if (r > 0)
			host_took(s, t, (uint32_t)r);
		if (r < (ssize_t)want)
			t->host_full = 1;
	}
	if (t->rq != NULL && t->host_nxt == t->rcv_nxt &&
	    t->rq->nranges == 0)
		tcp_rcv_free(s, t);
}

/*
 * The guest has sent all, and the host has it: half-close.  Returns 1 if
 * that was the end of the connection.
 */
static int
take_fin(struct slirp *s, struct tcpcb *t)
{
	/* a socket that is still connecting would be disconnected */
	if (!t->fin_rcvd || t->fin_done || t->dialing ||
	    t->rcv_nxt != t->fin_seq || t->host_nxt != t->rcv_nxt)
		return (0);
	t->fin_done = 1;
	t->t_keep = s->now + TCP_HALF_IDLE;
	t->rcv_nxt++;
	t->host_nxt++;
	t->ack_now = 1;
	if (!t->host_dead && s->host->shutdown(s->harg, &t->f) == -1)
		host_failed(t);
	switch (t->state) {
	case TCPS_SYN_RCVD:
	case TCPS_ESTABLISHED:
		t->state = TCPS_CLOSE_WAIT;
		break;
	case TCPS_FIN_WAIT_1:
		t->state = TCPS_CLOSING;
		break;
	case TCPS_FIN_WAIT_2:
		return (1);
	}
	return (0);
}

/*
 * Give the host what is in order, then acknowledge as is due.  May end
 * the flow: t must not be used afterwards.
 */
void
tcp_flush(struct slirp *s, struct tcpcb *t)
{
	uint32_t	 edge;

	if (t->dirty) {
		TAILQ_REMOVE(&s->dirty, t, x->dirty_entry);
		t->dirty = 0;
	}
	if (t->x->rx_head == 0 || flush_items(s, t) == 0)
		flush_queue(s, t);
	if (take_fin(s, t)) {
		tcp_send_ack(s, t);
		tcp_done(s, t);
		return;
	}
	/* tell when much room has come back */
	edge = t->host_nxt + t->rcv_wnd;
	if (SEQ_GEQ(edge, t->rcv_adv + t->rcv_wnd / 2) &&
	    t->state != TCPS_CONNECTING && t->state != TCPS_SYN_RCVD)
		t->ack_now = 1;
	if (t->rx_segs >= 2 || (t->rx_segs > 0 && t->quickacks < QUICKACKS)) {
		if (t->quickacks < QUICKACKS)
			t->quickacks++;
		t->ack_now = 1;
	}
	if (t->ack_now)
		tcp_send_ack(s, t);
	else if (t->rcv_nxt != t->last_ack && t->x->t_delack == 0)
		t->x->t_delack = s->now + MONO_MS(s->conf.tcp.ack_delay);
	if (t->f.readable || t->x->seg_lost > 0 || t->rst_after)
		flow_ready(s, &t->f);
	tcp_arm(s, t);
}
