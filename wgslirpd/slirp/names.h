/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_RESOLVER_H
#define SLIRP_RESOLVER_H

#include "net/slirp.h"

/*
 * The forwarder behind the gateway's own address.  resolver_stage_*()
 * collect what a new configuration says, resolver_commit() puts it in
 * force; on 0 nothing is answered.
 */
int	 resolver_stage_upstream(const struct upstream *);
int	 resolver_stage_name(const struct name_msg *);
void	 resolver_commit(struct slirp *, int, const char *);
int	 resolver_tcp(int, struct slirp_peer *);
int	 resolver_local(const char *, struct ipaddr *, int);

#endif
