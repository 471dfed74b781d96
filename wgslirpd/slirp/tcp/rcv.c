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
 * never moves back.  Data and FIN are acknowledged when this process has
 * them in order; the host side is shut down when it has taken the data.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "end.h"
#include "rate.h"
#include "rcv.h"
#include "rcvq.h"
#include "segment.h"
#include "tcb.h"
#include "turns.h"

#define NOBUFS_RETRY	MONO_MS(20)
#define MAX_IOV		256
#define QUICKACKS	16
#define QUEUE_KEPT	65536	/* bytes */
#define RCV_RTT_TIME	MONO_SEC(10)
#define RCV_RTT_MAX	60000	/* ms; what is longer is no round trip */

/* Payload of this batch that goes to the host from its packet slot. */
struct rxitem {
	const uint8_t	*data;
	uint32_t	 len;
	uint32_t	 next;		/* index + 1 */
};

/* Have it flushed when the batch is over. */
void
tcp_flush_later(struct slirp *s, struct tcpcb *t)
{
	if (t->dirty)
		return;
	t->dirty = 1;
	TAILQ_INSERT_TAIL(&s->tcp->dirty, t, x->dirty_entry);
}

/* Let the payload go to the host from where it is, at the batch's end. */
static int
add_item(struct slirp *s, struct tcpcb *t, const uint8_t *data,
    uint32_t len)
{
	struct rxitem	*it;

	if (s->tcp->nrxitems == MAX_IOV)
		return (-1);
	it = &s->tcp->rxitems[s->tcp->nrxitems++];
	it->data = data;
	it->len = len;
	it->next = 0;
	if (t->x->rx_head == 0)
		t->x->rx_head = s->tcp->nrxitems;
	else
		s->tcp->rxitems[t->x->rx_tail - 1].next = s->tcp->nrxitems;
	t->x->rx_tail = s->tcp->nrxitems;
	t->x->rx_len += len;
	return (0);
}

/*
 * The round trip, for who receives only: the guest echoes the time of what it
 * was sent last (RFC 7323 4).  A guest that has nothing to send makes it
 * longer than it is, and so do queues that a larger window would only fill: it
 * is the least of ten seconds, after which the path may be another one.
 */
static void
receiver_rtt(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	uint32_t	 ms;
	mono_t		 rtt;

	if (!t->ts_ok || !in->has_ts || in->tsecr == t->x->rcv_tsecr ||
	    in->len < t->mss / 2U)
		return;
	t->x->rcv_tsecr = in->tsecr;
	ms = tcp_ts(t, in->p->time) - in->tsecr;
	if (ms > RCV_RTT_MAX)
		return;
	rtt = MONO_MS(ms > 0 ? ms : 1);
	if (t->x->rcv_rtt == 0 || rtt <= t->x->rcv_rtt ||
	    s->now - t->x->rcv_rtt_at > RCV_RTT_TIME) {
		t->x->rcv_rtt = rtt;
		t->x->rcv_rtt_at = s->now;
	}
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
	t->quiet = 0;
	receiver_rtt(s, t, in);
	tcp_flush_later(s, t);
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
		tcp_ranges_advance(t);
		return;
	}
	if (tcp_queue_room(s, t, seq + len) == -1) {
		s->count.tcp_rx_drop++;
		return;
	}
	if (seq == t->rcv_nxt) {
		tcp_queue_put(t->rq, seq, data, len);
		t->rcv_nxt += len;
		tcp_ranges_advance(t);
		return;
	}
	s->count.tcp_rx_ooo++;
	t->ack_now = 1;
	tcp_note_dup(t, seq, seq + len);
	if (tcp_range_add(s, t, seq, seq + len) == -1) {
		s->count.tcp_rx_drop++;
		return;
	}
	tcp_queue_put(t->rq, seq, data, len);
}

/*
 * The window grows while the guest fills it within a round trip or two, and
 * the host drains it.  Without timestamps, and if no round trip was measured,
 * the least time that a window took is one, or longer.
 */
static void
tune_window(struct slirp *s, struct tcpcb *t)
{
	mono_t	 rtt = t->x->rcv_rtt, took = s->now - t->x->tune_start;

	if (SEQ_LT(t->host_nxt, t->x->tune_seq))
		return;
	if (!t->ts_ok && t->srtt == 0 && (rtt == 0 || took < rtt))
		rtt = t->x->rcv_rtt = took;
	if (rtt < t->srtt)
		rtt = t->srtt;
	if (rtt < MONO_MS(1))
		rtt = MONO_MS(1);
	if (t->rcv_wnd < TCP_WND_MAX && took <= 2 * rtt && t->rcv_scale != 0)
		t->rcv_wnd *= 2;
	t->x->tune_seq = t->host_nxt + t->rcv_wnd;
	t->x->tune_start = s->now;
}

static void
host_took(struct slirp *s, struct tcpcb *t, uint32_t n)
{
	t->host_nxt += n;
	t->f.rx_bytes += n;
	if (t->state == TCPS_ORPHAN && n > 0)
		t->progress = s->now;
	s->count.tcp_rx_bytes += n;
	if (t->f.toward->rate_in != 0 && n > 0)
		rate_charge(&t->f.toward->in, s->now, t->f.toward->rate_in, n);
	tune_window(s, t);
}

/* The host side takes nothing any more; what it has sent is still good. */
static void
host_failed(struct tcpcb *t)
{
	t->host_dead = 1;
	t->rst_after = 1;
	t->f.readable = !t->host_eof;
	t->host_nxt = tcp_rcv_end(t);
}

/* Items that the host did not take go into the queue. */
static void
keep_items(struct slirp *s, struct tcpcb *t, uint32_t taken)
{
	struct rxitem	*it;
	uint32_t	 i, seq = t->host_nxt, skip;

	/* nothing of them is acknowledged yet: they can be dropped */
	if (tcp_queue_room(s, t, t->rcv_nxt) == -1) {
		s->count.tcp_rx_drop++;
		t->rcv_nxt = t->host_nxt;
		if (t->rq != NULL)
			t->rq->nranges = 0;
		/* nobody would say that there is room again */
		if (t->f.inside)
			t->host_full = 0;
		return;
	}
	for (i = t->x->rx_head; i != 0; i = it->next) {
		it = &s->tcp->rxitems[i - 1];
		if (taken >= it->len) {
			taken -= it->len;
			continue;
		}
		skip = taken;
		taken = 0;
		tcp_queue_put(t->rq, seq, it->data + skip, it->len - skip);
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
	struct slirp_peer	*p = t->f.toward;

	if (t->host_dead || rate_open(&p->in, s->now, p->rate_in))
		return (0);
	p->in_wait = s->now;
	t->x->t_rate = bucket_when(&p->in, p->rate_in,
	    rate_burst(p->rate_in)) + 1;
	t->host_full = 1;
	return (1);
}

/*
 * The host's kernel had no memory for it.  That its socket can be written to
 * was said before, and nothing will say it again: try again soon.
 */
static void
try_later(struct slirp *s, struct tcpcb *t)
{
	t->x->t_rate = s->now + NOBUFS_RETRY;
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
	if (t->f.toward->rate_in != 0 && !t->host_dead) {
		keep_items(s, t, 0);
		t->x->rx_head = t->x->rx_tail = t->x->rx_len = 0;
		return (0);
	}
	for (i = t->x->rx_head; i != 0; i = s->tcp->rxitems[i - 1].next) {
		iov[n].iov_base =
		    (void *)(uintptr_t)s->tcp->rxitems[i - 1].data;
		iov[n++].iov_len = s->tcp->rxitems[i - 1].len;
	}
	do {
		r = host_of(s, &t->f)->writev(host_arg(s, &t->f), &t->f, iov,
		    n);
	} while (r == -1 && errno == EINTR);
	if (r == -1 && errno != EAGAIN && errno != ENOBUFS) {
		host_failed(t);
		full = 1;
	} else {
		if (r > 0)
			taken = (uint32_t)r;
		else if (r == -1 && errno == ENOBUFS)
			try_later(s, t);
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

/*
 * The queue goes when nothing is in it; that of a spliced connection, through
 * which all of its data goes, stays if it is small.
 */
static void
drained(struct slirp *s, struct tcpcb *t)
{
	if (tcp_queue_empty(t) &&
	    (!t->f.inside || t->rq->size > QUEUE_KEPT))
		tcp_queue_free(s, t);
}

/* Write the queue's bytes that are in order. */
static void
flush_queue(struct slirp *s, struct tcpcb *t)
{
	struct iovec	 iov[2];
	uint32_t	 want;
	ssize_t		 r;

	while (t->rq != NULL && t->host_nxt != tcp_rcv_end(t) &&
	    !t->host_full && !over_rate(s, t)) {
		want = tcp_rcv_end(t) - t->host_nxt;
		if (t->f.toward->rate_in != 0 &&
		    want > rate_burst(t->f.toward->rate_in))
			want = (uint32_t)rate_burst(t->f.toward->rate_in);
		r = host_of(s, &t->f)->writev(host_arg(s, &t->f), &t->f, iov,
		    tcp_queue_iov(t->rq, t->host_nxt, want, iov));
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && errno != EAGAIN && errno != ENOBUFS) {
			host_failed(t);
			break;
		}
		if (r > 0)
			host_took(s, t, (uint32_t)r);
		if (r == -1 && errno == ENOBUFS)
			try_later(s, t);
		if (r < (ssize_t)want)
			t->host_full = 1;
	}
	drained(s, t);
}

/*
 * What has come in order goes to the other half of a spliced connection, as
 * much as there is and fits.  Returns how much, 0 if there is none, or the
 * peer's rate allows no more now.
 */
ssize_t
tcp_take(struct slirp *s, struct tcpcb *t, const struct iovec *iov, int n)
{
	uint32_t	 left = tcp_rcv_end(t) - t->host_nxt, done = 0, part;
	int		 i;

	/* what is of this batch comes when that is over */
	if (t->x == NULL || t->x->rx_head != 0 || t->rq == NULL || left == 0)
		return (0);
	if (over_rate(s, t)) {
		tcp_arm(s, t);
		return (0);
	}
	if (t->f.toward->rate_in != 0 &&
	    left > rate_burst(t->f.toward->rate_in))
		left = (uint32_t)rate_burst(t->f.toward->rate_in);
	for (i = 0; i < n && done < left; i++, done += part) {
		part = (uint32_t)iov[i].iov_len;
		if (part > left - done)
			part = left - done;
		tcp_queue_get(t->rq, t->host_nxt + done, iov[i].iov_base,
		    part);
	}
	host_took(s, t, done);
	/* it is flushed for the window that this opens */
	t->host_full = 0;
	tcp_flush_later(s, t);
	return ((ssize_t)done);
}

/*
 * The guest has sent all, and all of it is here: that is acknowledged at once
 * (RFC 9293 3.10.7.4), whenever the host takes it.
 */
static void
take_fin(struct slirp *s, struct tcpcb *t)
{
	if (!t->fin_rcvd || t->fin_in || t->rcv_nxt != t->fin_seq)
		return;
	t->fin_in = 1;
	t->rcv_nxt++;
	t->ack_now = 1;
	/* a host that is connecting has its own time */
	if (!t->dialing)
		t->t_keep = s->now + TCP_HALF_IDLE;
	if (t->state == TCPS_FIN_WAIT_1 || t->state == TCPS_FIN_WAIT_2)
		t->state = TCPS_CLOSING;
	else
		t->state = TCPS_CLOSE_WAIT;
}

/* The guest has sent all, and the host has it: half-close. */
static void
end_host(struct slirp *s, struct tcpcb *t)
{
	/* a socket that is still connecting would be disconnected */
	if (!t->fin_in || t->fin_done || t->dialing ||
	    t->host_nxt != tcp_rcv_end(t))
		return;
	t->fin_done = 1;
	t->host_nxt++;
	if (!t->host_dead &&
	    host_of(s, &t->f)->shutdown(host_arg(s, &t->f), &t->f) == -1)
		host_failed(t);
}

/* The rest for the host, of a guest that is gone.  May end the flow. */
static void
flush_orphan(struct slirp *s, struct tcpcb *t)
{
	flush_queue(s, t);
	end_host(s, t);
	if (t->host_dead || (t->fin_done && (t->host_eof ||
	    t->x->unread >= TCP_ORPHAN_READ))) {
		tcp_free(s, t, t->host_dead);
		return;
	}
	if (t->fin_done)
		t->t_keep = s->now + TCP_ORPHAN_TIME;
	tcp_arm(s, t);
}

/*
 * Give the host what is in order, then acknowledge as is due.  May end
 * the flow: t must not be used afterwards.
 */
void
tcp_flush(struct slirp *s, struct tcpcb *t)
{
	uint32_t	 edge;
	int		 more;

	if (t->dirty) {
		TAILQ_REMOVE(&s->tcp->dirty, t, x->dirty_entry);
		t->dirty = 0;
	}
	if (t->state == TCPS_ORPHAN) {
		flush_orphan(s, t);
		return;
	}
	more = t->x->rx_head == 0 || flush_items(s, t) == 0;
	take_fin(s, t);
	if (more)
		flush_queue(s, t);
	end_host(s, t);
	if (t->fin_in && t->fin_acked) {
		tcp_send_ack(s, t);
		tcp_done(s, t);
		return;
	}
	/* tell when much room has come back */
	edge = t->host_nxt + t->rcv_wnd;
	if (SEQ_GEQ(edge, t->rcv_adv + t->rcv_wnd / 2) && !t->fin_in &&
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
		turns_ready(s, &t->f);
	tcp_arm(s, t);
}

/* The batch is over: everything that got data acts on it. */
void
tcp_batch_end(struct slirp *s)
{
	struct tcpcb	*t;

	while ((t = TAILQ_FIRST(&s->tcp->dirty)) != NULL)
		tcp_flush(s, t);
	s->tcp->nrxitems = 0;
}

/* -1 if there is no memory. */
int
rcv_init(struct slirp *s)
{
	TAILQ_INIT(&s->tcp->dirty);
	s->tcp->rxitems = calloc(MAX_IOV, sizeof(*s->tcp->rxitems));
	return (s->tcp->rxitems == NULL ? -1 : 0);
}
