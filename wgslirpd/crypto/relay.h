/* SPDX-License-Identifier: ISC */

#ifndef RELAY_H
#define RELAY_H

#include "wg/peer.h"

/*
 * relay_link:		this is the link to the derp engine (link.h)
 * relay_listen:		from now on take what comes by it
 * relay_other_way:	a peer does not answer where it is: try the other of the
 *			two ways that its configuration knows
 */
void	 relay_link(int);
void	 relay_listen(void);
void	 relay_other_way(struct wg_peer *);

#endif
