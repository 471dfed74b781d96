/* SPDX-License-Identifier: ISC */

#ifndef LINKIO_H
#define LINKIO_H

#include <sys/types.h>

#include "link.h"

/*
 * The two ends of the link between the crypto and the derp engine.
 *
 * link_send:	a train of so many bytes; -1: there is no room, or no link
 * link_recv:	one that came, its length; 0: there is none now, -1: the other
 *		side is gone.  A malformed one ends this process.
 */
int	 link_send(int, struct link_hdr *, uint8_t *, size_t);
ssize_t	 link_recv(int, struct link_hdr *, uint8_t [LINK_DATA_MAX]);

#endif
