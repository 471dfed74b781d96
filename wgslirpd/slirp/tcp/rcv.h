/* SPDX-License-Identifier: ISC */

#ifndef RCV_H
#define RCV_H

#include "parse.h"
#include "tcpcb.h"

int		 rcv_init(struct slirp *);
void		 tcp_receive(struct slirp *, struct tcpcb *,
		    const struct tcp_in *);
void		 tcp_flush(struct slirp *, struct tcpcb *);
void		 tcp_flush_later(struct slirp *, struct tcpcb *);
ssize_t		 tcp_take(struct slirp *, struct tcpcb *,
		    const struct iovec *, int);
void		 tcp_batch_end(struct slirp *);

#endif
