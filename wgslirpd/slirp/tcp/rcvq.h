/* SPDX-License-Identifier: ISC */

#ifndef RCVQ_H
#define RCVQ_H

#include <sys/uio.h>

#include "tcpcb.h"

#define TCP_RANGES	16		/* out of order, a flow, at first */
#define TCP_RANGES_MAX	512

/*
 * What could not go to the host at once: in-order data that it did not
 * take, and data that came out of order.  A byte sits at its sequence
 * number modulo size.
 */
struct tcp_rcvq {
	uint8_t			*buf;
	uint32_t		 size;		/* power of two */
	int			 nranges;
	int			 recent;	/* range of the last arrival */
	int			 maxranges;
	struct tcp_range	*range;		/* sorted, apart */
};

/* Where the data that has come in order ends. */
static inline uint32_t
tcp_rcv_end(const struct tcpcb *t)
{
	return (t->fin_in && !t->fin_done ? t->rcv_nxt - 1 : t->rcv_nxt);
}

/* Is there a queue with nothing in it? */
static inline int
tcp_queue_empty(const struct tcpcb *t)
{
	return (t->rq != NULL && t->host_nxt == tcp_rcv_end(t) &&
	    t->rq->nranges == 0);
}

int		 tcp_mem_take(struct slirp *, struct tcpcb *, uint64_t);
void		 tcp_mem_give(struct slirp *, struct tcpcb *, uint64_t);
void		 tcp_queue_free(struct slirp *, struct tcpcb *);
void		 tcp_queue_put(struct tcp_rcvq *, uint32_t, const uint8_t *,
		    uint32_t);
void		 tcp_queue_get(const struct tcp_rcvq *, uint32_t, uint8_t *,
		    uint32_t);
int		 tcp_queue_iov(const struct tcp_rcvq *, uint32_t, uint32_t,
		    struct iovec [2]);
int		 tcp_queue_room(struct slirp *, struct tcpcb *, uint32_t);
int		 tcp_range_add(struct slirp *, struct tcpcb *, uint32_t,
		    uint32_t);
void		 tcp_ranges_advance(struct tcpcb *);
uint16_t	 tcp_window(struct tcpcb *);
void		 tcp_note_dup(struct tcpcb *, uint32_t, uint32_t);

#endif
