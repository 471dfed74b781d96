/* SPDX-License-Identifier: ISC */

#ifndef QUEUES_H
#define QUEUES_H

#include <stdint.h>

#include "pktq.h"
#include "slirp/net/host.h"

/*
 * What simulators of the slirp engine share: its queues, and what no host
 * socket of theirs does.
 */

void		 open_queues(uint32_t, struct pktq *, struct pktq *,
		    struct pktq *, struct pktq *);
int		 no_socket(void *, struct flow *);
int		 no_error(void *, struct flow *);
int		 no_errqueue(void *, struct flow *, struct host_error *);

#endif
