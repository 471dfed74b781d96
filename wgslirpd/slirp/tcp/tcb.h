/* SPDX-License-Identifier: ISC */

#ifndef TCB_H
#define TCB_H

#include "tcpcb.h"

/* Who counts connections of a peer that are half open; NULL: nobody. */
static inline uint32_t *
tcp_nopen(struct slirp_peer *p, enum flow_via via)
{
	/* the other half of what a guest has open is counted there */
	return (via == VIA_GUEST ? &p->nconnecting : via == VIA_INSIDE ? NULL :
	    &p->ndialing);
}

void		 tcp_path_free(struct tcpcb *);
void		 tcp_path_learn(struct slirp *, const struct tcpcb *);
int		 tcp_half_open(const struct flow *);
void		 tcp_init_xfer(const struct slirp *, struct tcpcb *);
int		 tcp_wake(struct slirp *, struct tcpcb *);
mono_t		 tcp_doze_at(const struct slirp *, const struct tcpcb *);
void		 tcp_doze(struct slirp *, struct tcpcb *);
void		 tcp_arm(struct slirp *, struct tcpcb *);

#endif
