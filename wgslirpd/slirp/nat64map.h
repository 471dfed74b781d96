/* SPDX-License-Identifier: ISC */

#ifndef NAT64MAP_H
#define NAT64MAP_H

#include "addr.h"
#include "net/host.h"

/*
 * IPv4 addresses within a translator's prefix (RFC 6052 2.2).
 *
 * nat64map_to:		the address of an IPv4 host there
 * nat64map_from:	and back; -1: it is none of the prefix
 * nat64map_error:	an error about IPv6, for who has sent IPv4 (RFC 7915)
 * nat64map_find:	the prefix by which a well-known host has this address
 *			(RFC 7050); -1: it is none of those
 */
void	 nat64map_to(const struct ipprefix *, struct ipaddr *,
	    const struct ipaddr *);
int	 nat64map_from(const struct ipprefix *, struct ipaddr *,
	    const struct ipaddr *);
void	 nat64map_error(const struct ipprefix *, struct host_error *);
int	 nat64map_find(const struct ipaddr *, struct ipprefix *);

#endif
