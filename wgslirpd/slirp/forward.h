/* SPDX-License-Identifier: ISC */

#ifndef FORWARD_H
#define FORWARD_H

#include "listener.h"

void	 forward_init(struct slirp *);

int		 forward_accept(struct fwd_listener *, struct ipaddr *);

/* Close a client's connection so that it sees a reset. */
void		 forward_refuse(int);

/* A listener whose connections go to one service in the tunnel. */
extern const struct listener_ops	 forward_tcp_ops;

#endif
