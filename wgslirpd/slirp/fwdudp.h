/* SPDX-License-Identifier: ISC */

#ifndef FWDUDP_H
#define FWDUDP_H

#include "listener.h"

void	 fwdudp_init(struct slirp *);

/* A listener of datagrams: of a forward, and parts of one of the proxy. */
extern const struct listener_ops	 fwdudp_ops;
void		 fwdudp_readable(struct fwd_listener *);
void		 fwdudp_take_over(struct fwd_listener *,
		    struct fwd_listener *);
void		 fwdudp_gone(struct fwd_listener *);

/*
 * For other workers' guests: a client's datagram for one that is here, with
 * room for a UDP header before it; whether somebody can be a client; and the
 * end of its flows.
 */
void		 fwdudp_deliver(struct fwd_listener *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    uint16_t, uint8_t *, size_t);
int		 fwdudp_is_client(const struct fwd_listener *,
		    const struct ipaddr *, uint16_t);
void		 fwdudp_end(struct fwd_listener *);

/* For struct client_ops: a datagram for a client, and the end of its flow. */
void		 fwdudp_reply(struct forward_flow *, const uint8_t *, size_t);
void		 fwdudp_forget(struct forward_flow *);

#endif
