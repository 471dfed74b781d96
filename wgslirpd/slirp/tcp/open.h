/* SPDX-License-Identifier: ISC */

#ifndef OPEN_H
#define OPEN_H

#include "dial.h"
#include "parse.h"
#include "tcpcb.h"

void		 tcp_open(struct slirp *, const struct tcp_in *,
		    const struct flow_key *);
void		 tcp_dial_failed(struct slirp *, struct tcpcb *, int);
int		 tcp_syn_timeout(struct slirp *, struct tcpcb *);
void		 tcp_established(struct slirp *, struct tcpcb *,
		    const struct tcp_in *);
void		 tcp_syn_sent(struct slirp *, struct tcpcb *, struct tcp_in *);
void		 tcp_answer_syn(struct slirp *, struct tcpcb *);
void		 tcp_connect_event(struct slirp *, struct tcpcb *, int);

#endif
