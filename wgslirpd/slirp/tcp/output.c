/* SPDX-License-Identifier: ISC */

/*
 * TCP toward the guest: reading from the host, sending, and sending again.
 *
 * Host data is read straight into packet slots, behind headroom for the
 * headers, a train of segments with one call; only as much as congestion
 * window, guest's window and slots allow, so that the rest waits in the
 * kernel and pushes back.  The slots stay with the send queue until they
 * are acknowledged, and a retransmission only writes a new header.  A
 * segment whose slot the crypto engine has not returned is queued, not
 * lost, and is not sent again.
 *
 * What is lost is decided in loss.c, how much may be under way in cc.c and
 * its siblings, when it may go in pace.c.
 *
 * Invariants: snd_una <= snd_nxt; the segments of the queue are adjacent
 * and cover exactly that; if there are any, t_rexmt is armed.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cksum.h"
#include "log.h"
#include "out.h"
#include "output.h"
#include "pace.h"
#include "rate.h"
#include "segment.h"
#include "sendq.h"
#include "turns.h"

#define RING_TRAINS	4	/* of one flow in the packet queue */
#define SLOTS_FEW	10	/* that every flow may have */

static uint16_t
payload_sum(struct slirp *s, const struct tseg *g)
{
	return ((uint16_t)~cksum_fold(cksum_add(pktq_slot(s->out, g->slot) +
	    SLOT_PAYLOAD, g->len, 0)));
}

/*
 * Make two of a segment that is longer than segments are now.  -1 if there
 * is no room for that.
 */
int
tcp_split(struct slirp *s, struct tcpcb *t, uint32_t i)
{
	struct tseg	*a, *b;
	uint32_t	 slot, k;

	if (tcp_segs_room(t, 1) == -1 || tcp_unpark(s, t, tcp_seg(t, i)) ==
	    -1 || (slot = out_slot(s, 1)) == PKTQ_NOSLOT)
		return (-1);
	for (k = t->x->seg_n; k > i + 1; k--)
		*tcp_seg(t, k) = *tcp_seg(t, k - 1);
	a = tcp_seg(t, i);
	b = tcp_seg(t, i + 1);
	*b = *a;
	b->slot = slot;
	b->seq += t->mss;
	b->len = (uint16_t)(a->len - t->mss);
	memcpy(pktq_slot(s->out, slot) + SLOT_PAYLOAD,
	    pktq_slot(s->out, a->slot) + SLOT_PAYLOAD + t->mss, b->len);
	a->len = t->mss;
	a->sum = payload_sum(s, a);
	b->sum = payload_sum(s, b);
	t->x->seg_n++;
	t->f.peer->nslots++;
	if (t->x->seg_ring > i)
		t->x->seg_ring++;
	if (b->flags & TSEG_SMALL)
		t->x->seg_small++;
	if (b->flags & TSEG_LOST)
		t->x->seg_lost++;
	if (b->flags & TSEG_SACKED)
		t->x->seg_sacked++;
	return (0);
}

/*
 * Send segment i of the queue again.  -1 if its first sending has not left
 * yet.
 */
int
tcp_resend(struct slirp *s, struct tcpcb *t, uint32_t i)
{
	struct tseg	*g = tcp_seg(t, i);

	if (g->flags & TSEG_FIN) {
		tcp_stamp(s, t, g);
		tcp_send_fin(s, t, g->seq);
	} else {
		if (tcp_unpark(s, t, g) == -1 || pktq_busy(s->out, g->slot))
			return (-1);
		tcp_stamp(s, t, g);
		tcp_send_seg(s, t, g, 1);
		if (t->x->seg_ring > i)
			t->x->seg_ring = i;
	}
	g->flags |= TSEG_REXMIT;
	if (SEQ_LT(g->seq, t->x->again))
		t->x->again = g->seq;
	if (g->rexmits < UINT8_MAX)
		g->rexmits++;
	if (t->x->undo_rexmits < UINT32_MAX)
		t->x->undo_rexmits++;
	if (t->x->undo_ts == 0) {
		if ((t->x->undo_ts = tcp_ts(t, s->now)) == 0)
			t->x->undo_ts = UINT32_MAX;
		t->x->undo_end = g->seq + tcp_seg_size(g);
	}
	tcp_pace_sent(s, t, tcp_seg_size(g));
	s->count.tcp_retransmits++;
	if (t->x->t_rexmt == 0 || i == 0)
		tcp_arm_rexmt(s, t);
	return (0);
}

/*
 * Send lost segments again while the pipe has room.  Returns -1 if one
 * has to wait because it is still queued, 1 if one has to wait for its
 * time.
 */
static int
retransmit(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;
	uint32_t	 i, room = tcp_pace_room(s, t), size;

	for (i = tcp_seg_at(t, t->x->lost_seq); i < t->x->seg_n &&
	    t->x->seg_lost > 0; i++) {
		g = tcp_seg(t, i);
		t->x->lost_seq = g->seq;	/* there is none before it */
		if (!(g->flags & TSEG_LOST))
			continue;
		if (g->len > t->mss) {
			if (tcp_split(s, t, i) == -1)
				return (-1);
			g = tcp_seg(t, i);
		}
		size = tcp_seg_size(g);
		/* the first one that was found lost always (RFC 6675 5.3) */
		if (!t->rexmit_now && tcp_pipe(t) != 0 &&
		    tcp_pipe(t) + size > t->x->cwnd) {
			t->cwnd_limited = 1;
			return (0);
		}
		if (size > room && !t->rexmit_now) {
			if (t->x->t_pace == 0)
				t->x->t_pace = s->now + PACE_QUANTUM;
			return (1);
		}
		if (tcp_resend(s, t, i) == -1)
			return (-1);
		room = size < room ? room - size : 0;
		t->rexmit_now = 0;
		g->flags &= (uint8_t)~TSEG_LOST;
		t->x->lost -= size;
		t->x->seg_lost--;
	}
	return (0);
}

/*
 * Is the guest silent with so much under way that the host's data had
 * better wait?  What is under way is still sent again meanwhile.
 */
static int
idle_gate(struct slirp *s, struct tcpcb *t)
{
	const struct conf_tcp	*c = &s->conf.tcp;
	uint32_t		 out = t->snd_nxt - t->snd_una, min;
	char			 buf[ADDR_STRLEN];

	min = c->idle_inflight != 0 ? c->idle_inflight : t->mss;
	if (c->idle_gate == 0 || out < min ||
	    s->now - t->progress < MONO_MS(c->idle_gate)) {
		t->gated = 0;
		return (0);
	}
	if (t->gated)
		return (1);
	t->gated = 1;
	s->count.tcp_gated++;
	if (c->gate_log == GATE_DEBUG || (c->gate_log == GATE_INFO &&
	    log_allow(&s->loglimit, s->now)))
		(c->gate_log == GATE_DEBUG ? log_debug : log_info)(
		    "peer \"%s\": %s takes nothing, reading of its "
		    "connection stops", t->f.peer->name, ipport_str(&t->f.src,
		    t->f.sport, buf, sizeof(buf)));
	return (1);
}

/* Has the peer's rate room for more toward it?  If not, arms t_pace. */
static int
rate_room(struct slirp *s, struct tcpcb *t)
{
	const struct slirp_peer	*p = t->f.toward;

	if (rate_open(&p->out, s->now, p->rate_out))
		return (1);
	t->x->t_pace = bucket_when(&p->out, p->rate_out,
	    rate_burst(p->rate_out)) + 1;
	return (0);
}

/*
 * Slots that the flow may take on.  A peer takes no more than is left to
 * the others, a flow half of what is left to its peer, which every slot
 * makes less by two halves.  A few a flow has always: others of its peer
 * that hold much, and are not acknowledged, do not stop it.
 */
static uint32_t
slots_room(const struct slirp *s, const struct tcpcb *t)
{
	uint32_t	 left, rest, held = t->f.peer->nslots;

	left = s->out->nfree > SLOTS_RESERVED ?
	    s->out->nfree - SLOTS_RESERVED : 0;
	rest = left > held ? (left - held) / 2 : 0;
	rest = rest > t->x->seg_n ? (rest - t->x->seg_n + 1) / 2 : 0;
	if (rest < TRAIN_SEGS && t->x->seg_n > TRAIN_SEGS)
		return (0);		/* for a whole train it can wait */
	if (t->x->seg_n < SLOTS_FEW && rest < SLOTS_FEW - t->x->seg_n &&
	    held / 2 < left)
		rest = SLOTS_FEW - t->x->seg_n;
	return (rest);
}

/* Segments that may be read from the host now; 0 if none. */
static uint32_t
may_read(struct slirp *s, struct tcpcb *t, uint32_t *size)
{
	uint32_t	 pipe = tcp_pipe(t), wnd, n, slots, paced;
	int32_t		 room;

	*size = t->mss;
	t->cwnd_limited = t->wnd_limited = 0;
	if (idle_gate(s, t) || !rate_room(s, t))
		return (0);
	if (t->x->seg_small >= TCP_MAX_SMALL || t->x->seg_n >= TCP_MAX_SEGS)
		return (0);
	room = (int32_t)(t->snd_una + t->snd_wnd - t->snd_nxt);
	wnd = room > 0 ? (uint32_t)room : 0;
	if (pipe + t->mss > t->x->cwnd) {
		t->cwnd_limited = 1;
		return (0);
	}
	n = (t->x->cwnd - pipe) / t->mss;
	if (n > wnd / t->mss) {
		n = wnd / t->mss;
		t->wnd_limited = 1;
		/* silly window: what little there is, if it is much to him */
		if (n == 0 && wnd > 0 && (t->x->seg_n == 0 ||
		    wnd >= t->max_wnd / 2)) {
			*size = wnd;
			n = 1;
		}
	} else if (n <= TRAIN_SEGS)
		t->cwnd_limited = 1;
	if (n > TRAIN_SEGS)
		n = TRAIN_SEGS;
	if (t->f.toward->rate_out != 0 &&
	    n > rate_burst(t->f.toward->rate_out) / s->conf.mtu)
		n = (uint32_t)(rate_burst(t->f.toward->rate_out) /
		    s->conf.mtu);
	if (n > 0 && *size == t->mss) {
		paced = tcp_pace_room(s, t) / t->mss;
		if (n > paced)
			n = paced;
	}
	slots = slots_room(s, t);
	if (n > 0 && slots == 0 && t->x->seg_n == 0)
		turns_wait(s, &t->f);
	return (n < slots ? n : slots);
}

/*
 * Read a train from the host and send it.  Returns the bytes read, 0 at
 * its end, or -1 with errno; ENOBUFS if there are no slots.
 */
static ssize_t
read_train(struct slirp *s, struct tcpcb *t, uint32_t n, uint32_t size)
{
	struct iovec	 iov[TRAIN_SEGS];
	uint32_t	 slot[TRAIN_SEGS], i, got;
	struct tseg	*g;
	ssize_t		 r, left;

	if (tcp_segs_room(t, n) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	for (got = 0; got < n; got++) {
		if ((slot[got] = out_slot(s, 1)) == PKTQ_NOSLOT)
			break;
		iov[got].iov_base = pktq_slot(s->out, slot[got]) +
		    SLOT_PAYLOAD;
		iov[got].iov_len = size;
	}
	if (got == 0) {
		errno = ENOBUFS;
		return (-1);
	}
	r = host_of(s, &t->f)->readv(host_arg(s, &t->f), &t->f, iov, (int)got);
	if (r > (ssize_t)(size * EXPRESS_FLOW))
		out_bulk(s, &t->f.lane);
	for (i = 0, left = r; i < got && left > 0; i++) {
		g = tcp_seg(t, t->x->seg_n);
		memset(g, 0, sizeof(*g));
		g->seq = t->snd_nxt;
		g->slot = slot[i];
		g->len = (uint16_t)(left < (ssize_t)size ? left :
		    (ssize_t)size);
		g->sum = (uint16_t)~cksum_fold(cksum_add(iov[i].iov_base,
		    g->len, 0));
		left -= g->len;
		if (g->len < t->mss) {
			g->flags |= TSEG_SMALL;
			t->x->seg_small++;
		}
		t->x->seg_n++;
		t->f.peer->nslots++;
		tcp_stamp(s, t, g);
		tcp_send_seg(s, t, g, left == 0);
		t->snd_nxt += g->len;
	}
	for (; i < got; i++)
		pktq_release(s->out, slot[i]);
	if (r > 0) {
		t->f.tx_bytes += (uint64_t)r;
		s->count.tcp_tx_bytes += (uint64_t)r;
		tcp_pace_sent(s, t, (uint32_t)r);
		if (t->x->t_rexmt == 0) {
			t->progress = s->now;
			tcp_arm_rexmt(s, t);
		}
		if (t->x->t_tlp == 0)
			tcp_arm_tlp(s, t);
	}
	return (r);
}

static void
queue_fin(struct slirp *s, struct tcpcb *t)
{
	struct tseg	*g;

	if (tcp_segs_room(t, 1) == -1) {
		t->host_dead = t->rst_after = 1;
		return;
	}
	g = tcp_seg(t, t->x->seg_n);
	memset(g, 0, sizeof(*g));
	g->seq = t->snd_nxt;
	g->slot = PKTQ_NOSLOT;
	g->flags = TSEG_FIN | TSEG_SMALL;
	tcp_stamp(s, t, g);
	t->x->seg_n++;
	t->x->seg_small++;
	tcp_send_fin(s, t, t->snd_nxt);
	t->snd_nxt++;
	t->fin_sent = 1;
	t->t_keep = s->now + TCP_HALF_IDLE;
	t->state = t->state == TCPS_CLOSE_WAIT ? TCPS_LAST_ACK :
	    TCPS_FIN_WAIT_1;
	if (t->x->t_rexmt == 0) {
		t->progress = s->now;
		tcp_arm_rexmt(s, t);
	}
}

/* What a read of the host's data brought; returns whether any. */
static int
took(struct slirp *s, struct tcpcb *t, ssize_t r)
{
	if (r > 0)
		return (1);
	if (r == 0) {
		t->host_eof = 1;
		t->f.readable = 0;
	} else if (errno == EAGAIN)
		t->f.readable = 0;
	else if (errno == ENOBUFS)
		turns_wait(s, &t->f);
	else if (errno != EINTR) {
		/* reset it once the guest has all of it */
		t->f.readable = 0;
		t->host_dead = 1;
		t->rst_after = 1;
	}
	return (0);
}

/*
 * One new segment, whatever the congestion window is (RFC 8985 7.3).  -1
 * if there is none, or the guest has no room for it.
 */
int
tcp_probe_new(struct slirp *s, struct tcpcb *t)
{
	if (!t->f.readable || t->host_eof || (t->state != TCPS_ESTABLISHED &&
	    t->state != TCPS_CLOSE_WAIT) || t->x->seg_n >= TCP_MAX_SEGS ||
	    SEQ_LT(t->snd_una + t->snd_wnd, t->snd_nxt + t->mss))
		return (-1);
	if (took(s, t, read_train(s, t, 1, t->mss)))
		return (0);
	turns_ready(s, &t->f);	/* for the FIN, or a reset */
	return (-1);
}

/* The host was idle for so long that what is known is old. */
static void
restart(struct slirp *s, struct tcpcb *t)
{
	if (t->x->seg_n == 0 && t->x->last_tx != 0 &&
	    s->now - t->x->last_tx > t->rto)
		t->ccops->idle(t, s->now - t->x->last_tx);
	t->x->last_tx = s->now;
}

/* Read and send a train of new data.  Returns 1 for another turn. */
static int
send_new(struct slirp *s, struct tcpcb *t)
{
	uint32_t	 n, size;

	n = may_read(s, t, &size);
	if (n > 0 && (tcp_segs_queued(s, t) >= RING_TRAINS * TRAIN_SEGS ||
	    s->out->nout[PKTQ_BULK] >= BULK_MOST)) {
		turns_wait(s, &t->f);
		return (0);
	}
	if (n == 0) {
		if (t->snd_wnd < t->mss && t->x->seg_n == 0 &&
		    t->x->t_persist == 0)
			t->x->t_persist = s->now + t->rto;
		return (0);
	}
	restart(s, t);
	if (took(s, t, read_train(s, t, n, size)))
		return (1);
	/* the host has no more: the path could have taken it */
	if (!t->f.readable && t->x->seg_lost == 0 && tcp_pipe(t) < t->x->cwnd)
		t->x->app_limited = (t->x->delivered + tcp_pipe(t)) | 1;
	return (0);
}

/*
 * Send what may be sent: lost segments, then one train of new data, then
 * the FIN.  Returns 1 if it could go on at once.  The caller arms timers.
 */
int
tcp_output(struct slirp *s, struct tcpcb *t)
{
	int	 r, more = 0;

	t->x->t_pace = 0;
	if (t->x->seg_lost > 0 && (r = retransmit(s, t)) != 0) {
		if (r == -1)
			turns_wait(s, &t->f);
		return (0);
	}
	if (t->state != TCPS_ESTABLISHED && t->state != TCPS_CLOSE_WAIT)
		return (0);
	if (t->f.readable && !t->host_eof)
		more = send_new(s, t);
	if (t->host_eof && !t->fin_sent && !t->rst_after)
		queue_fin(s, t);
	/* who waits for acknowledgements is not late */
	t->x->backlog = t->f.readable && !t->host_eof &&
	    tcp_pipe(t) + t->mss <= t->x->cwnd;
	return (more);
}
