/* SPDX-License-Identifier: ISC */

#ifndef FAR_H
#define FAR_H

#include "conf.h"
#include "listener.h"
#include "proc.h"
#include "route.h"

/*
 * Guests of another worker.  The first one has all that listens on the host;
 * a client's connection goes to the worker of the guest who is meant, and so do
 * a client's datagrams, whose answers come back.
 */
struct far_ops {
	/* a client's connection, by that way, comes to nothing */
	void	 (*refuse)(int, enum flow_via);
	/* a client's datagram for a guest: there is room before it for UDP */
	void	 (*deliver)(struct fwd_listener *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    uint16_t, uint8_t *, size_t);
	/* is this a client of the listener; one gets an answer; flows end */
	int	 (*is_client)(const struct fwd_listener *,
		    const struct ipaddr *, uint16_t);
	void	 (*reply)(struct forward_flow *, const uint8_t *, size_t);
	void	 (*end)(struct fwd_listener *);
};
void	 far_init(struct slirp *, const struct far_ops *);

/* The parent's message: the end of a socket to another worker. */
void	 far_link(struct imsg *);

/* From now on take what comes by them. */
void	 far_start(void);

/* A connection to that guest's address and port; -1: it cannot be passed. */
int	 far_connection(const struct routed *, const struct ipaddr *,
	    uint16_t, enum flow_via, int);

/* A datagram of a client of the listener; data is as long as it says. */
void	 far_datagram(struct fwd_listener *, const struct routed *,
	    const struct ipaddr *, uint16_t, const struct ipaddr *, uint16_t,
	    const uint8_t *, size_t);

/* Another listener has taken the place of the old one; or it is gone. */
void	 far_take_over(struct fwd_listener *, struct fwd_listener *);
void	 far_gone(struct fwd_listener *);

#endif
