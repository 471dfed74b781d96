/* SPDX-License-Identifier: ISC */

/*
 * A connection's memory and its one timer: quiet and awake.
 */

#include <sys/types.h>

#include <stdlib.h>

#include "ccset.h"
#include "rcvq.h"
#include "sendq.h"
#include "table.h"
#include "tcb.h"

/*
 * The round trip time that the connection has learnt is good for the next
 * one (RFC 9040).  Its ssthresh is not: after random loss on one path the
 * next connection would crawl on a better one.
 */
void
tcp_path_learn(struct slirp *s, const struct tcpcb *t)
{
	struct path	*p = t->path;

	if (t->srtt == 0 || t->x == NULL)
		return;
	p->srtt = t->srtt;
	p->rttvar = t->rttvar;
	p->at = s->now;
}

/* Its own, if it has one. */
void
tcp_path_free(struct tcpcb *t)
{
	if (t->path != &t->f.toward->path)
		free(t->path);
	t->path = NULL;
}

/* Is one of its two sides not connected yet? */
int
tcp_half_open(const struct flow *f)
{
	const struct tcpcb	*t = (const struct tcpcb *)f;

	return (t->state == TCPS_CONNECTING || t->state == TCPS_SYN_SENT ||
	    t->dialing);
}

void
tcp_init_xfer(const struct slirp *s, struct tcpcb *t)
{
	t->x->fack = t->x->scan = t->x->again = t->x->recover = t->x->dsack_round =
	    t->x->ecn_end = t->snd_nxt;
	t->x->tune_start = s->now;
	t->x->tune_seq = t->host_nxt + t->rcv_wnd;
}

/*
 * Before anything is done with a connection that may be quiet.  It begins
 * anew with the initial window, as after any long pause (RFC 5681 4.1), but
 * knows its round trip time.  -1 if there is no memory.
 */
int
tcp_wake(struct slirp *s, struct tcpcb *t)
{
	mono_t	 rto = t->rto;

	if (t->x != NULL)
		return (0);
	if ((t->x = zone_alloc(&s->tcp->xfers)) == NULL)
		return (-1);
	tcp_init_xfer(s, t);
	cc_init(t, (enum cc_id)s->conf.tcp.cc, s->conf.tcp.iw, s->now);
	t->rto = rto;
	/* whatever woke it may come to nothing */
	flow_schedule(s, &t->f, s->now + TCP_DOZE_NEW);
	return (0);
}

/*
 * When it may go quiet, 0 if it is busy.  What has never sent data has
 * nothing to forget.
 */
mono_t
tcp_doze_at(const struct slirp *s, const struct tcpcb *t)
{
	const struct tcp_xfer	*x = t->x;
	mono_t			 last;

	if ((t->state != TCPS_ESTABLISHED && t->state != TCPS_CLOSE_WAIT &&
	    t->state != TCPS_FIN_WAIT_2) || t->dialing || x->seg_n > 0 ||
	    t->f.readable || (t->rq != NULL && !tcp_queue_empty(t)) ||
	    t->dirty || t->ack_now ||
	    t->rst_after || x->t_rexmt != 0 || x->t_persist != 0 ||
	    x->t_delack != 0 || x->t_pace != 0 || x->t_reo != 0 ||
	    x->t_tlp != 0 || x->t_rate != 0)
		return (0);
	last = t->last_rx > x->last_tx ? t->last_rx : x->last_tx;
	return (last + (x->delivered > 0 || s->tcp->doze < TCP_DOZE_NEW ?
	    s->tcp->doze : TCP_DOZE_NEW));
}

void
tcp_doze(struct slirp *s, struct tcpcb *t)
{
	/* of what was measured since it was quiet last */
	if (t->x->delivered > 0)
		tcp_path_learn(s, t);
	if (t->ccops->end != NULL)
		t->ccops->end(t);
	tcp_free_segs(s, t);
	tcp_queue_free(s, t);
	zone_free(&s->tcp->xfers, t->x);
	t->x = NULL;
	t->recovery = 0;
	t->dupacks = 0;
	t->undo = t->dsack_seen = t->tlp_out = t->tlp_rexmit = 0;
	t->rexmit_now = t->cwnd_limited = 0;
}

/* Have the flow's timer fire at the earliest of its deadlines. */
void
tcp_arm(struct slirp *s, struct tcpcb *t)
{
	const struct tcp_xfer	*x = t->x;
	const mono_t		 all[] = { t->t_keep, x->t_rexmt,
				    x->t_persist, x->t_delack, x->t_pace,
				    x->t_reo, x->t_tlp, x->t_rate,
				    tcp_doze_at(s, t) };
	mono_t			 next = 0;
	size_t			 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != 0 && (next == 0 || all[i] < next))
			next = all[i];
	flow_schedule(s, &t->f, next);
}
