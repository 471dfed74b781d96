/* SPDX-License-Identifier: ISC */

#ifndef DIAL_H
#define DIAL_H

#include <stdint.h>

#include "peer.h"

/*
 * Connect a client of the host, on the connected socket fd, to a service
 * in the tunnel.  via says who made it, for struct client_ops.  The socket
 * is the flow's then; on failure (-1) it stays the caller's.
 */
int	 tcp_dial(struct slirp *, struct slirp_peer *, const struct ipaddr *,
	    uint16_t, enum flow_via, int);

#endif
