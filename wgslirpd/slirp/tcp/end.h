/* SPDX-License-Identifier: ISC */

#ifndef END_H
#define END_H

#include "tcpcb.h"

void		 tcp_free(struct slirp *, struct tcpcb *, int);
void		 tcp_done(struct slirp *, struct tcpcb *);
void		 tcp_bereave(struct slirp *, struct tcpcb *);
void		 tcp_give_up(struct slirp *, struct tcpcb *);
void		 tcp_abort(struct slirp *, struct tcpcb *);

#endif
