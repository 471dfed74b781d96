/* SPDX-License-Identifier: ISC */

#ifndef TCB_H
#define TCB_H

#include "tcpcb.h"

void		 tcp_path_learn(struct slirp *, const struct tcpcb *);
int		 tcp_half_open(const struct flow *);
void		 tcp_init_xfer(const struct slirp *, struct tcpcb *);
int		 tcp_wake(struct slirp *, struct tcpcb *);
mono_t		 tcp_doze_at(const struct slirp *, const struct tcpcb *);
void		 tcp_doze(struct slirp *, struct tcpcb *);
void		 tcp_arm(struct slirp *, struct tcpcb *);

#endif
