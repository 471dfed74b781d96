/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_HOST_H
#define SLIRP_HOST_H

#include "net/slirp.h"

/* The real host sockets. */
extern const struct host_ops	 slirp_host_ops;

void	 slirp_host_buffers(uint32_t, uint32_t);
void	 slirp_host_offload(int);
int	 slirp_host_init(struct slirp *);
int	 slirp_host_probe_icmp(int);

#endif
