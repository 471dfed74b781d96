/* SPDX-License-Identifier: ISC */

/*
 * How connections end.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>

#include "end.h"
#include "rcvq.h"
#include "segment.h"
#include "sendq.h"
#include "table.h"
#include "tcb.h"
#include "timewait.h"
#include "turns.h"

/* Give back everything; reset: the host sees a reset. */
void
tcp_free(struct slirp *s, struct tcpcb *t, int reset)
{
	tcp_path_learn(s, t);
	host_of(s, &t->f)->close(host_arg(s, &t->f), &t->f, reset);
	if (tcp_half_open(&t->f)) {
		uint32_t	*nopen = tcp_nopen(t->f.peer,
				    (enum flow_via)t->f.via);

		if (nopen != NULL)
			(*nopen)--;
		s->count.tcp_connecting--;
	}
	if (t->dirty)
		TAILQ_REMOVE(&s->tcp->dirty, t, x->dirty_entry);
	if (t->x != NULL && t->ccops != NULL && t->ccops->end != NULL)
		t->ccops->end(t);
	tcp_free_segs(s, t);
	tcp_queue_free(s, t);
	flow_remove(s, &t->f);
	s->count.tcp_active--;
	tcp_path_free(t);
	zone_free(&s->tcp->xfers, t->x);
	free(t);
}

/*
 * The guest is gone, or has heard of the end: nothing goes to it any more.
 * What it was told has arrived still goes to the host, and then the end of it,
 * in order: a reset would take away what the host's kernel, or this process,
 * has not passed on yet.
 */
static void
orphan(struct slirp *s, struct tcpcb *t)
{
	struct tcp_xfer	*x = t->x;

	tcp_free_segs(s, t);
	x->sacked = x->lost = 0;
	t->snd_una = t->snd_nxt;
	x->t_rexmt = x->t_persist = x->t_delack = x->t_pace = 0;
	x->t_reo = x->t_tlp = 0;
	t->recovery = TCPR_NONE;
	t->ack_now = t->rst_after = 0;
	t->state = TCPS_ORPHAN;
	t->progress = s->now;
	/* a host that is still being connected has its own time */
	if (!t->dialing)
		t->t_keep = s->now + (t->fin_done ? TCP_ORPHAN_TIME :
		    TCP_ORPHAN_MAX);
	if (t->ccops->end != NULL)
		t->ccops->end(t);
	x->unread = 0;
	s->count.tcp_orphans++;
	if (t->f.readable)
		turns_ready(s, &t->f);
	tcp_arm(s, t);
}

/*
 * There is no guest any more to answer: it was reset, or the other way round.
 * May end the flow.
 */
void
tcp_bereave(struct slirp *s, struct tcpcb *t)
{
	if (t->state == TCPS_ORPHAN)
		return;
	if (!t->fin_in || t->host_dead || t->x == NULL ||
	    (t->host_eof && t->fin_done))
		tcp_free(s, t, !t->fin_in || t->host_dead);
	else
		orphan(s, t);
}

/*
 * Both directions have ended, and the guest has and knows everything; the
 * host may not have all yet.  May end the flow.
 */
void
tcp_done(struct slirp *s, struct tcpcb *t)
{
	/* who closed first has to remember it */
	if (t->state != TCPS_LAST_ACK)
		tw_add(s, t);
	if (t->fin_done)
		tcp_free(s, t, 0);
	else
		orphan(s, t);
}

/*
 * The guest does not answer: as tcp_abort(), and it is told again when it is
 * back.
 */
void
tcp_give_up(struct slirp *s, struct tcpcb *t)
{
	s->count.tcp_timeouts++;
	if (t->state >= TCPS_ESTABLISHED && t->state != TCPS_ORPHAN)
		tw_bury(s, t);
	tcp_abort(s, t);
}

/* End the connection with a reset to the guest, and the host, if it may. */
void
tcp_abort(struct slirp *s, struct tcpcb *t)
{
	if (t->state != TCPS_CONNECTING && t->state != TCPS_SYN_SENT &&
	    tcp_wake(s, t) == 0)
		tcp_send_rst(s, t);
	tcp_bereave(s, t);
}
