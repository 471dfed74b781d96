/* SPDX-License-Identifier: ISC */

#ifndef ROUTE_H
#define ROUTE_H

#include "msg.h"
#include "net/peer.h"
#include "proc.h"

/*
 * Which peer has an address in the tunnel, only the crypto engine knows.
 */

/* fn sends a question there; -1 if it cannot. */
void	 route_init(struct slirp *, int (*)(const struct route_msg *));

/* The peer that has an address, or NULL; it may be another worker's. */
struct routed {
	struct slirp_peer	*p;
	uint32_t		 id;		/* ROUTE_NOBODY: nobody has it */
	uint32_t		 worker;	/* this one, if p is not NULL */
};

/* What somebody wants to know. */
typedef void	 route_fn(void *, const struct routed *);

/* Has one of another worker the address? */
static inline int
route_is_far(const struct routed *r)
{
	return (r->p == NULL && r->id != ROUTE_NOBODY &&
	    r->worker != proc_worker());
}

/*
 * Find out who has the address; fn is called later.  -1 if there are too
 * many questions, and then it is not.
 */
int	 route_ask(const struct ipaddr *, route_fn *, void *);

/* The crypto engine's answer. */
void	 route_answer(const struct route_msg *);

#endif
