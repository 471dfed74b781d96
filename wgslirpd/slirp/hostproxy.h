/* SPDX-License-Identifier: ISC */

#ifndef HOSTPROXY_H
#define HOSTPROXY_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdint.h>

#include "net/egress.h"
#include "net/host.h"

/*
 * Flows of the host layer that leave through a SOCKS5 proxy.
 */
void	 hostproxy_init(struct slirp *);

/* The way of a flow that is being opened, if it is through one, or NULL. */
struct way	*hostproxy_of(const struct flow *);
int	 hostproxy_tcp_open(struct flow *, struct way *);
int	 hostproxy_udp_open(struct flow *, struct way *);

/* The connection to it is up: does it lead further by now? */
int	 hostproxy_connected(struct flow *);

/* What became of a connection through it, of which the socket says this. */
int	 hostproxy_error(struct flow *, int);

/* As in struct host_ops, of mappings. */
int	 hostproxy_lost(struct flow *, struct host_error *);
ssize_t	 hostproxy_sendto(struct flow *, const struct ipaddr *, uint16_t,
	    const struct iovec *, int, const struct dgram_opts *);
ssize_t	 hostproxy_recvfrom(struct flow *, const struct iovec *, int,
	    struct ipaddr *, uint16_t *);
void	 hostproxy_free(struct flow *);

#endif
