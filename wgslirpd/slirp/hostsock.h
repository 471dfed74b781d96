/* SPDX-License-Identifier: ISC */

#ifndef HOSTSOCK_H
#define HOSTSOCK_H

#include <stdint.h>

#include "hostfd.h"

/*
 * The real host sockets: hostsock.c, and hostfd below.
 */
extern const struct host_ops	 hostsock_ops;

/* Events are delivered to this engine.  -1 if they cannot be. */
int	 hostsock_init(struct slirp *, hostfd_event_fn *);

/* Buffers of TCP sockets that are opened from now on; 0: the system's. */
void	 hostsock_options(const struct conf_tcp *);

/* May the kernel cut trains of datagrams, and join those that come? */
void	 hostsock_offload(int);

/*
 * Do mappings have the ports that guests send from, if these are free?  Not
 * those from low to high, which are given out.
 */
void	 hostsock_keep_ports(int, uint16_t, uint16_t);

/* Can ping sockets of this family (4 or 6) be had? */
int	 hostsock_probe_icmp(int);

#endif
