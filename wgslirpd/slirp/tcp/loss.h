/* SPDX-License-Identifier: ISC */

#ifndef LOSS_H
#define LOSS_H

#include "parse.h"
#include "tcpcb.h"

int		 tcp_acked(struct slirp *, struct tcpcb *,
		    const struct tcp_in *);
void		 tcp_reo_timeout(struct slirp *, struct tcpcb *);
void		 tcp_tlp_timeout(struct slirp *, struct tcpcb *);
void		 tcp_shrink(struct slirp *, struct tcpcb *, uint16_t);
void		 tcp_rexmt_timeout(struct slirp *, struct tcpcb *);

#endif
