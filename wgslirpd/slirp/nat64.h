/* SPDX-License-Identifier: ISC */

#ifndef NAT64_H
#define NAT64_H

#include "conf.h"
#include "net/host.h"
#include "net/slirp.h"

/*
 * IPv4 from a host that has IPv6 alone: guests' flows go to a translator in its
 * network (RFC 6146), which has a prefix for all IPv4 addresses (RFC 6052).
 *
 * nat64_commit:	as the configuration says; the prefix may have to be
 *			found (RFC 7050)
 * nat64_on:		do flows of IPv4 go that way?
 * nat64_closed:	may guests not go to this address of it?
 * nat64_to:		the address of an IPv4 host there
 * nat64_from:		and back; -1: it is none of the translator's
 * nat64_error:		an error about IPv6, for a guest that has sent IPv4
 */
void	 nat64_commit(struct slirp *, const struct conf_global *);
int	 nat64_closed(const struct ipaddr *);
int	 nat64_on(void);
void	 nat64_to(struct ipaddr *, const struct ipaddr *);
int	 nat64_from(struct ipaddr *, const struct ipaddr *);
void	 nat64_error(struct host_error *);

#endif
