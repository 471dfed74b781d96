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

/* Give back everything; reset: the host sees a reset. */
void
tcp_free(struct slirp *s, struct tcpcb *t, int reset)
{
	tcp_path_learn(s, t);
	s->host->close(s->harg, &t->f, reset);
	if (tcp_half_open(&t->f)) {
		if (t->f.via == VIA_GUEST)
			t->f.peer->nconnecting--;
		else
			t->f.peer->ndialing--;
		s->count.tcp_connecting--;
	}
	if (t->dirty)
		TAILQ_REMOVE(&s->tcp->dirty, t, x->dirty_entry);
	tcp_free_segs(s, t);
	tcp_queue_free(s, t);
	flow_remove(s, &t->f);
	s->count.tcp_active--;
	zone_free(&s->tcp->xfers, t->x);
	free(t);
}

/* Both directions have ended and everything is acknowledged. */
void
tcp_done(struct slirp *s, struct tcpcb *t)
{
	/* who closed first has to remember it */
	if (t->state != TCPS_LAST_ACK)
		tw_add(s, t);
	tcp_free(s, t, 0);
}

/* End the connection with a reset to both sides. */
void
tcp_abort(struct slirp *s, struct tcpcb *t)
{
	if (t->state != TCPS_CONNECTING && t->state != TCPS_SYN_SENT &&
	    tcp_wake(s, t) == 0)
		tcp_send_rst(s, t);
	tcp_free(s, t, 1);
}
