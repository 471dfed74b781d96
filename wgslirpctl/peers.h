/* SPDX-License-Identifier: ISC */

#ifndef PEERS_H
#define PEERS_H

#include "ctl.h"
#include "output.h"

/*
 * The answer to "show peers": peers, each followed by its allowed IPs, and how
 * many flows each of them has.  Workers tell of theirs one after the other, and
 * they are shown in the order of the configuration.
 */
void	 peers_peer(const struct ctl_peer *);
void	 peers_aip(const struct ipprefix *);
void	 peers_flows(const struct ctl_peerflows *);

/* Show all that came, once. */
void	 peers_show(const struct output *);

/*
 * The array p, of cap elements, with room for one more than n: grown by
 * doubling, or exit.
 */
void	*grow(void *, size_t, size_t *, size_t);

#endif
