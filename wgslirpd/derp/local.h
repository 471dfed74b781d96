/* SPDX-License-Identifier: ISC */

#ifndef LOCAL_H
#define LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "proc.h"

/*
 * UDP ports of this host, behind each of which is a key at the relays: for
 * WireGuard clients that know of no relay.
 *
 * local_stage:		a port, or a prefix that may use the last one
 * local_admit:		tell the relays whose datagrams are for clients
 * local_commit:	the ports that were staged take the place of the others
 * local_input:		a datagram from a key; 0: it is for no port here
 * local_flush:		a batch of them is over
 */
void	 local_stage(struct imsg *);
void	 local_admit(void);
void	 local_commit(void);
int	 local_input(const uint8_t [KEY_LEN], const uint8_t *, size_t);
void	 local_flush(void);

#endif
