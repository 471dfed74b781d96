/* SPDX-License-Identifier: ISC */

#ifndef CRYPTO_ACROSS_H
#define CRYPTO_ACROSS_H

#include "proc.h"
#include "wg/peer.h"

/*
 * Peers that live with another worker.  Every crypto engine knows all of them
 * by key and address, and one has their sessions: to that one go the datagrams
 * that are for them, and what peers of this one send them.  No engine takes
 * another's word for anything: a datagram is looked at as if the network had
 * brought it, and a packet has to come from a peer who lives where it is from.
 */

/* The parent's message: the end of a socket to another worker. */
void	 across_link(struct imsg *);

/* From now on take what comes by them. */
void	 across_start(void);

/* What waits goes now. */
void	 across_flush(void);

/* Operations of struct wg_ops. */
void	 across_hand(void *, uint32_t, const uint8_t *, size_t,
	    const struct wg_endpoint *, int);
void	 across_send(void *, uint32_t, const uint8_t *, size_t);

/* What a crypto engine says: who is where (IMSG_HERE, IMSG_AWAY). */
void	 across_input(struct imsgev *, struct imsg *);

#endif
