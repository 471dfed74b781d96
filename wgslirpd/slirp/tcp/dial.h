/* SPDX-License-Identifier: ISC */

#ifndef DIAL_H
#define DIAL_H

#include <stdint.h>

#include "peer.h"

struct tcpcb;

/*
 * Connect a client of the host, on the connected socket fd, to a service
 * in the tunnel.  via says who made it, for struct client_ops; with VIA_ASK fd
 * is -1, and the other end is in this process: memstream_kept().  The socket
 * is the flow's then; on failure (-1) it stays the caller's.
 */
int	 tcp_dial(struct slirp *, struct slirp_peer *, const struct ipaddr *,
	    uint16_t, enum flow_via, int);

/*
 * The same on behalf of somebody outside, with his own address and port as the
 * guest sees them; if the gateway cannot speak for him, with its own.
 */
int	 tcp_dial_from(struct slirp *, struct slirp_peer *,
	    const struct ipaddr *, uint16_t, const struct ipaddr *, uint16_t,
	    int);

/*
 * The half behind its uplink of a guest's flow, to the same destination; NULL
 * if there is no room.
 */
struct tcpcb	*tcp_dial_uplink(struct slirp *, struct flow *);

#endif
