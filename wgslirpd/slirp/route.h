/* SPDX-License-Identifier: ISC */

#ifndef ROUTE_H
#define ROUTE_H

#include "msg.h"
#include "net/peer.h"

/*
 * Which peer has an address in the tunnel, only the crypto engine knows.
 */

/* fn sends a question there; -1 if it cannot. */
void	 route_init(struct slirp *, int (*)(const struct route_msg *));

/* What somebody wants to know: the peer that has an address, or NULL. */
typedef void	 route_fn(void *, struct slirp_peer *);

/*
 * Find out who has the address; fn is called later.  -1 if there are too
 * many questions, and then it is not.
 */
int	 route_ask(const struct ipaddr *, route_fn *, void *);

/* The crypto engine's answer. */
void	 route_answer(const struct route_msg *);

#endif
