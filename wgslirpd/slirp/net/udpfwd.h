/* SPDX-License-Identifier: ISC */

#ifndef UDPFWD_H
#define UDPFWD_H

#include <sys/types.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "flow.h"
#include "packet.h"
#include "peer.h"

struct fwd_listener;

/*
 * UDP between a client of the host and a service in the tunnel: src is the
 * service, dst the gateway's address and port there.
 */
struct forward_flow {
	struct flow		 f;
	RB_ENTRY(forward_flow)	 entry;		/* the listener's */
	struct fwd_listener	*listener;
	struct ipaddr		 client;
	uint16_t		 cport;
};

void		 udp_forward_register(struct slirp *);
int		 udp_forward_input(struct slirp *, const struct ippkt *,
		    uint16_t, uint16_t, const uint8_t *, size_t);
struct forward_flow	*udp_forward_open(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, enum flow_via);
void		 udp_forward_send(struct slirp *, struct forward_flow *,
		    uint8_t *, size_t);

#endif
