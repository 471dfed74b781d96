/* SPDX-License-Identifier: ISC */

#ifndef UDP_H
#define UDP_H

#include "slirp.h"

struct way;

/* Have the engine take UDP.  -1 if there is no memory. */
int	 udp_register(struct slirp *);

/*
 * The guest's port is that of a socket, which is bound, as long as the flow is
 * there, and everybody may send to it.  NULL if there is no room; then the
 * socket stays the caller's.
 */
struct flow	*udp_pin(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct way *, int);

#endif
